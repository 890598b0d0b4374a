// Package countytest is the whole HTTP service over a small synthetic county
// (合成县), for the tests of what stands behind it.
package countytest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/jobs"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	// Code is the county's, TownA and TownB are its two townships.
	Code  = "149901"
	TownA = "149901100"
	TownB = "149901101"
	// Parcels of the synthetic survey: a mesh of squares of Side metres, 50 in a row,
	// from easting X0 and northing Y0 of EPSG:4546.
	Parcels = 2500
	Side    = 100.0
	X0, Y0  = 510000.0, 4000000.0
)

// queue stands for the workers: it takes jobs and does none.
type queue struct{}

func (queue) Enqueue(context.Context, pgx.Tx, string, jobs.Kind, uuid.UUID) (uuid.UUID, error) {
	return uuid.New(), nil
}

// makers is the queue whose downloads are worked, and nothing else.
type makers struct {
	queue
	real *jobs.Queue
}

func (q makers) Enqueue(ctx context.Context, tx pgx.Tx, county string, kind jobs.Kind, subject uuid.UUID) (uuid.UUID, error) {
	if kind == jobs.Download {
		return q.real.Enqueue(ctx, tx, county, kind, subject)
	}
	return q.queue.Enqueue(ctx, tx, county, kind, subject)
}

// County is the service, the database under it, and the plan and the screening run
// that it holds.
type County struct {
	*httptest.Server
	T    testing.TB
	DB   *store.DB
	Plan uuid.UUID
	Run  uuid.UUID

	// Downloads are there where NewMaking has made the county.
	Downloads *api.Downloads

	requests *requests
}

// In is the county as a subtest uses it.
func (s *County) In(t testing.TB) *County {
	v := *s
	v.T = t
	return &v
}

// requests remembers the path and query of every request.
type requests struct {
	mu    sync.Mutex
	asked []string
}

// New starts the service over the synthetic county; open, it asks for no key.
func New(t testing.TB, open bool) *County {
	t.Helper()
	return newCounty(t, open, func(cfg *api.Config) { cfg.Queue = queue{} })
}

// NewHasty is New with edits that wait for their verdicts no longer than that.
func NewHasty(t testing.TB, open bool, within time.Duration) *County {
	t.Helper()
	return newCounty(t, open, func(cfg *api.Config) { cfg.Queue, cfg.JudgeWithin = queue{}, within })
}

// NewMaking is New with jobs that make downloads, in folder.
func NewMaking(t testing.TB, open bool, folder string) *County {
	t.Helper()
	return newCounty(t, open, func(cfg *api.Config) {
		var err error
		if cfg.Downloads, err = api.NewDownloads(cfg.DB, folder, "", cfg.Log); err != nil {
			t.Fatal(err)
		}
		real, err := jobs.New(jobs.Config{DB: cfg.DB, Workers: 1, Log: cfg.Log, Handlers: map[jobs.Kind]jobs.Handler{jobs.Download: cfg.Downloads.Work}})
		if err == nil {
			err = real.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := real.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		cfg.Queue = makers{real: real}
	})
}

func newCounty(t testing.TB, open bool, with func(cfg *api.Config)) *County {
	t.Helper()
	geodatatest.Child(t) // writes the files that are downloaded
	db := storetest.New(t)
	files, err := api.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{DB: db, Files: files, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Open: open}
	with(&cfg)
	h, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &County{T: t, DB: db, Plan: uuid.New(), Run: uuid.New(), Downloads: cfg.Downloads, requests: &requests{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.add(r.URL)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	s.fill()
	return s
}

// add remembers a request as a person reads it.
func (r *requests) add(u *url.URL) {
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		query = u.RawQuery
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, u.Path+"?"+query)
}

// Asked is the path and query of every request so far.
func (s *County) Asked() []string {
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	return slices.Clone(s.requests.asked)
}

// WasAsked says whether one request had all of the words.
func (s *County) WasAsked(words ...string) bool {
	return slices.ContainsFunc(s.Asked(), func(asked string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(asked, word) })
	})
}

// Exec runs SQL as the tables' owner.
func (s *County) Exec(sql string, args ...any) {
	s.T.Helper()
	if _, err := s.DB.Pool.Exec(s.T.Context(), sql, args...); err != nil {
		s.T.Fatalf("%s: %v", sql, err)
	}
}

// Square is the SQL of the square of parcel i.
const Square = `ST_Multi(ST_MakeEnvelope(510000 + i % 50 * 100, 4000000 + i / 50 * 100, 510100 + i % 50 * 100, 4000100 + i / 50 * 100, 4546))`

