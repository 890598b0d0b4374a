package balance

import (
	"math"
	"slices"
)

// simplex is a bounded dual simplex with a dense basis inverse: small masters
// (hundreds of rows), many warm starts. It holds
//
//	minimise cost·x  subject to  a_i·x + slack_i = rhs_i,  lo ≤ x, slack ≤ up.
//
// Variable j < n is structural, n+i is the slack of row i. Every bound change
// and every added row leaves the basis dual feasible, which is what branch and
// bound, changed right-hand sides and growing cut sets need.
//
// Its floating-point answer is not trusted: safeBound derives a lower bound
// from the row prices by a sum over the boxes alone.
type simplex struct {
	n, m     int
	cols     [][]lpEntry // of structural variables; index = row
	rows     [][]lpEntry // index = structural variable
	cost     []float64   // of all variables
	lo, up   []float64
	rhs      []float64
	rowScale []float64

	basis   []int32 // row -> variable
	place   []int32 // variable -> row, or -1
	atUpper []bool
	binv    [][]float64
	norm    []float64 // squared norms of binv's rows (dual steepest edge)
	xB      []float64
	d       []float64 // reduced costs, with respect to work
	work    []float64 // cost, shifted where a tolerance was overrun
	shifted bool
	pivots  int // since the last refactoring
	ready   bool

	primalTol  float64 // how far a basic variable may be outside its box
	iterations int64
	alphaRow   []float64
	touched    []int32
	listed     []bool // membership of touched
	alphaCol   []float64
	nz         []int32
	candidates []ratio
}

type lpEntry struct {
	at int32
	v  float64
}

type ratio struct {
	j     int32
	alpha float64
	step  float64
}

type lpStatus int8

const (
	lpOptimal lpStatus = iota
	lpInfeasible
	lpCutoff // the dual objective passed the cutoff
	lpLimit  // stopped, or numerically stuck
)

const (
	lpPrimalTol = 1e-9
	lpDualTol   = 1e-9
	lpPivotTol  = 1e-8
	lpRefactor  = 150
)

// newSimplex makes a problem of n structural variables and no rows.
func newSimplex(cost, lo, up []float64) *simplex {
	n := len(cost)
	l := &simplex{n: n, cols: make([][]lpEntry, n), primalTol: lpPrimalTol}
	l.cost = slices.Clone(cost)
	l.lo, l.up = slices.Clone(lo), slices.Clone(up)
	l.place = make([]int32, n)
	for j := range l.place {
		l.place[j] = -1
	}
	l.atUpper = make([]bool, n)
	l.d = make([]float64, n)
	l.work = slices.Clone(cost)
	l.alphaRow = make([]float64, n)
	l.listed = make([]bool, n)
	return l
}

// addRow adds a row; its slack is basic, so a warm basis stays one. Entries of
// one variable must not repeat. The row is scaled by a power of two.
func (l *simplex) addRow(entries []lpEntry, sense Sense, rhs float64) {
	largest := 0.0
	for _, e := range entries {
		largest = max(largest, math.Abs(e.v))
	}
	scale := 1.0
	if largest > 0 {
		_, exp := math.Frexp(largest)
		scale = math.Ldexp(1, -exp)
	}
	i := int32(l.m)
	row := make([]lpEntry, 0, len(entries))
	for _, e := range entries {
		if e.v != 0 {
			row = append(row, lpEntry{e.at, e.v * scale})
			l.cols[e.at] = append(l.cols[e.at], lpEntry{i, e.v * scale})
		}
	}
	l.rows = append(l.rows, row)
	l.rhs = append(l.rhs, rhs*scale)
	l.rowScale = append(l.rowScale, scale)
	lo, up := 0.0, 0.0
	switch sense {
	case AtLeast:
		lo = math.Inf(-1)
	case AtMost:
		up = math.Inf(1)
	}
	l.lo, l.up = append(l.lo, lo), append(l.up, up)
	l.cost, l.work = append(l.cost, 0), append(l.work, 0)
	l.d = append(l.d, 0)
	l.atUpper = append(l.atUpper, math.IsInf(lo, -1))
	l.alphaRow = append(l.alphaRow, 0)
	l.listed = append(l.listed, false)
	l.place = append(l.place, i)
	l.basis = append(l.basis, int32(l.n)+i)
	l.xB = append(l.xB, 0)
	l.norm = append(l.norm, 1)
	l.alphaCol = append(l.alphaCol, 0)
	l.m++
	l.extendInverse(row)
}

