package overlay_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/overlay"
)

// plane is a DEM that rises by gx per metre east and gy per metre north.
func plane(f overlay.Frame, gx, gy float64) [][]float32 {
	rows := make([][]float32, f.Height)
	for r := range rows {
		rows[r] = make([]float32, f.Width)
		for c := range rows[r] {
			rows[r][c] = float32(gx*float64(c)*f.DX - gy*float64(r)*f.DY)
		}
	}
	return rows
}

func TestClassBoundariesBelongBelow(t *testing.T) {
	tan := func(deg float64) float64 { return math.Tan(deg * math.Pi / 180) }
	f := overlay.Frame{Width: 5, Height: 5, X0: 0, Y0: 0, DX: 5, DY: 5}
	for _, tc := range []struct {
		degrees float64
		want    int
	}{
		{0, 1}, {1.99, 1}, {2.01, 2}, {5.99, 2}, {6.01, 3}, {14.99, 3}, {15.01, 4}, {24.99, 4}, {25.01, 5}, {80, 5},
	} {
		for _, dir := range []float64{0, 37, 90, 211, 300} {
			gx, gy := tan(tc.degrees)*math.Cos(dir), tan(tc.degrees)*math.Sin(dir)
			m := build(t, f, nil, plane(f, gx, gy))
			if got := m.Class(2, 2); got != tc.want {
				t.Errorf("%.2f° towards %.0f: class %d, want %d", tc.degrees, dir, got, tc.want)
			}
		}
	}
}

func TestNoClassAtEdgesAndGaps(t *testing.T) {
	f := overlay.Frame{Width: 130, Height: 7, X0: 0, Y0: 0, DX: 5, DY: 5}
	for name, gap := range map[string]float32{"nodata": -3.4028235e38, "nan": float32(math.NaN()), "inf": float32(math.Inf(1))} {
		nodata := -3.4028234663852886e38
		rows := plane(f, 0.1, 0)
		rows[3][64] = gap
		m := build(t, f, &nodata, rows)
		for r := range f.Height {
			for c := range f.Width {
				edge := r == 0 || c == 0 || r == f.Height-1 || c == f.Width-1
				beside := r >= 2 && r <= 4 && c >= 63 && c <= 65
				want := 2
				if edge || beside {
					want = 0
				}
				if got := m.Class(c, r); got != want {
					t.Fatalf("%s: cell (%d,%d) has class %d, want %d", name, c, r, got, want)
				}
			}
		}
	}
}

func TestBuilderRefuses(t *testing.T) {
	good := overlay.Frame{Width: 4, Height: 3, DX: 1, DY: 1}
	for name, f := range map[string]overlay.Frame{
		"no columns":     {Width: 0, Height: 3, DX: 1, DY: 1},
		"negative cell":  {Width: 4, Height: 3, DX: 1, DY: -1},
		"nan cell":       {Width: 4, Height: 3, DX: math.NaN(), DY: 1},
		"nowhere":        {Width: 4, Height: 3, DX: 1, DY: 1, X0: math.Inf(1)},
		"infinite cells": {Width: 4, Height: 3, DX: math.Inf(1), DY: 1},
	} {
		if _, err := overlay.NewSlopeBuilder(f, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b, err := overlay.NewSlopeBuilder(good, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddRow(make([]float32, 5)); err == nil || !strings.Contains(err.Error(), "4 columns") {
		t.Errorf("a row too long: %v", err)
	}
	if _, err := b.Done(); err == nil {
		t.Error("a DEM without its rows was accepted")
	}
	for range 3 {
		if err := b.AddRow(make([]float32, 4)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.AddRow(make([]float32, 4)); err == nil {
		t.Error("a fourth row of three was accepted")
	}
}

// TestClassesEqualGdaldem has GDAL's slope as referee on rough terrain with
// gaps: the same cells have a slope, and the class differs nowhere but within
// GDAL's float32 rounding of a boundary.
func TestClassesEqualGdaldem(t *testing.T) {
	if _, err := exec.LookPath("gdaldem"); err != nil {
		t.Skip("gdaldem is not installed (apt-get install gdal-bin)")
	}
	f := overlay.Frame{Width: 131, Height: 97, X0: 560000, Y0: 4013500, DX: 12.5, DY: 10}
	rows := rough(21, f, -9999)
	nodata := -9999.0
	m := build(t, f, &nodata, rows)

	dir := t.TempDir()
	var raw bytes.Buffer
	for _, r := range rows {
		if err := binary.Write(&raw, binary.LittleEndian, r); err != nil {
			t.Fatal(err)
		}
	}
	dem := filepath.Join(dir, "dem.bin")
	header := fmt.Sprintf("ENVI\nsamples = %d\nlines = %d\nbands = 1\nheader offset = 0\ndata type = 4\ninterleave = bsq\nbyte order = 0\nmap info = {Arbitrary, 1, 1, %f, %f, %f, %f}\ndata ignore value = -9999\n",
		f.Width, f.Height, f.X0, f.Y0, f.DX, f.DY)
	for name, data := range map[string][]byte{dem: raw.Bytes(), filepath.Join(dir, "dem.hdr"): []byte(header)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slope := filepath.Join(dir, "slope.bin")
	if out, err := exec.Command("gdaldem", "slope", "-q", "-of", "ENVI", dem, slope).CombinedOutput(); err != nil {
		t.Fatalf("gdaldem: %v\n%s", err, out)
	}
	data, err := os.ReadFile(slope)
	if err != nil {
		t.Fatal(err)
	}
	degrees := make([]float32, f.Width*f.Height)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, degrees); err != nil {
		t.Fatal(err)
	}
	seen := [6]int{}
	for i, d := range degrees {
		got := m.Class(i%f.Width, i/f.Width)
		want, near := 0, false
		if d >= 0 {
			want = 1
			for _, bound := range []float64{2, 6, 15, 25} {
				if float64(d) > bound {
					want++
				}
				near = near || math.Abs(float64(d)-bound) < 1e-4
			}
		}
		seen[got]++
		if got != want && !near {
			t.Errorf("cell (%d,%d): class %d, gdaldem says %.5f°", i%f.Width, i/f.Width, got, d)
		}
	}
	for class, n := range seen {
		if n == 0 {
			t.Errorf("the terrain has no cell of class %d, so the comparison says nothing about it", class)
		}
	}
}
