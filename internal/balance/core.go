package balance

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// core is an exact search over part of a plan: some cells (sets of free units
// that go together) are decided anew with all flows, everything else stays as
// the plan has it. It is a mixed-integer program by branch and bound on the
// linear relaxation; over all free units it is the whole problem.
type core struct {
	pl    *planner
	base  *plan
	cells [][]int32
	lp    *simplex
	fixed float64 // scaled cost of what stays
	rows  []int32 // constraint of LP row i, for the first rows
	cuts  bool    // rounding cuts at the root

	now      []int8 // present bounds of the cells: -1 open, 0, 1
	rootFix  []int8
	proof    bool // nothing was pruned without proof
	lower    float64
	nodes    int
	upCost   []pseudo
	downCost []pseudo
	better   []bool         // values of the best plan found, or nil
	seen     func(s []bool) // told of every plan met
	collect  *collection    // lists plans instead of seeking the best
	own      int            // rows that are not cuts
	rootMu   []float64
	rootX    []float64
	rootD    []float64 // reduced costs of the cells, scaled
	root     float64   // bound at the root, scaled
}

type pseudo struct {
	sum   float64
	count int
}

// bbNode is a node of the tree: what its branch and its reduced costs fixed.
type bbNode struct {
	parent *bbNode
	fixes  []cellFix
	bound  float64
	order  int
	depth  int
	// What the branch was, to learn pseudo-costs from.
	cell     int32
	up       bool
	distance float64
}

type cellFix struct {
	cell int32
	at   int8
}

// newCore sets up the search; base gives the values of the units outside cells.
func newCore(pl *planner, base *plan, cells [][]int32) *core {
	c := &core{pl: pl, base: base, cells: cells, proof: true}
	r, sc := pl.r, pl.sc
	n := len(cells)
	cellOf := map[int32]int32{}
	for j, units := range cells {
		for _, u := range units {
			cellOf[u] = int32(j)
		}
	}
	zeroed := base.clone() // with all cells at 0
	for _, units := range cells {
		for _, u := range units {
			if zeroed.s[u] {
				pl.flip(zeroed, u)
			}
		}
	}
	cost := make([]float64, n)
	type pair struct{ a, b int32 }
	between := map[pair]float64{}
	for j, units := range cells {
		var sum wide
		for _, u := range units {
			sum.add(r.cost[u])
			for i := r.adjStart[u]; i < r.adjStart[u+1]; i++ {
				v, w := r.adjTo[i], r.edgeWeight[r.adjEdge[i]]
				if k, inside := cellOf[v]; inside {
					if int32(j) < k {
						between[pair{int32(j), k}] += w
					}
				} else if zeroed.s[v] {
					sum.add(-w)
				} else {
					sum.add(w)
				}
			}
		}
		cost[j] = sum.value() / sc.omega
	}
	pairs := make([]pair, 0, len(between))
	for p := range between {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(x, y pair) int {
		if x.a != y.a {
			return int(x.a - y.a)
		}
		return int(x.b - y.b)
	})
	weights := make([]float64, len(pairs))
	for i, p := range pairs {
		weights[i] = between[p] / sc.omega
	}
	c.fixed = zeroed.base / sc.omega
	c.buildLP(cost, weights, zeroed.activity)
	for i, p := range pairs {
		q := int32(n + len(r.flowRows) + 2*i)
		c.lp.addRow([]lpEntry{{p.a, 1}, {p.b, -1}, {q, -1}, {q + 1, 1}}, Equal, 0)
	}
	c.own = c.lp.m
	c.now = make([]int8, n)
	c.rootFix = make([]int8, n)
	for j := range n {
		c.now[j], c.rootFix[j] = -1, -1
	}
	c.upCost, c.downCost = make([]pseudo, n), make([]pseudo, n)
	return c
}

// buildLP makes the columns (cells, flows, two per border between cells) and the
// rows of the constraints.
func (c *core) buildLP(cellCost, weights, activity []float64) {
	r, sc := c.pl.r, c.pl.sc
	n := len(c.cells)
	cost := slices.Clone(cellCost)
	up := make([]float64, n)
	for j := range up {
		up[j] = 1
	}
	rows := make([][]lpEntry, len(r.rhs))
	sum := make([]float64, len(r.rhs))
	for j, units := range c.cells {
		var touched []int32
		for _, u := range units {
			for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
				k := r.termRow[i]
				if sum[k] == 0 {
					touched = append(touched, k)
				}
				sum[k] += r.termVal[i]
			}
		}
		for _, k := range touched {
			if sum[k] != 0 {
				rows[k] = append(rows[k], lpEntry{int32(j), sum[k] / sc.sigma[k]})
			}
			sum[k] = 0
		}
	}
	for z := range r.flowRows {
		cost = append(cost, r.p.Flows[z].Cost*sc.zeta[z]/sc.omega)
		up = append(up, r.p.Flows[z].Upper/sc.zeta[z])
		for _, e := range r.flowRows[z] {
			rows[e.at] = append(rows[e.at], lpEntry{int32(n + z), e.v * sc.zeta[z] / sc.sigma[e.at]})
		}
	}
	for _, w := range weights {
		cost = append(cost, w, w)
		up = append(up, 1, 1)
	}
	c.lp = newSimplex(cost, make([]float64, len(cost)), up)
	for k := range rows {
		if len(rows[k]) > 0 || len(c.cells) == len(r.free) {
			c.rows = append(c.rows, int32(k))
			c.lp.addRow(rows[k], r.p.Constraints[k].Sense, (r.rhs[k]-activity[k])/sc.sigma[k])
		}
	}
}

