package polygon

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

const (
	// maxCoordinate is the size from which a coordinate is refused: no position in
	// a plane of the national grid comes near it, zone prefix included, and an
	// area on the ellipsoid has no meaning there.
	maxCoordinate = 1e8
	// minCoordinate keeps products of coordinates away from underflow, where
	// they would no longer be exact.
	minCoordinate = 1e-100
)

// flat keeps many multipolygons in a few large arrays.
type flat struct {
	pts   []orb.Point
	gap   []bool
	start []int32
	rings []box
	nodes []box
	// groups are those of all features, where there is more than one.
	groups []box
	feats  []span
}

// span says where a feature's parts begin.
type span struct {
	pts, rings, nodes, groups int32
	flaws                     flaw
	// compared says that flaws are all there are, and that touched edges have
	// their vertices.
	compared bool
}

func (s *flat) end() span {
	return span{int32(len(s.pts)), int32(len(s.rings)), int32(len(s.nodes)), int32(len(s.groups)), 0, false}
}

// reset empties it and keeps the memory.
func (s *flat) reset() {
	s.pts, s.gap, s.start = s.pts[:0], s.gap[:0], s.start[:0]
	s.rings, s.nodes, s.groups, s.feats = s.rings[:0], s.nodes[:0], s.groups[:0], s.feats[:0]
}

// view is feature f as an operand.
func (s *flat) view(f int) (o operand) {
	a, b := s.feats[f], s.end()
	if f+1 < len(s.feats) {
		b = s.feats[f+1]
	}
	o.pts, o.gap = s.pts[a.pts:b.pts], s.gap[a.pts:b.pts]
	o.rings, o.nodes, o.groups = s.rings[a.rings:b.rings], s.nodes[a.nodes:b.nodes], s.groups[a.groups:b.groups]
	// Every feature has one more start than rings.
	o.start = s.start[int(a.rings)+f : int(b.rings)+f+1]
	o.flaws = a.flaws
	o.layOut(len(o.pts))
	return o
}

// add appends a multipolygon and compares it with itself.
func (s *flat) add(mp orb.MultiPolygon) error {
	err := s.lay(mp)
	if err == nil {
		s.findFlaws(len(s.feats) - 1)
	}
	return err
}

// lay appends a multipolygon. Its rings are turned so that the polygon lies on
// their left, repeated points are left out.
func (s *flat) lay(mp orb.MultiPolygon) error {
	if len(s.pts) > math.MaxInt32/2 {
		return fmt.Errorf("polygon overlay: more than %d vertices in one layer", math.MaxInt32/2)
	}
	from := s.end()
	s.feats = append(s.feats, from)
	f := len(s.feats) - 1
	s.start = append(s.start, 0)
	for p, polygon := range mp {
		for r, ring := range polygon {
			if err := checkRing(ring); err != nil {
				return fmt.Errorf("polygon %d, ring %d, %w", p+1, r+1, err)
			}
		}
	}
	for _, r := range nearby(mp) {
		s.feats[f].flaws |= s.addRing(from.pts, r.ring, r.hole)
	}
	s.addTree(f)
	return nil
}

// findFlaws compares the last feature with itself. Where a vertex touches another
// edge of the polygon that edge is given a vertex there, so that rings meet only
// in vertices.
func (s *flat) findFlaws(f int) {
	s.feats[f].compared = true
	flaws := &s.feats[f].flaws
	if flaws.invalid() {
		return
	}
	o := s.view(f)
	var touches []touch
	*flaws |= compareWithItself(&o, &touches)
	if *flaws&selfTouching == 0 || flaws.invalid() {
		return
	}
	if len(touches) > 0 {
		s.insert(f, touches)
		o = s.view(f)
	}
	if o.crossAtVertices() {
		*flaws |= selfCrossing
	}
}

