package balance

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// PatchRule asks that every free unit under the rule that a plan chooses (转进
// 图斑) lies in a patch of farmland of at least MinArea: chosen and locked units
// that edges join, of whatever weight. Locked units are not asked.
type PatchRule struct {
	MinArea float64
	Area    []float64 // of every unit
	Applies []bool    // to which units; nil means all
}

// PatchReport is patch.json: what the rule costs. Loss is against the plan found
// without the rule, LossAtMost against every plan without it; Bound is below
// every plan that obeys the rule.
type PatchReport struct {
	MinArea          float64  `json:"min_area"`
	Units            int      `json:"units"`                   // free units under the rule
	Excluded         int      `json:"excluded"`                // of these, that can never lie in such a patch
	ViolatingWithout int      `json:"violating_without"`       // chosen against the rule by the plan without it
	Inequalities     int      `json:"inequalities"`            // added to the relaxation
	Status           Status   `json:"status"`                  // under the rule
	Objective        *float64 `json:"objective"`               // of the plan that obeys the rule
	Bound            *float64 `json:"bound"`                   // with the rule
	Gap              *float64 `json:"gap"`                     // between these two
	ObjectiveWithout *float64 `json:"objective_without"`       // of the plan without the rule
	BoundWithout     *float64 `json:"bound_without"`           // that of certificate.json
	Loss             *float64 `json:"loss"`                    // Objective − ObjectiveWithout
	LossAtMost       *float64 `json:"loss_at_most"`            // Objective − BoundWithout
	NoPlanObeys      bool     `json:"no_plan_obeys,omitempty"` // proved: no plan obeys constraints and rule
}

// Effort of SolvePatches on problems that are not searched out.
const (
	patchSmall   = 24 // free units up to which the rule is solved exactly
	patchRounds  = 4
	patchRows    = 60
	patchRepairs = 40
)

// SolvePatches solves a problem under a patch rule (连片规则). The solution holds
// the plan that obeys the rule and the certificate of the problem without it,
// which verifies from files; the report says what the rule adds. What it can
// prove of the rule itself is bound_stronger.
func SolvePatches(ctx context.Context, p *Problem, rule PatchRule, opt Options) (*Solution, *PatchReport, error) {
	if err := rule.validate(p); err != nil {
		return nil, nil, err
	}
	opt = opt.withDefaults()
	started := time.Now()
	part := func(share float64) time.Duration {
		return max(time.Until(started.Add(time.Duration(share*float64(opt.TimeLimit)))), time.Millisecond)
	}
	ctx, cancel := context.WithDeadline(ctx, started.Add(opt.TimeLimit))
	defer cancel()
	first := opt
	first.TimeLimit = part(0.4)
	without, err := Solve(ctx, p, first)
	if err != nil {
		return nil, nil, err
	}
	ps := newPatchSearch(p, rule)
	report := &PatchReport{MinArea: rule.MinArea, Status: without.Status, Units: ps.units, Excluded: ps.exclude(&ps.relaxed)}
	if without.Selected == nil {
		return without, report, nil
	}
	for _, c := range ps.violating(p, without.Selected) {
		report.ViolatingWithout += len(c.under)
	}
	opt.Conflicts = nil
	ps.tighten(ctx, opt, without, part)
	ps.repair(ctx, opt, part)
	report.Inequalities, report.NoPlanObeys = ps.added, ps.impossible
	ps.cut = ps.cut || ctx.Err() != nil
	s := ps.solution(without, report)
	s.Seconds = time.Since(started).Seconds()
	return s, report, nil
}

func (rule *PatchRule) validate(p *Problem) error {
	refuse := func(zh, en string) error { return &InputError{"patch", 0, zh, en} }
	if !(rule.MinArea >= 0) || math.IsInf(rule.MinArea, 1) {
		return refuse("最小面积必须是不小于 0 的数", "the least area must be a number of at least 0")
	}
	if len(rule.Area) != len(p.Units) || rule.Applies != nil && len(rule.Applies) != len(p.Units) {
		return refuse("每个单元都要有面积", "every unit needs an area")
	}
	for u, a := range rule.Area {
		if !(a >= 0) || math.IsInf(a, 1) {
			return refuse(fmt.Sprintf("单元 %q 的面积不是不小于 0 的数", p.Units[u].ID), fmt.Sprintf("the area of unit %q is not a number of at least 0", p.Units[u].ID))
		}
	}
	return nil
}

// patchSearch is one run of SolvePatches.
type patchSearch struct {
	p       *Problem
	rule    PatchRule
	units   int
	start   []int32 // neighbours by any edge
	to      []int32
	relaxed Problem // with what the rule implies: locks and inequalities
	added   int
	known   map[string]bool
	prices  []float64
	plan    []bool // last plan of the relaxed problem

	best       []bool // plan that obeys the rule
	flows      []float64
	objective  float64
	bound      float64 // with the rule
	impossible bool
	cut        bool // time ended one of its searches
}

