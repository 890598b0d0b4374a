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
		j.missingRidges(c, gdlx, s.class)
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
			if ok && p.Scope == rulebook.Majority && k.Severity == rulebook.Block && p.Class == v.slope && j.applies(&k, v.candidate) {
				v.name = verdictForbidden
				v.notes = append(v.notes, Reason{Clause: clause.ID, Outcome: outcomeHit,
					Zh: "裁切后剩余部分" + k.Finding, En: "after clipping, " + k.FindingEnglish})
				return true
			}
		}
	}
	return false
}

// missingRidges: without its coefficient a net area would be overstated.
func (j *job) missingRidges(c *candidate, gdlx string, class land.SlopeClass) {
	zh, en := "缺少田坎系数表，请上传后重新筛查", "the table of ridge coefficients is missing: upload it and screen again"
	if len(j.of(kindRidges)) > 0 {
		zh = fmt.Sprintf("田坎系数表没有耕地类型 %s、坡度级 %s 的系数，请补充后重新上传并筛查", gdlx, class)
		en = fmt.Sprintf("the table of ridge coefficients has no row for GDLX %s, slope class %s: add it, upload the table and screen again", gdlx, class)
	}
	j.missingNet(c, kindRidges, zh, en)
}

// missingNet records why the net area of a candidate cannot be known.
func (j *job) missingNet(c *candidate, kind, zh, en string) {
	clause, _ := j.book.Clause("BAL-1")
	if clause.ID == "" {
		clause.ID = kind
	}
	check := &rulebook.Check{Test: rulebook.TestDerived, Layer: kind, Severity: rulebook.Manual,
		Finding: "无法计算净面积", FindingEnglish: "the net area cannot be computed"}
	j.findings[c.index] = append(j.findings[c.index], &finding{
		candidate: c, clause: &clause, check: check, outcome: outcomeMissing, kind: kind, version: j.version(kind), detail: [2]string{zh, en},
	})
}

// surveyArea is the area of a survey parcel that its parts share. TBMJ is what
// the survey says, but one that is far from its own boundary (1 %, as for
// declared areas) is an error, by which no land may gain or vanish.
func surveyArea(p *parcel) (area land.Area, credible bool) {
	drawn := rounded(p.m2)
	if p.noTBMJ {
		return drawn, true
	}
	limit := max(land.SquareMetre, drawn/100)
	if off := p.tbmj - drawn; off > limit || -off > limit {
		return drawn, false
	}
	return p.tbmj, true
}

// netOut is the cultivated land that a 转出 parcel takes: of every survey parcel
// the share of its TBMJ, less its own ridges.
func (j *job) netOut(v *verdict, parts []part) error {
	var (
		graded, weight float64
		bySlope        [6]float64
		inside         = map[int32]float64{}
		order          []int32
		without, wrong []*parcel
	)
	if j.survey == nil || j.layers[kindSurvey] == nil {
		return nil
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
		gross, credible := surveyArea(p)
		if p.noTBMJ {
			without = append(without, p)
		}
		if !credible {
			wrong = append(wrong, p)
		}
		shares, err := land.Split(gross, []float64{m2, max(0, p.m2-m2)})
		if err != nil {
			return fmt.Errorf("share of parcel %s under candidate %s: %w", p.bsm, v.candidate.number, err)
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
	if len(without) > 0 {
		v.note(fmt.Sprintf("%d 个图斑没有图斑面积（TBMJ），按图形的椭球面积计算，如 %s", len(without), without[0].bsm),
			fmt.Sprintf("%d survey parcels have no TBMJ, the ellipsoidal area of the boundary was taken, e.g. %s", len(without), without[0].bsm))
	}
	if len(wrong) > 0 {
		p := wrong[0]
		j.missingNet(v.candidate, kindSurvey,
			fmt.Sprintf("图斑 %s 的图斑面积（TBMJ）%s m² 与图形的椭球面积 %s m² 相差超过 1%%（这样的图斑共 %d 个），请核对国土调查数据后重新筛查；暂按图形计算", p.bsm, p.tbmj, rounded(p.m2), len(wrong)),
			fmt.Sprintf("TBMJ %[2]s m² of parcel %[1]s differs from the ellipsoidal area %[3]s m² of its boundary by more than 1%% (such parcels: %[4]d): check the survey and screen again; for now the boundary counts", p.bsm, p.tbmj, rounded(p.m2), len(wrong)))
	}
	usable := v.candidate.m2
	if v.remainder != nil {
		usable = land.AdditiveArea(v.remainder, j.zone)
	}
	if more := sum(parts) - usable; more > surveyOverlap {
		j.missingNet(v.candidate, kindSurvey,
			fmt.Sprintf("地类图斑在该地块内相互重叠 %s m²，净面积会重复计算，请改正国土调查数据后重新筛查", rounded(more)),
			fmt.Sprintf("survey parcels overlap each other by %s m² inside it, which would count twice: correct the survey and screen again", rounded(more)))
	}
	return nil
}

// surveyOverlap is how much, in m², the survey's parcels may overlap each other
// inside a candidate before its net area is in doubt.
const surveyOverlap = 1

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
		for _, i := range j.survey.mosaic.Near(j.shape(c), d, graded) {
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
