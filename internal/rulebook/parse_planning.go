package rulebook

import (
	"slices"

	"gopkg.in/yaml.v3"

	"gengheng/internal/land"
)

// crossCheck looks at what refers to other sections.
func (p *parser) crossCheck(rb *Rulebook) {
	for _, r := range p.derivedAt {
		c, ok := rb.Clause(r.clause)
		if !ok {
			p.fail(r.line, "引用的条款 %q 不存在", "there is no clause %q to refer to", r.clause)
		} else if c.Direction != r.direction {
			p.fail(r.line, "条款 %s 的方向不是 %s，不能引用", "clause %s is not of direction %s and cannot be referred to", r.clause, r.direction)
		} else if slices.ContainsFunc(c.Checks, func(k Check) bool { return k.Test == TestDerived }) {
			p.fail(r.line, "条款 %s 本身由其他条款推出，不能再引用", "clause %s is itself derived and cannot be referred to", r.clause)
		}
	}
	for _, c := range rb.Clauses {
		if !isScore(c) {
			continue
		}
		if !slices.ContainsFunc(rb.Planning.Priorities, func(w Priority) bool { return w.Clause == c.ID }) {
			p.fail(p.planningLine, "planning.priorities 缺少条款 %s 的权重", "planning.priorities lacks a weight for clause %s", c.ID)
		}
	}
	for _, r := range p.prioritiesAt {
		if c, ok := rb.Clause(r.clause); !ok || !isScore(c) {
			p.fail(r.line, "%q 不是评分条款", "%q is not a score clause", r.clause)
		}
	}
	// the weights in the order of the clauses, however they are written
	slices.SortStableFunc(rb.Planning.Priorities, func(a, b Priority) int {
		return position(rb, a.Clause) - position(rb, b.Clause)
	})
}

func position(rb *Rulebook, id string) int {
	return slices.IndexFunc(rb.Clauses, func(c Clause) bool { return c.ID == id })
}

func isScore(c Clause) bool {
	return slices.ContainsFunc(c.Checks, func(k Check) bool { return k.Severity == Score })
}

func (p *parser) planning(n *yaml.Node) Planning {
	var v Planning
	if n == nil {
		return v
	}
	p.planningLine = n.Line
	o := p.object(n, "planning")
	v.InCostPerMu = o.requiredNumber("in_cost_per_mu", 0, 1e9)
	v.RefusalPerMu = o.requiredNumber("refusal_per_mu", 0, 1e9)
	v.PerimeterPerM = o.requiredNumber("perimeter_per_m", 0, 1e9)
	v.TransferPerMu = o.requiredNumber("transfer_per_mu", 0, 1e9)
	v.ShortfallPerMu = o.requiredNumber("shortfall_per_mu", 0, 1e9)
	v.TrackWidthM = o.requiredNumber("track_width_m", 0, 100)
	v.MinPatchM2 = o.requiredNumber("min_patch_m2", 0, 1e6)
	v.DefaultGDLX = string(oneOf(o, "default_gdlx", land.Sloping, land.Terraced))
	for _, m := range p.values("enforced", o.scalars("enforced"), []string{"area", "paddy", "quality"}) {
		v.Enforced = append(v.Enforced, Measure(m))
	}
	if n := o.take("balance"); n != nil {
		switch text := o.d.text(n, "balance"); text {
		case "in_out":
		case "net_increase":
			v.NetIncrease = true
		default:
			p.fail(n.Line, "%q 的值 %q 未知，可用：in_out, net_increase", "%q has the unknown value %q; known: in_out, net_increase", "balance", text)
		}
	}
	if w := o.require("priorities"); w != nil {
		weights := p.object(w, "priorities")
		for _, id := range slices.Clone(weights.order) {
			p.prioritiesAt = append(p.prioritiesAt, reference{clause: id, line: weights.lines[id]})
			v.Priorities = append(v.Priorities, Priority{id, weights.requiredNumber(id, 0, 1e9)})
		}
		weights.done()
	}
	o.done()
	return v
}
