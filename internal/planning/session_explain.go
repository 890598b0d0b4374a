package planning

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// Reason is why a parcel is, or is not, in the plan of a session: the terms of
// the reduced cost of its land being farmland, in the plan's cost unit.
type Reason struct {
	DraftParcel
	Exempt bool   `json:"exempt"`
	Text   string `json:"reason_zh"`
	Terms  []Term `json:"terms"`
	// Cost is the sum of the terms: below 0 farmland is the better choice.
	// Boundary is farmland's boundary that it adds, in metres.
	Cost        float64      `json:"cost"`
	Boundary    float64      `json:"boundary_m"`
	Replacement *Replacement `json:"replacement,omitempty"`
}

// Term is one term of a reason.
type Term struct {
	Name    string     `json:"term"`
	Cost    float64    `json:"cost"`
	LabelZH string     `json:"label_zh"`
	LabelEN string     `json:"label_en"`
	Amount  *land.Area `json:"amount_m2,omitempty"`
}

// Replacement (替代成本) is what it costs to decide the parcel the other way. Every plan that
// does so costs AtLeast more; plan B, which does so, costs AtMost more and
// decides Changes otherwise, the parcel itself first.
type Replacement struct {
	// Possible is yes where plan B was found, no where it is proved that there is
	// none, else unknown.
	Possible  string   `json:"possible"`
	AtLeast   *float64 `json:"at_least,omitempty"`
	AtMost    *float64 `json:"at_most,omitempty"`
	Bound     *float64 `json:"bound,omitempty"`
	Objective *float64 `json:"objective,omitempty"`
	Changes   []string `json:"changes"`
	MessageZH string   `json:"message_zh"`
	MessageEN string   `json:"message_en"`
	Seconds   float64  `json:"seconds"`
}

// Explain says why the newest revision has a parcel, or has it not; with limit
// above 0 also what it would cost to decide it the other way, found within it.
func (s *Session) Explain(ctx context.Context, direction, number string, limit time.Duration) (*Reason, error) {
	r := s.now.Load()
	i := slices.IndexFunc(r.parcels, func(p DraftParcel) bool { return p.Direction == direction && p.Number == number })
	if r.out == nil {
		zh, en := unfound(r.solution, nil, r.m.sayConflicts(r.base.s, r.conflicts, r.o.locks()))
		return nil, refuse("plan-session-no-plan", "没有方案可供说明 · There is no plan to explain", "%s %s", zh, en)
	}
	if i < 0 {
		return nil, refuse("candidate-not-found", "没有这个申报地块 · No such candidate",
			"本次筛查没有%s申报地块 %s。 The run has no such candidate.", directionZH(direction), number)
	}
	c := r.out.parcels[i].c
	reason := &Reason{DraftParcel: r.parcels[i], Exempt: c.exempt, Terms: []Term{}}
	u := r.out.parcels[i].unit
	if u < 0 {
		reason.Text = outsideReason(c)
		return reason, nil
	}
	farmland := r.farmland()
	unit := &r.base.f.units[u]
	reason.Text = r.m.reason(r.base.f, u, farmland, r.solution.Multipliers, reason.Lock != "")
	w := r.m.weigh(r.base.f, u, farmland, r.solution.Multipliers)
	reason.Terms, reason.Cost, reason.Boundary = w.terms(unit), w.sum(), float64(w.boundary)/100
	if limit > 0 && r.solution.Selected != nil {
		if err := s.desk.solving.await(ctx); err != nil {
			return nil, err
		}
		defer s.desk.solving.leave()
		var err error
		if reason.Replacement, err = r.replace(ctx, unit, reason.Chosen, limit); err != nil {
			return nil, err
		}
	}
	return reason, nil
}

// farmland is the plan that is shown, by unit.
func (r *revision) farmland() []bool {
	if r.solution.Selected != nil {
		return r.solution.Selected[:len(r.base.f.units)]
	}
	farmland := make([]bool, len(r.base.f.units))
	for u := range farmland {
		farmland[u] = r.solution.Infeasibility.Plan[u].Selected == 1
	}
	return farmland
}

