package geodata

import (
	"errors"
	"slices"

	"github.com/paulmach/orb"
)

// ringRole is a ring with the role that its file gives it.
type ringRole struct {
	ring  orb.Ring
	bound orb.Bound
	area  float64 // twice the area, absolute
	hole  bool    // as declared by direction
	depth int     // how many rings contain it
	outer int     // index of the smallest ring that contains it, or -1
	index *bands  // made when the ring is asked often
	asked int     // how often
	work  *int    // shared by all rings of a feature
}

// errTangled: rings that overlap each other so much that their nesting would
// take minutes to work out. No real parcel comes near.
var errTangled = errors.New("too many rings overlap")

const (
	maxWork      = 2_000_000_000 // pairs of rings and edges looked at: seconds
	indexAtSize  = 256           // vertices
	indexAtTimes = 8             // questions
)

// assemble makes polygons of a shapefile's or TXT's loose rings by
// containment: a ring inside an even number of others is an exterior. With
// byDirection a clockwise ring is declared an exterior and a counter-clockwise
// one a hole (ESRI Shapefile Technical Description, 1998, p. 8), and disorder
// is true when the declared roles differ from containment.
func assemble(rings []orb.Ring, byDirection bool) (mp orb.MultiPolygon, disorder bool, err error) {
	if len(rings) == 1 {
		// One ring can only be an exterior, whatever its direction.
		return orb.MultiPolygon{{rings[0]}}, false, nil
	}
	roles := make([]ringRole, len(rings))
	work := 0
	for i, r := range rings {
		a := twiceArea(r)
		roles[i] = ringRole{ring: r, bound: r.Bound(), area: max(a, -a), hole: a > 0, outer: -1, work: &work}
	}
	if err := nest(roles, &work); err != nil {
		return nil, false, err
	}
	polygonOf := make([]int, len(roles))
	for i := range roles {
		if roles[i].depth%2 == 0 {
			polygonOf[i] = len(mp)
			mp = append(mp, orb.Polygon{roles[i].ring})
		}
	}
	for i := range roles {
		inner := roles[i].depth%2 == 1
		if inner {
			at := polygonOf[roles[i].outer]
			mp[at] = append(mp[at], roles[i].ring)
		}
		if byDirection && inner != roles[i].hole {
			disorder = true
		}
	}
	return mp, disorder, nil
}

// nest finds for every ring the rings around it. A sweep by the west edge
// keeps it near linear for the usual many small parts.
func nest(roles []ringRole, work *int) error {
	order := make([]int, len(roles))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case roles[a].bound.Min[0] < roles[b].bound.Min[0]:
			return -1
		case roles[a].bound.Min[0] > roles[b].bound.Min[0]:
			return 1
		}
		return 0
	})
	var active []int
	for _, i := range order {
		west := roles[i].bound.Min[0]
		active = slices.DeleteFunc(active, func(j int) bool { return roles[j].bound.Max[0] < west })
		*work += 20 * len(active)
		for _, j := range active {
			relate(roles, i, j)
			relate(roles, j, i)
			if *work > maxWork {
				return errTangled
			}
		}
		active = append(active, i)
	}
	return nil
}

// relate notes that outer contains inner, if it does.
func relate(roles []ringRole, inner, outer int) {
	in, out := &roles[inner], &roles[outer]
	// Of two equal rings neither contains the other: they overlap, which is
	// for the validity check to say.
	if in.area >= out.area || !boundInside(in.bound, out.bound) || !out.contains(in.ring) {
		return
	}
	in.depth++
	if in.outer < 0 || out.area < roles[in.outer].area {
		in.outer = outer
	}
}

func boundInside(in, out orb.Bound) bool {
	return in.Min[0] >= out.Min[0] && in.Min[1] >= out.Min[1] && in.Max[0] <= out.Max[0] && in.Max[1] <= out.Max[1]
}

// contains judges by the first vertex that is not on the boundary, else by a
// middle of an edge.
func (r *ringRole) contains(in orb.Ring) bool {
	for _, v := range in {
		if *r.work > maxWork {
			return false // nest gives up next
		}
		if side := r.locate(v); side != 0 {
			return side > 0
		}
	}
	for i := 1; i < len(in); i++ {
		middle := orb.Point{(in[i-1][0] + in[i][0]) / 2, (in[i-1][1] + in[i][1]) / 2}
		if side := r.locate(middle); side != 0 {
			return side > 0
		}
	}
	return false
}

// locate: 1 inside, 0 on the boundary, -1 outside.
func (r *ringRole) locate(p orb.Point) int {
	if r.asked++; r.asked == indexAtTimes && len(r.ring) > indexAtSize {
		r.index = newBands(r.ring, r.bound)
	}
	if r.index != nil {
		side, edges := r.index.locate(p)
		*r.work += edges
		return side
	}
	*r.work += len(r.ring)
	var l locator
	for i := 1; i < len(r.ring); i++ {
		l.edge(p, r.ring[i-1], r.ring[i])
	}
	return l.side()
}

// locator counts the edges of a ring that a ray from p to the east crosses.
type locator struct{ inside, on bool }

func (l *locator) edge(p, a, b orb.Point) {
	if (a[1] > p[1]) == (b[1] > p[1]) {
		if p == a || p == b || a[1] == p[1] && b[1] == p[1] && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) {
			l.on = true
		}
		return
	}
	cross := (b[0]-a[0])*(p[1]-a[1]) - (p[0]-a[0])*(b[1]-a[1])
	switch {
	case cross == 0 || p == a || p == b:
		l.on = true
	case (cross > 0) == (b[1] > a[1]):
		l.inside = !l.inside
	}
}

func (l *locator) side() int {
	switch {
	case l.on:
		return 0
	case l.inside:
		return 1
	}
	return -1
}

// bands holds the edges of a large ring by northing, so that a question costs
// a few edges and not all.
type bands struct {
	ring   orb.Ring
	south  float64
	height float64 // of one band
	edges  [][]int32
}

// newBands gives nil for a ring whose edges mostly cross many bands: there the
// index would be large and no help.
func newBands(r orb.Ring, b orb.Bound) *bands {
	entries := 0
	n := min(max(len(r)/8, 1), 1<<14)
	s := &bands{ring: r, south: b.Min[1], height: (b.Max[1] - b.Min[1]) / float64(n), edges: make([][]int32, n)}
	for i := 1; i < len(r); i++ {
		low, high := s.band(min(r[i-1][1], r[i][1])), s.band(max(r[i-1][1], r[i][1]))
		if entries += high - low + 1; entries > 32*len(r) {
			return nil
		}
		for k := low; k <= high; k++ {
			s.edges[k] = append(s.edges[k], int32(i))
		}
	}
	return s
}

func (s *bands) band(y float64) int {
	if !(s.height > 0) {
		return 0
	}
	return min(max(int((y-s.south)/s.height), 0), len(s.edges)-1)
}

func (s *bands) locate(p orb.Point) (side, edges int) {
	var l locator
	band := s.edges[s.band(p[1])]
	for _, i := range band {
		l.edge(p, s.ring[i-1], s.ring[i])
	}
	return l.side(), len(band)
}
