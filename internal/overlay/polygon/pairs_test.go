package polygon

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"

	"gengheng/internal/land"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// More pairs by hand: make pairs PAIRS=10000000 SEED=7.
var (
	hostilePairs = flag.Int("hostile", 6000, "valid pairs that are compared with doubles in strips, rational numbers and PostGIS")
	hostileFound = flag.String("found", "", "file that pairs found wrong are added to, in the corpus's form")
)

// Of the answers, one in exactShare goes to rational numbers in any case, one in
// postgisShare to PostGIS.
const exactShare, postgisShare = 20000, 80

// areaTolerance in m² is what is asked of areas, a tenth of what is promised. Areas
// of geometry, whose coordinates are rounded, must be as near as promised.
const areaTolerance = precision / 10

// judged counts what happened to pairs of one kind.
type counts struct {
	pairs, invalid, refused, certified, doubtful, exact, postgis, postgisOff, wrong int
	doubts                                                                          Doubt
	worst, worstResult, worstGeometry                                               float64
}

// hunt looks for pairs about which the engine is wrong and no certificate says so.
type hunt struct {
	t       *testing.T
	rng     *rand.Rand
	slabs   slabs
	valid   validity
	kinds   map[string]*counts
	db      *store.DB
	waiting []answer // for PostGIS
	found   int
}

// answer is a certified result of a pair.
type answer struct {
	operation string
	pair      pair
	geometry  orb.MultiPolygon
	planar    float64
}

// TestPairs compares pairs made to be hard, their overlap, difference, intersection
// and union. All areas are compared with those that doubles give in strips, with
// a bound on their rounding; where that is not enough, and in one answer of twenty
// thousand anyway, rational numbers decide. All geometries are judged exactly,
// and compared with the operands point by point, as areas of what differs. One answer
// in eighty goes to PostGIS too. What no certificate caught fails the test.
func TestPairs(t *testing.T) {
	h := &hunt{t: t, rng: rand.New(rand.NewPCG(*oracleSeed, 21)), kinds: map[string]*counts{}, db: storetest.New(t)}
	begin, total := time.Now(), *hostilePairs
	if testing.Short() {
		total /= 10
	}
	for done := 0; done < total && h.found < 20; {
		if h.pair() {
			done++
			if done%100000 == 0 {
				t.Logf("%d pairs in %v%s", done, time.Since(begin).Round(time.Second), h.report())
			}
		}
		if len(h.waiting) >= 2000 {
			h.askPostGIS()
		}
	}
	h.askPostGIS()
	t.Logf("%d pairs in %v%s", total, time.Since(begin).Round(time.Second), h.report())
}

func (h *hunt) report() string {
	var kinds []string
	var all counts
	var b strings.Builder
	for kind := range h.kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		c := h.kinds[kind]
		all.add(c)
		fmt.Fprintf(&b, "\n%-24s %+v", kind, *c)
	}
	fmt.Fprintf(&b, "\n%-24s %+v", "all", all)
	return b.String()
}

func (c *counts) add(d *counts) {
	c.pairs, c.invalid, c.refused, c.certified = c.pairs+d.pairs, c.invalid+d.invalid, c.refused+d.refused, c.certified+d.certified
	c.doubtful, c.exact, c.postgis = c.doubtful+d.doubtful, c.exact+d.exact, c.postgis+d.postgis
	c.postgisOff, c.wrong, c.doubts = c.postgisOff+d.postgisOff, c.wrong+d.wrong, c.doubts|d.doubts
	c.worst, c.worstResult, c.worstGeometry = max(c.worst, d.worst), max(c.worstResult, d.worstResult), max(c.worstGeometry, d.worstGeometry)
}

// pair makes a pair and judges it; false if it was not valid.
func (h *hunt) pair() bool {
	p, zone := hostilePair(h.rng)
	c := h.kinds[p.kind]
	if c == nil {
		c = &counts{}
		h.kinds[p.kind] = c
	}
	if h.rng.IntN(200) == 0 && len(p.a) > 0 { // sets of squares may be empty
		h.refused(c, p)
	}
	a, b := prepare(h.t, p.a), prepare(h.t, p.b)
	da, db := h.valid.judge(p.a), h.valid.judge(p.b)
	for _, operand := range []struct {
		c      *Candidate
		defect defect
	}{{a, da}, {b, db}} {
		if operand.defect == crossed && operand.c.Valid() || operand.defect == sound && !operand.c.Valid() {
			h.wrong(c, p, "operand is %q, the engine calls it valid: %v", operand.defect, operand.c.Valid())
		}
	}
	if da != sound || db != sound {
		c.invalid++
		return false
	}
	c.pairs++
	overlap := h.overlay(c, p, a, zone)
	h.result(c, "difference", p, Difference(a, b, zone), nil)
	switch h.rng.IntN(3) { // these two in one pair of three each, which saves time
	case 0:
		h.result(c, "intersection", p, Intersection(a, b, zone), overlap)
	case 1:
		h.result(c, "union", p, Union([]*Candidate{a, b}, zone), nil)
	}
	return true
}

