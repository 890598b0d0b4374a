package balance

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// bruteForcePatches is the optimum under a patch rule, by trying every plan.
func bruteForcePatches(p *Problem, rule PatchRule) float64 {
	best := math.Inf(1)
	fixed := *p
	fixed.Units = append([]Unit{}, p.Units...)
	s := make([]bool, len(p.Units))
	var choose func(u int)
	choose = func(u int) {
		if u == len(s) {
			if obeysRule(p, rule, s) {
				best = min(best, bruteForce(&fixed))
			}
			return
		}
		for v, fix := range map[bool]Fix{false: FixZero, true: FixOne} {
			if given := p.Units[u].Fixed; given != Free && given != fix {
				continue
			}
			s[u], fixed.Units[u].Fixed = v, fix
			choose(u + 1)
		}
	}
	choose(0)
	return best
}

// obeysRule checks the rule from its words: for every chosen free unit, the area
// that can be walked to over chosen units.
func obeysRule(p *Problem, rule PatchRule, s []bool) bool {
	for u := range p.Units {
		if !s[u] || p.Units[u].Fixed != Free || rule.Applies != nil && !rule.Applies[u] {
			continue
		}
		reached := map[int32]bool{int32(u): true}
		for grew := true; grew; {
			grew = false
			for _, e := range p.Edges {
				if e.B == Outside || !s[e.A] || !s[e.B] || reached[e.A] == reached[e.B] {
					continue
				}
				reached[e.A], reached[e.B], grew = true, true, true
			}
		}
		area := 0.0
		for v := range reached {
			area += rule.Area[v]
		}
		if area < rule.MinArea {
			return false
		}
	}
	return true
}

func tinyRule(rng *rand.Rand, p *Problem) PatchRule {
	rule := PatchRule{MinArea: float64(rng.IntN(14)), Area: make([]float64, len(p.Units))}
	for u := range rule.Area {
		rule.Area[u] = float64(rng.IntN(6))
	}
	if rng.IntN(2) == 0 {
		rule.Applies = make([]bool, len(p.Units))
		for u := range rule.Applies {
			rule.Applies[u] = rng.IntN(3) > 0
		}
	}
	return rule
}

// Ensure plans under the rule obey it and are the optimum under it on problems
// that are searched out, and that its bound holds.
func TestPatchesEqualBruteForce(t *testing.T) {
	t.Parallel()
	binding, solved := 0, 0
	for seed := range 600 {
		rng := rand.New(rand.NewPCG(uint64(seed), 51))
		p := tinyProblem(rng)
		if len(p.Flows) > 1 || len(p.Units) > 8 {
			continue
		}
		rule := tinyRule(rng, p)
		s, report, err := SolvePatches(context.Background(), p, rule, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		if s.Status == Infeasible {
			continue
		}
		truth := bruteForcePatches(p, rule)
		tolerance := 1e-6 * (1 + math.Abs(truth))
		if math.IsInf(truth, 1) {
			if s.Selected != nil {
				t.Fatalf("seed %d: a plan where none obeys the rule", seed)
			}
			continue
		}
		if s.Selected == nil || report.NoPlanObeys {
			t.Fatalf("seed %d: no plan, optimum %g: %+v", seed, truth, report)
		}
		solved++
		if !obeysRule(p, rule, s.Selected) || math.Abs(*s.Objective-truth) > tolerance || report.Status != Optimal || *report.Bound > truth+tolerance {
			t.Fatalf("seed %d: objective %g, optimum %g, bound %g, %s", seed, *s.Objective, truth, *report.Bound, report.Status)
		}
		if *report.Loss < -tolerance || math.Abs(*report.Loss-(*s.Objective-*report.ObjectiveWithout)) > tolerance {
			t.Fatalf("seed %d: loss %g", seed, *report.Loss)
		}
		if *report.Loss > tolerance {
			binding++
		}
	}
	if binding < 30 || solved < 200 {
		t.Errorf("%d solved, %d lose by the rule: the draw shows too little", solved, binding)
	}
}

// Ensure a county's plan obeys the rule, verifies from its files, and says what
// the rule costs.
func TestPatchesOfACounty(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]countySpec{"realistic": {900, 3, false, 0.003, 3}, "all-free": {600, 3, true, 0.003, 4}} {
		p := c.problem()
		rule := PatchRule{MinArea: 30000, Area: make([]float64, len(p.Units)), Applies: make([]bool, len(p.Units))}
		rng := rand.New(rand.NewPCG(1, 2))
		for u := range rule.Area {
			rule.Area[u] = 1500 + 2000*rng.Float64()
			rule.Applies[u] = true
		}
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := WriteProblem(in, p); err != nil {
			t.Fatal(err)
		}
		s, report, err := SolvePatches(context.Background(), p, rule, Options{TimeLimit: 40 * time.Second, Gap: 1e-2})
		if err != nil {
			t.Fatal(err)
		}
		if s.Selected == nil || !obeysRule(p, rule, s.Selected) {
			t.Fatalf("%s: no plan that obeys the rule: %+v", name, report)
		}
		if report.ViolatingWithout == 0 {
			t.Errorf("%s: the rule asks nothing", name)
		}
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		if v, err := VerifyDir(in, out); err != nil {
			t.Errorf("%s: %v %v", name, err, v.Faults)
		}
		t.Logf("%s: %d units, %d excluded, %d violate, %d inequalities, loss %.4f %%, at most %.4f %%", name, report.Units, report.Excluded,
			report.ViolatingWithout, report.Inequalities, 100**report.Loss / *report.ObjectiveWithout, 100**report.LossAtMost / *report.ObjectiveWithout)
	}
}

