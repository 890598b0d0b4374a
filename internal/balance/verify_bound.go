package balance

import (
	"math"
	"strings"
)

// This file checks a certificate's bounds; like verify.go it uses nothing of the
// engine.

// verifyBound recomputes the certificate's sum from multipliers.csv and
// edge_flows.csv.
func (v *verifier) verifyBound(c *Certificate) {
	if c.Bound == nil {
		v.verifyNoBound()
		return
	}
	if v.ahead == nil {
		v.readAhead() // to say that it is missing
	}
	mu, ok := v.readAmounts("multipliers.csv", "constraint", "multiplier", v.row)
	f, okFlows := v.readEdgeFlows()
	if !ok || !okFlows || !v.checkSigns(mu) {
		return
	}
	all, sure := v.sum(mu, f, true)
	if !sure {
		return
	}
	bound := all.total()
	v.report.Bound, v.multipliers, v.boundError = &bound, mu, all.error()
	before := len(v.report.Faults)
	if !same(*c.Bound, bound, all.error(), 1e-9) {
		v.fault("bound 应为 %.17g，证书为 %.17g · the bound is not what the multipliers and flows give", bound, *c.Bound)
	}
	v.agreed(before, "下界 %.10g 由乘子和边流量重算一致 · bound recomputed from %d multipliers and %d edge flows", bound, len(mu), len(f))
}

// verifyNoBound: a certificate without bound is whole only where the simplest one,
// that of prices and flows of 0, is −∞.
func (v *verifier) verifyNoBound() {
	for _, name := range []string{"multipliers.csv", "edge_flows.csv"} {
		if v.present(name) {
			v.fault("有 %s 却没有 bound · %s without a bound", name, name)
		}
	}
	for i := range v.p.Flows {
		if f := &v.p.Flows[i]; f.Cost < 0 && math.IsInf(f.Upper, 1) {
			v.unchecked("没有下界，离最优多远不得而知 · there is no bound, and nothing says how near to the best the plan is")
			return
		}
	}
	v.fault("certificate.json 缺少 bound（连同 multipliers.csv、edge_flows.csv）；乘子、流量全为 0 也有下界 · bound is missing, with its files; even multipliers and flows of 0 give one")
}

func (v *verifier) checkSigns(mu []float64) bool {
	for k, m := range mu {
		con := &v.p.Constraints[k]
		if (con.Sense == AtLeast && m < 0) || (con.Sense == AtMost && m > 0) {
			v.fault("约束 %q（%s）的乘子符号错误：%g · multiplier of the wrong sign", con.ID, con.Sense, m)
			return false
		}
	}
	return true
}

// verifyGaps holds both gaps to the certificate's own figures.
func (v *verifier) verifyGaps(c *Certificate, borders float64) {
	if v.report.Bound == nil {
		return
	}
	before := len(v.report.Faults)
	for _, g := range []struct {
		name string
		in   *float64
		less float64
	}{{"gap", c.Gap, 0}, {"gap_net", c.GapNet, borders}} {
		objective, bound := *c.Objective-g.less, *c.Bound-g.less
		least := math.Max(math.Abs(objective), 1e-9)
		want := (objective - bound) / least
		if g.in == nil {
			v.fault("certificate.json 缺少 %s · %s is missing", g.name, g.name)
		} else if off := math.Abs(*c.Objective) + math.Abs(*c.Bound) + g.less*(1+math.Abs(want)); !same(*g.in, want, rounding*off/least, 1e-9) {
			v.fault("%s 应为 %.10g，证书为 %.10g · %s differs", g.name, want, *g.in, g.name)
		}
	}
	if len(v.report.Faults) == before {
		v.checked("gap %.6g、gap_net %.6g 重算一致 · gaps recomputed", *c.Gap, *c.GapNet)
	}
	v.verifyOrder()
}

