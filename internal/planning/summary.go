package planning

import (
	"fmt"
	"strings"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// Summary is the plan object of summary.json (contracts), as it is kept in
// plan.summary. Objective, Bound, Gap and GapNet are nil where there is no
// plan. The townships' amounts add up exactly to County's.
type Summary struct {
	Status          string            `json:"status"`
	Objective       *float64          `json:"objective"`
	Bound           *float64          `json:"bound"`
	Gap             *float64          `json:"gap"`
	GapNet          *float64          `json:"gap_net"`
	Townships       []TownshipBalance `json:"townships"`
	PerimeterBefore float64           `json:"perimeter_before_m"`
	PerimeterAfter  float64           `json:"perimeter_after_m"`
	PatchesBefore   int               `json:"patches_before"`
	PatchesAfter    int               `json:"patches_after"`

	// Captured is the share of the possible improvement over doing nothing
	// (every request refused, nothing brought in) that the plan is proved to
	// achieve at least; nil where there is none.
	Captured *float64 `json:"captured"`
	// County is the sum over the townships; Transfers counts the records.
	County    CountyBalance `json:"county"`
	Transfers int           `json:"transfers"`
	// In and Out count the candidates.
	In  Tally `json:"in"`
	Out Tally `json:"out"`
	// GradeIn and GradeOut are the area-weighted 等别 of what comes and goes,
	// nil where no grade is known.
	GradeIn  *float64 `json:"grade_in"`
	GradeOut *float64 `json:"grade_out"`
	// Options is what the plan was made with.
	Options Options `json:"options"`
	// Message says the result in a few Chinese sentences; Notes what a reader
	// should know about the data.
	Message string   `json:"message_zh"`
	Notes   []string `json:"notes"`
	// Patches says what the patch rule costs; nil where it is not asked for.
	Patches *balance.PatchReport `json:"patch_rule,omitempty"`
	// Shortfalls is what cannot be balanced where Status is infeasible.
	Shortfalls []Shortfall `json:"shortfalls,omitempty"`
}

// CountyBalance is the sum of the townships.
type CountyBalance struct {
	In       land.Area `json:"in_m2"`
	Out      land.Area `json:"out_m2"`
	InPaddy  land.Area `json:"in_paddy_m2"`
	OutPaddy land.Area `json:"out_paddy_m2"`
}

// Tally counts one direction's candidates: those that took part, and of them
// those that the plan chose.
type Tally struct {
	Candidates int `json:"candidates"`
	TookPart   int `json:"took_part"`
	Chosen     int `json:"chosen"`
}

// Shortfall is a rule that no plan can keep, and the least by which it is
// missed.
type Shortfall struct {
	Measure  Measure `json:"measure,omitempty"`
	Township string  `json:"township,omitempty"`
	Amount   float64 `json:"amount_m2"`
	// Price is what the least shortfall in all falls by, at most, for every m²
	// that this rule is eased.
	Price   float64 `json:"price"`
	Message string  `json:"message_zh"`
}

// summarise fills everything but the certificate's numbers.
func (out *outcome) summarise(s *survey, f *fields, o Options, farmland []bool) {
	sum := &out.summary
	sum.Options, sum.Notes = o, f.notes(o)
	sum.Townships = out.townships
	sum.PerimeterBefore, sum.PatchesBefore = float64(f.perimeterBefore)/100, f.patchesBefore
	sum.PerimeterAfter = float64(f.perimeter(farmland)) / 100
	sum.PatchesAfter = f.patches(farmland)
	sum.Transfers = len(out.transfers)
	for _, t := range out.townships {
		sum.County.In += t.In
		sum.County.Out += t.Out
		sum.County.InPaddy += t.InPaddy
		sum.County.OutPaddy += t.OutPaddy
	}
	if o.Balance == netIncrease {
		net := sum.County.In - sum.County.Out
		sum.Notes = append(sum.Notes, fmt.Sprintf("按年度净增加平衡：全县转进 %s m²，转出 %s m²，净增加 %s m²；乡镇之间不另作调剂，不要求先进后出。", sum.County.In, sum.County.Out, net))
	}
	var in, gone grades
	for _, p := range out.parcels {
		tally, g := &sum.In, &in
		if p.direction == "out" {
			tally, g = &sum.Out, &gone
		}
		tally.Candidates++
		if p.chosen {
			tally.Chosen++
			g.add(p.net, p.grade)
		}
	}
	for _, i := range f.open {
		switch u := &f.units[i]; {
		case u.in():
			sum.In.TookPart++
		case u.out():
			sum.Out.TookPart++
		}
	}
	sum.GradeIn, sum.GradeOut = in.mean(), gone.mean()
}

// grades weighs grades by area.
type grades struct {
	area  land.Area
	total float64
}

func (g *grades) add(a land.Area, grade *Grade) {
	if grade != nil && a > 0 {
		g.area += a
		g.total += float64(a) * float64(*grade) / 1000
	}
}

func (g *grades) mean() *float64 {
	if g.area == 0 {
		return nil
	}
	v := float64(int64(g.total/float64(g.area)*1000+0.5)) / 1000
	return &v
}

// message is the result for a person in a hurry.
func (sum *Summary) message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "转进 %d 块 %s，转出 %d 块 %s", sum.In.Chosen, areaZH(sum.County.In), sum.Out.Chosen, areaZH(sum.County.Out))
	switch surplus := sum.County.In - sum.County.Out; {
	case surplus >= 0:
		fmt.Fprintf(&b, "，全县节余 %s。", areaZH(surplus))
	default:
		fmt.Fprintf(&b, "，全县短缺 %s。", areaZH(-surplus))
	}
	if refused := sum.Out.TookPart - sum.Out.Chosen; refused > 0 {
		fmt.Fprintf(&b, "可转出地块中 %d 块暂不安排。", refused)
	}
	if sum.Transfers > 0 {
		fmt.Fprintf(&b, "乡镇间调剂 %d 笔。", sum.Transfers)
	}
	fmt.Fprintf(&b, "耕地边界由 %.0f m 变为 %.0f m，连片耕地由 %d 片变为 %d 片。",
		sum.PerimeterBefore, sum.PerimeterAfter, sum.PatchesBefore, sum.PatchesAfter)
	switch {
	case sum.Status == string(balance.Optimal):
		b.WriteString("在所列规则下没有更好的方案（已证明）。")
	case sum.Gap != nil:
		fmt.Fprintf(&b, "在所列规则下，任何方案的目标值最多再好 %.4f%%（已证明）。", percentAtMost(*sum.Gap))
	}
	return b.String()
}
