package coverage_test

import (
	"math"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/intake/coverage"
)

// ring builds a one-polygon geometry from corners, counter-clockwise.
func ring(corners ...float64) orb.MultiPolygon {
	var r orb.Ring
	for i := 0; i < len(corners); i += 2 {
		r = append(r, orb.Point{560000 + corners[i], 4013000 + corners[i+1]})
	}
	return orb.MultiPolygon{{append(r, r[0])}}
}

func box(x0, y0, x1, y1 float64) orb.MultiPolygon { return ring(x0, y0, x1, y0, x1, y1, x0, y1) }

func run(tiles, frame []orb.MultiPolygon) (*coverage.Checker, []int, *coverage.Trace) {
	c, all := &coverage.Checker{}, append(slices.Clone(tiles), frame...)
	for i, g := range all {
		if i < len(tiles) {
			c.Add(g)
		} else {
			c.AddFrame(g)
		}
	}
	suspects := c.Suspects()
	return c, suspects, c.Trace(suspects, func(i int) orb.MultiPolygon { return all[i] })
}

func length(lines orb.MultiLineString) float64 {
	sum := 0.0
	for _, l := range lines {
		sum += math.Hypot(l[1][0]-l[0][0], l[1][1]-l[0][1])
	}
	return sum
}

// Ensure that exactly the edges that bound a defect or the rim are left.
func TestTrace(t *testing.T) {
	a, b := box(0, 0, 100, 100), box(100, 0, 200, 100)
	whole := box(0, 0, 200, 100)
	tests := []struct {
		name         string
		tiles, frame []orb.MultiPolygon
		left         float64 // metres of edges without a partner
	}{
		{"two neighbours", []orb.MultiPolygon{a, b}, nil, 600},
		{"two neighbours that fill the frame, which has fewer vertices", []orb.MultiPolygon{a, b}, []orb.MultiPolygon{whole}, 0},
		{"a frame of two townships", []orb.MultiPolygon{a, b}, []orb.MultiPolygon{a, b}, 0},
		{"townships that divide the county elsewhere", []orb.MultiPolygon{a, b}, []orb.MultiPolygon{box(0, 0, 50, 100), box(50, 0, 200, 100)}, 0},
		{"half of the frame", []orb.MultiPolygon{a}, []orb.MultiPolygon{whole}, 400},
		{"neighbours with different vertices", []orb.MultiPolygon{a, ring(100, 0, 200, 0, 200, 100, 100, 100, 100, 50)}, []orb.MultiPolygon{whole}, 0},
		{"a vertex off the line by the resolution", []orb.MultiPolygon{a, ring(100, 0, 200, 0, 200, 100, 100, 100, 100.0001, 50)}, []orb.MultiPolygon{whole}, 0},
		{"a vertex off the line by a millimetre", []orb.MultiPolygon{a, ring(100, 0, 200, 0, 200, 100, 100, 100, 100.001, 50)}, []orb.MultiPolygon{whole}, 200},
		{"the same parcel twice", []orb.MultiPolygon{a, b, a}, []orb.MultiPolygon{whole}, 400},
		{"a parcel inside another", []orb.MultiPolygon{a, b, box(40, 40, 60, 60)}, []orb.MultiPolygon{whole}, 80},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, suspects, trace := run(tt.tiles, tt.frame)
			if got := length(trace.Lines()); math.Abs(got-tt.left) > 0.01 {
				t.Errorf("%.4f m of edges left of suspects %v, want %.0f", got, suspects, tt.left)
			}
		})
	}
}

