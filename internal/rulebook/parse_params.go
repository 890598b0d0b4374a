package rulebook

import (
	"time"

	"gengheng/internal/land"
)

func noParams(v Params) func(*parser, *object) Params {
	return func(*parser, *object) Params { return v }
}

func (p *parser) within(o *object) Params {
	return Within{MatchYear: o.flag("match_year"), ExemptFromBalance: o.flag("exempt_from_balance")}
}

func (p *parser) slope(o *object) Params {
	s := Slope{Class: land.SlopeClass(o.integer("class", 1, 5)), Scope: oneOf(o, "scope", Majority, Part)}
	if n := o.take("fallback"); n != nil {
		s.Fallback = p.text(n, "fallback")
		if l, ok := p.layerRef(n.Line, s.Fallback, ""); ok && l.Form != Raster {
			p.fail(n.Line, "fallback %s 应为 raster 图层", "fallback %s must be a layer of form raster", s.Fallback)
		}
	}
	return s
}

func (p *parser) neighbours(o *object) Params {
	var v Neighbours
	for _, n := range o.items("surrounded") {
		e := p.object(n, "surrounded")
		line := e.lines["becomes"]
		row := Surrounding{Becomes: e.text("becomes"), Classes: p.classes(e, "classes")}
		if !e.bad && !land.IsUnstableRefinement(row.Becomes) {
			p.fail(line, "细化代码 %q 不是不稳定利用耕地", "%q is not a code of unstable cultivated land", row.Becomes)
		}
		e.done()
		v.Surrounded = append(v.Surrounded, row)
	}
	if len(v.Surrounded) == 0 {
		p.fail(o.line, "缺少必填的键 %q", "the key %q is required", "surrounded")
	}
	return v
}

func (p *parser) declared(o *object) Params {
	return Declared{Field: oneOf(o, "field", "purpose", "actor", "target_dlbm")}
}

func (p *parser) beltWidth(o *object) Params {
	v := BeltWidth{TouchM: o.requiredNumber("touch_m", 0, 100), ToleranceM: o.requiredNumber("tolerance_m", 0, 100),
		BeltRatio: o.number("belt_ratio", 1, 1000, 0), BeltBreadthM: o.number("belt_breadth_m", 0.1, 1000, 0)}
	for _, n := range o.items("along") {
		e := p.object(n, "along")
		row := Belt{Classes: p.classes(e, "classes"), MaxWidthM: e.number("max_width_m", 0.1, 1000, 0), Documents: p.documentRefs(e, "documents")}
		e.done()
		if row.MaxWidthM == 0 && len(row.Documents) == 0 && !e.bad {
			p.fail(n.Line, "应给出 max_width_m 或 documents", "give max_width_m or documents")
		}
		v.Along = append(v.Along, row)
	}
	if len(v.Along) == 0 {
		p.fail(o.line, "缺少必填的键 %q", "the key %q is required", "along")
	}
	return v
}

func (p *parser) evidence(o *object) Params {
	v := Evidence{AllOf: p.documentRefs(o, "all_of"), AnyOf: p.documentRefs(o, "any_of")}
	if len(v.AllOf)+len(v.AnyOf) == 0 {
		p.fail(o.line, "应给出 all_of 或 any_of", "give all_of or any_of")
	}
	return v
}

func (p *parser) derived(o *object) Params {
	var v Derived
	for _, n := range o.scalars("clauses") {
		v.Clauses = append(v.Clauses, n.Value)
		p.derivedAt = append(p.derivedAt, reference{clause: n.Value, line: n.Line, direction: p.direction})
	}
	if len(v.Clauses) == 0 {
		p.fail(o.line, "缺少必填的键 %q", "the key %q is required", "clauses")
	}
	return v
}

func (p *parser) minPatch(o *object) Params {
	return MinPatch{AreaM2: o.requiredNumber("area_m2", 0, 1e6), TouchM: o.requiredNumber("touch_m", 0, 100)}
}

func (p *parser) scoreShare(o *object) Params {
	return ScoreShare{Weight: o.requiredNumber("weight", 0, 1)}
}

func (p *parser) scoreGrade(o *object) Params {
	v := ScoreGrade{Best: o.requiredNumber("best", 1, 15), Worst: o.requiredNumber("worst", 1, 15)}
	if v.Best >= v.Worst && !o.bad {
		p.fail(o.line, "best 应小于 worst（1 等最好）", "best must be less than worst (grade 1 is the best)")
	}
	return v
}

func (p *parser) scoreCluster(o *object) Params {
	return ScoreCluster{GapM: o.requiredNumber("gap_m", 0, 1000), FullM2: o.requiredNumber("full_m2", 1, 1e9),
		Prefer: oneOf(o, "prefer", PreferLarge, PreferSmall)}
}

func (p *parser) scoreNear(o *object) Params {
	return ScoreNear{WithinM: o.requiredNumber("within_m", 0, 10000), Weight: o.requiredNumber("weight", 0, 1)}
}

func (p *parser) scoreSize(o *object) Params {
	return ScoreSize{FullM2: o.requiredNumber("full_m2", 1, 1e9)}
}

func (p *parser) balanceRow(o *object) Params {
	return BalanceRow{Measure: oneOf(o, "measure", MeasureArea, MeasurePaddy, MeasureQuality)}
}

func (p *parser) deadline(o *object) Params {
	line := o.line
	if n := o.fields["date"]; n != nil {
		line = n.Line
	}
	text := o.text("date")
	day, err := time.Parse("2006-01-02", "2024-"+text) // a leap year: 02-29 is a day
	if err != nil && text != "" {
		p.fail(line, "日期 %q 应为 月-日，如 06-15", "date %q must be month-day, like 06-15", text)
	}
	return Deadline{Month: day.Month(), Day: day.Day()}
}

func (p *parser) gate(o *object) Params {
	return Gate{
		Gate: oneOf(o, "gate", GateInBeforeOut, GateExplicitTransfers, GateCarryOver, GateRecognition,
			GateOnePlan, GateConsent, GateAcceptance),
		Documents: p.documentRefs(o, "documents"),
		Signers:   o.texts("signers"),
	}
}

// classes reads a list of DLBM, patterns written out.
func (p *parser) classes(o *object, key string) []string {
	list := p.values(key, o.scalars(key), classCodes())
	if len(list) == 0 && !o.bad {
		p.fail(o.line, "%q 应列出地类编码", "%q must list land classes", key)
	}
	return list
}

// documentRefs reads a list of document codes.
func (p *parser) documentRefs(o *object, key string) []string {
	return p.values(key, o.scalars(key), p.documentCodes())
}