// join puts parts together, one after the other, in arrays that are just large
// enough.
func (s *flat) join(parts []flat) {
	var n span
	feats := 0
	for i := range parts {
		e := parts[i].end()
		n.pts, n.rings, n.nodes, n.groups = n.pts+e.pts, n.rings+e.rings, n.nodes+e.nodes, n.groups+e.groups
		feats += len(parts[i].feats)
	}
	s.pts, s.gap = make([]orb.Point, 0, n.pts), make([]bool, 0, n.pts)
	s.rings, s.start = make([]box, 0, n.rings), make([]int32, 0, int(n.rings)+feats)
	s.nodes, s.groups, s.feats = make([]box, 0, n.nodes), make([]box, 0, n.groups), make([]span, 0, feats)
	for i := range parts {
		p, from := &parts[i], s.end()
		for _, f := range p.feats {
			s.feats = append(s.feats, span{f.pts + from.pts, f.rings + from.rings, f.nodes + from.nodes, f.groups + from.groups, f.flaws, f.compared})
		}
		s.pts, s.gap, s.start = append(s.pts, p.pts...), append(s.gap, p.gap...), append(s.start, p.start...)
		s.rings, s.nodes, s.groups = append(s.rings, p.rings...), append(s.nodes, p.nodes...), append(s.groups, p.groups...)
		*p = flat{}
	}
}

// ringAt is a ring and where it is.
type ringAt struct {
	ring orb.Ring
	hole bool
	code uint32
}

// nearby orders the rings so that rings near each other follow each other
// (Morton's order): a box around consecutive edges is then small also where it
// goes from ring to ring. The order has no bearing on the result.
func nearby(mp orb.MultiPolygon) []ringAt {
	var rings []ringAt
	around := noBox
	for _, polygon := range mp {
		for r, ring := range polygon {
			if len(ring) > 0 {
				rings = append(rings, ringAt{ring: ring, hole: r > 0})
				b := box{ring[0][0], ring[0][1], ring[0][0], ring[0][1]}
				around.add(&b)
			}
		}
	}
	if len(rings) < 3 {
		return rings
	}
	scale := 65535 / max(around.x1-around.x0, around.y1-around.y0, minCoordinate)
	for i := range rings {
		p := rings[i].ring[0]
		rings[i].code = spread(uint32((p[0]-around.x0)*scale)) | spread(uint32((p[1]-around.y0)*scale))<<1
	}
	slices.SortStableFunc(rings, func(p, q ringAt) int { return cmp.Compare(p.code, q.code) })
	return rings
}

// spread puts a zero between the lower 16 bits of v.
func spread(v uint32) uint32 {
	v = (v | v<<8) & 0x00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f
	v = (v | v<<2) & 0x33333333
	return (v | v<<1) & 0x55555555
}

func checkRing(ring orb.Ring) error {
	for i, p := range ring {
		for _, v := range p {
			switch m := math.Abs(v); {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return fmt.Errorf("vertex %d: 坐标不是有限数 · the coordinate %v is not a finite number", i+1, v)
			case m > maxCoordinate:
				return fmt.Errorf("vertex %d: 坐标超出范围 · the coordinate %g is beyond %g", i+1, v, maxCoordinate)
			case m < minCoordinate && v != 0:
				return fmt.Errorf("vertex %d: 坐标超出范围 · the coordinate %g is nearer to zero than %g", i+1, v, minCoordinate)
			}
		}
	}
	return nil
}

func (s *flat) addRing(base int32, ring orb.Ring, hole bool) flaw {
	at := len(s.pts)
	for _, p := range ring {
		if n := len(s.pts); n == at || s.pts[n-1] != p {
			s.pts = append(s.pts, p)
		}
	}
	if n := len(s.pts); n-at > 1 && s.pts[n-1] == s.pts[at] {
		s.pts = s.pts[:n-1]
	}
	open := s.pts[at:]
	turn := turnOf(open)
	if len(open) < 3 || turn == 0 {
		s.pts = s.pts[:at]
		return collapsed
	}
	if (turn < 0) != hole {
		slices.Reverse(open)
	}
	s.pts = append(s.pts, s.pts[at])
	s.closeRing(base, at)
	return 0
}

