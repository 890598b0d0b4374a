package screening

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// applies tells whether a check concerns a candidate.
func (j *job) applies(k *rulebook.Check, c *candidate) bool {
	return k.AppliesTo(func(field string) []string {
		if field == "base_dlbm" {
			return j.classesUnder(c, k.Tolerance)
		}
		return c.values(field)
	})
}

// classesUnder lists what a candidate is now: the class that it declares and
// the classes that the survey has under it. What a declaration leaves out or
// calls by another name must not switch a clause off. Slivers within the
// tolerance do not count.
func (j *job) classesUnder(c *candidate, tolerance rulebook.Tolerance) []string {
	list := []string{c.baseDLBM}
	l := j.layers[kindSurvey]
	if l == nil {
		return list
	}
	by := map[string]float64{}
	for _, p := range l.parts[c.index] {
		class := l.features[p.fid].parcel.dlbm
		by[class] += p.m2
		if by[class] > max(numericalTouch, tolerance.AbsM2) && by[class] > tolerance.Ratio*c.m2 && !slices.Contains(list, class) {
			list = append(list, class)
		}
	}
	return list
}

// testDeclared asks for a value that the rulebook knows.
func (f *finding) testDeclared(p rulebook.Declared, book *rulebook.Rulebook) bool {
	var (
		value             string
		known             []string
		hint, hintEnglish string
	)
	switch p.Field {
	case "purpose":
		value, known = f.candidate.purpose, book.Purposes
	case "actor":
		value, known = f.candidate.actor, book.Actors
	case "target_dlbm":
		value = f.candidate.target
		if _, ok := land.ClassOf(value); ok {
			return false
		}
		hint, hintEnglish = "三调工作分类的地类编码，如 0103", "a code of the survey's land classes, such as 0103"
	}
	if slices.Contains(known, value) && value != "" {
		return false
	}
	if hint == "" {
		hint, hintEnglish = strings.Join(known, "、"), "one of "+strings.Join(known, ", ")
	}
	f.outcome = outcomeMissing
	was, wasEnglish := "未申报", "not declared"
	if value != "" {
		was, wasEnglish = "申报为“"+value+"”，认不出", "declared as "+strconv.Quote(value)+", which is not known"
	}
	f.detail = [2]string{was + "，应为：" + hint, wasEnglish + "; it must be " + hintEnglish}
	return true
}

// testSurveyed holds the declared class and parcel against the survey.
func (j *job) testSurveyed(f *finding) bool {
	c := f.candidate
	l := j.layers[kindSurvey]
	if l == nil {
		return false
	}
	surveyed := &candidate{index: c.index, m2: c.m2}
	classes := j.classesUnder(surveyed, f.check.Tolerance)[1:]
	var zh, en []string
	if c.baseDLBM != "" && len(classes) > 0 && !slices.Contains(classes, c.baseDLBM) {
		zh = append(zh, "申报地类 "+c.baseDLBM+"，调查为 "+strings.Join(classes, "、"))
		en = append(en, "declared class "+c.baseDLBM+", surveyed "+strings.Join(classes, ", "))
	}
	// A BSM that the survey does not know may be last year's.
	if c.baseBSM != "" && j.survey.bsm[c.baseBSM] &&
		!slices.ContainsFunc(l.parts[c.index], func(p part) bool { return l.features[p.fid].bsm == c.baseBSM }) {
		zh = append(zh, "申报的图斑 "+c.baseBSM+" 在别处")
		en = append(en, "the declared parcel "+c.baseBSM+" lies elsewhere")
	}
	if len(zh) == 0 {
		return false
	}
	f.outcome, f.whole = outcomeHit, true
	f.features = j.touched(kindSurvey, l.parts[c.index])
	f.detail = [2]string{strings.Join(zh, "；"), strings.Join(en, "; ")}
	return true
}

// townshipDigits is the length of a township's code.
const townshipDigits = 9

// testTownship finds the township where most of the candidate lies.
func (j *job) testTownship(f *finding) bool {
	c := f.candidate
	by := map[string]float64{}
	covered := 0.0
	l := j.layers[f.check.Layer]
	if l != nil {
		for _, p := range l.parts[c.index] {
			if code := l.features[p.fid].code; len(code) >= townshipDigits {
				by[code[:townshipDigits]] += p.m2
				covered += p.m2
			}
		}
	}
	if covered <= c.m2/2 {
		f.outcome, f.unjudged = outcomeMissing, true
		f.detail = [2]string{"行政区图层未覆盖该地块的一半，所在乡镇待定", "the areas of townships cover less than half of the parcel: its township is unknown"}
		return true
	}
	if c.township == "" { // tried, not declared: nothing is said that could be wrong
		f.outcome, f.unjudged = outcomeMissing, true
		f.detail = [2]string{"未填乡镇，不能核对地块所在的乡镇", "no township is named, so that where the parcel lies cannot be held against it"}
		return true
	}
	best := c.township
	for code, m2 := range by {
		if m2 > by[best] || m2 == by[best] && best != c.township && code < best {
			best = code
		}
	}
	if best == c.township {
		return false
	}
	f.outcome, f.whole = outcomeHit, true
	f.features = j.touched(f.check.Layer, l.parts[c.index])
	share := 100 * min(1, by[best]/c.m2)
	f.detail = [2]string{fmt.Sprintf("申报乡镇为 %s，地块 %.1f%% 位于 %s", c.township, share, best),
		fmt.Sprintf("declared by %s, but %.1f%% of it lies in %s", c.township, share, best)}
	return true
}

// dropPlaceholders takes away what is written where a document's number should
// stand but names no document: 无, /, 办理中.
func (c *candidate) dropPlaceholders(book *rulebook.Rulebook) {
	for code, text := range c.documents {
		if text != "" && isPlaceholder(book, text) {
			delete(c.documents, code)
			if c.placeholders == nil {
				c.placeholders = map[string]string{}
			}
			c.placeholders[code] = text
		}
	}
}

func isPlaceholder(book *rulebook.Rulebook, text string) bool {
	var kept strings.Builder
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			kept.WriteRune(r)
		}
	}
	word := kept.String()
	return word == "" || slices.ContainsFunc(book.Placeholders, func(p string) bool { return strings.EqualFold(p, word) })
}
