// Package ogc is OGC API – Features for desktop GIS (桌面 GIS 的要素接口): a county's
// survey, layers, declarations, findings and plan as collections that QGIS, GDAL
// and ArcGIS Pro read, and the declared parcels as collections that QGIS edits.
// What an edit means is not said here: the service that a request came through
// carries it out.
//
// Each conformance class has a file of its own and says there what it brings:
// its URI, its routes, its parameters. The conformance declaration is put
// together from the classes that are registered, and a parameter or a route that
// no registered class brings is refused: the declaration cannot promise what is
// not there.
//
// Rows are read in the caller's transaction, so that row-level security decides
// what a township sees. Coordinates are in CRS84 unless another is asked for;
// CGCS2000 degrees are taken for WGS 84 degrees, which they are to a few
// centimetres.
package ogc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"gengheng/internal/collection"
)

// Querier reads.
type Querier = collection.Querier

// Problem is an error that the caller is meant to see: RFC 9457.
type Problem = collection.Problem

// Call is one request, as the service that it came through knows it.
type Call struct {
	W http.ResponseWriter
	R *http.Request
	// County is the six-digit code; Collection and Feature are what the path
	// names, unescaped.
	County, Collection, Feature string
	// Params are all that the path names, unescaped.
	Params map[string]string
	// Runner carries processes out.
	Runner Runner
	// Root is the landing page's address without a slash at its end.
	Root string
	// Scope is the township that the caller's sight ends at; "" is the whole county.
	Scope string
	// Child is the path of gengheng-gdal, which writes files; empty finds it.
	Child string
	// Editor: the caller may declare.
	Editor bool
	// Edit carries changes out, all or none, and fills in the year of a new feature.
	Edit func(ctx context.Context, changes []collection.Change) error
	// Read runs fn in a transaction that sees one state of the data, and of it what
	// the caller may see.
	Read func(ctx context.Context, fn func(q Querier) error) error
	// Moment names the state of the data: where it is the same, so is all that a Read
	// sees. "" is no state in particular.
	Moment func(ctx context.Context) (string, error)
}

// Route is one address: Path is below the landing page, with {collection} and
// {feature}. ID names it in the policy.
type Route struct {
	// Method is "" for GET.
	ID, Method, Path string
	Handle           func(c *Call) error

	summary string
	items   bool // takes the parameters of a collection's items
	feature bool // takes those of one feature
	file    bool // takes those of a download
	results bool // answers with what a job made, which may be a file
	media   string
	takes   string   // the type of the body
	query   []param  // parameters of this address alone
	formats []string // what f may ask for where the answer is no JSON
	// statuses are the answers, where they are not those of the method
	statuses map[string]string
}

// class is what a conformance class brings.
type class struct {
	conforms []string
	routes   []Route
	params   []param
	// fields are parameters that a collection's own fields make.
	fields func(col *collection.Collection) []param
	// links are what the class adds to a collection's links, by the collection's address.
	links func(root string) []link
	// landing are what it adds to the landing page's.
	landing func(root string) []link
	// describe adds the class's members to the description of a collection.
	describe func(col *collection.Collection, v *description)
}

// param is a query parameter of items; set is called in the order in which the
// classes are registered.
type param struct {
	name, text string
	schema     map[string]any
	feature    bool // of one feature too
	set        func(q *query, value string) error
}

// Service answers.
type Service struct {
	classes  []class
	registry *collection.Registry
	files    *workshop
	// buffers hold pages while they are written: a page has a megabyte, which would
	// be made and copied over several times
	buffers sync.Pool
}

func (s *Service) buffer() []byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return nil
}

// New makes the service with every class that there is, and those of other rooms.
// The CRS class stands first: what it sets, bbox needs.
func New(more ...Extension) *Service {
	s := &Service{registry: collection.NewRegistry(), files: newWorkshop()}
	s.classes = []class{crsClass(), s.core(), geoJSON(), s.openAPI(), s.queryables(), filter(), s.schemas(), s.edits(), s.downloads(),
		s.processes(), s.jobList(), s.dismiss()}
	for _, e := range more {
		s.classes = append(s.classes, e.class())
	}
	return s
}

// Knowing shares what other doors know of versions.
func (s *Service) Knowing(r *collection.Registry) *Service {
	s.registry = r
	return s
}

// Routes lists every address.
func (s *Service) Routes() []Route {
	var out []Route
	for _, c := range s.classes {
		out = append(out, c.routes...)
	}
	for i, r := range out {
		out[i].Handle = s.checked(r)
	}
	return out
}