func newPatchSearch(p *Problem, rule PatchRule) *patchSearch {
	ps := &patchSearch{p: p, rule: rule, objective: math.Inf(1), bound: math.Inf(-1), known: map[string]bool{}, start: make([]int32, len(p.Units)+1)}
	for u := range p.Units {
		if ps.asked(int32(u)) {
			ps.units++
		}
	}
	each := func(visit func(a, b int32)) {
		for i := range p.Edges {
			if e := &p.Edges[i]; e.B != Outside && e.A != e.B {
				visit(e.A, e.B)
				visit(e.B, e.A)
			}
		}
	}
	each(func(a, _ int32) { ps.start[a+1]++ })
	for u := range p.Units {
		ps.start[u+1] += ps.start[u]
	}
	ps.to = make([]int32, ps.start[len(p.Units)])
	fill := slices.Clone(ps.start[:len(p.Units)])
	each(func(a, b int32) {
		ps.to[fill[a]] = b
		fill[a]++
	})
	ps.relaxed = *p
	ps.relaxed.Units = slices.Clone(p.Units)
	ps.relaxed.Constraints, ps.relaxed.Terms = slices.Clone(p.Constraints), slices.Clone(p.Terms)
	return ps
}

// asked says whether the rule asks anything of a unit.
func (ps *patchSearch) asked(u int32) bool {
	return ps.p.Units[u].Fixed == Free && (ps.rule.Applies == nil || ps.rule.Applies[u])
}

func (ps *patchSearch) neighbours(u int32) []int32 { return ps.to[ps.start[u]:ps.start[u+1]] }

// patch is a set of joined units with too little area.
type patch struct {
	units []int32
	under []int32 // those that the rule asks
	area  float64
}

// small gives the joined sets among the units that are in, with less area than
// asked for and with a unit under the rule.
func (ps *patchSearch) small(in func(u int32) bool) []patch {
	seen := make([]bool, len(ps.p.Units))
	var list []patch
	for u := range int32(len(seen)) {
		if seen[u] || !in(u) {
			continue
		}
		c := patch{units: []int32{u}}
		seen[u] = true
		for i := 0; i < len(c.units); i++ {
			v := c.units[i]
			c.area += ps.rule.Area[v]
			for _, w := range ps.neighbours(v) {
				if !seen[w] && in(w) {
					seen[w] = true
					c.units = append(c.units, w)
				}
			}
		}
		if c.area >= ps.rule.MinArea*(1-1e-12) {
			continue
		}
		for _, v := range c.units {
			if ps.asked(v) {
				c.under = append(c.under, v)
			}
		}
		if len(c.under) > 0 {
			list = append(list, c)
		}
	}
	return list
}

func (ps *patchSearch) violating(_ *Problem, s []bool) []patch {
	return ps.small(func(u int32) bool { return s[u] })
}

// exclude locks out the units that lie in no large enough patch even if all that
// may be farmland is. It is exact: no plan that obeys the rule has them.
func (ps *patchSearch) exclude(p *Problem) int {
	count := 0
	for {
		before := count
		for _, c := range ps.small(func(u int32) bool { return p.Units[u].Fixed != FixZero }) {
			for _, u := range c.under {
				if p.Units[u].Fixed == Free {
					p.Units[u].Fixed = FixZero
					count++
				}
			}
		}
		if count == before {
			return count
		}
	}
}

// tighten solves the relaxed problem, adds the inequalities that its plan
// violates, and solves again: for a connected C with too little area and a unit
// i of C under the rule, s_i ≤ Σ s_j over the neighbours j of C.
func (ps *patchSearch) tighten(ctx context.Context, opt Options, without *Solution, part func(float64) time.Duration) {
	ps.prices, ps.plan = without.Multipliers, without.Selected
	free := 0
	for u := range ps.p.Units {
		if ps.p.Units[u].Fixed == Free {
			free++
		}
	}
	small := free <= patchSmall
	if len(ps.violating(ps.p, without.Selected)) == 0 {
		ps.take(without.Selected)
		ps.raise(without)
		return
	}
	for round := 0; (small || round < patchRounds) && ctx.Err() == nil; round++ {
		limit := opt
		limit.TimeLimit = part(0.4 + 0.4*float64(round+1)/patchRounds)
		if small {
			limit.TimeLimit, limit.Gap = part(1), -1
		}
		limit.Progress = nil
		s := solveWarm(ctx, &ps.relaxed, limit, ps.prices, ps.plan)
		ps.raise(s)
		if s.Status == Infeasible {
			ps.impossible = true
			return
		}
		ps.cut = ps.cut || s.OutOfTime
		if s.Selected == nil {
			return
		}
		ps.prices, ps.plan = s.Multipliers, s.Selected
		list := ps.violating(&ps.relaxed, s.Selected)
		if len(list) == 0 {
			ps.take(s.Selected)
			return
		}
		if ps.cutOff(list) == 0 {
			return
		}
	}
}

