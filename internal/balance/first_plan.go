package balance

import (
	"cmp"
	"slices"
)

// firstPlans rounds the relaxation's mixture, repairs the cuts met on the way to
// the bound, those first that are nearest to a good plan, and improves the best
// of all.
func (e *engine) firstPlans() {
	mu := e.multipliers
	if mu == nil {
		mu = make([]float64, len(e.r.rhs))
	}
	e.dual.spread(e.stop)
	type start struct {
		p     *plan
		merit float64
	}
	var starts []start
	for _, s := range append(e.dual.iterates[:len(e.dual.iterates):len(e.dual.iterates)], e.dual.levels...) {
		if e.stop() && len(starts) > 0 {
			break
		}
		p := e.pl.start(s)
		if e.pl.route(p) {
			e.pl.offer(s)
		}
		starts = append(starts, start{p, e.pl.merit(p, mu)})
	}
	e.roundMixture()
	slices.SortStableFunc(starts, func(a, b start) int { return cmp.Compare(a.merit, b.merit) })
	for i := 0; i < min(6, len(starts)) && !e.stop(); i++ {
		if e.pl.best != nil && len(e.r.free) > repairUnits {
			break // mending cuts one flip at a time takes long there
		}
		if e.pl.repair(starts[i].p, mu, e.stop) {
			e.pl.offer(starts[i].p.s)
		}
	}
	if e.pl.best != nil {
		p := e.pl.best.clone()
		e.pl.improve(p, e.stop)
		e.pl.offer(p.s)
	}
}

// roundMixture decides what the relaxation's optimum leaves open. By the theory
// its fractional units hang together in at most as many groups as constraints
// bind; these groups and the cheapest single flips are searched exactly. Without
// a mixture it starts from the last cut.
func (e *engine) roundMixture() {
	f := newField(e)
	s := make([]bool, len(e.r.free))
	var cells [][]int32
	global, perRow := mixtureSingles, mixtureRowSingles
	switch {
	case e.stop():
		return
	case e.dual.mixture != nil:
		for u, x := range e.dual.mixture {
			s[u] = x > 0.5
		}
		list := f.fractions(e.dual.mixture)
		f.balanced(list, s)
		cells = f.searched(list)
		e.pl.offer(s)
	case len(e.r.free) >= regionUnits && len(e.dual.iterates) > 0:
		copy(s, e.dual.iterates[len(e.dual.iterates)-1])
		global = cutSingles
	default:
		return
	}
	base := e.pl.start(s)
	base.objective = base.base
	f.regrets(base)
	inside := make([]bool, len(s))
	for _, units := range cells {
		for _, u := range units {
			inside[u] = true
		}
	}
	add := func(moves []move) {
		for _, mv := range moves {
			if !inside[mv.u] {
				inside[mv.u] = true
				cells = append(cells, []int32{mv.u})
			}
		}
	}
	plain := loosener(0, 0)
	add(f.cheapest(nil, global, plain))
	for _, k := range f.active {
		add(f.cheapest(f.members[k], perRow, plain))
	}
	e.searchNarrowing(newCore(e.pl, base, cells))
	if e.pl.best == nil && len(s) >= regionUnits && e.pl.repair(base, e.multipliers, e.stop) {
		e.pl.offer(base.s)
	}
}

// searchNarrowing searches the cells, first all by their relaxation, then fewer
// and fewer that it leaves open.
func (e *engine) searchNarrowing(c *core) {
	nodes := 1 // for the relaxation of all cells
	for _, size := range mixtureSizes {
		if len(c.cells) <= size {
			nodes = mixtureNodes
			continue
		}
		c.search(nodes, e.stop)
		e.nodes += int64(c.nodes)
		nodes = mixtureNodes
		n := c.narrowed(size)
		if n == nil {
			break
		}
		c = n
	}
	c.search(mixtureNodes, e.stop)
	e.nodes += int64(c.nodes)
}

// mixtureSizes are the numbers of cells to which the search that rounds the
// relaxation is narrowed in turn.
var mixtureSizes = []int{200, 80, 40}
