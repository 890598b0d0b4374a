package balance

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// Ensure the answer depends on the problem and the seed alone, not on threads or
// on how fast the machine is.
func TestSameInputSameAnswer(t *testing.T) {
	t.Parallel()
	units := 1200
	if testing.Short() {
		units = 300
	}
	p := countySpec{units, 4, false, 0.01, 3}.problem()
	var first *Solution
	for _, threads := range []int{1, 2, 5} {
		s, err := Solve(context.Background(), p, Options{Threads: threads, Seed: 9, Gap: 1e-3, TimeLimit: 5 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		s.Seconds = 0
		if first == nil {
			first = s
		} else if !reflect.DeepEqual(first, s) {
			t.Errorf("threads %d: %v, first %v", threads, *s.Objective, *first.Objective)
		}
	}
}

// Ensure a run that is given no time, or is cancelled, still ends with files that
// verify, and never with a violating plan.
func TestInterruptedRunsStayHonest(t *testing.T) {
	t.Parallel()
	p := countySpec{4000, 6, true, 0.01, 3}.problem()
	in := filepath.Join(t.TempDir(), "in")
	if err := WriteProblem(in, p); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, run := range map[string]struct {
		ctx   context.Context
		limit time.Duration
	}{
		"cancelled": {cancelled, time.Minute},
		"1 ms":      {context.Background(), time.Millisecond},
		"50 ms":     {context.Background(), 50 * time.Millisecond},
		"100 ms":    {context.Background(), 100 * time.Millisecond},
		"400 ms":    {context.Background(), 400 * time.Millisecond},
	} {
		out := filepath.Join(t.TempDir(), "out")
		c, err := SolveDir(run.ctx, in, out, Options{TimeLimit: run.limit})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("%s: %v %v", name, err, report.Faults)
		}
		if _, err := os.Stat(filepath.Join(out, "solution.csv")); (err == nil) != (c.Status == Feasible || c.Status == Optimal) {
			t.Errorf("%s: status %s, solution.csv: %v", name, c.Status, err)
		}
		t.Logf("%s: %s", name, c.Status)
	}
}

// Ensure an earlier solution does not stay beside a later one.
func TestEarlierSolutionIsRemoved(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	p := &Problem{Units: []Unit{{ID: "a"}}, Constraints: []Constraint{{ID: "k", RHS: 1}}, Terms: []Term{{0, 0, 1}}}
	for _, rhs := range []float64{1, 2, 1} {
		p.Constraints[0].RHS = rhs
		s, err := Solve(context.Background(), p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		_, noPlan := os.Stat(filepath.Join(out, "solution.csv"))
		_, noReason := os.Stat(filepath.Join(out, "infeasibility.json"))
		if (noPlan == nil) != (rhs == 1) || (noReason == nil) != (rhs == 2) {
			t.Errorf("rhs %g: solution.csv %v, infeasibility.json %v", rhs, noPlan, noReason)
		}
	}
}

// Ensure corner cases are solved as what they are.
func TestCornerCases(t *testing.T) {
	t.Parallel()
	free := math.Inf(1)
	for name, c := range map[string]struct {
		p         Problem
		status    Status
		objective float64
	}{
		"nothing":         {Problem{Constant: 3}, Optimal, 3},
		"no units, a row": {Problem{Constraints: []Constraint{{"k", AtLeast, 0}}}, Optimal, 0},
		"impossible row":  {Problem{Constraints: []Constraint{{"k", AtLeast, 1}}}, Infeasible, 0},
		"no constraints": {Problem{Units: []Unit{{"a", -2, Free}, {"b", 1, Free}},
			Edges: []Edge{{0, 1, 1.5}, {1, Outside, 0}}}, Optimal, -1},
		"all fixed": {Problem{Units: []Unit{{"a", 5, FixOne}, {"b", 7, FixZero}}, Edges: []Edge{{0, 1, 2}, {0, Outside, 3}}}, Optimal, 10},
		"duplicate edges and a loop": {Problem{Units: []Unit{{"a", -3, Free}},
			Edges: []Edge{{0, Outside, 1}, {0, Outside, 1}, {0, 0, 50}}}, Optimal, -1},
		"contradicting locks": {Problem{Units: []Unit{{"a", 0, FixZero}}, Constraints: []Constraint{{"k", AtLeast, 1}}, Terms: []Term{{0, 0, 1}}}, Infeasible, 0},
		"costs of 1e12": {Problem{Units: []Unit{{"a", 1e12, Free}, {"b", 1.5e12, Free}, {"c", 1e-3, Free}}, Edges: []Edge{{0, 1, 1e-3}, {1, 2, 2e12}},
			Constraints: []Constraint{{"k", AtLeast, 1}}, Terms: []Term{{0, 0, 1}, {0, 1, 1}}}, Optimal, 1e12 + 1e-3},
		"free transfers both ways": {Problem{Units: []Unit{{"a", 3, Free}, {"b", 7, Free}},
			Constraints: []Constraint{{"k1", AtLeast, 0.3}, {"k2", AtLeast, 0.3}}, Terms: []Term{{0, 0, 1}, {1, 1, 1}},
			Flows:     []Flow{{"there", 0, free}, {"back", 0, free}},
			FlowTerms: []FlowTerm{{0, 0, 0.1}, {1, 0, -0.1}, {0, 1, -0.3}, {1, 1, 0.3}}}, Optimal, 3},
		"profit with a limit by a row": {Problem{Constraints: []Constraint{{"k", AtMost, 4}},
			Flows: []Flow{{"z", -2, free}}, FlowTerms: []FlowTerm{{0, 0, 1}}}, Optimal, -8},
		"flow of no use": {Problem{Units: []Unit{{"a", -1, Free}}, Flows: []Flow{{"z", 0, free}, {"y", -1, 5}, {"x", 4, 0}}}, Optimal, -6},
	} {
		s, err := Solve(context.Background(), &c.p, Options{Gap: -1})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Status != c.status || (s.Objective != nil && math.Abs(*s.Objective-c.objective) > 1e-9*(1+math.Abs(c.objective))) {
			t.Errorf("%s: %s, objective %v, want %s %g", name, s.Status, s.Objective, c.status, c.objective)
		}
		if s.Status == Optimal && s.Bound == nil {
			t.Errorf("%s: no bound", name)
		}
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := WriteProblem(in, &c.p); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, &c.p, s); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("%s: %v %v", name, err, report.Faults)
		}
	}
}

