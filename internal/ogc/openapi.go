package ogc

import (
	"net/url"
	"strings"

	"gengheng/internal/collection"
)

// openAPI is Requirements Class "OpenAPI 3.0": the definition of what is
// registered, for the county's collections of the moment. QGIS and GDAL read the
// page size at components.parameters.limit, and which fields a query may name
// under each collection's own path.
func (s *Service) openAPI() class {
	return class{
		conforms: []string{"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30"},
		routes:   []Route{{ID: "ogcAPI", Path: "/api", Handle: s.showAPI, summary: "接口说明 · this definition", media: mediaOpenAPI}},
	}
}

type tree = map[string]any

func (s *Service) showAPI(c *Call) error {
	ctx := c.R.Context()
	return c.Read(ctx, func(q Querier) error {
		cat, err := s.registry.Catalogue(ctx, q, c.County)
		if err != nil {
			return err
		}
		return send(c, mediaOpenAPI, s.definition(c.Root, cat))
	})
}

func (s *Service) definition(root string, cat *collection.Catalogue) tree {
	components := tree{"f": parameter(param{name: "f", text: "格式 · format", schema: tree{"type": "string", "enum": []string{"json", "geojson"}}}),
		"featureId": tree{"name": "featureId", "in": "path", "required": true, "description": "要素编号 · a feature's id", "schema": tree{"type": "string"}}}
	for _, cl := range s.classes {
		for _, p := range cl.params {
			components[p.name] = parameter(p)
		}
	}
	paths := tree{}
	for _, r := range s.Routes() {
		if !strings.Contains(r.Path, "{collection}") {
			paths[at(r.Path)] = tree{"get": operation(r, r.ID, r.summary, []any{reference("f")})}
			continue
		}
		for _, col := range cat.Collections {
			path := strings.NewReplacer("{collection}", url.PathEscape(col.ID), "{feature}", "{featureId}").Replace(r.Path)
			paths[path] = tree{"get": operation(r, r.ID+"_"+col.ID, col.Title+"："+r.summary, s.references(r, col, components))}
		}
	}
	return tree{"openapi": "3.0.3",
		"info":    tree{"title": "耕衡 · " + cat.County.Name + "（" + cat.County.Code + "）", "version": "1.0.0", "description": "OGC API – Features，只读。 Read-only."},
		"servers": []any{tree{"url": root}}, "paths": paths,
		"components": tree{"parameters": components, "securitySchemes": tree{"key": tree{"type": "http", "scheme": "bearer"}, "basic": tree{"type": "http", "scheme": "basic"}}},
		"security":   []any{tree{"basic": []string{}}, tree{"key": []string{}}}}
}

// at is a path of the definition; the landing page is "/".
func at(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func parameter(p param) tree {
	v := tree{"name": p.name, "in": "query", "required": false, "description": p.text, "schema": p.schema}
	if p.schema["type"] == "array" {
		v["style"], v["explode"] = "form", false
	}
	return v
}

func reference(name string) tree { return tree{"$ref": "#/components/parameters/" + name} }

// references are the parameters of an address of a collection. Those of a
// collection's fields stand with the path, the others are shared.
func (s *Service) references(r Route, col *collection.Collection, components tree) []any {
	list := []any{reference("f")}
	if r.feature {
		list = append(list, reference("featureId"))
	}
	if !r.items && !r.feature {
		return list
	}
	for _, p := range s.params(col, r.feature) {
		if _, shared := components[p.name]; shared {
			list = append(list, reference(p.name))
		} else {
			list = append(list, parameter(p))
		}
	}
	return list
}

func operation(r Route, id, summary string, parameters []any) tree {
	media := r.media
	answers := tree{"200": tree{"description": "成功 · the answer", "content": tree{media: tree{"schema": tree{"type": "object"}}}}}
	for code, text := range map[string]string{"400": "请求有误 · bad request", "401": "需要登录 · unauthorized", "403": "无权 · forbidden", "404": "未找到 · not found", "406": "没有这种格式 · not acceptable", "503": "超时，请稍后 · try again later"} {
		answers[code] = tree{"description": text, "content": tree{"application/problem+json": tree{"schema": tree{"type": "object"}}}}
	}
	return tree{"operationId": id, "summary": summary, "parameters": parameters, "responses": answers}
}
