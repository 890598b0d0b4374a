package cql

import (
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenName             // an unquoted identifier or keyword
	tokenQuoted           // "a quoted identifier"
	tokenText             // 'a character literal'
	tokenNumber           // an unsigned number
	tokenSign             // operators and punctuation
)

// token is a piece of the text from byte at up to byte end. Its text is what
// stands there; for quoted identifiers and character literals, without the
// quotes and with escaped quotes undone.
type token struct {
	kind    tokenKind
	text    string
	at, end int
}

// is says whether the token is the keyword or sign; keywords are not
// case-sensitive.
func (t token) is(word string) bool {
	return (t.kind == tokenName || t.kind == tokenSign) && strings.EqualFold(t.text, word)
}

// lex reads the token at the first byte that is not white space.
func (p *parser) lex(at int) (token, error) {
	for at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[at]) >= 0 {
		at++
	}
	if at == len(p.text) {
		return token{kind: tokenEnd, at: at, end: at}, nil
	}
	switch c := p.text[at]; {
	case c == '\'':
		return p.lexQuoted(at, tokenText)
	case c == '"':
		return p.lexQuoted(at, tokenQuoted)
	case digit(c) || c == '.' && at+1 < len(p.text) && digit(p.text[at+1]):
		return p.lexNumber(at)
	}
	if r, _ := utf8.DecodeRuneInString(p.text[at:]); nameStart(r) {
		return p.lexName(at), nil
	}
	for _, sign := range []string{"<>", "<=", ">=", "!=", "<", ">", "=", "(", ")", ",", "+", "-", "*", "/", "%", "^", "[", "]"} {
		if strings.HasPrefix(p.text[at:], sign) {
			return token{kind: tokenSign, text: sign, at: at, end: at + len(sign)}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(p.text[at:])
	zh, en := "这里不能出现字符 "+string(r), "the character "+string(r)+" means nothing here"
	if strings.ContainsRune("‘’“”", r) {
		zh, en = zh+"；引号请用半角的 ' 或 \"", en+"; quotes are ' and \""
	}
	return token{}, p.fail(at, CodeSyntax, zh, en)
}

// lexQuoted reads up to the closing quote. A quote inside is written twice;
// in CQL2 character literals also as \', which is what it is when the number
// of backslashes before the quote is odd.
func (p *parser) lexQuoted(at int, kind tokenKind) (token, error) {
	quote := p.text[at]
	var b strings.Builder
	backslashes := 0
	for i := at + 1; i < len(p.text); i++ {
		c := p.text[i]
		escaped := backslashes%2 == 1 && kind == tokenText && !p.esri
		switch {
		case c == quote && !escaped && i+1 < len(p.text) && p.text[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote && escaped:
			before := b.String()
			b.Reset()
			b.WriteString(before[:len(before)-1])
			b.WriteByte(quote)
		case c == quote:
			return token{kind: kind, text: b.String(), at: at, end: i + 1}, nil
		default:
			b.WriteByte(c)
		}
		if c == '\\' {
			backslashes++
		} else {
			backslashes = 0
		}
	}
	zh, en := "引号没有闭合；文本里的 ' 请写两遍", "the quote is not closed; a ' inside is written twice"
	if kind == tokenText && !p.esri && strings.HasSuffix(strings.TrimRight(p.text, ") \t\r\n"), `\'`) {
		zh, en = zh+`；结尾的 \ 请写成 \\`, en+`; a \ at the end is written \\`
	}
	return token{}, p.fail(at, CodeSyntax, zh, en)
}

// lexNumber reads an unsigned number: 1, 1., .5, 1.5, 1e3.
func (p *parser) lexNumber(at int) (token, error) {
	end := at
	digits := func() {
		for end < len(p.text) && digit(p.text[end]) {
			end++
		}
	}
	digits()
	if end < len(p.text) && p.text[end] == '.' {
		end++
		digits()
	}
	if end < len(p.text) && (p.text[end] == 'e' || p.text[end] == 'E') {
		mantissa := end
		end++
		if end < len(p.text) && (p.text[end] == '+' || p.text[end] == '-') {
			end++
		}
		exponent := end
		if digits(); end == exponent {
			end = mantissa
		}
	}
	if r, _ := utf8.DecodeRuneInString(p.text[end:]); end < len(p.text) && (namePart(r) || r == '.') {
		return token{}, p.fail(at, CodeSyntax, "数字后面不能直接跟 "+string(r)+"；以数字开头的字段名请加双引号",
			"a number cannot be followed by "+string(r)+"; a field name that begins with a digit needs double quotes")
	}
	return token{kind: tokenNumber, text: p.text[at:end], at: at, end: end}, nil
}

func (p *parser) lexName(at int) token {
	end := at
	for end < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[end:])
		if !namePart(r) {
			break
		}
		end += size
	}
	return token{kind: tokenName, text: p.text[at:end], at: at, end: end}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// nameStart and namePart are the characters of unquoted names: identifierStart
// and identifierPart of the standard's grammar (annex B), which are those of
// XML names and so have all of Chinese.
func nameStart(r rune) bool {
	if r < 0x80 {
		return r == ':' || r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	for _, span := range [][2]rune{
		{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFE}, {0x200C, 0x200D},
		{0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFC}, {0x10000, 0xEFFFF},
	} {
		if r >= span[0] && r <= span[1] {
			return true
		}
	}
	return false
}

func namePart(r rune) bool {
	return nameStart(r) || r == '.' || r >= '0' && r <= '9' || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}
