package tiles_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/paulmach/orb/maptile"
)

// The abstract tests of OGC API – Tiles – Part 1 (OGC 20-057, Annex A), by their
// names, as far as the classes are declared: /conf/core/tc-op is Core_TcOp.

const (
	relVector = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
	relScheme = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
)

type link struct {
	href, kind string
	templated  bool
}

func linksOf(v map[string]any, rel string) []link {
	var out []link
	list, _ := v["links"].([]any)
	for _, one := range list {
		l := one.(map[string]any)
		if l["rel"] == rel {
			href, _ := l["href"].(string)
			kind, _ := l["type"].(string)
			out = append(out, link{href, kind, l["templated"] == true})
		}
	}
	return out
}

// one is the only link of a relation.
func one(t *testing.T, v map[string]any, rel string) link {
	t.Helper()
	list := linksOf(v, rel)
	if len(list) != 1 {
		t.Fatalf("%d links %s in %v", len(list), rel, v["links"])
	}
	return list[0]
}

func filled(template string, tile maptile.Tile) string {
	return strings.NewReplacer("{tileMatrix}", fmt.Sprint(tile.Z), "{tileRow}", fmt.Sprint(tile.Y), "{tileCol}", fmt.Sprint(tile.X)).Replace(template)
}

// tilesetsOf follows the way from the landing page and from each collection to the
// tilesets, as a client does that knows no address.
func tilesetsOf(t *testing.T, s *service) (lists []map[string]any) {
	t.Helper()
	lists = append(lists, s.must(one(t, s.must("").json(t), relVector).href).json(t))
	for _, c := range s.must("/collections").json(t)["collections"].([]any) {
		lists = append(lists, s.must(one(t, c.(map[string]any), relVector).href).json(t))
	}
	return lists
}

