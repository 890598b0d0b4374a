package balance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// This file is the independent verifier. It uses the file reader of the engine
// and nothing else of it: its sums, its bound and its tests are its own.

// Report is what VerifyDir found. Faults is empty when everything it could check
// is right; Unchecked names the claims that files alone cannot prove.
type Report struct {
	Status    Status   `json:"status"`
	Objective *float64 `json:"objective"` // recomputed
	Bound     *float64 `json:"bound"`     // recomputed
	Checked   []string `json:"checked"`
	Unchecked []string `json:"unchecked"`
	Faults    []string `json:"faults"`
}

// ErrNotVerified is returned by VerifyDir when a check failed; Report.Faults
// names each.
var ErrNotVerified = errors.New("验证未通过 · the solution is not verified")

// VerifyDir checks a solution folder against its problem folder from the files
// alone (docs/balance.md, "Verifying"). The error is an *InputError when the
// problem cannot be read, and wraps ErrNotVerified when the solution is wrong.
func VerifyDir(problemDir, outDir string) (Report, error) {
	p, err := ReadProblem(problemDir)
	if err != nil {
		return Report{}, err
	}
	v := &verifier{p: p, dir: outDir, row: map[string]int{}, flow: map[string]int{}}
	for i := range p.Constraints {
		v.row[p.Constraints[i].ID] = i
	}
	for i := range p.Flows {
		v.flow[p.Flows[i].ID] = i
	}
	v.report.Checked, v.report.Unchecked, v.report.Faults = []string{}, []string{}, []string{}
	if v.present("edge_flows.csv") {
		v.readAhead()
	}
	v.verify()
	if len(v.report.Faults) > 0 {
		return v.report, fmt.Errorf("%w：%s", ErrNotVerified, v.report.Faults[0])
	}
	return v.report, nil
}

type verifier struct {
	p               *Problem
	dir             string
	unit, row, flow map[string]int
	ahead           chan edgeFlowFile
	report          Report
	slack           float64 // what a plan within the rows' tolerance may undercut the bound by
}

func (v *verifier) fault(format string, args ...any) {
	v.report.Faults = append(v.report.Faults, fmt.Sprintf(format, args...))
}

func (v *verifier) checked(format string, args ...any) {
	v.report.Checked = append(v.report.Checked, fmt.Sprintf(format, args...))
}

// agreed says what was checked, unless a fault was found since there were
// before of them: a figure that is wrong is not "the same".
func (v *verifier) agreed(before int, format string, args ...any) {
	if len(v.report.Faults) == before {
		v.checked(format, args...)
	}
}

// tally is a sum with its own error kept apart (Neumaier).
type tally struct{ sum, rest, size float64 }

func (t *tally) plus(x float64) {
	s := t.sum + x
	if math.Abs(t.sum) >= math.Abs(x) {
		t.rest += (t.sum - s) + x
	} else {
		t.rest += (x - s) + t.sum
	}
	t.sum = s
	t.size += math.Abs(x)
}

func (t *tally) times(a, b float64) {
	p := a * b
	t.plus(p)
	t.plus(math.FMA(a, b, -p))
}

func (t *tally) total() float64 { return t.sum + t.rest }

func agree(a, b, relative, absolute float64) bool {
	return math.Abs(a-b) <= max(absolute, relative*max(math.Abs(a), math.Abs(b)))
}

func (v *verifier) readJSON(name string, into any) bool {
	data, err := os.ReadFile(filepath.Join(v.dir, name))
	if err != nil {
		v.fault("%s 无法读取 · cannot be read: %v", name, err)
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		v.fault("%s 格式错误 · malformed: %v", name, err)
		return false
	}
	if dec.More() {
		v.fault("%s 之后还有内容 · something follows the JSON object", name)
		return false
	}
	return true
}

func (v *verifier) present(name string) bool {
	_, err := os.Stat(filepath.Join(v.dir, name))
	return err == nil
}

