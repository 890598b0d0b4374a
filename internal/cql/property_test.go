package cql_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"gengheng/internal/cql"
	"gengheng/internal/store/storetest"
)

// condition draws a condition of any form.
func condition(t *rapid.T, depth int) term[bool] {
	choice := rapid.IntRange(0, 9).Draw(t, "condition kind")
	if depth == 0 {
		choice %= 7
	}
	switch choice {
	case 0:
		return truth(t)
	case 1:
		x, y := number(t, 2), number(t, 2)
		return compared(t, x, y, func(a, b big.Rat) int { return a.Cmp(&b) })
	case 2:
		return compared(t, instant(t), instant(t), moment.order)
	case 3:
		return between(t)
	case 4:
		return listed(t)
	case 5:
		return like(t)
	case 6:
		return temporal(t)
	case 7:
		x := condition(t, depth-1)
		return term[bool]{keyword(t, "NOT") + " " + x.in(t, levelNot), levelNot, func(r row) *bool { return negation(x.of(r)) }}
	}
	return joined(t, condition(t, depth-1), condition(t, depth-1))
}

func joined(t *rapid.T, x, y term[bool]) term[bool] {
	if rapid.Bool().Draw(t, "or") {
		return term[bool]{x.in(t, levelOr) + " " + keyword(t, "OR") + " " + y.in(t, levelOr), levelOr,
			func(r row) *bool { return disjunction(x.of(r), y.of(r)) }}
	}
	return term[bool]{x.in(t, levelAnd) + " " + keyword(t, "AND") + " " + y.in(t, levelAnd), levelAnd,
		func(r row) *bool { return conjunction(x.of(r), y.of(r)) }}
}

// truth draws a Boolean field or literal, or whether something is NULL.
func truth(t *rapid.T) term[bool] {
	x := number(t, 1)
	isNull := func(not string, want bool) term[bool] {
		return term[bool]{x.in(t, levelSum) + " " + keyword(t, "IS") + not + " NULL", levelCompare,
			func(r row) *bool { return known((x.of(r) == nil) == want) }}
	}
	return pick(t, "truth",
		field("f", func(r row) *bool { return r.F }), constant(keyword(t, "TRUE"), true), constant(keyword(t, "FALSE"), false),
		isNull("", true), isNull(" NOT", false),
		term[bool]{"f = TRUE", levelCompare, func(r row) *bool { return r.F }},
		term[bool]{"FALSE <> f", levelCompare, func(r row) *bool { return r.F }})
}

func compared[V any](t *rapid.T, x, y term[V], order func(V, V) int) term[bool] {
	op := pick(t, "comparison", "=", "<>", "<", "<=", ">", ">=")
	return term[bool]{x.in(t, levelSum) + op + y.in(t, levelSum), levelCompare, lift(func(a, b V) *bool {
		return known(holds(op, order(a, b)))
	}, x.of, y.of)}
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// negatable writes a predicate with or without NOT before its word.
func negatable(t *rapid.T, before, word, after string, of func(row) *bool) term[bool] {
	if rapid.Bool().Draw(t, "not") {
		return term[bool]{before + " " + keyword(t, "NOT") + " " + keyword(t, word) + " " + after, levelCompare,
			func(r row) *bool { return negation(of(r)) }}
	}
	return term[bool]{before + " " + keyword(t, word) + " " + after, levelCompare, of}
}

func between(t *rapid.T) term[bool] {
	x, low, high := number(t, 1), number(t, 1), number(t, 1)
	compare := func(x, y term[big.Rat]) func(row) *bool {
		return lift(func(a, b big.Rat) *bool { return known(a.Cmp(&b) >= 0) }, x.of, y.of)
	}
	return negatable(t, x.in(t, levelSum), "BETWEEN", low.in(t, levelSum)+" AND "+high.in(t, levelSum), func(r row) *bool {
		return conjunction(compare(x, low)(r), compare(high, x)(r))
	})
}

func listed(t *rapid.T) term[bool] {
	if rapid.Bool().Draw(t, "texts") {
		return list(t, text, func(a, b string) bool { return a == b })
	}
	return list(t, func(t *rapid.T) term[big.Rat] { return number(t, 1) }, func(a, b big.Rat) bool { return a.Cmp(&b) == 0 })
}

func list[V any](t *rapid.T, draw func(*rapid.T) term[V], same func(a, b V) bool) term[bool] {
	x := draw(t)
	var texts []string
	var equal []func(row) *bool
	for range rapid.IntRange(1, 4).Draw(t, "items") {
		y := draw(t)
		texts = append(texts, y.in(t, levelSum))
		equal = append(equal, lift(func(a, b V) *bool { return known(same(a, b)) }, x.of, y.of))
	}
	return negatable(t, x.in(t, levelSum), "IN", "("+strings.Join(texts, ", ")+")", func(r row) *bool {
		any := known(false)
		for _, e := range equal {
			any = disjunction(any, e(r))
		}
		return any
	})
}

func like(t *rapid.T) term[bool] {
	x := text(t)
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"%", "_", "a", "b", "水", `\%`, `\_`, `\\`, "'", "A"}), 0, 4).Draw(t, "pattern")
	pattern := strings.Join(pieces, "")
	return negatable(t, x.in(t, levelSum), "LIKE", quoted(pattern), func(r row) *bool {
		s := x.of(r)
		if s == nil {
			return nil
		}
		return known(matches([]rune(*s), []rune(pattern)))
	})
}

// stretch is an instant or an interval; nil ends are unknown, open ends are
// beyond all times. ByDay says that one of the ends is a date.
type stretch struct {
	text     string
	byDay    bool
	from, to func(row) *moment
}

