package geodata_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

// square is a ring of a size in metres, closed, counter-clockwise.
func square(x, y, size float64) orb.Ring {
	return orb.Ring{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}, {x, y}}
}

func reversed(r orb.Ring) orb.Ring {
	out := slices.Clone(r)
	slices.Reverse(out)
	return out
}

// sampleFields are of every type.
var sampleFields = []geodata.Field{
	{Name: "BSM", Type: geodata.FieldString, Width: 18, Alias: "标识码"},
	{Name: "DLMC", Type: geodata.FieldString, Width: 60, Alias: "地类名称"},
	{Name: "GDDB", Type: geodata.FieldInt, Width: 4},
	{Name: "TBMJ", Type: geodata.FieldFloat, Width: 15, Precision: 2},
	{Name: "KCXS", Type: geodata.FieldFloat, Width: 6, Precision: 4},
	{Name: "SJRQ", Type: geodata.FieldDate},
	{Name: "BZ", Type: geodata.FieldString, Width: 100},
}

// sample is a handful of features: plain, with a hole, of two parts, with
// nulls, without geometry.
func sample(offset float64) []geodata.Feature {
	x, y := 560000+offset, 4013000.0
	row := func(i int, name any, values ...any) []any {
		return append([]any{fmt.Sprintf("149901000000%06d", i), name}, values...)
	}
	day := time.Date(2025, 6, 15, 0, 0, 0, 0, time.UTC)
	return []geodata.Feature{
		{Row: 1, Values: row(1, "水浇地", int64(7), 10000.0, 0.0712, day, "备注一"), Geom: orb.MultiPolygon{{square(x+0.1234, y, 100)}}},
		{Row: 2, Values: row(2, "果园", int64(12), 9600.25, nil, nil, nil), Geom: orb.MultiPolygon{{square(x+200, y, 100), reversed(square(x+240, y+40, 20)), reversed(square(x+210, y+10, 5))}}},
		{Row: 3, Values: row(3, nil, nil, nil, nil, nil, nil), Geom: orb.MultiPolygon{{square(x+400, y, 10)}, {square(x+420.0001, y+3.3333, 10)}}},
		{Row: 4, Values: row(4, "其他林地", int64(-1), 0.01, 1.0, day, "洞中有岛"), Geom: orb.MultiPolygon{
			{square(x+600, y, 100), reversed(square(x+610, y+10, 50))}, {square(x+620, y+20, 10)}}},
		{Row: 5, Values: row(5, "无图形", int64(0), 0.0, 0.0, nil, nil)},
	}
}

