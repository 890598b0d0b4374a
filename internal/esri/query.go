package esri

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/cql"
)

// Bounds of a query.
const (
	// maxIDs is the most numbers of one request, maxAllIDs of one answer.
	maxIDs    = 10_000
	maxAllIDs = 2_000_000
	maxOffset = 10_000_000
	// maxPage bounds an answer, in bytes.
	maxPage = 32 << 20
	// maxStatistics is the most statistics of one request.
	maxStatistics = 30
)

// queryParameters are what /query understands.
var queryParameters = []string{"where", "objectids", "geometry", "geometrytype", "insr", "spatialrel", "outfields", "outsr", "returngeometry",
	"returncountonly", "returnidsonly", "returnextentonly", "returndistinctvalues", "orderbyfields", "resultoffset", "resultrecordcount",
	"groupbyfieldsforstatistics", "outstatistics", "maxallowableoffset", "quantizationparameters", "geometryprecision", "returnexceededlimitfeatures",
	"multipatchoption", "returncentroid", "defaultsr"}

// query is what one request asks of a layer.
type query struct {
	col   entry
	where []string
	args  []any // $1 and $2 are the collection's own
	// selected: not every feature is asked for; placed: by a geometry.
	selected, placed bool

	format          string
	out             spatialReference
	fields          []collection.Field
	everyField      bool
	geometry        bool
	count, ids, box bool
	offset, limit   int
	paged           bool // the caller counts on getting as many as it asked for
	excess          bool // what there is of too many is answered
	order           []orderItem
	precision       int
	simplify        float64
	quantum         *quantization
	table           *table
}

// orderItem is one field of orderByFields.
type orderItem struct {
	name       string
	descending bool
}

