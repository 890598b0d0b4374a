package tiles_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
	"gengheng/internal/ogc"
	"gengheng/internal/tiles"
)

// slowly is a county's database in which every reading of geometry waits until it
// is let through.
type slowly struct {
	collection.Querier
	draws *atomic.Int64
	began chan<- struct{}
	let   <-chan struct{}
}

func (q slowly) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if strings.Contains(sql, "ST_AsBinary") {
		q.draws.Add(1)
		q.began <- struct{}{}
		<-q.let
	}
	return q.Querier.Query(ctx, sql, args...)
}

// drawing is a service of its own over the county of s, whose drawing is held back.
type drawing struct {
	s     *service
	draws atomic.Int64
	began chan struct{}
	let   chan struct{}
	route ogc.Route
}

func newDrawing(t *testing.T, cfg tiles.Config) *drawing {
	t.Helper()
	d := &drawing{s: newService(t, true), began: make(chan struct{}, 100), let: make(chan struct{})}
	for _, r := range tiles.New(cfg).Extension().Routes {
		if r.ID == "collectionXYZTile" {
			d.route = r
		}
	}
	return d
}

// ask asks for a tile in which parcel i lies.
func (d *drawing) ask(i int) error {
	tile, _ := where(i, 16)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return d.route.Handle(&ogc.Call{W: httptest.NewRecorder(), R: r, County: county, Collection: "parcels",
		Params: map[string]string{"z": fmt.Sprint(tile.Z), "x": fmt.Sprint(tile.X), "y": fmt.Sprint(tile.Y)},
		Read: func(ctx context.Context, fn func(q collection.Querier) error) error {
			return pgx.BeginFunc(ctx, d.s.db.Pool, func(tx pgx.Tx) error {
				return fn(slowly{tx, &d.draws, d.began, d.let})
			})
		}})
}

// Many who ask for one tile have it drawn once.
func TestTile_IsDrawnOnce(t *testing.T) {
	t.Parallel()
	d := newDrawing(t, tiles.Config{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := d.ask(1234); err != nil {
				t.Error(err)
			}
		})
	}
	<-d.began
	close(d.let)
	wg.Wait()
	if n := d.draws.Load(); n != 1 {
		t.Errorf("it was drawn %d times", n)
	}
}

// With every slot and the queue taken, others are refused at once; those who
// waited get their tiles, and the next who come are served again.
func TestTile_Overload(t *testing.T) {
	t.Parallel()
	d := newDrawing(t, tiles.Config{Slots: 1, Queue: 1, Wait: time.Hour})
	results := make(chan error, 4)
	go func() { results <- d.ask(0) }()
	<-d.began
	for _, i := range []int{1010, 2020, 2449} {
		go func() { results <- d.ask(i) }()
	}
	for range 2 {
		var p *collection.Problem
		if err := <-results; !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Kind != "tiles-overloaded" {
			t.Errorf("with all taken: %v", err)
		}
	}
	close(d.let)
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
	if err := d.ask(2449); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