// params are the query parameters of a collection's items, or of one feature.
func (s *Service) params(col *collection.Collection, feature bool) []param {
	var out []param
	for _, c := range s.classes {
		for _, p := range c.params {
			if !feature || p.feature {
				out = append(out, p)
			}
		}
		if c.fields != nil && !feature {
			out = append(out, c.fields(col)...)
		}
	}
	return out
}

// checked refuses what holds for every address: text that cannot be, parameters
// given twice, a format that there is not.
func (s *Service) checked(r Route) func(c *Call) error {
	return func(c *Call) error {
		values, err := url.ParseQuery(c.R.URL.RawQuery)
		if err != nil {
			return bad("query", "查询串的转义有误，请用 %XX 形式。 The query string is not properly escaped.")
		}
		for name, list := range values {
			if len(list) > 1 {
				return bad("parameter", fmt.Sprintf("参数 %s 出现了 %d 次，只能给一次。 The parameter is given more than once.", excerpt(name), len(list)))
			}
			if !plainText(name) || !plainText(list[0]) {
				return bad("text", "参数含有空字符或不是 UTF-8。 A parameter holds U+0000 or is not UTF-8.")
			}
			if name != "f" && !r.items && !r.feature && !r.file && !r.asks(name) {
				return unknownParam(name, r.asked())
			}
		}
		if !plainText(c.Collection) || !plainText(c.Feature) || !c.plainParams() {
			return bad("text", "地址含有空字符或不是 UTF-8。 The address holds U+0000 or is not UTF-8.")
		}
		if r.formats != nil {
			if f := values.Get("f"); f != "" && !slices.Contains(r.formats, f) {
				return bad("format", fmt.Sprintf("没有格式 f=%s，可用：%s。 No such format here.", excerpt(f), strings.Join(r.formats, "、")))
			}
		} else if r.Method == "" && !r.file { // whoever sends something gets what there is
			if err := negotiate(c.R, values.Get("f"), r.items || r.feature); err != nil {
				return err
			}
		}
		return r.Handle(c)
	}
}

// plainParams tells whether what the path names is text that can be.
func (c *Call) plainParams() bool {
	for _, v := range c.Params {
		if !plainText(v) {
			return false
		}
	}
	return true
}

func plainText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// negotiate refuses formats that there are not: everything is JSON.
func negotiate(r *http.Request, f string, features bool) error {
	if f != "" {
		if f == "json" || features && f == "geojson" {
			return nil
		}
		return bad("format", fmt.Sprintf("没有格式 f=%s，只有 json。 There is JSON only.", excerpt(f)))
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" {
		return nil
	}
	for one := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(one)), ";")
		media = strings.TrimSpace(media)
		if media == "*/*" || media == "application/*" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "json") {
			return nil
		}
	}
	return &Problem{Status: http.StatusNotAcceptable, Kind: "not-acceptable", Title: "没有这种格式 · Not acceptable",
		Detail: "本接口只有 JSON（application/json、application/geo+json）。 There is JSON only."}
}

// unknownParam names a parameter that is not there, beside those that are.
func unknownParam(name string, known []string) error {
	slices.Sort(known)
	list := "f"
	if len(known) > 0 {
		list = strings.Join(known, "、") + "、f"
	}
	return bad("parameter-unknown", fmt.Sprintf("没有参数 %s；可用的：%s。 No such parameter.", excerpt(name), list))
}

func bad(kind, detail string) *Problem { return collection.Bad(kind, detail) }

func missing(kind, detail string) *Problem { return collection.Missing(kind, detail) }

func excerpt(s string) string { return collection.Excerpt(s) }

// link is a link of RFC 8288.
type link struct {
	Href  string `json:"href"`
	Rel   string `json:"rel"`
	Type  string `json:"type,omitempty"`
	Title string `json:"title,omitempty"`
}

// Media types.
const (
	mediaJSON    = "application/json"
	mediaGeoJSON = "application/geo+json"
	mediaSchema  = "application/schema+json"
	mediaOpenAPI = "application/vnd.oai.openapi+json;version=3.0"
)

// send answers with JSON; < and & stay as they are, since nothing here is HTML.
func send(c *Call, media string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", c.R.URL.Path, err)
	}
	return sendBytes(c, http.StatusOK, media, b.Bytes())
}

// sendBytes answers with a body that is in parts.
func sendBytes(c *Call, status int, media string, body ...[]byte) error {
	h := c.W.Header()
	h.Set("Content-Type", media)
	h.Add("Vary", "Authorization, Accept")
	size := 0
	for _, part := range body {
		size += len(part)
	}
	h.Set("Content-Length", strconv.Itoa(size))
	c.W.WriteHeader(status)
	for _, part := range body {
		if _, err := c.W.Write(part); err != nil {
			return fmt.Errorf("send %s: %w", c.R.URL.Path, err)
		}
	}
	return nil
}
