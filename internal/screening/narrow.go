package screening

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// What an opening takes away is seen by discs. Land that a rolling disc leaves
// behind is bounded by its outline and by arcs of discs that lie inside and touch
// the outline twice; so a polygon into which a disc fits loses something only where
// one that touches it at q and r has, on either side of the chord q–r, more behind
// it than a crumb. Mitred joins give back what lies between the tangents at q and r,
// all but the tip where these meet far away.
//
// discSlack, in metres, is what the discs are larger than half the width, and
// emptySlack how deep the outline may reach into one: GEOS buffers to a hundredth
// of the distance. crumbShare is the share of a crumb that is suspect already.
const (
	discSlack  = 0.03
	emptySlack = 0.05
	crumbShare = 0.8
)

// mayBeNarrow tells whether a polygon may be narrower than width metres somewhere,
// apart from crumbs: it never misses such a place, and a false yes only costs an
// opening.
func mayBeNarrow(shape orb.MultiPolygon, width float64) bool {
	d := discs{reach: mitre * width / 2}
	for _, polygon := range shape {
		if math.Abs(planar.Area(polygon)) <= crumbShare*crumb {
			continue
		}
		d.take(polygon)
		d.radius = width/2 + discSlack
		if !d.fits() || d.leavesBehind() {
			return true
		}
		// A little smaller they turn elsewhere, and other land is given back.
		if d.radius = width / 2; d.leavesBehind() {
			return true
		}
	}
	return false
}

// discs rolls discs along inside one polygon of the county's plane.
type discs struct {
	// radius, and how far from a disc's centre a mitred join reaches, in metres.
	radius, reach float64
	rings         []outline
	sites         []site
	active        []*site
	// land and clipped are what is left of a piece while it is cut.
	land, clipped []orb.Point
}

// outline is a ring with the land on its left.
type outline struct {
	points []orb.Point
	// swept[i] is twice the area swept from the origin along the first i edges.
	swept []float64
	outer bool
}

// site is an edge of a ring, or a corner that points into the land (a = b): what a
// disc inside can touch.
type site struct {
	ring, edge int
	a, b       orb.Point
	low, high  [2]float64
}

func (s *site) corner() bool { return s.a == s.b }

// take begins with another polygon. Its coordinates are moved near the origin, so
// that areas are exact to far below a crumb.
func (d *discs) take(polygon orb.Polygon) {
	d.rings, d.sites = d.rings[:0], d.sites[:0]
	if len(polygon) == 0 || len(polygon[0]) == 0 {
		return
	}
	origin := polygon[0][0]
	for k, ring := range polygon {
		if len(ring) < 4 {
			continue
		}
		o := outline{outer: k == 0, points: make([]orb.Point, len(ring)), swept: make([]float64, len(ring))}
		for i, p := range ring {
			o.points[i] = orb.Point{p[0] - origin[0], p[1] - origin[1]}
		}
		o.sweep()
		if (o.swept[len(ring)-1] > 0) != o.outer {
			slices.Reverse(o.points)
			o.sweep()
		}
		d.rings = append(d.rings, o)
		d.addSites(len(d.rings) - 1)
	}
	slices.SortFunc(d.sites, func(a, b site) int { return cmp.Compare(a.low[0], b.low[0]) })
}

func (o *outline) sweep() {
	for i := 1; i < len(o.points); i++ {
		o.swept[i] = o.swept[i-1] + cross(o.points[i-1], o.points[i])
	}
}

func (d *discs) addSites(ring int) {
	p := d.rings[ring].points
	n := len(p) - 1
	for i := range n {
		a, b := p[i], p[i+1]
		d.sites = append(d.sites, site{ring: ring, edge: i, a: a, b: b,
			low: [2]float64{min(a[0], b[0]), min(a[1], b[1])}, high: [2]float64{max(a[0], b[0]), max(a[1], b[1])}})
		before := p[(i+n-1)%n]
		if cross(minus(a, before), minus(b, a)) < 0 {
			d.sites = append(d.sites, site{ring: ring, edge: i, a: a, b: a, low: a, high: a})
		}
	}
}

