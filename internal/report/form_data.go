package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/intake/fields"
	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// formRow is a declared parcel on its form.
type formRow struct {
	dataset uuid.UUID
	file    string
	// text is by position in fields.Declaration
	text     []string
	declared *land.Area
	drawn    land.Area
	patch    formPatch
	verdict  *formVerdict
}

// area is what the form declares: what was declared, or what was drawn where
// the declaration left it to the boundary.
func (r *formRow) area() land.Area {
	if r.declared != nil {
		return *r.declared
	}
	return r.drawn
}

// formPatch is the survey's patch under a parcel.
type formPatch struct {
	zzsx, qsxz, qsdw, zldw, slope, refined string
	grade                                  *int
	tbmj                                   *land.Area
}

// formVerdict is what the newest screening said, if it read this declaration.
type formVerdict struct {
	verdict, slope string
	net, paddy     land.Area
	grade          *float64
	findings       []formFinding
}

type formFinding struct {
	Clause  string     `json:"clause"`
	Check   int        `json:"check"`
	Outcome string     `json:"outcome"`
	M2      *land.Area `json:"m2"`
}

// clauses are the checks that found something which counts.
func (v *formVerdict) clauses() string {
	var list []string
	for _, f := range v.findings {
		if f.Outcome != "tolerated" && !slices.Contains(list, f.Clause) {
			list = append(list, f.Clause)
		}
	}
	return strings.Join(list, "、")
}

// checkKey names a check of a rulebook.
type checkKey struct {
	clause string
	number int
}

// conclusion is what the checks that what names (layers, or a test) found: the
// larger of the areas, or that there was nothing; "" where the rulebook has no
// such check, since nobody then looked.
func (v *formVerdict) conclusion(asked map[checkKey]bool) string {
	if len(asked) == 0 {
		return ""
	}
	said, most := "不涉及", land.Area(-1)
	for _, f := range v.findings {
		if !asked[checkKey{f.Clause, f.Check}] {
			continue
		}
		switch {
		case f.Outcome == "hit" && f.M2 != nil && *f.M2 > most:
			said, most = "涉及 "+f.M2.String()+" m²", *f.M2
		case f.Outcome == "hit" && most < 0:
			said, most = "涉及", 0
		case f.Outcome == "missing" && most < 0:
			said = "缺图层，未判断"
		case f.Outcome == "tolerated" && said == "不涉及":
			said = "容差内"
		}
	}
	return said
}

// checksOf are the checks of a direction that a shown column is about.
func checksOf(book *rulebook.Rulebook, direction string, what fields.Shown) map[checkKey]bool {
	kinds, ofLayers := strings.CutPrefix(string(what), fields.LayerPrefix)
	test, ofTest := strings.CutPrefix(string(what), fields.TestPrefix)
	asked := map[checkKey]bool{}
	for _, clause := range book.Clauses {
		if string(clause.Direction) != direction {
			continue
		}
		for _, check := range clause.Checks {
			if check.Severity != rulebook.Score && (ofTest && string(check.Test) == test || ofLayers && slices.Contains(strings.Split(kinds, "+"), check.Layer)) {
				asked[checkKey{clause.ID, check.Number}] = true
			}
		}
	}
	return asked
}

// formData is what a form shows.
type formData struct {
	county, name, township, townshipName string
	synthetic                            bool
	rows                                 []formRow
	// book is that of the screening shown; nil without one
	book *rulebook.Rulebook
}

func readForm(ctx context.Context, tx pgx.Tx, r FormRequest) (formData, error) {
	d := formData{county: r.County, township: r.Township}
	var srid int
	if err := tx.QueryRow(ctx, sqlCounty, r.County).Scan(&d.name, &d.synthetic, &srid); err != nil {
		return d, fmt.Errorf("read the county: %w", err)
	}
	if r.Township != "" {
		err := tx.QueryRow(ctx, sqlFormTownship, r.County, r.Year, r.Township).Scan(&d.townshipName)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return d, fmt.Errorf("read the township: %w", err)
		}
	}
	if r.Blank {
		return d, nil
	}
	rows, err := tx.Query(ctx, sqlFormRows, r.County, "CANDIDATE_"+strings.ToUpper(r.Direction), r.Year, r.Township)
	if err != nil {
		return d, fmt.Errorf("read the declarations: %w", err)
	}
	if d.rows, err = pgx.CollectRows(rows, scanFormRow); err != nil {
		return d, fmt.Errorf("read the declarations: %w", err)
	}
	if err := d.addPatches(ctx, tx, r); err != nil {
		return d, err
	}
	return d, d.addVerdicts(ctx, tx, r)
}

