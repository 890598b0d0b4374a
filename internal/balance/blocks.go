package balance

import (
	"math"
	"slices"
	"sync"
	"time"
)

// block is the part of a problem that belongs to some of its constraints alone,
// once the linking constraints are priced and the flow on borders between blocks
// is held.
type block struct {
	p     *Problem
	units []int32 // of the whole problem's free units
	rows  []int32 // of its constraints
	flows []int32 // of its flows
	s     *Solution
	value float64 // proved: no plan of the block is cheaper
}

// blocks splits the problem by regions; the constraints that touch more than one
// are priced at mu, the borders between them carry f (in money, A to B). It gives
// the share of the bound outside the blocks, and nil where it does not split.
func (r *reduced) blocks(mu, f []float64) ([]block, float64) {
	part, count := localRegions(r)
	if count < 2 {
		return nil, 0
	}
	m := len(r.rhs)
	owner := make([]int32, m) // -1 none, -2 several
	for k := range owner {
		owner[k] = -1
	}
	claim := func(k, b int32) {
		if owner[k] == -1 || owner[k] == b {
			owner[k] = b
		} else {
			owner[k] = -2
		}
	}
	for u := range r.free {
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			claim(r.termRow[i], part[u])
		}
	}
	outside := newSum(r.constant)
	size := math.Abs(r.constant)
	count64 := func(v float64) { size += math.Abs(v) }
	list := make([]block, count)
	rowAt := make([]int32, m)
	for b := range list {
		list[b].p = &Problem{}
	}
	for k := range m {
		if owner[k] < 0 {
			outside.addProduct(mu[k], r.rhs[k])
			count64(mu[k] * r.rhs[k])
			continue
		}
		q := list[owner[k]].p
		rowAt[k] = int32(len(q.Constraints))
		list[owner[k]].rows = append(list[owner[k]].rows, int32(k))
		q.Constraints = append(q.Constraints, Constraint{ID: r.p.Constraints[k].ID, Sense: r.p.Constraints[k].Sense, RHS: r.rhs[k]})
	}
	cost := make([]wide, len(r.free))
	for u := range cost {
		cost[u] = newSum(r.cost[u])
	}
	at := make([]int32, len(r.free))
	for u := range r.free {
		b := &list[part[u]]
		at[u] = int32(len(b.units))
		b.units = append(b.units, int32(u))
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			if k := r.termRow[i]; owner[k] < 0 {
				cost[u].addProduct(-mu[k], r.termVal[i])
				count64(mu[k] * r.termVal[i])
			} else {
				b.p.Terms = append(b.p.Terms, Term{rowAt[k], at[u], r.termVal[i]})
			}
		}
	}
	for e := range r.edgeA {
		a, b := r.edgeA[e], r.edgeB[e]
		if part[a] == part[b] {
			q := list[part[a]].p
			q.Edges = append(q.Edges, Edge{at[a], at[b], r.edgeWeight[e]})
			continue
		}
		cost[a].add(f[e])
		cost[b].add(-f[e])
		count64(f[e])
	}
	for u := range r.free {
		list[part[u]].p.Units = append(list[part[u]].p.Units, Unit{ID: r.p.Units[r.free[u]].ID, Cost: cost[u].value()})
		count64(cost[u].value())
	}
	for z := range r.flowRows {
		fl := &r.p.Flows[z]
		home := int32(-1)
		priced := newSum(fl.Cost)
		for _, e := range r.flowRows[z] {
			switch {
			case owner[e.at] < 0:
				priced.addProduct(-mu[e.at], e.v)
			case home >= 0 && home != owner[e.at]:
				return nil, 0 // a flow between two blocks
			default:
				home = owner[e.at]
			}
		}
		if home < 0 {
			if v := priced.value(); v < 0 {
				if math.IsInf(fl.Upper, 1) {
					return nil, 0
				}
				outside.addProduct(v, fl.Upper)
				count64(v * fl.Upper)
			}
			continue
		}
		q := list[home].p
		at := int32(len(q.Flows))
		list[home].flows = append(list[home].flows, int32(z))
		q.Flows = append(q.Flows, Flow{ID: fl.ID, Cost: priced.value(), Upper: fl.Upper})
		for _, e := range r.flowRows[z] {
			if owner[e.at] == home {
				q.FlowTerms = append(q.FlowTerms, FlowTerm{rowAt[e.at], at, e.v})
			}
		}
	}
	return list, outside.value() - 1e-13*size
}

const (
	blockUnits = 600   // a block that is solved for proof
	blocksMost = 20000 // free units in all
	priceSteps = 12
)

// strengthen seeks a bound beyond the relaxation's: with the linking constraints
// priced and the flow between blocks held, the problem parts into blocks that are
// small enough to be solved to proof. The best prices are sought by cutting
// planes; the blocks' best plans together are the start of another plan.
func (e *engine) strengthen() {
	if e.opt.whole || e.multipliers == nil || e.edgeFlows == nil || len(e.r.free) > blocksMost || len(e.r.free) <= 24 {
		return
	}
	f := make([]float64, len(e.r.edgeA))
	for i := range f {
		f[i] = e.edgeFlows[e.r.edgeOf[i]]
	}
	mu := append([]float64(nil), e.multipliers...)
	list, _ := e.r.blocks(mu, f)
	var linking []int32
	for k := range mu {
		linking = append(linking, int32(k))
	}
	for b := range list {
		if len(list[b].units) > blockUnits {
			return
		}
		linking = without(linking, list[b].rows)
	}
	if list == nil {
		return
	}
	m := newPriceModel(e, linking, mu, len(list))
	for range priceSteps {
		list, outside := e.r.blocks(mu, f)
		if list == nil {
			return
		}
		sum, proved := e.solveBlocks(list)
		sum += outside
		if math.IsInf(sum, -1) {
			return
		}
		gain := sum - m.best
		if gain > 0 {
			m.best = sum
			copy(m.center, mu)
		} else {
			m.radius /= 2
		}
		e.strengthened(sum, "exhausted branch and bound with rounding cuts over each block of units, linking constraints priced and flows between blocks held")
		e.noteFlips(list, sum)
		e.offerBlocks(list)
		if !proved || e.stop() || math.Abs(gain) <= 1e-7*math.Abs(sum) || len(linking) == 0 || !m.next(list, mu) {
			return
		}
	}
}

