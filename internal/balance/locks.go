package balance

import (
	"cmp"
	"math"
	"slices"
)

// Conflict is a sum of constraints that no plan can meet, found before solving:
// Σ Rows.Multiplier · constraint misses its right-hand side by Missing at least,
// whatever the free units and the flows are.
type Conflict struct {
	Rows    []RowValue `json:"rows"` // the largest multiplier is 1 in size
	Missing float64    `json:"missing"`
	// MissingWithoutLocks is the same if every unit were free. At most 0 means
	// that the locks contradict the constraints; above 0 they do so anyway.
	MissingWithoutLocks float64 `json:"missing_without_locks"`
	// Locks are the locks that weigh most in the contradiction, as many as have to
	// be given up for it to end (all that there are where that is not enough);
	// LockCount is how many weigh at all.
	Locks     []LockShare `json:"locks"`
	LockCount int         `json:"lock_count"`
}

// LockShare is what one lock adds to what a conflict misses.
type LockShare struct {
	Unit  string  `json:"unit"`
	Value int     `json:"value"`
	Share float64 `json:"share"`
}

// CheckLocks looks for constraints that the locks, or the amounts that there
// are, contradict: for every group of constraints that flows join, whether the
// sums that units can reach, each constraint for itself, leave flows that meet
// it. It is one pass and a small linear program. What it names is proved; what
// it does not name may still be infeasible.
func CheckLocks(p *Problem) []Conflict {
	if len(p.Constraints) == 0 {
		return nil
	}
	bare := withoutFlowCosts(p)
	rows := flowRowsOf(p)
	named := make([]bool, len(p.Constraints))
	var found []Conflict
	// First by what is missing in the constraints' own units; then, for those too
	// small to show beside others, as shares of their largest numbers.
	for own := true; ; own = false {
		y := contradiction(p, named, own)
		before := len(found)
		if y != nil {
			found = append(found, conflictsOf(bare, rows, y, named)...)
		}
		if !own && len(found) == before {
			return found
		}
	}
}

// conflictsOf takes prices apart into conflicts and notes the constraints in them.
func conflictsOf(p *Problem, rows [][]lpEntry, y []float64, named []bool) (found []Conflict) {
	take := func(prices []float64) {
		c, weights := newConflict(p, rows, prices)
		if c == nil {
			return
		}
		for k, w := range weights {
			if w != 0 && named[k] {
				return
			}
		}
		for k, w := range weights {
			named[k] = named[k] || w != 0
		}
		found = append(found, *c)
	}
	for _, part := range conflictParts(p, y) {
		take(part)
	}
	if len(found) == 0 {
		take(y)
	}
	return found
}

// withoutFlowCosts: what contradicts does so at any cost, and prices must be settled
// for flows that cost nothing.
func withoutFlowCosts(p *Problem) *Problem {
	bare := *p
	bare.Flows = slices.Clone(p.Flows)
	for z := range bare.Flows {
		bare.Flows[z].Cost = 0
	}
	return &bare
}

func flowRowsOf(p *Problem) [][]lpEntry {
	rows := make([][]lpEntry, len(p.Flows))
	for _, t := range p.FlowTerms {
		rows[t.Flow] = append(rows[t.Flow], lpEntry{t.Constraint, t.Coefficient})
	}
	return rows
}

// contradiction minimises what the constraints that are not named yet miss, when
// each may have any sum that the units reach for it alone: in their own units, or as
// shares of their largest numbers. It gives the prices, or nil where nothing is
// missing.
func contradiction(p *Problem, named []bool, own bool) []float64 {
	m := len(p.Constraints)
	low, high, size := make([]float64, m), make([]float64, m), make([]float64, m)
	for _, t := range p.Terms {
		k, v := t.Constraint, t.Coefficient
		switch fix := p.Units[t.Unit].Fixed; {
		case fix == FixOne:
			low[k] += v
			high[k] += v
		case fix == Free:
			low[k] += min(v, 0)
			high[k] += max(v, 0)
		}
	}
	for k := range size {
		size[k] = powerOfTwo(max(math.Abs(low[k]), math.Abs(high[k]), math.Abs(p.Constraints[k].RHS)))
	}
	unit := slices.Max(size)
	var cost, lo, up []float64
	column := func(c, l, u float64) int32 {
		cost, lo, up = append(cost, c), append(lo, l), append(up, u)
		return int32(len(cost) - 1)
	}
	rows := make([][]lpEntry, m)
	for k := range m {
		rows[k] = append(rows[k], lpEntry{column(0, low[k]/size[k], high[k]/size[k]), 1})
		weight := 1.0
		if own {
			weight = size[k] / unit
		}
		if named[k] {
			weight = 0
		}
		if p.Constraints[k].Sense != AtMost || named[k] {
			rows[k] = append(rows[k], lpEntry{column(weight, 0, math.Inf(1)), 1})
		}
		if p.Constraints[k].Sense != AtLeast || named[k] {
			rows[k] = append(rows[k], lpEntry{column(weight, 0, math.Inf(1)), -1})
		}
	}
	for z, entries := range flowRowsOf(p) {
		scale := math.Inf(1)
		for _, e := range entries {
			if e.v != 0 {
				scale = min(scale, size[e.at]/math.Abs(e.v))
			}
		}
		if math.IsInf(scale, 1) {
			continue
		}
		scale = powerOfTwo(scale)
		j := column(0, 0, p.Flows[z].Upper/scale)
		for _, e := range entries {
			rows[e.at] = append(rows[e.at], lpEntry{j, e.v * scale / size[e.at]})
		}
	}
	lp := newSimplex(cost, lo, up)
	for k := range rows {
		lp.addRow(rows[k], p.Constraints[k].Sense, p.Constraints[k].RHS/size[k])
	}
	if lp.run(math.Inf(1), 20*(lp.m+1000), nil) != lpOptimal || lp.objective() < 1e-9 {
		return nil
	}
	prices := lp.prices(lp.cost)
	y := make([]float64, m)
	for k := range y {
		v, least := lp.price(prices, k), 1e-7
		if own {
			least *= size[k] / unit
		}
		if math.Abs(v) > least {
			y[k] = v / size[k]
		}
	}
	return y
}

