package polygon

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// TestIndexInParts: how many processors index a layer has no bearing on it.
func TestIndexInParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	var features []orb.MultiPolygon
	for i := range 40 {
		x, y, w := 4e5+100*rng.Float64(), 4e6+100*rng.Float64(), 1+30*rng.Float64()
		f := orb.MultiPolygon{{{{x, y}, {x + w, y}, {x + w, y + w}, {x, y + w}, {x, y}}, {{x + w/4, y + w/4}, {x + w/4, y + w/2}, {x + w/2, y + w/2}, {x + w/4, y + w/4}}}}
		switch i % 5 {
		case 1: // crosses itself
			f[0] = orb.Polygon{{{x, y}, {x + w, y + w}, {x + w, y}, {x, y + w}, {x, y}}}
		case 2:
			f = nil
		case 4: // touches itself in the middle of an edge, which is given a vertex
			f[0] = orb.Polygon{f[0][0], {{x + w/2, y}, {x + w/4, y + w/2}, {x + w/2, y + w/2}, {x + w/2, y}}}
		case 3: // enough rings for groups
			for k := range 20 {
				dx := 50 * float64(k+1)
				f = append(f, orb.Polygon{{{x + dx, y}, {x + dx + w/9, y}, {x + dx, y + w/9}, {x + dx, y}}})
			}
		}
		features = append(features, f)
	}
	zone := land.Zone{Number: 37}
	one, err := indexIn(features, zone, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range []int{2, 3, 7, 40} {
		several, err := indexIn(features, zone, parts)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(one.flat.feats, several.flat.feats) || !reflect.DeepEqual(one.tree, several.tree) {
			t.Fatalf("in %d parts: other features", parts)
		}
		for f := range features {
			if a, b := one.feature(f), several.feature(f); !reflect.DeepEqual(a, b) {
				t.Fatalf("in %d parts: feature %d is %+v, not %+v", parts, f, b, a)
			}
		}
	}
	features[25] = orb.MultiPolygon{{{{1e9, 0}, {2e9, 0}, {2e9, 1}, {1e9, 0}}}}
	for _, parts := range []int{1, 4} {
		if _, err := indexIn(features, zone, parts); err == nil || !strings.Contains(err.Error(), "feature 26,") {
			t.Errorf("in %d parts: %v", parts, err)
		}
	}
}

// Ensure that a feature which is compared with itself only when it is asked for
// is what it would be at once, also for many who ask at the same time.
func TestComparedLateIsTheSame(t *testing.T) {
	features := slices.Repeat([]orb.MultiPolygon{
		parse(t, "POLYGON((0 0,10 0,10 10,0 10,0 0))"),
		parse(t, "POLYGON((0 0,10 0,10 10,0 10,0 0),(5 0,4 5,6 5,5 0))"),                           // a corner on an edge
		parse(t, "POLYGON((0 0,5 0,10 0,10 10,0 10,0 0),(5 0,4 5,6 5,5 0))"),                       // two corners on each other
		parse(t, "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)),((4 2,8 0,8 4,4 2)))"),                      // parts that touch
		parse(t, "POLYGON((0 0,10 10,10 0,0 10,0 0))"),                                             // crosses itself
		parse(t, "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 6,6 6,6 2,2 2),(4 4,4 8,8 8,8 4,4 4))"), // holes overlap
		parse(t, "POLYGON((0 0,10 10,0 0))"),                                                       // encloses nothing
		nil,
	}, 40)
	l := layerOf(t, features...)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for f, mp := range features {
				if got, want := l.feature(f), prepare(t, mp).operand; !reflect.DeepEqual(got, want) {
					t.Errorf("feature %d is %+v, want %+v", f, got, want)
				}
			}
		})
	}
	group.Wait()
	bad := 0
	for f := range features {
		if prepare(t, features[f]).flaws.invalid() {
			bad++
		}
	}
	if got := len(layerOf(t, features...).Invalid()); got != bad || bad != 120 {
		t.Errorf("%d features are not valid, want %d", got, bad)
	}
}