func (l *simplex) extendInverse(row []lpEntry) {
	m := l.m
	last := make([]float64, m, m+16)
	for _, e := range row {
		if r := l.place[e.at]; r >= 0 {
			for k, v := range l.binv[r] {
				last[k] -= e.v * v
			}
		}
	}
	last[m-1] = 1
	for r := range l.binv {
		l.binv[r] = append(l.binv[r], 0)
	}
	l.binv = append(l.binv, last)
	sum := 0.0
	for _, v := range last {
		sum += v * v
	}
	l.norm[m-1] = sum
	l.ready = false
}

// keepRows drops every row that keep refuses; dropped rows must be slack
// (their slack basic), or the basis is rebuilt from scratch.
func (l *simplex) keepRows(keep func(i int) bool) {
	l.forgetRow()
	old := *l
	l.m = 0
	l.rows, l.rhs, l.rowScale = nil, nil, nil
	l.basis, l.binv, l.norm, l.xB, l.alphaCol = nil, nil, nil, nil, nil
	n := l.n
	for j := range n {
		l.cols[j] = l.cols[j][:0]
	}
	l.lo, l.up, l.cost, l.work = l.lo[:n:n], l.up[:n:n], l.cost[:n:n], l.work[:n:n]
	l.d, l.atUpper, l.place = l.d[:n:n], l.atUpper[:n:n], l.place[:n:n]
	l.alphaRow, l.listed = l.alphaRow[:n:n], l.listed[:n:n]
	structural := []int32{}
	for j := range n {
		if l.place[j] >= 0 {
			structural = append(structural, int32(j))
		}
		l.place[j] = -1
	}
	for i := range old.m {
		if !keep(i) {
			continue
		}
		r := l.m
		l.rows = append(l.rows, old.rows[i])
		for _, e := range old.rows[i] {
			l.cols[e.at] = append(l.cols[e.at], lpEntry{int32(r), e.v})
		}
		l.rhs = append(l.rhs, old.rhs[i])
		l.rowScale = append(l.rowScale, old.rowScale[i])
		j := old.n + i
		l.lo, l.up = append(l.lo, old.lo[j]), append(l.up, old.up[j])
		l.cost, l.work = append(l.cost, 0), append(l.work, 0)
		l.d = append(l.d, 0)
		l.alphaRow, l.listed = append(l.alphaRow, 0), append(l.listed, false)
		l.atUpper = append(l.atUpper, old.atUpper[j])
		if old.place[j] >= 0 {
			l.place = append(l.place, int32(r))
		} else {
			l.place = append(l.place, -1)
		}
		l.basis = append(l.basis, -1)
		l.norm, l.xB, l.alphaCol = append(l.norm, 1), append(l.xB, 0), append(l.alphaCol, 0)
		l.binv = append(l.binv, nil)
		l.m++
	}
	l.refactor(structural)
}

