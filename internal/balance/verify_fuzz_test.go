package balance

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// specimen is a solved problem whose files are tampered with.
type specimen struct {
	name    string
	in, out string
	opt     VerifyOptions
	best    float64 // the true optimum, +Inf where there is no plan
	claims  *claims // as solved
	proved  Status
}

// specimens solves one problem for every way that a solution may end.
func specimens(t *testing.T) (list []*specimen) {
	t.Helper()
	add := func(name string, p *Problem, write func(in, out string) VerifyOptions, want, proved Status) {
		s := &specimen{name: name, in: filepath.Join(t.TempDir(), "in"), out: filepath.Join(t.TempDir(), "out"), best: bruteForce(p)}
		if err := WriteProblem(s.in, p); err != nil {
			t.Fatal(err)
		}
		s.opt = write(s.in, s.out)
		report, err := VerifyDirWith(s.in, s.out, s.opt)
		if err != nil || report.Status != want || report.Proved != proved {
			t.Fatalf("%s: %v, %+v", name, err, report)
		}
		s.proved = proved
		if s.claims, err = readClaims(p, s.out); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	solve := func(opt Options) func(in, out string) VerifyOptions {
		return func(in, out string) VerifyOptions {
			if _, err := SolveDir(context.Background(), in, out, opt); err != nil {
				t.Fatal(err)
			}
			return VerifyOptions{}
		}
	}
	proof := Options{Gap: -1}
	add("optimal by its bound", loneProblem(false), solve(proof), Optimal, Optimal)
	add("optimal by a search", seekProblem(t, func(s *Solution) bool { return s.Status == Optimal && s.BoundStronger != nil && len(s.FlowValues) > 0 }), solve(proof), Optimal, Feasible)
	add("feasible", loneProblem(true), func(_, out string) VerifyOptions {
		p := loneProblem(true)
		if err := WriteSolution(out, p, worsePlan(t, p)); err != nil {
			t.Fatal(err)
		}
		return VerifyOptions{}
	}, Feasible, Feasible)
	add("infeasible by multipliers", seekProblem(t, func(s *Solution) bool {
		return s.Status == Infeasible && s.Infeasibility.Proof == "multipliers" && len(s.Infeasibility.Conflicts) == 0 && len(s.Infeasibility.Flows) > 0
	}), solve(proof), Infeasible, Infeasible)
	add("infeasible by a search", seekProblem(t, func(s *Solution) bool { return s.Status == Infeasible && s.Infeasibility.Proof == "search" }), solve(proof), Infeasible, Unknown)
	add("infeasible by locks", lockedProblem(), solve(proof), Infeasible, Infeasible)
	add("unknown", loneProblem(true), func(in, out string) VerifyOptions {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := SolveDir(ctx, in, out, proof); err != nil {
			t.Fatal(err)
		}
		return VerifyOptions{}
	}, Unknown, Unknown)
	add("under a patch rule", loneProblem(true), func(in, out string) VerifyOptions {
		areas := filepath.Join(t.TempDir(), "areas.csv")
		text := "unit,area,rule\n"
		for u := range 12 {
			text += id("u", u) + "," + [...]string{"3,1", "1,1", "2,0"}[u%3] + "\n"
		}
		if err := os.WriteFile(areas, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		least := 5.0
		if _, _, err := SolvePatchesDir(context.Background(), in, out, areas, least, proof); err != nil {
			t.Fatal(err)
		}
		return VerifyOptions{areas, &least}
	}, Feasible, Feasible)
	return list
}

// loneProblem is a chain of twelve units with two rows and two flows. Where it is
// hard the first plan's gap is not closed by the bound.
func loneProblem(hard bool) *Problem {
	rng := rand.New(rand.NewPCG(4, 9))
	p := &Problem{Name: "合成 synthetic", Constant: 0.5, Constraints: []Constraint{{"area", AtLeast, 20}, {"cap", AtMost, 60}}}
	for u := range 12 {
		p.Units = append(p.Units, Unit{ID: id("u", u), Cost: float64(rng.IntN(40)) / 4})
		p.Terms = append(p.Terms, Term{0, int32(u), float64(3 + rng.IntN(9))}, Term{1, int32(u), float64(1 + rng.IntN(9))})
		p.Edges = append(p.Edges, Edge{int32(u), int32((u+1)%13 - (u+1)/12*13), float64(rng.IntN(9)) / 2})
	}
	p.Units[3].Fixed, p.Units[7].Fixed, p.Units[8].Fixed = FixOne, FixZero, FixOne
	p.Flows = []Flow{{"buy", 9, math.Inf(1)}, {"sell", -0.5, 4}}
	p.FlowTerms = []FlowTerm{{0, 0, 1}, {0, 1, -1}, {1, 1, 0.5}}
	if !hard {
		p.Constraints[0].RHS = 0
	}
	return p
}

// worsePlan is an answer whose plan obeys the constraints and is not the best.
func worsePlan(t *testing.T, p *Problem) *Solution {
	t.Helper()
	s, err := Solve(context.Background(), p, Options{Gap: -1})
	if err != nil {
		t.Fatal(err)
	}
	for u := range p.Units {
		if p.Units[u].Fixed != Free {
			continue
		}
		s.Selected[u] = !s.Selected[u]
		if objective, rows := planValue(p, s.Selected, s.FlowValues); obeys(p, rows) && objective > *s.Objective {
			gap, net := gapOf(objective, *s.Bound), gapOf(objective-reduce(p).fixedEdges, *s.Bound-reduce(p).fixedEdges)
			s.Status, s.Objective, s.Gap, s.GapNet, s.BoundStronger = Feasible, &objective, &gap, &net, nil
			return s
		}
		s.Selected[u] = !s.Selected[u]
	}
	t.Fatal("no other plan")
	return nil
}

// lockedProblem has two contradictions: locks leave one row too little, and another
// asks for more than there is.
func lockedProblem() *Problem {
	p := loneProblem(true)
	for u := range 6 {
		p.Units[u].Fixed = FixZero
	}
	p.Flows[0].Upper = 2
	p.Constraints[0].RHS = 55
	p.Constraints = append(p.Constraints, Constraint{"paddy", AtLeast, 30})
	p.Terms = append(p.Terms, Term{2, 9, 4.5}, Term{2, 10, 0.25})
	return p
}

func seekProblem(t *testing.T, want func(*Solution) bool) *Problem {
	t.Helper()
	for seed := range 3000 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 77)))
		if len(p.Units) < 5 || len(p.Constraints) < 2 || len(p.Edges) < 4 || len(p.Flows) > 2 {
			continue
		}
		s, err := Solve(context.Background(), p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		if want(s) {
			return p
		}
	}
	t.Fatal("no such problem")
	return nil
}

