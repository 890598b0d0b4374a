package intake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
	"gengheng/internal/land"
)

// patch is a patch of the current survey.
type patch struct {
	bsm, tbbh, place string
	tbmj             *land.Area
	area             land.Area
	geom             orb.MultiPolygon
}

// drawn is a parcel as it is declared now.
type drawn struct {
	bsm, tbbh string
	declared  *land.Area
	area      land.Area
	attrs     []byte
	geom      orb.MultiPolygon
}

// placed are the rows of a 申报表 with their boundaries. columns are those of the
// sheet, and after them the attributes that a kept declaration has beside them.
type placed struct {
	columns  []string
	features []geodata.Feature
}

// sqlPatchesNamed: the patches of the survey that rows name, by BSM or by TBBH.
const sqlPatchesNamed = `
SELECT coalesce(bsm, ''), coalesce(tbbh, ''), coalesce(zldwdm, ''), tbmj::text, area_m2::text, ST_AsBinary(geom)
FROM parcel WHERE county_code = $1 AND dataset_id = $2 AND (bsm = ANY ($3) OR tbbh = ANY ($4) AND zldwdm ~ ('^(' || array_to_string($5::text[], '|') || ')'))
ORDER BY fid`

// sqlDrawn: what is declared now under the numbers of the rows, first by who
// declares, then by others for the same township.
const sqlDrawn = `
SELECT c.number, c.base_bsm, coalesce(c.attrs->>'TBBH', ''), c.declared_m2::text, c.area_m2::text, c.attrs, ST_AsBinary(c.geom)
FROM dataset d JOIN candidate c ON c.county_code = d.county_code AND c.dataset_id = d.dataset_id
WHERE d.county_code = $1 AND d.kind = $2 AND d.year = $3 AND d.status = 'committed' AND c.number = ANY ($4)
  AND ($5 = '' OR c.township_code = $5)
  AND NOT EXISTS (SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
                  AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)
ORDER BY (d.scope = $5) DESC, d.commit_seq DESC`

// place gives every row its boundary: the one that is declared under its number,
// where the row says nothing else, or a whole patch of the survey; or an issue.
func (l *load) place(ctx context.Context, tx pgx.Tx, base uuid.UUID, t *declarationTable) (placed, error) {
	out := placed{columns: t.columns}
	now, err := l.declaredNow(ctx, tx, t)
	if err != nil {
		return out, err
	}
	find, err := l.patchesOf(ctx, tx, base, t)
	if err != nil {
		return out, err
	}
	kept := make([]map[string]any, len(t.list))
	n := 0
	for i, d := range t.list {
		f := geodata.Feature{Row: d.row, Values: t.rows[i].values(len(t.columns))}
		if was := now[d.text[fields.SBBH]]; was != nil && was.same(d) {
			f.Geom, kept[i] = was.geom, attributesOf(was.attrs)
			n++
		} else {
			l.takePatch(d, find, &f)
		}
		out.features = append(out.features, f)
	}
	if n > 0 {
		l.report.addf(Issue{Severity: survey.Notice, Code: IssueBoundaryKept},
			"%d 行的编号、图斑和面积与现行申报相同，沿用其边界。要改边界，请上传图形。",
			"%d rows have number, patch and area of the declaration in force, whose boundaries were kept; upload boundaries to change them.", n)
	}
	out.addAttributes(t, kept)
	return out, nil
}

// addAttributes adds the attributes of kept declarations for which the sheet has
// no column.
func (p *placed) addAttributes(t *declarationTable, kept []map[string]any) {
	keys := map[string]bool{}
	for _, attrs := range kept {
		for k := range attrs {
			keys[k] = true
		}
	}
	for i, f := range fields.Declaration {
		if t.binding.Column[i] >= 0 {
			delete(keys, f.Name)
		}
	}
	p.columns = slices.Clone(t.columns)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		p.columns = append(p.columns, key)
		for i := range p.features {
			p.features[i].Values = append(p.features[i].Values, kept[i][key])
		}
	}
}

// same tells whether a row declares the parcel that is declared now: the area is
// its own, and no other patch is named.
func (w *drawn) same(d *declaration) bool {
	bsm, tbbh := d.text[fields.DeclaredBSM], d.text[fields.DeclaredTBBH]
	if !d.area.Valid || bsm != "" && bsm != w.bsm || tbbh != "" && tbbh != w.tbbh {
		return false
	}
	return nearArea(d.area, w.area) || w.declared != nil && nearArea(d.area, *w.declared)
}

// attributesOf reads a candidate's attributes as a file's values.
func attributesOf(raw []byte) map[string]any {
	var attrs map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&attrs); err != nil {
		return nil
	}
	for k, v := range attrs {
		n, ok := v.(json.Number)
		if !ok {
			continue
		}
		if whole, err := n.Int64(); err == nil {
			attrs[k] = whole
		} else if f, err := n.Float64(); err == nil {
			attrs[k] = f
		}
	}
	return attrs
}

func (l *load) declaredNow(ctx context.Context, tx pgx.Tx, t *declarationTable) (map[string]*drawn, error) {
	var numbers []string
	for _, d := range t.list {
		numbers = append(numbers, d.text[fields.SBBH])
	}
	rows, err := tx.Query(ctx, sqlDrawn, l.req.County, string(l.req.Kind), l.req.Year, numbers, l.req.Scope)
	if err != nil {
		return nil, fmt.Errorf("look for the boundaries declared now: %w", err)
	}
	found := map[string]*drawn{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var number string
		var raw []byte
		w := &drawn{}
		err := row.Scan(&number, &w.bsm, &w.tbbh, &w.declared, &w.area, &w.attrs, &raw)
		if err != nil || found[number] != nil {
			return struct{}{}, err
		}
		found[number] = w
		w.geom, err = decodeMultiPolygon(raw)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the boundaries declared now: %w", err)
	}
	return found, nil
}

