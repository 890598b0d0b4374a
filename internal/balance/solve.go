package balance

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// Version names the engine in certificates; it changes when answers may.
const Version = "gengheng-balance 0.6"

// Options steers Solve. The zero value means the defaults of the command line:
// 60 s, a gap of 0.0001, all processors, seed 0.
type Options struct {
	TimeLimit time.Duration // wall time; 0 means 60 s
	Gap       float64       // ends when gap and gap_net are at most this; 0 means 0.0001, negative never
	Threads   int           // 0 means one per processor; the answer does not depend on it
	Seed      int64         // of the search's random choices
	Progress  func(Progress)
	Conflicts func([]Conflict) // told before solving what cannot be met, if anything

	whole bool // this is a block of another problem, not to be split again
}

// Progress is one report of a running Solve. Objective is nil until there is a
// plan, Bound until there is a finite bound.
type Progress struct {
	Elapsed          time.Duration
	Objective, Bound *float64
	Gap              *float64
	Stage            string
}

func (o Options) withDefaults() Options {
	if o.TimeLimit <= 0 {
		o.TimeLimit = 60 * time.Second
	}
	if o.Gap == 0 {
		o.Gap = 1e-4
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o
}

// engine is one run of Solve.
type engine struct {
	p       *Problem
	r       *reduced
	sc      *scales
	opt     Options
	started time.Time
	ctx     context.Context
	dual    *dual
	pl      *planner
	random  *rand.Rand

	multipliers []float64 // of the best certified bound
	edgeFlows   []float64
	bound       float64        // certified, with constant
	tree        float64        // bound by branch and bound, with constant
	treeFrom    string         // what tree rests on
	exhausted   bool           // a branch and bound over all free units was exhausted
	provedOver  string         // what that one was over
	searches    []*blockSearch // of the blocks
	dominance   *dominance     // among their plans
	listed      int            // plans of a block listed in full
	flips       []flip         // of the free units; nil where there are no blocks
	root        *rootFixing
	nodes       int64
	cut         bool // time ended one of the stages
	lastReport  time.Time
}

// Solve finds a plan and a bound. It ends when the gap is small enough, when its
// search is exhausted, at the time limit, or when ctx is cancelled; the best plan
// found by then is in the solution. In the first two cases the answer depends on
// the problem and the seed alone. An error means bad input, never a hard problem.
func Solve(ctx context.Context, p *Problem, opt Options) (*Solution, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return solveValid(ctx, p, opt)
}

// solveValid is Solve of a problem that is known to be well formed.
func solveValid(ctx context.Context, p *Problem, opt Options) (*Solution, error) {
	if err := checkBounded(p); err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	started := time.Now()
	if opt.Conflicts != nil {
		if found := CheckLocks(p); len(found) > 0 {
			opt.Conflicts(found)
		}
	}
	ctx, cancel := context.WithDeadline(ctx, started.Add(opt.TimeLimit))
	defer cancel()
	e := newEngine(ctx, p, opt, started)
	contradicted := e.contradicted()
	if !contradicted {
		e.run()
	}
	if e.pl.best == nil {
		if s := e.infeasible(); s != nil {
			return s, nil
		}
	}
	return e.solution(), nil
}

func newEngine(ctx context.Context, p *Problem, opt Options, started time.Time) *engine {
	r := reduce(p)
	sc := newScales(r)
	e := &engine{p: p, r: r, sc: sc, opt: opt, started: started, ctx: ctx,
		dual: newDual(r, sc), pl: newPlanner(r, sc),
		random: rand.New(rand.NewPCG(uint64(opt.Seed), 0x67656e67)),
		bound:  math.Inf(-1), tree: math.Inf(-1), listed: columnsMost}
	return e
}

func (e *engine) stop() bool { return e.ctx.Err() != nil }

// checkBounded refuses flows that could lower the objective without end.
func checkBounded(p *Problem) error {
	suspect := payingRay(p, 1e-9)
	if suspect < 0 {
		return nil
	}
	return &InputError{"flows.csv", suspect + 2,
		fmt.Sprintf("流量 %q 费用为负且无上限，目标可无限减小；请给出 upper", p.Flows[suspect].ID),
		fmt.Sprintf("flow %q has a negative cost and no limit, so the objective has no minimum; give it an upper", p.Flows[suspect].ID)}
}

// payingRay is a flow of negative cost without limit, where flows could lower the
// objective without end by more than the tolerance (of scaled money) for each unit
// of flow, and -1 where they could not.
func payingRay(p *Problem, tolerance float64) int {
	suspect := slices.IndexFunc(p.Flows, func(f Flow) bool { return f.Cost < 0 && math.IsInf(f.Upper, 1) })
	if suspect < 0 {
		return -1
	}
	// A ray: flows that add up to nothing in the rows and pay.
	ray := Problem{Constraints: make([]Constraint, len(p.Constraints)), FlowTerms: p.FlowTerms, Flows: make([]Flow, len(p.Flows))}
	for k := range p.Constraints {
		ray.Constraints[k] = Constraint{Sense: p.Constraints[k].Sense}
	}
	for z := range p.Flows {
		ray.Flows[z] = Flow{Cost: p.Flows[z].Cost}
		if math.IsInf(p.Flows[z].Upper, 1) {
			ray.Flows[z].Upper = 1
		}
	}
	r := reduce(&ray)
	sc := newScales(r)
	cost, ok := newRouter(r, sc, 0).solve(make([]float64, len(r.rhs)))
	if ok && cost < -tolerance*sc.omega {
		return suspect
	}
	return -1
}

// Sizes of problems that get the costlier treatments.
const (
	rowLPUnits   = 20000 // start the multipliers from the row LP
	wholeLPRows  = 900   // branch and bound over all free units
	wholeLPUnits = 4000

	repairUnits  = 20000 // mend cuts even where there is a plan
	maxDualSteps = 1500

	mixtureGroups  = 600 // groups of fractional units, and
	mixtureSingles = 120 // single units in the search that rounds the relaxation
	mixtureNodes   = 600

	mixtureRowSingles = 10   // more single units of each constraint
	cutSingles        = 1200 // single units where there is no mixture
)

// contradicted says whether the constraints alone, without borders and with
// fractional units, cannot be met. On the way it finds multipliers to start from.
func (e *engine) contradicted() bool {
	if len(e.r.free) > rowLPUnits {
		return false
	}
	lp := e.rowLP()
	switch lp.run(math.Inf(1), 20*(lp.m+1000), e.stop) {
	case lpInfeasible:
		return lp.provesInfeasible()
	case lpOptimal:
		y := lp.prices(lp.cost)
		e.multipliers = make([]float64, len(e.r.rhs))
		for k := range e.multipliers {
			e.multipliers[k] = lp.price(y, k) * e.sc.omega / e.sc.sigma[k]
		}
	}
	return false
}

// rowLP is the relaxation that forgets the borders between free units.
func (e *engine) rowLP() *simplex {
	r, sc := e.r, e.sc
	n := len(r.free)
	cost, up := make([]float64, n, n+len(r.flowRows)), make([]float64, n, n+len(r.flowRows))
	rows := make([][]lpEntry, len(r.rhs))
	for u := range n {
		cost[u], up[u] = r.cost[u]/sc.omega, 1
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			k := r.termRow[i]
			rows[k] = append(rows[k], lpEntry{int32(u), r.termVal[i] / sc.sigma[k]})
		}
	}
	for z := range r.flowRows {
		cost = append(cost, r.p.Flows[z].Cost*sc.zeta[z]/sc.omega)
		up = append(up, r.p.Flows[z].Upper/sc.zeta[z])
		for _, t := range r.flowRows[z] {
			rows[t.at] = append(rows[t.at], lpEntry{int32(n + z), t.v * sc.zeta[z] / sc.sigma[t.at]})
		}
	}
	lp := newSimplex(cost, make([]float64, len(cost)), up)
	for k := range rows {
		lp.addRow(rows[k], r.p.Constraints[k].Sense, r.rhs[k]/sc.sigma[k])
	}
	return lp
}

