package ogc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/ogc/desktoptest"
)

// GDAL browses, reads every page, filters at the server by a field and by place,
// with a key as the password.
func TestClient_GDAL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ogr2ogr"); err != nil {
		t.Fatal("没有 ogr2ogr，请执行 scripts/setup · GDAL's tools are missing")
	}
	s := newService(t, false)
	secret := s.Secret(access.Capacity{Role: access.Bureau, County: county})
	env := []string{"GDAL_HTTP_USERPWD=qgis:" + secret, "GDAL_HTTP_AUTH=BASIC"}
	source := "OAPIF:" + s.URL + "/ogc/" + county
	list := string(desktoptest.Run(t, env, "ogrinfo", "-ro", "-q", source))
	for id := range every {
		if !strings.Contains(list, id) {
			t.Errorf("ogrinfo does not see %s:\n%s", id, list)
		}
	}
	if info := string(desktoptest.Run(t, env, "ogrinfo", "-ro", "-so", source, "parcels")); !strings.Contains(info, fmt.Sprint("Feature Count: ", parcels)) || !strings.Contains(info, "TBMJ: Real") {
		t.Errorf("ogrinfo: %s", info)
	}
	read := func(args ...string) []map[string]any {
		t.Helper()
		out := desktoptest.Run(t, env, "ogr2ogr", slices.Concat([]string{"-f", "GeoJSON", "/vsistdout/"}, args, []string{"-oo", "PAGE_SIZE=1000", source, "parcels"})...)
		var v struct{ Features []map[string]any }
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatalf("%v: %.200s", err, out)
		}
		return v.Features
	}
	all := read()
	ids := map[any]bool{}
	for _, f := range all {
		ids[f["properties"].(map[string]any)["BSM"]] = true
	}
	if len(all) != parcels || len(ids) != parcels {
		t.Errorf("ogr2ogr read %d features, %d different", len(all), len(ids))
	}
	if got := len(read("-where", "DLBM = '0305'")); got != parcels/10 {
		t.Errorf("-where: %d", got)
	}
	p := points(all[0]["geometry"])
	x, y := fmt.Sprint(p[0][0]-1e-4), fmt.Sprint(p[0][1]-1e-4)
	if got := len(read("-spat", x, y, fmt.Sprint(p[0][0]+1e-4), fmt.Sprint(p[0][1]+1e-4))); got < 1 || got > 4 {
		t.Errorf("-spat about a corner: %d", got)
	}
}

// QGIS browses, pages through more than a thousand features, filters, counts.
func TestClient_QGIS(t *testing.T) {
	t.Parallel()
	desktoptest.EachQGIS(t, readsWithQGIS)
}

func readsWithQGIS(t *testing.T, q desktoptest.QGIS) {
	s := newService(t, true)
	out := q.Python(t, "testdata/qgis_client.py", s.URL+"/ogc/"+county)
	var v struct {
		Version, CRS                                   string
		Count, Read, Named, Filtered, Near, Candidates int
		Extent                                         [4]float64
		Fields                                         []string
	}
	if err := json.Unmarshal(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:], &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("QGIS %s", v.Version)
	if v.Count != parcels || v.Read != parcels || v.Named != parcels || v.Filtered != parcels/10 || v.Near != 1 || v.Candidates != 2 {
		t.Errorf("%+v", v)
	}
	if strings.HasPrefix(v.Version, "3.22") {
		if v.CRS != "OGC:CRS84" && v.CRS != "EPSG:4326" || math.Abs(v.Extent[0]-111.11) > 0.01 || math.Abs(v.Extent[1]-36.13) > 0.01 {
			t.Errorf("the parcels lie at %v of %s", v.Extent, v.CRS)
		}
	} else {
		// A newer one asks for the CRS in which they are kept, and leaves the filter to
		// the server. Its extent has the easting first.
		if v.CRS != "EPSG:4546" || math.Abs(v.Extent[0]-510000) > 1 || math.Abs(v.Extent[1]-4000000) > 1 {
			t.Errorf("the parcels lie at %v of %s", v.Extent, v.CRS)
		}
		if !s.WasAsked("/parcels/items?", "crs=http://www.opengis.net/def/crs/EPSG/0/4546", "filter=", "DLBM", "'0305'", "filter-lang=cql2-text") || !s.WasAsked("bbox-crs=http://www.opengis.net/def/crs/EPSG/0/4546") {
			t.Errorf("the filter, the place or the CRS was not left to the server:\n%s", strings.Join(s.Asked(), "\n"))
		}
	}
	for _, name := range []string{"BSM", "DLBM", "DLMC", "TBMJ", "area_m2"} {
		if !slices.Contains(v.Fields, name) {
			t.Errorf("no field %s in %v", name, v.Fields)
		}
	}
}

func TestClient_OWSLib(t *testing.T) {
	t.Parallel()
	desktoptest.NeedsModule(t, "owslib.ogcapi.features", "python3-owslib")
	s := newService(t, true)
	out := desktoptest.Run(t, nil, desktoptest.Debian, "testdata/owslib_client.py", s.URL+"/ogc/"+county)
	var v struct {
		Conformance, Page, Matched, Filtered int
		Collections, Processes, Inputs       []string
		Title, API                           string
		Queryables, One                      bool
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if v.Conformance < 10 || v.Page != 1000 || v.Matched != parcels || v.Filtered != parcels/10 || v.Title != "地类图斑 DLTB" || v.API != "3.0.3" || !v.Queryables || !v.One ||
		!slices.Equal(v.Collections, slices.Sorted(maps.Keys(every))) || !slices.Equal(v.Processes, []string{"screening", "whatif", "balancing", "area"}) || !slices.Equal(v.Inputs, []string{"crs", "geometry"}) {
		t.Errorf("%+v", v)
	}
}
