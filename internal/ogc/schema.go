package ogc

import "gengheng/internal/collection"

// schemas is OGC 23-058r1, Part 5: what a feature's properties are, in order, with
// Chinese titles. QGIS takes aliases and types from it.
func (s *Service) schemas() class {
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
			"http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
			"http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/returnables-and-receivables"},
		routes: []Route{{ID: "ogcSchema", Path: "/collections/{collection}/schema", Handle: s.showSchema, summary: "字段结构 · the schema of features", media: mediaSchema}},
		links: func(at string) []link {
			return []link{{at + "/schema", "http://www.opengis.net/def/rel/ogc/1.0/schema", mediaSchema, "字段结构 · schema"}}
		},
	}
}

func (s *Service) showSchema(c *Call) error {
	ctx := c.R.Context()
	return c.Read(ctx, func(q Querier) error {
		col, err := s.registry.Open(ctx, q, c.County, c.Collection)
		if err != nil {
			return err
		}
		properties := map[string]any{
			"id":       map[string]any{"title": "要素编号", "type": "string", "readOnly": true, "x-ogc-role": "id", "x-ogc-propertySeq": 1},
			"geometry": geometrySchema(false),
		}
		for i, f := range col.Fields {
			v := schemaOf(f)
			v["x-ogc-propertySeq"] = i + 2
			if !f.Writable() {
				v["readOnly"] = true
			}
			properties[f.Name] = v
		}
		v := map[string]any{"$schema": schemaDialect, "$id": c.Root + "/collections/" + col.ID + "/schema",
			"type": "object", "title": col.Title, "description": col.Text, "properties": properties}
		if col.Editable() {
			v["required"] = []string{collection.NumberField}
		}
		return send(c, mediaSchema, v)
	})
}
