package balance

import (
	"math"
	"math/big"
)

// This file adds up the certificate's sum for the independent verifier; like
// verify.go it uses nothing of the engine.

// sum is the certificate's bound; false, with a fault, where a flow without a limit
// makes it −∞ or it is too large for a double. Without costs it is the proof that
// the constraints contradict each other.
func (v *verifier) sum(mu, f []float64, costs bool) (all tally, finite bool) {
	if z := v.payingFlow(mu, costs); z >= 0 {
		v.fault("流量 %q 无上限而约化费用为负，下界为 −∞ · unlimited flow with a negative reduced cost", v.p.Flows[z].ID)
		return all, false
	}
	all = v.quickSum(mu, f, costs)
	// Multipliers may be of any size and all but cancel out.
	least := 1e-10
	if !costs {
		least = 0
		for k, m := range mu {
			least += 1e-6 * math.Abs(m) * v.granted[k]
		}
	}
	if !all.finite() || all.error() > math.Max(least, 1e-12*math.Abs(all.total())) {
		all = v.exactSum(mu, f, costs)
	}
	if !all.finite() {
		v.fault("乘子或边流量过大，无法核算 · multipliers or edge flows are too large to be added up")
		return all, false
	}
	return all, true
}

// quickSum adds up in pairs of doubles.
func (v *verifier) quickSum(mu, f []float64, costs bool) (all tally) {
	units, flows := make([]tally, len(v.p.Units)), make([]tally, len(v.p.Flows))
	if costs {
		all.plus(v.p.Constant)
		for i := range units {
			units[i].plus(v.p.Units[i].Cost)
		}
		for i := range flows {
			flows[i].plus(v.p.Flows[i].Cost)
		}
	}
	for k := range mu {
		all.times(mu[k], v.p.Constraints[k].RHS)
	}
	for _, t := range v.p.Terms {
		units[t.Unit].times(-mu[t.Constraint], t.Coefficient)
	}
	for _, t := range v.p.FlowTerms {
		flows[t.Flow].times(-mu[t.Constraint], t.Coefficient)
	}
	for i, x := range f {
		units[v.p.Edges[i].A].plus(x)
		if b := v.p.Edges[i].B; b >= 0 {
			units[b].plus(-x)
		}
	}
	for i := range flows {
		upper := v.p.Flows[i].Upper
		if math.IsInf(upper, 1) {
			continue // not below 0, payingFlow says
		}
		all.left += flows[i].size * upper
		if !(flows[i].total() >= 0) {
			all.times(flows[i].sum, upper)
			all.times(flows[i].rest, upper)
		}
	}
	for i := range units {
		fixed := v.p.Units[i].Fixed
		if fixed == FixZero {
			continue
		}
		all.left += units[i].size
		if fixed == FixOne || !(units[i].total() >= 0) {
			all.plus(units[i].sum)
			all.plus(units[i].rest)
		}
	}
	return all
}

// exactly holds every sum of products of three doubles without rounding.
const exactly = 8192 // bits

func exact(x float64) *big.Float { return new(big.Float).SetPrec(exactly).SetFloat64(x) }

// take subtracts a·b.
func take(from *big.Float, a, b float64) {
	from.Sub(from, new(big.Float).SetPrec(exactly).Mul(exact(a), exact(b)))
}

// exactSum adds up without any rounding, and rounds the sum.
func (v *verifier) exactSum(mu, f []float64, costs bool) (all tally) {
	total := exact(0)
	priced := func(n int, cost func(i int) float64) []*big.Float {
		list := make([]*big.Float, n)
		for i := range list {
			if list[i] = exact(0); costs {
				list[i] = exact(cost(i))
			}
		}
		return list
	}
	units := priced(len(v.p.Units), func(i int) float64 { return v.p.Units[i].Cost })
	flows := priced(len(v.p.Flows), func(i int) float64 { return v.p.Flows[i].Cost })
	if costs {
		total = exact(v.p.Constant)
	}
	for k := range mu {
		take(total, -mu[k], v.p.Constraints[k].RHS)
	}
	for _, t := range v.p.Terms {
		take(units[t.Unit], mu[t.Constraint], t.Coefficient)
	}
	for _, t := range v.p.FlowTerms {
		take(flows[t.Flow], mu[t.Constraint], t.Coefficient)
	}
	for i, x := range f {
		take(units[v.p.Edges[i].A], -1, x)
		if b := v.p.Edges[i].B; b >= 0 {
			take(units[b], 1, x)
		}
	}
	for i, price := range flows {
		if upper := v.p.Flows[i].Upper; price.Sign() < 0 && !math.IsInf(upper, 1) {
			total.Add(total, price.Mul(price, exact(upper)))
		}
	}
	for i, price := range units {
		if fixed := v.p.Units[i].Fixed; fixed == FixOne || fixed == Free && price.Sign() < 0 {
			total.Add(total, price)
		}
	}
	all.sum, _ = total.Float64()
	return all
}

// payingFlow gives a flow without limit whose reduced cost is below 0, in exact
// arithmetic, or -1.
func (v *verifier) payingFlow(mu []float64, costs bool) int {
	price := make([]*big.Float, len(v.p.Flows))
	for i := range price {
		if !math.IsInf(v.p.Flows[i].Upper, 1) {
			continue
		}
		if price[i] = exact(0); costs {
			price[i] = exact(v.p.Flows[i].Cost)
		}
	}
	for _, t := range v.p.FlowTerms {
		if p := price[t.Flow]; p != nil {
			take(p, mu[t.Constraint], t.Coefficient)
		}
	}
	for i, p := range price {
		if p != nil && p.Sign() < 0 {
			return i
		}
	}
	return -1
}