// arg adds a parameter and gives its name.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// newQuery reads a request's parameters.
func newQuery(col entry, p map[string]string) (*query, error) {
	plane, err := planeOf(col.County)
	if err != nil {
		return nil, err
	}
	q := &query{col: col, args: col.Args(), out: plane, limit: maxRecords, excess: true, geometry: true}
	if q.format, err = format(p, true); err != nil {
		return nil, err
	}
	if q.format == "geojson" {
		q.out, _ = referenceOf(wkidWGS84, col.County)
	}
	if text, ok := p["outsr"]; ok {
		if q.out, err = reference("outSR", text, col.County); err != nil {
			return nil, err
		}
	}
	for _, read := range []func(map[string]string) error{q.readFlags, q.readPage, q.readFields, q.readWhere, q.readIDs, q.readGeometry, q.readShape, q.readTable, q.readOrder} {
		if err := read(p); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// flag reads true or false.
func flag(p map[string]string, name string, usual bool) (bool, error) {
	switch strings.ToLower(p[strings.ToLower(name)]) {
	case "":
		return usual, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, bad("value", fmt.Sprintf("%s=%s 应为 true 或 false。 It is true or false.", name, excerpt(p[strings.ToLower(name)])))
}

func (q *query) readFlags(p map[string]string) error {
	centroid := false
	for _, f := range []struct {
		name string
		to   *bool
	}{{"returnGeometry", &q.geometry}, {"returnCountOnly", &q.count}, {"returnIdsOnly", &q.ids}, {"returnExtentOnly", &q.box},
		{"returnExceededLimitFeatures", &q.excess}, {"returnCentroid", &centroid}} {
		v, err := flag(p, f.name, *f.to)
		if err != nil {
			return err
		}
		*f.to = v
	}
	if centroid {
		return bad("parameter-unsupported", "不支持 returnCentroid=true。 Centroids are not offered.")
	}
	if q.format == "geojson" && (q.count || q.ids || q.box) {
		q.format = "json" // nothing of these is GeoJSON
	}
	return nil
}

// whole reads a whole number from 0 to most.
func whole(p map[string]string, name string, most int) (n int, given bool, err error) {
	text, ok := p[strings.ToLower(name)]
	if !ok {
		return 0, false, nil
	}
	if n, err = strconv.Atoi(text); err != nil || n < 0 || n > most {
		return 0, false, bad("value", fmt.Sprintf("%s=%s 应为 0 至 %d 的整数。 It is a whole number.", name, excerpt(text), most))
	}
	return n, true, nil
}

func (q *query) readPage(p map[string]string) error {
	var given bool
	var err error
	if q.offset, given, err = whole(p, "resultOffset", maxOffset); err != nil {
		return err
	}
	n, limited, err := whole(p, "resultRecordCount", math.MaxInt32)
	if err != nil {
		return err
	}
	if limited {
		q.limit = min(n, maxRecords) // more than the maximum is no error
	}
	q.paged = given || limited
	return nil
}

// find finds a field by its name, whose case does not matter. The whole number is
// not among them.
func (q *query) find(name string) (collection.Field, bool) {
	i := slices.IndexFunc(q.col.Fields, func(f collection.Field) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return collection.Field{}, false
	}
	return q.col.Fields[i], true
}

func (q *query) unknownField(what, name string) error {
	names := []string{objectID}
	for _, f := range q.col.Fields {
		names = append(names, f.Name)
	}
	return bad("field-unknown", fmt.Sprintf("%s：图层 %s 没有字段 %s；字段有 %s。 There is no such field.", what, q.col.Title, excerpt(name), strings.Join(names, "、")))
}

// list is a list of names.
func list(text string) []string {
	var out []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.Trim(strings.TrimSpace(one), `"`); one != "" {
			out = append(out, one)
		}
	}
	return out
}

func (q *query) readFields(p map[string]string) error {
	for _, name := range list(p["outfields"]) {
		if name == "*" {
			q.fields, q.everyField = q.col.Fields, true
			return nil
		}
		if strings.EqualFold(name, objectID) {
			continue // it is always there
		}
		f, ok := q.find(name)
		if !ok {
			return q.unknownField("outFields", name)
		}
		if !slices.ContainsFunc(q.fields, func(v collection.Field) bool { return v.Name == f.Name }) {
			q.fields = append(q.fields, f)
		}
	}
	return nil
}

// cqlKinds are the kinds of fields that filters may name; yes and no are numbers.
var cqlKinds = map[collection.Kind]cql.Kind{collection.Text: cql.Text, collection.Integer: cql.Integer, collection.Number: cql.Number, collection.Boolean: cql.Integer}

func (q *query) readWhere(p map[string]string) error {
	text, ok := p["where"]
	if !ok {
		return nil
	}
	names := []cql.Queryable{{Name: objectID, Kind: cql.Integer, Column: q.col.Object}}
	for _, f := range q.col.Fields {
		if k, ok := cqlKinds[f.Kind]; ok {
			names = append(names, cql.Queryable{Name: f.Name, Kind: k, Column: expression(f)})
		}
	}
	filter, err := cql.ParseWhere(text, names, cql.Options{})
	if err != nil {
		return filterProblem(err)
	}
	if len(filter.Fields()) == 0 && isTrue(text) {
		return nil // 1=1, as every client writes "all"
	}
	condition, args := filter.SQL(q.args)
	q.where, q.args, q.selected = append(q.where, condition), args, true
	return nil
}

func isTrue(text string) bool { return strings.ReplaceAll(text, " ", "") == "1=1" }

func filterProblem(err error) error {
	var wrong *cql.Error
	if errors.As(err, &wrong) {
		return bad(string(wrong.Code), wrong.Error())
	}
	return fmt.Errorf("filter: %w", err)
}

func (q *query) readIDs(p map[string]string) error {
	text, ok := p["objectids"]
	if !ok {
		return nil
	}
	ids, err := numbersOf("objectIds", text)
	if err != nil {
		return err
	}
	q.where, q.selected, q.paged = append(q.where, fmt.Sprintf("%s = ANY (%s::int[])", q.col.Object, q.arg(ids))), true, true
	return nil
}

// numbersOf reads whole numbers of features.
func numbersOf(name, text string) ([]int32, error) {
	parts := strings.Split(strings.Trim(strings.TrimSpace(text), "[]"), ",")
	if len(parts) > maxIDs {
		return nil, bad("object-ids", fmt.Sprintf("%s 有 %d 个，一次至多 %d 个。 Too many at once.", name, len(parts), maxIDs))
	}
	ids := make([]int32, 0, len(parts))
	for _, one := range parts {
		n, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(one), `"`), 10, 32)
		if err != nil {
			return nil, bad("object-ids", fmt.Sprintf("%s 中的 %s 应为整数，以逗号分隔。 It is a list of whole numbers.", name, excerpt(one)))
		}
		ids = append(ids, int32(n))
	}
	return ids, nil
}

