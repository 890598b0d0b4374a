package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gengheng/internal/balance"
	"gengheng/internal/balance/marxan"
)

// balanceCmd is the door to the balance engine (平衡引擎): files in, files out, no
// database. The formats are those of docs/balance.md.
type balanceCmd struct {
	Solve  balanceSolveCmd  `cmd:"" help:"求解平衡问题并给出证书 · Solve a balance problem and certify the plan."`
	Verify balanceVerifyCmd `cmd:"" help:"独立验证方案与证书 · Verify a solution from its files alone."`

	Bench      balanceBenchCmd      `cmd:"" hidden:"" help:"与 HiGHS、CBC 比较 · Solve generated problems, beside HiGHS and CBC."`
	Frontier   balanceFrontierCmd   `cmd:"" help:"扫描连片权重 λ，画出费用与边界的权衡曲线 · Sweep the weight of borders."`
	FromMarxan balanceFromMarxanCmd `cmd:"" help:"由 Marxan 文件夹生成平衡问题 · Write a Marxan folder as a balance problem."`
}

// Exit codes of `gengheng balance`.
const (
	exitRefused    = 1
	exitBadInput   = 2
	exitInfeasible = 3
	exitUnknown    = 4
	exitUnproved   = 5 // verify: nothing is wrong, but the files prove nothing, or with --strict not all that is claimed
)

// checkLimits refuses options that mean nothing: what solve, frontier and bench
// are told of time, gap and threads.
func checkLimits(limit time.Duration, gap float64, threads int) error {
	refuse := func(text string) error { return &exitError{exitBadInput, errors.New(text)} }
	switch {
	case limit <= 0:
		return refuse("--time-limit 必须大于 0 · must be positive")
	case math.IsNaN(gap) || math.IsInf(gap, 0) || gap > 1:
		return refuse("--gap 须为不大于 1 的数；0 或负数表示求到证明最优为止 · must be a number of at most 1; 0 or less means: until the plan is proved to be the best")
	case threads < 0:
		return refuse("--threads 不能为负；0 为全部处理器 · must not be negative; 0 means all processors")
	}
	return nil
}

// engineGap is --gap as the engine takes it: 0 or less means to go on until the
// plan is proved to be the best.
func engineGap(gap float64) float64 {
	if gap <= 0 {
		return -1
	}
	return gap
}

// outPath makes --out a whole path. An empty one is refused: it would be the folder
// that the program happens to stand in.
func outPath(out string) (string, error) {
	if strings.TrimSpace(out) == "" {
		return "", &exitError{exitBadInput, errors.New("--out 不能为空 · must not be empty")}
	}
	return kong.ExpandPath(out), nil
}

type balanceSolveCmd struct {
	Problem   string        `arg:"" name:"problem_dir" help:"问题文件夹 · Problem folder." type:"path"`
	Out       string        `required:"" help:"结果文件夹，须为自己的文件夹 · Folder for the solution, of its own."`
	TimeLimit time.Duration `default:"60s" help:"时间上限，如 60s、5m；单写一个数为秒 · Wall time to stop at; a bare number is seconds."`
	Gap       float64       `default:"0.0001" help:"达到此差距即停，0 或负数（--gap=-1）为求到证明最优为止 · Gap to stop at; 0 or less (--gap=-1): until the plan is proved to be the best."`
	Threads   int           `default:"0" help:"线程数，0 为全部 · Threads; 0 means all processors."`
	Seed      int64         `default:"0" help:"随机种子 · Seed of the search."`
	PatchArea string        `help:"单元面积表 unit,area[,rule]，与 --min-patch 同用 · Areas of the units, for --min-patch." type:"path"`
	MinPatch  float64       `help:"每个入选单元所在连片耕地的最小面积 · Least area of the patch around every chosen unit."`
}

