package geodata_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
)

// refused opens a file that must be refused and gives the error of that code.
func refused(t *testing.T, path string, opts geodata.Options, code string) *geodata.FileError {
	t.Helper()
	s, err := geodata.Open(t.Context(), path, opts)
	if err == nil {
		var l *geodata.Layer
		if l, err = s.Layer(""); err == nil {
			_, err = readAll(t.Context(), l)
		}
		if closeErr := s.Close(); closeErr != nil {
			t.Error(closeErr)
		}
	}
	var bad *geodata.FileError
	if !errors.As(err, &bad) {
		t.Fatalf("not refused by a FileError: %v", err)
	}
	if bad.Code != code {
		t.Fatalf("code %s, want %s: %v", bad.Code, code, err)
	}
	if bad.MessageZH == "" || bad.MessageEN == "" || bad.File == "" {
		t.Errorf("the error does not say what and where: %#v", bad)
	}
	if left, err := filepath.Glob(filepath.Join(opts.TempDir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	return bad
}

func TestDamagedShapefilesAreRefusedWithTheirFault(t *testing.T) {
	cut := func(ext string, n int) func(map[string][]byte) {
		return func(f map[string][]byte) { f[ext] = f[ext][:len(f[ext])-n] }
	}
	for _, c := range []struct {
		name string
		edit func(files map[string][]byte)
		code string
		says string
	}{
		{"truncated .shp", cut(".shp", 60), geodata.ErrShapefile, ".shp 被截断"},
		{"truncated .shx", cut(".shx", 8), geodata.ErrShapefile, ".shx 被截断"},
		{"truncated .dbf", cut(".dbf", 20), geodata.ErrShapefile, ".dbf 属性表被截断"},
		{"empty .shp", cut(".shp", len(shape{rings: parcels(3)}.files()[".shp"])), geodata.ErrShapefile, "文件是空的"},
		{".dbf of another length", func(f map[string][]byte) {
			f[".dbf"] = shape{rings: parcels(2)}.table()
		}, geodata.ErrShapefile, ".shx 有 3 个图形，.dbf 有 2 行"},
		{"no .shx", func(f map[string][]byte) { delete(f, ".shx") }, geodata.ErrShapefile, "缺少同名的 .shx"},
		{"no .dbf", func(f map[string][]byte) { delete(f, ".dbf") }, geodata.ErrShapefile, "缺少同名的 .dbf"},
		{"no .shp", func(f map[string][]byte) { delete(f, ".shp") }, geodata.ErrShapefile, "缺少同名的 .shp"},
		{".shp is a VRT", func(f map[string][]byte) {
			f[".shp"] = []byte("<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>")
		}, geodata.ErrShapefile, "XML"},
		{".shp is text", func(f map[string][]byte) { f[".shp"] = []byte("你好") }, geodata.ErrShapefile, "普通文本"},
		{".shp is a zip", func(f map[string][]byte) { f[".shp"] = []byte("PK\x03\x04") }, geodata.ErrShapefile, "zip"},
		{"index outside", func(f map[string][]byte) { binary.BigEndian.PutUint32(f[".shx"][100:], 1<<30) }, geodata.ErrShapefile, "第 1 个图形损坏"},
		{"index contradicts", func(f map[string][]byte) { binary.BigEndian.PutUint32(f[".shx"][104:], 30) }, geodata.ErrShapefile, "第 1 个图形损坏"},
		{"points layer", func(f map[string][]byte) { f[".shp"][32] = 1 }, geodata.ErrGeometryType, "点图层"},
		{"lines layer", func(f map[string][]byte) { f[".shp"][32] = 3 }, geodata.ErrGeometryType, "线图层"},
		{"columns beyond the record", func(f map[string][]byte) { f[".dbf"][32+16] = 200 }, geodata.ErrShapefile, "文件头已损坏"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := shape{rings: parcels(3), prj: prj4546, edit: c.edit}.write(t, "地块")
			opts := options(t)
			err := refused(t, zipped(t, dir), opts, c.code)
			if !strings.Contains(err.MessageZH, c.says) {
				t.Errorf("it says %q, not %q", err.MessageZH, c.says)
			}
		})
	}
}

func TestIndexThatRepeatsRecordsCannotMultiplyWork(t *testing.T) {
	dir := shape{rings: parcels(3), prj: prj4546, edit: func(f map[string][]byte) {
		// 1000 rows, all the same record.
		one := f[".shx"][100:108]
		f[".shx"] = append(f[".shx"][:100:100], bytes.Repeat(one, 1000)...)
		binary.BigEndian.PutUint32(f[".shx"][24:], uint32(len(f[".shx"]))/2)
		f[".dbf"] = shape{rings: parcels(1000)}.table()
	}}.write(t, "a")
	refused(t, filepath.Join(dir, "a.shp"), options(t), geodata.ErrShapefile)
}

func TestRecordsInAnotherOrderAndWithGapsAreRead(t *testing.T) {
	s := shape{rings: parcels(3), prj: prj4546, edit: func(f map[string][]byte) {
		shp, shx := f[".shp"], f[".shx"]
		// Move the first record to the end and leave a gap.
		length := 8 + 2*int(binary.BigEndian.Uint32(shx[104:]))
		first := slices.Clone(shp[100 : 100+length])
		binary.BigEndian.PutUint32(shx[100:], uint32(len(shp))/2)
		clear(shp[100 : 100+length])
		shp = append(shp, first...)
		binary.BigEndian.PutUint32(shp[24:], uint32(len(shp))/2)
		f[".shp"] = shp
	}}
	_, got := read(t, s.write(t, "a"), options(t))
	for i, f := range got {
		want := expected([]geodata.Feature{{Geom: orb.MultiPolygon{{square(560000+float64(i)*100, 4013000, 90)}}}}, 0)
		if !reflect.DeepEqual(f.Geom, want[0].Geom) {
			t.Errorf("row %d is %v", i+1, f.Geom)
		}
	}
}

func TestDeletedRecordsKeepTheirNumber(t *testing.T) {
	s := shape{rings: parcels(3), prj: prj4546, edit: func(f map[string][]byte) {
		dbf := f[".dbf"]
		size := int(binary.LittleEndian.Uint16(dbf[10:]))
		dbf[int(binary.LittleEndian.Uint16(dbf[8:]))+size] = '*'
	}}
	_, got := read(t, s.write(t, "a"), options(t))
	if len(got) != 2 || got[0].Row != 1 || got[1].Row != 3 {
		t.Errorf("rows %v", got)
	}
}

func TestGeometryFaultsAreReportedByFeature(t *testing.T) {
	x, y := 560000.0, 4013000.0
	nan, inf := math.NaN(), math.Inf(1)
	duplicate := clockwise(x, y, 10)
	duplicate = slices.Insert(duplicate, 2, orb.Point{duplicate[1][0] + 0.00002, duplicate[1][1]})
	for _, c := range []struct {
		name  string
		rings []orb.Ring
		code  string
		ok    bool // there is a geometry all the same
		want  orb.MultiPolygon
	}{
		{"null", nil, geodata.IssueGeometryNull, false, nil},
		{"no rings", []orb.Ring{}, geodata.IssueGeometryNull, false, nil},
		{"NaN", []orb.Ring{{{x, y}, {x, nan}, {x + 9, y}, {x, y}}}, geodata.IssueCoordinateInvalid, false, nil},
		{"Inf", []orb.Ring{{{x, y}, {x, inf}, {x + 9, y}, {x, y}}}, geodata.IssueCoordinateInvalid, false, nil},
		{"1e308", []orb.Ring{{{x, y}, {x, 1e308}, {x + 9, y}, {x, y}}}, geodata.IssueCoordinateInvalid, false, nil},
		{"two points", []orb.Ring{{{x, y}, {x, y + 1}, {x, y}}}, geodata.IssueTooFewPoints, false, nil},
		{"one place", []orb.Ring{{{x, y}, {x, y}, {x, y}, {x, y}}}, geodata.IssueTooFewPoints, false, nil},
		{"unclosed", []orb.Ring{clockwise(x, y, 10)[:4]}, geodata.IssueRingUnclosed, true, orb.MultiPolygon{{square(x, y, 10)}}},
		{"duplicates within 0.0001 m", []orb.Ring{duplicate}, geodata.IssueDuplicatePoints, true, orb.MultiPolygon{{square(x, y, 10)}}},
		{"hole drawn like an exterior", []orb.Ring{clockwise(x, y, 10), clockwise(x+2, y+2, 5)}, geodata.IssueRingOrientation, true,
			orb.MultiPolygon{{square(x, y, 10), clockwise(x+2, y+2, 5)}}},
		{"hole outside", []orb.Ring{clockwise(x, y, 10), square(x+20, y, 5)}, geodata.IssueRingOrientation, true,
			orb.MultiPolygon{{square(x, y, 10)}, {square(x+20, y, 5)}}},
		{"wrong zone number", []orb.Ring{clockwise(40e6+x, y, 10)}, geodata.IssueZoneMismatch, false, nil},
		{"in Beijing", []orb.Ring{clockwise(960000, 4440000, 10)}, geodata.IssueOutsideCounty, false, nil},
		{"single ring the wrong way round", []orb.Ring{square(x, y, 10)}, "", true, orb.MultiPolygon{{square(x, y, 10)}}},
		{"zone number in one feature only", []orb.Ring{clockwise(37e6+x, y, 10)}, "", true, orb.MultiPolygon{{square(x, y, 10)}}},
		{"island in a hole", []orb.Ring{clockwise(x, y, 90), square(x+10, y+10, 50), clockwise(x+20, y+20, 10)}, "", true,
			orb.MultiPolygon{{square(x, y, 90), clockwise(x+10, y+10, 50)}, {square(x+20, y+20, 10)}}},
		{"hole that touches its ring", []orb.Ring{clockwise(x, y, 10), {{x, y}, {x + 5, y + 1}, {x + 1, y + 5}, {x, y}}}, "", true,
			orb.MultiPolygon{{square(x, y, 10), reversed(orb.Ring{{x, y}, {x + 5, y + 1}, {x + 1, y + 5}, {x, y}})}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t)
			opts.County = demoCounty
			_, got := read(t, shape{rings: append(parcels(1), c.rings), prj: prj4546}.write(t, "a"), opts)
			if len(got[0].Issues) != 0 {
				t.Errorf("the good neighbour has %v", got[0].Issues)
			}
			f := got[1]
			if c.code == "" && len(f.Issues) > 0 || c.code != "" && !slices.Equal(codes(f), []string{c.code}) {
				t.Fatalf("issues %v, want %q", f.Issues, c.code)
			}
			if (f.Geom != nil) != c.ok {
				t.Fatalf("geometry %v", f.Geom)
			}
			for _, i := range f.Issues {
				if i.Row != 2 || i.MessageZH == "" || i.MessageEN == "" || (i.Severity == geodata.SeverityError) == c.ok {
					t.Errorf("issue %+v", i)
				}
			}
			if c.ok && !reflect.DeepEqual(f.Geom, geodata.Canonical(c.want)) {
				t.Errorf("got %v\nwant %v", f.Geom, c.want)
			}
		})
	}
}

