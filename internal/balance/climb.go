package balance

import (
	"math"
	"slices"
)

// Where every constraint touches units everywhere, there are no regions; but
// then the bound is a nearly smooth function of few multipliers, and a part of
// the problem looks like the whole.
const (
	climbRows  = 64
	climbSteps = 24
)

// sample is the problem of about share of the free units, those around the first
// ones, asked for their part of each constraint.
func (r *reduced) sample(share float64) *reduced {
	n := len(r.free)
	order := r.outwards()
	order = order[:max(1, int(share*float64(n)))]
	slices.Sort(order)
	index := make([]int32, n)
	for u := range index {
		index[u] = -1
	}
	s := &reduced{p: r.p, tolerance: r.tolerance, rhs: make([]float64, len(r.rhs)), flowRows: r.flowRows, termStart: []int32{0}}
	all, some := make([]float64, len(r.rhs)), make([]float64, len(r.rhs))
	for i, k := range r.termRow {
		all[k] += math.Abs(r.termVal[i])
	}
	for i, u := range order {
		index[u] = int32(i)
		s.free = append(s.free, r.free[u])
		s.cost = append(s.cost, r.cost[u])
		for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
			s.termRow, s.termVal = append(s.termRow, r.termRow[t]), append(s.termVal, r.termVal[t])
			some[r.termRow[t]] += math.Abs(r.termVal[t])
		}
		s.termStart = append(s.termStart, int32(len(s.termRow)))
	}
	for k := range s.rhs {
		if all[k] > 0 {
			s.rhs[k] = r.rhs[k] * some[k] / all[k]
		}
	}
	for e := range r.edgeA {
		if a, b := index[r.edgeA[e]], index[r.edgeB[e]]; a >= 0 && b >= 0 {
			s.edgeA, s.edgeB = append(s.edgeA, a), append(s.edgeB, b)
			s.edgeWeight, s.edgeOf = append(s.edgeWeight, r.edgeWeight[e]), append(s.edgeOf, r.edgeOf[e])
		}
	}
	s.buildAdjacency()
	return s
}

// outwards lists the free units by their distance from the first one.
func (r *reduced) outwards() []int32 {
	n := len(r.free)
	seen := make([]bool, n)
	order := make([]int32, 0, n)
	for first := range int32(n) {
		if seen[first] {
			continue
		}
		seen[first] = true
		order = append(order, first)
		for i := len(order) - 1; i < len(order); i++ {
			for a := r.adjStart[order[i]]; a < r.adjStart[order[i]+1]; a++ {
				if v := r.adjTo[a]; !seen[v] {
					seen[v] = true
					order = append(order, v)
				}
			}
		}
	}
	return order
}

// climbs says whether the multipliers are sought by climbing.
func climbs(r *reduced) bool {
	return len(r.free) >= regionUnits && len(r.rhs) > 0 && len(r.rhs) <= climbRows && len(r.flowRows) == 0
}

// climb seeks multipliers on small samples first, measures there how the sums of
// the rows answer to them, and then takes quasi-Newton steps on the whole.
func (d *dual) climb(tolerance float64, stop func() bool, report func()) {
	small := d.r.sample(1.0 / 64)
	first := newDual(small, d.sc)
	first.maximise(nil, 1e-6, 300, stop, nil)
	d.flowRuns += first.flowRuns
	if first.bestAt == nil || stop() {
		return
	}
	const share = 1.0 / 8
	second := newDual(d.r.sample(share), d.sc)
	c := &climber{d: second, x: second.scaled(first.bestAt)}
	if !c.look(stop) {
		return
	}
	c.measure(stop)
	c.run(tolerance, climbSteps, stop, nil)
	d.flowRuns += second.flowRuns
	whole := &climber{d: d, x: c.x, inverse: c.inverse}
	for i := range whole.inverse {
		for j := range whole.inverse[i] {
			whole.inverse[i][j] *= share
		}
	}
	if whole.look(stop) {
		whole.run(tolerance, climbSteps, stop, report)
	}
}

// scaled brings multipliers to the scale of the linear programs.
func (d *dual) scaled(mu []float64) []float64 {
	x := make([]float64, len(mu))
	for k := range x {
		x[k] = mu[k] * d.sc.sigma[k] / d.sc.omega
	}
	return x
}

// climber maximises the bound as if it were smooth (BFGS; Nocedal and Wright 2006,
// chapter 6), within the multipliers' signs.
type climber struct {
	d       *dual
	x       []float64
	value   float64
	slope   []float64
	inverse [][]float64 // of minus the second derivative, roughly
}

// look evaluates the bound at x.
func (c *climber) look(stop func() bool) bool {
	d := c.d
	mu := make([]float64, len(c.x))
	for k := range mu {
		mu[k] = c.x[k] * d.sc.omega / d.sc.sigma[k]
	}
	if !d.cut(mu, stop) {
		return false
	}
	ps, s := d.planes(false)
	c.value = d.lagrangian(ps, mu) / d.sc.omega
	c.slope = make([]float64, len(c.x))
	for k := range c.slope {
		sum := d.r.rhs[k]
		for g := range ps {
			sum -= ps[g].a[k]
		}
		c.slope[k] = sum / d.sc.sigma[k]
	}
	if value := c.value * d.sc.omega; d.bestAt == nil || value > d.best {
		d.best, d.bestAt = value, mu
		d.iterates = append(d.iterates, s)
		if len(d.iterates) > 3 {
			d.iterates = d.iterates[1:]
		}
	}
	return true
}

