package ogc

import (
	"fmt"
	"regexp"
	"strconv"
)

// geometryName is the queryable of every collection's geometry.
const geometryName = "geom"

// queryables is OGC 19-079r2, Requirements Classes "Queryables" and "Queryables as
// Query Parameters": a field may be asked to equal a value.
func (s *Service) queryables() class {
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
			"http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters"},
		routes: []Route{{ID: "ogcQueryables", Path: "/collections/{collection}/queryables", Handle: s.showQueryables, summary: "可查询字段 · the queryables", media: mediaSchema}},
		fields: func(col *collection) []param {
			var out []param
			for _, f := range col.fields {
				if f.kind != object {
					out = append(out, param{name: f.name, text: f.title, schema: f.schema(), set: func(q *query, value string) error { return q.equals(f, value) }})
				}
			}
			return out
		},
		links: func(at string) []link {
			return []link{{at + "/queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", mediaSchema, "可查询字段 · queryables"}}
		},
	}
}

// schema is a field as JSON Schema, with its Chinese title.
func (f field) schema() map[string]any {
	v := map[string]any{"title": f.title, "type": map[kind]string{text: "string", integer: "integer", number: "number", boolean: "boolean", object: "object"}[f.kind]}
	if f.unit != "" {
		v["x-ogc-unit"], v["x-ogc-unitLang"] = f.unit, "UCUM"
	}
	return v
}

// geometrySchema describes the geometry both as the standard has it and with the
// $ref that QGIS before 3.44 needs to send spatial filters at all.
func geometrySchema(ref bool) map[string]any {
	v := map[string]any{"title": "图形", "format": "geometry-multipolygon", "x-ogc-role": "primary-geometry"}
	if ref {
		v["$ref"] = "https://geojson.org/schema/MultiPolygon.json"
	}
	return v
}

func (s *Service) showQueryables(c *Call) error {
	ctx := c.R.Context()
	return c.Read(ctx, func(q Querier) error {
		col, err := s.open(ctx, q, c.County, c.Collection)
		if err != nil {
			return err
		}
		properties := map[string]any{geometryName: geometrySchema(true)}
		for _, f := range col.fields {
			if f.kind != object {
				properties[f.name] = f.schema()
			}
		}
		return send(c, mediaSchema, map[string]any{"$schema": schemaDialect, "$id": c.Root + "/collections/" + col.id + "/queryables",
			"type": "object", "title": col.title, "description": col.text, "properties": properties, "additionalProperties": false})
	})
}

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

var decimal = regexp.MustCompile(`^[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})$`)

// equals adds the condition that a field has a value.
func (q *query) equals(f field, value string) error {
	var v any = value
	var err error
	cast := ""
	switch f.kind {
	case integer:
		v, err = strconv.ParseInt(value, 10, 64)
		cast = "::bigint"
	case number:
		cast = "::text::numeric" // exact: areas are decimals of the database
		if !decimal.MatchString(value) {
			err = strconv.ErrSyntax
		}
	case boolean:
		v, err = strconv.ParseBool(value)
		cast = "::boolean"
		if value != "true" && value != "false" {
			err = strconv.ErrSyntax
		}
	default:
		cast = "::text"
	}
	if err != nil {
		want := map[kind]string{integer: "整数 · a whole number", number: "十进制数 · a decimal number", boolean: "true 或 false"}[f.kind]
		return bad("value", fmt.Sprintf("%s=%s 应为%s。 The value is of the wrong type.", f.name, excerpt(value), want))
	}
	q.where = append(q.where, f.sql+" = "+q.arg(v)+cast)
	return nil
}