// Ensure senseless rules are refused.
func TestPatchRuleIsChecked(t *testing.T) {
	t.Parallel()
	p := &Problem{Units: []Unit{{ID: "a"}}}
	for _, rule := range []PatchRule{{MinArea: -1, Area: []float64{1}}, {MinArea: math.NaN(), Area: []float64{1}}, {MinArea: 1}, {MinArea: 1, Area: []float64{-1}}, {MinArea: 1, Area: []float64{1}, Applies: []bool{}}} {
		if _, _, err := SolvePatches(context.Background(), p, rule, Options{}); err == nil {
			t.Errorf("taken: %+v", rule)
		}
	}
}

// Ensure the areas' file is read in both forms and refused where it is not whole.
func TestPatchAreasAreRead(t *testing.T) {
	t.Parallel()
	p := &Problem{Units: []Unit{{ID: "a"}, {ID: "b"}}}
	rule, err := parsePatchAreas("f.csv", []byte("unit,area,rule\nb,2.5,0\na,1,1\n"), p)
	if err != nil || rule.Area[1] != 2.5 || rule.Applies[1] || !rule.Applies[0] {
		t.Errorf("%+v %v", rule, err)
	}
	if rule, err = parsePatchAreas("f.csv", []byte("unit,area\na,1\nb,0\n"), p); err != nil || !rule.Applies[1] {
		t.Errorf("%+v %v", rule, err)
	}
	for name, text := range map[string]string{
		"empty": "", "no b": "unit,area\na,1\n", "twice": "unit,area\na,1\na,1\nb,1\n", "stranger": "unit,area\na,1\nc,1\n",
		"negative": "unit,area\na,-1\nb,1\n", "no number": "unit,area\na,x\nb,1\n", "rule 2": "unit,area,rule\na,1,2\nb,1,1\n", "header": "unit,size\na,1\nb,1\n",
	} {
		if _, err := parsePatchAreas("f.csv", []byte(text), p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// BenchmarkPatches asks for patches of 50 mu in a county of 100,000 parcels.
func BenchmarkPatches(b *testing.B) {
	p, before := countySpec{100000, 25, false, 0.01, 1}.build()
	rule := PatchRule{MinArea: 50 * 666.67, Area: make([]float64, len(p.Units)), Applies: make([]bool, len(p.Units))}
	for u := range rule.Area {
		rule.Area[u], rule.Applies[u] = 3100, !before[u]
	}
	for _, t := range p.Terms {
		if int(t.Constraint) < 75 && t.Constraint%3 == 0 {
			rule.Area[t.Unit] = t.Coefficient
		}
	}
	for b.Loop() {
		s, report, err := SolvePatches(context.Background(), p, rule, Options{TimeLimit: 60 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		if s.Selected == nil {
			b.Fatalf("no plan: %+v", report)
		}
		b.ReportMetric(float64(report.ViolatingWithout), "violating")
		b.ReportMetric(float64(report.Inequalities), "inequalities")
		b.ReportMetric(*report.Loss / *report.ObjectiveWithout * 1e6, "loss-ppm")
		b.ReportMetric(*report.Gap*1e6, "gap-ppm")
	}
}

// Ensure what is said of every plan under a rule verifies, with the rule checked
// from its areas' file.
func TestEveryPatchPlanVerifies(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	in, out, areas := filepath.Join(root, "in"), filepath.Join(root, "out"), filepath.Join(root, "areas.csv")
	ends := map[Status]int{}
	for seed := range 300 {
		rng := rand.New(rand.NewPCG(uint64(seed), 52))
		p := tinyProblem(rng)
		rule := tinyRule(rng, p)
		text := "unit,area,rule\n"
		for u := range p.Units {
			text += p.Units[u].ID + "," + decimal(rule.Area[u]) + "," + bit(rule.Applies == nil || rule.Applies[u]) + "\n"
		}
		if err := errors.Join(WriteProblem(in, p), os.WriteFile(areas, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		c, _, err := SolvePatchesDir(context.Background(), in, out, areas, rule.MinArea, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		ends[c.Status]++
		report, err := VerifyDirWith(in, out, VerifyOptions{PatchAreas: areas, MinPatch: &rule.MinArea})
		if err != nil || report.Status != c.Status {
			t.Errorf("seed %d: %v", seed, report.Faults)
		}
	}
	if ends[Feasible] == 0 || ends[Optimal] == 0 || ends[Infeasible] == 0 || ends[Unknown] == 0 {
		t.Errorf("%v", ends)
	}
}
