package cql

import (
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
)

// node is a typed expression that can be written as SQL.
type node interface {
	kind() Kind
	write(*writer)
}

type (
	junction struct { // AND, OR
		word string
		args []node
	}
	not     struct{ x node }
	compare struct {
		op   string
		x, y node
	}
	compareTimes struct { // of a temporal function
		op    string
		x, y  node
		byDay bool
	}
	like struct{ x, pattern node }
	in   struct {
		x     node
		items []node
	}
	isNull struct {
		x       node
		negated bool
	}
	spatial struct {
		name string
		x, y node
	}
	arithmetic struct {
		op   string
		x, y node
	}
	textFunction struct {
		name string
		x    node
	}
	property       struct{ q Queryable }
	textLiteral    struct{ s string }
	numberLiteral  struct{ s string }
	boolLiteral    struct{ b bool }
	instantLiteral struct {
		k Kind
		t time.Time
	}
	span            struct{ from, to node } // INTERVAL
	openEnd         struct{ infinity string }
	geometryLiteral struct {
		shape         orb.Geometry
		srid, storage int
		polygonal     bool // all of it are polygons
		mixed         bool // a collection of several dimensions
	}
)

func (*junction) kind() Kind         { return Boolean }
func (*not) kind() Kind              { return Boolean }
func (*compare) kind() Kind          { return Boolean }
func (*compareTimes) kind() Kind     { return Boolean }
func (*like) kind() Kind             { return Boolean }
func (*in) kind() Kind               { return Boolean }
func (*isNull) kind() Kind           { return Boolean }
func (*spatial) kind() Kind          { return Boolean }
func (*arithmetic) kind() Kind       { return Number }
func (*textFunction) kind() Kind     { return Text }
func (x *property) kind() Kind       { return x.q.Kind }
func (*textLiteral) kind() Kind      { return Text }
func (*numberLiteral) kind() Kind    { return Number }
func (*boolLiteral) kind() Kind      { return Boolean }
func (x *instantLiteral) kind() Kind { return x.k }
func (*span) kind() Kind             { return interval }
func (*openEnd) kind() Kind          { return Timestamp }
func (*geometryLiteral) kind() Kind  { return Geometry }

func isLiteral(x node) bool {
	switch x := x.(type) {
	case *textLiteral, *numberLiteral, *boolLiteral, *instantLiteral:
		return true
	case *textFunction:
		return isLiteral(x.x)
	}
	return false
}

func (x *numberLiteral) negative() *numberLiteral {
	if s, ok := strings.CutPrefix(x.s, "-"); ok {
		return &numberLiteral{s}
	}
	return &numberLiteral{"-" + x.s}
}

// writer collects the SQL and its parameters.
type writer struct {
	sql  strings.Builder
	args []any
}

func (w *writer) raw(s string) { w.sql.WriteString(s) }
func (w *writer) open()        { w.raw("(") }
func (w *writer) close()       { w.raw(")") }

// param writes the place of a value, as a value of the SQL type.
func (w *writer) param(value any, sqlType string) {
	w.args = append(w.args, value)
	w.raw("$" + strconv.Itoa(len(w.args)) + "::" + sqlType)
}

// infix writes (x op y) with the given way of writing operands.
func (w *writer) infix(x node, op string, y node, operand func(node)) {
	w.open()
	operand(x)
	w.raw(" " + op + " ")
	operand(y)
	w.close()
}

func (w *writer) node(x node) { x.write(w) }

func (x *junction) write(w *writer) {
	w.open()
	for i, arg := range x.args {
		if i > 0 {
			w.raw(" " + x.word + " ")
		}
		arg.write(w)
	}
	w.close()
}

func (x *not) write(w *writer) {
	w.raw("(NOT ")
	x.x.write(w)
	w.close()
}

func (x *compare) write(w *writer) {
	w.infix(x.x, x.op, x.y, w.operands(x.x, x.y))
}

// operands chooses how values that are compared are written: exactly, if one
// was computed (for what was computed may be more than a double holds), and by
// day, if dates and timestamps meet.
func (w *writer) operands(all ...node) func(node) {
	kinds := map[Kind]bool{}
	computed := false
	for _, x := range all {
		kinds[x.kind()] = true
		_, ok := x.(*arithmetic)
		computed = computed || ok
	}
	switch {
	case computed:
		return w.exact
	case kinds[Date] && kinds[Timestamp]:
		return w.day
	}
	return w.node
}

// exact writes a number as numeric. A double goes by way of its shortest
// decimal notation, since the cast of double to numeric drops digits.
func (w *writer) exact(x node) {
	switch x := x.(type) {
	case *numberLiteral:
		w.param(x.s, "numeric")
	case *property:
		w.raw("(" + x.q.Column + ")")
		if x.q.Kind == Number {
			w.raw("::text")
		}
		w.raw("::numeric")
	default:
		x.write(w)
	}
}

// day writes an instant as a calendar date in China Standard Time.
func (w *writer) day(x node) {
	switch {
	case x.kind() == Date:
		x.write(w)
	default:
		if end, ok := x.(*openEnd); ok {
			w.raw("'" + end.infinity + "'::date")
			return
		}
		w.open()
		x.write(w)
		w.raw(" AT TIME ZONE 'Asia/Shanghai')::date")
	}
}

func (x *compareTimes) write(w *writer) {
	if x.byDay {
		w.infix(x.x, x.op, x.y, w.day)
	} else {
		w.infix(x.x, x.op, x.y, w.node)
	}
}

