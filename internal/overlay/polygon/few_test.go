package polygon

import (
	"cmp"
	"slices"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

// TestFewEdgesLikeMany: a small polygon has the flaws and touches that the tree
// of a large one finds.
func TestFewEdgesLikeMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.SampledFrom([]int{3, 6, 40}).Draw(t, "side")
		var s flat
		s.feats, s.start = append(s.feats, s.end()), append(s.start, 0)
		for range rapid.IntRange(1, 4).Draw(t, "rings") {
			var ring orb.Ring
			for range rapid.IntRange(3, 30).Draw(t, "points") {
				p := orb.Point{float64(rapid.IntRange(0, side).Draw(t, "x")), float64(rapid.IntRange(0, side).Draw(t, "y"))}
				if len(ring) == 0 || ring[len(ring)-1] != p {
					ring = append(ring, p)
				}
			}
			if len(ring) < 3 || ring[0] == ring[len(ring)-1] {
				t.Skip("no ring")
			}
			s.addRing(0, append(ring, ring[0]), false)
		}
		s.addTree(0)
		o := s.view(0)
		if o.levels == 0 || len(o.pts) > fewEdges {
			t.Skip("nothing, or too many")
		}
		var few, many []touch
		a, b := itself{o: &o, touches: &few}, itself{o: &o, touches: &many}
		a.few()
		b.node(o.levels-1, 0)
		for _, list := range [][]touch{few, many} {
			slices.SortFunc(list, func(x, y touch) int { return cmp.Or(cmp.Compare(x.edge, y.edge), comparePoints(x.p, y.p)) })
		}
		if a.flaws != b.flaws || !slices.Equal(few, many) {
			t.Fatalf("few edges: flaws %b, touches %v; by the tree: %b, %v", a.flaws, few, b.flaws, many)
		}
	})
}
