package polygon

import (
	"math"

	"github.com/paulmach/orb"
)

// crossing is where an edge of operand a crosses one of operand b.
type crossing struct {
	a, b int32
	// enters is 1 where a goes into b, and b therefore out of a; -1 where a goes
	// out.
	enters int8
	// ta and tb say how far along the edges it lies, ea and eb how far off that
	// may be.
	ta, tb, ea, eb float64
	// sine of the angle between the edges, or less; 1 where an edge begins or
	// ends on the other.
	sine float64
	// p is the crossing rounded to doubles, rest what rounding took from it:
	// areas are computed with both.
	p, rest orb.Point
	// slack bounds what the error of p + rest does to the area beside each of the
	// edges, in m².
	slack float64
}

// kernel overlays operand a with operand b, which is the shifted one.
type kernel struct {
	a, b      *operand
	crossings []crossing
	// common is what the boxes of a and b share: edges meet nowhere else.
	common box
	// leafA is the leaf of a looked at last, leavesB are the last of b by their
	// number's remainder: as a rule each is compared with several of the other
	// operand.
	leafA   leafOf
	leavesB [fan]leafOf
	// geometry asks for what only the geometry needs: touchA and touchB, the
	// vertices of the other operand that lie inside an edge.
	geometry       bool
	touchA, touchB []touch
	// degenerate says that a vertex lay on an edge's line or that two vertices
	// were the same: that the shift decided something.
	degenerate bool
	// close says that two things were nearer than plain arithmetic can tell
	// apart.
	close bool
	// rounded says that a crossing had to be rounded to doubles. Its edges are
	// then no longer quite where they were, and may run through whatever lies
	// beside them, of either operand.
	rounded bool
}

func (k *kernel) reset(a, b *operand, geometry bool) {
	k.a, k.b, k.geometry = a, b, geometry
	k.crossings, k.touchA, k.touchB = k.crossings[:0], k.touchA[:0], k.touchB[:0]
	k.degenerate, k.close, k.rounded = false, false, false
}

// leafOf is a leaf of a chain tree with those of its edges that meet common.
type leafOf struct {
	// leaf is the leaf's number, -1 where nothing is there.
	leaf  int32
	n     int
	edges [fan]int32
	boxes [fan]box
}

// take fills it unless it has the leaf already.
func (l *leafOf) take(o *operand, leaf int32, common *box) {
	if l.leaf != leaf {
		l.leaf, l.n = leaf, o.leafEdges(leaf, common, &l.edges, &l.boxes)
	}
}

// cross finds all crossings.
func (k *kernel) cross() {
	if k.a.levels > 0 && k.b.levels > 0 && k.a.box().meets(k.b.box()) {
		k.common = k.a.box().shared(k.b.box())
		k.leafA.leaf = -1
		for i := range k.leavesB {
			k.leavesB[i].leaf = -1
		}
		k.pair(k.a.levels-1, 0, k.b.levels-1, 0)
	}
}

// pair descends both trees together, the higher one first. The nodes' boxes
// meet.
func (k *kernel) pair(la int, ia int32, lb int, ib int32) {
	ba, bb := k.a.node(la, ia), k.b.node(lb, ib)
	if la == 0 && lb == 0 {
		k.leaves(ia, ib, bb)
		return
	}
	if la >= lb {
		below := k.a.nodes[k.a.level[la-1]:k.a.level[la]]
		for c := ia * fan; c < min((ia+1)*fan, int32(len(below))); c++ {
			if below[c].meets(bb) && below[c].meets(&k.common) {
				k.pair(la-1, c, lb, ib)
			}
		}
		return
	}
	below := k.b.nodes[k.b.level[lb-1]:k.b.level[lb]]
	for c := ib * fan; c < min((ib+1)*fan, int32(len(below))); c++ {
		if below[c].meets(ba) && below[c].meets(&k.common) {
			k.pair(la, ia, lb-1, c)
		}
	}
}

func (k *kernel) leaves(ia, ib int32, bb *box) {
	k.leafA.take(k.a, ia, &k.common)
	if k.leafA.n == 0 {
		return
	}
	l := &k.leavesB[ib%fan]
	l.take(k.b, ib, &k.common)
	for i := range k.leafA.n {
		x := &k.leafA.boxes[i]
		if !x.meets(bb) {
			continue
		}
		for j := range l.n {
			if x.meets(&l.boxes[j]) {
				k.edges(k.leafA.edges[i], l.edges[j])
			}
		}
	}
}

// edges compares edge i of a with edge j of b.
func (k *kernel) edges(i, j int32) {
	a, b, p, q := &k.a.pts[i], &k.a.pts[i+1], &k.b.pts[j], &k.b.pts[j+1]
	if plainlyBeside(a, b, p, q) {
		return
	}
	k.compare(i, j, *a, *b, *p, *q)
}

// plainlyBeside tells whether p and q are sure to lie on one side of a→b, by the
// filter of orient: as it is for most edges whose boxes meet.
func plainlyBeside(a, b, p, q *orb.Point) bool {
	pl, pr := float64((a[0]-p[0])*(b[1]-p[1])), float64((a[1]-p[1])*(b[0]-p[0]))
	ql, qr := float64((a[0]-q[0])*(b[1]-q[1])), float64((a[1]-q[1])*(b[0]-q[0]))
	dp, dq := pl-pr, ql-qr
	ep, eq := filterBound*(math.Abs(pl)+math.Abs(pr)), filterBound*(math.Abs(ql)+math.Abs(qr))
	return dp > ep && dq > eq || -dp > ep && -dq > eq
}

