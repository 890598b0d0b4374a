package intake_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/intake"
)

// without is the files but those with an ending.
func without(files map[string][]byte, endings ...string) map[string][]byte {
	kept := map[string][]byte{}
	for name, content := range files {
		if !slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) }) {
			kept[name] = content
		}
	}
	return kept
}

// changed is the files with the content of those with an ending changed.
func changed(files map[string][]byte, ending string, change func([]byte) []byte) map[string][]byte {
	kept := map[string][]byte{}
	for name, content := range files {
		if strings.HasSuffix(name, ending) {
			content = change(bytes.Clone(content))
		}
		kept[name] = content
	}
	return kept
}

// Ensure that every bad file is refused with words that say what and where,
// that nothing of it is written, and that a good file loads afterwards.
func TestBadFiles(t *testing.T) {
	geodatatest.Child(t)
	good := shapefile(t, "DLTB", surveyOf(2))
	files := unzip(t, good)
	beijing := append(surveyOf(2), patch(9, westTown, box(-62000+450000, 400000, -61900+450000, 400100)))
	tests := []struct {
		name string
		path func(t *testing.T) string
		want []string // any of these codes
		says string   // part of the words
	}{
		{"empty zip", func(t *testing.T) string { return zipFiles(t, nil) }, []string{"archive-empty", "archive"}, ""},
		{"empty file", func(t *testing.T) string { return write(t, "a.zip", nil) }, []string{"format"}, "空"},
		{"no shapefile in the zip", func(t *testing.T) string { return zipFiles(t, map[string][]byte{"readme.docx": []byte("hello")}) }, []string{"archive-empty"}, "readme.docx"},
		{"a broken zip", func(t *testing.T) string {
			content, err := os.ReadFile(good)
			if err != nil {
				t.Fatal(err)
			}
			return write(t, "a.zip", content[:len(content)/2])
		}, []string{"archive"}, ""},
		{"a truncated .shp", func(t *testing.T) string {
			return zipFiles(t, changed(files, ".shp", func(b []byte) []byte { return b[:len(b)-200] }))
		}, []string{"shapefile", "child", intake.ProblemRows}, ".shp"},
		{"a .dbf of another length", func(t *testing.T) string {
			return zipFiles(t, changed(files, ".dbf", func(b []byte) []byte {
				n := binary.LittleEndian.Uint32(b[4:])
				binary.LittleEndian.PutUint32(b[4:], n-1)
				size := int(binary.LittleEndian.Uint16(b[10:]))
				return append(b[:len(b)-1-size], 0x1a)
			}))
		}, []string{"shapefile"}, ""},
		{"no .dbf", func(t *testing.T) string { return zipFiles(t, without(files, ".dbf")) }, []string{"shapefile", intake.ProblemFields}, ""},
		{"a bomb of ratio 1000", func(t *testing.T) string {
			return zipFiles(t, map[string][]byte{"DLTB.shp": make([]byte, 64<<20)})
		}, []string{"archive-limit"}, ""},
		{"../ in a name", func(t *testing.T) string {
			return zipFiles(t, map[string][]byte{"../../DLTB.shp": files["DLTB.shp"], "DLTB.dbf": files["DLTB.dbf"]})
		}, []string{"archive-unsafe"}, ".."},
		{"a zip in the zip", func(t *testing.T) string {
			content, err := os.ReadFile(good)
			if err != nil {
				t.Fatal(err)
			}
			return zipFiles(t, map[string][]byte{"inner.zip": content})
		}, []string{"archive-nested", "archive-empty"}, "inner.zip"},
		{"a .shp that holds a VRT", func(t *testing.T) string {
			return zipFiles(t, changed(files, ".shp", func([]byte) []byte {
				return []byte(`<OGRVRTDataSource><OGRVRTLayer name="passwd"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>`)
			}))
		}, []string{"shapefile", "child", "format"}, "DLTB.shp"},
		{"no CRS", func(t *testing.T) string { return zipFiles(t, without(files, ".prj")) }, []string{"crs-undeclared"}, "EPSG:4525"},
		{"a polygon in Beijing", func(t *testing.T) string { return shapefile(t, "DLTB", beijing) }, []string{intake.ProblemRows}, "第 9 行"},
		{"all in Beijing", func(t *testing.T) string { return shapefile(t, "DLTB", beijing[8:]) }, []string{intake.ProblemElsewhere, intake.ProblemRows}, ""},
		{"no features", func(t *testing.T) string { return shapefile(t, "DLTB", surveyOf(1), "-where", "DLBM = 'none'") }, []string{intake.ProblemEmpty}, ""},
		{"points", func(t *testing.T) string { return pointLayer(t) }, []string{"geometry-type", "shapefile", "child", intake.ProblemRows}, ""},
		{"NaN", func(t *testing.T) string {
			return zipFiles(t, changed(files, ".shp", func(b []byte) []byte {
				binary.LittleEndian.PutUint64(b[len(b)-16:], math.Float64bits(math.NaN()))
				return b
			}))
		}, []string{intake.ProblemRows}, "第 8 行"},
		{"a text file named .zip", func(t *testing.T) string { return write(t, "a.zip", []byte("hello, world")) }, []string{"format"}, ""},
	}
	for _, townshipsLoaded := range []bool{false, true} {
		c := newCounty(t)
		if townshipsLoaded {
			c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
		}
		before := c.counts()
		for _, tt := range tests {
			name := tt.name + ", alone"
			if townshipsLoaded {
				name = tt.name + ", in a known county"
			}
			t.Run(name, func(t *testing.T) {
				c.t = t
				problem := c.refuse(c.request("DLTB", tt.path(t)))
				if !slices.Contains(tt.want, problem.Code) {
					t.Errorf("problem %s, want one of %v: %v", problem.Code, tt.want, problem)
				}
				if words := problem.Error() + strings.Join(problem.Errors, "\n"); !strings.Contains(words, tt.says) {
					t.Errorf("the problem does not name %q:\n%s", tt.says, words)
				}
				if after := c.counts(); after != before {
					t.Errorf("rows %s, before %s", after, before)
				}
			})
		}
		c.t = t
		if result := c.load(c.request("DLTB", good)); result.Features != 8 {
			t.Errorf("after all the bad files a good one gives %+v", result)
		}
	}
}

