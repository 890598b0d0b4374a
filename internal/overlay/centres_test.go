package overlay_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/overlay"
)

// tiles are polygons in squares of their own, so that one raster can hold them
// all: stars with holes, and polygons whose vertices lie on borders and centres
// of cells, where every rule of rasterization shows.
func tiles(f overlay.Frame, rng *rand.Rand) (out []orb.Polygon) {
	const side = 100.0
	for y := 5.0; y+side < f.DY*float64(f.Height); y += side {
		for x := 5.0; x+side < f.DX*float64(f.Width); x += side {
			cx, cy := f.X0+x+side/2, f.Y0-y-side/2
			snap := rng.IntN(3)
			ring := func(least, most float64, turn bool) orb.Ring {
				n := 3 + rng.IntN(9)
				r := make(orb.Ring, 0, n+1)
				for i := range n {
					s, c := math.Sincos(2 * math.Pi * float64(i) / float64(n))
					d := least + (most-least)*rng.Float64()
					p := orb.Point{cx + d*c, cy + d*s}
					if snap > 0 { // to the grid of half cells
						p[0] = f.X0 + f.DX/2*math.Round((p[0]-f.X0)/f.DX*2)
						p[1] = f.Y0 - f.DY/2*math.Round((f.Y0-p[1])/f.DY*2)
					}
					r = append(r, p)
				}
				r = append(r, r[0])
				if turn {
					r.Reverse()
				}
				return r
			}
			p := orb.Polygon{ring(30, 49, rng.IntN(2) == 0)}
			if rng.IntN(2) == 0 {
				p = append(p, ring(5, 14, rng.IntN(2) == 0))
			}
			out = append(out, p)
		}
	}
	return out
}

