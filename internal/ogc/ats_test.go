package ogc_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"gengheng/internal/access"
)

// suite is the abstract tests that there are: OGC 17-069r4 annex A for the classes
// Core, GeoJSON and OpenAPI 3.0, and OGC 18-058r1 annex A.
var suite = strings.Fields(`
	core/http core/root-op core/root-success core/api-definition-op core/api-definition-success core/conformance-op core/conformance-success
	core/fc-md-op core/fc-md-success core/fc-md-links core/fc-md-items core/fc-md-items-links core/fc-md-extent core/sfc-md-op core/sfc-md-success
	core/fc-op core/fc-response core/fc-links core/fc-timeStamp core/fc-numberMatched core/fc-numberReturned
	core/fc-bbox-definition core/fc-bbox-response core/fc-limit-definition core/fc-limit-response core/fc-time-definition core/fc-time-response
	core/f-op core/f-success core/f-links core/crs84 core/query-param-invalid core/query-param-unknown
	geojson/definition geojson/content
	oas30/completeness oas30/definition-1 oas30/definition-2 oas30/exception-codes oas30/oas-impl oas30/security
	crs/crs-uri crs/default-crs crs/storageCrs crs/crs-parameter crs/crs-parameter-default crs/crs-parameter-invalid crs/crs-parameter-transform
	crs/bbox-crs-parameter crs/bbox-crs-parameter-default crs/bbox-crs-parameter-invalid`)

// No abstract test is left out: each has a test of its name.
func TestATS_IsWhole(t *testing.T) {
	t.Parallel()
	var there []string
	for _, file := range []string{"core_test.go", "ats_test.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:t\.Run\(|")/conf/([a-z0-9]+/[a-zA-Z0-9-]+)": ?(?:func|ats)?|t\.Run\("/conf/([a-z0-9]+/[a-zA-Z0-9-]+)"`).FindAllStringSubmatch(string(source), -1) {
			there = append(there, m[1]+m[2])
		}
	}
	for _, id := range suite {
		if !slices.Contains(there, id) {
			t.Errorf("no test is named /conf/%s", id)
		}
	}
	for _, id := range there {
		if !slices.Contains(suite, id) {
			t.Errorf("/conf/%s is no abstract test", id)
		}
	}
}

func TestATS(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for id, test := range map[string]func(s *service){
		"/conf/core/http":                   atsHTTP,
		"/conf/core/api-definition-op":      func(s *service) { s.must(s.must("").link("service-desc", "")) },
		"/conf/core/api-definition-success": atsDefinition,
		"/conf/core/conformance-op":         func(s *service) { s.must(s.must("").link("conformance", "")) },
		"/conf/core/fc-md-op":               func(s *service) { s.must(s.must("").link("data", "")) },
		"/conf/core/fc-md-links":            atsCollectionLinks,
		"/conf/core/fc-md-items":            atsItems,
		"/conf/core/fc-md-items-links":      atsItemsLinks,
		"/conf/core/fc-md-extent":           atsExtent,
		"/conf/core/sfc-md-op":              atsOneCollection,
		"/conf/core/sfc-md-success":         atsOneCollection,
		"/conf/core/fc-op":                  atsPage,
		"/conf/core/fc-response":            atsPage,
		"/conf/core/fc-numberMatched":       atsMatched,
		"/conf/core/fc-numberReturned":      atsPage,
		"/conf/core/fc-bbox-definition":     atsParameter("bbox", "array", false),
		"/conf/core/fc-limit-definition":    atsParameter("limit", "integer", true),
		"/conf/core/fc-time-definition":     atsParameter("datetime", "string", true),
		"/conf/core/f-op":                   atsOneFeature,
		"/conf/core/f-links":                atsOneFeature,
		"/conf/core/crs84":                  atsCRS84,
		"/conf/geojson/definition":          atsGeoJSON,
		"/conf/geojson/content":             atsGeoJSON,
		"/conf/oas30/definition-1":          atsDefinition,
		"/conf/oas30/definition-2":          atsDefinition,
		"/conf/oas30/oas-impl":              atsImplemented,
		"/conf/oas30/completeness":          atsComplete,
		"/conf/oas30/exception-codes":       atsExceptions,
		"/conf/crs/default-crs":             atsDefaultCRS,
		"/conf/crs/crs-parameter-default":   atsCRSDefault,
		"/conf/crs/crs-parameter-transform": atsTransform,
		"/conf/crs/bbox-crs-parameter-default": func(s *service) {
			atsSameBox(s, "http://www.opengis.net/def/crs/OGC/1.3/CRS84", 0, 1)
		},
		"/conf/crs/bbox-crs-parameter-invalid": atsBoxCRSInvalid,
	} {
		t.Run(id, func(t *testing.T) { test(s.in(t)) })
	}
}

