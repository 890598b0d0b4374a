package adjacency

import (
	"math"

	"github.com/paulmach/orb"
)

// owner says whose boundary a segment is: a unit's index, or one of these.
type owner = int32

const (
	ownerTrack  owner = -1
	ownerBorder owner = -2
)

// segments holds the directed boundary segments of everything, land on the
// left. first[u] .. first[u+1] are those of unit u; tracks and border follow.
type segments struct {
	from, to []orb.Point
	owner    []owner
	first    []int32
}

func (s *segments) len() int { return len(s.from) }

func (s *segments) add(from, to orb.Point, o owner) {
	if from == to {
		return
	}
	s.from = append(s.from, from)
	s.to = append(s.to, to)
	s.owner = append(s.owner, o)
}

func (s *segments) addArea(mp orb.MultiPolygon, o owner) {
	for _, poly := range mp {
		for _, ring := range poly {
			for i := 1; i < len(ring); i++ {
				s.add(ring[i-1], ring[i], o)
			}
		}
	}
}

func collect(req Request) *segments {
	n := 0
	for _, list := range [][]orb.MultiPolygon{req.Units, req.Tracks, {req.Border}} {
		for _, mp := range list {
			for _, poly := range mp {
				for _, ring := range poly {
					n += len(ring)
				}
			}
		}
	}
	s := &segments{
		from:  make([]orb.Point, 0, n),
		to:    make([]orb.Point, 0, n),
		owner: make([]owner, 0, n),
		first: make([]int32, 0, len(req.Units)+1),
	}
	for u, mp := range req.Units {
		s.first = append(s.first, int32(s.len()))
		s.addArea(mp, owner(u))
	}
	s.first = append(s.first, int32(s.len()))
	if req.Width > 0 {
		for _, mp := range req.Tracks {
			s.addArea(mp, ownerTrack)
		}
	}
	// The county's own boundary is turned round: what lies beyond it is then
	// an area like any other, met from inside.
	for _, poly := range req.Border {
		for _, ring := range poly {
			for i := 1; i < len(ring); i++ {
				s.add(ring[i], ring[i-1], ownerBorder)
			}
		}
	}
	return s
}

// grid is a uniform grid over the segments in compressed rows: the segments of
// cell c are ids[start[c]:start[c+1]].
type grid struct {
	minX, minY float64
	size       float64
	cols, rows int
	start      []int32
	ids        []int32
}

// newGrid picks cells so that there are about as many as segments; reach is
// the distance that questions will look.
func newGrid(s *segments, reach float64) *grid {
	if s.len() == 0 {
		return &grid{size: 1, start: []int32{0}}
	}
	lo, hi := s.from[0], s.from[0]
	for i := range s.from {
		for _, p := range [2]orb.Point{s.from[i], s.to[i]} {
			lo[0], lo[1] = math.Min(lo[0], p[0]), math.Min(lo[1], p[1])
			hi[0], hi[1] = math.Max(hi[0], p[0]), math.Max(hi[1], p[1])
		}
	}
	w, h := hi[0]-lo[0], hi[1]-lo[1]
	// Long thin extents would otherwise get a great many cells in one row.
	size := math.Max(math.Sqrt(w*h/float64(s.len())), math.Max(w, h)/(float64(s.len())+64))
	size = math.Max(size, math.Max(reach, 1e-3))
	g := &grid{minX: lo[0], minY: lo[1], size: size, cols: int(w/size) + 1, rows: int(h/size) + 1}
	g.start = make([]int32, g.cols*g.rows+1)
	for i := range s.from {
		g.cells(s.from[i], s.to[i], 0, func(c int) { g.start[c+1]++ })
	}
	for c := 1; c < len(g.start); c++ {
		g.start[c] += g.start[c-1]
	}
	g.ids = make([]int32, g.start[len(g.start)-1])
	next := make([]int32, len(g.start)-1)
	copy(next, g.start)
	for i := range s.from {
		g.cells(s.from[i], s.to[i], 0, func(c int) {
			g.ids[next[c]] = int32(i)
			next[c]++
		})
	}
	return g
}

// cells calls f for every cell within reach of the segment a-b, column by
// column, and no more than a cell too many on each side.
func (g *grid) cells(a, b orb.Point, reach float64, f func(cell int)) {
	if g.cols == 0 {
		return
	}
	if a[0] > b[0] {
		a, b = b, a
	}
	c0, c1 := g.column(a[0]-reach), g.column(b[0]+reach)
	for c := c0; c <= c1; c++ {
		left := g.minX + float64(c)*g.size - reach
		right := left + g.size + 2*reach
		y0, y1 := spanY(a, b, left, right)
		r0, r1 := g.row(math.Min(y0, y1)-reach), g.row(math.Max(y0, y1)+reach)
		for r := r0; r <= r1; r++ {
			f(r*g.cols + c)
		}
	}
}

// spanY gives the heights at which a-b (a left of b) goes through the strip
// between left and right.
func spanY(a, b orb.Point, left, right float64) (float64, float64) {
	// Half a millimetre more on each side: a coordinate of 4e6 m in a float64
	// is good to 1e-9, and a cell too many costs nothing.
	const slack = 5e-4
	left, right = left-slack, right+slack
	if b[0]-a[0] < 1e-9 || (a[0] >= left && b[0] <= right) {
		return a[1], b[1]
	}
	slope := (b[1] - a[1]) / (b[0] - a[0])
	y0, y1 := a[1], b[1]
	if a[0] < left {
		y0 = a[1] + slope*(math.Min(left, b[0])-a[0])
	}
	if b[0] > right {
		y1 = a[1] + slope*(math.Max(right, a[0])-a[0])
	}
	return y0, y1
}

func (g *grid) column(x float64) int { return clamp(int(math.Floor((x-g.minX)/g.size)), g.cols) }
func (g *grid) row(y float64) int    { return clamp(int(math.Floor((y-g.minY)/g.size)), g.rows) }

func clamp(i, n int) int { return min(max(i, 0), n-1) }
