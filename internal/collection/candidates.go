package collection

import (
	"gengheng/internal/intake/fields"
)

// declared are the columns of a candidate by the declaration's standard names.
var declared = map[string]string{
	"SBBH": "number", "XZDM": "township_code", "XZMC": "township_name", "CUN": "village", "BSM": "base_bsm", "DLBM": "base_dlbm",
	"SBMJ": "declared_m2", "NZDL": "target_dlbm", "YT": "purpose", "HFFS": "method", "GDLX": "gdlx", "ZTLX": "actor",
}

// candidateRows are the declared parcels of the versions $2, each with what is
// known of it now: the verdict of the year's newest finished screening, if that
// has read the parcel as it is declared (in an earlier version too: other parcels'
// edits make versions as well), else what was judged when it was edited; and
// where its record stands. Of each version the screening is looked up once, and the
// digest of a parcel, which reads all of its shape, is made only where there is
// something to compare it with (CASE: as a plain condition it was hashed for a join).
const candidateRows = `(WITH d AS MATERIALIZED (
		SELECT d.county_code, d.dataset_id, d.year, r.run_id, r.read
		FROM dataset d LEFT JOIN LATERAL (
			SELECT s.run_id, (SELECT (e->>'dataset_id')::uuid FROM jsonb_array_elements(s.datasets) e
				WHERE e->>'kind' = d.kind AND coalesce(e->>'scope', '') = d.scope LIMIT 1) AS read
			FROM screening_run s WHERE s.county_code = d.county_code AND s.year = d.year AND s.status = 'done'
			ORDER BY s.finished_at DESC, s.run_id LIMIT 1) r ON true
		WHERE d.county_code = $1 AND d.dataset_id = ANY ($2::uuid[]))
	SELECT c.*, d.year, coalesce(v.verdict, j.verdict) AS verdict,
		CASE WHEN v.verdict IS NOT NULL AND d.read = c.dataset_id THEN 'screened' WHEN v.verdict IS NOT NULL THEN 'earlier'
			WHEN j.verdict IS NOT NULL THEN 'edited' ELSE 'pending' END AS screening,
		CASE WHEN v.verdict IS NULL THEN j.usable_m2 ELSE v.usable_m2 END AS usable_m2,
		CASE WHEN v.verdict IS NULL THEN j.net_m2 ELSE v.net_m2 END AS net_m2,
		CASE WHEN v.verdict IS NULL THEN j.net_paddy_m2 ELSE v.net_paddy_m2 END AS net_paddy_m2,
		CASE WHEN v.verdict IS NULL THEN j.slope_class ELSE v.slope_class END AS slope_class,
		CASE WHEN v.verdict IS NULL THEN j.quality ELSE v.quality END AS quality,
		coalesce(v.reasons, j.reasons, '[]') AS reasons, w.state
	FROM d JOIN candidate c ON c.county_code = d.county_code AND c.dataset_id = d.dataset_id
	LEFT JOIN verdict v ON v.county_code = c.county_code AND v.run_id = d.run_id AND v.direction = c.direction AND v.number = c.number
		AND CASE WHEN d.read = c.dataset_id THEN true ELSE workflow_digest(c) = (SELECT workflow_digest(o) FROM candidate o
			WHERE o.county_code = c.county_code AND o.dataset_id = d.read AND o.number = c.number) END
	LEFT JOIN candidate_judgement j ON j.county_code = c.county_code AND j.year = d.year AND j.direction = c.direction AND j.number = c.number
		AND CASE WHEN d.read IS DISTINCT FROM c.dataset_id THEN j.declaration = workflow_digest(c) END
	LEFT JOIN workflow_record w ON w.county_code = c.county_code AND w.year = d.year AND w.direction = c.direction AND w.number = c.number) t`

// candidateVersion is the digest of what can be edited of a row t.
const candidateVersion = `(SELECT candidate_version(c) FROM candidate c WHERE c.county_code = t.county_code AND c.dataset_id = t.dataset_id AND c.number = t.number)`

// candidates are the declared parcels of a direction: what desktop GIS edit. They
// are there before anything is declared, so that the first can be drawn.
func candidates(book *vocabulary, kind, id, title, direction, english string) *Collection {
	return &Collection{ID: id, Title: title, Text: title + "：各年度、各乡镇现行版本，可编辑；结论由筛查给出。 " + english,
		Kind: kind, Direction: direction, Version: candidateVersion, From: candidateRows,
		// the direction follows from the declaration's kind; it is said for the reader
		Where: ownRows + "dataset_id = ANY ($2::uuid[]) AND t.direction = '" + direction + "'",
		Geom:  "t.geom", Keys: []Key{{"t.year", true}, {"t.number", false}}, Object: objectOf("t.year"), Total: -1,
		Fields: append(declaration(book, direction), verdictFields()...)}
}

// declaration are the fields that people fill in. What becomes cultivated land has
// one purpose, so that the rulebook's words for it are asked of the other direction
// alone, as of a file.
func declaration(book *vocabulary, direction string) []Field {
	year := f(YearField, "年度", "year", Integer)
	year.Fixed = true
	out := []Field{year}
	for _, v := range standard(fields.Declaration, func(n string) string { return declared[n] }) {
		v.Declared, v.Fixed = v.Name, v.Name == NumberField
		if direction == "out" || v.Name != fields.Declaration[fields.YT].Name {
			v.Words = book.words[v.Name]
		}
		out = append(out, v)
	}
	// what has no column of its own: references of documents, and remarks
	for _, group := range []struct {
		column string
		fields []int
	}{{"documents", fields.Documents}, {"attrs", fields.Kept}} {
		for _, i := range group.fields {
			v := fields.Declaration[i]
			out = append(out, Field{Name: v.Name, Title: v.Chinese, SQL: "(t." + group.column + "->>'" + v.Name + "')", Kind: Text, Declared: v.Name})
		}
	}
	return out
}

// verdictFields are those that the program writes.
func verdictFields() []Field {
	reasons := f("reasons", "结论的理由", "reasons", Text)
	reasons.SQL = `(SELECT string_agg(e->>'zh', '；') FROM jsonb_array_elements(t.reasons) e)`
	return []Field{area("area_m2", "椭球面积", "area_m2"),
		f("verdict", "筛查结论", "verdict", Text), reasons,
		f("screening", "结论来自（screened 现行筛查，edited 编辑时，earlier 上次筛查，pending 待筛查）", "screening", Text),
		area("usable_m2", "可用面积", "usable_m2"), area("net_m2", "净面积", "net_m2"), area("net_paddy_m2", "其中水田净面积", "net_paddy_m2"),
		f("slope_class", "坡度级别", "slope_class", Text), f("quality", "等别", "quality", Number), f("state", "办理状态", "state", Text)}
}
