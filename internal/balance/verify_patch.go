package balance

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// This file checks patch.json; like verify.go it uses nothing of the engine but the
// file reader.

// verifyPatch checks what a solution says of a patch rule: its figures against the
// certificate, and, where the areas are given, the rule itself.
func (v *verifier) verifyPatch(c *Certificate) {
	if _, err := os.Stat(filepath.Join(v.dir, "patch.json")); errors.Is(err, fs.ErrNotExist) {
		if v.rule != nil {
			v.fault("缺少 patch.json，方案不是按连片规则求得的 · patch.json is missing: the plan was not made under a patch rule")
		}
		return
	}
	var r PatchReport
	if !v.readJSON("patch.json", &r) {
		return
	}
	before := len(v.report.Faults)
	v.checkPatchFigures(c, &r)
	v.agreed(before, "patch.json 与证书一致 · patch.json agrees with the certificate")
	if want := v.opt.MinPatch; want != nil && *want != r.MinArea {
		v.fault("min_area 应为 %g，文件为 %g · min_area differs", *want, r.MinArea)
	}
	if v.rule == nil {
		v.unchecked("连片规则未检验；请用 --patch-area 给出面积表 · the patch rule is not checked; give --patch-area")
	} else {
		v.checkPatches(&r)
	}
	if r.ObjectiveWithout != nil {
		v.unchecked("objective_without %.10g（及 loss）、violating_without %d、inequalities %d 说的是不在此处的求解过程 · objective_without (and loss), violating_without and inequalities tell of a run that is not here",
			*r.ObjectiveWithout, r.ViolatingWithout, r.Inequalities)
	} else if r.ViolatingWithout != 0 || r.Inequalities != 0 {
		v.fault("patch.json 没有不计规则的方案，却有 violating_without 或 inequalities · there is no plan without the rule, and still violating_without or inequalities")
	}
	if r.Bound != nil {
		v.unchecked("连片规则下的 bound %.10g 依据 %d 条不等式，文件不能证明 · the bound with the rule rests on inequalities that are not here", *r.Bound, r.Inequalities)
	}
	if r.NoPlanObeys {
		v.unchecked("没有方案符合连片规则，依据搜索 · that no plan obeys the rule rests on a search")
	}
}

// checkPatchFigures checks the arithmetic of patch.json.
func (v *verifier) checkPatchFigures(c *Certificate, r *PatchReport) {
	if !(r.MinArea >= 0) || r.Units < 0 || r.Excluded < 0 || r.Excluded > r.Units || r.ViolatingWithout < 0 || r.ViolatingWithout > r.Units || r.Inequalities < 0 {
		v.fault("patch.json 的个数或面积不合理 · counts or areas in patch.json make no sense")
	}
	differs := func(name string) {
		v.fault("patch.json 的 %s 与其他数字不符 · %s differs from the other figures", name, name)
	}
	equal := func(name string, is, want *float64) {
		if (is == nil) != (want == nil) || is != nil && !same(*is, *want, 0, 0) {
			differs(name)
		}
	}
	less := func(a, b *float64) *float64 {
		if a == nil || b == nil {
			return nil
		}
		d := *a - *b
		return &d
	}
	planned := c.Objective != nil
	equal("objective", r.Objective, c.Objective)
	if c.Status != Unknown && planned != (r.ObjectiveWithout != nil) {
		differs("objective_without")
	}
	if r.ObjectiveWithout != nil || r.BoundWithout != nil {
		equal("bound_without", r.BoundWithout, c.Bound)
	}
	equal("loss", r.Loss, less(c.Objective, r.ObjectiveWithout))
	equal("loss_at_most", r.LossAtMost, less(c.Objective, c.Bound))
	if r.ObjectiveWithout != nil && v.report.Bound != nil && *r.ObjectiveWithout < *v.report.Bound-1e-6*math.Max(1, math.Abs(*v.report.Bound)) {
		v.fault("objective_without %.10g 小于下界 %.10g · objective_without is below the bound", *r.ObjectiveWithout, *v.report.Bound)
	}
	var gap *float64
	if planned && r.Bound != nil {
		g := (*c.Objective - *r.Bound) / math.Max(math.Abs(*c.Objective), 1e-9)
		gap = &g
		if *r.Bound > *c.Objective {
			v.fault("patch.json 的 bound 大于 objective · the bound with the rule exceeds the objective")
		}
		if s := c.BoundStronger; s != nil && s.Value != *r.Bound || s == nil && c.Bound != nil && *r.Bound > *c.Bound {
			differs("bound")
		}
	} else if planned && c.BoundStronger != nil {
		differs("bound")
	}
	equal("gap", r.Gap, gap)
	v.checkPatchStatus(c, r, planned)
}

