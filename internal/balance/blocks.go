package balance

import (
	"math"
	"slices"
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
	if len(e.r.free) > 24 {
		e.priceBlocks()
	}
}

// priceBlocks is strengthen at any size.
func (e *engine) priceBlocks() {
	if e.opt.whole || e.multipliers == nil || e.edgeFlows == nil || len(e.r.free) > blocksMost {
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
	m := newPriceModel(e, linking, mu, f, list)
	for range priceSteps {
		before, promise := m.best, m.model-m.best
		sum, proved := e.solveAt(m, mu, f)
		if math.IsInf(sum, -1) {
			break
		}
		switch gain := sum - before; {
		case gain >= 0.5*promise:
			m.radius = min(2*m.radius, 1)
		case gain < 0.1*promise:
			m.radius /= 2
		}
		left := e.pl.target() + e.r.constant - m.best
		if !proved || e.stop() || e.exactlyCertified() || left <= 0 {
			break
		}
		if !m.next(m.last, mu, f) || m.model-m.best < 0.05*left {
			break
		}
	}
	if m.list != nil && !e.stop() {
		e.proveAbove(m)
	}
}

// solveAt solves the blocks at the given prices and flows between them, and keeps
// these where the bound is the best so far. It gives the bound, and whether all of
// its parts are the blocks' optima.
func (e *engine) solveAt(m *priceModel, mu, f []float64) (float64, bool) {
	list, outside := e.r.blocks(mu, f)
	if list == nil {
		return math.Inf(-1), false
	}
	sum, proved := e.solveBlocks(list)
	sum += outside
	m.last = list
	if math.IsInf(sum, 0) {
		m.best = max(m.best, sum)
		return sum, false
	}
	if sum > m.best {
		m.best, m.list = sum, list
		copy(m.center, mu)
		copy(m.held, f)
	}
	if !m.inner {
		e.strengthened(sum, "exhausted branch and bound with rounding cuts over each block of units, linking constraints priced and flows between blocks held")
		e.noteFlips(list, sum)
	}
	e.offerBlocks(m, list)
	return sum, proved
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
	first := e.searches == nil
	if first {
		e.searches = make([]*blockSearch, len(list))
	}
	e.inBlocks(len(list), func(b int) {
		if bs := e.searches[b]; bs != nil {
			list[b].s = bs.solve(list[b].p)
			return
		}
		limit := time.Until(e.deadline())
		if limit <= 0 || payingRay(list[b].p, 1e-13) >= 0 {
			return
		}
		opt := Options{Gap: -1, TimeLimit: limit, Threads: 1, Seed: e.opt.Seed, whole: true}
		s, err := Solve(e.ctx, list[b].p, opt)
		if err != nil {
			return
		}
		list[b].s = s
		if first && s.Selected != nil {
			if bs := newBlockSearch(e.ctx, list[b].p, opt); bs != nil {
				e.searches[b] = bs
				bs.keep(s.Selected)
			}
		}
	})
	total := newSum(0)
	proved = true
	for b := range list {
		s := list[b].s
		if s != nil && s.Selected == nil && e.searches[b] != nil && e.searches[b].e.exhausted {
			if e.searches[b].e.pl.best == nil {
				return math.Inf(1), false // what is fixed leaves the block no plan
			}
			return math.Inf(-1), false // it has one, which was not found to obey the constraints to the last digit
		}
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
		if bs := e.searches[b]; s != nil && bs != nil && bs.e.exhausted {
			v = max(v, bs.e.pl.target()+bs.e.r.constant)
		}
		list[b].value = v
		total.add(v)
		proved = proved && s.Status == Optimal
		e.nodes += s.Iterations
	}
	return math.Nextafter(total.value(), math.Inf(-1)), proved
}

// offerBlocks puts the blocks' plans together and mends what comes of it; where that
// is no worse than the best plan by more than the bound leaves, it improves it.
func (e *engine) offerBlocks(m *priceModel, list []block) {
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
	if !e.pl.route(p) && !e.pl.repair(p, e.multipliers, e.stop) {
		return
	}
	if p.objective < e.pl.target()+e.left(m) {
		e.pl.improve(p, e.stop)
	}
	e.pl.offer(p.s)
}