// harmless are the keys of a certificate that claim nothing of the problem.
var harmless = []string{"/seconds", "/iterations", "/version", "/seed"}

// Ensure that whatever is changed in a solution's files, one thing at a time, is
// refused, or that every claim still holds: by rational arithmetic and by the true
// optimum, or because the report names it as not checked.
func TestVerifierUnderEveryTampering(t *testing.T) {
	t.Parallel()
	started := time.Now()
	for _, s := range specimens(t) {
		refused, kept := 0, 0
		for _, m := range s.mutations(t) {
			if s.refuses(t, m) {
				refused++
			} else {
				kept++
			}
		}
		t.Logf("%s: %d changes refused, %d harmless", s.name, refused, kept)
		if refused < 100 || kept > refused/2 {
			t.Errorf("%s: %d changes refused, %d taken", s.name, refused, kept)
		}
	}
	t.Log(time.Since(started))
}

func (s *specimen) mutations(t *testing.T) (list []mutation) {
	t.Helper()
	names, err := os.ReadDir(s.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		text, err := os.ReadFile(filepath.Join(s.out, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(n.Name(), ".csv") {
			list = append(list, mutateTable(n.Name(), text)...)
		} else {
			list = append(list, mutateJSON(t, n.Name(), text)...)
		}
	}
	if testing.Short() {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		list = list[:len(list)/4]
	}
	return list
}

// refuses makes one change, verifies, and undoes it. What is taken must be true.
func (s *specimen) refuses(t *testing.T, m mutation) bool {
	t.Helper()
	path := filepath.Join(s.out, m.file)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.WriteFile(path, sound, 0o644); err != nil {
			t.Fatal(err)
		}
	}()
	if m.text == nil {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, m.text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	report, err := VerifyDirWith(s.in, s.out, s.opt)
	if errors.Is(err, ErrNotVerified) && len(report.Faults) > 0 {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %s: %v", s.name, m.name, err)
	}
	s.mustBeTrue(t, m, report)
	return false
}

func (s *specimen) mustBeTrue(t *testing.T, m mutation, report Report) {
	t.Helper()
	wrong := func(format string, args ...any) { t.Errorf(s.name+": "+m.name+": taken, and "+format, args...) }
	x, err := readClaims(s.claims.p, s.out)
	if err != nil {
		wrong("not readable: %v", err)
		return
	}
	if err := x.wrong(report.Proved, s.best); x.inf == nil && err != nil {
		wrong("untrue: %v", err)
	}
	if report.Proved != s.proved && !(report.Proved == Feasible && s.proved == Optimal) {
		wrong("proved %s instead of %s", report.Proved, s.proved)
	}
	unchecked := strings.Join(report.Unchecked, "\n")
	for _, key := range []string{"bound_stronger", "violating_without", "inequalities", "rests_on", "no_plan_obeys"} {
		if strings.Contains(m.name, "/"+key) {
			if key == "rests_on" {
				key = "bound_stronger"
			}
			if !strings.Contains(unchecked, key) && !strings.HasSuffix(m.name, "gone") {
				wrong("not named as not checked: %s", unchecked)
			}
			return
		}
	}
	if m.file == "certificate.json" && !slices.ContainsFunc(harmless, func(key string) bool { return strings.Contains(m.name, key) }) {
		s.sameFigures(wrong, x)
	}
	if x.inf != nil && m.file == "infeasibility.json" {
		s.sameReasons(wrong, unchecked, x)
	}
	if m.file == "patch.json" && m.text != nil && !reflect.DeepEqual(x.patch, s.claims.patch) {
		if !alike(deref(x.patch), deref(s.claims.patch)) {
			wrong("another report: %+v", *x.patch)
		}
	}
}

// sameFigures: a certificate's claims may differ by rounding only, or by what a
// bound may.
func (s *specimen) sameFigures(wrong func(string, ...any), x *claims) {
	a, b := x.c, s.claims.c
	if a.Status != b.Status && !(a.Status == Feasible && b.Status == Optimal) { // which says less
		wrong("another status: %s", a.Status)
	}
	for name, pair := range map[string][2]*float64{"objective": {a.Objective, b.Objective}, "bound": {a.Bound, b.Bound}, "gap": {a.Gap, b.Gap}, "gap_net": {a.GapNet, b.GapNet}} {
		if (pair[0] == nil) != (pair[1] == nil) || pair[0] != nil && math.Abs(*pair[0]-*pair[1]) > 1e-9*(1e-3+math.Abs(*pair[1])) {
			wrong("another %s", name)
		}
	}
}

// sameReasons: nothing in infeasibility.json may differ by more than rounding,
// except for other multipliers that prove the same.
func (s *specimen) sameReasons(wrong func(string, ...any), unchecked string, x *claims) {
	a, b := *x.inf, *s.claims.inf
	mu := map[string]float64{}
	for _, m := range a.Multipliers {
		mu[m.Constraint] = m.Multiplier
	}
	if truth := x.bound(mu, nil, false); truth == nil || !near(a.ProofValue, truth, 1.001e-9, 1) {
		wrong("proof_value %g, truth %v", a.ProofValue, truth)
	}
	if off := a.ShortfallBound - b.ShortfallBound; math.Abs(off) > 1e-9*b.ShortfallBound && !strings.Contains(unchecked, "shortfall_bound") && !strings.Contains(unchecked, "the plan's shortfall") {
		wrong("another shortfall_bound, and it is not named as not checked: %s", unchecked)
	}
	a.ShortfallBound, b.ShortfallBound = 0, 0
	a.Multipliers, b.Multipliers = nil, nil
	a.ProofValue, b.ProofValue = 0, 0
	inOrder := func(inf *Infeasibility) {
		inf.Plan, inf.Flows, inf.Missed, inf.Conflicts = slices.Clone(inf.Plan), slices.Clone(inf.Flows), slices.Clone(inf.Missed), slices.Clone(inf.Conflicts)
		slices.SortFunc(inf.Plan, func(a, b SelectedUnit) int { return strings.Compare(a.Unit, b.Unit) })
		slices.SortFunc(inf.Flows, func(a, b FlowAmount) int { return strings.Compare(a.Flow, b.Flow) })
		slices.SortFunc(inf.Missed, func(a, b MissedRow) int { return strings.Compare(a.Constraint, b.Constraint) })
		for i := range inf.Conflicts {
			c := &inf.Conflicts[i]
			c.Rows, c.Locks = slices.Clone(c.Rows), slices.Clone(c.Locks)
			slices.SortFunc(c.Locks, func(a, b LockShare) int { return strings.Compare(a.Unit, b.Unit) })
			slices.SortFunc(c.Rows, func(a, b RowValue) int { return strings.Compare(a.Constraint, b.Constraint) })
		}
		slices.SortFunc(inf.Conflicts, func(a, b Conflict) int { return strings.Compare(a.Rows[0].Constraint, b.Rows[0].Constraint) })
	}
	inOrder(&a)
	inOrder(&b)
	if !alike(reflect.ValueOf(a), reflect.ValueOf(b)) {
		wrong("another story: %+v instead of %+v", a, b)
	}
}

func deref(v any) reflect.Value { return reflect.ValueOf(v).Elem() }

// alike is reflect.DeepEqual with numbers that may differ by rounding.
func alike(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Float64:
		return math.Abs(a.Float()-b.Float()) <= 1.001e-9*max(math.Abs(b.Float()), 1e-3)
	case reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || alike(a.Elem(), b.Elem()))
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