// Ensure that a face is judged by who covers it.
func TestJudge(t *testing.T) {
	a, b := box(0, 0, 100, 100), box(100, 0, 200, 100)
	whole := box(0, 0, 200, 100)
	at := func(x, y float64) coverage.Face {
		p := orb.Point{560000 + x, 4013000 + y}
		return coverage.Face{Geometry: orb.Polygon{orb.Ring{p}}, Inside: p}
	}
	tests := []struct {
		name         string
		tiles, frame []orb.MultiPolygon
		face         coverage.Face
		want         []coverage.Verdict
		polygons     []int
	}{
		{"covered once", []orb.MultiPolygon{a, b}, []orb.MultiPolygon{whole}, at(50, 50), nil, nil},
		{"covered twice", []orb.MultiPolygon{a, b, box(90, 0, 110, 100)}, []orb.MultiPolygon{whole}, at(95, 50), []coverage.Verdict{coverage.Overlap}, []int{0, 2}},
		{"nobody in the frame", []orb.MultiPolygon{a}, []orb.MultiPolygon{whole}, at(150, 50), []coverage.Verdict{coverage.Gap}, nil},
		{"beyond the frame", []orb.MultiPolygon{whole}, []orb.MultiPolygon{a}, at(150, 50), []coverage.Verdict{coverage.Outside}, []int{0}},
		{"on the edge between neighbours", []orb.MultiPolygon{a, b}, nil, at(100, 50), nil, nil},
		{"on a level edge between neighbours", []orb.MultiPolygon{box(0, 0, 100, 50), box(0, 50, 100, 100)}, nil, at(50, 50), nil, nil},
		{"without a frame a hole is a gap", []orb.MultiPolygon{a}, nil, at(150, 50), []coverage.Verdict{coverage.Gap}, nil},
		{"without a frame nothing is outside", []orb.MultiPolygon{a}, nil, at(50, 50), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, _, trace := run(tt.tiles, tt.frame)
			all := append(slices.Clone(tt.tiles), tt.frame...)
			faces := []coverage.Face{tt.face}
			byFace, _ := c.Candidates(faces)
			var got []coverage.Verdict
			var polygons []int
			for _, r := range c.Judge(trace, faces, byFace, func(i int) orb.MultiPolygon { return all[i] }) {
				got, polygons = append(got, r.Verdict), r.Polygons
			}
			if !slices.Equal(got, tt.want) || len(tt.polygons) > 0 && !slices.Equal(polygons, tt.polygons) {
				t.Errorf("got %v by %v, want %v by %v", got, polygons, tt.want, tt.polygons)
			}
		})
	}
}

// Ensure that a grid of cells with any vertices on its shared lines is clean,
// and that moving one cell leaves edges that name it.
func TestGridProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nx, ny := rapid.IntRange(1, 5).Draw(t, "nx"), rapid.IntRange(1, 5).Draw(t, "ny")
		cell := func(i, j int) orb.MultiPolygon {
			x, y := float64(i)*37.1, float64(j)*21.3
			corners := []float64{x, y}
			if rapid.Bool().Draw(t, "split") {
				corners = append(corners, x+float64(rapid.IntRange(1, 370).Draw(t, "at"))/10, y)
			}
			return ring(append(corners, x+37.1, y, x+37.1, y+21.3, x, y+21.3)...)
		}
		var tiles []orb.MultiPolygon
		for j := range ny {
			for i := range nx {
				tiles = append(tiles, cell(i, j))
			}
		}
		frame := []orb.MultiPolygon{box(0, 0, float64(nx)*37.1, float64(ny)*21.3)}
		if _, _, trace := run(tiles, frame); len(trace.Lines()) != 0 {
			t.Fatalf("a clean grid leaves %v", trace.Lines())
		}
		moved := rapid.IntRange(0, len(tiles)-1).Draw(t, "moved")
		for k := range tiles[moved][0][0] {
			tiles[moved][0][0][k][0] += 0.01
		}
		sound := slices.Clone(tiles[moved][0][0])
		c, suspects, trace := run(tiles, frame)
		if !slices.Contains(suspects, moved) || len(trace.Lines()) == 0 || c.Len() != len(tiles)+1 {
			t.Fatalf("moving cell %d left %v of suspects %v", moved, trace.Lines(), suspects)
		}
		for k := range sound {
			sound[k][0] -= 0.01
		}
		tiles[moved] = orb.MultiPolygon{{sound}}
		c.Replace(moved, tiles[moved])
		all := append(slices.Clone(tiles), frame...)
		if trace := c.Trace(c.Suspects(), func(i int) orb.MultiPolygon { return all[i] }); len(trace.Lines()) != 0 {
			t.Fatalf("after moving cell %d back %v are left", moved, trace.Lines())
		}
	})
}