func pointLayer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "p.geojson")
	text := `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4546"}},
		"features":[{"type":"Feature","properties":{"BSM":"1"},"geometry":{"type":"Point","coordinates":[560000,4013000]}}]}`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ogr2ogr(t, "-f", "ESRI Shapefile", "-nln", "DLTB", filepath.Join(dir, "shp"), source)
	return zipFolder(t, filepath.Join(dir, "shp"), filepath.Join(dir, "points.zip"))
}

// Ensure that a declared CRS lets the same file in.
func TestDeclaredCRS(t *testing.T) {
	c := newCounty(t)
	path := shapefile(t, "DLTB", surveyOf(2))
	want := c.load(c.request("DLTB", path)).Version
	bare := zipFiles(t, without(unzip(t, path), ".prj"))
	req := c.request("DLTB", bare)
	problem := c.refuse(req)
	if problem.Code != "crs-undeclared" || len(problem.Errors) == 0 || problem.HintZH == "" {
		t.Errorf("problem %+v", problem)
	}
	// the same dataset, once declared
	req.Options.CRS = "EPSG:4525"
	if got := c.load(req); got.Version != want {
		t.Errorf("version %s, want %s", got.Version, want)
	}
	var status string
	var issues int
	c.scan(`SELECT status, (SELECT count(*) FROM dataset_issue i WHERE i.dataset_id = d.dataset_id AND severity = 'error') FROM dataset d WHERE dataset_id = $1`, []any{req.DatasetID}, &status, &issues)
	if status != "committed" || issues != 0 {
		t.Errorf("%s with %d errors: %v", status, issues, c.issues(req))
	}
}

