package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// townProblem draws a small problem of four townships with rows of their own of
// every sense, rows over all of them, flows within, and borders between.
func townProblem(rng *rand.Rand) *Problem {
	const towns = 4
	p := &Problem{Name: "合成 towns", Constant: float64(rng.IntN(9) - 4)}
	n := towns * (2 + rng.IntN(2))
	for u := range n {
		p.Units = append(p.Units, Unit{ID: id("u", u), Cost: float64(rng.IntN(41) - 20)})
		if rng.IntN(9) == 0 {
			p.Units[u].Fixed = Fix(1 + rng.IntN(2))
		}
	}
	for range 2 * n {
		p.Edges = append(p.Edges, Edge{int32(rng.IntN(n)), int32(rng.IntN(n+1) - 1), float64(rng.IntN(8))})
	}
	row := func(id string, of func(u int) bool) {
		k := int32(len(p.Constraints))
		sum := 0.0
		for u := range n {
			if v := float64(rng.IntN(19) - 5); of(u) && v != 0 {
				p.Terms = append(p.Terms, Term{k, int32(u), v})
				if rng.IntN(2) == 0 {
					sum += v
				}
			}
		}
		p.Constraints = append(p.Constraints, Constraint{ID: id, Sense: Sense(rng.IntN(3)), RHS: sum})
	}
	for t := range towns {
		row(id("t", t), func(u int) bool { return u%towns == t })
	}
	for k := range rng.IntN(3) {
		row(id("all", k), func(int) bool { return true })
	}
	pool := len(p.Constraints)
	p.Constraints = append(p.Constraints, Constraint{ID: "pool", Sense: AtLeast})
	for z := range rng.IntN(4) {
		f := Flow{ID: id("z", z), Cost: float64(rng.IntN(6)), Upper: math.Inf(1)}
		if rng.IntN(2) == 0 {
			f.Upper = float64(1 + rng.IntN(9))
		}
		p.Flows = append(p.Flows, f)
		sign := float64(1 - 2*rng.IntN(2))
		p.FlowTerms = append(p.FlowTerms, FlowTerm{int32(rng.IntN(towns)), int32(z), sign}, FlowTerm{int32(pool), int32(z), -sign})
	}
	return p
}

// Ensure the sum of the blocks' optima never exceeds the optimum, at any prices
// and any flow between blocks, and that blocks are found at all.
func TestBlocksBoundBelowBruteForce(t *testing.T) {
	t.Parallel()
	count, split := 1000, 0
	if testing.Short() {
		count = 200
	}
	for seed := range count {
		rng := rand.New(rand.NewPCG(uint64(seed), 21))
		p := townProblem(rng)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		e := newEngine(ctx, p, Options{Gap: -1}.withDefaults(), time.Now())
		mu, f := make([]float64, len(e.r.rhs)), make([]float64, len(e.r.edgeA))
		for k := range mu {
			if rng.IntN(3) > 0 {
				mu[k] = 3 * rng.NormFloat64()
			}
		}
		clampSigns(p, mu)
		for i := range f {
			f[i] = e.r.edgeWeight[i] * (2*rng.Float64() - 1)
		}
		if list, outside := e.r.blocks(mu, f); list != nil {
			if sum, _ := e.solveBlocks(list); !math.IsInf(sum, -1) {
				split++
				if want := bruteForce(p); sum+outside > want+1e-7*(1+math.Abs(want)) {
					t.Errorf("seed %d: blocks say %.9g, the optimum is %.9g", seed, sum+outside, want)
				}
			}
		}
		cancel()
	}
	if split < count/5 {
		t.Errorf("only %d of %d problems were split", split, count)
	}
	t.Logf("%d of %d", split, count)
}

// Ensure that a block whose plan the last check refuses is not taken for one that was
// proved to have no plan: nothing is known of it.
func TestBlocks_ARefusedPlanProvesNothing(t *testing.T) {
	t.Parallel()
	refused := 0
	for seed := range 60 {
		p := townProblem(rand.New(rand.NewPCG(uint64(seed), 21)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		e := newEngine(ctx, p, Options{Gap: -1}.withDefaults(), time.Now())
		mu, f := make([]float64, len(e.r.rhs)), make([]float64, len(e.r.edgeA))
		if list, _ := e.r.blocks(mu, f); list == nil {
			continue
		} else if sum, _ := e.solveBlocks(list); math.IsInf(sum, 0) {
			continue
		}
		list, _ := e.r.blocks(mu, f)
		for b := range list {
			for k := range list[b].p.Constraints { // of the check alone: the search knows the rows as they were
				if c := &list[b].p.Constraints[k]; c.Sense == AtMost {
					c.RHS -= 1e6
				} else {
					c.RHS += 1e6
				}
			}
		}
		sum, proved := e.solveBlocks(list)
		for b, bs := range e.searches {
			if bs == nil || !bs.e.exhausted || bs.e.pl.best == nil || list[b].s.Selected != nil {
				continue
			}
			refused++
			if proved || math.IsInf(sum, 1) {
				t.Errorf("seed %d, block %d: the blocks say %v (proved %t) of a plan that was refused", seed, b, sum, proved)
			}
		}
	}
	if refused == 0 {
		t.Error("no plan was refused")
	}
}

// Ensure the strengthened bound of a county lies between the relaxation's and
// HiGHS's optimum.
func TestStrengthenedBoundOfCounty(t *testing.T) {
	t.Parallel()
	p := countySpec{2500, 4, false, 0.01, 2}.problem()
	s, err := Solve(context.Background(), p, Options{Gap: -1, TimeLimit: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if s.BoundStronger == nil || s.BoundStronger.Value <= *s.Bound || s.BoundStronger.Value > *s.Objective {
		t.Errorf("%+v, %+v", s.Certificate, s.BoundStronger)
	}
	t.Logf("%s objective %.4f, bound %.4f, stronger %+v, %.1f s", s.Status, *s.Objective, *s.Bound, *s.BoundStronger, s.Seconds)
}
