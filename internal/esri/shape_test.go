package esri

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/collection"
)

// sheets draws polygons side by side, each with up to two holes and, in a hole, up
// to one polygon more; every ring begins anywhere and runs either way.
func sheets(t *rapid.T) (mp orb.MultiPolygon, mixed [][][]float64) {
	box := func(x, y, d float64) orb.Ring {
		return orb.Ring{{x, y}, {x + d, y}, {x + d, y + d}, {x, y + d}, {x, y}}
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "polygons") {
		x := 510000 + float64(i)*100
		polygon := orb.Polygon{box(x, 4000000, 90)}
		holes := rapid.IntRange(0, 2).Draw(t, "holes")
		for k := range holes {
			polygon = append(polygon, box(x+10+float64(k)*40, 4000010, 30))
		}
		mp = append(mp, polygon)
		if holes > 0 && rapid.Bool().Draw(t, "island") {
			mp = append(mp, orb.Polygon{box(x+15, 4000015, 10)})
		}
	}
	for _, polygon := range mp {
		for k, ring := range polygon {
			ring = slices.Clone(ring)
			if (ring.Orientation() == orb.CW) != (k == 0) { // as Esri has it
				slices.Reverse(ring)
			}
			turn := rapid.IntRange(0, 3).Draw(t, "start")
			open := append(slices.Clone(ring[turn:len(ring)-1]), ring[:turn]...)
			var list [][]float64
			for _, p := range append(open, open[0]) {
				list = append(list, []float64{p[0], p[1]})
			}
			mixed = append(mixed, list)
		}
	}
	return mp, rapid.Permutation(mixed).Draw(t, "order")
}

// shapes is polygons without the order of rings and vertices: of each the corner
// and the width, holes after their outline.
func shapes(mp orb.MultiPolygon) map[[2]float64][][2]float64 {
	out := map[[2]float64][][2]float64{}
	for _, polygon := range mp {
		key := func(r orb.Ring) [2]float64 {
			return [2]float64{r.Bound().Min[0], r.Bound().Max[0] - r.Bound().Min[0]}
		}
		holes := [][2]float64{}
		for _, hole := range polygon[1:] {
			holes = append(holes, key(hole))
		}
		slices.SortFunc(holes, func(a, b [2]float64) int { return int(a[0] - b[0]) })
		out[key(polygon[0])] = holes
	}
	return out
}

// pointed are rings as they are read from JSON, where a number may be missing.
func pointed(rings [][][]float64) [][][]*float64 {
	out := make([][][]*float64, len(rings))
	for i, ring := range rings {
		for _, v := range ring {
			out[i] = append(out[i], []*float64{&v[0], &v[1]})
		}
	}
	return out
}

// Rings in any order find their outlines again, islands in lakes too.
func TestPolygonsOf_FindsEveryHolesOutline(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want, rings := sheets(t)
		got, err := polygonsOf(pointed(rings), true)
		if err != nil || !reflect.DeepEqual(shapes(got), shapes(want)) {
			t.Fatalf("%v: %v, want %v", err, got, want)
		}
	})
}

// What is written is what was read: every ring in its place, outlines clockwise.
func TestRings_GoThereAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mp, _ := sheets(t)
		var b bytes.Buffer
		newPen(3, nil).rings(&b, mp)
		var v struct{ Rings [][][]*float64 }
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatalf("%v: %s", err, b.Bytes())
		}
		back, err := polygonsOf(v.Rings, true)
		if err != nil || !reflect.DeepEqual(shapes(back), shapes(mp)) {
			t.Fatalf("%v: %s", err, b.Bytes())
		}
	})
}

