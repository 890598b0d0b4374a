package adjacency

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// share is what one unit sees of another.
type share struct {
	unit   int
	length float64
}

func lengthOf(list []share, unit int) float64 {
	i, found := slices.BinarySearchFunc(list, unit, func(s share, u int) int { return s.unit - u })
	if !found {
		return 0
	}
	return list[i].length
}

// outlook is what one unit sees all around, by unit.
type outlook struct {
	shares                   []share
	perimeter, border, inner float64
}

// piece is the part of another segment that lies in the strip before the
// segment looked from, in that segment's own frame: x along it, y outwards.
type piece struct {
	x0, x1, y0, y1 float64 // x0 < x1
	owner          owner
	segment        int32
	// enters: going outwards one goes into the piece's land (or out of the
	// county); otherwise one comes out of it.
	enters bool
}

func (p piece) at(x float64) float64 {
	return p.y0 + (p.y1-p.y0)*(x-p.x0)/(p.x1-p.x0)
}

func (p piece) steep() bool { return math.Abs(p.y1-p.y0) > facing*(p.x1-p.x0) }

// looker is one worker's eye and its scratch.
type looker struct {
	segs         *segments
	ix           *grid
	touch, width float64
	stamp        []int32
	round        int32
	pieces       []piece
	cuts         []float64
	hits         []hit
	lengths      map[owner]float64
}

type hit struct {
	y     float64
	piece int
}

func newLooker(s *segments, ix *grid, req Request) *looker {
	return &looker{
		segs: s, ix: ix, touch: req.Touch, width: math.Max(req.Width, req.Touch),
		stamp: make([]int32, s.len()), lengths: map[owner]float64{},
	}
}

// nothing is met: the segment looks at the open.
const ownerNone owner = math.MinInt32

func (l *looker) unit(u int) outlook {
	clear(l.lengths)
	var o outlook
	for i := l.segs.first[u]; i < l.segs.first[u+1]; i++ {
		o.perimeter += l.segment(i)
	}
	for other, length := range l.lengths {
		switch {
		case other == owner(u):
			o.inner = length
		case other == ownerBorder:
			o.border = length
		case other >= 0:
			o.shares = append(o.shares, share{unit: int(other), length: length})
		}
	}
	slices.SortFunc(o.shares, func(a, b share) int { return a.unit - b.unit })
	return o
}

// segment adds to l.lengths what segment i looks at and returns its length.
func (l *looker) segment(i int32) float64 {
	from, to := l.segs.from[i], l.segs.to[i]
	length := math.Hypot(to[0]-from[0], to[1]-from[1])
	l.gather(i, length)
	if len(l.pieces) == 0 {
		return length
	}
	l.cut(length)
	for k := 1; k < len(l.cuts); k++ {
		a, b := l.cuts[k-1], l.cuts[k]
		if b-a < 1e-7 {
			continue
		}
		if met := l.meet((a + b) / 2); met != ownerNone {
			l.lengths[met] += b - a
		}
	}
	return length
}

// gather finds all pieces in the strip before segment i.
func (l *looker) gather(i int32, length float64) {
	from, to := l.segs.from[i], l.segs.to[i]
	ux, uy := (to[0]-from[0])/length, (to[1]-from[1])/length
	l.round++
	l.stamp[i] = l.round
	l.pieces = l.pieces[:0]
	// The strip lies on one side: what is as far from its middle line as half its
	// breadth. Looking as far on the other side would be to look at most segments
	// in vain.
	middle, half := (l.width-l.touch)/2, (l.width+l.touch)/2
	aside := orb.Point{uy * middle, -ux * middle}
	l.ix.cells(orb.Point{from[0] + aside[0], from[1] + aside[1]}, orb.Point{to[0] + aside[0], to[1] + aside[1]}, half+1e-6, func(cell int) {
		for _, j := range l.ix.ids[l.ix.start[cell]:l.ix.start[cell+1]] {
			if l.stamp[j] == l.round {
				continue
			}
			l.stamp[j] = l.round
			a, b := l.segs.from[j], l.segs.to[j]
			ax, ay := a[0]-from[0], a[1]-from[1]
			bx, by := b[0]-from[0], b[1]-from[1]
			p := piece{
				x0: ax*ux + ay*uy, y0: ax*uy - ay*ux,
				x1: bx*ux + by*uy, y1: bx*uy - by*ux,
				owner: l.segs.owner[j], segment: j,
			}
			if p.x1 < p.x0 {
				p.x0, p.x1, p.y0, p.y1, p.enters = p.x1, p.x0, p.y1, p.y0, true
			}
			if p.clip(length, -l.touch, l.width) {
				l.pieces = append(l.pieces, p)
			}
		}
	})
	// The order of the grid's cells must not decide between equals.
	slices.SortFunc(l.pieces, func(p, q piece) int { return int(p.segment - q.segment) })
}

