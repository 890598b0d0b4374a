package balance

import "math"

// verifyInfeasibility checks infeasibility.json: its plan, what it misses, and,
// where multipliers are the proof, the proof.
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
	objective, _, rows := v.evaluate(selected, flows)
	if inf.Objective != nil && !agree(*inf.Objective, objective, 1e-9, 1e-6) {
		v.fault("infeasibility.json 的 objective 应为 %.10g，文件为 %.10g · the plan's objective differs", objective, *inf.Objective)
	}
	v.checkMissed(&inf, rows)
	if inf.ShortfallBound > inf.Shortfall+1e-6+1e-9*math.Abs(inf.Shortfall) {
		v.fault("shortfall_bound 大于 shortfall · shortfall_bound exceeds the plan's shortfall")
	}
	v.checkProof(&inf)
	for i := range inf.Conflicts {
		v.checkConflict(&inf.Conflicts[i])
	}
}

// checkConflict checks the proof of a contradiction found before solving.
func (v *verifier) checkConflict(c *Conflict) {
	mu := make([]float64, len(v.p.Constraints))
	for _, m := range c.Rows {
		k, known := v.row[m.Constraint]
		if !known || mu[k] != 0 {
			v.fault("conflicts 中的约束 %q 不存在或重复 · unknown or repeated constraint", m.Constraint)
			return
		}
		mu[k] = m.Multiplier
	}
	if !v.checkSigns(mu) {
		return
	}
	value, sure := v.sum(mu, nil, false)
	if sure && (!agree(value, c.Missing, 1e-9, 1e-6) || !(value > 0)) {
		v.fault("conflicts 的 missing 应为 %.10g，文件为 %.10g · the conflict's sum differs", value, c.Missing)
	}
}

func (v *verifier) leastPlan(inf *Infeasibility) ([]bool, []float64, bool) {
	selected, seen := make([]bool, len(v.p.Units)), make([]bool, len(v.p.Units))
	for _, s := range inf.Plan {
		i, known := v.unitAt(s.Unit, 0)
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

func (v *verifier) checkMissed(inf *Infeasibility, rows []float64) {
	listed := map[string]MissedRow{}
	for _, m := range inf.Missed {
		if _, twice := listed[m.Constraint]; twice {
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
	for k, value := range rows {
		con := &v.p.Constraints[k]
		miss := missedBy(con, value)
		total.plus(miss)
		m, named := listed[con.ID]
		switch {
		case named && (m.Sense != con.Sense.String() || m.RHS != con.RHS || !agree(m.Value, value, 1e-9, 1e-6) || !agree(m.Shortfall, miss, 1e-9, 1e-6)):
			v.fault("约束 %q 的缺口应为 %.10g，文件为 %.10g · the shortfall differs from the plan's", con.ID, miss, m.Shortfall)
		case !named && miss > max(1e-6, 1e-9*math.Abs(con.RHS)):
			v.fault("约束 %q 缺 %.10g，未列入 missed · missed but not listed", con.ID, miss)
		}
	}
	if !agree(total.total(), inf.Shortfall, 1e-9, 1e-6) {
		v.fault("shortfall 应为 %.10g，文件为 %.10g · the total shortfall differs", total.total(), inf.Shortfall)
	}
	v.checked("最小缺口方案缺 %d 条约束，共 %.10g · the plan misses %d constraints", len(inf.Missed), inf.Shortfall, len(inf.Missed))
}

func (v *verifier) checkProof(inf *Infeasibility) {
	mu, seen := make([]float64, len(v.p.Constraints)), make([]bool, len(v.p.Constraints))
	for _, m := range inf.Multipliers {
		k, known := v.row[m.Constraint]
		if !known || seen[k] {
			v.fault("infeasibility.json 的乘子 %q 不存在或重复 · unknown or repeated multiplier", m.Constraint)
			return
		}
		seen[k], mu[k] = true, m.Multiplier
	}
	switch inf.Proof {
	case "multipliers":
		if !v.complete("infeasibility.json multipliers", nil, seen) || !v.checkSigns(mu) {
			return
		}
		value, sure := v.sum(mu, nil, false)
		if !sure {
			return
		}
		if !agree(value, inf.ProofValue, 1e-9, 1e-9) {
			v.fault("proof_value 应为 %.17g，文件为 %.17g · proof_value differs", value, inf.ProofValue)
		}
		if !(value > 0) {
			v.fault("乘子不能证明无解（%.10g ≤ 0） · the multipliers prove nothing", value)
			return
		}
		v.checked("乘子证明无解（%.10g > 0） · the multipliers prove that no plan exists", value)
	case "search":
		v.report.Unchecked = append(v.report.Unchecked, "无解由穷尽搜索得出，文件不能证明 · infeasibility rests on an exhausted search")
	default:
		v.fault("proof 未知 %q · unknown proof", inf.Proof)
	}
}
