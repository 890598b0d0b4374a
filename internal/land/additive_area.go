package land

import (
	"math"

	"github.com/paulmach/orb"
)

// AdditiveArea is the area on the CGCS2000 ellipsoid, in m², of a polygon whose
// edges are straight lines of the zone's plane. It is additive: cut a polygon
// along straight lines of the plane and the pieces' areas add up to the whole's
// to 1e-6 m², which the official formula's rounding and geodesic edges do not
// give. Overlaps and their sums are computed with it (叠加面积；申报图斑
// 面积用 OfficialArea).
//
// The Gauss-Krüger projection is conformal with point scale k, so the area is
// ∬ dE dN / k², by Green's theorem a sum over edges of ∫ F dN where
// F(y, N) = ∫₀^y dy'/k². F is a series in the distance y from the central
// meridian whose coefficients are smooth functions of the northing; see
// stripSeries. The result agrees with the geodesic area of a finely densified
// boundary to 1e-5 m² for parcels up to some square kilometres and to a relative
// 1e-11 beyond, within 250 km of the central meridian and up to latitude 59°.
//
// Exteriors count positive and holes negative, whatever their direction.
func AdditiveArea(mp orb.MultiPolygon, z Zone) float64 {
	return sumRings(mp, z.FalseEasting(), AdditiveRing)
}

// AdditiveRing is the signed AdditiveArea of one ring, positive where it runs
// counter-clockwise. origin is the easting of the central meridian
// (Zone.FalseEasting). The ring may be open or closed.
func AdditiveRing(r orb.Ring, origin float64) float64 {
	if len(r) < 3 {
		return 0
	}
	// Eastings are taken relative to the ring's first vertex: a constant adds
	// nothing to a closed integral, and small numbers lose fewer digits.
	last := r[len(r)-1]
	y0 := last[0] - origin
	sum := 0.0
	for _, next := range r {
		sum += additiveEdge(last[0]-origin, last[1], next[0]-origin, next[1], y0)
		last = next
	}
	return sum
}

// AdditiveEdge is the contribution in m² of the directed edge p→q to the area
// on its left side: summed over the edges of a closed boundary it gives that
// boundary's signed area. origin is the easting of the central meridian and
// reference the easting that the strip is measured from; both must be the same
// for all edges of one boundary.
func AdditiveEdge(p, q orb.Point, origin, reference float64) float64 {
	return additiveEdge(p[0]-origin, p[1], q[0]-origin, q[1], reference-origin)
}

// panel is the length in metres that one two-point Gauss rule covers; its error
// there is below 1e-9 m².
const panel = 1000

var gaussNode = (1 - 1/math.Sqrt(3)) / 2

func additiveEdge(y1, n1, y2, n2, y0 float64) float64 {
	dy, dn := y2-y1, n2-n1
	if dn == 0 {
		return 0
	}
	if math.Abs(dn) <= panel && math.Abs(dy) <= panel {
		return dn * 0.5 * strips(y1+gaussNode*dy, n1+gaussNode*dn, y2-gaussNode*dy, n2-gaussNode*dn, y0)
	}
	panels := int(math.Max(math.Abs(dn), math.Abs(dy))/panel) + 1
	h := 1 / float64(panels)
	sum := 0.0
	for i := range panels {
		a, b := (float64(i)+gaussNode)*h, (float64(i+1)-gaussNode)*h
		sum += strip(y1+a*dy, n1+a*dn, y0) + strip(y1+b*dy, n1+b*dn, y0)
	}
	return dn * h * 0.5 * sum
}

// strip is F(y, N) − y0.
func strip(y, n, y0 float64) float64 {
	curvature, quartic := stripSeries(n)
	return stripOf(y, y0, curvature, quartic)
}

// strips is strip(y1, n1, y0) + strip(y2, n2, y0), to the last bit. Its four
// polynomials are computed beside each other: each by itself waits for its own
// last step, and the edges of a survey are millions.
func strips(y1, n1, y2, n2, y0 float64) float64 {
	x1, x2 := n1*(2/seriesSpan)-1, n2*(2/seriesSpan)-1
	if !(x1 >= -1 && x1 <= 1 && x2 >= -1 && x2 <= 1) {
		return strip(y1, n1, y0) + strip(y2, n2, y0)
	}
	c, q := &seriesCurvature, &seriesQuartic
	c1, q1 := c[seriesDegree], q[seriesDegree]
	c2, q2 := c1, q1
	for i := seriesDegree - 1; i >= 0; i-- {
		c1, c2 = c1*x1+c[i], c2*x2+c[i]
		q1, q2 = q1*x1+q[i], q2*x2+q[i]
	}
	return stripOf(y1, y0, c1, q1) + stripOf(y2, y0, c2, q2)
}