// refactor rebuilds the inverse from the basic structural variables; a variable
// that finds no pivot leaves the basis for a slack.
func (l *simplex) refactor(structural []int32) {
	m := l.m
	inBasis := make([]bool, m) // rows whose slack stays basic
	for i := range m {
		if len(l.binv[i]) != m {
			l.binv[i] = make([]float64, m, m+16)
		} else {
			clear(l.binv[i])
		}
		l.binv[i][i] = 1
		l.norm[i] = 1
		l.basis[i] = int32(l.n + i)
		inBasis[i] = l.place[l.n+i] >= 0
	}
	for j := range l.place {
		l.place[j] = -1
	}
	// Columns with few entries first: they fill in least.
	order := slices.Clone(structural)
	slices.SortStableFunc(order, func(a, b int32) int { return len(l.cols[a]) - len(l.cols[b]) })
	for _, j := range order {
		l.ftran(l.cols[j])
		best, at := 1e-7, -1
		for i := range m {
			if a := math.Abs(l.alphaCol[i]); !inBasis[i] && l.basis[i] >= int32(l.n) && a > best {
				best, at = a, i
			}
		}
		if at < 0 { // rather a slack that was to stay than a singular basis
			for i := range m {
				if a := math.Abs(l.alphaCol[i]); l.basis[i] >= int32(l.n) && a > best {
					best, at = a, i
				}
			}
		}
		if at < 0 {
			continue
		}
		l.updateInverse(at)
		l.basis[at] = j
	}
	for i, j := range l.basis {
		l.place[j] = int32(i)
	}
	l.pivots = 0
	l.ready = false
}

func (l *simplex) basicStructurals() []int32 {
	var list []int32
	for j := range l.n {
		if l.place[j] >= 0 {
			list = append(list, int32(j))
		}
	}
	return list
}

// ftran puts B⁻¹·column into alphaCol.
func (l *simplex) ftran(column []lpEntry) {
	for i := range l.m {
		row, sum := l.binv[i], 0.0
		for _, e := range column {
			sum += row[e.at] * e.v
		}
		l.alphaCol[i] = sum
	}
}

// updateInverse pivots alphaCol into row r and keeps the row norms exact.
func (l *simplex) updateInverse(r int) {
	pivotRow := l.binv[r]
	l.nz = l.nz[:0]
	inv := 1 / l.alphaCol[r]
	sum := 0.0
	for k, v := range pivotRow {
		if v != 0 {
			v *= inv
			pivotRow[k] = v
			sum += v * v
			l.nz = append(l.nz, int32(k))
		}
	}
	l.norm[r] = sum
	for i := range l.m {
		a := l.alphaCol[i]
		if i == r || a == 0 {
			continue
		}
		row, delta := l.binv[i], 0.0
		for _, k := range l.nz {
			before := row[k]
			after := before - a*pivotRow[k]
			if math.Abs(after) < 1e-14 {
				after = 0
			}
			row[k] = after
			delta += after*after - before*before
		}
		l.norm[i] = max(l.norm[i]+delta, 1e-12)
	}
}

func (l *simplex) value(j int32) float64 {
	if r := l.place[j]; r >= 0 {
		return l.xB[r]
	}
	return l.resting(j)
}

// resting is the value of a nonbasic variable.
func (l *simplex) resting(j int32) float64 {
	if l.atUpper[j] {
		return l.up[j]
	}
	if math.IsInf(l.lo[j], -1) {
		return 0
	}
	return l.lo[j]
}

// setBounds changes a variable's box.
func (l *simplex) setBounds(j int, lo, up float64) {
	if l.lo[j] != lo || l.up[j] != up {
		l.lo[j], l.up[j] = lo, up
		l.ready = false
	}
}

// setCost changes a variable's cost.
func (l *simplex) setCost(j int, cost float64) {
	if l.cost[j] != cost {
		l.cost[j], l.work[j] = cost, cost
		l.ready = false
	}
}

func (l *simplex) setRHS(i int, rhs float64) {
	if v := rhs * l.rowScale[i]; l.rhs[i] != v {
		l.rhs[i] = v
		l.ready = false
	}
}

