package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// sound checks a solution of a tiny problem against brute force: the optimum is
// found, and the bound is the contract's sum and below it.
func sound(t *testing.T, seed int, p *Problem, s *Solution) {
	t.Helper()
	best := bruteForce(p)
	if math.IsInf(best, 1) {
		if s.Status != Infeasible && s.Status != Unknown {
			t.Fatalf("seed %d: %s, but there is no plan", seed, s.Status)
		}
		return
	}
	tolerance := 1e-6 * (1 + math.Abs(best))
	if s.Status != Optimal || math.Abs(*s.Objective-best) > tolerance {
		t.Fatalf("seed %d: %s %v, optimum %g", seed, s.Status, s.Objective, best)
	}
	if s.Bound != nil {
		if *s.Bound > best+tolerance {
			t.Fatalf("seed %d: bound %g above the optimum %g", seed, *s.Bound, best)
		}
		if again := contractBound(p, s.Multipliers, s.EdgeFlows, true); math.Abs(again-*s.Bound) > 1e-9*(1+math.Abs(again)) {
			t.Fatalf("seed %d: bound %g, its sum %g", seed, *s.Bound, again)
		}
	}
}

// Ensure that after any changes a session finds what a solve from nothing finds:
// the optimum, with a valid bound.
func TestSessionEqualsColdSolve(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for seed := range 300 {
		rng := rand.New(rand.NewPCG(uint64(seed), 21))
		p := tinyProblem(rng)
		if len(p.Flows) > 2 || len(p.Units) == 0 {
			continue
		}
		before := *p
		before.Units, before.Edges, before.Constraints = slices.Clone(p.Units), slices.Clone(p.Edges), slices.Clone(p.Constraints)
		session, first, err := NewSession(ctx, p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, seed, p, first)
		for range 4 {
			for range 1 + rng.IntN(2) {
				unit := p.Units[rng.IntN(len(p.Units))].ID
				switch k := rng.IntN(len(p.Constraints) + 1); rng.IntN(4) {
				case 0:
					err = session.Lock(unit, rng.IntN(2) == 0)
				case 1:
					err = session.Unlock(unit)
				case 2:
					err = session.SetLambda(float64(rng.IntN(4)) / 2)
				default:
					if k < len(p.Constraints) {
						err = session.SetRHS(p.Constraints[k].ID, p.Constraints[k].RHS+float64(rng.IntN(9)-4))
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s, err := session.Solve(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, seed, session.Problem(), s)
		}
		if !slices.Equal(before.Units, p.Units) || !slices.Equal(before.Edges, p.Edges) || !slices.Equal(before.Constraints, p.Constraints) {
			t.Fatalf("seed %d: the session changed the caller's problem", seed)
		}
	}
}

// Ensure the answers of a session in a county stand before the verifier, and
// that changes of unknown things are refused.
func TestSessionAnswersVerify(t *testing.T) {
	t.Parallel()
	p := countySpec{1500, 4, false, 0.01, 3}.problem()
	session, first, err := NewSession(context.Background(), p, Options{Gap: 1e-3, TimeLimit: 20 * time.Second})
	if err != nil || first.Selected == nil {
		t.Fatal(err, first)
	}
	for _, err := range []error{session.Lock("nobody", true), session.Unlock("nobody"), session.SetRHS("nothing", 1), session.SetRHS(p.Constraints[0].ID, math.NaN()), session.SetLambda(-1), session.SetLambda(math.NaN())} {
		if err == nil {
			t.Error("a senseless change was taken")
		}
	}
	changes := []func() error{
		func() error { return session.Lock(firstFree(p, first, true), false) },
		func() error { return session.Lock(firstFree(p, first, false), true) },
		func() error { return session.SetRHS(p.Constraints[0].ID, p.Constraints[0].RHS*1.02) },
		func() error { return session.SetLambda(2) },
	}
	for i, change := range changes {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		s, err := session.Solve(context.Background(), 0)
		if err != nil || s.Selected == nil {
			t.Fatalf("change %d: %v %v", i, err, s.Status)
		}
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := WriteProblem(in, session.Problem()); err != nil {
			t.Fatal(err)
		}
		if err := WriteSolution(out, session.Problem(), s); err != nil {
			t.Fatal(err)
		}
		if report, err := VerifyDir(in, out); err != nil {
			t.Errorf("change %d: %v %v", i, err, report.Faults)
		}
		if s.Certificate.Gap == nil || *s.GapNet > 5e-3 {
			t.Errorf("change %d: gap_net %v", i, s.GapNet)
		}
	}
}

func firstFree(p *Problem, s *Solution, selected bool) string {
	for u := range p.Units {
		if p.Units[u].Fixed == Free && s.Selected[u] == selected {
			return p.Units[u].ID
		}
	}
	return ""
}

// BenchmarkSession locks and unlocks units and changes quotas in a county of
// 100,000 parcels; p95 is in milliseconds.
func BenchmarkSession(b *testing.B) {
	p := countySpec{100000, 25, false, 0.01, 1}.problem()
	session, first, err := NewSession(context.Background(), p, Options{})
	if err != nil || first.Selected == nil {
		b.Fatal(err)
	}
	var free []string
	for u := range p.Units {
		if p.Units[u].Fixed == Free {
			free = append(free, p.Units[u].ID)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	var took []float64
	worst := 0.0
	for b.Loop() {
		switch rng.IntN(3) {
		case 0:
			k := rng.IntN(75)
			_ = session.SetRHS(p.Constraints[k].ID, p.Constraints[k].RHS*(0.99+0.02*rng.Float64()))
		case 1:
			_ = session.Unlock(free[rng.IntN(len(free))])
		default:
			_ = session.Lock(free[rng.IntN(len(free))], rng.IntN(2) == 0)
		}
		start := time.Now()
		s, err := session.Solve(context.Background(), 250*time.Millisecond)
		if err != nil || s.Selected == nil {
			b.Fatal(err, s.Status)
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
		worst = max(worst, *s.GapNet)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(worst*1e6, "worst-gap_net-ppm")
}