func stream(features []geodata.Feature) iter.Seq2[geodata.Feature, error] {
	return func(yield func(geodata.Feature, error) bool) {
		for _, f := range features {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// expected is what reading must give back for features as written.
func expected(features []geodata.Feature, dx float64) []geodata.Feature {
	out := slices.Clone(features)
	for i := range out {
		out[i].Geom = shifted(out[i].Geom, dx)
	}
	return out
}

func shifted(mp orb.MultiPolygon, dx float64) orb.MultiPolygon {
	if mp == nil {
		return nil
	}
	var out orb.MultiPolygon
	for _, p := range mp {
		var q orb.Polygon
		for _, r := range p {
			ring := slices.Clone(r)
			for i := range ring {
				ring[i] = orb.Point{geodata.Round(ring[i][0] + dx), geodata.Round(ring[i][1])}
			}
			q = append(q, ring)
		}
		out = append(out, q)
	}
	return geodata.Canonical(out)
}

// write puts one layer into a new file or folder below dir.
func write(t *testing.T, dir string, driver geodata.Driver, encoding string, epsg int, features []geodata.Feature) string {
	t.Helper()
	return writeTo(t, dir, driver, encoding, epsg, features)
}

func writeTo(t testing.TB, dir string, driver geodata.Driver, encoding string, epsg int, features []geodata.Feature) string {
	t.Helper()
	name := map[geodata.Driver]string{
		geodata.ShapefileDriver: "shp", geodata.FileGDBDriver: "数据.gdb", geodata.GPKGDriver: "数据.gpkg", geodata.GeoJSONDriver: "数据.geojson"}[driver]
	path := filepath.Join(dir, name)
	err := geodata.Write(t.Context(), geodata.WriteRequest{
		Path: path, Driver: driver, Encoding: encoding, Child: geodatatest.Child(t),
		Layers: []geodata.WriteLayer{{Name: "DLTB", Alias: "地类图斑", Fields: sampleFields, EPSG: epsg, Features: stream(features)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// zipped packs a folder, or the folder above it when the folder's own name
// counts.
func zipped(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "上传.zip")
	if err := geodata.ZipDir(dir, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func options(t *testing.T) geodata.Options {
	return geodata.Options{SRID: 4546, Child: geodatatest.Child(t), TempDir: t.TempDir()}
}

func open(t *testing.T, path string, opts geodata.Options) *geodata.Source {
	t.Helper()
	s, err := geodata.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func readAll(ctx context.Context, l *geodata.Layer) ([]geodata.Feature, error) {
	var out []geodata.Feature
	for f, err := range l.Features(ctx) {
		if err != nil {
			return out, err
		}
		out = append(out, f)
	}
	return out, nil
}

// read gives the features of the only layer.
func read(t *testing.T, path string, opts geodata.Options) (*geodata.Layer, []geodata.Feature) {
	t.Helper()
	l, err := open(t, path, opts).Layer("")
	if err != nil {
		t.Fatal(err)
	}
	features, err := readAll(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return l, features
}

// compare checks everything but issues, which are compared by code.
func compare(t *testing.T, got, want []geodata.Feature) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d features, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Row != want[i].Row {
			t.Errorf("feature %d: row %d, want %d", i, got[i].Row, want[i].Row)
		}
		if !reflect.DeepEqual(got[i].Values, want[i].Values) {
			t.Errorf("row %d: values\n got %#v\nwant %#v", want[i].Row, got[i].Values, want[i].Values)
		}
		if !reflect.DeepEqual(got[i].Geom, want[i].Geom) {
			t.Errorf("row %d: geometry\n got %v\nwant %v", want[i].Row, got[i].Geom, want[i].Geom)
		}
	}
}

func codes(f geodata.Feature) []string {
	var out []string
	for _, i := range f.Issues {
		out = append(out, i.Code)
	}
	return out
}

func TestTheSameDataInEveryFormatAreTheSameFeatures(t *testing.T) {
	for _, c := range []struct {
		name     string
		driver   geodata.Driver
		encoding string
		epsg     int
		offset   float64
		zip      bool
	}{
		{"zipped GBK shapefile", geodata.ShapefileDriver, "GBK", 4546, 0, true},
		{"zipped UTF-8 shapefile", geodata.ShapefileDriver, "UTF-8", 4546, 0, true},
		{"shapefile with zone prefix", geodata.ShapefileDriver, "GBK", 4525, 37e6, true},
		{"folder of a shapefile", geodata.ShapefileDriver, "GBK", 4546, 0, false},
		{"zipped bare geodatabase", geodata.FileGDBDriver, "", 4546, 0, true},
		{"geodatabase with zone prefix", geodata.FileGDBDriver, "", 4525, 37e6, true},
		{"geodatabase folder", geodata.FileGDBDriver, "", 4546, 0, false},
		{"GeoPackage", geodata.GPKGDriver, "", 4546, 0, false},
		{"GeoPackage with zone prefix", geodata.GPKGDriver, "", 4525, 37e6, false},
		{"GeoJSON", geodata.GeoJSONDriver, "", 4546, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			features := sample(c.offset)
			path := write(t, t.TempDir(), c.driver, c.encoding, c.epsg, features)
			if c.zip {
				path = zipped(t, path)
			}
			l, got := read(t, path, options(t))
			want := expected(features, -c.offset)
			compare(t, got, want)
			for _, f := range got[:4] {
				if len(f.Issues) != 0 {
					t.Errorf("row %d: issues %v", f.Row, f.Issues)
				}
			}
			if !slices.Equal(codes(got[4]), []string{geodata.IssueGeometryNull}) {
				t.Errorf("row 5: issues %v", got[4].Issues)
			}
			if l.SRID != 4546 {
				t.Errorf("SRID %d", l.SRID)
			}
			for i, f := range l.Schema().Fields {
				if f.Name != sampleFields[i].Name || f.Type != sampleFields[i].Type {
					t.Errorf("field %d is %+v", i, f)
				}
			}
		})
	}
}

func TestWritingTwiceGivesTheSameBytes(t *testing.T) {
	for _, driver := range []geodata.Driver{geodata.ShapefileDriver, geodata.FileGDBDriver, geodata.GPKGDriver, geodata.GeoJSONDriver} {
		t.Run(string(driver), func(t *testing.T) {
			var zips [2][]byte
			for i := range zips {
				dir := t.TempDir()
				write(t, dir, driver, "GBK", 4546, sample(0))
				b, err := os.ReadFile(zipped(t, dir))
				if err != nil {
					t.Fatal(err)
				}
				zips[i] = b
			}
			if !slices.Equal(zips[0], zips[1]) {
				t.Error("the same request made other bytes")
			}
		})
	}
}

func date(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }

// A FlatGeobuf has its rows in the order of its index, and none without geometry;
// cut short or with its buffers overwritten it is an error or fewer rows, and the
// program lives.
func TestFlatGeobuf(t *testing.T) {
	t.Parallel()
	features := sample(0)[:4]
	path := filepath.Join(t.TempDir(), "数据.fgb")
	err := geodata.Write(t.Context(), geodata.WriteRequest{Path: path, Driver: geodata.FlatGeobufDriver, Child: geodatatest.Child(t),
		Layers: []geodata.WriteLayer{{Name: "DLTB", Alias: "地类图斑", Fields: sampleFields, EPSG: 4525, Features: stream(expected(features, 37e6))}}})
	if err != nil {
		t.Fatal(err)
	}
	l, got := read(t, path, options(t))
	slices.SortFunc(got, func(a, b geodata.Feature) int {
		return strings.Compare(fmt.Sprint(a.Values[0]), fmt.Sprint(b.Values[0]))
	})
	for i := range got {
		got[i].Row = features[i].Row
	}
	compare(t, got, expected(features, 0))
	if l.SRID != 4546 || l.Schema().Fields[0].Name != "BSM" {
		t.Errorf("SRID %d, fields %+v", l.SRID, l.Schema().Fields)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, harm := range []func(b []byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { return b[:20] },
		func(b []byte) []byte { return append(b[:len(b):len(b)], b...) },
		func(b []byte) []byte { return overwritten(b, 8, 4) },
		func(b []byte) []byte { return overwritten(b, 12, 64) },
		func(b []byte) []byte { return overwritten(b, len(b)/2, len(b)/3) },
	} {
		bad := filepath.Join(t.TempDir(), "a.fgb")
		if err := os.WriteFile(bad, harm(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := geodata.Open(t.Context(), bad, options(t))
		if err != nil {
			continue
		}
		for _, l := range s.Layers() {
			if rows, err := readAll(t.Context(), l); err == nil && len(rows) > len(features) {
				t.Errorf("%d rows of %d", len(rows), len(features))
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func overwritten(b []byte, from, n int) []byte {
	for i := from; i < min(from+n, len(b)); i++ {
		b[i] = 0xff
	}
	return b
}
