package tiles_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
	"gengheng/internal/ogc"
	"gengheng/internal/tiles"
)

// What a county has is read again when the data has moved, not for each tile; a state
// that nobody can name is read each time.
func TestTile_LooksAgainWhenTheDataMoved(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	var route ogc.Route
	for _, r := range tiles.New(tiles.Config{}).Extension().Routes {
		if r.ID == "collectionXYZTile" {
			route = r
		}
	}
	at, _ := where(1234, 16)
	reads := 0
	ask := func(moment string) int {
		t.Helper()
		before := reads
		err := route.Handle(&ogc.Call{W: httptest.NewRecorder(), R: httptest.NewRequest(http.MethodGet, "/", nil), County: county, Collection: "parcels",
			Params: map[string]string{"z": fmt.Sprint(at.Z), "x": fmt.Sprint(at.X), "y": fmt.Sprint(at.Y)},
			Moment: func(context.Context) (string, error) { return moment, nil },
			Read: func(ctx context.Context, fn func(q collection.Querier) error) error {
				reads++
				return pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error { return fn(tx) })
			}})
		if err != nil {
			t.Fatal(err)
		}
		return reads - before
	}
	for i, step := range []struct {
		moment string
		reads  int
	}{{"1", 2}, {"1", 0}, {"1", 0}, {"2", 1}, {"2", 0}, {"", 1}, {"", 1}, {"2", 0}} {
		if got := ask(step.moment); got != step.reads {
			t.Errorf("step %d, state %q: read %d times, want %d", i, step.moment, got, step.reads)
		}
	}
}
