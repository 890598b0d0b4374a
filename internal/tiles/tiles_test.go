package tiles_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/maptile"

	"gengheng/internal/access"
	"gengheng/internal/land"
)

// where is the tile at the middle of parcel i, and the middle itself in degrees.
func where(i, zoom int) (maptile.Tile, orb.Point) {
	zone, _ := land.ByEPSG(4546)
	lon, lat := zone.Geographic(510050+float64(i%50*100), 4000050+float64(i/50*100))
	return maptile.At(orb.Point{lon, lat}, maptile.Zoom(zoom)), orb.Point{lon, lat}
}

func xyz(t maptile.Tile) string { return fmt.Sprintf("/xyz/%d/%d/%d.pbf", t.Z, t.X, t.Y) }

// at is a place in degrees in the units of a tile.
func at(t maptile.Tile, p orb.Point) orb.Point {
	n := math.Exp2(float64(t.Z))
	x := (p[0]/360 + 0.5) * n
	y := (0.5 - math.Log(math.Tan(math.Pi/4+p[1]*math.Pi/360))/(2*math.Pi)) * n
	return orb.Point{(x - float64(t.X)) * 4096, (y - float64(t.Y)) * 4096}
}

// Features are where PostGIS puts them, to a unit of the tile, with their fields.
func TestTile_AgainstPostGIS(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, zoom := range []int{12, 13, 15, 18} {
		tile, _ := where(1234, zoom)
		got := s.must("/collections/parcels" + xyz(tile)).layers(t)["parcels"]
		var raw []byte
		if err := s.db.Pool.QueryRow(t.Context(), `SELECT ST_AsMVT(m, 'parcels', 4096, 'geom', 'fid') FROM (SELECT fid::int, dlbm AS "DLBM", tbmj::float8 AS "TBMJ",
			ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64) AS geom FROM parcel
			WHERE geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096), 4546)) m WHERE geom IS NOT NULL`, int(tile.Z), int(tile.X), int(tile.Y)).Scan(&raw); err != nil {
			t.Fatal(err)
		}
		theirs, err := mvt.Unmarshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := map[any]orb.Bound{}
		for _, f := range theirs[0].Features {
			want[f.ID] = f.Geometry.Bound()
		}
		if len(got.Features) != len(want) || len(want) < 1 {
			t.Errorf("zoom %d: %d features, PostGIS has %d", zoom, len(got.Features), len(want))
		}
		for _, f := range got.Features {
			b, w := f.Geometry.Bound(), want[f.ID]
			for k := range 2 {
				if math.Abs(b.Min[k]-w.Min[k]) > 1 || math.Abs(b.Max[k]-w.Max[k]) > 1 {
					t.Fatalf("zoom %d: %v is at %v, PostGIS has it at %v", zoom, f.ID, b, w)
				}
			}
			class := "0101"
			if int(f.ID.(float64))%10 == 0 {
				class = "0305"
			}
			if f.Properties["DLBM"] != class || f.Properties["TBMJ"] != 9999.5 || f.Properties["BSM"] != fmt.Sprintf("%018d", int(f.ID.(float64))) {
				t.Fatalf("%v: %v", f.ID, f.Properties)
			}
		}
	}
}

// An edge that two tiles share is drawn at the same place by both, and what lies
// in one tile only is in that one.
func TestTile_NeighboursMeet(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	left, _ := where(1234, 14)
	right := maptile.Tile{X: left.X + 1, Y: left.Y, Z: left.Z}
	boxes := func(tile maptile.Tile) map[any]orb.Bound {
		out := map[any]orb.Bound{}
		for _, f := range s.must("/collections/parcels" + xyz(tile)).layers(t)["parcels"].Features {
			out[f.ID] = f.Geometry.Bound()
		}
		return out
	}
	a, b := boxes(left), boxes(right)
	shared := 0
	for id, one := range a {
		if one.Max[0] < 4096 {
			continue
		}
		other, ok := b[id]
		if !ok {
			t.Errorf("%v reaches over the edge and is not in the next tile", id)
			continue
		}
		shared++
		// its height is drawn alike by both, as far as both draw it
		if math.Abs(one.Min[1]-other.Min[1]) > 1 || math.Abs(one.Max[1]-other.Max[1]) > 1 {
			t.Errorf("%v is at %v in one tile and at %v in the next", id, one, other)
		}
	}
	if shared < 10 {
		t.Errorf("only %d parcels meet the edge", shared)
	}
}

