package cql_test

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// row is a synthetic feature; what is nil is NULL.
type row struct {
	ID int64    `json:"id"`
	N  *int64   `json:"n"`
	A  *string  `json:"a"` // decimal with two places
	B  *float64 `json:"b"`
	S  *string  `json:"s"`
	F  *bool    `json:"f"`
	D  *string  `json:"d"` // 2026-01-01
	T  *string  `json:"t"` // RFC 3339
}

// term is an expression as CQL2 text and as Go: of says what it is for a row,
// nil for unknown. Level is how firmly its operator binds, from OR (1) to what
// needs no parentheses (8).
type term[V any] struct {
	text  string
	level int
	of    func(row) *V
}

const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelSum
	levelProduct
	levelPower
	levelPrimary
)

// in writes the term where an operator of the level stands around it, now and
// then with parentheses that it does not need.
func (x term[V]) in(t *rapid.T, level int) string {
	if x.level < level || rapid.IntRange(0, 7).Draw(t, "needless") == 0 {
		return "(" + x.text + ")"
	}
	return x.text
}

func field[V any](name string, of func(row) *V) term[V] { return term[V]{name, levelPrimary, of} }

func constant[V any](text string, v V) term[V] {
	return term[V]{text, levelPrimary, func(row) *V { return &v }}
}

func pick[T any](t *rapid.T, name string, all ...T) T { return rapid.SampledFrom(all).Draw(t, name) }

// keyword writes a word in one of the cases that are all the same.
func keyword(t *rapid.T, word string) string {
	return pick(t, "case", word, strings.ToLower(word), word[:1]+strings.ToLower(word[1:]))
}

// lift gives a function of values that is nil where one of them is.
func lift[A, B, V any](f func(A, B) *V, x func(row) *A, y func(row) *B) func(row) *V {
	return func(r row) *V {
		a, b := x(r), y(r)
		if a == nil || b == nil {
			return nil
		}
		return f(*a, *b)
	}
}

func known(b bool) *bool { return &b }

// conjunction is AND of three values; disjunction follows by de Morgan.
func conjunction(a, b *bool) *bool {
	switch {
	case a != nil && !*a || b != nil && !*b:
		return known(false)
	case a == nil || b == nil:
		return nil
	}
	return known(true)
}

func negation(a *bool) *bool {
	if a == nil {
		return nil
	}
	return known(!*a)
}

func disjunction(a, b *bool) *bool { return negation(conjunction(negation(a), negation(b))) }

// decimal is a number of the grammar.
func decimal(t *rapid.T) term[big.Rat] {
	text := pick(t, "number", "0", "1", "2", "-1", "3", "10", "0.5", "-2.25", ".75", "1e2", "100.", "12.34", "-0", "+7")
	v, _ := new(big.Rat).SetString(strings.TrimSuffix(text, "."))
	return constant(text, *v)
}

func numberField(t *rapid.T) term[big.Rat] {
	return pick(t, "field",
		field("n", func(r row) *big.Rat {
			if r.N == nil {
				return nil
			}
			return new(big.Rat).SetInt64(*r.N)
		}),
		field("数值", func(r row) *big.Rat {
			if r.A == nil {
				return nil
			}
			v, _ := new(big.Rat).SetString(*r.A)
			return v
		}),
		field(`"b"`, func(r row) *big.Rat {
			if r.B == nil {
				return nil
			}
			v, _ := new(big.Rat).SetString(fmt.Sprint(*r.B))
			return v
		}))
}

// number draws arithmetic whose result is a finite decimal: what is divided
// by / is a field, what divides a power of two or five, or zero.
func number(t *rapid.T, depth int) term[big.Rat] {
	choice := rapid.IntRange(0, 7).Draw(t, "number kind")
	if depth == 0 {
		choice %= 2
	}
	switch choice {
	case 0:
		return decimal(t)
	case 1:
		return numberField(t)
	case 2:
		x, y := numberField(t), pick(t, "divisor", "2", "-8", "0.5", "0", "5")
		v, _ := new(big.Rat).SetString(y)
		return arithmetic(t, x, "/", constant(y, *v))
	case 3:
		exponent := rapid.Int64Range(0, 3).Draw(t, "exponent")
		base := field("n", func(r row) *big.Rat {
			if r.N == nil {
				return nil
			}
			return new(big.Rat).SetInt64(*r.N)
		})
		return term[big.Rat]{"n ^ " + fmt.Sprint(exponent), levelPower, func(r row) *big.Rat {
			b := base.of(r)
			if b == nil {
				return nil
			}
			return new(big.Rat).SetInt(new(big.Int).Exp(b.Num(), big.NewInt(exponent), nil))
		}}
	}
	return arithmetic(t, number(t, depth-1), pick(t, "operator", "+", "-", "*", "%", "DIV"), number(t, depth-1))
}

