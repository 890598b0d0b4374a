package overlay_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/overlay"
)

// build makes a slope map of a DEM given by rows from north to south.
func build(t testing.TB, f overlay.Frame, nodata *float64, rows [][]float32) *overlay.SlopeMap {
	t.Helper()
	b, err := overlay.NewSlopeBuilder(f, nodata)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := b.AddRow(r); err != nil {
			t.Fatal(err)
		}
	}
	m, err := b.Done()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rough is terrain with slopes of every class and a few cells without data.
func rough(seed uint64, f overlay.Frame, nodata float64) [][]float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	rows := make([][]float32, f.Height)
	for r := range rows {
		rows[r] = make([]float32, f.Width)
		for c := range rows[r] {
			x, y := float64(c)*f.DX, float64(r)*f.DY
			z := 600 + 60*math.Sin(x/170)*math.Cos(y/130) + 4*math.Sin(x/23+y/31) + rng.Float64()
			rows[r][c] = float32(z)
			if rng.IntN(60) == 0 {
				rows[r][c] = float32(nodata)
			}
		}
	}
	return rows
}

// slow is the reference: cut the polygon by every cell and add the pieces to
// the cell's class.
func slow(m *overlay.SlopeMap, mp orb.MultiPolygon) overlay.Coverage {
	f := m.Frame()
	var out overlay.Coverage
	for _, poly := range mp {
		for i, ring := range poly {
			sign := 1.0
			if i > 0 {
				sign = -1
			}
			out.Total += sign * math.Abs(shoelace(ring))
			turn := 1.0
			if shoelace(ring) < 0 {
				turn = -1
			}
			for row := range f.Height {
				for col := range f.Width {
					class := m.Class(col, row)
					if class == 0 {
						continue
					}
					x, y := f.X0+float64(col)*f.DX, f.Y0-float64(row)*f.DY
					piece := half(ring, func(p orb.Point) float64 { return p[0] - x })
					piece = half(piece, func(p orb.Point) float64 { return x + f.DX - p[0] })
					piece = half(piece, func(p orb.Point) float64 { return y - p[1] })
					piece = half(piece, func(p orb.Point) float64 { return p[1] - (y - f.DY) })
					out.ByClass[class-1] += sign * turn * shoelace(piece)
				}
			}
		}
	}
	return out
}

// half keeps the part of a ring where d ≥ 0 (Sutherland-Hodgman; the signed
// area of the result is right for concave rings too).
func half(ring orb.Ring, d func(orb.Point) float64) orb.Ring {
	var out orb.Ring
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		a, b := d(p), d(q)
		if a >= 0 {
			out = append(out, p)
		}
		if (a > 0 && b < 0) || (a < 0 && b > 0) {
			t := a / (a - b)
			out = append(out, orb.Point{p[0] + t*(q[0]-p[0]), p[1] + t*(q[1]-p[1])})
		}
	}
	return out
}

func shoelace(ring orb.Ring) float64 {
	var s float64
	for i, p := range ring {
		q, o := ring[(i+1)%len(ring)], ring[0]
		s += (p[0]-o[0])*(q[1]-o[1]) - (q[0]-o[0])*(p[1]-o[1])
	}
	return s / 2
}

func close6(a, b, scale float64) bool { return math.Abs(a-b) <= 1e-6*max(1, scale) }

func agree(t interface {
	Helper()
	Errorf(string, ...any)
}, got, want overlay.Coverage) {
	t.Helper()
	scale := math.Abs(want.Total)
	if !close6(got.Total, want.Total, scale) {
		t.Errorf("total area %.9f, reference %.9f", got.Total, want.Total)
	}
	for k := range got.ByClass {
		if !close6(got.ByClass[k], want.ByClass[k], scale) {
			t.Errorf("class %d: %.9f m², reference %.9f", k+1, got.ByClass[k], want.ByClass[k])
		}
	}
}

var frame = overlay.Frame{Width: 70, Height: 40, X0: 560000, Y0: 4013500, DX: 12.5, DY: 10}

