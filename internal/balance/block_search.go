package balance

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// blockSearch is the search over one block, kept from one set of prices to the
// next: only costs change, so that its rounding cuts stay valid and its basis is a
// start.
type blockSearch struct {
	e      *engine
	whole  *core
	known  map[string]bool
	pool   [][]bool // plans met so far, each once
	effort int      // nodes of the last listing
}

// Effort of the searches in blocks.
const (
	blockNodes = 20000
)

// newBlockSearch gives the search over a block; nil where it is too large for one.
func newBlockSearch(ctx context.Context, p *Problem, opt Options) *blockSearch {
	e := newEngine(ctx, p, opt, time.Now())
	whole := e.wholeProblem()
	if whole == nil {
		return nil
	}
	return &blockSearch{e: e, whole: whole, known: map[string]bool{}}
}

// reprice moves the search to the same block at other prices.
func (bs *blockSearch) reprice(p *Problem) {
	e, c := bs.e, bs.whole
	e.p, e.r.p = p, p
	for j, units := range c.cells {
		u := units[0]
		e.r.cost[u] = p.Units[e.r.free[u]].Cost
		c.lp.setCost(j, e.r.cost[u]/e.sc.omega)
	}
	for z := range p.Flows {
		c.lp.setCost(len(c.cells)+z, p.Flows[z].Cost*e.sc.zeta[z]/e.sc.omega)
	}
	e.pl = newPlanner(e.r, e.sc)
	c.pl, c.nodes, c.proof, c.collect = e.pl, 0, true, nil
	c.seen = bs.keep
	// What the root said at other prices is nothing at these.
	c.root, c.rootMu, c.rootX, c.rootD = math.Inf(-1), nil, nil, nil
	e.exhausted, e.bound, e.tree = false, math.Inf(-1), math.Inf(-1)
	e.multipliers, e.edgeFlows, e.root = nil, nil, nil
}

// keep remembers a plan of the block.
func (bs *blockSearch) keep(s []bool) {
	key := make([]byte, (len(s)+7)/8)
	for i, in := range s {
		if in {
			key[i/8] |= 1 << (i % 8)
		}
	}
	if !bs.known[string(key)] {
		bs.known[string(key)] = true
		bs.pool = append(bs.pool, slices.Clone(s))
	}
}

// solve seeks the block's optimum at the prices of p, from the plans met so far; nil
// where the prices of other constraints make flows pay without end.
func (bs *blockSearch) solve(p *Problem) *Solution {
	if payingRay(p, 1e-13) >= 0 {
		return nil
	}
	bs.reprice(p)
	for _, s := range bs.fitting() {
		bs.e.pl.offer(s)
	}
	bs.e.searchWhole(bs.whole, blockNodes)
	return bs.e.solution()
}

// fitting are the plans met so far that have the units as they are fixed.
func (bs *blockSearch) fitting() [][]bool {
	var fixed []int
	for i, at := range bs.whole.rootFix {
		if at >= 0 {
			fixed = append(fixed, i)
		}
	}
	if len(fixed) == 0 {
		return bs.pool
	}
	var list [][]bool
	for _, s := range bs.pool {
		if !slices.ContainsFunc(fixed, func(i int) bool { return s[i] != (bs.whole.rootFix[i] == 1) }) {
			list = append(list, s)
		}
	}
	return list
}

// within gives the plans met so far that fit and cost less than limit at the
// prices of p.
func (bs *blockSearch) within(p *Problem, limit float64) [][]bool {
	bs.reprice(p)
	var list [][]bool
	for _, s := range bs.fitting() {
		q := bs.e.pl.start(s)
		if bs.e.pl.route(q) && q.objective+bs.e.r.constant < limit {
			list = append(list, s)
		}
	}
	return list
}

// collect meets every plan of the block below limit, in money at the prices of p;
// false where there are too many.
func (bs *blockSearch) collect(p *Problem, limit float64, most int) ([][]bool, bool) {
	bs.reprice(p)
	c := bs.whole
	c.collect = &collection{limit: limit/bs.e.sc.omega - c.fixed}
	done := c.search(10*most, func() bool { return bs.e.stop() || len(c.collect.plans) > most })
	bs.effort = c.nodes
	for _, s := range c.collect.plans {
		bs.keep(s)
	}
	return c.collect.plans, done
}

// collection are the plans that a search lists instead of seeking the best.
type collection struct {
	limit float64 // scaled: plans that cost that much are left out
	plans [][]bool
}

// tryPlan lists a plan that a search has met, or hands it to the planner.
func (c *core) tryPlan(s []bool) {
	if c.collect != nil {
		c.collect.plans = append(c.collect.plans, s)
		return
	}
	if c.seen != nil {
		c.seen(s)
	}
	if c.pl.offer(s) {
		c.better = s
	}
}

// inBlocks runs f for every block, on as many threads as there are.
func (e *engine) inBlocks(count int, f func(b int)) {
	gate := make(chan struct{}, e.opt.Threads)
	var wg sync.WaitGroup
	for b := range count {
		wg.Add(1)
		go func() {
			defer wg.Done()
			gate <- struct{}{}
			defer func() { <-gate }()
			f(b)
		}()
	}
	wg.Wait()
}
