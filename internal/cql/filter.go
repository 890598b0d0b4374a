package cql

import "strings"

// Kind is the type of a value.
type Kind int

const (
	Text      Kind = iota + 1 // 文本
	Number                    // 数值: numeric or double precision
	Integer                   // 整数: any integer column
	Boolean                   // 是非
	Date                      // 日期: a date column
	Timestamp                 // 时刻: a timestamptz column
	Geometry                  // 几何: a PostGIS geometry column
	interval                  // 时间段: INTERVAL(…), no field has it
)

var kindNames = map[Kind][2]string{
	Text: {"文本", "text"}, Number: {"数值", "a number"}, Integer: {"整数", "an integer"},
	Boolean: {"是非条件", "a condition"}, Date: {"日期", "a date"}, Timestamp: {"时刻", "a timestamp"},
	Geometry: {"几何", "a geometry"}, interval: {"时间段", "an interval"},
}

func (k Kind) numeric() bool { return k == Number || k == Integer }
func (k Kind) instant() bool { return k == Date || k == Timestamp }

// Queryable is a field that filters may name (可查询字段).
type Queryable struct {
	Name string
	Kind Kind
	// Column is the SQL expression of the field. It is trusted: the caller's
	// own text, never a user's.
	Column string
}

// Options are the coordinates and limits of filters.
type Options struct {
	// StorageSRID is that of the geometry columns; 0 says that they have none,
	// and that geometries of filters are in the same coordinates.
	StorageSRID int
	// FilterSRID is that of geometries in filters (filter-crs, inSR); 0 is
	// StorageSRID.
	FilterSRID int
	// FilterInverted says that geometries in filters are written latitude,
	// longitude (or northing, easting), as the axis order of the CRS has it.
	FilterInverted bool

	// MaxBytes, MaxDepth, MaxNodes, MaxItems and MaxVertices bound a filter;
	// 0 is the default of that name.
	MaxBytes    int // length of the text in bytes
	MaxDepth    int // parentheses, NOT and functions inside one another
	MaxNodes    int // fields, values, operators and functions
	MaxItems    int // values of one IN list
	MaxVertices int // vertices of all geometries together
}

// Defaults of Options' limits.
const (
	DefaultMaxBytes    = 8 << 10
	DefaultMaxDepth    = 64
	DefaultMaxNodes    = 400
	DefaultMaxItems    = 500
	DefaultMaxVertices = 1000
)

func (o Options) withDefaults() Options {
	for _, limit := range []struct {
		value *int
		usual int
	}{
		{&o.MaxBytes, DefaultMaxBytes}, {&o.MaxDepth, DefaultMaxDepth}, {&o.MaxNodes, DefaultMaxNodes},
		{&o.MaxItems, DefaultMaxItems}, {&o.MaxVertices, DefaultMaxVertices}, {&o.FilterSRID, o.StorageSRID},
	} {
		if *limit.value == 0 {
			*limit.value = limit.usual
		}
	}
	return o
}

// Filter is a condition that was understood.
type Filter struct {
	root node
	used []string
}

// Fields names the queryables that the filter uses, each once, in the order in
// which they appear.
func (f *Filter) Fields() []string { return f.used }

// SQL writes the filter as a condition in parentheses. Its parameters continue
// those of args: the first is $n with n = len(args)+1. The slice given back
// holds args and the filter's values; args itself is not changed.
func (f *Filter) SQL(args []any) (string, []any) {
	w := &writer{args: append([]any(nil), args...)}
	w.open()
	f.root.write(w)
	w.close()
	return w.sql.String(), w.args
}

// Parse reads CQL2 text. The error is always an *Error.
func Parse(text string, queryables []Queryable, opt Options) (*Filter, error) {
	return parse(text, queryables, opt, false)
}

// ParseWhere reads the `where` of an Esri feature service: the same language,
// in which moreover `!=`, DATE '…', TIMESTAMP '…', UPPER(x) and LOWER(x) are
// understood, a backslash never escapes a quote, and the case of field names
// does not matter. `1=1` is a filter like any other. The error is always an
// *Error.
func ParseWhere(text string, queryables []Queryable, opt Options) (*Filter, error) {
	return parse(text, queryables, opt, true)
}

func parse(text string, queryables []Queryable, opt Options, esri bool) (*Filter, error) {
	p := &parser{text: text, esri: esri, opt: opt.withDefaults(), fields: map[string]Queryable{}}
	for _, q := range queryables {
		p.names = append(p.names, q.Name)
		p.fields[p.fieldKey(q.Name)] = q
	}
	root, err := p.filter()
	if err != nil {
		return nil, err
	}
	return &Filter{root: root, used: p.used}, nil
}

// fieldKey is what a field is looked up by.
func (p *parser) fieldKey(name string) string {
	if p.esri {
		return strings.ToLower(name)
	}
	return name
}
