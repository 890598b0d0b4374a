// Package rulebook is the clauses of the in/out balance as data (规则库): a YAML
// document for one jurisdiction and year that names every clause with its
// citation, the checks that test it, the layers they read and their tolerances,
// and the weights of the plan. A county changes a tolerance, or adds a layer
// that other laws protect, in the document alone.
//
// The package parses and validates; it judges no parcel. What a check means is
// said at its parameter type (Overlap, Within, Slope, ...).
package rulebook

import (
	"slices"
	"strings"
)

// Rulebook is one validated document.
type Rulebook struct {
	ID           string // shanxi-2025
	Title        string // Chinese
	English      string
	Jurisdiction string // administrative code it is made for, 2 to 6 digits
	Year         int

	// Hash is the version: the first 16 hex digits of the SHA-256 of Document.
	Hash     string
	Document []byte

	// MinRemainderM2 is the smallest usable remainder (m²) of a candidate that a
	// blocking layer cuts; less than that is no parcel.
	MinRemainderM2 float64
	// Remainder is the rule by which what is left after clipping is tidied.
	Remainder Remainder
	// Acceptance is what field work is held to.
	Acceptance Acceptance

	Sources   []Source
	Documents []Document
	// Placeholders are words that stand where a document's number should stand
	// and name no document (无, 办理中); signs without a letter or digit never do.
	Placeholders []string
	Purposes     []string // 用途 that a declaration may name
	Actors       []string // 主体类型
	Layers       []Layer
	Clauses      []Clause
	// Omits are the clauses of the catalogue that the document leaves out, with
	// the reason: what is not judged must be said.
	Omits    []Omission
	Planning Planning
}

// Remainder (剩余部分) says what of a clipped candidate is worth keeping. The zero
// value keeps every piece of MinRemainderM2.
type Remainder struct {
	// MinWidthM is the width in metres that a part must have: what is narrower, a
	// sliver or a neck between two parts, is taken out; 0 takes nothing out.
	MinWidthM float64
	// Merge keeps a 转进 piece smaller than MinRemainderM2 that reaches it together
	// with the cultivated land (01xx) it borders; farm tracks up to
	// Planning.TrackWidthM do not separate.
	Merge bool
	// SliverM2 is the area in m² that a piece needs to be merged: less is a sliver
	// (碎片), whatever it borders.
	SliverM2 float64
}

// Acceptance (验收) says what a field photo proves and how far a measurement may be
// from the plan. The notices leave both to the county.
type Acceptance struct {
	// PhotoDistanceM is how far from the parcel a photo of it may be taken, in metres.
	PhotoDistanceM float64
	// PhotoBlurM is what a phone's position may be wrong by, in metres: nearer than
	// that to the boundary the camera may look any way.
	PhotoBlurM float64
	// PhotoAngleDeg is how far past the parcel's edge the camera may look, in
	// degrees: half of a wide lens's field of view.
	PhotoAngleDeg float64
	// AreaDeviationPercent is by how many percent of the plan the measured net area
	// may differ before acceptance has to say why; hundredths count.
	AreaDeviationPercent float64
}

// DefaultAcceptance holds where a document says nothing, as documents did before
// they could.
func DefaultAcceptance() Acceptance {
	return Acceptance{PhotoDistanceM: 100, PhotoBlurM: 10, PhotoAngleDeg: 45, AreaDeviationPercent: 5}
}

// Omission is a clause that a document leaves out on purpose.
type Omission struct{ Clause, Reason string }

// Source is a law, notice or standard that clauses rest on.
type Source struct {
	ID, Title, Number, Date, Note string
}

// Document is a kind of evidence that a declaration can refer to; Code is its
// field (PZWH 批准文号, ...).
type Document struct {
	Code, Name, English string
}

// Form is the shape of a layer's data.
type Form string

const (
	Polygons Form = "polygons"
	Raster   Form = "raster"
	Table    Form = "table"
)