// closeRing enters the ring that begins at point at into the tables.
func (s *flat) closeRing(base int32, at int) {
	b := noBox
	for i, p := range s.pts[at:] {
		pb := box{p[0], p[1], p[0], p[1]}
		b.add(&pb)
		s.gap = append(s.gap, at+i == len(s.pts)-1)
	}
	s.rings = append(s.rings, b)
	s.start = append(s.start, int32(len(s.pts))-base)
}

func (s *flat) addTree(f int) {
	var o operand
	n := o.layOut(len(s.pts) - int(s.feats[f].pts))
	s.nodes = append(s.nodes, make([]box, n)...)
	if n == 0 {
		return
	}
	o = s.view(f)
	o.fill()
	// Rings in groups, groups in groups.
	for below := o.rings; len(below) > ringGroup; {
		at := len(s.groups)
		for group := range slices.Chunk(below, ringGroup) {
			b := noBox
			for i := range group {
				b.add(&group[i])
			}
			s.groups = append(s.groups, b)
		}
		below = s.groups[at:]
	}
}

// insert gives the touched edges of the last feature their new vertices.
func (s *flat) insert(f int, touches []touch) {
	o := s.view(f)
	old := slices.Clone(o.pts)
	start := slices.Clone(o.start)
	slices.SortFunc(touches, func(x, y touch) int {
		return cmp.Or(cmp.Compare(x.edge, y.edge), alongEdge(old[x.edge], old[x.edge+1], x.p, y.p))
	})
	touches = slices.Compact(touches)
	at := s.feats[f]
	s.pts, s.gap = s.pts[:at.pts], s.gap[:at.pts]
	s.rings, s.nodes = s.rings[:at.rings], s.nodes[:at.nodes]
	s.start, s.groups = s.start[:int(at.rings)+f+1], s.groups[:at.groups]
	for r := range len(start) - 1 {
		first := len(s.pts)
		for i := start[r]; i < start[r+1]; i++ {
			s.pts = append(s.pts, old[i])
			for len(touches) > 0 && touches[0].edge == i {
				s.pts = append(s.pts, touches[0].p)
				touches = touches[1:]
			}
		}
		s.closeRing(at.pts, first)
	}
	s.addTree(f)
}

// alongEdge compares two points on the segment u–v by their distance from u.
func alongEdge(u, v, p, q orb.Point) int {
	axis := 0
	if math.Abs(v[1]-u[1]) > math.Abs(v[0]-u[0]) {
		axis = 1
	}
	c := cmp.Compare(p[axis], q[axis])
	if v[axis] < u[axis] {
		return -c
	}
	return c
}

// turnOf is the direction of a ring without its closing point: 1
// counter-clockwise, -1 clockwise, 0 where its lowest corner is flat.
func turnOf(open []orb.Point) int8 {
	if len(open) < 3 {
		return 0
	}
	// The area is sure for all rings but needles.
	sum, scale := 0.0, 0.0
	o := open[0]
	for i := 2; i < len(open); i++ {
		p, q := open[i-1], open[i]
		l, r := (p[0]-o[0])*(q[1]-o[1]), (p[1]-o[1])*(q[0]-o[0])
		sum += l - r
		scale += math.Abs(l) + math.Abs(r)
	}
	if math.Abs(sum) > 4*unit*float64(len(open))*scale {
		return sign(sum)
	}
	first := 0
	for i, p := range open {
		if p[0] < open[first][0] || p[0] == open[first][0] && p[1] < open[first][1] {
			first = i
		}
	}
	n := len(open)
	det, _ := orient(open[(first+n-1)%n], open[first], open[(first+1)%n])
	return sign(det)
}
