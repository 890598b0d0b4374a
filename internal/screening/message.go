package screening

import (
	"fmt"
	"strconv"
	"strings"

	"gengheng/internal/rulebook"
)

// named is how many features a message names before it says 等.
const named = 3

// claim is what a finding says in one sentence. A check that could not be made
// must not read like one that found something.
func (f *finding) claim() (zh, en string) {
	switch {
	case f.unjudged:
		return "无法判定是否“" + f.check.Finding + "”：" + f.detail[0], "cannot judge " + strconv.Quote(f.check.FindingEnglish) + ": " + f.detail[1]
	case f.outcome == outcomeMissing:
		return f.check.Finding + "；" + f.detail[0], f.check.FindingEnglish + "; " + f.detail[1]
	}
	return f.check.Finding, f.check.FindingEnglish
}

// message says a finding in Chinese and English: what, how much, of which
// features, by which source. Unless they are to be named, features are counted
// only, and nothing is said that depends on them.
func (f *finding) message(book *rulebook.Rulebook, names bool) (zh, en string) {
	zh, en = f.claim()
	z, e := []string{zh}, []string{en}
	if f.measured {
		how, howEn := f.relation(book)
		m2 := rounded(f.m2)
		z = append(z, fmt.Sprintf("%s %s m²（%s 亩），占地块 %.1f%%", how, m2, m2.MuText(), 100*f.share()))
		e = append(e, fmt.Sprintf("%s %s m² (%s mu), %.1f%% of the parcel", howEn, m2, m2.MuText(), 100*f.share()))
	}
	n := len(f.features)
	counted := n > 0 && !names
	switch {
	case counted:
		z = append(z, fmt.Sprintf("涉及 %d 个图斑", n))
		e = append(e, fmt.Sprintf("features %d", n))
	case n > 0:
		labels := make([]string, 0, named)
		for _, t := range f.features[:min(n, named)] {
			labels = append(labels, t.label())
		}
		more, moreEn := "", ""
		if n > named {
			more, moreEn = "等", " and others"
		}
		z = append(z, fmt.Sprintf("涉及 %d 个图斑：%s%s", n, strings.Join(labels, "、"), more))
		e = append(e, fmt.Sprintf("features %d: %s%s", n, strings.Join(labels, ", "), moreEn))
	}
	if f.outcome == outcomeTolerated {
		z, e = append(z, "在容差内"), append(e, "within the tolerance")
	}
	if f.detail[0] != "" && f.outcome != outcomeMissing && !counted {
		z, e = append(z, f.detail[0]), append(e, f.detail[1])
	}
	if citation := book.CitationText(*f.clause); citation != "" {
		z, e = append(z, "依据"+citation), append(e, "by "+f.clause.ID+" of rulebook "+book.ID)
	}
	return strings.Join(z, "；"), strings.Join(e, "; ")
}

// relation says what the measured area is.
func (f *finding) relation(book *rulebook.Rulebook) (zh, en string) {
	info, _ := book.Layer(f.check.Layer)
	switch f.check.Test {
	case rulebook.TestOverlap:
		return "与" + info.Name + "重叠", "overlaps " + info.English + " by"
	case rulebook.TestWithin:
		return "不符合部分", "outside by"
	case rulebook.TestBeltWidth:
		return "超宽部分", "too wide by"
	}
	return "涉及面积", "concerns"
}

// share is the part of the candidate that is hit, 0…1.
func (f *finding) share() float64 {
	if f.candidate.m2 <= 0 {
		return 0
	}
	return min(1, f.m2/f.candidate.m2)
}

// label names a feature as people know it.
func (t *Feature) label() string {
	name := t.Name
	if name == "" {
		name = t.Code
	}
	switch {
	case name == "":
		return t.BSM
	case t.BSM == "" || t.BSM == name:
		return name
	}
	return name + " [" + t.BSM + "]"
}
