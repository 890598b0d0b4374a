package balance

import "math"

// router finds the cheapest flows z for given values of the units: a small
// linear program whose right-hand side alone changes. With shortfalls allowed
// it also says which rows cannot be met, and by how much.
type router struct {
	r     *reduced
	sc    *scales
	lp    *simplex
	flows int
	short bool // after the flows come two columns per row for its shortfall
}

// newRouter prices a shortfall of one scaled row unit at penalty (scaled money);
// 0 allows none.
func newRouter(r *reduced, sc *scales, penalty float64) *router {
	rt := &router{r: r, sc: sc, flows: len(r.flowRows), short: penalty > 0}
	n := rt.flows
	if rt.short {
		n += 2 * len(r.rhs)
	}
	cost, lo, up := make([]float64, n), make([]float64, n), make([]float64, n)
	rows := make([][]lpEntry, len(r.rhs))
	for z := range rt.flows {
		cost[z] = r.p.Flows[z].Cost * sc.zeta[z] / sc.omega
		up[z] = r.p.Flows[z].Upper / sc.zeta[z]
		for _, e := range r.flowRows[z] {
			rows[e.at] = append(rows[e.at], lpEntry{int32(z), e.v * sc.zeta[z] / sc.sigma[e.at]})
		}
	}
	if rt.short {
		for k := range rows {
			sense := r.p.Constraints[k].Sense
			for side, v := range [2]float64{1, -1} {
				j := rt.flows + 2*k + side
				cost[j] = penalty
				if (side == 0 && sense != AtMost) || (side == 1 && sense != AtLeast) {
					up[j] = math.Inf(1)
					rows[k] = append(rows[k], lpEntry{int32(j), v})
				}
			}
		}
	}
	rt.lp = newSimplex(cost, lo, up)
	rt.lp.primalTol = 1e-12 // a scaled row may count in millions of m²
	for k := range rows {
		rt.lp.addRow(rows[k], r.p.Constraints[k].Sense, 0)
	}
	return rt
}

// solve routes for the given row activities of the free units (unscaled). It
// gives the cost of the flows in money, and whether the rows can be met.
func (rt *router) solve(activity []float64) (cost float64, ok bool) {
	for k := range activity {
		rt.lp.setRHS(k, (rt.r.rhs[k]-activity[k])/rt.sc.sigma[k])
	}
	if rt.lp.run(math.Inf(1), 5000, nil) != lpOptimal {
		return 0, false
	}
	for z := range rt.flows {
		cost += rt.r.p.Flows[z].Cost * rt.value(z)
	}
	return cost, true
}

// value is flow z of the last solve, within its box.
func (rt *router) value(z int) float64 {
	v := rt.lp.value(int32(z)) * rt.sc.zeta[z]
	return min(max(v, 0), rt.r.p.Flows[z].Upper)
}

// shortfalls gives what each row misses in the last solve (unscaled).
func (rt *router) shortfalls(into []float64) (total float64) {
	for k := range into {
		j := int32(rt.flows + 2*k)
		v := max(0, rt.lp.value(j)) + max(0, rt.lp.value(j+1))
		into[k] = v * rt.sc.sigma[k]
		if into[k] <= rt.r.tolerance[k] {
			into[k] = 0
		}
		total += into[k] / rt.sc.sigma[k]
	}
	return total
}

// prices gives the multipliers of the rows in the last solve (unscaled).
func (rt *router) prices(into []float64) {
	y := rt.lp.prices(rt.lp.cost)
	for k := range into {
		into[k] = rt.lp.price(y, k) * rt.sc.omega / rt.sc.sigma[k]
	}
}