func drawStretch(t *rapid.T) stretch {
	switch rapid.IntRange(0, 4).Draw(t, "interval") {
	case 0:
		return stretch{"INTERVAL('..', t)", false, instantAt("0100-01-01T00:00:00Z"), func(r row) *moment { return parseMoment(r.T, false) }}
	case 1:
		return stretch{"INTERVAL('2026-01-01T00:00:00Z', '..')", false, instantAt("2026-01-01T00:00:00Z"), instantAt("9900-01-01T00:00:00Z")}
	case 2:
		from, to := "2025-12-31", "2026-01-02"
		return stretch{"interval('2025-12-31','2026-01-02')", true, func(row) *moment { return parseMoment(&from, true) }, func(row) *moment { return parseMoment(&to, true) }}
	}
	x := instant(t)
	return stretch{x.text, strings.HasPrefix(strings.ToLower(x.text), "d"), x.of, x.of}
}

func instantAt(at string) func(row) *moment {
	return func(row) *moment { return parseMoment(&at, false) }
}

// temporal draws a temporal function. All times count by day as soon as one
// of the ends is a date.
func temporal(t *rapid.T) term[bool] {
	a, b := drawStretch(t), drawStretch(t)
	is := func(x func(row) *moment, op string, y func(row) *moment) func(row) *bool {
		return lift(func(p, q moment) *bool {
			if (a.byDay || b.byDay) && !p.date && !q.date { // compare days all the same
				p = moment{p.at.Add(8 * 3600e9).Truncate(24 * 3600e9), true}
			}
			return known(holds(op, p.order(q)))
		}, x, y)
	}
	name := pick(t, "temporal", "T_BEFORE", "T_AFTER", "T_DURING", "T_CONTAINS", "T_INTERSECTS", "T_DISJOINT", "T_EQUALS")
	return term[bool]{keyword(t, name) + "(" + a.text + ", " + b.text + ")", levelPrimary, func(r row) *bool {
		before, after := is(a.to, "<", b.from)(r), is(a.from, ">", b.to)(r)
		switch name {
		case "T_BEFORE":
			return before
		case "T_AFTER":
			return after
		case "T_DISJOINT":
			return disjunction(before, after)
		case "T_INTERSECTS":
			return negation(disjunction(before, after))
		case "T_DURING":
			return conjunction(is(b.from, "<", a.from)(r), is(b.to, ">", a.to)(r))
		case "T_CONTAINS":
			return conjunction(is(a.from, "<", b.from)(r), is(a.to, ">", b.to)(r))
		}
		return conjunction(is(a.from, "=", b.from)(r), is(a.to, "=", b.to)(r))
	}}
}

func drawRow(t *rapid.T) row {
	return row{
		N: rapid.Ptr(rapid.Int64Range(-12, 12), true).Draw(t, "n"),
		A: rapid.Ptr(rapid.SampledFrom([]string{"0.00", "-2.25", "12.34", "100.00", "0.50", "7.00"}), true).Draw(t, "a"),
		B: rapid.Ptr(rapid.SampledFrom([]float64{0, 0.1, -2.25, 0.5, 12.34, 3, 100}), true).Draw(t, "b"),
		S: rapid.Ptr(rapid.SampledFrom(words), true).Draw(t, "s"),
		F: rapid.Ptr(rapid.Bool(), true).Draw(t, "f"),
		D: rapid.Ptr(rapid.SampledFrom(days), true).Draw(t, "d"),
		T: rapid.Ptr(rapid.SampledFrom(times), true).Draw(t, "t"),
	}
}

// TestConditions writes conditions as CQL2 text, has PostGIS evaluate what
// Parse made of them, and compares it with what Go says, row by row: true,
// false or unknown.
func TestConditions(t *testing.T) {
	db := storetest.Empty(t)
	queryables := []cql.Queryable{
		{Name: "n", Kind: cql.Integer, Column: "c.n"}, {Name: "数值", Kind: cql.Number, Column: "c.a"}, {Name: "b", Kind: cql.Number, Column: "c.b"},
		{Name: "s", Kind: cql.Text, Column: "c.s"}, {Name: "f", Kind: cql.Boolean, Column: "c.f"},
		{Name: "d", Kind: cql.Date, Column: "c.d"}, {Name: "t", Kind: cql.Timestamp, Column: "c.t"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		want := condition(rt, 3)
		rows := rapid.SliceOfN(rapid.Custom(drawRow), 1, 8).Draw(rt, "rows")
		for i := range rows {
			rows[i].ID = int64(i)
		}
		data, err := json.Marshal(rows)
		if err != nil {
			rt.Fatal(err)
		}
		f, err := cql.Parse(want.text, queryables, cql.Options{})
		if err != nil {
			rt.Fatalf("%s: %v", want.text, err)
		}
		sql, args := f.SQL([]any{string(data)})
		found, err := db.Pool.Query(t.Context(), `SELECT `+sql+` FROM jsonb_to_recordset($1::jsonb)
			AS c(id bigint, n bigint, a numeric(18,2), b float8, s text, f boolean, d date, t timestamptz) ORDER BY c.id`, args...)
		if err != nil {
			rt.Fatalf("%s: %s: %v", want.text, sql, err)
		}
		values, err := pgx.CollectRows(found, pgx.RowTo[*bool])
		if err != nil {
			rt.Fatalf("%s: %s: %v", want.text, sql, err)
		}
		for i, r := range rows {
			if show(values[i]) != show(want.of(r)) {
				line, _ := json.Marshal(r)
				rt.Fatalf("%s of %s is %s, want %s: %s %v", want.text, line, show(values[i]), show(want.of(r)), sql, args[1:])
			}
		}
	})
}

func show(b *bool) string {
	switch {
	case b == nil:
		return "unknown"
	case *b:
		return "true"
	}
	return "false"
}