func (w worth) terms(unit *unit) []Term {
	own := Term{Name: "own", Cost: w.own, LabelZH: "整治代价", LabelEN: "cost of bringing it in"}
	if unit.out() {
		own.LabelZH, own.LabelEN = "不同意转出的代价", "cost of refusing it"
	}
	list := []Term{own}
	names := map[Measure]string{MeasureArea: "area", MeasurePaddy: "paddy", MeasureQuality: "quality"}
	for _, m := range measures {
		if unit.of(m) != 0 || w.value[m] != 0 {
			amount := unit.of(m)
			list = append(list, Term{Name: string(m), Cost: 0 - w.value[m], LabelZH: m.zh() + "平衡价值", LabelEN: "worth to the balance of " + names[m], Amount: &amount})
		}
	}
	if w.overlap != 0 {
		list = append(list, Term{Name: "overlap", Cost: w.overlap, LabelZH: "与重叠地块取舍的代价", LabelEN: "price of the land that others claim too"})
	}
	if w.quota != 0 {
		list = append(list, Term{Name: "quota", Cost: w.quota, LabelZH: "指标约束的代价", LabelEN: "price of quotas"})
	}
	return append(list, Term{Name: "boundary", Cost: w.edges, LabelZH: "连片（边界增减）", LabelEN: "boundary added or removed"})
}

// replace forces the parcel the other way and solves again.
func (r *revision) replace(ctx context.Context, unit *unit, chosen bool, limit time.Duration) (*Replacement, error) {
	began := time.Now()
	search := r.o.search()
	warm, err := balance.ResumeSession(r.m.problem, r.solution, search)
	if err != nil {
		return nil, fmt.Errorf("replacement of %s: %w", unit.id, err)
	}
	x, err := warm.Replacement(ctx, unit.id, limit)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("replacement of %s: %w", unit.id, err)
	}
	out := &Replacement{Possible: "unknown", AtLeast: x.AtLeast, AtMost: x.AtMost, Bound: x.Bound, Objective: x.Objective, Changes: nonNil(x.Changes)}
	switch {
	case x.Impossible:
		out.Possible = "no"
	case x.Objective != nil:
		out.Possible = "yes"
	}
	out.say(unit, chosen, x.OutOfTime)
	out.Seconds = time.Since(began).Seconds()
	return out, nil
}

func (x *Replacement) say(unit *unit, chosen, outOfTime bool) {
	does := map[bool]map[bool][2]string{
		true:  {true: {"不选入", "not bringing it in"}, false: {"选入", "bringing it in"}},
		false: {true: {"不同意转出", "refusing it"}, false: {"同意转出", "letting it go"}},
	}[unit.in()][chosen]
	if x.Possible == "no" {
		x.MessageZH = fmt.Sprintf("若改为%s，没有方案能守住全部规则（已证明）。", does[0])
		x.MessageEN = fmt.Sprintf("Proved: with %s no plan keeps all rules.", does[1])
		return
	}
	x.MessageZH, x.MessageEN = "若改为"+does[0], "With "+does[1]
	switch {
	case x.AtLeast != nil && *x.AtLeast >= 0.05:
		x.MessageZH += "，任何方案的代价至少增加 " + points(*x.AtLeast) + "（已证明）"
		x.MessageEN += ", every plan costs at least " + points(*x.AtLeast) + " more (proved)"
	case x.AtLeast != nil:
		x.MessageZH += "，代价可能不增加"
		x.MessageEN += ", it may cost no more"
	}
	if x.AtMost == nil {
		if outOfTime {
			x.MessageZH += "；限时内没有找到替代方案，也没有证明不存在。"
			x.MessageEN += "; within the time limit no such plan was found, nor was it proved that there is none."
			return
		}
		x.MessageZH += "；没有找到替代方案，也没有证明不存在（搜索已尽，并非时间不够）。"
		x.MessageEN += "; no such plan was found, nor was it proved that there is none (the search had come to its end)."
		return
	}
	more := "增加 " + points(*x.AtMost)
	if *x.AtMost < 0 {
		more = "减少 " + points(-*x.AtMost)
	}
	x.MessageZH += fmt.Sprintf("；替代方案的代价%s", more)
	x.MessageEN += fmt.Sprintf("; the plan found costs %s more", points(*x.AtMost))
	if n := len(x.Changes) - 1; n > 0 {
		x.MessageZH += fmt.Sprintf("，另有 %d 个地块随之改变：%s", n, firstFew(x.Changes[1:]))
		x.MessageEN += fmt.Sprintf(" and decides %d more otherwise", n)
	}
	x.MessageZH += "。"
	x.MessageEN += "."
}

func firstFew(keys []string) string {
	const few = 5
	text := strings.Join(keys[:min(len(keys), few)], "、")
	if len(keys) > few {
		text += " 等"
	}
	return text
}
