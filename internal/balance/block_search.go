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
	e     *engine
	whole *core
	known map[string]bool
	pool  [][]bool // plans met so far, each once
}

// Effort of the searches in blocks.
const (
	blockNodes  = 20000
	columnsMost = 4000 // plans of a block listed in full
	columnsSome = 200  // and on the way there
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

// solve seeks the block's optimum at the prices of p, from the plans met so far.
func (bs *blockSearch) solve(p *Problem) *Solution {
	bs.reprice(p)
	for _, s := range bs.pool {
		bs.e.pl.offer(s)
	}
	bs.e.searchWhole(bs.whole, blockNodes)
	return bs.e.solution()
}

// collect meets every plan of the block below limit, in money at the prices of p;
// false where there are too many.
func (bs *blockSearch) collect(p *Problem, limit float64, most int) ([][]bool, bool) {
	bs.reprice(p)
	c := bs.whole
	c.collect = &collection{limit: limit/bs.e.sc.omega - c.fixed}
	done := c.search(10*most, func() bool { return bs.e.stop() || len(c.collect.plans) > most })
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

// Effort of proveByColumns.
const (
	columnRounds = 60
	mixNodes     = 300  // of the searches for better plans
	listedNodes  = 3000 // of those after a listing
	proofNodes   = 20000
)

// proveByColumns puts the best plan together from the plans that the blocks have
// met, and betters the prices by what the relaxation of that says. Then it lists
// in every block all plans that a better plan may have: those that cost, at the
// best prices, less than the block's optimum and what the blocks' bound leaves. An
// exhausted search over the whole plans made of these proves the best plan optimal.
func (e *engine) proveByColumns(m *priceModel, mu, f []float64) {
	if slices.Contains(e.searches, nil) {
		return
	}
	d := newDominance(e, m.list)
	level, failedAt, part := 0, math.Inf(1), 1.0
	for range columnRounds {
		c := e.mixColumns(m, d, mixNodes)
		left := e.pl.target() + e.r.constant - m.best
		if left <= 0 {
			e.exhausted, e.provedOver = true, byColumns
			return
		}
		if e.stop() || e.exactlyCertified() || c.rootMu == nil {
			return
		}
		if c.root-m.best > 0.05*left && part > 0.1 {
			gain := e.stepPrices(m, c, mu, f, part)
			if gain < 0.1*(c.root-m.best) {
				part /= 2
			} else {
				part = min(1, 2*part)
			}
			continue
		}
		part = 1
		reach := left
		if level < len(reaches) {
			reach *= reaches[level]
		}
		pool := make([][][]bool, len(m.list))
		listed := e.listAll(m, d, reach, reach == left, pool)
		if listed && reach == left {
			e.finishColumns(m, pool)
			return
		}
		if level >= len(reaches) {
			if left > 0.8*failedAt {
				return
			}
			failedAt = left
		}
		level++
		e.mixColumns(m, d, listedNodes)
	}
}

// reaches are the shares of what the bound leaves, up to which plans are listed
// for the sake of better plans before all of them are.
var reaches = [2]float64{1. / 16, 1. / 4}

// mixColumns searches the plans put together from those that the blocks have met.
func (e *engine) mixColumns(m *priceModel, d *dominance, nodes int) *columnSearch {
	pool := make([][][]bool, len(m.list))
	e.inBlocks(len(m.list), func(b int) {
		e.searches[b].pool = d.keep(b, e.searches[b].pool)
		pool[b] = e.searches[b].pool
	})
	c := newColumnSearch(e, m.list, pool)
	c.dives = nodes == mixNodes
	c.search(m.list, nodes, e.stop)
	e.nodes += int64(c.nodes)
	if c.better {
		e.polish()
	}
	return c
}

// finishColumns searches the plans put together from all plans of each block that
// a better plan may have.
func (e *engine) finishColumns(m *priceModel, pool [][][]bool) {
	c := newColumnSearch(e, m.list, pool)
	e.exhausted = c.search(m.list, proofNodes, e.stop)
	e.nodes += int64(c.nodes)
	if e.exhausted {
		e.provedOver = byColumns
	} else if !math.IsInf(c.lower, 0) {
		target := e.pl.target() + e.r.constant
		e.strengthened(min((c.lower+c.fixed)*e.sc.omega+e.r.constant, target), "open nodes of a branch and bound over "+byColumns)
	}
}

// polish improves the best plan by single flips and swaps.
func (e *engine) polish() {
	p := e.pl.best.clone()
	e.pl.improve(p, e.stop)
	e.pl.offer(p.s)
}

// listAll lists in every block the plans that cost less than its optimum and
// reach, but for those that others of them replace; false where there are too many.
func (e *engine) listAll(m *priceModel, d *dominance, reach float64, all bool, pool [][][]bool) bool {
	most := columnsSome
	if all {
		most = columnsMost
	}
	complete := make([]bool, len(m.list))
	e.inBlocks(len(m.list), func(b int) {
		limit := m.list[b].value + reach
		limit += 1e-12 * (math.Abs(m.best) + math.Abs(reach) + math.Abs(m.list[b].value))
		pool[b], complete[b] = e.searches[b].collect(m.list[b].p, limit, most)
		pool[b] = d.keep(b, pool[b])
	})
	for _, bs := range e.searches {
		e.nodes += int64(bs.whole.nodes)
	}
	return !e.stop() && !slices.Contains(complete, false) && !slices.ContainsFunc(pool, func(s [][]bool) bool { return len(s) == 0 })
}

// stepPrices solves the blocks at prices a part of the way from the best ones to
// those of the relaxation over the columns; it gives what the bound gains.
func (e *engine) stepPrices(m *priceModel, c *columnSearch, mu, f []float64, part float64) float64 {
	copy(mu, m.center)
	copy(f, m.held)
	for k, v := range c.rootMu {
		mu[k] += part * (v - mu[k])
	}
	for i, x := range c.borders {
		f[x] += part * (c.rootF[i] - f[x])
	}
	clampSigns(e.r.p, mu)
	copy(mu, settle(e.r.p, e.r.flowRows, mu))
	before := m.best
	sum, _ := e.solveAt(m, mu, f)
	return sum - before
}

const byColumns = "the plans put together from every plan of each block that a better plan may have"
