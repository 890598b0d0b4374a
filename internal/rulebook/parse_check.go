package rulebook

import (
	"slices"

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
	TestDeclared:     {directions: screened, severities: []Severity{Manual}, params: (*parser).declared},
	TestSurveyed:     {layer: true, only: survey, directions: screened, severities: decisions, params: noParams(Surveyed{})},
	TestTownship:     {layer: true, directions: screened, severities: decisions, params: noParams(Township{})},
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
var tests = []Test{TestOverlap, TestWithin, TestSlope, TestNeighbours, TestTarget,
	TestDeclared, TestSurveyed, TestTownship, TestBeltWidth,
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
	if l, ok := p.rb.Layer(k.Layer); ok && k.Test == TestTownship && len(l.Code) == 0 {
		p.fail(o.line, "图层 %s 的 fields 没有给出 %s 的来源字段", "layer %s names no source field for %s", k.Layer, "code")
	}
	k.Where = p.conditions(o, "where", func(line int, field string) []string { return p.featureField(line, field, k.Layer) })
	if known && !s.where && len(k.Where) > 0 {
		p.fail(o.line, "检查 %s 不用 where", "a check of test %s takes no where", k.Test)
	}
	k.When = p.conditions(o, "when", p.candidateField)
	if len(k.When) > 0 && (c.Direction == Balance || c.Direction == Process) {
		p.fail(o.line, "方向为 %s 的条款不用 when", "a check of direction %s takes no when", c.Direction)
	}
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
	if l, ok := p.layerRef(n.Line, kind, c.Direction); ok && l.Form != Polygons {
		p.fail(n.Line, "图层 %s 不是面图层，不能用于此检查", "layer %s has no polygons for this test", kind)
	}
	return kind
}

// layerRef checks that a layer exists and is read for the direction.
func (p *parser) layerRef(line int, kind string, direction Direction) (Layer, bool) {
	l, ok := p.rb.Layer(kind)
	if !ok {
		p.fail(line, "图层 %q 不在 layers 中", "layer %q is not among the layers", kind)
	} else if direction != "" && !slices.Contains(l.Directions, direction) {
		p.fail(line, "图层 %s 的 directions 不含 %s", "layer %s does not list direction %s", kind, direction)
	}
	return l, ok
}

// conditions reads where or when. vocabulary gives the known values of a field:
// nil for any text; it reports an unknown field itself.
func (p *parser) conditions(o *object, key string, vocabulary func(line int, field string) []string) []Condition {
	var list []Condition
	for _, n := range o.items(key) {
		e := p.object(n, key)
		field, in, notIn := e.text("field"), e.scalars("in"), e.scalars("not_in")
		e.done()
		if field == "" {
			continue
		}
		if (len(in) == 0) == (len(notIn) == 0) {
			p.fail(n.Line, "字段 %q 的条件应有 in 或 not_in 之一，且不为空", "the condition on %q needs either in or not_in, not empty", field)
			continue
		}
		known := vocabulary(n.Line, field)
		list = append(list, Condition{Field: field, In: p.values(field, in, known), NotIn: p.values(field, notIn, known)})
	}
	return list
}

// values checks and, for codes, writes out patterns: "02*" becomes the codes
// that begin with 02.
func (p *parser) values(field string, given []*yaml.Node, known []string) []string {
	var list []string
	for _, n := range given {
		if known == nil {
			list = append(list, n.Value)
			continue
		}
		found := false
		for _, k := range known {
			if matches(n.Value, k) {
				found = true
				if !slices.Contains(list, k) {
					list = append(list, k)
				}
			}
		}
		if !found {
			p.fail(n.Line, "字段 %s 没有值 %q", "field %s has no value %q", field, n.Value)
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

	// candidateFieldNames are what a when may ask of a candidate.
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
		return append([]string{}, p.rb.Purposes...)
	case "actor":
		return append([]string{}, p.rb.Actors...)
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
