package rivalry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/intake/copyrow"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rivalry/synthetic"
)

// lap is how long the parts of one run of ours took, in seconds.
type lap struct {
	load, total float64
	stats       polygon.Stats
}

// connect opens n connections of their own.
func connect(ctx context.Context, pool *pgxpool.Pool, n int) ([]session, func(), error) {
	var list []session
	end := func() {
		for _, s := range list {
			_ = s.Close(context.WithoutCancel(ctx))
		}
	}
	for range n {
		conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
		if err != nil {
			end()
			return nil, nil, fmt.Errorf("connect: %w", err)
		}
		list = append(list, session{conn})
	}
	return list, end, nil
}

// loaded is what an overlay works on.
type loaded struct {
	candidates []*polygon.Candidate
	layers     []*polygon.Layer
}

// load reads candidates and layers by binary COPY and makes them ready, on as
// many connections as there are sessions.
func load(ctx context.Context, sessions []session, tables []string) (*loaded, error) {
	l := &loaded{layers: make([]*polygon.Layer, len(tables))}
	features := func(s session, query string, layer int) error {
		var shapes []orb.MultiPolygon
		err := s.copyOut(ctx, query, func(t tuple) error { shapes = append(shapes, t.geom); return nil })
		if err == nil {
			l.layers[layer], err = polygon.Index(shapes, synthetic.Zone())
		}
		return err
	}
	var group errgroup.Group
	var next atomic.Int64
	group.Go(func() error {
		err := sessions[0].copyOut(ctx, "SELECT id, geom FROM cand ORDER BY id", func(t tuple) error {
			c, err := polygon.Prepare(t.geom)
			l.candidates = append(l.candidates, c)
			return err
		})
		for err == nil {
			i := int(next.Add(1)) - 1
			if i >= len(tables) {
				return nil
			}
			err = features(sessions[0], "SELECT id, geom FROM "+tables[i]+" ORDER BY id", i)
		}
		return err
	})
	for _, s := range sessions[1:] {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tables) {
					return nil
				}
				if err := features(s, "SELECT id, geom FROM "+tables[i]+" ORDER BY id", i); err != nil {
					return err
				}
			}
		})
	}
	return l, group.Wait()
}

// overlaps computes all overlaps with their geometry and certificates on as many
// goroutines as there are sinks. A sink is used by one goroutine.
func (l *loaded) overlaps(sinks []func(candidate, layer int, found []polygon.Overlap) error) (polygon.Stats, error) {
	const chunk = 32
	var next atomic.Int64
	stats := make([]polygon.Stats, len(sinks))
	var group errgroup.Group
	for g, sink := range sinks {
		group.Go(func() error {
			for {
				from := int(next.Add(chunk)) - chunk
				if from >= len(l.candidates) {
					return nil
				}
				for i := from; i < min(from+chunk, len(l.candidates)); i++ {
					for k, layer := range l.layers {
						found, s := layer.Overlay(l.candidates[i], true)
						stats[g].Add(s)
						if err := sink(i, k, found); err != nil {
							return err
						}
					}
				}
			}
		})
	}
	err := group.Wait()
	for _, s := range stats[1:] {
		stats[0].Add(s)
	}
	return stats[0], err
}

var errDoubt = errors.New("有叠加结果未通过校验 · an overlap failed a certificate; in screening PostGIS would compute it")

// own runs the overlay end to end: candidates and layers from PostGIS by binary
// COPY, indexed, overlaid with certificates, and the results with geometry back
// into a table by binary COPY.
func own(ctx context.Context, pool *pgxpool.Pool, tables []string, out string) (lap, error) {
	sessions, end, err := connect(ctx, pool, runtime.GOMAXPROCS(0))
	if err != nil {
		return lap{}, err
	}
	defer end()
	if err := sessions[0].exec(ctx, fmt.Sprintf("DROP TABLE IF EXISTS %[1]s; CREATE UNLOGGED TABLE %[1]s (layer int4, a int4, b int4, area float8, geom geometry)", out)); err != nil {
		return lap{}, err
	}
	var took lap
	begin := time.Now()
	l, err := load(ctx, sessions, tables)
	if err != nil {
		return lap{}, err
	}
	took.load = time.Since(begin).Seconds()
	var group errgroup.Group
	var next atomic.Int64
	stats := make([]polygon.Stats, len(sessions))
	for g, s := range sessions {
		group.Go(func() error {
			return s.copyIn(ctx, "COPY "+out+" (layer, a, b, area, geom) FROM STDIN (FORMAT binary)", func(w io.Writer) (err error) {
				stats[g], err = l.write(w, &next)
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return lap{}, err
	}
	for _, s := range stats {
		took.stats.Add(s)
	}
	took.total = time.Since(begin).Seconds()
	if took.stats.Doubtful > 0 {
		return took, errDoubt
	}
	return took, nil
}

// write overlays candidates, as long as next has some, and writes the rows.
func (l *loaded) write(w io.Writer, next *atomic.Int64) (stats polygon.Stats, err error) {
	const chunk = 32
	var row copyrow.Row
	for {
		from := int(next.Add(chunk)) - chunk
		if from >= len(l.candidates) {
			return stats, nil
		}
		for i := from; i < min(from+chunk, len(l.candidates)); i++ {
			for k, layer := range l.layers {
				found, s := layer.Overlay(l.candidates[i], true)
				stats.Add(s)
				for _, o := range found {
					row = copyrow.Begin(row[:0], 5).Int(int32(k)).Int(int32(i)).Int(int32(o.Feature)).Float(o.Area).MultiPolygon(o.Geometry, synthetic.SRID)
					if _, err := w.Write(row); err != nil {
						return stats, err
					}
				}
			}
		}
	}
}

// computeOnly is the overlay with geometry and certificates, everything in
// memory as in the service, whose cache keeps the layers.
func computeOnly(l *loaded) (float64, error) {
	sinks := make([]func(int, int, []polygon.Overlap) error, runtime.GOMAXPROCS(0))
	for i := range sinks {
		sinks[i] = func(_, _ int, found []polygon.Overlap) error {
			for _, o := range found {
				if o.Doubt != 0 {
					return errDoubt
				}
			}
			return nil
		}
	}
	begin := time.Now()
	_, err := l.overlaps(sinks)
	return time.Since(begin).Seconds(), err
}