func stripOf(y, y0, curvature, quartic float64) float64 {
	s := y * y
	ks := curvature * s
	return (y - y0) + y*s*(quartic*s-curvature/3-ks*ks*curvature*(17.0/315-ks*(62.0/2835)))
}

// stripSeries gives the coefficients of F at a northing: the Gauss curvature
// K = 1/(MN) of the ellipsoid at the footpoint, and the coefficient of y⁵.
//
// With m = 1/k and u = ln m, Liouville's equation u_xx + u_yy = −K·e^{2u} and
// u = 0 on the meridian give u = −K/2·y² − a₄·y⁴ − …,
// 12·a₄ = K₁ − K² − K”/2, K₁ = 2V⁶η²t²/c⁴ being the y² term of the curvature.
// Hence 1/k² = 1 − K·y² + (K²/2 − 2a₄)·y⁴ − …; the further terms are the
// sphere's, sech²(y√K), whose ellipsoidal corrections stay below 1e-13 within a
// zone.
func stripSeries(northing float64) (curvature, quartic float64) {
	tau := northing*(2/seriesSpan) - 1
	if !(tau >= -1 && tau <= 1) {
		return stripSeriesAt(northing)
	}
	return horner(&seriesCurvature, tau), horner(&seriesQuartic, tau)
}

func stripSeriesAt(northing float64) (curvature, quartic float64) {
	bf := footpoint(northing)
	s, c := math.Sincos(bf)
	eta2 := ecc2Second * c * c
	t2 := s * s / (c * c)
	v2 := 1 + eta2
	c2 := polarC * polarC
	curvature = v2 * v2 / c2
	a4 := v2 * v2 * v2 / (12 * c2 * c2) * (-v2 + 2*eta2*t2 + 2*eta2*v2*(1-t2) - 10*eta2*eta2*t2)
	return curvature, (curvature*curvature/2 - 2*a4) / 5
}

// The two coefficients as polynomials of the northing over 0..seriesSpan
// (latitude 0 to 59°), so that an edge costs no trigonometry: interpolation at
// Chebyshev nodes, in powers of τ ∈ [−1, 1].
const (
	seriesSpan   = 6.6e6
	seriesDegree = 12
)

var seriesCurvature, seriesQuartic = fitStripSeries()

func horner(c *[seriesDegree + 1]float64, x float64) float64 {
	v := c[seriesDegree]
	for i := seriesDegree - 1; i >= 0; i-- {
		v = v*x + c[i]
	}
	return v
}

func fitStripSeries() (curvature, quartic [seriesDegree + 1]float64) {
	const n = seriesDegree + 1
	var nodes, k, q [n]float64
	for i := range n {
		nodes[i] = math.Cos(math.Pi * (float64(i) + 0.5) / n)
		k[i], q[i] = stripSeriesAt((nodes[i] + 1) / 2 * seriesSpan)
	}
	return chebyshevToPowers(k), chebyshevToPowers(q)
}

// chebyshevToPowers turns values at the Chebyshev nodes into power coefficients.
func chebyshevToPowers(values [seriesDegree + 1]float64) (powers [seriesDegree + 1]float64) {
	const n = seriesDegree + 1
	var previous, current [n]float64 // T_{j-1}, T_j in powers
	current[0] = 1
	for j := range n {
		sum := 0.0
		for i, v := range values {
			sum += v * math.Cos(float64(j)*math.Pi*(float64(i)+0.5)/n)
		}
		if j > 0 {
			sum *= 2
		}
		for i := range n {
			powers[i] += sum / n * current[i]
		}
		var next [n]float64
		for i := range n - 1 {
			next[i+1] = 2 * current[i]
		}
		if j == 0 {
			next[1] = 1
		}
		for i := range n {
			next[i] -= previous[i]
		}
		previous, current = current, next
	}
	return powers
}