// prepare makes the basis dual feasible and computes the basic values.
func (l *simplex) prepare() {
	y := l.prices(l.work)
	for j := range l.n {
		if l.place[j] >= 0 {
			l.d[j] = 0
			continue
		}
		d := l.work[j]
		for _, e := range l.cols[j] {
			d -= y[e.at] * e.v
		}
		l.d[j] = d
	}
	for i := range l.m {
		if j := l.n + i; l.place[j] >= 0 {
			l.d[j] = 0
		} else {
			l.d[j] = l.work[j] - y[i]
		}
	}
	for j := range l.n + l.m {
		if l.place[j] < 0 {
			l.restAtDualSide(int32(j))
		}
	}
	l.computeBasics()
	l.ready = true
}

func (l *simplex) restAtDualSide(j int32) {
	loInf, upInf := math.IsInf(l.lo[j], -1), math.IsInf(l.up[j], 1)
	switch d := l.d[j]; {
	case d > 0 && !loInf:
		l.atUpper[j] = false
	case d < 0 && !upInf:
		l.atUpper[j] = true
	default:
		if d != 0 && (loInf || upInf) {
			// No end on the side that the price asks for: price it to zero. The
			// true cost comes back in run's clean-up, the bound never used it.
			l.work[j] -= d
			l.d[j] = 0
			l.shifted = true
		}
		l.atUpper[j] = loInf && !upInf || l.atUpper[j] && !upInf
	}
}

func (l *simplex) computeBasics() {
	residual := slices.Clone(l.rhs)
	for j := range l.n {
		if l.place[j] >= 0 {
			continue
		}
		if v := l.resting(int32(j)); v != 0 {
			for _, e := range l.cols[j] {
				residual[e.at] -= e.v * v
			}
		}
	}
	// Slacks rest at 0, their only finite end.
	for i := range l.m {
		sum := 0.0
		for k, v := range l.binv[i] {
			sum += v * residual[k]
		}
		l.xB[i] = sum
	}
}

// run solves from the present basis. It stops when the dual objective passes
// cutoff, after limit iterations, or when stop says so.
func (l *simplex) run(cutoff float64, limit int, stop func() bool) lpStatus {
	if l.shifted {
		copy(l.work, l.cost)
		l.shifted = false
		l.ready = false
	}
	rebuilt := false
	for {
		status := l.dualPhase(cutoff, limit, stop)
		switch {
		case status == lpInfeasible && !rebuilt:
			// An infeasible verdict counts only from a fresh inverse.
			rebuilt = true
			l.refactor(l.basicStructurals())
		case status == lpOptimal && l.shifted:
			copy(l.work, l.cost)
			l.shifted = false
			return l.primalPhase(limit, stop)
		default:
			return status
		}
	}
}

// runAgain is run for a program much like the last one; where that takes far
// longer than it should, the pivots go round in circles, and it begins afresh.
func (l *simplex) runAgain(cutoff float64, stop func() bool) lpStatus {
	status := l.run(cutoff, 3*(l.m+100), stop)
	if status == lpLimit && (stop == nil || !stop()) {
		l.refactor(nil)
		return l.run(cutoff, 10*(l.m+100), stop)
	}
	return status
}

func (l *simplex) dualPhase(cutoff float64, limit int, stop func() bool) lpStatus {
	for it := 0; ; it++ {
		if l.pivots >= lpRefactor {
			l.refactor(l.basicStructurals())
		}
		if !l.ready {
			l.prepare()
		}
		if it >= limit || (it&31 == 31 && stop != nil && stop()) {
			return lpLimit
		}
		if it&15 == 15 && !math.IsInf(cutoff, 1) && l.safeBound(l.prices(l.cost)) > cutoff {
			return lpCutoff
		}
		r, delta := l.leavingRow()
		if r < 0 {
			return lpOptimal
		}
		l.iterations++
		if !l.dualPivot(r, delta) {
			if l.pivots > 0 {
				l.refactor(l.basicStructurals())
				continue
			}
			return lpInfeasible
		}
	}
}
