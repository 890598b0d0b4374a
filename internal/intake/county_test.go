package intake_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"gengheng/internal/intake"
	"gengheng/internal/land"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// A synthetic county (合成): two townships side by side, a kilometre wide each,
// in the plane of EPSG 4546, delivered as EPSG 4525.
const (
	code      = "149901"
	east      = 560000.0
	north     = 4013000.0
	westTown  = "149901100"
	eastTown  = "149901101"
	delivered = 4525
)

var zone, _ = land.ByEPSG(4546)

// feature is one row of a test layer; geometry is in metres from (east, north).
type feature struct {
	rings [][]float64 // x, y, x, y, ...; closed by the writer
	props map[string]any
}

func box(x0, y0, x1, y1 float64) [][]float64 {
	return [][]float64{{x0, y0, x1, y0, x1, y1, x0, y1}}
}

// officialArea is what a careful surveyor writes into TBMJ.
func officialArea(rings [][]float64) land.Area {
	var p orb.Polygon
	for _, corners := range rings {
		var r orb.Ring
		for i := 0; i < len(corners); i += 2 {
			r = append(r, orb.Point{east + corners[i], north + corners[i+1]})
		}
		p = append(p, append(r, r[0]))
	}
	return land.OfficialArea(orb.MultiPolygon{p}, zone)
}

// geojson writes features with eastings of a zone prefix (0 = none).
func geojson(t testing.TB, path string, epsg int, prefix float64, features []feature) {
	t.Helper()
	type object = map[string]any
	var list []object
	for _, f := range features {
		var rings [][][2]float64
		for _, corners := range f.rings {
			var ring [][2]float64
			for i := 0; i < len(corners); i += 2 {
				ring = append(ring, [2]float64{prefix + east + corners[i], north + corners[i+1]})
			}
			rings = append(rings, append(ring, ring[0]))
		}
		list = append(list, object{"type": "Feature", "properties": f.props, "geometry": object{"type": "Polygon", "coordinates": rings}})
	}
	doc := object{"type": "FeatureCollection", "features": list}
	if epsg > 0 {
		doc["crs"] = object{"type": "name", "properties": object{"name": fmt.Sprintf("urn:ogc:def:crs:EPSG::%d", epsg)}}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func ogr2ogr(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ogr2ogr", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ogr2ogr %v: %v\n%s", args, err, out)
	}
}

// shapefile writes a zipped shapefile named layer, by GDAL.
func shapefile(t testing.TB, layer string, features []feature, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, layer+".geojson")
	geojson(t, source, delivered, 37e6, features)
	folder := filepath.Join(dir, "shp")
	args := append([]string{"-f", "ESRI Shapefile", "-lco", "ENCODING=GBK", "-a_srs", fmt.Sprintf("EPSG:%d", delivered), "-nln", layer, folder, source}, options...)
	ogr2ogr(t, args...)
	return zipFolder(t, folder, filepath.Join(dir, layer+".zip"))
}

// zipFolder packs the files below a folder.
func zipFolder(t testing.TB, folder, target string) string {
	t.Helper()
	f, err := os.Create(target)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	if err := w.AddFS(os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return target
}

// zipFiles packs named contents, also names that no honest program writes.
func zipFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), "upload.zip")
	f, err := os.Create(target)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for name, content := range files {
		entry, err := w.Create(name)
		if err == nil {
			_, err = entry.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return target
}

// unzip reads the files of a zip.
func unzip(t testing.TB, path string) map[string][]byte {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string][]byte{}
	for _, f := range r.File {
		if files[f.Name], err = fs.ReadFile(r, f.Name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// county is a registered county in a database of its own.
type county struct {
	t                testing.TB
	db               *store.DB
	layers           map[intake.Kind]intake.LayerFields
	purposes, actors []string
}

func newCounty(t testing.TB) *county {
	t.Helper()
	c := &county{t: t, db: storetest.New(t), layers: map[intake.Kind]intake.LayerFields{
		"XZQ":      {Name: "行政区", Code: []string{"XZQDM"}, NameFields: []string{"XZQMC"}},
		"PDT":      {Name: "坡度图", Level: []string{"PDJB"}},
		"YJJBNTTB": {Name: "永久基本农田", Code: []string{"YJJBNTTBBH"}},
		"STBHHX":   {Name: "生态保护红线", NameFields: []string{"HXMC"}, Level: []string{"HXLX", "LHLX"}},
		"CZCDYD":   {Name: "城镇村等用地", Code: []string{"CZCDM"}, NameFields: []string{"CZCMC"}, Level: []string{"CZCLX"}},
	}}
	c.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ('0', 'test', 2025, '')`)
	c.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '示例县（合成）', 4546, true, '0')`, code)
	return c
}

func (c *county) exec(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		c.t.Fatal(err)
	}
}

// request makes the rows of an upload and of a queued dataset.
func (c *county) request(kind intake.Kind, path string) intake.Request {
	c.t.Helper()
	req := intake.Request{County: code, DatasetID: uuid.New(), Kind: kind, Year: 2025, Path: path, FileName: filepath.Base(path), Layers: c.layers,
		Purposes: c.purposes, Actors: c.actors}
	upload := uuid.New()
	c.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '')`, code, upload, req.FileName)
	c.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256)
		VALUES ($1, $2, $3, $4, '', 'queued', $5, $6, '')`, code, req.DatasetID, string(kind), req.Year, upload, req.FileName)
	return req
}

