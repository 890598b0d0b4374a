package balance

import (
	"math"
	"slices"
)

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
