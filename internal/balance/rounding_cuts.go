package balance

import (
	"math"
	"slices"
)

// Mixed-integer rounding (Marchand and Wolsey 2001). A row of the problem, or a
// sum of rows that does away with a transfer, is written with variables y ≥ 0
// that are whole and s ≥ 0 that need not be:
//
//	Σ a_j·y_j + Σ b_i·s_i ≥ b.
//
// Divided by δ > 0, with f the fraction of b/δ, every plan then obeys
//
//	Σ (⌊a_j/δ⌋ + min(1, frac(a_j/δ)/f))·y_j + Σ max(0, b_i)/(δ·f)·s_i ≥ ⌈b/δ⌉,
//
// which the relaxation's optimum need not. Both sides are continuous in a and b
// where f is not near 0, so rounding errors are paid for by a little slack.
const (
	roundingRounds = 20   // of separation at the root
	roundingDepth  = 3    // rows added up at most
	roundingLeastF = 0.02 // fractions below that would blow rounding errors up
	roundingSteps  = 12   // divisors tried for each row
	roundingGain   = 1e-4 // violation from which a cut is worth a row
)

// roundingRow is Σ coefficient·x ≥ rhs over the columns of the linear program.
type roundingRow struct {
	coefficient []float64
	columns     []int32 // that may have one, each once
	rhs         float64
	size        float64 // of the numbers that went into rhs
}

// tighten adds rounding cuts to the relaxation at the root until they raise its
// bound no more, and drops those that are slack in the end. It gives the
// relaxation's status.
func (c *core) tighten(stop func() bool) lpStatus {
	last, idle := math.Inf(-1), 0
	for range roundingRounds {
		bound := c.lp.safeBound(c.lp.prices(c.lp.cost))
		if bound >= c.cutoff() {
			return lpCutoff
		}
		if bound <= last+0.002*(c.cutoff()-last) {
			idle++
		} else {
			idle = 0
		}
		last = max(last, bound)
		if idle > 2 || stop() || c.separate() == 0 {
			break
		}
		if status := c.lp.runAgain(c.cutoff(), stop); status != lpOptimal {
			return status
		}
	}
	tight := make([]bool, c.lp.m)
	for i := range tight {
		tight[i] = i < c.own || c.lp.place[c.lp.n+i] < 0
	}
	c.lp.keepRows(func(i int) bool { return tight[i] })
	return c.lp.runAgain(c.cutoff(), stop)
}

// separate adds the cuts that the relaxation's optimum violates and gives their
// number.
func (c *core) separate() int {
	l := c.lp
	x := make([]float64, l.n)
	for j := range x {
		x[j] = min(max(l.value(int32(j)), l.lo[j]), l.up[j])
	}
	type cut struct {
		entries []lpEntry
		rhs     float64
	}
	var found []cut
	for i := range c.rows {
		for _, sign := range c.signs(i) {
			row := roundingRow{coefficient: make([]float64, l.n)}
			row.add(l, i, sign)
			used := []int32{int32(i)}
			for range roundingDepth {
				if entries, rhs, ok := row.round(c, x); ok {
					found = append(found, cut{entries, rhs})
					break
				}
				if !c.aggregate(&row, x, &used) {
					break
				}
			}
		}
	}
	for _, f := range found {
		l.addRow(f.entries, AtLeast, f.rhs)
	}
	return len(found)
}

// signs are the factors by which row i reads as "at least".
func (c *core) signs(i int) []float64 {
	lo, up := c.lp.lo[c.lp.n+i], c.lp.up[c.lp.n+i]
	switch {
	case math.IsInf(lo, -1):
		return []float64{1}
	case math.IsInf(up, 1):
		return []float64{-1}
	}
	return []float64{1, -1}
}

func (row *roundingRow) add(l *simplex, i int, factor float64) {
	for _, e := range l.rows[i] {
		if !slices.Contains(row.columns, e.at) {
			row.columns = append(row.columns, e.at)
		}
		before := row.coefficient[e.at]
		v := before + factor*e.v
		if math.Abs(v) <= 1e-12*max(math.Abs(before), math.Abs(factor*e.v)) {
			v = 0
		}
		row.coefficient[e.at] = v
	}
	row.rhs += factor * l.rhs[i]
	row.size += math.Abs(factor * l.rhs[i])
}

