package ogc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/access"
)

// run runs a program and gives what it printed.
func run(t *testing.T, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), append(env, "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, problems.String())
	}
	return out.Bytes()
}

// debian is Debian's own Python, where its QGIS and OWSLib are.
const debian = "/usr/bin/python3"

func needsModule(t *testing.T, module, packages string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), debian, "-c", "import "+module).Run(); err != nil {
		t.Skipf("没有 %s：用 scripts/setup --clients 安装 %s · not installed", module, packages)
	}
}

// GDAL browses, reads every page, filters at the server by a field and by place,
// with a key as the password.
func TestClient_GDAL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ogr2ogr"); err != nil {
		t.Fatal("没有 ogr2ogr，请执行 scripts/setup · GDAL's tools are missing")
	}
	s := newService(t, false)
	secret := s.secret(access.Capacity{Role: access.Bureau, County: county})
	env := []string{"GDAL_HTTP_USERPWD=qgis:" + secret, "GDAL_HTTP_AUTH=BASIC"}
	source := "OAPIF:" + s.URL + "/ogc/" + county
	list := string(run(t, env, "ogrinfo", "-ro", "-q", source))
	for id := range every {
		if !strings.Contains(list, id) {
			t.Errorf("ogrinfo does not see %s:\n%s", id, list)
		}
	}
	if info := string(run(t, env, "ogrinfo", "-ro", "-so", source, "parcels")); !strings.Contains(info, fmt.Sprint("Feature Count: ", parcels)) || !strings.Contains(info, "TBMJ: Real") {
		t.Errorf("ogrinfo: %s", info)
	}
	read := func(args ...string) []map[string]any {
		t.Helper()
		out := run(t, env, "ogr2ogr", slices.Concat([]string{"-f", "GeoJSON", "/vsistdout/"}, args, []string{"-oo", "PAGE_SIZE=1000", source, "parcels"})...)
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

// QGIS 3.22 browses, pages through more than a thousand features, filters, counts.
func TestClient_QGIS(t *testing.T) {
	t.Parallel()
	needsModule(t, "qgis.core", "python3-qgis qgis-providers")
	s := newService(t, true)
	home := t.TempDir()
	out := run(t, []string{"QT_QPA_PLATFORM=offscreen", "HOME=" + home, "XDG_RUNTIME_DIR=" + home}, debian, "testdata/qgis_client.py", s.URL+"/ogc/"+county)
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
	if v.Count != parcels || v.Read != parcels || v.Named != parcels || v.Filtered != parcels/10 || v.Near != 1 || v.Candidates != 2 || v.CRS != "OGC:CRS84" && v.CRS != "EPSG:4326" {
		t.Errorf("%+v", v)
	}
	if math.Abs(v.Extent[0]-111.11) > 0.01 || math.Abs(v.Extent[1]-36.13) > 0.01 {
		t.Errorf("the parcels lie at %v", v.Extent)
	}
	for _, name := range []string{"BSM", "DLBM", "DLMC", "TBMJ", "area_m2"} {
		if !slices.Contains(v.Fields, name) {
			t.Errorf("no field %s in %v", name, v.Fields)
		}
	}
}

func TestClient_OWSLib(t *testing.T) {
	t.Parallel()
	needsModule(t, "owslib.ogcapi.features", "python3-owslib")
	s := newService(t, true)
	out := run(t, nil, debian, "testdata/owslib_client.py", s.URL+"/ogc/"+county)
	var v struct {
		Conformance, Page, Matched, Filtered int
		Collections                          []string
		Title, API                           string
		Queryables, One                      bool
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if v.Conformance < 10 || v.Page != 1000 || v.Matched != parcels || v.Filtered != parcels/10 || v.Title != "地类图斑 DLTB" || v.API != "3.0.3" || !v.Queryables || !v.One ||
		!slices.Equal(v.Collections, slices.Sorted(maps.Keys(every))) {
		t.Errorf("%+v", v)
	}
}