func (v *verifier) checkPatchStatus(c *Certificate, r *PatchReport, planned bool) {
	want := c.Status
	if planned {
		want = Feasible
		if r.Bound != nil && *c.Objective-*r.Bound <= 2e-9*math.Max(1, math.Abs(*c.Objective)) {
			want = Optimal
		}
	}
	if r.Status != want {
		v.fault("patch.json 的 status 应为 %s，文件为 %s · status in patch.json differs", want, r.Status)
	}
	if c.Status == Optimal && v.report.Proved != Optimal {
		v.fault("证书说的是不计连片规则的问题，其 bound_stronger 只对符合规则的方案成立，证不了 optimal · the certificate is of the problem without the rule; its bound_stronger holds under the rule only and proves no optimum")
	}
	if r.NoPlanObeys && planned {
		v.fault("patch.json 说没有方案符合规则，却有方案 · there is a plan, and no_plan_obeys says that there is none")
	}
}

// checkPatches walks over the chosen units: every free one under the rule lies in a
// patch of at least min_area, and those that cannot are counted.
func (v *verifier) checkPatches(r *PatchReport) {
	under := make([]bool, len(v.p.Units))
	units := 0
	for i := range under {
		under[i] = v.p.Units[i].Fixed == Free && (v.rule.Applies == nil || v.rule.Applies[i])
		if under[i] {
			units++
		}
	}
	if units != r.Units {
		v.fault("patch.json 的 units 应为 %d，文件为 %d · units differs", units, r.Units)
	}
	may := make([]bool, len(v.p.Units))
	for i := range may {
		may[i] = v.p.Units[i].Fixed != FixZero
	}
	excluded := 0
	for again := true; again; {
		again = false
		area := v.patchAreas(may)
		for i := range may {
			if may[i] && under[i] && area[i] < r.MinArea*(1-1e-12) {
				may[i], again = false, true
				excluded++
			}
		}
	}
	if excluded != r.Excluded {
		v.fault("patch.json 的 excluded 应为 %d，文件为 %d · excluded differs", excluded, r.Excluded)
	}
	if v.selected == nil {
		return
	}
	area := v.patchAreas(v.selected)
	for i := range under {
		if under[i] && v.selected[i] && area[i] < r.MinArea*(1-1e-12) {
			v.fault("单元 %q 所在连片面积 %.10g 小于 %.10g · the patch around a chosen unit is too small", v.p.Units[i].ID, area[i], r.MinArea)
			return
		}
	}
	v.checked("每个入选单元所在连片面积都不小于 %.10g · every chosen unit under the rule lies in a patch that is large enough", r.MinArea)
}

// patchAreas gives the area of the patch around every unit that is in: units that
// edges join are merged into one set after another (union by halving paths).
func (v *verifier) patchAreas(in []bool) []float64 {
	head := make([]int32, len(in))
	for i := range head {
		head[i] = int32(i)
	}
	find := func(i int32) int32 {
		for head[i] != i {
			head[i] = head[head[i]]
			i = head[i]
		}
		return i
	}
	for _, e := range v.p.Edges {
		if e.B >= 0 && in[e.A] && in[e.B] {
			head[find(e.A)] = find(e.B)
		}
	}
	sums := make([]tally, len(in))
	for i := range in {
		if in[i] {
			sums[find(int32(i))].plus(v.rule.Area[i])
		}
	}
	area := make([]float64, len(in))
	for i := range in {
		if in[i] {
			area[i] = sums[find(int32(i))].total()
		}
	}
	return area
}