// aggregate adds the row that does away with the flow that stands farthest from
// its ends; false when there is none.
func (c *core) aggregate(row *roundingRow, x []float64, used *[]int32) bool {
	l, n := c.lp, int32(len(c.cells))
	best, at := 1e-6, int32(-1)
	for _, j := range row.columns {
		if j < n || row.coefficient[j] <= 0 {
			continue
		}
		if room := min(x[j]-l.lo[j], l.up[j]-x[j]) * row.coefficient[j]; room > best {
			best, at = room, j
		}
	}
	if at < 0 {
		return false
	}
	for _, e := range l.cols[at] {
		if int(e.at) >= len(c.rows) || slices.Contains(*used, e.at) {
			continue
		}
		factor := -row.coefficient[at] / e.v
		if !slices.ContainsFunc(c.signs(int(e.at)), func(s float64) bool { return s*factor > 0 }) {
			continue
		}
		row.add(l, int(e.at), factor)
		row.coefficient[at] = 0
		*used = append(*used, e.at)
		return true
	}
	return false
}

// round seeks the divisor whose cut the optimum x violates most, relative to the
// cut's length.
func (row *roundingRow) round(c *core, x []float64) (entries []lpEntry, rhs float64, ok bool) {
	var divisors []float64
	for _, j := range row.columns {
		a := math.Abs(row.coefficient[j])
		if int(j) >= len(c.cells) || a < 1e-7 || x[j] < integral || x[j] > 1-integral {
			continue
		}
		if len(divisors) < roundingSteps && !slices.Contains(divisors, a) {
			divisors = append(divisors, a)
		}
	}
	best, by := roundingGain, 0.0
	try := func(d float64) {
		if _, _, violation := row.cut(c, x, d); violation > best {
			best, by = violation, d
		}
	}
	for _, d := range divisors {
		try(d)
	}
	if by == 0 {
		return nil, 0, false
	}
	for _, part := range [3]float64{2, 4, 8} {
		try(by / part)
	}
	entries, rhs, _ = row.cut(c, x, by)
	return entries, rhs, true
}

// cut is the rounding cut for the divisor d, with variables counted from the end
// that they are nearer to; violation is by how much x violates it, divided by the
// cut's length, and negative where there is none.
func (row *roundingRow) cut(c *core, x []float64, d float64) (entries []lpEntry, rhs, violation float64) {
	l, n := c.lp, int32(len(c.cells))
	b, size := row.rhs, row.size
	fromTop := func(j int32) bool { return x[j]-lowest(l, c, j) > highest(l, c, j)-x[j] }
	for _, j := range row.columns {
		if v := row.coefficient[j]; v != 0 && fromTop(j) {
			b -= v * highest(l, c, j)
			size += math.Abs(v * highest(l, c, j))
		}
	}
	// A plan may miss a row by a hair, and sums are rounded.
	b -= 1e-9 * max(1, size)
	whole := math.Ceil(b / d)
	f := b/d - (whole - 1)
	if f < roundingLeastF || f > 1-1e-6 || math.Abs(whole) > 1e4 {
		return nil, 0, -1
	}
	rhs = whole
	magnitude, left, length := 1+math.Abs(whole), 0.0, 0.0
	for _, j := range row.columns {
		a := row.coefficient[j]
		if a == 0 {
			continue
		}
		top := fromTop(j)
		if top {
			a = -a
		}
		var v float64
		if j < n {
			down := math.Floor(a / d)
			v = down + min(1, (a/d-down)/f)
		} else {
			v = max(0, a) / (d * f)
		}
		v += 1e-13 * (1 + math.Abs(v))
		if top {
			rhs -= v * highest(l, c, j)
			magnitude += math.Abs(v * highest(l, c, j))
			v = -v
		}
		entries = append(entries, lpEntry{j, v})
		left += v * x[j]
		length += v * v
	}
	rhs -= 1e-11 * magnitude
	return entries, rhs, (rhs - left) / math.Sqrt(max(length, 1e-30))
}

// lowest and highest are the ends of a column in the whole tree, not in a node.
func lowest(l *simplex, c *core, j int32) float64 {
	if int(j) < len(c.cells) {
		return 0
	}
	return l.lo[j]
}

func highest(l *simplex, c *core, j int32) float64 {
	if int(j) < len(c.cells) {
		return 1
	}
	return l.up[j]
}
