package tiles

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"pgregory.net/rapid"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

type blob int

func (b blob) bytes() int { return int(b) }

// The cache never holds more than its bytes, gives what was put last under a key,
// and keeps what was used last.
func TestCache_IsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2000, 20000).Draw(t, "limit")
		c := newCache(limit)
		put := map[string]blob{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "key"))
			if rapid.Bool().Draw(t, "put") {
				v := blob(rapid.IntRange(0, limit/3).Draw(t, "size"))
				c.put(key, v)
				put[key] = v
				if got, ok := c.get(key); ok != (int(v)+len(key)+overhead <= limit/4) || ok && got != sized(v) {
					t.Fatalf("%s: %v, %v", key, got, ok)
				}
			} else if got, ok := c.get(key); ok && got != sized(put[key]) {
				t.Fatalf("%s gives %v, %v was put", key, got, put[key])
			}
			sum := 0
			for _, e := range c.entries {
				sum += e.Value.(*entry).size
			}
			if sum != c.used || c.used > limit || len(c.entries) != c.order.Len() {
				t.Fatalf("%d bytes in %d entries, counted %d, limit %d", sum, len(c.entries), c.used, limit)
			}
		}
	})
}

// Who asks while a look-up is under way gets one that began after they asked; many
// who ask at once share one.
func TestJoined_SeesWhatWasBefore(t *testing.T) {
	t.Parallel()
	j := newJoined[int64]()
	var written, loads atomic.Int64
	load := func(context.Context) (int64, error) {
		loads.Add(1)
		return written.Load(), nil
	}
	var wg sync.WaitGroup
	const askers, rounds = 20, 100
	for range askers {
		wg.Go(func() {
			for range rounds {
				mine := written.Add(1)
				got, err := j.get(t.Context(), "k", load)
				if err != nil || got < mine {
					t.Errorf("%d was written before, %d seen (%v)", mine, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n > askers*rounds {
		t.Errorf("%d look-ups for %d questions", n, askers*rounds)
	}
	// held back, all that come meanwhile share the next one
	hold, began := make(chan struct{}), make(chan struct{})
	loads.Store(0)
	go func() {
		_, _ = j.get(t.Context(), "k", func(context.Context) (int64, error) { close(began); <-hold; return 0, nil })
	}()
	<-began
	var asked sync.WaitGroup
	for range 10 {
		wg.Add(1)
		asked.Add(1)
		go func() {
			defer wg.Done()
			asked.Done()
			if _, err := j.get(t.Context(), "k", load); err != nil {
				t.Error(err)
			}
		}()
	}
	asked.Wait()
	for waiting := true; waiting; { // until the next look-up is asked for
		j.mu.Lock()
		waiting = j.next["k"] == nil
		j.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	close(hold)
	wg.Wait()
	if len(j.running) != 0 || len(j.next) != 0 {
		t.Error("look-ups are left")
	}
}

// A panic while drawing is an error of that request and no more.
func TestJoined_SurvivesAPanic(t *testing.T) {
	t.Parallel()
	j := newJoined[int]()
	if _, err := j.get(t.Context(), "k", func(context.Context) (int, error) { panic("no") }); err == nil {
		t.Error("no error")
	}
	if v, err := j.get(t.Context(), "k", func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Error(v, err)
	}
}

// No more are drawn at a time than there are slots; who comes when the queue is
// full, or has waited long enough, is told 503; nothing is lost for good.
func TestGate_Overload(t *testing.T) {
	t.Parallel()
	g := newGate(2, 3, time.Hour)
	for range 2 {
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan error, 3)
	for range 3 {
		go func() { got <- g.enter(t.Context()) }()
	}
	for g.waiting.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	var p *collection.Problem
	if err := g.enter(t.Context()); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Kind != "tiles-overloaded" {
		t.Errorf("with a full queue: %v", err)
	}
	for range 3 {
		g.leave()
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone away: %v", err)
	}
	impatient := newGate(1, 1, time.Nanosecond)
	if err := impatient.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := impatient.enter(t.Context()); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
		t.Errorf("after waiting: %v", err)
	}
}

// The patches of a grid cover its cells and nothing else: exteriors less holes
// have each part's area, and a cell's middle lies inside what has its value.
func TestTrace_CoversTheGrid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n, values := rapid.IntRange(1, 12).Draw(t, "width"), rapid.IntRange(1, 3).Draw(t, "values")
		w := &window{any: true}
		ox, oy := rapid.SampledFrom([]int{0, 100, side - 12}).Draw(t, "x"), rapid.SampledFrom([]int{0, 100, side - 12}).Draw(t, "y")
		cells := map[uint16]int{}
		for y := range n {
			for x := range n {
				v := uint16(r.IntN(values + 1))
				w.cells[(oy+y)*side+ox+x] = v
				cells[v]++
			}
		}
		areas, shapes := map[uint16]int64{}, map[uint16]orb.MultiPolygon{}
		_, patches := w.patches()
		for _, p := range patches {
			var poly orb.Polygon
			for i, ring := range p.rings {
				a := doubleArea(ring)
				if (a > 0) != (i == 0) || len(ring) < 4 {
					t.Fatalf("ring %d of %d has twice the area %d", i, len(p.rings), a)
				}
				areas[p.value] += a
				var out orb.Ring
				for _, c := range append(ring, ring[0]) {
					out = append(out, orb.Point{float64(c.x), float64(c.y)})
				}
				poly = append(poly, out)
			}
			shapes[p.value] = append(shapes[p.value], poly)
		}
		for v := uint16(1); v <= uint16(values); v++ {
			if areas[v] != 2*int64(cells[v])*pixel*pixel {
				t.Fatalf("value %d: twice the area %d of %d cells", v, areas[v], cells[v])
			}
		}
		for y := range n {
			for x := range n {
				p := orb.Point{(float64(ox+x-rim) + 0.5) * pixel, (float64(oy+y-rim) + 0.5) * pixel}
				for v, mp := range shapes {
					if planar.MultiPolygonContains(mp, p) != (w.cells[(oy+y)*side+ox+x] == v) {
						t.Fatalf("cell %d,%d has %d, and %d covers it wrongly", x, y, w.cells[(oy+y)*side+ox+x], v)
					}
				}
			}
		}
	})
}

// Smoothed, the survey's classes still share the ground without a gap or an overlap, a
// layer's marks keep all that they had, no cell's middle changes hands, and there are no
// more corners than before.
func TestSmooth_KeepsWhatTheGridSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n, values := rapid.IntRange(2, 14).Draw(t, "width"), rapid.IntRange(1, 4).Draw(t, "values")
		slanting, sampled := rapid.Bool().Draw(t, "slanting"), rapid.Bool().Draw(t, "sampled")
		a, b := r.Float64()*3, r.Float64()*3
		value := func(x, y int) uint16 {
			if slanting { // bands across the grid
				return uint16(int(a*float64(x)+b*float64(y)) / 4 % (values + 1))
			}
			return uint16(r.IntN(values + 1))
		}
		w := &window{any: true}
		const o = 100
		for y := range n {
			for x := range n {
				v := value(x, y)
				if sampled {
					v++ // the ground has no gaps
				} else {
					v = min(v, 1)
				}
				w.cells[(o+y)*side+o+x] = v
			}
		}
		label, patches := w.patches()
		s := smoother{label: label, sampled: sampled}
		var sum, before int64
		shapes := map[uint16]orb.MultiPolygon{}
		for _, p := range patches {
			var poly orb.Polygon
			for i, ring := range p.rings {
				smooth := s.ring(ring)
				area := doubleArea(smooth)
				if (area > 0) != (i == 0) || len(smooth) < 3 {
					t.Fatalf("ring %d of %v has twice the area %d: %v", i, ring, area, smooth)
				}
				sum, before = sum+area, before+doubleArea(ring)
				var out orb.Ring
				for _, c := range append(smooth, smooth[0]) {
					out = append(out, orb.Point{float64(c.x), float64(c.y)})
				}
				poly = append(poly, out)
			}
			shapes[p.value] = append(shapes[p.value], poly)
		}
		if sampled && sum != before || sum < before {
			t.Fatalf("twice the area was %d and is %d", before, sum)
		}
		for y := range n {
			for x := range n {
				p := orb.Point{(float64(o+x-rim) + 0.5) * pixel, (float64(o+y-rim) + 0.5) * pixel}
				own := w.cells[(o+y)*side+o+x]
				for v, mp := range shapes {
					if in := planar.MultiPolygonContains(mp, p); own == v && !in || sampled && own != v && in {
						t.Fatalf("cell %d,%d has %d, and %d covers it: %v", x, y, own, v, in)
					}
				}
			}
		}
	})
}

