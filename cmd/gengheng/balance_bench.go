package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"gengheng/internal/balance"
	"gengheng/internal/balance/rival"
)

type balanceBenchCmd struct {
	Sizes      []int         `default:"10000,100000" help:"单元数 · Units of the problems."`
	Cases      []string      `default:"reserve,realistic,all-free" enum:"reserve,realistic,all-free" help:"算例 · Which kinds of problems."`
	Solvers    []string      `default:"gengheng,highs,cbc" enum:"gengheng,highs,cbc" help:"求解器 · Which solvers."`
	TimeLimit  time.Duration `default:"60s" help:"每题时间上限 · Wall time for each problem."`
	RivalUnits int           `default:"100000" help:"其他求解器的最大单元数 · Largest problem that other solvers get."`
	Gap        float64       `default:"0.0001" help:"达到此差距即停，0 或负数（--gap=-1）为求到证明最优为止 · Gap to stop at; 0 or less (--gap=-1): until the plan is proved to be the best."`
	Seed       uint64        `default:"1" help:"算例种子 · Seed of the problems."`
}

// Run solves generated problems with every solver, each in a process of its own
// and on the same files, and prints a table.
func (c *balanceBenchCmd) Run(ctx context.Context) error {
	if err := checkLimits(c.TimeLimit, c.Gap, 0); err != nil {
		return err
	}
	for _, n := range c.Sizes {
		if n < 1 {
			return &exitError{exitBadInput, fmt.Errorf("--sizes %d 须为正整数 · must be positive", n)}
		}
	}
	fmt.Printf("机器 · machine: %s, %d 核 · cores, %s %s\n", cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Printf("%s · gap %g · %s · seed %d\n\n", balance.Version, c.Gap, c.TimeLimit, c.Seed)
	fmt.Println("| units | kind | solver | seconds | plan | bound | gap | gap_net | MiB | ended |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, size := range c.Sizes {
		for _, kind := range c.Cases {
			err := c.problem(ctx, size, kind)
			if ctx.Err() != nil {
				return &exitError{exitUnknown, errors.New("已中断 · interrupted")}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func benchProblem(size int, kind string, seed uint64) *balance.Problem {
	if kind == "reserve" {
		return balance.SyntheticReserve(size, 10, 200, seed)
	}
	townships := 25
	if size < 50000 {
		townships = 15
	}
	return balance.SyntheticCounty(size, townships, kind == "all-free", 0.01, seed)
}

func (c *balanceBenchCmd) problem(ctx context.Context, size int, kind string) error {
	work, err := os.MkdirTemp("", "gengheng-balance-bench-")
	if err != nil {
		return fmt.Errorf("临时文件夹无法建立 · the bench needs a temporary folder: %w", err)
	}
	defer os.RemoveAll(work)
	in := filepath.Join(work, "in")
	p := benchProblem(size, kind, c.Seed)
	if err := balance.WriteProblem(in, p); err != nil {
		return err
	}
	for _, solver := range []string{"gengheng", "highs", "cbc"} {
		if !slices.Contains(c.Solvers, solver) || ctx.Err() != nil {
			continue
		}
		if solver != "gengheng" && size > c.RivalUnits {
			fmt.Printf("| %d | %s | %s | - | - | - | - | - | - | 未试 · not tried: over --rival-units |\n", len(p.Units), kind, solver)
			continue
		}
		if err := c.row(ctx, solver, kind, p, in, work); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *balanceBenchCmd) row(ctx context.Context, solver, kind string, p *balance.Problem, in, work string) error {
	var a rival.Answer
	var net *float64
	var err error
	switch solver {
	case "gengheng":
		a, net, err = c.own(ctx, in, filepath.Join(work, "out"))
	case "highs":
		a, err = rival.HiGHS(ctx, in, c.TimeLimit, max(c.Gap, 0))
	case "cbc":
		a, err = rival.CBC(ctx, p, work, c.TimeLimit, max(c.Gap, 0))
	}
	if errors.Is(err, rival.ErrAbsent) {
		fmt.Printf("| %d | %s | %s | - | - | - | - | - | - | %s |\n", len(p.Units), kind, solver, rival.ErrAbsent)
		return nil
	}
	if err != nil {
		return err
	}
	show := func(v *float64, format string, factor float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf(format, *v*factor)
	}
	var gap *float64
	if a.Objective != nil && a.Bound != nil {
		g := (*a.Objective - *a.Bound) / max(*a.Objective, 1e-9)
		gap = &g
		if solver != "gengheng" {
			g := (*a.Objective - *a.Bound) / max(*a.Objective-fixedBorders(p), 1e-9)
			net = &g
		}
	}
	fmt.Printf("| %d | %s | %s | %.2f | %s | %s | %s | %s | %d | %.40s |\n", len(p.Units), kind, solver, a.Seconds,
		show(a.Objective, "%.2f", 1), show(a.Bound, "%.2f", 1), show(gap, "%.4f %%", 100), show(net, "%.4f %%", 100), a.Memory>>20, a.Status)
	return nil
}

// solveArgs is how own calls the solver; a gap below 0 would be taken for a flag if
// it stood by itself.
func (c *balanceBenchCmd) solveArgs(in, out string) []string {
	return []string{"balance", "solve", in, "--out", out, "--time-limit", c.TimeLimit.String(), fmt.Sprintf("--gap=%g", c.Gap)}
}

// own runs this program's own solver as a process, so that its memory is its own.
func (c *balanceBenchCmd) own(ctx context.Context, in, out string) (rival.Answer, *float64, error) {
	self, err := os.Executable()
	if err != nil {
		return rival.Answer{}, nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, c.solveArgs(in, out)...)
	started := time.Now()
	var text bytes.Buffer
	cmd.Stdout = &text
	peak, err := rival.Watch(cmd)
	a := rival.Answer{Seconds: time.Since(started).Seconds(), Memory: peak}
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && (exit.ExitCode() == exitInfeasible || exit.ExitCode() == exitUnknown)) {
		return a, nil, fmt.Errorf("solve: %w", err)
	}
	var certificate balance.Certificate
	if err := json.Unmarshal(text.Bytes(), &certificate); err != nil {
		return a, nil, fmt.Errorf("read certificate: %w", err)
	}
	a.Objective, a.Bound, a.Status = certificate.Objective, certificate.Bound, string(certificate.Status)
	return a, certificate.GapNet, nil
}

// fixedBorders is the weight between fixed units, which gap_net leaves out.
func fixedBorders(p *balance.Problem) float64 {
	sum := 0.0
	for _, e := range p.Edges {
		if e.B == balance.Outside {
			continue
		}
		a, b := p.Units[e.A].Fixed, p.Units[e.B].Fixed
		if a != balance.Free && b != balance.Free && a != b {
			sum += e.Weight
		}
	}
	return sum
}
