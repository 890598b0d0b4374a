package polygon

import (
	"math"

	"github.com/paulmach/orb"
)

// filterBound is Shewchuk's ccwerrboundA, (3 + 16u)u with u = 2⁻⁵³ (Adaptive
// Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates,
// 1997).
const filterBound = (3 + 16*unit) * unit

const unit = 0x1p-53

// orient is twice the area of the triangle abc, positive where c lies left of
// a→b. Its sign is exact and det is off by at most err.
func orient(a, b, c orb.Point) (det, err float64) {
	// The conversions forbid the compiler to fuse the products into the
	// difference, which the bound does not allow for.
	left := float64((a[0] - c[0]) * (b[1] - c[1]))
	right := float64((a[1] - c[1]) * (b[0] - c[0]))
	det = left - right
	err = filterBound * (math.Abs(left) + math.Abs(right))
	if det > err || -det > err {
		return det, err
	}
	if err == 0 {
		// Each product has a factor that is zero, and no rounding makes a
		// difference zero: c is a or b, or they lie on a line along an axis.
		return 0, 0
	}
	det = orientExact(a, b, c)
	return det, 2 * unit * math.Abs(det)
}

// orientExact computes the determinant as an expansion, a sum of floats that do
// not overlap, and gives back its value rounded.
func orientExact(a, b, c orb.Point) float64 {
	acx, acxt := twoDiff(a[0], c[0])
	acy, acyt := twoDiff(a[1], c[1])
	bcx, bcxt := twoDiff(b[0], c[0])
	bcy, bcyt := twoDiff(b[1], c[1])
	var e expansion
	if acxt == 0 && acyt == 0 && bcxt == 0 && bcyt == 0 {
		e.addProduct(acx, bcy)
		e.addProduct(-acy, bcx)
		return e.value()
	}
	for _, p := range [8][2]float64{
		{acxt, bcyt}, {-acyt, bcxt}, {acx, bcyt}, {acxt, bcy}, {-acy, bcxt}, {-acyt, bcx}, {acx, bcy}, {-acy, bcx},
	} {
		e.addProduct(p[0], p[1])
	}
	return e.value()
}

// expansion is an exact sum, in rising order of size.
type expansion struct {
	part [16]float64
	n    int
}

func (e *expansion) addProduct(x, y float64) {
	p := x * y
	e.add(math.FMA(x, y, -p))
	e.add(p)
}

// add is Shewchuk's GROW-EXPANSION with elimination of zeros.
func (e *expansion) add(x float64) {
	if x == 0 {
		return
	}
	n := 0
	for i := range e.n {
		var tail float64
		x, tail = twoSum(x, e.part[i])
		if tail != 0 {
			e.part[n] = tail
			n++
		}
	}
	if x != 0 {
		e.part[n] = x
		n++
	}
	e.n = n
}

// value sums from the smallest up; the largest part dominates all others, so
// the sign is right.
func (e *expansion) value() float64 {
	sum := 0.0
	for _, p := range e.part[:e.n] {
		sum += p
	}
	return sum
}

func twoSum(a, b float64) (sum, tail float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}

func twoDiff(a, b float64) (diff, tail float64) {
	diff = a - b
	bb := a - diff
	return diff, (a - (diff + bb)) + (bb - b)
}

func sign(v float64) int8 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// shiftedPoint is the side on which a point of the shifted operand lies of the
// unshifted edge u→v, det being its orientation before the shift: never 0.
func shiftedPoint(det float64, u, v orb.Point) int8 {
	if det != 0 {
		return sign(det)
	}
	if dy := v[1] - u[1]; dy != 0 {
		return -sign(dy)
	}
	return sign(v[0] - u[0])
}

// shiftedEdge is the side on which an unshifted point lies of the shifted edge
// u→v.
func shiftedEdge(det float64, u, v orb.Point) int8 {
	if det != 0 {
		return sign(det)
	}
	if dy := v[1] - u[1]; dy != 0 {
		return sign(dy)
	}
	return -sign(v[0] - u[0])
}