// A slanting line of the grid is one of a few corners, not a staircase.
func TestSmooth_MakesSlopes(t *testing.T) {
	t.Parallel()
	for _, sampled := range []bool{true, false} {
		w := &window{any: true}
		for y := range 60 {
			for x := range 60 {
				if x*3 < y*2+20 {
					w.cells[(100+y)*side+100+x] = 1
				} else if sampled {
					w.cells[(100+y)*side+100+x] = 2
				}
			}
		}
		label, patches := w.patches()
		s := smoother{label: label, sampled: sampled}
		if was, is := len(patches[0].rings[0]), len(s.ring(patches[0].rings[0])); is > was*3/4 {
			t.Errorf("sampled %v: %d corners of %d", sampled, is, was)
		}
	}
}

// The biquadratic is off by less than a hundredth of a unit within the tile, in
// every zone of China and at every zoom from 12.
func TestFrame_AgreesWithTheProjection(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, _ := land.ByEPSG(rapid.IntRange(4513, 4554).Draw(t, "zone"))
		lon := zone.CentralMeridian() + rapid.Float64Range(-2, 2).Draw(t, "lon")
		lat := rapid.Float64Range(18, 53.5).Draw(t, "lat")
		z := rapid.IntRange(detail, maxZoom).Draw(t, "zoom")
		x, y := tileAt(z, lon, lat)
		f := newFrame(zone, address{z, x, y})
		b := f.degrees
		px, py := zone.Project(rapid.Float64Range(b[0], b[2]).Draw(t, "x"), rapid.Float64Range(b[1], b[3]).Draw(t, "y"))
		p := orb.Point{px, py}
		ex, ey := f.exact(p)
		if q := f.units(p); math.Abs(q[0]-ex) > 0.01 || math.Abs(q[1]-ey) > 0.01 {
			t.Fatalf("%v instead of %v, %v", q, ex, ey)
		}
		if !f.plane.Contains(p) {
			t.Fatalf("%v lies outside what is read, %v", p, f.plane)
		}
	})
}

