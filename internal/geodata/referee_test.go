package geodata_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

// ogr gives the rows of a layer as ogr2ogr reads them: geometry and columns.
func ogr(t *testing.T, args ...string) []map[string]string {
	t.Helper()
	out, err := exec.Command("ogr2ogr", append([]string{"-f", "CSV", "/vsistdout/", "-lco", "GEOMETRY=AS_WKT", "-lco", "SEPARATOR=COMMA", "-dim", "XY"}, args...)...).Output()
	if err != nil {
		t.Fatalf("ogr2ogr %v: %v", args, err)
	}
	records, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// asOGR is the geometry of an ogr2ogr row in our form.
func asOGR(t *testing.T, text string, dx float64) orb.MultiPolygon {
	t.Helper()
	if text == "" {
		return nil
	}
	g, err := wkt.Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	switch g := g.(type) {
	case orb.Polygon:
		return shifted(orb.MultiPolygon{g}, dx)
	case orb.MultiPolygon:
		return shifted(g, dx)
	}
	t.Fatalf("a %T", g)
	return nil
}

// randomParcels are star-shaped polygons with holes and parts, like a survey's
// but wilder.
func randomParcels(n int) []geodata.Feature {
	r := rand.New(rand.NewPCG(1, 2))
	star := func(x, y, size float64, corners int) orb.Ring {
		var ring orb.Ring
		for i := range corners {
			a := float64(i) / float64(corners)
			s := size * (0.6 + 0.4*r.Float64())
			sin, cos := sincos(a)
			ring = append(ring, orb.Point{geodata.Round(x + s*cos), geodata.Round(y + s*sin)})
		}
		return append(ring, ring[0])
	}
	var out []geodata.Feature
	for i := range n {
		x, y := 555000+float64(i%50)*200, 4010000+float64(i/50)*200
		var mp orb.MultiPolygon
		for part := range 1 + r.IntN(3) {
			px := x + float64(part)*60
			p := orb.Polygon{star(px, y, 25, 5+r.IntN(60))}
			if r.IntN(3) == 0 {
				p = append(p, reversed(star(px, y, 5, 4+r.IntN(8))))
			}
			mp = append(mp, p)
		}
		names := []string{"水浇地", "旱地", "果园", "乔木林地", "农村道路"}
		out = append(out, geodata.Feature{Row: int64(i + 1), Geom: mp, Values: []any{
			fmt.Sprintf("1499010000%08d", i), names[r.IntN(len(names))], int64(r.IntN(20)), float64(r.IntN(1e7)) / 100, float64(r.IntN(2000)) / 10000, date(2025, 1+r.IntN(12), 1+r.IntN(28)), nil}})
	}
	return out
}

func TestGDALReadsTheSameFeaturesAsWe(t *testing.T) {
	features := randomParcels(300)
	for _, driver := range []geodata.Driver{geodata.ShapefileDriver, geodata.FileGDBDriver, geodata.GPKGDriver, geodata.GeoJSONDriver} {
		t.Run(string(driver), func(t *testing.T) {
			path := write(t, t.TempDir(), driver, "GBK", 4546, features)
			_, got := read(t, path, options(t))
			compare(t, got, expected(features, 0))
			if driver == geodata.ShapefileDriver {
				path = filepath.Join(path, "DLTB.shp")
			}
			rows := ogr(t, path)
			if len(rows) != len(got) {
				t.Fatalf("GDAL reads %d rows, we %d", len(rows), len(got))
			}
			for i, f := range got {
				if !reflect.DeepEqual(asOGR(t, rows[i]["WKT"], 0), f.Geom) {
					t.Errorf("row %d: GDAL reads %v\nwe %v", f.Row, rows[i]["WKT"], f.Geom)
				}
				if rows[i]["BSM"] != f.Values[0] || rows[i]["DLMC"] != f.Values[1] || rows[i]["GDDB"] != fmt.Sprint(f.Values[2]) {
					t.Errorf("row %d: GDAL reads %v, we %v", f.Row, rows[i], f.Values)
				}
			}
		})
	}
}

func TestShapefilesMadeByGDALAreReadAlike(t *testing.T) {
	source := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, randomParcels(100))
	for _, args := range [][]string{
		{"-lco", "ENCODING=GBK"}, {"-lco", "ENCODING=UTF-8"}, {"-lco", "SHPT=POLYGONZ", "-dim", "XYZ"}, {"-lco", "SHPT=POLYGONM", "-dim", "XYM"},
		{"-lco", "RESIZE=YES"}, {"-t_srs", "EPSG:4525"},
	} {
		out := filepath.Join(t.TempDir(), "a.shp")
		if text, err := exec.Command("ogr2ogr", append(args, out, source)...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, text)
		}
		dx := 0.0
		if args[0] == "-t_srs" {
			dx = -37e6
		}
		_, got := read(t, out, options(t))
		for i, row := range ogr(t, out) {
			if !reflect.DeepEqual(asOGR(t, row["WKT"], dx), got[i].Geom) || len(got[i].Issues) > 0 {
				t.Fatalf("%v: row %d: GDAL reads %v\nwe %v %v", args, i+1, row["WKT"], got[i].Geom, got[i].Issues)
			}
			if row["DLMC"] != got[i].Values[1] {
				t.Errorf("%v: row %d: %v", args, i+1, got[i].Values)
			}
		}
	}
}

