package intake_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"gengheng/internal/intake"
)

const ridges = "耕地类型,坡度级,田坎系数\n" +
	"梯田,2,0.0836\nTT,3,12.5%\nTT,4级,0.1804\nTT,Ⅴ,0.2212\n坡地,2,0.0512\nPD,3,0.0721\nPD,4,0.0915\nPD,5,0.1102\n平地,1,0\n"

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func gbk(t *testing.T, s string) []byte {
	t.Helper()
	encoded, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// Ensure that the 田坎系数表 gives one version as UTF-8, as GBK and as workbook.
func TestRidgeTable(t *testing.T) {
	c := newCounty(t)
	var cells [][]any
	for _, line := range strings.Split(strings.TrimSpace(ridges), "\n")[1:] {
		parts := strings.Split(line, ",")
		cells = append(cells, []any{parts[0], parts[1], parts[2]})
	}
	version := ""
	for name, path := range map[string]string{
		"UTF-8 with BOM": write(t, "k.csv", []byte("\xef\xbb\xbf"+ridges)),
		"GBK":            write(t, "k.csv", gbk(t, ridges)),
		"workbook":       workbook(t, []any{"耕地类型", "坡度级", "田坎系数"}, cells...),
	} {
		req := c.request("KCXS", path)
		result := c.load(req)
		if version == "" {
			version = result.Version
		}
		if result.Version != version || result.Features != 9 {
			t.Errorf("%s: %+v, want version %s", name, result, version)
		}
		got := c.rows(`SELECT concat_ws('|', gdlx, gdpdjb, kcxs) FROM kcxs WHERE dataset_id = $1 AND gdpdjb IN ('1', '3', '5') ORDER BY gdlx, gdpdjb`, req.DatasetID)
		if want := []string{"|1|0.0000", "PD|3|0.0721", "PD|5|0.1102", "TT|3|0.1250", "TT|5|0.2212"}; !slices.Equal(got, want) {
			t.Errorf("%s: rows %v, want %v", name, got, want)
		}
		if slices.Contains(c.issues(req), "warning ridge_missing 0 GDPDJB") {
			t.Errorf("%s: report %v", name, c.issues(req))
		}
	}
}

// Ensure that every fault of the table is told by its row and stores nothing.
func TestRidgeTableFaults(t *testing.T) {
	c := newCounty(t)
	before := c.counts()
	for _, tt := range []struct {
		name, text, code, issue string
	}{
		{"per cent without sign", "GDLX,GDPDJB,KCXS\nTT,2,8.36\n", intake.ProblemRows, "error code_invalid 2 KCXS"},
		{"unknown type", "GDLX,GDPDJB,KCXS\nXX,2,0.1\n", intake.ProblemRows, "error code_invalid 2 GDLX"},
		{"class 6", "GDLX,GDPDJB,KCXS\nTT,6,0.1\n", intake.ProblemRows, "error code_invalid 2 GDPDJB"},
		{"twice", "GDLX,GDPDJB,KCXS\nTT,2,0.1\n梯田,2,0.2\n", intake.ProblemRows, "error code_invalid 3 GDPDJB"},
		{"no number", "GDLX,GDPDJB,KCXS\nTT,2,abc\n", intake.ProblemRows, "error number_unreadable 2 KCXS"},
		{"missing column", "GDLX,GDPDJB\nTT,2\n", intake.ProblemFields, ""},
		{"no header", "1,2,3\n4,5,6\n", intake.ProblemTable, ""},
		{"no rows", "GDLX,GDPDJB,KCXS\n", intake.ProblemEmpty, ""},
		{"empty", "", intake.ProblemTable, ""},
		{"binary", "\x00\x01\x02GDLX", intake.ProblemTable, ""},
		{"broken zip", "PK\x03\x04rubbish", intake.ProblemTable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := c.request("KCXS", write(t, "k.csv", []byte(tt.text)))
			problem := c.refuse(req)
			if problem.Code != tt.code || tt.issue != "" && !slices.Contains(c.issues(req), tt.issue) {
				t.Errorf("problem %+v, report %v; want %s with %s", problem, c.issues(req), tt.code, tt.issue)
			}
		})
	}
	if after := c.counts(); after != before {
		t.Errorf("rows %s, before %s", after, before)
	}
	req := c.request("KCXS", write(t, "k.csv", []byte("GDLX,GDPDJB,KCXS\nTT,2,0.1\n")))
	c.load(req)
	if !slices.Contains(c.issues(req), "warning ridge_missing 0 GDPDJB") {
		t.Error("an incomplete table is not told so")
	}
}

// Ensure that a spatial file taken for the table is called what it is.
func TestSpatialFileAsRidgeTable(t *testing.T) {
	c := newCounty(t)
	for _, tt := range []struct{ path, says string }{
		{shapefile(t, "DLTB", surveyOf(1)), "DLTB.shp"},
		{write(t, "DEM.tif", []byte("II*\x00....")), "TIFF"},
	} {
		problem := c.refuse(c.request("KCXS", tt.path))
		if problem.Code != intake.ProblemTable || !strings.Contains(problem.DetailZH, tt.says) || !strings.Contains(problem.DetailEN, tt.says) {
			t.Errorf("problem %v, want one that says %s", problem, tt.says)
		}
	}
}

// Ensure that no table, whatever its bytes, does worse than be refused.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte(ridges))
	f.Add([]byte("\xef\xbb\xbfGDLX,GDPDJB,KCXS\n\"TT,2"))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("GDLX\tGDPDJB\tKCXS\nTT\t2\t0.1"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, "t.csv")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := intake.ReadRidgeTable(path); err != nil && err.Error() == "" {
			t.Error("a refusal without words")
		}
	})
}
