package balance

import (
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
	dives   bool    // branches on columns, deepest first, to find plans rather than proofs
	lower   float64 // where the search was not exhausted, in money with the constant
	better  bool
	gains   [2][]pseudo // of the units at 0 and at 1
	borders []int32     // between blocks, of the last rows
	root    float64     // bound at the root, in money with the constant
	rootMu  []float64   // the prices that give it
	rootF   []float64   // and the flows on borders

	blockOf, place []int32 // of every free unit: its block and its place there
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
	c.gains = [2][]pseudo{make([]pseudo, len(c.units)), make([]pseudo, len(c.units))}
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
	c.blockOf, c.place = blockOf, at
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
