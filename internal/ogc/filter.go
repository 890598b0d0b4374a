package ogc

import (
	"errors"
	"fmt"

	"gengheng/internal/collection"
	"gengheng/internal/cql"
)

// filter is OGC 19-079r2, Requirements Classes "Filter" and "Features Filter", with
// CQL2 text (OGC 21-065r2). QGIS before 3.44 looks for the old name of the basic
// spatial functions only; without it, it filters by place in its own memory.
func filter() class {
	const part3, cql2 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/", "http://www.opengis.net/spec/cql2/1.0/conf/"
	return class{
		conforms: []string{part3 + "filter", part3 + "features-filter",
			cql2 + "cql2-text", cql2 + "basic-cql2", cql2 + "advanced-comparison-operators", cql2 + "case-insensitive-comparison",
			cql2 + "basic-spatial-functions", cql2 + "basic-spatial-operators", cql2 + "basic-spatial-functions-plus"},
		params: []param{
			{name: "filter-crs", text: "filter 中坐标的坐标系与轴序 · the CRS and axis order of coordinates in filter", schema: map[string]any{"type": "string", "format": "uri"},
				set: func(q *query, value string) error {
					v, err := q.col.County.System("filter-crs", value)
					q.filterCRS = v
					return err
				}},
			{name: "filter-lang", text: "过滤语言 · the filter's language", schema: map[string]any{"type": "string", "enum": []string{"cql2-text"}, "default": "cql2-text"},
				set: func(_ *query, value string) error {
					if value != "cql2-text" {
						return bad("filter-lang", fmt.Sprintf("filter-lang=%s 不支持，只有 cql2-text。 There is cql2-text only.", excerpt(value)))
					}
					return nil
				}},
			{name: "filter", text: "过滤条件（CQL2 文本） · a condition in CQL2 text", schema: map[string]any{"type": "string", "maxLength": cql.DefaultMaxBytes}, set: setFilter},
		},
	}
}

// cqlKinds are the kinds of fields that filters may name.
var cqlKinds = map[collection.Kind]cql.Kind{collection.Text: cql.Text, collection.Integer: cql.Integer, collection.Number: cql.Number, collection.Boolean: cql.Boolean}

func setFilter(q *query, value string) error {
	// geometry is what a feature and its schema call it
	list := []cql.Queryable{{Name: geometryName, Kind: cql.Geometry, Column: q.col.Geom}, {Name: "geometry", Kind: cql.Geometry, Column: q.col.Geom}}
	for _, f := range q.col.Fields {
		if k, ok := cqlKinds[f.Kind]; ok {
			list = append(list, cql.Queryable{Name: f.Name, Kind: k, Column: f.SQL})
		}
	}
	parsed, err := cql.Parse(value, list, cql.Options{StorageSRID: q.col.County.SRID, FilterSRID: q.filterCRS.SRID, FilterInverted: q.filterCRS.Inverted})
	var wrong *cql.Error
	if errors.As(err, &wrong) {
		return bad(string(wrong.Code), wrong.Error())
	}
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	condition, args := parsed.SQL(q.args)
	q.where, q.args, q.filtered = append(q.where, condition), args, true
	return nil
}
