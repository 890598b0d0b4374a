package intake_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gengheng/internal/intake"
	"gengheng/internal/land"
)

// Ensure that a survey without a fault is stored whole, with areas, version and
// summary, and an empty report.
func TestLoadSurvey(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	req := c.request("DLTB", shapefile(t, "DLTB", surveyOf(6)))
	var stages []string
	result, err := intake.Load(t.Context(), c.db, req, func(stage string, _, _ int64) {
		if !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if issues := c.issues(req); len(issues) != 0 {
		t.Errorf("a survey without a fault has the report %v", issues)
	}
	if want := []string{intake.StageRead, intake.StageValidity, intake.StageTopology, intake.StageCommit}; !slices.Equal(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	var rows int
	var area, bad land.Area
	var version string
	c.scan(`SELECT count(*), sum(area_m2)::text,
		coalesce(sum(abs(area_m2 - tbmj)), 0)::numeric(18,2)::text, (SELECT version FROM dataset WHERE dataset_id = $1)
		FROM parcel WHERE dataset_id = $1 AND ST_SRID(geom) = 4546 AND ST_IsValid(geom)`, []any{req.DatasetID}, &rows, &area, &bad, &version)
	if rows != 72 || result.Features != 72 || area != result.Area || version != result.Version || len(version) != 16 || bad != 0 {
		t.Errorf("%d rows, area %s (off TBMJ by %s), version %s; result %+v", rows, area, bad, version, result)
	}
	sum := result.Summary
	if sum.Townships != 2 || sum.SRID != 4546 || sum.CultivatedM2 == nil || *sum.CultivatedM2 <= 0 || len(sum.Classes) != 3 || sum.Stored != 72 {
		t.Errorf("summary %+v", sum)
	}
	var net land.Area
	c.scan(`SELECT sum(tbdlmj)::text FROM parcel WHERE dlbm LIKE '01%'`, nil, &net)
	if net != *sum.CultivatedM2 {
		t.Errorf("cultivated %s in the summary, %s in the table", *sum.CultivatedM2, net)
	}
}

// Ensure that the official area agrees with PostGIS's geography area of the
// densified boundary.
func TestAreaAgreesWithPostGIS(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("DLTB", shapefile(t, "DLTB", surveyOf(3))))
	var worst float64
	c.scan(`SELECT max(abs(area_m2 - ST_Area(ST_Transform(ST_Segmentize(geom, 70), 4490)::geography)))::float8 FROM parcel`, nil, &worst)
	if worst > 0.05 {
		t.Errorf("areas differ by up to %v m²", worst)
	}
}

// Ensure that loading a dataset again, and loading it twice at once, gives the
// one version.
func TestLoadIsIdempotent(t *testing.T) {
	c := newCounty(t)
	req := c.request("DLTB", shapefile(t, "DLTB", surveyOf(4)))
	var group sync.WaitGroup
	results := make([]intake.Result, 3)
	errs := make([]error, 3)
	for i := range results {
		group.Go(func() { results[i], errs[i] = intake.Load(context.Background(), c.db, req, nil) })
	}
	group.Wait()
	fresh := 0
	for i, r := range results {
		if errs[i] != nil || r.Version != results[0].Version || r.Features != 32 || r.Area != results[0].Area {
			t.Errorf("load %d: %+v, %v", i, r, errs[i])
		}
		if !r.Repeated {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d loads did the work, want 1", fresh)
	}
	if got := c.counts(); got != "32 0 0 0 0 0 1" {
		t.Errorf("rows %s", got)
	}
}

// Ensure that the version depends on the content alone: not on the format, the
// encoding, the CRS convention or the case of the columns.
func TestVersionIsOfTheContent(t *testing.T) {
	c := newCounty(t)
	features := surveyOf(4)
	dir := t.TempDir()
	source := filepath.Join(dir, "DLTB.geojson")
	geojson(t, source, delivered, 37e6, features)
	plain := filepath.Join(dir, "plain.geojson")
	geojson(t, plain, 4546, 0, features)
	lower := make([]feature, len(features))
	for i, f := range features {
		lower[i] = feature{f.rings, map[string]any{}}
		for k, v := range f.props {
			lower[i].props[strings.ToLower(k)] = v
		}
	}
	utf8 := filepath.Join(dir, "utf8")
	ogr2ogr(t, "-f", "ESRI Shapefile", "-lco", "ENCODING=UTF-8", "-nln", "DLTB", utf8, plain)
	files := map[string]string{
		"GBK shapefile, 4525":   shapefile(t, "DLTB", features),
		"UTF-8 shapefile, 4546": zipFolder(t, utf8, filepath.Join(dir, "utf8.zip")),
		"lower case":            shapefile(t, "DLTB", lower),
	}
	var version string
	for name, path := range files {
		got := c.load(c.request("DLTB", path)).Version
		if version == "" {
			version = got
		}
		if got != version {
			t.Errorf("%s has version %s, want %s", name, got, version)
		}
	}
	features[0].props["DLMC"] = "果树园"
	if got := c.load(c.request("DLTB", shapefile(t, "DLTB", features))).Version; got == version {
		t.Error("another name of a class gives the same version")
	}
}

// Ensure that survey faults are reported by row and do not refuse the survey,
// but a patch without a class does.
func TestSurveyReport(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	features := surveyOf(3)
	features[0].props["QSXZ"] = "99"
	features[1].props["BSM"] = features[2].props["BSM"]
	features[3].props["ZLDWDM"] = "1499011092010000000"
	features[4].props["TBMJ"] = features[4].props["TBMJ"].(float64) + 5
	req := c.request("DLTB", shapefile(t, "DLTB", features))
	c.load(req)
	want := []string{"error S02 1 QSXZ", "error S20c 3 BSM", "error S03d 4 ZLDWDM", "warning S18b 5 TBMJ", "error S19b 5 TBDLMJ"}
	if got := c.issues(req); !slices.Equal(got, want) {
		t.Errorf("report\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	features[5].props["DLBM"] = ""
	req = c.request("DLTB", shapefile(t, "DLTB", features))
	problem := c.refuse(req)
	if problem.Code != intake.ProblemRows || !slices.Contains(c.issues(req), "error S01a 6 DLBM") {
		t.Errorf("problem %v, report %v", problem, c.issues(req))
	}
}

// Ensure that overlaps, gaps and what reaches beyond the county are found with
// their area and place, and nothing else.
func TestTopology(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	features := surveyOf(4) // patches of 250 m by 200 m
	move := func(i int, rings [][]float64) {
		bsm := features[i].props["BSM"]
		features[i] = patch(i+1, features[i].props["ZLDWDM"].(string)[:9], rings)
		features[i].props["BSM"] = bsm
	}
	move(5, box(250, 200, 500, 400.5))   // 0.5 m over its north neighbour: 125 m²
	move(10, box(500.3, 400, 750, 600))  // 0.3 m short of its west neighbour: 60 m²
	move(31, box(1750, 600, 2002, 800))  // 2 m over the county's border: 400 m²
	move(16, box(1000, 0, 1250, 199.99)) // 0.01 m short: 2.5 m²
	req := c.request("DLTB", shapefile(t, "DLTB", features))
	c.load(req)
	if got := c.issues(req); len(got) != 4 {
		t.Fatalf("report %v", got)
	}
	for _, want := range []struct {
		rule string
		area land.Area
	}{
		{"S17b", officialArea(box(250, 400, 500, 400.5))},
		{"S17c", officialArea(box(500, 400, 500.3, 600))},
		{"S17c", officialArea(box(1000, 199.99, 1250, 200))},
		{"S17d", officialArea(box(2000, 600, 2002, 800))},
	} {
		var n int
		c.scan(`SELECT count(*) FROM dataset_issue WHERE dataset_id = $1 AND code = $2
			AND abs(substring(message_zh from '([0-9.]+) m²')::numeric - $3::text::numeric) <= 0.05`, []any{req.DatasetID, want.rule, want.area.String()}, &n)
		if n != 1 {
			t.Errorf("%s of %s m² stands %d times in the report %v", want.rule, want.area, n, c.issues(req))
		}
	}
	var x, y float64
	c.scan(`SELECT x, y FROM dataset_issue WHERE dataset_id = $1 AND code = 'S17b'`, []any{req.DatasetID}, &x, &y)
	if x < east+250 || x > east+500 || y < north+400 || y > north+400.5 {
		t.Errorf("the overlap is said to be at %v %v", x-east, y-north)
	}
}

// Ensure that a survey with every patch twice is told so patch by patch.
func TestTwiceTheSameLayer(t *testing.T) {
	c := newCounty(t)
	features := surveyOf(2)
	req := c.request("DLTB", shapefile(t, "DLTB", append(features, features...)))
	c.load(req)
	var overlaps, duplicates int
	c.scan(`SELECT count(*) FILTER (WHERE code = 'S17b'), count(*) FILTER (WHERE code = 'S20c') FROM dataset_issue WHERE dataset_id = $1`, []any{req.DatasetID}, &overlaps, &duplicates)
	if overlaps != 8 || duplicates != 8 {
		t.Errorf("%d overlaps and %d duplicate keys, want 8 and 8", overlaps, duplicates)
	}
}

// Ensure that an overlap which runs along many patches is told for each pair.
func TestLongOverlap(t *testing.T) {
	c := newCounty(t)
	features := surveyOf(5)
	strip := patch(99, westTown, box(399, 0, 401, 800)) // two metres over the line between two columns
	req := c.request("DLTB", shapefile(t, "DLTB", append(features, strip)))
	c.load(req)
	var pairs int
	var sum land.Area
	c.scan(`SELECT count(*), sum(substring(message_zh from '([0-9.]+) m²')::numeric)::text FROM dataset_issue WHERE dataset_id = $1 AND code = 'S17b'`, []any{req.DatasetID}, &pairs, &sum)
	if want := officialArea(box(399, 0, 401, 800)); pairs != 10 || sum < want-20 || sum > want+20 {
		t.Errorf("%d overlaps of %s m² in all, want 10 of %s; report %v", pairs, sum, want, c.issues(req))
	}
}

// Ensure that an invalid geometry is refused with a proposed repair, and that
// accepting applies exactly that repair.
func TestRepairs(t *testing.T) {
	c := newCounty(t)
	features := surveyOf(3)
	bow := patch(1, westTown, [][]float64{{0, 0, 300, 200, 300, 0, 0, 200}})
	bow.props["BSM"] = features[0].props["BSM"]
	features[0] = bow
	path := shapefile(t, "DLTB", features)
	before := c.counts()
	req := c.request("DLTB", path)
	problem := c.refuse(req)
	if !slices.Contains(c.issues(req), "error geometry_invalid 1") || problem.HintZH == "" || c.counts() != before {
		t.Fatalf("problem %v, report %v, rows %s", problem, c.issues(req), c.counts())
	}
	var after, kind string
	var valid bool
	var planar float64
	c.scan(`SELECT repair->>'area_after_m2', repair->>'kind', ST_IsValid(g), ST_Area(g) FROM (
		SELECT repair, ST_GeomFromWKB(decode(repair->>'wkb', 'hex'), 4546) g FROM dataset_issue WHERE dataset_id = $1 AND code = 'geometry_invalid') r`,
		[]any{req.DatasetID}, &after, &kind, &valid, &planar)
	if !valid || kind != "make_valid" || planar < 29990 || planar > 30010 {
		t.Errorf("repair %s to %s m² (plane %v), valid %v", kind, after, planar, valid)
	}

	req = c.request("DLTB", path)
	req.Options.AcceptRepairs = true
	result := c.load(req)
	var stored string
	c.scan(`SELECT area_m2::text FROM parcel WHERE dataset_id = $1 AND fid = 1 AND ST_IsValid(geom)`, []any{req.DatasetID}, &stored)
	if stored != after || result.Summary.Repairs != 1 || !slices.Contains(c.issues(req), "notice geometry_repaired 1") {
		t.Errorf("stored %s m², proposed %s; %d repairs; report %v", stored, after, result.Summary.Repairs, c.issues(req))
	}
	var sum land.Area
	c.scan(`SELECT sum(area_m2)::text FROM parcel WHERE dataset_id = $1`, []any{req.DatasetID}, &sum)
	if sum != result.Area {
		t.Errorf("the result's area %s is not the rows' %s", result.Area, sum)
	}
}

// Ensure that a layer's columns go where the rulebook says, the rest to attrs,
// and that a layer without the level its checks ask for is refused.
func TestLoadLayer(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	features := []feature{{box(100, 100, 300, 300), map[string]any{"BSM": "1", "HXMC": "西山红线", "HXLX": "水源涵养", "MJ": 12.5, "SHAPE_Area": 3.0}}}
	req := c.request("STBHHX", shapefile(t, "STBHHX", features))
	c.load(req)
	var row string
	c.scan(`SELECT concat_ws('|', bsm, code, name, level, attrs::text) FROM layer_feature WHERE dataset_id = $1`, []any{req.DatasetID}, &row)
	if want := `1||西山红线|水源涵养|{"MJ": 12.5}`; row != want {
		t.Errorf("row %s, want %s", row, want)
	}
	delete(features[0].props, "HXLX")
	problem := c.refuse(c.request("STBHHX", shapefile(t, "STBHHX", features)))
	if problem.Code != intake.ProblemFields || problem.Field != "HXLX" || !strings.Contains(problem.DetailZH, "HXMC") {
		t.Errorf("problem %+v", problem)
	}
}

// Ensure that missing survey fields are refused with what was found and what
// was perhaps meant.
func TestMissingFields(t *testing.T) {
	c := newCounty(t)
	features := surveyOf(1)
	for _, f := range features {
		f.props["TBDMJ"] = f.props["TBDLMJ"]
		delete(f.props, "TBDLMJ")
	}
	problem := c.refuse(c.request("DLTB", shapefile(t, "DLTB", features)))
	if problem.Code != intake.ProblemFields || problem.Field != "TBDLMJ" || !strings.Contains(problem.DetailZH, "ZLDWDM") ||
		len(problem.Errors) != 1 || !strings.Contains(problem.Errors[0], "TBDMJ") {
		t.Errorf("problem %+v", problem)
	}
}

// Ensure that of several layers the one named after the kind is taken, that a
// choice is asked for where there is none, and that a layer named after another
// kind is not taken by mistake.
func TestChooseLayer(t *testing.T) {
	c := newCounty(t)
	pack := func(names ...string) string {
		files := map[string][]byte{}
		for _, n := range names {
			for name, content := range unzip(t, shapefile(t, n, surveyOf(1))) {
				files[name] = content
			}
		}
		return zipFiles(t, files)
	}
	for _, tt := range []struct {
		name   string
		files  []string
		choose string
		want   string // layer, or code of the problem
	}{
		{"named", []string{"DLTB", "OTHER"}, "", "DLTB"},
		{"named with county and year", []string{"149901DLTB2024", "OTHER"}, "", "149901DLTB2024"},
		{"Chinese name", []string{"地类图斑", "OTHER"}, "", "地类图斑"},
		{"the only one", []string{"data"}, "", "data"},
		{"none named", []string{"A", "B"}, "", intake.ProblemLayer},
		{"chosen", []string{"A", "B"}, "b", "B"},
		{"named after another kind", []string{"STBHHX"}, "", intake.ProblemLayer},
		{"asked for all the same", []string{"STBHHX"}, "STBHHX", "STBHHX"},
		{"asked for what is not there", []string{"A"}, "C", "no-layer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := c.request("DLTB", pack(tt.files...))
			req.Options.Layer = tt.choose
			if !strings.Contains(tt.want, "-") {
				c.load(req)
				var layer string
				c.scan(`SELECT layer_name FROM dataset WHERE dataset_id = $1`, []any{req.DatasetID}, &layer)
				if layer != tt.want {
					t.Errorf("layer %s, want %s", layer, tt.want)
				}
				return
			}
			problem := c.refuse(req)
			if problem.Code != tt.want || !strings.Contains(fmt.Sprint(problem.Errors)+problem.DetailZH, tt.files[0]) {
				t.Errorf("problem %+v, want %s with the list", problem, tt.want)
			}
		})
	}
}