// run goes through the stages: bound, first plans, searches in parts of the
// plan, search in the whole where that is small enough.
func (e *engine) run() {
	e.pl.update = func(*plan) { e.report("plan") }
	start := e.multipliers
	e.multipliers = nil
	half := e.started.Add(time.Until(e.deadline()) / 2)
	hurry := func() bool { return e.stop() || time.Now().After(half) }
	e.largeDual(start, hurry)
	if e.dual.bestAt != nil {
		e.certify(e.dual.bestAt)
		e.roundMixture()
		if e.finished() {
			return
		}
		start = e.dual.bestAt
	}
	e.dual.maximise(start, 1e-8, maxDualSteps, hurry, func() { e.report("bound") })
	e.cut = e.cut || hurry()
	e.certify(e.dual.bestAt)
	e.report("bound")
	if e.finished() {
		return
	}
	e.firstPlans()
	whole := e.wholeProblem()
	if whole != nil && len(e.r.free) <= 24 {
		e.searchWhole(whole, 1<<20)
		return
	}
	if !e.finished() && e.pl.best != nil {
		e.strengthen()
	}
	if !e.finished() && e.pl.best != nil && !(e.opt.whole && whole != nil) {
		e.neighbourhoods()
	}
	if !e.finished() && e.flips != nil {
		e.searchOpen(20000)
	}
	if !e.finished() && whole != nil {
		e.searchWhole(whole, 20000)
	}
}

