package planning_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/balance"
	"gengheng/internal/planning"
)

// fourParcels is small enough to solve by hand: a field of 100 m by 100 m whose
// eastern half wants to leave, and two places of equal worth that could come
// in, one against what stays of the field, one apart.
//
//	y=350             ┌─────────┐
//	y=300             │   far   │
//	y=250 ┌─────────┐ └─────────┘
//	      │  near   │300       400
//	y=200 ├────┬────┤
//	      │ F  │ C1 │
//	y=100 └────┴────┘
//	     100  150  200
func fourParcels(f *fixture) {
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "5000.00", quality: "10", geom: box(150, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "near", township: east, net: "5000.00", quality: "10", geom: box(100, 200, 200, 250)})
	f.candidate(declared{direction: "in", number: "far", township: east, net: "5000.00", quality: "10", geom: box(300, 300, 400, 350)})
}

func TestFourParcelsByHand(t *testing.T) {
	// With λ = 1, 7.5 亩 each, (200 + 200)·7.5 = 3000 to bring one in that meets
	// no priority, and 1000·7.5 to refuse:
	//
	//	refuse, nothing in   100×100                          7500 + 400
	//	go, near in          F and near share 50 m            3000 + 300 + 300 − 100
	//	go, far in           nothing shared                   3000 + 300 + 300
	//	go, nothing in       breaks the balance
	f := newCounty(t)
	fourParcels(f)
	id, s := f.solve("by hand", map[string]any{"lambda": 1, "in_cost": 200, "refusal_cost": 1000, "gap": 0,
		"weights": map[string]any{"IN-P1": 60, "IN-P2": 30, "IN-P3": 30, "IN-P4": 60, "IN-P5": 20}})
	chosen := f.chosen(id)
	if !chosen["out/C1"] || !chosen["in/near"] || chosen["in/far"] {
		t.Fatalf("chosen %v", chosen)
	}
	if s.Status != "optimal" || *s.Objective != 3000+500 {
		t.Errorf("%s with objective %v, want optimal with 3500", s.Status, *s.Objective)
	}
	if s.Captured == nil || *s.Captured != 1 {
		t.Errorf("captured %v, want all of it", s.Captured)
	}
	if s.PerimeterBefore != 400 || s.PerimeterAfter != 500 || s.PatchesBefore != 1 || s.PatchesAfter != 1 {
		t.Errorf("perimeter %v → %v m, patches %d → %d", s.PerimeterBefore, s.PerimeterAfter, s.PatchesBefore, s.PatchesAfter)
	}
	for _, c := range []struct{ direction, number, begins, contains, ends string }{
		{"in", "near", "选入：新增耕地净面积 5000.00 m²（7.50 亩）；整治代价 3000.0，", "，选入使耕地边界增加 200.0 m（代价 200.0）。", "。"},
		{"in", "far", "未选：可新增耕地净面积 5000.00 m²（7.50 亩）；整治代价 3000.0，", "，选入使耕地边界增加 300.0 m（代价 300.0）。", "选入不划算。"},
		{"out", "C1", "同意转出：减少耕地净面积 5000.00 m²（7.50 亩）；不同意的代价 7500.0，", "平衡价值", "同意转出更划算。"},
	} {
		got := f.text(`SELECT reason_zh FROM plan_parcel WHERE plan_id = $1 AND direction = $2 AND number = $3`, id, c.direction, c.number)
		if !strings.HasPrefix(got, c.begins) || !strings.Contains(got, c.contains) || !strings.HasSuffix(got, c.ends) {
			t.Errorf("%s/%s: %s", c.direction, c.number, got)
		}
	}
	if got := fmt.Sprint(s.County.In, s.County.Out); got != "5000.00 5000.00" {
		t.Errorf("county in and out: %s", got)
	}
}

func TestOneTownshipCoversForAnother(t *testing.T) {
	f := newCounty(t)
	f.parcel("0101", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "4999.99", paddy: "4999.99", quality: "10", geom: box(150, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "J1", township: west, net: "6000.01", paddy: "5000.01", quality: "9", geom: box(600, 100, 700, 160)})
	id, s := f.solve("transfer", map[string]any{})
	if chosen := f.chosen(id); !chosen["out/C1"] || !chosen["in/J1"] {
		t.Fatalf("chosen %v", chosen)
	}
	// Quality: 4999.99·(16−10)/15 = 1999.996 → 2000.00 m² of grade 1.
	got := f.text(`SELECT string_agg(from_township || '>' || to_township || ' ' || measure || ' ' || amount_m2, '; ' ORDER BY measure) FROM plan_transfer WHERE plan_id = $1`, id)
	if want := "149901101>149901100 area 4999.99; 149901101>149901100 paddy 4999.99; 149901101>149901100 quality 2000.00"; got != want {
		t.Errorf("transfers %s, want %s", got, want)
	}
	got = f.text(`SELECT string_agg(concat_ws(' ', name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2), '; ' ORDER BY township_code) FROM plan_township WHERE plan_id = $1`, id)
	if want := "东乡 0.00 4999.99 0.00 4999.99 4999.99 0.00; 西乡 6000.01 0.00 5000.01 0.00 0.00 4999.99"; got != want {
		t.Errorf("townships %s, want %s", got, want)
	}
	if s.Transfers != 3 || *s.GradeIn != 9 || *s.GradeOut != 10 {
		t.Errorf("%d transfers, grades %v and %v", s.Transfers, *s.GradeIn, *s.GradeOut)
	}
}

