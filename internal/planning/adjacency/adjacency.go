// Package adjacency measures how much boundary pieces of farmland share
// (相邻地块的共有边界长度), in a plane, in metres.
//
// Two pieces share boundary where their edges touch, and also where they look
// at each other across nothing but farm tracks and ditches (农村道路、沟渠、
// 田坎) no wider than a set width: a field cut by a two-metre track is still
// worked as one. What is shared is the projected length of the facing edges.
//
// The survey gives polygons, not a topology: neighbours have vertices where
// the other has none, and differ by what rounding does. So the measure does
// not look for equal edges. From every edge it looks outwards, at right
// angles, and takes what is met first.
package adjacency

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"
)

// Request is one county's question. All geometry is in one plane in metres,
// exterior rings counter-clockwise and holes clockwise, closed: the land is
// always on the left of its boundary.
type Request struct {
	// Units are the pieces whose shared boundaries are wanted.
	Units []orb.MultiPolygon
	// Tracks are the parcels that do not separate: farm tracks and ditches.
	Tracks []orb.MultiPolygon
	// Border is the county (or whatever the data ends at). Boundary on it is
	// neither shared nor outside: nobody knows what lies beyond.
	Border orb.MultiPolygon
	// Touch is how far apart, in metres, two edges may be and still touch.
	Touch float64
	// Width is how wide, in metres, what lies between may be if it is all
	// Tracks. 0 counts touching edges only.
	Width float64
}

// Edge is the boundary that two units share. A < B.
type Edge struct {
	A, B   int
	Length float64 // metres, > 0
}

// Graph is the answer; the slices run along Request.Units, in metres. For
// every unit Perimeter = its edges' lengths + Border + Inner + Outside.
type Graph struct {
	Edges     []Edge // by A, then B
	Perimeter []float64
	Border    []float64 // on the county's border
	Inner     []float64 // where a unit faces itself across a track
	Outside   []float64
}

// facing is how far two edges may be from parallel to look at each other
// across a track: tan 30°. Touching edges need no such rule, the distance
// already says it.
const facing = 0.5773502691896257

// Build measures all shared boundaries. It takes O(n log n) for n edges of
// ordinary land, in as many goroutines as there are processors, and gives the
// same floats whatever their number.
func Build(ctx context.Context, req Request) (Graph, error) {
	if err := req.check(); err != nil {
		return Graph{}, err
	}
	segs := collect(req)
	ix := newGrid(segs, math.Max(req.Width, req.Touch))
	seen := make([][]share, len(req.Units))
	g := Graph{
		Perimeter: make([]float64, len(req.Units)),
		Border:    make([]float64, len(req.Units)),
		Inner:     make([]float64, len(req.Units)),
		Outside:   make([]float64, len(req.Units)),
	}
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			l := newLooker(segs, ix, req)
			// Units are dealt out in blocks so that every worker gets its
			// part of the dense corners of the county.
			const block = 64
			for lo := w * block; lo < len(req.Units); lo += workers * block {
				if err := ctx.Err(); err != nil {
					return err
				}
				for u := lo; u < min(lo+block, len(req.Units)); u++ {
					o := l.unit(u)
					seen[u] = o.shares
					g.Perimeter[u], g.Border[u], g.Inner[u] = o.perimeter, o.border, o.inner
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Graph{}, fmt.Errorf("计算地块相邻关系 · measure shared boundaries: %w", err)
	}
	g.settle(seen)
	return g, nil
}

// settle joins the two sides' measures. Around a bend the outer side sees more
// than the inner; the lesser of the two is what both can stand for, and keeps
// every unit's shared lengths within its perimeter.
func (g *Graph) settle(seen [][]share) {
	for u := range seen {
		shared := 0.0
		for _, s := range seen[u] {
			length := math.Min(s.length, lengthOf(seen[s.unit], u))
			if length <= 0 {
				continue
			}
			shared += length
			if u < s.unit {
				g.Edges = append(g.Edges, Edge{A: u, B: s.unit, Length: length})
			}
		}
		g.Outside[u] = math.Max(0, g.Perimeter[u]-shared-g.Border[u]-g.Inner[u])
	}
}

func (r Request) check() error {
	if !(r.Touch > 0) || math.IsInf(r.Touch, 0) || !(r.Width >= 0) || math.IsInf(r.Width, 0) {
		return fmt.Errorf("相邻判定距离无效：touch=%v m，width=%v m；touch 须大于 0，width 不得小于 0 · invalid distances", r.Touch, r.Width)
	}
	if len(r.Units) > math.MaxInt32 {
		return errors.New("地块过多 · too many units")
	}
	for i, u := range r.Units {
		for _, poly := range u {
			for _, ring := range poly {
				for _, p := range ring {
					if !finite(p) {
						return fmt.Errorf("第 %d 个地块的坐标不是有限数 · unit %d has a coordinate that is not finite", i, i)
					}
				}
			}
		}
	}
	return nil
}

func finite(p orb.Point) bool {
	return !math.IsNaN(p[0]) && !math.IsInf(p[0], 0) && !math.IsNaN(p[1]) && !math.IsInf(p[1], 0)
}
