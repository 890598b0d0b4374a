package balance

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// blockNode is a node of the branch and bound above the blocks: what its branches
// decide about single units, and the prices at which its parent was left.
type blockNode struct {
	parent *blockNode
	unit   int32 // free unit that the branch decides; -1 at the root
	in     bool
	bound  float64 // proved: no plan of the node costs less
	mu, f  []float64
	priced bool // prices are the best ones, listing is what is left
	order  int
}

// blockHeap has the open node of least bound on top, of equals the latest.
type blockHeap []*blockNode

func (h blockHeap) Len() int { return len(h) }
func (h blockHeap) Less(i, j int) bool {
	if h[i].bound != h[j].bound {
		return h[i].bound < h[j].bound
	}
	return h[i].order > h[j].order
}
func (h blockHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *blockHeap) Push(x any) { *h = append(*h, x.(*blockNode)) }

// Pop is for container/heap.
func (h *blockHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	*h = old[:len(old)-1]
	return n
}

// Effort of the branch and bound above the blocks.
const (
	treeNodes = 200
	treeTries = 12 // units tried as the next branch
)

// blockTree is a branch and bound above the blocks: where the best prices leave more
// than listing plans can settle, one unit that the mixture of the blocks' plans has
// in part is decided both ways, and the prices are sought anew for each.
type blockTree struct {
	e     *engine
	list  []block // as the problem parts; only their units are used
	open  blockHeap
	order int
}

const (
	byColumns  = "the plans put together from every plan of each block that a better plan may have"
	byBranches = byColumns + ", with single units decided both ways"
)

// proveAbove runs the tree from the best prices of the root.
func (e *engine) proveAbove(m *priceModel) {
	if slices.Contains(e.searches, nil) {
		return
	}
	e.dominance = newDominance(e, m.list)
	t := &blockTree{e: e, list: m.list}
	heap.Push(&t.open, &blockNode{unit: -1, bound: m.best})
	for range treeNodes {
		if len(t.open) == 0 || t.open[0].bound >= t.target() || e.finished() {
			break
		}
		n := heap.Pop(&t.open).(*blockNode)
		here := m
		if n.parent != nil {
			here = t.enter(n)
		}
		if !t.visit(here, n) {
			break
		}
	}
	over := byColumns
	if t.order > 0 {
		over = byBranches
	}
	switch {
	case len(t.open) == 0 || t.open[0].bound >= t.target():
		e.exhausted, e.provedOver = true, over
	default:
		e.strengthened(t.open[0].bound, "open nodes of a branch and bound over "+over)
	}
}

func (t *blockTree) target() float64 { return t.e.pl.target() + t.e.r.constant }

// visit ends the node or branches; false where it can do neither.
func (t *blockTree) visit(m *priceModel, n *blockNode) bool {
	n.bound = max(n.bound, m.best)
	rival := math.Inf(1)
	if len(t.open) > 0 {
		rival = t.open[0].bound
	}
	end := nodeEnd{unit: -1}
	switch {
	case n.bound >= t.target():
		end.done = true
	case m.list != nil:
		end = t.e.settleNode(m, n, rival)
	}
	switch {
	case end.done:
	case end.later || end.unit < 0:
		n.mu, n.f = m.center, m.held
		heap.Push(&t.open, n)
		return end.later
	default:
		for _, in := range [2]bool{!end.in, end.in} {
			t.order++
			heap.Push(&t.open, &blockNode{parent: n, unit: end.unit, in: in, bound: n.bound, mu: m.center, f: m.held, order: t.order})
		}
	}
	return true
}

// enter fixes the units that the node's branches decide in the blocks' searches, and
// solves the blocks at the prices that the node starts from.
func (t *blockTree) enter(n *blockNode) *priceModel {
	fixed := make([]int8, len(t.e.r.free))
	for u := range fixed {
		fixed[u] = -1
	}
	for x := n; x.parent != nil; x = x.parent {
		fixed[x.unit] = 0
		if x.in {
			fixed[x.unit] = 1
		}
	}
	for b, bs := range t.e.searches {
		for i, u := range t.list[b].units {
			bs.whole.rootFix[i] = fixed[u]
		}
	}
	m := &priceModel{e: t.e, center: slices.Clone(n.mu), held: slices.Clone(n.f), best: math.Inf(-1), inner: true}
	t.e.solveAt(m, slices.Clone(n.mu), slices.Clone(n.f))
	return m
}

// branchUnit is the unit to decide next, and the value to try first: of those that
// the relaxation over the columns has in part one on which much money hangs and whose
// two values raise the relaxation most; where all are whole, any that no branch has
// decided, and -1 where there is none.
func (e *engine) branchUnit(m *priceModel, c *columnSearch) (unit int32, in bool) {
	best := -1.0
	unit = -1
	for _, x := range e.partial(m, c) {
		out, at := c.raise(x.unit, false), c.raise(x.unit, true)
		if score := x.weight * out * at; score > best {
			best, unit, in = score, c.units[x.unit], at <= out
		}
	}
	if unit >= 0 {
		return unit, in
	}
	for b, bs := range e.searches {
		for i, u := range m.list[b].units {
			if w := e.weightOf(u, m.center); bs.whole.rootFix[i] < 0 && w > best {
				best, unit = w, u
			}
		}
	}
	return unit, e.pl.best.s[max(unit, 0)]
}

// partialUnit is an open unit of a search over columns that its relaxation has in
// part.
type partialUnit struct {
	unit   int32   // index into the search's units
	weight float64 // the money that hangs on it, and how near it is to a half
}

// partial lists the heaviest such units at the root's relaxation.
func (e *engine) partial(m *priceModel, c *columnSearch) []partialUnit {
	if c == nil {
		return nil
	}
	clear(c.out)
	c.moveTo(&columnNode{unit: -1, column: -1})
	if c.lp.runAgain(math.Inf(1), e.stop) != lpOptimal {
		return nil
	}
	var list []partialUnit
	for i, u := range c.units {
		sum := 0.0
		for _, j := range c.has[i] {
			sum += c.lp.value(j)
		}
		near := min(sum, 1-sum)
		if near > 1e-4 && e.searches[c.blockOf[u]].whole.rootFix[c.place[u]] < 0 {
			list = append(list, partialUnit{int32(i), near * e.weightOf(u, m.center)})
		}
	}
	slices.SortStableFunc(list, func(x, y partialUnit) int { return cmp.Compare(y.weight, x.weight) })
	return list[:min(len(list), treeTries)]
}

// raise is what a value of a unit raises the relaxation by, in shares of what is left
// to the best plan.
func (c *columnSearch) raise(unit int32, in bool) float64 {
	base := (c.root-c.e.r.constant)/c.e.sc.omega - c.fixed
	most := max(c.cutoff()-base, 1e-9)
	c.moveTo(&columnNode{parent: &columnNode{unit: -1, column: -1}, unit: unit, column: -1, in: in})
	gain := 1.0
	if c.lp.runAgain(base+most, c.e.stop) == lpOptimal {
		gain = (c.lp.safeBound(c.lp.prices(c.lp.cost)) - base) / most
	}
	return min(max(gain, 1e-3), 1)
}

// weightOf is how much money hangs on a unit: its cost, its borders and what it
// brings at the given prices.
func (e *engine) weightOf(u int32, mu []float64) float64 {
	r := e.r
	sum := math.Abs(r.cost[u])
	for i := r.adjStart[u]; i < r.adjStart[u+1]; i++ {
		sum += r.edgeWeight[r.adjEdge[i]]
	}
	for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
		sum += math.Abs(mu[r.termRow[t]] * r.termVal[t])
	}
	return sum
}
