package rulebook

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gengheng/internal/land"
)

// spec is what a test kind admits.
type spec struct {
	layer      bool   // must name a layer
	only       string // the one layer it can read, or ""
	where      bool
	directions []Direction
	severities []Severity
	params     func(*parser, *object) Params
}

var (
	screened  = []Direction{In, Out}
	decisions = []Severity{Block, Warn, Manual}
	scores    = []Severity{Score}
)

const survey = "DLTB"

var specs = map[Test]spec{
	TestOverlap:      {layer: true, where: true, directions: screened, severities: decisions, params: noParams(Overlap{})},
	TestWithin:       {layer: true, where: true, directions: screened, severities: decisions, params: (*parser).within},
	TestSlope:        {layer: true, directions: screened, severities: decisions, params: (*parser).slope},
	TestNeighbours:   {layer: true, only: survey, directions: screened, severities: decisions, params: (*parser).neighbours},
	TestTarget:       {directions: screened, severities: decisions, params: noParams(Target{})},
	TestBeltWidth:    {layer: true, only: survey, directions: screened, severities: decisions, params: (*parser).beltWidth},
	TestDocument:     {directions: screened, severities: []Severity{Manual}, params: (*parser).evidence},
	TestDerived:      {directions: screened, severities: decisions, params: (*parser).derived},
	TestMinPatch:     {layer: true, only: survey, directions: screened, severities: decisions, params: (*parser).minPatch},
	TestScoreShare:   {layer: true, where: true, directions: screened, severities: scores, params: (*parser).scoreShare},
	TestScoreGrade:   {layer: true, only: survey, directions: screened, severities: scores, params: (*parser).scoreGrade},
	TestScoreCluster: {layer: true, only: survey, where: true, directions: screened, severities: scores, params: (*parser).scoreCluster},
	TestScoreNear:    {layer: true, where: true, directions: screened, severities: scores, params: (*parser).scoreNear},
	TestScoreSize:    {directions: screened, severities: scores, params: (*parser).scoreSize},
	TestBalance:      {directions: []Direction{Balance}, severities: decisions, params: (*parser).balanceRow},
	TestDeadline:     {directions: []Direction{Process}, severities: decisions, params: (*parser).deadline},
	TestGate:         {directions: []Direction{Balance, Process}, severities: decisions, params: (*parser).gate},
}

// tests lists the kinds in the order of their declaration in checks.go.
var tests = []Test{TestOverlap, TestWithin, TestSlope, TestNeighbours, TestTarget, TestBeltWidth,
	TestDocument, TestDerived, TestMinPatch, TestScoreShare, TestScoreGrade, TestScoreCluster,
	TestScoreNear, TestScoreSize, TestBalance, TestDeadline, TestGate}

func (p *parser) check(n *yaml.Node, c Clause) Check {
	o := p.object(n, "check")
	k := Check{Line: n.Line, Test: oneOf(o, "test", tests...)}
	s, known := specs[k.Test]
	k.Severity = oneOf(o, "severity", Block, Warn, Manual, Score)
	if known {
		p.fits(o, k, s, c)
	}
	k.Layer = p.layerOf(o, s, known, c)
	k.Where = p.conditions(o, "where", func(line int, field string) []string { return p.featureField(line, field, k.Layer) })
	if known && !s.where && len(k.Where) > 0 {
		p.fail(o.line, "检查 %s 不用 where", "a check of test %s takes no where", k.Test)
	}
	k.When = p.conditions(o, "when", p.candidateField)
	k.Tolerance = p.tolerance(o.take("tolerance"), p.defaults[k.Severity])
	k.Finding, k.FindingEnglish = o.text("finding"), o.text("finding_en")
	params := o.take("params")
	if known {
		k.Params = p.params(params, o.line, s)
	}
	o.done()
	return k
}

// params reads the parameters; a test whose parameters are all optional may
// leave the key out.
func (p *parser) params(n *yaml.Node, line int, s spec) Params {
	if n == nil {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: line}
	}
	o := p.object(n, "params")
	params := s.params(p, o)
	o.done()
	return params
}

