package balance

import (
	"math"
	"slices"
)

// dual maximises the Lagrangian bound over the multipliers: every constraint is
// priced into the units' costs, what is left is a minimum cut (docs/balance.md,
// "The bound"). The master is a cutting-plane model in a trust region, with one
// function per group of units that hang together, solved by the dual simplex;
// the flows z stand in it as rows of their own, so that their price boxes hold
// exactly at every step.
type dual struct {
	r      *reduced
	sc     *scales
	net    *flowNet
	unit   float64 // integer capacity per unit of cost
	limit  []int64 // terminal values beyond it change nothing
	group  []int32 // of free units
	groups int

	priced []float64 // reduced cost of free units at the last multipliers

	best     float64 // of bestAt, less constant
	bestAt   []float64
	iterates [][]bool  // minimum cuts whose mixture is the relaxation's optimum
	mixture  []float64 // that mixture: per free unit a value from 0 to 1, or nil
	levels   [][]bool  // minimum cuts around the best multipliers, by price
	near     bool      // bestAt is known to be near the best multipliers
	flowRuns int64
}

const maxIterates = 24

func newDual(r *reduced, sc *scales) *dual {
	total := 0.0
	for _, w := range r.edgeWeight {
		total += w
	}
	// The sums that a cut can reach stay below 2^60.
	unit := 1.0
	if total > 0 {
		_, exp := math.Frexp(total)
		unit = math.Ldexp(1, min(59-exp, 900))
	}
	d := newDualOf(r, sc, unit)
	d.formGroups()
	return d
}

var negInf = math.Inf(-1)

// newDualOf makes the dual without its groups, with unit as the integer capacity
// of money.
func newDualOf(r *reduced, sc *scales, unit float64) *dual {
	d := &dual{r: r, sc: sc, unit: unit, best: negInf}
	capacity := make([]int64, len(r.edgeWeight))
	d.limit = make([]int64, len(r.free))
	for e, w := range r.edgeWeight {
		capacity[e] = int64(w * d.unit) // rounded down: |f| ≤ weight holds exactly
		d.limit[r.edgeA[e]] += capacity[e]
		d.limit[r.edgeB[e]] += capacity[e]
	}
	d.net = newFlowNet(len(r.free), r.edgeA, r.edgeB, capacity)
	d.priced = make([]float64, len(r.free))
	return d
}

// formGroups splits the free units into groups without borders between them, by
// the constraints that they touch; each gets a cutting-plane model of its own.
func (d *dual) formGroups() {
	r := d.r
	n := len(r.free)
	component := make([]int32, n)
	for u := range component {
		component[u] = -1
	}
	var keys []string
	count := int32(0)
	for u := range n {
		if component[u] >= 0 {
			continue
		}
		rows := map[int32]bool{}
		queue := []int32{int32(u)}
		component[u] = count
		for len(queue) > 0 {
			v := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for i := r.termStart[v]; i < r.termStart[v+1]; i++ {
				rows[r.termRow[i]] = true
			}
			for i := r.adjStart[v]; i < r.adjStart[v+1]; i++ {
				if w := r.adjTo[i]; component[w] < 0 {
					component[w] = count
					queue = append(queue, w)
				}
			}
		}
		keys = append(keys, rowSetKey(rows))
		count++
	}
	d.group = make([]int32, n)
	names := map[string]int32{}
	for u := range n {
		key := keys[component[u]]
		g, known := names[key]
		if !known {
			if len(names) < maxGroups {
				g = int32(len(names))
				names[key] = g
			} else {
				g = maxGroups
			}
		}
		d.group[u] = g
		d.groups = max(d.groups, int(g)+1)
	}
}

const maxGroups = 63

func rowSetKey(rows map[int32]bool) string {
	list := make([]int32, 0, len(rows))
	for k := range rows {
		list = append(list, k)
	}
	slices.Sort(list)
	key := make([]byte, 0, 4*len(list))
	for _, k := range list {
		key = append(key, byte(k), byte(k>>8), byte(k>>16), byte(k>>24))
	}
	return string(key)
}

// price computes the free units' reduced costs at mu.
func (d *dual) price(mu []float64) {
	r := d.r
	for u := range r.free {
		c := r.cost[u]
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			c -= mu[r.termRow[i]] * r.termVal[i]
		}
		d.priced[u] = c
	}
}

// cut finds a minimum cut at mu; false when stop ended it early.
func (d *dual) cut(mu []float64, stop func() bool) bool {
	d.price(mu)
	for u := range d.r.free {
		d.net.setTarget(int32(u), d.terminal(u))
	}
	d.flowRuns++
	return d.net.run(stop)
}