// readShape reads how geometries are written.
func (q *query) readShape(p map[string]string) error {
	q.precision = q.out.decimals(q.col.Collection)
	n, given, err := whole(p, "geometryPrecision", 15)
	if err != nil {
		return err
	}
	if given {
		q.precision = min(n, q.precision)
	}
	if text, ok := p["maxallowableoffset"]; ok {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !finite(v) || v < 0 {
			return bad("value", fmt.Sprintf("maxAllowableOffset=%s 应为不小于 0 的数，单位同 outSR。 It is a number in units of outSR.", excerpt(text)))
		}
		q.simplify = v
	}
	if text, ok := p["quantizationparameters"]; ok && text != "{}" && q.format == "json" {
		q.quantum, err = quantizationOf(text, q.out, q)
	}
	return err
}

func (q *query) readOrder(p map[string]string) error {
	for _, one := range list(p["orderbyfields"]) {
		words := strings.Fields(one)
		item := orderItem{name: strings.Trim(words[0], `"`)}
		switch {
		case len(words) == 1, len(words) == 2 && strings.EqualFold(words[1], "asc"):
		case len(words) == 2 && strings.EqualFold(words[1], "desc"):
			item.descending = true
		default:
			return bad("order", fmt.Sprintf("orderByFields 中的 %s 应为“字段 ASC”或“字段 DESC”。 It is a field, then ASC or DESC.", excerpt(one)))
		}
		if err := q.checkOrder(item.name); err != nil {
			return err
		}
		q.order = append(q.order, item)
	}
	return nil
}

func (q *query) checkOrder(name string) error {
	if q.table != nil {
		if q.table.column(name) < 0 {
			return bad("order", fmt.Sprintf("orderByFields：%s 不在分组字段与统计结果之中。 It is neither a group nor a statistic.", excerpt(name)))
		}
		return nil
	}
	f, ok := q.find(name)
	if !ok && !strings.EqualFold(name, objectID) {
		return q.unknownField("orderByFields", name)
	}
	if f.Kind == collection.Object {
		return bad("order", fmt.Sprintf("orderByFields：不能按 %s 排序。 Rows cannot be ordered by it.", f.Name))
	}
	return nil
}

// orderSQL is the order of rows: as asked, then by the keys, so that pages follow
// one another.
func (q *query) orderSQL() string {
	var out []string
	for _, item := range q.order {
		sql := q.col.Object
		if f, ok := q.find(item.name); ok {
			sql = expression(f)
		}
		if item.descending {
			sql += " DESC"
		}
		out = append(out, sql)
	}
	for _, k := range q.col.Keys {
		out = append(out, k.SQL)
	}
	return strings.Join(out, ", ")
}

// conditions hold rows to the collection and to what is asked.
func (q *query) conditions() string {
	return strings.Join(append([]string{q.col.Where}, q.where...), " AND ")
}

// shapeSQL is the expression of a geometry in the answer's system.
func (q *query) shapeSQL() string {
	g := q.col.Geom
	if q.out.crs.SRID != q.col.County.SRID {
		g = fmt.Sprintf("ST_Transform(%s, %d)", g, q.out.crs.SRID)
	}
	return g
}

// page is the statement of a page: number, fields, geometry. The rows are chosen
// inside, so that none but those shown are written.
func (q *query) page() string {
	pairs := []string{"'" + objectID + "', " + q.col.Object}
	for _, f := range q.fields {
		pairs = append(pairs, "'"+f.Name+"', "+expression(f)) // names are the program's own
	}
	shape := "NULL::bytea"
	if q.geometry {
		shape = q.shapeSQL()
		if q.simplify > 0 {
			shape = fmt.Sprintf("ST_Multi(ST_SimplifyPreserveTopology(%s, %s))", shape, q.arg(q.simplify))
		}
		shape = "ST_AsBinary(" + shape + ")"
	}
	order := q.orderSQL()
	return fmt.Sprintf("SELECT %s, json_build_object(%s)::text, %s FROM (SELECT t.* FROM %s WHERE %s ORDER BY %s LIMIT %s OFFSET %s) t ORDER BY %s",
		q.col.Object, strings.Join(pairs, ", "), shape, q.col.From, q.conditions(), order, q.arg(q.limit+1), q.arg(q.offset), order)
}

// allIDs is the statement of the numbers alone; without a page it has all of them.
func (q *query) allIDs() string {
	limit := maxAllIDs + 1
	if q.paged && q.limit < maxRecords {
		limit = q.limit
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT %s OFFSET %s", q.col.Object, q.col.From, q.conditions(), q.orderSQL(), q.arg(limit), q.arg(q.offset))
}

// known is how many features match where that stands with the version; -1: they
// are to be counted.
func (q *query) known(scope string) int {
	if q.selected || scope != "" {
		return -1
	}
	return cmp.Or(q.col.Total, -1)
}
