package polygon

import "github.com/paulmach/orb"

// winding is how often the polygon runs round a point of the other operand: 1
// inside, 0 outside a valid polygon. shifted says that the polygon is the
// shifted operand; otherwise the point is.
func (o *operand) winding(p orb.Point, shifted bool) int {
	if o.levels == 0 {
		return 0
	}
	b := o.box()
	w := ray{o: o, p: p, shifted: shifted, right: b.x1-p[0] <= p[0]-b.x0}
	w.node(o.levels-1, 0)
	if !w.right {
		return -w.sum
	}
	return w.sum
}

// ray counts the edges that a horizontal ray from p crosses, upwards positive.
type ray struct {
	o              *operand
	p              orb.Point
	shifted, right bool
	sum            int
}

func (r *ray) node(level int, i int32) {
	b := r.o.node(level, i)
	if b.y0 > r.p[1] || b.y1 < r.p[1] || r.right && b.x1 < r.p[0] || !r.right && b.x0 > r.p[0] {
		return
	}
	if r.right && b.x0 > r.p[0] || !r.right && b.x1 < r.p[0] {
		edges := int32(fan) << (3 * level)
		r.beside(i*edges, min((i+1)*edges, int32(len(r.o.pts)-1)))
		return
	}
	if level == 0 {
		r.leaf(i)
		return
	}
	for c := i * fan; c < min((i+1)*fan, r.o.level[level]-r.o.level[level-1]); c++ {
		r.node(level-1, c)
	}
}

// beside counts the edges from…to-1, which lie wholly on the side that the ray
// goes to: of a chain that begins and ends there nothing counts but whether its
// ends are above the ray, and of whole rings nothing at all. So polygons with many
// edges along the ray take no longer than others.
func (r *ray) beside(from, to int32) {
	o := r.o
	first := o.ringOf(from)
	end := o.start[first+1] - 1 // where the ring closes
	if to <= end {
		r.sum += r.rise(from, to)
		return
	}
	r.sum += r.rise(from, end)
	if last := o.ringOf(to); o.start[last] < to {
		r.sum += r.rise(o.start[last], to)
	}
}

// rise is 1 where a chain comes up through the ray's height, -1 where it goes down.
func (r *ray) rise(from, to int32) (n int) {
	if r.above(r.o.pts[to][1]) {
		n++
	}
	if r.above(r.o.pts[from][1]) {
		n--
	}
	return n
}

func (r *ray) leaf(leaf int32) {
	for e := int(leaf) * fan; e < min(int(leaf+1)*fan, len(r.o.pts)-1); e++ {
		u, v := r.o.pts[e], r.o.pts[e+1]
		up := r.above(v[1])
		if up == r.above(u[1]) || r.o.gap[e] {
			continue
		}
		// On which side of the edge the point lies is plain when the edge is
		// wholly left or right of it.
		var left bool
		switch {
		case u[0] > r.p[0] && v[0] > r.p[0]:
			left = up
		case u[0] < r.p[0] && v[0] < r.p[0]:
			left = !up
		default:
			det, _ := orient(u, v, r.p)
			if r.shifted {
				left = shiftedEdge(det, u, v) > 0
			} else {
				left = shiftedPoint(det, u, v) > 0
			}
		}
		if left != (up == r.right) {
			continue
		}
		if up {
			r.sum++
		} else {
			r.sum--
		}
	}
}

// above compares heights as the shift leaves them.
func (r *ray) above(y float64) bool {
	if r.shifted {
		return y >= r.p[1]
	}
	return y > r.p[1]
}
