package polygon

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// Layer is a set of features, indexed. To those who use it it is not changed after
// [Index] (small features are compared with themselves when first asked for), and may
// be used by many goroutines.
type Layer struct {
	flat flat
	tree packed
	zone land.Zone
	late late
}

// Index takes the features of a dataset version in the plane of zone. The
// features may overlap each other. It keeps copies of the coordinates.
//
// A coordinate that is not finite or beyond 1e8 is refused, with its place. A
// feature that is not valid is taken in, but all overlaps with it come back in
// doubt; [Layer.Invalid] names them.
func Index(features []orb.MultiPolygon, zone land.Zone) (*Layer, error) {
	parts := 1
	if points, _ := sizeOf(features); points > manyPoints {
		parts = min(runtime.GOMAXPROCS(0), len(features))
	}
	return indexIn(features, zone, parts)
}

// manyPoints is from how many vertices on a layer is indexed by all processors.
const manyPoints = 200_000

// indexIn indexes as many parts of the features at once.
func indexIn(features []orb.MultiPolygon, zone land.Zone, parts int) (*Layer, error) {
	l := &Layer{zone: zone}
	if parts <= 1 {
		if err := l.flat.addAll(features, 0); err != nil {
			return nil, err
		}
	} else {
		flats, errs := make([]flat, parts), make([]error, parts)
		var group sync.WaitGroup
		for p := range parts {
			from, to := len(features)*p/parts, len(features)*(p+1)/parts
			group.Go(func() { errs[p] = flats[p].addAll(features[from:to], from) })
		}
		group.Wait()
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
		l.flat.join(flats)
	}
	boxes := make([]box, len(features))
	for f := range features {
		boxes[f] = noBox
		if o := l.flat.view(f); o.levels > 0 {
			boxes[f] = *o.box()
		} else if o.flaws.invalid() {
			// Nothing is left of it, but it was somewhere.
			for _, polygon := range features[f] {
				for _, ring := range polygon {
					b := boxOf(ring)
					boxes[f].add(&b)
				}
			}
		}
	}
	l.tree = pack(boxes)
	l.late.known = make([]atomic.Uint32, len(features))
	return l, nil
}

// addAll adds the features of a layer from a place on.
func (s *flat) addAll(features []orb.MultiPolygon, from int) error {
	s.reserve(features)
	for i, f := range features {
		if err := s.lay(f); err != nil {
			return fmt.Errorf("叠加图层第 %d 个图斑 · overlay layer, feature %d, %w", from+i+1, from+i+1, err)
		}
		if last := len(s.feats) - 1; len(s.pts)-int(s.feats[last].pts) > comparedLate {
			s.findFlaws(last)
		}
	}
	return nil
}

// sizeOf counts the vertices, with some to spare, and the rings.
func sizeOf(features []orb.MultiPolygon) (points, rings int) {
	for _, f := range features {
		for _, polygon := range f {
			rings += len(polygon)
			for _, ring := range polygon {
				points += len(ring) + 1
			}
		}
	}
	return points, rings
}

func (s *flat) reserve(features []orb.MultiPolygon) {
	points, rings := sizeOf(features)
	s.pts = make([]orb.Point, 0, points)
	s.gap = make([]bool, 0, points)
	s.rings = make([]box, 0, rings)
	s.start = make([]int32, 0, rings+len(features))
	s.nodes = make([]box, 0, points/(fan-1)+2*len(features)+1)
	s.feats = make([]span, 0, len(features))
}

// Len is the number of features.
func (l *Layer) Len() int { return len(l.flat.feats) }

// Vertices is the number of vertices kept, the closing points of rings included.
func (l *Layer) Vertices() int { return len(l.flat.pts) }

// Bytes is the memory the layer keeps.
func (l *Layer) Bytes() int64 {
	size := func(n int, each uintptr) int64 { return int64(n) * int64(each) }
	f, t := &l.flat, &l.tree
	return int64(unsafe.Sizeof(*l)) +
		size(cap(f.pts), unsafe.Sizeof(orb.Point{})) + size(cap(f.gap), 1) + size(cap(f.start), 4) +
		size(cap(f.rings), unsafe.Sizeof(box{})) + size(cap(f.nodes), unsafe.Sizeof(box{})) +
		size(cap(f.groups), unsafe.Sizeof(box{})) + size(cap(f.feats), unsafe.Sizeof(span{})) +
		size(len(l.late.known), 4) + size(cap(t.order), 4) + size(cap(t.nodes), unsafe.Sizeof(box{})) + size(cap(t.level), 4)
}

// Invalid gives the features that cross themselves or have rings that enclose
// nothing.
func (l *Layer) Invalid() []int {
	var out []int
	l.CompareAll()
	for f := range l.flat.feats {
		if o := l.feature(f); o.flaws.invalid() {
			out = append(out, f)
		}
	}
	return out
}

// Candidate is a polygon made ready to be overlaid with layers. It is not
// changed and may be used by many goroutines.
type Candidate struct {
	operand
	// around is the box of the polygon as given.
	around box
	planar float64
}

