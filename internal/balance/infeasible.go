package balance

import (
	"context"
	"fmt"
	"math"
	"time"
)

// infeasible looks for the plan of least total shortfall: the same problem with
// every cost and border taken as 0 and the shortfalls as flows of cost 1. It is
// nil when that shows neither a contradiction nor a plan of this problem (a plan
// that it does find is offered to the planner).
func (e *engine) infeasible() *Solution {
	if e.stop() {
		return nil
	}
	elastic, sides := elasticProblem(e.p)
	opt := e.opt
	opt.Progress, opt.Gap = nil, -1
	started := time.Now()
	ctx, cancel := context.WithDeadline(e.ctx, started.Add(time.Until(e.deadline())*3/4))
	defer cancel()
	inner := newEngine(ctx, elastic, opt, started)
	inner.run()
	least := inner.solution()
	e.cut = e.cut || least.OutOfTime
	if least.Selected == nil {
		return e.byConflict(sides)
	}
	tolerance := 0.0
	for _, t := range e.r.tolerance {
		tolerance += 2 * t
	}
	switch {
	case least.Multipliers != nil && e.provesContradiction(least.Multipliers):
		return e.contradiction(least, sides, "multipliers")
	case least.Status == Optimal && *least.Objective > tolerance:
		return e.contradiction(least, sides, "search")
	}
	if s := e.byConflict(sides); s != nil {
		return s
	}
	e.adopt(least.Selected)
	return nil
}

// provesContradiction says whether multipliers alone show that no plan obeys the
// constraints: one that misses each by what it may makes their sum no more than
// what that is worth.
func (e *engine) provesContradiction(mu []float64) bool {
	worth := 0.0
	for k, t := range e.r.tolerance {
		worth += 2 * t * math.Abs(mu[k])
	}
	return contractBound(e.p, mu, nil, false) > worth*(1+1e-6)
}

func (e *engine) deadline() time.Time {
	at, _ := e.ctx.Deadline()
	return at
}

// adopt offers a plan over all units to the planner.
func (e *engine) adopt(selected []bool) {
	s := make([]bool, len(e.r.free))
	for i, u := range e.r.free {
		s[i] = selected[u]
	}
	if e.pl.offer(s) {
		p := e.pl.best.clone()
		e.pl.improve(p, e.stop)
		e.pl.offer(p.s)
		if e.bound > math.Inf(-1) {
			e.neighbourhoods()
		}
	}
}

// side is a shortfall flow: it lifts (+1) or lowers (−1) its constraint.
type side struct {
	constraint int32
	sign       float64
}

func elasticProblem(p *Problem) (*Problem, []side) {
	elastic := &Problem{
		Name: p.Name, Units: make([]Unit, len(p.Units)), Constraints: p.Constraints, Terms: p.Terms,
		Flows: make([]Flow, len(p.Flows)), FlowTerms: append([]FlowTerm{}, p.FlowTerms...),
	}
	names := map[string]bool{}
	for u := range p.Units {
		elastic.Units[u] = Unit{ID: p.Units[u].ID, Fixed: p.Units[u].Fixed}
	}
	for z := range p.Flows {
		elastic.Flows[z] = Flow{ID: p.Flows[z].ID, Upper: p.Flows[z].Upper}
		names[p.Flows[z].ID] = true
	}
	var sides []side
	add := func(k int, sign float64) {
		name := fmt.Sprintf("shortfall %+g %s", sign, p.Constraints[k].ID)
		for names[name] {
			name += "'"
		}
		names[name] = true
		elastic.FlowTerms = append(elastic.FlowTerms, FlowTerm{int32(k), int32(len(elastic.Flows)), sign})
		elastic.Flows = append(elastic.Flows, Flow{ID: name, Cost: 1, Upper: math.Inf(1)})
		sides = append(sides, side{int32(k), sign})
	}
	for k := range p.Constraints {
		if p.Constraints[k].Sense != AtMost {
			add(k, 1)
		}
		if p.Constraints[k].Sense != AtLeast {
			add(k, -1)
		}
	}
	return elastic, sides
}

