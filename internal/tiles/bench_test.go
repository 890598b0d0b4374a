package tiles_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/maptile"

	"gengheng/internal/rivalry/synthetic"
)

// bigCounty is a service over a synthetic county of n parcels and its layers.
func bigCounty(b *testing.B, n int) (*service, *synthetic.County) {
	b.Helper()
	s := emptyService(b, true)
	c := synthetic.New(n, 1000, 7)
	classes := []string{"0101", "0102", "0103", "0301", "0305", "0404", "0702", "1006", "1104", "1107", "1202"}
	survey := s.dataset("DLTB", "", len(c.Parcels))
	s.copy(b, "parcel", []string{"county_code", "dataset_id", "fid", "bsm", "dlbm", "dlmc", "zldwdm", "tbmj", "gddb", "area_m2", "geom"}, c.Parcels, func(i int, g []byte) []any {
		return []any{county, survey, i, fmt.Sprintf("%018d", i), classes[i*7919%len(classes)], "合成", townA + "001", 16000.0 + float64(i%97), 5, 16000.0, g}
	})
	for i, kind := range []string{"STBHHX", "YJJBNTTB", "ZRBHD", "HDGLFW", "CZKFBJ"} {
		id := s.dataset(kind, "", len(c.Layers[i].Features))
		s.copy(b, "layer_feature", []string{"county_code", "dataset_id", "fid", "kind", "code", "name", "attrs", "area_m2", "geom"}, c.Layers[i].Features, func(k int, g []byte) []any {
			return []any{county, id, k, kind, "", "合成", "{}", 1.0, g}
		})
	}
	s.exec(`ANALYZE`)
	return s, c
}

func (s *service) copy(b *testing.B, table string, columns []string, shapes []orb.MultiPolygon, row func(i int, g []byte) []any) {
	b.Helper()
	i := -1
	_, err := s.db.Pool.CopyFrom(b.Context(), pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i == len(shapes) {
			return nil, nil
		}
		g, err := ewkb.Marshal(shapes[i], synthetic.SRID)
		return row(i, g), err
	}))
	if err != nil {
		b.Fatal(err)
	}
}

// visits are the tiles that a person looks at who moves over the county: mostly
// close to the ground.
func visits(c *synthetic.County, rng *rand.Rand, n int) []maptile.Tile {
	var out []maptile.Tile
	for range n {
		zoom := []maptile.Zoom{9, 11, 12, 13, 14, 14, 15, 15, 16, 16, 17}[rng.IntN(11)]
		lon, lat := synthetic.Zone().Geographic(synthetic.West+c.Side*rng.Float64(), synthetic.South+c.Side*rng.Float64())
		out = append(out, maptile.At(orb.Point{lon, lat}, zoom))
	}
	return out
}

// times is what answers took.
type times struct {
	mu     sync.Mutex
	all    []time.Duration
	size   atomic.Int64
	status sync.Map
}

func (t *times) quantile(q float64) float64 {
	slices.Sort(t.all)
	return float64(t.all[min(len(t.all)-1, int(q*float64(len(t.all))))].Microseconds()) / 1000
}

// drive has clients ask for tiles, each after a pause of its own of up to twice
// pause, and counts what came.
func drive(b *testing.B, s *service, clients int, pause time.Duration, path func(client, k int) string, n int) *times {
	b.Helper()
	out := &times{}
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(client), 3))
			for k := range n {
				if pause > 0 {
					time.Sleep(time.Duration(rng.Int64N(2 * int64(pause))))
				}
				out.ask(b.Context(), transport, s.URL+"/ogc/"+county+path(client, k))
			}
		})
	}
	wg.Wait()
	return out
}

func (t *times) ask(ctx context.Context, transport *http.Transport, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept-Encoding", "gzip")
	begin := time.Now()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.count(0)
		return
	}
	defer resp.Body.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := resp.Body.Read(buf)
		t.size.Add(int64(n))
		if err != nil {
			break
		}
	}
	took := time.Since(begin)
	t.count(resp.StatusCode)
	if resp.StatusCode == http.StatusOK {
		t.mu.Lock()
		t.all = append(t.all, took)
		t.mu.Unlock()
	}
}

