package screening

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
)

// Outcomes of a finding, as stored.
const (
	outcomeHit       = "hit"       // 问题: over the tolerance
	outcomeTolerated = "tolerated" // 容差内
	outcomeMissing   = "missing"   // a layer or a document is not there
	outcomeNote      = "note"      // for a person to look at
)

// numericalTouch is the overlap in m² up to which two polygons only touch.
const numericalTouch = 0.01

// finding is what one check has to say about one candidate.
type finding struct {
	candidate *candidate
	clause    *rulebook.Clause
	check     *rulebook.Check
	outcome   string
	kind      string
	version   string
	// whole: the hit concerns the parcel as such and cannot be cut out.
	whole bool
	// measured: m2 and share say how much of the parcel is hit; geom says
	// where, if that is known.
	measured bool
	m2       float64
	geom     orb.MultiPolygon
	features []Feature
	// detail is what this case adds to the check's own words. Where the check
	// could not be made at all, it is unjudged and the detail says why.
	detail   [2]string
	unjudged bool

	// pending says how geom is still to be computed from parts.
	pending pending
	parts   []part
}

type pending int

const (
	settled pending = iota
	asUnion         // geom is the union of parts
	asRest          // geom is the candidate without the union of parts
)

// evaluate makes every finding of every candidate.
func (j *job) evaluate(ctx context.Context) error {
	j.findings = make([][]*finding, len(j.candidates))
	j.borders, j.shapes = make([]*overlay.Border, len(j.candidates)), make([]*overlay.Shape, len(j.candidates))
	err := forEach(ctx, len(j.candidates), func(i int) (err error) {
		j.findings[i], err = j.check(ctx, j.candidates[i])
		return err
	})
	if err != nil {
		return err
	}
	if err := j.settle(ctx); err != nil {
		return err
	}
	for _, c := range j.candidates {
		j.derive(c)
	}
	return nil
}

// check runs the checks of a candidate's direction, except those that derive
// from others and those that only score.
func (j *job) check(ctx context.Context, c *candidate) ([]*finding, error) {
	var (
		list []*finding
		f    *finding // nil once it is among them: most checks find nothing
	)
	for i := range j.book.Clauses {
		clause := &j.book.Clauses[i]
		if clause.Direction != c.direction {
			continue
		}
		for n := range clause.Checks {
			k := &clause.Checks[n]
			if !j.applies(k, c) {
				continue
			}
			if f == nil {
				f = new(finding)
			}
			*f = finding{candidate: c, clause: clause, check: k, kind: k.Layer, version: j.version(k.Layer)}
			if j.lacks(k) {
				f.missingLayer(j.book)
				list, f = append(list, f), nil
				continue
			}
			if k.Layer != "" && !j.present(k) {
				continue
			}
			found, err := j.test(ctx, f)
			if err != nil {
				return nil, err
			}
			if len(found) > 0 {
				list, f = append(list, found...), nil
			}
		}
	}
	return list, nil
}

// present tells whether there is data for a check to read.
func (j *job) present(k *rulebook.Check) bool {
	if k.Layer == "" || len(j.of(k.Layer)) > 0 {
		return true
	}
	s, ok := k.Params.(rulebook.Slope)
	return ok && s.Fallback != "" && len(j.of(s.Fallback)) > 0
}

// lacks tells whether a check cannot be made because a layer that the rulebook
// requires is not there. Other declarations are never required.
func (j *job) lacks(k *rulebook.Check) bool {
	if j.present(k) || k.Layer == kindIn || k.Layer == kindOut {
		return false
	}
	info, ok := j.book.Layer(k.Layer)
	return ok && !info.Optional
}

// test runs one check and fills in what it has to say, if anything.
func (j *job) test(ctx context.Context, f *finding) ([]*finding, error) {
	if p, ok := f.check.Params.(rulebook.BeltWidth); ok {
		return j.testBelt(ctx, f, p)
	}
	found, err := j.testOne(f)
	if err != nil || !found {
		return nil, err
	}
	return []*finding{f}, nil
}

// testOne runs a check that makes one finding at most; false means none.
func (j *job) testOne(f *finding) (bool, error) {
	switch p := f.check.Params.(type) {
	case rulebook.Overlap:
		return j.testOverlap(f), nil
	case rulebook.Within:
		return j.testWithin(f, p), nil
	case rulebook.Slope:
		return j.testSlope(f, p)
	case rulebook.Neighbours:
		return j.testNeighbours(f, p), nil
	case rulebook.Target:
		f.outcome, f.whole = outcomeHit, true
		return true, nil
	case rulebook.Declared:
		return f.testDeclared(p, j.book), nil
	case rulebook.Surveyed:
		return j.testSurveyed(f), nil
	case rulebook.Township:
		return j.testTownship(f), nil
	case rulebook.Evidence:
		f.testEvidence(p, j.book)
		return true, nil
	case rulebook.MinPatch:
		return j.testMinPatch(f, p), nil
	}
	return false, nil
}

