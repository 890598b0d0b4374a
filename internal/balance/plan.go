package balance

import (
	"math"
	"slices"
)

// plan is a choice of the free units with its flows, on its way to be better.
type plan struct {
	s         []bool
	activity  []float64 // of the rows, from free units alone
	flows     []float64
	base      float64 // cost of units and borders, without constant and flows
	objective float64 // base and flows, without constant
}

func (p *plan) clone() *plan {
	return &plan{slices.Clone(p.s), slices.Clone(p.activity), slices.Clone(p.flows), p.base, p.objective}
}

// planner builds and improves plans.
type planner struct {
	r      *reduced
	sc     *scales
	exact  *router
	loose  *router
	best   *plan
	price  []float64 // scratch
	miss   []float64
	update func(*plan) // called when a better plan is found
}

func newPlanner(r *reduced, sc *scales) *planner {
	return &planner{
		r: r, sc: sc,
		exact: newRouter(r, sc, 0), loose: newRouter(r, sc, 1e4),
		price: make([]float64, len(r.rhs)), miss: make([]float64, len(r.rhs)),
	}
}

// start makes a plan of the given values, not routed yet.
func (pl *planner) start(s []bool) *plan {
	r := pl.r
	p := &plan{s: slices.Clone(s), activity: make([]float64, len(r.rhs)), flows: make([]float64, len(r.flowRows))}
	rows := make([]wide, len(r.rhs))
	var base wide
	for u, in := range s {
		if !in {
			continue
		}
		base.add(r.cost[u])
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			rows[r.termRow[i]].add(r.termVal[i])
		}
	}
	for e := range r.edgeA {
		if s[r.edgeA[e]] != s[r.edgeB[e]] {
			base.add(r.edgeWeight[e])
		}
	}
	for k := range rows {
		p.activity[k] = rows[k].value()
	}
	p.base = base.value()
	return p
}

// flipCost is what flipping u adds to the cost of units and borders.
func (pl *planner) flipCost(p *plan, u int32) float64 {
	r := pl.r
	delta := r.cost[u]
	for i := r.adjStart[u]; i < r.adjStart[u+1]; i++ {
		if p.s[r.adjTo[i]] {
			delta -= r.edgeWeight[r.adjEdge[i]]
		} else {
			delta += r.edgeWeight[r.adjEdge[i]]
		}
	}
	if p.s[u] {
		return -delta
	}
	return delta
}

func (pl *planner) flip(p *plan, u int32) {
	r := pl.r
	p.base += pl.flipCost(p, u)
	sign := 1.0
	if p.s[u] {
		sign = -1
	}
	p.s[u] = !p.s[u]
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		p.activity[r.termRow[i]] += sign * r.termVal[i]
	}
}

// route finds the best flows; false when the rows cannot be met.
func (pl *planner) route(p *plan) bool {
	if len(p.flows) == 0 {
		for k := range p.activity {
			c := &pl.r.p.Constraints[k]
			if shortfall(c.Sense, p.activity[k], pl.r.rhs[k]) > pl.r.tolerance[k] {
				return false
			}
		}
		p.objective = p.base
		return true
	}
	cost, ok := pl.exact.solve(p.activity)
	if !ok {
		return false
	}
	for z := range p.flows {
		p.flows[z] = pl.exact.value(z)
	}
	p.objective = p.base + cost
	return pl.rowsHold(p)
}

// rowsHold checks the routed plan against the contract's tolerance.
func (pl *planner) rowsHold(p *plan) bool {
	left := slices.Clone(p.activity)
	for z, v := range p.flows {
		if v != 0 {
			for _, e := range pl.r.flowRows[z] {
				left[e.at] += e.v * v
			}
		}
	}
	for k := range left {
		c := &pl.r.p.Constraints[k]
		if shortfall(c.Sense, left[k], pl.r.rhs[k]) > pl.r.tolerance[k] {
			return false
		}
	}
	return true
}

// offer takes a plan if it is feasible and better than the best one; its sums
// are computed afresh first.
func (pl *planner) offer(s []bool) bool {
	p := pl.start(s)
	if !pl.route(p) {
		return false
	}
	if pl.best != nil && p.objective >= pl.best.objective-pl.step() {
		return false
	}
	pl.best = p
	if pl.update != nil {
		pl.update(p)
	}
	return true
}

// step is the least difference in objective that counts as better.
func (pl *planner) step() float64 {
	if pl.best == nil {
		return 0
	}
	return 1e-11*math.Abs(pl.best.objective) + 1e-12*pl.sc.omega
}

