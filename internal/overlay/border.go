package overlay

import (
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// Contact is how much of a boundary one polygon of a mosaic lies along, in
// metres of the plane.
type Contact struct {
	// Index is the polygon's place in the mosaic.
	Index int
	// Direct is where it lies at the boundary itself, Across where nothing but
	// tracks lie between.
	Direct, Across float64
}

// Border is what lies outside along a boundary.
type Border struct {
	// Contacts is sorted by Index.
	Contacts []Contact
	// Perimeter is the whole boundary in metres, holes included; Open the part
	// with no polygon of the mosaic beyond it.
	Perimeter, Open float64
}

// Look says how to look across a boundary, in metres.
type Look struct {
	// Step is the longest piece of boundary that is judged by its middle.
	Step float64
	// Near is how far outside the boundary the neighbour is looked for, so that
	// what rounding leaves between two parcels does not count.
	Near float64
	// Far is how wide a track may be that is looked across; 0 looks across none.
	Far float64
	// Track says which polygons are narrow tracks and ditches (农村道路、沟渠).
	Track func(index int) bool
}

// Border finds the neighbours along the boundary of a shape: every piece of
// the boundary looks outwards at a right angle and takes the first polygon it
// meets, and looks on where that is a track. Rings may turn either way.
func (m *Mosaic) Border(shape *Shape, look Look) Border {
	var out Border
	found := map[int]*Contact{}
	self := &shape.area
	near := vicinity{mosaic: m}
	contact := func(i int) *Contact {
		if found[i] == nil {
			found[i] = &Contact{Index: i}
		}
		return found[i]
	}
	eachOutward(shape.polygons, look.Step, func(middle, outward orb.Point, length float64) {
		out.Perimeter += length
		at := func(d float64) orb.Point { return orb.Point{middle[0] + d*outward[0], middle[1] + d*outward[1]} }
		p := at(look.Near)
		if self.holds(p) {
			return
		}
		i := near.at(p)
		if i < 0 {
			out.Open += length
			return
		}
		contact(i).Direct += length
		if look.Far <= 0 || !look.Track(i) {
			return
		}
		// Half a metre finds every parcel behind a track that is worth the name.
		for d := look.Near + 0.5; d <= look.Far+look.Near; d += 0.5 {
			q := at(d)
			if self.holds(q) {
				return
			}
			if j := near.at(q); j < 0 {
				return
			} else if !look.Track(j) {
				contact(j).Across += length
				return
			}
		}
	})
	for _, c := range found {
		out.Contacts = append(out.Contacts, *c)
	}
	slices.SortFunc(out.Contacts, func(a, b Contact) int { return a.Index - b.Index })
	return out
}

// vicinity answers as [Mosaic.At] does for points that follow each other
// closely: it looks the polygons up once for all that is around a point.
type vicinity struct {
	mosaic *Mosaic
	box    orb.Bound
	around []int
	// last is the polygon that held the point before, -1 for none.
	last  int
	begun bool
}

// vicinityRadius in metres: a few parcels.
const vicinityRadius = 40

func (v *vicinity) at(p orb.Point) int {
	if !v.begun || p[0] < v.box.Min[0] || p[0] > v.box.Max[0] || p[1] < v.box.Min[1] || p[1] > v.box.Max[1] {
		v.begun, v.box, v.around, v.last = true, orb.Bound{Min: p, Max: p}.Pad(vicinityRadius), v.around[:0], -1
		v.mosaic.tree.search(v.box, func(i int) { v.around = append(v.around, i) })
		slices.Sort(v.around)
	}
	// Most points lie where the one before did; the first polygon counts that
	// holds a point.
	held := v.last >= 0 && v.mosaic.area(v.last).holds(p)
	for _, i := range v.around {
		if held && i >= v.last {
			return v.last
		}
		if i != v.last && v.mosaic.area(i).holds(p) {
			v.last = i
			return i
		}
	}
	v.last = -1
	return -1
}

// eachOutward cuts a boundary into pieces no longer than step and gives each
// piece's middle, its unit normal away from the polygon, and its length.
func eachOutward(polygons orb.MultiPolygon, step float64, do func(middle, outward orb.Point, length float64)) {
	for _, polygon := range polygons {
		for r, ring := range polygon {
			// Outside is on the right of a shell that turns left and of a hole
			// that turns right.
			side := 1.0
			if (turns(ring) < 0) != (r > 0) {
				side = -1
			}
			for i := 0; i+1 < len(ring); i++ {
				p, q := ring[i], ring[i+1]
				dx, dy := q[0]-p[0], q[1]-p[1]
				length := math.Hypot(dx, dy)
				if length == 0 {
					continue
				}
				outward := orb.Point{side * dy / length, -side * dx / length}
				n := max(1, math.Ceil(length/step))
				for k := range int(n) {
					f := (float64(k) + 0.5) / n
					do(orb.Point{p[0] + f*dx, p[1] + f*dy}, outward, length/n)
				}
			}
		}
	}
}

// turns is twice the signed area of a closed ring, positive counter-clockwise.
func turns(ring orb.Ring) float64 {
	var s float64
	for i := 0; i+1 < len(ring); i++ {
		p, q, o := ring[i], ring[i+1], ring[0]
		s += (p[0]-o[0])*(q[1]-o[1]) - (q[0]-o[0])*(p[1]-o[1])
	}
	return s
}