// Prepare makes a polygon ready. It refuses coordinates as [Index] does.
func Prepare(mp orb.MultiPolygon) (*Candidate, error) {
	var s flat
	s.reserve([]orb.MultiPolygon{mp})
	if err := s.add(mp); err != nil {
		return nil, fmt.Errorf("叠加图形 · polygon to overlay: %w", err)
	}
	c := &Candidate{operand: s.view(0), around: noBox}
	for _, polygon := range mp {
		for _, ring := range polygon {
			b := boxOf(ring)
			c.around.add(&b)
		}
	}
	c.planar = c.operand.planarArea()
	return c, nil
}

// Candidate gives a valid feature of the layer as [Prepare] would, without
// preparing it again. It shares the layer's memory.
func (l *Layer) Candidate(f int) *Candidate {
	c := &Candidate{operand: l.feature(f), around: noBox}
	if c.levels > 0 {
		c.around = *c.box()
	}
	c.planar = c.operand.planarArea()
	return c
}

// Valid says whether the polygon neither crosses itself nor has rings that
// enclose nothing. Overlays with one that is not come back in doubt.
func (c *Candidate) Valid() bool { return !c.flaws.invalid() }

// Planar is the area in the plane, in m².
func (c *Candidate) Planar() float64 { return c.planar }

func (o *operand) planarArea() float64 {
	sum := 0.0
	for r := range o.rings {
		area, _ := planarRing(o.pts[o.start[r] : o.start[r+1]-1])
		sum += area
	}
	return sum
}

// Overlap is what one feature and the candidate have in common.
type Overlap struct {
	// Feature is the feature's place in the layer.
	Feature int
	// Area in m² on the ellipsoid, additive: parts of a cut add up.
	Area float64
	// Planar is the area in the plane, in m².
	Planar float64
	// Geometry is valid and in the canonical form of package overlay; nil when it
	// was not asked for or the overlap is in doubt.
	Geometry orb.MultiPolygon
	// Doubt is zero for a certified answer. Of an overlap in doubt nothing but
	// Feature may be used.
	Doubt Doubt
}

// Minimum is the planar area in m² up to which an overlap counts as touching and
// is not reported.
const Minimum = 1e-6

// precision in m² is how near geometry must come to the area that is sure, also
// where the rounding of coordinates excuses more: along edges of kilometres.
const precision = 1e-4

// Stats counts what was done.
type Stats struct {
	// Pairs had boxes that meet; Overlaps of them had area.
	Pairs, Overlaps int64
	// Degenerate pairs had vertices on edges, or vertices in common.
	Degenerate int64
	// Doubtful pairs failed a certificate; ByDoubt counts the certificates,
	// beginning with that of bit 0.
	Doubtful  int64
	ByDoubt   [7]int64
	Crossings int64
}

// Add adds another's counts.
func (s *Stats) Add(o Stats) {
	s.Pairs += o.Pairs
	s.Overlaps += o.Overlaps
	s.Degenerate += o.Degenerate
	s.Doubtful += o.Doubtful
	s.Crossings += o.Crossings
	for i := range s.ByDoubt {
		s.ByDoubt[i] += o.ByDoubt[i]
	}
}

func (s *Stats) count(e *engine, d Doubt) {
	s.Pairs++
	s.Crossings += int64(len(e.forward.crossings))
	if e.forward.degenerate {
		s.Degenerate++
	}
	if d != 0 {
		s.Doubtful++
	}
	for i := range s.ByDoubt {
		if d&(1<<i) != 0 {
			s.ByDoubt[i]++
		}
	}
}

// Overlay gives the overlaps of the candidate with the features, in the
// features' order, with their geometry if asked. Features that it only touches
// do not come; pairs in doubt always do.
func (l *Layer) Overlay(c *Candidate, geometry bool) ([]Overlap, Stats) {
	return l.OverlayExcept(c, geometry, func(int) bool { return false })
}

// OverlayExcept leaves out the features that skip names.
func (l *Layer) OverlayExcept(c *Candidate, geometry bool, skip func(feature int) bool) ([]Overlap, Stats) {
	var stats Stats
	e := engines.Get().(*engine)
	defer e.release()
	e.found = l.tree.search(&c.around, e.found[:0])
	slices.Sort(e.found)
	var out []Overlap
	for _, f := range e.found {
		if skip(int(f)) {
			continue
		}
		b := &e.feature
		*b = l.feature(int(f))
		if !(c.flaws | b.flaws).invalid() && apart(&c.operand, b) {
			stats.Pairs++
			continue
		}
		o := e.overlap(&c.operand, b, c.planar, l.zone, geometry)
		o.Feature = int(f)
		stats.count(e, o.Doubt)
		// What has no geometry is thinner than rounding everywhere.
		if o.Doubt != 0 || o.Planar > Minimum && !(geometry && o.Geometry == nil) {
			out = append(out, o)
			stats.Overlaps++
		}
	}
	return out, stats
}
