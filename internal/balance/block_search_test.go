package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Ensure what is proved from the plans of blocks put together is the optimum, and
// that a bound on the way there never exceeds it.
func TestProofByColumnsEqualsBruteForce(t *testing.T) {
	t.Parallel()
	count := 400
	if testing.Short() {
		count = 150
	}
	proved, none := 0, 0
	for seed := range count {
		rng := rand.New(rand.NewPCG(uint64(seed), 55))
		p := townProblem(rng)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		e := newEngine(ctx, p, Options{Gap: -1}.withDefaults(), time.Now())
		e.dual.maximise(nil, 1e-8, 200, e.stop, nil)
		e.certify(e.dual.bestAt)
		for range 50 {
			s := make([]bool, len(e.r.free))
			for u := range s {
				s[u] = rng.IntN(2) == 0
			}
			if e.pl.offer(s) {
				break
			}
		}
		if e.pl.best == nil {
			none++
			cancel()
			continue
		}
		e.priceBlocks()
		cancel()
		want := bruteForce(p)
		if e.exhausted {
			proved++
			if got := e.pl.best.objective + e.r.constant; math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("seed %d: %.9g is called optimal, the optimum is %.9g", seed, got, want)
			}
		}
		if e.tree > want+1e-7*(1+math.Abs(want)) {
			t.Errorf("seed %d: bound %.9g, the optimum is %.9g", seed, e.tree, want)
		}
	}
	t.Logf("%d of %d proved, %d without a plan", proved, count, none)
	if proved < (count-none)/5 {
		t.Errorf("only %d of %d proved", proved, count)
	}
}
