package land

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// TestStripSeriesFit: the polynomial is the formula.
func TestStripSeriesFit(t *testing.T) {
	worstK, worstQ := 0.0, 0.0
	for n := 0.0; n <= seriesSpan; n += 1000 {
		k, q := stripSeries(n)
		wk, wq := stripSeriesAt(n)
		worstK = math.Max(worstK, math.Abs(k/wk-1))
		worstQ = math.Max(worstQ, math.Abs(q/wq-1))
	}
	t.Logf("worst relative deviation %.2g (curvature), %.2g (quartic)", worstK, worstQ)
	if worstK > 1e-12 || worstQ > 1e-9 {
		t.Errorf("fit deviates by %g and %g", worstK, worstQ)
	}
}

// TestAdditiveAreaAgainstProjection: 1/k² from the derivative of Krüger's series
// must be the derivative of the strip function.
func TestAdditiveAreaAgainstProjection(t *testing.T) {
	for _, lat := range []float64{3.5, 18, 26, 36.25, 45, 53.5} {
		for _, dl := range []float64{0.01, 0.7, 1.5, 2.2} {
			const h = 1e-4 // degrees
			e, n := zone37.Project(111+dl, lat)
			e1, n1 := zone37.Project(111+dl+h, lat)
			e2, n2 := zone37.Project(111+dl-h, lat)
			phi := lat * math.Pi / 180
			radius := semiMajor / math.Sqrt(1-eccentric*eccentric*math.Sin(phi)*math.Sin(phi)) * math.Cos(phi)
			k := math.Hypot(e1-e2, n1-n2) / (2 * h * math.Pi / 180 * radius)
			y := e - falseEasting
			const d = 10.0
			got := (strip(y+d, n, y) - strip(y-d, n, y)) / (2 * d)
			if want := 1 / (k * k); math.Abs(got-want) > 2e-9 {
				t.Errorf("lat %v, %v° from the meridian: strip density %.12f, 1/k² %.12f", lat, dl, got, want)
			}
		}
	}
}

// drawPolygon gives a star-shaped polygon near a centre inside zone 37.
func drawPolygon(t *rapid.T, radius float64) orb.Ring {
	e := rapid.Float64Range(360000, 640000).Draw(t, "easting")
	n := rapid.Float64Range(2000000, 5900000).Draw(t, "northing")
	count := rapid.IntRange(3, 14).Draw(t, "vertices")
	ring := make(orb.Ring, 0, count+1)
	for i := range count {
		r := radius * rapid.Float64Range(0.3, 1).Draw(t, "radius")
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(count))
		ring = append(ring, orb.Point{roundTo(e+r*c, 1e4), roundTo(n+r*s, 1e4)})
	}
	return append(ring, ring[0])
}

// stripsBetweenMeridians is a ring's area between its edges, densified in the
// plane, and a meridian, by way of Krüger's projection: it shares no formula
// with the edge integral. (The official trapezoid series would not do: it leaves
// out e¹⁰, a relative 8e-12 in the north.)
func stripsBetweenMeridians(ring orb.Ring, step float64) float64 {
	radians := func(p orb.Point) (b, l float64) {
		lon, lat := zone37.Geographic(p[0], p[1])
		return lat * math.Pi / 180, (lon - 111) * math.Pi / 180
	}
	sum := 0.0
	b1, l1 := radians(ring[0])
	reference := l1
	for i := 1; i < len(ring); i++ {
		n := int(math.Hypot(ring[i][0]-ring[i-1][0], ring[i][1]-ring[i-1][1])/step) + 1
		for j := 1; j <= 2*n; j++ { // even, so that half the step halves every piece
			b2, l2 := radians(between(ring[i-1], ring[i], j, 2*n))
			sin, cos := math.Sincos((b1 + b2) / 2)
			w := 1 - eccentric*eccentric*sin*sin
			sum += semiMajor * semiMajor * (1 - eccentric*eccentric) * cos / (w * w) * (b2 - b1) * ((l1+l2)/2 - reference)
			b1, l1 = b2, l2
		}
	}
	return sum
}

// TestAdditiveAreaDense: the edge integral is the limit of the strips of a
// boundary densified ever more, by Richardson's extrapolation.
func TestAdditiveAreaDense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		radius := rapid.SampledFrom([]float64{5, 50, 500, 2000}).Draw(t, "size")
		ring := drawPolygon(t, radius)
		var dense orb.Ring // edges of equal number of pieces at both steps
		for i := 1; i < len(ring); i++ {
			dense = append(dense, ring[i-1], between(ring[i-1], ring[i], 1, 2))
		}
		dense = append(dense, ring[0])
		coarse, fine := stripsBetweenMeridians(ring, 20), stripsBetweenMeridians(dense, 10)
		limit := fine + (fine-coarse)/3
		if got := AdditiveRing(ring, falseEasting); math.Abs(got-limit) > 1e-5 {
			t.Fatalf("additive %.7f, limit of strips %.7f: %v", got, limit, ring)
		}
	})
}

