package ogc_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/download"
	"gengheng/internal/ogc"
	"gengheng/internal/ogc/desktoptest"
)

// fetch downloads and gives the answer with its bytes.
func (s *service) fetch(path string, edit ...func(*http.Request)) (*http.Response, []byte) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, s.URL+"/ogc/"+county+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	for _, f := range edit {
		f(req)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return resp, b
}

// save downloads a collection into a file that GDAL opens under the name it gives.
func (s *service) save(collection, format, query string, edit ...func(*http.Request)) string {
	s.T.Helper()
	resp, b := s.fetch("/collections/"+collection+"/download?f="+format+query, edit...)
	if resp.StatusCode != http.StatusOK {
		s.T.Fatalf("%s as %s: %d %s", collection, format, resp.StatusCode, b)
	}
	if resp.ContentLength != int64(len(b)) {
		s.T.Errorf("%s as %s: %d bytes of %d", collection, format, len(b), resp.ContentLength)
	}
	ext := map[string]string{"shp": "zip", "gdb": "zip"}[format]
	if ext == "" {
		ext = format
	}
	path := filepath.Join(s.T.TempDir(), collection+"."+ext)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		s.T.Fatal(err)
	}
	switch format {
	case "shp":
		return "/vsizip/" + path
	case "gdb":
		return "/vsizip/" + path + "/" + collection + ".gdb"
	}
	return path
}

var figure = regexp.MustCompile(`(\w+) \((?:Integer|Integer64|Real)\) = (\S+)`)

// figures asks GDAL for sums over a layer.
func figures(t *testing.T, path, sql string) map[string]float64 {
	t.Helper()
	out := desktoptest.Run(t, nil, "ogrinfo", "-ro", "-q", path, "-dialect", "SQLite", "-sql", sql)
	v := map[string]float64{}
	for _, m := range figure.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatalf("%s: %s", sql, out)
		}
		v[m[1]] = n
	}
	return v
}

// GDAL reads every format: how many, which fields, in which system, and that the
// areas add up to what the database has.
func TestDownload_GDALReadsEveryFormat(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	var sum, drawn float64
	if err := s.DB.Pool.QueryRow(t.Context(), `SELECT sum(tbmj)::float8, sum(ST_Area(geom)) FROM parcel WHERE dlbm = '0305'`).Scan(&sum, &drawn); err != nil {
		t.Fatal(err)
	}
	for _, f := range download.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			s := s.in(t)
			layer := "parcels"
			if f.Name == "xlsx" {
				layer = "数据"
			}
			path := s.save("parcels", f.Name, "&filter="+url.QueryEscape("DLBM = '0305'"))
			info := string(desktoptest.Run(t, nil, "ogrinfo", "-ro", "-so", path, layer))
			for _, field := range []string{"BSM: String", "DLBM: String", "DLMC: String"} {
				if !strings.Contains(info, field) {
					t.Errorf("no %s in %s", field, info)
				}
			}
			if !strings.Contains(info, fmt.Sprint("Feature Count: ", parcels/10)) {
				t.Errorf("features: %s", info)
			}
			expr, geographic := "ST_Area(geometry)", f.Name == "geojson"
			switch {
			case f.Name == "csv" || f.Name == "xlsx":
				expr = "0"
			case geographic:
				if !strings.Contains(info, `ID["EPSG",4326]`) {
					t.Errorf("CRS of GeoJSON: %s", info)
				}
			case !strings.Contains(info, `ID["EPSG",4546]`) && !strings.Contains(info, "CGCS2000"):
				t.Errorf("CRS: %s", info)
			}
			if strings.HasPrefix(f.Name, "g") && f.Name != "geojson" {
				expr = strings.ReplaceAll(expr, "geometry", map[string]string{"gpkg": "geom", "gdb": "SHAPE"}[f.Name])
			}
			got := figures(t, path, fmt.Sprintf(`SELECT count(*) AS n, sum(CAST(TBMJ AS REAL)) AS m, sum(%s) AS a, count(DISTINCT BSM) AS ids FROM "%s"`, expr, layer))
			if got["n"] != parcels/10 || got["ids"] != parcels/10 || got["m"] != sum {
				t.Errorf("%v, want %d features of %g m² in all", got, parcels/10, sum)
			}
			if expr != "0" && !geographic && (got["a"] < drawn-0.01 || got["a"] > drawn+0.01) {
				t.Errorf("area %v of %v", got["a"], drawn)
			}
		})
	}
}

