package polygon

import (
	"cmp"
	"slices"

	"github.com/paulmach/orb"
)

// event is a point of an operand's boundary: a crossing, or a vertex of the
// other operand that lies on it.
type event struct {
	edge int32
	// x is the crossing, or -1.
	x int32
	// t is how far along the edge, e how far off that may be.
	t, e float64
	// sine is the crossing's.
	sine float64
	p    orb.Point
	// from and to bound the events of the same ring.
	from, to int32
}

// walker finds the rings of the intersection by going along one boundary to the
// next crossing and then along the other.
type walker struct {
	k *kernel
	// events of the boundaries, in their order; at gives each crossing's place.
	events [2][]event
	at     [2][]int32
	used   []bool
	broken bool
	// pts are the points of the rings found, ends where each ends. The first
	// point is not repeated.
	pts  []orb.Point
	ends []int32
}

// intersection finds the rings of a ∩ b. Where the shift tore apart what was
// one, or let overlap what touched, they run along each other; tidy mends that.
func (w *walker) intersection(k *kernel, first, second *boundary) Doubt {
	w.k, w.broken = k, false
	w.pts, w.ends = w.pts[:0], w.ends[:0]
	w.arrange(0, first, k.touchA)
	w.arrange(1, second, k.touchB)
	w.used = append(w.used[:0], make([]bool, len(k.crossings))...)
	for x := range k.crossings {
		if k.crossings[x].enters > 0 && !w.used[x] && !w.broken {
			w.walk(int32(x))
		}
	}
	for side, b := range [2]*boundary{first, second} {
		for _, r := range b.inside {
			w.whole(side, b.own(), r)
		}
	}
	if w.broken {
		return BrokenWalk
	}
	return 0
}

