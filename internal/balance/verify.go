package balance

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// This file is the independent verifier. It uses the file reader of the engine
// and nothing else of it: its sums, its bound and its tests are its own.

// Report is what VerifyDir found. Faults is empty when everything it could check
// is right; Unchecked names the claims that files alone do not prove.
type Report struct {
	Status    Status   `json:"status"`    // as claimed
	Proved    Status   `json:"proved"`    // what the files prove of it; empty with a fault
	Objective *float64 `json:"objective"` // recomputed
	Bound     *float64 `json:"bound"`     // recomputed
	Checked   []string `json:"checked"`
	Unchecked []string `json:"unchecked"`
	Faults    []string `json:"faults"`
}

// ErrNotVerified is returned by VerifyDir when a check failed; Report.Faults
// names each.
var ErrNotVerified = errors.New("验证未通过 · the solution is not verified")

// VerifyOptions say what VerifyDirWith is told beyond the two folders.
type VerifyOptions struct {
	PatchAreas string   // the areas' file that the patch rule went by; empty: the rule is not checked
	MinPatch   *float64 // the least area that was asked for; nil takes patch.json's word for it
}

// VerifyDir checks a solution folder against its problem folder from the files
// alone (docs/balance.md, "Verifying"). The error is an *InputError when the
// problem cannot be read or there is no such folder, and wraps ErrNotVerified when
// the solution is wrong.
func VerifyDir(problemDir, outDir string) (Report, error) {
	return VerifyDirWith(problemDir, outDir, VerifyOptions{})
}

// VerifyDirWith is VerifyDir with options.
func VerifyDirWith(problemDir, outDir string, opt VerifyOptions) (Report, error) {
	p, err := ReadProblem(problemDir)
	if err != nil {
		return Report{}, err
	}
	if err := CheckFolder(outDir); err != nil {
		return Report{}, err
	}
	v := &verifier{p: p, dir: outDir, opt: opt, row: map[string]int{}, flow: map[string]int{}}
	if opt.PatchAreas != "" {
		rule, err := ReadPatchAreas(opt.PatchAreas, p)
		if err != nil {
			return Report{}, err
		}
		v.rule = &rule
	}
	for i := range p.Constraints {
		v.row[p.Constraints[i].ID] = i
	}
	for i := range p.Flows {
		v.flow[p.Flows[i].ID] = i
	}
	v.granted = grantedOf(p)
	v.report.Checked, v.report.Unchecked, v.report.Faults = []string{}, []string{}, []string{}
	if v.present("edge_flows.csv") {
		v.readAhead()
	}
	v.verify()
	if len(v.report.Faults) > 0 {
		v.report.Proved = ""
		return v.report, fmt.Errorf("%w：%s", ErrNotVerified, v.report.Faults[0])
	}
	return v.report, nil
}

type verifier struct {
	p               *Problem
	dir             string
	unit, row, flow map[string]int
	ahead           chan edgeFlowFile
	opt             VerifyOptions
	rule            *PatchRule
	granted         []float64 // how far a plan may miss each constraint
	missed, rowSize []float64 // how far it does, and the sizes of what each is the sum of
	undercut        float64   // what the plan saves by rounding errors
	selected        []bool    // the plan
	multipliers     []float64
	boundError      float64 // what adding up the bound may be off by
	report          Report
}

// grantedOf works out how far a plan may miss each constraint: 1e-9 of the
// right-hand side, or 1e-6 where that is more; but never more than 1e-6 of the
// constraint's largest number, or 1e-9 of it where no flow takes part, so that no
// constraint is so small that it asks nothing.
func grantedOf(p *Problem) []float64 {
	m := len(p.Constraints)
	granted := make([]float64, m)
	largest, share := make([]float64, m), make([]float64, m)
	for k := range largest {
		largest[k], share[k] = math.Abs(p.Constraints[k].RHS), 1e-9
	}
	for i := range p.Terms {
		t := &p.Terms[i]
		largest[t.Constraint] = math.Max(largest[t.Constraint], math.Abs(t.Coefficient))
	}
	for _, t := range p.FlowTerms {
		if t.Coefficient != 0 {
			largest[t.Constraint] = math.Max(largest[t.Constraint], math.Abs(t.Coefficient))
			share[t.Constraint] = 1e-6
		}
	}
	for k := range largest {
		granted[k] = math.Max(1e-9*math.Abs(p.Constraints[k].RHS), math.Min(1e-6, share[k]*largest[k]))
	}
	return granted
}

func (v *verifier) fault(format string, args ...any) {
	v.report.Faults = append(v.report.Faults, fmt.Sprintf(format, args...))
}

