package ogc_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
)

// The abstract tests of OGC 17-069r4, annex A, by their ids.
func TestATSCore(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	t.Run("/conf/core/root-op", func(t *testing.T) {
		s := s.in(t)
		for _, path := range []string{"", "/"} {
			if a := s.must(path); !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
				t.Errorf("%q: %s", path, a.header.Get("Content-Type"))
			}
		}
	})
	t.Run("/conf/core/root-success", func(t *testing.T) {
		s := s.in(t)
		a := s.must("")
		for _, rel := range []string{"self", "conformance", "data"} {
			if s.must(a.link(rel, "")).status != 200 {
				t.Errorf("no link %s", rel)
			}
		}
	})
	t.Run("/conf/core/conformance-success", func(t *testing.T) {
		s := s.in(t)
		list, _ := s.must("/conformance").json["conformsTo"].([]any)
		if !slices.Contains(list, any("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")) {
			t.Errorf("%v", list)
		}
	})
	t.Run("/conf/core/fc-md-success", func(t *testing.T) {
		s := s.in(t)
		list, _ := s.must("/collections").json["collections"].([]any)
		if len(list) != len(every) {
			t.Errorf("%d collections, want %d", len(list), len(every))
		}
		for _, v := range list {
			atsCollection(t, s, v.(map[string]any))
		}
	})
	t.Run("/conf/core/query-param-unknown", func(t *testing.T) {
		s := s.in(t)
		for _, path := range []string{"", "/conformance", "/collections", "/collections/parcels", "/collections/parcels/items", "/collections/parcels/items/00000000000000aa.1"} {
			if a := s.get(path + "?unknownQueryParameter=1"); a.status != 400 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
	})
	t.Run("/conf/core/query-param-invalid", func(t *testing.T) {
		s := s.in(t)
		for _, q := range []string{"limit=0", "limit=-1", "limit=ten", "bbox=1,2,3", "bbox=a,b,c,d", "datetime=yesterday"} {
			if a := s.get("/collections/parcels/items?" + q); a.status != 400 {
				t.Errorf("%s: %d", q, a.status)
			}
		}
	})
}

// /conf/core/fc-md-items, fc-md-items-links, fc-md-extent, sfc-md-success.
func atsCollection(t testing.TB, s *service, v map[string]any) {
	t.Helper()
	id := v["id"].(string)
	a := answer{json: v}
	one := s.must(a.link("self", "application/json"))
	if one.json["id"] != id || a.link("items", "application/geo+json") == "" || v["title"] == "" {
		t.Errorf("%s: %v", id, one.json)
	}
	spatial, _ := v["extent"].(map[string]any)["spatial"].(map[string]any)
	boxes, _ := spatial["bbox"].([]any)
	box, _ := boxes[0].([]any)
	page := s.must(a.link("items", "") + "?limit=1000")
	if page.number("numberMatched") != every[id][1] || page.number("numberReturned") != min(1000, every[id][1]) || len(page.features()) != page.number("numberReturned") {
		t.Errorf("%s: %d matched, %d returned, %d there", id, page.number("numberMatched"), page.number("numberReturned"), len(page.features()))
	}
	seen := map[any]bool{}
	for _, f := range page.features() {
		seen[f["id"]] = true
		for _, p := range points(f["geometry"]) {
			if p[0] < box[0].(float64)-1e-7 || p[0] > box[2].(float64)+1e-7 || p[1] < box[1].(float64)-1e-7 || p[1] > box[3].(float64)+1e-7 {
				t.Fatalf("%s: %v outside the extent %v", id, p, box)
			}
		}
	}
	if len(seen) != len(page.features()) {
		t.Errorf("%s: ids are not unique", id)
	}
}

// points lists the positions of a GeoJSON geometry.
func points(v any) [][2]float64 {
	if g, ok := v.(map[string]any); ok {
		return points(g["coordinates"])
	}
	list, _ := v.([]any)
	if len(list) == 2 {
		if x, ok := list[0].(float64); ok {
			return [][2]float64{{x, list[1].(float64)}}
		}
	}
	var out [][2]float64
	for _, one := range list {
		out = append(out, points(one)...)
	}
	return out
}

