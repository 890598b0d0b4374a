package polygon

import (
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
)

// TestWinding: what the tree passes over makes no difference to the ray. Points
// are vertices, or level with them, where the shift decides.
func TestWinding(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inside := 0
	for i := range 2000 {
		p, _ := hostilePair(rng)
		if i%3 == 0 {
			p = randomCellsPair(rng)
		}
		c := prepare(t, p.a)
		if c.levels == 0 || !c.Valid() {
			continue
		}
		for k := range 20 {
			at := orb.Point{c.pts[rng.IntN(len(c.pts))][0], c.pts[rng.IntN(len(c.pts))][1]}
			if k%2 == 0 {
				at = c.pts[rng.IntN(len(c.pts))]
			}
			through := ray{o: &c.operand, p: at, shifted: k%4 < 2, right: k%8 < 4}
			all := through
			through.node(c.levels-1, 0)
			for leaf := range c.level[1] {
				all.leaf(leaf)
			}
			if through.sum != all.sum {
				t.Fatalf("%+v has %d through the tree, %d by all edges: %v", at, through.sum, all.sum, p.a)
			}
			if all.sum != 0 {
				inside++
			}
		}
	}
	if inside < 5000 {
		t.Errorf("only %d points were inside", inside)
	}
}