// Every collection is a file in every format, with rows that have no geometry and
// collections that are empty too.
func TestDownload_EveryCollection(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for id, n := range every {
		for _, f := range download.Formats() {
			resp, b := s.fetch("/collections/" + id + "/download?f=" + f.Name)
			if f.Name == "fgb" && id == "findings" { // GDAL would leave out what has no geometry
				if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(b), "没有图形") {
					t.Errorf("findings as FlatGeobuf: %d %s", resp.StatusCode, b)
				}
				continue
			}
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Gengheng-Features") != strconv.Itoa(n[1]) || resp.Header.Get("Content-Type") != f.Media {
				t.Errorf("%s as %s: %d %v %.200s", id, f.Name, resp.StatusCode, resp.Header, b)
			}
		}
	}
	for _, format := range []string{"gpkg", "gdb", "shp"} {
		if info := string(desktoptest.Run(t, nil, "ogrinfo", "-ro", "-so", s.save("findings", format, ""), "findings")); !strings.Contains(info, "Feature Count: 4") {
			t.Errorf("findings as %s: %s", format, info)
		}
	}
	for _, format := range []string{"gpkg", "gdb", "shp", "fgb"} {
		if none := string(desktoptest.Run(t, nil, "ogrinfo", "-ro", "-so", s.save("parcels", format, "&DLBM=9999"), "parcels")); !strings.Contains(none, "Feature Count: 0") {
			t.Errorf("nothing as %s: %s", format, none)
		}
	}
}

// A file's coordinates have the easting or the longitude first, whatever order the
// system's definition has; bbox keeps the order of its own system.
func TestDownload_AxisOrderIsTheFormats(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const epsg = "http://www.opengis.net/def/crs/EPSG/0/"
	bbox := "&bbox=4000010,510010,4000020,510020&bbox-crs=" + epsg + "4546" // northing first
	for code, want := range map[string][2]float64{"4490": {111.111, 36.131}, "4546": {510000, 4000000}, "4525": {37510000, 4000000}, "3857": {12368819, 4319000}} {
		for _, format := range []string{"gpkg", "geojson"} {
			path := s.save("parcels", format, "&crs="+epsg+code+bbox)
			geometry := map[string]string{"gpkg": "geom", "geojson": "geometry"}[format]
			got := figures(t, path, "SELECT count(*) AS n, ST_MinX("+geometry+") AS x, ST_MinY("+geometry+") AS y FROM parcels")
			near := func(v, want float64) bool { return v > want-want*1e-3 && v < want+want*1e-3 }
			if got["n"] != 1 || !near(got["x"], want[0]) || !near(got["y"], want[1]) {
				t.Errorf("%s in %s: %v, want %v", format, code, got, want)
			}
			if format == "gpkg" {
				if info := string(desktoptest.Run(t, nil, "ogrinfo", "-ro", "-so", path, "parcels")); !strings.Contains(info, `ID["EPSG",`+code+`]`) {
					t.Errorf("%s does not say EPSG:%s: %s", format, code, info)
				}
			}
		}
	}
}

// A township downloads what it sees, and nobody without a key anything.
func TestDownload_Permissions(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	whole := s.key(access.Capacity{Role: access.Bureau, County: county})
	for id, n := range every {
		for _, who := range []struct {
			edit func(*http.Request)
			n    int
		}{{clerk, n[0]}, {whole, n[1]}} {
			resp, b := s.fetch("/collections/"+id+"/download?f=csv", who.edit)
			rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
			if resp.StatusCode != http.StatusOK || err != nil || len(rows) != who.n+1 {
				t.Errorf("%s: %d, %d rows of %d, %v", id, resp.StatusCode, len(rows)-1, who.n, err)
			}
		}
	}
	if resp, _ := s.fetch("/collections/parcels/download"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a key: %d", resp.StatusCode)
	}
}

// What is wrong with a request is said; nothing of it reaches the database as SQL.
func TestDownload_Refusals(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"f=dwg":                                  {400, "可用：gpkg、shp"},
		"f=gpkg&f=csv":                           {400, "只能给一次"},
		"limit=10":                               {400, "没有参数 limit"},
		"cursor=x":                               {400, "没有参数 cursor"},
		"offset=1":                               {400, "没有参数 offset"},
		"nosuch=1":                               {400, "没有参数 nosuch"},
		"encoding=GBK":                           {400, "只用于 f=shp"},
		"f=shp&encoding=latin1":                  {400, "UTF-8 或 GBK"},
		"properties=nosuch":                      {400, "没有字段"},
		"crs=EPSG:4326":                          {400, "坐标系"},
		"bbox=1,2,3":                             {400, "bbox"},
		"filter=DLBM":                            {400, ""},
		"filter=" + strings.Repeat("(", 100_000): {400, ""},
		"filter=DLBM%20%3D%20'a'%3B%20DROP%20TABLE": {400, ""},
		"filter=nosuch%20%3D%201":                   {400, "nosuch"},
		"filter=pg_sleep(10)%20%3D%201":             {400, ""},
		"DLBM=%00":                                  {400, "空字符"},
		"GDDB=x":                                    {400, "GDDB"},
	} {
		resp, b := s.fetch("/collections/parcels/download?" + query)
		if resp.StatusCode != want.status || !strings.Contains(string(b), want.text) || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%.60s: %d %.300s", query, resp.StatusCode, b)
		}
	}
	if resp, b := s.fetch("/collections/nosuch/download"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("no such collection: %d %s", resp.StatusCode, b)
	}
}

