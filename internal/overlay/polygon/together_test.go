package polygon

import (
	"testing"

	"github.com/paulmach/orb"
)

func TestHangsTogether(t *testing.T) {
	ring := func(points ...orb.Point) orb.Ring { return append(orb.Ring(points), points[0]) }
	shell := ring(orb.Point{0, 0}, orb.Point{5, 0}, orb.Point{10, 0}, orb.Point{10, 10}, orb.Point{5, 10}, orb.Point{0, 10})
	hole := ring(orb.Point{5, 0}, orb.Point{4, 3}, orb.Point{5, 5}, orb.Point{6, 3})
	upper := ring(orb.Point{5, 5}, orb.Point{4, 7}, orb.Point{5, 10}, orb.Point{6, 7})
	beside := ring(orb.Point{5, 5}, orb.Point{8, 4}, orb.Point{8, 6})
	for name, tc := range map[string]struct {
		mp   orb.MultiPolygon
		want bool
	}{
		"a hole that touches the shell once":           {orb.MultiPolygon{{shell, hole}}, true},
		"holes in a row from side to side":             {orb.MultiPolygon{{shell, hole, upper}}, false},
		"three rings in one point":                     {orb.MultiPolygon{{shell, hole, beside}}, true},
		"a hole that touches the shell twice":          {orb.MultiPolygon{{shell, ring(orb.Point{5, 0}, orb.Point{4, 5}, orb.Point{5, 10}, orb.Point{6, 5})}}, false},
		"two polygons that touch, each whole":          {orb.MultiPolygon{{shell}, {ring(orb.Point{10, 0}, orb.Point{15, 0}, orb.Point{10, 10})}}, true},
		"the same in the second polygon of a multiple": {orb.MultiPolygon{{ring(orb.Point{20, 0}, orb.Point{25, 0}, orb.Point{20, 5})}, {shell, hole, upper}}, false},
	} {
		if got := hangsTogether(tc.mp); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
