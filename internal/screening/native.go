package screening

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/overlay/polygon"
)

// native overlays with package polygon, in memory and certified. A pair that
// fails a certificate, or whose polygons are not valid, is computed by PostGIS
// and counted.
type native struct {
	job      *job
	fallback *postgis
	// prepared keeps what candidates and features are to the overlay, by the
	// address of their first vertex: every layer asks for the same candidates.
	prepared sync.Map // *orb.Point → ready
}

var _ engine = (*native)(nil)

func newNative(j *job) *native {
	e := &native{job: j, fallback: newPostGIS(j.db.Pool, j.county, j.srid, j.zone)}
	for _, c := range j.candidates {
		if c.prepared != nil && c.prepared.Valid() && len(c.geom) > 0 {
			e.prepared.Store(&c.geom[0][0][0], ready{c.geom, c.prepared})
		}
	}
	return e
}

// ready is a polygon made ready for the overlay; candidate is nil where it is refused.
type ready struct {
	of        orb.MultiPolygon
	candidate *polygon.Candidate
}

// same tells whether two polygons are made of the same vertices in memory: what is
// left of a polygon when pieces are dropped has its first vertex too.
func same(a, b orb.MultiPolygon) bool {
	return slices.EqualFunc(a, b, func(p, q orb.Polygon) bool {
		return slices.EqualFunc(p, q, func(r, s orb.Ring) bool {
			return len(r) == len(s) && (len(r) == 0 || &r[0] == &s[0])
		})
	})
}

// prepare gives nil for a polygon that the overlay refuses.
func (e *native) prepare(mp orb.MultiPolygon) *polygon.Candidate {
	if len(mp) == 0 || len(mp[0]) == 0 || len(mp[0][0]) == 0 {
		return nil
	}
	key := &mp[0][0][0]
	if known, ok := e.prepared.Load(key); ok && same(known.(ready).of, mp) {
		return known.(ready).candidate
	}
	c, err := polygon.Prepare(mp)
	if err != nil || !c.Valid() {
		c = nil
	}
	e.prepared.Store(key, ready{mp, c})
	return c
}

// layerIndex gives a layer's index and the fid of each of its features.
func (e *native) layerIndex(ctx context.Context, table string, dataset uuid.UUID) (*polygon.Layer, []int32, error) {
	if table == "parcel" {
		s, err := e.job.loadSurvey(ctx, dataset)
		if err != nil {
			return nil, nil, err
		}
		return s.index, s.fids, nil
	}
	l, err := e.job.loadLayer(ctx, table, dataset)
	if err != nil {
		return nil, nil, err
	}
	return l.index, l.fids, nil
}

