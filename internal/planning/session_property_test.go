package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// sessionOf opens a session on a made-up county, without a database.
func (g *grid) session(t *rapid.T, ctx context.Context) *Session {
	f, err := lay(ctx, g.survey, g.options)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{County: g.survey.county, desk: &desk{solving: make(gate, 1), sweeping: make(gate, 1)}, turn: make(gate, 1)}
	r := &revision{number: 1, given: json.RawMessage(`{}`), o: g.options, base: &base{s: g.survey, f: f, standard: g.options, by: g.options}}
	if r.m, err = write(g.survey.problemName(), f, g.survey, r.o); err != nil {
		t.Fatal(err)
	}
	if err := r.solve(ctx, nil, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := r.conclude(nil); err != nil {
		t.Fatal(err)
	}
	s.now.Store(r)
	return s
}

// drawAdjustment changes one thing or two.
func (g *grid) drawAdjustment(t *rapid.T) Adjustment {
	a := Adjustment{Limit: 30 * time.Second}
	options := map[string]any{}
	var keys []string
	for _, c := range g.survey.candidates {
		keys = append(keys, c.key())
	}
	for range rapid.IntRange(1, 2).Draw(t, "changes") {
		switch rapid.IntRange(0, 8).Draw(t, "what") {
		case 0:
			options["lambda"] = float64(rapid.IntRange(0, 40).Draw(t, "lambda")) / 8
		case 1:
			options["transfer_cost"] = rapid.IntRange(0, 120).Draw(t, "transfer")
		case 2:
			options["weights"] = map[string]any{rapid.SampledFrom([]string{"IN-P1", "OUT-P1", "OUT-P2"}).Draw(t, "clause"): rapid.IntRange(0, 300).Draw(t, "weight")}
		case 3:
			options["enforce"] = map[string]any{rapid.SampledFrom([]string{"area", "paddy", "quality"}).Draw(t, "measure"): rapid.Bool().Draw(t, "enforced")}
		case 4:
			options["quotas"] = g.drawQuotas(t)
		case 5:
			options["min_patch_m2"] = rapid.IntRange(0, 8000).Draw(t, "patch")
		case 6:
			options["refusal_cost"] = rapid.IntRange(0, 1500).Draw(t, "refusal")
		default:
			if len(keys) > 0 {
				key := rapid.SampledFrom(keys).Draw(t, "key")
				lists := []*[]string{&a.Chosen, &a.NotChosen, &a.Free}
				if !slices.Contains(slices.Concat(a.Chosen, a.NotChosen, a.Free), key) {
					list := lists[rapid.IntRange(0, 2).Draw(t, "decision")]
					*list = append(*list, key)
				}
			}
		}
	}
	a.Options, _ = json.Marshal(options)
	return a
}

func (g *grid) drawQuotas(t *rapid.T) []Quota {
	list := []Quota{}
	for range rapid.IntRange(0, 2).Draw(t, "quotas") {
		bound := land.Area(rapid.Int64Range(0, 400000).Draw(t, "bound"))
		q := Quota{Direction: rapid.SampledFrom([]string{"in", "out"}).Draw(t, "direction"), Measure: rapid.SampledFrom(measures).Draw(t, "of"),
			Township: rapid.SampledFrom([]string{"", "149901100", "149901101"}).Draw(t, "township")}
		if rapid.Bool().Draw(t, "least") {
			q.Min = &bound
		} else {
			q.Max = &bound
		}
		list = append(list, q)
	}
	return list
}

// After any changes a session's problem is the one that a plan of the same
// options would have, number for number, its plan costs no less and no more than
// the best one, its balances hold to the hundredth, and what is decided is kept.
func TestASessionIsWhatAPlanWithTheSameOptionsIs(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		s := g.session(t, ctx)
		shown := map[string]DraftParcel{}
		for _, p := range s.Draft().Parcels {
			shown[p.Direction+"/"+p.Number] = p
		}
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			d, err := s.Change(ctx, g.drawAdjustment(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range d.Parcels {
				shown[p.Direction+"/"+p.Number] = p
			}
			g.checkSession(t, ctx, s, d)
			for _, p := range s.Draft().Parcels {
				if was := shown[p.Direction+"/"+p.Number]; was.Chosen != p.Chosen || was.Lock != p.Lock || was.TakesPart != p.TakesPart {
					t.Fatalf("the changes add up to %+v, the session has %+v", was, p)
				}
			}
		}
	})
}

