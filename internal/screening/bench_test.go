package screening_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/screening"
)

// quilt is a county of n × n parcels of about 100 m with wiggly shared borders.
type quilt struct {
	n   int
	rng *rand.Rand
	// sides[axis][i][j] is the border from node (i, j) east or north.
	nodes [][]orb.Point
	sides [2][][]orb.LineString
}

const sidePoints = 10

// quiltKinds are the land classes of the parcels.
var quiltKinds = []string{"0103", "0103", "0201", "0301", "0404", "0101", "0203", "0301"}

func newQuilt(n int) *quilt {
	q := &quilt{n: n, rng: rand.New(rand.NewPCG(3, 4))}
	for i := range n + 1 {
		row := make([]orb.Point, n+1)
		for j := range n + 1 {
			row[j] = orb.Point{q.round(100*float64(i) + 40*q.rng.Float64()), q.round(100*float64(j) + 40*q.rng.Float64())}
		}
		q.nodes = append(q.nodes, row)
	}
	for axis, step := range [2][2]int{{1, 0}, {0, 1}} {
		for i := range n + 1 {
			var row []orb.LineString
			for j := range n + 1 {
				if i+step[0] > n || j+step[1] > n {
					row = append(row, nil)
					continue
				}
				row = append(row, q.side(q.nodes[i][j], q.nodes[i+step[0]][j+step[1]]))
			}
			q.sides[axis] = append(q.sides[axis], row)
		}
	}
	return q
}

func (q *quilt) round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// side leads from a towards b, without b.
func (q *quilt) side(a, b orb.Point) orb.LineString {
	s := orb.LineString{a}
	for k := 1; k < sidePoints; k++ {
		f := float64(k) / sidePoints
		s = append(s, orb.Point{q.round(a[0] + f*(b[0]-a[0]) + 3*q.rng.Float64()), q.round(a[1] + f*(b[1]-a[1]) + 3*q.rng.Float64())})
	}
	return s
}

