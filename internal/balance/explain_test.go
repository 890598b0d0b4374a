package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Ensure the terms of a unit's reduced cost add up to what flipping it changes
// in the objective when the constraints are paid at their multipliers.
func TestExplainAddsUp(t *testing.T) {
	t.Parallel()
	for seed := range 200 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 2)))
		s, err := Solve(context.Background(), p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		list := Explain(p, s)
		if s.Selected == nil {
			if list != nil {
				t.Fatalf("seed %d: explanations without a plan", seed)
			}
			continue
		}
		lagrangian := func() float64 {
			value, rows := planValue(p, s.Selected, s.FlowValues)
			for k, r := range rows {
				value -= s.Multipliers[k] * r
			}
			return value
		}
		before := lagrangian()
		for u, x := range list {
			s.Selected[u] = !s.Selected[u]
			change := lagrangian() - before
			s.Selected[u] = !s.Selected[u]
			if s.Selected[u] {
				change = -change
			}
			if math.Abs(change-x.ReducedCost) > 1e-7*(1+math.Abs(before)) {
				t.Fatalf("seed %d unit %s: reduced cost %g, flipping changes %g", seed, x.Unit, x.ReducedCost, change)
			}
		}
	}
}