// Ensure that what contradicts a declaration has a title and a hint of its own.
func TestProblemsOfDeclarationSayWhatToDo(t *testing.T) {
	c := newCounty(t)
	features := []feature{{box(0, 0, 100, 100), map[string]any{"BSM": "1", "HXMC": "西山水源保护区", "HXLX": "一级"}}}
	path := shapefile(t, "STBHHX", features) // GBK, with zone 37 in the eastings
	for _, tt := range []struct {
		options intake.Options
		code    string
		title   string
		says    string
	}{
		{intake.Options{CRS: "4490"}, "crs-conflict", "坐标与声明的坐标系矛盾", "4490"},
		{intake.Options{Zone: 38}, "crs-conflict", "坐标与声明的坐标系矛盾", "37"},
		{intake.Options{Encoding: "UTF-8"}, "encoding", "文字编码与声明不符", "西山水源保护区"},
		{intake.Options{Encoding: "Big5"}, "encoding", "文字编码与声明不符", "一级"},
	} {
		req := c.request("STBHHX", path)
		req.Options = tt.options
		problem := c.refuse(req)
		if problem.Code != tt.code || problem.TitleZH != tt.title || problem.TitleEN == "" || problem.HintZH == "" || problem.HintEN == "" ||
			!strings.Contains(problem.DetailZH, tt.says) {
			t.Errorf("%+v: problem %+v", tt.options, problem)
		}
	}
}

// Ensure that text which no encoding explains refuses its row by name.
func TestInvalidTextRefuses(t *testing.T) {
	c := newCounty(t)
	files := unzip(t, shapefile(t, "STBHHX", []feature{{box(0, 0, 100, 100), map[string]any{"BSM": "1", "HXMC": "西山", "HXLX": "XYZXYZ"}}}))
	for name, content := range files {
		if strings.HasSuffix(name, ".dbf") {
			files[name] = bytes.Replace(content, []byte("XYZXYZ"), []byte("\xff\xfe\xff\xffYZ"), 1)
		}
	}
	req := c.request("STBHHX", zipFiles(t, files))
	problem := c.refuse(req)
	if problem.Code != intake.ProblemRows || !slices.Contains(c.issues(req), "error text_invalid 1 HXLX") {
		t.Errorf("problem %v, report %v", problem, c.issues(req))
	}
}

// Ensure that an unclosed archive name such as an absolute path is refused, and
// that a symbolic link inside a zip leads nowhere.
func TestZipWithLink(t *testing.T) {
	c := newCounty(t)
	path := filepath.Join(t.TempDir(), "link.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	header := &zip.FileHeader{Name: "DLTB.shp"}
	header.SetMode(os.ModeSymlink | 0o777)
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = entry.Write([]byte("/etc/passwd"))
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if problem := c.refuse(c.request("DLTB", path)); !strings.HasPrefix(problem.Code, "archive") {
		t.Errorf("problem %v", problem)
	}
}

// Ensure that what is wrong with the installation or the request is no problem
// of the file: the dataset stays as it was, to be tried again.
func TestNotTheFilesFault(t *testing.T) {
	c := newCounty(t)
	path := shapefile(t, "DLTB", surveyOf(1))
	req := c.request("DLTB", path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var problem *intake.Problem
	if _, err := intake.Load(ctx, c.db, req, nil); err == nil || errors.As(err, &problem) {
		t.Errorf("a cancelled load gives %v", err)
	}
	missing := req
	missing.Path = filepath.Join(t.TempDir(), "gone.zip")
	if _, err := intake.Load(t.Context(), c.db, missing, nil); err == nil || errors.As(err, &problem) {
		t.Errorf("a lost upload gives %v", err)
	}
	if got := c.counts(); got != "0 0 0 0 0 0 0" {
		t.Errorf("rows %s", got)
	}
	c.load(req)
	unknown := c.request("NOSUCH", path)
	if problem := c.refuse(unknown); problem.Code != intake.ProblemKind {
		t.Errorf("problem %v", problem)
	}
}
