package planning

import (
	"fmt"
	"math"
	"strings"

	"gengheng/internal/balance"
)

// conclude turns the engine's answer into what will be stored.
// patches is what the patch rule costs; nil where it is not asked for.
func conclude(s *survey, f *fields, m *model, o Options, solution *balance.Solution, patches *balance.PatchReport) (*outcome, error) {
	var out *outcome
	switch solution.Status {
	case balance.Optimal, balance.Feasible:
		farmland := solution.Selected[:len(f.units)]
		var err error
		if out, err = settle(s, f, m, o, farmland, solution.Multipliers); err != nil {
			return nil, err
		}
		out.summarise(s, f, o, farmland)
		out.priceTownships(m, solution)
		out.certify(m, f, o, solution)
	case balance.Infeasible:
		out = unbalanced(s, f, m, o, solution.Infeasibility)
		out.summary.Status = string(solution.Status)
	default:
		zh, en := unfound(solution, patches, m.sayConflicts(s, balance.CheckLocks(m.problem), o.locks()))
		return nil, refuse("plan-not-found", "没有找到方案 · No plan was found",
			"%s（限时 time_limit_s = %g 秒，用时 %.1f 秒。） %s (The limit time_limit_s was %g s, the search took %.1f s.)",
			zh, o.TimeLimit, solution.Seconds, en, o.TimeLimit, solution.Seconds)
	}
	return out, nil
}

// certify says in the summary what is proved of the plan.
func (out *outcome) certify(m *model, f *fields, o Options, solution *balance.Solution) {
	sum := &out.summary
	sum.Objective, sum.Bound, sum.Gap, sum.GapNet = solution.Objective, solution.Bound, solution.Gap, solution.GapNet
	sum.Captured = captured(m.idle(f, o), solution)
	sum.Status = string(solution.Status)
	sum.Message = sum.message()
}

// captured is the share of the improvement over doing nothing that is proved to
// be possible at most and that the plan achieves; nil where doing nothing is
// proved to be as good.
func captured(idle float64, solution *balance.Solution) *float64 {
	if solution.Objective == nil || solution.Bound == nil || idle-*solution.Bound <= 1e-9*math.Abs(idle) {
		return nil
	}
	v := math.Min((idle-*solution.Objective)/(idle-*solution.Bound), 1)
	if solution.Status == balance.Optimal {
		v = 1 // proved by search, further than the bound reaches
	}
	return &v
}

// unbalanced is the outcome where no plan can keep the rules: nothing is
// chosen, and what is missing is said by township.
func unbalanced(s *survey, f *fields, m *model, o Options, why *balance.Infeasibility) *outcome {
	out := &outcome{}
	for _, t := range s.townships {
		out.townships = append(out.townships, TownshipBalance{Code: t.code, Name: t.name})
	}
	for _, c := range s.candidates {
		p := parcelRow{direction: c.direction, number: c.number, township: c.township,
			net: c.net, paddy: c.paddy, grade: c.grade, geom: c.geom, reason: outsideReason(c)}
		if p.takesPart = o.takesPart(c); p.takesPart {
			p.reason = "未形成方案：现有候选地块无法满足全部平衡要求。"
		}
		out.parcels = append(out.parcels, p)
	}
	out.summarise(s, f, o, f.before())
	out.summary.Shortfalls = m.shortfalls(s, why)
	out.summary.Message = infeasibleZH(out.summary.Shortfalls, why)
	return out
}

// missesLeast says whether it is proved that no plan misses less than the one that
// was found. Both are sums over rows, in the rows' own units.
func missesLeast(why *balance.Infeasibility) bool {
	return why != nil && why.Shortfall <= why.ShortfallBound*(1+1e-6)+1e-6
}

func infeasibleZH(shortfalls []Shortfall, why *balance.Infeasibility) string {
	texts := make([]string, 0, len(shortfalls))
	for _, sf := range shortfalls {
		texts = append(texts, sf.Message)
	}
	message := "在所列规则和已指定的地块下没有可行方案。"
	if len(texts) > 0 {
		plan := "缺口最小的安排仍有："
		if !missesLeast(why) {
			plan = "目前找到的安排（未证明缺口最小）仍有："
		}
		message += plan + strings.Join(texts, "；") + "。"
	}
	return message
}

// shortfalls names the rows that the plan of least shortfall misses.
func (m *model) shortfalls(s *survey, why *balance.Infeasibility) []Shortfall {
	names := map[string]string{}
	for _, t := range s.townships {
		names[t.code] = t.name
	}
	index := map[string]int{}
	for k, c := range m.problem.Constraints {
		index[c.ID] = k
	}
	list := []Shortfall{}
	if why == nil {
		return list
	}
	for _, missed := range why.Missed {
		k, known := index[missed.Constraint]
		if !known {
			continue
		}
		r := m.rows[k]
		sf := Shortfall{Measure: r.measure, Township: r.town, Amount: missed.Shortfall, Price: missed.Price}
		switch {
		case r.quota != "":
			sf.Message = fmt.Sprintf("%s，差 %.2f m²（%.2f 亩）", r.quota, missed.Shortfall, missed.Shortfall*0.0015)
		case r.measure == "":
			a, b := m.claimants(k)
			sf.Amount = 0
			sf.Message = fmt.Sprintf("%s 与 %s 占用同一块地，不能同时纳入", a, b)
		case r.town == "":
			sf.Message = fmt.Sprintf("全县%s短缺 %.2f m²（%.2f 亩）", r.measure.zh(), missed.Shortfall, missed.Shortfall*0.0015)
		default:
			sf.Message = fmt.Sprintf("%s%s短缺 %.2f m²（%.2f 亩）", names[r.town], r.measure.zh(), missed.Shortfall, missed.Shortfall*0.0015)
		}
		list = append(list, sf)
	}
	return list
}

// claimants names the two candidates of an overlap row.
func (m *model) claimants(k int) (a, b string) {
	var ids []string
	for _, t := range m.problem.Terms {
		if int(t.Constraint) == k {
			ids = append(ids, m.problem.Units[t.Unit].ID)
		}
	}
	return ids[0], ids[1]
}