// fits checks a test against the clause it stands in.
func (p *parser) fits(o *object, k Check, s spec, c Clause) {
	if c.Direction != "" && !slices.Contains(s.directions, c.Direction) {
		p.fail(o.line, "检查 %s 不能用于方向为 %s 的条款", "test %s cannot stand in a clause of direction %s", k.Test, c.Direction)
	}
	if k.Severity.rank() >= 0 && !slices.Contains(s.severities, k.Severity) {
		p.fail(o.line, "检查 %s 的严重程度不能是 %s，可用：%[3]s", "test %s cannot have severity %s; possible: %[3]s", k.Test, k.Severity, join(s.severities))
	}
}

func (p *parser) layerOf(o *object, s spec, known bool, c Clause) string {
	n := o.take("layer")
	switch {
	case n == nil && known && s.layer:
		p.fail(o.line, "检查缺少图层（layer）", "the check must name its layer")
		return ""
	case n == nil:
		return ""
	case known && !s.layer:
		p.fail(n.Line, "此检查不读图层（layer）", "this test reads no layer")
		return ""
	}
	kind := p.text(n, "layer")
	if s.only != "" && kind != s.only {
		p.fail(n.Line, "此检查只能读图层 %s", "this test reads layer %s only", s.only)
	}
	p.layerRef(n.Line, kind, c.Direction)
	return kind
}

// layerRef checks that a layer exists and is read for the direction.
func (p *parser) layerRef(line int, kind string, direction Direction) {
	l, ok := p.rb.Layer(kind)
	if !ok {
		p.fail(line, "图层 %q 不在 layers 中", "layer %q is not among the layers", kind)
		return
	}
	if direction != "" && !slices.Contains(l.Directions, direction) {
		p.fail(line, "图层 %s 的 directions 不含 %s", "layer %s does not list direction %s", kind, direction)
	}
}

// conditions reads where or when. vocabulary gives the known values of a field:
// nil for any text; it reports an unknown field itself.
func (p *parser) conditions(o *object, key string, vocabulary func(line int, field string) []string) []Condition {
	var list []Condition
	for _, n := range o.items(key) {
		e := p.object(n, key)
		c := Condition{Field: e.text("field"), In: e.texts("in"), NotIn: e.texts("not_in")}
		e.done()
		if e.bad || c.Field == "" {
			continue
		}
		if (len(c.In) == 0) == (len(c.NotIn) == 0) {
			p.fail(n.Line, "字段 %q 的条件应有 in 或 not_in 之一，且不为空", "the condition on %q needs either in or not_in, not empty", c.Field)
			continue
		}
		known := vocabulary(n.Line, c.Field)
		c.In, c.NotIn = p.values(n.Line, c.Field, c.In, known), p.values(n.Line, c.Field, c.NotIn, known)
		list = append(list, c)
	}
	return list
}

// values checks and, for codes, writes out patterns: "02*" becomes the codes
// that begin with 02.
func (p *parser) values(line int, field string, given, known []string) []string {
	if known == nil {
		return given
	}
	var list []string
	for _, v := range given {
		found := false
		for _, k := range known {
			if matches(v, k) {
				found = true
				if !slices.Contains(list, k) {
					list = append(list, k)
				}
			}
		}
		if !found {
			p.fail(line, "字段 %s 没有值 %q", "field %s has no value %q", field, v)
		}
	}
	return list
}

// Vocabularies of the fields, in the order of their code tables.
var (
	surveyFields = map[string]func() []string{
		"dlbm":   classCodes,
		"czcsxm": func() []string { return codes(land.BuiltUpCodes()) },
		"tbxhdm": func() []string { return codes(land.Refinements()) },
		"zzsxdm": func() []string { return codes(land.Plantings()) },
		"gdlx":   func() []string { return codes(land.SlopeTypes()) },
		"gdpdjb": func() []string { return []string{"1", "2", "3", "4", "5"} },
		"qsxz":   func() []string { return codes(land.Ownerships()) },
	}
	surveyFieldNames = []string{"dlbm", "czcsxm", "tbxhdm", "zzsxdm", "gdlx", "gdpdjb", "qsxz"}

	// CandidateFields are what a when may ask of a candidate.
	candidateFieldNames = []string{"purpose", "target_dlbm", "base_dlbm", "actor", "method", "documents"}
)

func classCodes() []string {
	var list []string
	for _, c := range land.Classes() {
		list = append(list, c.Code)
	}
	return list
}