func (v *verifier) verify() {
	var c Certificate
	if !v.readJSON("certificate.json", &c) {
		return
	}
	v.report.Status = c.Status
	switch c.Status {
	case Optimal, Feasible:
		v.verifyPlan(&c)
	case Infeasible:
		v.refuseFiles(&c, "solution.csv")
		v.verifyInfeasibility()
	case Unknown:
		v.refuseFiles(&c, "solution.csv", "infeasibility.json")
		v.verifyBound(&c)
	default:
		v.fault("certificate.json 的 status 未知 %q · unknown status", c.Status)
	}
}

// refuseFiles: a problem without a plan has none of its figures.
func (v *verifier) refuseFiles(c *Certificate, names ...string) {
	for _, name := range names {
		if v.present(name) {
			v.fault("status 为 %s 时不应有 %s · %s must not be there", c.Status, name, name)
		}
	}
	if c.Objective != nil || c.Gap != nil || c.GapNet != nil {
		v.fault("status 为 %s 时不应有 objective、gap · objective and gaps must be null", c.Status)
	}
}

func (v *verifier) verifyPlan(c *Certificate) {
	if v.present("infeasibility.json") {
		v.fault("有方案时不应有 infeasibility.json · infeasibility.json must not be there")
	}
	selected, ok := v.readSelection()
	flows, okFlows := v.readAmounts("flows.csv", "flow", "value", v.flow)
	if !ok || !okFlows {
		return
	}
	v.checkFixed(selected)
	v.checkFlowBoxes(flows)
	before := len(v.report.Faults)
	objective, net, rows := v.evaluate(selected, flows)
	v.report.Objective = &objective
	for k, value := range rows {
		con := &v.p.Constraints[k]
		if miss := missedBy(con, value); miss > max(1e-6, 1e-9*math.Abs(con.RHS)) {
			v.fault("约束 %q 未满足：左边 %.10g，应 %s %.10g · constraint violated by %.3g", con.ID, value, con.Sense, con.RHS, miss)
		}
	}
	v.agreed(before, "%d 个单元、%d 个流量、%d 条约束均满足 · plan obeys all constraints", len(selected), len(flows), len(rows))
	if c.Objective == nil {
		v.fault("certificate.json 缺少 objective · objective is missing")
		return
	}
	before = len(v.report.Faults)
	if !agree(*c.Objective, objective, 1e-9, 1e-6) {
		v.fault("objective 应为 %.17g，证书为 %.17g · objective differs from the plan's", objective, *c.Objective)
	}
	v.agreed(before, "目标值 %.10g 重算一致 · objective recomputed", objective)
	v.verifyBound(c)
	if c.Bound != nil {
		v.verifyGaps(c, objective, objective-net)
	} else if c.Gap != nil || c.GapNet != nil {
		v.fault("没有 bound 却有 gap · a gap without a bound")
	}
	v.verifyStronger(c, objective)
}

// missedBy is how far value is on the wrong side of the constraint.
func missedBy(con *Constraint, value float64) float64 {
	below, above := con.RHS-value, value-con.RHS
	switch con.Sense {
	case AtLeast:
		return max(0, below)
	case AtMost:
		return max(0, above)
	}
	return max(below, above)
}

func (v *verifier) checkFixed(selected []bool) {
	for i := range v.p.Units {
		u := &v.p.Units[i]
		if (u.Fixed == FixZero && selected[i]) || (u.Fixed == FixOne && !selected[i]) {
			v.fault("单元 %q 已锁定，方案却改变了它 · fixed unit was changed", u.ID)
			return
		}
	}
}

func (v *verifier) checkFlowBoxes(flows []float64) {
	for i, z := range flows {
		f := &v.p.Flows[i]
		if z < 0 || z > f.Upper {
			v.fault("流量 %q = %.17g 超出 [0, %g] · flow out of its box", f.ID, z, f.Upper)
		}
	}
}

