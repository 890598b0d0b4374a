package land

import (
	"math"

	"github.com/paulmach/orb"
)

// longestEdge is the length in metres above which the official formula inserts
// points into an edge, for computing only.
const longestEdge = 70

// Coefficients of the trapezoid series, from e² (A to E of the annex).
const (
	trapezoidA = 1 + ecc2*(3.0/6+ecc2*(30.0/80+ecc2*(35.0/112+ecc2*630/2304)))
	trapezoidB = ecc2 * (1.0/6 + ecc2*(15.0/80+ecc2*(21.0/112+ecc2*420/2304)))
	trapezoidC = ecc2 * ecc2 * (3.0/80 + ecc2*(7.0/112+ecc2*180/2304))
	trapezoidD = ecc2 * ecc2 * ecc2 * (1.0/112 + ecc2*45/2304)
	trapezoidE = ecc2 * ecc2 * ecc2 * ecc2 * 5 / 2304
)

// OfficialArea is the ellipsoidal area of a parcel (图斑椭球面积) by the national
// rule, TD/T 1055-2019 annex: plane coordinates rounded to 0.0001 m, edges
// longer than 70 m densified with ⌊length/70⌋ equally spaced points rounded to
// 0.000001 m, latitude and longitude rounded to 0.000001″, the five-term
// trapezoid series, and the sum rounded half up to 0.01 m². Coordinates are
// metres in the plane of z, x = easting. Polygons must not overlap each other
// and holes must lie inside their exterior; ring direction does not matter.
//
// Two conforming programs may differ by some hundredths of a square metre
// because of the rounding of latitude and longitude. The areas of pieces do not
// add up to the area of the whole: use AdditiveArea where they must.
func OfficialArea(mp orb.MultiPolygon, z Zone) Area {
	return roundFinite(sumRings(mp, z.FalseEasting(), officialRing))
}

// OfficialAreaUnrounded is OfficialArea in m² without any of its roundings: the
// same densified edges, series and sum in full double precision. It still is
// the national rule: between the inserted points an edge of the trapezoid series
// is neither straight in the plane nor a geodesic, which makes some hundredths
// of a square metre on parcels with long slanting edges.
func OfficialAreaUnrounded(mp orb.MultiPolygon, z Zone) float64 {
	return sumRings(mp, z.FalseEasting(), unroundedRing)
}

// sumRings adds exteriors and takes away holes.
func sumRings(mp orb.MultiPolygon, origin float64, ringArea func(orb.Ring, float64) float64) float64 {
	sum := 0.0
	for _, polygon := range mp {
		for i, ring := range polygon {
			if a := math.Abs(ringArea(ring, origin)); i == 0 {
				sum += a
			} else {
				sum -= a
			}
		}
	}
	return sum
}

func officialRing(r orb.Ring, origin float64) float64 {
	return trapezoids(r, func(p orb.Point) orb.Point {
		return orb.Point{roundTo(p[0]-origin, 1e4), roundTo(p[1], 1e4)}
	}, func(p orb.Point) orb.Point {
		return orb.Point{roundTo(p[0], 1e6), roundTo(p[1], 1e6)}
	}, func(angle float64) float64 {
		return roundTo(angle/arcsecond, 1e6) * arcsecond
	})
}

func unroundedRing(r orb.Ring, origin float64) float64 {
	same := func(p orb.Point) orb.Point { return p }
	return trapezoids(r, func(p orb.Point) orb.Point {
		return orb.Point{p[0] - origin, p[1]}
	}, same, func(angle float64) float64 { return angle })
}

// roundTo rounds half away from zero to 1/scale.
func roundTo(v, scale float64) float64 { return math.Round(v*scale) / scale }

// trapezoids is the signed sum over a ring's edges of the areas between the edge
// and the central meridian. The annex leaves the reference meridian open; the
// central one keeps the terms small and so the sum exact.
func trapezoids(r orb.Ring, vertex, inserted func(orb.Point) orb.Point, angle func(float64) float64) float64 {
	if len(r) < 3 {
		return 0
	}
	sum := 0.0
	last := vertex(r[len(r)-1])
	b1, l1 := inverseOf(last, angle)
	for _, point := range r {
		next := vertex(point)
		if next == last {
			continue
		}
		n := int(math.Hypot(next[0]-last[0], next[1]-last[1]) / longestEdge)
		for i := 1; i <= n; i++ {
			b2, l2 := inverseOf(inserted(between(last, next, i, n+1)), angle)
			sum += trapezoid(b1, l1, b2, l2)
			b1, l1 = b2, l2
		}
		b2, l2 := inverseOf(next, angle)
		sum += trapezoid(b1, l1, b2, l2)
		b1, l1, last = b2, l2, next
	}
	return sum
}

// between is the point i/n of the way from p to q, computed from the lesser end
// so that both neighbours of an edge insert the same points.
func between(p, q orb.Point, i, n int) orb.Point {
	if q[0] < p[0] || q[0] == p[0] && q[1] < p[1] {
		p, q, i = q, p, n-i
	}
	f := float64(i) / float64(n)
	return orb.Point{p[0] + (q[0]-p[0])*f, p[1] + (q[1]-p[1])*f}
}

func inverseOf(p orb.Point, angle func(float64) float64) (b, l float64) {
	b, l = inverse(p[1], p[0])
	return angle(b), angle(l)
}

// trapezoid is the area between an edge and the meridian of longitude 0, in m²,
// positive where the edge runs north on the east side.
func trapezoid(b1, l1, b2, l2 float64) float64 {
	half, mean := (b2-b1)/2, (b1+b2)/2
	return 2 * semiMinor * semiMinor * (l1 + l2) / 2 * (trapezoidA*math.Sin(half)*math.Cos(mean) -
		trapezoidB*math.Sin(3*half)*math.Cos(3*mean) +
		trapezoidC*math.Sin(5*half)*math.Cos(5*mean) -
		trapezoidD*math.Sin(7*half)*math.Cos(7*mean) +
		trapezoidE*math.Sin(9*half)*math.Cos(9*mean))
}