// star draws a simple ring around a centre, turning either way; vertices snap
// to cell corners now and then, where the ring stays simple. A ring that
// crosses itself has no inside to be measured.
func star(t *rapid.T, name string, f overlay.Frame) orb.Ring {
	n := rapid.IntRange(3, 14).Draw(t, name+"n")
	cx := f.X0 + f.DX*float64(f.Width)*rapid.Float64Range(-0.2, 1.2).Draw(t, name+"cx")
	cy := f.Y0 - f.DY*float64(f.Height)*rapid.Float64Range(-0.2, 1.2).Draw(t, name+"cy")
	size := rapid.SampledFrom([]float64{0.5, 8, 60, 500, 5000}).Draw(t, name+"size")
	ring := make(orb.Ring, 0, n+1)
	for i := range n {
		a := 2 * math.Pi * float64(i) / float64(n)
		r := size * rapid.Float64Range(0.2, 1).Draw(t, name+"r")
		ring = append(ring, orb.Point{cx + r*math.Cos(a), cy + r*math.Sin(a)})
	}
	for i := range n {
		if rapid.IntRange(0, 3).Draw(t, name+"snap") != 0 {
			continue
		}
		p := ring[i]
		ring[i] = orb.Point{f.X0 + f.DX*math.Round((p[0]-f.X0)/f.DX), f.Y0 - f.DY*math.Round((f.Y0-p[1])/f.DY)}
		if !simple(ring) {
			ring[i] = p
		}
	}
	ring = append(ring, ring[0])
	if rapid.Bool().Draw(t, name+"turn") {
		ring.Reverse()
	}
	return ring
}

// simple tells whether an open ring neither crosses nor touches itself.
func simple(ring orb.Ring) bool {
	side := func(a, b, c orb.Point) float64 { return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0]) }
	within := func(a, b, c orb.Point) bool { // c, on the line through a and b, lies between them
		return min(a[0], b[0]) <= c[0] && c[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= c[1] && c[1] <= max(a[1], b[1])
	}
	n := len(ring)
	for i := range n {
		a, b := ring[i], ring[(i+1)%n]
		if a == b {
			return false
		}
		for j := i + 1; j < n; j++ {
			c, d := ring[j], ring[(j+1)%n]
			abc, abd, cda, cdb := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
			switch {
			case j == i+1: // b is c
				if abd == 0 && (within(a, b, d) || within(c, d, a)) {
					return false
				}
			case (j+1)%n == i: // d is a
				if abc == 0 && (within(a, b, c) || within(c, d, b)) {
					return false
				}
			case (abc > 0) != (abd > 0) && (cda > 0) != (cdb > 0),
				abc == 0 && within(a, b, c), abd == 0 && within(a, b, d), cda == 0 && within(c, d, a), cdb == 0 && within(c, d, b):
				return false
			}
		}
	}
	return true
}

func TestSimpleTellsRingsThatCross(t *testing.T) {
	for name, c := range map[string]struct {
		ring orb.Ring
		want bool
	}{
		"square":           {orb.Ring{{0, 0}, {1, 0}, {1, 1}, {0, 1}}, true},
		"vertex on edge":   {orb.Ring{{0, 0}, {1, 0}, {2, 0}, {2, 2}}, true},
		"bow tie":          {orb.Ring{{0, 0}, {1, 1}, {1, 0}, {0, 1}}, false},
		"touches itself":   {orb.Ring{{0, 0}, {4, 0}, {4, 4}, {2, 0}, {0, 4}}, false},
		"folds back":       {orb.Ring{{0, 0}, {4, 0}, {2, 0}, {2, 2}}, false},
		"twice one vertex": {orb.Ring{{0, 0}, {4, 0}, {4, 0}, {2, 2}}, false},
	} {
		if got := simple(c.ring); got != c.want {
			t.Errorf("%s: simple is %v", name, got)
		}
	}
}

