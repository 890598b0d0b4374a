package polygon

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
)

// ratEdge is a non-horizontal edge with exact coordinates, upwards.
type ratEdge struct {
	x0, y0, x1, y1 *big.Rat
	second         bool
}

func ratEdges(mp orb.MultiPolygon, second bool) (edges []ratEdge) {
	rat := func(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }
	for _, polygon := range mp {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				p, q := ring[i-1], ring[i]
				if p[1] > q[1] {
					p, q = q, p
				}
				if p[1] != q[1] {
					edges = append(edges, ratEdge{rat(p[0]), rat(p[1]), rat(q[0]), rat(q[1]), second})
				}
			}
		}
	}
	return edges
}

// at is the edge's x at a height.
func (e *ratEdge) at(y *big.Rat) *big.Rat {
	t := new(big.Rat).Quo(new(big.Rat).Sub(y, e.y0), new(big.Rat).Sub(e.y1, e.y0))
	return t.Add(t.Mul(t, new(big.Rat).Sub(e.x1, e.x0)), e.x0)
}

// exactArea is the planar area of the intersection in rational numbers: the
// plane is cut into strips at all vertices and crossings, within which edges
// keep their order. It shares nothing with the engine and rounds once.
func exactArea(a, b orb.MultiPolygon) float64 {
	ea, eb := ratEdges(a, false), ratEdges(b, true)
	var heights []*big.Rat
	for _, e := range slices.Concat(ea, eb) {
		heights = append(heights, e.y0, e.y1)
	}
	for i := range ea {
		for j := range eb {
			if y := crossHeight(&ea[i], &eb[j]); y != nil {
				heights = append(heights, y)
			}
		}
	}
	slices.SortFunc(heights, (*big.Rat).Cmp)
	heights = slices.CompactFunc(heights, func(x, y *big.Rat) bool { return x.Cmp(y) == 0 })
	all := slices.Concat(ea, eb)
	sum := new(big.Rat)
	half := big.NewRat(1, 2)
	for i := 1; i < len(heights); i++ {
		middle := new(big.Rat).Add(heights[i-1], heights[i])
		middle.Mul(middle, half)
		type cut struct {
			x      *big.Rat
			second bool
		}
		var cuts []cut
		for k := range all {
			if e := &all[k]; e.y0.Cmp(middle) < 0 && e.y1.Cmp(middle) > 0 {
				cuts = append(cuts, cut{e.at(middle), e.second})
			}
		}
		slices.SortFunc(cuts, func(x, y cut) int { return x.x.Cmp(y.x) })
		width := new(big.Rat)
		inA, inB := false, false
		for k, c := range cuts {
			if inA && inB {
				width.Add(width, new(big.Rat).Sub(c.x, cuts[k-1].x))
			}
			if c.second {
				inB = !inB
			} else {
				inA = !inA
			}
		}
		sum.Add(sum, width.Mul(width, new(big.Rat).Sub(heights[i], heights[i-1])))
	}
	f, _ := sum.Float64()
	return f
}

// crossHeight is the height at which two edges cross, or nil.
func crossHeight(e, f *ratEdge) *big.Rat {
	lo, hi := e.y0, e.y1
	if f.y0.Cmp(lo) > 0 {
		lo = f.y0
	}
	if f.y1.Cmp(hi) < 0 {
		hi = f.y1
	}
	if lo.Cmp(hi) >= 0 {
		return nil
	}
	below := new(big.Rat).Sub(e.at(lo), f.at(lo))
	above := new(big.Rat).Sub(e.at(hi), f.at(hi))
	if below.Sign()*above.Sign() >= 0 {
		return nil
	}
	// The difference is linear in the height.
	t := new(big.Rat).Quo(below, new(big.Rat).Sub(below, above))
	return t.Add(t.Mul(t, new(big.Rat).Sub(hi, lo)), lo)
}

// TestOrientExact compares the predicate with rational numbers, on points that
// lie nearly on a line.
func TestOrientExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	zero := 0
	for range 200000 {
		var p [3]orb.Point
		scale := math.Pow(10, 12*rng.Float64()-4)
		base := orb.Point{scale * rng.NormFloat64(), scale * rng.NormFloat64()}
		d := orb.Point{rng.NormFloat64(), rng.NormFloat64()}
		if rng.IntN(2) == 0 {
			d = orb.Point{float64(rng.IntN(9) - 4), float64(rng.IntN(9) - 4)}
			base = orb.Point{math.Round(base[0]), math.Round(base[1])}
		}
		for i := range p {
			f := float64(rng.IntN(64))
			p[i] = orb.Point{base[0] + f*d[0], base[1] + f*d[1]}
			if rng.IntN(3) == 0 {
				p[i][rng.IntN(2)] += math.Pow(10, -16*rng.Float64()) * rng.NormFloat64()
			}
		}
		det, err := orient(p[0], p[1], p[2])
		want := ratOrient(p[0], p[1], p[2])
		if want.Sign() == 0 {
			zero++
		}
		f, _ := want.Float64()
		if int(sign(det)) != want.Sign() || math.Abs(det-f) > err {
			t.Fatalf("orient(%v) = %g ± %g, exactly %g", p, det, err, f)
		}
	}
	if zero < 1000 {
		t.Errorf("only %d points lay on a line", zero)
	}
}

func ratOrient(a, b, c orb.Point) *big.Rat {
	sub := func(x, y float64) *big.Rat {
		return new(big.Rat).Sub(new(big.Rat).SetFloat64(x), new(big.Rat).SetFloat64(y))
	}
	l, r := sub(a[0], c[0]), sub(a[1], c[1])
	return l.Sub(l.Mul(l, sub(b[1], c[1])), r.Mul(r, sub(b[0], c[0])))
}

// TestAgainstRationals compares areas with exact ones.
func TestAgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewPCG(*oracleSeed, 12))
	worst, doubtful, compared := 0.0, 0, 0
	for range *exactPairs {
		p := randomPair(rng)
		if rng.IntN(4) == 0 {
			p = randomCellsPair(rng)
		}
		o := overlapOf(t, p.a, p.b)
		if o.Doubt != 0 {
			if o.Doubt != InvalidOperand {
				doubtful++
			}
			continue
		}
		compared++
		want := exactArea(p.a, p.b)
		diff := math.Abs(o.Planar - want)
		worst = max(worst, diff)
		if diff > 1e-4 {
			t.Fatalf("%s: planar %.9f, exactly %.9f\n%s", p.kind, o.Planar, want, describe(p))
		}
	}
	t.Logf("%d compared, %d in doubt, worst difference %.3g m²", compared, doubtful, worst)
	if compared < *exactPairs*8/10 {
		t.Errorf("only %d of %d were compared", compared, *exactPairs)
	}
}