// demoCounty surrounds the sample parcels, degrees.
var demoCounty = orb.Bound{Min: orb.Point{111.5, 36.1}, Max: orb.Point{111.9, 36.5}}

func TestNumbersOfATableAreExact(t *testing.T) {
	s := shape{
		rings: parcels(1), prj: prj4546,
		columns: []column{{"LONG", 'N', 18, 0}, {"HUGE", 'N', 20, 0}, {"AREA", 'N', 19, 2}, {"EXP", 'F', 19, 11}, {"BLANK", 'N', 9, 0}, {"BAD", 'N', 9, 0}, {"DAY", 'D', 8, 0}, {"NODAY", 'D', 8, 0}, {"STAR", 'N', 5, 1}, {"WHOLE", 'N', 12, 0}},
		rows:    [][]string{{"149901100201000001", "99999999999999999999", "12345678901234.56", "1.23400000000e+003", "", "12a", "20250615", "20251345", "*****", "12.000"}},
	}
	l, got := read(t, s.write(t, "a"), options(t))
	want := []any{int64(149901100201000001), "99999999999999999999", 12345678901234.56, 1234.0, nil, nil, date(2025, 6, 15), nil, nil, int64(12)}
	if !reflect.DeepEqual(got[0].Values, want) {
		t.Errorf("got %#v\nwant %#v", got[0].Values, want)
	}
	var faults []string
	for _, i := range got[0].Issues {
		faults = append(faults, i.Field+" "+i.Code)
	}
	if !slices.Equal(faults, []string{"HUGE number_out_of_range", "BAD number_invalid", "NODAY date_invalid"}) {
		t.Errorf("issues %v", faults)
	}
	if l.Schema().Fields[2].Type != geodata.FieldFloat || l.Schema().Fields[0].Type != geodata.FieldInt {
		t.Errorf("schema %+v", l.Schema())
	}
}

