package api

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/labstack/echo/v4"

	contract "gengheng/api"
)

//go:embed docs.html
var pages embed.FS

// document is the contract, parsed once: it routes and validates requests and
// is shown to people.
type document struct {
	spec   *openapi3.T
	router routers.Router
	page   []byte
}

// loadDocument reads the contract once, however many services a process has.
var loadDocument = sync.OnceValues(readDocument)

func readDocument() (*document, error) {
	loader := openapi3.NewLoader()
	spec, err := loader.LoadFromData(contract.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if err := spec.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	router, err := gorillamux.NewRouter(spec)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.FileBodyDecoder)
	d := &document{spec: spec, router: router}
	if d.page, err = d.render(); err != nil {
		return nil, err
	}
	return d, nil
}

// validate refuses a request that does not match the contract. The body of an
// upload is not read here: it is a file of up to 200 MB.
func (s *server) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		route, params, err := s.doc.router.FindRoute(req)
		if err != nil {
			if errors.Is(err, routers.ErrMethodNotAllowed) {
				return echo.NewHTTPError(http.StatusMethodNotAllowed)
			}
			return echo.NewHTTPError(http.StatusNotFound)
		}
		if name := unknownParameter(route, req.URL.Query()); name != "" {
			p := badRequest("contract", contractDetail)
			p.Errors = []string{"query " + name + ": 没有这个参数 · no such parameter"}
			return p
		}
		upload := slices.Contains(uploads, route.Operation.OperationID)
		checked := req
		if upload {
			// the check of the security schemes reads any body whole into memory, though
			// nothing here asks for that
			checked = req.WithContext(req.Context())
			checked.Body = http.NoBody
		} else {
			req.Body = http.MaxBytesReader(c.Response(), req.Body, maxBody)
		}
		input := &openapi3filter.RequestValidationInput{
			Request: checked, PathParams: params, Route: route,
			Options: &openapi3filter.Options{ExcludeRequestBody: upload, MultiError: true,
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
		if err := openapi3filter.ValidateRequest(req.Context(), input); err != nil {
			return contractProblem(err)
		}
		return next(c)
	}
}

// maxBody is the largest body of a request that is no upload, in bytes.
const maxBody = 2 << 20

// uploads are the operations whose body is a file.
var uploads = []string{"addUpload", "continueUpload", "whatIfFile", "addRecordDocument", "addRecordPhoto"}

// unknownParameter names a query parameter that the contract lacks: a filter
// that is mistyped and ignored would show everything.
func unknownParameter(route *routers.Route, query url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		known := func(list openapi3.Parameters) bool { return list.GetByInAndName("query", name) != nil }
		if !known(route.Operation.Parameters) && !known(route.PathItem.Parameters) {
			return name
		}
	}
	return ""
}

const contractDetail = "请求与接口约定不符，详见 errors；约定见 /docs。 The request does not match the contract at /docs; see errors."

func contractProblem(err error) error {
	// cut off at the limit it is no JSON either, but that is not what is wrong
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return bodyTooLarge(tooBig.Limit)
	}
	p := badRequest("contract", contractDetail)
	var many openapi3.MultiError
	list := []error{err}
	if errors.As(err, &many) {
		list = many
	}
	for _, e := range list {
		p.Errors = append(p.Errors, contractError(e))
	}
	sort.Strings(p.Errors)
	return p
}

func contractError(err error) string {
	var where string
	var re *openapi3filter.RequestError
	if errors.As(err, &re) {
		switch {
		case re.Parameter != nil:
			where = re.Parameter.In + " " + re.Parameter.Name + ": "
		case re.RequestBody != nil:
			where = "body: "
		}
	}
	var se *openapi3.SchemaError
	if errors.As(err, &se) {
		if at := strings.Join(se.JSONPointer(), "/"); at != "" {
			where += at + ": "
		}
		return where + se.Reason
	}
	if re != nil && re.Err != nil {
		return where + re.Err.Error()
	}
	if re != nil && re.Reason != "" {
		return where + re.Reason
	}
	return where + err.Error()
}

func (s *server) openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml; charset=utf-8", contract.OpenAPI)
}

func (s *server) docsPage(c echo.Context) error {
	return c.HTMLBlob(http.StatusOK, s.doc.page)
}

// operation is one row of the human page.
type operation struct {
	Method, Path, ID, Summary, Description string
	Params                                 []*openapi3.Parameter
	Body                                   []string
	Answers                                []string
}

// render makes the human page of the contract; it needs no script and no other
// host, so it works on a closed network.
func (d *document) render() ([]byte, error) {
	t, err := template.ParseFS(pages, "docs.html")
	if err != nil {
		return nil, fmt.Errorf("docs page: %w", err)
	}
	type group struct {
		Tag *openapi3.Tag
		Ops []operation
	}
	groups := make([]group, len(d.spec.Tags))
	index := map[string]int{}
	for i, tag := range d.spec.Tags {
		groups[i].Tag = tag
		index[tag.Name] = i
	}
	for _, path := range d.spec.Paths.InMatchingOrder() {
		item := d.spec.Paths.Value(path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			if op := item.GetOperation(method); op != nil {
				g := &groups[index[op.Tags[0]]]
				g.Ops = append(g.Ops, describe(method, path, item, op))
			}
		}
	}
	for _, g := range groups {
		sort.SliceStable(g.Ops, func(i, j int) bool { return g.Ops[i].Path < g.Ops[j].Path })
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Info": d.spec.Info, "Base": base, "Groups": groups}); err != nil {
		return nil, fmt.Errorf("docs page: %w", err)
	}
	return b.Bytes(), nil
}

func describe(method, path string, item *openapi3.PathItem, op *openapi3.Operation) operation {
	o := operation{Method: method, Path: base + path, ID: op.OperationID, Summary: op.Summary, Description: op.Description}
	for _, p := range append(append(openapi3.Parameters{}, item.Parameters...), op.Parameters...) {
		o.Params = append(o.Params, p.Value)
	}
	if op.RequestBody != nil {
		for mime, m := range op.RequestBody.Value.Content {
			o.Body = append(o.Body, strings.TrimSpace(mime+" "+schemaName(m.Schema)))
		}
		sort.Strings(o.Body)
	}
	for code, r := range op.Responses.Map() {
		text := code
		if r.Value.Description != nil {
			text += " " + *r.Value.Description
		}
		for mime, m := range r.Value.Content {
			text += " [" + strings.TrimSpace(mime+" "+schemaName(m.Schema)) + "]"
		}
		o.Answers = append(o.Answers, text)
	}
	sort.Strings(o.Answers)
	return o
}

func schemaName(s *openapi3.SchemaRef) string {
	if s == nil || s.Ref == "" {
		return ""
	}
	return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
}