func TestAMissingHundredthRefuses(t *testing.T) {
	f := newCounty(t)
	f.parcel("0101", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "5000.00", quality: "10", geom: box(150, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "J1", township: west, net: "4999.99", quality: "5", geom: box(600, 100, 700, 160)})
	id, s := f.solve("short", map[string]any{})
	if chosen := f.chosen(id); chosen["out/C1"] || chosen["in/J1"] {
		t.Fatalf("chosen %v, want the request refused and nothing brought in", chosen)
	}
	if s.Status != "optimal" || s.PerimeterAfter != s.PerimeterBefore {
		t.Errorf("%s, perimeter %v → %v", s.Status, s.PerimeterBefore, s.PerimeterAfter)
	}
}

func TestPoorLandDoesNotPayForGoodLand(t *testing.T) {
	f := newCounty(t)
	f.parcel("0101", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "5000.00", quality: "5", geom: box(150, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "J1", township: east, net: "5000.00", quality: "12", geom: box(100, 200, 200, 250)})
	id, _ := f.solve("strict", map[string]any{})
	if f.chosen(id)["out/C1"] {
		t.Error("land of grade 5 went for as much land of grade 12")
	}
	id, _ = f.solve("lax", map[string]any{"enforce": map[string]any{"quality": false}})
	if !f.chosen(id)["out/C1"] {
		t.Error("refused although quality is not enforced")
	}
}

func TestOnlyWhatTheScreeningLetsThroughTakesPart(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "1000.00", quality: "10", geom: box(180, 100, 200, 150)})
	for i, v := range []string{"needs_review", "forbidden", "unknown"} {
		f.candidate(declared{direction: "in", number: v, verdict: v, township: east, net: "1020.00", quality: "10", geom: box(300+100*float64(i), 100, 350+100*float64(i), 200)})
		f.candidate(declared{direction: "out", number: v, verdict: v, township: east, net: "10.00", quality: "10", geom: box(100, 100+10*float64(i), 101, 110+10*float64(i))})
	}
	id, s := f.solve("without review", map[string]any{})
	for key, chosen := range f.chosen(id) {
		if chosen {
			t.Errorf("%s was chosen", key)
		}
	}
	if s.Out.TookPart != 1 || s.In.TookPart != 0 || s.In.Candidates != 3 {
		t.Errorf("in %+v, out %+v", s.In, s.Out)
	}
	if got := f.text(`SELECT coalesce(string_agg(number, ',' ORDER BY number), '') FROM plan_parcel WHERE plan_id = $1 AND takes_part <> (reason_zh NOT LIKE '未参与平衡%')`, id); got != "" {
		t.Errorf("takes_part says otherwise than the reason of %s", got)
	}
	if got := f.text(`SELECT takes_part || ' ' || reason_zh FROM plan_parcel WHERE plan_id = $1 AND direction = 'in' AND number = 'forbidden'`, id); got != "false 未参与平衡：筛查结论为“禁止”（IN-03a 占用生态保护红线）。" {
		t.Errorf("reason %q", got)
	}
	id, _ = f.solve("with review", map[string]any{"include_review": true})
	chosen := f.chosen(id)
	if !chosen["in/needs_review"] || !chosen["out/C1"] || chosen["in/forbidden"] || chosen["in/unknown"] || chosen["out/forbidden"] || chosen["out/unknown"] {
		t.Errorf("chosen %v", chosen)
	}
}

func TestWhatTheStateOrdersIsNotBalanced(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "5000.00", quality: "10", exempt: true, geom: box(150, 100, 200, 200)})
	id, s := f.solve("exempt", map[string]any{})
	if !f.chosen(id)["out/C1"] {
		t.Error("生态退耕 was not taken up")
	}
	if s.County.Out.String() != "0.00" || s.PerimeterAfter != 300 {
		t.Errorf("out %s m², perimeter after %v m", s.County.Out, s.PerimeterAfter)
	}
}