// selected splits the parts of a layer inside a candidate by a check's where.
func (j *job) selected(f *finding, also func(*feature) bool) (in, out []part) {
	l := j.layers[f.check.Layer]
	if l == nil {
		return nil, nil
	}
	for _, p := range l.parts[f.candidate.index] {
		feature := &l.features[p.fid]
		if f.check.Selects(feature.value) && also(feature) {
			in = append(in, p)
		} else {
			out = append(out, p)
		}
	}
	return in, out
}

func every(*feature) bool { return true }

func (j *job) testOverlap(f *finding) bool {
	in, _ := j.selected(f, every)
	if len(in) == 0 {
		return false
	}
	f.parts, f.pending, f.features = in, asUnion, j.touched(f.check.Layer, in)
	f.detail = f.levels()
	return true
}

// levels names the levels of what a check finds because they are not among
// those it lists: a code or a misspelt word must be seen by a person.
func (f *finding) levels() [2]string {
	if !f.check.NamesLevels() {
		return [2]string{}
	}
	var zh, en []string
	for _, t := range f.features {
		z, e := "“"+t.Level+"”", strconv.Quote(t.Level)
		if t.Level == "" {
			z, e = "未填", "none"
		}
		if !slices.Contains(zh, z) {
			zh, en = append(zh, z), append(en, e)
		}
	}
	if len(zh) == 0 {
		return [2]string{}
	}
	return [2]string{"图层所注类别：" + strings.Join(zh, "、"), "the layer says: " + strings.Join(en, ", ")}
}

func (j *job) testWithin(f *finding, p rulebook.Within) bool {
	also := every
	if p.MatchYear {
		year := strconv.Itoa(j.year)
		also = func(t *feature) bool { return t.level == year }
	}
	in, out := j.selected(f, also)
	f.features = j.touched(f.check.Layer, out)
	// One part that fills the candidate leaves no rest. Sums of several parts
	// prove nothing: features may overlap each other and leave a gap elsewhere.
	if slices.ContainsFunc(in, func(p part) bool { return math.Abs(p.m2-f.candidate.m2) <= numericalTouch/2 }) {
		return false
	}
	f.parts, f.pending = in, asRest
	return true
}

func sum(parts []part) float64 {
	s := 0.0
	for _, p := range parts {
		s += p.m2
	}
	return s
}

// touched lists the features of parts with their own areas.
func (j *job) touched(kind string, parts []part) []Feature {
	var (
		list []Feature
		last = int32(-1)
		m2   float64
		l    = j.layers[kind]
	)
	flush := func() {
		if last >= 0 && m2 > numericalTouch {
			t := &l.features[last]
			list = append(list, Feature{BSM: t.bsm, Code: t.code, Name: t.name, Level: t.level, M2: rounded(m2)})
		}
	}
	for _, p := range parts {
		if p.fid != last {
			flush()
			last, m2 = p.fid, 0
		}
		m2 += p.m2
	}
	flush()
	return list
}

// rounded is an additive area in hundredths; areas of parts of a county are
// always in range.
func rounded(m2 float64) land.Area {
	a, err := land.RoundArea(m2)
	if err != nil {
		return 0
	}
	return a
}

// slopeOf gives the slope of a candidate from the slope map, or from the DEM
// where the map does not cover it.
func (j *job) slopeOf(c *candidate, kind, fallback string) (slope, bool, error) {
	if l := j.layers[kind]; l != nil {
		if s, ok := j.slopeFromMap(l, l.parts[c.index], c.m2); ok {
			return s, true, nil
		}
	}
	if fallback == "" {
		return slope{}, false, nil
	}
	return j.slopeFromTerrain(c.geom, c.m2)
}

func (j *job) testSlope(f *finding, p rulebook.Slope) (bool, error) {
	s, ok, err := j.slopeOf(f.candidate, f.check.Layer, p.Fallback)
	if err != nil {
		return false, err
	}
	if !ok {
		f.outcome, f.unjudged = outcomeMissing, true
		f.detail = [2]string{"坡度图和高程模型未覆盖该地块的一半，坡度待定", "neither slope map nor DEM covers half of the parcel: its slope is unknown"}
		return true, nil
	}
	f.kind, f.version = s.kind, s.version
	if p.Scope == rulebook.Majority {
		if s.class != p.Class {
			return false, nil
		}
		f.outcome, f.whole, f.measured = outcomeHit, true, true
		f.m2, f.geom = f.candidate.m2, f.candidate.geom
		f.detail = s.describe()
		return true, nil
	}
	f.detail = [2]string{"依据" + s.source, "by " + s.sourceEnglish()}
	if s.kind == kindDEM {
		// Cells have no outline that could be cut out.
		f.measured, f.m2 = true, s.byClass[p.Class-1]
		f.judge(f.m2)
		return f.m2 > numericalTouch, nil
	}
	l := j.layers[f.check.Layer]
	for _, part := range l.parts[f.candidate.index] {
		if class, err := land.ParseSlopeClass(l.features[part.fid].level); err == nil && class == p.Class {
			f.parts = append(f.parts, part)
		}
	}
	f.pending, f.features = asUnion, j.touched(f.check.Layer, f.parts)
	return len(f.parts) > 0, nil
}