// arrange sorts the events of one boundary.
func (w *walker) arrange(side int, b *boundary, touches []touch) {
	ev := w.events[side][:0]
	for _, x := range b.order {
		c := &w.k.crossings[x]
		e := event{edge: c.a, x: x, t: c.ta, e: c.ea, sine: c.sine, p: c.p}
		if b.second {
			e.edge, e.t, e.e = c.b, c.tb, c.eb
		}
		ev = append(ev, e)
	}
	own := b.own()
	for _, t := range touches {
		u, v := own.pts[t.edge], own.pts[t.edge+1]
		axis := 0
		if abs(v[1]-u[1]) > abs(v[0]-u[0]) {
			axis = 1
		}
		ev = append(ev, event{edge: t.edge, x: -1, t: (t.p[axis] - u[axis]) / (v[axis] - u[axis]), e: 8 * unit, sine: 1, p: t.p})
	}
	slices.SortFunc(ev, func(x, y event) int { return w.order(b, &x, &y) })
	w.at[side] = append(w.at[side][:0], make([]int32, len(w.k.crossings))...)
	for i := 0; i < len(ev); {
		end := own.start[own.ringOf(ev[i].edge)+1]
		j := i
		for ; j < len(ev) && ev[j].edge < end; j++ {
			if ev[j].x >= 0 {
				w.at[side][ev[j].x] = int32(j)
			}
		}
		for n := i; n < j; n++ {
			ev[n].from, ev[n].to = int32(i), int32(j)
		}
		i = j
	}
	w.events[side] = ev
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// order compares two events of one boundary. The floats decide where they are
// sure; else it is decided exactly.
func (w *walker) order(b *boundary, x, y *event) int {
	if x.edge != y.edge {
		return cmp.Compare(x.edge, y.edge)
	}
	if d := reach(x.p, y.p); d > 0 && d*min(x.sine, y.sine) <= rounding(x.p) {
		w.k.close = true
	}
	if d := x.t - y.t; d > x.e+y.e {
		return 1
	} else if -d > x.e+y.e {
		return -1
	}
	own := b.own()
	u, v := own.pts[x.edge], own.pts[x.edge+1]
	switch {
	case x.x < 0 && y.x < 0:
		return alongEdge(u, v, x.p, y.p)
	case x.x < 0:
		return -w.beforePoint(b, y, x)
	case y.x < 0:
		return w.beforePoint(b, x, y)
	case x.x == y.x:
		return 0
	}
	return w.beforeCrossing(b, x, y)
}

// otherEdge is the edge of the other operand at a crossing, and the side of it
// on which the own edge begins.
func (w *walker) otherEdge(b *boundary, x int32) (p, q orb.Point, begin int8) {
	c := &w.k.crossings[x]
	if b.second {
		return w.k.a.pts[c.a], w.k.a.pts[c.a+1], c.enters
	}
	return w.k.b.pts[c.b], w.k.b.pts[c.b+1], -c.enters
}

// beforePoint compares a crossing with a point of the same edge, a vertex of
// the other operand, by the side of the crossing edge on which the point lies.
func (w *walker) beforePoint(b *boundary, x, point *event) int {
	p, q, begin := w.otherEdge(b, x.x)
	det, _ := orient(p, q, point.p)
	if s := sign(det); s == 0 || s == begin {
		// A point at the crossing comes first, before all crossings there.
		return 1
	}
	return -1
}

// beforeCrossing compares two crossings of one edge. The two edges that cross it
// belong to one polygon and do not cross each other, so that one of them lies on
// one side of the other's line, and that side decides.
func (w *walker) beforeCrossing(b *boundary, x, y *event) int {
	p1, q1, begin1 := w.otherEdge(b, x.x)
	p2, q2, begin2 := w.otherEdge(b, y.x)
	if s, ok := oneSide(p1, q1, p2, q2); ok {
		// y lies on side s of x's edge.
		if s == begin1 {
			return 1
		}
		return -1
	}
	if s, ok := oneSide(p2, q2, p1, q1); ok {
		if s == begin2 {
			return -1
		}
		return 1
	}
	w.broken = true
	return 0
}

// oneSide is the side of the line p→q on which the segment u–v lies.
func oneSide(p, q, u, v orb.Point) (int8, bool) {
	o1, _ := orient(p, q, u)
	o2, _ := orient(p, q, v)
	s1, s2 := sign(o1), sign(o2)
	switch {
	case s1 == 0:
		return s2, s2 != 0
	case s2 == 0 || s1 == s2:
		return s1, true
	}
	return 0, false
}

// walk goes round the ring that enters b at crossing x.
func (w *walker) walk(x int32) {
	begin := len(w.pts)
	for first := x; ; {
		if w.used[x] || w.k.crossings[x].enters < 0 {
			w.broken = true
			return
		}
		w.used[x] = true
		w.emit(begin, w.k.crossings[x].p)
		out := w.follow(begin, 0, x)
		if w.k.crossings[out].enters > 0 {
			w.broken = true
			return
		}
		w.emit(begin, w.k.crossings[out].p)
		if x = w.follow(begin, 1, out); x == first {
			break
		}
	}
	w.finish(begin)
}

// follow goes along one boundary from a crossing to the next.
func (w *walker) follow(begin, side int, x int32) int32 {
	own := w.k.a
	if side == 1 {
		own = w.k.b
	}
	ev := w.events[side]
	i := w.at[side][x]
	for {
		next, edge := i+1, ev[i].edge
		wrapped := next == ev[i].to
		if wrapped {
			next = ev[i].from
			r := own.ringOf(edge)
			for _, p := range own.pts[edge+1 : own.start[r+1]-1] {
				w.emit(begin, p)
			}
			edge = own.start[r] - 1
		}
		for _, p := range own.pts[edge+1 : ev[next].edge+1] {
			w.emit(begin, p)
		}
		i = next
		if ev[i].x >= 0 {
			return ev[i].x
		}
		w.emit(begin, ev[i].p)
	}
}

// whole takes over a ring without crossings.
func (w *walker) whole(side int, own *operand, r int32) {
	begin := len(w.pts)
	from, end := own.start[r], own.start[r+1]-1
	ev := w.events[side]
	n, _ := slices.BinarySearchFunc(ev, from, func(e event, edge int32) int { return cmp.Compare(e.edge, edge) })
	for i := from; i < end; i++ {
		w.emit(begin, own.pts[i])
		for ; n < len(ev) && ev[n].edge == i; n++ {
			w.emit(begin, ev[n].p)
		}
	}
	w.finish(begin)
}

// emit appends a point to the ring that begins at begin.
func (w *walker) emit(begin int, p orb.Point) {
	if n := len(w.pts); n == begin || w.pts[n-1] != p {
		w.pts = append(w.pts, p)
	}
}

func (w *walker) finish(begin int) {
	for len(w.pts)-begin > 1 && w.pts[len(w.pts)-1] == w.pts[begin] {
		w.pts = w.pts[:len(w.pts)-1]
	}
	if len(w.pts)-begin < 3 {
		w.pts = w.pts[:begin]
		return
	}
	w.ends = append(w.ends, int32(len(w.pts)))
}

// ring is the i-th ring found.
func (w *walker) ring(i int) []orb.Point {
	from := int32(0)
	if i > 0 {
		from = w.ends[i-1]
	}
	return w.pts[from:w.ends[i]]
}
