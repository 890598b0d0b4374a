package esri_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/api/countytest"
)

const (
	county  = countytest.Code
	townA   = countytest.TownA
	townB   = countytest.TownB
	parcels = countytest.Parcels
	side    = countytest.Side
	x0, y0  = countytest.X0, countytest.Y0
	// the service and its layers by number
	server                                = "/gengheng/FeatureServer"
	townships, survey, ins, outs, finding = "/0", "/1", "/2", "/3", "/4"
)

// service is the whole HTTP service over a synthetic county (合成县).
type service struct{ *countytest.County }

func newService(t testing.TB, open bool) *service {
	t.Helper()
	return &service{countytest.New(t, open)}
}

// answer is a response of the FeatureServer: always HTTP 200, with JSON.
type answer map[string]any

// form is a request below the catalogue of services: GET, or POST where the path
// begins with a plus sign. The parameters are pairs of a name and a value.
func (s *service) form(path string, pairs ...string) *http.Request {
	s.T.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	path, post := strings.CutPrefix(path, "+")
	at := path
	if !strings.HasPrefix(path, "http") {
		at = s.URL + "/arcgis/" + county + "/rest/services" + path
	}
	method, body := http.MethodGet, io.Reader(nil)
	if post {
		method, body = http.MethodPost, strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		at += "?" + values.Encode()
	}
	req, err := http.NewRequestWithContext(s.T.Context(), method, at, body)
	if err != nil {
		s.T.Fatal(err)
	}
	if post {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// ask sends a form and reads the answer.
func (s *service) ask(path string, edit func(*http.Request), pairs ...string) answer {
	s.T.Helper()
	req := s.form(path, pairs...)
	if edit != nil {
		edit(req)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	var v answer
	if err := json.Unmarshal(b, &v); err != nil || resp.StatusCode != http.StatusOK {
		s.T.Fatalf("%s: %d, no JSON: %v: %.300s", path, resp.StatusCode, err, b)
	}
	return v
}

// must is ask that has to succeed.
func (s *service) must(path string, pairs ...string) answer {
	s.T.Helper()
	a := s.ask(path, nil, pairs...)
	if a["error"] != nil {
		s.T.Fatalf("%s %v: %v", path, pairs, a["error"])
	}
	return a
}

// at is the value below the names and positions.
func (a answer) at(path ...any) any {
	var v any = map[string]any(a)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// list is the list below the names.
func (a answer) list(path ...any) []any {
	l, _ := a.at(path...).([]any)
	return l
}

// failure is the code and the message of an error; 0: there is none.
func (a answer) failure() (int, string) {
	code, _ := a.at("error", "code").(float64)
	message, _ := a.at("error", "message").(string)
	return int(code), message
}

// attributes is one field of every feature.
func (a answer) attributes(name string) []any {
	var out []any
	for i := range a.list("features") {
		out = append(out, a.at("features", i, "attributes", name))
	}
	return out
}

// key lets requests in as a program of a capacity, as desktop GIS do: its key is the
// password.
func (s *service) key(held access.Capacity) func(*http.Request) {
	s.T.Helper()
	secret := s.Secret(held)
	return func(r *http.Request) { r.SetBasicAuth("qgis", secret) }
}
