package ogc_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/rivalry/synthetic"
)

// large makes the service over a synthetic county (合成县) of 100,000 parcels.
func large(b *testing.B) (s *service, count int) {
	b.Helper()
	s = newService(b, true)
	list := synthetic.New(100_000, 1, 1).Parcels
	id := s.Dataset("DLTB", "", "00000000000000ff", 2026, 60, len(list))
	tx, err := s.DB.Pool.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback(b.Context()) }()
	if _, err := tx.Exec(b.Context(), `CREATE TEMP TABLE shape (fid integer, g bytea)`); err != nil {
		b.Fatal(err)
	}
	_, err = tx.CopyFrom(b.Context(), pgx.Identifier{"shape"}, []string{"fid", "g"}, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
		raw, err := wkb.Marshal(orb.MultiPolygon(list[i]))
		return []any{i, raw}, err
	}))
	if err != nil {
		b.Fatal(err)
	}
	_, err = tx.Exec(b.Context(), `INSERT INTO parcel (county_code, dataset_id, fid, bsm, ysdm, tbybh, tbbh, dlbm, dlmc, qsxz, qsdwdm, qsdwmc, zldwdm, zldwmc,
			tbmj, kcdlbm, kcxs, kcmj, tbdlmj, gdlx, gdpdjb, gddb, sjnf, area_m2, geom)
		SELECT $1, $2, fid, lpad(fid::text, 18, '0'), '2001010100', fid::text, fid::text, CASE WHEN fid % 10 = 0 THEN '0305' ELSE '0103' END, '旱地', '30',
			'1499011002010000000', '合成村', '1499011002010000000', '合成村', ST_Area(ST_GeomFromWKB(g)), '1203', 0.1, 1, ST_Area(ST_GeomFromWKB(g)), 'TT', '2', 5, 2025,
			ST_Area(ST_GeomFromWKB(g)), ST_SetSRID(ST_GeomFromWKB(g), 4546) FROM shape ORDER BY shape.fid`, county, id)
	if err != nil {
		b.Fatal(err)
	}
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	s.Exec(`UPDATE layer_feature SET geom = ST_Multi(ST_MakeEnvelope(500000, 3990000, 590000, 4040000, 4546)) WHERE kind = 'XZQ' AND fid = 0`)
	s.Exec(`VACUUM ANALYZE parcel`)
	return s, len(list)
}

// BenchmarkItems asks as a county's desktops do: 50 clients, each of them with a
// pause between its requests ("paced"), or none ("closed"), which shows what the
// machine yields.
func BenchmarkItems(b *testing.B) {
	s, count := large(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	page := func(rng *rand.Rand) string {
		// as a next link has it
		place := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"v":"00000000000000ff","k":["%d"]}`, rng.IntN(count-1000)))
		return "/collections/parcels/items?limit=1000&cursor=" + place
	}
	zoned := func(rng *rand.Rand) string {
		return page(rng) + "&crs=http://www.opengis.net/def/crs/EPSG/0/4546"
	}
	one := func(rng *rand.Rand) string {
		return fmt.Sprintf("/collections/parcels/items/00000000000000ff.%d", rng.IntN(count))
	}
	for _, bm := range []struct {
		name    string
		clients int
		pause   time.Duration
		each    int
		path    func(rng *rand.Rand) string
	}{
		{"page/alone", 1, 0, 30, page}, {"page-4546/alone", 1, 0, 30, zoned}, {"page/paced", 50, 10 * time.Second, 3, page}, {"page/closed", 50, 0, 4, page},
		{"feature/alone", 1, 0, 500, one}, {"feature/paced", 50, 500 * time.Millisecond, 40, one}, {"feature/closed", 50, 0, 100, one},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				ask(b, s, client, bm.clients, bm.pause, bm.each, bm.path)
			}
		})
	}
}

// ask measures: latencies as clients see them, and the processor's time of this
// process for each request (the database has its own).
func ask(b *testing.B, s *service, client *http.Client, clients int, pause time.Duration, each int, path func(rng *rand.Rand) string) {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var group sync.WaitGroup
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	database := s.databaseTime(b)
	start := time.Now()
	for i := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			time.Sleep(time.Duration(rng.Float64() * float64(pause)))
			for range each {
				at := time.Now()
				resp, err := client.Get(s.URL + "/ogc/" + county + path(rng))
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				d := time.Since(at)
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("%d %v", resp.StatusCode, err)
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				time.Sleep(max(0, pause-d))
			}
		})
	}
	group.Wait()
	wall := time.Since(start)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.95), "p95-ms")
	b.ReportMetric(float64(len(took))/wall.Seconds(), "req/s")
	cpu := time.Duration(after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(len(took)), "cpu-ms/req")
	b.ReportMetric(float64((s.databaseTime(b)-database).Microseconds())/1000/float64(len(took)), "db-cpu-ms/req")
}

// databaseTime is the processor's time that the database's connections have taken
// so far, from the kernel (in hundredths of a second).
func (s *service) databaseTime(b *testing.B) (sum time.Duration) {
	b.Helper()
	rows, err := s.DB.Pool.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database()`)
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(after)
		for _, f := range fields[11:13] { // utime, stime
			n, err := strconv.Atoi(f)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkEdit moves a declared parcel of a county of 100,000, as QGIS does: the
// answer has its verdict. The first edit after the service has started reads the
// county's layers.
func BenchmarkEdit(b *testing.B) {
	s, _ := large(b)
	at := in + "/2025." + url.PathEscape("甲/"+townA)
	move := func(i int) time.Duration {
		start := time.Now()
		a := s.send("PATCH", at, patch, `{"geometry":`+plot(400+i%7, 100, 5)+`}`, zone)
		if a.status != http.StatusOK || a.property("screening") != "edited" {
			b.Fatalf("%d %s", a.status, a.text)
		}
		return time.Since(start)
	}
	first := move(0)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		took = append(took, move(i+1))
	}
	slices.Sort(took)
	b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[min(len(took)-1, len(took)*95/100)].Microseconds())/1000, "p95-ms")
}
