package balance

import (
	"context"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// highsPython gives the system's Python with scipy's HiGHS, an independent solver
// that reads the problem's files by itself; the test is skipped without it.
func highsPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import scipy.optimize as o; o.milp").Run() == nil {
			return python
		}
	}
	t.Skip("python3-scipy is not installed")
	return ""
}

func highs(t *testing.T, python, dir, mode string) float64 {
	t.Helper()
	out, err := exec.Command(python, "testdata/highs.py", dir, mode).Output()
	if err != nil {
		t.Fatalf("highs.py: %v", err)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		t.Fatalf("highs.py said %q", out)
	}
	return v
}

// Ensure bound and optimum of counties agree with HiGHS on the same files: the
// bound is the linear relaxation's, the plan the integer optimum.
func TestCountiesAgreeWithHiGHS(t *testing.T) {
	t.Parallel()
	python := highsPython(t)
	for _, c := range []countySpec{
		{500, 2, false, 0.01, 1}, {800, 3, false, 0.02, 2}, {1000, 3, false, 0.005, 3}, {1500, 4, false, 0.01, 4},
	} {
		p := c.problem()
		dir := filepath.Join(t.TempDir(), "in")
		if err := WriteProblem(dir, p); err != nil {
			t.Fatal(err)
		}
		s, err := Solve(context.Background(), p, Options{Gap: -1, TimeLimit: 2 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		relaxed, best := highs(t, python, dir, "relaxed"), highs(t, python, dir, "whole")
		if math.Abs(*s.Bound-relaxed) > 1e-6*math.Abs(relaxed) {
			t.Errorf("%+v: bound %.6f, HiGHS's relaxation %.6f", c, *s.Bound, relaxed)
		}
		if s.Status != Optimal || math.Abs(*s.Objective-best) > 2e-6*math.Abs(best) {
			t.Errorf("%+v: %s %.6f, HiGHS's optimum %.6f", c, s.Status, *s.Objective, best)
		}
	}
	// A connected county: every parcel may change.
	p := countySpec{2000, 5, true, 0.01, 6}.problem()
	dir := filepath.Join(t.TempDir(), "in")
	if err := WriteProblem(dir, p); err != nil {
		t.Fatal(err)
	}
	s, err := Solve(context.Background(), p, Options{Gap: 2e-3, TimeLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if relaxed := highs(t, python, dir, "relaxed"); math.Abs(*s.Bound-relaxed) > 1e-6*math.Abs(relaxed) {
		t.Errorf("all-free: bound %.6f, HiGHS's relaxation %.6f", *s.Bound, relaxed)
	}
}
