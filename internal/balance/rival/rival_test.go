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
			t.Run(name+" "+solver, func(t *testing.T) {
				a, err := solve()
				if errors.Is(err, ErrAbsent) {
					t.Skip(err) // scripts/setup installs both
				}
				if err != nil || a.Objective == nil || math.Abs(*a.Objective-*s.Objective) > 1e-5*math.Abs(*s.Objective) {
					t.Fatalf("%+v %v, ours %g", a, err, *s.Objective)
				}
				if a.Bound == nil || *a.Bound > *a.Objective*(1+1e-6) || solver == "HiGHS" && a.Memory == 0 {
					t.Errorf("%+v", a)
				}
			})
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

// Ensure the progress of a solver that had to be killed is read: its last plan
// and bound, none where there were none yet.
func TestReadKilled(t *testing.T) {
	t.Parallel()
	objective, bound := readHiGHS(`{"Constant": 5}
Running HiGHS 1.2.0
         0       0         0   0.00%   12.575792       inf                  inf        0      0      0         0     0.3s
 R       0       0         0   0.00%   7233.875228     7330.696176        1.32%        0      0      0      4277     1.9s
`)
	if *objective != 7335.696176 || *bound != 7238.875228 {
		t.Error(*objective, *bound)
	}
	if objective, bound := readHiGHS("{\"Constant\": 0}\n         0       0         0   0.00%   -inf            inf                  inf        0\n"); objective != nil || bound != nil {
		t.Error(objective, bound)
	}
	if objective, bound := readHiGHS(""); objective != nil || bound != nil {
		t.Error(objective, bound)
	}
	objective, bound = readKilledCBC(`Continuous objective value is 7233.88 - 0.40 seconds
Cbc0012I Integer solution of 7271.0987 found by feasibility pump after 0 iterations and 0 nodes (12.38 seconds)
Cbc0010I After 100 nodes, 50 on tree, 7270.5 best solution, best possible 7240.25 (20 seconds)
`)
	if *objective != 7270.5 || *bound != 7240.25 {
		t.Error(*objective, *bound)
	}
	if objective, bound := readKilledCBC("Cbc0010I After 0 nodes, 1 on tree, 1e+50 best solution, best possible 7240.25 (20 seconds)\n"); objective != nil || *bound != 7240.25 {
		t.Error(objective, bound)
	}
}
