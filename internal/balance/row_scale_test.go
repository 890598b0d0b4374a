package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// Ensure that it does not matter in which unit a constraint is written: a problem
// whose rows are multiplied by powers of ten has the optimum that brute force finds
// for it as it was, and its answer verifies.
func TestUnitsOfRowsDoNotMatter(t *testing.T) {
	t.Parallel()
	seeds := 2000
	if testing.Short() {
		seeds = 300
	}
	root := t.TempDir()
	in, out := filepath.Join(root, "in"), filepath.Join(root, "out")
	solved := 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 64))
		p := tinyProblem(rng)
		if len(p.Flows) > 2 {
			continue
		}
		truth := bruteForce(p)
		scale := math.Pow(10, float64(rng.IntN(12)-8))
		for k := range p.Constraints {
			p.Constraints[k].RHS *= scale
		}
		for i := range p.Terms {
			p.Terms[i].Coefficient *= scale
		}
		for i := range p.FlowTerms {
			p.FlowTerms[i].Coefficient *= scale
		}
		s, err := Solve(context.Background(), p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteProblem(in, p); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("seed %d: %v", seed, report.Faults)
		}
		if math.IsInf(truth, 1) {
			if s.Status != Infeasible {
				t.Errorf("seed %d: %s, and there is no plan", seed, s.Status)
			}
			continue
		}
		solved++
		if s.Status != Optimal || math.Abs(*s.Objective-truth) > 1e-6*(1+math.Abs(truth)) {
			t.Errorf("seed %d: %s, %+v, optimum %g", seed, s.Status, s.Certificate, truth)
		}
	}
	if solved < seeds/3 {
		t.Errorf("only %d solved", solved)
	}
}