func (d *dual) terminal(u int) int64 {
	c, limit := d.priced[u]*d.unit, float64(d.limit[u])
	switch {
	case c > limit:
		return d.limit[u] + 1
	case c < -limit:
		return -d.limit[u] - 1
	}
	return int64(math.Round(c))
}

// plane is what one cut says about one group: its cost is fixed + (−a)·mu.
type plane struct {
	fixed float64
	a     []float64
}

// planes reads the last cut: per group its cost and what it gives to the rows.
// ties says on which side the undecided units are counted.
func (d *dual) planes(ties bool) ([]plane, []bool) {
	r := d.r
	out := make([]plane, d.groups)
	for g := range out {
		out[g].a = make([]float64, len(r.rhs))
	}
	s := make([]bool, len(r.free))
	for u := range s {
		if ties {
			s[u] = !d.net.inSource(int32(u))
		} else {
			s[u] = d.net.inSink(int32(u))
		}
		if s[u] {
			p := &out[d.group[u]]
			p.fixed += r.cost[u]
			for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
				p.a[r.termRow[i]] += r.termVal[i]
			}
		}
	}
	for e := range r.edgeA {
		if s[r.edgeA[e]] != s[r.edgeB[e]] {
			out[d.group[r.edgeA[e]]].fixed += r.edgeWeight[e]
		}
	}
	return out, s
}

// lagrangian is the value of the planes at mu, with the flows' and the
// right-hand sides' share; -Inf where an unlimited flow is priced below 0.
func (d *dual) lagrangian(ps []plane, mu []float64) float64 {
	sum := d.flowShare(mu)
	for k, v := range mu {
		sum += v * d.r.rhs[k]
	}
	for g := range ps {
		sum += ps[g].fixed
		for k, v := range mu {
			if v != 0 {
				sum -= v * ps[g].a[k]
			}
		}
	}
	return sum
}

func (d *dual) flowShare(mu []float64) float64 {
	sum := 0.0
	for z, rows := range d.r.flowRows {
		f := &d.r.p.Flows[z]
		rc := f.Cost
		for _, e := range rows {
			rc -= mu[e.at] * e.v
		}
		if rc >= 0 {
			continue
		}
		if !math.IsInf(f.Upper, 1) {
			sum += rc * f.Upper
		} else if rc*d.sc.zeta[z]/d.sc.omega < -1e-7 { // settle mends less
			return math.Inf(-1)
		}
	}
	return sum
}

// The bound counts as stalled when stallSteps cuts raise it by less than this
// part of itself.
const (
	stallSteps = 64
	stallGain  = 1e-6
)

// maximise improves the bound until the model proves that tolerance (relative)
// is reached, or stop ends it. start may be nil.
func (d *dual) maximise(start []float64, tolerance float64, maxSteps int, stop func() bool, report func()) {
	m := len(d.r.rhs)
	ms := newMaster(d)
	center := make([]float64, m)
	for k := range start {
		center[k] = min(max(start[k]*d.sc.sigma[k]/d.sc.omega, -maxPrice), maxPrice)
	}
	if _, ok := d.visit(ms, center, stop); !ok || m == 0 {
		d.iterates = [][]bool{d.sides()}
		return
	}
	// The first cut says something even if nothing else does in time.
	d.iterates = [][]bool{d.sides()}
	radius, nulls := 0.25, 0
	if start != nil {
		radius = 0.05
		if d.near {
			radius = 1e-4
		}
	}
	for range maxSteps {
		if stop() {
			return
		}
		ms.region(center, radius)
		status := ms.lp.run(math.Inf(1), 20000, stop)
		if status == lpInfeasible {
			// No multipliers within reach price every unlimited flow at 0 or more.
			if radius *= 4; radius > 1e12 {
				return
			}
			continue
		}
		if status != lpOptimal {
			return
		}
		if ms.steps++; ms.steps%stallSteps == 0 {
			ms.mix() // in case time is over before the end
			if d.best-ms.earlier < stallGain*(math.Abs(d.best)+1e-3*d.sc.omega) {
				return
			}
			ms.earlier = d.best
		}
		at := make([]float64, m)
		for k := range at {
			at[k] = ms.lp.value(int32(k))
		}
		model := -ms.lp.objective() * d.sc.omega
		before := d.best
		promise := model - before
		scale := math.Abs(before) + 1e-3*d.sc.omega
		boundary := ms.onBoundary(center, radius, at)
		if !math.IsInf(before, -1) && promise <= tolerance*scale {
			if !boundary {
				ms.mix()
				return
			}
			if radius *= 4; radius > 1e9 {
				return
			}
			continue
		}
		ms.forget(20)
		value, ok := d.visit(ms, at, stop)
		if !ok {
			return
		}
		switch {
		case math.IsInf(before, -1) && !math.IsInf(d.best, -1):
			center = at
		case value >= before+0.1*promise:
			center, nulls = at, 0
			if value >= before+0.5*promise && boundary {
				radius *= 2
			}
		case ms.repeats > 0:
			// The model knew this cut: what it still promises is rounding.
			if !boundary {
				ms.mix()
				return
			}
			radius *= 4
		default:
			// Shrink only where the model is far off (Linderoth and Wright 2003,
			// section 4.2): a new plane usually mends it at the same radius.
			off := min(1, radius) * (before - value) / promise
			if off > 0 {
				nulls++
			}
			if off >= 3 || (nulls >= 3 && off > 1) {
				radius /= min(off, 4)
				nulls = 0
			}
			if value > before {
				center = at
			}
		}
		if report != nil {
			report()
		}
		if d.best > 1e6*d.sc.omega*float64(len(d.r.free)+1) && boundary {
			return // runs away: the constraints contradict each other
		}
	}
}