// compare is edges for those that may touch or cross.
func (k *kernel) compare(i, j int32, a, b, p, q orb.Point) {
	oP, eP := orient(a, b, p)
	oQ, eQ := orient(a, b, q)
	sP, sQ := shiftedPoint(oP, a, b), shiftedPoint(oQ, a, b)
	if sP == sQ && oP != 0 && oQ != 0 {
		return
	}
	oA, eA := orient(p, q, a)
	oB, eB := orient(p, q, b)
	if oP == 0 || oQ == 0 || oA == 0 || oB == 0 {
		k.degenerate = true
		if k.geometry {
			k.touches(i, j, [4]float64{oP, oQ, oA, oB})
		}
	}
	if sP == sQ || shiftedEdge(oA, p, q) == shiftedEdge(oB, p, q) {
		return
	}
	x := crossing{a: i, b: j, sine: 1, enters: shiftedEdge(oB, p, q)}
	x.ta, x.ea = ratio(oA, eA, oB, eB)
	x.tb, x.eb = ratio(oP, eP, oQ, eQ)
	switch {
	case oP == 0:
		x.p = p
	case oQ == 0:
		x.p = q
	case oA == 0:
		x.p = a
	case oB == 0:
		x.p = b
	default:
		x.p, x.rest = meeting(a, b, oA, oB, p, q, oP, oQ)
		// It is off an edge by the error of the other's ends, in proportion to
		// the edge's length.
		x.slack = 2*(eP+eQ+eA+eB) + 8*unit*(math.Abs(oP)+math.Abs(oQ)+math.Abs(oA)+math.Abs(oB))
		k.rounded = true
		ab, pq := reach(a, b), reach(p, q)
		x.sine = (math.Abs(oA) + math.Abs(oB)) / (ab * pq)
		step := rounding(x.p)
		if min(math.Abs(oP), math.Abs(oQ)) <= step*ab || min(math.Abs(oA), math.Abs(oB)) <= step*pq {
			k.close = true
		}
	}
	k.crossings = append(k.crossings, x)
}

// reach is a bound of an edge's length, at most √2 too much.
func reach(u, v orb.Point) float64 { return math.Abs(v[0]-u[0]) + math.Abs(v[1]-u[1]) }

// rounding is a distance that is sure to be more than rounding a point moves it.
// What comes nearer to a line than this may lie on its other side afterwards.
func rounding(p orb.Point) float64 { return 64 * unit * max(math.Abs(p[0]), math.Abs(p[1])) }

func (k *kernel) touches(i, j int32, det [4]float64) {
	a, b, p, q := k.a.pts[i], k.a.pts[i+1], k.b.pts[j], k.b.pts[j+1]
	if det[0] == 0 && insideSegment(a, b, p) {
		k.touchA = append(k.touchA, touch{i, p})
	}
	if det[1] == 0 && insideSegment(a, b, q) {
		k.touchA = append(k.touchA, touch{i, q})
	}
	if det[2] == 0 && insideSegment(p, q, a) {
		k.touchB = append(k.touchB, touch{j, a})
	}
	if det[3] == 0 && insideSegment(p, q, b) {
		k.touchB = append(k.touchB, touch{j, b})
	}
}

// ratio is how far along an edge the crossing lies whose ends have the
// orientations o1 and o2 of opposite signs, and a bound of the error.
func ratio(o1, e1, o2, e2 float64) (t, err float64) {
	o1, o2 = math.Abs(o1), math.Abs(o2)
	sum := o1 + o2
	if sum == 0 {
		return 0, 1
	}
	return o1 / sum, 2*(e1+e2)/sum + 4*unit
}

// meeting is the crossing, and what rounding took from it, of the edges a→b and p→q, oA and oB being the
// orientations of a and b against p→q and oP and oQ those of p and q against
// a→b. It is the same point to the last bit whatever the order of the edges and
// of their ends: neighbours that share an edge then get the same vertex on it.
func meeting(a, b orb.Point, oA, oB float64, p, q orb.Point, oP, oQ float64) (at, rest orb.Point) {
	if before(b, a) {
		a, b, oA, oB = b, a, oB, oA
	}
	if before(q, p) {
		p, q, oP, oQ = q, p, oQ, oP
	}
	// Measured along the shorter edge: there the error is in proportion to the
	// edge, along the longer one it is so to the longer edge, far beyond the ends
	// of a short one.
	short, long := reach(p, q), reach(a, b)
	if short < long || short == long && (before(p, a) || p == a && before(q, b)) {
		a, b, oA, oB, p, q = p, q, oP, oQ, a, b
	}
	oA, oB = math.Abs(oA), math.Abs(oB)
	// Measured from the nearer end.
	from, to, t := a, b, oA/(oA+oB)
	if oA > oB {
		from, to, t = b, a, oB/(oA+oB)
	}
	dx, dy := t*(to[0]-from[0]), t*(to[1]-from[1])
	// Rounding must not carry it out of either edge's box.
	ab, pq := edgeBox(a, b), edgeBox(p, q)
	at = orb.Point{
		min(max(from[0]+dx, ab.x0, pq.x0), ab.x1, pq.x1),
		min(max(from[1]+dy, ab.y0, pq.y0), ab.y1, pq.y1),
	}
	return at, orb.Point{dx - (at[0] - from[0]), dy - (at[1] - from[1])}
}

func before(p, q orb.Point) bool { return p[0] < q[0] || p[0] == q[0] && p[1] < q[1] }