// A polygon in the tile is never drawn as nothing, and what is drawn lies within
// the margin and has clockwise exteriors.
func TestDrawn_NeverVanishes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := orb.Point{rapid.Float64Range(0, Extent-1).Draw(t, "x"), rapid.Float64Range(0, Extent-1).Draw(t, "y")}
		w, h := rapid.Float64Range(1e-3, 300).Draw(t, "w"), rapid.Float64Range(1e-3, 300).Draw(t, "h")
		ring := orb.Ring{{c[0] - w, c[1]}, {c[0], c[1] - h}, {c[0] + w, c[1]}, {c[0], c[1] + h}, {c[0] - w, c[1]}}
		if rapid.Bool().Draw(t, "turned") {
			ring.Reverse()
		}
		mp := orb.MultiPolygon{{ring}}
		// before it is drawn, which cuts it at the margin
		if p, ok := label(mp, labelArea); ok && !planar.MultiPolygonContains(mp, p) {
			t.Fatalf("the label %v lies outside", p)
		}
		p, ok := label(mp, 0)
		if inside := c[0] >= 1 && c[1] >= h && c[1]+h < Extent; inside && !ok || ok && !planar.MultiPolygonContains(mp, p) {
			t.Fatalf("where all are labelled, this is at %v, %t", p, ok)
		}
		if out := drawn(nil, mp, mp.Bound()); len(out) == 0 {
			t.Fatal("nothing is drawn")
		}
	})
}
