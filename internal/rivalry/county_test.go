package rivalry

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/land"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rivalry/synthetic"
	"gengheng/internal/store/storetest"
)

// TestSyntheticCountyIsValid asks the engine and PostGIS: a comparison on broken
// polygons would say nothing.
func TestSyntheticCountyIsValid(t *testing.T) {
	db := storetest.New(t)
	sessions, end, err := connect(t.Context(), db.Pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	c := synthetic.New(2500, 60, 3)
	for _, l := range append(c.Layers, synthetic.Layer{Name: "parcels", Features: c.Parcels}, synthetic.Layer{Name: "cand", Features: c.Candidates}) {
		polygons, vertices, _ := synthetic.Size(l.Features)
		if polygons == 0 || vertices < 10*polygons {
			t.Errorf("%s has %d polygons with %d vertices", l.Name, polygons, vertices)
		}
		index, err := polygon.Index(l.Features, synthetic.Zone())
		if err != nil {
			t.Fatal(err)
		}
		if bad := index.Invalid(); len(bad) > 0 {
			t.Errorf("%s: %v are not valid", l.Name, bad)
		}
		if err := sessions[0].store(t.Context(), "bench_"+l.Name, l.Features); err != nil {
			t.Fatal(err)
		}
		var invalid, rows int
		var area float64
		err = sessions[0].QueryRow(t.Context(), "SELECT count(*), count(*) FILTER (WHERE NOT ST_IsValid(geom)), sum(ST_Area(geom)) FROM bench_"+l.Name).Scan(&rows, &invalid, &area)
		if err != nil {
			t.Fatal(err)
		}
		if invalid != 0 || rows != len(l.Features) {
			t.Errorf("%s: PostGIS has %d rows of %d, %d not valid", l.Name, rows, len(l.Features), invalid)
		}
		if l.Name == "parcels" && !(area > 0.9*c.Side*c.Side && area < 1.1*c.Side*c.Side) {
			t.Errorf("parcels cover %.0f m² of %.0f", area, c.Side*c.Side)
		}
	}
}

// TestAgreementSeesADifference spoils one of our areas and expects the table to
// say so.
func TestAgreementSeesADifference(t *testing.T) {
	db := storetest.New(t)
	var out bytes.Buffer
	b := Bench{Pool: db.Pool, Repeats: 1, Out: &out, Work: t.TempDir()}
	if err := b.Prepare(t.Context(), 1600, 40, 5); err != nil {
		t.Fatal(err)
	}
	if err := b.Parcels(t.Context()); err != nil {
		t.Fatal(err)
	}
	sessions, end, err := connect(t.Context(), db.Pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	s := sessions[0]
	good, err := s.agree(t.Context(), "own_parcels", 0, "naive_parcels")
	if err != nil {
		t.Fatal(err)
	}
	if good.Pairs < 40 || good.Beyond != 0 {
		t.Errorf("agreement: %v", good)
	}
	if err := s.exec(t.Context(), "UPDATE own_parcels SET area = area + 0.001 WHERE ctid = (SELECT ctid FROM own_parcels LIMIT 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.exec(t.Context(), "DELETE FROM naive_parcels WHERE ctid = (SELECT ctid FROM naive_parcels WHERE ST_Area(geom) > 1 ORDER BY a DESC, b DESC LIMIT 1)"); err != nil {
		t.Fatal(err)
	}
	bad, err := s.agree(t.Context(), "own_parcels", 0, "naive_parcels")
	if err != nil {
		t.Fatal(err)
	}
	if bad.Beyond != 2 || bad.Worst < 0.00099 {
		t.Errorf("after spoiling two pairs: %v", bad)
	}
	if err := b.Table(); err != nil {
		t.Error(err)
	}
	b.expect(false, "spoiled", bad)
	if b.Table() == nil {
		t.Error("a disagreement is no error of the table")
	}
	if !strings.Contains(out.String(), "PostGIS 2 进程 · 2 workers") {
		t.Errorf("the table has no line of PostGIS:\n%s", out.String())
	}
}

// TestFoundByGeoPandas reads rows as the script writes them, and refuses half of one.
func TestFoundByGeoPandas(t *testing.T) {
	work := t.TempDir()
	square, err := wkb.Marshal(orb.Polygon{{{0, 0}, {10, 0}, {10, 10}, {0, 0}}}, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	row := func(a, b uint32) []byte {
		out := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, a), b)
		return append(binary.LittleEndian.AppendUint32(out, uint32(len(square))), square...)
	}
	data := append(row(3, 4), row(5, 6)...)
	for size, want := range map[int]int{len(data): 2, len(data) - 1: 1, len(data)/2 + 5: 1, len(data) / 2: 1, 0: 0} {
		if err := os.WriteFile(filepath.Join(work, "x.found"), data[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		var got []tuple
		err := foundByGeoPandas(work, "x", func(t tuple) error { got = append(got, t); return nil })
		if whole := size%(len(data)/2) == 0; len(got) != want || (err == nil) != whole {
			t.Errorf("of %d bytes came %d rows, error %v", size, len(got), err)
		}
		if want > 0 && (got[0].a != 3 || got[0].b != 4 || len(got[0].geom) != 1) {
			t.Errorf("first row: %+v", got[0])
		}
	}
	if foundByGeoPandas(work, "y", func(tuple) error { return nil }) == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestReadingBackWhatWasWritten(t *testing.T) {
	db := storetest.New(t)
	sessions, end, err := connect(t.Context(), db.Pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	want := synthetic.New(900, 20, 4).Candidates
	if err := sessions[0].store(t.Context(), "bench_back", want); err != nil {
		t.Fatal(err)
	}
	var got []orb.MultiPolygon
	err = sessions[0].copyOut(t.Context(), "SELECT id, geom FROM bench_back ORDER BY id", func(t tuple) error { got = append(got, t.geom); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d of %d rows", len(got), len(want))
	}
	for i := range want {
		if !got[i].Equal(want[i]) {
			t.Errorf("row %d: %v, want %v", i, got[i], want[i])
		}
	}
	err = sessions[0].copyOut(t.Context(), "SELECT 1, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1), POLYGON((0 0, 10 0, 10 10, 0 0)))')", func(got tuple) error {
		if area := land.AdditiveArea(got.geom, synthetic.Zone()); len(got.geom) != 1 || !(area > 40) {
			t.Errorf("of a collection came %v", got.geom)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, spoiled := range [][]byte{nil, {1}, {0, 0, 0, 0, 3}, {1, 3, 0, 0, 0, 255, 255, 255, 255}, append([]byte{1, 3, 0, 0, 0, 1, 0, 0, 0, 255}, make([]byte, 3)...), {1, 6, 0, 0, 0, 255, 255, 255, 255}} {
		if mp, err := parseEWKB(spoiled); err == nil {
			t.Errorf("% x was read as %v", spoiled, mp)
		}
	}
}
