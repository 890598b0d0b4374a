package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/esri"
	"gengheng/internal/ogc"
)

// esriBase is where a county's FeatureServer stands, as clients expect it: the
// address before /rest/services is the server's.
const esriBase = "/arcgis/:county/rest"

// maxForm bounds a form, in bytes.
const maxForm = 10 << 20

// doorsOf are the operations for desktop GIS, which are not of the contract.
func doorsOf(gis *ogc.Service, features *esri.Service) []string {
	var out []string
	for _, r := range gis.Routes() {
		out = append(out, r.ID)
	}
	for _, r := range features.Routes() {
		out = append(out, r.ID)
	}
	return out
}

// mountEsri adds the FeatureServer behind the same door as every operation. Its
// info stands outside of it: that is where a client learns how to come in.
func (s *server) mountEsri(e *echo.Echo) {
	e.Match([]string{http.MethodGet, http.MethodPost}, esriBase+"/info", s.esriInfo)
	e.Match([]string{http.MethodGet, http.MethodPost}, "/arcgis/:county/tokens/generateToken", s.generateToken)
	for _, r := range s.features.Routes() {
		path := esriBase + "/services" + strings.ReplaceAll(r.Path, "{layer}", ":layer")
		methods := []string{http.MethodPost, http.MethodGet, http.MethodHead}
		if r.Edits {
			methods = methods[:1]
		}
		h := s.esriHandler(r)
		e.Match(methods, path, h)
		e.Match(methods, path+"/", h)
	}
	e.Any("/arcgis/*", func(c echo.Context) error {
		return s.esriError(c, c.QueryParams(), notFound("path", "没有这个地址；县的服务在 /arcgis/六位代码/rest/services。 No such address; a county's services are at /arcgis/{county}/rest/services."))
	})
}

// esriRoot is the address of the county's server, without a slash at its end.
func (s *server) esriRoot(c echo.Context) string {
	return s.addressOf(c) + "/arcgis/" + url.PathEscape(c.Param("county"))
}

func (s *server) esriInfo(c echo.Context) error {
	c.Set(operationKey, "esriInfo")
	open := s.door.open && loopbackHost(c.Request().Host)
	return esri.Send(c.Response(), c.QueryParams(), esri.Info(s.esriRoot(c)+"/tokens/generateToken", tokenMinutes, !open))
}

// esriHandler runs an address of the FeatureServer; its errors are objects of
// Esri's.
func (s *server) esriHandler(r esri.Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		values, err := formValues(c)
		if err == nil {
			esriCredentials(c, values)
			err = s.admit(c, r.ID, func(c echo.Context) error { return s.esriCall(c, r, values) })
		}
		return s.esriError(c, values, err)
	}
}

func (s *server) esriCall(c echo.Context, r esri.Route, values url.Values) error {
	ctx := c.Request().Context()
	actor, _ := access.From(ctx)
	layer, err := pathText(c, "layer")
	if err != nil {
		return err
	}
	county := c.Param("county") // as the door has checked it
	return r.Handle(&esri.Call{W: c.Response(), R: c.Request(), Values: values, County: county, Layer: layer,
		Root: s.esriRoot(c) + "/rest/services", Scope: actor.Township, Editor: permits(policy["esriAdd"], actor),
		Read: s.readSnapshot,
		Edit: func(ctx context.Context, list []collection.Change) error { return s.edit(ctx, county, list) },
		Spoken: func(err error) (int, string) {
			p := s.asProblem(collectionProblem(err), c)
			return p.Status, p.text()
		}})
}

// collectionProblem is a refusal of the rooms for desktop GIS as the service's own.
func collectionProblem(err error) error {
	var p *collection.Problem
	if errors.As(err, &p) {
		return &problem{Status: p.Status, kind: p.Kind, Title: p.Title, Detail: p.Detail}
	}
	return err
}

// text is what a problem says to people, Chinese first: what is wrong in the first
// rows, if it has that, since the clients show nothing else.
func (p *problem) text() string {
	if len(p.Errors) > 0 {
		return strings.Join(p.Errors[:min(len(p.Errors), 3)], "；")
	}
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// formValues are the parameters of the query and of the form, which the clients use
// alike.
func formValues(c echo.Context) (url.Values, error) {
	r := c.Request()
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query", "查询串的转义有误，请用 %XX 形式。 The query string is not properly escaped.")
	}
	if r.Method != http.MethodPost {
		return values, nil
	}
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if strings.HasPrefix(r.Header.Get(echo.HeaderContentType), echo.MIMEMultipartForm) {
		err = r.ParseMultipartForm(maxForm)
	} else {
		err = r.ParseForm()
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, bodyTooLarge(maxForm)
	}
	if err != nil {
		return nil, badRequest("form", "表单的格式有误，应为 application/x-www-form-urlencoded。 The form cannot be read.")
	}
	for name, list := range r.PostForm {
		for _, v := range list {
			if !slices.Contains(values[name], v) { // some clients say f twice
				values[name] = append(values[name], v)
			}
		}
	}
	return values, nil
}

// esriError answers with the error object that the clients expect, under HTTP 200:
// 499 asks for a token, 498 says that it is not valid.
func (s *server) esriError(c echo.Context, values url.Values, err error) error {
	if err == nil || c.Response().Committed {
		return err
	}
	p := s.asProblem(collectionProblem(err), c)
	code := p.Status
	if code == http.StatusUnauthorized {
		code = codeTokenRequired
		if _, carried := c.Get(tokenKey).(string); carried || c.Request().Header.Get(echo.HeaderAuthorization) != "" {
			code = codeTokenInvalid
		}
		c.Response().Header().Del(echo.HeaderWWWAuthenticate)
	}
	return esri.Send(c.Response(), values, esri.Failure(code, p.text(), append([]string{p.Title}, p.Errors...)...))
}

// Esri's codes for a token that is not valid, and for one that is missing.
const (
	codeTokenInvalid  = 498
	codeTokenRequired = 499
)
