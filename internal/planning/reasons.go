package planning

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"gengheng/internal/land"
)

// worth is why a unit is farmland or not: the terms of its reduced cost, in
// the plan's cost unit. Below zero in sum, farmland is the better choice.
type worth struct {
	own      float64             // its own cost
	value    map[Measure]float64 // what it is worth to the balances: μ·A
	overlap  float64             // what rows of overlapping candidates charge
	quota    float64             // what quotas charge
	boundary int64               // farmland's perimeter that it adds, cm
	edges    float64             // λ·boundary
}

func (w worth) sum() float64 {
	total := w.own + w.overlap + w.quota + w.edges
	for _, m := range measures {
		total -= w.value[m]
	}
	return total
}

// weigh looks at one unit beside the plan's other units. multipliers may be
// nil: then the balances have no prices.
func (m *model) weigh(f *fields, u int, farmland []bool, multipliers []float64) worth {
	w := worth{own: m.problem.Units[u].Cost, value: map[Measure]float64{}}
	for _, i := range m.terms[u] {
		t := m.problem.Terms[i]
		if multipliers == nil {
			break
		}
		v := multipliers[t.Constraint] * t.Coefficient
		switch r := m.rows[t.Constraint]; {
		case r.measure != "":
			w.value[r.measure] += v
		case r.quota != "":
			w.quota -= v
		default:
			w.overlap -= v
		}
	}
	for _, i := range f.ofUnit[u] {
		l := f.links[i]
		other := l.b
		if other == u {
			other = l.a
		}
		sign := int64(1)
		if other >= 0 && farmland[other] {
			sign = -1
		}
		w.boundary += sign * l.cm
		w.edges += float64(sign) * m.problem.Edges[i].Weight
	}
	return w
}

var verdictZH = map[string]string{
	"eligible": "符合", "eligible_after_clip": "裁剪后符合", "needs_review": "需人工核定",
	"forbidden": "禁止", "unknown": "资料不全、无法判定",
}

// outsideReason is for a candidate that the plan could not choose.
func outsideReason(c *candidate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "未参与平衡：筛查结论为“%s”", verdictZH[c.verdict])
	if why := screeningReasons(c.reasons); why != "" {
		b.WriteString("（" + why + "）")
	}
	b.WriteString("。")
	if c.verdict == "needs_review" {
		b.WriteString("人工核定通过后可纳入。")
	}
	return b.String()
}

// screeningReasons names the findings that decided a verdict, and the screening's
// notes, as in verdict.reasons.
func screeningReasons(raw json.RawMessage) string {
	var list []struct {
		Clause string `json:"clause"`
		Zh     string `json:"zh"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	var texts []string
	for _, r := range list {
		text := strings.TrimSpace(r.Clause + " " + r.Zh)
		if text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "；")
}

// reason says in plain words why the plan does what it does with a unit.
func (m *model) reason(f *fields, u int, farmland []bool, multipliers []float64, locked bool) string {
	unit := &f.units[u]
	if unit.exempt && !farmland[u] {
		return fmt.Sprintf("列入方案：国家安排的生态退耕 %s，不计入进出平衡。", areaZH(unit.c.net))
	}
	if unit.scattered && !locked {
		return fmt.Sprintf("未选：可新增耕地净面积 %s；即使全部候选地块都纳入，所在耕地片块仍小于最小连片面积，不便管护。", areaZH(unit.area))
	}
	w := m.weigh(f, u, farmland, multipliers)
	var b strings.Builder
	switch {
	case unit.in() && farmland[u]:
		b.WriteString("选入：新增耕地净面积 " + areaZH(unit.area))
	case unit.in():
		b.WriteString("未选：可新增耕地净面积 " + areaZH(unit.area))
	case farmland[u]:
		b.WriteString("暂不安排转出：涉及耕地净面积 " + areaZH(unit.area))
	default:
		b.WriteString("同意转出：减少耕地净面积 " + areaZH(unit.area))
	}
	if unit.paddy > 0 {
		b.WriteString("，其中水田 " + areaZH(unit.paddy))
	}
	b.WriteString("；" + w.text(unit) + "。")
	b.WriteString(verdictOf(unit, farmland[u], w.sum(), locked))
	return b.String()
}

func (w worth) text(unit *unit) string {
	var parts []string
	if unit.in() {
		parts = append(parts, "整治代价 "+points(w.own))
	} else {
		parts = append(parts, "不同意的代价 "+points(w.own))
	}
	for _, m := range measures {
		if v := w.value[m]; math.Abs(v) >= 0.05 {
			parts = append(parts, m.zh()+"平衡价值 "+points(v))
		}
	}
	if math.Abs(w.overlap) >= 0.05 {
		parts = append(parts, "与重叠地块取舍的代价 "+points(w.overlap))
	}
	if math.Abs(w.quota) >= 0.05 {
		parts = append(parts, "指标约束的代价 "+points(w.quota))
	}
	verb := "选入"
	if unit.out() {
		verb = "留作耕地"
	}
	switch {
	case w.boundary > 0:
		parts = append(parts, fmt.Sprintf("%s使耕地边界增加 %.1f m（代价 %s）", verb, float64(w.boundary)/100, points(w.edges)))
	case w.boundary < 0:
		parts = append(parts, fmt.Sprintf("%s更连片，使耕地边界减少 %.1f m（合 %s）", verb, -float64(w.boundary)/100, points(-w.edges)))
	}
	return strings.Join(parts, "，")
}

// verdictOf puts the sum into words. Where the sum alone would have said the
// opposite, the parcel goes with its neighbours, or fills a balance to the
// last square metre.
func verdictOf(unit *unit, farmland bool, sum float64, locked bool) string {
	if locked {
		return "该地块由人工指定。"
	}
	against := farmland == (sum > 0)
	total := "合计净代价 " + points(sum)
	if unit.out() {
		total = "留作耕地的" + total
	}
	switch {
	case math.Abs(sum) < 0.05:
		return total + "，取舍相当。"
	case unit.in() && farmland && !against:
		return total + "，选入划算。"
	case unit.in() && farmland:
		return total + "，单独不划算，为凑足平衡或与相邻地块一并成片而选入。"
	case unit.in() && !against:
		return total + "，选入不划算。"
	case unit.in():
		return total + "，单独划算，但平衡已由其他地块满足，未再选入。"
	case farmland && !against:
		return total + "，留作耕地更划算：现有转进不足以弥补，或留下更利于连片。"
	case farmland:
		return total + "，单独可以同意，但与其他地块合计超出了可平衡的数量。"
	case !against:
		return total + "，同意转出更划算。"
	}
	return total + "，单独看宜留作耕地，与相邻地块一并考虑后同意转出。"
}

// points writes an amount in the plan's cost unit.
func points(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		v = 0 // no -0.0
	}
	return fmt.Sprintf("%.1f", v)
}

func areaZH(a land.Area) string { return fmt.Sprintf("%s m²（%s 亩）", a, a.MuText()) }