// evaluate recomputes the objective, its part without borders between two fixed
// units, and the rows.
func (v *verifier) evaluate(selected []bool, flows []float64) (objective, net float64, rows []float64) {
	var all, borders tally
	all.plus(v.p.Constant)
	for i := range v.p.Units {
		if selected[i] {
			all.plus(v.p.Units[i].Cost)
		}
	}
	for _, e := range v.p.Edges {
		other := false
		if e.B >= 0 {
			other = selected[e.B]
		}
		if selected[e.A] == other {
			continue
		}
		all.plus(e.Weight)
		if e.B >= 0 && v.p.Units[e.A].Fixed != Free && v.p.Units[e.B].Fixed != Free {
			borders.plus(e.Weight)
		}
	}
	sums := make([]tally, len(v.p.Constraints))
	for _, t := range v.p.Terms {
		if selected[t.Unit] {
			sums[t.Constraint].plus(t.Coefficient)
		}
	}
	for i, z := range flows {
		all.times(v.p.Flows[i].Cost, z)
	}
	for _, t := range v.p.FlowTerms {
		sums[t.Constraint].times(t.Coefficient, flows[t.Flow])
	}
	for k := range sums {
		rows = append(rows, sums[k].total())
	}
	return all.total(), all.total() - borders.total(), rows
}

// verifyBound recomputes the certificate's sum from multipliers.csv and
// edge_flows.csv.
func (v *verifier) verifyBound(c *Certificate) {
	if c.Bound == nil {
		for _, name := range []string{"multipliers.csv", "edge_flows.csv"} {
			if v.present(name) {
				v.fault("有 %s 却没有 bound · %s without a bound", name, name)
			}
		}
		v.report.Unchecked = append(v.report.Unchecked, "没有下界 · there is no bound")
		return
	}
	if v.ahead == nil {
		v.readAhead() // to say that it is missing
	}
	mu, ok := v.readAmounts("multipliers.csv", "constraint", "multiplier", v.row)
	f, okFlows := v.readEdgeFlows()
	if !ok || !okFlows || !v.checkSigns(mu) {
		return
	}
	bound, sure := v.sum(mu, f, true)
	if !sure {
		return
	}
	v.report.Bound = &bound
	for k, m := range mu {
		v.slack += math.Abs(m) * max(1e-6, 1e-9*math.Abs(v.p.Constraints[k].RHS))
	}
	before := len(v.report.Faults)
	if !agree(*c.Bound, bound, 1e-9, 1e-9) {
		v.fault("bound 应为 %.17g，证书为 %.17g · the bound is not what the multipliers and flows give", bound, *c.Bound)
	}
	v.agreed(before, "下界 %.10g 由乘子和边流量重算一致 · bound recomputed from %d multipliers and %d edge flows", bound, len(mu), len(f))
}

func (v *verifier) checkSigns(mu []float64) bool {
	for k, m := range mu {
		con := &v.p.Constraints[k]
		if (con.Sense == AtLeast && m < 0) || (con.Sense == AtMost && m > 0) {
			v.fault("约束 %q（%s）的乘子符号错误：%g · multiplier of the wrong sign", con.ID, con.Sense, m)
			return false
		}
	}
	return true
}

