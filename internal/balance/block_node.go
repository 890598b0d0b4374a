package balance

import (
	"math"
	"slices"
)

// Effort in a node of the search above the blocks.
const (
	columnRounds = 60
	mixNodes     = 300  // of the searches for better plans
	listedNodes  = 3000 // of those after a listing
	proofNodes   = 8000
	columnsMost  = 1200 // plans of a block listed in full
	columnsSome  = 200  // and on the way there
	listBatch    = 4    // blocks listed at a time
)

// reaches are the shares of what the bound leaves, up to which plans are listed
// for the sake of better plans before all of them are.
var reaches = [3]float64{1. / 64, 1. / 16, 1. / 4}

// nodeEnd is what becomes of a node of the search above the blocks.
type nodeEnd struct {
	done  bool  // no plan of it is better than the best one
	later bool  // another node comes first
	unit  int32 // otherwise the unit to branch on, -1 where there is none
	in    bool  // and its value to try first
}

// settleNode tries to end a node of the search above the blocks, from the best
// prices known for it. It puts the best plan together from the plans that the
// blocks have met, and betters the prices by what the relaxation of that says. Then
// it lists in every block all plans that a better plan may have: those that cost, at
// the best prices, less than the block's optimum and what the blocks' bound leaves.
// An exhausted search over the whole plans made of these proves that the node has
// none better than the best plan. A node whose best prices put it above an open one,
// whose bound is rival, is left for later before anything is listed.
func (e *engine) settleNode(m *priceModel, n *blockNode, rival float64) nodeEnd {
	mu, f := slices.Clone(m.center), slices.Clone(m.held)
	level, part, promise := 0, 1.0, 0.0
	for range columnRounds {
		n.bound = max(n.bound, m.best)
		if n.bound >= e.pl.target()+e.r.constant {
			return nodeEnd{done: true}
		}
		c := e.mixColumns(m, 4*max(e.left(m), promise), e.mixEffort(n, mixNodes))
		left := e.left(m)
		if left <= 0 {
			return nodeEnd{done: true}
		}
		if e.stop() || e.exactlyCertified() {
			return nodeEnd{unit: -1}
		}
		priced := c != nil && c.rootMu != nil
		promise = math.Inf(1) // the columns make no whole plan yet
		if priced {
			promise = c.root - m.best
		}
		if priced && promise > 0.05*left && part > 0.1 {
			gain := e.stepPrices(m, c, mu, f, part)
			if gain < 0.1*promise {
				part /= 2
			} else {
				part = min(1, 2*part)
			}
			continue
		}
		part = 1
		if !n.priced && n.bound > rival+0.01*left {
			n.priced = true
			return nodeEnd{later: true}
		}
		if level < len(reaches) {
			if e.listAll(m, reaches[level]*left, min(columnsSome, e.listed), nil) {
				e.mixColumns(m, left, e.mixEffort(n, listedNodes))
				level++
				continue
			}
		} else {
			pool := make([][][]bool, len(m.list))
			if e.listAll(m, left, e.listed, pool) && e.finishColumns(m, n, pool) {
				return nodeEnd{done: true}
			}
		}
		if e.stop() {
			return nodeEnd{unit: -1}
		}
		break
	}
	unit, in := e.branchUnit(m, e.mixColumns(m, e.left(m), 1))
	return nodeEnd{unit: unit, in: in}
}

// left is what the prices' bound leaves to the best plan.
func (e *engine) left(m *priceModel) float64 {
	return e.pl.target() + e.r.constant - m.best
}

// mixEffort is what a search for better plans may take of so many nodes: less below
// the root, which has had its own.
func (e *engine) mixEffort(n *blockNode, nodes int) int {
	if n.parent != nil {
		return nodes / 6
	}
	return nodes
}

// mixColumns searches the plans put together from those that the blocks have met
// and that cost, at the best prices, less than the block's optimum and reach; nil
// where a block has none.
func (e *engine) mixColumns(m *priceModel, reach float64, nodes int) *columnSearch {
	pool := make([][][]bool, len(m.list))
	e.inBlocks(len(m.list), func(b int) {
		pool[b] = e.dominance.keep(b, e.searches[b].within(m.list[b].p, m.list[b].value+reach+e.listingMargin(m, b, reach)))
	})
	if slices.ContainsFunc(pool, func(s [][]bool) bool { return len(s) == 0 }) {
		return nil
	}
	c := newColumnSearch(e, m.list, pool)
	c.dives = nodes <= mixNodes
	c.search(m.list, nodes, e.stop)
	e.nodes += int64(c.nodes)
	if c.better {
		e.polish()
	}
	return c
}

// listingMargin is for the rounding of what a block's plans are compared with.
func (e *engine) listingMargin(m *priceModel, b int, reach float64) float64 {
	return 1e-12 * (math.Abs(m.best) + math.Abs(reach) + math.Abs(m.list[b].value))
}

// finishColumns searches the plans put together from all plans of each block that
// a better plan of the node may have; true where it was exhausted.
func (e *engine) finishColumns(m *priceModel, n *blockNode, pool [][][]bool) bool {
	if slices.ContainsFunc(pool, func(s [][]bool) bool { return len(s) == 0 }) {
		return true
	}
	c := newColumnSearch(e, m.list, pool)
	exhausted := c.search(m.list, proofNodes, e.stop)
	e.nodes += int64(c.nodes)
	if !exhausted {
		n.bound = max(n.bound, min(c.lower, e.pl.target()+e.r.constant))
	}
	return exhausted
}

// polish improves the best plan by single flips and swaps.
func (e *engine) polish() {
	p := e.pl.best.clone()
	e.pl.improve(p, e.stop)
	e.pl.offer(p.s)
}

// listAll lists in every block the plans that cost less than its optimum and
// reach, but for those that others of them replace; false where there are too many.
// The blocks that were the hardest to list come first; where one of them has too
// many plans the rest are left.
func (e *engine) listAll(m *priceModel, reach float64, most int, pool [][][]bool) bool {
	order := make([]int, len(m.list))
	for b := range order {
		order[b] = b
	}
	slices.SortStableFunc(order, func(x, y int) int { return e.searches[y].effort - e.searches[x].effort })
	for batch := range slices.Chunk(order, listBatch) {
		complete := make([]bool, len(batch))
		e.inBlocks(len(batch), func(i int) {
			b := batch[i]
			limit := m.list[b].value + reach + e.listingMargin(m, b, reach)
			plans, done := e.searches[b].collect(m.list[b].p, limit, most)
			complete[i] = done
			if pool != nil {
				pool[b] = e.dominance.keep(b, plans)
			}
		})
		for _, b := range batch {
			e.nodes += int64(e.searches[b].effort)
		}
		if e.stop() || slices.Contains(complete, false) {
			return false
		}
	}
	return true
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