// fits looks for a place where a disc lies inside.
func (d *discs) fits() bool {
	const tries = 24
	if len(d.rings) == 0 {
		return false
	}
	longest := make([]*site, 0, len(d.sites))
	for i := range d.sites {
		if !d.sites[i].corner() {
			longest = append(longest, &d.sites[i])
		}
	}
	slices.SortFunc(longest, func(a, b *site) int {
		return cmp.Compare(distance(b.a, b.b), distance(a.a, a.b))
	})
	for _, s := range longest[:min(tries, len(longest))] {
		in, ok := s.inward()
		if !ok {
			return false
		}
		// A little inward, so that the edge itself leaves it room.
		r := d.radius * (1 + 1e-6)
		c := orb.Point{(s.a[0]+s.b[0])/2 + r*in[0], (s.a[1]+s.b[1])/2 + r*in[1]}
		if d.empty(c, 0) && d.holds(c) {
			return true
		}
	}
	return false
}

// inward is the direction across an edge into the land.
func (s *site) inward() (orb.Point, bool) {
	length := distance(s.a, s.b)
	return orb.Point{(s.a[1] - s.b[1]) / length, (s.b[0] - s.a[0]) / length}, length > 0
}

// empty tells whether the outline reaches no deeper than slack into the disc at c.
func (d *discs) empty(c orb.Point, slack float64) bool {
	r := d.radius - slack
	for i := range d.sites {
		s := &d.sites[i]
		if s.low[0] > c[0]+r {
			return true
		}
		if s.high[0] < c[0]-r || s.low[1] > c[1]+r || s.high[1] < c[1]-r {
			continue
		}
		if distance(c, s.foot(c)) < r {
			return false
		}
	}
	return true
}

// holds tells whether a point that is not on the outline lies in the land.
func (d *discs) holds(c orb.Point) bool {
	inside := false
	for i := range d.sites {
		a, b := d.sites[i].a, d.sites[i].b
		if (a[1] > c[1]) != (b[1] > c[1]) && c[0] < a[0]+(c[1]-a[1])/(b[1]-a[1])*(b[0]-a[0]) {
			inside = !inside
		}
	}
	return inside
}

// foot is the point of a site that is nearest to p.
func (s *site) foot(p orb.Point) orb.Point {
	e := minus(s.b, s.a)
	along := 0.0
	if square := dot(e, e); square > 0 {
		along = min(1, max(0, dot(minus(p, s.a), e)/square))
	}
	return orb.Point{s.a[0] + along*e[0], s.a[1] + along*e[1]}
}

// leavesBehind tells whether a disc touches the outline twice and has more than a
// crumb behind it.
func (d *discs) leavesBehind() bool {
	across := 2 * d.radius
	d.active = d.active[:0]
	for i := range d.sites {
		s := &d.sites[i]
		kept := d.active[:0]
		for _, t := range d.active {
			if t.high[0]+across < s.low[0] {
				continue
			}
			kept = append(kept, t)
			if t.low[1] <= s.high[1]+across && t.high[1] >= s.low[1]-across && d.between(s, t) {
				return true
			}
		}
		d.active = append(kept, s)
	}
	return false
}

// between tells whether a disc that touches both leaves something behind.
func (d *discs) between(s, t *site) bool {
	var centres [2]orb.Point
	for _, c := range centres[:d.touching(s, t, &centres)] {
		q, r := s.foot(c), t.foot(c)
		if math.Abs(distance(c, q)-d.radius) > emptySlack || math.Abs(distance(c, r)-d.radius) > emptySlack {
			continue
		}
		if d.behind(s, t, q, r, c) && d.empty(c, emptySlack) && d.holds(c) {
			return true
		}
	}
	return false
}

// touching gives the centres of the discs that touch the lines through two edges
// from within, or corners, and how many there are.
func (d *discs) touching(s, t *site, centres *[2]orb.Point) int {
	if s.corner() {
		s, t = t, s
	}
	if s.corner() { // both
		middle, half := orb.Point{(s.a[0] + t.a[0]) / 2, (s.a[1] + t.a[1]) / 2}, distance(s.a, t.a)/2
		if half == 0 || half > d.radius {
			return 0
		}
		e, up := minus(t.a, s.a), math.Sqrt(d.radius*d.radius-half*half)
		across := orb.Point{-e[1] / (2 * half) * up, e[0] / (2 * half) * up}
		centres[0], centres[1] = orb.Point{middle[0] + across[0], middle[1] + across[1]}, minus(middle, across)
		return 2
	}
	in, ok := s.inward()
	if !ok {
		return 0
	}
	e := orb.Point{in[1], -in[0]} // along the edge
	on := orb.Point{s.a[0] + d.radius*in[0], s.a[1] + d.radius*in[1]}
	if t.corner() {
		toward := minus(t.a, on)
		off := dot(toward, in)
		if math.Abs(off) > d.radius {
			return 0
		}
		along, half := dot(toward, e), math.Sqrt(d.radius*d.radius-off*off)
		centres[0] = orb.Point{on[0] + (along-half)*e[0], on[1] + (along-half)*e[1]}
		centres[1] = orb.Point{on[0] + (along+half)*e[0], on[1] + (along+half)*e[1]}
		return 2
	}
	inT, ok := t.inward()
	turn := cross(e, orb.Point{inT[1], -inT[0]})
	if !ok || math.Abs(turn) < 1e-9 {
		return 0
	}
	// Where the line through on along e is one radius inward of t.
	along := (d.radius - dot(minus(on, t.a), inT)) / dot(e, inT)
	centres[0] = orb.Point{on[0] + along*e[0], on[1] + along*e[1]}
	return 1
}

