package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

func areaFile(t *testing.T, driver geodata.Driver, name string, epsg int, dx float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	square := func(x, y, size float64) orb.MultiPolygon {
		return orb.MultiPolygon{{{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}, {x, y}}}}
	}
	features := []geodata.Feature{
		{Values: []any{"149901000000000001"}, Geom: square(560546.252+dx, 4014130.668, 100)},
		{Values: []any{nil}, Geom: square(500000+dx, 4014130.668, 1000)},
		{Values: []any{"149901000000000003"}},
	}
	err := geodata.Write(t.Context(), geodata.WriteRequest{
		Path: path, Driver: driver, Encoding: "GBK", Child: geodatatest.Child(t),
		Layers: []geodata.WriteLayer{{Name: "DLTB", EPSG: epsg, Fields: []geodata.Field{{Name: "BSM", Width: 18}},
			Features: func(yield func(geodata.Feature, error) bool) {
				for _, f := range features {
					if !yield(f, nil) {
						return
					}
				}
			}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAreaPrintsEveryFeatureAndTheTotalOfAnyFormat(t *testing.T) {
	const body = "行 row\t标识码 BSM\t面积 m²\t亩 mu\n" +
		"1\t149901000000000001\t9999.09\t15.00\n" +
		"2\t-\t999999.99\t1500.00\n" +
		"3\t149901000000000003\t-\t-\n" +
		"合计 total\t2 个\t1009999.08\t1515.00\n"
	for _, path := range []string{
		areaFile(t, geodata.GPKGDriver, "a.gpkg", 4546, 0),
		areaFile(t, geodata.FileGDBDriver, "a.gdb", 4525, 37e6),
		filepath.Join(areaFile(t, geodata.ShapefileDriver, "shp", 4546, 0), "DLTB.shp"),
	} {
		var out, faults bytes.Buffer
		err := areaCmd{File: path}.print(t.Context(), &out, &faults)
		if err == nil || !strings.Contains(err.Error(), "1 个图形") {
			t.Errorf("%s: the row without geometry is passed over: %v", path, err)
		}
		if got := out.String(); !strings.HasPrefix(got, "# 图斑椭球面积，TD/T 1055-2019") || !strings.HasSuffix(got, body) {
			t.Errorf("%s:\n%s\nwant the end\n%s", path, got, body)
		}
		if !strings.Contains(faults.String(), "第 3 行") {
			t.Errorf("%s: faults %q", path, faults.String())
		}
	}
}

func TestAreaRefusesAnUndeclaredCRSAndTakesTheFlags(t *testing.T) {
	folder := areaFile(t, geodata.ShapefileDriver, "shp", 4546, 0)
	if err := os.Remove(filepath.Join(folder, "DLTB.prj")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "DLTB.shp")
	var out, faults bytes.Buffer
	err := areaCmd{File: path}.print(t.Context(), &out, &faults)
	var undeclared *geodata.UndeclaredCRSError
	if !errors.As(err, &undeclared) || !strings.Contains(err.Error(), "zone") {
		t.Fatalf("got %v", err)
	}
	for _, c := range []areaCmd{{CRS: "EPSG:4546"}, {Zone: 37}, {CRS: "4525", Layer: "dltb"}} {
		c.File = path
		out.Reset()
		_ = c.print(t.Context(), &out, &faults) // row 3 has no geometry
		if !strings.Contains(out.String(), "\t9999.09\t") {
			t.Errorf("%+v printed %q", c, out.String())
		}
	}
	for _, c := range []areaCmd{{TOWGS84: "1,2"}, {TOWGS84: "1,2,3,4,5,6,x"}, {CRS: "4546", Layer: "没有"}, {CRS: "9999"}} {
		c.File = path
		if err := c.print(t.Context(), &out, &faults); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// Ensure that a geometry without an area of its own is said to be so, and is
// neither printed as a figure nor passed over.
func TestAreaSaysWhatIsInvalid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.geojson")
	text := `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4546"}},"features":[
{"type":"Feature","properties":{"BSM":"bow"},"geometry":{"type":"Polygon","coordinates":[[[560000,4013000],[560100,4013100],[560100,4013000],[560000,4013100],[560000,4013000]]]}},
{"type":"Feature","properties":{"BSM":"hole"},"geometry":{"type":"Polygon","coordinates":[[[560000,4013000],[560100,4013000],[560100,4013100],[560000,4013100],[560000,4013000]],[[560200,4013000],[560250,4013000],[560250,4013050],[560200,4013050],[560200,4013000]]]}},
{"type":"Feature","properties":{"BSM":"good"},"geometry":{"type":"Polygon","coordinates":[[[560000,4013000],[560100,4013000],[560100,4013100],[560000,4013100],[560000,4013000]]]}}]}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GENGHENG_GDAL", geodatatest.Child(t))
	var out, faults bytes.Buffer
	err := areaCmd{File: path}.print(t.Context(), &out, &faults)
	if err == nil || !strings.Contains(err.Error(), "2 个") {
		t.Errorf("two invalid features end in %v", err)
	}
	for _, want := range []string{"1\tbow\t-\t-\n", "2\thole\t-\t-\n", "合计 total\t1 个\t9999."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
	for _, want := range []string{"（bow）：几何无效：自相交，位于（东 560050.000，北 4013050.000）", "（hole）：几何无效：洞在外环之外"} {
		if !strings.Contains(faults.String(), want) {
			t.Errorf("no %q in %s", want, faults.String())
		}
	}
}

// Ensure that what is no file of polygons is refused in words, and that a
// folder is not searched.
func TestAreaRefusesWhatHasNoPolygons(t *testing.T) {
	t.Setenv("GENGHENG_GDAL", geodatatest.Child(t))
	raster := filepath.Join(t.TempDir(), "DEM.tif")
	err := geodata.WriteRaster(t.Context(), geodata.WriteRasterRequest{
		Path: raster, EPSG: 4546, Child: geodatatest.Child(t),
		Info: geodata.RasterInfo{Width: 2, Height: 1, X0: 560000, Y0: 4013000, DX: 5, DY: 5},
		Rows: func(yield func(geodata.RasterRows, error) bool) {
			yield(geodata.RasterRows{Row: 0, Rows: 1, Values: []float32{1, 2}}, nil)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	folder := areaFile(t, geodata.ShapefileDriver, "shp", 4546, 0)
	for path, want := range map[string]string{
		raster:                               "是栅格",
		filepath.Join(t.TempDir(), "没有.zip"): "找不到文件",
		folder:                               "是文件夹",
	} {
		var out, faults bytes.Buffer
		if err := (areaCmd{File: path}).print(t.Context(), &out, &faults); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: %v, printed %q; want an error that says %s", path, err, out.String(), want)
		}
	}
}
