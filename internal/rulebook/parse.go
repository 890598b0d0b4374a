package rulebook

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Format is what a document's key format says.
const Format = "gengheng-rulebook/1"

// maxDocument bounds a document, in bytes.
const maxDocument = 1 << 20

//go:embed shanxi-2025.yaml
var shanxi2025 []byte

// Shanxi2025 is the rulebook for Shanxi in 2025 that the program carries.
func Shanxi2025() (*Rulebook, error) { return Parse("shanxi-2025.yaml", shanxi2025) }

// Parse reads and validates a document. name stands before the line in every
// problem ("shanxi-2025.yaml:123: …"); the error is of type Problems and lists
// them all, one per line. Unknown keys, kinds, codes and severities, duplicate
// ids and references to nothing are refused.
func Parse(name string, data []byte) (*Rulebook, error) {
	d := &decoder{file: name}
	root := d.document(data)
	if root == nil {
		return nil, d.err()
	}
	p := &parser{decoder: d}
	rb := p.rulebook(root)
	p.crossCheck(rb)
	if err := d.err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	rb.Hash = hex.EncodeToString(sum[:])[:16]
	rb.Document = bytes.Clone(data)
	return rb, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// document parses the text to its one root node.
func (d *decoder) document(data []byte) *yaml.Node {
	if len(data) > maxDocument {
		d.fail(0, "规则库文件超过 %d 字节", "the rulebook is larger than %d bytes", maxDocument)
		return nil
	}
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := reader.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			d.fail(0, "规则库文件是空的", "the rulebook is empty")
			return nil
		}
		line, text := 0, err.Error()
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1])
			text = m[2]
		}
		d.fail(line, "不是有效的 YAML：%[1]s", "not valid YAML: %[1]s", text)
		return nil
	}
	if err := reader.Decode(&second); !errors.Is(err, io.EOF) {
		d.fail(second.Line, "只能有一个 YAML 文档", "there must be one YAML document only")
		return nil
	}
	if len(doc.Content) != 1 {
		d.fail(0, "规则库文件是空的", "the rulebook is empty")
		return nil
	}
	if d.refuseAliases(&doc) {
		return nil
	}
	return doc.Content[0]
}

// refuseAliases keeps a small document from unfolding into a huge one.
func (d *decoder) refuseAliases(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.fail(n.Line, "不支持锚点和别名（& *）", "anchors and aliases (& *) are not supported")
		return true
	}
	return slices.ContainsFunc(n.Content, d.refuseAliases)
}

// parser turns nodes into a Rulebook; it knows what later sections refer to.
type parser struct {
	*decoder
	rb       *Rulebook
	defaults map[Severity]Tolerance
	// where things are written, for problems found by crossCheck
	derivedAt    []reference
	prioritiesAt []reference
	planningLine int
	// direction of the clause that is being read
	direction Direction
}

// reference is a mention of a clause.
type reference struct {
	clause    string
	line      int
	direction Direction
}

func (p *parser) rulebook(root *yaml.Node) *Rulebook {
	rb := &Rulebook{}
	p.rb = rb
	o := p.object(root, "规则库 rulebook")
	if o.bad {
		return rb
	}
	oneOf(o, "format", Format)
	rb.ID = p.pattern(o, "id", idPattern)
	rb.Title = o.text("title")
	rb.English = o.text("english")
	rb.Jurisdiction = p.pattern(o, "jurisdiction", jurisdictionPattern)
	rb.Year = o.integer("year", 2000, 2100)
	rb.MinRemainderM2 = o.requiredNumber("min_remainder_m2", 0, 1e6)
	rb.Remainder = p.remainder(o.take("remainder"))
	rb.Acceptance = p.acceptance(o.take("acceptance"))
	p.defaults = p.toleranceDefaults(o.require("tolerance_defaults"))
	rb.Sources = p.sources(o)
	rb.Documents = p.documents(o)
	rb.Placeholders = o.texts("placeholders")
	rb.Purposes = o.texts("purposes")
	rb.Actors = o.texts("actors")
	rb.Layers = p.layers(o)
	rb.Clauses = p.clauses(o)
	rb.Omits = p.omits(o, rb)
	rb.Planning = p.planning(o.require("planning"))
	o.done()
	return rb
}

