package balance

import (
	"math"
	"math/rand/v2"
)

// bruteForce is the oracle for tiny problems: it tries every plan, and for each
// finds the best flows among all vertices of their polyhedron. It shares nothing
// with the engine. Without a feasible plan it gives +Inf, and the least total
// shortfall over all plans with flows at their vertices.
func bruteForce(p *Problem) (best float64) {
	best = math.Inf(1)
	var free []int
	s := make([]bool, len(p.Units))
	for i, u := range p.Units {
		s[i] = u.Fixed == FixOne
		if u.Fixed == Free {
			free = append(free, i)
		}
	}
	for mask := range 1 << len(free) {
		for i, u := range free {
			s[u] = mask>>i&1 == 1
		}
		value := p.Constant
		for i := range p.Units {
			if s[i] {
				value += p.Units[i].Cost
			}
		}
		for _, e := range p.Edges {
			if s[e.A] != (e.B >= 0 && s[e.B]) {
				value += e.Weight
			}
		}
		left := make([]float64, len(p.Constraints))
		for k := range left {
			left[k] = p.Constraints[k].RHS
		}
		for _, t := range p.Terms {
			if s[t.Unit] {
				left[t.Constraint] -= t.Coefficient
			}
		}
		best = min(best, value+bestFlows(p, left))
	}
	return best
}

// bestFlows minimises the flows' cost subject to B·z {≥,≤,=} left by trying every
// vertex: as many tight conditions as there are flows. Costs of unlimited flows
// must not be negative.
func bestFlows(p *Problem, left []float64) float64 {
	n := len(p.Flows)
	type condition struct {
		a     []float64
		b     float64
		sense Sense
	}
	var list []condition
	for k := range p.Constraints {
		list = append(list, condition{make([]float64, n), left[k], p.Constraints[k].Sense})
	}
	for _, t := range p.FlowTerms {
		list[t.Constraint].a[t.Flow] += t.Coefficient
	}
	for z := range p.Flows {
		unit := make([]float64, n)
		unit[z] = 1
		list = append(list, condition{unit, 0, AtLeast})
		if !math.IsInf(p.Flows[z].Upper, 1) {
			list = append(list, condition{unit, p.Flows[z].Upper, AtMost})
		}
	}
	best := math.Inf(1)
	try := func(z []float64) {
		cost := 0.0
		for _, c := range list {
			v := 0.0
			for i := range z {
				v += c.a[i] * z[i]
			}
			if (c.sense != AtMost && v < c.b-1e-7) || (c.sense != AtLeast && v > c.b+1e-7) {
				return
			}
		}
		for i := range z {
			cost += p.Flows[i].Cost * z[i]
		}
		best = min(best, cost)
	}
	var choose func(from int, picked []condition)
	choose = func(from int, picked []condition) {
		if len(picked) == n {
			a, b := make([][]float64, n), make([]float64, n)
			for i, c := range picked {
				a[i], b[i] = append([]float64{}, c.a...), c.b
			}
			if z := gauss(a, b); z != nil {
				try(z)
			}
			return
		}
		for i := from; i < len(list); i++ {
			choose(i+1, append(picked[:len(picked):len(picked)], list[i]))
		}
	}
	choose(0, nil)
	return best
}

func gauss(a [][]float64, b []float64) []float64 {
	n := len(b)
	for c := range n {
		pivot := c
		for r := c; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[pivot][c]) {
				pivot = r
			}
		}
		if math.Abs(a[pivot][c]) < 1e-9 {
			return nil
		}
		a[c], a[pivot], b[c], b[pivot] = a[pivot], a[c], b[pivot], b[c]
		for r := range n {
			if r == c {
				continue
			}
			f := a[r][c] / a[c][c]
			for k := range n {
				a[r][k] -= f * a[c][k]
			}
			b[r] -= f * b[c]
		}
	}
	for i := range n {
		b[i] /= a[i][i]
	}
	return b
}

// tinyProblem draws a problem of at most 12 free units with every kind of row,
// lock, edge and flow, often awkward: duplicate edges, zero weights, empty rows,
// rows without a solution, numbers of very different size.
func tinyProblem(rng *rand.Rand) *Problem {
	p := &Problem{Name: "合成 synthetic", Constant: float64(rng.IntN(20) - 10)}
	n := rng.IntN(13)
	size := [...]float64{1, 0.01, 1000}[rng.IntN(3)]
	number := func(span int) float64 { return float64(rng.IntN(2*span+1)-span) * size }
	for i := range n {
		u := Unit{ID: id("u", i), Cost: number(20)}
		if rng.IntN(5) == 0 {
			u.Fixed = Fix(1 + rng.IntN(2))
		}
		p.Units = append(p.Units, u)
	}
	if n > 0 {
		for range rng.IntN(3 * n) {
			p.Edges = append(p.Edges, Edge{int32(rng.IntN(n)), int32(rng.IntN(n+1) - 1), math.Abs(number(8))})
		}
	}
	for k := range rng.IntN(4) {
		row := Constraint{ID: id("k", k), Sense: Sense(rng.IntN(3))}
		amount := [...]float64{1, 10, 100}[rng.IntN(3)]
		sum := 0.0
		for u := range n {
			if rng.IntN(3) > 0 {
				v := float64(rng.IntN(19)-6) * amount
				if rng.IntN(2) == 0 {
					sum += v
				}
				p.Terms = append(p.Terms, Term{int32(k), int32(u), v})
			}
		}
		row.RHS = sum
		if rng.IntN(6) == 0 {
			row.RHS += float64(rng.IntN(40)-20) * amount
		}
		p.Constraints = append(p.Constraints, row)
	}
	if len(p.Constraints) == 0 || rng.IntN(2) == 0 {
		return p
	}
	for z := range rng.IntN(4) {
		f := Flow{ID: id("z", z), Cost: math.Abs(number(10)), Upper: math.Inf(1)}
		switch rng.IntN(4) {
		case 0:
			f.Upper = float64(rng.IntN(20))
		case 1:
			f.Cost, f.Upper = number(5), float64(rng.IntN(50))
		}
		p.Flows = append(p.Flows, f)
		for k := range p.Constraints {
			if rng.IntN(2) == 0 {
				p.FlowTerms = append(p.FlowTerms, FlowTerm{int32(k), int32(z), float64(rng.IntN(9)-4) / 2})
			}
		}
	}
	return p
}

func id(prefix string, i int) string {
	if i >= 26*26 {
		return id(prefix+"a", i-26*26)
	}
	return prefix + string(rune('a'+i%26)) + string(rune('a'+i/26))
}