// unchecked names a claim that the files do not prove.
func (v *verifier) unchecked(format string, args ...any) {
	v.report.Unchecked = append(v.report.Unchecked, fmt.Sprintf(format, args...))
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

// tally is a sum with its own error kept apart (Neumaier). size is the sum of the
// sizes of its terms, left that of what was weighed and left out of it.
type tally struct{ sum, rest, size, left float64 }

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

// error is what the sum may be off by: 2⁻¹⁰⁶ of the sizes for every term, of which
// there are ten million at most.
func (t *tally) error() float64 { return 1e-24 * (t.size + t.left) }

func (t *tally) finite() bool {
	return !math.IsNaN(t.total()) && !math.IsInf(t.total(), 0) && !math.IsInf(t.size+t.left, 0)
}

// rounding is what a figure may differ by from the true one, as a share of it: a few
// units in the last place of a double (docs/balance.md, "Verifying").
const rounding = 1e-15

// same says whether two figures are equal but for rounding, for a share of theirs
// that is granted, and for slip, which is what adding up may be off by.
func same(a, b, slip, share float64) bool {
	const least = 1e-300 // below it doubles lose their digits
	return math.Abs(a-b) <= least+slip+(rounding+share)*math.Max(math.Abs(a), math.Abs(b))
}

func (v *verifier) readJSON(name string, into any) bool {
	data, err := os.ReadFile(filepath.Join(v.dir, name))
	if err != nil {
		v.fault("%v", fileFault(v.dir, name, err))
		return false
	}
	if err := decodeStrict(data, into); err != nil {
		v.fault("%s 格式错误 · malformed: %v", name, err)
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
	if c.Seconds < 0 || c.Iterations < 0 || strings.TrimSpace(c.Version) == "" {
		v.fault("certificate.json 的 seconds、iterations 不能为负，version 不能为空 · seconds and iterations must not be negative, version must not be empty")
	}
	switch c.Status {
	case Optimal, Feasible:
		v.refuseFiles(&c, "infeasibility.json")
		v.verifyPlan(&c)
	case Infeasible:
		v.refuseFiles(&c, "solution.csv", "flows.csv", "multipliers.csv", "edge_flows.csv")
		v.refuseFigures(&c)
		if c.Bound != nil {
			v.fault("status 为 infeasible 时不应有 bound · bound must be null")
		}
		v.verifyInfeasibility()
	case Unknown:
		v.refuseFiles(&c, "solution.csv", "flows.csv", "infeasibility.json")
		v.refuseFigures(&c)
		v.verifyBound(&c)
		v.report.Proved = Unknown
	default:
		v.fault("certificate.json 的 status 未知 %q · unknown status", c.Status)
		return
	}
	v.verifyPatch(&c)
}

// refuseFiles refuses files that a solution of this status does not have.
func (v *verifier) refuseFiles(c *Certificate, names ...string) {
	for _, name := range names {
		if v.present(name) {
			v.fault("status 为 %s 时不应有 %s · %s must not be there", c.Status, name, name)
		}
	}
}

// refuseFigures: a problem without a plan has none of its figures.
func (v *verifier) refuseFigures(c *Certificate) {
	if c.Objective != nil || c.Gap != nil || c.GapNet != nil || c.BoundStronger != nil {
		v.fault("status 为 %s 时不应有 objective、gap、bound_stronger · objective, gaps and bound_stronger must not be there", c.Status)
	}
}

func (v *verifier) verifyPlan(c *Certificate) {
	selected, ok := v.readSelection()
	flows, okFlows := v.readAmounts("flows.csv", "flow", "value", v.flow)
	if !ok || !okFlows {
		return
	}
	v.selected = selected
	before := len(v.report.Faults)
	v.checkFixed(selected)
	v.checkFlowBoxes(flows)
	all, borders, rows := v.evaluate(selected, flows)
	objective := all.total()
	v.report.Objective = &objective
	if !v.addsUp(&all, rows) {
		return
	}
	for k := range rows {
		con := &v.p.Constraints[k]
		miss := missedBy(con, rows[k].total())
		v.missed, v.rowSize = append(v.missed, miss), append(v.rowSize, rows[k].size+math.Abs(con.RHS))
		if miss > v.granted[k] {
			v.fault("约束 %q 未满足：左边 %.10g，应 %s %.10g · constraint violated by %.3g", con.ID, rows[k].total(), con.Sense, con.RHS, miss)
		}
	}
	v.agreed(before, "%d 个单元、%d 个流量、%d 条约束均满足 · plan obeys all constraints", len(selected), len(flows), len(rows))
	if c.Objective == nil {
		v.fault("certificate.json 缺少 objective · objective is missing")
		return
	}
	before = len(v.report.Faults)
	if !same(*c.Objective, objective, all.error(), 0) {
		v.fault("objective 应为 %.17g，证书为 %.17g · objective differs from the plan's", objective, *c.Objective)
	}
	v.agreed(before, "目标值 %.10g 重算一致 · objective recomputed", objective)
	v.report.Proved = Feasible
	v.verifyBound(c)
	if c.Bound != nil {
		v.verifyGaps(c, borders.total())
	} else if c.Gap != nil || c.GapNet != nil {
		v.fault("没有 bound 却有 gap · a gap without a bound")
	}
	v.verifyStronger(c)
	v.verifyOptimal(c)
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

// addsUp refuses flows so large that what constraints hold cannot be told.
func (v *verifier) addsUp(all *tally, rows []tally) bool {
	ok := all.finite()
	for k := range rows {
		ok = ok && rows[k].finite() && rows[k].error() <= v.granted[k]
	}
	if !ok {
		v.fault("流量过大，无法核算 · flows are too large to be added up")
	}
	return ok
}

// evaluate recomputes the objective, the weight of borders between two fixed units
// in it, and the rows.
func (v *verifier) evaluate(selected []bool, flows []float64) (all, borders tally, rows []tally) {
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
	rows = make([]tally, len(v.p.Constraints))
	for _, t := range v.p.Terms {
		if selected[t.Unit] {
			rows[t.Constraint].plus(t.Coefficient)
		}
	}
	for i, z := range flows {
		all.times(v.p.Flows[i].Cost, z)
	}
	for _, t := range v.p.FlowTerms {
		rows[t.Constraint].times(t.Coefficient, flows[t.Flow])
	}
	return all, borders, rows
}