var (
	idPattern           = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	jurisdictionPattern = regexp.MustCompile(`^(\d{2}|\d{4}|\d{6})$`)
	kindPattern         = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,15}$`)
	clausePattern       = regexp.MustCompile(`^(OUT|IN|BAL|PRC)-[0-9A-Za-z]{1,12}$`)
	documentPattern     = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}$`)
)

func (p *parser) pattern(o *object, key string, pattern *regexp.Regexp) string {
	line := o.lines[key]
	if n := o.fields[key]; n != nil {
		line = n.Line
	}
	s := o.text(key)
	if s != "" && !pattern.MatchString(s) {
		p.fail(line, "%q 的值 %q 格式不符（%s）", "%q has the value %q, which is not of the form %s", key, s, pattern)
	}
	return s
}

func (p *parser) remainder(n *yaml.Node) Remainder {
	if n == nil {
		return Remainder{}
	}
	o := p.object(n, "remainder")
	r := Remainder{MinWidthM: o.number("min_width_m", 0, 100, 0), Merge: o.flag("merge"), SliverM2: o.number("sliver_m2", 0, 1e6, 0)}
	o.done()
	return r
}

func (p *parser) acceptance(n *yaml.Node) Acceptance {
	a := DefaultAcceptance()
	if n == nil {
		return a
	}
	o := p.object(n, "acceptance")
	a = Acceptance{
		PhotoDistanceM:       o.number("photo_distance_m", 0, 1e4, a.PhotoDistanceM),
		PhotoBlurM:           o.number("photo_blur_m", 0, 1e3, a.PhotoBlurM),
		PhotoAngleDeg:        o.number("photo_angle_deg", 0, 180, a.PhotoAngleDeg),
		AreaDeviationPercent: o.number("area_deviation_percent", 0, 100, a.AreaDeviationPercent),
	}
	o.done()
	return a
}

func (p *parser) toleranceDefaults(n *yaml.Node) map[Severity]Tolerance {
	defaults := map[Severity]Tolerance{}
	if n == nil {
		return defaults
	}
	o := p.object(n, "tolerance_defaults")
	for _, s := range []Severity{Block, Warn, Manual, Score} {
		defaults[s] = p.tolerance(o.take(string(s)), Tolerance{})
	}
	o.done()
	return defaults
}

// tolerance reads what is given over what is the default.
func (p *parser) tolerance(n *yaml.Node, base Tolerance) Tolerance {
	if n == nil {
		return base
	}
	o := p.object(n, "tolerance")
	t := Tolerance{
		AbsM2:      o.number("abs_m2", 0, 1e6, base.AbsM2),
		Ratio:      o.number("ratio", 0, 1, base.Ratio),
		MinPatchM2: o.number("min_patch_m2", 0, 1e6, base.MinPatchM2),
	}
	o.done()
	return t
}

func (p *parser) sources(o *object) []Source {
	var list []Source
	for _, n := range o.items("sources") {
		e := p.object(n, "source")
		s := Source{ID: e.text("id"), Title: e.text("title"), Number: e.optionalText("number"),
			Date: e.optionalText("date"), Note: e.optionalText("note")}
		e.done()
		if s.ID != "" && slices.ContainsFunc(list, func(x Source) bool { return x.ID == s.ID }) {
			p.fail(e.line, "依据 %q 重复", "duplicate source %q", s.ID)
		}
		list = append(list, s)
	}
	return list
}