// tolerance is the difference between objective and bound up to which a plan is
// called optimal.
func (v *verifier) tolerance() float64 {
	return 1e-9*math.Max(1, math.Abs(*v.report.Objective)) + v.boundError
}

// verifyOrder: no plan that obeys the constraints costs less than the bound, and
// one that misses them within the tolerance undercuts it by the price of what it
// misses at most. What decimals lose as doubles is nobody's saving.
func (v *verifier) verifyOrder() {
	objective, bound := *v.report.Objective, *v.report.Bound
	worth := 0.0
	for k, m := range v.multipliers {
		worth += math.Abs(m) * v.missed[k]
		v.undercut += math.Abs(m) * math.Min(v.missed[k], rounding*v.rowSize[k])
	}
	switch tolerance := v.tolerance() + v.undercut; {
	case bound > objective+tolerance+worth*(1+1e-9):
		v.fault("下界 %.17g 大于目标值 %.17g，两者不能同真 · the bound exceeds the objective", bound, objective)
	case bound > objective+tolerance && len(v.report.Faults) == 0:
		v.unchecked("方案只在容差之内满足约束，目标值比下界还小 %.3g · the plan obeys the constraints within the tolerance only, and costs less than the bound", bound-objective)
	}
}

// verifyStronger says what can be said of a bound that rests on more than the sum.
func (v *verifier) verifyStronger(c *Certificate) {
	s := c.BoundStronger
	if s == nil {
		return
	}
	objective, tolerance := *v.report.Objective, v.tolerance()
	if s.Value > objective+tolerance {
		v.fault("bound_stronger %.17g 大于目标值 %.17g · bound_stronger exceeds the objective", s.Value, objective)
	}
	if strings.TrimSpace(s.RestsOn) == "" {
		v.fault("bound_stronger 未说明依据 · bound_stronger does not say what it rests on")
	}
	if v.report.Bound == nil {
		v.unchecked("bound_stronger %.10g 依据 %q，文件不能证明 · rests on more than the files prove", s.Value, s.RestsOn)
		return
	}
	switch bound := *v.report.Bound; {
	case s.Value <= bound-tolerance:
		v.fault("bound_stronger %.17g 小于 bound %.17g · bound_stronger is below the bound", s.Value, bound)
	case s.Value <= bound+tolerance:
		v.checked("bound_stronger %.10g 不超过下界 · bound_stronger is no more than the bound", s.Value)
	default:
		v.unchecked("bound_stronger %.10g 依据 %q，文件只证明下界 %.10g · rests on more than the files prove, which is %.10g", s.Value, s.RestsOn, bound, bound)
	}
}

// verifyOptimal: the bound that the files prove reaches the objective, or one that
// is named does.
func (v *verifier) verifyOptimal(c *Certificate) {
	objective, tolerance := *v.report.Objective, v.tolerance()
	near := func(bound float64, times float64) bool {
		return objective-bound <= times*tolerance && bound-objective <= times*tolerance+v.undercut
	}
	if v.report.Bound != nil && near(*v.report.Bound, 1) {
		v.checked("下界达到目标值，方案最优 · the bound reaches the objective: the plan is optimal")
		v.report.Proved = c.Status // feasible says less, and is no less true
		return
	}
	switch s := c.BoundStronger; {
	case c.Status != Optimal:
	case s == nil:
		v.fault("status 为 optimal，但没有下界达到目标值 %.17g · optimal is not proved: no bound reaches the objective", objective)
	case v.report.Bound != nil && *v.report.Bound > objective+tolerance+v.undercut:
		v.fault("status 为 optimal，但目标值低于下界 · optimal is claimed of a plan below the bound")
	case !near(s.Value, 2):
		v.fault("status 为 optimal，但 bound_stronger %.17g 未达目标值 · optimal is not proved", s.Value)
	default:
		v.unchecked("optimal 依据 bound_stronger，文件只证明 feasible · optimal rests on bound_stronger; the files prove that the plan is feasible")
	}
}