func TestArcsAreChordedAndReported(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "a.csv")
	arc := "CURVEPOLYGON (CIRCULARSTRING (560000 4013000,560100 4013100,560200 4013000,560100 4012900,560000 4013000))"
	if err := os.WriteFile(table, []byte("id,WKT\n1,\""+arc+"\"\n2,\"POINT (560000 4013000)\"\n3,\"LINESTRING (560000 4013000,560100 4013000)\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.gpkg")
	if text, err := exec.Command("ogr2ogr", "-a_srs", "EPSG:4546", "-nlt", "GEOMETRY", path, table).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	_, got := read(t, path, options(t))
	if !slices.Equal(codes(got[0]), []string{geodata.IssueCurve}) || len(got[0].Geom[0][0]) < 700 {
		t.Errorf("arc: %v, %d vertices", got[0].Issues, len(got[0].Geom[0][0]))
	}
	for _, f := range got[1:] {
		if !slices.Equal(codes(f), []string{geodata.IssueGeometryType}) || f.Geom != nil {
			t.Errorf("row %d: %+v", f.Row, f)
		}
	}
}

func TestPackageInWriteAheadModeIsRead(t *testing.T) {
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	if text, err := exec.Command("ogrinfo", path, "-q", "-sql", "PRAGMA journal_mode=WAL").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	_, got := read(t, path, options(t))
	compare(t, got, expected(sample(0), 0))
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("reading left files: %v %v", entries, err)
	}
}

func TestLayersOfAGeodatabaseAreNamedWithTheirAlias(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gdb")
	layer := func(name, alias string, n int) geodata.WriteLayer {
		return geodata.WriteLayer{Name: name, Alias: alias, Fields: sampleFields, EPSG: 4525, Features: stream(sample(37e6)[:n])}
	}
	err := geodata.Write(t.Context(), geodata.WriteRequest{Path: path, Driver: geodata.FileGDBDriver, Child: geodatatest.Child(t),
		Layers: []geodata.WriteLayer{layer("DLTB", "地类图斑", 4), layer("XZQ", "行政区", 2)}})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, zipped(t, path), options(t))
	if n := len(s.Layers()); n != 2 {
		t.Fatalf("%d layers", n)
	}
	for i, want := range []struct {
		name, alias string
		count       int64
	}{{"DLTB", "地类图斑", 4}, {"XZQ", "行政区", 2}} {
		l := s.Layers()[i]
		if l.Name != want.name || l.Alias != want.alias || l.Count != want.count || l.Schema().Fields[0].Alias != "标识码" {
			t.Errorf("layer %+v with %+v", l, l.Schema().Fields[0])
		}
		if got, err := readAll(t.Context(), l); err != nil || int64(len(got)) != want.count {
			t.Errorf("%d features, %v", len(got), err)
		}
	}
}

func TestGeoJSONInDegreesAndWithoutACRSIsWGS84(t *testing.T) {
	feature := map[string]any{"type": "Feature", "properties": map[string]any{"BSM": "149901000000000001", "N": 7},
		"geometry": map[string]any{"type": "Polygon", "coordinates": [][][2]float64{{{111.6, 36.2}, {111.601, 36.2}, {111.601, 36.201}, {111.6, 36.2}}}}}
	b, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": []any{feature}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "地块.geojson")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	l, got := read(t, path, options(t))
	if !slices.Contains(noticeCodes(l), geodata.NoticeWGS84) || got[0].Geom == nil || l.Name != "地块" {
		t.Errorf("layer %+v, %+v", l, got)
	}
	// Metres under the same heading contradict it.
	if err := os.WriteFile(path, []byte(strings.NewReplacer("111.6", "560000.6", "36.2", "4013000.2").Replace(string(b))), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, path, options(t), geodata.ErrCRSConflict)
	// NaN is what some programs write.
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), "111.601", "NaN", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := geodata.Open(t.Context(), path, options(t)); err == nil {
		l, err := s.Layer("")
		if err == nil {
			if got, err := readAll(t.Context(), l); err == nil && len(got) == 1 && got[0].Geom != nil {
				t.Errorf("NaN was read as %v", got[0].Geom)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
