package balance

import (
	"math"
	"slices"
)

// Sizes of problems whose multipliers are first sought region by region.
const (
	regionUnits = 20000 // free units
	minRegions  = 3
)

// regional is a problem whose free units are split into regions. With a flow
// held on the borders between them the regions part (docs/balance.md, "How it
// works", 3): the model has a function for each, which is worth many cuts, and
// their cuts run side by side. Any such flow gives a valid bound, and the flow of
// the whole cut at the multipliers found makes it a better one.
type regional struct {
	whole *dual
	part  []int32 // region of free units
	cross []int32 // edges between regions
	inner []int32 // edges within, in the order of d's
	d     *dual
	cost  []float64 // of the free units without cross flows
}

// regions assigns the free units to regions: those whose constraints hang
// together, leaving aside constraints that touch many of the units.
func regions(r *reduced) ([]int32, int) {
	part, count := localRegions(r)
	for u := range part {
		part[u] %= maxGroups
	}
	return part, min(count, maxGroups)
}

func localRegions(r *reduced) ([]int32, int) {
	n := len(r.free)
	m := len(r.rhs)
	touched := make([]int, m)
	for _, k := range r.termRow {
		touched[k]++
	}
	root := make([]int32, m)
	for k := range root {
		root[k] = int32(k)
	}
	find := func(k int32) int32 {
		for root[k] != k {
			root[k] = root[root[k]]
			k = root[k]
		}
		return k
	}
	part := make([]int32, n)
	for u := range part {
		part[u] = -1
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			k := r.termRow[i]
			if touched[k]*minRegions > n {
				continue
			}
			if part[u] < 0 {
				part[u] = k
			} else {
				root[find(k)] = find(part[u])
			}
		}
	}
	number := map[int32]int32{}
	for u, k := range part {
		if k < 0 {
			continue
		}
		k = find(k)
		if _, known := number[k]; !known {
			number[k] = int32(len(number))
		}
		part[u] = number[k]
	}
	if len(number) < minRegions {
		return nil, 0
	}
	// Units without such a constraint go with a neighbour.
	var queue []int32
	for u := range int32(n) {
		if part[u] >= 0 {
			queue = append(queue, u)
		}
	}
	for i := 0; i < len(queue); i++ {
		u := queue[i]
		for a := r.adjStart[u]; a < r.adjStart[u+1]; a++ {
			if v := r.adjTo[a]; part[v] < 0 {
				part[v] = part[u]
				queue = append(queue, v)
			}
		}
	}
	for u := range part {
		part[u] = max(part[u], 0)
	}
	return part, len(number)
}

// newRegional splits the problem of d, or gives nil where it is too small or has
// no regions.
func newRegional(d *dual) *regional {
	r := d.r
	if len(r.free) < regionUnits || len(r.rhs) == 0 {
		return nil
	}
	part, count := regions(r)
	if count == 0 {
		return nil
	}
	rg := &regional{whole: d, cost: r.cost, part: part}
	split := *r
	split.cost = slices.Clone(r.cost)
	split.edgeA, split.edgeB, split.edgeWeight, split.edgeOf = nil, nil, nil, nil
	for e := range r.edgeA {
		if rg.part[r.edgeA[e]] != rg.part[r.edgeB[e]] {
			rg.cross = append(rg.cross, int32(e))
			continue
		}
		rg.inner = append(rg.inner, int32(e))
		split.edgeA = append(split.edgeA, r.edgeA[e])
		split.edgeB = append(split.edgeB, r.edgeB[e])
		split.edgeWeight = append(split.edgeWeight, r.edgeWeight[e])
		split.edgeOf = append(split.edgeOf, r.edgeOf[e])
	}
	rg.d = newDualOf(&split, d.sc, d.unit)
	rg.d.group, rg.d.groups = rg.part, count
	rg.d.net.split(rg.part, count)
	return rg
}

const (
	regionRounds    = 4
	regionSteps     = 150
	regionTolerance = 1e-7
)

// maximise seeks multipliers from mu, region by region, and leaves them with the
// whole problem's cut in the whole dual.
func (rg *regional) maximise(mu []float64, stop func() bool, report func()) {
	d, w := rg.d, rg.whole
	tolerance := 1e-6
	for range regionRounds {
		rg.holdCross()
		d.best, d.bestAt, d.mixture = negInf, nil, nil
		d.maximise(mu, tolerance, regionSteps, stop, report)
		if d.bestAt == nil {
			return
		}
		mu = d.bestAt
		w.flowRuns += d.flowRuns
		d.flowRuns = 0
		w.mixture, w.iterates = d.mixture, d.iterates
		rg.lend()
		before := w.best
		if !w.look(mu, stop) || stop() {
			return
		}
		if d.mixture != nil && w.best-before <= 1e-7*math.Abs(w.best) {
			w.near = true
			return
		}
		tolerance = regionTolerance
	}
}

// holdCross puts the whole cut's flow between regions into the units' costs.
func (rg *regional) holdCross() {
	r, cost := rg.whole.r, rg.d.r.cost
	copy(cost, rg.cost)
	for _, e := range rg.cross {
		f := float64(rg.whole.net.edgeFlow(int(e))) / rg.whole.unit
		cost[r.edgeA[e]] -= f
		cost[r.edgeB[e]] += f
	}
}

// lend gives the whole network the regions' flow to start from.
func (rg *regional) lend() {
	for i, e := range rg.inner {
		rg.whole.net.setEdgeFlow(int(e), rg.d.net.edgeFlow(i))
	}
}

// look cuts at mu and keeps the multipliers if they are the best ones; false
// when it was stopped.
func (d *dual) look(mu []float64, stop func() bool) bool {
	if !d.cut(mu, stop) {
		return false
	}
	ps, _ := d.planes(false)
	if value := d.lagrangian(ps, mu); d.bestAt == nil || value > d.best {
		d.best, d.bestAt = value, slices.Clone(mu)
	}
	return true
}
