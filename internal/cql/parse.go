package cql

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// parser reads one filter. Every method that reads leaves p.token at the first
// token that it did not use.
type parser struct {
	text   string
	esri   bool
	opt    Options
	names  []string // of the queryables, in the caller's order
	fields map[string]Queryable
	used   []string

	token                  token
	depth, nodes, vertices int
}

// operand is an expression and the byte at which it begins.
type operand struct {
	node
	at int
}

// reserved are the words that cannot be field names without quotes.
var reserved = []string{"AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "TRUE", "FALSE", "DIV"}

func (p *parser) filter() (node, error) {
	if len(p.text) > p.opt.MaxBytes {
		return nil, p.fail(p.opt.MaxBytes, CodeLimit, fmt.Sprintf("过滤条件共 %d 字节，最多 %d 字节", len(p.text), p.opt.MaxBytes),
			fmt.Sprintf("the filter has %d bytes, at most %d are read", len(p.text), p.opt.MaxBytes))
	}
	if err := p.checkCharacters(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	root, err := p.condition()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.unexpected("AND、OR 或结尾", "AND, OR or the end")
	}
	return root.node, nil
}

// checkCharacters refuses what no database text can hold.
func (p *parser) checkCharacters() error {
	for i, r := range p.text {
		if _, size := utf8.DecodeRuneInString(p.text[i:]); r == utf8.RuneError && size == 1 {
			return p.fail(i, CodeSyntax, "不是有效的 UTF-8 字符", "not valid UTF-8")
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return p.fail(i, CodeSyntax, fmt.Sprintf("不能有控制字符 U+%04X", r), fmt.Sprintf("the control character U+%04X is not allowed", r))
		}
	}
	return nil
}

func (p *parser) advance() (err error) {
	p.token, err = p.lex(p.token.end)
	return err
}

// accept goes past the word or sign if it stands here.
func (p *parser) accept(word string) (bool, error) {
	if !p.token.is(word) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(word string) error {
	if !p.token.is(word) {
		return p.unexpected("“"+word+"”", "“"+word+"”")
	}
	return p.advance()
}

// peek gives the token after this one.
func (p *parser) peek() token {
	next, err := p.lex(p.token.end)
	if err != nil {
		return token{kind: tokenEnd}
	}
	return next
}

func (p *parser) unexpected(wantZH, wantEN string) error {
	foundZH, foundEN := "“"+excerpt(p.token.text)+"”", "“"+excerpt(p.token.text)+"”"
	if p.token.kind == tokenEnd {
		foundZH, foundEN = "到此为止", "the end"
	}
	return p.fail(p.token.at, CodeSyntax, "这里应为"+wantZH+"，却是"+foundZH, "expected "+wantEN+", found "+foundEN)
}

// enter goes one level deeper; the caller must leave.
func (p *parser) enter() error {
	if p.depth++; p.depth > p.opt.MaxDepth {
		return p.fail(p.token.at, CodeLimit, fmt.Sprintf("嵌套超过 %d 层", p.opt.MaxDepth), fmt.Sprintf("nested deeper than %d levels", p.opt.MaxDepth))
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// count notes one node more.
func (p *parser) count(at int) error {
	if p.nodes++; p.nodes > p.opt.MaxNodes {
		return p.fail(at, CodeLimit, fmt.Sprintf("过滤条件过长：字段、值和运算合计超过 %d 个；同一字段的多个值请用 IN", p.opt.MaxNodes),
			fmt.Sprintf("more than %d fields, values and operators; use IN for many values of a field", p.opt.MaxNodes))
	}
	return nil
}

// condition reads a Boolean expression.
func (p *parser) condition() (operand, error) {
	x, err := p.disjunction()
	if err != nil {
		return operand{}, err
	}
	return x, p.want(x, Boolean)
}

// want refuses an operand of another kind; Number stands for any number.
func (p *parser) want(x operand, kind Kind) error {
	if x.kind() == kind || kind == Number && x.kind().numeric() {
		return nil
	}
	is, want := kindNames[x.kind()], kindNames[kind]
	zh, en := "这里应为"+want[0]+"，却是"+is[0], "expected "+want[1]+", found "+is[1]
	switch {
	case kind == Boolean:
		zh, en = zh+"；请写成比较，例如 字段 = 值", en+"; compare it, as in field = value"
	case x.kind() == Text && kind.instant():
		zh, en = zh+"；请写 DATE('2026-01-01') 或 TIMESTAMP('2026-01-01T00:00:00Z')", en+"; write DATE('2026-01-01') or TIMESTAMP('2026-01-01T00:00:00Z')"
	case x.kind() == Text && kind == Number:
		zh, en = zh+"；数值不加引号", en+"; numbers have no quotes"
	case kind == Text:
		zh, en = zh+"；文本请加单引号", en+"; text has single quotes"
	}
	return p.fail(x.at, CodeType, zh, en)
}

// disjunction is the loosest binding: conjunctions joined by OR.
func (p *parser) disjunction() (operand, error) { return p.chain("OR", p.conjunction) }

func (p *parser) conjunction() (operand, error) { return p.chain("AND", p.negation) }

// chain reads one operand, or several joined by the word, which must be
// conditions.
func (p *parser) chain(word string, next func() (operand, error)) (operand, error) {
	first, err := next()
	if err != nil || !p.token.is(word) {
		return first, err
	}
	all := &junction{word: word}
	for x := first; ; {
		if err := p.want(x, Boolean); err != nil {
			return operand{}, err
		}
		all.args = append(all.args, x.node)
		at := p.token.at
		more, err := p.accept(word)
		if err != nil {
			return operand{}, err
		}
		if !more {
			return operand{all, first.at}, nil
		}
		if err := p.count(at); err != nil {
			return operand{}, err
		}
		if x, err = next(); err != nil {
			return operand{}, err
		}
	}
}

func (p *parser) negation() (operand, error) {
	at := p.token.at
	if !p.token.is("NOT") {
		return p.predicate()
	}
	if err := p.enter(); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if err := p.count(at); err != nil {
		return operand{}, err
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	x, err := p.negation()
	if err != nil {
		return operand{}, err
	}
	return operand{&not{x.node}, at}, p.want(x, Boolean)
}

// field looks a name up.
func (p *parser) field(t token) (operand, error) {
	q, ok := p.fields[p.fieldKey(t.text)]
	if !ok {
		like := strings.Join(nearest(t.text, p.names), "、")
		zh, en := "没有字段“"+excerpt(t.text)+"”", "there is no field “"+excerpt(t.text)+"”"
		if like != "" {
			zh, en = zh+"；相近的有："+like, en+"; there are: "+like
		}
		if strings.ContainsAny(t.text, "（），＝＜＞；") {
			zh, en = zh+"；括号、逗号和比较号请用半角", en+"; brackets, commas and operators must be half-width"
		}
		return operand{}, p.fail(t.at, CodeProperty, zh, en)
	}
	if !slices.Contains(p.used, q.Name) {
		p.used = append(p.used, q.Name)
	}
	return operand{&property{q}, t.at}, nil
}