// Steps on a grid add up to the vertices, to half a step.
func TestQuantized_AddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mp, _ := sheets(t)
		z := &quantization{step: rapid.Float64Range(0.01, 4).Draw(t, "step"), x: 510000, y: 4000100, upper: rapid.Bool().Draw(t, "upper")}
		var b bytes.Buffer
		newPen(3, z).rings(&b, mp)
		var v struct{ Rings [][][2]float64 }
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatalf("%v: %s", err, b.Bytes())
		}
		for _, ring := range v.Rings {
			x, y := 0.0, 0.0
			for _, p := range ring {
				x, y = x+p[0], y+p[1]
				up := y
				if z.upper {
					up = -y
				}
				at := orb.Point{z.x + x*z.step, z.y + up*z.step}
				if !slices.ContainsFunc(mp, func(polygon orb.Polygon) bool {
					return slices.ContainsFunc(polygon, func(r orb.Ring) bool {
						return slices.ContainsFunc(r, func(p orb.Point) bool {
							return math.Abs(p[0]-at[0]) <= z.step*0.5001 && math.Abs(p[1]-at[1]) <= z.step*0.5001
						})
					})
				}) {
					t.Fatalf("%v is no vertex: %s", at, b.Bytes())
				}
			}
		}
	})
}

// Whatever is sent as a geometry is read or refused with a problem.
func FuzzReadGeometry(f *testing.F) {
	for _, seed := range []string{"1,2", "1,2,3,4", `{"rings":[[[0,0],[0,1],[1,1],[0,0]]]}`, `{"x":1,"y":2}`, `{"paths":[[[0,0],[1,1]]]}`, `{"points":[[1,2]]}`, "{", "NaN,1", `{"rings":[[]]}`, `{"xmin":1,"ymin":2,"xmax":3,"ymax":4}`} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, kind string) {
		g, err := readGeometry(text)
		if err == nil {
			_, _, err = g.shape(kind)
		}
		var p *Problem
		if err != nil && (!errors.As(err, &p) || p.Detail == "") {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// Who finds every place taken is told to come again.
func TestBounded_TellsToComeAgain(t *testing.T) {
	t.Parallel()
	s := New()
	s.patience = 0
	for range concurrent {
		s.readers <- struct{}{}
	}
	called := false
	handle := s.bounded(func(*Call) error { called = true; return nil })
	c := &Call{R: httptest.NewRequest(http.MethodGet, "/", nil), W: httptest.NewRecorder(), Values: url.Values{}}
	var p *Problem
	if err := handle(c); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || called {
		t.Errorf("every place is taken: %v", err)
	}
	<-s.readers
	s.patience = patience
	if err := handle(c); err != nil || !called {
		t.Errorf("a place is free: %v", err)
	}
	if len(s.readers) != concurrent-1 {
		t.Errorf("the place was not given back: %d taken", len(s.readers))
	}
	s.readers <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.R = c.R.WithContext(ctx)
	if err := handle(c); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
}

// What is sent as it stands is no change.
func TestStanding_LeavesOutWhatIsTheSame(t *testing.T) {
	t.Parallel()
	row := standing{values: map[string]any{"CUN": "", "SBMJ": 12.5, "NZDL": "0103", "YT": nil}}
	same := map[string]any{"CUN": nil, "SBMJ": json.Number("12.50"), "NZDL": "0103", "YT": ""}
	if got := row.changed(same); len(got) != 0 {
		t.Errorf("%v is a change", got)
	}
	other := map[string]any{"CUN": "村", "SBMJ": nil, "NZDL": "", "YT": "种粮", "NOSUCH": nil}
	if got := row.changed(other); len(got) != len(other) {
		t.Errorf("%v is what changed", got)
	}
}

// A layer's number never changes, whatever layers there are.
func TestLayerNumber(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]int{"townships": 0, "parcels": 1, "candidates_in": 2, "candidates_out": 3, "findings": 4, "remainders": 5, "plan_parcels": 6, "YJJBNTTB": 463566} {
		if got := layerNumber(&collection.Collection{ID: id}); got != want {
			t.Errorf("%s is layer %d, want %d", id, got, want)
		}
	}
}
