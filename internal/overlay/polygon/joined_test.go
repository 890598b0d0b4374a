package polygon

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

// TestJoinedEdges holds what is decided of edges with a common end by one
// orientation to what all four say.
func TestJoinedEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	lattice := func() orb.Point { return orb.Point{float64(rng.IntN(4)), float64(rng.IntN(4))} }
	near := func() orb.Point { return orb.Point{0.1 + rng.Float64()*1e-15, 0.3 + rng.Float64()*1e-15} }
	plain := 0
	for n := range 200_000 {
		point := lattice
		if n%4 == 0 {
			point = near
		}
		a, b, p := point(), point(), point()
		if a == b {
			continue
		}
		q := [...]orb.Point{a, b}[rng.IntN(2)]
		if p == q {
			continue
		}
		if rng.IntN(2) == 0 {
			p, q = q, p
		}
		k := kernel{a: &operand{pts: []orb.Point{a, b}}, b: &operand{pts: []orb.Point{p, q}}, geometry: true}
		oP, eP := filtered(a, b, p)
		oQ, eQ := filtered(a, b, q)
		if !k.joined(&a, &b, &p, &q, oP, eP, oQ, eQ) {
			continue
		}
		plain++
		exact := kernel{a: k.a, b: k.b, geometry: true}
		oP, eP = orient(a, b, p)
		oQ, eQ = orient(a, b, q)
		exact.compare(0, 0, a, b, p, q, oP, eP, oQ, eQ)
		if len(exact.crossings)+len(exact.touchA)+len(exact.touchB) > 0 || k.degenerate != exact.degenerate || exact.close || exact.rounded {
			t.Fatalf("%v→%v and %v→%v only meet, it is said, but all orientations say %+v", a, b, p, q, exact)
		}
	}
	if plain < 50_000 {
		t.Errorf("only %d pairs were decided: too few to tell", plain)
	}
}

// filtered is the first step of orient.
func filtered(a, b, c orb.Point) (det, err float64) {
	left, right := (a[0]-c[0])*(b[1]-c[1]), (a[1]-c[1])*(b[0]-c[0])
	return float64(left) - float64(right), filterBound * (max(left, -left) + max(right, -right))
}
