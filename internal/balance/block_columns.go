package balance

import (
	"container/heap"
	"math"
	"slices"
)

// columnSearch is an exact search over the whole plans that can be put together
// from one given plan (column) per block: a mixed-integer program whose variables
// are the columns. Its relaxation prices the linking constraints and the borders
// between the blocks as well as any prices can, so that its bound is the best that
// blocks can give.
type columnSearch struct {
	e       *engine
	columns []column
	of      [][]int32 // per block its columns
	units   []int32   // that not all columns of their block decide alike
	has     [][]int32 // per such unit the columns that have it at 1
	hasNot  [][]int32
	lp      *simplex
	fixed   float64 // scaled cost outside the program
	now     []bool  // columns that are out at present
	out     []bool  // that are out for good
	nodes   int
	dives   bool // branches on columns, deepest first, to find plans rather than proofs
	lower   float64
	better  bool
	borders []int32   // between blocks, of the last rows
	root    float64   // bound at the root, in money with the constant
	rootMu  []float64 // the prices that give it
	rootF   []float64 // and the flows on borders
}

// column is a plan of one block.
type column struct {
	block int32
	s     []bool // over the block's units
}

// newColumnSearch sets the program up: list are the blocks, pool the plans of
// each, at least one, no two alike.
func newColumnSearch(e *engine, list []block, pool [][][]bool) *columnSearch {
	c := &columnSearch{e: e, of: make([][]int32, len(list))}
	for b := range list {
		for _, s := range pool[b] {
			c.of[b] = append(c.of[b], int32(len(c.columns)))
			c.columns = append(c.columns, column{int32(b), s})
		}
	}
	open := make([]bool, len(e.r.free)) // columns differ
	one := make([]bool, len(e.r.free))  // what they agree on
	for b := range list {
		for i, u := range list[b].units {
			one[u] = pool[b][0][i]
			open[u] = slices.ContainsFunc(pool[b], func(s []bool) bool { return s[i] != one[u] })
			if !open[u] {
				continue
			}
			var with, without []int32
			for _, j := range c.of[b] {
				if c.columns[j].s[i] {
					with = append(with, j)
				} else {
					without = append(without, j)
				}
			}
			c.units = append(c.units, u)
			c.has, c.hasNot = append(c.has, with), append(c.hasNot, without)
		}
	}
	c.build(list, open, one)
	c.now, c.out = make([]bool, len(c.columns)), make([]bool, len(c.columns))
	return c
}

// build makes the linear program: columns, flows, and two variables for every
// border between blocks where a unit is open; the constraints, one row per block
// that has it choose one column, one per such border.
func (c *columnSearch) build(list []block, open, one []bool) {
	r, sc := c.e.r, c.e.sc
	blockOf, at := make([]int32, len(r.free)), make([]int32, len(r.free))
	for b := range list {
		for i, u := range list[b].units {
			blockOf[u], at[u] = int32(b), int32(i)
		}
	}
	cost := c.price(blockOf, at, open, one)
	up := make([]float64, len(cost))
	for j := range up {
		up[j] = 1
	}
	rows, activity := c.gather(list, open, one)
	for z := range r.flowRows {
		cost = append(cost, r.p.Flows[z].Cost*sc.zeta[z]/sc.omega)
		up = append(up, r.p.Flows[z].Upper/sc.zeta[z])
		for _, t := range r.flowRows[z] {
			rows[t.at] = append(rows[t.at], lpEntry{int32(len(c.columns) + z), t.v * sc.zeta[z] / sc.sigma[t.at]})
		}
	}
	first := int32(len(cost))
	for _, e := range c.borders {
		w := r.edgeWeight[e] / sc.omega
		cost, up = append(cost, w, w), append(up, 1, 1)
	}
	c.lp = newSimplex(cost, make([]float64, len(cost)), up)
	for k := range rows {
		c.lp.addRow(rows[k], r.p.Constraints[k].Sense, (r.rhs[k]-activity[k])/sc.sigma[k])
	}
	for k, b := range ownerRows(list, len(r.rhs)) {
		if b >= 0 {
			c.addShortfall(rows[k], int32(k), c.of[b], (r.rhs[k]-activity[k])/sc.sigma[k])
		}
	}
	for b := range list {
		row := make([]lpEntry, len(c.of[b]))
		for i, j := range c.of[b] {
			row[i] = lpEntry{j, 1}
		}
		c.lp.addRow(row, Equal, 1)
	}
	for i, e := range c.borders {
		q := first + int32(2*i)
		row, rhs := []lpEntry{{q, -1}, {q + 1, 1}}, 0.0
		for side, u := range [2]int32{r.edgeA[e], r.edgeB[e]} {
			sign := float64(1 - 2*side)
			if !open[u] && one[u] {
				rhs -= sign
			}
			for _, j := range c.of[blockOf[u]] {
				if open[u] && c.columns[j].s[at[u]] {
					row = append(row, lpEntry{j, sign})
				}
			}
		}
		c.lp.addRow(row, Equal, rhs)
	}
}

