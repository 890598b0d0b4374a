package polygon

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"gengheng/internal/rivalry/synthetic"
)

// benchCounty is the synthetic county of docs/overlay.md, some 39 km square.
var benchCounty = sync.OnceValue(func() *synthetic.County { return synthetic.New(96100, 5000, 7) })

func vertices(features []orb.MultiPolygon) (points, holes int) {
	for _, f := range features {
		for _, p := range f {
			holes += len(p) - 1
			for _, r := range p {
				points += len(r)
			}
		}
	}
	return points, holes
}

// BenchmarkIndex is the cost of a new layer version.
func BenchmarkIndex(b *testing.B) {
	c := benchCounty()
	for _, layer := range c.Layers {
		b.Run(layer.Name, func(b *testing.B) {
			b.ReportAllocs()
			var l *Layer
			begin := cpuTime(b)
			for b.Loop() {
				l = layerOf(b, layer.Features...)
			}
			b.ReportMetric(float64(cpuTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op")
			points, holes := vertices(layer.Features)
			b.ReportMetric(float64(points), "vertices")
			b.ReportMetric(float64(holes), "holes")
			b.ReportMetric(float64(l.Bytes())/float64(points), "B/vertex")
			b.ReportMetric(float64(len(l.Invalid())), "invalid")
		})
	}
	b.Run("parcels", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			layerOf(b, c.Parcels...)
		}
	})
}

// BenchmarkOverlay is the whole of the candidates against each layer, on one
// goroutine, certificates included.
func BenchmarkOverlay(b *testing.B) {
	c := benchCounty()
	var ready []*Candidate
	for _, mp := range c.Candidates {
		ready = append(ready, prepare(b, mp))
	}
	b.Run("prepare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, mp := range c.Candidates {
				prepare(b, mp)
			}
		}
	})
	run := func(name string, features []orb.MultiPolygon, geometry bool) {
		b.Run(name, func(b *testing.B) {
			l := layerOf(b, features...)
			b.ReportAllocs()
			var total Stats
			begin := cpuTime(b)
			for b.Loop() {
				total = Stats{}
				for _, cand := range ready {
					_, s := l.Overlay(cand, geometry)
					total.Add(s)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(total.Overlaps), "overlaps")
			b.ReportMetric(float64(total.Pairs), "pairs")
			b.ReportMetric(float64(total.Doubtful), "doubtful")
		})
	}
	for _, layer := range c.Layers {
		run(layer.Name+"/geometry", layer.Features, true)
		run(layer.Name+"/area", layer.Features, false)
	}
	run("parcels/geometry", c.Parcels, true)
	run("parcels/area", c.Parcels, false)
}

// cpuTime is what the process has computed so far: on a shared machine it says
// more than the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkOneCandidate is one candidate against all five layers, made ready
// and overlaid with geometry: what an upload waits for.
func BenchmarkOneCandidate(b *testing.B) {
	c := benchCounty()
	var layers []*Layer
	for _, layer := range c.Layers {
		layers = append(layers, layerOf(b, layer.Features...))
	}
	var times []float64
	i := 0
	for b.Loop() {
		begin := time.Now()
		cand := prepare(b, c.Candidates[i%len(c.Candidates)])
		for _, l := range layers {
			l.Overlay(cand, true)
		}
		times = append(times, float64(time.Since(begin).Nanoseconds())/1e3)
		i++
	}
	slices.Sort(times)
	for _, q := range []struct {
		name string
		at   int
	}{{"p50-µs", len(times) / 2}, {"p95-µs", len(times) * 95 / 100}, {"p99-µs", len(times) * 99 / 100}} {
		b.ReportMetric(times[q.at], q.name)
	}
}

// BenchmarkTwoGoroutines is the five layers with geometry on two goroutines.
func BenchmarkTwoGoroutines(b *testing.B) {
	c := benchCounty()
	var layers []*Layer
	for _, layer := range c.Layers {
		layers = append(layers, layerOf(b, layer.Features...))
	}
	begin := cpuTime(b)
	for b.Loop() {
		var wait sync.WaitGroup
		for worker := range 2 {
			wait.Go(func() {
				for i := worker; i < len(c.Candidates); i += 2 {
					cand := prepare(b, c.Candidates[i])
					for _, l := range layers {
						l.Overlay(cand, true)
					}
				}
			})
		}
		wait.Wait()
	}
	b.ReportMetric(float64(cpuTime(b)-begin)/1e6/float64(b.N), "cpu-ms/op")
}