func TestATSItems(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const items = "/collections/parcels/items"
	t.Run("/conf/core/fc-limit-response", func(t *testing.T) {
		s := s.in(t)
		for limit, want := range map[string]int{"": 10, "?limit=1": 1, "?limit=17": 17, "?limit=1000": 1000, "?limit=10000": 1000} {
			a := s.must(items + limit)
			if len(a.features()) != want || a.number("numberReturned") != want {
				t.Errorf("%q: %d features", limit, len(a.features()))
			}
		}
	})
	t.Run("/conf/core/fc-timeStamp", func(t *testing.T) {
		s := s.in(t)
		if _, err := time.Parse(time.RFC3339, s.must(items).json["timeStamp"].(string)); err != nil {
			t.Error(err)
		}
	})
	t.Run("/conf/core/fc-links", func(t *testing.T) {
		s := s.in(t)
		a := s.must(items + "?limit=7&properties=DLBM")
		self, next := a.link("self", "application/geo+json"), a.link("next", "application/geo+json")
		if !strings.HasSuffix(self, "?limit=7&properties=DLBM") || next == "" || !strings.Contains(next, "properties=DLBM") {
			t.Errorf("self %s next %s", self, next)
		}
		if a := s.must("/collections/candidates_in/items"); a.link("next", "") != "" {
			t.Error("a next after the end")
		}
	})
	t.Run("/conf/core/fc-bbox-response", func(t *testing.T) {
		s := s.in(t)
		all := s.must(items + "?limit=1").features()[0]
		p := points(all["geometry"])
		a := s.must(items + fmt.Sprintf("?bbox=%.9f,%.9f,%.9f,%.9f", p[0][0]+1e-5, p[0][1]+1e-5, p[0][0]+1e-5, p[0][1]+1e-5))
		if a.number("numberMatched") != 1 || a.features()[0]["id"] != all["id"] {
			t.Errorf("%s", a.text)
		}
		for box, want := range map[string]int{"-180,-90,180,90": parcels, "-180,-90,-500,180,90,9000": parcels, "0,0,1,1": 0, "170,-90,-170,90": 0, "100,-90,-170,90": parcels} {
			if got := s.must(items + "?bbox=" + box).number("numberMatched"); got != want {
				t.Errorf("%s: %d, want %d", box, got, want)
			}
		}
	})
	t.Run("/conf/core/fc-time-response", func(t *testing.T) {
		s := s.in(t)
		for _, v := range []string{"2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z/..", "../2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z/2026-01-01T00:00:00Z"} {
			if got := s.must(items + "?datetime=" + v).number("numberMatched"); got != parcels {
				t.Errorf("%s: %d", v, got)
			}
		}
	})
	t.Run("/conf/core/f-success", func(t *testing.T) {
		s := s.in(t)
		for id := range every {
			for _, f := range s.must("/collections/" + id + "/items").features() {
				atsFeature(t, s, id, f)
			}
		}
	})
}

// /conf/core/f-op, f-success, f-links: the feature of the page, alone.
func atsFeature(t testing.TB, s *service, collection string, f map[string]any) {
	t.Helper()
	path := "/collections/" + collection + "/items/" + url.PathEscape(f["id"].(string))
	a := s.must(path)
	if fmt.Sprint(a.json["properties"], a.json["geometry"], a.json["id"]) != fmt.Sprint(f["properties"], f["geometry"], f["id"]) {
		t.Errorf("%s differs from the page: %s", path, a.text)
	}
	if s.must(a.link("self", "")).text != a.text || s.must(a.link("collection", "")).json["id"] != collection {
		t.Errorf("%s: links %v", path, a.json["links"])
	}
	again := s.get(path, func(r *http.Request) { r.Header.Set("If-None-Match", a.header.Get("ETag")) })
	if again.status != http.StatusNotModified || again.text != "" {
		t.Errorf("%s: %d with its own ETag", path, again.status)
	}
}