// visit cuts at the scaled multipliers, adds what the cut says to the model and
// keeps the best bound. It gives the bound there; false when it was stopped.
func (d *dual) visit(ms *master, scaled []float64, stop func() bool) (value float64, ok bool) {
	mu := make([]float64, len(scaled))
	for k := range mu {
		mu[k] = scaled[k] * d.sc.omega / d.sc.sigma[k]
	}
	if !d.cut(mu, stop) {
		return 0, false
	}
	low, s := d.planes(false)
	isNew := ms.add(low, s)
	value = d.lagrangian(low, mu)
	if high, t := d.planes(true); !slices.Equal(s, t) {
		isNew = ms.add(high, t) || isNew
	}
	if ms.repeats++; isNew {
		ms.repeats = 0
	}
	// Multipliers may grow for nothing along flat directions.
	if d.bestAt == nil || math.IsInf(d.best, -1) && !math.IsInf(value, -1) || value > d.best+1e-12*(math.Abs(d.best)+d.sc.omega) {
		d.best, d.bestAt = value, mu
	}
	return value, true
}

// priceLevels are the relative changes of all multipliers at which more cuts are
// taken: townships hardly touch each other, so one change of all prices gives a
// nested family of near-optimal plans for every township at once.
var priceLevels = []float64{-0.1, -0.03, -0.01, -0.003, -0.001, -0.0003, -0.0001, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1}

// spread takes a cut at every price level around the best multipliers.
func (d *dual) spread(stop func() bool) {
	if d.bestAt == nil {
		return
	}
	mu := make([]float64, len(d.bestAt))
	for _, level := range priceLevels {
		for k, v := range d.bestAt {
			mu[k] = v * (1 + level)
		}
		if !d.cut(mu, stop) {
			return
		}
		d.levels = append(d.levels, d.sides())
	}
}

// sides gives the last cut, undecided units at 0.
func (d *dual) sides() []bool {
	s := make([]bool, len(d.r.free))
	for u := range s {
		s[u] = d.net.inSink(int32(u))
	}
	return s
}

// certify gives the multipliers and edge flows to be written for mu, and their
// bound by the contract's sum (-Inf if none could be had).
func (d *dual) certify(mu []float64, stop func() bool) (multipliers, edgeFlows []float64, bound float64) {
	p := d.r.p
	multipliers = settle(p, d.r.flowRows, mu)
	complete := d.cut(multipliers, stop)
	edgeFlows = make([]float64, len(p.Edges))
	for i := range p.Edges {
		e := &p.Edges[i]
		if e.A == e.B || e.Weight == 0 {
			continue
		}
		a, b := d.r.freeIndex(e.A), d.r.freeIndex(e.B)
		switch {
		case a >= 0 && b >= 0: // below
		case a >= 0:
			edgeFlows[i] = towards(d.r.given(e.B), e.Weight)
		case b >= 0:
			edgeFlows[i] = -towards(d.r.given(e.A), e.Weight)
		case d.r.given(e.A) != d.r.given(e.B):
			edgeFlows[i] = towards(d.r.given(e.B), e.Weight)
		}
	}
	for e := range d.r.edgeA {
		f := -float64(d.net.edgeFlow(e)) / d.unit
		w := d.r.edgeWeight[e]
		edgeFlows[d.r.edgeOf[e]] = min(max(f, -w), w)
	}
	_ = complete // an unfinished flow is still a valid one, only a weaker bound
	return multipliers, edgeFlows, contractBound(p, multipliers, edgeFlows, true)
}

// towards is the flow that makes weight·|s − given| linear in s.
func towards(given bool, weight float64) float64 {
	if given {
		return -weight
	}
	return weight
}
