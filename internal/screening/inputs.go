package screening

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rulebook"
)

// Kinds of datasets that have tables or meanings of their own.
const (
	kindSurvey = "DLTB"
	kindDEM    = "DEM"
	kindRidges = "KCXS"
	kindIn     = "CANDIDATE_IN"
	kindOut    = "CANDIDATE_OUT"
)

// dataset is a version that the run reads.
type dataset struct {
	Kind    string    `json:"kind"`
	Scope   string    `json:"scope"`
	ID      uuid.UUID `json:"dataset_id"`
	Version string    `json:"version"`
	Year    int       `json:"year"`
}

// candidate is a declared parcel.
type candidate struct {
	index     int
	dataset   uuid.UUID
	fid       int32
	direction rulebook.Direction
	number    string
	township  string
	baseDLBM  string
	baseBSM   string
	target    string
	purpose   string
	method    string
	gdlx      string
	actor     string
	documents map[string]string
	// placeholders are what stood for a document and is none.
	placeholders map[string]string
	attrs        map[string]any
	// area is the official area of geom, m2 its additive one.
	area land.Area
	m2   float64
	geom orb.MultiPolygon
	// prepared is geom for the overlay, where it is there already.
	prepared *polygon.Candidate
}

// values gives what a check may ask of a candidate.
func (c *candidate) values(field string) []string {
	switch field {
	case "purpose":
		return []string{c.purpose}
	case "target_dlbm":
		return []string{c.target}
	case "actor":
		return []string{c.actor}
	case "method":
		return []string{c.method}
	case "documents":
		var codes []string
		for code := range c.documents {
			codes = append(codes, code)
		}
		return codes
	}
	return nil
}

func (c *candidate) has(document string) bool { return c.documents[document] != "" }

// readRun reads the run's own row, the county's plane and the rulebook. done is
// true when there is nothing left to do.
func (j *job) readRun(ctx context.Context) (done bool, err error) {
	var (
		status, document, name string
		srid                   int
	)
	err = j.db.Pool.QueryRow(ctx, `
		SELECT r.year, r.status, c.srid, b.document, b.id
		FROM screening_run r JOIN county c USING (county_code) JOIN rulebook b ON b.version = r.rulebook
		WHERE r.county_code = $1 AND r.run_id = $2`, j.county, j.runID).Scan(&j.year, &status, &srid, &document, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, &Refusal{Code: refusedUndefined, TitleZH: "没有筛查任务", TitleEN: "no such run",
			DetailZH: fmt.Sprintf("县 %s 没有筛查任务 %s", j.county, j.runID), DetailEN: fmt.Sprintf("county %s has no screening run %s", j.county, j.runID),
			HintZH: "请新建筛查任务", HintEN: "begin a new screening"}
	}
	if err != nil {
		return false, fmt.Errorf("read the screening run: %w", err)
	}
	if status == "done" {
		return true, nil
	}
	return false, j.take(srid, name, document)
}

// take takes the county's plane and the rulebook.
func (j *job) take(srid int, name, document string) error {
	zone, ok := land.ByEPSG(srid)
	if !ok || zone.Prefixed {
		return fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone without prefix", j.county, srid)
	}
	j.srid, j.zone = srid, zone
	var err error
	j.book, err = rulebook.Parse(name+".yaml", []byte(document))
	if err != nil {
		return &Refusal{Code: refusedRulebook, TitleZH: "规则库无效", TitleEN: "the rulebook of the run is not valid",
			DetailZH: err.Error(), DetailEN: err.Error(), HintZH: "请改正后重新上传规则库", HintEN: "correct the rulebook and upload it again"}
	}
	return nil
}

// readDatasets finds what is current: of every kind and scope the version that
// was committed last; declarations of the run's year, anything else of that
// year or the newest before it.
func (j *job) readDatasets(ctx context.Context) error {
	rows, err := j.db.Pool.Query(ctx, `
		SELECT DISTINCT ON (kind, scope) kind, scope, dataset_id, version, year
		FROM dataset
		WHERE county_code = $1 AND status = 'committed'
		  AND CASE WHEN kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT') THEN year = $2 ELSE year <= $2 END
		ORDER BY kind, scope, year DESC, commit_seq DESC`, j.county, j.year)
	if err != nil {
		return fmt.Errorf("read the datasets: %w", err)
	}
	return j.takeDatasets(rows)
}