// cutoff is the scaled LP value from which a node holds nothing better.
func (c *core) cutoff() float64 {
	if c.collect != nil {
		return c.collect.limit
	}
	return c.pl.target()/c.pl.sc.omega - c.fixed
}

// search runs the branch and bound for at most maxNodes nodes. Better plans go
// to the planner. It gives true when the tree was exhausted with proof: no plan
// that differs in the cells alone is better than the planner's best.
func (c *core) search(maxNodes int, stop func() bool) bool {
	open := &nodeHeap{}
	c.lower = math.Inf(-1)
	current := &bbNode{bound: math.Inf(-1), cell: -1}
	order := 0
	for current != nil || open.Len() > 0 {
		if current == nil {
			current = heap.Pop(open).(*bbNode)
			if current.bound >= c.cutoff() {
				current = nil
				continue
			}
		}
		if c.nodes >= maxNodes || stop() {
			heap.Push(open, current)
			c.lower = c.openBound(*open)
			return false
		}
		c.nodes++
		first, second := c.expand(current, stop)
		if first == nil {
			current = nil
			continue
		}
		order += 2
		first.order, second.order = order, order-1
		heap.Push(open, second)
		current = first
	}
	c.lower = math.Inf(1)
	return c.proof
}

// openBound is the least bound of the nodes still open.
func (c *core) openBound(open nodeHeap) float64 {
	least := math.Inf(1)
	for _, n := range open {
		least = min(least, n.bound)
	}
	return least
}

// expand solves a node's relaxation; it gives its children, the more promising
// one first, or nil when the node is done.
func (c *core) expand(node *bbNode, stop func() bool) (*bbNode, *bbNode) {
	c.moveTo(node)
	status := c.lp.runAgain(c.cutoff(), stop)
	switch status {
	case lpInfeasible:
		if !c.lp.provesInfeasible() {
			return c.branchBlindly(node)
		}
		return nil, nil
	case lpCutoff:
		return nil, nil
	case lpLimit:
		return c.branchBlindly(node)
	}
	y := c.lp.prices(c.lp.cost)
	bound := c.lp.safeBound(y)
	c.learn(node, bound)
	node.bound = max(node.bound, bound)
	if node.parent == nil {
		c.keepRoot(y)
		if c.cuts && c.nodes == 1 && bound < c.cutoff() {
			switch c.tighten(stop) {
			case lpCutoff:
				return nil, nil
			case lpOptimal:
				y = c.lp.prices(c.lp.cost)
				c.keepReduced(y)
				node.bound = max(node.bound, c.root)
			default:
				return c.branchBlindly(node)
			}
		}
	}
	if node.bound >= c.cutoff() {
		return nil, nil
	}
	cell, fraction := c.branchingCell()
	if cell < 0 && c.collect != nil {
		c.fixByReducedCost(node, y)
		c.moveTo(node)
		return c.branchBlindly(node)
	}
	if cell < 0 {
		c.offer()
		if node.bound >= c.cutoff() {
			return nil, nil
		}
		return c.branchBlindly(node)
	}
	c.fixByReducedCost(node, y)
	return c.children(node, cell, fraction)
}

func (c *core) keepRoot(y []float64) {
	c.rootMu = make([]float64, len(c.pl.r.rhs))
	for i, k := range c.rows {
		c.rootMu[k] = c.lp.price(y, i) * c.pl.sc.omega / c.pl.sc.sigma[k]
	}
	c.rootX = make([]float64, len(c.cells))
	for j := range c.rootX {
		c.rootX[j] = c.lp.value(int32(j))
	}
	c.keepReduced(y)
}

// keepReduced keeps the root's bound and reduced costs at the row prices y: a
// cell at the other end than its reduced cost asks for costs that much more.
func (c *core) keepReduced(y []float64) {
	c.root = c.lp.safeBound(y)
	c.rootD = make([]float64, len(c.cells))
	for j := range c.rootD {
		c.rootD[j] = c.lp.cost[j]
		for _, e := range c.lp.cols[j] {
			c.rootD[j] -= y[e.at] * e.v
		}
	}
}

