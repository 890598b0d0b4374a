package balance

import "math"

// wide is a sum kept as an unevaluated pair of doubles (about 106 bits), so that
// the order in which millions of terms are added does not show in the result.
type wide struct{ hi, lo float64 }

func newSum(v float64) wide { return wide{hi: v} }

// add adds v (Knuth's two-sum).
func (w *wide) add(v float64) {
	s := w.hi + v
	t := s - w.hi
	e := (w.hi - (s - t)) + (v - t) + w.lo
	w.hi = s + e
	w.lo = e - (w.hi - s)
}

// addProduct adds a·b without rounding the product.
func (w *wide) addProduct(a, b float64) {
	p := a * b
	e := math.FMA(a, b, -p)
	w.add(p)
	w.add(e)
}

func (w *wide) addWide(v wide) {
	w.add(v.hi)
	w.add(v.lo)
}

func (w wide) value() float64 { return w.hi + w.lo }
