package polygon

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// touch is a vertex that lies in the interior of an edge.
type touch struct {
	edge int32
	p    orb.Point
}

// itself compares a polygon's edges with each other.
type itself struct {
	o       *operand
	flaws   flaw
	touches *[]touch
}

// compareWithItself finds out whether a polygon's edges cross, and where they
// touch. That the rings are nested rightly is not looked at; winding numbers
// other than 0 and 1 show it when an overlay comes across them.
func compareWithItself(o *operand, touches *[]touch) flaw {
	c := itself{o: o, touches: touches}
	switch {
	case o.levels == 0:
	case len(o.pts) <= fewEdges:
		c.few()
	default:
		c.node(o.levels-1, 0)
	}
	return c.flaws
}

// fewEdges is up to how many points the boxes of all edges are made at once.
const fewEdges = 16 * fan

// few does what node does for the whole of a small polygon.
func (c *itself) few() {
	var boxes [fewEdges]box
	last := len(c.o.pts) - 1 // no edge begins there
	for e := range last {
		boxes[e] = noBox
		if !c.o.gap[e] {
			boxes[e] = edgeBox(c.o.pts[e], c.o.pts[e+1])
		}
	}
	leaves := c.o.nodes[:c.o.level[1]]
	for i := range leaves {
		from, to := i*fan, min((i+1)*fan, last)
		for x := from; x < to; x++ {
			c.against(x, boxes[:to], x+1)
		}
		for j := i + 1; j < len(leaves); j++ {
			if !leaves[i].meets(&leaves[j]) {
				continue
			}
			for x := from; x < to; x++ {
				if boxes[x].meets(&leaves[j]) {
					c.against(x, boxes[:min((j+1)*fan, last)], j*fan)
				}
			}
		}
	}
}

// against compares edge x with those from another on, boxes being those of all.
func (c *itself) against(x int, boxes []box, from int) {
	b := &boxes[x]
	for y := from; y < len(boxes); y++ {
		if b.meets(&boxes[y]) {
			c.pair(int32(x), int32(y))
		}
	}
}

// node compares the edges under a node with each other.
func (c *itself) node(level int, i int32) {
	if level == 0 {
		c.leaf(i)
		return
	}
	first, end := i*fan, min((i+1)*fan, c.o.level[level]-c.o.level[level-1])
	for x := first; x < end; x++ {
		c.node(level-1, x)
		for y := x + 1; y < end; y++ {
			c.nodes(level-1, x, y)
		}
	}
}

// nodes compares the edges under two different nodes of one level.
func (c *itself) nodes(level int, i, j int32) {
	bi, bj := c.o.node(level, i), c.o.node(level, j)
	if !bi.meets(bj) {
		return
	}
	if level == 0 {
		c.leaves(i, j)
		return
	}
	count := c.o.level[level] - c.o.level[level-1]
	for x := i * fan; x < min((i+1)*fan, count); x++ {
		if !c.o.node(level-1, x).meets(bj) {
			continue
		}
		for y := j * fan; y < min((j+1)*fan, count); y++ {
			c.nodes(level-1, x, y)
		}
	}
}

func (c *itself) leaf(i int32) {
	var edges [fan]int32
	var boxes [fan]box
	n := c.o.leafEdges(i, c.o.node(0, i), &edges, &boxes)
	for x := range n {
		for y := x + 1; y < n; y++ {
			if boxes[x].meets(&boxes[y]) {
				c.pair(edges[x], edges[y])
			}
		}
	}
}

func (c *itself) leaves(i, j int32) {
	var ei, ej [fan]int32
	var bi, bj [fan]box
	n := c.o.leafEdges(i, c.o.node(0, j), &ei, &bi)
	if n == 0 {
		return
	}
	m := c.o.leafEdges(j, c.o.node(0, i), &ej, &bj)
	for x := range n {
		for y := range m {
			if bi[x].meets(&bj[y]) {
				c.pair(ei[x], ej[y])
			}
		}
	}
}

