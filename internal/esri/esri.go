// Package esri is a FeatureServer of the GeoServices REST specification (要素服务),
// by which ArcGIS Pro, QGIS and GDAL read and edit a county's collections. It opens
// on the same collections as OGC API – Features, under the same row-level
// security, and edits go the same way.
//
// What these clients expect differs from the rest of the service: everything is
// answered with HTTP 200, errors are an object of their own, a request may be a
// query or a form, and a parameter without a value is one that was not given. Coordinates
// are always x, y. A parameter that would change the answer and is not understood
// is refused; one that changes nothing (token, f, _ts …) is passed over.
package esri

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gengheng/internal/collection"
)

// Querier reads.
type Querier = collection.Querier

// Problem is an error that the caller is meant to see.
type Problem = collection.Problem

// Call is one request, as the service that it came through knows it.
type Call struct {
	W http.ResponseWriter
	R *http.Request
	// Values are the parameters of the query and of the form.
	Values url.Values
	// County is the six-digit code; Layer is the number that the path names.
	County, Layer string
	// Root is the address of the catalogue of services, without a slash at its end.
	Root string
	// Scope is the township that the caller's sight ends at; "" is the whole county.
	Scope string
	// Editor: the caller may edit what can be edited.
	Editor bool
	// Read runs fn in a transaction that sees one state of the data, and of it what
	// the caller may see.
	Read func(ctx context.Context, fn func(q Querier) error) error
	// Edit makes changes, all or none; what it decides of them (the year of a new
	// parcel) it writes into them.
	Edit func(ctx context.Context, changes []collection.Change) error
	// Spoken is an error as the caller is told of it: a status of HTTP and a sentence.
	Spoken func(err error) (status int, text string)
}

// Route is one address: Path is below the catalogue of services, with {layer}. ID
// names it in the policy.
type Route struct {
	ID, Path string
	Handle   func(c *Call) error
	// Edits: by POST only.
	Edits bool
}

// ServiceName is the one service that a county has.
const ServiceName = "gengheng"

// version is that of the ArcGIS Server whose answers these are like.
const version = 10.91

// Service answers.
type Service struct {
	registry *collection.Registry
	// readers bounds how many answers are put together at a time.
	readers chan struct{}
	// patience is how long one waits for another to be done.
	patience time.Duration
}

// concurrent answers of at most maxPage bytes each bound the memory; who waits
// longer than patience for one is told to come again.
const (
	concurrent = 8
	patience   = 5 * time.Second
)

// New makes the service.
func New() *Service {
	return &Service{registry: collection.NewRegistry(), readers: make(chan struct{}, concurrent), patience: patience}
}

// Knowing shares what other doors know of versions.
func (s *Service) Knowing(r *collection.Registry) *Service {
	s.registry = r
	return s
}

// Routes lists every address behind the door.
func (s *Service) Routes() []Route {
	const server = "/" + ServiceName + "/FeatureServer"
	const layer = server + "/{layer}"
	return []Route{
		{ID: "esriCatalogue", Path: "", Handle: s.plain(s.catalogue)},
		{ID: "esriService", Path: server, Handle: s.plain(s.service)},
		{ID: "esriLayers", Path: server + "/layers", Handle: s.plain(s.layers)},
		{ID: "esriLayer", Path: layer, Handle: s.plain(s.layer)},
		{ID: "esriQuery", Path: layer + "/query", Handle: s.bounded(s.query)},
		{ID: "esriAdd", Path: layer + "/addFeatures", Handle: s.editor(s.addFeatures, "features"), Edits: true},
		{ID: "esriUpdate", Path: layer + "/updateFeatures", Handle: s.editor(s.updateFeatures, "features"), Edits: true},
		{ID: "esriDelete", Path: layer + "/deleteFeatures", Handle: s.editor(s.deleteFeatures, "objectids", "where", "geometry", "geometrytype", "insr", "spatialrel"), Edits: true},
		{ID: "esriApply", Path: layer + "/applyEdits", Handle: s.editor(s.applyEdits, "adds", "updates", "deletes"), Edits: true},
		{ID: "esriApplyAll", Path: server + "/applyEdits", Handle: s.bounded(s.applyAll), Edits: true},
	}
}

