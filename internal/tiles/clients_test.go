package tiles_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/ogc/desktoptest"
	"gengheng/internal/tiles/style"
)

// mercator is a place in degrees in EPSG:3857.
func mercator(p orb.Point) orb.Point {
	const r = 6378137.0
	return orb.Point{p[0] * math.Pi / 180 * r, r * math.Log(math.Tan(math.Pi/4+p[1]*math.Pi/360))}
}

// GDAL reads a tile from the service, with a key, and a tile saved as a file: the
// layers, the fields, the places.
func TestClient_GDAL(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	secret := s.secret(access.Capacity{Role: access.Bureau, County: county})
	as := func(r *http.Request) { r.SetBasicAuth("qgis", secret) }
	tile, middle := where(1234, 15)
	env := []string{"GDAL_HTTP_USERPWD=qgis:" + secret, "GDAL_HTTP_AUTH=BASIC"}
	served := fmt.Sprintf("MVT:/vsicurl/%s/ogc/%s/collections/parcels/xyz/%d/%d/%d.pbf", s.URL, county, tile.Z, tile.X, tile.Y)
	if out := string(desktoptest.Run(t, env, "ogrinfo", "-ro", "-q", served)); !strings.Contains(out, "parcels (Multi Polygon)") && !strings.Contains(out, "parcels") {
		t.Errorf("ogrinfo of a served tile: %s", out)
	}
	file := filepath.Join(t.TempDir(), fmt.Sprintf("%d-%d-%d.mvt", tile.Z, tile.X, tile.Y))
	body := s.must("/collections/parcels"+xyz(tile), as)
	if err := os.WriteFile(file, body.body, 0o600); err != nil {
		t.Fatal(err)
	}
	m := mercator(middle)
	around := []string{"-spat", fmt.Sprint(m[0] - 5), fmt.Sprint(m[1] - 5), fmt.Sprint(m[0] + 5), fmt.Sprint(m[1] + 5)}
	out := desktoptest.Run(t, nil, "ogr2ogr", append([]string{"-f", "GeoJSON", "/vsistdout/", file, "parcels", "-t_srs", "EPSG:3857",
		"-oo", "X=" + fmt.Sprint(tile.X), "-oo", "Y=" + fmt.Sprint(tile.Y), "-oo", "Z=" + fmt.Sprint(tile.Z)}, around...)...)
	var v struct {
		Features []struct {
			ID         float64
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v: %.300s", err, out)
	}
	if len(v.Features) != 1 || v.Features[0].Properties["BSM"] != "000000000000001234" || v.Features[0].Properties["TBMJ"] != 9999.5 || v.Features[0].Properties["DLBM"] != "0101" {
		t.Errorf("at the middle of parcel 1234 GDAL finds %+v", v.Features)
	}
}

// QGIS draws the tiles in the style that the service gives: at every parcel of the
// picture is the colour of its class; and it takes the QML and the SLD.
func TestClient_QGIS(t *testing.T) {
	t.Parallel()
	desktoptest.EachQGIS(t, func(t *testing.T, q desktoptest.QGIS) {
		s := newService(t, true)
		folder := t.TempDir()
		for _, name := range []string{"style.qml", "style.sld"} {
			if err := os.WriteFile(filepath.Join(folder, name), s.must("/"+name).body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		root := s.URL + "/ogc/" + county
		picture := filepath.Join(folder, "out.png")
		_, middle := where(1225, 18)
		c := mercator(middle)
		const half = 1500.0
		out := q.Python(t, "testdata/qgis_tiles.py", root+"/collections/parcels/xyz/{z}/{x}/{y}.pbf", root+"/style.json", filepath.Join(folder, "style.qml"), filepath.Join(folder, "style.sld"),
			picture, fmt.Sprint(c[0]-half), fmt.Sprint(c[1]-half), fmt.Sprint(c[0]+half), fmt.Sprint(c[1]+half))
		var v struct {
			Version              string
			Valid, Styled, Saved bool
			Styles               int
			QML, SLD             map[string]string
		}
		if err := json.Unmarshal(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:], &v); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		classes, err := style.Classes()
		if err != nil {
			t.Fatal(err)
		}
		if !v.Valid || !v.Saved || v.Styles < len(classes) {
			t.Errorf("QGIS %s: %+v", v.Version, v)
		}
		for _, class := range classes {
			if v.QML[class.Code] != class.Colour || v.SLD[class.Code] != class.Colour {
				t.Errorf("%s: QML %q, SLD %q", class.Code, v.QML[class.Code], v.SLD[class.Code])
			}
		}
		comparePicture(t, picture, c, half)
	})
}

// comparePicture holds a picture of 512 pixels to where the parcels are: c is its
// middle, half its half width in EPSG:3857.
func comparePicture(t *testing.T, file string, c orb.Point, half float64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	looked := map[string]int{}
	for i := range parcels {
		_, p := where(i, 18)
		m := mercator(p)
		// a quarter of a parcel off its middle, where the label may be
		x, y := int((m[0]-25-c[0]+half)/(2*half)*512), int((c[1]+half-m[1]+25)/(2*half)*512)
		if x < 4 || y < 4 || x >= 508 || y >= 508 {
			continue
		}
		want, class := color.RGBA{0xf8, 0xd0, 0x72, 255}, "0101"
		if i%10 == 0 {
			want, class = color.RGBA{0x64, 0xb9, 0x68, 255}, "0305"
		}
		looked[class]++
		r, g, b, _ := picture.At(x, y).RGBA()
		if got := (color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}); got != want {
			t.Fatalf("at parcel %d (%s) the picture has %v, the class is %v", i, class, got, want)
		}
	}
	if looked["0101"] < 200 || looked["0305"] < 20 {
		t.Errorf("the picture shows %v parcels", looked)
	}
}
