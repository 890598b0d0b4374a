package ogc

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/download"
)

// Bounds of a page. maxOffset serves programs that only know offset; whoever
// follows next has no bound.
const (
	defaultLimit = 10
	maxLimit     = 1000
	maxOffset    = 100_000
	// maxCount is up to where numberMatched is counted.
	maxCount = 50_000
	// maxPage ends a page early, in bytes, so that memory is bounded.
	maxPage = 8 << 20
)

// query is what one request asks of a collection.
type query struct {
	col           *collection.Collection
	limit, offset int
	after         *cursor
	out, boxCRS   collection.CRS
	filterCRS     collection.CRS
	where         []string
	args          []any // $1 and $2 are the collection's own
	only          []string
	filtered      bool // by a filter of the caller's
	simplify      float64
	// of a download
	format   download.Format
	encoding string
}

func newQuery(col *collection.Collection) *query {
	return &query{col: col, limit: defaultLimit, out: collection.CRS84, boxCRS: collection.CRS84, filterCRS: collection.CRS84, args: col.Args()}
}

// arg adds a parameter and gives its name.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// apply reads the parameters, in the order in which the classes brought them.
func (q *query) apply(params []param, values url.Values) error {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.name
	}
	for name := range values {
		if name != "f" && !slices.Contains(names, name) {
			return unknownParam(name, names)
		}
	}
	for _, p := range params {
		if values.Has(p.name) {
			if err := p.set(q, values.Get(p.name)); err != nil {
				return err
			}
		}
	}
	if q.after != nil && q.offset > 0 {
		return bad("offset", "cursor 与 offset 不能同时使用。 Use either cursor or offset.")
	}
	return nil
}

func coreParams() []param {
	return []param{
		{name: "limit", text: "每页要素数 · features of a page", schema: map[string]any{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}, set: setLimit},
		{name: "offset", text: "跳过的要素数；请优先使用 next 链接 · features to skip; rather follow next", schema: map[string]any{"type": "integer", "minimum": 0, "maximum": maxOffset, "default": 0}, set: setOffset},
		{name: "cursor", text: "next 链接中的位置 · a place, from a next link", schema: map[string]any{"type": "string", "maxLength": maxCursor}, set: setCursor},
		{name: "bbox", text: "范围：最小、最大，4 或 6 个数 · minima and maxima, 4 or 6 numbers", schema: map[string]any{"type": "array", "minItems": 4, "maxItems": 6, "items": map[string]any{"type": "number"}}, set: setBBox},
		{name: "datetime", text: "时刻或时段；各图层没有时间属性，全部符合 · an instant or interval; no collection has a time, so all match", schema: map[string]any{"type": "string"}, set: setDatetime},
		{name: "properties", text: "只要这些字段，逗号分隔 · only these fields", feature: true, schema: map[string]any{"type": "array", "items": map[string]any{"type": "string"}}, set: setProperties},
		{name: simplifyParam, text: "边界可以简化，偏离不超过这么多米；只供看图，可编辑的图层不能用 · boundaries may be simplified by so many metres, for showing; not of what can be edited", schema: map[string]any{"type": "number", "minimum": 0, "maximum": maxSimplify}, set: setSimplify},
	}
}

func setLimit(q *query, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return bad("limit", fmt.Sprintf("limit=%s 应为 1 到 %d 的整数。 limit is a whole number from 1.", excerpt(value), maxLimit))
	}
	q.limit = min(n, maxLimit) // Part 1, 7.15.2: more than the maximum is no error
	return nil
}

func setOffset(q *query, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > maxOffset {
		return bad("offset", fmt.Sprintf("offset=%s 应为 0 到 %d 的整数；更远请用 next 链接。 offset is from 0 to %d; beyond that follow next.", excerpt(value), maxOffset, maxOffset))
	}
	q.offset = n
	return nil
}

