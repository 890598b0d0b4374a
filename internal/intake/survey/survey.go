// Package survey checks 地类图斑 (DLTB) row by row against the cross-field rules
// of the third national land survey (TD/T 1057-2020 and the checks that survey
// software carries out before delivery; domain reference 2.3). A rule is one
// line of a table. Nothing is repaired here.
package survey

import (
	"fmt"
	"strings"

	"gengheng/internal/land"
)

// Severity grades what a rule finds.
type Severity string

const (
	Error   Severity = "error"   // contradicts the standard
	Warning Severity = "warning" // probably wrong, or wrong in a way that later work survives
	Notice  Severity = "notice"  // worth knowing
)

// Number is a fixed-point attribute: Units / 10^scale of its field; Valid is
// false where the file has no value.
type Number struct {
	Units int64
	Valid bool
}

// Parcel 地类图斑: one row of DLTB as delivered; missing text is "". TBMJ, KCMJ
// and TBDLMJ are in 0.01 m², KCXS in 0.0001, XZDWKD in 0.1 m.
type Parcel struct {
	BSM, YSDM, TBYBH, TBBH         string
	DLBM, DLMC, QSXZ               string
	QSDWDM, QSDWMC, ZLDWDM, ZLDWMC string
	TBMJ                           Number
	KCDLBM                         string
	KCXS, KCMJ, TBDLMJ             Number
	GDLX, GDPDJB                   string
	XZDWKD                         Number
	TBXHDM, TBXHMC, ZZSXDM, ZZSXMC string
	GDDB                           Number
	FRDBS, CZCSXM                  string
	SJNF                           Number
	MSSM, HDMC, BZ                 string

	// Area is the official ellipsoidal area of the parcel's geometry.
	Area land.Area
}

// Context is what the rules know beside the parcel.
type Context struct {
	// County is the six-digit code the data set is loaded for.
	County string
	// Year of the survey.
	Year int
	// Townships are the nine-digit codes of the county's 行政区; nil if that
	// layer is not loaded.
	Townships map[string]bool
}

// Finding is one rule broken by one parcel.
type Finding struct {
	// Rule is the rule's id, as S06b.
	Rule     string
	Severity Severity
	// Fatal: the parcel cannot be used at all, so the data set is refused.
	Fatal bool
	Field string
	ZH    string
	EN    string
}

// Rule 检查规则.
type Rule struct {
	ID       string
	Field    string
	Severity Severity
	Fatal    bool
	// Title is what the rule demands, in Chinese.
	Title string
	// broken returns "" if the parcel keeps the rule, else what is wrong and
	// what to do, in Chinese and English.
	broken func(p *Parcel, c *Context) (zh, en string)
}

// Check returns what p breaks, in the order of the rules.
func Check(p *Parcel, c *Context) []Finding {
	var found []Finding
	for i := range rules {
		r := &rules[i]
		if zh, en := r.broken(p, c); zh != "" {
			found = append(found, Finding{Rule: r.ID, Severity: r.Severity, Fatal: r.Fatal, Field: r.Field, ZH: zh, EN: en})
		}
	}
	return found
}

// Rules lists the rules in order.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// both formats the two languages with the same arguments.
func both(zh, en string, args ...any) (string, string) {
	return fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
}

func (p *Parcel) cultivated() bool        { return strings.HasPrefix(p.DLBM, "01") }
func (p *Parcel) under(class string) bool { return strings.HasPrefix(p.DLBM, class) }

func digits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// KCMJOf is round(TBMJ × KCXS, 2) in 0.01 m², half up, exact.
func KCMJOf(tbmj, kcxs int64) int64 { return (tbmj*kcxs + 5000) / 10000 }