// price gives the columns' own scaled costs, with the borders within their blocks,
// and sets fixed and borders.
func (c *columnSearch) price(blockOf, at []int32, open, one []bool) []float64 {
	r := c.e.r
	var fixed wide
	sums := make([]wide, len(c.columns))
	for e := range r.edgeA {
		a, b, w := r.edgeA[e], r.edgeB[e], r.edgeWeight[e]
		switch {
		case !open[a] && !open[b]:
			if one[a] != one[b] {
				fixed.add(w)
			}
		case blockOf[a] != blockOf[b]:
			c.borders = append(c.borders, int32(e))
		default:
			for _, j := range c.of[blockOf[a]] {
				if s := c.columns[j].s; s[at[a]] != s[at[b]] {
					sums[j].add(w)
				}
			}
		}
	}
	for u := range r.free {
		if !open[u] && one[u] {
			fixed.add(r.cost[u])
		}
	}
	for i, u := range c.units {
		for _, j := range c.has[i] {
			sums[j].add(r.cost[u])
		}
	}
	c.fixed = fixed.value() / c.e.sc.omega
	cost := make([]float64, len(sums))
	for j := range cost {
		cost[j] = sums[j].value() / c.e.sc.omega
	}
	return cost
}

// gather gives what the columns' open units bring to the scaled constraints, and
// what the other units bring to them unscaled.
func (c *columnSearch) gather(list []block, open, one []bool) ([][]lpEntry, []float64) {
	r := c.e.r
	rows := make([][]lpEntry, len(r.rhs))
	sum := make([]float64, len(r.rhs))
	for j := range c.columns {
		var touched []int32
		for i, in := range c.columns[j].s {
			u := list[c.columns[j].block].units[i]
			if !in || !open[u] {
				continue
			}
			for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
				k := r.termRow[t]
				if !slices.Contains(touched, k) {
					touched = append(touched, k)
				}
				sum[k] += r.termVal[t]
			}
		}
		for _, k := range touched {
			rows[k] = append(rows[k], lpEntry{int32(j), sum[k] / c.e.sc.sigma[k]})
			sum[k] = 0
		}
	}
	agreed := make([]bool, len(one))
	for u := range agreed {
		agreed[u] = one[u] && !open[u]
	}
	return rows, c.e.pl.start(agreed).activity
}

// ownerRows gives the block that each constraint belongs to, -1 where it links.
func ownerRows(list []block, rows int) []int32 {
	owner := make([]int32, rows)
	for k := range owner {
		owner[k] = -1
	}
	for b := range list {
		for _, k := range list[b].rows {
			owner[k] = int32(b)
		}
	}
	return owner
}