// target is the objective below which a plan counts as better.
func (pl *planner) target() float64 {
	if pl.best == nil {
		return math.Inf(1)
	}
	return pl.best.objective - pl.step()
}

// merit ranks plans that may miss rows: their cost, with flows, and three times
// the multipliers' price for what they miss.
func (pl *planner) merit(p *plan, mu []float64) float64 {
	if _, ok := pl.loose.solve(p.activity); !ok {
		return math.Inf(1)
	}
	pl.loose.shortfalls(pl.miss)
	sum := p.base
	for z := range p.flows {
		sum += pl.r.p.Flows[z].Cost * pl.loose.value(z)
	}
	for k, short := range pl.miss {
		sum += short * max(3*math.Abs(mu[k]), 1e-6*pl.sc.omega/pl.sc.sigma[k])
	}
	return sum
}

// repair flips units until the rows can be met, those first that cost least (at
// multipliers mu) for what they mend; false when it gets stuck. On large problems
// it flips several before it routes again.
func (pl *planner) repair(p *plan, mu []float64, stop func() bool) bool {
	n := len(pl.r.free)
	flipped := make([]bool, n)
	for range n + 1 {
		if stop() {
			return false
		}
		if _, ok := pl.loose.solve(p.activity); !ok {
			return false
		}
		if pl.loose.shortfalls(pl.miss) == 0 {
			return pl.route(p)
		}
		pl.loose.prices(pl.price)
		batch := pl.menderBatch(p, mu, flipped, 1+n/2000)
		if len(batch) == 0 {
			return false
		}
		for i, mv := range batch {
			if i > 0 && !pl.stillMends(p, mv.u) {
				continue
			}
			flipped[mv.u] = true
			pl.takeFromMiss(p, mv.u)
			pl.flip(p, mv.u)
		}
	}
	return false
}

// menderBatch gives the limit flips of least cost for what they mend.
func (pl *planner) menderBatch(p *plan, mu []float64, flipped []bool, limit int) []move {
	var list []move
	worst := math.Inf(1)
	for u := range int32(len(flipped)) {
		if flipped[u] {
			continue
		}
		score := pl.repairScore(p, u, mu)
		if math.IsInf(score, 1) || score >= worst {
			continue
		}
		list = append(list, move{u, score})
		if len(list) >= 2*limit {
			slices.SortFunc(list, byDelta)
			list = list[:limit]
			worst = list[limit-1].delta
		}
	}
	slices.SortFunc(list, byDelta)
	return list[:min(limit, len(list))]
}

// stillMends says whether a row that u mends is still short.
func (pl *planner) stillMends(p *plan, u int32) bool {
	r := pl.r
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		if k := r.termRow[i]; pl.miss[k] > 0 && pl.gain(p, u, i)*pl.price[k] > 0 {
			return true
		}
	}
	return false
}

// gain is what flipping u adds to the activity of the row of its term i.
func (pl *planner) gain(p *plan, u, i int32) float64 {
	if p.s[u] {
		return -pl.r.termVal[i]
	}
	return pl.r.termVal[i]
}

func (pl *planner) takeFromMiss(p *plan, u int32) {
	r := pl.r
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		if k := r.termRow[i]; pl.miss[k] > 0 {
			g := pl.gain(p, u, i)
			if pl.price[k] < 0 {
				g = -g
			}
			pl.miss[k] = max(0, pl.miss[k]-g)
		}
	}
}

// repairScore is the cost of flipping u per scaled unit of shortfall mended.
func (pl *planner) repairScore(p *plan, u int32, mu []float64) float64 {
	r := pl.r
	sign := 1.0
	if p.s[u] {
		sign = -1
	}
	mended, worth := 0.0, 0.0
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		k := r.termRow[i]
		gain := sign * r.termVal[i]
		worth += gain * mu[k]
		y := pl.price[k] * pl.sc.sigma[k] / pl.sc.omega // scaled price of the row
		if math.Abs(y) < 1 {
			continue // not a row in need
		}
		toward := gain / pl.sc.sigma[k]
		if y < 0 {
			toward = -toward
		}
		if short := pl.miss[k] / pl.sc.sigma[k]; short > 0 && toward > short {
			toward = short // more than is missing mends no more
		}
		mended += toward * min(1, math.Abs(y)/1e4)
	}
	if mended <= 1e-12 {
		return math.Inf(1)
	}
	cost := (pl.flipCost(p, u) - worth) / pl.sc.omega
	return (max(cost, 0) + 1e-9) / mended
}

