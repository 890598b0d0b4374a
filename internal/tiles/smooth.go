package tiles

// reach is how far along an edge a step of a staircase is smoothed, in cells.
const reach = 8

// node is where a ring turns, or where its edge is parted since what lies beyond it
// changes: a place that no neighbour may see otherwise.
type node struct {
	x, y int32 // in cells of the window, the rim's included
	turn int32 // 1 outwards round a corner of the part, -1 into a notch, 0 straight on
	free bool  // two parts meet here, and one of them has a single cell of the four
}

// smoother makes the staircases of a grid's rings into slopes. Only steps of one cell
// between longer runs are touched, as a slanting line leaves them: corners of a building
// or of a single cell stay. Nothing moves by more than half a cell in the survey, by more
// than one in a layer.
//
// Of the survey the slope goes through the middles of the steps, on both sides alike, so
// that neighbours still meet. Of a layer, which must never look smaller than it is, it
// goes through the outer corners: notches are filled, and nothing is cut off.
type smoother struct {
	label   []int32
	sampled bool
}

func (s *smoother) at(x, y int32) int32 {
	if x < 0 || y < 0 || x >= side || y >= side {
		return 0
	}
	return s.label[y*side+x]
}

// look tells how the four cells round a lattice point differ: odd that one differs from
// three, many that there are more than two kinds.
func (s *smoother) look(x, y int32) (odd, many bool) {
	c := [4]int32{s.at(x-1, y-1), s.at(x, y-1), s.at(x, y), s.at(x-1, y)}
	other, n := int32(-1), 0
	for _, v := range c[1:] {
		switch {
		case v == c[0]:
		case other < 0 || v == other:
			other = v
			n++
		default:
			return false, true
		}
	}
	inside := x > 0 && y > 0 && x < side && y < side
	return inside && n != 2 && n != 0, false
}

func sign(v int32) int32 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// nodes are the places of a ring in order.
func (s *smoother) nodes(ring []cursor) []node {
	var out []node
	n := len(ring)
	cell := func(c cursor) (int32, int32) { return c.x/pixel + rim, c.y/pixel + rim }
	for i := range ring {
		px, py := cell(ring[(i+n-1)%n])
		x, y := cell(ring[i])
		nx, ny := cell(ring[(i+1)%n])
		odd, _ := s.look(x, y)
		out = append(out, node{x, y, sign((x-px)*(ny-y) - (y-py)*(nx-x)), odd})
		if !s.sampled {
			continue
		}
		dx, dy := sign(nx-x), sign(ny-y)
		for x, y = x+dx, y+dy; x != nx || y != ny; x, y = x+dx, y+dy {
			if _, many := s.look(x, y); many {
				out = append(out, node{x: x, y: y})
			}
		}
	}
	return out
}

// ring smooths one ring of patches.
func (s *smoother) ring(ring []cursor) []cursor {
	nodes := s.nodes(ring)
	n := len(nodes)
	length := func(i int) int32 { // of the edge from a node to the next
		a, b := nodes[(i+n)%n], nodes[(i+1)%n]
		return max(a.x-b.x, b.x-a.x) + max(a.y-b.y, b.y-a.y)
	}
	step := func(i int) bool { // the edge is one of a staircase's steps
		a, b := nodes[(i+n)%n], nodes[(i+1)%n]
		return length(i) == 1 && a.free && b.free && a.turn*b.turn < 0
	}
	var out []cursor
	emit := func(c cursor) {
		if k := len(out); k > 0 && out[k-1] == c {
			return
		}
		for k := len(out); k > 1 && straight(out[k-2], out[k-1], c); k = len(out) {
			out = out[:k-1]
		}
		out = append(out, c)
	}
	for i, c := range nodes {
		into, outOf := step(i-1), step(i)
		if !c.free || !into && !outOf {
			emit(units(c, c, 0))
			continue
		}
		before, after := nodes[(i+n-1)%n], nodes[(i+1)%n]
		switch {
		case s.sampled:
			emit(units(c, before, min(length(i-1)*pixel/2, reach*pixel)))
			emit(units(c, after, min(length(i)*pixel/2, reach*pixel)))
		case c.turn > 0:
			emit(units(c, c, 0))
		case into:
			if t, ok := s.notch(c, before, after, length(i)); ok {
				emit(units(c, after, t))
			} else {
				emit(units(c, c, 0))
			}
		default:
			if t, ok := s.notch(c, after, before, length(i-1)); ok {
				emit(units(c, before, t))
			} else {
				emit(units(c, c, 0))
			}
		}
	}
	for k := len(out); k > 3 && (out[k-1] == out[0] || straight(out[k-2], out[k-1], out[0])); k = len(out) {
		out = out[:k-1]
	}
	for len(out) > 3 && straight(out[len(out)-1], out[0], out[1]) {
		out = out[1:]
	}
	return out
}

// notch is how far along the run from a concave corner, in units, its notch can be filled
// from the outer corner of the step; the row beyond must be empty, where another part's
// notch could lie against it.
func (s *smoother) notch(c, step, run node, length int32) (int32, bool) {
	ux, uy := sign(run.x-c.x), sign(run.y-c.y)
	vx, vy := step.x-c.x, step.y-c.y
	t := length * pixel
	if run.turn <= 0 {
		t /= 2
	}
	t = min(t, reach*pixel)
	for k := int32(0); k*pixel < t; k++ {
		x, y := c.x+k*ux, c.y+k*uy
		x, y = min(x, x+ux+vx), min(y, y+uy+vy)
		if s.at(x, y) != 0 || s.at(x+vx, y+vy) != 0 {
			return 0, false
		}
	}
	return t, true
}

// units is the place by so many units from a node towards another.
func units(c, to node, by int32) cursor {
	return cursor{(c.x-rim)*pixel + sign(to.x-c.x)*by, (c.y-rim)*pixel + sign(to.y-c.y)*by}
}