func (j *job) takeDatasets(rows pgx.Rows) error {
	var err error
	j.datasets, err = pgx.CollectRows(rows, pgx.RowToStructByPos[dataset])
	if err != nil {
		return fmt.Errorf("read the datasets: %w", err)
	}
	// The order must not depend on the database's collation.
	slices.SortFunc(j.datasets, func(a, b dataset) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scope, b.Scope))
	})
	j.byKind, j.versions = map[string][]dataset{}, map[string]string{}
	for _, d := range j.datasets {
		j.byKind[d.Kind] = append(j.byKind[d.Kind], d)
		if v := j.versions[d.Kind]; v != "" {
			j.versions[d.Kind] = v + "+" + d.Version
		} else {
			j.versions[d.Kind] = d.Version
		}
	}
	return nil
}

// declares tells whether a layer is of declarations, which are their townships'.
func declares(kind string) bool { return strings.HasPrefix(kind, "CANDIDATE_") }

// of lists the datasets of a kind.
func (j *job) of(kind string) []dataset { return j.byKind[kind] }

// version names the datasets of a kind by their content.
func (j *job) version(kind string) string { return j.versions[kind] }

// readCandidates takes the declarations of both directions, in order of
// direction and number.
func (j *job) readCandidates(ctx context.Context) error {
	for _, d := range j.datasets {
		if d.Kind != kindIn && d.Kind != kindOut {
			continue
		}
		declared, err := j.loadDeclared(ctx, d.ID)
		if err != nil {
			return err
		}
		copies := slices.Clone(declared.candidates)
		for i := range copies {
			c := &copies[i]
			if len(c.documents) > 0 {
				c.documents = maps.Clone(c.documents)
				c.dropPlaceholders(j.book)
			}
			j.candidates = append(j.candidates, c)
		}
	}
	if len(j.candidates) == 0 {
		return j.nothingDeclared()
	}
	return j.number()
}

// number puts the candidates in order of direction and number, which must not
// repeat.
func (j *job) number() error {
	slices.SortStableFunc(j.candidates, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.direction, b.direction), cmp.Compare(a.number, b.number))
	})
	for i, c := range j.candidates {
		c.index = i
		if i > 0 && j.candidates[i-1].number == c.number && j.candidates[i-1].direction == c.direction {
			other := j.candidates[i-1].township
			return &Refusal{Code: refusedNumbers, TitleZH: "申报编号重复", TitleEN: "a number is declared twice",
				DetailZH: fmt.Sprintf("申报编号 %s 同时出现在乡镇 %s 与 %s 的申报中", c.number, other, c.township),
				DetailEN: fmt.Sprintf("number %s is declared by townships %s and %s", c.number, other, c.township),
				HintZH:   "请改号后重新上传其中一份", HintEN: "renumber one of them and upload it again"}
		}
	}
	return nil
}

// readRidges reads the county's table of ridge coefficients.
func (j *job) readRidges(ctx context.Context) error {
	j.ridges = land.RidgeTable{}
	for _, d := range j.of(kindRidges) {
		rows, err := j.db.Pool.Query(ctx, `SELECT gdlx, gdpdjb, kcxs::text FROM kcxs WHERE county_code = $1 AND dataset_id = $2`, j.county, d.ID)
		if err != nil {
			return fmt.Errorf("read KCXS: %w", err)
		}
		var gdlx, slope, text string
		_, err = pgx.ForEachRow(rows, []any{&gdlx, &slope, &text}, func() error {
			class, err := land.ParseSlopeClass(slope)
			if err != nil {
				return err
			}
			k, err := land.ParseRidgeCoefficient(text)
			j.ridges[land.RidgeKey{GDLX: gdlx, Slope: class}] = k
			return err
		})
		if err != nil {
			return fmt.Errorf("read KCXS: %w", err)
		}
	}
	return nil
}
