package balance

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Session is a problem that is changed and solved again and again (交互调整). It
// keeps the prices and the plan of the last answer: the next one starts from
// them. It is not safe for concurrent use.
type Session struct {
	opt     Options
	p       *Problem
	weights []float64 // of the edges at λ = 1
	lambda  float64
	units   map[string]int32
	rows    map[string]int32
	last    *Solution
	prices  []float64 // multipliers to start from
	plan    []bool    // plan to start from
}

// NewSession solves a problem and keeps it; the problem itself is not changed.
// The solution is that of Solve, and opt holds for every Solve of the session.
func NewSession(ctx context.Context, p *Problem, opt Options) (*Session, *Solution, error) {
	first, err := Solve(ctx, p, opt)
	if err != nil {
		return nil, nil, err
	}
	return resume(p, first, opt), first, nil
}

// ResumeSession starts from a solution of the problem that is there already.
func ResumeSession(p *Problem, solved *Solution, opt Options) (*Session, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := checkBounded(p); err != nil {
		return nil, err
	}
	if solved.Selected != nil && len(solved.Selected) != len(p.Units) || solved.Multipliers != nil && len(solved.Multipliers) != len(p.Constraints) {
		return nil, &InputError{"solution.csv", 0, "不是此问题的解", "is not a solution of this problem"}
	}
	return resume(p, solved, opt), nil
}

func resume(p *Problem, solved *Solution, opt Options) *Session {
	s := &Session{opt: opt, lambda: 1, units: make(map[string]int32, len(p.Units)), rows: make(map[string]int32, len(p.Constraints)), weights: make([]float64, len(p.Edges))}
	own := *p
	own.Units, own.Edges, own.Constraints = slices.Clone(p.Units), slices.Clone(p.Edges), slices.Clone(p.Constraints)
	s.p = &own
	for u := range own.Units {
		s.units[own.Units[u].ID] = int32(u)
	}
	for k := range own.Constraints {
		s.rows[own.Constraints[k].ID] = int32(k)
	}
	for e := range own.Edges {
		s.weights[e] = own.Edges[e].Weight
	}
	s.keep(solved)
	return s
}

// keep takes the prices and the plan of an answer to start the next one from.
func (s *Session) keep(solved *Solution) {
	s.last = solved
	if solved.Multipliers != nil {
		s.prices = solved.Multipliers
	}
	if solved.Selected != nil {
		s.plan = solved.Selected
	}
}

// Problem is the problem as it stands; it must not be changed.
func (s *Session) Problem() *Problem { return s.p }

// Last is the last answer.
func (s *Session) Last() *Solution { return s.last }

func (s *Session) unit(id string) (*Unit, error) {
	u, known := s.units[id]
	if !known {
		return nil, &InputError{"units.csv", 0, fmt.Sprintf("单元 %q 不存在", id), fmt.Sprintf("unknown unit %q", id)}
	}
	return &s.p.Units[u], nil
}

// Lock fixes a unit: farmland after the plan, or not.
func (s *Session) Lock(id string, farmland bool) error {
	u, err := s.unit(id)
	if err != nil {
		return err
	}
	u.Fixed = FixZero
	if farmland {
		u.Fixed = FixOne
	}
	return nil
}

// Unlock leaves a unit to the engine, whoever locked it.
func (s *Session) Unlock(id string) error {
	u, err := s.unit(id)
	if err != nil {
		return err
	}
	u.Fixed = Free
	return nil
}

// SetRHS changes what a constraint asks for.
func (s *Session) SetRHS(id string, rhs float64) error {
	k, known := s.rows[id]
	if !known {
		return &InputError{"constraints.csv", 0, fmt.Sprintf("约束 %q 不存在", id), fmt.Sprintf("unknown constraint %q", id)}
	}
	if reason := badNumber(rhs); reason != nil {
		return reason.at("constraints.csv", int(k)+2, "rhs")
	}
	s.p.Constraints[k].RHS = rhs
	return nil
}

// SetLambda weighs all borders anew: λ times their weight in the problem that
// the session began with.
func (s *Session) SetLambda(lambda float64) error {
	if !(lambda >= 0) || math.IsInf(lambda, 1) {
		return &InputError{"lambda", 0, "必须是不小于 0 的数", "must be a number of at least 0"}
	}
	for e, w := range s.weights {
		if reason := badNumber(w * lambda); reason != nil {
			return reason.at("edges.csv", e+2, "weight")
		}
	}
	for e, w := range s.weights {
		s.p.Edges[e].Weight = w * lambda
	}
	s.lambda = lambda
	return nil
}

// Solve answers the problem as it stands, within limit (0: the session's own
// TimeLimit). The certificate is as good as that of a Solve from nothing: its
// bound is computed afresh from the problem as it stands.
func (s *Session) Solve(ctx context.Context, limit time.Duration) (*Solution, error) {
	opt := s.opt
	if limit > 0 {
		opt.TimeLimit = limit
	}
	solved := solveWarm(ctx, s.p, opt, s.prices, s.plan)
	s.keep(solved)
	return solved, nil
}

// solveWarm solves a valid problem from prices and a plan of a similar one.
func solveWarm(ctx context.Context, p *Problem, opt Options, prices []float64, plans ...[]bool) *Solution {
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
	if prices == nil {
		if !e.contradicted() {
			e.run()
		}
	} else {
		e.runWarm(prices, plans)
	}
	if e.pl.best == nil {
		if s := e.infeasible(); s != nil {
			return s
		}
	}
	return e.solution()
}

// runWarm certifies the old prices and mends the old plans for what has changed;
// where that is not good enough it goes through the stages from there.
func (e *engine) runWarm(prices []float64, plans [][]bool) {
	e.certify(prices)
	multipliers, edgeFlows, bound := e.multipliers, e.edgeFlows, e.bound
	for _, plan := range plans {
		if plan != nil {
			e.mend(plan, multipliers)
		}
	}
	if e.finished() {
		return
	}
	e.multipliers = multipliers
	e.run()
	if e.bound < bound || e.multipliers == nil || e.edgeFlows == nil {
		e.multipliers, e.edgeFlows, e.bound = multipliers, edgeFlows, bound
	}
}

// mend makes an old plan obey the constraints as they stand, and improves it.
func (e *engine) mend(plan []bool, mu []float64) {
	s := make([]bool, len(e.r.free))
	for i, u := range e.r.free {
		s[i] = plan[u]
	}
	p := e.pl.start(s)
	if !e.pl.route(p) && !e.pl.repair(p, mu, e.stop) {
		return
	}
	e.pl.improve(p, e.stop)
	e.pl.offer(p.s)
}
