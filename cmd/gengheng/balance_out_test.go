package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"gengheng/internal/balance"
)

// Ensure no command writes over a problem or a Marxan folder, into a place that
// cannot be written, or into no named place, and that all of them say so before they
// solve, in Chinese first.
func TestBalanceKeepsItsInputs(t *testing.T) {
	t.Parallel()
	ctx, root := context.Background(), t.TempDir()
	in, other := filepath.Join(root, "in"), filepath.Join(root, "other")
	p := &balance.Problem{Units: []balance.Unit{{ID: "a", Cost: 2}}}
	for _, dir := range []string{in, other} {
		if err := balance.WriteProblem(dir, p); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, areas := write("file", "kept"), write("areas.csv", "unit,area\na,4\n")
	marxanDir := filepath.Dir(write("marxan/pu.dat", "id,cost\n1,2\n"))
	write("marxan/spec.dat", "id,target\n1,1\n")
	write("marxan/puvspr.dat", "species,pu,amount\n1,1,1\n")
	if err := os.Symlink(filepath.Join(in, "units.csv"), filepath.Join(root, "link.csv")); err != nil {
		t.Fatal(err)
	}
	solve := func(out, areas string, least float64) error {
		return (&balanceSolveCmd{Problem: in, Out: out, TimeLimit: time.Minute, Gap: 1e-4, PatchArea: areas, MinPatch: least}).Run(ctx)
	}
	frontier := func(out string) error {
		return (&balanceFrontierCmd{Problem: in, Lambdas: []float64{1}, Out: out, TimeLimit: time.Minute}).Run(ctx)
	}
	fromMarxan := func(out string) error { return (&balanceFromMarxanCmd{Marxan: marxanDir, Out: out}).Run() }
	for name, c := range map[string]struct {
		err  error
		code int
		says string
	}{
		"solve into another problem":      {solve(other, "", 0), exitBadInput, other},
		"patches into another problem":    {solve(other, areas, 1), exitBadInput, other},
		"solve below a file":              {solve(filepath.Join(file, "out"), "", 0), 1, file},
		"patches below a file":            {solve(filepath.Join(file, "out"), areas, 1), 1, file},
		"solve into nothing":              {solve("", "", 0), exitBadInput, "--out"},
		"areas without a least area":      {solve(filepath.Join(root, "out"), areas, 0), exitBadInput, "--min-patch"},
		"frontier over units.csv":         {frontier(filepath.Join(in, "units.csv")), exitBadInput, "units.csv"},
		"frontier over problem.json":      {frontier(filepath.Join(in, "problem.json")), exitBadInput, "problem.json"},
		"frontier over units.csv by link": {frontier(filepath.Join(root, "link.csv")), exitBadInput, "units.csv"},
		"frontier below a file":           {frontier(filepath.Join(file, "f.csv")), 1, file},
		"frontier into a folder":          {frontier(write("folder.csv/x", "")[:len(root)+len("/folder.csv")]), exitBadInput, "folder.csv"},
		"frontier into nothing":           {frontier(" "), exitBadInput, "--out"},
		"from-marxan into itself":         {fromMarxan(marxanDir), exitBadInput, marxanDir},
		"from-marxan into nothing":        {fromMarxan(""), exitBadInput, "--out"},
	} {
		var exit *exitError
		switch code := 1; {
		case c.err == nil:
			t.Errorf("%s: taken", name)
		default:
			if errors.As(c.err, &exit) {
				code = exit.code
			}
			if text := c.err.Error(); code != c.code || !strings.Contains(text, c.says) || !strings.Contains(text, " · ") {
				t.Errorf("%s: exit code %d, %q", name, code, text)
			}
		}
	}
	if _, err := balance.ReadProblem(in); err != nil {
		t.Errorf("the problem was touched: %v", err)
	}
	if err := frontier(filepath.Join(in, "frontier.csv")); err != nil {
		t.Errorf("a file beside the problem's own: %v", err)
	}
	if err := fromMarxan(filepath.Join(marxanDir, "new")); err != nil {
		t.Errorf("a new folder within Marxan's: %v", err)
	}
	if err := solve(filepath.Join(root, "far", "away"), "", 0); err != nil {
		t.Errorf("a folder that is to be made: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(root, ".gengheng-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// Ensure a bare number is seconds, and that what is no time is told how to be one.
func TestDurationsOfTheCommandLine(t *testing.T) {
	t.Parallel()
	var parsed struct {
		Balance balanceCmd `cmd:""`
	}
	parser, err := kong.New(&parsed, kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]time.Duration{"60": time.Minute, "2.5": 2500 * time.Millisecond, "1m30s": 90 * time.Second, "x": -1, "1e300": -1, "nan": -1, "": -1} {
		_, err := parser.Parse([]string{"balance", "solve", "in", "--out", "out", "--time-limit=" + text, "--seed=-1"})
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "60s") {
				t.Errorf("%q: %v", text, err)
			}
		} else if err != nil || parsed.Balance.Solve.TimeLimit != want || parsed.Balance.Solve.Seed != -1 {
			t.Errorf("%q: %v, %v", text, parsed.Balance.Solve.TimeLimit, err)
		}
	}
}

// Ensure an interrupted bench says so.
func TestBenchSaysThatItWasInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := (&balanceBenchCmd{Sizes: []int{100}, Cases: []string{"reserve"}, Solvers: []string{"gengheng"}, TimeLimit: time.Second, Gap: 1e-4, Seed: 1}).Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "已中断") {
		t.Error(err)
	}
}