func TestZonalEqualsCuttingByEveryCell(t *testing.T) {
	nodata := -9999.0
	m := build(t, frame, &nodata, rough(7, frame, nodata))
	rapid.Check(t, func(t *rapid.T) {
		mp := orb.MultiPolygon{{star(t, "a", frame)}}
		got, err := m.Zonal(mp)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, got, slow(m, mp))
	})
}

func TestWholeIsSumOfParts(t *testing.T) {
	nodata := -9999.0
	m := build(t, frame, &nodata, rough(8, frame, nodata))
	rapid.Check(t, func(t *rapid.T) {
		ring := plainStar(t, "a")
		x := frame.X0 + rapid.Float64Range(0, 900).Draw(t, "cut")
		east := half(ring, func(p orb.Point) float64 { return p[0] - x })
		west := half(ring, func(p orb.Point) float64 { return x - p[0] })
		// A concave ring falls into several pieces joined along the cut, which
		// one ring holds as well.
		whole, err := m.Zonal(orb.MultiPolygon{{ring}})
		if err != nil {
			t.Fatal(err)
		}
		parts, err := m.Zonal(orb.MultiPolygon{{east}, {west}})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, parts, whole)
	})
}

func TestHolesAndSeveralPolygons(t *testing.T) {
	nodata := -9999.0
	m := build(t, frame, &nodata, rough(9, frame, nodata))
	box := func(x, y, w, h float64, cw bool) orb.Ring {
		x, y = frame.X0+x, frame.Y0-y
		r := orb.Ring{{x, y}, {x + w, y}, {x + w, y - h}, {x, y - h}, {x, y}}
		if !cw {
			r.Reverse()
		}
		return r
	}
	for _, turn := range []bool{true, false} {
		mp := orb.MultiPolygon{
			{box(30.3, 40.7, 301.1, 203.3, turn), box(60.2, 80.9, 44.4, 33.3, !turn), box(160, 100, 25, 20, turn)},
			{box(500, 100, 12.5, 10, turn)},
		}
		got, err := m.Zonal(mp)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, got, slow(m, mp))
		want := 301.1*203.3 - 44.4*33.3 - 25*20 + 125
		if !close6(got.Total, want, want) {
			t.Errorf("total %.6f, want %.6f", got.Total, want)
		}
	}
}