// Layer is a kind of data that checks read. Kinds are data: a county may add
// its own.
type Layer struct {
	Kind     string // ^[A-Z][A-Z0-9_]{1,15}$
	Name     string // Chinese
	English  string
	Owner    string // 提供部门
	Standard string // what its fields follow
	Form     Form

	// Optional: checks on the layer yield nothing where the county has no such
	// layer. Otherwise a missing layer makes the verdict unknown: a missing red
	// line never means that there is no conflict.
	Optional bool

	Directions []Direction // in, out: for which candidates it is read

	// Source fields that fill layer_feature.code, .name and .level: accepted
	// names, the first that a file has is taken, whatever its case. An empty list
	// means the layer has no such attribute.
	Code, NameFields, Level []string
}

// Direction of a clause.
type Direction string

const (
	In      Direction = "in"      // 转进: other agricultural land to cultivated
	Out     Direction = "out"     // 转出: cultivated to other agricultural land
	Balance Direction = "balance" // 平衡: the year's account
	Process Direction = "process" // 程序: deadlines and gates
)

// Severity of a check's hit.
type Severity string

const (
	Block  Severity = "block"  // forbids what it touches
	Warn   Severity = "warn"   // an officer decides, with a reason
	Manual Severity = "manual" // evidence that only a person can judge
	Score  Severity = "score"  // ranks, forbids nothing
)

// rank orders severities by their weight.
func (s Severity) rank() int {
	return slices.Index([]Severity{Score, Manual, Warn, Block}, s)
}

// AtLeast tells whether s weighs as much as t or more:
// score < manual < warn < block.
func (s Severity) AtLeast(t Severity) bool { return s.rank() >= t.rank() }

// Clause is one rule.
type Clause struct {
	ID        string // OUT-01b
	Direction Direction
	Title     string // Chinese, the plan's wording
	English   string
	Citation  []string // ids of Sources
	Checks    []Check
	Line      int
}

// Check is one test of a clause. A check applies to a candidate where all of
// When hold, and looks at the features of Layer where all of Where hold.
type Check struct {
	Number    int // from 1, in the clause's order
	Test      Test
	Layer     string // kind; "" where the test reads no layer
	Where     []Condition
	When      []Condition
	Severity  Severity
	Tolerance Tolerance

	// Finding says what a hit means, in Chinese and English.
	Finding, FindingEnglish string

	Params Params
	Line   int
}

// AppliesTo tells whether all of When hold; value gives the candidate's values
// of a field (several for documents, else one).
func (c *Check) AppliesTo(value func(field string) []string) bool { return all(c.When, value) }

// Selects tells whether a feature of the layer meets all of Where.
func (c *Check) Selects(value func(field string) string) bool {
	return all(c.Where, func(field string) []string { return []string{value(field)} })
}

// NamesLevels tells whether the check finds features because their level is none
// of those it lists: what the level is must then be said, since a code or a
// misspelt word may be behind it.
func (c *Check) NamesLevels() bool {
	return slices.ContainsFunc(c.Where, func(w Condition) bool { return w.Field == "level" && len(w.NotIn) > 0 })
}

func all(conditions []Condition, value func(string) []string) bool {
	for _, c := range conditions {
		if !c.holds(value(c.Field)) {
			return false
		}
	}
	return true
}

// Condition is a test of one field: its value is one of In, or none of NotIn.
// Exactly one of the two lists is given. A value may begin or end with '*' for
// any text; codes of land classes are already written out.
//
// An absent value is the empty string. It is none of NotIn: a protected area
// whose level the layer does not say is treated as any other level.
type Condition struct {
	Field     string
	In, NotIn []string
}

// Match tells whether one value meets the condition.
func (c Condition) Match(value string) bool { return c.holds([]string{value}) }

// holds: In holds where some value is listed, NotIn where none is.
func (c Condition) holds(values []string) bool {
	listed := func(list []string) bool {
		return slices.ContainsFunc(values, func(v string) bool {
			return slices.ContainsFunc(list, func(pattern string) bool { return matches(pattern, v) })
		})
	}
	if len(c.In) > 0 {
		return listed(c.In)
	}
	return !listed(c.NotIn)
}

func matches(pattern, value string) bool {
	body, open := strings.CutPrefix(pattern, "*")
	body, tail := strings.CutSuffix(body, "*")
	switch {
	case open && tail:
		return strings.Contains(value, body)
	case open:
		return strings.HasSuffix(value, body)
	case tail:
		return strings.HasPrefix(value, body)
	}
	return value == pattern
}