// conflictParts splits prices into those of constraints that flows join.
func conflictParts(p *Problem, y []float64) [][]float64 {
	root := make([]int32, len(y))
	for k := range root {
		root[k] = int32(k)
	}
	find := func(k int32) int32 {
		for root[k] != k {
			k = root[k]
		}
		return k
	}
	for _, rows := range flowRowsOf(p) {
		for i := 1; i < len(rows); i++ {
			if y[rows[i].at] != 0 && y[rows[0].at] != 0 {
				root[find(rows[i].at)] = find(rows[0].at)
			}
		}
	}
	index := map[int32]int{}
	var parts [][]float64
	for k, v := range y {
		if v == 0 {
			continue
		}
		r := find(int32(k))
		i, known := index[r]
		if !known {
			i = len(parts)
			index[r] = i
			parts = append(parts, make([]float64, len(y)))
		}
		parts[i][k] = v
	}
	return parts
}

// settledWeights gives prices the size that conflicts have, the largest being 1, and
// settles them. Settling may move them so far that it has to be done again; nil where
// nothing comes of it.
func settledWeights(p *Problem, flowRows [][]lpEntry, prices []float64) []float64 {
	y := slices.Clone(prices)
	for range 4 {
		largest := largestOf(y)
		if largest == 0 {
			return nil
		}
		for k := range y {
			y[k] /= largest
		}
		y = settle(p, flowRows, y)
		if math.Abs(largestOf(y)-1) <= 5e-7 {
			return y
		}
	}
	return nil
}

func largestOf(y []float64) float64 {
	largest := 0.0
	for _, v := range y {
		largest = max(largest, math.Abs(v))
	}
	return largest
}

// newConflict checks the proof in exact sums and names what weighs in it, with the
// constraints' weights; nil where it proves nothing.
func newConflict(p *Problem, flowRows [][]lpEntry, prices []float64) (*Conflict, []float64) {
	y := settledWeights(p, flowRows, prices)
	if y == nil {
		return nil, nil
	}
	tolerance := 0.0
	for k, t := range rowTolerances(p) {
		tolerance += 2 * math.Abs(y[k]) * t
	}
	value := contractBound(p, y, nil, false)
	if !(value > tolerance) {
		return nil, nil
	}
	// As verify sums it up: what is missing may be what is left of far larger sums.
	sum, sure := (&verifier{p: p, granted: grantedOf(p)}).sum(y, nil, false)
	if value = sum.total(); !sure || !(value > tolerance) {
		return nil, nil
	}
	worth, size := make([]wide, len(p.Units)), make([]float64, len(p.Units))
	for _, t := range p.Terms {
		worth[t.Unit].addProduct(y[t.Constraint], t.Coefficient)
		size[t.Unit] += math.Abs(y[t.Constraint] * t.Coefficient)
	}
	c := &Conflict{Missing: value, Rows: []RowValue{}, Locks: []LockShare{}}
	for k, v := range y {
		if v != 0 {
			c.Rows = append(c.Rows, RowValue{p.Constraints[k].ID, v})
		}
	}
	var shares []LockShare
	without := newSum(value)
	for u := range worth {
		w := worth[u].value()
		if math.Abs(w) <= 1e-12*size[u] {
			continue // it weighs nothing but for rounding
		}
		if fix := p.Units[u].Fixed; fix == FixZero && w > 0 || fix == FixOne && w < 0 {
			shares = append(shares, LockShare{p.Units[u].ID, int(fix - FixZero), math.Abs(w)})
			without.add(-math.Abs(w))
		}
	}
	slices.SortStableFunc(shares, func(a, b LockShare) int { return cmp.Compare(b.Share, a.Share) })
	c.LockCount = len(shares)
	c.MissingWithoutLocks = without.value()
	left := c.Missing
	for _, s := range shares {
		if left <= 0 {
			break
		}
		c.Locks = append(c.Locks, s)
		left -= s.Share
	}
	return c, y
}
