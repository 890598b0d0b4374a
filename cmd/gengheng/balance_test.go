package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	if got := code((&balanceVerifyCmd{in, out}).Run()); got != 0 {
		t.Errorf("verify: exit code %d", got)
	}
	if err := os.WriteFile(filepath.Join(out, "solution.csv"), []byte("unit,selected\na,0\nb,0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := code((&balanceVerifyCmd{in, out}).Run()); got != exitRefused {
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
	if got := code((&balanceVerifyCmd{in, out}).Run()); got != 0 {
		t.Errorf("verify of its plan: exit code %d", got)
	}
	if got := patches(areas, 9); got != exitUnknown {
		t.Errorf("a patch rule that nothing meets: exit code %d", got)
	}
	if patches("", 8) != exitBadInput || patches(filepath.Join(out, "none"), 8) != exitBadInput {
		t.Error("a patch rule without areas was taken")
	}
	frontier := balanceFrontierCmd{Problem: in, Lambdas: []float64{0, 1, 2}, Out: filepath.Join(t.TempDir(), "f.csv"), TimeLimit: time.Minute}
	if got := code(frontier.Run(context.Background())); got != 0 {
		t.Errorf("frontier: exit code %d", got)
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
}
