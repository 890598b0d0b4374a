package ogc_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/land"
	"gengheng/internal/ogc/desktoptest"
)

// QGIS opens the county's project: every layer is there and reads, the survey in
// the colours of its classes, with Chinese names and values to choose from.
func TestClient_QGISProject(t *testing.T) {
	t.Parallel()
	desktoptest.EachQGIS(t, opensWithQGIS)
}

func opensWithQGIS(t *testing.T, q desktoptest.QGIS) {
	s := newService(t, true)
	resp, b := s.fetch("/project.qgz?year=2025")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-qgis-project" || !strings.Contains(resp.Header.Get("Content-Disposition"), "gengheng_149901.qgz") {
		t.Fatalf("%d %v %.200s", resp.StatusCode, resp.Header, b)
	}
	file := filepath.Join(t.TempDir(), "county.qgz")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := q.Python(t, "testdata/open_project.py", file)
	var v struct {
		Version, Title, CRS string
		Opened              bool
		Tree                []string
		Layers              map[string]struct {
			Name, Alias, Widget, Renderer string
			Valid                         bool
			Read, Values, Classes         int
			Place                         [2]float64
			Fixed                         []string
			Words                         []string
		}
	}
	if err := json.Unmarshal(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:], &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !v.Opened || !strings.Contains(v.Title, "合成示例县") || v.CRS != "EPSG:4546" || len(v.Tree) != len(every) || len(v.Layers) != len(every) {
		t.Errorf("%+v", v)
	}
	for id, n := range every {
		l, ok := v.Layers["gengheng_"+id]
		// QGIS reads no rows without geometry where it asks by place; findings have two
		if !ok || !l.Valid || l.Name == "" || l.Read != n[1] && id != "findings" || l.Read < 1 {
			t.Errorf("%s: %+v", id, l)
		}
	}
	for id, l := range v.Layers {
		if l.Place[0] < x0-10000 || l.Place[0] > x0+20000 || l.Place[1] < y0-10000 || l.Place[1] > y0+20000 {
			t.Errorf("%s is drawn at %v, not in the county", id, l.Place)
		}
	}
	// what the program writes cannot be written in a form, what people declare can, the
	// purpose and the actor in the rulebook's words
	l := v.Layers["gengheng_candidates_out"]
	for _, name := range []string{"id", "verdict", "reasons", "usable_m2", "net_m2", "state", "area_m2"} {
		if !slices.Contains(l.Fixed, name) {
			t.Errorf("%s can be written: only %v cannot", name, l.Fixed)
		}
	}
	for _, name := range []string{"SBBH", "NZDL", "YT", "ZTLX", "CUN", "year"} {
		if slices.Contains(l.Fixed, name) {
			t.Errorf("%s cannot be written", name)
		}
	}
	if !slices.Contains(l.Words, "园地") || !slices.Contains(l.Words, "村集体") {
		t.Errorf("there is no choice of words: %v", l.Words)
	}
	if l := v.Layers["gengheng_parcels"]; l.Alias != "地类编码" || l.Widget != "ValueMap" || l.Values != len(land.Classes()) || l.Renderer != "categorizedSymbol" || l.Classes < 50 {
		t.Errorf("parcels: %+v", l)
	}
}

// What a project is asked for wrongly is said.
func TestProject_Refusals(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, query := range []string{"year=x", "year=1", "nosuch=1", "f=pdf"} {
		if resp, b := s.fetch("/project.qgz?" + query); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, resp.StatusCode, b)
		}
	}
	if a := s.get("/project.qgz?year=1999"); a.status != 400 || !strings.Contains(a.text, "year") {
		t.Errorf("%d %s", a.status, a.text)
	}
	if s.must("").link("alternate", "application/x-qgis-project") == "" {
		t.Error("the landing page has no link to the project")
	}
}
