package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	return finish(ctx, db, county, planID, run(ctx, db, nil, county, planID, progress))
}

// Run makes the plan of a plan row as the package's Run does, with what sessions
// on its screening run are laid on; where there is none it is kept for them.
func (l *Sessions) Run(ctx context.Context, county string, planID uuid.UUID, progress Progress) error {
	err := run(ctx, l.db, l.desk.bases, county, planID, progress)
	l.keepWithin()
	return finish(ctx, l.db, county, planID, err)
}

// finish says a refusal on the plan's row.
func finish(ctx context.Context, db *store.DB, county string, planID uuid.UUID, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return errors.Join(err, fail(ctx, db, county, planID, refusal))
	}
	return err
}

func run(ctx context.Context, db *store.DB, kept *bases, county string, planID uuid.UUID, progress Progress) error {
	progress.report("读取筛查结果 · read the screening", 0, 4)
	s, err := loadPlan(ctx, db, county, planID)
	if errors.Is(err, errPlanDone) {
		return nil
	}
	if err != nil {
		return err
	}
	standard, o, err := s.takeOptions(ctx, db)
	if err != nil {
		return err
	}
	b, err := kept.of(ctx, db, s, standard, o, func() { progress.report("计算地块相邻关系 · adjacency", 1, 4) })
	if err != nil {
		return err
	}
	s, f := b.s, b.f
	m, err := write(s.problemName(), f, s, o)
	if err != nil {
		return err
	}
	progress.report("求解平衡问题 · solve", 2, 4)
	solution, patches, err := m.solve(ctx, f, o)
	if err != nil {
		return fmt.Errorf("solve the balance problem of plan %s: %w", planID, err)
	}
	// A search that was called off gives its best so far. That is no plan: it
	// would depend on when the program was stopped.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("solve the balance problem of plan %s: %w", planID, err)
	}
	if patches != nil && patches.NoPlanObeys {
		return refuse("patch-rule", "没有方案能守住连片规则 · No plan keeps the patch rule",
			"已证明：没有方案既满足全部平衡要求，又使每个转进地块所在耕地片块不小于 %.2f m²。请放宽 min_patch_m2，或取消已指定的地块。 Proved: no plan keeps all balances with every incoming parcel in a patch of at least %.2f m²; lower min_patch_m2 or release decisions.",
			o.MinPatch, o.MinPatch)
	}
	out, err := conclude(s, f, m, o, solution, patches)
	if err != nil {
		return err
	}
	out.summary.Patches = patches
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

// solve has the engine choose, under the patch rule where the options ask for it.
func (m *model) solve(ctx context.Context, f *fields, o Options) (*balance.Solution, *balance.PatchReport, error) {
	if !o.PatchRule {
		solution, err := balance.Solve(ctx, m.problem, o.search())
		return solution, nil, err
	}
	rule := balance.PatchRule{MinArea: o.MinPatch, Area: make([]float64, len(m.problem.Units)), Applies: make([]bool, len(m.problem.Units))}
	copy(rule.Area, f.area)
	for i := range f.units {
		rule.Applies[i] = f.units[i].in()
	}
	return balance.SolvePatches(ctx, m.problem, rule, o.search())
}

func (s *survey) problemName() string { return fmt.Sprintf("%s %d", s.county, s.year) }

// takeOptions reads the options of the survey's plan over the rulebook's
// defaults.
func (s *survey) takeOptions(ctx context.Context, db *store.DB) (standard, o Options, err error) {
	if err := s.takeRulebook(ctx, db); err != nil {
		return standard, o, err
	}
	rules, err := rulebook.Parse("rulebook "+s.rulebook, []byte(s.rules))
	if err != nil {
		return standard, o, fmt.Errorf("read rulebook %s of screening run %s: %w", s.rulebook, s.runID, err)
	}
	standard = defaults(rules.Planning)
	o, err = standard.override(s.options)
	return standard, o, err
}

// takeRulebook reads the rulebook that the plan's options name instead of the
// screening's.
func (s *survey) takeRulebook(ctx context.Context, db *store.DB) error {
	var o struct {
		Rulebook string `json:"rulebook"`
	}
	if err := json.Unmarshal(s.options, &o); err != nil {
		return badOptions("%v", err)
	}
	if o.Rulebook == "" || o.Rulebook == s.rulebook {
		return nil
	}
	err := db.Pool.QueryRow(ctx, `SELECT version, document FROM rulebook WHERE version = $1`, o.Rulebook).Scan(&s.rulebook, &s.rules)
	if errors.Is(err, pgx.ErrNoRows) {
		return badOptions("没有登记版本为 %s 的规则库。 No rulebook of version %s is registered.", o.Rulebook, o.Rulebook)
	}
	if err != nil {
		return fmt.Errorf("read rulebook %s: %w", o.Rulebook, err)
	}
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
