package balance

import "math"

// byConflict makes the proof of what CheckLocks has found, where the search for the
// least shortfall has come to nothing (rows of very different sizes are beyond it).
// Its plan is the cheapest one to name, all free units 0 and no flows: it is a plan
// and misses what it misses, and is not said to be the best. Nil where there is no
// such proof.
func (e *engine) byConflict(sides []side) *Solution {
	conflicts := standing(e.p, CheckLocks(e.p))
	if len(conflicts) == 0 {
		return nil
	}
	at := make(map[string]int, len(e.p.Constraints))
	for k := range e.p.Constraints {
		at[e.p.Constraints[k].ID] = k
	}
	mu := make([]float64, len(e.p.Constraints))
	for _, r := range conflicts[0].Rows {
		mu[at[r.Constraint]] = r.Multiplier
	}
	if !e.provesContradiction(mu) {
		return nil
	}
	selected, flows := make([]bool, len(e.p.Units)), make([]float64, len(e.p.Flows), len(e.p.Flows)+len(sides))
	for u := range selected {
		selected[u] = e.p.Units[u].Fixed == FixOne
	}
	_, rows := planValue(e.p, selected, flows)
	for _, sd := range sides {
		flows = append(flows, max(0, sd.sign*(e.p.Constraints[sd.constraint].RHS-rows[sd.constraint])))
	}
	bound := contractBound(e.p, mu, nil, false) / max(1, largestOf(mu))
	s := &Solution{Selected: selected, FlowValues: flows, Multipliers: mu}
	s.Status, s.Bound = Feasible, &bound
	return e.contradiction(s, sides, "multipliers")
}

// standing leaves out conflicts that the verifier would refuse: sums at the end of
// what doubles hold may show it less than they showed the search.
func standing(p *Problem, conflicts []Conflict) []Conflict {
	if len(conflicts) == 0 {
		return conflicts
	}
	v := &verifier{p: p, granted: grantedOf(p), row: make(map[string]int, len(p.Constraints))}
	for k := range p.Constraints {
		v.row[p.Constraints[k].ID] = k
	}
	kept := conflicts[:0:0]
	for i := range conflicts {
		c, mu, largest := &conflicts[i], make([]float64, len(p.Constraints)), 0.0
		for _, r := range c.Rows {
			mu[v.row[r.Constraint]] = r.Multiplier
			largest = max(largest, math.Abs(r.Multiplier))
		}
		v.report.Faults = nil
		if math.Abs(largest-1) <= 1e-6 && v.checkSigns(mu) {
			if v.checkConflict(c, mu); len(v.report.Faults) == 0 {
				kept = append(kept, *c)
			}
		}
	}
	return kept
}
