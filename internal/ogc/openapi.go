package ogc

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/download"
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
	components := tree{"f": parameter(param{name: "f", text: "格式 · format", schema: tree{"type": "string", "enum": []string{"json", "geojson", "mvt"}}}),
		"featureId": tree{"name": "featureId", "in": "path", "required": true, "description": "要素编号 · a feature's id", "schema": tree{"type": "string"}}}
	for _, cl := range s.classes {
		for _, p := range cl.params {
			components[p.name] = parameter(p)
		}
	}
	paths := tree{}
	add := func(path string, r Route, v tree) {
		item, _ := paths[path].(tree)
		if item == nil {
			item = tree{}
			paths[path] = item
		}
		item[strings.ToLower(cmp.Or(r.Method, "get"))] = v
	}
	for _, r := range s.Routes() {
		if r.Method == http.MethodOptions {
			continue
		}
		if !strings.Contains(r.Path, "{collection}") {
			add(at(r.Path), r, operation(r, r.ID, r.summary, append(r.parameters(), reference("f"))))
			continue
		}
		for _, col := range cat.Collections {
			if r.Method != "" && !col.Editable() {
				continue
			}
			path := strings.NewReplacer("{collection}", url.PathEscape(col.ID), "{feature}", "{featureId}").Replace(r.Path)
			add(path, r, operation(r, r.named(col.ID), col.Title+"："+r.summary, s.references(r, col, components)))
		}
	}
	return tree{"openapi": "3.0.3",
		"info":    tree{"title": "耕衡 · " + cat.County.Name + "（" + cat.County.Code + "）", "version": "1.0.0", "description": "OGC API – Features；申报地块可编辑。 Declared parcels can be edited."},
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
	list := append(r.parameters(), reference("f"))
	if r.file {
		list = []any{tree{"name": "Prefer", "in": "header", "required": false, "description": "respond-async：排成任务，答 202 · have a job make the file",
			"schema": tree{"type": "string", "enum": []string{"respond-async"}}}}
		for _, p := range s.fileParams(col) {
			if _, shared := components[p.name]; shared && p.name != "f" {
				list = append(list, reference(p.name))
			} else {
				list = append(list, parameter(p))
			}
		}
		return list
	}
	if strings.Contains(r.Path, "{feature}") {
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

// files adds every type that a download can have to the content of an answer.
func files(content tree) tree {
	for _, f := range download.Formats() {
		content[f.Media] = tree{"schema": tree{"type": "string", "format": "binary"}}
	}
	return content
}

func operation(r Route, id, summary string, parameters []any) tree {
	content := func(media string) tree { return tree{media: tree{"schema": tree{"type": "object"}}} }
	answers := tree{}
	refusals := map[string]string{"400": "请求有误 · bad request", "401": "需要登录 · unauthorized", "403": "无权 · forbidden", "404": "未找到 · not found", "503": "超时，请稍后 · try again later"}
	switch r.Method {
	case "":
		answers["200"] = tree{"description": "成功 · the answer", "content": content(r.media)}
		if r.results {
			answers["200"] = tree{"description": "结果，或下载任务的文件 · the results, or a download's file", "content": files(content(r.media))}
			refusals["410"], refusals["422"] = "文件已过期 · the file has expired", "任务没有做成 · the job failed"
			break
		}
		if r.file {
			answers["200"] = tree{"description": "文件 · the file", "content": files(tree{})}
			answers["202"] = tree{"description": "已排成任务，地址在 Location；结果是文件 · begun as a job, whose result is the file", "content": content(mediaJSON)}
			refusals["422"] = "写不成这种文件 · cannot be written so"
			break
		}
		refusals["406"] = "没有这种格式 · not acceptable"
	case http.MethodPost:
		answers["201"] = tree{"description": "已新建，地址在 Location · made", "content": content(r.media)}
	case http.MethodDelete:
		answers["204"] = tree{"description": "已删除 · deleted"}
	default:
		answers["200"] = tree{"description": "修改后的要素 · the feature as it is now", "content": content(r.media)}
	}
	if r.statuses != nil {
		clear(answers)
		for code, text := range r.statuses {
			answers[code] = tree{"description": text, "content": content(r.media)}
		}
	}
	v := tree{"operationId": id, "summary": summary, "parameters": parameters, "responses": answers}
	if r.Method != "" {
		refusals["409"], refusals["412"] = "与现状冲突：已锁定、编号已有 · conflict", "版本已变 · precondition failed"
	}
	if r.takes != "" {
		refusals["413"], refusals["415"], refusals["422"] = "请求体过大 · too large", "不支持的内容类型 · unsupported media type", "内容有误 · unprocessable"
		v["requestBody"] = tree{"required": true, "content": content(r.takes)}
	}
	for code, text := range refusals {
		answers[code] = tree{"description": text, "content": content("application/problem+json")}
	}
	return v
}