// pair compares edge e with the later edge f.
func (c *itself) pair(e, f int32) {
	pts := c.o.pts
	a, b, p, q := pts[e], pts[e+1], pts[f], pts[f+1]
	if f == e+1 {
		c.corner(a, b, q)
		return
	}
	// The last edge of a ring is followed by its first.
	if c.o.gap[f+1] && q == a {
		if r := c.o.ringOf(f); c.o.start[r] == e {
			c.corner(p, q, b)
			return
		}
	}
	o1, _ := orient(a, b, p)
	o2, _ := orient(a, b, q)
	if o1 > 0 && o2 > 0 || o1 < 0 && o2 < 0 {
		return
	}
	o3, _ := orient(p, q, a)
	o4, _ := orient(p, q, b)
	if o3 > 0 && o4 > 0 || o3 < 0 && o4 < 0 {
		return
	}
	if o1 != 0 && o2 != 0 && o3 != 0 && o4 != 0 {
		c.flaws |= selfCrossing
		return
	}
	if o1 == 0 && o2 == 0 {
		c.collinear(a, b, p, q)
		return
	}
	c.flaws |= selfTouching
	for _, t := range [4]struct {
		det  float64
		edge int32
		u, v orb.Point
		p    orb.Point
	}{{o1, e, a, b, p}, {o2, e, a, b, q}, {o3, f, p, q, a}, {o4, f, p, q, b}} {
		if t.det == 0 && insideSegment(t.u, t.v, t.p) {
			*c.touches = append(*c.touches, touch{t.edge, t.p})
		}
	}
}

// corner looks at two edges a→b→q that follow each other.
func (c *itself) corner(a, b, q orb.Point) {
	if det, _ := orient(a, b, q); det == 0 && !(alongEdge(a, b, b, q) < 0) {
		c.flaws |= selfCrossing
	}
}

// collinear looks at two segments of one line whose boxes meet.
func (c *itself) collinear(a, b, p, q orb.Point) {
	if a == p || a == q || b == p || b == q {
		// One common end and the rest apart is a touch.
		far, common, other := a, b, q
		if a == p || a == q {
			far, common = b, a
		}
		if common == q {
			other = p
		}
		if alongEdge(far, common, common, other) < 0 {
			c.flaws |= selfTouching
			return
		}
	}
	c.flaws |= selfCrossing
}

// crossAtVertices tells whether rings of a polygon go through each other in a
// vertex that they share, or a ring through itself: the polygon lies left of both
// and would be there twice. No two edges cross then.
func (o *operand) crossAtVertices() bool {
	order := make([]int32, 0, len(o.pts))
	for i := range o.pts {
		if !o.gap[i] {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(o.pts[i][0], o.pts[j][0]), cmp.Compare(o.pts[i][1], o.pts[j][1]))
	})
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && o.pts[order[to]] == o.pts[order[from]] {
			to++
		}
		for i := from; i < to; i++ {
			for j := from; j < i; j++ {
				if !o.passAt(order[i], order[j]) {
					return true
				}
			}
		}
		from = to
	}
	return false
}

// passAt tells whether the ring that comes to vertex i from a and leaves for b, and
// the one that comes to an equal vertex j from c and leaves for d, pass each other.
// Turning left from b the polygon is met until a. So a, d and c must follow, where
// the other lies outside, or else c, d and a, where it is a hole.
func (o *operand) passAt(i, j int32) bool {
	p, a, b := o.pts[i], o.pointBefore(i), o.pts[i+1]
	c, d := o.pointBefore(j), o.pts[j+1]
	inC, inD := inSector(p, b, a, c), inSector(p, b, a, d)
	switch {
	case inC != inD:
		return false
	case inC:
		return inSector(p, b, d, c)
	}
	return inSector(p, a, c, d)
}

func (o *operand) pointBefore(i int32) orb.Point {
	if i == 0 || o.gap[i-1] {
		return o.pts[o.start[o.ringOf(i)+1]-2]
	}
	return o.pts[i-1]
}

// inSector tells whether c is met when turning left around p from one direction
// to another, neither of which is c's.
func inSector(p, from, to, c orb.Point) bool {
	turn, _ := orient(p, from, to)
	f, _ := orient(p, from, c)
	t, _ := orient(p, to, c)
	switch {
	case turn > 0:
		return f > 0 && t < 0
	case turn < 0:
		return !(t > 0 && f < 0)
	}
	return f > 0
}

// insideSegment tells whether a point of the line u–v lies strictly between u
// and v.
func insideSegment(u, v, p orb.Point) bool {
	if p == u || p == v {
		return false
	}
	b := edgeBox(u, v)
	return b.x0 <= p[0] && p[0] <= b.x1 && b.y0 <= p[1] && p[1] <= b.y1
}