// contradiction writes down the proof and, among the plans of that shortfall, a
// cheap one.
func (e *engine) contradiction(least *Solution, sides []side, proof string) *Solution {
	selected, flows := least.Selected, least.FlowValues[:len(e.p.Flows)]
	missing := make([]float64, len(e.p.Constraints))
	for i, sd := range sides {
		missing[sd.constraint] += sd.sign * least.FlowValues[len(e.p.Flows)+i]
	}
	if s, z := e.cheapest(missing); s != nil {
		_, before := planValue(e.p, selected, flows)
		_, after := planValue(e.p, s, z)
		if e.totalShortfall(after) <= e.totalShortfall(before)*(1+1e-9)+1e-9 {
			selected, flows = s, z
		}
	}
	objective, rows := planValue(e.p, selected, flows)
	inf := &Infeasibility{Objective: &objective, Conflicts: standing(e.p, CheckLocks(e.p)), Shortfall: e.totalShortfall(rows), ShortfallBound: 0, Proof: proof,
		Multipliers: []RowValue{}, Missed: []MissedRow{}, Plan: []SelectedUnit{}, Flows: []FlowAmount{}}
	if least.Bound != nil {
		inf.ShortfallBound = max(0, *least.Bound)
	}
	if least.Status == Optimal {
		inf.ShortfallBound = max(inf.ShortfallBound, *least.Objective-optimalityTolerance(*least.Objective))
	}
	if least.Multipliers != nil {
		inf.ProofValue = contractBound(e.p, least.Multipliers, nil, false)
		for k, v := range least.Multipliers {
			inf.Multipliers = append(inf.Multipliers, RowValue{e.p.Constraints[k].ID, v})
		}
	}
	for k := range e.p.Constraints {
		c := &e.p.Constraints[k]
		if v := shortfall(c.Sense, rows[k], c.RHS); v > 2*e.r.tolerance[k] {
			m := MissedRow{c.ID, c.Sense.String(), c.RHS, rows[k], v, 0}
			if least.Multipliers != nil {
				m.Price = math.Abs(least.Multipliers[k])
			}
			inf.Missed = append(inf.Missed, m)
		}
	}
	for u := range e.p.Units {
		v := 0
		if selected[u] {
			v = 1
		}
		inf.Plan = append(inf.Plan, SelectedUnit{e.p.Units[u].ID, v})
	}
	for z := range e.p.Flows {
		inf.Flows = append(inf.Flows, FlowAmount{e.p.Flows[z].ID, flows[z]})
	}
	s := &Solution{Infeasibility: inf}
	s.Status, s.Version, s.Seed, s.OutOfTime = Infeasible, Version, e.opt.Seed, e.cut || e.stop()
	s.Iterations = e.dual.flowRuns + e.nodes + least.Iterations
	s.Seconds = time.Since(e.started).Seconds()
	return s
}

func (e *engine) totalShortfall(rows []float64) float64 {
	var sum wide
	for k := range e.p.Constraints {
		sum.add(shortfall(e.p.Constraints[k].Sense, rows[k], e.p.Constraints[k].RHS))
	}
	return sum.value()
}

// cheapest solves the problem with its right-hand sides moved by what is missing
// anyway; nil when time is over.
func (e *engine) cheapest(missing []float64) ([]bool, []float64) {
	relaxed := *e.p
	relaxed.Constraints = append([]Constraint{}, e.p.Constraints...)
	for k := range relaxed.Constraints {
		relaxed.Constraints[k].RHS -= missing[k]
	}
	if e.stop() {
		return nil, nil
	}
	inner := newEngine(e.ctx, &relaxed, e.opt, e.started)
	inner.opt.Progress = nil
	if inner.contradicted() {
		return nil, nil
	}
	inner.run()
	if inner.pl.best == nil {
		return nil, nil
	}
	return inner.expand(inner.pl.best.s), inner.pl.best.flows
}

// SolveDir reads a problem folder, solves it and writes the solution into
// outDir. Nothing is written when the input is refused (*InputError); that outDir
// can be written is tried before solving.
func SolveDir(ctx context.Context, problemDir, outDir string, opt Options) (Certificate, error) {
	opt = opt.withDefaults()
	started := time.Now()
	if err := refuseProblemFolder(problemDir, outDir); err != nil {
		return Certificate{}, err
	}
	p, err := ReadProblem(problemDir)
	if err != nil {
		return Certificate{}, err
	}
	if err := CheckWritable(outDir); err != nil {
		return Certificate{}, err
	}
	// What reading took, and writing will take, is part of the limit.
	writing := time.Duration(len(p.Units)+len(p.Edges)) * 400 * time.Nanosecond
	opt.TimeLimit = max(opt.TimeLimit-time.Since(started)-min(writing, opt.TimeLimit/4), time.Millisecond)
	s, err := solveValid(ctx, p, opt)
	if err != nil {
		return Certificate{}, err
	}
	if err := WriteSolution(outDir, p, s); err != nil {
		return Certificate{}, err
	}
	return s.Certificate, nil
}