func (p *parser) documents(o *object) []Document {
	var list []Document
	for _, n := range o.items("documents") {
		e := p.object(n, "document")
		doc := Document{Code: p.pattern(e, "code", documentPattern), Name: e.text("name"), English: e.text("english")}
		e.done()
		if doc.Code != "" && slices.ContainsFunc(list, func(x Document) bool { return x.Code == doc.Code }) {
			p.fail(e.line, "材料 %q 重复", "duplicate document %q", doc.Code)
		}
		list = append(list, doc)
	}
	return list
}

func (p *parser) layers(o *object) []Layer {
	var list []Layer
	for _, n := range o.items("layers") {
		e := p.object(n, "layer")
		l := Layer{Kind: p.pattern(e, "kind", kindPattern), Name: e.text("name"), English: e.text("english"),
			Owner: e.text("owner"), Standard: e.optionalText("standard"), Form: Polygons, Optional: e.flag("optional")}
		if _, given := e.fields["form"]; given {
			l.Form = oneOf(e, "form", Polygons, Raster, Table)
		}
		for _, direction := range p.values("directions", e.scalars("directions"), []string{string(In), string(Out)}) {
			l.Directions = append(l.Directions, Direction(direction))
		}
		if f := e.take("fields"); f != nil {
			fields := p.object(f, "fields")
			l.Code, l.NameFields, l.Level = fields.texts("code"), fields.texts("name"), fields.texts("level")
			fields.done()
		}
		e.done()
		if l.Kind != "" && slices.ContainsFunc(list, func(x Layer) bool { return x.Kind == l.Kind }) {
			p.fail(e.line, "图层 %q 重复", "duplicate layer %q", l.Kind)
		}
		list = append(list, l)
	}
	return list
}

func (p *parser) clauses(o *object) []Clause {
	var list []Clause
	for _, n := range o.items("clauses") {
		c := p.clause(n)
		if c.ID != "" && slices.ContainsFunc(list, func(x Clause) bool { return x.ID == c.ID }) {
			p.fail(c.Line, "条款 %q 重复", "duplicate clause %q", c.ID)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		p.fail(0, "规则库没有条款（clauses）", "the rulebook has no clauses")
	}
	return list
}

var directionOf = map[string]Direction{"OUT": Out, "IN": In, "BAL": Balance, "PRC": Process}

func (p *parser) clause(n *yaml.Node) Clause {
	o := p.object(n, "clause")
	c := Clause{Line: n.Line, ID: p.pattern(o, "id", clausePattern)}
	c.Direction = oneOf(o, "direction", In, Out, Balance, Process)
	prefix, _, _ := strings.Cut(c.ID, "-")
	if want := directionOf[prefix]; want != "" && c.Direction != want {
		p.fail(n.Line, "条款 %s 的方向应为 %s", "clause %s must have direction %s", c.ID, want)
	}
	c.Title, c.English = o.text("title"), o.text("english")
	for _, n := range o.scalars("citation") {
		c.Citation = append(c.Citation, n.Value)
		if !slices.ContainsFunc(p.rb.Sources, func(s Source) bool { return s.ID == n.Value }) {
			p.fail(n.Line, "依据 %q 不在 sources 中", "citation %q is not among the sources", n.Value)
		}
	}
	if len(c.Citation) == 0 && !o.bad {
		p.fail(n.Line, "条款 %s 没有依据（citation）", "clause %s has no citation", c.ID)
	}
	p.direction = c.Direction
	for _, item := range o.items("checks") {
		check := p.check(item, c)
		check.Number = len(c.Checks) + 1
		c.Checks = append(c.Checks, check)
	}
	if len(c.Checks) == 0 && !o.bad {
		p.fail(n.Line, "条款 %s 没有检查项（checks）", "clause %s has no checks", c.ID)
	}
	if isScore(c) && slices.ContainsFunc(c.Checks, func(k Check) bool { return k.Severity != Score }) {
		p.fail(n.Line, "条款 %s 不能既评分又作判断", "clause %s cannot both score and decide", c.ID)
	}
	o.done()
	return c
}