// Following next shows every feature once, whatever the page size, and goes on in
// the version in which it began.
func TestNext_ShowsEverythingOnceInOneVersion(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, limit := range []int{333, 1000} {
		seen := map[any]int{}
		path := fmt.Sprintf("/collections/parcels/items?limit=%d&properties=BSM", limit)
		pages := 0
		for ; path != ""; pages++ {
			a := s.must(path)
			for _, f := range a.features() {
				seen[f["id"]]++
			}
			if path = a.link("next", ""); pages == 0 && limit == 333 {
				s.Survey("00000000000000cc", 99, 5, "0103")
			}
		}
		want := parcels
		if limit == 1000 {
			want = 5 // the version in force by then
		}
		if len(seen) != want || pages != (want+limit-1)/limit {
			t.Errorf("limit %d: %d features on %d pages", limit, len(seen), pages)
		}
	}
	if a := s.get("/collections/parcels/items/00000000000000aa.7"); a.status != 200 {
		t.Errorf("a feature of the version before: %d", a.status)
	}
	s.Exec(`UPDATE dataset SET status = 'retired', retired_at = now(), retired_reason = '合成' WHERE version = '00000000000000aa'`)
	if a := s.get("/collections/parcels/items/00000000000000aa.7"); a.status != 404 {
		t.Errorf("a feature of a retired version: %d", a.status)
	}
}

func TestOffset_AgreesWithNext(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	first := s.must("/collections/parcels/items?limit=20")
	second := s.must("/collections/parcels/items?limit=10&offset=10")
	if fmt.Sprint(first.features()[10:]) != fmt.Sprint(second.features()) {
		t.Error("the second ten differ")
	}
	if got := s.must("/collections/parcels/items?limit=10&offset=2495"); len(got.features()) != 5 || got.link("next", "") != "" {
		t.Errorf("at the end: %d", len(got.features()))
	}
}

// The abstract tests of OGC 18-058r1, annex A, by their ids. What is expected
// comes from the synthetic mesh itself: corners in the plane of EPSG:4546.
func TestATSCRS(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const epsg = "http://www.opengis.net/def/crs/EPSG/0/"
	want := []any{"http://www.opengis.net/def/crs/OGC/1.3/CRS84", epsg + "4490", epsg + "4546", epsg + "4525", epsg + "3857"}
	t.Run("/conf/crs/crs-uri", func(t *testing.T) {
		s := s.in(t)
		for _, path := range []string{"/collections", "/collections/parcels"} {
			if got := s.must(path).json["crs"]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v", path, got)
			}
		}
	})
	t.Run("/conf/crs/storageCrs", func(t *testing.T) {
		s := s.in(t)
		if got := s.must("/collections/findings").json["storageCrs"]; got != epsg+"4546" {
			t.Error(got)
		}
	})
	t.Run("/conf/crs/crs-parameter", func(t *testing.T) {
		s := s.in(t)
		for _, path := range []string{"/collections/parcels/items?limit=1", "/collections/parcels/items/00000000000000aa.0?"} {
			degrees := corner(s.must(path))
			for uri, c := range map[string][2]float64{
				want[0].(string): degrees, epsg + "4490": {degrees[1], degrees[0]}, epsg + "4546": {y0, x0}, epsg + "4525": {y0, 37e6 + x0},
				epsg + "3857": {degrees[0] * math.Pi / 180 * 6378137, 6378137 * math.Atanh(math.Sin(degrees[1]*math.Pi/180))},
			} {
				a := s.must(path + "&crs=" + url.QueryEscape(uri))
				tolerance := 0.01
				if c[0] < 200 {
					tolerance = 1e-7
				}
				if got := corner(a); math.Hypot(got[0]-c[0], got[1]-c[1]) > tolerance {
					t.Errorf("%s: %v, want %v", uri, got, c)
				}
				if a.header.Get("Content-Crs") != "<"+uri+">" {
					t.Errorf("%s: Content-Crs %s", uri, a.header.Get("Content-Crs"))
				}
			}
		}
	})
	t.Run("/conf/crs/bbox-crs-parameter", func(t *testing.T) {
		s := s.in(t)
		for crs, box := range map[string]string{"4546": "4000010,510010,4000090,510190", "4525": "4000010,37510010,4000090,37510190"} {
			if got := s.must("/collections/parcels/items?bbox=" + box + "&bbox-crs=" + epsg + crs).number("numberMatched"); got != 2 {
				t.Errorf("%s: %d", crs, got)
			}
		}
		c := corner(s.must("/collections/parcels/items?limit=1"))
		lat := fmt.Sprintf("%f,%f,%f,%f", c[1]+1e-4, c[0]+1e-4, c[1]+2e-4, c[0]+2e-4)
		if got := s.must("/collections/parcels/items?bbox=" + lat + "&bbox-crs=" + epsg + "4490").number("numberMatched"); got != 1 {
			t.Errorf("4490: %d", got)
		}
		m := fmt.Sprintf("%f,%f,%f,%f", (c[0]+1e-4)*math.Pi/180*6378137, 6378137*math.Atanh(math.Sin((c[1]+1e-4)*math.Pi/180)),
			(c[0]+2e-4)*math.Pi/180*6378137, 6378137*math.Atanh(math.Sin((c[1]+2e-4)*math.Pi/180)))
		if got := s.must("/collections/parcels/items?bbox=" + m + "&bbox-crs=" + epsg + "3857").number("numberMatched"); got != 1 {
			t.Errorf("3857: %d", got)
		}
	})
	t.Run("/conf/crs/crs-parameter-invalid", func(t *testing.T) {
		s := s.in(t)
		for _, q := range []string{"crs=" + epsg + "4547", "crs=EPSG:4490", "crs=4490", "bbox=1,2,3,4&bbox-crs=" + epsg + "4326"} {
			if a := s.get("/collections/parcels/items?" + q); a.status != 400 {
				t.Errorf("%s: %d", q, a.status)
			}
		}
	})
}