// behind tells whether there is more than a crumb of land on either side of the
// chord from q on s to r on t that mitred joins do not give back. A chord between
// two rings parts nothing: what is narrow there is taken to be more.
func (d *discs) behind(s, t *site, q, r, c orb.Point) bool {
	if s.ring != t.ring {
		return true
	}
	o := &d.rings[s.ring]
	area, other := o.pocket(s, t, q, r), o.pocket(t, s, r, q)
	if o.outer == (other < area) {
		area, s, t, q, r = other, t, s, r, q
	}
	return area > crumbShare*crumb && area-d.givenBack(o, s, t, q, r, c) > crumbShare*crumb
}

// givenBack is how much of the land between the ring from q on s onward to r on t
// and the chord lies between the tangents there and no farther from the centre than
// joins reach.
func (d *discs) givenBack(o *outline, s, t *site, q, r, c orb.Point) float64 {
	chord := minus(r, q)
	if cross(chord, minus(c, q)) < 0 { // the tangents meet on the other side
		return 0
	}
	d.land = append(d.land[:0], q)
	n := len(o.points) - 1
	for i := s.edge; i != t.edge || len(d.land) == 1 && !s.corner(); {
		i = (i + 1) % n
		d.land = append(d.land, o.points[i])
	}
	d.land = append(d.land, r)
	away, length := orb.Point{chord[1], -chord[0]}, math.Hypot(chord[0], chord[1])
	d.clip(q, minus(c, q))
	d.clip(r, minus(c, r))
	d.clip(orb.Point{c[0] + away[0]/length*d.reach, c[1] + away[1]/length*d.reach}, orb.Point{-away[0], -away[1]})
	area := 0.0
	for i, p := range d.land {
		area += cross(p, d.land[(i+1)%len(d.land)])
	}
	return area / 2
}

// pocket is the area between the chord and the ring from q on s onward to r on t;
// negative where that runs clockwise.
func (o *outline) pocket(s, t *site, q, r orb.Point) float64 {
	n := len(o.points) - 1
	swept := o.swept[t.edge] - o.swept[s.edge+1]
	if t.edge < s.edge || t.edge == s.edge && !s.corner() { // a corner is where its edge begins
		swept += o.swept[n]
	}
	return (cross(q, o.points[s.edge+1]) + swept + cross(o.points[t.edge], r) + cross(r, q)) / 2
}

// clip keeps of d.land what lies on the side of a line through on to which the
// direction points.
func (d *discs) clip(on, direction orb.Point) {
	d.clipped = d.clipped[:0]
	for i, p := range d.land {
		next := d.land[(i+1)%len(d.land)]
		here, there := dot(minus(p, on), direction), dot(minus(next, on), direction)
		if here >= 0 {
			d.clipped = append(d.clipped, p)
		}
		if (here >= 0) != (there >= 0) {
			f := here / (here - there)
			d.clipped = append(d.clipped, orb.Point{p[0] + f*(next[0]-p[0]), p[1] + f*(next[1]-p[1])})
		}
	}
	d.land, d.clipped = d.clipped, d.land
}

func minus(a, b orb.Point) orb.Point  { return orb.Point{a[0] - b[0], a[1] - b[1]} }
func cross(a, b orb.Point) float64    { return a[0]*b[1] - a[1]*b[0] }
func dot(a, b orb.Point) float64      { return a[0]*b[0] + a[1]*b[1] }
func distance(a, b orb.Point) float64 { return math.Hypot(a[0]-b[0], a[1]-b[1]) }