// spec is the API's definition, checked by a library that knows OpenAPI 3.0.
func (s *service) spec(edit ...func(*http.Request)) *openapi3.T {
	s.T.Helper()
	a := s.must(s.must("", edit...).link("service-desc", "application/vnd.oai.openapi+json;version=3.0"), edit...)
	spec, err := openapi3.NewLoader().LoadFromData([]byte(a.text))
	if err != nil {
		s.T.Fatal(err)
	}
	return spec
}

func atsHTTP(s *service) {
	for _, path := range []string{"", "/", "/conformance", "/collections", "/collections/parcels", "/collections/parcels/items", "/collections/parcels/items/00000000000000aa.1", "/api"} {
		head, get := s.send("HEAD", path, "", ""), s.get(path)
		if head.status != 200 || get.status != 200 || head.text != "" || head.header.Get("Content-Type") != get.header.Get("Content-Type") || head.header.Get("ETag") != get.header.Get("ETag") {
			s.T.Errorf("%s: HEAD %d %v, GET %d %v", path, head.status, head.header, get.status, get.header)
		}
		if path == "/" {
			continue // the landing page under another name
		}
		if a := s.send("TRACE", path, "", ""); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET") {
			s.T.Errorf("%s: TRACE %d, Allow %q", path, a.status, a.header.Get("Allow"))
		}
	}
	if a := s.get("/nosuch"); a.status != 404 {
		s.T.Errorf("%d", a.status)
	}
	if a := s.get("", accept("text/csv")); a.status != 406 {
		s.T.Errorf("%d", a.status)
	}
}

