package balance

import (
	"container/heap"
	"math"
	"slices"
)

// search runs at most maxNodes nodes; true when it was exhausted: no plan that can
// be put together from the columns is better than the planner's best.
func (c *columnSearch) search(list []block, maxNodes int, stop func() bool) bool {
	root := &columnNode{unit: -1, column: -1, bound: math.Inf(-1)}
	if maxNodes < 1 || stop() {
		c.keepLower(math.Inf(-1))
		return false
	}
	c.nodes++
	branch, done := c.expand(list, root, stop)
	if done {
		return true
	}
	if less := c.smaller(list); less != nil && maxNodes > 1 {
		exhausted := less.search(list, maxNodes-1, stop)
		c.nodes, c.better, c.lower = c.nodes+less.nodes, c.better || less.better, less.lower
		return exhausted
	}
	open := &columnHeap{}
	order := 0
	push := func(n *columnNode, branch columnNode) *columnNode {
		children := [2]*columnNode{}
		for i, in := range [2]bool{branch.in, !branch.in} {
			order++
			children[i] = &columnNode{parent: n, unit: branch.unit, column: branch.column, in: in, bound: n.bound, x: branch.x, order: -order}
		}
		heap.Push(open, children[1])
		return children[0]
	}
	current := push(root, branch)
	for current != nil || open.Len() > 0 {
		if current == nil {
			current = c.pop(open)
			if current.bound >= c.cutoff() {
				current = nil
				continue
			}
		}
		if c.nodes >= maxNodes || stop() {
			lower := current.bound
			for _, n := range *open {
				lower = min(lower, n.bound)
			}
			c.keepLower(lower)
			return false
		}
		c.nodes++
		if branch, done = c.expand(list, current, stop); done {
			current = nil
			continue
		}
		current = push(current, branch)
	}
	return true
}

func (c *columnSearch) keepLower(scaled float64) {
	c.lower = (scaled+c.fixed)*c.e.sc.omega + c.e.r.constant
}

// smaller is the search without the columns that are out for good; nil where these
// are too few to matter.
func (c *columnSearch) smaller(list []block) *columnSearch {
	pool := make([][][]bool, len(list))
	left := 0
	for b := range list {
		for _, j := range c.of[b] {
			if !c.out[j] {
				pool[b] = append(pool[b], c.columns[j].s)
				left++
			}
		}
		if pool[b] == nil {
			return nil
		}
	}
	if float64(left) > 0.8*float64(len(c.columns)) {
		return nil
	}
	less := newColumnSearch(c.e, list, pool)
	less.dives = c.dives
	return less
}

// pop takes the node of least bound; in a dive mostly the latest one.
func (c *columnSearch) pop(open *columnHeap) *columnNode {
	if !c.dives || c.nodes%50 == 0 {
		return heap.Pop(open).(*columnNode)
	}
	at := 0
	for i, n := range *open {
		if n.order < (*open)[at].order {
			at = i
		}
	}
	return heap.Remove(open, at).(*columnNode)
}

// expand solves a node's relaxation; it gives what to branch on and the side to
// take first, or done.
func (c *columnSearch) expand(list []block, node *columnNode, stop func() bool) (branch columnNode, done bool) {
	c.moveTo(node)
	cutoff := c.cutoff()
	if node.parent == nil {
		cutoff = math.Inf(1) // its prices are wanted
	}
	switch c.lp.runAgain(cutoff, stop) {
	case lpInfeasible:
		if c.lp.provesInfeasible() {
			return branch, true
		}
	case lpCutoff:
		return branch, true
	case lpOptimal:
		y := c.lp.prices(c.lp.cost)
		bound := c.lp.safeBound(y)
		c.learn(node, bound)
		node.bound = max(node.bound, bound)
		if node.parent == nil {
			c.keepRoot(y, bound)
		}
		if node.bound >= c.cutoff() {
			return branch, true
		}
		c.fix(node, y, bound)
		if c.dives {
			if j := c.mostChosen(); j >= 0 {
				return columnNode{unit: -1, column: j, in: true}, false
			}
		} else if unit, x := c.fractional(); unit >= 0 {
			return columnNode{unit: unit, column: -1, in: x > 0.5, x: x}, false
		}
		c.offer(list, func(j int32) bool { return c.lp.value(j) > 0.5 })
		if node.bound >= c.cutoff() {
			return branch, true
		}
	}
	return c.blind(list)
}

// mostChosen is the column that the relaxation chooses most, but not wholly; -1
// where all are whole.
func (c *columnSearch) mostChosen() int32 {
	best, at := integral, int32(-1)
	for j := range c.columns {
		if x := c.lp.value(int32(j)); x > best && x < 1-integral {
			best, at = x, int32(j)
		}
	}
	return at
}