// narrowed is the search over the cells that the relaxation at the root leaves
// open, and the nearest to these, size in all; the others stay as it has them.
// It is nil where that is no narrowing.
func (c *core) narrowed(size int) *core {
	if c.rootX == nil || len(c.cells) <= size {
		return nil
	}
	order := make([]int32, len(c.cells))
	distance := make([]float64, len(c.cells))
	s := slices.Clone(c.base.s)
	for j, units := range c.cells {
		order[j] = int32(j)
		if x := c.rootX[j]; x < integral || x > 1-integral {
			distance[j] = math.Abs(c.rootD[j])
		} else {
			distance[j] = -1 + math.Abs(x-0.5)
		}
		for _, u := range units {
			s[u] = c.rootX[j] > 0.5
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(distance[a], distance[b]) })
	order = order[:size]
	slices.Sort(order)
	cells := make([][]int32, size)
	for i, j := range order {
		cells[i] = c.cells[j]
	}
	base := c.pl.start(s)
	base.objective = base.base
	return newCore(c.pl, base, cells)
}

// moveTo sets the cells' bounds to those of the node.
func (c *core) moveTo(node *bbNode) {
	want := make([]int8, len(c.cells))
	copy(want, c.rootFix)
	for n := node; n != nil; n = n.parent {
		for _, f := range n.fixes {
			want[f.cell] = f.at
		}
	}
	for j, at := range want {
		if c.now[j] == at {
			continue
		}
		c.now[j] = at
		switch at {
		case -1:
			c.lp.setBounds(j, 0, 1)
		case 0:
			c.lp.setBounds(j, 0, 0)
		default:
			c.lp.setBounds(j, 1, 1)
		}
	}
}

const integral = 1e-6

// branchingCell picks the fractional cell whose branches promise to raise the
// bound most on both sides; -1 when all are whole.
func (c *core) branchingCell() (int32, float64) {
	average := func(list []pseudo) float64 {
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
	meanUp, meanDown := average(c.upCost), average(c.downCost)
	rate := func(p pseudo, mean float64) float64 {
		if p.count == 0 {
			return mean
		}
		return p.sum / float64(p.count)
	}
	best, at, fraction := -1.0, int32(-1), 0.0
	for j := range c.cells {
		x := c.lp.value(int32(j))
		if x < integral || x > 1-integral {
			continue
		}
		score := max(1e-9, rate(c.upCost[j], meanUp)*(1-x)) * max(1e-9, rate(c.downCost[j], meanDown)*x)
		if score > best {
			best, at, fraction = score, int32(j), x
		}
	}
	return at, fraction
}

func (c *core) learn(node *bbNode, bound float64) {
	if node.cell < 0 || node.distance <= 0 || math.IsInf(node.parent.bound, -1) {
		return
	}
	gain := max(0, bound-node.parent.bound) / node.distance
	list := c.downCost
	if node.up {
		list = c.upCost
	}
	list[node.cell].sum += gain
	list[node.cell].count++
}

// children branches on a cell, the nearer side first.
func (c *core) children(node *bbNode, cell int32, fraction float64) (*bbNode, *bbNode) {
	up := &bbNode{parent: node, fixes: []cellFix{{cell, 1}}, bound: node.bound, depth: node.depth + 1, cell: cell, up: true, distance: 1 - fraction}
	down := &bbNode{parent: node, fixes: []cellFix{{cell, 0}}, bound: node.bound, depth: node.depth + 1, cell: cell, distance: fraction}
	if fraction > 0.5 {
		return up, down
	}
	return down, up
}

// branchBlindly splits a node that the relaxation could not settle, until all
// its cells are fixed; then the plan itself is the judge.
func (c *core) branchBlindly(node *bbNode) (*bbNode, *bbNode) {
	for j := range c.cells {
		if c.now[j] < 0 {
			return c.children(node, int32(j), 0.5)
		}
	}
	s := slices.Clone(c.base.s)
	for j, units := range c.cells {
		for _, u := range units {
			s[u] = c.now[j] == 1
		}
	}
	c.tryPlan(s)
	return nil, nil
}

// offer hands a whole solution of the relaxation to the planner.
func (c *core) offer() {
	s := slices.Clone(c.base.s)
	for j, units := range c.cells {
		in := c.lp.value(int32(j)) > 0.5
		for _, u := range units {
			s[u] = in
		}
	}
	c.tryPlan(s)
}

// fixByReducedCost fixes the cells whose other value would pass the cutoff.
func (c *core) fixByReducedCost(node *bbNode, y []float64) {
	cutoff := c.cutoff()
	if math.IsInf(cutoff, 1) {
		return
	}
	slack := cutoff - node.bound
	for j := range c.cells {
		if c.now[j] >= 0 || c.lp.place[j] >= 0 {
			continue
		}
		d := c.lp.cost[j]
		for _, e := range c.lp.cols[j] {
			d -= y[e.at] * e.v
		}
		// safeBound counts the end that d asks for; the other end costs |d| more.
		switch {
		case d > slack:
			node.fixes = append(node.fixes, cellFix{int32(j), 0})
		case d < -slack:
			node.fixes = append(node.fixes, cellFix{int32(j), 1})
		}
	}
}
