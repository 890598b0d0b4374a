package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// randomBlocks is the engine of a problem of four townships whose blocks are
// solved at random prices and flows between them; nil where it does not split.
func randomBlocks(ctx context.Context, rng *rand.Rand) *engine {
	p := townProblem(rng)
	e := newEngine(ctx, p, Options{Gap: -1}.withDefaults(), time.Now())
	mu, f := make([]float64, len(e.r.rhs)), make([]float64, len(e.r.edgeA))
	for k := range mu {
		if rng.IntN(3) > 0 {
			mu[k] = 2 * rng.NormFloat64()
		}
	}
	clampSigns(p, mu)
	for i := range f {
		f[i] = e.r.edgeWeight[i] * (2*rng.Float64() - 1)
	}
	list, outside := e.r.blocks(mu, f)
	if list == nil {
		return nil
	}
	sum, _ := e.solveBlocks(list)
	if math.IsInf(sum, -1) {
		return nil
	}
	e.noteFlips(list, sum+outside)
	return e
}

// Ensure no plan is cheaper than what the blocks' reduced costs say of its
// units' values, and that the search over the units left open, when exhausted,
// leaves the optimum.
func TestFixingByBlocksEqualsBruteForce(t *testing.T) {
	t.Parallel()
	count := 100
	if testing.Short() {
		count = 50
	}
	said, beyond, narrowed, exhausted := 0, 0, 0, 0
	for seed := range count {
		rng := rand.New(rand.NewPCG(uint64(seed), 33))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		e := randomBlocks(ctx, rng)
		if e == nil {
			cancel()
			continue
		}
		best := bruteForce(e.p)
		for i, u := range e.r.free {
			for at, least := range e.flips[i] {
				if math.IsInf(least, -1) {
					continue
				}
				said++
				if least <= best {
					continue // no plan at all is cheaper
				}
				beyond++
				q := *e.p
				q.Units = append([]Unit(nil), e.p.Units...)
				q.Units[u].Fixed = [2]Fix{FixZero, FixOne}[at]
				if want := bruteForce(&q); least > want+1e-7*(1+math.Abs(want)) {
					t.Errorf("seed %d, unit %d at %d: at least %.9g, the optimum is %.9g", seed, u, at, least, want)
				}
			}
		}
		for range 50 {
			s := make([]bool, len(e.r.free))
			for u := range s {
				s[u] = rng.IntN(2) == 0
			}
			if e.pl.offer(s) {
				break
			}
		}
		if e.pl.best != nil {
			e.searchOpen(1 << 20)
			if e.provedOver != "" {
				narrowed++
			}
			if e.exhausted {
				exhausted++
				if got := e.pl.best.objective + e.r.constant; math.Abs(got-best) > 1e-6*(1+math.Abs(best)) {
					t.Errorf("seed %d: %.9g is called optimal, the optimum is %.9g", seed, got, best)
				}
			} else if e.tree > best+1e-7*(1+math.Abs(best)) {
				t.Errorf("seed %d: bound %.9g, the optimum is %.9g", seed, e.tree, best)
			}
		}
		cancel()
	}
	t.Logf("%d values, %d beyond the optimum, %d problems narrowed, %d exhausted", said, beyond, narrowed, exhausted)
	if said < count || beyond < count/20 || narrowed < count/20 || exhausted < narrowed/2 {
		t.Errorf("%d values, %d beyond the optimum, %d problems narrowed, %d exhausted say little", said, beyond, narrowed, exhausted)
	}
}
