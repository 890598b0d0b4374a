package balance

import (
	"math"
)

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

// provesInfeasible checks the verdict of the last run by sums of its own: a
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

func (l *simplex) objective() float64 {
	sum := 0.0
	for j := range l.n {
		if l.cost[j] != 0 {
			sum += l.cost[j] * l.value(int32(j))
		}
	}
	return sum
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