func (x *like) write(w *writer) { w.infix(x.x, "LIKE", x.pattern, w.node) }

func (x *in) write(w *writer) {
	operand := w.operands(append([]node{x.x}, x.items...)...)
	w.open()
	operand(x.x)
	w.raw(" IN (")
	for i, item := range x.items {
		if i > 0 {
			w.raw(", ")
		}
		operand(item)
	}
	w.raw("))")
}

func (x *isNull) write(w *writer) {
	w.open()
	x.x.write(w)
	if x.negated {
		w.raw(" IS NOT NULL)")
	} else {
		w.raw(" IS NULL)")
	}
}

// boxesMeet are the predicates that hold only where the bounding boxes meet. Written
// out, that lets the spatial index be used also where row-level security lets no
// other predicate go before it: && may be leakproof, the predicate itself is not.
var boxesMeet = map[string]bool{"ST_Intersects": true, "ST_Within": true, "ST_Contains": true, "ST_Touches": true, "ST_Overlaps": true, "ST_Crosses": true}

func (x *spatial) write(w *writer) {
	if boxesMeet[x.name] {
		w.open()
		defer w.close()
		x.x.write(w)
		w.raw(" && ")
		x.y.write(w)
		w.raw(" AND ")
	}
	w.raw(x.name + "(")
	x.x.write(w)
	w.raw(", ")
	x.y.write(w)
	w.close()
}

// write gives a numeric. Division by zero is NULL.
func (x *arithmetic) write(w *writer) {
	divisor := func() {
		w.raw("NULLIF(")
		w.exact(x.y)
		w.raw(", 0)")
	}
	switch x.op {
	case "/", "%":
		w.open()
		w.exact(x.x)
		w.raw(" " + x.op + " ")
		divisor()
		w.close()
	case "DIV":
		w.raw("div(")
		w.exact(x.x)
		w.raw(", ")
		divisor()
		w.close()
	case "^":
		x.writePower(w)
	default:
		w.infix(x.x, x.op, x.y, w.exact)
	}
}

// writePower is x to the power y in double precision, or NULL where that is
// not a real number or too large or small to be held. Each operand is
// evaluated once, in a subquery that the planner may not dissolve (OFFSET 0):
// otherwise powers of powers would be written out again and again.
func (x *arithmetic) writePower(w *writer) {
	w.raw(`(SELECT CASE
		WHEN v.x IS NULL OR v.y IS NULL OR v.x = 'NaN' OR v.y = 'NaN' OR abs(v.x) > 1e200 OR abs(v.y) > 1e6 THEN NULL
		WHEN v.y = 0 OR v.x = 1 THEN 1
		WHEN v.x = 0 THEN CASE WHEN v.y > 0 THEN 0 END
		WHEN v.x < 0 AND v.y <> trunc(v.y) THEN NULL
		WHEN abs(v.x) < 1e-200 OR abs(v.y::float8 * ln(abs(v.x)::float8)) > 500 THEN NULL
		ELSE power(v.x::float8, v.y::float8)::text::numeric END
		FROM (SELECT `)
	w.exact(x.x)
	w.raw(" AS x, ")
	w.exact(x.y)
	w.raw(" AS y OFFSET 0) v)")
}

// write of ACCENTI takes the letters apart and leaves their accents out; it
// needs no extension of the database.
func (x *textFunction) write(w *writer) {
	if x.name == "accenti" {
		w.raw("regexp_replace(normalize(")
		x.x.write(w)
		w.raw(`, NFD), '[\u0300-\u036F]', '', 'g')`)
		return
	}
	w.raw(x.name + "(")
	x.x.write(w)
	w.close()
}

func (x *property) write(w *writer)    { w.raw("(" + x.q.Column + ")") }
func (x *textLiteral) write(w *writer) { w.param(x.s, "text") }

// write of a number gives integers as bigint, so that they meet the index of
// an integer column, and all others as numeric, which is exact.
func (x *numberLiteral) write(w *writer) {
	if n, err := strconv.ParseInt(x.s, 10, 64); err == nil {
		w.param(n, "bigint")
		return
	}
	w.param(x.s, "numeric")
}

func (x *boolLiteral) write(w *writer) { w.raw(strings.ToUpper(strconv.FormatBool(x.b))) }

func (x *instantLiteral) write(w *writer) {
	if x.k == Date {
		w.param(x.t, "date")
	} else {
		w.param(x.t, "timestamptz")
	}
}

// An interval stands only in temporal functions, which write its two ends.
func (x *span) write(*writer)      {}
func (x *openEnd) write(w *writer) { w.raw("'" + x.infinity + "'::timestamptz") }

// write gives a valid geometry in the coordinates of the columns, so that no
// predicate fails on rings that cross themselves.
func (x *geometryLiteral) write(w *writer) {
	if x.polygonal {
		w.raw("ST_MakeValid(")
	}
	transform := x.storage != 0 && x.srid != x.storage
	if transform {
		w.raw("ST_Transform(")
	}
	w.raw("ST_GeomFromEWKB(")
	w.param(ewkb.MustMarshal(x.shape, x.srid), "bytea")
	w.close()
	if transform {
		w.raw(", " + strconv.Itoa(x.storage) + ")")
	}
	if x.polygonal {
		w.raw(", 'method=structure keepcollapsed=false')")
	}
}
