package rival

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"gengheng/internal/balance"
)

// Ensure the three solvers, each with its own way of reading the problem, agree
// on the optimum.
func TestSolversAgree(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*balance.Problem{
		"realistic": balance.SyntheticCounty(300, 2, false, 0.01, 1),
		"reserve":   balance.SyntheticReserve(49, 4, 200, 2),
	} {
		p.Constant = 17
		dir := filepath.Join(t.TempDir(), name)
		if err := balance.WriteProblem(dir, p); err != nil {
			t.Fatal(err)
		}
		s, err := balance.Solve(context.Background(), p, balance.Options{Gap: -1, TimeLimit: time.Minute})
		if err != nil || s.Status != balance.Optimal {
			t.Fatal(err, s.Status)
		}
		for solver, solve := range map[string]func() (Answer, error){
			"HiGHS": func() (Answer, error) { return HiGHS(context.Background(), dir, time.Minute, 0) },
			"CBC":   func() (Answer, error) { return CBC(context.Background(), p, dir, time.Minute, 0) },
		} {
			a, err := solve()
			if errors.Is(err, ErrAbsent) {
				t.Logf("%s: %v", solver, err)
				continue
			}
			if err != nil || a.Objective == nil || math.Abs(*a.Objective-*s.Objective) > 1e-5*math.Abs(*s.Objective) {
				t.Errorf("%s %s: %+v %v, ours %g", name, solver, a, err, *s.Objective)
				continue
			}
			if a.Bound == nil || *a.Bound > *a.Objective*(1+1e-6) || solver == "HiGHS" && a.Memory == 0 {
				t.Errorf("%s %s: %+v", name, solver, a)
			}
		}
	}
}

// Ensure CBC's summary is read, whatever way it ended.
func TestReadCBC(t *testing.T) {
	t.Parallel()
	objective, bound, status := readCBC("Result - Stopped on time limit\n\nObjective value:                412084.5\nLower bound:                    411910.250\nGap:                            0.00\n")
	if *objective != 412084.5 || *bound != 411910.25 || status != "Stopped on time limit" {
		t.Error(objective, bound, status)
	}
	objective, bound, _ = readCBC("Result - Stopped on time limit\n\nNo feasible solution found\nLower bound:                    12.5\n")
	if objective != nil || *bound != 12.5 {
		t.Error(objective, bound)
	}
	objective, bound, _ = readCBC("Result - Optimal solution found\n\nObjective value:                3\n")
	if *objective != 3 || *bound != 3 {
		t.Error(objective, bound)
	}
}