// judge applies the check's tolerance.
func (f *finding) judge(largest float64) {
	f.outcome = outcomeTolerated
	if f.check.Tolerance.Exceeded(f.m2, f.candidate.m2, largest) {
		f.outcome = outcomeHit
	}
}

// shape is a candidate's boundary for questions of distance, made once.
func (j *job) shape(c *candidate) *overlay.Shape {
	if j.shapes[c.index] == nil {
		j.shapes[c.index] = overlay.NewShape(c.geom)
	}
	return j.shapes[c.index]
}

// lookNear is how far outside a boundary in metres its neighbour is looked for.
const lookNear = 0.2

// border finds a candidate's neighbours, once.
func (j *job) border(c *candidate) *overlay.Border {
	if j.borders[c.index] == nil {
		b := j.survey.mosaic.Border(j.shape(c), overlay.Look{
			Step: 4, Near: lookNear, Far: j.book.Planning.TrackWidthM, Track: j.survey.isTrack,
		})
		j.borders[c.index] = &b
	}
	return j.borders[c.index]
}

// unlisted is the length of boundary in metres along other land up to which a
// parcel still counts as surrounded: corners are judged by their surroundings.
const unlisted = 1

func (j *job) testNeighbours(f *finding, p rulebook.Neighbours) bool {
	border := j.border(f.candidate)
	for _, row := range p.Surrounded {
		listed, other := 0.0, 0.0
		for _, c := range border.Contacts {
			if slices.Contains(row.Classes, j.survey.parcels[c.Index].dlbm) {
				listed += c.Direct + c.Across
			} else {
				other += c.Direct + c.Across
			}
		}
		if listed > 0 && other <= unlisted {
			name, _ := land.RefinementName(row.Becomes)
			f.outcome, f.whole = outcomeHit, true
			f.detail = [2]string{"将成为" + name, "it would be " + row.Becomes}
			return true
		}
	}
	return false
}

func (j *job) testMinPatch(f *finding, p rulebook.MinPatch) bool {
	c := f.candidate
	if c.area.Float64() >= p.AreaM2 || j.patch(j.shape(c), c.m2, p.TouchM) >= p.AreaM2 {
		return false
	}
	f.outcome, f.whole = outcomeHit, true
	return true
}

func (s *survey) isCultivated(i int) bool { return land.IsCultivated(s.parcels[i].dlbm) }

func (f *finding) testEvidence(p rulebook.Evidence, book *rulebook.Rulebook) {
	var wanted []string
	for _, code := range p.AllOf {
		if !f.candidate.has(code) {
			wanted = append(wanted, code)
		}
	}
	var anyOf []string
	if len(p.AnyOf) > 0 && !slices.ContainsFunc(p.AnyOf, f.candidate.has) {
		anyOf = p.AnyOf
	}
	if len(wanted)+len(anyOf) > 0 {
		f.outcome, f.detail = outcomeMissing, documentsWanted(book, f.candidate, wanted, anyOf)
		return
	}
	f.outcome = outcomeNote
	var zh, en []string
	for _, code := range append(slices.Clone(p.AllOf), p.AnyOf...) {
		if f.candidate.has(code) {
			zh = append(zh, book.DocumentName(code)+" "+f.candidate.documents[code])
			en = append(en, code+" "+f.candidate.documents[code])
		}
	}
	f.detail = [2]string{"已申报" + strings.Join(zh, "、") + "，请人工核对", "declared: " + strings.Join(en, ", ") + "; to be verified by a person"}
}

// documentsWanted says which documents are absent.
func documentsWanted(book *rulebook.Rulebook, c *candidate, all, anyOf []string) [2]string {
	names := func(codes []string) []string {
		var list []string
		for _, code := range codes {
			list = append(list, book.DocumentName(code))
		}
		return list
	}
	var zh, en []string
	if len(all) > 0 {
		zh = append(zh, "缺少"+strings.Join(names(all), "、"))
		en = append(en, "missing: "+strings.Join(all, ", "))
	}
	if len(anyOf) > 0 {
		zh = append(zh, "缺少"+strings.Join(names(anyOf), "或"))
		en = append(en, "missing: one of "+strings.Join(anyOf, ", "))
	}
	for _, code := range append(slices.Clone(all), anyOf...) {
		if text, ok := c.placeholders[code]; ok {
			zh = append(zh, book.DocumentName(code)+"填的是“"+text+"”，不是文件")
			en = append(en, code+" says "+strconv.Quote(text)+", which is no document")
		}
	}
	return [2]string{strings.Join(zh, "；"), strings.Join(en, "; ")}
}

// missingLayer: a layer that is not there never means that there is no conflict.
func (f *finding) missingLayer(book *rulebook.Rulebook) {
	info, _ := book.Layer(f.check.Layer)
	f.outcome, f.unjudged = outcomeMissing, true
	f.detail = [2]string{
		"缺少图层“" + info.Name + "”（" + info.Owner + "提供），请上传后重新筛查",
		"layer " + info.Kind + " (" + info.English + ") is missing: upload it and screen again",
	}
}