func (c *county) setScope(req *intake.Request, scope string) {
	req.Scope = scope
	c.exec(`UPDATE dataset SET scope = $2 WHERE dataset_id = $1`, req.DatasetID, scope)
}

// load must succeed.
func (c *county) load(req intake.Request) intake.Result {
	c.t.Helper()
	result, err := intake.Load(context.Background(), c.db, req, nil)
	if err != nil {
		c.t.Fatalf("load %s: %v\n%s", req.FileName, err, strings.Join(c.issues(req), "\n"))
	}
	return result
}

// refuse must end in a problem that the row of the dataset tells as well.
func (c *county) refuse(req intake.Request) *intake.Problem {
	c.t.Helper()
	_, err := intake.Load(context.Background(), c.db, req, nil)
	var problem *intake.Problem
	if !errors.As(err, &problem) {
		c.t.Fatalf("load %s: got %v, want a problem", req.FileName, err)
	}
	var status string
	var stored, version *string
	c.scan(`SELECT status, problem->>'type', version FROM dataset WHERE dataset_id = $1`, []any{req.DatasetID}, &status, &stored, &version)
	if status != "refused" || stored == nil || *stored != "urn:gengheng:problem:"+problem.Code || version != nil {
		c.t.Errorf("the dataset is %s with %v, want refused with %s", status, stored, problem.Code)
	}
	if problem.TitleZH == "" || problem.TitleEN == "" || problem.File == "" {
		c.t.Errorf("the problem does not say what and where: %+v", problem)
	}
	return problem
}

func (c *county) scan(sql string, args []any, into ...any) {
	c.t.Helper()
	if err := c.db.Pool.QueryRow(context.Background(), sql, args...).Scan(into...); err != nil {
		c.t.Fatal(err)
	}
}

// counts are the rows of every table that a load writes to.
func (c *county) counts() string {
	c.t.Helper()
	var s string
	c.scan(`SELECT concat_ws(' ', (SELECT count(*) FROM parcel), (SELECT count(*) FROM layer_feature), (SELECT count(*) FROM candidate),
		(SELECT count(*) FROM raster), (SELECT count(*) FROM raster_tile), (SELECT count(*) FROM kcxs),
		(SELECT count(*) FROM dataset WHERE status = 'committed'))`, nil, &s)
	return s
}

// issues lists a dataset's report as "severity code row field".
func (c *county) issues(req intake.Request) []string {
	c.t.Helper()
	rows, err := c.db.Pool.Query(context.Background(), `
		SELECT severity, code, coalesce(row_no, 0), coalesce(field, ''), message_zh, message_en FROM dataset_issue
		WHERE dataset_id = $1 ORDER BY seq`, req.DatasetID)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var severity, code, field, zh, en string
		var row int64
		if err := rows.Scan(&severity, &code, &row, &field, &zh, &en); err != nil {
			c.t.Fatal(err)
		}
		if zh == "" || en == "" || strings.Contains(zh+en, "%!") {
			c.t.Errorf("message of %s: %q · %q", code, zh, en)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", severity, code, row, field)))
	}
	return list
}

// townships are the county's two townships.
func townships() []feature {
	return []feature{
		{box(0, 0, 1000, 800), map[string]any{"XZQDM": westTown, "XZQMC": "西河镇"}},
		{box(1000, 0, 2000, 800), map[string]any{"XZQDM": eastTown, "XZQMC": "东岭乡"}},
	}
}

// survey fills both townships with n by n patches each, without a fault.
func surveyOf(n int) []feature {
	var list []feature
	for town, townCode := range []string{westTown, eastTown} {
		for i := range n {
			for j := range n {
				at := func(k int, size float64) float64 { return math.Round(float64(k)*size/float64(n)*1e4) / 1e4 }
				rings := box(1000*float64(town)+at(i, 1000), at(j, 800), 1000*float64(town)+at(i+1, 1000), at(j+1, 800))
				list = append(list, patch(len(list)+1, townCode, rings))
			}
		}
	}
	return list
}

// patch is a row of DLTB that keeps every rule: by turns sloping field, orchard
// and track.
func patch(number int, township string, rings [][]float64) feature {
	area := officialArea(rings)
	props := map[string]any{
		"BSM": fmt.Sprintf("%s1000%08d", code, number), "YSDM": "2001010100", "TBBH": fmt.Sprint(number),
		"QSXZ": "30", "QSDWDM": township + "2010000000", "ZLDWDM": township + "2010000000", "ZLDWMC": "示例村",
		"TBMJ": area.Float64(), "KCMJ": 0.0, "KCXS": 0.0, "TBDLMJ": area.Float64(), "SJNF": 2024, "FRDBS": "0",
		"KCDLBM": "", "GDLX": "", "GDPDJB": "", "ZZSXDM": "", "TBXHDM": "", "CZCSXM": "",
	}
	switch number % 3 {
	case 0:
		ridges := (int64(area)*1250 + 5000) / 10000
		props["DLBM"], props["DLMC"], props["GDLX"], props["GDPDJB"], props["ZZSXDM"] = "0103", "旱地", "TT", "3", "LS"
		props["KCDLBM"], props["KCXS"], props["KCMJ"], props["TBDLMJ"] = "1203", 0.125, land.Area(ridges).Float64(), (area - land.Area(ridges)).Float64()
	case 1:
		props["DLBM"], props["DLMC"], props["ZZSXDM"] = "0201", "果园", "JKHF"
	case 2:
		props["DLBM"], props["DLMC"] = "1006", "农村道路"
	}
	return feature{rings, props}
}
