package planning

import (
	"strings"

	"gengheng/internal/balance"
)

// unfound says why there is no plan to show, as far as that is known: because
// what is asked contradicts itself, because time was short, or because the search
// had come to its end, when more time would not help. patches is nil where the
// patch rule is not asked for.
func unfound(s *balance.Solution, patches *balance.PatchReport, conflicts []DraftConflict) (zh, en string) {
	switch {
	case len(conflicts) > 0:
		return contradicted(s, conflicts)
	case patches != nil && patches.ObjectiveWithout != nil && s.OutOfTime:
		return "不计连片规则的方案已经找到，守住连片规则的方案限时内既没有找到，也没有证明不存在；请加大限时，或放宽最小连片面积后再编制。",
			"There is a plan without the patch rule; within the time limit none that keeps it was found, nor was it proved that there is none. Raise the time limit or lower the least patch."
	case patches != nil && patches.ObjectiveWithout != nil:
		return "不计连片规则的方案已经找到，守住连片规则的方案没有找到，也没有证明不存在；搜索已尽，并非时间不够，请放宽最小连片面积，或放开已定的地块。",
			"There is a plan without the patch rule; none that keeps it was found, nor was it proved that there is none. The search had come to its end, so that more time would not help: lower the least patch or release decisions."
	case s.OutOfTime:
		return "限时内既没有找到方案，也没有证明不存在方案；请加大限时后再求解。",
			"Within the time limit no plan was found, nor was it proved that there is none; search on with a longer limit."
	}
	return "没有找到方案，也没有证明不存在方案；搜索已尽，并非时间不够，加大限时不会有别的结果，请放宽指标，或放开已定的地块。",
		"No plan was found, nor was it proved that there is none. The search had come to its end, so that more time would not help: ease quotas or release decisions."
}

// contradicted names what cannot be kept together, which is proved.
func contradicted(s *balance.Solution, conflicts []DraftConflict) (zh, en string) {
	var said, saidEN []string
	for _, c := range conflicts {
		said, saidEN = append(said, c.MessageZH), append(saidEN, c.MessageEN)
	}
	zh, en = "没有方案能守住全部规则。"+strings.Join(said, ""), "No plan keeps all rules. "+strings.Join(saidEN, " ")
	if s.OutOfTime {
		zh += "缺口最小的安排限时内没有算出。"
		en += " The plan of least shortfall was not found in time."
	}
	return zh, en
}