// measure estimates the second derivative from differences.
func (c *climber) measure(stop func() bool) {
	m := len(c.x)
	size := 0.0
	for _, v := range c.x {
		size = max(size, math.Abs(v))
	}
	curve := make([][]float64, m)
	for k := range m {
		curve[k] = make([]float64, m)
	}
	for k := range m {
		probe := &climber{d: c.d, x: slices.Clone(c.x)}
		step := 0.02 * max(math.Abs(c.x[k]), 0.1*size, 1e-6)
		if c.d.r.p.Constraints[k].Sense == AtMost {
			step = -step
		}
		probe.x[k] += step
		if !probe.look(stop) {
			break
		}
		for j := range m {
			curve[k][j] += (c.slope[j] - probe.slope[j]) / (2 * step)
			curve[j][k] += (c.slope[j] - probe.slope[j]) / (2 * step)
		}
	}
	c.inverse = invert(curve)
}

// invert gives the inverse of a symmetric matrix, with so much added to its
// diagonal that it is positive definite.
func invert(a [][]float64) [][]float64 {
	m := len(a)
	trace := 0.0
	for k := range m {
		trace += math.Abs(a[k][k])
	}
	if !(trace > 0) {
		trace = float64(m)
	}
	for shift := 1e-9 * trace; ; shift *= 10 {
		l := make([][]float64, m) // Cholesky
		ok := true
		for i := 0; i < m && ok; i++ {
			l[i] = make([]float64, m)
			for j := 0; j <= i; j++ {
				sum := a[i][j]
				if i == j {
					sum += shift
				}
				for k := range j {
					sum -= l[i][k] * l[j][k]
				}
				if i != j {
					l[i][j] = sum / l[j][j]
				} else if sum > 1e-6*math.Abs(a[i][i])+1e-12*trace {
					l[i][i] = math.Sqrt(sum)
				} else {
					ok = false
				}
			}
		}
		if !ok {
			continue
		}
		inverse := make([][]float64, m)
		for c := range m {
			column := make([]float64, m)
			for i := range m {
				sum := 0.0
				if i == c {
					sum = 1
				}
				for k := range i {
					sum -= l[i][k] * column[k]
				}
				column[i] = sum / l[i][i]
			}
			for i := m - 1; i >= 0; i-- {
				for k := i + 1; k < m; k++ {
					column[i] -= l[k][i] * column[k]
				}
				column[i] /= l[i][i]
			}
			inverse[c] = column
		}
		return inverse
	}
}

// held says whether multiplier k rests at 0 and would pass it uphill.
func (c *climber) held(k int) bool {
	switch c.d.r.p.Constraints[k].Sense {
	case AtLeast:
		return c.x[k] <= 0 && c.slope[k] <= 0
	case AtMost:
		return c.x[k] >= 0 && c.slope[k] >= 0
	}
	return false
}

func (c *climber) direction() []float64 {
	m := len(c.x)
	dir := make([]float64, m)
	for k := range m {
		if c.held(k) {
			continue
		}
		for j := range m {
			if !c.held(j) {
				dir[k] += c.inverse[k][j] * c.slope[j]
			}
		}
	}
	return dir
}

func (c *climber) run(tolerance float64, steps int, stop func() bool, report func()) {
	if c.inverse == nil {
		return
	}
	for step := 0; step < steps && !stop(); {
		dir := c.direction()
		promise := 0.0
		for k, v := range dir {
			promise += v * c.slope[k]
		}
		if !(promise > tolerance*math.Abs(c.value)) {
			return
		}
		next := &climber{d: c.d, x: make([]float64, len(c.x)), inverse: c.inverse}
		length := 1.0
		for ; ; length *= 0.4 {
			if step >= steps || length < 1e-4 {
				return
			}
			for k := range c.x {
				next.x[k] = c.x[k] + length*dir[k]
				switch c.d.r.p.Constraints[k].Sense {
				case AtLeast:
					next.x[k] = max(0, next.x[k])
				case AtMost:
					next.x[k] = min(0, next.x[k])
				}
			}
			step++
			if !next.look(stop) {
				return
			}
			if report != nil {
				report()
			}
			if next.value > c.value+1e-4*length*promise {
				break
			}
		}
		next.update(c)
		*c = *next
	}
}

// update learns from the step that led here.
func (c *climber) update(from *climber) {
	m := len(c.x)
	s, y, dot := make([]float64, m), make([]float64, m), 0.0
	for k := range m {
		s[k], y[k] = c.x[k]-from.x[k], from.slope[k]-c.slope[k]
		dot += s[k] * y[k]
	}
	hy, yhy := make([]float64, m), 0.0
	for k := range m {
		for j := range m {
			hy[k] += c.inverse[k][j] * y[j]
		}
		yhy += hy[k] * y[k]
	}
	if !(dot > 1e-3*yhy) {
		return
	}
	for i := range m {
		for j := range m {
			c.inverse[i][j] += (1+yhy/dot)*s[i]*s[j]/dot - (hy[i]*s[j]+s[i]*hy[j])/dot
		}
	}
}
