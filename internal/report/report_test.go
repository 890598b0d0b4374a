package report_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/xuri/excelize/v2"

	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/planning"
	"gengheng/internal/report"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	county = "149901"
	srid   = 4546
)

// planned is a made-up county whose plan has been made by the planning room.
type planned struct {
	t         testing.TB
	db        *store.DB
	run, plan uuid.UUID
}

func (p *planned) exec(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.db.Pool.Exec(p.t.Context(), sql, args...); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

func box(t testing.TB, x0, y0, x1, y1 float64) string {
	t.Helper()
	p := func(x, y float64) orb.Point { return orb.Point{560000 + x, 4013000 + y} }
	b, err := ewkb.Marshal(orb.MultiPolygon{{{p(x0, y0), p(x1, y0), p(x1, y1), p(x0, y1), p(x0, y0)}}}, srid)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// evil is text that spreadsheets would run as a formula.
const evil = `=HYPERLINK("http://example.invalid","x")`

// newPlan plans a county with one outgoing parcel in 东乡, covered by one
// incoming parcel of 西乡; a second incoming one is forbidden.
func newPlan(t testing.TB) *planned {
	t.Helper()
	p := &planned{t: t, db: storetest.New(t), run: uuid.NewSHA1(uuid.Nil, []byte("run")), plan: uuid.NewSHA1(uuid.Nil, []byte("plan"))}
	rules, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	p.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, rules.Hash, rules.ID, rules.Year, string(rules.Document))
	p.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '示例县（合成）', $2, true, $3)`, county, srid, rules.Hash)
	var refs []map[string]any
	ids := map[string]uuid.UUID{}
	for i, kind := range []string{"DLTB", "XZQ", "CANDIDATE_IN", "CANDIDATE_OUT"} {
		id := uuid.NewSHA1(uuid.Nil, []byte(kind))
		ids[kind] = id
		p.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '')`, county, id, kind)
		p.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, upload_id, file_name, file_sha256, features)
			VALUES ($1, $2, $3, 2025, 'committed', 'v1', $4, $2, $3, '', 1)`, county, id, kind, i)
		refs = append(refs, map[string]any{"kind": kind, "scope": "", "dataset_id": id, "version": "v1"})
	}
	datasets, err := json.Marshal(refs)
	if err != nil {
		t.Fatal(err)
	}
	p.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, area_m2, geom) VALUES ($1, $2, 1, 'XZQ', '149901100', '东乡', 0, $3), ($1, $2, 2, 'XZQ', '149901101', '西乡', 0, $4)`,
		county, ids["XZQ"], box(t, 0, 0, 500, 1000), box(t, 500, 0, 1000, 1000))
	p.exec(`INSERT INTO parcel (county_code, dataset_id, fid, dlbm, area_m2, geom) VALUES ($1, $2, 1, '0101', 0, $3)`, county, ids["DLTB"], box(t, 100, 100, 200, 200))
	p.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, datasets) VALUES ($1, $2, 2025, 'done', $3, $4)`, county, p.run, rules.Hash, datasets)
	candidate := func(direction, number, town, verdict, net, paddy, purpose, geom string) {
		kind := "CANDIDATE_" + strings.ToUpper(direction)
		p.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, village, base_dlbm, target_dlbm, purpose, method, area_m2, geom)
			VALUES ($1, $2, $3, $4, $5, $6, $7, '0201', '0103', $8, 'JKHF', 0, $9)`, county, ids[kind], len(number), direction, number, town, evil, purpose, geom)
		p.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, 10)`, county, p.run, direction, number, town, verdict, net, paddy)
	}
	candidate("out", "C1", "149901100", "eligible", "4999.99", "4999.99", "设施农用地", box(t, 150, 100, 200, 200))
	candidate("in", "J1", "149901101", "eligible", "6000.01", "5000.01", "", box(t, 600, 100, 700, 160))
	candidate("in", "-J22", "149901101", "forbidden", "1000.00", "0.00", "", box(t, 700, 100, 750, 120))
	p.exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind, layer_version, overlap_m2, share, message_zh, message_en, geom)
		VALUES ($1, $2, 1, 'in', '-J22', '149901101', 'IN-03a', 1, 'block', 'hit', 'STBHHX', 'v1', 1000.00, 1, '占用生态保护红线', 'in the red line', $3),
		       ($1, $2, 2, 'in', 'J1', '149901101', 'IN-07', 1, 'block', 'missing', 'TRHJ', '', NULL, NULL, '缺少图层', 'missing layer', NULL)`,
		county, p.run, box(t, 700, 100, 750, 120))
	p.exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status) VALUES ($1, $2, $3, 2025, 'running')`, county, p.plan, p.run)
	if err := planning.Run(t.Context(), p.db, county, p.plan, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *planned) workbook() []byte {
	p.t.Helper()
	var b bytes.Buffer
	if err := report.PlanWorkbook(p.t.Context(), p.db, county, p.plan, &b); err != nil {
		p.t.Fatal(err)
	}
	return b.Bytes()
}

func TestPlanWorkbook(t *testing.T) {
	p := newPlan(t)
	f, err := excelize.OpenReader(bytes.NewReader(p.workbook()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := "方案说明 分乡镇平衡表 转进地块清单 转出地块清单 调剂记录 筛查问题清单"
	if got := strings.Join(f.GetSheetList(), " "); got != want {
		t.Fatalf("sheets %s, want %s", got, want)
	}
	rows := map[string][][]string{}
	for _, sheet := range f.GetSheetList() {
		r, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		rows[sheet] = r
		if !strings.Contains(r[0][0], "合成数据") {
			t.Errorf("sheet %s does not say that the data are made up: %s", sheet, r[0][0])
		}
	}
	line := func(sheet string, row int, columns ...int) string {
		var cells []string
		for _, c := range columns {
			cells = append(cells, rows[sheet][row][c])
		}
		return strings.Join(cells, " ")
	}
	for _, c := range []struct{ sheet, got, want string }{
		{"header", line("分乡镇平衡表", 1, 1, 3, 4, 5), "乡镇代码 转进净面积（m²） 转进净面积（亩） 转进净面积（公顷）"},
		{"东乡", line("分乡镇平衡表", 2, 1, 2, 3, 6, 7, 8, 9, 16, 18, 20), "149901100 东乡 0 4999.99 7.5 0.499999 -4999.99 4999.99 0 0"},
		{"西乡", line("分乡镇平衡表", 3, 1, 2, 3, 6, 16, 18, 20), "149901101 西乡 6000.01 0 0 4999.99 1000.02"},
		{"合计", line("分乡镇平衡表", 4, 2, 3, 6, 16, 18, 20), "合计 6000.01 4999.99 4999.99 4999.99 1000.02"},
		{"in", line("转进地块清单", 3, 1, 3, 5, 6, 7, 8, 9, 12, 14), "J1 西乡 0201 果园 0103 旱地 即可恢复 是 6000.01 5000.01 10"},
		{"out", line("转出地块清单", 2, 1, 3, 7, 9, 10), "C1 东乡 设施农用地 是 4999.99"},
		{"transfer", line("调剂记录", 2, 2, 4, 5, 6), "西乡 东乡 数量 4999.99"},
		{"finding", line("筛查问题清单", 2, 1, 2, 4, 5, 6, 9, 12), "转进 '-J22 IN-03a 禁止 超出容差 1000 1"},
		{"missing", line("筛查问题清单", 3, 2, 6, 9), "J1 缺图层或材料 "},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.sheet, c.got, c.want)
		}
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	p := newPlan(t)
	f, err := excelize.OpenReader(bytes.NewReader(p.workbook()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for y, r := range rows {
			for x, text := range r {
				cell, err := excelize.CoordinatesToCellName(x+1, y+1)
				if err != nil {
					t.Fatal(err)
				}
				formula, err := f.GetCellFormula(sheet, cell)
				if err != nil || formula != "" {
					t.Errorf("%s!%s is the formula %q (%v)", sheet, cell, formula, err)
				}
				if strings.Contains(text, "HYPERLINK") {
					seen++
					if !strings.HasPrefix(text, "'=") {
						t.Errorf("%s!%s begins with an equals sign", sheet, cell)
					}
				}
			}
		}
	}
	if seen != 3 {
		t.Errorf("the village's name appears %d times, want 3", seen)
	}
}

func TestWorkbookIsRepeatable(t *testing.T) {
	p := newPlan(t)
	first := p.workbook()
	for range 5 {
		if !bytes.Equal(first, p.workbook()) {
			t.Fatal("the same plan gave other bytes")
		}
	}
}

func TestNothingIsWrittenOfAPlanThatIsNotDone(t *testing.T) {
	p := newPlan(t)
	p.exec(`UPDATE plan SET status = 'running'`)
	var b bytes.Buffer
	if err := report.PlanWorkbook(t.Context(), p.db, county, p.plan, &b); err == nil || b.Len() != 0 {
		t.Errorf("wrote %d bytes: %v", b.Len(), err)
	}
	if err := report.PlanWorkbook(t.Context(), p.db, county, uuid.New(), &b); err == nil || !strings.Contains(err.Error(), "没有方案") {
		t.Errorf("a plan that is not there: %v", err)
	}
}

// ogr asks GDAL's own command line what a file holds.
func ogr(t *testing.T, path, sql string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ogrinfo", "-ro", "-q", "-dialect", "SQLITE", "-sql", sql, path).CombinedOutput()
	if err != nil {
		t.Fatalf("ogrinfo: %v\n%s", err, out)
	}
	var fields []string
	for _, line := range strings.Split(string(out), "\n") {
		if _, value, found := strings.Cut(line, " = "); found {
			fields = append(fields, strings.TrimSpace(value))
		}
	}
	return strings.Join(fields, "; ")
}

func TestPlanGPKG(t *testing.T) {
	p := newPlan(t)
	child := geodatatest.Child(t)
	path := filepath.Join(t.TempDir(), "plan.gpkg")
	if err := report.PlanGPKG(context.Background(), p.db, county, p.plan, path, child); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, want string }{
		{`SELECT group_concat(number) n, sum(net_m2) m, round(sum(ST_Area(geom))) a, min(ST_SRID(geom)) s FROM "in"`, "J1; 6000.01; 6000; 4546"},
		{`SELECT group_concat(number) n, sum(net_m2) m, round(sum(ST_Area(geom))) a FROM "out"`, "C1; 4999.99; 5000"},
		{`SELECT count(*) n, min(from_name) f, max(to_name) t, min(ST_IsValid(geom)) v, min(ST_Area(geom) > 0) a FROM transfers`, "3; 西乡; 东乡; 1; 1"},
		{`SELECT amount_m2 FROM transfers WHERE measure = 'paddy'`, "4999.99"},
	} {
		if got := ogr(t, path, c.sql); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
}

func TestFindingsGPKG(t *testing.T) {
	p := newPlan(t)
	child := geodatatest.Child(t)
	path := filepath.Join(t.TempDir(), "findings.gpkg")
	write := func(path string, only report.OverlapFilter) {
		t.Helper()
		err := p.db.InTx(context.Background(), func(tx pgx.Tx) error {
			return report.FindingsGPKG(context.Background(), tx, county, p.run, only, path, child)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(path, report.OverlapFilter{})
	got := ogr(t, path, `SELECT count(*) n, count(geom) g, sum(overlap_m2) o, group_concat(clause) c, round(sum(ST_Area(geom))) a FROM findings`)
	if want := "2; 1; 1000; IN-03a,IN-07; 1000"; got != want {
		t.Errorf("findings %s, want %s", got, want)
	}
	for want, only := range map[string]report.OverlapFilter{
		"1; IN-03a": {Clauses: []string{"IN-03a"}},
		"1; IN-07":  {Clauses: []string{"IN-07", "IN-99"}},
		"0; (null)": {Least: "1000.01"},
	} {
		some := filepath.Join(t.TempDir(), "some.gpkg")
		write(some, only)
		if got := ogr(t, some, `SELECT count(*) n, group_concat(clause) c FROM findings`); got != want {
			t.Errorf("of %+v: findings %q, want %q", only, got, want)
		}
	}
}

func TestChinese(t *testing.T) {
	p := newPlan(t)
	var plan json.RawMessage
	if err := p.db.Pool.QueryRow(t.Context(), `SELECT summary FROM plan WHERE plan_id = $1`, p.plan).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	summary, err := json.Marshal(map[string]any{
		"county":     map[string]any{"code": county, "name": "示例县（合成）", "synthetic": true},
		"survey":     map[string]any{"parcels": 3000, "cultivated_m2": "12345678.90", "townships": 2},
		"layers":     []any{map[string]any{"kind": "DLTB", "version": "v1", "features": 3000}},
		"candidates": map[string]any{"in": 2, "out": 1},
		"verdicts":   map[string]any{"in": map[string]int{"eligible": 1, "forbidden": 1}, "out": map[string]int{"eligible": 1}},
		"findings": []any{map[string]any{"clause": "IN-07", "candidates": 1, "overlap_m2": "0.00"},
			map[string]any{"clause": "IN-03a", "candidates": 12, "overlap_m2": "1000.00"}},
		"plan": plan,
		"year": map[string]any{"year": 2025, "records": map[string]int{"carried": 2, "written_off": 1}, "townships": []any{
			map[string]any{"code": "149901101", "planned_in_m2": "6000.01", "accepted_in_m2": "6000.01", "recognised_in_m2": "5000.00", "planned_out_m2": "3000.00",
				"executed_out_m2": "3000.00", "recognised_out_m2": "3000.00", "transfer_in_m2": "0.00", "transfer_out_m2": "666.67", "carried_m2": "1333.33"},
			map[string]any{"code": "149901109", "planned_in_m2": "0.00", "accepted_in_m2": "0.00", "recognised_in_m2": "0.00", "planned_out_m2": "666.67",
				"executed_out_m2": "666.67", "recognised_out_m2": "1000.00", "transfer_in_m2": "666.67", "transfer_out_m2": "0.00", "carried_m2": "-333.33"}}},
		"seconds": map[string]float64{"load": 1.5, "screen": 2, "balance": 0.5, "year": 3, "total": 7},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := report.Chinese(summary)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "chinese.txt", got)
	if _, err := report.Chinese([]byte(`{"survey": {"cultivated_m2": 12}}`)); err == nil {
		t.Error("an area that is not a string was accepted")
	}
}
