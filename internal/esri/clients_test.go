package esri_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/access"
	"gengheng/internal/ogc/desktoptest"
)

// GDAL reads every page by offset, filters at the server by a field and by place,
// with a key as the password.
func TestClient_GDAL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ogr2ogr"); err != nil {
		t.Fatal("没有 ogr2ogr，请执行 scripts/setup · GDAL's tools are missing")
	}
	s := newService(t, false)
	env := []string{"GDAL_HTTP_USERPWD=gdal:" + s.Secret(access.Capacity{Role: access.Bureau, County: county}), "GDAL_HTTP_AUTH=BASIC"}
	at := s.URL + "/arcgis/" + county + "/rest/services" + server + survey + "/query?outFields=*&f=json&where="
	if info := string(desktoptest.Run(t, env, "ogrinfo", "-ro", "-al", "-so", "ESRIJSON:"+at+"1%3D1")); !strings.Contains(info, fmt.Sprint("Feature Count: ", parcels)) ||
		!strings.Contains(info, "TBMJ: Real") || !strings.Contains(info, "Polygon") || !strings.Contains(info, "OBJECTID: Integer") || !strings.Contains(info, "4546") {
		t.Errorf("ogrinfo: %s", info)
	}
	read := func(query string) []map[string]any {
		t.Helper()
		out := desktoptest.Run(t, env, "ogr2ogr", "-f", "GeoJSON", "/vsistdout/", "ESRIJSON:"+at+query)
		var v struct{ Features []map[string]any }
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatalf("%v: %.200s", err, out)
		}
		return v.Features
	}
	ids := map[any]bool{}
	for _, f := range read("1%3D1&resultRecordCount=700") {
		ids[f["properties"].(map[string]any)["BSM"]] = true
	}
	if len(ids) != parcels {
		t.Errorf("ogr2ogr read %d different features", len(ids))
	}
	if got := len(read("DLBM%3D%270305%27")); got != parcels/10 {
		t.Errorf("where: %d", got)
	}
	if got := len(read("1%3D1&geometry=510110,4000110,510190,4000190&geometryType=esriGeometryEnvelope")); got != 1 {
		t.Errorf("geometry: %d", got)
	}
	if !s.WasAsked("resultOffset=1400", "resultRecordCount=700") {
		t.Errorf("no page was asked for:\n%s", strings.Join(s.Asked(), "\n"))
	}
}

// seen is what the script of PyQGIS saw.
type seen struct {
	Version, CRS                       string
	Count, Read, Named, Near, Filtered int
	Extent                             [4]float64
	Fields                             map[string]string
	Editable                           bool
	Added, Changed, Refused, Deleted   [2]any
	Made, Moved                        [][3]any
	Left                               int
}

// QGIS browses, pages by a hundred numbers, looks about a place and, from 3.40 on,
// filters at the server and edits.
func TestClient_QGIS(t *testing.T) {
	t.Parallel()
	desktoptest.EachQGIS(t, func(t *testing.T, q desktoptest.QGIS) {
		s := newService(t, true)
		args := []string{s.URL + "/arcgis/" + county + "/rest/services"}
		newer := !strings.HasPrefix(q.Version, "3.22")
		if newer {
			args = append(args, "edit")
		}
		out := q.Python(t, "testdata/qgis_client.py", args...)
		var v seen
		if err := json.Unmarshal(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:], &v); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if v.Count != parcels || v.Read != parcels || v.Named != parcels || v.Near != 1 || v.CRS != "EPSG:4546" || v.Extent != [4]float64{x0, y0, x0 + 5000, y0 + 5000} || v.Fields["DLBM"] != "地类编码" {
			t.Errorf("%+v", v)
		}
		if !s.WasAsked("/FeatureServer/1/query?", "returnIdsOnly=true", "esriSpatialRelEnvelopeIntersects") || !s.WasAsked("/query?", "objectIds=") {
			t.Errorf("the place was not left to the server:\n%s", strings.Join(s.Asked(), "\n"))
		}
		if !newer {
			return
		}
		if v.Filtered != parcels/10 || !s.WasAsked("/query?", "DLBM = '0305'") {
			t.Errorf("the filter was not left to the server: %d\n%s", v.Filtered, strings.Join(s.Asked(), "\n"))
		}
		v.edited(t)
	})
}

// edited holds what QGIS saw of its own edits to what they should be.
func (v *seen) edited(t *testing.T) {
	t.Helper()
	yes := [2]any{true, ""}
	if !v.Editable || v.Added[0] != true || v.Changed[0] != true || v.Deleted[0] != true || v.Left != 0 {
		t.Fatalf("%+v", v)
	}
	if !slices.Equal(v.Deleted[:1], yes[:1]) || len(v.Made) != 1 || len(v.Moved) != 1 || v.Made[0][0] != v.Moved[0][0] || v.Made[0][1] != "unknown" || v.Moved[0][1] != "合成村" {
		t.Errorf("made %v, moved %v", v.Made, v.Moved)
	}
	before, _ := v.Made[0][2].(float64)
	after, _ := v.Moved[0][2].(float64)
	if math.Abs(before-8100) > 20 || math.Abs(after-3600) > 20 {
		t.Errorf("the area of 90 m by 90 m is %v, that of 60 m by 60 m %v", before, after)
	}
	if message, _ := v.Refused[1].(string); v.Refused[0] != false || !strings.Contains(message, "149902100") {
		t.Errorf("another county's township was not refused with a sentence: %v", v.Refused)
	}
}
