package intake_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/intake"
)

// Ensure that shapefile, file geodatabase, GeoPackage and GeoJSON of the same
// data give the same version of a survey, of a layer and of a declaration.
func TestFormatsGiveTheSameVersion(t *testing.T) {
	geodatatest.Child(t)
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	holed := append(box(100, 100, 300, 300), []float64{150, 150, 150, 200, 200, 200, 200, 150})
	layers := map[intake.Kind][]feature{
		"DLTB":         surveyOf(3),
		"STBHHX":       {{holed, map[string]any{"BSM": "1", "HXMC": "西山红线", "HXLX": "水源涵养", "MJ": 12.5, "XH": 7, "RQ": "2024-06-15"}}, {box(400, 0, 500, 50), map[string]any{"BSM": "2", "HXMC": "东", "HXLX": "", "MJ": 5, "XH": 8}}},
		"CANDIDATE_IN": {declared("1", box(0, 0, 100, 100)), declared("2", holed)},
	}
	for kind, features := range layers {
		t.Run(string(kind), func(t *testing.T) {
			c.t = t
			dir := t.TempDir()
			layer := string(kind)
			source := filepath.Join(dir, "source.geojson")
			geojson(t, source, delivered, 37e6, features)
			if err := os.Mkdir(filepath.Join(dir, "gdb"), 0o755); err != nil {
				t.Fatal(err)
			}
			ogr2ogr(t, "-f", "OpenFileGDB", "-nln", layer, filepath.Join(dir, "gdb", "x.gdb"), source)
			ogr2ogr(t, "-f", "GPKG", "-nln", layer, filepath.Join(dir, layer+".gpkg"), source)
			ogr2ogr(t, "-f", "ESRI Shapefile", "-lco", "ENCODING=GBK", "-nln", layer, filepath.Join(dir, "shp"), filepath.Join(dir, layer+".gpkg"))
			files := []string{
				zipFolder(t, filepath.Join(dir, "shp"), filepath.Join(dir, "shp.zip")),
				zipFolder(t, filepath.Join(dir, "gdb"), filepath.Join(dir, "gdb.zip")),
				filepath.Join(dir, layer+".gpkg"),
			}
			var versions, areas []string
			for _, file := range files {
				req := c.request(kind, file)
				result := c.load(req)
				versions, areas = append(versions, result.Version), append(areas, result.Area.String())
			}
			if len(slices.Compact(versions)) != 1 || len(slices.Compact(areas)) != 1 {
				t.Errorf("versions %v, areas %v of shp, gdb, gpkg", versions, areas)
			}
		})
	}
}

