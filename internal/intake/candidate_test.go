package intake_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gengheng/internal/intake"
)

// declared is a 转进 parcel with everything filled in.
func declared(number string, rings [][]float64) feature {
	return feature{rings, map[string]any{
		"SBBH": number, "XZDM": westTown, "XZMC": "西河镇", "CUN": "示例村", "TBBH": "1", "BSM": "149901100000000001",
		"DLBM": "0201", "SBMJ": officialArea(rings).Float64(), "NZDL": "0103", "YT": "", "HFFS": "JKHF", "GDLX": "TT",
		"SSZT": "示例合作社", "ZTLX": "村集体", "LYYJ": "林审〔2025〕1号", "QLRTY": "同意-1",
	}}
}

// workbook writes a 申报表: a title, a header, rows.
func workbook(t *testing.T, header []any, rows ...[]any) string {
	t.Helper()
	f := excelize.NewFile()
	for i, row := range append([][]any{{"2025 年转进申报表（合成）"}, header}, rows...) {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "申报表.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

const candidateRow = `SELECT concat_ws('|', direction, number, township_code, township_name, village, base_bsm, base_dlbm,
	target_dlbm, purpose, method, gdlx, actor, declared_m2, documents::text, attrs::text) FROM candidate WHERE dataset_id = $1 ORDER BY fid`

func (c *county) rows(sql string, args ...any) []string {
	c.t.Helper()
	rows, err := c.db.Pool.Query(c.t.Context(), sql, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			c.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// Ensure that a declaration's fields are stored under the project's names and
// documents are keyed by kind.
func TestLoadCandidates(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	second := declared("进-002", box(300, 0, 400, 100))
	second.props["DLBM"], second.props["NZDL"], second.props["HFFS"] = "果园（0201）", "旱地", "工程恢复"
	delete(second.props, "SBMJ")
	req := c.request("CANDIDATE_IN", shapefile(t, "declared", []feature{declared("进-001", box(0, 0, 100, 100)), second}))
	c.load(req)
	if got := c.issues(req); len(got) != 0 {
		t.Errorf("report %v", got)
	}
	tail := `{"LYYJ": "林审〔2025〕1号", "QLRTY": "同意-1"}|{"SSZT": "示例合作社", "TBBH": "1"}`
	want := []string{
		"in|进-001|149901100|西河镇|示例村|149901100000000001|0201|0103||JKHF|TT|村集体|" + officialArea(box(0, 0, 100, 100)).String() + "|" + tail,
		"in|进-002|149901100|西河镇|示例村|149901100000000001|0201|0103||GCHF|TT|村集体|" + tail,
	}
	if got := c.rows(candidateRow, req.DatasetID); !slices.Equal(got, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Ensure that each fault of a declaration is found where it is.
func TestCandidateFaults(t *testing.T) {
	tests := []struct {
		name    string
		scope   string
		spoil   func(f []feature)
		want    []string
		refused bool
	}{
		{"no number", "", func(f []feature) { f[1].props["SBBH"] = "" }, []string{"error number_missing 2 SBBH"}, true},
		{"number twice", "", func(f []feature) { f[1].props["SBBH"] = "1" }, []string{"error number_duplicate 2 SBBH"}, true},
		{"no township", "", func(f []feature) { f[0].props["XZDM"] = "" }, []string{"error township_invalid 1 XZDM"}, true},
		{"the township that declares", westTown, func(f []feature) { f[0].props["XZDM"] = "" }, nil, false},
		{"another township", eastTown, func(f []feature) { f[0].props["XZDM"] = eastTown }, []string{"error number_duplicate 1 SBBH", "warning township_elsewhere 1 XZDM", "error township_invalid 2 XZDM"}, true}, // 1 is in force of the western one
		{"unknown township", "", func(f []feature) { f[0].props["XZDM"] = "149901999" }, []string{"error township_invalid 1 XZDM"}, true},
		{"a village's code", "", func(f []feature) { f[0].props["XZDM"] = westTown + "201" }, nil, false},
		{"class in words", "", func(f []feature) { f[0].props["NZDL"] = "良田" }, []string{"warning class_unknown 1 NZDL"}, false},
		{"area in mu", "", func(f []feature) { f[0].props["SBMJ"] = 15.0 }, []string{"warning declared_area 1 SBMJ"}, false},
		{"declared twice", "", func(f []feature) { f[1].rings = box(90, 0, 300, 100) }, []string{"error candidates_overlap 2", "warning declared_area 2 SBMJ"}, false},
		{"a common edge", "", func(f []feature) { f[1] = declared("2", box(100, 0, 300, 100)) }, nil, false},
		{"in another county", "", func(f []feature) { f[1] = declared("2", box(40000, 0, 40100, 100)) }, []string{"error outside_county 2"}, true},
	}
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			features := []feature{declared("1", box(0, 0, 100, 100)), declared("2", box(200, 0, 300, 100))}
			tt.spoil(features)
			req := c.request("CANDIDATE_IN", shapefile(t, "declared", features))
			c.setScope(&req, tt.scope)
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

// Ensure that what a clause may ask for is neither empty nor called otherwise
// than in the rulebook, and that the target is possible.
func TestVocabularyOfDeclarations(t *testing.T) {
	c := newCounty(t)
	c.purposes, c.actors = []string{"园地", "绿化带"}, []string{"村集体", "工商企业"}
	for _, tt := range []struct {
		name       string
		kind       intake.Kind
		nzdl       string
		yt, ztlx   string
		want, says string
	}{
		{"out as it should be", intake.CandidateOut, "果园", "园地", "工商企业", "", ""},
		{"in has one purpose", intake.CandidateIn, "0101", "", "村集体", "", ""},
		{"another actor", intake.CandidateOut, "0301", "园地", "企业", "warning actor_invalid 1 ZTLX", "村集体、工商企业"},
		{"another purpose", intake.CandidateOut, "0301", "绿化", "村集体", "warning purpose_invalid 1 YT", "“绿化”"},
		{"nothing", intake.CandidateOut, "", "", "", "warning actor_invalid 1 ZTLX|warning purpose_invalid 1 YT|warning target_invalid 1 NZDL", "为空"},
		{"no actor of 转进", intake.CandidateIn, "0103", "", "", "warning actor_invalid 1 ZTLX", "为空"},
		{"out to farmland", intake.CandidateOut, "0101", "园地", "村集体", "warning target_invalid 1 NZDL", "仍是耕地"},
		{"out to bare rock", intake.CandidateOut, "1206", "园地", "村集体", "warning target_invalid 1 NZDL", "裸土地"},
		{"out to mangroves", intake.CandidateOut, "0303", "园地", "村集体", "warning target_invalid 1 NZDL", "红树林地"},
		{"out to no class", intake.CandidateOut, "9999", "园地", "村集体", "warning class_unknown 1 NZDL", "9999"},
		{"in to forest", intake.CandidateIn, "0301", "", "村集体", "warning target_invalid 1 NZDL", "不是耕地"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := declared("1", box(0, 0, 100, 100))
			f.props["NZDL"], f.props["YT"], f.props["ZTLX"] = tt.nzdl, tt.yt, tt.ztlx
			req := c.request(tt.kind, shapefile(t, "declared", []feature{f}))
			c.load(req)
			if got := strings.Join(c.issues(req), "|"); got != tt.want {
				t.Errorf("report %s, want %s", got, tt.want)
			}
			if said := strings.Join(c.rows(`SELECT message_zh FROM dataset_issue WHERE dataset_id = $1`, req.DatasetID), "\n"); !strings.Contains(said, tt.says) {
				t.Errorf("the report says %q, not %q", said, tt.says)
			}
		})
	}
}

// Ensure that a declaration which contradicts the maps is told so: the township
// it lies in, the patch under it, and what the survey has there.
func TestDeclarationAgainstTheMaps(t *testing.T) {
	c := newCounty(t)
	c.load(c.request("XZQ", shapefile(t, "XZQ", townships())))
	// patches of 250 m by 200 m in columns: orchard, track, field and so on
	c.load(c.request("DLTB", shapefile(t, "DLTB", surveyOf(4))))
	for _, tt := range []struct {
		name  string
		rings [][]float64
		bsm   string
		class string
		want  string
		says  string
	}{
		{"as declared", box(0, 0, 250, 200), "149901100000000001", "0201", "", ""},
		{"a hand's breadth over", box(0, 0, 250, 200.01), "149901100000000001", "0201", "", ""},
		{"no BSM, no class", box(0, 0, 250, 200), "", "", "", ""},
		{"most of it elsewhere", box(700, 0, 1400, 200), "", "", "warning township_elsewhere 1 XZDM", "57% 在乡镇 149901101"},
		{"less than half of it elsewhere", box(700, 0, 1200, 200), "", "", "", ""},
		{"another patch", box(0, 0, 250, 200), "149901100000000007", "0201", "warning base_patch 1 BSM", "149901100000000001"},
		{"no such patch", box(0, 0, 250, 200), "149901109999999999", "0201", "warning base_patch 1 BSM", "100%"},
		{"another class", box(0, 200, 250, 400), "149901100000000002", "0201", "warning base_class 1 DLBM", "1006 农村道路 占 100.0%"},
		{"partly another class", box(0, 0, 250, 250), "149901100000000001", "0201", "warning base_class 1 DLBM", "占 20.0%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := declared("1", tt.rings)
			f.props["BSM"], f.props["DLBM"] = tt.bsm, tt.class
			req := c.request(intake.CandidateIn, shapefile(t, "declared", []feature{f}))
			c.load(req)
			if got := strings.Join(c.issues(req), "|"); got != tt.want {
				t.Errorf("report %s, want %s", got, tt.want)
			}
			if said := strings.Join(c.rows(`SELECT message_zh FROM dataset_issue WHERE dataset_id = $1`, req.DatasetID), "\n"); !strings.Contains(said, tt.says) {
				t.Errorf("the report says %q, not %q", said, tt.says)
			}
		})
	}
}

// Ensure that the 申报表 fills what the boundaries leave empty and wins where
// they differ, and that rows which match nothing are told.
func TestWorkbookBesideBoundaries(t *testing.T) {
	c := newCounty(t)
	bare := func(number string, x float64) feature {
		return feature{box(x, 0, x+100, 100), map[string]any{"SBBH": number, "CUN": "甲村"}}
	}
	boundaries := shapefile(t, "declared", []feature{bare("1", 0), bare("2", 200)})
	header := []any{"序号", "申报编号", "乡镇代码", "村", "现状地类", "拟转地类", "申报面积（亩）", "权利人同意书号"}
	row := func(number, village string) []any {
		return []any{1, number, westTown, village, "果园", "0103", 15, "同意-" + number}
	}
	req := c.request("CANDIDATE_IN", boundaries)
	req.Options.Workbook = workbook(t, header, row("1", "甲村"), row("2", "乙村"))
	c.load(req)
	if got := c.issues(req); !slices.Equal(got, []string{"warning table_contradicts 2 CUN"}) {
		t.Errorf("report %v, want the contradiction", got)
	}
	got := c.rows(`SELECT concat_ws('|', number, village, base_dlbm, declared_m2, documents::text) FROM candidate WHERE dataset_id = $1 ORDER BY fid`, req.DatasetID)
	if wantRows := []string{`1|甲村|0201|10000.00|{"QLRTY": "同意-1"}`, `2|乙村|0201|10000.00|{"QLRTY": "同意-2"}`}; !slices.Equal(got, wantRows) {
		t.Errorf("rows %v, want %v", got, wantRows)
	}

	req = c.request("CANDIDATE_IN", boundaries)
	req.Options.Workbook = workbook(t, header, row("1", "甲村"), row("3", "乙村"))
	c.setScope(&req, westTown)
	c.refuse(req)
	if got := c.issues(req); !slices.Contains(got, "error unmatched 0 SBBH") || !slices.Contains(got, "warning unmatched 2 SBBH") {
		t.Errorf("report %v", got)
	}
}

// Ensure that a 申报表 alone takes whole patches from the current survey, and
// nothing else.
func TestWorkbookAlone(t *testing.T) {
	c := newCounty(t)
	header := []any{"申报编号", "乡镇代码", "图斑编号", "标识码", "申报面积(m²)", "拟转地类"}
	area := officialArea(box(0, 0, 250, 200)).Float64()
	good := workbook(t, header,
		[]any{"1", westTown, "", "149901100000000001", area, "0103"},
		[]any{"2", westTown, "2", "", "", "0103"})
	if problem := c.refuse(c.request("CANDIDATE_IN", good)); problem.Code != intake.ProblemBase {
		t.Errorf("without a survey: %v", problem)
	}
	c.load(c.request("DLTB", shapefile(t, "DLTB", surveyOf(4))))
	req := c.request("CANDIDATE_IN", good)
	c.load(req)
	var same int
	c.scan(`SELECT count(*) FROM candidate c JOIN parcel p USING (county_code, fid) WHERE c.dataset_id = $1 AND ST_Equals(c.geom, p.geom) AND c.area_m2 = p.area_m2`, []any{req.DatasetID}, &same)
	if same != 2 {
		t.Errorf("%d candidates are whole patches, want 2", same)
	}
	req = c.request("CANDIDATE_IN", workbook(t, header,
		[]any{"1", westTown, "", "149901100000000001", area / 2, "0103"},
		[]any{"2", westTown, "99", "", "", "0103"},
		[]any{"3", "149901", "1", "", "", "0103"},
		[]any{"4", westTown, "", "", "", "0103"}))
	c.refuse(req)
	got := strings.Join(c.issues(req), "\n")
	// row 5 names no township, which is found before its patch could be of use
	if want := "error unmatched 3 SBMJ\nerror unmatched 4 TBBH\nerror township_invalid 5 XZDM\nerror unmatched 6 BSM"; got != want {
		t.Errorf("report\n%s\nwant\n%s", got, want)
	}
}

// Ensure that the 进出平衡 coordinate TXT is taken, numbered by its names.
func TestCoordinateText(t *testing.T) {
	c := newCounty(t)
	path := filepath.Join(t.TempDir(), "转进.txt")
	text := "[地块坐标]\r5,西河镇001,面,转进,@ \rJ1,1,37560000.000,4013000.000\rJ2,1,37560100.000,4013000.000\r" +
		"J3,1,37560100.000,4013100.000\rJ4,1,37560000.000,4013100.000\rJ1,1,37560000.000,4013000.000\r"
	encoded, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(encoded), 0o644); err != nil {
		t.Fatal(err)
	}
	req := c.request("CANDIDATE_IN", path)
	c.setScope(&req, westTown)
	c.load(req)
	got := c.rows(`SELECT concat_ws('|', number, township_code, purpose, area_m2) FROM candidate WHERE dataset_id = $1`, req.DatasetID)
	if want := []string{"西河镇001|149901100||" + officialArea(box(0, 0, 100, 100)).String()}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v; report %v", got, want, c.issues(req))
	}
}