func TestPartsOfAShapefileAreFoundWhateverTheirCase(t *testing.T) {
	dir := shape{rings: parcels(1), prj: prj4546}.write(t, "a")
	for _, ext := range []string{".shp", ".dbf", ".prj"} {
		if err := os.Rename(filepath.Join(dir, "a"+ext), filepath.Join(dir, "A"+strings.ToUpper(ext))); err != nil {
			t.Fatal(err)
		}
	}
	if _, got := read(t, filepath.Join(dir, "A.SHP"), options(t)); len(got) != 1 {
		t.Errorf("%d features", len(got))
	}
	if _, got := read(t, zipped(t, dir), options(t)); len(got) != 1 {
		t.Errorf("%d features", len(got))
	}
}

// Ensure that features which are kept stay what they were when they came, that a
// reader who has had enough leaves the layer as it was, and that a fault of his
// own reaches him.
func TestFeaturesOutliveTheirRecords(t *testing.T) {
	path := writeTo(t, t.TempDir(), geodata.ShapefileDriver, "GBK", 4546, randomParcels(700))
	s, err := geodata.Open(t.Context(), path, geodata.Options{SRID: 4546})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := s.Layer("")
	if err != nil {
		t.Fatal(err)
	}
	var kept, copied []geodata.Feature
	for f, err := range l.Features(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, f)
		f.Geom, f.Values = f.Geom.Clone(), slices.Clone(f.Values)
		copied = append(copied, f)
	}
	if len(kept) != 700 || !reflect.DeepEqual(kept, copied) {
		t.Fatalf("%d features, or some have changed since they came", len(kept))
	}
	for _, enough := range []int{1, 63, 64, 65, 200, 699} {
		n := 0
		for range l.Features(t.Context()) {
			if n++; n == enough {
				break
			}
		}
		again, err := readAll(t.Context(), l)
		if err != nil || !reflect.DeepEqual(again, kept) {
			t.Fatalf("after stopping at %d the layer has %d features, or others: %v", enough, len(again), err)
		}
	}
	caught := func() (fault any) {
		defer func() { fault = recover() }()
		for range l.Features(t.Context()) {
			panic("enough")
		}
		return nil
	}()
	if caught != "enough" {
		t.Errorf("caught %v", caught)
	}
}
