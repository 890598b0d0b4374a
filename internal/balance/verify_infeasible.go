package balance

import "math"

// verifyInfeasibility checks infeasibility.json: its plan, what it misses, what is
// proved of every plan, and the contradictions that it names.
func (v *verifier) verifyInfeasibility() {
	var inf Infeasibility
	if !v.readJSON("infeasibility.json", &inf) {
		return
	}
	selected, flows, ok := v.leastPlan(&inf)
	if !ok {
		return
	}
	v.checkFixed(selected)
	v.checkFlowBoxes(flows)
	all, _, rows := v.evaluate(selected, flows)
	if !v.addsUp(&all, rows) {
		return
	}
	if inf.Objective == nil {
		v.fault("infeasibility.json 缺少 objective · objective is missing")
	} else if !same(*inf.Objective, all.total(), all.error(), 0) {
		v.fault("infeasibility.json 的 objective 应为 %.17g，文件为 %.17g · the plan's objective differs", all.total(), *inf.Objective)
	}
	mu, given, ok := v.proofMultipliers(&inf)
	if !ok {
		return
	}
	v.checkMissed(&inf, rows, mu)
	v.checkProof(&inf, mu, given)
	v.checkConflicts(&inf, flows)
}

func (v *verifier) leastPlan(inf *Infeasibility) ([]bool, []float64, bool) {
	selected, seen := make([]bool, len(v.p.Units)), make([]bool, len(v.p.Units))
	for at, s := range inf.Plan {
		i, known := v.unitAt(s.Unit, at)
		if !known || seen[i] || (s.Selected != 0 && s.Selected != 1) {
			v.fault("infeasibility.json 的 plan 中单元 %q 不存在、重复或取值错误 · unknown, repeated or bad unit", s.Unit)
			return nil, nil, false
		}
		seen[i], selected[i] = true, s.Selected == 1
	}
	flows, seenFlows := make([]float64, len(v.p.Flows)), make([]bool, len(v.p.Flows))
	for _, f := range inf.Flows {
		i, known := v.flow[f.Flow]
		if !known || seenFlows[i] {
			v.fault("infeasibility.json 的 flows 中 %q 不存在或重复 · unknown or repeated flow", f.Flow)
			return nil, nil, false
		}
		seenFlows[i], flows[i] = true, f.Value
	}
	return selected, flows, v.complete("infeasibility.json plan", nil, seen) && v.complete("infeasibility.json flows", nil, seenFlows)
}

// proofMultipliers reads the multipliers; given is false where there are none at
// all, as a search may end without.
func (v *verifier) proofMultipliers(inf *Infeasibility) (mu []float64, given, ok bool) {
	mu, seen := make([]float64, len(v.p.Constraints)), make([]bool, len(v.p.Constraints))
	if len(inf.Multipliers) == 0 && inf.Proof == "search" {
		return mu, false, true
	}
	for _, m := range inf.Multipliers {
		k, known := v.row[m.Constraint]
		if !known || seen[k] {
			v.fault("infeasibility.json 的乘子 %q 不存在或重复 · unknown or repeated multiplier", m.Constraint)
			return nil, false, false
		}
		seen[k], mu[k] = true, m.Multiplier
	}
	return mu, true, v.complete("infeasibility.json multipliers", nil, seen) && v.checkSigns(mu)
}

func (v *verifier) checkMissed(inf *Infeasibility, rows []tally, mu []float64) {
	before := len(v.report.Faults)
	listed := map[string]*MissedRow{}
	for i := range inf.Missed {
		m := &inf.Missed[i]
		if listed[m.Constraint] != nil {
			v.fault("约束 %q 在 missed 中重复 · missed twice", m.Constraint)
		}
		if _, known := v.row[m.Constraint]; !known {
			v.fault("missed 中的约束 %q 不存在 · unknown constraint", m.Constraint)
		}
		listed[m.Constraint] = m
	}
	if len(listed) == 0 {
		v.fault("missed 为空，方案满足所有约束，并非无解 · nothing is missed, so the problem is feasible")
	}
	var total tally
	slip := 0.0
	for k := range rows {
		con := &v.p.Constraints[k]
		miss := missedBy(con, rows[k].total())
		total.plus(miss)
		slip += missSlip(con, &rows[k], miss)
		m := listed[con.ID]
		switch beyond := miss - v.granted[k]; {
		case m == nil && beyond > 0:
			v.fault("约束 %q 缺 %.10g，未列入 missed · missed but not listed", con.ID, miss)
		case m != nil && beyond < -1e-9*v.granted[k]:
			v.fault("约束 %q 已满足，却列入 missed · listed as missed, but it is met", con.ID)
		case m != nil:
			v.checkMissedRow(m, con, &rows[k], math.Abs(mu[k]))
		}
	}
	if !same(total.total(), inf.Shortfall, slip, 0) {
		v.fault("shortfall 应为 %.17g，文件为 %.17g · the total shortfall differs", total.total(), inf.Shortfall)
	}
	v.agreed(before, "方案缺 %d 条约束，共 %.10g · the plan misses %d constraints", len(inf.Missed), inf.Shortfall, len(inf.Missed))
}

