package balance

import (
	"math"
	"math/rand/v2"
	"testing"
)

// flowsOnly draws a problem without units: a linear program in at most three
// flows, which trying every vertex solves.
func flowsOnly(rng *rand.Rand) *Problem {
	p := &Problem{}
	for z := range 1 + rng.IntN(3) {
		f := Flow{ID: id("z", z), Cost: float64(rng.IntN(21) - 6), Upper: float64(rng.IntN(30))}
		if f.Cost >= 0 && rng.IntN(2) == 0 {
			f.Upper = math.Inf(1)
		}
		p.Flows = append(p.Flows, f)
	}
	for k := range rng.IntN(5) {
		p.Constraints = append(p.Constraints, Constraint{ID: id("k", k), Sense: Sense(rng.IntN(3)), RHS: float64(rng.IntN(41) - 20)})
		for z := range p.Flows {
			if v := rng.IntN(9) - 4; v != 0 {
				p.FlowTerms = append(p.FlowTerms, FlowTerm{int32(k), int32(z), float64(v)})
			}
		}
	}
	return p
}

func buildLP(p *Problem) *simplex {
	cost, up := make([]float64, len(p.Flows)), make([]float64, len(p.Flows))
	rows := make([][]lpEntry, len(p.Constraints))
	for z, f := range p.Flows {
		cost[z], up[z] = f.Cost, f.Upper
	}
	for _, t := range p.FlowTerms {
		rows[t.Constraint] = append(rows[t.Constraint], lpEntry{t.Flow, t.Coefficient})
	}
	lp := newSimplex(cost, make([]float64, len(cost)), up)
	for k, c := range p.Constraints {
		lp.addRow(rows[k], c.Sense, c.RHS)
	}
	return lp
}

// Ensure the simplex finds the optimum that trying every vertex finds, cold and
// after changed right-hand sides, bounds, added and dropped rows; that its safe
// bound is one; and that "infeasible" is proved and true.
func TestSimplexEqualsVertexEnumeration(t *testing.T) {
	t.Parallel()
	infeasible := 0
	for seed := range 5000 {
		rng := rand.New(rand.NewPCG(uint64(seed), 4))
		p := flowsOnly(rng)
		lp := buildLP(p)
		for round := range 4 {
			rhs := make([]float64, len(p.Constraints))
			for k := range rhs {
				rhs[k] = p.Constraints[k].RHS
			}
			want := bestFlows(p, rhs)
			switch status := lp.run(math.Inf(1), 1000, nil); status {
			case lpOptimal:
				if got := lp.objective(); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("seed %d round %d: objective %g, optimum %g", seed, round, got, want)
				}
				bound := lp.safeBound(lp.prices(lp.cost))
				if bound > want+1e-6*(1+math.Abs(want)) || bound < want-1e-6*(1+math.Abs(want)) {
					t.Fatalf("seed %d round %d: safe bound %g, optimum %g", seed, round, bound, want)
				}
			case lpInfeasible:
				infeasible++
				if !math.IsInf(want, 1) {
					t.Fatalf("seed %d round %d: infeasible, but the optimum is %g", seed, round, want)
				}
				if !lp.provesInfeasible() {
					t.Fatalf("seed %d round %d: infeasible without a proof", seed, round)
				}
			default:
				t.Fatalf("seed %d round %d: status %d", seed, round, status)
			}
			changeLP(rng, p, lp)
		}
	}
	if infeasible < 500 {
		t.Errorf("only %d infeasible programs", infeasible)
	}
}

// changeLP changes the problem and the warm program alike.
func changeLP(rng *rand.Rand, p *Problem, lp *simplex) {
	for k := range p.Constraints {
		if rng.IntN(2) == 0 {
			p.Constraints[k].RHS = float64(rng.IntN(41) - 20)
			lp.setRHS(k, p.Constraints[k].RHS)
		}
	}
	z := rng.IntN(len(p.Flows))
	if !math.IsInf(p.Flows[z].Upper, 1) {
		p.Flows[z].Upper = float64(rng.IntN(30))
		lp.setBounds(z, 0, p.Flows[z].Upper)
	}
	if rng.IntN(2) == 0 {
		k := int32(len(p.Constraints))
		p.Constraints = append(p.Constraints, Constraint{Sense: Sense(rng.IntN(2)), RHS: float64(rng.IntN(21) - 10)})
		var row []lpEntry
		for z := range p.Flows {
			v := float64(rng.IntN(7) - 3)
			p.FlowTerms = append(p.FlowTerms, FlowTerm{k, int32(z), v})
			row = append(row, lpEntry{int32(z), v})
		}
		lp.addRow(row, p.Constraints[k].Sense, p.Constraints[k].RHS)
	} else if n := len(p.Constraints); n > 0 && rng.IntN(2) == 0 {
		drop := rng.IntN(n)
		lp.keepRows(func(i int) bool { return i != drop })
		p.Constraints = append(p.Constraints[:drop:drop], p.Constraints[drop+1:]...)
		var kept []FlowTerm
		for _, t := range p.FlowTerms {
			if int(t.Constraint) > drop {
				t.Constraint--
			} else if int(t.Constraint) == drop {
				continue
			}
			kept = append(kept, t)
		}
		p.FlowTerms = kept
	}
}