// raise takes a bound of the relaxed problem: it holds for every plan that obeys
// the rule.
func (ps *patchSearch) raise(s *Solution) {
	if s.Bound != nil {
		ps.bound = max(ps.bound, *s.Bound)
	}
	if s.BoundStronger != nil {
		ps.bound = max(ps.bound, s.BoundStronger.Value)
	}
}

// cutOff adds the inequalities of patches, those of least area first.
func (ps *patchSearch) cutOff(list []patch) int {
	slices.SortStableFunc(list, func(a, b patch) int { return cmp.Compare(a.area, b.area) })
	count := 0
	for _, c := range list {
		inside := map[int32]bool{}
		for _, u := range c.units {
			inside[u] = true
		}
		var around []int32
		for _, u := range c.units {
			for _, v := range ps.neighbours(u) {
				if !inside[v] && ps.relaxed.Units[v].Fixed != FixZero {
					inside[v] = true
					around = append(around, v)
				}
			}
		}
		slices.Sort(around)
		for _, u := range c.under {
			if count >= patchRows {
				break
			}
			name := fmt.Sprint("patch ", u, around)
			if ps.known[name] {
				continue
			}
			ps.known[name] = true
			count++
			if len(around) == 0 {
				ps.relaxed.Units[u].Fixed = FixZero
				continue
			}
			ps.added++
			ps.addRow(u, around)
		}
	}
	return count
}

func (ps *patchSearch) addRow(u int32, around []int32) {
	q := &ps.relaxed
	k := int32(len(q.Constraints))
	q.Constraints = append(q.Constraints, Constraint{ID: fmt.Sprintf("\x00patch %d", k), Sense: AtLeast})
	q.Terms = append(q.Terms, Term{k, u, -1})
	for _, v := range around {
		q.Terms = append(q.Terms, Term{k, v, 1})
	}
	if ps.prices != nil {
		ps.prices = append(slices.Clip(ps.prices), 0)
	}
}

// take offers a plan that obeys the rule; its flows are found afresh.
func (ps *patchSearch) take(s []bool) bool {
	r := reduce(ps.p)
	pl := newPlanner(r, newScales(r))
	free := make([]bool, len(r.free))
	for i, u := range r.free {
		free[i] = s[u]
	}
	p := pl.start(free)
	if !pl.route(p) {
		return false
	}
	objective, rows := planValue(ps.p, s, p.flows)
	if objective >= ps.objective || !obeys(ps.p, rows) {
		return false
	}
	ps.best, ps.flows, ps.objective = slices.Clone(s), slices.Clone(p.flows), objective
	return true
}

// solution puts the plan beside the certificate of the problem without the rule.
func (ps *patchSearch) solution(without *Solution, report *PatchReport) *Solution {
	s := *without
	report.ObjectiveWithout, report.BoundWithout = without.Objective, without.Bound
	if !math.IsInf(ps.bound, 0) {
		bound := ps.bound
		report.Bound = &bound
	}
	s.Selected, s.FlowValues, s.Objective, s.Gap, s.GapNet, s.BoundStronger = nil, nil, nil, nil, nil, nil
	s.Status, report.Status = Unknown, Unknown
	s.OutOfTime = s.OutOfTime || ps.cut
	if ps.best == nil {
		return &s
	}
	objective := ps.objective
	s.Selected, s.FlowValues, s.Objective = ps.best, ps.flows, &objective
	s.Status, report.Status = Feasible, Feasible
	loss := objective - *without.Objective
	report.Objective, report.Loss = &objective, &loss
	if without.Bound != nil {
		fixedEdges := reduce(ps.p).fixedEdges
		gap, net := gapOf(objective, *without.Bound), gapOf(objective-fixedEdges, *without.Bound-fixedEdges)
		most := objective - *without.Bound
		s.Gap, s.GapNet, report.LossAtMost = &gap, &net, &most
		if provesOptimal(objective, *without.Bound, undercut(ps.p, s.Selected, s.FlowValues, s.Multipliers)) {
			s.Status = Optimal
		}
	}
	if report.Bound != nil {
		bound := min(*report.Bound, objective)
		report.Bound = &bound
		gap := gapOf(objective, bound)
		report.Gap = &gap
		if objective-bound <= 2*optimalityTolerance(objective) {
			report.Status = Optimal
		}
		if s.Bound == nil || bound > *s.Bound {
			s.BoundStronger = &StrongerBound{bound, fmt.Sprintf("the patch rule of at least %g: exclusions and %d inequalities; it holds for plans that obey the rule", ps.rule.MinArea, ps.added)}
		}
	}
	return &s
}
