package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// atPlan solves for the flows with every cell held as mask says.
func (c *core) atPlan(mask int) (float64, bool) {
	for j := range c.cells {
		v := float64(mask >> j & 1)
		c.lp.setBounds(j, v, v)
	}
	if c.lp.run(math.Inf(1), 10000, nil) != lpOptimal {
		return math.Inf(1), false
	}
	return c.lp.objective(), true
}

// Ensure rounding cuts take no plan away and make none dearer: with every cell
// held, the relaxation with the cuts says what it says without them.
func TestRoundingCutsSpareEveryPlan(t *testing.T) {
	t.Parallel()
	cuts, plans := 0, 0
	for seed := range 1500 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 77)))
		opt := Options{}.withDefaults()
		plain := newEngine(context.Background(), p, opt, time.Now()).wholeProblem()
		cut := newEngine(context.Background(), p, opt, time.Now()).wholeProblem()
		if plain == nil || len(cut.cells) == 0 || len(cut.cells) > 9 || cut.lp.run(math.Inf(1), 10000, nil) != lpOptimal {
			continue
		}
		own := cut.lp.m
		for range 6 {
			if cut.separate() == 0 || cut.lp.run(math.Inf(1), 10000, nil) != lpOptimal {
				break
			}
		}
		cuts += cut.lp.m - own
		if cut.lp.m == own {
			continue
		}
		for mask := range 1 << len(cut.cells) {
			want, ok := plain.atPlan(mask)
			got, still := cut.atPlan(mask)
			if ok {
				plans++
			}
			if ok && (!still || got > want+1e-7*(1+math.Abs(want))) {
				t.Fatalf("seed %d, plan %b: %v at %g, with cuts %v at %g", seed, mask, ok, want, still, got)
			}
		}
	}
	t.Logf("%d cuts, %d plans", cuts, plans)
	if cuts < 300 || plans < 3000 {
		t.Errorf("%d cuts and %d plans say little", cuts, plans)
	}
}

// Ensure the cuts close a good part of what the relaxation of a county leaves
// below the optimum.
func TestRoundingCutsRaiseTheBoundOfACounty(t *testing.T) {
	t.Parallel()
	e := newEngine(context.Background(), countySpec{1500, 3, false, 0.01, 5}.problem(), Options{}.withDefaults(), time.Now())
	c := e.wholeProblem()
	if c.lp.run(math.Inf(1), 100000, nil) != lpOptimal {
		t.Fatal("no relaxation")
	}
	before := c.lp.safeBound(c.lp.prices(c.lp.cost))
	if status := c.tighten(func() bool { return false }); status != lpOptimal {
		t.Fatal(status)
	}
	after := c.lp.safeBound(c.lp.prices(c.lp.cost))
	s, err := Solve(context.Background(), e.p, Options{Gap: -1, TimeLimit: time.Minute})
	if err != nil || s.Status != Optimal {
		t.Fatal(err, s.Status)
	}
	optimum := (*s.Objective-e.r.constant)/e.sc.omega - c.fixed
	t.Logf("relaxation %g, with cuts %g, optimum %g", before, after, optimum)
	if after > optimum+1e-9*math.Abs(optimum) || after-before < 0.3*(optimum-before) {
		t.Errorf("relaxation %g, with cuts %g, optimum %g", before, after, optimum)
	}
}