func codes(table []land.Code) []string {
	var list []string
	for _, c := range table {
		list = append(list, c.Code)
	}
	return list
}

func (p *parser) featureField(line int, field, layer string) []string {
	if layer == survey {
		if known, ok := surveyFields[field]; ok {
			return known()
		}
		p.fail(line, "图层 DLTB 没有字段 %q，可用：%[2]s", "layer DLTB has no field %q; known: %[2]s", field, join(surveyFieldNames))
		return nil
	}
	l, ok := p.rb.Layer(layer)
	if !ok {
		return nil // reported where the layer is named
	}
	names := map[string][]string{"code": l.Code, "name": l.NameFields, "level": l.Level}
	if _, ok := names[field]; !ok {
		p.fail(line, "条件的字段 %q 未知，可用：code, name, level", "the condition has the unknown field %q; known: code, name, level", field)
	} else if len(names[field]) == 0 {
		p.fail(line, "图层 %s 的 fields 没有给出 %s 的来源字段", "layer %s names no source field for %s", layer, field)
	}
	return nil
}

func (p *parser) candidateField(line int, field string) []string {
	switch field {
	case "purpose":
		return p.rb.Purposes
	case "actor":
		return p.rb.Actors
	case "target_dlbm", "base_dlbm":
		return classCodes()
	case "method":
		return []string{land.RecoverAtOnce, land.RecoverByEngineering}
	case "documents":
		return p.documentCodes()
	}
	p.fail(line, "申报地块没有字段 %q，可用：%[2]s", "a candidate has no field %q; known: %[2]s", field, join(candidateFieldNames))
	return nil
}

func (p *parser) documentCodes() []string {
	list := []string{}
	for _, doc := range p.rb.Documents {
		list = append(list, doc.Code)
	}
	return list
}

// classes reads a list of DLBM, patterns written out.
func (p *parser) classes(o *object, key string) []string {
	line := o.lines[key]
	list := p.values(line, key, o.texts(key), classCodes())
	if len(list) == 0 && !o.bad {
		p.fail(o.line, "%q 应列出地类编码", "%q must list land classes", key)
	}
	return list
}

// documentRefs reads a list of document codes.
func (p *parser) documentRefs(o *object, key string) []string {
	line := o.lines[key]
	return p.values(line, key, o.texts(key), p.documentCodes())
}

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
		p.layerRef(n.Line, s.Fallback, "")
		if l, ok := p.rb.Layer(s.Fallback); ok && l.Form != Raster {
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

func (p *parser) beltWidth(o *object) Params {
	v := BeltWidth{TouchM: o.requiredNumber("touch_m", 0, 100), ToleranceM: o.requiredNumber("tolerance_m", 0, 100)}
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
	line := o.lines["clauses"]
	v := Derived{Clauses: o.texts("clauses")}
	if len(v.Clauses) == 0 {
		p.fail(o.line, "缺少必填的键 %q", "the key %q is required", "clauses")
	}
	for _, id := range v.Clauses {
		p.derivedAt = append(p.derivedAt, reference{clause: id, line: line})
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

// crossCheck looks at what refers to other sections.
func (p *parser) crossCheck(rb *Rulebook) {
	for _, r := range p.derivedAt {
		c, ok := rb.Clause(r.clause)
		if !ok {
			p.fail(r.line, "引用的条款 %q 不存在", "there is no clause %q to refer to", r.clause)
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
		return p.position(rb, a.Clause) - p.position(rb, b.Clause)
	})
}

func (p *parser) position(rb *Rulebook, id string) int {
	return slices.IndexFunc(rb.Clauses, func(c Clause) bool { return c.ID == id })
}

func isScore(c Clause) bool {
	return slices.ContainsFunc(c.Checks, func(k Check) bool { return strings.HasPrefix(string(k.Test), "score_") })
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
	line := o.lines["enforced"]
	for _, m := range o.texts("enforced") {
		if !slices.Contains([]Measure{MeasureArea, MeasurePaddy, MeasureQuality}, Measure(m)) {
			p.fail(line, "%q 的值 %q 未知，可用：%s", "%q has the unknown value %q; known: %s", "enforced", m, "area, paddy, quality")
		}
		v.Enforced = append(v.Enforced, Measure(m))
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