// result judges a result that consists of geometry; known is geometry of the same
// operation that has been judged.
func (h *hunt) result(c *counts, operation string, p pair, r Result, known orb.MultiPolygon) {
	if !h.certified(c, r.Doubt) {
		return
	}
	if math.Abs(planarOf(r.Geometry)-r.Planar) > areaTolerance {
		h.wrong(c, p, "%s has planar area %.9f, its geometry %.9f", operation, r.Planar, planarOf(r.Geometry))
	}
	if known == nil || !r.Geometry.Equal(known) {
		h.answer(c, answer{operation, p, r.Geometry, r.Planar}, false)
	}
}

func (h *hunt) certified(c *counts, d Doubt) bool {
	c.doubts |= d
	if d != 0 {
		c.doubtful++
		return false
	}
	c.certified++
	return true
}

// overlay judges the pair as a layer of one feature and a candidate, and gives the
// geometry found.
func (h *hunt) overlay(c *counts, p pair, a *Candidate, zone land.Zone) orb.MultiPolygon {
	layer, err := Index([]orb.MultiPolygon{p.b}, zone)
	if err != nil {
		h.t.Fatal(err)
	}
	var o Overlap
	if out, _ := layer.Overlay(a, true); len(out) > 0 {
		o = out[0]
	}
	areas, _ := layer.Overlay(a, false)
	switch {
	case o.Doubt != 0:
	case o.Geometry != nil && (len(areas) != 1 || areas[0].Doubt != 0 || areas[0].Area != o.Area):
		h.wrong(c, p, "without geometry %+v, with it %.9f", areas, o.Area)
	case len(areas) > 0:
		o.Planar = areas[0].Planar // what is thinner than coordinates can show has no geometry
	}
	if !h.certified(c, o.Doubt) {
		return nil
	}
	if o.Geometry != nil {
		if area := land.AdditiveArea(o.Geometry, zone); math.Abs(area-o.Area) > precision+areaTolerance {
			h.wrong(c, p, "overlap has area %.9f, its geometry %.9f", o.Area, area)
		}
	}
	h.answer(c, answer{"intersection", p, o.Geometry, o.Planar}, true)
	return o.Geometry
}

// slivers bounds what is thinner than coordinates can show, and what putting
// vertices together may move: the boundaries' length times 64 units in the last
// place.
func slivers(p pair) float64 {
	length, far := 0.0, 0.0
	for _, mp := range [2]orb.MultiPolygon{p.a, p.b} {
		for _, polygon := range mp {
			for _, ring := range polygon {
				for i := 1; i < len(ring); i++ {
					length += math.Hypot(ring[i][0]-ring[i-1][0], ring[i][1]-ring[i-1][1])
					far = max(far, math.Abs(ring[i][0]), math.Abs(ring[i][1]))
				}
			}
		}
	}
	return 64 * 0x1p-52 * far * length
}

// answer judges a certified result: its area, and its geometry, of which only
// slivers may not be where it should.
func (h *hunt) answer(c *counts, w answer, overlay bool) {
	in := map[string]func(a, b bool) bool{
		"intersection": func(a, b bool) bool { return a && b },
		"difference":   func(a, b bool) bool { return a && !b },
		"union":        func(a, b bool) bool { return a || b },
	}[w.operation]
	if w.geometry != nil {
		if d := h.valid.judge(w.geometry); d != sound {
			h.wrong(c, w.pair, "%s is not valid: %s\n%s", w.operation, d, wkt.MarshalString(w.geometry))
			return
		}
		h.slabs.measure(w.pair.a, w.pair.b, w.geometry)
	} else {
		h.slabs.measure(w.pair.a, w.pair.b)
	}
	loose := slivers(w.pair)
	tolerance := areaTolerance
	if !overlay {
		tolerance = precision + areaTolerance
	}
	area := h.slabs.area(func(set int) bool { return in(set&1 != 0, set&2 != 0) })
	other := h.slabs.area(func(set int) bool { return in(set&1 != 0, set&2 != 0) != (set&4 != 0) })
	off := math.Abs(area - w.planar)
	if !(off+h.slabs.bound <= tolerance) || h.rng.IntN(exactShare) == 0 {
		c.exact++
		if off = math.Abs(exactOf(w.operation, w.pair) - w.planar); off > tolerance {
			h.wrong(c, w.pair, "%s: planar %.12g, exactly %.12g", w.operation, w.planar, exactOf(w.operation, w.pair))
			return
		}
	}
	if overlay {
		c.worst = max(c.worst, off)
	} else {
		c.worstResult = max(c.worstResult, off)
	}
	if other > areaTolerance+loose+h.slabs.bound {
		h.wrong(c, w.pair, "%s: %.12g of the geometry is not where it should be\n%s", w.operation, other, wkt.MarshalString(w.geometry))
		return
	}
	c.worstGeometry = max(c.worstGeometry, other)
	if h.rng.IntN(postgisShare) == 0 {
		h.waiting = append(h.waiting, w)
	}
}