// block is the outline of parcels i…k−1 by j…l−1.
func (q *quilt) block(i, j, k, l int) orb.MultiPolygon {
	var ring orb.Ring
	back := func(s orb.LineString, end orb.Point) {
		ring = append(ring, end)
		for x := len(s) - 1; x > 0; x-- {
			ring = append(ring, s[x])
		}
	}
	for x := i; x < k; x++ {
		ring = append(ring, q.sides[0][x][j]...)
	}
	for y := j; y < l; y++ {
		ring = append(ring, q.sides[1][k][y]...)
	}
	for x := k - 1; x >= i; x-- {
		back(q.sides[0][x][l], q.nodes[x+1][l])
	}
	for y := l - 1; y >= j; y-- {
		back(q.sides[1][i][y], q.nodes[i][y+1])
	}
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

// large fills a county's tables by COPY.
func large(t testing.TB, n, candidates int) *county {
	c := newCounty(t, "DLTB", "PDT", "STBHHX", "YJJBNTTB")
	q := newQuilt(n)
	c.copyParcels(q, quiltKinds)
	extent := 100 * float64(n)
	blobs := func(count, vertices int, radius float64, levels ...string) []shape {
		var list []shape
		for i := range count {
			s := shape{geom: orb.MultiPolygon{{wiggly(q.rng, extent*q.rng.Float64(), extent*q.rng.Float64(), radius*(0.3+q.rng.Float64()), vertices)}}}
			if len(levels) > 0 {
				s.level = levels[i%len(levels)]
			}
			list = append(list, s)
		}
		return list
	}
	c.layer("STBHHX", blobs(12, 20000, extent/12)...)
	c.layer("YJJBNTTB", append(blobs(700, 300, 300), blobs(4, 30000, extent/10)...)...)
	var slopes []shape
	for i := 0; i+4 <= n; i += 4 {
		for j := 0; j+4 <= n; j += 4 {
			slopes = append(slopes, shape{level: fmt.Sprint(1 + (i*7+j*3)/4%5), geom: q.block(i, j, i+4, j+4)})
		}
	}
	c.layer("PDT", slopes...)
	for _, kind := range []string{"YJJBNTCBQ", "ZRBHD", "HHGLFW", "JBCY", "SHSMH", "TGHL", "GBZNT", "YDXM", "WBXM", "CZKFBJ"} {
		c.layer(kind, blobs(40, 500, extent/60)...)
	}
	c.layer("LDYZT", blobs(40, 3000, extent/30, "国家级公益林", "商品林")...)
	c.layer("TRHJ", blobs(60, 500, extent/40, "严格管控类", "安全利用类")...)
	var in, out []declared
	for i := range candidates {
		var g orb.MultiPolygon
		if i%2 == 0 {
			x, y := q.rng.IntN(n-2), q.rng.IntN(n-2)
			g = q.block(x, y, x+1+i%4/2, y+1)
		} else {
			g = orb.MultiPolygon{{wiggly(q.rng, extent*q.rng.Float64(), extent*q.rng.Float64(), 40+80*q.rng.Float64(), 90)}}
		}
		if i%3 == 0 {
			out = append(out, field(fmt.Sprintf("O%05d", i), g))
		} else {
			in = append(in, orchard(fmt.Sprintf("I%05d", i), g))
		}
	}
	if candidates > 0 {
		c.declare("in", in...)
		c.declare("out", out...)
	}
	c.exec(`ANALYZE`)
	return c
}

func (c *county) copyParcels(q *quilt, kinds []string) {
	c.t.Helper()
	id := c.dataset("DLTB", "")
	fid := 0
	_, err := c.db.Pool.CopyFrom(c.t.Context(), pgx.Identifier{"parcel"},
		[]string{"county_code", "dataset_id", "fid", "bsm", "dlbm", "dlmc", "gdpdjb", "gddb", "area_m2", "geom"},
		pgx.CopyFromFunc(func() ([]any, error) {
			if fid == q.n*q.n {
				return nil, nil
			}
			i, j := fid/q.n, fid%q.n
			g := q.block(i, j, i+1, j+1)
			dlbm := kinds[(i/3*7+j/2)%len(kinds)]
			var slope, grade any
			if dlbm < "02" {
				slope, grade = "2", int32(5+(i+j)%8)
			}
			fid++
			return []any{code, id, int32(fid), fmt.Sprintf("%s%010d", code, fid), dlbm, className(dlbm), slope, grade, official(g), c.wkb(g)}, nil
		}))
	if err != nil {
		c.t.Fatal(err)
	}
}

// BenchmarkCounty screens 5,000 candidates of a county of 100,000 parcels: cold
// reads everything from the database first, warm has it in the cache.
func BenchmarkCounty(b *testing.B) {
	c := large(b, 316, 5000)
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			c.lap(b, screener(b, c, screening.Config{}))
		}
	})
	b.Run("warm", func(b *testing.B) {
		s := screener(b, c, screening.Config{})
		c.lap(b, s)
		b.ResetTimer()
		for b.Loop() {
			c.lap(b, s)
		}
	})
}

// BenchmarkCountyWhole screens all of the county's 100,000 parcels.
func BenchmarkCountyWhole(b *testing.B) {
	const n = 316
	c := large(b, n, 0)
	c.declareParcels(newQuilt(n))
	c.exec(`ANALYZE candidate`)
	for b.Loop() {
		c.lap(b, screener(b, c, screening.Config{}))
	}
}

