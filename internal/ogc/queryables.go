package ogc

import (
	"fmt"
	"regexp"
	"strconv"

	"gengheng/internal/collection"
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
		fields: func(col *collection.Collection) []param {
			var out []param
			for _, f := range col.Fields {
				if f.Kind != collection.Object {
					out = append(out, param{name: f.Name, text: f.Title, schema: schemaOf(f), set: func(q *query, value string) error { return q.equals(f, value) }})
				}
			}
			return out
		},
		links: func(at string) []link {
			return []link{{at + "/queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", mediaSchema, "可查询字段 · queryables"}}
		},
	}
}

// schemaOf is a field as JSON Schema, with its Chinese title.
func schemaOf(f collection.Field) map[string]any {
	v := map[string]any{"title": f.Title, "type": map[collection.Kind]string{collection.Text: "string", collection.Integer: "integer", collection.Number: "number", collection.Boolean: "boolean", collection.Object: "object"}[f.Kind]}
	if f.Unit != "" {
		v["x-ogc-unit"], v["x-ogc-unitLang"] = f.Unit, "UCUM"
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
		col, err := s.registry.Open(ctx, q, c.County, c.Collection)
		if err != nil {
			return err
		}
		properties := map[string]any{geometryName: geometrySchema(true)}
		for _, f := range col.Fields {
			if f.Kind != collection.Object {
				properties[f.Name] = schemaOf(f)
			}
		}
		return send(c, mediaSchema, map[string]any{"$schema": schemaDialect, "$id": c.Root + "/collections/" + col.ID + "/queryables",
			"type": "object", "title": col.Title, "description": col.Text, "properties": properties, "additionalProperties": false})
	})
}

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

var decimal = regexp.MustCompile(`^[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})$`)

// equals adds the condition that a field has a value.
func (q *query) equals(f collection.Field, value string) error {
	var v any = value
	var err error
	cast := ""
	switch f.Kind {
	case collection.Integer:
		v, err = strconv.ParseInt(value, 10, 64)
		cast = "::bigint"
	case collection.Number:
		cast = "::text::numeric" // exact: areas are decimals of the database
		if !decimal.MatchString(value) {
			err = strconv.ErrSyntax
		}
	case collection.Boolean:
		v, err = strconv.ParseBool(value)
		cast = "::boolean"
		if value != "true" && value != "false" {
			err = strconv.ErrSyntax
		}
	default:
		cast = "::text"
	}
	if err != nil {
		want := map[collection.Kind]string{collection.Integer: "整数 · a whole number", collection.Number: "十进制数 · a decimal number", collection.Boolean: "true 或 false"}[f.Kind]
		return bad("value", fmt.Sprintf("%s=%s 应为%s。 The value is of the wrong type.", f.Name, excerpt(value), want))
	}
	q.where = append(q.where, f.SQL+" = "+q.arg(v)+cast)
	return nil
}