// Ensure that a DEM is stored in tiles that hold every cell, and that one which
// is no DEM of the county is refused.
func TestLoadDEM(t *testing.T) {
	geodatatest.Child(t)
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	dem := func(t *testing.T, value string, options ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "dem.tif")
		args := append([]string{"-ot", "Float32", "-outsize", "300", "270", "-bands", "1", "-burn", value, "-a_nodata", "-9999"}, options...)
		out, err := exec.CommandContext(t.Context(), "gdal_create", append(args, path)...).CombinedOutput()
		if err != nil {
			t.Fatalf("gdal_create: %v\n%s", err, out)
		}
		return path
	}
	req := c.request("DEM", dem(t, "812.5", "-a_srs", "EPSG:4525", "-a_ullr", "37559900", "4014000", "37562900", "4011300"))
	result := c.load(req)
	if got := c.issues(req); len(got) != 0 || result.Features != 4 || result.Summary.Raster == nil || result.Summary.Raster.Highest != 812.5 {
		t.Errorf("result %+v, report %v", result, got)
	}
	var frame string
	c.scan(`SELECT concat_ws(' ', width, height, x0, y0, dx, dy, nodata, tile_size) FROM raster WHERE dataset_id = $1`, []any{req.DatasetID}, &frame)
	if want := "300 270 559900 4014000 10 10 -9999 256"; frame != want {
		t.Errorf("raster %s, want %s", frame, want)
	}
	cells := 0
	rows, err := c.db.Pool.Query(t.Context(), `SELECT tile_col, tile_row, cells FROM raster_tile WHERE dataset_id = $1`, req.DatasetID)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var col, row int
		var packed []byte
		if err := rows.Scan(&col, &row, &packed); err != nil {
			t.Fatal(err)
		}
		for _, v := range floats(t, packed) {
			cells++
			if v != 812.5 {
				t.Fatalf("tile %d %d holds %v", col, row, v)
			}
		}
	}
	if cells != 300*270 {
		t.Errorf("%d cells, want %d", cells, 300*270)
	}

	for name, tt := range map[string]struct {
		value   string
		options []string
		code    string
	}{
		"no CRS":        {"812.5", []string{"-a_ullr", "37559900", "4014000", "37562900", "4011300"}, "crs-undeclared"},
		"degrees":       {"812.5", []string{"-a_srs", "EPSG:4490", "-a_ullr", "111.6", "36.3", "111.7", "36.2"}, "raster"},
		"in Beijing":    {"812.5", []string{"-a_srs", "EPSG:4527", "-a_ullr", "39440000", "4430000", "39443000", "4427300"}, "raster"},
		"three bands":   {"812.5", []string{"-bands", "3", "-a_srs", "EPSG:4525", "-a_ullr", "37559900", "4014000", "37562900", "4011300"}, "raster"},
		"millimetres":   {"812500", []string{"-a_srs", "EPSG:4525", "-a_ullr", "37559900", "4014000", "37562900", "4011300"}, intake.ProblemRows},
		"nothing in it": {"-9999", []string{"-a_srs", "EPSG:4525", "-a_ullr", "37559900", "4014000", "37562900", "4011300"}, intake.ProblemRows},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			before := c.counts()
			problem := c.refuse(c.request("DEM", dem(t, tt.value, tt.options...)))
			if problem.Code != tt.code || c.counts() != before {
				t.Errorf("problem %v, want %s; rows %s, before %s", problem, tt.code, c.counts(), before)
			}
		})
	}
	c.t = t
	req = c.request("DEM", dem(t, "812.5", "-a_srs", "EPSG:4525", "-a_ullr", "37560500", "4014000", "37563500", "4011300"))
	c.load(req)
	if got := c.issues(req); !slices.Equal(got, []string{"warning dem_partial 0"}) {
		t.Errorf("report %v of a DEM that leaves out the west", got)
	}
	if problem := c.refuse(c.request("DEM", shapefile(t, "DLTB", surveyOf(1)))); problem.Code != "no-layer" {
		t.Errorf("a shapefile for a DEM: %v", problem)
	}
}

// Ensure that the layers with a standard of their own are held to it.
func TestLayerRules(t *testing.T) {
	c := newCounty(t)
	town := func(i int, key string, value any) []feature {
		list := townships()
		list[i].props[key] = value
		return list
	}
	slope := func(levels ...string) (list []feature) {
		for i, level := range levels {
			list = append(list, feature{box(float64(i)*1000, 0, float64(i+1)*1000, 800), map[string]any{"BSM": level, "PDJB": level}})
		}
		return list
	}
	holed := append(box(100, 100, 300, 300), []float64{150, 150, 150, 200, 200, 200, 200, 150})
	for _, tt := range []struct {
		name    string
		kind    intake.Kind
		data    []feature
		want    []string
		refused bool
	}{
		{"townships", "XZQ", townships(), nil, false},
		{"a county instead of townships", "XZQ", town(0, "XZQDM", code), []string{"error code_invalid 1 XZQDM"}, true},
		{"a township of another county", "XZQ", town(1, "XZQDM", "149902100"), []string{"error code_invalid 2 XZQDM"}, true},
		{"townships that overlap", "XZQ", []feature{{box(0, 0, 1001, 800), townships()[0].props}, townships()[1]}, []string{"error S17b 2"}, false},
		{"slope map", "PDT", slope("1", "5"), nil, false},
		{"slope class 6", "PDT", slope("1", "6"), []string{"error level_missing 2 PDJB"}, true},
		{"red line without a type", "STBHHX", []feature{{box(0, 0, 10, 10), map[string]any{"HXMC": "x", "HXLX": nil}}, {box(20, 0, 30, 10), map[string]any{"HXMC": "x", "HXLX": "y"}}}, []string{"warning level_missing 1 HXLX"}, false},
		{"planning version of the red line", "STBHHX", []feature{{box(0, 0, 10, 10), map[string]any{"LHLX": "y"}}}, nil, false},
		{"town with a hole", "CZCDYD", []feature{{holed, map[string]any{"CZCDM": "1499011002010000000", "CZCMC": "x", "CZCLX": "203"}}}, []string{"warning S16b 1"}, false},
		{"town of an unknown type", "CZCDYD", []feature{{box(0, 0, 10, 10), map[string]any{"CZCDM": "1499011002010000000", "CZCMC": "x", "CZCLX": "299"}}}, []string{"error code_invalid 1 CZCLX"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			req := c.request(tt.kind, shapefile(t, string(tt.kind), tt.data))
			if tt.refused {
				c.refuse(req)
			} else {
				c.load(req)
			}
			if got := c.issues(req); !slices.Equal(got, tt.want) {
				t.Errorf("report %v, want %v", got, tt.want)
			}
		})
	}
}

