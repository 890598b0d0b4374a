package esri

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gengheng/internal/collection"
)

// table is an answer of groups: distinct values, or statistics.
type table struct {
	columns []column
	groups  int // of the columns, the first ones
}

// column is one column of a table.
type column struct {
	name, alias, kind, sql string
}

// column finds one by its name; -1: there is none.
func (t *table) column(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

// statistics are the functions of outStatistics; integers stay exact decimals.
var statistics = map[string]string{"count": "count(%s)", "sum": "sum(%s)", "min": "min(%s)", "max": "max(%s)", "avg": "avg(%s)",
	"stddev": "stddev_samp(%s)", "var": "var_samp(%s)"}

// statistic is one of outStatistics.
type statistic struct {
	Type  string `json:"statisticType"`
	Field string `json:"onStatisticField"`
	As    string `json:"outStatisticFieldName"`
}

func (q *query) readTable(p map[string]string) error {
	distinct, err := flag(p, "returnDistinctValues", false)
	if err != nil {
		return err
	}
	text, groups := p["outstatistics"], list(p["groupbyfieldsforstatistics"])
	switch {
	case text == "" && len(groups) > 0:
		return bad("statistics", "groupByFieldsForStatistics 须与 outStatistics 同用。 It needs outStatistics.")
	case text == "" && !distinct:
		return nil
	case text != "" && distinct:
		return bad("statistics", "outStatistics 与 returnDistinctValues 不能同时使用。 Use one of the two.")
	case q.ids || q.box || q.format == "geojson":
		return bad("statistics", "统计和唯一值没有要素，不能与 returnIdsOnly、returnExtentOnly、f=geojson 同用。 There are no features in the answer.")
	}
	q.table = &table{}
	if distinct {
		groups = nil
		for _, f := range q.fields {
			groups = append(groups, f.Name)
		}
		if len(groups) == 0 {
			return bad("distinct", "returnDistinctValues=true 时请在 outFields 中列出字段（OBJECTID 除外）。 Name the fields in outFields.")
		}
	}
	for _, name := range groups {
		f, ok := q.find(name)
		if !ok {
			return q.unknownField("分组字段", name)
		}
		q.table.columns = append(q.table.columns, column{f.Name, f.Title, fieldTypes[f.Kind], expression(f)})
	}
	q.table.groups = len(q.table.columns)
	if text == "" {
		return nil
	}
	var wanted []statistic
	if err := json.Unmarshal([]byte(text), &wanted); err != nil || len(wanted) == 0 || len(wanted) > maxStatistics {
		return bad("statistics", fmt.Sprintf("outStatistics 应为 1 至 %d 项的 JSON 数组。 It is a JSON array.", maxStatistics))
	}
	for _, s := range wanted {
		if err := q.addStatistic(s); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) addStatistic(s statistic) error {
	function, ok := statistics[strings.ToLower(s.Type)]
	if !ok {
		return bad("statistics", fmt.Sprintf("statisticType=%s 不支持；可用 count、sum、min、max、avg、stddev、var。 The statistic is not supported.", excerpt(s.Type)))
	}
	counts := strings.EqualFold(s.Type, "count")
	sql, kind := q.col.Object, "esriFieldTypeOID"
	if !strings.EqualFold(s.Field, objectID) && !(counts && s.Field == "*") {
		f, ok := q.find(s.Field)
		if !ok {
			return q.unknownField("outStatistics", s.Field)
		}
		sql, kind = expression(f), fieldTypes[f.Kind]
		numeric := f.Kind == collection.Integer || f.Kind == collection.Number || f.Kind == collection.Boolean
		if !numeric && !counts && !(f.Kind == collection.Text && (strings.EqualFold(s.Type, "min") || strings.EqualFold(s.Type, "max"))) {
			return bad("statistics", fmt.Sprintf("字段 %s 不是数值，不能求 %s。 The field is no number.", f.Name, s.Type))
		}
	}
	switch {
	case counts:
		kind = "esriFieldTypeInteger"
	case kind == "esriFieldTypeOID":
		kind = "esriFieldTypeInteger"
	}
	if t := strings.ToLower(s.Type); t == "sum" || t == "avg" || t == "stddev" || t == "var" {
		kind = "esriFieldTypeDouble"
	}
	name := s.As
	if name == "" {
		name = strings.ToUpper(s.Type) + "_" + s.Field
	}
	if !plainText(name) || utf8.RuneCountInString(name) > 128 || q.table.column(name) >= 0 {
		return bad("statistics", fmt.Sprintf("outStatisticFieldName=%s 重复或过长。 The name is taken or too long.", excerpt(name)))
	}
	q.table.columns = append(q.table.columns, column{name, name, kind, fmt.Sprintf(function, sql)})
	return nil
}

// groupsSQL is the statement of the groups, its columns c0, c1, …
func (q *query) groupsSQL() string {
	var columns, groups []string
	for i, c := range q.table.columns {
		columns = append(columns, fmt.Sprintf("%s AS c%d", c.sql, i))
		if i < q.table.groups {
			groups = append(groups, c.sql)
		}
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s", strings.Join(columns, ", "), q.col.From, q.conditions())
	if len(groups) > 0 {
		sql += " GROUP BY " + strings.Join(groups, ", ")
	}
	return sql
}

// rows is the statement of a page of the table: each row a JSON object. The names
// of statistics are the caller's, so they are parameters.
func (t *table) rows(q *query) string {
	var pairs, order []string
	for i, c := range t.columns {
		pairs = append(pairs, fmt.Sprintf("%s::text, x.c%d", q.arg(c.name), i))
	}
	for _, item := range q.order {
		word := fmt.Sprintf("x.c%d", t.column(item.name))
		if item.descending {
			word += " DESC"
		}
		order = append(order, word)
	}
	for i := range t.groups {
		order = append(order, fmt.Sprintf("x.c%d", i))
	}
	if len(order) == 0 {
		order = []string{"1"}
	}
	return fmt.Sprintf("SELECT json_build_object(%s)::text FROM (%s) x ORDER BY %s LIMIT %s OFFSET %s",
		strings.Join(pairs, ", "), q.groupsSQL(), strings.Join(order, ", "), q.arg(q.limit+1), q.arg(q.offset))
}