func atsDefinition(s *service) {
	spec := s.spec()
	if err := spec.Validate(context.Background()); err != nil {
		s.T.Errorf("the definition is not valid: %v", err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.0.") {
		s.T.Error(spec.OpenAPI)
	}
}

func (s *service) collections() []answer {
	s.T.Helper()
	list, _ := s.must("/collections").json["collections"].([]any)
	if len(list) != len(every) {
		s.T.Fatalf("%d collections", len(list))
	}
	out := make([]answer, len(list))
	for i, v := range list {
		out[i].json, _ = v.(map[string]any)
	}
	return out
}

func atsCollectionLinks(s *service) {
	a := s.must("/collections")
	if self := a.link("self", "application/json"); s.must(self).text != a.text {
		s.T.Errorf("self is %s", self)
	}
	for _, c := range s.collections() {
		list, _ := c.json["links"].([]any)
		for _, l := range list {
			if v, _ := l.(map[string]any); v["rel"] == nil || v["type"] == nil || v["href"] == nil {
				s.T.Errorf("%s: a link without rel, type or href: %v", c.json["id"], v)
			}
		}
	}
}

func atsItems(s *service) {
	for _, c := range s.collections() {
		if title, _ := c.json["title"].(string); every[c.json["id"].(string)] == [2]int{} || title == "" || c.json["itemType"] != "feature" {
			s.T.Errorf("%v", c.json)
		}
	}
}

func atsItemsLinks(s *service) {
	for _, c := range s.collections() {
		if a := s.must(c.link("items", "application/geo+json")); a.json["type"] != "FeatureCollection" {
			s.T.Errorf("%s: %.200s", c.json["id"], a.text)
		}
	}
}

func atsExtent(s *service) {
	for _, c := range s.collections() {
		atsCollection(s.T, s, c.json)
	}
}

func atsOneCollection(s *service) {
	for _, c := range s.collections() {
		one := s.must(c.link("self", "application/json"))
		if fmt.Sprint(one.json) != fmt.Sprint(c.json) {
			s.T.Errorf("%s is described otherwise by itself: %s", c.json["id"], one.text)
		}
	}
	if a := s.get("/collections/nosuch"); a.status != 404 {
		s.T.Errorf("%d", a.status)
	}
}

func atsPage(s *service) {
	for id, n := range every {
		a := s.must("/collections/" + id + "/items?limit=3")
		if a.json["type"] != "FeatureCollection" || a.number("numberReturned") != len(a.features()) || len(a.features()) != min(3, n[1]) {
			s.T.Errorf("%s: %.300s", id, a.text)
		}
		for _, f := range a.features() {
			if f["type"] != "Feature" || f["id"] == nil || f["properties"] == nil {
				s.T.Errorf("%s: %v", id, f)
			}
		}
	}
}

func atsMatched(s *service) {
	for id, n := range every {
		for _, limit := range []int{1, 1000} {
			if got := s.must(fmt.Sprintf("/collections/%s/items?limit=%d", id, limit)).number("numberMatched"); got != n[1] {
				s.T.Errorf("%s: %d of %d", id, got, n[1])
			}
		}
	}
}

// atsParameter looks at how a parameter of items is described.
func atsParameter(name, kind string, explode bool) func(s *service) {
	return func(s *service) {
		spec := s.spec()
		for id := range every {
			p := spec.Paths.Value("/collections/"+id+"/items").Get.Parameters.GetByInAndName("query", name)
			if p == nil || p.Required || !p.Schema.Value.Type.Is(kind) || !explode && (p.Explode == nil || *p.Explode || p.Style != "form") {
				s.T.Errorf("%s: %s is described as %+v", id, name, p)
			}
		}
	}
}

func atsOneFeature(s *service) {
	for id := range every {
		atsFeature(s.T, s, id, s.must("/collections/" + id + "/items?limit=1").features()[0])
	}
}

// Coordinates are longitude and latitude: the county lies where it was made.
func atsCRS84(s *service) {
	for id := range every {
		for _, f := range s.must("/collections/" + id + "/items").features() {
			for _, p := range points(f["geometry"]) {
				if math.Abs(p[0]-111.13) > 0.1 || math.Abs(p[1]-36.15) > 0.1 {
					s.T.Fatalf("%s: %v", id, p)
				}
			}
		}
	}
}

func atsGeoJSON(s *service) {
	for id := range every {
		for _, path := range []string{"/collections/" + id + "/items?limit=2", "/collections/" + id + "/items?limit=2&f=geojson"} {
			a := s.must(path, accept("application/geo+json"))
			if a.header.Get("Content-Type") != "application/geo+json" {
				s.T.Errorf("%s: %s", path, a.header.Get("Content-Type"))
			}
			for _, f := range a.features() {
				g, _ := f["geometry"].(map[string]any)
				if g != nil && (g["type"] != "MultiPolygon" || len(points(g)) < 4 || g["crs"] != nil) {
					s.T.Errorf("%s: %v", path, g)
				}
			}
		}
	}
}

// filled is a path of the definition with a feature of the collection in it.
func (s *service) filled(path string) string {
	if !strings.Contains(path, "{featureId}") {
		return path
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(path, "/collections/"), "/")
	f := s.must("/collections/" + id + "/items?limit=1").features()[0]
	return strings.ReplaceAll(path, "{featureId}", url.PathEscape(f["id"].(string)))
}

// featurePath is a path of Parts 1 to 5; tiles, styles, files and processes have
// tests of their own.
var featurePath = regexp.MustCompile(`^/(conformance|api|collections(/[^/]+(/(items(/\{featureId\})?|queryables|schema))?)?)?$`)

func ofFeatures(path string) bool { return featurePath.MatchString(path) }

// Every address that is described answers, with the type that is described.
func atsImplemented(s *service) {
	for path, item := range s.spec().Paths.Map() {
		if !ofFeatures(path) {
			continue
		}
		a := s.must(s.filled(path))
		for media := range item.Get.Responses.Value("200").Value.Content {
			if a.header.Get("Content-Type") != media {
				s.T.Errorf("%s: %s, described as %s", path, a.header.Get("Content-Type"), media)
			}
		}
		for method, op := range map[string]*openapi3.Operation{"POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if allow := s.send("OPTIONS", s.filled(path), "", "").header.Get("Allow"); (op != nil) != strings.Contains(allow, method) {
				s.T.Errorf("%s: Allow is %q, described is %s: %v", path, allow, method, op != nil)
			}
		}
	}
}

