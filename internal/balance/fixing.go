package balance

import (
	"math"
	"slices"
)

// rootFixing is what the relaxation at the root of a search over all free units
// says of every unit of its problem: a plan that has the unit at the other end
// than its reduced cost asks for costs bound + |reduced| at least.
type rootFixing struct {
	bound   float64
	reduced []float64
}

// flip is what a unit's two values are proved to cost at least, over all plans.
type flip [2]float64

func (e *engine) keepRoot(whole *core) {
	if whole.rootD == nil || math.IsInf(whole.root, 0) {
		return
	}
	e.root = &rootFixing{(whole.root+whole.fixed)*e.sc.omega + e.r.constant, make([]float64, len(e.p.Units))}
	for j, units := range whole.cells {
		e.root.reduced[e.r.free[units[0]]] = whole.rootD[j] * e.sc.omega
	}
}

// noteFlips learns from the blocks' roots what each unit's values cost the whole
// plan at least: sum is the proved bound of all blocks together.
func (e *engine) noteFlips(list []block, sum float64) {
	if e.flips == nil {
		e.flips = make([]flip, len(e.r.free))
		for u := range e.flips {
			e.flips[u] = flip{math.Inf(-1), math.Inf(-1)}
		}
	}
	for b := range list {
		root := list[b].s.root
		if root == nil {
			continue
		}
		rest := sum - list[b].value
		margin := 1e-12 * (math.Abs(sum) + math.Abs(list[b].value) + math.Abs(root.bound))
		for i, u := range list[b].units {
			at := 1
			if root.reduced[i] < 0 {
				at = 0
			}
			e.flips[u][at] = max(e.flips[u][at], rest+root.bound+math.Abs(root.reduced[i])-margin)
		}
	}
}

// searchOpen is the search over the units that the blocks' reduced costs leave
// open: a unit whose one value is proved to cost no less than the best plan has
// the other in every better plan. Exhausted, it proves the best plan optimal.
func (e *engine) searchOpen(maxNodes int) {
	target := e.pl.target() + e.r.constant
	s := slices.Clone(e.pl.best.s)
	open := make([]bool, len(s))
	var cells [][]int32
	for u, f := range e.flips {
		switch {
		case f[1] >= target:
			s[u] = false
		case f[0] >= target:
			s[u] = true
		default:
			open[u] = true
			cells = append(cells, []int32{int32(u)})
		}
	}
	borders := 0
	for i := range e.r.edgeA {
		if open[e.r.edgeA[i]] && open[e.r.edgeB[i]] {
			borders++
		}
	}
	if len(cells) == len(s) || len(cells) > wholeLPUnits || borders+len(e.r.rhs) > wholeLPRows {
		return
	}
	e.provedOver = "the free units that reduced costs in blocks leave open"
	c := newCore(e.pl, e.pl.start(s), cells)
	c.cuts = true
	e.exhausted = c.search(maxNodes, func() bool { return e.stop() || (c.nodes&63 == 63 && e.finished()) })
	e.nodes += int64(c.nodes)
	if !e.exhausted && c.proof && !math.IsInf(c.lower, 0) {
		e.strengthened(min((c.lower+c.fixed)*e.sc.omega+e.r.constant, target), "open nodes of a branch and bound with rounding cuts over "+e.provedOver)
	}
}