// Ensure a county of the size that planning sends is solved to a net gap of 0.1 %
// or to its proved optimum, with every figure verified.
func TestCountyOf3000(t *testing.T) {
	t.Parallel()
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		p := countySpec{3000, 6, false, 0.01, seed + 1}.problem()
		s, err := Solve(context.Background(), p, Options{Gap: 1e-3, TimeLimit: 2 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if s.GapNet == nil || (*s.GapNet > 1e-3 && s.Status != Optimal) {
			t.Errorf("seed %d: %+v", seed+1, s.Certificate)
		}
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := WriteProblem(in, p); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("seed %d: %v %v", seed+1, err, report.Faults)
		}
	}
}

// Ensure multipliers that price an unlimited flow below 0 by a rounding error are
// settled without losing the bound.
func TestSettleKeepsTheBound(t *testing.T) {
	t.Parallel()
	p := countySpec{300, 3, false, 0.01, 2}.problem()
	e := newEngine(context.Background(), p, Options{}.withDefaults(), time.Now())
	e.dual.maximise(nil, 1e-9, 200, func() bool { return false }, nil)
	for _, relative := range []float64{0, 1e-15, -1e-15, 1e-12, -1e-12, 1e-9, -1e-9} {
		mu := append([]float64{}, e.dual.bestAt...)
		for k := range mu {
			if k%2 == 0 {
				mu[k] *= 1 + relative
			}
		}
		_, _, bound := e.dual.certify(mu, func() bool { return false })
		want := e.dual.best + e.r.constant
		if math.Abs(bound-want) > 1e-6*math.Abs(want) {
			t.Errorf("prices off by %g: bound %g, want %g", relative, bound, want)
		}
	}
}
