package geodata

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
	"pgregory.net/rapid"

	"gengheng/internal/geodata/frame"
)

func FuzzCoordinateText(f *testing.F) {
	f.Add("[地块坐标]\n5,a,面,转进,@ \nJ1,1,37560546.252,4014130.668\nJ2,1,37560646.252,4014130.668\nJ3,1,37560646.252,4014230.668\n")
	f.Add("[属性描述]\n坐标系=2000国家大地坐标系\n几度分带=3\n带号=37\n[地块坐标]\n4,1,DK,a,面,,u,0204,@\rJ1,1,4014130.668,560546.252\rJ2,1,4014130.668,560646.252\rJ3,1,4014230.668,560646.252")
	f.Add("[地块坐标]\n@\n,,,,@\n1,2,3")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCoordinateText(text)
		if err != nil {
			return
		}
		for i := range c.parcels {
			for _, r := range c.parcels[i].rings {
				if len(r) < 1 || r[0] != r[len(r)-1] && r[0] == r[0] {
					t.Fatalf("ring %v is open", r)
				}
			}
		}
		order, err := c.order()
		if err != nil {
			return
		}
		source, _, err := c.crs(order)
		if err != nil {
			return
		}
		place, _, err := decideCRS(declaration{file: "a", crs: source, extent: c.extent()}, Options{SRID: 4546})
		if err != nil {
			return
		}
		finish := finisher{place: place}
		if err := c.read(func(r *raw) error {
			checkFeature(t, finish.finish(r))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzArchive(f *testing.F) {
	for _, name := range []string{"a.shp", "\xca\xfd\xbe\xdd.shp", "../x", "a/b", `..\x`} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte("content")); err != nil {
			f.Fatal(err)
		}
		if err := z.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	outer := f.TempDir()
	limits := Limits{TotalBytes: 1 << 20, Entries: 10}.withDefaults()
	f.Fuzz(func(t *testing.T, b []byte) {
		job := filepath.Join(outer, "job")
		if err := os.Mkdir(job, 0o700); err != nil {
			t.Fatal(err)
		}
		// Any error will do; what counts is that nothing is outside the folder,
		// and inside only regular files within the limits.
		_ = unpackFrom(t.Context(), bytes.NewReader(b), int64(len(b)), "a.zip", job, limits)
		var total int64
		err := filepath.WalkDir(job, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && !info.Mode().IsRegular() {
				t.Errorf("%q is %v", p, info.Mode())
			}
			total += info.Size()
			return err
		})
		if err != nil || total > limits.TotalBytes {
			t.Errorf("%d bytes, %v", total, err)
		}
		if err := os.RemoveAll(job); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(outer); err != nil || len(left) > 0 {
			t.Errorf("outside: %v %v", left, err)
		}
	})
}

// checkFeature tests what every feature promises.
func checkFeature(t *testing.T, f Feature) {
	t.Helper()
	if f.Geom == nil {
		if !hasGeometryError(f.Issues) {
			t.Fatal("no geometry and no word about it")
		}
		return
	}
	for _, p := range f.Geom {
		for i, r := range p {
			if len(r) < 4 || r[0] != r[len(r)-1] {
				t.Fatalf("ring %v", r)
			}
			for _, v := range r {
				if v[0]-v[0] != 0 || v[1]-v[1] != 0 || Round(v[0]) != v[0] || Round(v[1]) != v[1] {
					t.Fatalf("vertex %v", v)
				}
			}
			if a := twiceArea(r); i == 0 && a < 0 || i > 0 && a > 0 {
				t.Fatalf("ring %d turns the wrong way", i)
			}
		}
	}
	again := make(orb.MultiPolygon, len(f.Geom))
	for i, p := range f.Geom {
		for _, r := range p {
			again[i] = append(again[i], slices.Clone(r))
		}
	}
	if !reflect.DeepEqual(Canonical(again), f.Geom) {
		t.Fatal("the canonical form is not its own canonical form")
	}
}

func FuzzDBFHeader(f *testing.F) {
	h := make([]byte, 65)
	h[0], h[4] = 3, 1
	binary.LittleEndian.PutUint16(h[8:], 65)
	binary.LittleEndian.PutUint16(h[10:], 11)
	copy(h[32:], "NAME")
	h[43], h[48], h[64] = 'C', 10, 0x0d
	f.Add(h, []byte(" 0123456789"))
	f.Fuzz(func(t *testing.T, head, records []byte) {
		path := filepath.Join(t.TempDir(), "a.dbf")
		if err := os.WriteFile(path, append(bytes.Clone(head), records...), 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := openDBF(path, "a.dbf")
		if err != nil {
			return
		}
		defer table.close()
		if table.records > 1000 {
			return
		}
		if _, err := table.settle("", ""); err != nil {
			t.Fatal(err)
		}
		rows := newRecordReader(table)
		for rows.row < table.records {
			record, err := rows.next()
			if err != nil {
				t.Fatal(err)
			}
			values, _ := table.values(rows.row, record)
			if len(values) != len(table.fields) {
				t.Fatalf("%d values of %d fields", len(values), len(table.fields))
			}
		}
	})
}

func FuzzShapeRecord(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	content := make([]byte, 36)
	content[0] = 5
	for _, n := range []uint32{1, 4, 0} {
		content = binary.LittleEndian.AppendUint32(content, n)
	}
	for _, v := range []float64{560000, 4013000, 560000, 4013010, 560010, 4013010, 560000, 4013000} {
		content = binary.LittleEndian.AppendUint64(content, math.Float64bits(v))
	}
	f.Add(content)
	place, _, err := decideCRS(declaration{file: "a", crs: crsByEPSG(4546)}, Options{SRID: 4546})
	if err != nil {
		f.Fatal(err)
	}
	finish := finisher{place: place}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := raw{row: 1, directed: true}
		(&shapefile{}).parse(&r, content, &decoded{})
		checkFeature(t, finish.finish(&r))
	})
}

