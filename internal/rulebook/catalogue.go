package rulebook

import (
	"slices"
	"strings"
)

// Catalogue lists the clauses of the in/out balance. A document has every one of
// them or says in omits why it does without: what is not there is not judged.
var Catalogue = strings.Fields(`
	OUT-00 OUT-01 OUT-01b OUT-02 OUT-03 OUT-04 OUT-05 OUT-06 OUT-07 OUT-08 OUT-P1 OUT-P2 OUT-P3
	IN-00 IN-01 IN-02a IN-02b IN-02c IN-02d IN-02e IN-03a IN-03b IN-03c IN-04 IN-05 IN-06 IN-07 IN-08 IN-09 IN-10 IN-11
	IN-P1 IN-P2 IN-P3 IN-P4 IN-P5
	BAL-1 BAL-2 BAL-3 BAL-4 BAL-5 BAL-6 BAL-7
	PRC-1 PRC-2 PRC-3 PRC-4 PRC-5 PRC-6`)

// omits reads what the document leaves out, and refuses what is neither there
// nor left out. A document whose clauses cannot be read says that alone.
func (p *parser) omits(o *object, rb *Rulebook) []Omission {
	var list []Omission
	for _, n := range o.items("omits") {
		e := p.object(n, "omits")
		v := Omission{Clause: e.text("clause"), Reason: e.text("reason")}
		e.done()
		_, present := rb.Clause(v.Clause)
		switch {
		case e.bad || v.Clause == "":
		case !slices.Contains(Catalogue, v.Clause):
			p.fail(e.line, "条款目录中没有 %q", "the catalogue has no clause %q", v.Clause)
		case present:
			p.fail(e.line, "条款 %s 已在规则库中，不能再列入 omits", "clause %s is in the rulebook and cannot be omitted", v.Clause)
		}
		list = append(list, v)
	}
	var lacking []string
	for _, id := range Catalogue {
		_, present := rb.Clause(id)
		if !present && !slices.ContainsFunc(list, func(v Omission) bool { return v.Clause == id }) {
			lacking = append(lacking, id)
		}
	}
	if len(lacking) > 0 && len(rb.Clauses) > 0 {
		p.fail(0, "缺少条款 %[1]s：请补上，或在 omits 中说明不用的理由", "the clauses %[1]s are lacking: add them, or say in omits why they are left out", strings.Join(lacking, " "))
	}
	return list
}