func arithmetic(t *rapid.T, x term[big.Rat], op string, y term[big.Rat]) term[big.Rat] {
	level := levelProduct
	if op == "+" || op == "-" {
		level = levelSum
	}
	return term[big.Rat]{x.in(t, level) + " " + keyword(t, op) + " " + y.in(t, level+1), level, lift(func(a, b big.Rat) *big.Rat {
		z := new(big.Rat)
		switch op {
		case "+":
			return z.Add(&a, &b)
		case "-":
			return z.Sub(&a, &b)
		case "*":
			return z.Mul(&a, &b)
		}
		if b.Sign() == 0 {
			return nil
		}
		if z.Quo(&a, &b); op == "/" {
			return z
		}
		whole := new(big.Rat).SetInt(new(big.Int).Quo(z.Num(), z.Denom()))
		if op == "DIV" {
			return whole
		}
		return z.Sub(&a, whole.Mul(whole, &b))
	}, x.of, y.of)}
}

// strings of the rows, and what patterns are made of.
var words = []string{"", "a", "ab", "AB", "水田", "水浇地", "a%b", "a_b", `a\b`, `a\`, "o'x", "É"}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// literal writes a word as CQL2: one backslash before the closing quote would
// escape it, so that such a word cannot be written.
func literal(t *rapid.T) term[string] {
	s := rapid.SampledFrom(words).Filter(func(s string) bool { return !strings.HasSuffix(s, `\`) }).Draw(t, "word")
	return constant(quoted(s), s)
}

func text(t *rapid.T) term[string] {
	x := field("s", func(r row) *string { return r.S })
	if rapid.IntRange(0, 3).Draw(t, "literal") == 0 {
		x = literal(t)
	}
	if rapid.Bool().Draw(t, "fold") {
		of := x.of
		return term[string]{keyword(t, "CASEI") + "(" + x.text + ")", levelPrimary, func(r row) *string {
			s := of(r)
			if s == nil {
				return nil
			}
			lower := strings.ToLower(*s)
			return &lower
		}}
	}
	return x
}

// matches is LIKE, a character at a time.
func matches(s, pattern []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '%':
		return matches(s, pattern[1:]) || len(s) > 0 && matches(s[1:], pattern)
	case len(s) == 0:
		return false
	case pattern[0] == '_':
		return matches(s[1:], pattern[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		pattern = pattern[1:]
	}
	return s[0] == pattern[0] && matches(s[1:], pattern[1:])
}

// moment is an instant: of a date only its day counts.
type moment struct {
	at   time.Time
	date bool
}

// order compares two moments, by Beijing's days if one is a date.
func (m moment) order(o moment) int {
	day := func(m moment) time.Time {
		if m.date {
			return m.at
		}
		y, mo, d := m.at.In(time.FixedZone("CST", 8*3600)).Date()
		return time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	}
	if m.date || o.date {
		return day(m).Compare(day(o))
	}
	return m.at.Compare(o.at)
}

var (
	days  = []string{"2025-12-31", "2026-01-01", "2026-01-02", "2026-03-01"}
	times = []string{"2025-12-31T15:59:59Z", "2025-12-31T16:00:00Z", "2026-01-01T00:00:00Z", "2026-03-01T12:00:00Z"}
)

func parseMoment(s *string, date bool) *moment {
	if s == nil {
		return nil
	}
	layout := time.RFC3339
	if date {
		layout = time.DateOnly
	}
	at, err := time.Parse(layout, *s)
	if err != nil {
		panic(err)
	}
	return &moment{at, date}
}

func instant(t *rapid.T) term[moment] {
	day, at := pick(t, "day", days...), pick(t, "time", times...)
	return pick(t, "instant",
		field("d", func(r row) *moment { return parseMoment(r.D, true) }),
		field("t", func(r row) *moment { return parseMoment(r.T, false) }),
		constant(keyword(t, "DATE")+"('"+day+"')", *parseMoment(&day, true)),
		constant(keyword(t, "TIMESTAMP")+"('"+at+"')", *parseMoment(&at, false)))
}
