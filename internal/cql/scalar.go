package cql

import (
	"math"
	"strconv"
	"strings"
)

// sum reads additions and subtractions, left to right.
func (p *parser) sum() (operand, error) { return p.arithmetic(p.product, "+", "-") }

func (p *parser) product() (operand, error) { return p.arithmetic(p.power, "*", "/", "%", "DIV") }

func (p *parser) arithmetic(next func() (operand, error), operators ...string) (operand, error) {
	x, err := next()
	if err != nil {
		return operand{}, err
	}
	for {
		op := p.oneOf(operators)
		if op == "" {
			return x, nil
		}
		if err := p.count(p.token.at); err != nil {
			return operand{}, err
		}
		if err := p.advance(); err != nil {
			return operand{}, err
		}
		y, err := next()
		if err != nil {
			return operand{}, err
		}
		if x, err = p.combine(op, x, y); err != nil {
			return operand{}, err
		}
	}
}

func (p *parser) oneOf(words []string) string {
	for _, w := range words {
		if p.token.is(w) {
			return w
		}
	}
	return ""
}

func (p *parser) combine(op string, x, y operand) (operand, error) {
	for _, operand := range []operand{x, y} {
		if err := p.want(operand, Number); err != nil {
			return operand, err
		}
	}
	return operand{&arithmetic{op: op, x: x.node, y: y.node}, x.at}, nil
}

// power reads x ^ y, which binds its right side first.
func (p *parser) power() (operand, error) {
	x, err := p.unary()
	if err != nil || !p.token.is("^") {
		return x, err
	}
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if err := p.count(p.token.at); err != nil {
		return operand{}, err
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	y, err := p.power()
	if err != nil {
		return operand{}, err
	}
	return p.combine("^", x, y)
}

// unary reads a sign, which belongs to what follows it: -2^2 is 4, as numbers
// are signed in the standard's grammar.
func (p *parser) unary() (operand, error) {
	at, sign := p.token.at, p.oneOf([]string{"+", "-"})
	if sign == "" {
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	x, err := p.unary()
	if err != nil {
		return operand{}, err
	}
	if err := p.want(x, Number); err != nil {
		return operand{}, err
	}
	if n, ok := x.node.(*numberLiteral); ok && sign == "-" {
		return operand{n.negative(), at}, nil
	}
	if sign == "+" {
		return operand{x.node, at}, nil
	}
	return operand{&arithmetic{op: "-", x: &numberLiteral{"0"}, y: x.node}, at}, p.count(at)
}

// primary reads what has no operator of its own.
func (p *parser) primary() (operand, error) {
	t := p.token
	if t.is("(") {
		return p.parenthesis()
	}
	if err := p.count(t.at); err != nil {
		return operand{}, err
	}
	if t.kind == tokenName {
		return p.named()
	}
	if t.kind != tokenQuoted && t.kind != tokenText && t.kind != tokenNumber {
		return operand{}, p.unexpected("字段、值或函数", "a field, a value or a function")
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	switch t.kind {
	case tokenText:
		return operand{&textLiteral{t.text}, t.at}, nil
	case tokenNumber:
		return p.number(t)
	}
	return p.field(t)
}

func (p *parser) parenthesis() (operand, error) {
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	at := p.token.at
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	x, err := p.disjunction()
	if err != nil {
		return operand{}, err
	}
	if p.token.is(",") && p.esri {
		return operand{}, p.unexpected("“)”", "“)”")
	}
	return operand{x.node, at}, p.expect(")")
}

// named reads what begins with a word: a keyword, a function, a geometry, a
// temporal literal or a field.
func (p *parser) named() (operand, error) {
	t, next := p.token, p.peek()
	switch {
	case t.is("TRUE"), t.is("FALSE"):
		return operand{&boolLiteral{t.is("TRUE")}, t.at}, p.advance()
	case p.oneOf(reserved) != "":
		return operand{}, p.unexpected("字段、值或函数（与关键字同名的字段请加双引号）", "a field, a value or a function (a field named like a keyword needs double quotes)")
	case next.is("("), geometryWord(t) && (next.is("Z") || next.is("M") || next.is("ZM") || next.is("EMPTY")):
		return p.function()
	case next.kind == tokenText && (t.is("DATE") || t.is("TIMESTAMP")):
		return p.esriInstant()
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	return p.field(t)
}

// maxMagnitude and maxDigits bound the numbers of a filter, so that no
// arithmetic on them can leave what numeric holds.
const (
	maxMagnitude = 1e38
	maxDigits    = 60
)

func (p *parser) number(t token) (operand, error) {
	f, err := strconv.ParseFloat(t.text, 64)
	if err != nil || math.Abs(f) > maxMagnitude || f != 0 && math.Abs(f) < 1/maxMagnitude || f == 0 && strings.ContainsAny(significand(t.text), "123456789") || len(t.text) > maxDigits {
		return operand{}, p.fail(t.at, CodeValue, "数值 "+excerpt(t.text)+" 超出范围：绝对值应在 1e-38 至 1e38 之间，不超过 60 位", "the number "+excerpt(t.text)+" is out of range: between 1e-38 and 1e38, at most 60 digits")
	}
	return operand{&numberLiteral{t.text}, t.at}, nil
}

// significand is the number without its exponent.
func significand(number string) string {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		return number[:i]
	}
	return number
}
