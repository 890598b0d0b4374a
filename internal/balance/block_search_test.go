package balance

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// provesLikeBruteForce solves count town problems by blocks that list at most so
// many plans each, and holds what is proved against brute force: the plan called
// optimal is, and a bound on the way never exceeds the optimum. It counts the problems
// with a plan to begin with, those proved, and those proved by branches.
func provesLikeBruteForce(t *testing.T, count, listed int, stream uint64) (begun, proved, branched int) {
	t.Helper()
	for seed := range count {
		rng := rand.New(rand.NewPCG(uint64(seed), stream))
		p := townProblem(rng)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		e := newEngine(ctx, p, Options{Gap: -1}.withDefaults(), time.Now())
		e.listed = listed
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
			cancel()
			continue
		}
		begun++
		e.priceBlocks()
		cancel()
		want := bruteForce(p)
		if e.exhausted {
			proved++
			if e.provedOver == byBranches {
				branched++
			}
			if got := e.pl.best.objective + e.r.constant; math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("seed %d: %.9g is called optimal, the optimum is %.9g", seed, got, want)
			}
		}
		if e.tree > want+1e-7*(1+math.Abs(want)) {
			t.Errorf("seed %d: bound %.9g, the optimum is %.9g", seed, e.tree, want)
		}
	}
	return begun, proved, branched
}

// Ensure what is proved from the plans of blocks put together is the optimum, and
// that a bound on the way there never exceeds it.
func TestProofByColumnsEqualsBruteForce(t *testing.T) {
	t.Parallel()
	count := 400
	if testing.Short() {
		count = 100
	}
	begun, proved, _ := provesLikeBruteForce(t, count, columnsMost, 55)
	t.Logf("%d of %d proved, %d without a plan", proved, begun, count-begun)
	if proved < begun/5 {
		t.Errorf("only %d of %d proved", proved, begun)
	}
}

// Ensure the same where no block may list more than one plan, so that the proof has
// to branch on units above the blocks.
func TestProofByBranchesEqualsBruteForce(t *testing.T) {
	t.Parallel()
	count := 250
	if testing.Short() {
		count = 60
	}
	begun, proved, branched := provesLikeBruteForce(t, count, 1, 56)
	t.Logf("%d of %d proved, %d by branches", proved, begun, branched)
	if branched < begun/20 {
		t.Errorf("only %d of %d proved by branches", branched, begun)
	}
}

// Ensure a county where one large parcel hangs between townships' needs, so that
// no list of plans is short enough, is proved by branches and costs what HiGHS, an
// independent solver, proves to be its optimum.
func TestCountyProvedByBranches(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	t.Parallel()
	p := countySpec{10000, 15, false, 0.01, 4}.problem()
	s, err := Solve(context.Background(), p, Options{Gap: -1, TimeLimit: 3 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if s.Status != Optimal || math.Abs(*s.Objective-7640.157444) > 1e-5 {
		t.Errorf("%s at %.6f", s.Status, *s.Objective)
	}
	if s.BoundStronger == nil || !strings.HasSuffix(s.BoundStronger.RestsOn, byBranches) {
		t.Errorf("%+v", s.BoundStronger)
	}
}
