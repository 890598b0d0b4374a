// Package rival hands balance problems to other solvers, for comparison in
// benchmarks only: CBC by its own program, HiGHS by scipy. What they say of
// their plans is taken at their word.
package rival

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the script
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gengheng/internal/balance"
)

// Answer is what a solver found: nil where it found none. Of one that had to be
// killed it is what its log says that it had by then.
type Answer struct {
	Objective, Bound *float64
	Status           string
	Seconds          float64 // of the whole process, reading included
	Memory           int64   // peak, in bytes
}

// ErrAbsent says that the solver is not installed.
var ErrAbsent = errors.New("求解器未安装 · the solver is not installed")

// over is what a solver may take beyond its limit before it is killed.
const over = 30 * time.Second

const killed = "did not end by itself; killed"

//go:embed highs.py
var highsScript string

// HiGHS solves the problem in the folder dir.
func HiGHS(ctx context.Context, dir string, limit time.Duration, gap float64) (Answer, error) {
	python := ""
	for _, candidate := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(ctx, candidate, "-c", "import scipy.optimize as o; o.milp").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		return Answer{}, ErrAbsent
	}
	out, a, err := run(ctx, limit, python, "-c", highsScript, dir, strconv.FormatFloat(limit.Seconds(), 'f', 3, 64), strconv.FormatFloat(gap, 'g', -1, 64))
	if err != nil {
		return a, err
	}
	if a.Status == killed {
		a.Objective, a.Bound = readHiGHS(string(out))
		return a, nil
	}
	var said struct {
		Objective, Bound *float64
		Status           string
	}
	text := bytes.TrimSpace(out)
	if err := json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &said); err != nil {
		return a, fmt.Errorf("highs said %q", out)
	}
	a.Objective, a.Bound, a.Status = said.Objective, said.Bound, said.Status
	return a, nil
}

// A line of HiGHS's progress: a mark, nodes, open ones, leaves, share explored,
// bound, plan.
var highsLine = regexp.MustCompile(`(?m)^[ A-Z]*\d+ +\d+ +\d+ +[0-9.]+% +(\S+) +(\S+) `)

// readHiGHS reads what HiGHS had found when it was killed: the last line of its
// progress, and the constant that the script printed first.
func readHiGHS(log string) (objective, bound *float64) {
	var head struct{ Constant float64 }
	first, _, _ := strings.Cut(log, "\n")
	if json.Unmarshal([]byte(first), &head) != nil {
		return nil, nil
	}
	lines := highsLine.FindAllStringSubmatch(log, -1)
	if len(lines) == 0 {
		return nil, nil
	}
	last := lines[len(lines)-1]
	return finite(last[2], head.Constant), finite(last[1], head.Constant)
}

// finite reads a number and adds plus; nil where it is none or not finite.
func finite(text string, plus float64) *float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	v += plus
	return &v
}

// CBC solves the problem; its model file is written into work.
func CBC(ctx context.Context, p *balance.Problem, work string, limit time.Duration, gap float64) (Answer, error) {
	cbc, err := exec.LookPath("cbc")
	if err != nil {
		return Answer{}, ErrAbsent
	}
	model := filepath.Join(work, "model.mps")
	if err := writeMPS(model, p); err != nil {
		return Answer{}, err
	}
	out, a, err := run(ctx, limit, cbc, model, "-timeMode", "elapsed", "-sec", strconv.FormatFloat(limit.Seconds(), 'f', 3, 64),
		"-ratio", strconv.FormatFloat(gap, 'g', -1, 64), "-solve")
	if err != nil {
		return a, err
	}
	if a.Status == killed {
		a.Objective, a.Bound = readKilledCBC(string(out))
	} else {
		a.Objective, a.Bound, a.Status = readCBC(string(out))
	}
	for _, v := range []*float64{a.Objective, a.Bound} {
		if v != nil {
			*v += p.Constant
		}
	}
	return a, nil
}

var cbcLine = regexp.MustCompile(`(?m)^(Result - |Objective value: +|Lower bound: +)(.*)$`)

// readCBC reads the summary at the end of CBC's log. A run that ends with an
// optimum and no bound of its own has the optimum as its bound.
func readCBC(log string) (objective, bound *float64, status string) {
	for _, m := range cbcLine.FindAllStringSubmatch(log, -1) {
		text := strings.TrimSpace(m[2])
		if m[1] == "Result - " {
			objective, bound, status = nil, nil, text
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		if strings.HasPrefix(m[1], "Objective") {
			objective = &v
		} else {
			bound = &v
		}
	}
	if status == "Optimal solution found" && bound == nil && objective != nil {
		v := *objective
		bound = &v
	}
	if strings.Contains(log, "No feasible solution found") {
		objective = nil
	}
	return objective, bound, status
}

var (
	cbcPlan  = regexp.MustCompile(`(?m)Integer solution of (\S+) found|, (\S+) best solution, best possible`)
	cbcBound = regexp.MustCompile(`(?m)^Continuous objective value is (\S+) |best possible (\S+) `)
)

// readKilledCBC reads what CBC had found when it was killed: the last plan and
// the last bound of its progress.
func readKilledCBC(log string) (objective, bound *float64) {
	last := func(of *regexp.Regexp) *float64 {
		var v *float64
		for _, m := range of.FindAllStringSubmatch(log, -1) {
			if x := finite(m[1]+m[2], 0); x != nil && math.Abs(*x) < 1e49 { // 1e50: nothing yet
				v = x
			}
		}
		return v
	}
	return last(cbcPlan), last(cbcBound)
}

// run runs a solver in a process group of its own, which is killed where it does
// not end by itself.
func run(ctx context.Context, limit time.Duration, program string, args ...string) ([]byte, Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, limit+over)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	started := time.Now()
	peak, err := Watch(cmd)
	a := Answer{Seconds: time.Since(started).Seconds(), Memory: peak}
	if ctx.Err() != nil {
		a.Status = killed
		return out.Bytes(), a, nil
	}
	if err != nil {
		return nil, a, fmt.Errorf("%s: %w: %.300s", filepath.Base(program), err, complaint.String())
	}
	return out.Bytes(), a, nil
}

