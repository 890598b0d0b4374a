package planning_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/planning"
)

func raw(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ample is a limit that tiny counties never need.
const ample = 20 * time.Second

const owner = "合成甲"

func (f *fixture) open(l *planning.Sessions, owner string, in planning.Opening) *planning.Session {
	f.t.Helper()
	in.County, in.Limit = county, ample
	if in.PlanID == nil {
		in.RunID = f.run
	}
	s, err := l.Open(f.t.Context(), owner, in)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fixture) change(s *planning.Session, a planning.Adjustment) *planning.Draft {
	f.t.Helper()
	a.Limit = ample
	d, err := s.Change(f.t.Context(), a)
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

func chosenIn(d *planning.Draft) string {
	var keys []string
	for _, p := range d.Parcels {
		if p.Chosen {
			keys = append(keys, p.Direction+"/"+p.Number)
		}
	}
	return strings.Join(keys, " ")
}

// Options that change which land there is, and how it hangs together, are
// answered from what is read anew, like those that a plan of these options reads.
func TestASessionReadsAnewWhatItHasTo(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	f.candidate(declared{direction: "in", number: "review", verdict: "needs_review", township: east, net: "5000.00", quality: "1", geom: box(50, 100, 100, 200),
		scores: map[string]float64{"IN-P1": 1, "IN-P2": 1, "IN-P3": 1, "IN-P4": 1, "IN-P5": 1}})
	f.parcel("1006", box(200, 100, 205, 200)) // a track
	f.parcel("0103", box(205, 100, 300, 200))
	s := f.open(planning.NewSessions(f.db, planning.Limits{}), owner, planning.Opening{Options: raw(t, map[string]any{"gap": 0})})
	if d := s.Draft(); d.Timing.Rebuilt || strings.Contains(chosenIn(d), "review") {
		t.Fatalf("%+v", d)
	}
	for _, c := range []struct {
		name    string
		options map[string]any
		rebuilt bool
	}{
		{"review", map[string]any{"include_review": true}, true},
		{"λ", map[string]any{"lambda": 3}, false},
		{"narrow tracks", map[string]any{"track_width_m": 1}, true},
		{"patches", map[string]any{"min_patch_m2": 6000}, false},
		{"back", map[string]any{"include_review": false, "track_width_m": 8, "min_patch_m2": 400, "lambda": 1}, true},
	} {
		d := f.change(s, planning.Adjustment{Options: raw(t, c.options)})
		if d.Timing.Rebuilt != c.rebuilt {
			t.Errorf("%s: rebuilt %v", c.name, d.Timing.Rebuilt)
		}
		whole := s.Draft()
		id, fresh := f.solve(c.name, map[string]any{"gap": 0, "include_review": d.Options.IncludeReview, "track_width_m": d.Options.TrackWidth,
			"min_patch_m2": d.Options.MinPatch, "lambda": d.Options.Lambda})
		if *fresh.Objective != *whole.Certificate.Objective || fresh.Status != whole.Status || fresh.PerimeterAfter != whole.PerimeterAfter || fresh.County != whole.Summed {
			t.Errorf("%s: the session has %s at %v, a plan %s at %v", c.name, whole.Status, *whole.Certificate.Objective, fresh.Status, *fresh.Objective)
		}
		for _, p := range whole.Parcels {
			if f.chosen(id)[p.Direction+"/"+p.Number] != p.Chosen {
				t.Errorf("%s: %s/%s chosen %v in the session only", c.name, p.Direction, p.Number, p.Chosen)
			}
		}
	}
}

// What is saved is what was shown, row by row, and opens again as it is.
func TestASessionIsSavedAsShown(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	l := planning.NewSessions(f.db, planning.Limits{})
	s := f.open(l, owner, planning.Opening{Options: raw(t, map[string]any{"gap": 0, "refusal_cost": 10000})})
	f.change(s, planning.Adjustment{NotChosen: []string{"out/C1"}, Options: raw(t, map[string]any{"lambda": 2})})
	none := func(pgx.Tx, uuid.UUID) error { return nil }
	saved, err := s.Save(t.Context(), 2, "情景", "", none)
	if err != nil {
		t.Fatal(err)
	}
	// the same options planned from nothing, where the optimum is the only one
	again, _ := f.solve("the same", map[string]any{"gap": 0, "refusal_cost": 10000, "not_chosen": []string{"out/C1"}, "lambda": 2})
	rows := func(id uuid.UUID) string {
		return f.text(`SELECT string_agg(concat_ws('|', direction, number, chosen, net_m2, geom::text), E'\n' ORDER BY direction, number) FROM plan_parcel WHERE plan_id = $1`, id) +
			f.text(`SELECT string_agg(concat_ws('|', township_code, in_m2, out_m2, transfer_in_m2, transfer_out_m2), E'\n' ORDER BY township_code) FROM plan_township WHERE plan_id = $1`, id) +
			f.text(`SELECT md5(content) FROM plan_artifact WHERE plan_id = $1 AND name = 'problem'`, id) +
			f.text(`SELECT status || (certificate->>'objective') FROM plan WHERE plan_id = $1`, id)
	}
	if rows(saved) != rows(again) {
		t.Errorf("saved\n%s\nplanned\n%s", rows(saved), rows(again))
	}
	d := s.Draft()
	back := f.open(l, owner, planning.Opening{PlanID: &saved}).Draft()
	if !back.Timing.Resumed || *back.Certificate.Objective != *d.Certificate.Objective || chosenIn(back) != chosenIn(d) || string(raw(t, back.Options)) != string(raw(t, d.Options)) {
		t.Errorf("opened as %+v, saved was %+v", back, d)
	}

	// a failing record takes the plan with it
	failing := errors.New("no")
	if _, err := s.Save(t.Context(), 0, "x", "", func(pgx.Tx, uuid.UUID) error { return failing }); !errors.Is(err, failing) {
		t.Errorf("%v", err)
	}
	if n := f.text(`SELECT count(*)::text FROM plan WHERE name = 'x'`); n != "0" {
		t.Errorf("%s plans were left behind", n)
	}
	_, err = s.Save(t.Context(), 1, "x", "", none)
	refusedAs(t, err, "plan-session-revision")
}

// A stored plan whose screening has other figures by now is solved, not shown.
func TestAStoredSolutionOfAnotherProblemIsNotShown(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	id, _ := f.solve("a", map[string]any{"gap": 0})
	l := planning.NewSessions(f.db, planning.Limits{})
	if d := f.open(l, owner, planning.Opening{PlanID: &id}).Draft(); !d.Timing.Resumed {
		t.Fatal("the stored solution is not shown even now; the test would prove nothing")
	}
	f.exec(`UPDATE verdict SET net_m2 = 100 WHERE number = 'J1'`)
	if d := f.open(l, owner, planning.Opening{PlanID: &id}).Draft(); d.Timing.Resumed || chosenIn(d) == "in/J1 out/C1 out/C2 out/C3" {
		t.Errorf("%+v", d)
	}
	queued := f.plan("queued", map[string]any{})
	_, err := l.Open(t.Context(), owner, planning.Opening{County: county, PlanID: &queued, Limit: ample})
	refusedAs(t, err, "plan-not-done")
}

func TestSessionsAreBoundedAndExpire(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	now := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	l := planning.NewSessions(f.db, planning.Limits{PerOwner: 2, Total: 3, Idle: 30 * time.Minute, Now: func() time.Time { return now }})
	open := func(owner string) *planning.Session {
		t.Helper()
		now = now.Add(time.Second)
		return f.open(l, owner, planning.Opening{})
	}
	gone := func(owner string, s *planning.Session) bool {
		t.Helper()
		_, err := l.Get(owner, county, s.ID)
		if err != nil {
			refusedAs(t, err, "plan-session-not-found")
		}
		return err != nil
	}
	a1, a2 := open("a"), open("a")
	if gone("a", a1) || !gone("b", a1) {
		t.Error("a session is its owner's alone")
	}
	if _, err := l.Get("a", "149902", a1.ID); err == nil {
		t.Error("a session was found in another county")
	}
	now = now.Add(time.Second)
	if gone("a", a1) { // asked, and so used later than a2
		t.Error("gone")
	}
	a3 := open("a")
	if !gone("a", a2) || gone("a", a1) || gone("a", a3) {
		t.Error("a third session closes the owner's longest unused one, and no other")
	}
	open("b")
	_, err := l.Open(t.Context(), "c", planning.Opening{County: county, RunID: f.run, Limit: ample})
	refusedAs(t, err, "too-many-plan-sessions")
	now = now.Add(2 * time.Minute)
	gone("a", a3)
	open("c")
	if l.Len() != 3 || !gone("a", a1) || gone("a", a3) {
		t.Error("the longest unused session makes room once it has rested")
	}
	now = now.Add(29 * time.Minute)
	gone("a", a3)
	now = now.Add(2 * time.Minute)
	if l.Len() != 1 || gone("a", a3) {
		t.Errorf("%d sessions after 31 minutes, want the one that was asked", l.Len())
	}
	if err := l.Close("b", county, a3.ID); err == nil {
		t.Error("another closed it")
	}
	if err := l.Close("a", county, a3.ID); err != nil || l.Len() != 0 {
		t.Error(err)
	}
	small := planning.NewSessions(f.db, planning.Limits{Bytes: 1})
	_, err = small.Open(t.Context(), "a", planning.Opening{County: county, RunID: f.run, Limit: ample})
	refusedAs(t, err, "too-many-plan-sessions")
}

// A change that is called off, before its turn or while it is solved, changes
// nothing; neither does one that is refused.
func TestAChangeThatFailsChangesNothing(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	s := f.open(planning.NewSessions(f.db, planning.Limits{}), owner, planning.Opening{})
	before := string(raw(t, s.Draft()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Change(ctx, planning.Adjustment{Options: raw(t, map[string]any{"lambda": 9}), Limit: ample}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for _, a := range []planning.Adjustment{
		{Options: raw(t, map[string]any{"lambda": -1})}, {Options: raw(t, map[string]any{"lamda": 1})}, {Chosen: []string{"in/nobody"}},
		{Chosen: []string{"in/J1"}, Free: []string{"in/J1"}}, {Options: raw(t, map[string]any{"balance": "net_increase"})}, {Options: raw(t, []int{1})},
	} {
		a.Limit = ample
		_, err := s.Change(t.Context(), a)
		refusedAs(t, err, "plan-options")
	}
	if now := string(raw(t, s.Draft())); now != before {
		t.Errorf("before\n%s\nnow\n%s", before, now)
	}
}

// Where decisions leave no plan, the session shows what is missing and at which
// price, and comes back from it.
func TestADecisionAgainstTheBalanceSaysWhatIsMissing(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	s := f.open(planning.NewSessions(f.db, planning.Limits{}), owner, planning.Opening{})
	d := f.change(s, planning.Adjustment{Chosen: []string{"out/C1", "out/C2"}, NotChosen: []string{"in/J1"}})
	if d.Status != "infeasible" || len(d.Shortfalls) == 0 || len(d.Conflicts) == 0 {
		t.Fatalf("%s", raw(t, d))
	}
	// J1 cannot come, so that C1 and C2 of the east are not made up for by anyone
	var missing float64
	for _, x := range d.Shortfalls {
		if x.Measure == planning.MeasureArea {
			missing += x.Amount
		}
		if x.Price <= 0 || x.Message == "" {
			t.Errorf("%+v", x)
		}
	}
	if missing < 2999.9 || missing > 3000 {
		t.Errorf("misses %v m², want 3000", missing)
	}
	for _, town := range d.Townships {
		for _, b := range town.Balances {
			if town.Code == east && b.Measure == planning.MeasureArea && b.Left.String() != "-3000.00" {
				t.Errorf("%+v", b)
			}
		}
	}
	_, err := s.Save(t.Context(), 0, "x", "", func(pgx.Tx, uuid.UUID) error { return nil })
	refusedAs(t, err, "plan-session-no-plan")
	if d = f.change(s, planning.Adjustment{Free: []string{"in/J1"}}); d.Status != "optimal" || len(d.Conflicts) != 0 || len(d.Shortfalls) != 0 {
		t.Errorf("%s", raw(t, d))
	}
}

// Closing a session ends its sweep, and a closed one sweeps no more.
func TestAClosedSessionSweepsNoMore(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	l := planning.NewSessions(f.db, planning.Limits{})
	s := f.open(l, owner, planning.Opening{})
	sweep := planning.Sweep{Lambdas: []float64{0, 0.5, 1, 2, 4, 8}, Limit: ample}
	for range 4 { // each in place of the one before
		if _, err := s.StartFrontier(sweep); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(owner, county, s.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartFrontier(sweep); err == nil {
		t.Error("a closed session began to sweep")
	}
	_, err := s.Frontier()
	refusedAs(t, err, "frontier-not-found")
	for _, bad := range [][]float64{nil, {1}, {1, 1}, {-1, 1}, make([]float64, 41)} {
		_, err := f.open(l, owner, planning.Opening{}).StartFrontier(planning.Sweep{Lambdas: bad, Limit: ample})
		refusedAs(t, err, "frontier")
	}
}

// What a plan was laid on is there for the sessions on it, as long as the verdicts
// are those that it was read with.
func TestASessionOpensOnWhatItsPlanWasLaidOn(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	l := planning.NewSessions(f.db, planning.Limits{})
	id := f.plan("plan", map[string]any{})
	if err := l.Run(t.Context(), county, id, nil); err != nil {
		t.Fatal(err)
	}
	want := f.summary(id)
	f.exec(`DELETE FROM parcel`)
	if d := f.open(l, owner, planning.Opening{PlanID: &id}).Draft(); !d.Timing.Resumed || want.PerimeterBefore == 0 || d.PerimeterBefore != want.PerimeterBefore || *d.Certificate.Objective != *want.Objective {
		t.Errorf("it was read anew: resumed %v, boundary %v m, the plan's %v m", d.Timing.Resumed, d.PerimeterBefore, want.PerimeterBefore)
	}
	f.exec(`UPDATE verdict SET scores = scores WHERE county_code = $1`, county)
	if d := f.open(l, owner, planning.Opening{PlanID: &id}).Draft(); d.PerimeterBefore == want.PerimeterBefore {
		t.Error("verdicts that were written since are answered from what was kept")
	}
}

// What a county's units are laid on is read once and kept a while, whoever opens
// a session on the run; options on which it depends are read for themselves.
func TestWhatSessionsAreLaidOnIsKept(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	now := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	l := planning.NewSessions(f.db, planning.Limits{Idle: 30 * time.Minute, Now: func() time.Time { return now }})
	first := f.open(l, owner, planning.Opening{}).Draft()
	f.exec(`DELETE FROM parcel`)
	again := f.open(l, "合成乙", planning.Opening{Options: raw(t, map[string]any{"min_patch_m2": 6000, "lambda": 2})})
	if d := again.Draft(); d.PerimeterBefore != first.PerimeterBefore || d.Options.MinPatch != 6000 || d.Options.Lambda != 2 {
		t.Errorf("%+v", d)
	}
	if d := f.change(again, planning.Adjustment{Options: raw(t, map[string]any{"min_patch_m2": 400, "lambda": 1})}); *d.Certificate.Objective != *first.Certificate.Objective {
		t.Errorf("%v, the first session has %v", *d.Certificate.Objective, *first.Certificate.Objective)
	}
	if d := f.open(l, owner, planning.Opening{Options: raw(t, map[string]any{"track_width_m": 1})}).Draft(); d.PerimeterBefore == first.PerimeterBefore {
		t.Error("another width of tracks was answered from what was kept")
	}
	now = now.Add(31 * time.Minute)
	if d := f.open(l, owner, planning.Opening{}).Draft(); d.PerimeterBefore == first.PerimeterBefore {
		t.Error("it is kept without end")
	}
}