func (g *grid) checkSession(t *rapid.T, ctx context.Context, s *Session, d *Draft) {
	r := s.now.Load()
	f, err := lay(ctx, g.survey, r.o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := write(g.survey.problemName(), f, g.survey, r.o)
	if err != nil {
		t.Fatal(err)
	}
	if !sameProblem(m.problem, r.m.problem) {
		t.Fatalf("the session's problem is not the plan's:\n%+v\n%+v", r.m.problem, m.problem)
	}
	want, err := balance.Solve(ctx, m.problem, r.o.search())
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != string(want.Status) {
		t.Fatalf("status %s, a plan would be %s", d.Status, want.Status)
	}
	for key, chosen := range r.o.locks() {
		i := slices.IndexFunc(r.parcels, func(p DraftParcel) bool { return p.Direction+"/"+p.Number == key })
		if r.parcels[i].Chosen != chosen || r.parcels[i].Lock == "" {
			t.Fatalf("%s was decided (chosen %v) and is shown as %+v", key, chosen, r.parcels[i])
		}
	}
	if want.Status == balance.Infeasible {
		if got, least := r.solution.Infeasibility.Shortfall, want.Infeasibility.Shortfall; math.Abs(got-least) > 1e-3 || len(d.Shortfalls) == 0 {
			t.Fatalf("misses %v in %d rules, a plan would miss %v", got, len(d.Shortfalls), least)
		}
		return
	}
	if math.Abs(*d.Certificate.Objective-*want.Objective) > 1e-3 {
		t.Fatalf("objective %v, the best plan costs %v", *d.Certificate.Objective, *want.Objective)
	}
	saved, err := conclude(g.survey, r.base.f, r.m, r.o, r.solution, nil) // as Save does
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, saved, r.o)
	for _, town := range d.Townships {
		for _, b := range town.Balances {
			if b.Left != b.Own+b.Taken-b.Given || b.Enforced && b.Left < 0 {
				t.Fatalf("%s: %+v", town.Code, b)
			}
		}
	}
	if _, err := pack(r.m.problem, r.solution); err != nil {
		t.Fatal(err)
	}
}

// Decisions that cannot be kept together are named before anything is solved:
// giving up as many as are listed ends the contradiction that they are blamed for.
func TestContradictoryDecisionsAreNamed(t *testing.T) {
	ctx := context.Background()
	named := 0
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		g.options.Enforce.Area = true
		s := g.session(t, ctx)
		a := Adjustment{Limit: 30 * time.Second}
		for _, c := range g.survey.candidates {
			if c.direction == "out" {
				a.Chosen = append(a.Chosen, c.key())
			} else {
				a.NotChosen = append(a.NotChosen, c.key())
			}
		}
		if len(a.Chosen) == 0 {
			return
		}
		d, err := s.Change(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != "infeasible" || len(d.Conflicts) == 0 || len(d.Shortfalls) == 0 {
			t.Fatalf("%s with %d conflicts: everything goes and nothing comes", d.Status, len(d.Conflicts))
		}
		free := map[string]bool{}
		for _, c := range d.Conflicts {
			if !c.ByLocks || len(c.Locks) == 0 || c.LockCount < len(c.Locks) || c.MessageZH == "" {
				t.Fatalf("%+v", c)
			}
			for _, l := range c.Locks {
				free[l.Key] = true
			}
		}
		named++
		d, err = s.Change(ctx, Adjustment{Free: slices.Sorted(maps.Keys(free)), Limit: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Conflicts {
			for _, l := range c.Locks {
				if free[l.Key] {
					t.Fatalf("%s was given up and is blamed: %+v", l.Key, c)
				}
			}
		}
	})
	if named == 0 {
		t.Error("nothing was contradictory; the test would prove nothing")
	}
}

// What the terms of a reason add up to is the change of the objective when the
// parcel alone is decided otherwise, but for what constraints it breaks; and the
// replacement's plan costs what it says.
func TestReplacementsAreTheBestPlansWithTheParcelForced(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		if len(g.survey.candidates) == 0 {
			return
		}
		s := g.session(t, ctx)
		c := rapid.SampledFrom(g.survey.candidates).Draw(t, "candidate")
		why, err := s.Explain(ctx, c.direction, c.number, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, term := range why.Terms {
			sum += term.Cost
		}
		if math.Abs(sum-why.Cost) > 1e-6*(1+math.Abs(sum)) || why.Text == "" || why.Replacement == nil {
			t.Fatalf("%+v", why)
		}
		r := s.now.Load()
		o := r.o
		if why.Chosen {
			o.NotChosen = []string{c.key()}
		} else {
			o.Chosen = []string{c.key()}
		}
		m, err := write("forced", r.base.f, g.survey, o)
		if err != nil {
			t.Fatal(err)
		}
		forced, err := balance.Solve(ctx, m.problem, o.search())
		if err != nil {
			t.Fatal(err)
		}
		x := why.Replacement
		if forced.Status == balance.Infeasible {
			if x.Possible != "no" {
				t.Fatalf("no plan decides %s so; the replacement says %+v", c.key(), x)
			}
			return
		}
		want := *forced.Objective - *r.solution.Objective
		if x.Possible != "yes" || math.Abs(*x.AtMost-want) > 1e-3 || *x.AtLeast > want+1e-3 || x.Changes[0] != c.key() {
			t.Fatalf("deciding %s otherwise costs %v more; the replacement says %s", c.key(), want, fmt.Sprintf("%+v", x))
		}
	})
}