func (e *native) Overlaps(ctx context.Context, subjects []orb.MultiPolygon, layer layerTable, skip func(int, int32) bool, emit func(int, part)) error {
	index, fids, err := e.layerIndex(ctx, layer.table, layer.dataset)
	if err != nil {
		return err
	}
	refused := make([]orb.MultiPolygon, len(subjects)) // by this engine
	var (
		mutex    sync.Mutex
		doubtful []pair
		anyone   atomic.Bool
	)
	err = forEach(ctx, len(subjects), func(i int) error {
		if len(subjects[i]) == 0 {
			return nil
		}
		c := e.prepare(subjects[i])
		if c == nil {
			refused[i] = subjects[i]
			anyone.Store(true)
			return nil
		}
		overlaps, stats := index.OverlayExcept(c, true, func(f int) bool { return skip(i, fids[f]) })
		e.job.counts.addPairs(stats.Pairs)
		for _, o := range overlaps {
			switch {
			case o.Doubt != 0:
				e.job.counts.doubt(operationOverlap, o.Doubt)
				mutex.Lock()
				doubtful = append(doubtful, pair{subject: i, fid: fids[o.Feature]})
				mutex.Unlock()
			case o.Area > 0:
				emit(i, part{fid: fids[o.Feature], geom: o.Geometry, m2: o.Area})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.fallback.overlapPairs(ctx, subjects, layer, doubtful, emit); err != nil {
		return err
	}
	if !anyone.Load() {
		return nil
	}
	return e.fallback.Overlaps(ctx, refused, layer, skip, func(i int, p part) {
		e.job.counts.doubt(operationOverlap, 0)
		emit(i, p)
	})
}

// each computes n answers to an operation in memory, and those in doubt by PostGIS.
func (e *native) each(ctx context.Context, what string, n int, own func(int) (polygon.Result, bool), byPostGIS func(doubtful []int) ([]orb.MultiPolygon, error)) ([]orb.MultiPolygon, error) {
	out := make([]orb.MultiPolygon, n)
	var (
		mutex    sync.Mutex
		doubtful []int
	)
	err := forEach(ctx, n, func(i int) error {
		r, ok := own(i)
		if ok && r.Doubt == 0 {
			out[i] = r.Geometry
			return nil
		}
		e.job.counts.doubt(what, r.Doubt)
		mutex.Lock()
		defer mutex.Unlock()
		doubtful = append(doubtful, i)
		return nil
	})
	if err != nil || len(doubtful) == 0 {
		return out, err
	}
	answers, err := byPostGIS(doubtful)
	if err != nil {
		return nil, fmt.Errorf("%s in doubt: %w", what, err)
	}
	for k, i := range doubtful {
		out[i] = answers[k]
	}
	return out, nil
}

func (e *native) Union(ctx context.Context, sets [][]orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	return e.each(ctx, operationUnion, len(sets), func(i int) (polygon.Result, bool) {
		if len(sets[i]) == 1 {
			return polygon.Result{Geometry: overlay.Canonical(sets[i][0])}, true
		}
		polygons := make([]*polygon.Candidate, len(sets[i]))
		for k, g := range sets[i] {
			if polygons[k] = e.prepare(g); polygons[k] == nil {
				return polygon.Result{}, false
			}
		}
		return polygon.Union(polygons, e.job.zone), true
	}, func(doubtful []int) ([]orb.MultiPolygon, error) {
		left := make([][]orb.MultiPolygon, len(doubtful))
		for k, i := range doubtful {
			left[k] = sets[i]
		}
		return e.fallback.Union(ctx, left)
	})
}

func (e *native) Intersection(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	return e.two(ctx, operationIntersection, a, b, polygon.Intersection, func(int) orb.MultiPolygon { return nil }, e.fallback.Intersection)
}

func (e *native) Difference(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	return e.two(ctx, operationDifference, a, b, polygon.Difference, func(i int) orb.MultiPolygon { return a[i] }, e.fallback.Difference)
}

// two computes a[i] with b[i]; where either is empty the answer is easy(i).
func (e *native) two(ctx context.Context, what string, a, b []orb.MultiPolygon,
	own func(a, b *polygon.Candidate, zone land.Zone) polygon.Result, easy func(int) orb.MultiPolygon,
	byPostGIS func(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error)) ([]orb.MultiPolygon, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("%s of %d polygons with %d", what, len(a), len(b))
	}
	return e.each(ctx, what, len(a), func(i int) (polygon.Result, bool) {
		if len(a[i]) == 0 || len(b[i]) == 0 {
			return polygon.Result{Geometry: easy(i)}, true
		}
		x, y := e.prepare(a[i]), e.prepare(b[i])
		if x == nil || y == nil {
			return polygon.Result{}, false
		}
		return own(x, y, e.job.zone), true
	}, func(doubtful []int) ([]orb.MultiPolygon, error) {
		x, y := make([]orb.MultiPolygon, len(doubtful)), make([]orb.MultiPolygon, len(doubtful))
		for k, i := range doubtful {
			x[k], y[k] = a[i], b[i]
		}
		return byPostGIS(ctx, x, y)
	})
}

func (e *native) Near(ctx context.Context, subjects []*overlay.Shape, layer layerTable, fids []int32, d float64) ([]bool, error) {
	near := make([]bool, len(subjects))
	if len(fids) == 0 {
		return near, nil
	}
	mosaic, err := e.job.loadMosaic(ctx, layer.table, layer.dataset)
	if err != nil {
		return nil, err
	}
	_, all, err := e.layerIndex(ctx, layer.table, layer.dataset)
	if err != nil {
		return nil, err
	}
	err = forEach(ctx, len(subjects), func(i int) error {
		near[i] = subjects[i] != nil && len(mosaic.Near(subjects[i], d, func(k int) bool {
			_, wanted := slices.BinarySearch(fids, all[k])
			return wanted
		})) > 0
		return nil
	})
	return near, err
}

// Beyond needs a buffer, which only PostGIS makes.
func (e *native) Beyond(ctx context.Context, subject orb.MultiPolygon, layer layerTable, fids []int32, width float64) (orb.MultiPolygon, error) {
	return e.fallback.Beyond(ctx, subject, layer, fids, width)
}

// Opened needs buffers too; only what may be narrow somewhere is asked for.
func (e *native) Opened(ctx context.Context, subjects []orb.MultiPolygon, width float64) ([]orb.MultiPolygon, error) {
	return e.fallback.Opened(ctx, subjects, width)
}
