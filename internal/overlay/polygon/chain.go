package polygon

import (
	"math"

	"github.com/paulmach/orb"
)

// box is a closed rectangle.
type box struct{ x0, y0, x1, y1 float64 }

var noBox = box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}

func (b *box) meets(o *box) bool {
	return b.x0 <= o.x1 && o.x0 <= b.x1 && b.y0 <= o.y1 && o.y0 <= b.y1
}

func (b *box) holds(o *box) bool {
	return b.x0 <= o.x0 && o.x1 <= b.x1 && b.y0 <= o.y0 && o.y1 <= b.y1
}

// shared is what two boxes have in common; it meets nothing where that is
// nothing.
func (b *box) shared(o *box) box {
	s := *b
	if o.x0 > s.x0 {
		s.x0 = o.x0
	}
	if o.y0 > s.y0 {
		s.y0 = o.y0
	}
	if o.x1 < s.x1 {
		s.x1 = o.x1
	}
	if o.y1 < s.y1 {
		s.y1 = o.y1
	}
	return s
}

func (b *box) add(o *box) {
	b.x0, b.y0 = min(b.x0, o.x0), min(b.y0, o.y0)
	b.x1, b.y1 = max(b.x1, o.x1), max(b.y1, o.y1)
}

func edgeBox(p, q orb.Point) box {
	b := box{p[0], p[1], q[0], q[1]}
	if b.x0 > b.x1 {
		b.x0, b.x1 = b.x1, b.x0
	}
	if b.y0 > b.y1 {
		b.y0, b.y1 = b.y1, b.y0
	}
	return b
}

// fan is how many edges a leaf of a chain tree holds, and how many nodes a node
// of the next level.
const fan = 8

// maxLevels is enough for 8¹⁰ edges.
const maxLevels = 10

// operand is one multipolygon with its chain tree. Its edges stay in the order
// of its rings: consecutive edges lie near each other, so that boxes around
// runs of them make a tree without any sorting.
type operand struct {
	// pts are the rings one after the other, each closed. The polygon lies left
	// of every edge.
	pts []orb.Point
	// gap marks the last point of every ring: no edge begins there.
	gap []bool
	// start[r]:start[r+1] are the points of ring r.
	start []int32
	rings []box
	// groups are the boxes of ringGroup rings each, of polygons with many; then
	// those of ringGroup groups each, and so on.
	groups []box
	// nodes are the levels of the tree, leaves first; level k begins at level[k].
	nodes  []box
	level  [maxLevels + 1]int32
	levels int
	// flaws is what keeps the polygon from being valid.
	flaws flaw
}

// flaw tells what was found when a polygon was compared with itself.
type flaw uint8

const (
	// selfTouching: rings meet in points, which is allowed.
	selfTouching flaw = 1 << iota
	// selfCrossing: edges cross or run along each other.
	selfCrossing
	// collapsed: a ring encloses nothing.
	collapsed
)

// invalid says whether nothing can be promised about overlays with the polygon.
func (f flaw) invalid() bool { return f&(selfCrossing|collapsed) != 0 }

const ringGroup = 16

// layOut finds where the levels of a tree over n points begin.
func (o *operand) layOut(n int) (nodes int) {
	o.levels = 0
	for n > 0 {
		n = (n + fan - 1) / fan
		o.level[o.levels] = int32(nodes)
		nodes += n
		o.levels++
		if n == 1 {
			break
		}
	}
	o.level[o.levels] = int32(nodes)
	return nodes
}

func (o *operand) node(level int, i int32) *box { return &o.nodes[o.level[level]+i] }

// box is the box around everything; the operand must not be empty.
func (o *operand) box() *box { return &o.nodes[len(o.nodes)-1] }

// fill computes the boxes of the tree.
func (o *operand) fill() {
	for i := range o.nodes[:o.level[1]] {
		b := noBox
		for e := i * fan; e < min((i+1)*fan, len(o.pts)); e++ {
			if !o.gap[e] {
				eb := edgeBox(o.pts[e], o.pts[e+1])
				b.add(&eb)
			}
		}
		o.nodes[i] = b
	}
	for l := 1; l < o.levels; l++ {
		below := o.nodes[o.level[l-1]:o.level[l]]
		for i := range o.nodes[o.level[l]:o.level[l+1]] {
			b := noBox
			for c := i * fan; c < min((i+1)*fan, len(below)); c++ {
				b.add(&below[c])
			}
			o.nodes[int(o.level[l])+i] = b
		}
	}
}

// ringOf is the ring to which an edge belongs.
func (o *operand) ringOf(edge int32) int {
	lo, hi := 0, len(o.start)-1
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) >> 1); o.start[mid] <= edge {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// skip passes over rings from r on, all before to, whose boxes do not meet a box,
// and gives the next to look at.
func (o *operand) skip(r, to int, around *box) int {
	for r < to {
		next, at, n := r, 0, len(o.rings)
		for size := ringGroup; ; size *= ringGroup {
			n = (n + ringGroup - 1) / ringGroup
			if at == len(o.groups) || r%size != 0 || r+size > to || o.groups[at+r/size].meets(around) {
				break
			}
			next, at = r+size, at+n
		}
		if next == r {
			return r
		}
		r = next
	}
	return r
}

// leafEdges gives the edges of a leaf that meet a box.
func (o *operand) leafEdges(leaf int32, within *box, edges *[fan]int32, boxes *[fan]box) int {
	n := 0
	from := int(leaf) * fan
	to := min(from+fan, len(o.pts)-1)
	gap := o.gap[from:to]
	pts := o.pts[from : to+1]
	p := pts[0]
	for i, g := range gap {
		q := pts[i+1]
		x0, x1, y0, y1 := p[0], q[0], p[1], q[1]
		p = q
		if x0 > x1 {
			x0, x1 = x1, x0
		}
		if y0 > y1 {
			y0, y1 = y1, y0
		}
		if x1 < within.x0 || x0 > within.x1 || y1 < within.y0 || y0 > within.y1 || g {
			continue
		}
		boxes[n] = box{x0, y0, x1, y1}
		edges[n] = int32(from + i)
		n++
	}
	return n
}
