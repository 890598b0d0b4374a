// Package coverage finds where polygons that ought to tile the plane (地类图斑,
// 行政区, 坡度图) overlap, leave gaps, or reach over the edge of a frame.
//
// In a clean coverage every directed edge of one polygon is the reverse of
// exactly one edge of its neighbour. Only what has no such partner can bound
// an overlap, a gap or the outer rim; in real surveys that is a tiny part of
// the edges, so the exact geometry has to look at very little. Coordinates are
// metres in the county plane on a lattice of 0.0001 m (TD/T 1055: four
// decimals), which makes "the same edge" an exact question.
package coverage

import (
	"cmp"
	"math"
	"slices"

	"github.com/paulmach/orb"
)

// lattice is the number of coordinate units in a metre.
const lattice = 10000

// Each edge is kept as one word: a hash of its two ends, and in the two low
// bits its direction and whether it belongs to the frame.
const (
	bitReverse = 1
	bitFrame   = 2
	tagBits    = 2
)

type vertex struct{ x, y int64 }

func toVertex(p orb.Point) vertex {
	return vertex{int64(math.Round(p[0] * lattice)), int64(math.Round(p[1] * lattice))}
}

func (v vertex) point() orb.Point {
	return orb.Point{float64(v.x) / lattice, float64(v.y) / lattice}
}

func (v vertex) compare(w vertex) int {
	return cmp.Or(cmp.Compare(v.x, w.x), cmp.Compare(v.y, w.y))
}

// edge is undirected: lo < hi.
type edge struct{ lo, hi vertex }

func newEdge(a, b vertex) (e edge, reversed bool) {
	if a.compare(b) > 0 {
		return edge{b, a}, true
	}
	return edge{a, b}, false
}

func (e edge) hash() uint64 {
	h := uint64(e.lo.x)*0x9E3779B97F4A7C15 ^ uint64(e.lo.y)*0xC2B2AE3D27D4EB4F
	h = (h ^ h>>29) * 0xBF58476D1CE4E5B9
	h ^= uint64(e.hi.x)*0x165667B19E3779F9 ^ uint64(e.hi.y)*0x27D4EB2F165667C5
	h = (h ^ h>>32) * 0x94D049BB133111EB
	return h ^ h>>29
}

// Checker collects polygons one by one. The polygons themselves are not kept:
// an edge costs eight bytes. The zero value is ready for use.
type Checker struct {
	words  []uint64
	spans  [][2]int // of polygon i in words
	bounds []orb.Bound
	frame  []bool
	// lonely are the hashes of the edges without a partner, as far as hashes
	// can tell; Suspects fills it.
	lonely map[uint64]struct{}
}

// Add takes the next polygon of the coverage and returns its index. Exterior
// rings must run counter-clockwise and holes clockwise.
func (c *Checker) Add(mp orb.MultiPolygon) int { return c.add(mp, false) }

// AddFrame takes a polygon of the frame that the coverage has to fill, as a
// township (乡镇) of 行政区; frame polygons share the indices of Add.
func (c *Checker) AddFrame(mp orb.MultiPolygon) int { return c.add(mp, true) }

func (c *Checker) add(mp orb.MultiPolygon, frame bool) int {
	i := len(c.spans)
	c.spans, c.bounds, c.frame = append(c.spans, [2]int{}), append(c.bounds, orb.Bound{}), append(c.frame, frame)
	c.Replace(i, mp)
	return i
}

// Replace puts another geometry in the place of polygon i, as after a repair.
func (c *Checker) Replace(i int, mp orb.MultiPolygon) {
	from := len(c.words)
	eachEdge(mp, func(a, b vertex) {
		e, reversed := newEdge(a, b)
		word := e.hash() << tagBits
		if reversed {
			word |= bitReverse
		}
		if c.frame[i] {
			word |= bitFrame
		}
		c.words = append(c.words, word)
	})
	c.spans[i], c.bounds[i] = [2]int{from, len(c.words)}, mp.Bound()
}

// Len is the number of polygons added, frame included.
func (c *Checker) Len() int { return len(c.spans) }

// Bound is the extent of polygon i.
func (c *Checker) Bound(i int) orb.Bound { return c.bounds[i] }

// IsFrame tells whether polygon i came by AddFrame.
func (c *Checker) IsFrame(i int) bool { return c.frame[i] }

func eachEdge(mp orb.MultiPolygon, yield func(a, b vertex)) {
	for _, polygon := range mp {
		for _, ring := range polygon {
			if len(ring) == 0 {
				continue
			}
			a := toVertex(ring[0])
			for _, p := range ring[1:] {
				b := toVertex(p)
				if a != b {
					yield(a, b)
				}
				a = b
			}
		}
	}
}

// tally counts the uses of one undirected edge by side.
type tally struct{ forward, backward, frameForward, frameBackward int }

func (t *tally) count(tag uint64) {
	switch tag {
	case 0:
		t.forward++
	case bitReverse:
		t.backward++
	case bitFrame:
		t.frameForward++
	default:
		t.frameBackward++
	}
}

// partnered: nothing can begin or end here. Twice the same edge in the same
// direction is no partner even where the directions cancel out, so that a
// polygon lying there twice is outlined by itself.
func (t tally) partnered() bool {
	tiles, frame := [2]int{t.forward, t.backward}, [2]int{t.frameForward, t.frameBackward}
	none, both := [2]int{0, 0}, [2]int{1, 1}
	if (tiles == none || tiles == both) && (frame == none || frame == both) {
		return true
	}
	return tiles == frame && (tiles == [2]int{1, 0} || tiles == [2]int{0, 1})
}

// Suspects returns the indices of the polygons with an edge that has no
// partner, in order. Two edges whose hashes coincide can only add suspects or,
// with a probability below 1e-6 for a whole county, hide one.
func (c *Checker) Suspects() []int {
	sorted := make([]uint64, 0, len(c.words))
	for _, span := range c.spans {
		sorted = append(sorted, c.words[span[0]:span[1]]...)
	}
	slices.Sort(sorted)
	c.lonely = map[uint64]struct{}{}
	for i := 0; i < len(sorted); {
		var t tally
		h := sorted[i] >> tagBits
		for ; i < len(sorted) && sorted[i]>>tagBits == h; i++ {
			t.count(sorted[i] & (bitReverse | bitFrame))
		}
		if !t.partnered() {
			c.lonely[h] = struct{}{}
		}
	}
	if len(c.lonely) == 0 {
		return nil
	}
	var suspects []int
	for i, span := range c.spans {
		for _, w := range c.words[span[0]:span[1]] {
			if _, ok := c.lonely[w>>tagBits]; ok {
				suspects = append(suspects, i)
				break
			}
		}
	}
	return suspects
}
