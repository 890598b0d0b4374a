package cql

import (
	"fmt"
	"slices"
)

// predicate reads a comparison, LIKE, BETWEEN, IN, IS NULL, or what may stand
// alone.
func (p *parser) predicate() (operand, error) {
	x, err := p.sum()
	if err != nil {
		return operand{}, err
	}
	for {
		y, ok, err := p.tail(x)
		if err != nil {
			return operand{}, err
		}
		if !ok {
			return x, nil
		}
		// A comparison cannot be compared without parentheses: a = b = c.
		if x = y; p.comparison() != "" {
			return operand{}, p.unexpected("AND、OR 或结尾", "AND, OR or the end")
		}
	}
}

// tail reads what follows the first operand of a predicate, if anything does.
func (p *parser) tail(x operand) (operand, bool, error) {
	at := p.token.at
	if op := p.comparison(); op != "" {
		y, err := p.compareWith(x, op)
		return y, true, err
	}
	if p.token.is("!=") {
		return operand{}, false, p.fail(at, CodeSyntax, "不等于请写 <>", "“not equal” is written <>")
	}
	if p.token.is("IS") {
		y, err := p.isNull(x)
		return y, true, err
	}
	negated := p.token.is("NOT")
	word := p.token
	if negated {
		word = p.peek()
	}
	var read func(operand) (node, error)
	switch {
	case word.is("LIKE"):
		read = p.like
	case word.is("BETWEEN"):
		read = p.between
	case word.is("IN"):
		read = p.in
	default:
		return operand{}, false, nil
	}
	if err := p.count(at); err != nil {
		return operand{}, false, err
	}
	for range map[bool]int{false: 1, true: 2}[negated] {
		if err := p.advance(); err != nil {
			return operand{}, false, err
		}
	}
	y, err := read(x)
	if err != nil {
		return operand{}, false, err
	}
	if negated {
		y = &not{y}
	}
	return operand{y, x.at}, true, nil
}

// comparison is the operator that stands here in SQL's writing, or "".
func (p *parser) comparison() string {
	if p.token.kind != tokenSign {
		return ""
	}
	if p.token.text == "!=" && p.esri {
		return "<>"
	}
	if slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, p.token.text) {
		return p.token.text
	}
	return ""
}

func (p *parser) compareWith(x operand, op string) (operand, error) {
	at := p.token.at
	if err := p.count(at); err != nil {
		return operand{}, err
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	y, err := p.sum()
	if err != nil {
		return operand{}, err
	}
	if err := p.comparable(x, y); err != nil {
		return operand{}, err
	}
	if x.kind() == Boolean && op != "=" && op != "<>" {
		return operand{}, p.fail(at, CodeType, "是非值只能用 = 或 <> 比较", "conditions are compared by = or <> only")
	}
	return operand{&compare{op: op, x: x.node, y: y.node}, x.at}, nil
}

// comparable refuses two operands that cannot be compared.
func (p *parser) comparable(x, y operand) error {
	switch kx, ky := x.kind(), y.kind(); {
	case kx == Geometry || kx == interval:
		return p.notCompared(x)
	case ky == Geometry || ky == interval:
		return p.notCompared(y)
	case kx.numeric() && ky.numeric(), kx.instant() && ky.instant(), kx == ky:
		return nil
	case isLiteral(x.node) && !isLiteral(y.node):
		return p.wantSame(x, ky)
	default:
		return p.wantSame(y, kx)
	}
}

func (p *parser) wantSame(x operand, kind Kind) error {
	if kind == Integer {
		kind = Number
	}
	return p.want(x, kind)
}

func (p *parser) notCompared(x operand) error {
	if x.kind() == interval {
		return p.fail(x.at, CodeType, "时间段请用 T_DURING、T_INTERSECTS 等函数比较", "intervals are compared by T_DURING, T_INTERSECTS and the like")
	}
	return p.fail(x.at, CodeType, "几何请用 S_INTERSECTS、S_EQUALS 等函数比较", "geometries are compared by S_INTERSECTS, S_EQUALS and the like")
}

func (p *parser) isNull(x operand) (operand, error) {
	if err := p.count(p.token.at); err != nil {
		return operand{}, err
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	negated, err := p.accept("NOT")
	if err != nil {
		return operand{}, err
	}
	if err := p.expect("NULL"); err != nil {
		return operand{}, err
	}
	if x.kind() == interval {
		return operand{}, p.notCompared(x)
	}
	return operand{&isNull{x: x.node, negated: negated}, x.at}, nil
}

func (p *parser) like(x operand) (node, error) {
	if err := p.want(x, Text); err != nil {
		return nil, err
	}
	y, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.want(y, Text); err != nil {
		return nil, err
	}
	inner := y.node
	for {
		f, ok := inner.(*textFunction)
		if !ok {
			break
		}
		inner = f.x
	}
	pattern, ok := inner.(*textLiteral)
	if !ok {
		return nil, p.fail(y.at, CodeType, "LIKE 后面应为单引号内的模式，如 '水%'", "LIKE takes a pattern in single quotes, such as '水%'")
	}
	pattern.s = closePattern(pattern.s)
	return &like{x: x.node, pattern: y.node}, nil
}

// closePattern doubles a backslash at the end that escapes nothing, which the
// database would refuse.
func closePattern(pattern string) string {
	n := 0
	for n < len(pattern) && pattern[len(pattern)-1-n] == '\\' {
		n++
	}
	if n%2 == 1 {
		return pattern + `\`
	}
	return pattern
}

func (p *parser) between(x operand) (node, error) {
	low, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.comparable(x, low); err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.comparable(x, high); err != nil {
		return nil, err
	}
	if x.kind() == Boolean {
		return nil, p.fail(x.at, CodeType, "BETWEEN 只用于数值、文本和时间", "BETWEEN is for numbers, text and times")
	}
	return &junction{word: "AND", args: []node{&compare{">=", x.node, low.node}, &compare{"<=", x.node, high.node}}}, nil
}

func (p *parser) in(x operand) (node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	list := &in{x: x.node}
	nodes := p.nodes // items have a limit of their own
	for {
		item, err := p.sum()
		if err != nil {
			return nil, err
		}
		if err := p.comparable(x, item); err != nil {
			return nil, err
		}
		if isLiteral(item.node) {
			p.nodes = nodes
		}
		nodes = p.nodes
		if list.items = append(list.items, item.node); len(list.items) > p.opt.MaxItems {
			return nil, p.fail(item.at, CodeLimit, fmt.Sprintf("IN 列表最多 %d 个值", p.opt.MaxItems), fmt.Sprintf("a list of IN has at most %d values", p.opt.MaxItems))
		}
		more, err := p.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			return list, p.expect(")")
		}
	}
}