// without gives the entries of sorted list that are not in the sorted other.
func without(list, other []int32) []int32 {
	var out []int32
	for _, k := range list {
		if _, in := slices.BinarySearch(other, k); !in {
			out = append(out, k)
		}
	}
	return out
}

// solveBlocks solves every block; it gives the sum of their proved bounds, and
// whether all of them are the blocks' optima.
func (e *engine) solveBlocks(list []block) (sum float64, proved bool) {
	gate := make(chan struct{}, e.opt.Threads)
	var wg sync.WaitGroup
	for b := range list {
		wg.Add(1)
		go func() {
			defer wg.Done()
			gate <- struct{}{}
			defer func() { <-gate }()
			limit := time.Until(e.deadline())
			if limit <= 0 {
				return
			}
			s, err := Solve(e.ctx, list[b].p, Options{Gap: -1, TimeLimit: limit, Threads: 1, Seed: e.opt.Seed, whole: true})
			if err == nil {
				list[b].s = s
			}
		}()
	}
	wg.Wait()
	total := newSum(0)
	proved = true
	for b := range list {
		s := list[b].s
		v := math.Inf(-1)
		if s != nil && s.Bound != nil {
			v = *s.Bound
		}
		if s != nil && s.BoundStronger != nil {
			v = max(v, s.BoundStronger.Value)
		}
		if math.IsInf(v, -1) {
			return v, false
		}
		list[b].value = v
		total.add(v)
		proved = proved && s.Status == Optimal
		e.nodes += s.Iterations
	}
	return math.Nextafter(total.value(), math.Inf(-1)), proved
}

// offerBlocks puts the blocks' plans together, mends and improves what comes of
// it.
func (e *engine) offerBlocks(list []block) {
	s := make([]bool, len(e.r.free))
	for b := range list {
		if list[b].s == nil || list[b].s.Selected == nil {
			return
		}
		for i, u := range list[b].units {
			s[u] = list[b].s.Selected[i]
		}
	}
	p := e.pl.start(s)
	if e.pl.route(p) || e.pl.repair(p, e.multipliers, e.stop) {
		e.pl.improve(p, e.stop)
		e.pl.offer(p.s)
	}
}

// priceModel is the cutting-plane model of the blocks' bound over the prices of
// the linking constraints.
type priceModel struct {
	e       *engine
	linking []int32
	center  []float64 // best multipliers
	best    float64
	radius  float64
	lp      *simplex
}

func newPriceModel(e *engine, linking []int32, mu []float64, blocks int) *priceModel {
	n := len(linking) + blocks
	cost, lo, up := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, k := range linking {
		cost[i] = -e.r.rhs[k] / e.sc.sigma[k]
	}
	for b := range blocks {
		cost[len(linking)+b], lo[len(linking)+b] = -1, math.Inf(-1)
		up[len(linking)+b] = math.Inf(1)
	}
	m := &priceModel{e: e, linking: linking, center: slices.Clone(mu), best: math.Inf(-1), radius: 0.1, lp: newSimplex(cost, lo, up)}
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
func (m *priceModel) next(list []block, mu []float64) bool {
	e := m.e
	at := make(map[int32]int32, len(m.linking))
	for i, k := range m.linking {
		at[k] = int32(i)
	}
	for b := range list {
		s := list[b].s
		given := make([]float64, len(m.linking))
		value := *s.Objective
		for i, u := range list[b].units {
			if s.Selected[i] {
				for t := e.r.termStart[u]; t < e.r.termStart[u+1]; t++ {
					if j, ok := at[e.r.termRow[t]]; ok {
						given[j] += e.r.termVal[t]
					}
				}
			}
		}
		for i, z := range list[b].flows {
			for _, t := range e.r.flowRows[z] {
				if j, ok := at[t.at]; ok {
					given[j] += t.v * s.FlowValues[i]
				}
			}
		}
		// θ ≤ value − (ν − mu)·given
		row := []lpEntry{{int32(len(m.linking) + b), 1}}
		for j, k := range m.linking {
			value += mu[k] * given[j]
			row = append(row, lpEntry{int32(j), given[j] / e.sc.sigma[k]})
		}
		m.lp.addRow(row, AtMost, value/e.sc.omega)
	}
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
	if status := m.lp.run(math.Inf(1), 5000, e.stop); status != lpOptimal {
		m.lp.refactor(nil) // once more from a fresh basis
		if m.lp.run(math.Inf(1), 5000, e.stop) != lpOptimal {
			return false
		}
	}
	before := slices.Clone(mu)
	for j, k := range m.linking {
		mu[k] = m.lp.value(int32(j)) * e.sc.omega / e.sc.sigma[k]
	}
	clampSigns(e.r.p, mu)
	return !slices.Equal(before, mu)
}