// clip cuts the piece to 0 <= x <= length and low <= y <= high and says
// whether anything is left that has a width.
func (p *piece) clip(length, low, high float64) bool {
	const thin = 1e-9
	if p.x1-p.x0 < thin || p.x1 <= 0 || p.x0 >= length || math.Max(p.y0, p.y1) < low || math.Min(p.y0, p.y1) > high {
		return false
	}
	slope := (p.y1 - p.y0) / (p.x1 - p.x0)
	a, b := math.Max(p.x0, 0), math.Min(p.x1, length)
	if slope != 0 {
		lo, hi := p.x0+(low-p.y0)/slope, p.x0+(high-p.y0)/slope
		if lo > hi {
			lo, hi = hi, lo
		}
		a, b = math.Max(a, lo), math.Min(b, hi)
	}
	if b-a < thin {
		return false
	}
	p.x0, p.x1, p.y0, p.y1 = a, b, p.y0+slope*(a-p.x0), p.y0+slope*(b-p.x0)
	return true
}

// cut marks where along the segment anything may change: the ends of all
// pieces, and where one leaves touching distance.
func (l *looker) cut(length float64) {
	l.cuts = append(l.cuts[:0], 0, length)
	for _, p := range l.pieces {
		l.cuts = append(l.cuts, p.x0, p.x1)
		if (p.y0 > l.touch) != (p.y1 > l.touch) {
			l.cuts = append(l.cuts, p.x0+(l.touch-p.y0)*(p.x1-p.x0)/(p.y1-p.y0))
		}
	}
	slices.Sort(l.cuts)
}

// meet looks outwards from x and says whose land is met first, going through
// nothing but tracks.
func (l *looker) meet(x float64) owner {
	l.hits = l.hits[:0]
	touched, nearest := ownerNone, math.Inf(1)
	for k, p := range l.pieces {
		if x < p.x0 || x > p.x1 {
			continue
		}
		y := p.at(x)
		l.hits = append(l.hits, hit{y: y, piece: k})
		// Land that touches is preferred to the county's border that does.
		if p.enters && p.owner != ownerTrack && y <= l.touch {
			d := math.Abs(y)
			if p.owner == ownerBorder {
				d += l.touch
			}
			if d < nearest {
				touched, nearest = p.owner, d
			}
		}
	}
	if touched != ownerNone {
		return touched
	}
	slices.SortStableFunc(l.hits, func(a, b hit) int { return cmp.Compare(a.y, b.y) })
	return l.across()
}

// across follows l.hits through the tracks. The way must be covered by tracks
// but for joints of touching width.
func (l *looker) across() owner {
	inside, end := 0, 0.0
	for _, h := range l.hits {
		p := l.pieces[h.piece]
		if inside == 0 && h.y-end > l.touch {
			return ownerNone
		}
		switch {
		case p.owner == ownerTrack && p.enters:
			inside++
		case p.owner == ownerTrack:
			if inside > 0 {
				inside--
			}
			end = h.y
		case !p.enters || p.steep():
			return ownerNone
		default:
			return p.owner
		}
	}
	return ownerNone
}
