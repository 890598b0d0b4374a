package balance

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeSolved writes a problem and its proved answer.
func writeSolved(t *testing.T, p *Problem) (in, out string, s *Solution) {
	t.Helper()
	in, out = filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := WriteProblem(in, p); err != nil {
		t.Fatal(err)
	}
	s, err := Solve(context.Background(), p, Options{Gap: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSolution(out, p, s); err != nil {
		t.Fatal(err)
	}
	return in, out, s
}

// verdict verifies and gives what is said in one text.
func verdict(t *testing.T, in, out string, opt VerifyOptions) (Report, string) {
	t.Helper()
	report, err := VerifyDirWith(in, out, opt)
	if err != nil && !errors.Is(err, ErrNotVerified) {
		t.Fatal(err)
	}
	return report, strings.Join(append(append([]string{}, report.Faults...), report.Unchecked...), "\n")
}

func mustRefuse(t *testing.T, name, in, out, reason string) {
	t.Helper()
	if report, said := verdict(t, in, out, VerifyOptions{}); len(report.Faults) == 0 || !strings.Contains(said, reason) || report.Proved != "" {
		t.Errorf("%s: want a fault with %q, is %+v", name, reason, report)
	}
}

// mustDoubt: nothing is wrong, and what is not proved is named.
func mustDoubt(t *testing.T, name, in, out string, proved Status, reason string) {
	t.Helper()
	if report, said := verdict(t, in, out, VerifyOptions{}); len(report.Faults) > 0 || report.Proved != proved || !strings.Contains(said, reason) {
		t.Errorf("%s: want %s and %q not checked, is %+v", name, proved, reason, report)
	}
}

// Ensure an infeasible answer whose plan is not of least shortfall is not called
// so, whatever its shortfall_bound says, and that shortfall_bound is recomputed.
func TestVerifierHoldsShortfallToItsBound(t *testing.T) {
	t.Parallel()
	p := lockedProblem()
	in, out, s := writeSolved(t, p)
	if report, said := verdict(t, in, out, VerifyOptions{}); report.Proved != Infeasible || said != "" {
		t.Fatalf("%+v", report)
	}
	mustRefuse(t, "a bound that says less", in, tamper(t, out, "infeasibility.json", scaleKey("shortfall_bound", 0.5)), "shortfall_bound")
	mustRefuse(t, "a bound that says more", in, tamper(t, out, "infeasibility.json", scaleKey("shortfall_bound", 1.5)), "shortfall_bound")

	// Another plan, with figures that are right for it: no free unit is farmland.
	worse := *s.Infeasibility
	selected := make([]bool, len(p.Units))
	flows := make([]float64, len(p.Flows))
	worse.Plan, worse.Flows, worse.Missed = nil, nil, nil
	for u := range p.Units {
		selected[u] = p.Units[u].Fixed == FixOne
		worse.Plan = append(worse.Plan, SelectedUnit{p.Units[u].ID, map[bool]int{true: 1}[selected[u]]})
	}
	for z := range p.Flows {
		worse.Flows = append(worse.Flows, FlowAmount{p.Flows[z].ID, 0})
	}
	objective, rows := planValue(p, selected, flows)
	worse.Objective, worse.Shortfall = &objective, 0
	for k, c := range p.Constraints {
		if miss := shortfall(c.Sense, rows[k], c.RHS); miss > 0 {
			worse.Missed = append(worse.Missed, MissedRow{c.ID, c.Sense.String(), c.RHS, rows[k], miss, math.Abs(s.Infeasibility.Multipliers[k].Multiplier)})
			worse.Shortfall += miss
		}
	}
	if worse.Shortfall <= s.Infeasibility.Shortfall {
		t.Fatal("the other plan is no worse")
	}
	put := func() {
		t.Helper()
		if err := writeJSON(out, "infeasibility.json", worse); err != nil {
			t.Fatal(err)
		}
	}
	put()
	mustDoubt(t, "a worse plan", in, out, Infeasible, "not shown to be the least")
	worse.ShortfallBound = worse.Shortfall
	put()
	mustDoubt(t, "a worse plan with a bound of its own", in, out, Infeasible, "shortfall_bound rests on a search")
}

// Ensure that calling a proof a search does not switch its check off, and that an
// infeasibility that rests on a search is not called verified.
func TestVerifierDoubtsInfeasibilityBySearch(t *testing.T) {
	t.Parallel()
	in, out, _ := writeSolved(t, lockedProblem())
	mustRefuse(t, "search for multipliers", in, tamper(t, out, "infeasibility.json", setKey("proof", "search")), "proof")
	p := seekProblem(t, func(s *Solution) bool { return s.Status == Infeasible && s.Infeasibility.Proof == "search" })
	in, out, _ = writeSolved(t, p)
	mustDoubt(t, "a true search", in, out, Unknown, "exhausted search")
	mustRefuse(t, "multipliers for search", in, tamper(t, out, "infeasibility.json", setKey("proof", "multipliers")), "prove nothing")
}

// Ensure everything that conflicts say is recomputed, and one that was dropped is
// missed.
func TestVerifierRecomputesConflicts(t *testing.T) {
	t.Parallel()
	in, out, s := writeSolved(t, lockedProblem())
	if n := len(s.Infeasibility.Conflicts); n != 2 || s.Infeasibility.Conflicts[0].LockCount < 3 || len(s.Infeasibility.Conflicts[0].Locks) < 2 {
		t.Fatalf("%+v", s.Infeasibility.Conflicts)
	}
	for name, change := range map[string]func(*Infeasibility){
		"lock_count":            func(f *Infeasibility) { f.Conflicts[0].LockCount++ },
		"missing":               func(f *Infeasibility) { f.Conflicts[0].Missing *= 1 + 1e-9 },
		"missing_without_locks": func(f *Infeasibility) { f.Conflicts[0].MissingWithoutLocks++ },
		"share":                 func(f *Infeasibility) { f.Conflicts[0].Locks[0].Share *= 1.001 },
		"value of a lock":       func(f *Infeasibility) { f.Conflicts[0].Locks[0].Value = 1 },
		"not a lock":            func(f *Infeasibility) { f.Conflicts[0].Locks[0].Unit = "uja" },
		"少列":                    func(f *Infeasibility) { f.Conflicts[0].Locks = f.Conflicts[0].Locks[:1] },
		"order": func(f *Infeasibility) {
			l := f.Conflicts[0].Locks
			l[0], l[len(l)-1] = LockShare{l[0].Unit, 0, l[0].Share}, l[0]
		},
		"largest multiplier":        func(f *Infeasibility) { f.Conflicts[0].Rows[0].Multiplier = 0.5 },
		"a conflict is not listed":  func(f *Infeasibility) { f.Conflicts = f.Conflicts[1:] },
		"a conflict is not listed ": func(f *Infeasibility) { f.Conflicts = nil },
		"price":                     func(f *Infeasibility) { f.Missed[0].Price *= 0.99 },
		"sense":                     func(f *Infeasibility) { f.Missed[0].Sense = "<=" },
		"rhs":                       func(f *Infeasibility) { f.Missed[0].RHS++ },
		"value of the missed":       func(f *Infeasibility) { f.Missed[0].Value++ },
		"shortfall of the missed":   func(f *Infeasibility) { f.Missed[0].Shortfall++ },
	} {
		reason := strings.TrimSpace(name)
		if reason == "order" {
			reason = "repeated"
		}
		mustRefuse(t, name, in, tamper(t, out, "infeasibility.json", func(text string) string {
			var f Infeasibility
			if err := json.Unmarshal([]byte(text), &f); err != nil {
				t.Fatal(err)
			}
			change(&f)
			data, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}), reason)
	}
}

// Ensure that no true answer is said to leave a conflict out, whatever the locks,
// and that each conflict of a random problem is missed when it is dropped, where no
// other names its rows.
func TestVerifierMissesDroppedConflicts(t *testing.T) {
	t.Parallel()
	found, undecided := 0, 0
	root := t.TempDir()
	in, out := filepath.Join(root, "in"), filepath.Join(root, "out")
	for seed := range 600 {
		rng := rand.New(rand.NewPCG(uint64(seed), 31))
		p := tinyProblem(rng)
		for u := range p.Units {
			if rng.IntN(2) == 0 {
				p.Units[u].Fixed = Fix(1 + rng.IntN(2))
			}
		}
		if len(CheckLocks(p)) == 0 {
			continue
		}
		s, err := Solve(context.Background(), p, Options{Gap: -1})
		if err != nil || s.Status != Infeasible {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := errors.Join(WriteProblem(in, p), WriteSolution(out, p, s)); err != nil {
			t.Fatal(err)
		}
		if report, said := verdict(t, in, out, VerifyOptions{}); len(report.Faults) > 0 || strings.Contains(said, "other conflicts") {
			t.Errorf("seed %d: %s", seed, said)
		}
		s.Infeasibility.Conflicts = s.Infeasibility.Conflicts[1:]
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		found++
		report, said := verdict(t, in, out, VerifyOptions{})
		switch {
		case strings.Contains(said, "not listed") && len(report.Faults) > 0:
		case strings.Contains(said, "other conflicts"):
			undecided++
		default:
			t.Errorf("seed %d: a dropped conflict was taken: %s", seed, said)
		}
	}
	t.Logf("%d dropped, %d undecided", found, undecided)
	if found < 100 || undecided > found/50 {
		t.Errorf("%d conflicts dropped, %d undecided", found, undecided)
	}
}

// Ensure a row that is smaller than an absolute tolerance still asks what it asks.
func TestSmallRowsAreNotLostInTheTolerance(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*Problem{
		"1e-7 u0 + 1e-7 u1 >= 1e-7": {Units: []Unit{{"a", 5, Free}, {"b", 7, Free}}, Constraints: []Constraint{{"k", AtLeast, 1e-7}}, Terms: []Term{{0, 0, 1e-7}, {0, 1, 1e-7}}},
		"u0 >= 1e-7":                {Units: []Unit{{"a", 5, Free}, {"b", 0, Free}}, Constraints: []Constraint{{"k", AtLeast, 1e-7}}, Terms: []Term{{0, 0, 1}}},
		"with a flow": {Units: []Unit{{"a", 5, Free}, {"b", 7, Free}}, Constraints: []Constraint{{"k", AtLeast, 1e-7}}, Terms: []Term{{0, 0, 1e-7}, {0, 1, 1e-7}},
			Flows: []Flow{{"z", 1e9, math.Inf(1)}}, FlowTerms: []FlowTerm{{0, 0, 1e-7}}},
	} {
		in, out, s := writeSolved(t, p)
		if s.Status != Optimal || *s.Objective != 5 {
			t.Errorf("%s: %s, objective %v", name, s.Status, s.Objective)
			continue
		}
		if report, said := verdict(t, in, out, VerifyOptions{}); len(report.Faults) > 0 {
			t.Errorf("%s: %s", name, said)
		}
		zero := *s
		objective := 0.0
		gap := gapOf(0, *s.Bound)
		zero.Selected, zero.Objective, zero.Gap, zero.GapNet, zero.BoundStronger = []bool{false, false}, &objective, &gap, &gap, nil
		for _, zero.Status = range []Status{Optimal, Feasible} {
			if err := WriteSolution(out, p, &zero); err != nil {
				t.Fatal(err)
			}
			mustRefuse(t, name, in, out, "constraint violated")
		}
	}
	// What is too little to tell from rounding is granted, but no plan that lives
	// on it is the optimum.
	p := &Problem{Units: []Unit{{"a", 1e6, Free}}, Constraints: []Constraint{{"k", AtLeast, 1e-10}}, Terms: []Term{{0, 0, 1}}}
	in, out, s := writeSolved(t, p)
	if s.Objective != nil && *s.Objective < 1e6 && s.Status == Optimal {
		t.Errorf("%s, objective %v, bound %v", s.Status, *s.Objective, *s.Bound)
	}
	if report, said := verdict(t, in, out, VerifyOptions{}); len(report.Faults) > 0 || report.Proved == Optimal && *s.Objective < 1e6 {
		t.Errorf("%s", said)
	}
}

// Ensure figures are held to their last digits, and keys to their spelling.
func TestVerifierHoldsFiguresToTheirDigits(t *testing.T) {
	t.Parallel()
	in, out := solvedFolder(t, countySpec{300, 2, false, 0.01, 5}.problem())
	for name, change := range map[string]func(string) string{
		"objective 1e-9 more":  scaleKey("objective", 1+1e-9),
		"objective 1e-13 less": scaleKey("objective", 1-1e-13),
		"bound 1e-8 more":      scaleKey("bound", 1+1e-8),
		"repeated key":         func(s string) string { return strings.Replace(s, `"objective":`, `"objective": 1, "objective":`, 1) },
		"repeated in the end":  func(s string) string { return strings.Replace(s, "\n}", ",\n\"status\": \"optimal\"}", 1) },
		"another case":         func(s string) string { return strings.Replace(s, `"objective":`, `"Objective":`, 1) },
		"case as well":         func(s string) string { return strings.Replace(s, `"bound":`, `"BOUND": 0, "bound":`, 1) },
		"key gone":             func(s string) string { return strings.Replace(s, `"seconds":`, `"second":`, 1) },
		"negative seconds":     setKey("seconds", -1),
		"no version":           setKey("version", " "),
	} {
		mustRefuse(t, name, in, tamper(t, out, "certificate.json", change), "")
	}
}

// Ensure a plan without a bound is refused where there is one for nothing, and
// doubted where there is none; and that no bound_stronger is taken at its word.
func TestVerifierSaysWhatIsClaimedAndNotShown(t *testing.T) {
	t.Parallel()
	in, out := solvedFolder(t, countySpec{300, 2, false, 0.01, 5}.problem())
	bare := tamper(t, out, "certificate.json", func(s string) string {
		for _, key := range []string{"bound", "gap", "gap_net"} {
			s = setKey(key, nil)(s)
		}
		return setKey("status", "feasible")(s)
	})
	for _, name := range []string{"multipliers.csv", "edge_flows.csv"} {
		if err := os.Remove(filepath.Join(bare, name)); err != nil {
			t.Fatal(err)
		}
	}
	mustRefuse(t, "no bound", in, bare, "bound is missing")

	p := loneProblem(true)
	in, out, s := writeSolved(t, p)
	worse := worsePlan(t, p)
	worse.BoundStronger = &StrongerBound{(*worse.Objective + *s.Bound) / 2, "faith"}
	if err := WriteSolution(out, p, worse); err != nil {
		t.Fatal(err)
	}
	mustDoubt(t, "a fake bound_stronger", in, out, Feasible, "bound_stronger")
	worse.Status, worse.BoundStronger.Value = Optimal, *worse.Objective
	if err := WriteSolution(out, p, worse); err != nil {
		t.Fatal(err)
	}
	mustDoubt(t, "optimal by a fake bound_stronger", in, out, Feasible, "optimal rests on bound_stronger")

	profit := &Problem{Constraints: []Constraint{{"k", AtMost, 4}}, Flows: []Flow{{"z", -2, math.Inf(1)}}, FlowTerms: []FlowTerm{{0, 0, 1}}}
	in, out, s = writeSolved(t, profit)
	s.Bound, s.Gap, s.GapNet, s.Multipliers, s.EdgeFlows, s.Status = nil, nil, nil, nil, nil, Feasible
	if err := WriteSolution(out, profit, s); err != nil {
		t.Fatal(err)
	}
	mustDoubt(t, "no bound for nothing", in, out, Feasible, "there is no bound")
}

// Ensure the patch rule is checked where the areas are given, and named as not
// checked where they are not.
func TestVerifierChecksThePatchRule(t *testing.T) {
	t.Parallel()
	p := loneProblem(true)
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := WriteProblem(in, p); err != nil {
		t.Fatal(err)
	}
	areas := func(each string) string {
		file := filepath.Join(t.TempDir(), "areas.csv")
		text := "unit,area\n"
		for u := range p.Units {
			text += p.Units[u].ID + "," + each + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	twos, ones := areas("2"), areas("1")
	if _, report, err := SolvePatchesDir(context.Background(), in, out, twos, 4, Options{Gap: -1}); err != nil || report.Objective == nil {
		t.Fatalf("%+v %v", report, err)
	}
	mustDoubt(t, "no areas", in, out, Feasible, "patch rule is not checked")
	least, other := 4.0, 5.0
	if report, said := verdict(t, in, out, VerifyOptions{twos, &least}); len(report.Faults) > 0 || strings.Contains(said, "rule is not checked") {
		t.Errorf("with the areas: %+v", report)
	}
	if report, said := verdict(t, in, out, VerifyOptions{twos, &other}); len(report.Faults) == 0 || !strings.Contains(said, "min_area") {
		t.Errorf("another least area: %+v", report)
	}
	if report, said := verdict(t, in, out, VerifyOptions{ones, &least}); len(report.Faults) == 0 || !strings.Contains(said, "too small") {
		t.Errorf("smaller areas: %+v", report)
	}
	if err := os.Remove(filepath.Join(out, "patch.json")); err != nil {
		t.Fatal(err)
	}
	if report, _ := verdict(t, in, out, VerifyOptions{twos, &least}); len(report.Faults) == 0 {
		t.Errorf("no patch.json: %+v", report)
	}
}

// Ensure numbers so large that doubles lose what they add up to prove nothing: what
// all but cancels out is added up exactly, what overflows is refused.
func TestVerifierIsNotDrownedInLargeNumbers(t *testing.T) {
	t.Parallel()
	p := &Problem{Units: []Unit{{"a", 5, Free}, {"b", 7, Free}}, Edges: []Edge{{0, 1, 1}},
		Constraints: []Constraint{{"k1", Equal, 1}, {"k2", Equal, 1}, {"k3", AtLeast, 1}},
		Terms:       []Term{{0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}, {2, 0, 1e10}},
		Flows:       []Flow{{"there", 0, math.Inf(1)}, {"back", 0, math.Inf(1)}},
		FlowTerms:   []FlowTerm{{2, 0, 1e10}, {2, 1, -1e10}}}
	in, out, s := writeSolved(t, p)
	if s.Status != Optimal || *s.Objective != 6 {
		t.Fatalf("%+v", s.Certificate)
	}
	for name, mu := range map[string][]float64{
		"cancel":     {1e30, -1e30, 0},
		"nearly":     {1e30, -9.999999999999999e29, 0},
		"overflow":   {1e308, -1e308, 0},
		"overflow 2": {0, 0, 1e308},
		"overflow 3": {1e308, 1e308, 1e308},
	} {
		for _, bound := range []float64{6, 5.9, 1e13} {
			lie := *s
			gap := gapOf(6, bound)
			lie.Multipliers, lie.EdgeFlows = mu, []float64{0}
			lie.Bound, lie.Gap, lie.GapNet, lie.BoundStronger = &bound, &gap, &gap, nil
			for _, lie.Status = range []Status{Optimal, Feasible} {
				if err := WriteSolution(out, p, &lie); err != nil {
					t.Fatal(err)
				}
				mustRefuse(t, name, in, out, "")
			}
		}
	}
	short := *s
	short.Selected, short.FlowValues = []bool{false, true}, []float64{1e308, 1e308}
	objective := 8.0
	short.Objective = &objective
	if err := WriteSolution(out, p, &short); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, "a row of Inf - Inf", in, out, "too large")

	// The sum that is to prove a contradiction, of a problem that has a plan.
	for _, mu := range [][]float64{{1e30, -1e30, 0}, {1e308, 0, 0}, {0, 0, 1e308}, {1e308, 1e308, 1e308}, {-1e308, 1e308, 1e300}} {
		lie := &Solution{Infeasibility: &Infeasibility{Proof: "multipliers", ProofValue: 1e308, Objective: new(float64), Shortfall: 3, ShortfallBound: 1,
			Plan: []SelectedUnit{{"a", 0}, {"b", 0}}, Flows: []FlowAmount{{"there", 0}, {"back", 0}}}}
		for k, c := range p.Constraints {
			lie.Infeasibility.Multipliers = append(lie.Infeasibility.Multipliers, RowValue{c.ID, mu[k]})
			lie.Infeasibility.Missed = append(lie.Infeasibility.Missed, MissedRow{c.ID, c.Sense.String(), 1, 0, 1, math.Abs(mu[k])})
		}
		lie.Status, lie.Version = Infeasible, Version
		for _, value := range []float64{1e308, 1, 1e-3} {
			lie.Infeasibility.ProofValue = value
			if err := WriteSolution(out, p, lie); err != nil {
				t.Fatal(err)
			}
			mustRefuse(t, "a contradiction", in, out, "")
		}
	}
}