// corner is the south-western corner of the first feature, in its own axis order.
func corner(a answer) [2]float64 {
	g := a.json["geometry"]
	if list := a.features(); len(list) > 0 {
		g = list[0]["geometry"]
	}
	all := points(g)
	return slices.MinFunc(all, func(a, b [2]float64) int {
		switch d := a[0] + a[1] - b[0] - b[1]; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
}

// A township sees its own rows through every collection, and no id, bbox or
// cursor shows it another's; another county's identity sees nothing.
func TestAccess_TownshipSeesItsOwn(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	foreign := s.key(access.Capacity{Role: access.Admin, County: "149902"})
	for id, n := range every {
		path := "/collections/" + id + "/items?limit=1000"
		a, all := s.must(path, clerk), s.must(path, bureau)
		if a.number("numberMatched") != n[0] || all.number("numberMatched") != n[1] {
			t.Errorf("%s: the clerk sees %d, the bureau %d", id, a.number("numberMatched"), all.number("numberMatched"))
		}
		own := map[any]bool{}
		for _, f := range a.features() {
			own[f["id"]] = true
		}
		for _, f := range all.features()[max(0, len(all.features())-5):] {
			want := 404
			if own[f["id"]] || id == "parcels" && len(own) == 1000 {
				want = 200
			}
			if got := s.get("/collections/"+id+"/items/"+url.PathEscape(f["id"].(string)), clerk); got.status != want {
				t.Errorf("%s %s for the clerk: %d", id, f["id"], got.status)
			}
		}
		if got := s.get(path, foreign); got.status != 403 {
			t.Errorf("%s for another county: %d", id, got.status)
		}
		if got := s.get(path); got.status != 401 {
			t.Errorf("%s for a stranger: %d", id, got.status)
		}
	}
	if a := s.get("/collections/parcels/items/00000000000000aa.2400", clerk); a.status != 404 {
		t.Errorf("another township's parcel: %d", a.status)
	}
	// extents are of what is seen, whoever asked before
	box := func(who func(*http.Request)) string {
		return fmt.Sprint(s.must("/collections/parcels", who).json["extent"])
	}
	if whole, part := box(bureau), box(clerk); whole == part {
		t.Errorf("the clerk sees the county's extent %s", whole)
	}
}