// Every address that a link leads to, and every status that came, is described.
func atsComplete(s *service) {
	spec := s.spec()
	root := s.URL + "/ogc/" + county
	for path, item := range spec.Paths.Map() {
		if !ofFeatures(path) {
			continue
		}
		a := s.must(s.filled(path))
		list, _ := a.json["links"].([]any)
		for _, l := range list {
			href, _ := l.(map[string]any)["href"].(string)
			below, _, _ := strings.Cut(strings.TrimPrefix(href, root), "?")
			if below == "" {
				below = "/"
			}
			if parts := strings.Split(below, "/"); len(parts) == 5 {
				parts[4] = "{featureId}"
				below = strings.Join(parts, "/")
			}
			if spec.Paths.Value(below) == nil {
				s.T.Errorf("%s links to %s, which is not described", path, href)
			}
		}
		for _, status := range []string{"200", "400", "404"} {
			if item.Get.Responses.Value(status) == nil {
				s.T.Errorf("%s: %s is not described", path, status)
			}
		}
	}
}

// An error has the status and type that are described for it.
func atsExceptions(s *service) {
	spec := s.spec()
	for path, status := range map[string]int{"/collections/parcels/items?limit=x": 400, "/collections/parcels/items?nosuch=1": 400, "/collections/parcels/items/00000000000000aa.999999": 404} {
		a := s.get(path)
		described := strings.Split(path, "?")[0]
		if status == 404 {
			described = "/collections/parcels/items/{featureId}"
		}
		r := spec.Paths.Value(described).Get.Responses.Value(fmt.Sprint(status))
		media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
		if a.status != status || r == nil || r.Value.Content.Get(media) == nil {
			s.T.Errorf("%s: %d %s is not what is described", path, a.status, media)
		}
	}
}

func atsDefaultCRS(s *service) {
	for _, c := range s.collections() {
		if list, _ := c.json["crs"].([]any); !slices.Contains(list, any("http://www.opengis.net/def/crs/OGC/1.3/CRS84")) {
			s.T.Errorf("%s: %v", c.json["id"], list)
		}
	}
}

func atsCRSDefault(s *service) {
	const crs84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
	for id := range every {
		plain, asked := s.must("/collections/"+id+"/items"), s.must("/collections/"+id+"/items?crs="+crs84)
		if fmt.Sprint(plain.features()) != fmt.Sprint(asked.features()) || plain.header.Get("Content-Crs") != "<"+crs84+">" {
			s.T.Errorf("%s: %s", id, plain.header.Get("Content-Crs"))
		}
	}
}

