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
// from the row prices by interval arithmetic over the boxes alone.
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

func (l *simplex) setRHS(i int, rhs float64) {
	if v := rhs * l.rowScale[i]; l.rhs[i] != v {
		l.rhs[i] = v
		l.ready = false
	}
}

// prices gives the row prices y = c_B·B⁻¹ of the scaled rows.
func (l *simplex) prices(cost []float64) []float64 {
	y := make([]float64, l.m)
	for r, j := range l.basis {
		if c := cost[j]; c != 0 {
			for k, v := range l.binv[r] {
				y[k] += c * v
			}
		}
	}
	return y
}

// price is the multiplier of row i for the row as it was given.
func (l *simplex) price(y []float64, i int) float64 { return y[i] * l.rowScale[i] }

func (l *simplex) objective() float64 {
	sum := 0.0
	for j := range l.n {
		if l.cost[j] != 0 {
			sum += l.cost[j] * l.value(int32(j))
		}
	}
	return sum
}

// safeBound is a lower bound on the problem that holds for any y: prices of the
// wrong sign are dropped, every variable takes its cheapest end.
func (l *simplex) safeBound(y []float64) float64 {
	sum, size := 0.0, 0.0
	for i, v := range y {
		if s := l.n + i; (v < 0 && math.IsInf(l.lo[s], -1)) || (v > 0 && math.IsInf(l.up[s], 1)) {
			y[i], v = 0, 0
		}
		sum += v * l.rhs[i]
		size += math.Abs(v * l.rhs[i])
	}
	for j := range l.n {
		d, mag := l.cost[j], math.Abs(l.cost[j])
		for _, e := range l.cols[j] {
			d -= y[e.at] * e.v
			mag += math.Abs(y[e.at] * e.v)
		}
		end := l.lo[j]
		if d < 0 {
			end = l.up[j]
		}
		if math.Abs(d) <= 1e-14*mag && math.IsInf(end, 0) {
			continue
		}
		if math.IsInf(end, 0) && math.Abs(d) <= 1e-9*(1+mag) {
			// An unlimited flow priced to zero: safe to within its tolerance.
			continue
		}
		sum += d * end
		size += mag * math.Abs(end)
	}
	return sum - 1e-14*size
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

// leavingRow gives the basic variable farthest outside its box, and by how much
// (positive above, negative below).
func (l *simplex) leavingRow() (int, float64) {
	best, at, delta := 0.0, -1, 0.0
	for i, j := range l.basis {
		x := l.xB[i]
		var over float64
		if x > l.up[j] {
			over = x - l.up[j]
		} else if x < l.lo[j] {
			over = x - l.lo[j]
		} else {
			continue
		}
		if math.Abs(over) <= l.primalTol*(1+1e-3*math.Abs(x)) {
			continue
		}
		if score := over * over / l.norm[i]; score > best {
			best, at, delta = score, i, over
		}
	}
	return at, delta
}

// priceRow computes alphaRow = row r of B⁻¹N over the nonbasic variables.
func (l *simplex) priceRow(r int) {
	l.forgetRow()
	for i, rho := range l.binv[r] {
		if rho == 0 {
			continue
		}
		if s := int32(l.n + i); l.place[s] < 0 {
			l.alphaRow[s] = rho
			l.listed[s] = true
			l.touched = append(l.touched, s)
		}
		for _, e := range l.rows[i] {
			if l.place[e.at] >= 0 {
				continue
			}
			if !l.listed[e.at] {
				l.listed[e.at] = true
				l.touched = append(l.touched, e.at)
			}
			l.alphaRow[e.at] += rho * e.v
		}
	}
}

func (l *simplex) forgetRow() {
	for _, j := range l.touched {
		l.alphaRow[j] = 0
		l.listed[j] = false
	}
	l.touched = l.touched[:0]
}

// dualPivot brings row r inside its box; false means that no variable can.
func (l *simplex) dualPivot(r int, delta float64) bool {
	l.priceRow(r)
	q := l.enter(delta)
	if q < 0 {
		return false
	}
	leaving := l.basis[r]
	bound := l.up[leaving]
	if delta < 0 {
		bound = l.lo[leaving]
	}
	var column []lpEntry
	if int(q) < l.n {
		column = l.cols[q]
	} else {
		column = []lpEntry{{q - int32(l.n), 1}}
	}
	l.ftran(column)
	pivot := l.alphaCol[r]
	if math.Abs(pivot-l.alphaRow[q]) > 1e-6*(1+math.Abs(pivot)) && l.pivots > 0 {
		// The inverse has drifted: rebuild and choose again.
		l.refactor(l.basicStructurals())
		return true
	}
	step := (l.xB[r] - bound) / pivot
	entered := l.resting(q) + step
	for i := range l.m {
		l.xB[i] -= step * l.alphaCol[i]
	}
	thetaD := l.d[q] / l.alphaRow[q]
	for _, j := range l.touched {
		if j == q {
			continue
		}
		l.d[j] -= thetaD * l.alphaRow[j]
		l.keepDualSign(j)
	}
	l.d[q] = 0
	l.d[leaving] = -thetaD
	l.atUpper[leaving] = delta > 0
	l.place[leaving] = -1
	l.keepDualSign(leaving)
	l.updateInverse(r)
	l.basis[r], l.place[q] = q, int32(r)
	l.xB[r] = entered
	l.pivots++
	return true
}

// keepDualSign shifts a cost where rounding or the tolerance of the ratio test
// left a reduced cost on the wrong side.
func (l *simplex) keepDualSign(j int32) {
	if l.lo[j] == l.up[j] {
		return
	}
	if d := l.d[j]; (d < 0 && !l.atUpper[j]) || (d > 0 && l.atUpper[j]) {
		l.work[j] -= d
		l.d[j] = 0
		if math.Abs(d) > 1e-13 {
			l.shifted = true
		}
	}
}

// enter is the long-step dual ratio test: boxed variables whose price changes
// sign on the way are flipped to their other end as long as that helps. It
// gives the entering variable, or -1.
func (l *simplex) enter(delta float64) int32 {
	sign := 1.0
	if delta < 0 {
		sign = -1
	}
	l.candidates = l.candidates[:0]
	for _, j := range l.touched {
		a := sign * l.alphaRow[j]
		if math.Abs(a) < lpPivotTol || l.lo[j] == l.up[j] {
			continue
		}
		free := math.IsInf(l.lo[j], -1) && math.IsInf(l.up[j], 1)
		if free || (a > 0 && !l.atUpper[j]) || (a < 0 && l.atUpper[j]) {
			l.candidates = append(l.candidates, ratio{j, a, max(0, l.d[j]/a)})
		}
	}
	if len(l.candidates) == 0 {
		return -1
	}
	slices.SortFunc(l.candidates, func(a, b ratio) int {
		switch {
		case a.step < b.step:
			return -1
		case a.step > b.step:
			return 1
		}
		return int(a.j - b.j)
	})
	slope := math.Abs(delta)
	k := 0
	for k < len(l.candidates)-1 {
		c := l.candidates[k]
		slope -= math.Abs(c.alpha) * (l.up[c.j] - l.lo[c.j])
		if !(slope > 0) {
			break
		}
		k++
	}
	// Among nearly equal steps, the largest pivot is the safest one.
	limit := l.candidates[k].step + lpDualTol/math.Abs(l.candidates[k].alpha)
	first := k
	for first > 0 && l.candidates[first-1].step >= l.candidates[k].step-1e-12 {
		first--
	}
	best := k
	for i := first; i < len(l.candidates) && l.candidates[i].step <= limit; i++ {
		if math.Abs(l.candidates[i].alpha) > math.Abs(l.candidates[best].alpha) {
			best = i
		}
	}
	q := l.candidates[best]
	l.flipPassed(l.candidates, q)
	return q.j
}

// flipPassed moves the candidates that the step passes to their other end.
func (l *simplex) flipPassed(passed []ratio, q ratio) {
	var change []lpEntry
	for _, c := range passed {
		if c.step >= q.step || c.j == q.j {
			continue
		}
		width := l.up[c.j] - l.lo[c.j]
		if math.IsInf(width, 1) {
			continue // its price is shifted back by keepDualSign
		}
		if l.atUpper[c.j] {
			width = -width
		}
		l.atUpper[c.j] = !l.atUpper[c.j]
		for _, e := range l.cols[c.j] {
			change = append(change, lpEntry{e.at, e.v * width})
		}
	}
	if len(change) == 0 {
		return
	}
	sum := make([]float64, l.m)
	for _, e := range change {
		sum[e.at] += e.v
	}
	for i := range l.m {
		s := 0.0
		for k, v := range l.binv[i] {
			s += v * sum[k]
		}
		l.xB[i] -= s
	}
}

// primalPhase finishes with the true costs after shifts; the basis is primal
// feasible, so a plain bounded primal simplex does it.
func (l *simplex) primalPhase(limit int, stop func() bool) lpStatus {
	for it := 0; ; it++ {
		if l.pivots >= lpRefactor {
			l.refactor(l.basicStructurals())
			l.computeBasics()
		}
		if it >= limit || (it&31 == 31 && stop != nil && stop()) {
			return lpLimit
		}
		q := l.mostNegative()
		if q < 0 {
			l.ready = true
			return lpOptimal
		}
		l.iterations++
		if !l.primalPivot(q, it) {
			return lpLimit // unbounded: no end in sight on this ray
		}
	}
}

// mostNegative refreshes the reduced costs and gives the variable whose move
// lowers the objective fastest, or -1.
func (l *simplex) mostNegative() int32 {
	y := l.prices(l.work)
	best, at := lpDualTol, int32(-1)
	for j := range l.n + l.m {
		if l.place[j] >= 0 || l.lo[j] == l.up[j] {
			l.d[j] = 0
			continue
		}
		d := l.work[j]
		if j < l.n {
			for _, e := range l.cols[j] {
				d -= y[e.at] * e.v
			}
		} else {
			d -= y[j-l.n]
		}
		l.d[j] = d
		if l.atUpper[j] {
			d = -d
		}
		if -d > best*(1+math.Abs(l.work[j])) {
			best, at = -d, int32(j)
		}
	}
	return at
}

func (l *simplex) primalPivot(q int32, it int) bool {
	if int(q) < l.n {
		l.ftran(l.cols[q])
	} else {
		l.ftran([]lpEntry{{q - int32(l.n), 1}})
	}
	dir := 1.0
	if l.atUpper[q] {
		dir = -1
	}
	step, at, toUpper := l.up[q]-l.lo[q], -1, false
	for i := range l.m {
		a := dir * l.alphaCol[i]
		if math.Abs(a) < lpPivotTol {
			continue
		}
		j := l.basis[i]
		room, upper := l.xB[i]-l.lo[j], false
		if a < 0 {
			room, upper = l.up[j]-l.xB[i], true
		}
		t := max(0, room) / math.Abs(a)
		if t < step-1e-12 || (at >= 0 && t <= step+1e-12 && math.Abs(a) > math.Abs(l.alphaCol[at])) {
			step, at, toUpper = min(t, step), i, upper
		}
	}
	if math.IsInf(step, 1) {
		return false
	}
	for i := range l.m {
		l.xB[i] -= dir * step * l.alphaCol[i]
	}
	if at < 0 {
		l.atUpper[q] = !l.atUpper[q]
		return true
	}
	entered := l.resting(q) + dir*step
	leaving := l.basis[at]
	l.place[leaving] = -1
	l.atUpper[leaving] = toUpper
	l.updateInverse(at)
	l.basis[at], l.place[q] = q, int32(at)
	l.xB[at] = entered
	l.pivots++
	return true
}

// provesInfeasible checks the verdict of the last run by interval arithmetic: a
// combination of rows that no point of the boxes satisfies.
func (l *simplex) provesInfeasible() bool {
	r, _ := l.leavingRow()
	if r < 0 {
		return false
	}
	rho := l.binv[r]
	least, most, size := 0.0, 0.0, 0.0
	add := func(coefficient, lo, up, slop float64) {
		if math.Abs(coefficient) <= slop {
			if math.IsInf(lo, 0) || math.IsInf(up, 0) {
				coefficient = 0
			}
		}
		if coefficient == 0 {
			return
		}
		a, b := coefficient*lo, coefficient*up
		least += min(a, b)
		most += max(a, b)
		if !math.IsInf(a, 0) {
			size = max(size, math.Abs(a))
		}
		if !math.IsInf(b, 0) {
			size = max(size, math.Abs(b))
		}
	}
	target := 0.0
	for i, v := range rho {
		target += v * l.rhs[i]
		size = max(size, math.Abs(v*l.rhs[i]))
		add(v, l.lo[l.n+i], l.up[l.n+i], 1e-12)
	}
	for j := range l.n {
		sum, mag := 0.0, 0.0
		for _, e := range l.cols[j] {
			sum += rho[e.at] * e.v
			mag += math.Abs(rho[e.at] * e.v)
		}
		add(sum, l.lo[j], l.up[j], 1e-11*(mag+1))
	}
	margin := 1e-10 * (1 + size)
	return target < least-margin || target > most+margin
}