// keepRoot keeps the prices at the root.
func (c *columnSearch) keepRoot(y []float64, bound float64) {
	r, sc := c.e.r, c.e.sc
	c.root = (bound+c.fixed)*sc.omega + r.constant
	c.rootMu, c.rootF = make([]float64, len(r.rhs)), make([]float64, len(c.borders))
	for k := range c.rootMu {
		c.rootMu[k] = c.lp.price(y, k) * sc.omega / sc.sigma[k]
	}
	first := c.lp.m - len(c.borders)
	for i, e := range c.borders {
		w := r.edgeWeight[e]
		c.rootF[i] = min(max(-c.lp.price(y, first+i)*sc.omega, -w), w)
	}
}

// fix puts the columns aside in the node's subtree that cost too much in any
// better plan; at the root for good.
func (c *columnSearch) fix(node *columnNode, y []float64, bound float64) {
	slack := c.cutoff() - bound
	for j := range c.columns {
		if c.now[j] || c.lp.place[j] >= 0 {
			continue
		}
		d := c.lp.cost[j]
		for _, t := range c.lp.cols[j] {
			d -= y[t.at] * t.v
		}
		switch {
		case d <= slack:
		case node.parent == nil:
			c.out[j] = true
		default:
			node.out = append(node.out, int32(j))
		}
	}
}

// learn notes what the branch to the node has raised the bound by.
func (c *columnSearch) learn(node *columnNode, bound float64) {
	if node.parent == nil || node.unit < 0 || math.IsInf(node.parent.bound, -1) {
		return
	}
	side, way := 0, node.x
	if node.in {
		side, way = 1, 1-node.x
	}
	if way > 0 {
		c.gains[side][node.unit].sum += max(0, bound-node.parent.bound) / way
		c.gains[side][node.unit].count++
	}
}

// fractional is the unit, of those that the relaxation has in part, that promises
// to raise the bound most on both sides; -1 when all are whole.
func (c *columnSearch) fractional() (int32, float64) {
	mean := [2]float64{meanGain(c.gains[0]), meanGain(c.gains[1])}
	best, at, x := -1.0, int32(-1), 0.0
	for i := range c.units {
		sum := 0.0
		for _, j := range c.has[i] {
			sum += c.lp.value(j)
		}
		if min(sum, 1-sum) < integral {
			continue
		}
		score := 1.0
		for side, way := range [2]float64{sum, 1 - sum} {
			g := mean[side]
			if p := c.gains[side][i]; p.count > 0 {
				g = p.sum / float64(p.count)
			}
			score *= max(g*way, 1e-9)
		}
		if score > best {
			best, at, x = score, int32(i), sum
		}
	}
	return at, x
}

// meanGain is the mean of what is known; 1 where nothing is.
func meanGain(list []pseudo) float64 {
	sum, count := 0.0, 0
	for _, p := range list {
		if p.count > 0 {
			sum += p.sum / float64(p.count)
			count++
		}
	}
	if count == 0 {
		return 1
	}
	return sum / float64(count)
}

// blind branches on any unit that is still open; where there is none the plan
// itself is the judge.
func (c *columnSearch) blind(list []block) (branch columnNode, done bool) {
	left := func(columns []int32) bool {
		return slices.ContainsFunc(columns, func(j int32) bool { return !c.now[j] })
	}
	for i := range c.units {
		if left(c.has[i]) && left(c.hasNot[i]) {
			return columnNode{unit: int32(i), column: -1, x: 0.5}, false
		}
	}
	c.offer(list, func(j int32) bool { return !c.now[j] })
	return branch, true
}

// offer hands the plan of the chosen columns to the planner, where there is one of
// each block.
func (c *columnSearch) offer(list []block, chosen func(j int32) bool) {
	s := make([]bool, len(c.e.r.free))
	for b := range list {
		i := slices.IndexFunc(c.of[b], chosen)
		if i < 0 {
			return
		}
		for k, u := range list[b].units {
			s[u] = c.columns[c.of[b][i]].s[k]
		}
	}
	c.better = c.e.pl.offer(s) || c.better
}

// moveTo leaves the columns that the node's branches allow.
func (c *columnSearch) moveTo(node *columnNode) {
	want := slices.Clone(c.out)
	for n := node; n.parent != nil; n = n.parent {
		for _, j := range n.out {
			want[j] = true
		}
		if n.unit < 0 && n.in {
			for _, j := range c.of[c.columns[n.column].block] {
				want[j] = want[j] || j != n.column
			}
			continue
		}
		if n.unit < 0 {
			want[n.column] = true
			continue
		}
		forbidden := c.has[n.unit]
		if n.in {
			forbidden = c.hasNot[n.unit]
		}
		for _, j := range forbidden {
			want[j] = true
		}
	}
	for j, out := range want {
		if c.now[j] == out {
			continue
		}
		c.now[j] = out
		if out {
			c.lp.setBounds(j, 0, 0)
		} else {
			c.lp.setBounds(j, 0, 1)
		}
	}
}