// sum is the certificate's bound; false when a flow without a limit makes it −∞.
// Without costs it is the proof that the constraints contradict each other.
func (v *verifier) sum(mu, f []float64, costs bool) (float64, bool) {
	units, flows := make([]tally, len(v.p.Units)), make([]tally, len(v.p.Flows))
	var all tally
	if costs {
		all.plus(v.p.Constant)
		for i := range units {
			units[i].plus(v.p.Units[i].Cost)
		}
		for i := range flows {
			flows[i].plus(v.p.Flows[i].Cost)
		}
	}
	for k := range mu {
		all.times(mu[k], v.p.Constraints[k].RHS)
	}
	for _, t := range v.p.Terms {
		units[t.Unit].times(-mu[t.Constraint], t.Coefficient)
	}
	for _, t := range v.p.FlowTerms {
		flows[t.Flow].times(-mu[t.Constraint], t.Coefficient)
	}
	for i, x := range f {
		units[v.p.Edges[i].A].plus(x)
		if b := v.p.Edges[i].B; b >= 0 {
			units[b].plus(-x)
		}
	}
	for i := range flows {
		price := flows[i].total()
		if price >= 0 {
			continue
		}
		if math.IsInf(v.p.Flows[i].Upper, 1) {
			v.fault("流量 %q 无上限而约化费用为负（%g），下界为 −∞ · unlimited flow with a negative reduced cost", v.p.Flows[i].ID, price)
			return 0, false
		}
		all.times(price, v.p.Flows[i].Upper)
	}
	for i := range units {
		price := units[i].total()
		if v.p.Units[i].Fixed == FixOne || (v.p.Units[i].Fixed == Free && price < 0) {
			all.plus(units[i].sum)
			all.plus(units[i].rest)
		}
	}
	return all.total(), true
}

func (v *verifier) verifyGaps(c *Certificate, objective, borders float64) {
	if v.report.Bound == nil {
		return
	}
	before := len(v.report.Faults)
	bound := *v.report.Bound
	tolerance := 1e-9 * max(1, math.Abs(objective), math.Abs(bound))
	if bound > objective+tolerance+v.slack {
		v.fault("下界 %.17g 大于目标值 %.17g，两者不能同真 · the bound exceeds the objective", bound, objective)
	}
	gap := func(o, b float64) float64 { return (o - b) / max(math.Abs(o), 1e-9) }
	for _, g := range []struct {
		name string
		in   *float64
		want float64
		size float64
	}{
		{"gap", c.Gap, gap(objective, bound), math.Abs(objective)},
		{"gap_net", c.GapNet, gap(objective-borders, bound-borders), math.Abs(objective - borders)},
	} {
		if g.in == nil {
			v.fault("certificate.json 缺少 %s · %s is missing", g.name, g.name)
		} else if !agree(*g.in, g.want, 1e-6, 4e-9*max(1, math.Abs(objective), math.Abs(bound))/max(g.size, 1e-9)) {
			v.fault("%s 应为 %.10g，证书为 %.10g · %s differs", g.name, g.want, *g.in, g.name)
		}
	}
	v.agreed(before, "gap %.6g、gap_net %.6g 重算一致 · gaps recomputed", *orZero(c.Gap), *orZero(c.GapNet))
	if c.Status == Optimal && objective-bound > tolerance && c.BoundStronger == nil {
		v.fault("status 为 optimal，但下界 %.17g 未达目标值 %.17g · optimal is not proved", bound, objective)
	}
}

func orZero(x *float64) *float64 {
	if x == nil {
		return new(float64)
	}
	return x
}

func (v *verifier) verifyStronger(c *Certificate, objective float64) {
	s := c.BoundStronger
	if s == nil {
		return
	}
	tolerance := 1e-9 * max(1, math.Abs(objective))
	if s.Value > objective+tolerance {
		v.fault("bound_stronger %.17g 大于目标值 %.17g · bound_stronger exceeds the objective", s.Value, objective)
	}
	if v.report.Bound != nil && s.Value < *v.report.Bound-tolerance {
		v.fault("bound_stronger %.17g 小于 bound · bound_stronger is below the bound", s.Value)
	}
	if c.Status == Optimal && s.Value < objective-2*tolerance && (v.report.Bound == nil || objective-*v.report.Bound > tolerance) {
		v.fault("status 为 optimal，但 bound_stronger %.17g 未达目标值 · optimal is not proved", s.Value)
	}
	if s.RestsOn == "" {
		v.fault("bound_stronger 未说明依据 · bound_stronger does not say what it rests on")
	}
	v.report.Unchecked = append(v.report.Unchecked, fmt.Sprintf("bound_stronger %.10g 依据 %s，文件不能证明 · rests on more than the files prove", s.Value, s.RestsOn))
}