// Watch runs a command and gives its peak resident size in bytes, as the kernel
// counts it for the new program alone: the figure that a parent is given in the
// end may be the parent's own. 0 where the command ended too soon to be seen.
func Watch(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			return peak, err
		case <-tick.C:
			peak = max(peak, residentPeak(status))
		}
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

func residentPeak(status string) int64 {
	text, err := os.ReadFile(status)
	if err != nil {
		return 0
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		return 0
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return 0
	}
	return kib * 1024
}

// writeMPS writes the problem as a mixed-integer program in free MPS: a column
// per unit and flow, and per edge a column d ≥ |s_a − s_b|. Fixed units and the
// edges between them stay in, as they do in the problem.
func writeMPS(file string, p *balance.Problem) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	defer func() {
		if ferr := w.Flush(); err == nil {
			err = ferr
		}
	}()
	type entry struct {
		row   string
		value float64
	}
	cost := make([]float64, len(p.Units))
	columns := make([][]entry, len(p.Units))
	flows := make([][]entry, len(p.Flows))
	fmt.Fprint(w, "NAME balance FREE\nROWS\n N obj\n")
	for k := range p.Constraints {
		fmt.Fprintf(w, " %c k%d\n", "GLE"[p.Constraints[k].Sense], k)
	}
	for u := range p.Units {
		cost[u] = p.Units[u].Cost
	}
	for _, t := range p.Terms {
		columns[t.Unit] = append(columns[t.Unit], entry{fmt.Sprintf("k%d", t.Constraint), t.Coefficient})
	}
	for _, t := range p.FlowTerms {
		flows[t.Flow] = append(flows[t.Flow], entry{fmt.Sprintf("k%d", t.Constraint), t.Coefficient})
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		switch {
		case e.A == e.B || e.Weight == 0:
		case e.B == balance.Outside:
			cost[e.A] += e.Weight
		default: // s_a − s_b − d ≤ 0 and s_b − s_a − d ≤ 0
			fmt.Fprintf(w, " L p%d\n L q%d\n", i, i)
			columns[e.A] = append(columns[e.A], entry{fmt.Sprintf("p%d", i), 1}, entry{fmt.Sprintf("q%d", i), -1})
			columns[e.B] = append(columns[e.B], entry{fmt.Sprintf("p%d", i), -1}, entry{fmt.Sprintf("q%d", i), 1})
		}
	}
	fmt.Fprint(w, "COLUMNS\n M1 'MARKER' 'INTORG'\n")
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	column := func(name string, cost float64, list []entry) {
		fmt.Fprintf(w, " %s obj %s\n", name, number(cost))
		for _, e := range list {
			fmt.Fprintf(w, " %s %s %s\n", name, e.row, number(e.value))
		}
	}
	for u := range columns {
		column(fmt.Sprintf("s%d", u), cost[u], columns[u])
	}
	fmt.Fprint(w, " M2 'MARKER' 'INTEND'\n")
	for z := range flows {
		column(fmt.Sprintf("z%d", z), p.Flows[z].Cost, flows[z])
	}
	for i := range p.Edges {
		if e := &p.Edges[i]; e.A != e.B && e.Weight != 0 && e.B != balance.Outside {
			column(fmt.Sprintf("d%d", i), e.Weight, []entry{{fmt.Sprintf("p%d", i), -1}, {fmt.Sprintf("q%d", i), -1}})
		}
	}
	fmt.Fprint(w, "RHS\n")
	for k := range p.Constraints {
		fmt.Fprintf(w, " RHS k%d %s\n", k, number(p.Constraints[k].RHS))
	}
	fmt.Fprint(w, "BOUNDS\n")
	for u := range p.Units {
		switch p.Units[u].Fixed {
		case balance.Free:
			fmt.Fprintf(w, " UP B s%d 1\n", u)
		default:
			fmt.Fprintf(w, " FX B s%d %d\n", u, p.Units[u].Fixed-balance.FixZero)
		}
	}
	for z := range p.Flows {
		if up := p.Flows[z].Upper; up <= 1e15 {
			fmt.Fprintf(w, " UP B z%d %s\n", z, number(up))
		}
	}
	_, err = fmt.Fprint(w, "ENDATA\n")
	return err
}