// addShortfall adds what a mixture of columns hides: what flows bring to a
// constraint of one block alone is at least what each column misses, not only what
// their mean misses.
func (c *columnSearch) addShortfall(row []lpEntry, k int32, columns []int32, rhs float64) {
	sense := c.e.r.p.Constraints[k].Sense
	for _, sign := range [2]float64{1, -1} {
		if sign > 0 && sense == AtMost || sign < 0 && sense == AtLeast {
			continue
		}
		given := map[int32]float64{}
		var entries []lpEntry
		for _, t := range row {
			if int(t.at) < len(c.columns) {
				given[t.at] = sign * t.v
			} else if sign*t.v > 0 {
				entries = append(entries, lpEntry{t.at, sign * t.v})
			}
		}
		short, over := 0, 0
		for _, j := range columns {
			miss := sign*rhs - given[j]
			if miss <= 0 {
				over++
				continue
			}
			short++
			// A plan may miss a row by a hair.
			entries = append(entries, lpEntry{j, -max(0, miss-1e-9*max(1, math.Abs(rhs)))})
		}
		if short > 0 && over > 0 {
			c.lp.addRow(entries, AtLeast, 0)
		}
	}
}

// cutoff is the scaled value from which a node holds nothing better.
func (c *columnSearch) cutoff() float64 {
	return c.e.pl.target()/c.e.sc.omega - c.fixed
}

// search runs at most maxNodes nodes; true when it was exhausted: no plan that can
// be put together from the columns is better than the planner's best.
func (c *columnSearch) search(list []block, maxNodes int, stop func() bool) bool {
	open := &columnHeap{}
	current := &columnNode{unit: -1, column: -1, bound: math.Inf(-1)}
	order := 0
	for current != nil || open.Len() > 0 {
		if current == nil {
			current = c.pop(open)
			if current.bound >= c.cutoff() {
				current = nil
				continue
			}
		}
		if c.nodes >= maxNodes || stop() {
			c.lower = current.bound
			for _, n := range *open {
				c.lower = min(c.lower, n.bound)
			}
			return false
		}
		c.nodes++
		branch, done := c.expand(list, current, stop)
		if done {
			current = nil
			continue
		}
		children := [2]*columnNode{}
		for i, in := range [2]bool{branch.in, !branch.in} {
			order++
			children[i] = &columnNode{parent: current, unit: branch.unit, column: branch.column, in: in, bound: current.bound, order: -order}
		}
		heap.Push(open, children[1])
		current = children[0]
	}
	c.lower = math.Inf(1)
	return true
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
	switch c.lp.runAgain(c.cutoff(), stop) {
	case lpInfeasible:
		if c.lp.provesInfeasible() {
			return branch, true
		}
	case lpCutoff:
		return branch, true
	case lpOptimal:
		y := c.lp.prices(c.lp.cost)
		bound := c.lp.safeBound(y)
		node.bound = max(node.bound, bound)
		if node.bound >= c.cutoff() {
			return branch, true
		}
		if node.parent == nil {
			c.keepRoot(y, bound)
			c.fix(y, bound)
		}
		if c.dives {
			if j := c.mostChosen(); j >= 0 {
				return columnNode{unit: -1, column: j, in: true}, false
			}
		} else if unit, x := c.fractional(); unit >= 0 {
			return columnNode{unit: unit, column: -1, in: x > 0.5}, false
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

// fix puts the columns aside for good that cost too much in any better plan.
func (c *columnSearch) fix(y []float64, bound float64) {
	slack := c.cutoff() - bound
	for j := range c.columns {
		d := c.lp.cost[j]
		for _, t := range c.lp.cols[j] {
			d -= y[t.at] * t.v
		}
		if c.lp.place[j] < 0 && d > slack {
			c.out[j] = true
		}
	}
}

// fractional is the unit whose value in the relaxation is the nearest to a half;
// -1 when all are whole.
func (c *columnSearch) fractional() (int32, float64) {
	best, at, x := integral, int32(-1), 0.0
	for i := range c.units {
		sum := 0.0
		for _, j := range c.has[i] {
			sum += c.lp.value(j)
		}
		if near := min(sum, 1-sum); near > best {
			best, at, x = near, int32(i), sum
		}
	}
	return at, x
}

// blind branches on any unit that is still open; where there is none the plan
// itself is the judge.
func (c *columnSearch) blind(list []block) (branch columnNode, done bool) {
	left := func(columns []int32) bool {
		return slices.ContainsFunc(columns, func(j int32) bool { return !c.now[j] })
	}
	for i := range c.units {
		if left(c.has[i]) && left(c.hasNot[i]) {
			return columnNode{unit: int32(i), column: -1}, false
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
