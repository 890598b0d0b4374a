package screening

import (
	"fmt"
	"strconv"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// netIn is what a 转进 parcel will be worth as cultivated land: TBDLMJ = TBMJ −
// round(TBMJ×KCXS, 2) of its usable part, by the slope class of the slope map or
// the DEM (never by the survey, which has none on such parcels) and the
// county's table of ridge coefficients.
func (j *job) netIn(v *verdict, parts []part) error {
	c := v.candidate
	j.qualityIn(v)
	s, ok, err := j.usableSlope(v, parts)
	if err != nil || !ok {
		return err
	}
	v.slope, v.source = s.class, fmt.Sprintf("%s %s", s.kind, s.version)
	if s.kind == kindDEM {
		v.source = fmt.Sprintf("%s %s", s.source, s.version)
	}
	if v.remainder != nil && j.tooSteep(v) {
		return nil
	}
	gdlx := c.gdlx
	if gdlx == "" {
		gdlx = j.book.Planning.DefaultGDLX
		v.note("未申报耕地类型，按规则库缺省值 "+gdlx+" 取田坎系数", "no GDLX declared: KCXS by the rulebook's default "+gdlx)
	}
	k, err := j.ridges.Coefficient(gdlx, s.class)
	if err != nil {
		j.missingRidges(c, err)
		return nil
	}
	v.ridge = &k
	v.net = land.NetArea(v.usable, k)
	if land.IsPaddy(c.target) {
		v.paddy = v.net
	}
	return nil
}

// usableSlope is the slope of the usable part.
func (j *job) usableSlope(v *verdict, parts []part) (slope, bool, error) {
	kind, fallback := j.slopeKinds()
	geom, m2 := v.candidate.geom, v.candidate.m2
	if v.remainder != nil {
		geom, m2 = v.remainder, land.AdditiveArea(v.remainder, j.zone)
	}
	if l := j.layers[kind]; l != nil {
		if s, ok := j.slopeFromMap(l, parts, m2); ok {
			return s, true, nil
		}
	}
	if fallback == "" {
		return slope{}, false, nil
	}
	return j.slopeFromTerrain(geom, m2)
}

// tooSteep forbids a clipped candidate whose remainder is mostly of a class
// that the rulebook blocks, although the whole was not.
func (j *job) tooSteep(v *verdict) bool {
	for _, clause := range j.book.ClausesFor(rulebook.In) {
		for _, k := range clause.Checks {
			p, ok := k.Params.(rulebook.Slope)
			if ok && p.Scope == rulebook.Majority && k.Severity == rulebook.Block && p.Class == v.slope && k.AppliesTo(v.candidate.values) {
				v.name = verdictForbidden
				v.notes = append(v.notes, reason{Clause: clause.ID, Outcome: outcomeHit,
					Zh: "裁切后剩余部分" + k.Finding, En: "after clipping, " + k.FindingEnglish})
				return true
			}
		}
	}
	return false
}

// missingRidges records that the net area cannot be known: without its
// coefficient it would be overstated.
func (j *job) missingRidges(c *candidate, err error) {
	clause, _ := j.book.Clause("BAL-1")
	if clause.ID == "" {
		clause.ID = kindRidges
	}
	check := &rulebook.Check{Test: rulebook.TestDerived, Layer: kindRidges, Severity: rulebook.Manual,
		Finding: "无法计算净面积", FindingEnglish: "the net area cannot be computed"}
	j.findings[c.index] = append(j.findings[c.index], &finding{
		candidate: c, clause: &clause, check: check, outcome: outcomeMissing, kind: kindRidges, version: j.version(kindRidges),
		detail: [2]string{err.Error() + "，请上传田坎系数表后重新筛查", "upload the table of ridge coefficients and screen again"},
	})
}

// netOut is the cultivated land that a 转出 parcel takes: of every survey parcel
// the share of its TBMJ, less its own ridges.
func (j *job) netOut(v *verdict, parts []part) {
	var (
		graded, weight float64
		bySlope        [6]float64
		inside         = map[int32]float64{}
		order          []int32
	)
	if j.survey == nil || j.layers[kindSurvey] == nil {
		return
	}
	features := j.layers[kindSurvey].features
	for _, p := range parts {
		if !land.IsCultivated(features[p.fid].parcel.dlbm) {
			continue
		}
		if _, ok := inside[p.fid]; !ok {
			order = append(order, p.fid)
		}
		inside[p.fid] += p.m2
	}
	for _, fid := range order {
		p, m2 := features[fid].parcel, inside[fid]
		if m2 <= numericalTouch {
			continue
		}
		shares, err := land.Split(p.tbmj, []float64{m2, max(0, p.m2-m2)})
		if err != nil {
			continue
		}
		net := land.NetArea(shares[0], p.kcxs)
		v.net += net
		if land.IsPaddy(p.dlbm) {
			v.paddy += net
		}
		if p.gddb > 0 {
			graded, weight = graded+m2*float64(p.gddb), weight+m2
		}
		if class, err := land.ParseSlopeClass(p.gdpdjb); err == nil {
			bySlope[class] += m2
		}
	}
	if weight > 0 {
		q := graded / weight
		v.quality = &q
	}
	for class, m2 := range bySlope {
		if m2 > bySlope[v.slope] {
			v.slope = land.SlopeClass(class)
		}
	}
	if v.slope.Valid() {
		v.source = "DLTB.GDPDJB " + j.version(kindSurvey)
	}
}

// qualityIn is the 等别 that new farmland can be expected to reach: as declared,
// else that of the cultivated land it borders, weighted by shared boundary,
// else of what is near, weighted by area.
func (j *job) qualityIn(v *verdict) {
	c := v.candidate
	if grade, ok := declaredGrade(c.attrs); ok {
		v.quality = &grade
		v.note("等别按申报值", "grade as declared")
		return
	}
	if j.survey == nil || j.survey.mosaic.Len() == 0 {
		return
	}
	graded := func(i int) bool { return j.survey.isCultivated(i) && j.survey.parcels[i].gddb > 0 }
	var sum, weight float64
	for _, contact := range j.border(c).Contacts {
		if length := contact.Direct + contact.Across; graded(contact.Index) {
			sum += length * float64(j.survey.parcels[contact.Index].gddb)
			weight += length
		}
	}
	if weight > 0 {
		q := sum / weight
		v.quality = &q
		v.note("等别按相邻耕地的共有边界长度加权推定", "grade by the cultivated land beside it, weighted by shared boundary")
		return
	}
	for _, d := range []float64{100, 500, 2000} {
		for _, i := range j.survey.mosaic.Near(c.geom, d, graded) {
			p := &j.survey.parcels[i]
			sum += p.m2 * float64(p.gddb)
			weight += p.m2
		}
		if weight > 0 {
			q := sum / weight
			v.quality = &q
			v.note(fmt.Sprintf("等别按 %g m 内耕地的面积加权推定", d), fmt.Sprintf("grade by the cultivated land within %g m, weighted by area", d))
			return
		}
	}
}

// declaredGrade reads 等别 from a declaration's other attributes.
func declaredGrade(attrs map[string]any) (float64, bool) {
	for _, name := range []string{"GDDB", "耕地等别"} {
		var grade float64
		switch value := attrs[name].(type) {
		case float64:
			grade = value
		case string:
			grade, _ = strconv.ParseFloat(value, 64)
		}
		if grade >= 1 && grade <= 15 {
			return grade, true
		}
	}
	return 0, false
}