// Every point of a frontier is what a plan of that λ is.
func TestFrontierPointsAreThePlansOfTheirLambda(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		s := g.session(t, ctx)
		lambdas, err := Lambdas(0, float64(rapid.IntRange(1, 30).Draw(t, "to")), 4, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.StartFrontier(Sweep{Lambdas: lambdas, Limit: 30 * time.Second}); err != nil {
			t.Fatal(err)
		}
		<-s.sweep.ended
		f, err := s.Frontier()
		if err != nil || f.Status != "done" || f.Done != 4 || len(f.Points) != 4 {
			t.Fatalf("%+v %v", f, err)
		}
		for _, p := range f.Points {
			o := g.options
			o.Lambda = p.Lambda
			m, err := write("point", s.now.Load().base.f, g.survey, o)
			if err != nil {
				t.Fatal(err)
			}
			want, err := balance.Solve(ctx, m.problem, o.search())
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(*p.Objective-*want.Objective) > 1e-3 || math.Abs(*p.Cost+p.Lambda**p.Border-*p.Objective) > 1e-6*(1+*p.Objective) || *p.Bound > *want.Objective+1e-3 {
				t.Fatalf("at λ = %v: objective %v = %v + λ·%v, bound %v; a plan costs %v", p.Lambda, *p.Objective, *p.Cost, *p.Border, *p.Bound, *want.Objective)
			}
		}
	})
}

// What a sentence proves must not be rounded into something that is not proved.
func TestProofsAreRoundedToTheSafeSide(t *testing.T) {
	objective, bound, gap, captured := 100.0, 99.99, 0.00012341, 0.99999
	zh, en := proof(&balance.Solution{Certificate: balance.Certificate{Status: balance.Feasible, Objective: &objective, Bound: &bound, Gap: &gap}}, &captured)
	for _, text := range []string{zh, en} {
		if !strings.Contains(text, "0.0124") || !strings.Contains(text, "99.99") {
			t.Error(text)
		}
	}
}

// A revision for which no plan was found in time shows none, keeps what was
// there to start from, and is left by searching on.
func TestASearchThatWasTooShortIsGoneOnFrom(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		s := g.session(t, ctx)
		before := s.now.Load()
		short := &revision{number: 2, given: before.given, o: before.o, base: before.base, m: before.m, solution: &balance.Solution{Certificate: balance.Certificate{Status: balance.Unknown}}}
		if err := short.conclude(before); err != nil {
			t.Fatal(err)
		}
		s.now.Store(short)
		d := s.draft(short, before)
		if d.Status != "unknown" || len(d.Parcels) != 0 || d.Message == "" || d.Certificate.Objective != nil {
			t.Fatalf("%+v", d)
		}
		var refusal *Refusal
		if _, err := s.Explain(ctx, "in", "00", 0); !errors.As(err, &refusal) || refusal.Kind != "plan-session-no-plan" {
			t.Fatal(err)
		}
		if _, err := s.Save(ctx, 0, "x", "", nil); !errors.As(err, &refusal) || refusal.Kind != "plan-session-no-plan" {
			t.Fatal(err)
		}
		d, err := s.Change(ctx, Adjustment{Limit: 30 * time.Second})
		if err != nil || d.Status != string(before.solution.Status) || math.Abs(*d.Certificate.Objective-*before.solution.Objective) > 1e-3 || d.Revision != 3 {
			t.Fatalf("%+v (%v)", d, err)
		}
	})
}
