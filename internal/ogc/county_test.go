package ogc_test

import (
	"encoding/json"
	"io"
	"net/http"
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
)

// service is the whole HTTP service over a synthetic county (合成县).
type service struct{ *countytest.County }

func newService(t testing.TB, open bool) *service {
	t.Helper()
	return &service{countytest.New(t, open)}
}

// every is the collections that the synthetic county has, and how many features
// of each town A sees and the county sees.
var every = map[string][2]int{"townships": {2, 2}, "parcels": {1250, parcels}, "YJJBNTTB": {2, 2}, "candidates_in": {1, 2}, "candidates_out": {1, 2},
	"findings": {2, 4}, "remainders": {2, 4}, "plan_parcels": {2, 4}}

// answer is a response with its body read, as JSON if it is.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

// get asks below the county's landing page.
func (s *service) get(path string, edit ...func(*http.Request)) answer {
	s.T.Helper()
	at := path
	if !strings.HasPrefix(path, "http") {
		at = s.URL + "/ogc/" + county + path
	}
	req, err := http.NewRequestWithContext(s.T.Context(), http.MethodGet, at, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	for _, f := range edit {
		f(req)
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
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(b)}
	if err := json.Unmarshal(b, &a.json); err != nil && len(b) > 0 {
		s.T.Fatalf("%s: no JSON: %v: %.300s", at, err, b)
	}
	return a
}

// must is get that has to succeed.
func (s *service) must(path string, edit ...func(*http.Request)) answer {
	s.T.Helper()
	a := s.get(path, edit...)
	if a.status != http.StatusOK {
		s.T.Fatalf("%s: %d %s", path, a.status, a.text)
	}
	return a
}

func (a answer) features() []map[string]any {
	list, _ := a.json["features"].([]any)
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i], _ = v.(map[string]any)
	}
	return out
}

// link is the address of a relation, of a media type if that is not "".
func (a answer) link(rel, media string) string {
	list, _ := a.json["links"].([]any)
	for _, v := range list {
		l, _ := v.(map[string]any)
		if l["rel"] == rel && (media == "" || l["type"] == media) {
			href, _ := l["href"].(string)
			return href
		}
	}
	return ""
}

func (a answer) number(name string) int {
	v, ok := a.json[name].(float64)
	if !ok {
		return -1
	}
	return int(v)
}

// key lets requests in as a program of a capacity, as desktop GIS do: its key is the
// password.
func (s *service) key(held access.Capacity) func(*http.Request) {
	s.T.Helper()
	secret := s.Secret(held)
	return func(r *http.Request) { r.SetBasicAuth("qgis", secret) }
}

// in is the service as a subtest uses it.
func (s *service) in(t testing.TB) *service { return &service{s.In(t)} }

func accept(media string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept", media) }
}
