package geodata

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata/frame"
	"gengheng/internal/geodata/geodatatest"
)

// bigPackage is a GeoPackage of more than one batch.
func bigPackage(t *testing.T, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.gpkg")
	err := Write(t.Context(), WriteRequest{Path: path, Driver: GPKGDriver, Child: geodatatest.Child(t), Layers: []WriteLayer{{
		Name: "DLTB", EPSG: 4546, Fields: []Field{{Name: "N", Type: FieldInt}},
		Features: func(yield func(Feature, error) bool) {
			for i := range rows {
				x, y := 560000+float64(i%500)*10, 4013000+float64(i/500)*10
				g := orb.MultiPolygon{{{{x, y}, {x + 9, y}, {x + 9, y + 9}, {x, y + 9}, {x, y}}}}
				if !yield(Feature{Values: []any{int64(i)}, Geom: g}, nil) {
					return
				}
			}
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKill9OfTheConfinedChildMidwayIsAnError(t *testing.T) {
	path := bigPackage(t, 60_000) // some 6 MB, far more than a pipe holds
	opts := Options{Child: geodatatest.Child(t), TempDir: t.TempDir()}
	c, err := startChild(t.Context(), opts, "a.gpkg", path, frame.Request{Op: frame.OpRead, Driver: "GPKG"})
	if err != nil {
		t.Fatal(err)
	}
	if kind, _, err := c.next(); err != nil || kind != frame.KindFeatures {
		t.Fatalf("first frame %q, %v", kind, err)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, _, err = c.next()
	}
	var bad *FileError
	if !errors.As(err, &bad) || bad.Code != ErrChildKilled {
		t.Errorf("got %v", err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestManyBatchesArriveInOrder(t *testing.T) {
	s, err := Open(t.Context(), bigPackage(t, 12_345), Options{Child: geodatatest.Child(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := s.Layer("dltb")
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for f, err := range l.Features(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Values[0] != n || f.Row != n+1 || len(f.Issues) > 0 {
			t.Fatalf("row %d holds %v, %v", f.Row, f.Values, f.Issues)
		}
		n++
	}
	if n != 12_345 {
		t.Errorf("%d features", n)
	}
}