func scanFormRow(row pgx.CollectableRow) (formRow, error) {
	r := formRow{text: make([]string, len(fields.Declaration))}
	var documents map[string]string
	var attrs map[string]any
	t := r.text
	err := row.Scan(&r.dataset, &r.file, &t[fields.SBBH], &t[fields.XZDM], &t[fields.XZMC], &t[fields.CUN], &t[fields.DeclaredBSM],
		&t[fields.DeclaredDLBM], &t[fields.NZDL], &t[fields.YT], &t[fields.HFFS], &t[fields.DeclaredGDLX], &t[fields.ZTLX],
		&documents, &attrs, &r.declared, &r.drawn)
	for _, i := range fields.Documents {
		t[i] = documents[fields.Declaration[i].Name]
	}
	for _, i := range fields.Kept {
		switch v := attrs[fields.Declaration[i].Name].(type) {
		case string:
			t[i] = v
		case float64:
			t[i] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	t[fields.DeclaredDLBM], t[fields.NZDL] = className(t[fields.DeclaredDLBM]), className(t[fields.NZDL])
	if m := t[fields.HFFS]; m == land.RecoverAtOnce || m == land.RecoverByEngineering {
		t[fields.HFFS] = methodName(m)
	}
	return r, err
}

func (d *formData) addPatches(ctx context.Context, tx pgx.Tx, r FormRequest) error {
	var bsms []string
	for i := range d.rows {
		bsms = append(bsms, d.rows[i].text[fields.DeclaredBSM])
	}
	rows, err := tx.Query(ctx, sqlFormPatches, r.County, r.Year, bsms)
	if err != nil {
		return fmt.Errorf("read the survey: %w", err)
	}
	patches := map[string]formPatch{}
	var bsm string
	var p formPatch
	_, err = pgx.ForEachRow(rows, []any{&bsm, &p.zzsx, &p.qsxz, &p.qsdw, &p.zldw, &p.slope, &p.grade, &p.refined, &p.tbmj}, func() error {
		patches[bsm] = p
		p = formPatch{}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the survey: %w", err)
	}
	for i := range d.rows {
		d.rows[i].patch = patches[d.rows[i].text[fields.DeclaredBSM]]
	}
	return nil
}

// addVerdicts takes the newest screening, where it read the very declaration.
func (d *formData) addVerdicts(ctx context.Context, tx pgx.Tx, r FormRequest) error {
	var run uuid.UUID
	var document string
	var read []uuid.UUID
	err := tx.QueryRow(ctx, sqlFormRun, r.County, r.Year).Scan(&run, &document, &read)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the screening: %w", err)
	}
	if d.book, err = rulebook.Parse("rulebook", []byte(document)); err != nil {
		return fmt.Errorf("rulebook of run %s: %w", run, err)
	}
	rows, err := tx.Query(ctx, sqlFormVerdicts, r.County, run, r.Direction, r.Township)
	if err != nil {
		return fmt.Errorf("read the verdicts: %w", err)
	}
	verdicts := map[string]*formVerdict{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var number string
		var findings []byte
		v := &formVerdict{}
		if err := row.Scan(&number, &v.verdict, &v.net, &v.paddy, &v.slope, &v.grade, &findings); err != nil {
			return struct{}{}, err
		}
		verdicts[number] = v
		return struct{}{}, json.Unmarshal(findings, &v.findings)
	})
	if err != nil {
		return fmt.Errorf("read the verdicts: %w", err)
	}
	for i := range d.rows {
		if slices.Contains(read, d.rows[i].dataset) {
			d.rows[i].verdict = verdicts[d.rows[i].text[fields.SBBH]]
		}
	}
	return nil
}
