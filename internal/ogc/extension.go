package ogc

import (
	"regexp"
	"slices"
	"strings"
)

// Extension is a conformance class that another room brings: vector tiles. Its
// addresses stand below the landing page, are checked like the others, and are
// declared with them.
type Extension struct {
	Conforms []string
	Routes   []Route
	// Landing and Links are what it adds to the links of the landing page and of a
	// collection, by the address of either.
	Landing, Links func(at string) []Link
}

// Link is a link of RFC 8288.
type Link = link

// Answer sends v as JSON.
func Answer(c *Call, v any) error { return send(c, mediaJSON, v) }

// Matches says whether If-None-Match names the entity tag.
func Matches(header, tag string) bool { return matches(header, tag) }

func (e Extension) class() class {
	return class{conforms: e.Conforms, routes: e.Routes, landing: e.Landing, links: e.Links}
}

// Parameter is a query parameter that one address of an extension takes.
type Parameter struct {
	Name, Text string
	Schema     map[string]any
}

// NewRoute makes an address that answers GET with a media type. Where that is not
// JSON, formats are the values of f that ask for it.
func NewRoute(id, path, summary, media string, formats []string, handle func(c *Call) error, takes ...Parameter) Route {
	r := Route{ID: id, Path: path, Handle: handle, summary: summary, media: media, formats: formats}
	for _, p := range takes {
		r.query = append(r.query, param{name: p.Name, text: p.Text, schema: p.Schema})
	}
	return r
}

func (r Route) asks(name string) bool { return slices.Contains(r.asked(), name) }

func (r Route) asked() []string {
	var out []string
	for _, p := range r.query {
		out = append(out, p.name)
	}
	return out
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// parameters describes what an address alone takes: of its path what is neither
// the collection nor the feature, and of its query.
func (r Route) parameters() []any {
	list := []any{}
	for _, m := range pathParameter.FindAllStringSubmatch(r.Path, -1) {
		if m[1] != "collection" && m[1] != "feature" {
			list = append(list, tree{"name": m[1], "in": "path", "required": true, "schema": tree{"type": "string"}})
		}
	}
	for _, p := range r.query {
		list = append(list, parameter(p))
	}
	return list
}

// named is the operation's name for a collection. OGC API – Tiles finds its
// operations by how their names end.
func (r Route) named(collection string) string {
	if strings.Contains(r.ID, ".") {
		return collection + "." + r.ID
	}
	return r.ID + "_" + collection
}
