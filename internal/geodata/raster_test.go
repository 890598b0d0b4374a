package geodata_test

import (
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

func demInfo() geodata.RasterInfo {
	return geodata.RasterInfo{Width: 300, Height: 700, X0: 559000, Y0: 4014000.5, DX: 5, DY: 2.5, NoData: -9999, HasNoData: true}
}

func height(row, col int) float32 {
	if row == 3 && col == 4 {
		return -9999
	}
	return float32(400 + float64(row)*0.3 - float64(col)*0.07)
}

func demRows(info geodata.RasterInfo) iter.Seq2[geodata.RasterRows, error] {
	return func(yield func(geodata.RasterRows, error) bool) {
		for row := 0; row < info.Height; row += 100 {
			r := geodata.RasterRows{Row: row, Rows: min(100, info.Height-row)}
			for i := range r.Rows {
				for col := range info.Width {
					r.Values = append(r.Values, height(row+i, col))
				}
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func writeDEM(t *testing.T, info geodata.RasterInfo, epsg int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dem.tif")
	if err := geodata.WriteRaster(t.Context(), geodata.WriteRasterRequest{Path: path, Info: info, EPSG: epsg, Rows: demRows(info), Child: geodatatest.Child(t)}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRasterComesBackAsWritten(t *testing.T) {
	prefixed := demInfo()
	prefixed.X0 += 37e6
	for _, c := range []struct {
		path string
		crs  string
	}{
		{writeDEM(t, demInfo(), 4546), "4546"},
		{writeDEM(t, prefixed, 4525), "4525"},
		{zipped(t, filepath.Dir(writeDEM(t, demInfo(), 4546))), "4546"},
	} {
		opts := options(t)
		opts.County = demoCounty
		s := open(t, c.path, opts)
		if s.Rasters() != 1 {
			t.Fatalf("%d rasters", s.Rasters())
		}
		info, rows, err := s.ReadRaster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := demInfo()
		if info.Width != want.Width || info.Height != want.Height || info.X0 != want.X0 || info.Y0 != want.Y0 || info.DX != want.DX || info.DY != want.DY ||
			info.NoData != -9999 || !info.HasNoData || info.SRID != 4546 || !strings.Contains(info.SourceCRS, c.crs) {
			t.Errorf("info %+v", info)
		}
		next := 0
		for r, err := range rows {
			if err != nil {
				t.Fatal(err)
			}
			if r.Row != next {
				t.Fatalf("row %d, want %d", r.Row, next)
			}
			for i, v := range r.Values {
				if want := height(r.Row+i/info.Width, i%info.Width); v != want {
					t.Fatalf("row %d, column %d is %v, want %v", r.Row+i/info.Width, i%info.Width, v, want)
				}
			}
			next += r.Rows
		}
		if next != want.Height {
			t.Errorf("%d rows", next)
		}
	}
}

func TestRasterIsAsGDALReadsIt(t *testing.T) {
	path := writeDEM(t, demInfo(), 4546)
	out, err := exec.Command("gdallocationinfo", "-valonly", "-geoloc", path, num(559000+5*100.5), num(4014000.5-2.5*200.5)).Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil || math.Abs(got-float64(height(200, 100))) > 1e-4 {
		t.Errorf("GDAL says %q, want %v", out, height(200, 100))
	}
	again := writeDEM(t, demInfo(), 4546)
	a, errA := os.ReadFile(path)
	b, errB := os.ReadFile(again)
	if errA != nil || errB != nil || !slices.Equal(a, b) {
		t.Errorf("the same request made other bytes (%v, %v)", errA, errB)
	}
}

func TestRastersThatCannotBeTakenAsTheyAreAreRefused(t *testing.T) {
	good := writeDEM(t, demInfo(), 4546)
	gdal := func(program string, args ...string) string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "x.tif")
		if text, err := exec.Command(program, append(args, good, out)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", program, err, text)
		}
		return out
	}
	for _, c := range []struct {
		name, path, says string
	}{
		{"degrees", gdal("gdalwarp", "-q", "-t_srs", "EPSG:4490"), "gdalwarp"},
		{"another zone", gdal("gdalwarp", "-q", "-t_srs", "EPSG:4547"), "gdalwarp"},
		{"three bands", gdal("gdal_translate", "-q", "-b", "1", "-b", "1", "-b", "1"), "3 个波段"},
		{"not georeferenced", gdal("gdal_translate", "-q", "-co", "PROFILE=BASELINE"), "没有地理参考"},
		{"turned", gdal("gdal_translate", "-q", "-gcp", "0", "0", "559000", "4014000", "-gcp", "300", "0", "560000", "4014500", "-gcp", "0", "700", "559500", "4013000"), ""},
		{"no CRS", withoutCRS(t, good), "没有声明坐标系"},
		{"in Beijing", gdal("gdal_translate", "-q", "-a_ullr", "960000", "4440000", "961000", "4439000"), "不在本县"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t)
			opts.County = demoCounty
			s := open(t, c.path, opts)
			_, _, err := s.ReadRaster(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
	t.Run("truncated", func(t *testing.T) {
		b, err := os.ReadFile(good)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "cut.tif")
		if err := os.WriteFile(path, b[:len(b)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		s := open(t, path, options(t))
		_, rows, err := s.ReadRaster(t.Context())
		if err == nil {
			for _, rowErr := range rows {
				err = rowErr
			}
		}
		if err == nil {
			t.Error("half a raster was read as whole")
		}
	})
}

// withoutCRS goes through a grid of text, whose CRS is in a file beside it.
func withoutCRS(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	grid, out := filepath.Join(dir, "a.asc"), filepath.Join(dir, "a.tif")
	for _, args := range [][]string{{"-q", "-of", "AAIGrid", path, grid}, {"-q", grid, out}} {
		if err := os.RemoveAll(filepath.Join(dir, "a.prj")); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.Command("gdal_translate", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, text)
		}
	}
	return out
}

func TestNoRasterOrTwoAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.tif", "b.tif"} {
		b, err := os.ReadFile(writeDEM(t, demInfo(), 4546))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := open(t, zipped(t, dir), options(t)).ReadRaster(t.Context()); err == nil || !strings.Contains(err.Error(), "2 个 GeoTIFF") {
		t.Errorf("two: %v", err)
	}
	if _, _, err := open(t, textFile(t, inOut), options(t)).ReadRaster(t.Context()); err == nil || !strings.Contains(err.Error(), "0 个 GeoTIFF") {
		t.Errorf("none: %v", err)
	}
}
