package balance

import "math"

// reduced is a problem with its fixed units contracted: their cost, their rows
// and the borders between them become constants, their borders with free units
// become part of the free units' own cost.
type reduced struct {
	p     *Problem
	free  []int32 // free unit -> unit of the problem
	index []int32 // unit of the problem -> free unit, or -1

	constant   float64 // everything that no decision changes
	fixedEdges float64 // its part that is borders between two fixed units

	cost []float64 // of s = 1: own cost and borders with fixed neighbours
	rhs  []float64 // less what the fixed units give

	tolerance []float64 // how far a plan may miss each row (rowTolerances)

	termStart []int32 // rows of free unit u: termStart[u] … termStart[u+1]
	termRow   []int32
	termVal   []float64

	edgeA, edgeB []int32 // borders between two free units (weight > 0)
	edgeWeight   []float64
	edgeOf       []int32 // their index in the problem

	adjStart []int32 // neighbours of free unit u
	adjTo    []int32
	adjEdge  []int32

	flowRows [][]lpEntry // rows of flow z
}

func reduce(p *Problem) *reduced {
	r := &reduced{p: p, index: make([]int32, len(p.Units))}
	constant := newSum(p.Constant)
	ownCost := []wide{}
	for i := range p.Units {
		u := &p.Units[i]
		r.index[i] = -1
		switch u.Fixed {
		case Free:
			r.index[i] = int32(len(r.free))
			r.free = append(r.free, int32(i))
			ownCost = append(ownCost, newSum(u.Cost))
		case FixOne:
			constant.add(u.Cost)
		}
	}
	r.contractEdges(ownCost, &constant)
	r.constant = constant.value()
	r.cost = make([]float64, len(r.free))
	for u := range r.cost {
		r.cost[u] = ownCost[u].value()
	}
	r.contractTerms()
	r.tolerance = rowTolerances(p)
	r.buildAdjacency()
	r.flowRows = make([][]lpEntry, len(p.Flows))
	for _, t := range p.FlowTerms {
		r.flowRows[t.Flow] = append(r.flowRows[t.Flow], lpEntry{t.Constraint, t.Coefficient})
	}
	return r
}

// given is the value of an end of an edge that is not free.
func (r *reduced) given(unit int32) bool {
	return unit != Outside && r.p.Units[unit].Fixed == FixOne
}

func (r *reduced) freeIndex(unit int32) int32 {
	if unit == Outside {
		return -1
	}
	return r.index[unit]
}

func (r *reduced) contractEdges(ownCost []wide, constant *wide) {
	var fixedEdges wide
	for i := range r.p.Edges {
		e := &r.p.Edges[i]
		if e.Weight == 0 || e.A == e.B {
			continue
		}
		a, b := r.freeIndex(e.A), r.freeIndex(e.B)
		switch {
		case a >= 0 && b >= 0:
			r.edgeA, r.edgeB = append(r.edgeA, a), append(r.edgeB, b)
			r.edgeWeight = append(r.edgeWeight, e.Weight)
			r.edgeOf = append(r.edgeOf, int32(i))
		case a < 0 && b < 0:
			if r.given(e.A) != r.given(e.B) {
				constant.add(e.Weight)
				if e.B != Outside {
					fixedEdges.add(e.Weight)
				}
			}
		default:
			inner, other := a, e.B
			if a < 0 {
				inner, other = b, e.A
			}
			if r.given(other) {
				constant.add(e.Weight)
				ownCost[inner].add(-e.Weight)
			} else {
				ownCost[inner].add(e.Weight)
			}
		}
	}
	r.fixedEdges = fixedEdges.value()
}

func (r *reduced) contractTerms() {
	n := len(r.free)
	r.termStart = make([]int32, n+1)
	rhs := make([]wide, len(r.p.Constraints))
	for k := range rhs {
		rhs[k] = newSum(r.p.Constraints[k].RHS)
	}
	for _, t := range r.p.Terms {
		if u := r.index[t.Unit]; u >= 0 {
			r.termStart[u+1]++
		} else if r.p.Units[t.Unit].Fixed == FixOne {
			rhs[t.Constraint].add(-t.Coefficient)
		}
	}
	r.rhs = make([]float64, len(rhs))
	for k := range rhs {
		r.rhs[k] = rhs[k].value()
	}
	for u := range n {
		r.termStart[u+1] += r.termStart[u]
	}
	r.termRow = make([]int32, r.termStart[n])
	r.termVal = make([]float64, r.termStart[n])
	fill := append([]int32(nil), r.termStart[:n]...)
	for _, t := range r.p.Terms {
		if u := r.index[t.Unit]; u >= 0 {
			r.termRow[fill[u]], r.termVal[fill[u]] = t.Constraint, t.Coefficient
			fill[u]++
		}
	}
}

func (r *reduced) buildAdjacency() {
	n := len(r.free)
	r.adjStart = make([]int32, n+1)
	for e := range r.edgeA {
		r.adjStart[r.edgeA[e]+1]++
		r.adjStart[r.edgeB[e]+1]++
	}
	for u := range n {
		r.adjStart[u+1] += r.adjStart[u]
	}
	r.adjTo = make([]int32, r.adjStart[n])
	r.adjEdge = make([]int32, r.adjStart[n])
	fill := append([]int32(nil), r.adjStart[:n]...)
	link := func(from, to, e int32) {
		r.adjTo[fill[from]], r.adjEdge[fill[from]] = to, e
		fill[from]++
	}
	for e := range r.edgeA {
		link(r.edgeA[e], r.edgeB[e], int32(e))
		link(r.edgeB[e], r.edgeA[e], int32(e))
	}
}

// size is a scale for the objective: the largest plain change one unit makes; of
// a problem about flows alone, the largest cost of a flow.
func (r *reduced) size() float64 {
	largest := 0.0
	for _, c := range r.cost {
		largest = max(largest, math.Abs(c))
	}
	for _, w := range r.edgeWeight {
		largest = max(largest, w)
	}
	return largest
}