// Run solves the problem; the certificate goes to standard output.
func (c *balanceSolveCmd) Run(ctx context.Context) error {
	if err := checkLimits(c.TimeLimit, c.Gap, c.Threads); err != nil {
		return err
	}
	out, err := outPath(c.Out)
	if err != nil {
		return err
	}
	c.Out = out
	opt := balance.Options{TimeLimit: c.TimeLimit, Gap: engineGap(c.Gap), Threads: c.Threads, Seed: c.Seed, Progress: printProgress, Conflicts: printConflicts}
	certificate, err := c.solve(ctx, opt)
	if err != nil {
		return badInput(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(certificate); err != nil {
		return fmt.Errorf("证书无法输出 · the certificate cannot be printed: %w", err)
	}
	switch certificate.Status {
	case balance.Infeasible:
		return &exitError{exitInfeasible, errors.New("约束互相矛盾，证明与缺口见 infeasibility.json · infeasible; see infeasibility.json")}
	case balance.Unknown:
		if ctx.Err() != nil {
			return &exitError{exitUnknown, errors.New("已中断，尚未找到可行方案 · interrupted before a plan was found")}
		}
		return &exitError{exitUnknown, fmt.Errorf("未找到可行方案（用时 %.1f 秒，上限 %v） · no plan was found (%.1f s of %v)", certificate.Seconds, c.TimeLimit, certificate.Seconds, c.TimeLimit)}
	}
	return nil
}

func (c *balanceSolveCmd) solve(ctx context.Context, opt balance.Options) (balance.Certificate, error) {
	if c.PatchArea == "" && c.MinPatch == 0 {
		return balance.SolveDir(ctx, c.Problem, c.Out, opt)
	}
	if c.PatchArea == "" {
		return balance.Certificate{}, &exitError{exitBadInput, errors.New("--min-patch 需要 --patch-area · --min-patch needs --patch-area")}
	}
	if c.MinPatch == 0 {
		return balance.Certificate{}, &exitError{exitBadInput, errors.New("--patch-area 需要大于 0 的 --min-patch · --patch-area needs a --min-patch above 0")}
	}
	certificate, report, err := balance.SolvePatchesDir(ctx, c.Problem, c.Out, c.PatchArea, c.MinPatch, opt)
	if err != nil {
		return certificate, err
	}
	if report.NoPlanObeys {
		fmt.Fprintln(os.Stderr, "没有方案能同时满足约束与连片规则（已证明） · no plan obeys the constraints and the patch rule (proved)")
	}
	if report.Loss != nil {
		fmt.Fprintf(os.Stderr, "连片规则：排除 %d 个单元，代价 %.6g · patch rule: %d units excluded, loss %.6g\n", report.Excluded, *report.Loss, report.Excluded, *report.Loss)
	}
	return certificate, nil
}

func printProgress(p balance.Progress) {
	show := func(v *float64, format string) string {
		if v == nil {
			return "-"
		}
		if text := fmt.Sprintf(format, *v); strings.Trim(text, "-0.") != "" {
			return text
		}
		return fmt.Sprintf(format, 0.0) // not -0.000000
	}
	fmt.Fprintf(os.Stderr, "%8.1fs  %-8s 方案 plan %s  下界 bound %s  差距 gap %s\n",
		p.Elapsed.Seconds(), p.Stage, show(p.Objective, "%.6f"), show(p.Bound, "%.6f"), show(p.Gap, "%.6f"))
}

// printConflicts names what cannot be met, and the locks to blame.
func printConflicts(list []balance.Conflict) {
	for _, c := range list {
		fmt.Fprintln(os.Stderr, conflictText(&c))
	}
}

func conflictText(c *balance.Conflict) string {
	rows, locks := []string{}, []string{}
	for _, r := range c.Rows {
		rows = append(rows, r.Constraint)
	}
	for _, l := range c.Locks {
		locks = append(locks, fmt.Sprintf("%s=%d", l.Unit, l.Value))
	}
	zh, en := "锁定与约束矛盾", "the locks contradict the constraints"
	if c.MissingWithoutLocks > 0 {
		zh, en = "即使不锁定也无法满足", "cannot be met even without locks"
	}
	zh += fmt.Sprintf("：约束 %s，至少差 %.6g", someOf(rows), c.Missing)
	en += fmt.Sprintf(": %d constraints miss %.6g at least", len(c.Rows), c.Missing)
	if c.LockCount > 0 {
		zh += fmt.Sprintf("；相关锁定 %d 个：%s", c.LockCount, someOf(locks))
		en += fmt.Sprintf("; %d locks weigh in it", c.LockCount)
	}
	return zh + " · " + en
}

// someOf lists the first names, and says when there are more.
func someOf(names []string) string {
	const most = 10
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, " ")
}

func badInput(err error) error {
	var input *balance.InputError
	if errors.As(err, &input) {
		return &exitError{exitBadInput, err}
	}
	return err
}

type balanceVerifyCmd struct {
	Problem   string   `arg:"" name:"problem_dir" help:"问题文件夹 · Problem folder." type:"path"`
	Out       string   `arg:"" name:"out_dir" help:"结果文件夹 · Folder with the solution." type:"path"`
	PatchArea string   `help:"求解时的单元面积表，用以检验连片规则 · Areas of the units, to check the patch rule by." type:"path"`
	MinPatch  *float64 `help:"求解时的最小连片面积，与 patch.json 核对 · Least area of patches, to hold against patch.json."`
	Strict    bool     `help:"所称有文件不能证明的，也算不通过（退出码 5） · Exit with 5 if anything claimed is not proved by the files."`
}

// Run verifies the solution and says what was checked.
func (c *balanceVerifyCmd) Run() error {
	if c.MinPatch != nil && c.PatchArea == "" {
		return &exitError{exitBadInput, errors.New("--min-patch 需要 --patch-area · --min-patch needs --patch-area")}
	}
	report, err := balance.VerifyDirWith(c.Problem, c.Out, balance.VerifyOptions{PatchAreas: c.PatchArea, MinPatch: c.MinPatch})
	for _, line := range report.Checked {
		fmt.Println("已验证 checked:", line)
	}
	for _, line := range report.Unchecked {
		fmt.Println("未验证 not checked:", line)
	}
	for _, line := range report.Faults {
		fmt.Println("错误 fault:", line)
	}
	if errors.Is(err, balance.ErrNotVerified) {
		return &exitError{exitRefused, err}
	}
	if err != nil {
		return badInput(err)
	}
	status := string(report.Proved)
	if report.Proved != report.Status {
		status = fmt.Sprintf("%s（声称 %s，文件不能证明 · %s is claimed, and not proved by the files）", report.Proved, report.Status, report.Status)
	}
	fmt.Println("验证通过 · verified:", status)
	// What rests on branches is no fault of an answer, and its plan and bound are proved.
	if n := len(report.Unchecked); report.Proved == balance.Unknown && report.Status != balance.Unknown || c.Strict && n > 0 {
		return &exitError{exitUnproved, fmt.Errorf("没有发现错误，但有 %d 项文件不能证明，见上 · nothing is wrong, but %d things are not proved by the files; see above", n, n)}
	}
	return nil
}

type balanceFromMarxanCmd struct {
	Marxan string   `arg:"" name:"marxan_dir" help:"Marxan 文件夹（pu.dat、spec.dat、puvspr.dat、bound.dat、input.dat） · Marxan folder." type:"path"`
	Out    string   `required:"" help:"问题文件夹 · Folder for the problem."`
	BLM    *float64 `name:"blm" help:"边界长度系数，缺省取 input.dat 的 BLM · Boundary length modifier; input.dat's by default."`
}

// Run writes the problem; what it leaves out is said on standard error.
func (c *balanceFromMarxanCmd) Run() error {
	out, err := outPath(c.Out)
	if err != nil {
		return err
	}
	if err := marxan.CheckOut(c.Marxan, out); err != nil {
		return badInput(err)
	}
	p, notices, err := marxan.Read(c.Marxan, marxan.Options{BLM: c.BLM})
	if err != nil {
		return badInput(err)
	}
	for _, n := range notices {
		fmt.Fprintln(os.Stderr, "注意 notice:", n)
	}
	if err := balance.WriteProblem(out, p); err != nil {
		return err
	}
	fmt.Printf("%d 个单元、%d 条边、%d 条约束 · %d units, %d edges, %d constraints\n",
		len(p.Units), len(p.Edges), len(p.Constraints), len(p.Units), len(p.Edges), len(p.Constraints))
	return nil
}

type balanceFrontierCmd struct {
	Problem   string        `arg:"" name:"problem_dir" help:"问题文件夹 · Problem folder." type:"path"`
	Lambdas   []float64     `required:"" help:"边权的倍数，以逗号分隔，如 0,0.5,1,2 · Multiples of the edge weights."`
	Out       string        `required:"" help:"结果文件，.json 或 .csv · File for the points."`
	TimeLimit time.Duration `default:"10s" help:"每个 λ 的时间上限，如 10s；单写一个数为秒 · Wall time for each point; a bare number is seconds."`
	Gap       float64       `default:"0.0001" help:"达到此差距即停，0 或负数（--gap=-1）为求到证明最优为止 · Gap to stop at; 0 or less (--gap=-1): until the plan is proved to be the best."`
	Threads   int           `default:"0" help:"线程数，0 为全部 · Threads; 0 means all processors."`
	Seed      int64         `default:"0" help:"随机种子 · Seed of the search."`
}

// Run sweeps λ and writes a point for each.
func (c *balanceFrontierCmd) Run(ctx context.Context) error {
	if err := checkLimits(c.TimeLimit, c.Gap, c.Threads); err != nil {
		return err
	}
	out, err := outPath(c.Out)
	if err != nil {
		return err
	}
	if ext := strings.ToLower(filepath.Ext(out)); ext != ".csv" && ext != ".json" {
		return &exitError{exitBadInput, fmt.Errorf("--out %q 须以 .csv 或 .json 结尾 · must end in .csv or .json", c.Out)}
	}
	p, err := balance.ReadProblem(c.Problem)
	if err != nil {
		return badInput(err)
	}
	if err := balance.CheckFrontierFile(c.Problem, out); err != nil {
		return badInput(err)
	}
	points, err := balance.Frontier(ctx, p, c.Lambdas, balance.Options{TimeLimit: c.TimeLimit, Gap: engineGap(c.Gap), Threads: c.Threads, Seed: c.Seed})
	if err != nil {
		return badInput(err)
	}
	if ctx.Err() != nil {
		return &exitError{exitUnknown, errors.New("已中断，没有写出结果 · interrupted; nothing was written")}
	}
	show := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf("%.6g", *v)
	}
	for _, x := range points {
		fmt.Printf("λ %-8g %-10s 费用 cost %-12s 边界 border %-12s 下界 bound %-12s gap %-10s %.2fs\n",
			x.Lambda, x.Status, show(x.Cost), show(x.Border), show(x.Bound), show(x.Gap), x.Seconds)
	}
	if err := balance.WriteFrontier(out, points); err != nil {
		return err
	}
	return frontierStatus(points)
}

// frontierStatus is the exit code of a sweep: the constraints are the same at every
// λ, so that they contradict each other at all or at none.
func frontierStatus(points []balance.FrontierPoint) error {
	unknown := 0
	for i := range points {
		switch points[i].Status {
		case balance.Infeasible:
			return &exitError{exitInfeasible, errors.New("约束互相矛盾，任何 λ 都没有方案 · infeasible at every λ")}
		case balance.Unknown:
			unknown++
		}
	}
	if unknown > 0 {
		return &exitError{exitUnknown, fmt.Errorf("%d 个 λ 未找到可行方案 · no plan was found for %d of the λ", unknown, unknown)}
	}
	return nil
}