func numbers(value string) ([]float64, bool) {
	parts := strings.SplitN(value, ",", 8)
	out := make([]float64, len(parts))
	for i, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || math.IsNaN(v) || math.Abs(v) > 1e9 {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

func setBBox(q *query, value string) error {
	v, ok := numbers(value)
	if !ok || len(v) != 4 && len(v) != 6 {
		return bad("bbox", fmt.Sprintf("bbox=%s 应为 4 个（或含高程 6 个）逗号分隔的数。 bbox is 4 or 6 numbers.", excerpt(value)))
	}
	if len(v) == 6 {
		v = []float64{v[0], v[1], v[3], v[4]} // land has no height here
	}
	list, err := q.boxCRS.Boxes([4]float64(v), q.col.County)
	if err != nil {
		return err
	}
	var any []string
	for _, b := range list {
		any = append(any, q.col.Within(b, q.arg))
	}
	if len(any) == 0 {
		any = []string{"false"}
	}
	q.where = append(q.where, "("+strings.Join(any, " OR ")+")")
	return nil
}

func setProperties(q *query, value string) error {
	for name := range strings.SplitSeq(value, ",") {
		if !slices.ContainsFunc(q.col.Fields, func(f collection.Field) bool { return f.Name == name }) {
			return bad("properties", fmt.Sprintf("图层 %s 没有字段 %s；字段：%s。 The collection has no such field.", q.col.ID, excerpt(name), strings.Join(fieldNames(q.col), "、")))
		}
		q.only = append(q.only, name)
	}
	return nil
}

const (
	simplifyParam = "max-allowable-offset"
	maxSimplify   = 10_000 // metres
)

// setSimplify lets boundaries be drawn coarsely. What can be edited has none but its
// true one: a coarse boundary that came back would be another parcel.
func setSimplify(q *query, value string) error {
	v, ok := numbers(value)
	if !ok || len(v) != 1 || v[0] < 0 || v[0] > maxSimplify {
		return bad(simplifyParam, fmt.Sprintf("%s=%s 应为 0 到 %d 的数，单位米。 It is a number of metres from 0 to %d.", simplifyParam, excerpt(value), maxSimplify, maxSimplify))
	}
	if q.col.Editable() {
		return bad(simplifyParam, fmt.Sprintf("图层 %s 可编辑，不给简化的边界；请去掉 %s。 The boundaries of what can be edited are not simplified.", q.col.ID, simplifyParam))
	}
	q.simplify = v[0]
	return nil
}

func fieldNames(c *collection.Collection) []string {
	out := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		out[i] = f.Name
	}
	return out
}

// cursor is where a page begins: after this row of this version. Whoever makes
// one up sees nothing but what the same request shows from another row on.
type cursor struct {
	Pin  string   `json:"v"`
	Keys []string `json:"k"`
}

// maxCursor is in bytes: two texts and a version.
const maxCursor = 1024

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // cannot be: text only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func setCursor(q *query, value string) error {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	ok := err == nil && len(value) <= maxCursor && plainText(c.Pin)
	for _, k := range c.Keys {
		ok = ok && plainText(k)
	}
	if ok {
		_, ok = q.col.Values(c.Keys)
	}
	if !ok || (c.Pin == "") != (q.col.Pin == "") {
		return bad("cursor", "cursor 应为上一页 next 链接中的值，且属于同一图层。 cursor is from a next link of the same collection.")
	}
	q.after = &c
	return nil
}

// page is the statement that gives a page. The rows are chosen inside, so that none
// but those shown is brought to another CRS.
func (q *query) page() (string, []any) {
	where := q.conditions()
	var order []string
	for _, k := range q.col.Keys {
		order = append(order, k.SQL)
	}
	if q.after != nil {
		values, _ := q.col.Values(q.after.Keys) // checked by setCursor
		marks := make([]string, len(values))
		for i, v := range values {
			marks[i] = q.arg(v)
		}
		where += fmt.Sprintf(" AND (%s) > (%s)", strings.Join(order, ", "), strings.Join(marks, ", "))
	}
	by := strings.Join(order, ", ")
	return fmt.Sprintf("SELECT %s FROM (SELECT t.* FROM %s WHERE %s ORDER BY %s LIMIT %s OFFSET %s) t ORDER BY %s",
		q.columns(), q.col.From, where, by, q.arg(q.limit+1), q.arg(q.offset), by), q.args
}

func (q *query) conditions() string {
	return strings.Join(append([]string{q.col.Where}, q.where...), " AND ")
}

// count is the statement that counts what matches, up to one more than maxCount.
func (q *query) count() (string, []any) {
	args := slices.Clone(q.args)
	return fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s WHERE %s LIMIT %d) n", q.col.From, q.conditions(), maxCount+1), args
}

// one is the statement that gives one feature, and the version of what can be
// edited of it.
func (q *query) one(keys []any) (string, []any) {
	where := q.conditions()
	for i, k := range q.col.Keys {
		where += " AND " + k.SQL + " = " + q.arg(keys[i])
	}
	return fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s", q.columns(), cmp.Or(q.col.Version, "''"), q.col.From, where), q.args
}