// Dataset adds a committed version without rows.
func (s *County) Dataset(kind, scope, version string, year, seq, features int) uuid.UUID {
	s.T.Helper()
	id := uuid.New()
	s.Exec(`INSERT INTO dataset (county_code, dataset_id, kind, scope, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		SELECT $1, $2, $3, $4, $5, 'committed', $6, $7, $8, upload_id, 'f', 's' FROM upload WHERE county_code = $1`, Code, id, kind, scope, year, version, seq, features)
	return id
}

// Survey adds a version of the survey (DLTB) of n parcels: every tenth is shrubland,
// the others are of a class; the first half is town A's.
func (s *County) Survey(version string, seq, n int, class string) {
	s.T.Helper()
	id := s.Dataset("DLTB", "", version, 2025, seq, n)
	s.Exec(`INSERT INTO parcel (county_code, dataset_id, fid, bsm, dlbm, dlmc, zldwdm, tbmj, gddb, area_m2, geom)
		SELECT $1, $2, i, lpad(i::text, 18, '0'), CASE WHEN i % 10 = 0 THEN '0305' ELSE $4 END, CASE WHEN i % 10 = 0 THEN '灌木林地' ELSE '水田' END,
			CASE WHEN i < $3 / 2 THEN '149901100' ELSE '149901101' END || '001', 9999.5, i % 15 + 1, 10000, `+Square+` FROM generate_series(0, $3::int - 1) i`, Code, id, n, class)
}

func (s *County) fill() {
	s.T.Helper()
	book, err := rulebook.Shanxi2025()
	if err != nil {
		s.T.Fatal(err)
	}
	s.Exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, 2025, $3)`, book.Hash, book.ID, string(book.Document))
	s.Exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '合成示例县', 4546, true, $2), ('149902', '合成邻县', 4546, true, $2)`, Code, book.Hash)
	s.Exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, Code, uuid.New())
	s.Survey("00000000000000aa", 1, Parcels, "0101")
	for i, kind := range []string{"XZQ", "YJJBNTTB"} {
		id := s.Dataset(kind, "", "00000000000000b"+string(rune('0'+i)), 2025, 2+i, 2)
		s.Exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, attrs, area_m2, geom)
			SELECT $1, $2, i, $3, '14990110' || i, '合成乡' || i, '{"XZ": 1}', 10000, `+Square+` FROM generate_series(0, 1) i`, Code, id, kind)
	}
	s.Exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) VALUES ($1, $2, 2025, 'done', $3, now())`, Code, s.Run, book.Hash)
	s.Exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate) VALUES ($1, $2, $3, 2025, 'done', '{"status":"optimal"}')`, Code, s.Plan, s.Run)
	for i, town := range []string{TownA, TownB} {
		for _, direction := range []string{"in", "out"} {
			id := s.Dataset("CANDIDATE_"+strings.ToUpper(direction), town, "c"+town+direction, 2025, 10+i, 1)
			s.Exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, area_m2, geom)
				SELECT $1, $2, 0, $3, $4, $5, '种粮', 10000, `+Square+` FROM generate_series($6::int, $6::int) i`, Code, id, direction, "甲/"+town, town, i)
			s.Exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, remainder)
				SELECT $1, $2, $3, $4, $5, 'eligible_after_clip', 10000, 9000, 9000, 0, `+Square+` FROM generate_series($6::int, $6::int) i`, Code, s.Run, direction, "甲/"+town, town, i)
			s.Exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en, geom)
				SELECT $1, $2, $7 * 10 + i, $3, $4, $5, 'IN-01', 1, 'warn', 'hit', '合成', '', CASE WHEN $3 = 'in' THEN `+Square+` END FROM generate_series($6::int, $6::int) i`,
				Code, s.Run, direction, "甲/"+town, town, i, len(direction))
			s.Exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
				SELECT $1, $2, $3, $4, $5, true, 1, 0, '合成', `+Square+` FROM generate_series($6::int, $6::int) i`, Code, s.Plan, direction, "甲/"+town, town, i)
		}
	}
	s.Exec(`SELECT setval('dataset_commit_seq', 100)`)
	s.Exec(`ANALYZE parcel, layer_feature, candidate, verdict, finding, plan_parcel, dataset`)
}

// Secret is a key of a program of the capacities.
func (s *County) Secret(held ...access.Capacity) string {
	s.T.Helper()
	var secret string
	ctx := access.With(s.T.Context(), access.Actor{Name: "test", Role: access.Admin, County: held[0].County, Via: "cli"})
	err := s.DB.InTx(ctx, func(tx pgx.Tx) error {
		p, err := access.Create(ctx, tx, access.Identity{County: held[0].County, Kind: "program", Name: "合成程序", Capacities: held})
		if err != nil {
			return err
		}
		_, secret, err = access.NewKey(ctx, tx, held[0].County, p.ID, "合成", time.Now().Add(time.Hour))
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return secret
}
