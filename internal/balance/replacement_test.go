package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func forcedOptimum(p *Problem, u int, farmland bool) float64 {
	forced := *p
	forced.Units = slices.Clone(p.Units)
	forced.Units[u].Fixed = FixZero
	if farmland {
		forced.Units[u].Fixed = FixOne
	}
	return bruteForce(&forced)
}

// Ensure the replacement cost of every unit lies between bound and plan B, and
// that the session's own is exact on problems that it searches out.
func TestReplacementsHoldTheTruth(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	units, tight, plans, possible := 0, 0, 0, 0
	for seed := range 250 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 31)))
		if len(p.Flows) > 2 || len(p.Units) > 9 {
			continue
		}
		session, s, err := NewSession(ctx, p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		list, err := Replacements(ctx, p, s, 1)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for u := range p.Units {
			if p.Units[u].Fixed != Free || s.Selected == nil || s.Multipliers == nil {
				continue
			}
			truth := forcedOptimum(p, u, !s.Selected[u])
			tolerance := 1e-6 * (1 + math.Abs(*s.Objective))
			x := list[at]
			at++
			units++
			if x.Unit != p.Units[u].ID || x.Selected != s.Selected[u] || *x.Bound > truth+tolerance || *x.Bound < *s.Bound-tolerance {
				t.Fatalf("seed %d unit %s: bound %g, truth %g: %+v", seed, x.Unit, *x.Bound, truth, x)
			}
			if !math.IsInf(truth, 1) {
				possible++
				if *x.Bound > truth-tolerance {
					tight++
				}
			}
			if x.Objective != nil {
				plans++
				if *x.Objective < truth-tolerance || x.Changes[0] != x.Unit {
					t.Fatalf("seed %d unit %s: plan B %g below the truth %g", seed, x.Unit, *x.Objective, truth)
				}
			}
			exact, err := session.Replacement(ctx, x.Unit, 0)
			if err != nil {
				t.Fatal(err)
			}
			if exact.Impossible {
				if !math.IsInf(truth, 1) {
					t.Fatalf("seed %d unit %s: called impossible, truth %g", seed, x.Unit, truth)
				}
				continue
			}
			if math.IsInf(truth, 1) {
				if exact.Objective != nil {
					t.Fatalf("seed %d unit %s: a plan where there is none", seed, x.Unit)
				}
				continue
			}
			if exact.Objective == nil || math.Abs(*exact.Objective-truth) > tolerance || *exact.Bound > truth+tolerance || math.Abs(*exact.AtMost-(truth-*s.Objective)) > tolerance {
				t.Fatalf("seed %d unit %s: %+v, truth %g", seed, x.Unit, exact, truth)
			}
		}
	}
	t.Logf("%d units, %d possible, %d plans B, %d tight bounds", units, possible, plans, tight)
	if units < 300 || plans < possible/2 || tight < possible/10 {
		t.Errorf("%d units, %d possible, %d plans B, %d tight bounds", units, possible, plans, tight)
	}
}

// Ensure that in a county without constraints in the way a forced unit's bound
// is exact: it is a minimum cut.
func TestReplacementBoundIsACut(t *testing.T) {
	t.Parallel()
	for seed := range 200 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 33)))
		p.Constraints, p.Terms, p.Flows, p.FlowTerms = nil, nil, nil, nil
		s, err := Solve(context.Background(), p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		list, err := Replacements(context.Background(), p, s, 2)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for u := range p.Units {
			if p.Units[u].Fixed != Free {
				continue
			}
			x := list[at]
			at++
			truth := forcedOptimum(p, u, !s.Selected[u])
			if tolerance := 1e-7 * (1 + math.Abs(truth)); math.Abs(*x.Bound-truth) > tolerance || math.Abs(*x.Objective-truth) > tolerance {
				t.Fatalf("seed %d unit %s: bound %g, plan B %g, truth %g", seed, x.Unit, *x.Bound, *x.Objective, truth)
			}
		}
	}
}

// BenchmarkReplacements explains every free unit of a county.
func BenchmarkReplacements(b *testing.B) {
	p := countySpec{100000, 25, false, 0.01, 1}.problem()
	s, err := Solve(context.Background(), p, Options{TimeLimit: 10 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Explain(p, s)
		list, err := Replacements(context.Background(), p, s, 2)
		if err != nil {
			b.Fatal(err)
		}
		plans, spread := 0, 0.0
		for _, x := range list {
			if x.Objective != nil {
				plans++
				spread += *x.AtMost - *x.AtLeast
			}
		}
		b.ReportMetric(float64(plans)/float64(len(list)), "with-plan")
		b.ReportMetric(spread/float64(plans)/(*s.Objective)*1e6, "spread-ppm")
	}
}