// Tolerance says how much of a conflict is within the accuracy of the layer
// (容差). A hit is over the tolerance where its area exceeds AbsM2 and its share
// of the candidate exceeds Ratio and its greatest connected piece has at least
// MinPatchM2. What stays within is still listed, as 容差内.
type Tolerance struct {
	AbsM2      float64 // m²
	Ratio      float64 // share of the candidate, 0 to 1; 0 = any share
	MinPatchM2 float64 // m²; 0 = any piece
}

// Exceeded applies the tolerance: all three numbers in m² of the same
// definition of area.
func (t Tolerance) Exceeded(hitM2, candidateM2, largestPieceM2 float64) bool {
	return hitM2 > t.AbsM2 && hitM2 > t.Ratio*candidateM2 && largestPieceM2 >= t.MinPatchM2
}

// Layer looks a layer up by kind.
func (r *Rulebook) Layer(kind string) (Layer, bool) {
	i := slices.IndexFunc(r.Layers, func(l Layer) bool { return l.Kind == kind })
	if i < 0 {
		return Layer{}, false
	}
	return r.Layers[i], true
}

// Clause looks a clause up by id.
func (r *Rulebook) Clause(id string) (Clause, bool) {
	i := slices.IndexFunc(r.Clauses, func(c Clause) bool { return c.ID == id })
	if i < 0 {
		return Clause{}, false
	}
	return r.Clauses[i], true
}

// ClausesFor lists the clauses of a direction in the document's order.
func (r *Rulebook) ClausesFor(d Direction) []Clause {
	var list []Clause
	for _, c := range r.Clauses {
		if c.Direction == d {
			list = append(list, c)
		}
	}
	return list
}

// DocumentName gives the Chinese name of a kind of evidence, or its code.
func (r *Rulebook) DocumentName(code string) string {
	for _, d := range r.Documents {
		if d.Code == code {
			return d.Name
		}
	}
	return code
}

// CitationText names a clause's sources as a reader would cite them.
func (r *Rulebook) CitationText(c Clause) string {
	var parts []string
	for _, id := range c.Citation {
		for _, s := range r.Sources {
			if s.ID != id {
				continue
			}
			text := "《" + s.Title + "》"
			if s.Number != "" {
				text += "（" + s.Number + "）"
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "；")
}

// Measure is what a balance counts.
type Measure string

const (
	MeasureArea    Measure = "area"    // 数量 BAL-1
	MeasurePaddy   Measure = "paddy"   // 水田 BAL-2
	MeasureQuality Measure = "quality" // 质量 BAL-3
)

// Planning is the weights of the plan. Costs are in units of cost; only their
// proportions matter.
type Planning struct {
	// Priorities is cost per 亩 and unit of score of each priority clause, in the
	// order of the clauses: an in parcel of score 1 is that much cheaper per 亩
	// than one of score 0, an out parcel that much dearer to refuse.
	Priorities []Priority

	InCostPerMu   float64 // 转进 one 亩, before priorities
	RefusalPerMu  float64 // refusing one 亩 of an eligible 转出, before priorities
	PerimeterPerM float64 // λ: one metre of boundary between farmland and other land
	TransferPerMu float64 // 调剂: one 亩 that one township covers for another
	TrackWidthM   float64 // farm tracks and ditches up to this width do not separate
	MinPatchM2    float64 // smallest patch of farmland worth planning
	DefaultGDLX   string  // 耕地类型 of in parcels whose declaration names none
	Enforced      []Measure
	// NetIncrease balances the county's year as a whole (年度净增加): what comes
	// in everywhere against what leaves anywhere, with no 调剂 and no 先进后出.
	// Otherwise every township's 转进 covers its 转出 (进出平衡).
	NetIncrease    bool
	ShortfallPerMu float64 // weight of one 亩 missing where no plan can balance
}

// Priority is the weight of a priority clause.
type Priority struct {
	Clause string
	PerMu  float64
}

// Priority gives the weight of a clause, 0 if it has none.
func (p Planning) Priority(clause string) float64 {
	for _, w := range p.Priorities {
		if w.Clause == clause {
			return w.PerMu
		}
	}
	return 0
}

// Enforces tells whether a balance is a constraint of the plan; otherwise it is
// reported only.
func (p Planning) Enforces(m Measure) bool { return slices.Contains(p.Enforced, m) }
