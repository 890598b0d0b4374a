package cql

import (
	"strings"
	"time"
)

// temporalFunctions are the temporal functions of the standard (clause 7.5) as
// comparisons of the operands' starts and ends: A and a are the start and end
// of the first operand, B and b those of the second; an instant is an interval
// of its own. The comparisons of one list must all hold; those after the first
// list are alternatives.
var temporalFunctions = map[string][][]string{
	"T_AFTER":        {{"A>b"}},
	"T_BEFORE":       {{"a<B"}},
	"T_CONTAINS":     {{"A<B", "a>b"}},
	"T_DISJOINT":     {{"A>b"}, {"a<B"}},
	"T_DURING":       {{"A>B", "a<b"}},
	"T_EQUALS":       {{"A=B", "a=b"}},
	"T_FINISHEDBY":   {{"A<B", "a=b"}},
	"T_FINISHES":     {{"A>B", "a=b"}},
	"T_INTERSECTS":   {{"A≤b", "a≥B"}},
	"T_MEETS":        {{"a=B"}},
	"T_METBY":        {{"A=b"}},
	"T_OVERLAPPEDBY": {{"A>B", "A<b", "a>b"}},
	"T_OVERLAPS":     {{"A<B", "a>B", "a<b"}},
	"T_STARTEDBY":    {{"A=B", "a>b"}},
	"T_STARTS":       {{"A=B", "a<b"}},
}

// temporal reads a temporal function and writes it out as comparisons.
func (p *parser) temporal(table [][]string) (operand, error) {
	at := p.token.at
	args, err := p.arguments(2)
	if err != nil {
		return operand{}, err
	}
	ends := map[rune]node{}
	for i, x := range args {
		if !x.kind().instant() && x.kind() != interval {
			return operand{}, p.fail(x.at, CodeType, "时间函数的参数应为日期或时刻字段、DATE('…')、TIMESTAMP('…') 或 INTERVAL('…','…')，却是"+kindNames[x.kind()][0],
				"a temporal function takes a date or timestamp field, DATE('…'), TIMESTAMP('…') or INTERVAL('…','…'), found "+kindNames[x.kind()][1])
		}
		from, to := x.node, x.node
		if span, ok := x.node.(*span); ok {
			from, to = span.from, span.to
		}
		ends[[]rune("AB")[i]], ends[[]rune("ab")[i]] = from, to
	}
	byDay := false
	for _, x := range ends {
		byDay = byDay || x.kind() == Date
	}
	any := &junction{word: "OR"}
	for _, list := range table {
		all := &junction{word: "AND"}
		for _, c := range list {
			r := []rune(c)
			op := strings.NewReplacer("≤", "<=", "≥", ">=").Replace(string(r[1]))
			all.args = append(all.args, &compareTimes{op: op, x: ends[r[0]], y: ends[r[2]], byDay: byDay})
		}
		any.args = append(any.args, all)
	}
	return operand{any, at}, nil
}

// instantLiteral reads DATE('…') or TIMESTAMP('…').
func (p *parser) instantLiteral() (operand, error) {
	word := p.token
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	if err := p.expect("("); err != nil {
		return operand{}, err
	}
	x, err := p.quotedInstant(word)
	if err != nil {
		return operand{}, err
	}
	return x, p.expect(")")
}

// esriInstant reads DATE '…' or TIMESTAMP '…'.
func (p *parser) esriInstant() (operand, error) {
	word := p.token
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	if !p.esri {
		return operand{}, p.unexpected("“(”，如 DATE('2026-01-01')", "“(”, as in DATE('2026-01-01')")
	}
	return p.quotedInstant(word)
}

func (p *parser) quotedInstant(word token) (operand, error) {
	t := p.token
	if t.kind != tokenText {
		return operand{}, p.unexpected("单引号内的日期或时刻", "a date or time in single quotes")
	}
	var x *instantLiteral
	if word.is("DATE") {
		x = p.parseDate(t.text)
	} else {
		x = p.parseTimestamp(t.text)
	}
	if x == nil && p.esri && word.is("DATE") { // Esri's dates have a time of day
		x = p.parseTimestamp(t.text)
	}
	if x == nil {
		return operand{}, p.badInstant(t, word.is("DATE"))
	}
	return operand{x, word.at}, p.advance()
}

func (p *parser) badInstant(t token, date bool) error {
	form := "2026-01-01T08:30:00Z"
	if date {
		form = "2026-01-01"
	}
	return p.fail(t.at, CodeValue, "“"+excerpt(t.text)+"”不是有效的日期或时刻；应如 "+form, "“"+excerpt(t.text)+"” is no valid date or time; write it like "+form)
}

func (p *parser) parseDate(s string) *instantLiteral {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil || at.Year() < 1 {
		return nil
	}
	return &instantLiteral{Date, at}
}

// parseTimestamp reads RFC 3339 with a time zone; Esri's clients send UTC
// without saying so, and with a blank.
func (p *parser) parseTimestamp(s string) *instantLiteral {
	layouts := []string{time.RFC3339}
	if p.esri {
		layouts = append(layouts, time.DateTime)
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999 && !strings.Contains(s, ",") {
			return &instantLiteral{Timestamp, at.UTC()}
		}
	}
	return nil
}

// intervalLiteral reads INTERVAL(start, end), either of which may be '..'.
func (p *parser) intervalLiteral() (operand, error) {
	at := p.token.at
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	if err := p.expect("("); err != nil {
		return operand{}, err
	}
	from, err := p.intervalEnd("-infinity")
	if err != nil {
		return operand{}, err
	}
	if err := p.expect(","); err != nil {
		return operand{}, err
	}
	to, err := p.intervalEnd("infinity")
	if err != nil {
		return operand{}, err
	}
	a, ok1 := from.(*instantLiteral)
	b, ok2 := to.(*instantLiteral)
	if ok1 && ok2 && a.k == b.k && b.t.Before(a.t) {
		return operand{}, p.fail(at, CodeValue, "时间段的结束早于开始", "the interval ends before it starts")
	}
	return operand{&span{from, to}, at}, p.expect(")")
}

// intervalEnd reads one end; open is what '..' stands for.
func (p *parser) intervalEnd(open string) (node, error) {
	t := p.token
	if t.kind != tokenText {
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		if !x.kind().instant() {
			return nil, p.want(x, Timestamp)
		}
		return x.node, nil
	}
	if err := p.count(t.at); err != nil {
		return nil, err
	}
	if t.text == ".." {
		return &openEnd{open}, p.advance()
	}
	if x := p.parseDate(t.text); x != nil {
		return x, p.advance()
	}
	if x := p.parseTimestamp(t.text); x != nil {
		return x, p.advance()
	}
	return nil, p.badInstant(t, false)
}
