package balance

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkSolve solves synthetic counties; gap and gap_net (in millionths) are
// those of the certificate at the end.
func BenchmarkSolve(b *testing.B) {
	for _, c := range []countySpec{
		{3000, 6, false, 0.01, 1}, {3000, 6, true, 0.01, 1},
		{10000, 15, false, 0.01, 1}, {10000, 15, true, 0.01, 1},
		{100000, 25, false, 0.01, 1}, {100000, 25, true, 0.01, 1},
	} {
		kind := "realistic"
		if c.allFree {
			kind = "all-free"
		}
		b.Run(fmt.Sprintf("%s-%d", kind, c.units), func(b *testing.B) {
			p := c.problem()
			for b.Loop() {
				s, err := Solve(context.Background(), p, Options{TimeLimit: 30 * time.Second})
				if err != nil {
					b.Fatal(err)
				}
				if s.Gap != nil {
					b.ReportMetric(*s.Gap*1e6, "gap-ppm")
					b.ReportMetric(*s.GapNet*1e6, "gap_net-ppm")
				}
			}
		})
	}
}

// BenchmarkBound finds the bound and its certificate alone.
func BenchmarkBound(b *testing.B) {
	for _, c := range []countySpec{{10000, 15, false, 0.01, 1}, {100000, 25, false, 0.01, 1}, {100000, 25, true, 0.01, 1}} {
		b.Run(fmt.Sprintf("%d-%v", c.units, c.allFree), func(b *testing.B) {
			p := c.problem()
			for b.Loop() {
				e := newEngine(context.Background(), p, Options{}.withDefaults(), time.Now())
				e.dual.maximise(nil, 1e-8, 400, e.stop, nil)
				e.certify(e.dual.bestAt)
				b.ReportMetric(float64(e.dual.flowRuns), "cuts")
			}
		})
	}
}