func (t *times) count(status int) {
	n, _ := t.status.LoadOrStore(status, &atomic.Int64{})
	n.(*atomic.Int64).Add(1)
}

func (t *times) report(b *testing.B, what string) {
	counts := map[int]int64{}
	t.status.Range(func(k, v any) bool { counts[k.(int)] = v.(*atomic.Int64).Load(); return true })
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("%s: p50 %.1f ms, p95 %.1f ms, max %.1f ms; answers %v; mean %.1f kB; heap %d MiB", what, t.quantile(0.5), t.quantile(0.95), t.quantile(1), counts,
		float64(t.size.Load())/1e3/math.Max(1, float64(len(t.all))), m.HeapInuse>>20)
	for status := range counts {
		if status != 200 && status != 503 {
			b.Errorf("%d answers are %d", counts[status], status)
		}
	}
}

// BenchmarkCounty is 50 people who move over a county of 100,000 parcels, one tile
// every second each, then the same tiles again, then without any pause; before it
// some tiles by zoom, with the database's own encoder beside.
func BenchmarkCounty(b *testing.B) {
	s, c := bigCounty(b, 100_000)
	tiles := visits(c, rand.New(rand.NewPCG(1, 1)), 50*20)
	at := func(client, k int) string { return "/collections/parcels" + xyz(tiles[client*20+k]) }
	byZoom(b, s)
	for b.Loop() {
		// the overview is read once for a version
		begin := time.Now()
		s.must("/collections/parcels" + xyz(visits(c, rand.New(rand.NewPCG(2, 2)), 1)[0].Parent().Parent().Parent().Parent().Parent().Parent().Parent().Parent()))
		b.Logf("first tile of the overview: %.2f s", time.Since(begin).Seconds())
		drive(b, s, 50, time.Second, at, 20).report(b, "cold, a tile every second")
		drive(b, s, 50, 100*time.Millisecond, at, 20).report(b, "kept, ten tiles every second")
		drive(b, s, 50, 0, at, 20).report(b, "kept, without pause")
		others := visits(c, rand.New(rand.NewPCG(9, 9)), 50*10)
		drive(b, s, 50, 0, func(client, k int) string { return "/collections/parcels" + xyz(others[client*10+k]) }, 10).report(b, "cold, without pause")
	}
}

// byZoom draws the tile in the county's middle at each zoom, by the service and by
// ST_AsMVT.
func byZoom(b *testing.B, s *service) {
	b.Helper()
	for zoom := 12; zoom <= 16; zoom++ {
		var ours, theirs []float64
		lon, lat := synthetic.Zone().Geographic(synthetic.West+20000, synthetic.South+20000)
		for i := range 5 {
			tile := maptile.At(orb.Point{lon, lat}, maptile.Zoom(zoom))
			tile.X, tile.Y = tile.X+uint32(i%2), tile.Y+uint32(i/2)
			begin := time.Now()
			s.must("/collections/parcels" + xyz(tile))
			ours = append(ours, float64(time.Since(begin).Microseconds())/1000)
			begin = time.Now()
			var n int
			if err := s.db.Pool.QueryRow(b.Context(), `SELECT length(ST_AsMVT(m, 'parcels', 4096, 'geom', 'fid')) FROM (SELECT fid::int, bsm, dlbm, dlmc, zldwdm, tbmj::float8, area_m2::float8,
				ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope($1, $2, $3), 4096, 64) AS geom FROM parcel
				WHERE county_code = $4 AND geom && ST_Transform(ST_TileEnvelope($1, $2, $3, margin => 64.0 / 4096), 4546)) m WHERE geom IS NOT NULL`,
				zoom, int(tile.X), int(tile.Y), county).Scan(&n); err != nil {
				b.Fatal(err)
			}
			theirs = append(theirs, float64(time.Since(begin).Microseconds())/1000)
		}
		slices.Sort(ours)
		slices.Sort(theirs)
		b.Logf("zoom %d: ours %.1f ms (with compression), ST_AsMVT %.1f ms", zoom, ours[2], theirs[2])
	}
}
