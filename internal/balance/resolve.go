package balance

import "context"

// Resolve solves a problem from the plan and the prices of a solution of a
// similar one with the same units and constraints, once, as a session would. It
// keeps nothing, and takes p as it is: who made it has seen to it that it is
// valid (Validate).
func Resolve(ctx context.Context, p *Problem, start *Solution, opt Options) (*Solution, error) {
	if err := checkBounded(p); err != nil {
		return nil, err
	}
	if start.Selected != nil && len(start.Selected) != len(p.Units) || start.Multipliers != nil && len(start.Multipliers) != len(p.Constraints) {
		return nil, &InputError{"solution.csv", 0, "不是此问题的解", "is not a solution of this problem"}
	}
	return solveWarm(ctx, p, opt, start.Multipliers, start.Selected), nil
}
