package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Ensure tiny problems of every kind are solved to proved optimality, equal to
// trying every plan, and that the bound never exceeds the optimum.
func TestSolveEqualsBruteForce(t *testing.T) {
	t.Parallel()
	count := 3000
	if testing.Short() {
		count = 300
	}
	kinds := map[Status]int{}
	for seed := range count {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 1)))
		s, err := Solve(context.Background(), p, Options{Gap: -1, TimeLimit: 30 * time.Second})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := bruteForce(p)
		kinds[s.Status]++
		if math.IsInf(want, 1) {
			if s.Status != Infeasible {
				t.Errorf("seed %d: no plan exists, status is %s", seed, s.Status)
			}
			continue
		}
		if s.Status != Optimal {
			t.Errorf("seed %d: optimum %g, status is %s", seed, want, s.Status)
			continue
		}
		if math.Abs(*s.Objective-want) > 1e-6*(1+math.Abs(want)) {
			t.Errorf("seed %d: objective %g, optimum %g", seed, *s.Objective, want)
		}
		if s.Bound == nil {
			t.Errorf("seed %d: no bound", seed)
		} else if *s.Bound > want+1e-6*(1+math.Abs(want)) {
			t.Errorf("seed %d: bound %g exceeds the optimum %g", seed, *s.Bound, want)
		}
	}
	t.Logf("%v", kinds)
	if kinds[Optimal] < count/4 || kinds[Infeasible] < count/50 {
		t.Errorf("the problems are too much alike: %v", kinds)
	}
}