// largeDual takes the quicker ways to the multipliers of large problems.
func (e *engine) largeDual(start []float64, stop func() bool) {
	report := func() { e.report("bound") }
	if rg := newRegional(e.dual); rg != nil {
		rg.maximise(start, stop, report)
	} else if climbs(e.r) {
		e.dual.climb(1e-7, stop, report)
	}
}

// finished says whether the gap asked for is reached, or time is over.
func (e *engine) finished() bool {
	if e.stop() || e.exhausted {
		return true
	}
	if e.pl.best == nil {
		return false
	}
	objective := e.pl.best.objective + e.r.constant
	if e.exactlyCertified() {
		return true
	}
	return max(gapOf(objective, e.bound), gapOf(objective-e.r.fixedEdges, e.bound-e.r.fixedEdges)) <= e.opt.Gap
}

// certify turns multipliers into a certificate and keeps the better one.
func (e *engine) certify(mu []float64) {
	if mu == nil {
		mu = make([]float64, len(e.r.rhs))
	}
	// One last flow is owed even when time is over, but not without end.
	until := time.Now().Add(time.Second)
	multipliers, edgeFlows, bound := e.dual.certify(mu, func() bool { return time.Now().After(until) })
	if e.multipliers == nil || e.edgeFlows == nil || math.IsInf(e.bound, -1) || bound > e.bound+1e-12*(math.Abs(e.bound)+e.sc.omega) {
		e.multipliers, e.edgeFlows, e.bound = multipliers, edgeFlows, bound
	}
}

// wholeProblem is the search over all free units, or nil where it is too large.
func (e *engine) wholeProblem() *core {
	if len(e.r.free) > wholeLPUnits || len(e.r.edgeA)+len(e.r.rhs) > wholeLPRows {
		return nil
	}
	cells := make([][]int32, len(e.r.free))
	for u := range cells {
		cells[u] = []int32{int32(u)}
	}
	c := newCore(e.pl, e.pl.start(make([]bool, len(e.r.free))), cells)
	c.cuts = true
	return c
}

func (e *engine) searchWhole(whole *core, maxNodes int) {
	e.provedOver = "all free units"
	e.exhausted = whole.search(maxNodes, func() bool { return e.stop() || (whole.nodes&63 == 63 && e.finished()) })
	e.nodes += int64(whole.nodes)
	e.keepRoot(whole)
	if whole.rootMu != nil && e.pl.best != nil && !e.exactlyCertified() {
		e.certify(whole.rootMu)
	}
	if !e.exhausted && whole.proof && !math.IsInf(whole.lower, 0) {
		e.strengthened((whole.lower+whole.fixed)*e.sc.omega+e.r.constant, "open nodes of a branch and bound with rounding cuts over all free units")
	}
}