// improve flips single units and swaps pairs while that lowers the objective.
func (pl *planner) improve(p *plan, stop func() bool) {
	for !stop() {
		order := pl.promising(p)
		if len(order) == 0 || !(pl.tryFlips(p, order, stop) || pl.trySwaps(p, order, stop)) {
			return
		}
	}
}

// move is a unit to flip, with a lower bound on what the flip adds.
type move struct {
	u     int32
	delta float64
}

const (
	maxFlips     = 400
	maxSwapHeads = 24
	maxSwapTails = 12
)

// promising lists the flips that may lower the objective. The cost of the flows
// is convex in the rows' activity, so the row prices give a lower bound.
func (pl *planner) promising(p *plan) []move {
	pl.rowPrices(p)
	var list []move
	for u := range int32(len(pl.r.free)) {
		if d := pl.estimate(p, u); d < -pl.step() {
			list = append(list, move{u, d})
		}
	}
	slices.SortFunc(list, byDelta)
	return list
}

func byDelta(a, b move) int {
	switch {
	case a.delta < b.delta:
		return -1
	case a.delta > b.delta:
		return 1
	}
	return int(a.u - b.u)
}

func (pl *planner) rowPrices(p *plan) {
	clear(pl.price)
	if len(p.flows) > 0 && pl.route(p) {
		pl.exact.prices(pl.price)
	}
}

// estimate bounds from below what flipping u adds to the objective.
func (pl *planner) estimate(p *plan, u int32) float64 {
	r := pl.r
	d, sign := pl.flipCost(p, u), 1.0
	if p.s[u] {
		sign = -1
	}
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		d -= sign * r.termVal[i] * pl.price[r.termRow[i]]
	}
	return d
}

// attempt flips the units; if the result is no better it flips them back.
func (pl *planner) attempt(p *plan, units ...int32) bool {
	objective, base := p.objective, p.base
	flows := slices.Clone(p.flows)
	activity := slices.Clone(p.activity)
	for _, u := range units {
		pl.flip(p, u)
	}
	if pl.route(p) && p.objective < objective-pl.step() {
		return true
	}
	for _, u := range units {
		p.s[u] = !p.s[u]
	}
	p.objective, p.base = objective, base
	copy(p.flows, flows)
	copy(p.activity, activity)
	return false
}

func (pl *planner) tryFlips(p *plan, order []move, stop func() bool) bool {
	found := false
	for i, mv := range order {
		if i >= maxFlips || stop() {
			break
		}
		if pl.flipCost(p, mv.u) < 0 || len(p.flows) > 0 {
			found = pl.attempt(p, mv.u) || found
		}
	}
	return found
}

// trySwaps makes room for a promising flip, or fills the hole that it leaves, by
// one flip more.
func (pl *planner) trySwaps(p *plan, order []move, stop func() bool) bool {
	for i, mv := range order {
		if i >= maxSwapHeads || stop() {
			return false
		}
		pl.rowPrices(p)
		objective := p.objective
		pl.flip(p, mv.u)
		_, ok := pl.loose.solve(p.activity)
		var tails []move
		if ok && pl.loose.shortfalls(pl.miss) > 0 {
			tails = pl.menders(p, mv)
		}
		pl.flip(p, mv.u)
		p.objective = objective
		pl.route(p)
		for _, tail := range tails {
			if pl.attempt(p, mv.u, tail.u) {
				return true
			}
		}
	}
	return false
}

// menders lists the flips that go best with head: they mend a row that head
// breaks, and cost less than head gains.
func (pl *planner) menders(p *plan, head move) []move {
	r := pl.r
	var list []move
	for u := range int32(len(r.free)) {
		if u == head.u {
			continue
		}
		sign, mends := 1.0, false
		if p.s[u] {
			sign = -1
		}
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			k := r.termRow[i]
			if pl.miss[k] == 0 {
				continue
			}
			gain := sign * r.termVal[i]
			if pl.r.p.Constraints[k].Sense == AtMost || (pl.r.p.Constraints[k].Sense == Equal && p.activity[k] > r.rhs[k]) {
				gain = -gain
			}
			mends = mends || gain > 0
		}
		if !mends {
			continue
		}
		if d := pl.estimate(p, u); d+head.delta < -pl.step() {
			list = append(list, move{u, d})
		}
	}
	slices.SortFunc(list, byDelta)
	return list[:min(len(list), maxSwapTails)]
}