// Ensure that patches inside a town without the town's mark are told.
func TestBuiltUpMarks(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("CZCDYD", shapefile(t, "CZCDYD", []feature{{box(0, 0, 500, 400), map[string]any{"CZCDM": "1499011002010000000", "CZCMC": "x", "CZCLX": "203"}}})))
	features := surveyOf(4) // four patches of the first township lie inside
	features[0].props["CZCSXM"] = "203"
	req := c.request("DLTB", shapefile(t, "DLTB", features))
	c.load(req)
	if got, want := c.issues(req), []string{"error S16c 2 CZCSXM", "error S16c 5 CZCSXM", "error S16c 6 CZCSXM"}; !slices.Equal(got, want) {
		t.Errorf("report %v, want %v", got, want)
	}
}

// Ensure that the code of a town or village and the 坐落单位 of the patches in it
// are held against each other, whichever layer comes later.
func TestBuiltUpCodes(t *testing.T) {
	c := newCounty(t)
	town := func(code, kind string) string {
		return shapefile(t, "CZCDYD", []feature{{box(0, 0, 500, 400), map[string]any{"CZCDM": code, "CZCMC": "x", "CZCLX": kind}}})
	}
	features := surveyOf(4) // four patches of village 149901100201 lie inside: 1, 2, 5, 6
	for _, i := range []int{0, 1, 4, 5} {
		features[i].props["CZCSXM"] = "203"
	}
	features[1].props["ZLDWDM"] = "1499011002020000000"
	survey := shapefile(t, "DLTB", features)
	for _, tt := range []struct {
		name, code, kind string
		survey, towns    string
	}{
		{"the village", "1499011002010000000", "203", "error S16d 2 ZLDWDM", "error S16d 1 CZCDM"},
		{"another village", "1499011002990000000", "203", "error S16d 1 ZLDWDM|error S16d 2 ZLDWDM|error S16d 5 ZLDWDM|error S16d 6 ZLDWDM", "error S16d 1 CZCDM"},
		{"a town over both villages", "1499011002010000000", "202", "", ""},
		{"the township", "1499011000000000000", "203", "", ""},
		{"another township", "1499011010000000000", "202", "error S16d 1 ZLDWDM|error S16d 2 ZLDWDM|error S16d 5 ZLDWDM|error S16d 6 ZLDWDM", "error S16d 1 CZCDM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := town(tt.code, tt.kind)
			c.load(c.request("CZCDYD", path))
			req := c.request("DLTB", survey)
			c.load(req)
			if got := strings.Join(c.issues(req), "|"); got != tt.survey {
				t.Errorf("the survey's report %s, want %s", got, tt.survey)
			}
			req = c.request("CZCDYD", path)
			c.load(req)
			if got := strings.Join(c.issues(req), "|"); got != tt.towns {
				t.Errorf("the towns' report %s, want %s", got, tt.towns)
			}
		})
	}
	features[0].props["CZCSXM"] = ""
	c.load(c.request("DLTB", shapefile(t, "DLTB", features)))
	req := c.request("CZCDYD", town("1499011002010000000", "202"))
	c.load(req)
	if got, want := c.issues(req), []string{"error S16c 1"}; !slices.Equal(got, want) {
		t.Errorf("report %v, want %v", got, want)
	}
}
