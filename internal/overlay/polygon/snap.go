package polygon

import (
	"slices"

	"github.com/paulmach/orb"
)

// Polygons that were computed have vertices beside the lines they should lie on,
// by rounding: what is left of a candidate after its overlaps are taken away is
// bounded by such vertices. Overlaid again they make slivers thinner than
// doubles can show. snapped puts two polygons together where they come so near
// each other: b's vertices go to a's, and edges get the vertices of the other
// polygon that lie beside them. Nothing moves farther than step.
func snapped(a, b *operand, step float64) (sa, sb *Candidate) {
	sb = rebuilt(b, func(_ int32, p orb.Point) orb.Point {
		best := step
		q := p
		a.nearby(p, step, func(e int32) {
			for _, v := range a.pts[e : e+2] {
				if d := max(abs(v[0]-p[0]), abs(v[1]-p[1])); d < best {
					best, q = d, v
				}
			}
		})
		return q
	}, nil)
	sa = rebuilt(a, nil, besides(a, &sb.operand, step))
	sb = rebuilt(&sb.operand, nil, besides(&sb.operand, a, step))
	return sa, sb
}

// besides finds the vertices of other that lie beside o's edges.
func besides(o, other *operand, step float64) []touch {
	var found []touch
	for i, p := range other.pts {
		if other.gap[i] {
			continue
		}
		o.nearby(p, step, func(e int32) {
			u, v := o.pts[e], o.pts[e+1]
			if p == u || p == v {
				return
			}
			det, _ := orient(u, v, p)
			along := (p[0]-u[0])*(v[0]-u[0]) + (p[1]-u[1])*(v[1]-u[1])
			square := (v[0]-u[0])*(v[0]-u[0]) + (v[1]-u[1])*(v[1]-u[1])
			if along > 0 && along < square && det*det <= step*step*square {
				found = append(found, touch{e, p})
			}
		})
	}
	slices.SortFunc(found, func(x, y touch) int {
		if x.edge != y.edge {
			return int(x.edge - y.edge)
		}
		return alongEdge(o.pts[x.edge], o.pts[x.edge+1], x.p, y.p)
	})
	return slices.Compact(found)
}

// rebuilt is the polygon with its vertices moved and others inserted.
func rebuilt(o *operand, move func(int32, orb.Point) orb.Point, insert []touch) *Candidate {
	var s flat
	s.feats = append(s.feats, s.end())
	s.start = append(s.start, 0)
	for r := range o.rings {
		var ring orb.Ring
		for i := o.start[r]; i < o.start[r+1]; i++ {
			p := o.pts[i]
			if move != nil {
				p = move(i, p)
			}
			ring = append(ring, p)
			for ; len(insert) > 0 && insert[0].edge == i; insert = insert[1:] {
				ring = append(ring, insert[0].p)
			}
		}
		hole := turnOf(o.pts[o.start[r]:o.start[r+1]-1]) < 0
		if turn := turnOf(ring[:len(ring)-1]); turn == 0 || (turn < 0) != hole {
			continue // it was thinner than a step
		}
		s.feats[0].flaws |= s.addRing(0, ring, hole)
	}
	return s.candidate()
}

// candidate makes a candidate of rings that were added.
func (s *flat) candidate() *Candidate {
	s.addTree(0)
	s.findFlaws(0)
	c := &Candidate{operand: s.view(0), around: noBox}
	if c.levels > 0 {
		c.around = *c.box()
	}
	c.planar = c.planarArea()
	return c
}

// nearby visits the edges whose boxes come within step of a point.
func (o *operand) nearby(p orb.Point, step float64, visit func(edge int32)) {
	if o.levels > 0 {
		b := box{p[0] - step, p[1] - step, p[0] + step, p[1] + step}
		o.window(o.levels-1, 0, &b, visit)
	}
}

// window visits the edges under a node whose boxes meet a box.
func (o *operand) window(level int, i int32, b *box, visit func(edge int32)) {
	if !o.node(level, i).meets(b) {
		return
	}
	if level == 0 {
		var edges [fan]int32
		var boxes [fan]box
		for _, e := range edges[:o.leafEdges(i, b, &edges, &boxes)] {
			visit(e)
		}
		return
	}
	for c := i * fan; c < min((i+1)*fan, o.level[level]-o.level[level-1]); c++ {
		o.window(level-1, c, b, visit)
	}
}
