package planning

import (
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

var zone38, _ = land.ByEPSG(4546)

// Ensure that a scrap is told by its area on the ellipsoid: 60 km from the central
// meridian the plane makes 9.9996 m² ten and more.
func TestAScrapIsMeasuredOnTheEllipsoid(t *testing.T) {
	box := func(x0, y0, x1, y1 float64) orb.Polygon {
		return orb.Polygon{{{560000 + x0, 4013000 + y0}, {560000 + x1, 4013000 + y0}, {560000 + x1, 4013000 + y1}, {560000 + x0, 4013000 + y1}, {560000 + x0, 4013000 + y0}}}
	}
	field := box(0, 0, 100, 100)
	for name, c := range map[string]struct {
		piece orb.Polygon
		scrap bool
	}{
		"10.0005 m² in the plane": {box(100, 0, 102, 5.00025), true},
		"10.0020 m² in the plane": {box(100, 0, 102, 5.001), false},
	} {
		out := &candidate{direction: "out", number: "C1", verdict: "eligible", geom: orb.MultiPolygon{box(102, 0, 150, 100)}}
		owners := newScrapOwners(&survey{zone: zone38, candidates: []*candidate{out}}, Options{})
		kept, err := owners.share(t.Context(), fixedParcel{fid: 1, geom: orb.MultiPolygon{field, c.piece}, cutBy: []string{"C1"}})
		if err != nil {
			t.Fatal(err)
		}
		if given := len(owners.scraps[out]) == 1; given != c.scrap || len(kept) == 1 != c.scrap {
			t.Errorf("%s: given to the candidate %v, %d pieces kept", name, given, len(kept))
		}
	}
}