func FuzzWKB(f *testing.F) {
	for _, g := range []orb.Geometry{
		orb.Polygon{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}},
		orb.MultiPolygon{{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}, {}},
		orb.Point{1, 2},
	} {
		f.Add(wkb.MustMarshal(g, binary.LittleEndian))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		mp, err := polygonsOfWKB(b)
		if err != nil {
			return
		}
		// Whatever we take, an independent reader takes as the same.
		want, err := wkb.Unmarshal(b)
		if err != nil {
			t.Fatalf("orb refuses it: %v", err)
		}
		count := 0
		switch g := want.(type) {
		case orb.Polygon:
			count = min(1, len(g))
		case orb.MultiPolygon:
			for _, p := range g {
				count += min(1, len(p))
			}
		}
		if len(mp) != count {
			t.Fatalf("%d polygons, orb finds %d", len(mp), count)
		}
	})
}

func FuzzFrames(f *testing.F) {
	var buf bytes.Buffer
	w := frame.NewWriter(&buf)
	body := frame.AppendFeature([]byte{1, 0, 0, 0}, &frame.Feature{FID: 7, WKB: []byte{1}, Values: []frame.Value{
		{Tag: frame.TagInt, Int: 5}, {Tag: frame.TagString, Bytes: []byte("文")}, {Tag: frame.TagDate, Date: frame.Date{Year: 2025, Month: 6, Day: 15}}}})
	if err := w.Write(frame.KindFeatures, body); err != nil {
		f.Fatal(err)
	}
	if err := w.Write(frame.KindRaster, frame.RasterRows(3, []float32{1, 2, 3, 4}, 2)); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r := frame.NewReader(bytes.NewReader(b))
		for {
			kind, payload, err := r.Next()
			if err != nil {
				return
			}
			switch kind {
			case frame.KindFeatures:
				d := featureDecoder{fields: make([]frame.Field, 3), names: make([]Field, 3)}
				// Errors are fine, panics and endless work are not.
				_ = d.batch(payload, func(*raw) error { return nil })
			case frame.KindRaster:
				if row, rows, values, err := frame.ParseRasterRows(payload, 2, nil); err == nil && (row < 0 || len(values) != 2*rows) {
					t.Fatalf("rows %d to %d with %d values", row, rows, len(values))
				}
			}
		}
	})
}

func TestFeaturesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 4).Draw(t, "fields")
		value := rapid.Custom(func(t *rapid.T) frame.Value {
			switch tag := frame.Tag(rapid.IntRange(0, 4).Draw(t, "tag")); tag {
			case frame.TagInt:
				return frame.Value{Tag: tag, Int: rapid.Int64().Draw(t, "int")}
			case frame.TagFloat:
				return frame.Value{Tag: tag, Float: rapid.Float64().Draw(t, "float")}
			case frame.TagString:
				return frame.Value{Tag: tag, Bytes: []byte(rapid.String().Draw(t, "text"))}
			case frame.TagDate:
				return frame.Value{Tag: tag, Date: frame.Date{Year: rapid.Int16().Draw(t, "year"), Month: 6, Day: 15, Second: 1.5}}
			}
			return frame.Value{}
		})
		var body []byte
		var want []frame.Feature
		for range rapid.IntRange(0, 5).Draw(t, "features") {
			f := frame.Feature{FID: rapid.Int64().Draw(t, "fid"), Flags: frame.Flag(rapid.Byte().Draw(t, "flags")), WKB: rapid.SliceOf(rapid.Byte()).Draw(t, "wkb"),
				Values: rapid.SliceOfN(value, n, n).Draw(t, "values")}
			want = append(want, f)
			body = frame.AppendFeature(body, &f)
		}
		b, err := frame.OpenBatch(append(binary.LittleEndian.AppendUint32(nil, uint32(len(want))), body...), n)
		if err != nil {
			t.Fatal(err)
		}
		var got frame.Feature
		for i := range want {
			more, err := b.Next(&got)
			if err != nil || !more {
				t.Fatalf("feature %d: %v %v", i, more, err)
			}
			if got.FID != want[i].FID || got.Flags != want[i].Flags || !bytes.Equal(got.WKB, want[i].WKB) {
				t.Fatalf("got %+v, want %+v", got, want[i])
			}
			for k, v := range want[i].Values {
				g := got.Values[k]
				if g.Tag != v.Tag || g.Int != v.Int || g.Float != v.Float || !bytes.Equal(g.Bytes, v.Bytes) || g.Date != v.Date {
					t.Fatalf("value %d: got %+v, want %+v", k, g, v)
				}
			}
		}
		if more, err := b.Next(&got); more || err != nil {
			t.Fatalf("after the last: %v %v", more, err)
		}
	})
}

func TestCanonicalFormForgetsStartDirectionAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := func(x, y float64) orb.Ring {
			n := rapid.IntRange(3, 9).Draw(t, "corners")
			var r orb.Ring
			for i := range n {
				sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
				size := rapid.Float64Range(5, 10).Draw(t, "size")
				r = append(r, orb.Point{Round(x + size*cos), Round(y + size*sin)})
			}
			return append(r, r[0])
		}
		var mp orb.MultiPolygon
		for i := range rapid.IntRange(1, 4).Draw(t, "parts") {
			p := orb.Polygon{ring(float64(i)*100, 0)}
			for k := range rapid.IntRange(0, 3).Draw(t, "holes") {
				p = append(p, ring(float64(i)*100+float64(k), 1))
			}
			mp = append(mp, p)
		}
		turn := func(r orb.Ring) orb.Ring {
			open := slices.Clone(r[:len(r)-1])
			k := rapid.IntRange(0, len(open)-1).Draw(t, "start")
			open = append(open[k:len(open):len(open)], open[:k]...)
			if rapid.Bool().Draw(t, "reverse") {
				slices.Reverse(open)
			}
			return append(open, open[0])
		}
		var other orb.MultiPolygon
		for _, i := range rapid.Permutation(indices(len(mp))).Draw(t, "order") {
			q := orb.Polygon{turn(mp[i][0])}
			for _, k := range rapid.Permutation(indices(len(mp[i])-1)).Draw(t, "holes order") {
				q = append(q, turn(mp[i][k+1]))
			}
			other = append(other, q)
		}
		if a, b := Canonical(mp), Canonical(other); !reflect.DeepEqual(a, b) {
			t.Fatalf("%v\nis not\n%v", a, b)
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestNestingOfManyRingsTakesLittleTime(t *testing.T) {
	// A road network: one exterior of many vertices around thousands of holes.
	n := 80
	outer := orb.Ring{}
	for i := range 4000 {
		outer = append(outer, orb.Point{float64(i) / 4000 * float64(n), -1 - float64(i%2)})
	}
	outer = append(outer, orb.Point{float64(n), float64(n)}, orb.Point{0, float64(n)})
	outer = append(outer, outer[0])
	rings := []orb.Ring{outer}
	for i := range n {
		for k := range n {
			x, y := float64(i)+0.1, float64(k)+0.1
			rings = append(rings, orb.Ring{{x, y}, {x + 0.5, y}, {x + 0.5, y + 0.5}, {x, y + 0.5}, {x, y}})
		}
	}
	mp, _, err := assemble(rings, false)
	if err != nil || len(mp) != 1 || len(mp[0]) != n*n+1 {
		t.Fatalf("%d polygons, %v", len(mp), err)
	}
	// Hostile: rings that all contain each other.
	rings = rings[:0]
	for i := range 30_000 {
		s := float64(i + 1)
		rings = append(rings, orb.Ring{{-s, -s}, {s, -s}, {s, s}, {-s, s}, {-s, -s}})
	}
	if _, _, err := assemble(rings, false); err != errTangled {
		t.Errorf("thirty thousand nested rings: %v", err)
	}
}