// TestAdditiveAreaCuts: fan triangles add up to the polygon, whatever the point
// they are cut from.
func TestAdditiveAreaCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		radius := rapid.SampledFrom([]float64{5, 50, 500, 5000}).Draw(t, "size")
		ring := drawPolygon(t, radius)
		whole := AdditiveRing(ring, falseEasting)
		apex := orb.Point{
			ring[0][0] + radius*rapid.Float64Range(-2, 2).Draw(t, "de"),
			ring[0][1] + radius*rapid.Float64Range(-2, 2).Draw(t, "dn"),
		}
		sum := 0.0
		for i := 1; i < len(ring); i++ {
			sum += AdditiveRing(orb.Ring{apex, ring[i-1], ring[i], apex}, falseEasting)
		}
		if math.Abs(sum-whole) > 1e-6 {
			t.Fatalf("pieces add up to %.9f, the whole is %.9f", sum, whole)
		}
	})
}

// TestAdditiveAreaMidpoints: a vertex inserted into an edge changes nothing, also
// on edges of many kilometres.
func TestAdditiveAreaMidpoints(t *testing.T) {
	ring := orb.Ring{{460000, 3990000}, {545000, 3984000}, {551000, 4052000}, {470000, 4040000}, {460000, 3990000}}
	var dense orb.Ring
	for i := 1; i < len(ring); i++ {
		const n = 777
		for j := range n {
			f := float64(j) / n
			dense = append(dense, orb.Point{
				ring[i-1][0] + f*(ring[i][0]-ring[i-1][0]), ring[i-1][1] + f*(ring[i][1]-ring[i-1][1])})
		}
	}
	a, b := AdditiveRing(ring, falseEasting), AdditiveRing(dense, falseEasting)
	if math.Abs(a-b) > 1e-4 {
		t.Errorf("area %.6f with four edges, %.6f densified", a, b)
	}
}

// TestAdditiveAreaShape: holes are taken away, direction and prefix do not matter.
func TestAdditiveAreaShape(t *testing.T) {
	outer := rectangle(560500, 4014000, 100, 100)[0][0]
	hole := rectangle(560520, 4014020, 10, 10)[0][0]
	whole := AdditiveArea(orb.MultiPolygon{{outer}}, zone37)
	cut := AdditiveArea(orb.MultiPolygon{{outer}, {}}, zone37) - AdditiveArea(orb.MultiPolygon{{hole}}, zone37)
	reversed := hole.Clone()
	reversed.Reverse()
	for name, h := range map[string]orb.Ring{"same direction": hole, "opposite direction": reversed} {
		if got := AdditiveArea(orb.MultiPolygon{{outer, h}}, zone37); math.Abs(got-cut) > 1e-8 {
			t.Errorf("hole of %s: %.9f, want %.9f", name, got, cut)
		}
	}
	prefixed := rectangle(37560500, 4014000, 100, 100)
	if got := AdditiveArea(prefixed, zone37.WithPrefix()); math.Abs(got-whole) > 1e-8 {
		t.Errorf("with zone prefix %.9f, without %.9f", got, whole)
	}
	if got := OfficialAreaUnrounded(orb.MultiPolygon{{outer}}, zone37); math.Abs(got-whole) > 1e-3 {
		t.Errorf("additive %.6f, official unrounded %.6f", whole, got)
	}
	for _, empty := range []orb.MultiPolygon{nil, {}, {{}}, {{orb.Ring{}}}, {{{{1, 2}}}}} {
		if got := AdditiveArea(empty, zone37); got != 0 {
			t.Errorf("area of %v is %v", empty, got)
		}
	}
}

// Ensure that two strips at once are what each is alone, to the last bit, also
// beyond the series' span.
func TestStripsEqualEachAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 100_000 {
		y1, n1 := 5e5*(rng.Float64()-0.5), 7.5e6*rng.Float64()-2e5
		y2, n2, y0 := y1+2000*(rng.Float64()-0.5), n1+2000*(rng.Float64()-0.5), y1+1e4*rng.Float64()
		if got, want := strips(y1, n1, y2, n2, y0), strip(y1, n1, y0)+strip(y2, n2, y0); got != want {
			t.Fatalf("strips at %v %v and %v %v give %v, want %v", y1, n1, y2, n2, got, want)
		}
	}
}

func BenchmarkAdditiveEdge(b *testing.B) {
	ring := make(orb.Ring, 0, 1001)
	for i := range 1000 {
		s, c := math.Sincos(2 * math.Pi * float64(i) / 1000)
		ring = append(ring, orb.Point{560000 + 1500*c, 4014000 + 1500*s})
	}
	ring = append(ring, ring[0])
	b.ResetTimer()
	sum := 0.0
	for b.Loop() {
		sum += AdditiveRing(ring, falseEasting)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/edge")
	_ = sum
}