// rasterize burns the number of each polygon, beginning with 1, with
// gdal_rasterize, which is GDAL's own and not ours.
func rasterize(t *testing.T, f overlay.Frame, polygons []orb.Polygon) []uint32 {
	t.Helper()
	tool, err := exec.LookPath("gdal_rasterize")
	if err != nil {
		t.Fatalf("gdal_rasterize is missing; run scripts/setup: %v", err)
	}
	type feature struct {
		Type       string         `json:"type"`
		Properties map[string]int `json:"properties"`
		Geometry   map[string]any `json:"geometry"`
	}
	var features []feature
	for i, p := range polygons {
		features = append(features, feature{"Feature", map[string]int{"n": i + 1}, map[string]any{"type": "Polygon", "coordinates": p}})
	}
	text, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.geojson"), filepath.Join(dir, "out.bin")
	if err := os.WriteFile(in, text, 0o644); err != nil {
		t.Fatal(err)
	}
	number := func(v float64) string { return fmt.Sprintf("%.17g", v) }
	said, err := exec.CommandContext(t.Context(), tool, "-q", "-a", "n", "-of", "ENVI", "-ot", "UInt32",
		"-te", number(f.X0), number(f.Y0-f.DY*float64(f.Height)), number(f.X0+f.DX*float64(f.Width)), number(f.Y0),
		"-ts", fmt.Sprint(f.Width), fmt.Sprint(f.Height), in, out).CombinedOutput()
	if err != nil {
		t.Fatalf("gdal_rasterize: %v: %s", err, said)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]uint32, len(raw)/4)
	for i := range cells {
		cells[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return cells
}

func TestCentresAreGDALsRasterization(t *testing.T) {
	f := overlay.Frame{Width: 330, Height: 410, X0: 560000, Y0: 4013500, DX: 12.5, DY: 10}
	nodata := -9999.0
	m := build(t, f, &nodata, rough(12, f, nodata))
	for seed := range uint64(3) {
		polygons := tiles(f, rand.New(rand.NewPCG(seed, 4)))
		want := make([]overlay.Counts, len(polygons))
		for i, n := range rasterize(t, f, polygons) {
			if n == 0 {
				continue
			}
			want[n-1].Total++
			if class := m.Class(i%f.Width, i/f.Width); class > 0 {
				want[n-1].ByClass[class-1]++
			}
		}
		total := int64(0)
		for i, p := range polygons {
			got, err := m.Centres(orb.MultiPolygon{p})
			if err != nil {
				t.Fatal(err)
			}
			if got != want[i] {
				t.Errorf("seed %d, polygon %d: %+v, GDAL has %+v\n%v", seed, i, got, want[i], p)
			}
			total += got.Total
		}
		if total < 10_000 {
			t.Fatalf("%d cells in all", total)
		}
	}
	if _, err := m.Centres(orb.MultiPolygon{{{{0, 0}, {math.NaN(), 0}, {10, 10}, {0, 0}}}}); err == nil {
		t.Error("a coordinate that is no number was accepted")
	}
}

// staircase is a polygon with steps on a grid of fine squares, so that counting
// those squares gives its area exactly: heights of its columns above and below a
// line, and a rectangular hole.
type staircase struct {
	col, row   int // of the line's west end, in fine squares
	up, down   []int
	hole       bool
	holeColumn int
}

func (s *staircase) polygon(f overlay.Frame, fine int) orb.MultiPolygon {
	at := func(col, row int) orb.Point {
		return orb.Point{f.X0 + f.DX*float64(col)/float64(fine), f.Y0 - f.DY*float64(row)/float64(fine)}
	}
	var ring orb.Ring
	for i, h := range s.up {
		ring = append(ring, at(s.col+i, s.row-h), at(s.col+i+1, s.row-h))
	}
	for i := len(s.down) - 1; i >= 0; i-- {
		ring = append(ring, at(s.col+i+1, s.row+s.down[i]), at(s.col+i, s.row+s.down[i]))
	}
	p := orb.Polygon{append(ring, ring[0])}
	if s.hole {
		c, r := s.col+s.holeColumn, s.row
		p = append(p, orb.Ring{at(c, r-1), at(c, r+1), at(c+1, r+1), at(c+1, r-1), at(c, r-1)})
	}
	return orb.MultiPolygon{p}
}

// TestZonalEqualsFineSquares compares with the dumbest of references: every cell
// is cut into fine squares and those inside are counted.
func TestZonalEqualsFineSquares(t *testing.T) {
	const fine = 8
	nodata := -9999.0
	m := build(t, frame, &nodata, rough(11, frame, nodata))
	rng := rand.New(rand.NewPCG(3, 9))
	square := frame.DX * frame.DY / fine / fine
	for range 300 {
		n := 3 + rng.IntN(120)
		s := staircase{col: rng.IntN(frame.Width*fine - n), row: 60 + rng.IntN(frame.Height*fine-120), hole: rng.IntN(2) == 0}
		s.holeColumn = 1 + rng.IntN(n-2)
		for range n {
			s.up, s.down = append(s.up, 2+rng.IntN(50)), append(s.down, 2+rng.IntN(50))
		}
		var want overlay.Coverage
		for i := range n {
			for r := s.row - s.up[i]; r < s.row+s.down[i]; r++ {
				if s.hole && i == s.holeColumn && (r == s.row-1 || r == s.row) {
					continue
				}
				want.Total += square
				if class := m.Class((s.col+i)/fine, r/fine); class > 0 {
					want.ByClass[class-1] += square
				}
			}
		}
		got, err := m.Zonal(s.polygon(frame, fine))
		if err != nil {
			t.Fatal(err)
		}
		for k := range got.ByClass {
			if d := got.ByClass[k]/got.Total - want.ByClass[k]/want.Total; !(math.Abs(d) < 1e-6) {
				t.Fatalf("class %d: share %.9f, counted %.9f", k+1, got.ByClass[k]/got.Total, want.ByClass[k]/want.Total)
			}
		}
		if !close6(got.Total, want.Total, want.Total) {
			t.Fatalf("total %.6f, counted %.6f", got.Total, want.Total)
		}
	}
}
