package planning

import (
	"context"
	"fmt"
	"time"

	"gengheng/internal/balance"
)

// solve has the engine answer the revision's problem, from the plan and the
// prices of the revision before. nil: from nothing.
func (r *revision) solve(ctx context.Context, before *revision, limit time.Duration) error {
	began := time.Now()
	defer func() { r.timing.Solve = time.Since(began).Seconds() }()
	p := r.m.problem
	if before != nil && r.sameAs(before) && before.solution.Status == balance.Optimal {
		r.solution = before.solution // there is nothing more to find
		return nil
	}
	if r.conflicts = balance.CheckLocks(p); len(r.conflicts) > 0 {
		limit = max(limit, searchOn)
		before = nil // the old plan can lead nowhere
	}
	search := r.o.search()
	search.TimeLimit = limit
	var err error
	if before == nil || before.prices == nil {
		r.solution, err = balance.Solve(ctx, p, search)
	} else {
		r.solution, err = r.resolve(ctx, before, search)
	}
	if err != nil {
		return fmt.Errorf("solve the balance problem: %w", err)
	}
	if r.solution.Status == balance.Unknown && ctx.Err() == nil && limit < searchOn {
		search.TimeLimit = searchOn
		if r.solution, err = balance.Solve(ctx, p, search); err != nil {
			return fmt.Errorf("solve the balance problem: %w", err)
		}
	}
	// A search that was called off gives its best so far. That is no answer: it
	// would depend on when the caller went.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("solve the balance problem: %w", err)
	}
	if before != nil && r.sameAs(before) && proved(before.solution) < proved(r.solution) {
		r.solution = before.solution
	}
	return nil
}

// sameAs says whether both revisions ask the same.
func (r *revision) sameAs(before *revision) bool { return sameProblem(r.m.problem, before.m.problem) }

// proved is how far a solution's plan may at most be from the best one, in the
// unit of the objective; more than any where there is none.
func proved(s *balance.Solution) float64 {
	const without = 1e300
	if s.Objective == nil || s.Bound == nil {
		return without
	}
	bound := *s.Bound
	if s.BoundStronger != nil {
		bound = max(bound, s.BoundStronger.Value)
	}
	return *s.Objective - bound
}

func (r *revision) resolve(ctx context.Context, before *revision, search balance.Options) (*balance.Solution, error) {
	return balance.Resolve(ctx, r.m.problem, r.start(before), search)
}

// start is what the revision before has to start from, in the order of this
// one's problem: what it does not know is not farmland and has no price.
func (r *revision) start(before *revision) *balance.Solution {
	p := r.m.problem
	s := &balance.Solution{Multipliers: make([]float64, len(p.Constraints)), Selected: make([]bool, len(p.Units))}
	for k := range p.Constraints {
		s.Multipliers[k] = before.prices[p.Constraints[k].ID]
	}
	if r.base.s == before.base.s {
		copy(s.Selected, before.plan)
		return s
	}
	was := make(map[string]bool, len(before.plan))
	for u, farmland := range before.plan {
		was[before.m.problem.Units[u].ID] = farmland
	}
	for u := range p.Units {
		s.Selected[u] = was[p.Units[u].ID]
	}
	return s
}

// keep takes along what the next revision may start from.
func (r *revision) keep(before *revision) {
	if before != nil {
		r.plan, r.prices = r.start(before).Selected, before.prices
	}
	if r.solution.Selected != nil {
		r.plan = r.solution.Selected
	}
	if r.solution.Multipliers != nil {
		r.prices = make(map[string]float64, len(r.solution.Multipliers))
		for k, price := range r.solution.Multipliers {
			r.prices[r.m.problem.Constraints[k].ID] = price
		}
	}
}