// Every parcel that is large enough is labelled once, inside itself.
func TestTile_LabelsOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	first, _ := where(0, 15)
	last, _ := where(parcels-1, 15)
	seen := map[any]int{}
	for x := first.X; x <= last.X; x++ {
		for y := last.Y; y <= first.Y; y++ {
			tile := maptile.Tile{X: x, Y: y, Z: 15}
			layers := s.must("/collections/parcels" + xyz(tile)).layers(t)
			if layers["parcels_label"] == nil {
				continue
			}
			for _, f := range layers["parcels_label"].Features {
				seen[f.ID]++
				_, middle := where(int(f.ID.(float64)), 15)
				p, w := f.Geometry.(orb.Point), at(tile, middle)
				if math.Abs(p[0]-w[0]) > 60 || math.Abs(p[1]-w[1]) > 60 {
					t.Fatalf("%v is labelled at %v, its middle is %v", f.ID, p, w)
				}
			}
		}
	}
	if len(seen) != parcels || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
		t.Errorf("%d of %d parcels labelled, one up to %d times", len(seen), parcels, slices.Max(slices.Collect(maps.Values(seen))))
	}
}

// A declared parcel has its mark however small it is, from zoom 12 on, once; a
// feature of a layer as small has none.
func TestTile_MarksEveryDeclaredParcel(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const declared = 900
	s.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, area_m2, geom)
		SELECT $1, $2, i, 'out', '乙/' || i, $3, '种粮', 4, `+tiny+` FROM generate_series(0, $4::int - 1) i`, county, s.dataset("CANDIDATE_OUT", townA, declared), townA, declared)
	for _, zoom := range []int{12, 13, 14} {
		first, _ := where(0, zoom)
		last, _ := where(parcels-1, zoom)
		seen := map[any]int{}
		for x := first.X; x <= last.X; x++ {
			for y := last.Y; y <= first.Y; y++ {
				layers := s.must(xyz(maptile.Tile{X: x, Y: y, Z: first.Z}) + "?collections=candidates_out,STBHHX").layers(t)
				if layers["STBHHX_label"] != nil {
					t.Errorf("zoom %d: %d squares of 2 m of a layer are labelled", zoom, len(layers["STBHHX_label"].Features))
				}
				if layers["candidates_out_label"] == nil {
					continue
				}
				for _, f := range layers["candidates_out_label"].Features {
					seen[f.Properties["SBBH"]]++
				}
			}
		}
		if len(seen) != declared || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
			t.Errorf("zoom %d: %d of %d parcels have a mark, one up to %d times", zoom, len(seen), declared, slices.Max(slices.Collect(maps.Values(seen))))
		}
	}
}

// Below zoom 12 the survey keeps the shares of its classes, and every feature of a
// layer is under a mark, however small.
func TestTile_OverviewLosesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, zoom := range []int{11, 10, 8, 5, 0} {
		tile, _ := where(1234, zoom)
		// what of the county is in this tile
		layers := s.must("/collections/STBHHX" + xyz(tile)).layers(t)["STBHHX"]
		inside := 0
		for i := range parcels {
			other, middle := where(i, zoom)
			if other != tile {
				continue
			}
			inside++
			if p := at(tile, middle); !slices.ContainsFunc(layers.Features, func(f *geoFeature) bool { return covers(f.Geometry, p) }) {
				t.Fatalf("zoom %d: feature %d at %v is not marked", zoom, i, p)
			}
		}
		if inside == 0 {
			t.Fatal("the tile is empty")
		}
		if zoom < 10 {
			continue // too few pixels for shares
		}
		areas, sum := map[any]float64{}, 0.0
		for _, f := range s.must("/collections/parcels" + xyz(tile)).layers(t)["parcels"].Features {
			a := size(f.Geometry)
			areas[f.Properties["DLBM"]] += a
			sum += a
		}
		// the mesh's columns of shrubland are a tenth of it
		if share := areas["0305"] / sum; len(areas) != 2 || math.Abs(share-0.1) > 0.05 {
			t.Errorf("zoom %d: shrubland has a share of %.3f of %v", zoom, share, areas)
		}
	}
}

// The same version gives the same bytes and tag; an edit gives others at once; who
// has the tag gets 304.
func TestTile_FollowsTheVersion(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	tile, _ := where(0, 14)
	path := "/collections/candidates_in" + xyz(tile)
	first := s.must(path)
	tag := first.header.Get("ETag")
	if again := s.must(path); !bytes.Equal(first.body, again.body) || again.header.Get("ETag") != tag {
		t.Error("the same version gives another tile")
	}
	if cc := first.header.Get("Cache-Control"); cc != "private, no-cache" {
		t.Errorf("Cache-Control: %s", cc)
	}
	same := func(r *http.Request) { r.Header.Set("If-None-Match", tag) }
	if a := s.get(path, same); a.status != http.StatusNotModified || len(a.body) > 0 || a.header.Get("ETag") != tag {
		t.Errorf("with its tag: %d", a.status)
	}
	s.declare("in", townA, 3)
	edited := s.get(path, same)
	if edited.status != http.StatusOK || edited.header.Get("ETag") == tag {
		t.Fatalf("after an edit: %d", edited.status)
	}
	_, middle := where(3, 14)
	f := edited.layers(t)["candidates_in"].Features
	if len(f) != 1 || !covers(f[0].Geometry, at(tile, middle)) {
		t.Errorf("the edited parcel is not where it was moved to: %v", f)
	}
	// parcels are of another version and stay
	before := s.must("/collections/parcels" + xyz(tile)).header.Get("ETag")
	s.survey("0103")
	if after := s.must("/collections/parcels" + xyz(tile)); after.header.Get("ETag") == before {
		t.Error("a new survey gives the old tile")
	}
}

// Plain and compressed tiles are the same tile, under tags of their own.
func TestTile_Encodings(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	tile, _ := where(1234, 14)
	plain := s.must("/collections/parcels"+xyz(tile), func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") })
	zipped := s.must("/collections/parcels"+xyz(tile), func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") })
	if plain.header.Get("Content-Encoding") != "" || zipped.header.Get("Content-Encoding") != "gzip" || plain.header.Get("ETag") == zipped.header.Get("ETag") {
		t.Errorf("%v, %v", plain.header, zipped.header)
	}
	if got := s.must("/collections/parcels" + xyz(tile)); !bytes.Equal(got.body, plain.body) {
		t.Error("compressed, it is another tile")
	}
	if len(zipped.body) >= len(plain.body) || !strings.Contains(plain.header.Get("Vary"), "Authorization") {
		t.Errorf("%d bytes compressed, %d plain", len(zipped.body), len(plain.body))
	}
}

// What a township sees is never another's, in whatever order they ask, at any zoom.
func TestTile_KeepsTownshipsApart(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	clerk := func(town string) func(*http.Request) {
		return s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: town})
	}
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	who := []func(*http.Request){clerk(townA), bureau, clerk(townB)}
	want := [][2]bool{{true, false}, {true, true}, {false, true}}
	for _, zoom := range []int{9, 12} {
		for range 2 { // the second time from the cache
			for k, as := range who {
				south, a := where(525, zoom)
				north, b := where(2025, zoom)
				for i, c := range []struct {
					tile  maptile.Tile
					point orb.Point
				}{{south, a}, {north, b}} {
					layers := s.must("/collections/parcels"+xyz(c.tile), as).layers(t)
					seen := layers["parcels"] != nil && slices.ContainsFunc(layers["parcels"].Features, func(f *geoFeature) bool { return covers(f.Geometry, at(c.tile, c.point)) })
					if seen != want[k][i] {
						t.Errorf("zoom %d: caller %d sees the parcel of town %d: %v", zoom, k, i, seen)
					}
				}
			}
		}
	}
	south, _ := where(0, 14)
	for k, as := range who {
		layers := s.must("/collections/candidates_in"+xyz(south), as).layers(t)
		if seen := layers["candidates_in"] != nil; seen != want[k][0] {
			t.Errorf("caller %d sees the declaration of town A: %v", k, seen)
		}
	}
	if a := s.get(xyz(south)); a.status != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d", a.status)
	}
}

// What cannot be is refused, with a sentence.
func TestTile_Refusals(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, c := range []struct {
		path   string
		status int
		kind   string
		says   string
	}{
		{"/xyz/19/0/0.pbf", 404, "tile-not-found", "0 至 18"},
		{"/xyz/3/8/0", 404, "tile-not-found", "0 至 7"},
		{"/tiles/WebMercatorQuad/3/8/0", 404, "tile-not-found", "行 8"},
		{"/xyz/3/-1/0", 400, "ogc-tile-address", "-1"},
		{"/xyz/03/1/0", 400, "ogc-tile-address", "03"},
		{"/xyz/a/b/c.pbf", 400, "ogc-tile-address", "a/b/c"},
		{"/xyz/99999999999999999999/0/0", 400, "ogc-tile-address", "9999"},
		{"/collections/none/xyz/3/1/0", 404, "collection-not-found", "parcels"},
		{"/xyz/3/1/0?collections=parcels,none", 404, "collection-not-found", "none"},
		{"/xyz/3/1/0?collections=", 400, "ogc-collections", "空的"},
		{"/tiles/WebMercatorQuad?collections=", 400, "ogc-collections", "空的"},
		{"/xyz/3/1/0?colour=red", 400, "ogc-parameter-unknown", "collections"},
		{"/xyz/3/1/0?f=png", 400, "ogc-format", "mvt"},
		{"/tiles/WorldCRS84Quad/3/1/0", 404, "tile-matrix-set-not-found", "WebMercatorQuad"},
		{"/tileMatrixSets/none", 404, "tile-matrix-set-not-found", "WebMercatorQuad"},
	} {
		a := s.get(c.path)
		v := a.json(t)
		detail, _ := v["detail"].(string)
		if a.status != c.status || v["type"] != "urn:gengheng:problem:"+c.kind || !strings.Contains(detail, c.says) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d %s", c.path, a.status, a.body)
		}
		if han := strings.IndexFunc(detail, func(r rune) bool { return r >= 0x4e00 && r < 0xa000 }); han < 0 || !strings.Contains(detail, ". ") && !strings.HasSuffix(detail, ".") {
			t.Errorf("%s: not in both languages: %s", c.path, detail)
		}
	}
	// a tile elsewhere is empty, not an error
	if a := s.must("/xyz/5/0/0.pbf"); len(a.body) != 0 || a.header.Get("Content-Type") != "application/vnd.mapbox-vector-tile" {
		t.Errorf("a tile of nothing has %d bytes", len(a.body))
	}
}

// A tile of all collections has each of them; collections= those named.
func TestTile_OfSeveralCollections(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	tile, _ := where(0, 14)
	all := slices.Sorted(maps.Keys(s.must(xyz(tile)).layers(t)))
	for _, name := range []string{"STBHHX", "candidates_in", "parcels", "townships"} {
		if !slices.Contains(all, name) {
			t.Errorf("%s is not among %v", name, all)
		}
	}
	if some := slices.Sorted(maps.Keys(s.must(xyz(tile) + "?collections=STBHHX,townships,STBHHX").layers(t))); !slices.Contains(some, "STBHHX") || !slices.Contains(some, "townships") || slices.Contains(some, "parcels") {
		t.Errorf("%v", some)
	}
	by := fmt.Sprintf("/tiles/WebMercatorQuad/%d/%d/%d", tile.Z, tile.Y, tile.X)
	if a, b := s.must(xyz(tile)), s.must(by); !bytes.Equal(a.body, b.body) {
		t.Error("the tile's two addresses give two tiles")
	}
}
