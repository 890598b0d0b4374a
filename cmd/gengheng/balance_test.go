package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"gengheng/internal/balance"
)

// Ensure `gengheng balance` ends with the exit codes that docs/balance.md
// promises, and that verify refuses what was tampered with.
func TestBalanceExitCodes(t *testing.T) {
	t.Parallel()
	code := func(err error) int {
		var exit *exitError
		if errors.As(err, &exit) {
			return exit.code
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	}
	write := func(rhs float64) string {
		dir := filepath.Join(t.TempDir(), "in")
		p := &balance.Problem{
			Units:       []balance.Unit{{ID: "a", Cost: 2}, {ID: "b", Cost: 3}},
			Edges:       []balance.Edge{{A: 0, B: 1, Weight: 1}},
			Constraints: []balance.Constraint{{ID: "k", RHS: rhs}},
			Terms:       []balance.Term{{Unit: 0, Coefficient: 1}, {Unit: 1, Coefficient: 1}},
		}
		if err := balance.WriteProblem(dir, p); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	solve := func(in, out string, limit time.Duration) int {
		return code((&balanceSolveCmd{Problem: in, Out: out, TimeLimit: limit, Gap: 1e-4}).Run(context.Background()))
	}
	in, out := write(1), filepath.Join(t.TempDir(), "out")
	if got := solve(in, out, time.Minute); got != 0 {
		t.Errorf("a solvable problem: exit code %d", got)
	}
	if got := code((&balanceVerifyCmd{Problem: in, Out: out}).Run()); got != 0 {
		t.Errorf("verify of an optimum that rests on a search: exit code %d", got)
	}
	if got := code((&balanceVerifyCmd{Problem: in, Out: out, Strict: true}).Run()); got != exitUnproved {
		t.Errorf("verify --strict of an optimum that rests on a search: exit code %d", got)
	}
	if in, out := write(0), filepath.Join(t.TempDir(), "out"); solve(in, out, time.Minute) != 0 || code((&balanceVerifyCmd{Problem: in, Out: out, Strict: true}).Run()) != 0 {
		t.Error("an optimum that the bound proves is not verified")
	}
	if err := os.WriteFile(filepath.Join(out, "solution.csv"), []byte("unit,selected\na,0\nb,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := code((&balanceVerifyCmd{Problem: in, Out: out}).Run()); got != exitRefused {
		t.Errorf("verify of a violating plan: exit code %d", got)
	}
	if got := solve(write(3), out, time.Minute); got != exitInfeasible {
		t.Errorf("an infeasible problem: exit code %d", got)
	}
	missing := filepath.Join(t.TempDir(), "nothing")
	if got := solve(missing, out, time.Minute); got != exitBadInput {
		t.Errorf("a missing folder: exit code %d", got)
	}
	if got := solve(in, in, time.Minute); got != exitBadInput {
		t.Errorf("the problem's own folder as output: exit code %d", got)
	}
	if got := solve(in, out, 0); got != exitBadInput {
		t.Errorf("no time: exit code %d", got)
	}
	if got := code((&balanceFromMarxanCmd{Marxan: missing, Out: out}).Run()); got != exitBadInput {
		t.Errorf("from-marxan of a missing folder: exit code %d", got)
	}
	areas := filepath.Join(t.TempDir(), "areas.csv")
	if err := os.WriteFile(areas, []byte("unit,area\na,4\nb,4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	patches := func(file string, area float64) int {
		return code((&balanceSolveCmd{Problem: in, Out: out, TimeLimit: time.Minute, Gap: 1e-4, PatchArea: file, MinPatch: area}).Run(context.Background()))
	}
	if got := patches(areas, 8); got != 0 {
		t.Errorf("a patch rule that both units meet together: exit code %d", got)
	}
	if got := code((&balanceVerifyCmd{Problem: in, Out: out, Strict: true}).Run()); got != exitUnproved {
		t.Errorf("verify of its plan, whose loss no file proves: exit code %d", got)
	}
	if got := code((&balanceVerifyCmd{Problem: in, Out: filepath.Join(out, "nothing")}).Run()); got != exitBadInput {
		t.Errorf("verify of a missing folder: exit code %d", got)
	}
	if got := patches(areas, 9); got != exitUnknown {
		t.Errorf("a patch rule that nothing meets: exit code %d", got)
	}
	same := balanceSolveCmd{Problem: in, Out: in, TimeLimit: time.Minute, Gap: 1e-4, PatchArea: areas, MinPatch: 8}
	if got := code(same.Run(context.Background())); got != exitBadInput {
		t.Errorf("the problem's own folder as output under a patch rule: exit code %d", got)
	}
	if patches("", 8) != exitBadInput || patches(filepath.Join(out, "none"), 8) != exitBadInput {
		t.Error("a patch rule without areas was taken")
	}
	frontier := balanceFrontierCmd{Problem: in, Lambdas: []float64{0, 1, 2}, Out: filepath.Join(t.TempDir(), "f.csv"), TimeLimit: time.Minute}
	if got := code(frontier.Run(context.Background())); got != 0 {
		t.Errorf("frontier: exit code %d", got)
	}
	if other := frontier; true {
		other.Out = filepath.Join(t.TempDir(), "f.xyz")
		if got := code(other.Run(context.Background())); got != exitBadInput {
			t.Errorf("frontier into a file of no known kind: exit code %d", got)
		}
		other.Out, other.Problem = frontier.Out, write(3)
		if got := code(other.Run(context.Background())); got != exitInfeasible {
			t.Errorf("frontier of an infeasible problem: exit code %d", got)
		}
	}
	if frontier.Lambdas = []float64{-1}; code(frontier.Run(context.Background())) != exitBadInput {
		t.Error("frontier took a negative λ")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	err := (&balanceSolveCmd{Problem: write(1), Out: out, TimeLimit: time.Minute}).Run(cancelled)
	if got := code(err); got != exitUnknown && got != 0 {
		t.Errorf("cancelled at once: exit code %d", got)
	}
	if err != nil && !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("cancelled at once: %v", err)
	}
	frontier.Lambdas = []float64{1}
	if got := code(frontier.Run(cancelled)); got != exitUnknown {
		t.Errorf("frontier cancelled at once: exit code %d", got)
	}
}

// Ensure options that mean nothing are refused by every command that takes them.
func TestBalanceRefusesSenselessOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gap     float64
		threads int
		limit   time.Duration
	}{{math.NaN(), 0, time.Second}, {math.Inf(1), 0, time.Second}, {math.Inf(-1), 0, time.Second}, {2, 0, time.Second}, {0.1, -1, time.Second}, {0.1, 0, 0}} {
		ctx, dir := context.Background(), t.TempDir()
		for name, err := range map[string]error{
			"solve":    (&balanceSolveCmd{Problem: dir, Out: dir, TimeLimit: c.limit, Gap: c.gap, Threads: c.threads}).Run(ctx),
			"frontier": (&balanceFrontierCmd{Problem: dir, Lambdas: []float64{1}, Out: "f.csv", TimeLimit: c.limit, Gap: c.gap, Threads: c.threads}).Run(ctx),
			"bench":    (&balanceBenchCmd{TimeLimit: c.limit, Gap: c.gap}).Run(ctx),
		} {
			if name == "bench" && c.threads < 0 {
				continue // it has no such option
			}
			var exit *exitError
			if !errors.As(err, &exit) || exit.code != exitBadInput || !strings.Contains(err.Error(), "--") {
				t.Errorf("%s took %+v: %v", name, c, err)
			}
		}
	}
}

// Ensure a long list of names says that it goes on, and that locks are left out
// where none weigh.
func TestConflictsAreToldShort(t *testing.T) {
	t.Parallel()
	c := balance.Conflict{Missing: 3, MissingWithoutLocks: 3}
	for k := range 12 {
		c.Rows = append(c.Rows, balance.RowValue{Constraint: fmt.Sprint("k", k), Multiplier: 1})
	}
	if text := conflictText(&c); !strings.Contains(text, "k9 …，") || strings.Contains(text, "k10") || strings.Contains(text, "锁定 0") || strings.Contains(text, "0 locks") {
		t.Error(text)
	}
	c.Rows, c.LockCount, c.Locks = c.Rows[:2], 1, []balance.LockShare{{Unit: "a", Value: 1, Share: 3}}
	if text := conflictText(&c); strings.Contains(text, "…") || !strings.Contains(text, "相关锁定 1 个：a=1") {
		t.Error(text)
	}
}

// Ensure bench hands a negative gap on to the solver that it starts.
func TestBenchGapIsOneArgument(t *testing.T) {
	t.Parallel()
	c := balanceBenchCmd{TimeLimit: time.Second, Gap: -1}
	args := c.solveArgs("in", "out")
	var parsed struct {
		Balance balanceCmd `cmd:""`
	}
	parser, err := kong.New(&parsed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil || parsed.Balance.Solve.Gap != -1 {
		t.Errorf("%v: %v, gap %g", args, err, parsed.Balance.Solve.Gap)
	}
}
