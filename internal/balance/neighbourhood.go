package balance

import (
	"slices"
)

// Effort of the neighbourhood search; counted in rounds, not in time, so that
// the answer does not depend on the clock.
const (
	coreNodes   = 250
	randomTries = 60
)

// neighbourhoods improves the best plan by exact searches over its cheapest
// flips: of each constraint in turn, of all, and of random mixtures.
func (e *engine) neighbourhoods() {
	for _, size := range []int{30, 60, 100} {
		for improved := true; improved && !e.finished(); {
			improved = e.searchAround(nil, size, false)
			for k := range e.r.rhs {
				if e.finished() {
					return
				}
				improved = e.searchAround([]int32{int32(k)}, size, false) || improved
			}
		}
	}
	for tries := 0; tries < randomTries && !e.finished(); tries++ {
		rows := []int32{}
		for range 2 {
			if len(e.r.rhs) > 0 {
				rows = append(rows, int32(e.random.IntN(len(e.r.rhs))))
			}
		}
		if e.searchAround(rows, 60+e.random.IntN(60), true) {
			tries = 0
		}
	}
}

// searchAround decides anew the size flips that cost least at the multipliers:
// half of them among the units of the rows, the rest among all.
func (e *engine) searchAround(rows []int32, size int, shuffled bool) bool {
	best := e.pl.best
	var inRows, all []move
	for u := range int32(len(e.r.free)) {
		mv := move{u, e.regret(best, u)}
		if shuffled {
			mv.delta = (mv.delta + 1e-3*e.sc.omega) * (0.2 + e.random.Float64())
		}
		all = append(all, mv)
		if e.touches(u, rows) {
			inRows = append(inRows, mv)
		}
	}
	slices.SortFunc(inRows, byDelta)
	slices.SortFunc(all, byDelta)
	chosen := map[int32]bool{}
	var cells [][]int32
	take := func(list []move, limit int) {
		for _, mv := range list {
			if len(cells) >= limit {
				return
			}
			if !chosen[mv.u] {
				chosen[mv.u] = true
				cells = append(cells, []int32{mv.u})
			}
		}
	}
	take(inRows, size*2/3)
	take(all, size)
	if len(cells) == 0 {
		return false
	}
	c := newCore(e.pl, best, cells)
	c.search(coreNodes, e.stop)
	e.nodes += int64(c.nodes)
	return e.pl.best != best
}

// regret is what flipping u costs when the rows are paid at their multipliers.
func (e *engine) regret(p *plan, u int32) float64 {
	r := e.r
	d, sign := e.pl.flipCost(p, u), 1.0
	if p.s[u] {
		sign = -1
	}
	if e.multipliers != nil {
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			d -= sign * r.termVal[i] * e.multipliers[r.termRow[i]]
		}
	}
	return d
}

func (e *engine) touches(u int32, rows []int32) bool {
	r := e.r
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		if slices.Contains(rows, r.termRow[i]) {
			return true
		}
	}
	return false
}