// placeOf is where a row's patch numbers count: its village or township.
func (l *load) placeOf(d *declaration) string { return cmp.Or(d.text[fields.XZDM], l.req.Scope) }

// patchesOf reads the patches that the rows name, all at once.
func (l *load) patchesOf(ctx context.Context, tx pgx.Tx, base uuid.UUID, t *declarationTable) (func(*declaration) []*patch, error) {
	bsms, tbbhs, places := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, d := range t.list {
		bsm, tbbh, place := d.text[fields.DeclaredBSM], d.text[fields.DeclaredTBBH], l.placeOf(d)
		if bsm != "" {
			bsms[bsm] = true
		} else if tbbh != "" && isDigits(place) {
			tbbhs[tbbh], places[place] = true, true
		}
	}
	rows, err := tx.Query(ctx, sqlPatchesNamed, l.req.County, base, slices.Collect(maps.Keys(bsms)), slices.Collect(maps.Keys(tbbhs)), slices.Collect(maps.Keys(places)))
	if err != nil {
		return nil, fmt.Errorf("look for the patches: %w", err)
	}
	byBSM, byTBBH := map[string][]*patch{}, map[string][]*patch{}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var raw []byte
		p := &patch{}
		err := row.Scan(&p.bsm, &p.tbbh, &p.place, &p.tbmj, &p.area, &raw)
		if err == nil {
			p.geom, err = decodeMultiPolygon(raw)
		}
		byBSM[p.bsm], byTBBH[p.tbbh] = append(byBSM[p.bsm], p), append(byTBBH[p.tbbh], p)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the patches: %w", err)
	}
	return func(d *declaration) []*patch {
		if bsm := d.text[fields.DeclaredBSM]; bsm != "" {
			return byBSM[bsm]
		}
		var list []*patch
		for _, p := range byTBBH[d.text[fields.DeclaredTBBH]] {
			if strings.HasPrefix(p.place, l.placeOf(d)) {
				list = append(list, p)
			}
		}
		return list
	}, nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// takePatch gives a declared row the geometry of its patch, or an issue that
// names the column.
func (l *load) takePatch(d *declaration, find func(*declaration) []*patch, f *geodata.Feature) {
	bsm, tbbh, place := d.text[fields.DeclaredBSM], d.text[fields.DeclaredTBBH], l.placeOf(d)
	field := "BSM"
	if bsm == "" && tbbh != "" {
		field = "TBBH"
	}
	fail := func(field, zh, en string, args ...any) {
		f.Issues = append(f.Issues, geodata.Issue{Code: IssueUnmatched, Severity: geodata.SeverityError, Row: d.row, Field: field,
			MessageZH: fmt.Sprintf(zh, args...), MessageEN: fmt.Sprintf(en, args...)})
	}
	if bsm == "" && (tbbh == "" || place == "") {
		fail(field, "没有图形，也没有标识码 BSM（或乡镇代码与图斑编号 TBBH），找不到图斑。请补填或上传图形。",
			"no geometry and no BSM (or township and TBBH), so the patch cannot be found; fill them in or upload a boundary.")
		return
	}
	switch patches := find(d); {
	case len(patches) == 0:
		fail(field, "现行地类图斑中没有这个图斑（BSM “%s”，TBBH “%s”，%s）。请核对。", "the survey has no such patch (BSM %q, TBBH %q, %s); check.", bsm, tbbh, place)
	case len(patches) > 1:
		fail(field, "现行地类图斑中有 %[4]d 个图斑符合（BSM “%[1]s”，TBBH “%[2]s”，%[3]s）。请填标识码 BSM，或把乡镇代码写到村（12 位），或上传图形。",
			"%[4]d patches of the survey match (BSM %[1]q, TBBH %[2]q, %[3]s); give the BSM, or the village's 12 digits as the township, or upload a boundary.", bsm, tbbh, place, len(patches))
	case tbbh != "" && patches[0].tbbh != "" && tbbh != patches[0].tbbh:
		fail("TBBH", "图斑编号 %s 与标识码 %s 的图斑编号 %s 不符。请核对哪一个写错。", "TBBH %s is not that of BSM %s, which is %s; check which one is wrong.", tbbh, bsm, patches[0].tbbh)
	case !wholePatch(d.area, patches[0]):
		fail("SBMJ", "申报面积 %s m² 不是整个图斑的面积 %s m²。只转一部分时请上传图形。", "the declared area %s m² is not the patch's %s m²; upload a boundary for a part.", land.Area(d.area.Units), patches[0].area)
	default:
		f.Geom = patches[0].geom
	}
}

// wholePatch: the declared area is the patch's, by TBMJ or by its geometry, to
// the 0.1 % that a figure in 亩 with two decimals leaves; none means all of it.
func wholePatch(declared survey.Number, p *patch) bool {
	return !declared.Valid || nearArea(declared, p.area) || p.tbmj != nil && nearArea(declared, *p.tbmj)
}

func nearArea(declared survey.Number, a land.Area) bool {
	off, limit := land.Area(declared.Units)-a, max(agree, a/1000)
	return off <= limit && -off <= limit
}
