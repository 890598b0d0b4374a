package screening

import (
	"math"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/store/storetest"
)

// A cut whose vertices on the boundary were rounded inwards is a notch, not a
// hole that all but touches; what is well apart stays as it is.
func TestDeliverable_PutsRightWhatAFileWouldBreak(t *testing.T) {
	zone, _ := land.ByEPSG(4546)
	j := &job{db: storetest.New(t), zone: zone, srid: 4546, counts: new(counts)}
	outer := orb.Ring{{557235.733, 4012861.453}, {557265.608, 4012789.929}, {557290.2, 4012800.201}, {557260.325, 4012871.725}, {557235.733, 4012861.453}}
	touching := orb.MultiPolygon{{outer, {{557243.2339832585, 4012864.5861367937}, {557256.0414845706, 4012869.935789261}, {557263.051, 4012850.247},
		{557252.721, 4012839.471}, {557243.2339832585, 4012864.5861367937}}}}
	apart := orb.MultiPolygon{{outer, {{557250, 4012850}, {557255, 4012855}, {557258, 4012848}, {557250, 4012850}}}}
	rests := []orb.MultiPolygon{touching, apart.Clone(), nil}
	if err := j.deliverable(t.Context(), rests); err != nil {
		t.Fatal(err)
	}
	if got := rests[0]; len(got) != 1 || len(got[0]) != 1 {
		t.Errorf("the notch is still a hole: %v", got)
	}
	if ok, err := holdsOnGrid(rests[0]); err != nil || !ok {
		t.Errorf("%v %v", ok, err)
	}
	if off := land.AdditiveArea(rests[0], zone) - land.AdditiveArea(touching, zone); math.Abs(off) > 0.02 {
		t.Errorf("%g m² gained", off)
	}
	if !rests[1].Equal(apart) || rests[2] != nil {
		t.Errorf("what needed nothing was changed: %v", rests[1:])
	}
}
