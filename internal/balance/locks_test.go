package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Ensure a lock that contradicts a township's balance is named, also where the
// township could have been helped by others that are locked too.
func TestCheckLocksNamesContradictions(t *testing.T) {
	t.Parallel()
	p := &Problem{
		Units: []Unit{{ID: "a", Fixed: FixZero}, {ID: "b"}, {ID: "c", Fixed: FixZero}, {ID: "d", Fixed: FixOne}},
		Constraints: []Constraint{
			{ID: "area/T1", RHS: 10}, {ID: "area/T2", RHS: 4}, {ID: "pool"}, {ID: "budget", Sense: AtMost, RHS: 7},
		},
		Terms: []Term{{0, 0, 8}, {0, 1, 5}, {1, 2, 6}, {3, 3, 9}},
		Flows: []Flow{{ID: "in1", Upper: math.Inf(1)}, {ID: "out2", Upper: math.Inf(1)}},
		FlowTerms: []FlowTerm{
			{0, 0, 1}, {2, 0, -1}, // from the pool to T1
			{1, 1, -1}, {2, 1, 1}, // from T2 to the pool
		},
	}
	found := CheckLocks(p)
	if len(found) != 2 {
		t.Fatalf("%d conflicts: %+v", len(found), found)
	}
	joint, budget := found[0], found[1]
	if len(joint.Rows) != 3 || math.Abs(joint.Missing-9) > 1e-6 || joint.LockCount != 2 || math.Abs(joint.MissingWithoutLocks+5) > 1e-6 {
		t.Errorf("townships: %+v", joint)
	}
	if len(joint.Locks) != 2 || joint.Locks[0].Unit != "a" || joint.Locks[0].Value != 0 {
		t.Errorf("townships' locks: %+v", joint.Locks)
	}
	if len(budget.Rows) != 1 || math.Abs(budget.Missing-2) > 1e-6 || len(budget.Locks) != 1 || budget.Locks[0].Unit != "d" || budget.Locks[0].Value != 1 {
		t.Errorf("budget: %+v", budget)
	}
	s, err := Solve(context.Background(), p, Options{})
	if err != nil || s.Status != Infeasible || len(s.Infeasibility.Conflicts) != 2 {
		t.Errorf("%v %v: %+v", s.Status, err, s.Infeasibility)
	}
	p.Units[0].Fixed, p.Units[2].Fixed, p.Units[3].Fixed = Free, Free, Free
	if found := CheckLocks(p); len(found) != 0 {
		t.Errorf("without locks: %+v", found)
	}
}

// Ensure nothing is named of a problem that has a plan, and that with locks
// given up, as many as are named, the sum can be met.
func TestCheckLocksIsNeverWrong(t *testing.T) {
	t.Parallel()
	named, feasible := 0, 0
	for seed := range 3000 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 11)))
		if len(p.Flows) > 2 {
			continue // brute force over vertices is slow
		}
		found := CheckLocks(p)
		best := bruteForce(p)
		if len(found) > 0 {
			named++
		}
		if !math.IsInf(best, 1) {
			feasible++
			if len(found) > 0 {
				t.Fatalf("seed %d has a plan, but: %+v", seed, found)
			}
		}
		for _, c := range found {
			left := c.Missing
			for _, l := range c.Locks {
				left -= l.Share
			}
			if c.MissingWithoutLocks <= 0 && left > 1e-9*c.Missing || c.MissingWithoutLocks > 1e-9*c.Missing && len(c.Locks) != c.LockCount {
				t.Fatalf("seed %d: the locks do not end the conflict: %+v", seed, c)
			}
		}
	}
	if named < 50 || feasible < 500 {
		t.Fatalf("the draw shows too little: %d named, %d feasible", named, feasible)
	}
}