// missSlip is what a shortfall may be off by: it is the difference of two numbers
// that are themselves rounded.
func missSlip(con *Constraint, row *tally, miss float64) float64 {
	if miss == 0 {
		return 0
	}
	return row.error() + rounding*(math.Abs(row.total())+math.Abs(con.RHS))
}

// checkMissedRow names the first field that differs.
func (v *verifier) checkMissedRow(m *MissedRow, con *Constraint, row *tally, price float64) {
	value := row.total()
	differs := func(field string, want, is any) {
		v.fault("missed 中约束 %q 的 %s 应为 %v，文件为 %v · %s of the missed constraint differs", con.ID, field, want, is, field)
	}
	switch miss := missedBy(con, value); {
	case m.Sense != con.Sense.String():
		differs("sense", con.Sense, m.Sense)
	case m.RHS != con.RHS:
		differs("rhs", con.RHS, m.RHS)
	case !same(m.Value, value, row.error(), 0):
		differs("value", value, m.Value)
	case !same(m.Shortfall, miss, missSlip(con, row, miss), 0):
		differs("shortfall", miss, m.Shortfall)
	case m.Price != price:
		differs("price", price, m.Price)
	}
}

// checkProof recomputes what the multipliers prove: with every cost taken as 0, a
// plan that obeyed all constraints would make their sum 0 or less, and one that
// misses s in all makes it s times the largest multiplier at most.
func (v *verifier) checkProof(inf *Infeasibility, mu []float64, given bool) {
	sum, sure := v.sum(mu, nil, false)
	if !sure {
		return
	}
	value, largest, slack := sum.total(), 1.0, 0.0
	for k, m := range mu {
		largest = math.Max(largest, math.Abs(m))
		slack += math.Abs(m) * v.granted[k]
	}
	if !same(value, inf.ProofValue, sum.error(), 1e-9) {
		v.fault("proof_value 应为 %.17g，文件为 %.17g · proof_value differs", value, inf.ProofValue)
	}
	switch inf.Proof {
	case "multipliers":
		if !given || !(value > slack) {
			v.fault("乘子不能证明无解（%.10g，容差 %.3g） · the multipliers prove nothing", value, slack)
			return
		}
		v.report.Proved = Infeasible
		v.checked("乘子证明无解（%.10g > 0） · the multipliers prove that no plan exists", value)
	case "search":
		if given && value > slack*(1+1e-3) {
			v.fault("乘子已证明无解（%.10g > 0），proof 应为 multipliers · the multipliers prove it, so proof must be \"multipliers\"", value)
			return
		}
		v.report.Proved = Unknown
		v.unchecked("无解由穷尽搜索得出，文件不能证明 · infeasibility rests on an exhausted search, which the files do not prove")
	default:
		v.fault("proof 未知 %q · unknown proof", inf.Proof)
		return
	}
	v.checkShortfallBound(inf, math.Max(0, value/largest), sum.error())
}

// checkShortfallBound holds shortfall_bound to what the multipliers prove, and says
// whether the plan is shown to be of least shortfall.
func (v *verifier) checkShortfallBound(inf *Infeasibility, proved, error float64) {
	within := error + 1e-9*math.Max(proved, inf.Shortfall)
	for _, g := range v.granted {
		within = math.Max(within, error+1e-9*inf.Shortfall+g)
	}
	claimed := inf.ShortfallBound
	switch slip := error + 1e-9*proved; {
	case claimed > inf.Shortfall+within:
		v.fault("shortfall_bound %.10g 大于 shortfall %.10g · shortfall_bound exceeds the plan's shortfall", claimed, inf.Shortfall)
		return
	case claimed < proved-slip:
		v.fault("shortfall_bound 应为 %.17g，文件为 %.17g · the multipliers prove more than shortfall_bound says", proved, claimed)
		return
	case claimed <= proved+slip:
		v.checked("任何方案至少缺 %.10g，由乘子重算一致 · shortfall_bound recomputed: no plan misses less", claimed)
	default:
		v.unchecked("shortfall_bound %.10g 依据搜索，乘子只证明至少缺 %.10g · shortfall_bound rests on a search; the multipliers prove %.10g", claimed, proved, proved)
	}
	switch {
	case inf.Shortfall <= proved+within:
		v.checked("方案的缺口最小，由乘子证明 · the multipliers prove that no plan misses less than this one")
	case inf.Shortfall <= claimed+within:
		v.unchecked("方案的缺口 %.10g 最小，依据搜索 · that the plan's shortfall is the least rests on a search", inf.Shortfall)
	default:
		v.unchecked("方案的缺口 %.10g 未证明最小，只知至少缺 %.10g · the plan's shortfall is not shown to be the least; the least is %.10g or more", inf.Shortfall, claimed, claimed)
	}
}