// Converted back by PostGIS, the coordinates of every system are those of CRS84.
func atsTransform(s *service) {
	for _, c := range s.collections() {
		id := c.json["id"].(string)
		list, _ := c.json["crs"].([]any)
		want := s.must("/collections/" + id + "/items?limit=5").features()
		for _, uri := range list {
			parts := strings.Split(uri.(string), "/")
			for i, f := range s.must("/collections/" + id + "/items?limit=5&crs=" + uri.(string)).features() {
				back, here := points(f["geometry"]), points(want[i]["geometry"])
				for k := range back {
					if n := parts[len(parts)-1]; n != "CRS84" {
						back[k] = s.geographic(n, back[k])
					}
					if math.Hypot(back[k][0]-here[k][0], back[k][1]-here[k][1]) > 2e-8 {
						s.T.Fatalf("%s %s: %v, want %v", id, uri, back[k], here[k])
					}
				}
			}
		}
	}
}

// geographic brings a position in the axis order of an EPSG system to longitude
// and latitude by PostGIS.
func (s *service) geographic(epsg string, p [2]float64) (out [2]float64) {
	s.T.Helper()
	if epsg != "3857" { // 4490 and the zones have the northing first
		p[0], p[1] = p[1], p[0]
	}
	err := s.DB.Pool.QueryRow(s.T.Context(), `SELECT ST_X(g), ST_Y(g) FROM ST_Transform(ST_SetSRID(ST_MakePoint($1, $2), $3::text::int), 4490) g`, p[0], p[1], epsg).Scan(&out[0], &out[1])
	if err != nil {
		s.T.Fatal(err)
	}
	return out
}

// atsSameBox asks for the same box with bbox-crs and without; x and y say where the
// longitude and latitude stand.
func atsSameBox(s *service, uri string, x, y int) {
	for _, c := range s.collections() {
		id := c.json["id"].(string)
		boxes, _ := c.json["extent"].(map[string]any)["spatial"].(map[string]any)["bbox"].([]any)
		b, _ := boxes[0].([]any)
		box := [4]float64{b[0].(float64), b[1].(float64), (b[0].(float64) + b[2].(float64)) / 2, (b[1].(float64) + b[3].(float64)) / 2}
		plain := s.must(fmt.Sprintf("/collections/%s/items?limit=1000&bbox=%.9f,%.9f,%.9f,%.9f", id, box[0], box[1], box[2], box[3]))
		asked := s.must(fmt.Sprintf("/collections/%s/items?limit=1000&bbox=%.9f,%.9f,%.9f,%.9f&bbox-crs=%s", id, box[x], box[y], box[2+x], box[2+y], uri))
		if len(plain.features()) == 0 || fmt.Sprint(plain.features()) != fmt.Sprint(asked.features()) {
			s.T.Errorf("%s: %d features, %d with bbox-crs", id, len(plain.features()), len(asked.features()))
		}
	}
}

func atsBoxCRSInvalid(s *service) {
	for id := range every {
		if a := s.get("/collections/" + id + "/items?bbox=1,2,3,4&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/99999"); a.status != 400 {
			s.T.Errorf("%s: %d", id, a.status)
		}
	}
}

// What is described as needing a key needs it, and one suffices.
func TestATS_Security(t *testing.T) {
	t.Parallel()
	t.Run("/conf/oas30/security", func(t *testing.T) {
		s := newService(t, false)
		key := s.key(access.Capacity{Role: access.Auditor, County: county})
		spec := s.spec(key)
		if len(spec.Security) == 0 || spec.Components.SecuritySchemes["basic"].Value.Scheme != "basic" || spec.Components.SecuritySchemes["key"].Value.Scheme != "bearer" {
			t.Errorf("%+v", spec.Security)
		}
		for path := range spec.Paths.Map() {
			if strings.Contains(path, "{") || !ofFeatures(path) {
				continue
			}
			if without, with := s.get(path), s.get(path, key); without.status != 401 || without.header.Get("WWW-Authenticate") == "" || with.status != 200 {
				t.Errorf("%s: %d without a key, %d with one", path, without.status, with.status)
			}
		}
	})
}
