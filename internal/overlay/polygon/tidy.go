package polygon

import (
	"cmp"
	"math"
	"math/bits"

	"github.com/paulmach/orb"
)

// tidier makes simple rings of a set of directed edges that bound a polygon on
// their left.
type tidier struct {
	// nodes are the edges' ends, edges go from node to node.
	nodes []node
	edges []link
	// table finds nodes by their position: open addressing, index+1.
	table []int32
	ring  []int32
	// place is where a node stands in the ring that is being split, from 1.
	place []int32
	stack []int32
	// pts and ends are the rings, as in walker.
	pts  []orb.Point
	ends []int32
}

type node struct {
	p orb.Point
	// out is the first edge that begins here, or -1.
	out int32
}

// link is a directed edge, and the next that begins where it does.
type link struct {
	u, v, next int32
	// gone: cancelled, or already in a ring.
	gone bool
}

func comparePoints(p, q orb.Point) int {
	return cmp.Or(cmp.Compare(p[0], q[0]), cmp.Compare(p[1], q[1]))
}

func (t *tidier) reset() {
	t.nodes, t.edges, t.pts, t.ends = t.nodes[:0], t.edges[:0], t.pts[:0], t.ends[:0]
	// Small again after a large polygon: all of it is cleared every time.
	t.table = t.table[:min(len(t.table), smallTable)]
	clear(t.table)
}

const smallTable = 256

// node gives the number of the node at p.
func (t *tidier) node(p orb.Point) int32 {
	if 2*len(t.nodes) >= len(t.table) {
		t.grow()
	}
	// Negative zero is zero.
	for at := hash(p[0]+0, p[1]+0) & uint64(len(t.table)-1); ; at = (at + 1) & uint64(len(t.table)-1) {
		n := t.table[at]
		if n == 0 {
			t.nodes = append(t.nodes, node{p, -1})
			t.table[at] = int32(len(t.nodes))
			return int32(len(t.nodes) - 1)
		}
		if t.nodes[n-1].p == p {
			return n - 1
		}
	}
}

func hash(x, y float64) uint64 {
	h := math.Float64bits(x)*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(math.Float64bits(y)*0xc2b2ae3d27d4eb4f, 31)
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>29
}

func (t *tidier) grow() {
	if n := max(smallTable, 2*len(t.table)); n <= cap(t.table) {
		t.table = t.table[:n]
		clear(t.table)
	} else {
		t.table = make([]int32, n)
	}
	for i := range t.nodes {
		p := t.nodes[i].p
		at := hash(p[0]+0, p[1]+0) & uint64(len(t.table)-1)
		for t.table[at] != 0 {
			at = (at + 1) & uint64(len(t.table)-1)
		}
		t.table[at] = int32(i + 1)
	}
}

// addRing adds the edges of a ring without closing point.
func (t *tidier) addRing(pts []orb.Point) {
	first := t.node(pts[0])
	last := first
	for _, p := range pts[1:] {
		n := t.node(p)
		t.link(last, n)
		last = n
	}
	t.link(last, first)
}

// addChain adds the edges of a chain, turned round if asked.
func (t *tidier) addChain(pts []orb.Point, reversed bool) {
	last := t.node(pts[0])
	for _, p := range pts[1:] {
		n := t.node(p)
		if reversed {
			t.link(n, last)
		} else {
			t.link(last, n)
		}
		last = n
	}
}

func (t *tidier) link(u, v int32) {
	if u != v {
		t.edges = append(t.edges, link{u, v, t.nodes[u].out, false})
		t.nodes[u].out = int32(len(t.edges) - 1)
	}
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
	t.place = append(t.place[:0], make([]int32, len(t.nodes))...)
	for i := range t.edges {
		if !t.edges[i].gone && !t.trace(int32(i)) {
			return BadGeometry
		}
	}
	return 0
}

// cancel removes edges that run both ways; an edge that runs one way twice is an
// error.
func (t *tidier) cancel() bool {
	for i := range t.edges {
		e := &t.edges[i]
		if e.gone {
			continue
		}
		for j := t.nodes[e.v].out; j >= 0; j = t.edges[j].next {
			if b := &t.edges[j]; b.v == e.u && !b.gone {
				e.gone, b.gone = true, true
				break
			}
		}
	}
	for i := range t.edges {
		if t.edges[i].gone {
			continue
		}
		for j := t.edges[i].next; j >= 0; j = t.edges[j].next {
			if t.edges[j].v == t.edges[i].v && !t.edges[j].gone {
				return false
			}
		}
	}
	return true
}

func (t *tidier) trace(first int32) bool {
	t.ring = t.ring[:0]
	for i := first; ; {
		t.edges[i].gone = true
		t.ring = append(t.ring, t.edges[i].u)
		next := t.next(i, first)
		if next == first {
			break
		}
		if next < 0 {
			return false
		}
		i = next
	}
	t.split()
	return true
}

// next is the edge that follows e round the same piece; first, with which the
// ring began, may be it.
func (t *tidier) next(e, first int32) int32 {
	u, v := t.nodes[t.edges[e].u].p, t.edges[e].v
	best := int32(-1)
	for i := t.nodes[v].out; i >= 0; i = t.edges[i].next {
		if t.edges[i].gone && i != first {
			continue
		}
		if best < 0 || clockwiseBefore(t.nodes[v].p, u, t.nodes[t.edges[i].v].p, t.nodes[t.edges[best].v].p) {
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
	t.stack = t.stack[:0]
	for _, n := range t.ring {
		if at := t.place[n]; at > 0 {
			t.keep(t.stack[at-1:])
			for _, m := range t.stack[at-1:] {
				t.place[m] = 0
			}
			t.stack = t.stack[:at-1]
		}
		t.stack = append(t.stack, n)
		t.place[n] = int32(len(t.stack))
	}
	t.keep(t.stack)
	for _, n := range t.stack {
		t.place[n] = 0
	}
}

func (t *tidier) keep(ring []int32) {
	if len(ring) < 3 {
		return
	}
	for _, n := range ring {
		t.pts = append(t.pts, t.nodes[n].p)
	}
	t.ends = append(t.ends, int32(len(t.pts)))
}