// plain is a handler that takes no parameters of its own.
func (s *Service) plain(handle func(c *Call) (any, error)) func(c *Call) error {
	return func(c *Call) error {
		p, err := parameters(c.Values)
		if err != nil {
			return err
		}
		if _, err := format(p, false); err != nil {
			return err
		}
		v, err := handle(c)
		if err != nil {
			return err
		}
		return Send(c.W, c.Values, v)
	}
}

// bounded holds a handler back while as many as may be are at work.
func (s *Service) bounded(handle func(c *Call) error) func(c *Call) error {
	return func(c *Call) error {
		timer := time.NewTimer(s.patience)
		defer timer.Stop()
		select {
		case s.readers <- struct{}{}:
			defer func() { <-s.readers }()
			return handle(c)
		case <-c.R.Context().Done():
			return c.R.Context().Err()
		case <-timer.C:
			return &Problem{Status: http.StatusServiceUnavailable, Kind: "busy", Title: "服务繁忙 · Busy",
				Detail: "查询过多，请稍后重试。 Too many queries at once; try again shortly."}
		}
	}
}

// harmless are parameters that change nothing here: how the answer is written, who
// asks, and what clients send of heights, measures and curves that there are none
// of.
var harmless = []string{"f", "token", "returnz", "returnm", "returntruecurves", "resulttype", "cachehint", "sqlformat",
	"callersid", "gdbversion", "returnadvancedsymbols", "returndomainnames", "returnupdates", "option", "culture", "featureencoding", "clientid", "usepost"}

// parameters are those that have a value, by their names in lower case. What is
// neither in known nor harmless is refused.
func parameters(values url.Values, known ...string) (map[string]string, error) {
	out := map[string]string{}
	for name, list := range values {
		name = strings.ToLower(name)
		list = slices.DeleteFunc(slices.Clone(list), func(v string) bool { return strings.TrimSpace(v) == "" })
		if len(list) == 0 {
			continue
		}
		if _, twice := out[name]; twice || len(list) > 1 {
			return nil, bad("parameter", fmt.Sprintf("参数 %s 给出了多次，只能给一次。 The parameter is given more than once.", excerpt(name)))
		}
		if !plainText(name) || !plainText(list[0]) {
			return nil, bad("text", "参数含有空字符或不是 UTF-8。 A parameter holds U+0000 or is not UTF-8.")
		}
		if !slices.Contains(known, name) && !slices.Contains(harmless, name) && !strings.HasPrefix(name, "_") {
			return nil, bad("parameter-unknown", fmt.Sprintf("不支持参数 %s；可用的：%s。 The parameter is not supported.", excerpt(name), strings.Join(append([]string{"f", "token"}, known...), "、")))
		}
		out[name] = strings.TrimSpace(list[0])
	}
	return out, nil
}

// format is f: json or pjson, of features geojson too.
func format(p map[string]string, features bool) (string, error) {
	f := strings.ToLower(p["f"])
	switch {
	case f == "" || f == "json" || f == "pjson":
		return "json", nil
	case f == "geojson" && features:
		return f, nil
	}
	return "", bad("format", fmt.Sprintf("没有格式 f=%s；可用 json、pjson，查询要素还可用 geojson。 There is no such format.", excerpt(f)))
}

func plainText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func bad(kind, detail string) *Problem { return collection.Bad(kind, detail) }

func excerpt(s string) string { return collection.Excerpt(s) }

// Send answers with JSON, indented if f is pjson.
func Send(w http.ResponseWriter, values url.Values, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if strings.EqualFold(values.Get("f"), "pjson") {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	return sendBytes(w, "application/json; charset=utf-8", b.Bytes())
}

func sendBytes(w http.ResponseWriter, media string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Add("Vary", "Authorization, X-Esri-Authorization")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("send an answer: %w", err)
	}
	return nil
}

// Failure is the error object: HTTP says 200, as the clients expect, and the code
// stands in the body.
func Failure(code int, message string, details ...string) map[string]any {
	if details == nil {
		details = []string{}
	}
	return map[string]any{"error": map[string]any{"code": code, "message": message, "details": details}}
}