// What a spreadsheet would run is text; what GBK cannot write is refused; what a
// shapefile has no room for is cut where it says so.
func TestDownload_HostileText(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const formula = `=HYPERLINK("http://example.invalid","点")`
	s.Exec(`UPDATE parcel SET dlmc = $1, zldwmc = '+1', bz = '－1' WHERE fid = 0`, formula)
	_, b := s.fetch("/collections/parcels/download?f=csv&BSM=000000000000000000")
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v %q", err, b)
	}
	at := func(name string) string { return rows[1][slices.Index(rows[0], name)] }
	if at("DLMC") != "'"+formula || at("ZLDWMC") != "'+1" || at("BZ") != "'－1" || at("TBMJ") != "9999.50" {
		t.Errorf("CSV: %v", rows[1])
	}
	_, b = s.fetch("/collections/parcels/download?f=xlsx&BSM=000000000000000000")
	if sheet := unpacked(t, b)["xl/worksheets/sheet1.xml"]; strings.Contains(sheet, "<f>") || !strings.Contains(sheet, "HYPERLINK") {
		t.Errorf("workbook: %.2000s", sheet)
	}
	s.Exec(`UPDATE finding SET message_zh = repeat('长', 200), message_en = '𠮷' WHERE seq = 21`)
	resp, b := s.fetch("/collections/findings/download?f=shp&encoding=GBK")
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(b), "message_en") {
		t.Errorf("a character that GBK lacks: %d %s", resp.StatusCode, b)
	}
	resp, b = s.fetch("/collections/findings/download?f=shp")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, b)
	}
	parts := unpacked(t, b)
	list, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(parts["字段说明.csv"], "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cut := map[string][]string{}
	for _, row := range list {
		cut[row[1]] = row
	}
	if row := cut["message_zh"]; len(row) != 5 || row[0] != "message_zh" || row[4] != "1" {
		t.Errorf("what was cut: %v", list)
	}
	if row := cut["layer_version"]; len(row) != 5 || row[0] != "layer_vers" || row[2] != "图层版本" {
		t.Errorf("short names: %v", list)
	}
	if parts["findings.cpg"] != "UTF-8" || !strings.Contains(parts["findings.dbf"], strings.Repeat("长", 84)) || strings.Contains(parts["findings.dbf"], strings.Repeat("长", 85)) {
		t.Errorf("cpg %q, or the text is not cut between characters", parts["findings.cpg"])
	}
}

// unpacked is a zip's files.
func unpacked(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		out[f.Name] = string(text)
	}
	return out
}

// Who looks at a collection finds its files, under a name that a Chinese desktop
// shows and that an old program can write.
func TestDownload_IsFound(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, f := range download.Formats() {
		href := s.must("/collections/townships").link("enclosure", f.Media)
		if href == "" {
			t.Errorf("no link to %s", f.Name)
		}
	}
	resp, _ := s.fetch("/collections/townships/download")
	disposition := resp.Header.Get("Content-Disposition")
	_, values, err := mime.ParseMediaType(disposition)
	if err != nil || values["filename"] != "合成示例县_乡镇_XZQ.gpkg" || !strings.Contains(disposition, `filename="149901_townships.gpkg"`) {
		t.Errorf("%s: %v %v", disposition, values, err)
	}
	api := s.must("/api")
	paths, _ := api.json["paths"].(map[string]any)
	if _, ok := paths["/collections/townships/download"]; !ok {
		t.Error("the definition has no downloads")
	}
}

// More files than the machine can make are refused at once, with when to come
// again.
func TestDownload_IsBounded(t *testing.T) {
	t.Parallel()
	for name, err := range ogc.Overload(t.Context()) {
		var p *ogc.Problem
		if err == nil {
			t.Errorf("%s: it was let in", name)
			continue
		}
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
