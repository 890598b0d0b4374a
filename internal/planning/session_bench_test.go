package planning_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gengheng/internal/planning"
)

// BenchmarkSession changes λ, decisions and quotas in a county of 99,856 parcels;
// the figures are of the answer as the API gives it, but for its JSON.
func BenchmarkSession(b *testing.B) {
	f := newCounty(b)
	f.mosaic(316)
	l := planning.NewSessions(f.db, planning.Limits{})
	began := time.Now()
	s, err := l.Open(b.Context(), "合成甲", planning.Opening{County: county, RunID: f.run, Limit: 5 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	d := s.Draft()
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "open-ms")
	rng := rand.New(rand.NewPCG(1, 1))
	var took, solve []float64
	worst := 0.0
	for b.Loop() {
		a := planning.Adjustment{Limit: 200 * time.Millisecond}
		p := d.Parcels[rng.IntN(len(d.Parcels))]
		key := []string{p.Direction + "/" + p.Number}
		switch rng.IntN(6) {
		case 0:
			a.Options = raw(b, map[string]any{"lambda": 0.5 + rng.Float64()})
		case 1:
			a.Options = raw(b, map[string]any{"quotas": []map[string]any{{"direction": "out", "max_m2": fmt.Sprintf("%d.00", 3000000+rng.IntN(1000000))}}})
		case 2:
			a.Free = key
		case 3:
			a.Options = raw(b, map[string]any{"transfer_cost": rng.IntN(100), "weights": map[string]any{"IN-P1": rng.IntN(100)}})
		case 4:
			a.Chosen = key
		default:
			a.NotChosen = key
		}
		start := time.Now()
		x, err := s.Change(b.Context(), a)
		if err != nil || x.Certificate.Objective == nil {
			b.Fatal(err, x)
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
		solve = append(solve, x.Timing.Solve*1000)
		worst = max(worst, *x.Certificate.GapNet)
	}
	slices.Sort(took)
	slices.Sort(solve)
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(solve[len(took)/2], "solve-p50-ms")
	b.ReportMetric(solve[len(took)*95/100], "solve-p95-ms")
	b.ReportMetric(worst*1e6, "worst-gap_net-ppm")
}
