package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// everywhere makes a problem whose constraints touch every unit, after Beyer et
// al. 2016 (docs/balance.md): a square grid, ten features, 30 % of each.
func everywhere(units int, seed uint64) *Problem {
	const features, weight = 10, 200
	rng := rand.New(rand.NewPCG(seed, 99))
	side := int(math.Sqrt(float64(units)))
	p := &Problem{Name: "合成 everywhere"}
	total := make([]float64, features)
	for u := range side * side {
		p.Units = append(p.Units, Unit{ID: id("U", u), Cost: math.Round(100*(100+9900*rng.Float64())) / 100})
		for k := range features {
			amount := math.Round(1000*rng.Float64()) / 1000
			total[k] += amount
			p.Terms = append(p.Terms, Term{int32(k), int32(u), amount})
		}
		if u%side+1 < side {
			p.Edges = append(p.Edges, Edge{int32(u), int32(u + 1), weight})
		}
		if u+side < side*side {
			p.Edges = append(p.Edges, Edge{int32(u), int32(u + side), weight})
		}
	}
	for k := range features {
		p.Constraints = append(p.Constraints, Constraint{ID: id("F", k), RHS: math.Round(0.3 * total[k])})
	}
	return p
}

// Ensure multipliers sought region by region give a valid bound near the one
// that is sought on the whole, and a better one where it goes on from there.
func TestRegionsApproachTheBound(t *testing.T) {
	t.Parallel()
	p := countySpec{24000, 6, true, 0.01, 3}.problem()
	engineOf := func() *engine {
		return newEngine(context.Background(), p, Options{}.withDefaults(), time.Now())
	}
	e, plain := engineOf(), engineOf()
	rg := newRegional(e.dual)
	if rg == nil {
		t.Fatal("no regions")
	}
	rg.maximise(nil, e.stop, nil)
	regional := e.dual.best
	plain.dual.maximise(nil, 1e-8, 2000, e.stop, nil)
	if off := (plain.dual.best - regional) / plain.dual.best; off < -1e-7 || off > 1e-3 {
		t.Errorf("by regions %.4f, on the whole %.4f", regional, plain.dual.best)
	}
	e.dual.maximise(e.dual.bestAt, 1e-8, 2000, e.stop, nil)
	if math.Abs(e.dual.best-plain.dual.best) > 1e-6*plain.dual.best {
		t.Errorf("from the regions' %.6f, from nothing %.6f", e.dual.best, plain.dual.best)
	}
	e.certify(e.dual.bestAt)
	if certified := e.dual.best + e.r.constant; math.Abs(e.bound-certified) > 1e-9*certified {
		t.Errorf("certified %.6f, the cut says %.6f", e.bound, certified)
	}
}

// Ensure climbing reaches the bound of the cutting-plane model, and that a plan
// comes of it.
func TestClimbReachesTheBound(t *testing.T) {
	t.Parallel()
	p := everywhere(22500, 5)
	e := newEngine(context.Background(), p, Options{}.withDefaults(), time.Now())
	if !climbs(e.r) || newRegional(e.dual) != nil {
		t.Fatal("the problem is of another kind")
	}
	e.dual.climb(1e-7, e.stop, nil)
	climbed := e.dual.best
	e.dual.maximise(e.dual.bestAt, 1e-8, 1000, e.stop, nil)
	if climbed < e.dual.best*(1-1e-4) {
		t.Errorf("climbed to %.2f of %.2f", climbed, e.dual.best)
	}
	s, err := Solve(context.Background(), p, Options{Gap: 5e-4, TimeLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != Feasible || *s.Gap > 5e-4 || *s.Gap < 0 {
		t.Errorf("%+v", s.Certificate)
	}
}

// Ensure a network run in parts, and one that takes over another's flow, find
// the same minimum cuts.
func TestFlowNetInParts(t *testing.T) {
	t.Parallel()
	for seed := range 300 {
		rng := rand.New(rand.NewPCG(uint64(seed), 11))
		parts := 1 + rng.IntN(5)
		n := parts * (1 + rng.IntN(8))
		part := make([]int32, n)
		for u := range part {
			part[u] = int32(u % parts)
		}
		var a, b []int32
		var capacity []int64
		for range 3 * n {
			u := rng.IntN(n)
			v := rng.IntN(n/parts)*parts + u%parts
			if u != v {
				a, b, capacity = append(a, int32(u)), append(b, int32(v)), append(capacity, rng.Int64N(20))
			}
		}
		whole, split := newFlowNet(n, a, b, capacity), newFlowNet(n, a, b, capacity)
		split.split(part, parts)
		heir := newFlowNet(n, a, b, capacity)
		for round := range 3 {
			for u := range int32(n) {
				v := rng.Int64N(41) - 20
				whole.setTarget(u, v)
				split.setTarget(u, v)
				heir.setTarget(u, v)
			}
			whole.run(nil)
			split.run(nil)
			for e := range a {
				heir.setEdgeFlow(e, split.edgeFlow(e))
			}
			heir.run(nil)
			for u := range int32(n) {
				if whole.inSource(u) != split.inSource(u) || whole.inSink(u) != split.inSink(u) ||
					whole.inSource(u) != heir.inSource(u) || whole.inSink(u) != heir.inSink(u) {
					t.Fatalf("seed %d, round %d: node %d lies elsewhere", seed, round, u)
				}
			}
		}
	}
}