func TestATS_Tiles(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for name, test := range map[string]func(t *testing.T, s *service){
		"core/conformance-success":                atsConformance,
		"core/tc-op":                              atsTile,
		"core/tc-tilematrix-definition":           atsTileParameters,
		"core/tc-error":                           atsError,
		"tilesets-list/tileset-links":             atsTilesetLinks,
		"tileset/description":                     atsTileset,
		"dataset-tilesets/landingpage":            atsLanding,
		"geodata-tilesets/desc-links":             atsCollections,
		"collections-selection/query-collections": atsSelection,
		"mvt/content":                             atsTile,
		"oas30/operation-id":                      atsOperations,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// Abstract tests conformance-success of each class: the declaration lists it.
func atsConformance(t *testing.T, s *service) {
	list := s.must("/conformance").json(t)["conformsTo"].([]any)
	for _, class := range []string{"core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection", "mvt", "oas30"} {
		if !slices.Contains(list, any("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"+class)) {
			t.Errorf("%s is not declared", class)
		}
	}
}

// tc-op, tc-success and mvt/content: a tile of every tileset by its template, as
// vector tile, of what meets its area.
func atsTile(t *testing.T, s *service) {
	tile, _ := where(0, 13)
	for _, list := range tilesetsOf(t, s) {
		for _, set := range list["tilesets"].([]any) {
			item := one(t, s.must(one(t, set.(map[string]any), "self").href).json(t), "item")
			a := s.must(filled(item.href, tile), func(r *http.Request) { r.Header.Set("Accept", item.kind) })
			if a.header.Get("Content-Type") != "application/vnd.mapbox-vector-tile" || item.kind != a.header.Get("Content-Type") {
				t.Errorf("%s: %s", item.href, a.header.Get("Content-Type"))
			}
			for name, l := range a.layers(t) {
				if strings.HasSuffix(name, "_label") {
					continue
				}
				for _, f := range l.Features {
					if b := f.Geometry.Bound(); b.Max[0] < -64 || b.Max[1] < -64 || b.Min[0] > 4160 || b.Min[1] > 4160 {
						t.Errorf("%s of %s lies outside the tile: %v", name, item.href, b)
					}
				}
			}
		}
	}
}

// tc-tilematrix-definition, tc-tilerow-definition, tc-tilecol-definition: the
// parameters are those of the definition of the set.
func atsTileParameters(t *testing.T, s *service) {
	v := s.must("/tileMatrixSets").json(t)["tileMatrixSets"].([]any)[0].(map[string]any)
	set := s.must(one(t, v, "self").href).json(t)
	matrices := set["tileMatrices"].([]any)
	if set["id"] != "WebMercatorQuad" || set["crs"] != "http://www.opengis.net/def/crs/EPSG/0/3857" || len(matrices) != 25 {
		t.Errorf("%v", set)
	}
	first := matrices[0].(map[string]any)
	// the values of Annex D.1 of OGC 17-083r4
	if d := first["scaleDenominator"].(float64) - 559082264.028717; d > 1e-3 || d < -1e-3 {
		t.Errorf("scale denominator %v", first["scaleDenominator"])
	}
	if d := first["cellSize"].(float64) - 156543.033928041; d > 1e-6 || d < -1e-6 {
		t.Errorf("cell size %v", first["cellSize"])
	}
	for z, m := range matrices {
		m := m.(map[string]any)
		if m["id"] != fmt.Sprint(z) || m["matrixWidth"] != float64(int(1)<<z) {
			t.Errorf("%v", m)
		}
	}
}

// tc-error: outside the set 404 or 400; empty 204, or 200 with what is a tile.
func atsError(t *testing.T, s *service) {
	for path, want := range map[string][]int{"/25/0/0": {400, 404}, "/4/16/0": {400, 404}, "/4/0/16": {400, 404}, "/4/-1/0": {400, 404}, "/4/0/0": {200, 204}} {
		for _, at := range []string{"", "/collections/parcels"} {
			if a := s.get(at + "/tiles/WebMercatorQuad" + path); !slices.Contains(want, a.status) {
				t.Errorf("%s%s: %d", at, path, a.status)
			}
		}
	}
}

func atsTilesetLinks(t *testing.T, s *service) {
	for _, list := range tilesetsOf(t, s) {
		at := one(t, list, "self").href
		for _, v := range list["tilesets"].([]any) {
			set := v.(map[string]any)
			if set["dataType"] != "vector" || set["crs"] != "http://www.opengis.net/def/crs/EPSG/0/3857" ||
				set["tileMatrixSetURI"] != "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad" {
				t.Errorf("%v", set)
			}
			if self := one(t, set, "self").href; self != at+"/WebMercatorQuad" {
				t.Errorf("%s is not below %s", self, at)
			}
			s.must(one(t, set, relScheme).href)
		}
	}
}

func atsTileset(t *testing.T, s *service) {
	for _, list := range tilesetsOf(t, s) {
		set := s.must(one(t, list["tilesets"].([]any)[0].(map[string]any), "self").href).json(t)
		if set["tileMatrixSetURI"] != "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad" || len(set["layers"].([]any)) == 0 {
			t.Errorf("%v", set)
		}
		if scheme := s.must(one(t, set, relScheme).href).json(t); scheme["tileMatrices"] == nil {
			t.Errorf("%v", scheme)
		}
		item := one(t, set, "item")
		if !item.templated || item.kind != "application/vnd.mapbox-vector-tile" || filled(item.href, maptile.Tile{Z: 1}) == item.href || strings.Contains(filled(item.href, maptile.Tile{}), "{") {
			t.Errorf("%+v", item)
		}
		// every tile within the limits is there
		for _, v := range set["tileMatrixSetLimits"].([]any) {
			l := v.(map[string]any)
			var z uint32
			if _, err := fmt.Sscan(l["tileMatrix"].(string), &z); err != nil {
				t.Fatal(err)
			}
			if z > 12 {
				break
			}
			s.must(filled(item.href, maptile.Tile{Z: maptile.Zoom(z), X: uint32(l["maxTileCol"].(float64)), Y: uint32(l["minTileRow"].(float64))}))
		}
	}
}

func atsLanding(t *testing.T, s *service) {
	s.must(one(t, s.must("").json(t), relVector).href)
}

func atsCollections(t *testing.T, s *service) {
	for _, v := range s.must("/collections").json(t)["collections"].([]any) {
		c := v.(map[string]any)
		if href := one(t, c, relVector).href; !strings.HasSuffix(href, "/collections/"+c["id"].(string)+"/tiles") {
			t.Error(href)
		}
		s.must(one(t, s.must("/collections/"+c["id"].(string)).json(t), relVector).href)
	}
}

// query-collections and collections-response: only those that are named, in that order.
func atsSelection(t *testing.T, s *service) {
	set := s.must("/tiles/WebMercatorQuad?collections=parcels,townships").json(t)
	var ids []string
	for _, l := range set["layers"].([]any) {
		ids = append(ids, l.(map[string]any)["id"].(string))
	}
	if !slices.Equal(ids, []string{"parcels", "townships"}) {
		t.Errorf("%v", ids)
	}
	tile, _ := where(0, 13)
	for name := range s.must(filled(one(t, set, "item").href, tile)).layers(t) {
		if id := strings.TrimSuffix(name, "_label"); id != "parcels" && id != "townships" {
			t.Errorf("the tile has a layer %s", name)
		}
	}
}

// operation-id: the definition has every operation under the names of Table 12.
func atsOperations(t *testing.T, s *service) {
	spec, err := openapi3.NewLoader().LoadFromData(s.must("/api").body)
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	var ids []string
	for _, item := range spec.Paths.Map() {
		if item.Get != nil {
			ids = append(ids, item.Get.OperationID)
		}
	}
	for _, end := range []string{"getTileMatrixSetsList", "getTileMatrixSet", "dataset.vector.getTileSetsList", "dataset.vector.getTileSet", "dataset.vector.getTile",
		".collection.vector.getTileSetsList", ".collection.vector.getTileSet", ".collection.vector.getTile"} {
		if !slices.ContainsFunc(ids, func(id string) bool { return strings.HasSuffix(id, end) }) {
			t.Errorf("no operation ends with %s", end)
		}
	}
}