// Of a parcel that a clipped candidate cuts, the clipped part and the rest
// stay, and a drawing that is off by a hand's width leaves no field behind.
func TestTheRestOfAParcelStays(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.parcel("0103", box(200, 100, 300, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, verdict: "eligible_after_clip", net: "4900.00", quality: "10",
		geom: box(140, 100.03, 199.97, 199.97), remainder: box(150, 100.03, 199.97, 199.97)})
	f.candidate(declared{direction: "in", number: "J1", township: east, net: "5000.00", quality: "10", geom: box(300, 300, 400, 350)})
	id, s := f.solve("rest", map[string]any{})
	if chosen := f.chosen(id); !chosen["out/C1"] || !chosen["in/J1"] {
		t.Fatalf("chosen %v", chosen)
	}
	if s.PerimeterBefore != 600 || s.PatchesBefore != 1 {
		t.Errorf("before: %v m in %d patches, want the 600 m of one field", s.PerimeterBefore, s.PatchesBefore)
	}
	// 50×100 west of it, 100×100 east of it, and what came in.
	if s.PerimeterAfter != 300+400+300 || s.PatchesAfter != 3 {
		t.Errorf("after: %v m in %d patches, want 1000 m in 3", s.PerimeterAfter, s.PatchesAfter)
	}
}

func TestTracksAndTheCountysBorderAreNoPerimeter(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(0, 0, 100, 100)) // in the county's south-western corner
	f.parcel("1006", box(100, 0, 103, 100))
	f.parcel("0103", box(103, 0, 200, 100))
	f.parcel("0301", box(200, 0, 203, 100))
	f.parcel("0103", box(203, 0, 300, 100))
	_, s := f.solve("tracks", map[string]any{})
	// North sides 100 + 97 + 97, both sides of the strip of wood, the east.
	if s.PerimeterBefore != 294+200+100 || s.PatchesBefore != 2 {
		t.Errorf("%v m in %d patches, want 594 m in 2", s.PerimeterBefore, s.PatchesBefore)
	}
	_, s = f.solve("no tracks", map[string]any{"track_width_m": 2})
	if s.PerimeterBefore != 294+200+200+100 || s.PatchesBefore != 3 {
		t.Errorf("%v m in %d patches, want 794 m in 3", s.PerimeterBefore, s.PatchesBefore)
	}
}

func TestTwoCandidatesCannotHaveTheSameLand(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "5000.00", quality: "10", geom: box(150, 100, 200, 200)})
	for i, number := range []string{"J1", "J2"} {
		f.candidate(declared{direction: "in", number: number, township: east, net: "3000.00", quality: "10",
			geom: box(300+20*float64(i), 100, 330+20*float64(i), 200)})
	}
	id, _ := f.solve("overlap", map[string]any{})
	if chosen := f.chosen(id); chosen["in/J1"] || chosen["in/J2"] || chosen["out/C1"] {
		t.Errorf("chosen %v: the 5000 m² can only be covered by counting land twice", chosen)
	}
}

func TestAParcelFarFromAnyFieldIsTooSmall(t *testing.T) {
	f := newCounty(t)
	f.parcel("0103", box(100, 100, 200, 200))
	f.candidate(declared{direction: "out", number: "C1", township: east, net: "200.00", quality: "10", geom: box(198, 100, 200, 200)})
	f.candidate(declared{direction: "in", number: "J1", township: east, net: "300.00", quality: "1", geom: box(400, 400, 420, 415)})
	id, _ := f.solve("small", map[string]any{})
	if f.chosen(id)["in/J1"] {
		t.Error("a patch of 300 m² came in")
	}
	id, _ = f.solve("any size", map[string]any{"min_patch_m2": 0})
	if !f.chosen(id)["in/J1"] {
		t.Error("not chosen without a minimum patch")
	}
}

func TestNoPlanCanKeepTheRules(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	id, s := f.solve("impossible", map[string]any{"chosen": []string{"out/C1"}, "not_chosen": []string{"in/near", "in/far"}})
	if s.Status != "infeasible" || s.Objective != nil {
		t.Fatalf("status %s, objective %v", s.Status, s.Objective)
	}
	if len(s.Shortfalls) == 0 || !strings.Contains(s.Message, "短缺 ") {
		t.Errorf("message %q", s.Message)
	}
	if got := f.text(`SELECT certificate->>'status' FROM plan WHERE plan_id = $1`, id); got != "infeasible" {
		t.Errorf("certificate status %s", got)
	}
	for key, chosen := range f.chosen(id) {
		if chosen {
			t.Errorf("%s is chosen in a plan that there is not", key)
		}
	}
}

func TestWhatCannotBePlannedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*fixture)
		options map[string]any
		kind    string
	}{
		"an unknown option":       {nil, map[string]any{"lamda": 3}, "plan-options"},
		"a negative weight":       {nil, map[string]any{"weights": map[string]any{"IN-P1": -1}}, "plan-options"},
		"a weight of no priority": {nil, map[string]any{"weights": map[string]any{"IN-03a": 1}}, "plan-options"},
		"a lock on nothing":       {nil, map[string]any{"chosen": []string{"in/none"}}, "plan-options"},
		"locked both ways":        {nil, map[string]any{"chosen": []string{"in/far"}, "not_chosen": []string{"in/far"}}, "plan-options"},
		"a screening that is not done": {func(f *fixture) {
			f.exec(`UPDATE screening_run SET status = 'running'`)
		}, nil, "screening-not-done"},
		"no townships": {func(f *fixture) {
			f.exec(`UPDATE screening_run SET datasets = (SELECT jsonb_agg(d) FROM jsonb_array_elements(datasets) d WHERE d->>'kind' <> 'XZQ')`)
		}, nil, "layer-missing"},
		"a township that is not there": {func(f *fixture) {
			f.exec(`UPDATE verdict SET township_code = '149901999' WHERE number = 'far'`)
		}, nil, "unknown-township"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newCounty(t)
			fourParcels(f)
			if c.spoil != nil {
				c.spoil(f)
			}
			if c.options == nil {
				c.options = map[string]any{}
			}
			id := f.plan(name, c.options)
			err := planning.Run(t.Context(), f.db, county, id, nil)
			var r *planning.Refusal
			if !errors.As(err, &r) || r.Kind != c.kind {
				t.Fatalf("%v, want a refusal of kind %s", err, c.kind)
			}
			if got := f.text(`SELECT status || ' ' || (problem->>'type') FROM plan WHERE plan_id = $1`, id); got != "failed urn:gengheng:problem:"+c.kind {
				t.Errorf("the row says %q", got)
			}
			if n := f.text(`SELECT count(*)::text FROM plan_parcel WHERE plan_id = $1`, id); n != "0" {
				t.Errorf("%s rows of a plan that failed", n)
			}
		})
	}
}

func TestTheSameInputGivesTheSamePlan(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	first, _ := f.solve("first", map[string]any{})
	second, _ := f.solve("second", map[string]any{})
	if a, b := f.rows(first), f.rows(second); a != b {
		t.Errorf("two plans of one screening differ:\n%s\n\n%s", a, b)
	}
	before := f.rows(first)
	if err := planning.Run(t.Context(), f.db, county, first, nil); err != nil {
		t.Fatal(err)
	}
	if after := f.rows(first); after != before {
		t.Error("a repeated run changed a plan that was done")
	}
	// An attempt that died after its rows were written by another one.
	f.exec(`UPDATE plan SET status = 'running' WHERE plan_id = $1`, first)
	if err := planning.Run(t.Context(), f.db, county, first, nil); err != nil {
		t.Fatal(err)
	}
	if after := f.rows(first); after != before {
		t.Error("a second attempt gave another plan")
	}
}

func TestAStoppedRunWritesNothing(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	id := f.plan("stopped", map[string]any{})
	ctx, cancel := context.WithCancel(t.Context())
	err := planning.Run(ctx, f.db, county, id, func(stage string, done, total int64) {
		if done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context.Canceled", err)
	}
	if got := f.text(`SELECT status || (SELECT count(*) FROM plan_parcel) FROM plan WHERE plan_id = $1`, id); got != "running0" {
		t.Errorf("left behind: %s", got)
	}
}

// Anyone can take the stored files and check the plan without a database.
func TestTheArtifactsVerify(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	id, _ := f.solve("artifacts", map[string]any{})
	dir := t.TempDir()
	for _, name := range []string{"problem", "solution"} {
		var content []byte
		if err := f.db.Pool.QueryRow(t.Context(), `SELECT content FROM plan_artifact WHERE plan_id = $1 AND name = $2`, id, name).Scan(&content); err != nil {
			t.Fatal(err)
		}
		unpack(t, content, filepath.Join(dir, name))
	}
	report, err := balance.VerifyDir(filepath.Join(dir, "problem"), filepath.Join(dir, "solution"))
	if err != nil || report.Status != balance.Optimal || *report.Objective != 3500 {
		t.Fatalf("%+v: %v", report, err)
	}
	units, err := os.ReadFile(filepath.Join(dir, "problem", "units.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want := "unit,cost,fixed\ndltb/1,0,1\nout/C1,7500,\nin/far,3000,\nin/near,3000,\nother-land,0,0\n"
	if string(units) != want {
		t.Errorf("units.csv is\n%s\nwant\n%s", units, want)
	}
}