func screener(b *testing.B, c *county, cfg screening.Config) *screening.Screener {
	b.Helper()
	s, err := screening.New(c.db, cfg)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// lap is one run; it logs when each stage was reached, and what it took of the
// processor.
func (c *county) lap(b *testing.B, s *screening.Screener) {
	run := c.queue()
	c.exec(`UPDATE screening_run SET full_run = true WHERE run_id = $1`, run)
	var (
		mutex sync.Mutex
		last  = ""
		begin = time.Now()
		spent = processorTime()
		base  = c.serverTime()
		peak  uint64
	)
	tell := func(stage string, done, total int64) {
		mutex.Lock()
		defer mutex.Unlock()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
		if stage != last || done == total {
			b.Logf("%6.2f s (processor %.2f s, PostgreSQL %.2f s) %s %d/%d", time.Since(begin).Seconds(), processorTime()-spent, c.serverTime()-base, stage, done, total)
			last = stage
		}
	}
	if err := s.Run(b.Context(), code, run, tell); err != nil {
		b.Fatal(err)
	}
	b.Logf("%6.2f s in all (processor %.2f s, PostgreSQL %.2f s), heap %d MiB, %+v", time.Since(begin).Seconds(), processorTime()-spent, c.serverTime()-base, peak>>20, c.read(run).summary.Verdicts)
}

// processorTime is what this process has used, in seconds.
func processorTime() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// serverTime is what the PostgreSQL server of this machine has used of the
// processor, in seconds: those of its processes that have ended, and those there
// are. It is 0 where the server runs elsewhere.
func (c *county) serverTime() float64 {
	var dir string
	if err := c.db.Pool.QueryRow(c.t.Context(), `SHOW data_directory`).Scan(&dir); err != nil {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return 0
	}
	parent, _, _ := strings.Cut(string(text), "\n")
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	ticks := 0
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name in brackets may contain anything; the fields are counted after it.
		pid, rest := filepath.Base(filepath.Dir(path)), strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if pid != parent && rest[1] != parent {
			continue
		}
		for _, field := range rest[11:15] { // utime, stime, and those of ended children
			n, _ := strconv.Atoi(field)
			ticks += n
		}
	}
	return float64(ticks) / 100
}

// declareParcels declares every parcel, cultivated land to be given up and
// other land to be reclaimed.
func (c *county) declareParcels(q *quilt) {
	c.t.Helper()
	for _, side := range [...][2]string{{"in", "CANDIDATE_IN"}, {"out", "CANDIDATE_OUT"}} {
		direction, kind := side[0], side[1]
		id := c.dataset(kind, township)
		fid := 0
		_, err := c.db.Pool.CopyFrom(c.t.Context(), pgx.Identifier{"candidate"},
			[]string{"county_code", "dataset_id", "fid", "direction", "number", "township_code", "base_dlbm", "target_dlbm", "purpose", "actor", "gdlx", "documents", "attrs", "area_m2", "geom"},
			pgx.CopyFromFunc(func() ([]any, error) {
				for ; fid < q.n*q.n; fid++ {
					i, j := fid/q.n, fid%q.n
					dlbm := quiltKinds[(i/3*7+j/2)%len(quiltKinds)]
					if (dlbm < "02") != (direction == "out") {
						continue
					}
					g := q.block(i, j, i+1, j+1)
					d := orchard(fmt.Sprintf("I%06d", fid), g)
					if direction == "out" {
						d = field(fmt.Sprintf("O%06d", fid), g)
					}
					fid++
					documents := d.documents
					if documents == nil {
						documents = map[string]string{}
					}
					return []any{code, id, int32(fid), direction, d.number, township, dlbm, d.target, d.purpose, d.actor, d.gdlx,
						documents, map[string]any{}, official(g), c.wkb(g)}, nil
				}
				return nil, nil
			}))
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// BenchmarkWhatIf judges one declaration after the other against a county of
// 100,000 parcels in memory, on all processors.
func BenchmarkWhatIf(b *testing.B) {
	c := large(b, 316, 2000)
	session, err := screener(b, c, screening.Config{}).Open(b.Context(), screening.State{County: code, Year: c.year})
	if err != nil {
		b.Fatal(err)
	}
	list := c.declarations()
	if _, err := session.Judge(b.Context(), list[:1]); err != nil { // what is computed once
		b.Fatal(err)
	}
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			i := int(next.Add(1)) % len(list)
			if _, err := session.Judge(b.Context(), list[i:i+1]); err != nil {
				b.Error(err)
			}
		}
	})
}
