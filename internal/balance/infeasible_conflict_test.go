package balance

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// Ensure contradictions among rows of very different sizes are proved, and that what
// is written about them is what the verifier works out.
func TestContradictionsAcrossSizesAreProved(t *testing.T) {
	t.Parallel()
	free := math.Inf(1)
	for name, p := range map[string]*Problem{
		"a lock beside a tiny row": {
			Constant:    -4e9,
			Units:       []Unit{{ID: "u0"}, {ID: "u1", Fixed: FixOne}},
			Constraints: []Constraint{{"k0", Equal, 0.001}, {"k2", AtLeast, 0}, {"k3", Equal, 0}},
			Terms:       []Term{{1, 0, -0.002}, {2, 0, 3.75e6}, {2, 1, 5e6}},
			Flows:       []Flow{{"z1", 2e9, 2}},
			FlowTerms:   []FlowTerm{{0, 0, 0.0015}, {1, 0, 0.002}},
		},
		"tiny rows beside an unlimited flow": {
			Constant:    -3e9,
			Constraints: []Constraint{{"k0", AtMost, 0}, {"k1", Equal, 0}, {"k2", AtMost, -0.003}, {"k3", AtMost, 0}},
			Flows:       []Flow{{"z0", 4.25e9, 4}, {"z1", 1.75e9, free}},
			FlowTerms:   []FlowTerm{{0, 1, -3e6}, {1, 0, -0.0025}, {2, 0, -0.003}, {3, 0, -1e6}},
		},
		"weights that settling moves": {
			Constraints: []Constraint{{"k0", Equal, 0.00325}, {"k1", AtMost, 0}},
			Flows:       []Flow{{"z0", 3e9, free}, {"z1", 2.5e8, free}},
			FlowTerms:   []FlowTerm{{0, 0, -0.001}, {0, 1, 0.001}, {1, 1, 1e6}},
		},
		"what is left of large sums": {
			Constraints: []Constraint{{"k0", AtLeast, 2000}, {"k1", AtLeast, 0}},
			Flows:       []Flow{{"z0", -2.75, 5}, {"z1", 5, 1}},
			FlowTerms:   []FlowTerm{{0, 0, 2000}, {0, 1, 500}, {1, 0, -0.003}, {1, 1, 0.002}},
		},
	} {
		s, err := Solve(context.Background(), p, Options{TimeLimit: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != Infeasible {
			t.Errorf("%s: %s", name, s.Status)
			continue
		}
		in, out := filepath.Join(t.TempDir(), "in"), t.TempDir()
		if err := WriteProblem(in, p); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, p, s); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil || report.Proved != Infeasible || len(s.Infeasibility.Conflicts) == 0 {
			t.Errorf("%s: %v, proved %q, %d conflicts", name, err, report.Proved, len(s.Infeasibility.Conflicts))
		}
	}
}

// Ensure a conflict that the verifier would refuse is left out.
func TestConflictsThatDoNotStandAreLeftOut(t *testing.T) {
	t.Parallel()
	p := &Problem{
		Units:       []Unit{{ID: "a", Fixed: FixZero}, {ID: "b"}},
		Constraints: []Constraint{{"k", AtLeast, 2}},
		Terms:       []Term{{0, 0, 1}, {0, 1, 1}},
	}
	found := CheckLocks(p)
	if len(found) != 1 || len(standing(p, found)) != 1 {
		t.Fatalf("%+v", found)
	}
	small := found[0]
	small.Rows = []RowValue{{"k", 1e-13}}
	wrong := found[0]
	wrong.Missing *= 2
	if kept := standing(p, []Conflict{small, wrong}); len(kept) != 0 {
		t.Errorf("%+v", kept)
	}
}

// Ensure a bound of nothing is 0, and one that costs make is not.
func TestBoundOfNothingIsZero(t *testing.T) {
	t.Parallel()
	p := &Problem{Units: []Unit{{ID: "a", Cost: 1}}, Constraints: []Constraint{{"k", AtLeast, 1}}, Terms: []Term{{0, 0, 1}}}
	if v := contractBound(p, []float64{0}, nil, true); v != 0 {
		t.Errorf("%g", v)
	}
	p.Constant = 1
	if v := contractBound(p, []float64{0}, nil, true); !(v < 1 && v > 0.999) {
		t.Errorf("%g", v)
	}
}
