package polygon

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// tidier makes simple rings of a set of directed edges that bound a polygon on
// their left.
type tidier struct {
	edges []segment
	used  []bool
	ring  []orb.Point
	// pts and ends are the rings, as in walker.
	pts  []orb.Point
	ends []int32
	seen map[orb.Point]int32
}

type segment struct{ u, v orb.Point }

func comparePoints(p, q orb.Point) int {
	return cmp.Or(cmp.Compare(p[0], q[0]), cmp.Compare(p[1], q[1]))
}

// sorted gives a segment's ends in order.
func (s segment) sorted() (lo, hi orb.Point) {
	if before(s.v, s.u) {
		return s.v, s.u
	}
	return s.u, s.v
}

func (t *tidier) reset() {
	t.edges, t.pts, t.ends = t.edges[:0], t.pts[:0], t.ends[:0]
}

// addRing adds the edges of a ring without closing point.
func (t *tidier) addRing(pts []orb.Point) {
	last := pts[len(pts)-1]
	for _, p := range pts {
		t.edges = append(t.edges, segment{last, p})
		last = p
	}
}

// addChain adds the edges of a chain, turned round if asked.
func (t *tidier) addChain(pts []orb.Point, reversed bool) {
	for i := 1; i < len(pts); i++ {
		t.addEdge(pts[i-1], pts[i], reversed)
	}
}

func (t *tidier) addEdge(u, v orb.Point, reversed bool) {
	if u == v {
		return
	}
	if reversed {
		u, v = v, u
	}
	t.edges = append(t.edges, segment{u, v})
}

// rings links the edges. Two that run along each other in opposite directions
// bound nothing and cancel. Where several rings meet in a vertex, every ring
// turns as far left as it can, so that it bounds one connected piece; a ring
// that comes back to one of its vertices is split there. What results is simple
// rings: shells counter-clockwise, holes clockwise.
func (t *tidier) rings() Doubt {
	if !t.cancel() {
		return BadGeometry
	}
	slices.SortFunc(t.edges, func(x, y segment) int {
		return cmp.Or(comparePoints(x.u, y.u), comparePoints(x.v, y.v))
	})
	t.used = append(t.used[:0], make([]bool, len(t.edges))...)
	for i := range t.edges {
		if !t.used[i] && !t.trace(i) {
			return BadGeometry
		}
	}
	return 0
}

// cancel removes edges that run both ways; an edge that runs one way twice is an
// error.
func (t *tidier) cancel() bool {
	slices.SortFunc(t.edges, func(x, y segment) int {
		xl, xh := x.sorted()
		yl, yh := y.sorted()
		return cmp.Or(comparePoints(xl, yl), comparePoints(xh, yh))
	})
	kept := t.edges[:0]
	for i := 0; i < len(t.edges); {
		lo, hi := t.edges[i].sorted()
		net, j := 0, i
		for ; j < len(t.edges); j++ {
			l, h := t.edges[j].sorted()
			if l != lo || h != hi {
				break
			}
			if t.edges[j].u == lo {
				net++
			} else {
				net--
			}
		}
		switch net {
		case 0:
		case 1:
			kept = append(kept, segment{lo, hi})
		case -1:
			kept = append(kept, segment{hi, lo})
		default:
			return false
		}
		i = j
	}
	t.edges = kept
	return true
}

func (t *tidier) trace(first int) bool {
	t.ring = t.ring[:0]
	for i := first; ; {
		t.used[i] = true
		t.ring = append(t.ring, t.edges[i].u)
		if i = t.next(t.edges[i]); i < 0 {
			return false
		}
		if i == first {
			break
		}
		if t.used[i] {
			return false
		}
	}
	t.split()
	return true
}

// next is the edge that follows e round the same piece.
func (t *tidier) next(e segment) int {
	lo, ok := slices.BinarySearchFunc(t.edges, e.v, func(x segment, p orb.Point) int { return comparePoints(x.u, p) })
	if !ok {
		return -1
	}
	best := lo
	for i := lo + 1; i < len(t.edges) && t.edges[i].u == e.v; i++ {
		if clockwiseBefore(e.v, e.u, t.edges[i].v, t.edges[best].v) {
			best = i
		}
	}
	return best
}

// clockwiseBefore tells whether, turning clockwise round v from the direction of
// r, one meets p before q.
func clockwiseBefore(v, r, p, q orb.Point) bool {
	sp, sq := sector(v, r, p), sector(v, r, q)
	if sp != sq {
		return sp < sq
	}
	det, _ := orient(v, p, q)
	return det < 0
}

// sector is 0 for less than half a turn clockwise from r, 1 for half a turn, 2
// for more, 3 for a whole one.
func sector(v, r, p orb.Point) int {
	det, _ := orient(v, r, p)
	switch {
	case det < 0:
		return 0
	case det > 0:
		return 2
	case alongEdge(r, v, v, p) < 0:
		return 1
	}
	return 3
}

// split cuts the traced ring where it comes back to a vertex.
func (t *tidier) split() {
	if t.seen == nil {
		t.seen = map[orb.Point]int32{}
	}
	clear(t.seen)
	stack := t.ring[:0]
	for _, p := range t.ring {
		if at, ok := t.seen[p]; ok {
			for _, q := range stack[at+1:] {
				delete(t.seen, q)
			}
			t.keep(stack[at:])
			stack = stack[:at+1]
			continue
		}
		t.seen[p] = int32(len(stack))
		stack = append(stack, p)
	}
	t.keep(stack)
}

func (t *tidier) keep(ring []orb.Point) {
	if len(ring) >= 3 {
		t.pts = append(t.pts, ring...)
		t.ends = append(t.ends, int32(len(t.pts)))
	}
}