// exactOf is a result's planar area in rational numbers.
func exactOf(operation string, p pair) float64 {
	common := exactArea(p.a, p.b)
	switch operation {
	case "union":
		return exactArea(p.a, p.a) + exactArea(p.b, p.b) - common
	case "difference":
		return exactArea(p.a, p.a) - common
	}
	return common
}

// askPostGIS has the answers that wait compared with GEOS OverlayNG and judged
// by ST_IsValid, a batch for each operation.
func (h *hunt) askPostGIS() {
	for _, operation := range []string{"intersection", "difference", "union"} {
		var pairs []pair
		var found []orb.MultiPolygon
		var asked []answer
		for _, w := range h.waiting {
			if w.operation == operation {
				pairs, found, asked = append(pairs, w.pair), append(found, w.geometry), append(asked, w)
			}
		}
		if len(asked) == 0 {
			continue
		}
		for i, j := range judge(h.t, h.db.Pool, operation, pairs, found) {
			w, c := asked[i], h.kinds[pairs[i].kind]
			c.postgis++
			tolerance := 10*areaTolerance + slivers(w.pair)
			switch {
			case !j.valid:
				h.wrong(c, w.pair, "PostGIS calls an operand invalid that is valid")
			case !j.geometryValid:
				h.wrong(c, w.pair, "%s: PostGIS calls the geometry invalid: %s\n%s", operation, j.reason, wkt.MarshalString(w.geometry))
			case j.failed || math.Abs(j.area-w.planar) > tolerance:
				c.postgisOff++ // it snaps where noding fails
				if want := exactOf(operation, w.pair); math.Abs(want-w.planar) > tolerance {
					h.wrong(c, w.pair, "%s: planar %.12g, PostGIS %.12g, exactly %.12g", operation, w.planar, j.area, want)
				}
			}
		}
	}
	h.waiting = h.waiting[:0]
}

// refused sees that a coordinate that no county has is refused by name.
func (h *hunt) refused(c *counts, p pair) {
	bad := p.a.Clone()
	polygon := h.rng.IntN(len(bad))
	ring := h.rng.IntN(len(bad[polygon]))
	vertex := h.rng.IntN(len(bad[polygon][ring]))
	far := []float64{1e15, -1e15, 1e15 * h.rng.Float64(), math.Inf(1), math.NaN(), 1.0001e8, math.MaxFloat64}[h.rng.IntN(7)]
	if math.Abs(far) <= maxCoordinate {
		far = 1e15
	}
	bad[polygon][ring][vertex][h.rng.IntN(2)] = far
	want := fmt.Sprintf("polygon %d, ring %d, vertex %d", polygon+1, ring+1, vertex+1)
	_, prepared := Prepare(bad)
	_, indexed := Index([]orb.MultiPolygon{p.b, bad}, zone37)
	for _, err := range []error{prepared, indexed} {
		if err == nil || !strings.Contains(err.Error(), want) {
			h.wrong(c, p, "with the coordinate %g: error %v does not say %q", far, err, want)
		}
	}
	c.refused++
}

// wrong reports a pair and keeps it.
func (h *hunt) wrong(c *counts, p pair, format string, args ...any) {
	h.t.Helper()
	c.wrong++
	h.found++
	h.t.Errorf("%s: %s\n%s", p.kind, fmt.Sprintf(format, args...), describe(p))
	if *hostileFound == "" {
		return
	}
	f, err := os.OpenFile(*hostileFound, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "\n%s\n%v\n%s\n", p.kind, exactArea(p.a, p.b), describe(p)); err != nil {
		h.t.Fatal(err)
	}
}
