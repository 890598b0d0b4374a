package planning

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"gengheng/internal/balance"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
)

// Run makes the plan of a plan row: it reads the screening run's verdicts,
// solves the balance problem, checks the answer, and writes the plan with its
// certificate in one transaction. A plan that is done is left as it is, so Run
// may be repeated.
//
// Where no plan can keep the rules, the plan is done with a certificate of
// status infeasible and a summary of what is missing. Where none can be made
// of what was given, Run says so on the row (status failed) and returns a
// *Refusal; any other error leaves the row for another attempt.
func Run(ctx context.Context, db *store.DB, county string, planID uuid.UUID, progress Progress) error {
	err := run(ctx, db, county, planID, progress)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return errors.Join(err, fail(ctx, db, county, planID, refusal))
	}
	return err
}

func run(ctx context.Context, db *store.DB, county string, planID uuid.UUID, progress Progress) error {
	progress.report("读取筛查结果 · read the screening", 0, 4)
	s, err := loadPlan(ctx, db, county, planID)
	if errors.Is(err, errPlanDone) {
		return nil
	}
	if err != nil {
		return err
	}
	rules, err := rulebook.Parse("rulebook "+s.rulebook, []byte(s.rules))
	if err != nil {
		return fmt.Errorf("read the rulebook of screening run %s: %w", s.runID, err)
	}
	o, err := defaults(rules.Planning).override(s.options)
	if err != nil {
		return err
	}
	if err := s.load(ctx, db, o.takesPart, minOverlap); err != nil {
		return err
	}
	progress.report("计算地块相邻关系 · adjacency", 1, 4)
	f, err := lay(ctx, s, o)
	if err != nil {
		return err
	}
	m, err := write(fmt.Sprintf("%s %d", s.county, s.year), f, s, o)
	if err != nil {
		return err
	}
	progress.report("求解平衡问题 · solve", 2, 4)
	solution, err := balance.Solve(ctx, m.problem, o.search())
	if err != nil {
		return fmt.Errorf("solve the balance problem of plan %s: %w", planID, err)
	}
	// A search that was called off gives its best so far. That is no plan: it
	// would depend on when the program was stopped.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("solve the balance problem of plan %s: %w", planID, err)
	}
	out, err := conclude(s, f, m, o, solution)
	if err != nil {
		return err
	}
	artifacts, err := pack(m.problem, solution)
	if err != nil {
		return err
	}
	progress.report("写入方案 · write the plan", 3, 4)
	if err := save(ctx, db, county, planID, out, solution.Certificate, artifacts); err != nil {
		return err
	}
	progress.report("完成 · done", 4, 4)
	return nil
}

// minOverlap in m² (IN-09's tolerance): two candidates that share more claim
// the same land.
const minOverlap = 1.0

// pack writes the problem and its solution as the contract's files and checks
// them as a stranger would before they are kept.
func pack(p *balance.Problem, solution *balance.Solution) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "gengheng-plan-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the balance problem: %w", err)
	}
	defer os.RemoveAll(dir)
	problemDir, solutionDir := filepath.Join(dir, "problem"), filepath.Join(dir, "solution")
	if err := balance.WriteProblem(problemDir, p); err != nil {
		return nil, fmt.Errorf("write the balance problem: %w", err)
	}
	if err := balance.WriteSolution(solutionDir, p, solution); err != nil {
		return nil, fmt.Errorf("write the solution: %w", err)
	}
	if _, err := balance.VerifyDir(problemDir, solutionDir); err != nil {
		return nil, fmt.Errorf("verify the solution: %w", err)
	}
	artifacts := map[string][]byte{}
	for name, folder := range map[string]string{"problem": problemDir, "solution": solutionDir} {
		if artifacts[name], err = packDir(folder); err != nil {
			return nil, err
		}
	}
	return artifacts, nil
}
