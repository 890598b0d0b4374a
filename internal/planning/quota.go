package planning

import (
	"fmt"
	"math"
	"regexp"
	"slices"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// Quota is a bound (指标) on what a township, or with an empty Township the
// county, brings in or lets go: net area in m², at least Min and at most Max.
// Exempt outflow is not counted.
type Quota struct {
	Township  string     `json:"township,omitempty"`
	Direction string     `json:"direction"`
	Measure   Measure    `json:"measure,omitempty"` // area if empty
	Min       *land.Area `json:"min_m2,omitempty"`
	Max       *land.Area `json:"max_m2,omitempty"`
}

var townshipCode = regexp.MustCompile(`^[0-9]{9}$`)

func (q Quota) measure() Measure {
	if q.Measure == "" {
		return MeasureArea
	}
	return q.Measure
}

func (q Quota) check(i int) error {
	bad := func(zh, en string) error {
		return badOptions("quotas 第 %d 项：%s。 Quota %d: %s.", i+1, zh, i+1, en)
	}
	switch {
	case q.Direction != "in" && q.Direction != "out":
		return bad("direction 应为 in 或 out", "direction must be in or out")
	case !slices.Contains(measures, q.measure()):
		return bad("measure 应为 area、paddy 或 quality", "measure must be area, paddy or quality")
	case q.Township != "" && !townshipCode.MatchString(q.Township):
		return bad("township 应为 9 位乡镇代码，全县则不填", "township must be a 9-digit code, or left out for the county")
	case q.Min == nil && q.Max == nil:
		return bad("min_m2、max_m2 至少填一项", "give min_m2 or max_m2")
	case q.Min != nil && *q.Min < 0 || q.Max != nil && *q.Max < 0:
		return bad("面积不得为负", "areas must not be negative")
	case q.Min != nil && q.Max != nil && *q.Min > *q.Max:
		return bad("min_m2 大于 max_m2", "min_m2 is more than max_m2")
	}
	return nil
}

// text says the quota as a rule, e.g. 东乡转出数量不超过 300.00 m²（0.45 亩）.
func (q Quota) text(names map[string]string, least bool) string {
	place, bound, word := "全县", q.Max, "不超过"
	if q.Township != "" {
		place = names[q.Township]
	}
	if least {
		bound, word = q.Min, "不少于"
	}
	return fmt.Sprintf("%s%s%s%s %s", place, directionZH(q.Direction), q.measure().zh(), word, areaZH(*bound))
}

// addQuotas adds a row for every bound. What goes is Σ g·(1 − s), so that a
// bound on it turns round. Margins of half a thousandth of a hundredth keep a
// plan that meets a bound to the last 0.01 m² from hanging on how decimals
// round as binary fractions.
func (m *model) addQuotas(f *fields, s *survey, o Options) error {
	names := map[string]string{}
	for _, t := range s.townships {
		names[t.code] = t.name
	}
	for i, q := range o.Quotas {
		if q.Township != "" && names[q.Township] == "" {
			return badOptions("quotas 第 %d 项的乡镇 %s 不在行政区图层中。 Quota %d names township %s, which the XZQ layer does not have.", i+1, q.Township, i+1, q.Township)
		}
		id := fmt.Sprintf("quota/%d/%s/%s/%s", i+1, q.Direction, q.measure(), q.Township)
		if q.Min != nil {
			m.addQuota(f, q, id+"/min", *q.Min, true, q.text(names, true))
		}
		if q.Max != nil {
			m.addQuota(f, q, id+"/max", *q.Max, false, q.text(names, false))
		}
	}
	return nil
}

func (m *model) addQuota(f *fields, q Quota, id string, bound land.Area, least bool, text string) {
	const margin = 5e-6 // m²
	p := m.problem
	k := int32(len(p.Constraints))
	var total land.Area
	for _, i := range f.open {
		u := &f.units[i]
		if u.c.direction != q.Direction || q.Township != "" && u.c.township != q.Township {
			continue
		}
		g := u.of(q.measure())
		if g == 0 {
			continue
		}
		total += g
		p.Terms = append(p.Terms, balance.Term{Constraint: k, Unit: int32(i), Coefficient: g.Float64()})
	}
	sense := balance.AtMost
	if least {
		sense = balance.AtLeast
	}
	if q.Direction == "out" {
		bound = total - bound
		sense = map[balance.Sense]balance.Sense{balance.AtLeast: balance.AtMost, balance.AtMost: balance.AtLeast}[sense]
	}
	rhs := bound.Float64() + margin
	if sense == balance.AtLeast {
		rhs = bound.Float64() - margin
	}
	p.Constraints = append(p.Constraints, balance.Constraint{ID: id, Sense: sense, RHS: math.Round(rhs*1e7) / 1e7})
	m.rows = append(m.rows, row{quota: text})
}
