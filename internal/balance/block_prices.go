package balance

import (
	"math"
	"slices"
)

// priceModel is the cutting-plane model of the blocks' bound over the prices of
// the linking constraints.
type priceModel struct {
	e       *engine
	linking []int32
	cross   []int32   // borders between blocks
	center  []float64 // best multipliers
	held    []float64 // and flows on all borders
	best    float64
	list    []block // as solved there
	last    []block // as solved last
	model   float64 // what the model promises where it sent us last
	radius  float64
	lp      *simplex
	inner   bool // units are fixed: what is proved holds with these alone
}

func newPriceModel(e *engine, linking []int32, mu, f []float64, list []block) *priceModel {
	blockOf := make([]int, len(e.r.free))
	for b := range list {
		for _, u := range list[b].units {
			blockOf[u] = b
		}
	}
	var cross []int32
	for i := range e.r.edgeA {
		if blockOf[e.r.edgeA[i]] != blockOf[e.r.edgeB[i]] {
			cross = append(cross, int32(i))
		}
	}
	theta := len(linking) + len(cross)
	n := theta + len(list)
	cost, lo, up := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, k := range linking {
		cost[i] = -e.r.rhs[k] / e.sc.sigma[k]
	}
	for b := range list {
		cost[theta+b], lo[theta+b] = -1, math.Inf(-1)
		up[theta+b] = math.Inf(1)
	}
	m := &priceModel{e: e, linking: linking, cross: cross, center: slices.Clone(mu), held: slices.Clone(f), best: math.Inf(-1), model: math.Inf(1), radius: 0.1, lp: newSimplex(cost, lo, up)}
	// Unlimited flows between linking constraints must not pay.
	for z, rows := range e.r.flowRows {
		var row []lpEntry
		for _, t := range rows {
			if j, in := slices.BinarySearch(linking, t.at); in {
				row = append(row, lpEntry{int32(j), t.v * e.sc.zeta[z] / e.sc.sigma[t.at]})
			}
		}
		if len(row) == len(rows) && math.IsInf(e.r.p.Flows[z].Upper, 1) {
			m.lp.addRow(row, AtMost, e.r.p.Flows[z].Cost*e.sc.zeta[z]/e.sc.omega-1e-8)
		}
	}
	return m
}

// next adds the planes of the blocks' plans at mu and moves mu to the model's
// optimum near the best prices; false when the model promises nothing more.
func (m *priceModel) next(list []block, mu, f []float64) bool {
	m.addPlanes(list, mu, f)
	m.confine()
	if status := m.lp.run(math.Inf(1), 5000, m.e.stop); status != lpOptimal {
		m.lp.refactor(nil) // once more from a fresh basis
		if m.lp.run(math.Inf(1), 5000, m.e.stop) != lpOptimal {
			return false
		}
	}
	e := m.e
	m.model = e.r.constant - m.lp.objective()*e.sc.omega
	before, flow := slices.Clone(mu), slices.Clone(f)
	for i, x := range m.cross {
		w := e.r.edgeWeight[x]
		f[x] = min(max(m.lp.value(int32(len(m.linking)+i))*e.sc.omega, -w), w)
	}
	for j, k := range m.linking {
		mu[k] = m.lp.value(int32(j)) * e.sc.omega / e.sc.sigma[k]
	}
	clampSigns(e.r.p, mu)
	return !slices.Equal(before, mu) || !slices.Equal(flow, f)
}

// addPlanes adds one plane per block: what its plan at mu and f is worth at any
// other prices, θ ≤ value − (ν − mu)·given.
func (m *priceModel) addPlanes(list []block, mu, f []float64) {
	e := m.e
	crossAt := map[int32][]lpEntry{} // per unit its borders to other blocks
	for i, x := range m.cross {
		j := int32(len(m.linking) + i)
		crossAt[e.r.edgeA[x]] = append(crossAt[e.r.edgeA[x]], lpEntry{j, 1})
		crossAt[e.r.edgeB[x]] = append(crossAt[e.r.edgeB[x]], lpEntry{j, -1})
	}
	at := make(map[int32]int32, len(m.linking))
	for i, k := range m.linking {
		at[k] = int32(i)
	}
	for b := range list {
		s := list[b].s
		given := m.given(&list[b], at)
		value := *s.Objective
		row := []lpEntry{{int32(len(m.linking) + len(m.cross) + b), 1}}
		for i, u := range list[b].units {
			if !s.Selected[i] {
				continue
			}
			for _, x := range crossAt[u] {
				row = append(row, lpEntry{x.at, -x.v})
				value -= f[m.cross[int(x.at)-len(m.linking)]] * x.v
			}
		}
		for j, k := range m.linking {
			value += mu[k] * given[j]
			row = append(row, lpEntry{int32(j), given[j] / e.sc.sigma[k]})
		}
		m.lp.addRow(row, AtMost, value/e.sc.omega)
	}
}

// given is what a block's plan and its flows bring to the linking constraints; at
// says where each of these stands.
func (m *priceModel) given(b *block, at map[int32]int32) []float64 {
	r := m.e.r
	given := make([]float64, len(m.linking))
	for i, u := range b.units {
		if !b.s.Selected[i] {
			continue
		}
		for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
			if j, ok := at[r.termRow[t]]; ok {
				given[j] += r.termVal[t]
			}
		}
	}
	for i, z := range b.flows {
		for _, t := range r.flowRows[z] {
			if j, ok := at[t.at]; ok {
				given[j] += t.v * b.s.FlowValues[i]
			}
		}
	}
	return given
}

// confine keeps the model's prices and flows near the best ones.
func (m *priceModel) confine() {
	e := m.e
	largest := 0.0
	for _, k := range m.linking {
		largest = max(largest, math.Abs(m.center[k])*e.sc.sigma[k]/e.sc.omega)
	}
	for j, k := range m.linking {
		x := m.center[k] * e.sc.sigma[k] / e.sc.omega
		reach := m.radius * max(math.Abs(x), 0.1*largest, 1e-6)
		lo, up := x-reach, x+reach
		switch e.r.p.Constraints[k].Sense {
		case AtLeast:
			lo, up = max(lo, 0), max(up, 0)
		case AtMost:
			lo, up = min(lo, 0), min(up, 0)
		}
		m.lp.setBounds(j, lo, up)
	}
	for i, x := range m.cross {
		w := e.r.edgeWeight[x]
		reach := min(1, 5*m.radius) * w
		m.lp.setBounds(len(m.linking)+i, max(-w, m.held[x]-reach)/e.sc.omega, min(w, m.held[x]+reach)/e.sc.omega)
	}
}
