package balance

import "math"

// scales brings a problem's numbers to the size of 1 for the linear programs:
// row k is divided by sigma[k], money by omega, flow z is counted in zeta[z].
// All are powers of two, so scaling rounds nothing.
type scales struct {
	sigma []float64
	omega float64
	zeta  []float64
}

func newScales(r *reduced) *scales {
	s := &scales{sigma: make([]float64, len(r.rhs)), zeta: make([]float64, len(r.flowRows))}
	for i, k := range r.termRow {
		s.sigma[k] = max(s.sigma[k], math.Abs(r.termVal[i]))
	}
	bySigma := make([]float64, len(r.rhs)) // of rows that have flows only
	for z := range r.flowRows {
		for _, e := range r.flowRows[z] {
			bySigma[e.at] = max(bySigma[e.at], math.Abs(e.v))
		}
	}
	for k := range s.sigma {
		if s.sigma[k] == 0 {
			s.sigma[k] = bySigma[k]
		}
		s.sigma[k] = powerOfTwo(s.sigma[k])
	}
	for z := range s.zeta {
		least := math.Inf(1)
		for _, e := range r.flowRows[z] {
			if e.v != 0 {
				least = min(least, s.sigma[e.at]/math.Abs(e.v))
			}
		}
		if math.IsInf(least, 1) {
			least = 1
		}
		s.zeta[z] = powerOfTwo(least)
	}
	size := r.size()
	if size == 0 {
		for z := range s.zeta {
			size = max(size, math.Abs(r.p.Flows[z].Cost)*s.zeta[z])
		}
	}
	s.omega = powerOfTwo(size)
	return s
}

// powerOfTwo gives a power of two of about v's size; 1 for 0.
func powerOfTwo(v float64) float64 {
	if v == 0 {
		return 1
	}
	_, exp := math.Frexp(v)
	return math.Ldexp(1, exp)
}
