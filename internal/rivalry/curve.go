package rivalry

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rivalry/synthetic"
)

// processorTime is what this program has computed so far, in seconds.
func processorTime() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(os.NewSyscallError("getrusage", err)) // cannot happen with these arguments
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// point is what was measured of one county.
type point struct {
	vertices, overlaps int
	// indexing the layers, and preparing and overlaying the parcels, in seconds
	// of processor time.
	indexed, took float64
}

// once overlays all parcels of a county with its layers.
func once(ctx context.Context, c *synthetic.County) (point, error) {
	var p point
	var l loaded
	begin := processorTime()
	for _, layer := range c.Layers {
		index, err := polygon.Index(layer.Features, synthetic.Zone())
		if err != nil {
			return p, fmt.Errorf("layer %s: %w", layer.Name, err)
		}
		p.vertices += index.Vertices()
		l.layers = append(l.layers, index)
	}
	p.indexed = processorTime() - begin
	sinks := make([]func(int, int, []polygon.Overlap) error, runtime.GOMAXPROCS(0))
	for i := range sinks {
		sinks[i] = func(int, int, []polygon.Overlap) error { return ctx.Err() }
	}
	begin = processorTime()
	for _, shape := range c.Parcels {
		prepared, err := polygon.Prepare(shape)
		if err != nil {
			return p, fmt.Errorf("parcel: %w", err)
		}
		l.candidates = append(l.candidates, prepared)
	}
	stats, err := l.overlaps(sinks)
	p.took, p.overlaps = processorTime()-begin, int(stats.Overlaps)
	return p, err
}

// Curve overlays all parcels of counties from small to large with the county's
// constraint layers and shows how time grows with their number: candidates are
// as many as parcels. Processor time is counted, since the clock would show what
// else the machine does, the median of several runs but for the largest counties.
// It fits seconds = c · n^k by least squares of logarithms.
func (b *Bench) Curve(ctx context.Context, sizes []int) error {
	b.say("\n| 图斑 · parcels | 图层顶点 · layers' vertices | 索引 · index CPU s | 叠加 · overlay CPU s | 结果 · overlaps | 每图斑 · per parcel µs | s / (n log n), 相对 · relative |")
	b.say("|---|---|---|---|---|---|---|")
	var sumX, sumY, sumXX, sumXY, n, base float64
	for _, size := range sizes {
		c := synthetic.New(size, 0, 7)
		runs := b.Repeats
		if size > 500000 {
			runs = 1
		}
		var p point
		var indexed, overlaid []float64
		for range runs {
			var err error
			if p, err = once(ctx, c); err != nil {
				return err
			}
			indexed, overlaid = append(indexed, p.indexed), append(overlaid, p.took)
		}
		took := median(overlaid)
		parcels := float64(len(c.Parcels))
		relative := took / (parcels * math.Log(parcels))
		if base == 0 {
			base = relative
		}
		b.say("| %d | %d | %.2f | %.2f | %d | %.1f | %.2f |", len(c.Parcels), p.vertices, median(indexed), took, p.overlaps, took/parcels*1e6, relative/base)
		x, y := math.Log(parcels), math.Log(took)
		sumX, sumY, sumXX, sumXY, n = sumX+x, sumY+y, sumXX+x*x, sumXY+x*y, n+1
	}
	if n > 1 {
		b.say("\n拟合指数 · fitted exponent: %.3f（n log n 在此范围约为 %.3f · n log n has about that here）",
			(n*sumXY-sumX*sumY)/(n*sumXX-sumX*sumX), 1+1/(sumX/n))
	}
	return nil
}