// strengthened keeps a bound that rests on more than the certificate's sum.
func (e *engine) strengthened(bound float64, from string) {
	if bound > e.tree {
		e.tree, e.treeFrom = bound, from
	}
}

// optimalityTolerance is the difference between objective and bound up to which
// a plan is called optimal.
func optimalityTolerance(objective float64) float64 {
	return 1e-9 * max(1, math.Abs(objective))
}

func (e *engine) exactlyCertified() bool {
	objective := e.pl.best.objective + e.r.constant
	return objective-e.bound <= optimalityTolerance(objective)
}

// solution gathers what was found.
func (e *engine) solution() *Solution {
	if e.multipliers == nil || e.edgeFlows == nil {
		e.certify(nil)
	}
	s := &Solution{Multipliers: e.multipliers, EdgeFlows: e.edgeFlows, root: e.root}
	s.Version, s.Seed, s.Status = Version, e.opt.Seed, Unknown
	s.Iterations = e.dual.flowRuns + e.nodes
	if math.IsInf(e.bound, 0) {
		s.Multipliers, s.EdgeFlows = nil, nil
	} else {
		bound := e.bound
		s.Bound = &bound
	}
	if e.pl.best != nil {
		e.fillPlan(s)
	}
	s.OutOfTime = e.cut || e.stop()
	s.Seconds = time.Since(e.started).Seconds()
	return s
}

func (e *engine) fillPlan(s *Solution) {
	s.Selected = e.expand(e.pl.best.s)
	s.FlowValues = append([]float64{}, e.pl.best.flows...)
	objective, rows := planValue(e.p, s.Selected, s.FlowValues)
	if !obeys(e.p, rows) { // the planner checks the same; never write a violating plan
		s.Selected, s.FlowValues = nil, nil
		return
	}
	s.Status = Feasible
	s.Objective = &objective
	saved := 0.0
	if s.Bound != nil {
		gap := gapOf(objective, e.bound)
		net := gapOf(objective-e.r.fixedEdges, e.bound-e.r.fixedEdges)
		s.Gap, s.GapNet = &gap, &net
		saved = undercut(e.p, s.Selected, s.FlowValues, s.Multipliers)
		if provesOptimal(objective, e.bound, saved) {
			s.Status = Optimal
		}
	}
	switch {
	case s.Bound != nil && e.bound > objective+saved+optimalityTolerance(objective):
		// The plan lives on the tolerance: it is not the optimum of anything.
	case e.exhausted:
		s.Status = Optimal
		if value := objective - optimalityTolerance(objective); s.Bound == nil || value > e.bound {
			s.BoundStronger = &StrongerBound{value, "exhausted branch and bound with rounding cuts over " + e.provedOver}
		}
	case e.tree > e.bound && objective > e.bound:
		s.BoundStronger = &StrongerBound{min(e.tree, objective), e.treeFrom}
	}
}

// expand gives the free units' values their place among all units.
func (e *engine) expand(free []bool) []bool {
	s := make([]bool, len(e.p.Units))
	for u := range s {
		if i := e.r.index[u]; i >= 0 {
			s[u] = free[i]
		} else {
			s[u] = e.p.Units[u].Fixed == FixOne
		}
	}
	return s
}

func (e *engine) report(stage string) {
	if e.opt.Progress == nil {
		return
	}
	now := time.Now()
	if now.Sub(e.lastReport) < 200*time.Millisecond && !e.lastReport.IsZero() {
		return
	}
	e.lastReport = now
	pr := Progress{Elapsed: now.Sub(e.started), Stage: stage}
	bound := max(e.bound, e.dual.best+e.r.constant)
	if !math.IsInf(bound, 0) {
		pr.Bound = &bound
	}
	if e.pl.best != nil {
		objective := e.pl.best.objective + e.r.constant
		pr.Objective = &objective
		if pr.Bound != nil {
			gap := gapOf(objective, bound)
			pr.Gap = &gap
		}
	}
	e.opt.Progress(pr)
}