func TestOddPolygons(t *testing.T) {
	nodata := -9999.0
	m := build(t, frame, &nodata, rough(10, frame, nodata))
	all, err := m.Zonal(orb.MultiPolygon{{{{frame.X0, frame.Y0}, {frame.X0 + 875, frame.Y0}, {frame.X0 + 875, frame.Y0 - 400}, {frame.X0, frame.Y0 - 400}, {frame.X0, frame.Y0}}}})
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for r := range frame.Height {
		for c := range frame.Width {
			if m.Class(c, r) > 0 {
				cells++
			}
		}
	}
	if !close6(all.Known(), float64(cells)*125, all.Total) {
		t.Errorf("the whole raster has %.3f m² with a class, want %d cells of 125 m²", all.Known(), cells)
	}
	if share := all.KnownShare(); share <= 0.5 || share >= 1 {
		t.Errorf("known share %.4f: the outer ring and the gaps must be missing", share)
	}

	for name, tc := range map[string]struct {
		mp    orb.MultiPolygon
		known float64
	}{
		"larger than the raster":  {orb.MultiPolygon{{{{0, 0}, {2e6, 0}, {2e6, 9e6}, {0, 9e6}, {0, 0}}}}, all.Known()},
		"outside the raster":      {orb.MultiPolygon{{{{0, 0}, {10, 0}, {10, 10}, {0, 0}}}}, 0},
		"nothing":                 {nil, 0},
		"no rings":                {orb.MultiPolygon{{}}, 0},
		"a point thrice":          {orb.MultiPolygon{{{{560100, 4013300}, {560100, 4013300}, {560100, 4013300}}}}, 0},
		"a line there and back":   {orb.MultiPolygon{{{{560100, 4013300}, {560333, 4013222}, {560100, 4013300}}}}, 0},
		"two vertices":            {orb.MultiPolygon{{{{560100, 4013300}, {560333, 4013222}}}}, 0},
		"touches the east border": {orb.MultiPolygon{{{{560875, 4013500}, {561000, 4013500}, {561000, 4013100}, {560875, 4013100}, {560875, 4013500}}}}, 0},
	} {
		got, err := m.Zonal(tc.mp)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !close6(got.Known(), tc.known, 350000) {
			t.Errorf("%s: %.9f m² with a class, want %.9f", name, got.Known(), tc.known)
		}
		if got.Known() == 0 && (got.Majority() != 0 || got.KnownShare() != 0) {
			t.Errorf("%s: majority %d, share %g without any class", name, got.Majority(), got.KnownShare())
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e300} {
		if _, err := m.Zonal(orb.MultiPolygon{{{{0, 0}, {bad, 0}, {10, 10}, {0, 0}}}}); err == nil {
			t.Errorf("coordinate %g was accepted", bad)
		}
	}
}

func TestMajority(t *testing.T) {
	for _, tc := range []struct {
		area [5]float64
		want int
	}{
		{[5]float64{1, 2, 3, 4, 5}, 5},
		{[5]float64{5, 0, 0, 0, 5}, 1},
		{[5]float64{}, 0},
		{[5]float64{0, 1, 3, 3, 1}, 3},
	} {
		if got := (overlay.Coverage{ByClass: tc.area}).Majority(); got != tc.want {
			t.Errorf("majority of %v is %d, want %d", tc.area, got, tc.want)
		}
	}
}

// FuzzZonal looks for polygons on which the walk does not end or leaves the
// bounds of its answer.
func FuzzZonal(f *testing.F) {
	f.Add(560100.0, 4013300.0, 560333.0, 4013222.0, 560200.0, 4013100.0)
	f.Add(0.0, 0.0, 1e9, 1e9, -1e9, 1e9)
	small := overlay.Frame{Width: 65, Height: 9, X0: 560000, Y0: 4013500, DX: 12.5, DY: 10}
	m := build(f, small, nil, rough(3, small, 0))
	f.Fuzz(func(t *testing.T, ax, ay, bx, by, cx, cy float64) {
		got, err := m.Zonal(orb.MultiPolygon{{{{ax, ay}, {bx, by}, {cx, cy}, {ax, ay}}}})
		if err != nil {
			return
		}
		limit := 65 * 9 * 125 * (1 + 1e-6)
		if known := got.Known(); !(known >= 0) || known > limit {
			t.Errorf("%g m² with a class on a raster of %g m²", known, limit)
		}
	})
}

func BenchmarkZonalCounty(b *testing.B) {
	f := overlay.Frame{Width: 3200, Height: 3200, X0: 540000, Y0: 4033000, DX: 12.5, DY: 12.5}
	sb, err := overlay.NewSlopeBuilder(f, nil)
	if err != nil {
		b.Fatal(err)
	}
	row := make([]float32, f.Width)
	for r := range f.Height {
		for c := range row {
			row[c] = float32(600 + 80*math.Sin(float64(c)/17)*math.Cos(float64(r)/13))
		}
		if err := sb.AddRow(row); err != nil {
			b.Fatal(err)
		}
	}
	m, err := sb.Done()
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	parcels := make([]orb.MultiPolygon, 100_000)
	for i := range parcels {
		cx, cy := 540000+rng.Float64()*40000, 4033000-rng.Float64()*40000
		ring := make(orb.Ring, 0, 47)
		for k := range 46 {
			a := 2 * math.Pi * float64(k) / 46
			r := 40 + 40*rng.Float64()
			ring = append(ring, orb.Point{cx + r*math.Cos(a), cy + r*math.Sin(a)})
		}
		parcels[i] = orb.MultiPolygon{{append(ring, ring[0])}}
	}
	b.ResetTimer()
	for b.Loop() {
		for _, p := range parcels {
			if _, err := m.Zonal(p); err != nil {
				b.Fatal(err)
			}
		}
	}
}
