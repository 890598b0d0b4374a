package esri_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/jobs"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	county = "149901"
	townA  = "149901100"
	townB  = "149901101"
	// parcels of the synthetic survey: a mesh of squares of 100 m, 50 in a row,
	// from easting 510000 and northing 4000000 of EPSG:4546
	parcels = 2500
	side    = 100.0
	x0, y0  = 510000.0, 4000000.0
	// the service and its layers by number
	server                                = "/gengheng/FeatureServer"
	townships, survey, ins, outs, finding = "/0", "/1", "/2", "/3", "/4"
)

// queue stands for the workers: it takes jobs and does none.
type queue struct{}

func (queue) Enqueue(context.Context, pgx.Tx, string, jobs.Kind, uuid.UUID) (uuid.UUID, error) {
	return uuid.New(), nil
}

// service is the whole HTTP service over a synthetic county (合成县).
type service struct {
	*httptest.Server
	t    *testing.T
	db   *store.DB
	plan uuid.UUID
	run  uuid.UUID

	requests *requests
}

// requests remembers the path and query of every request.
type requests struct {
	mu    sync.Mutex
	asked []string
}

func newService(t *testing.T, open bool) *service {
	t.Helper()
	db := storetest.New(t)
	files, err := api.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{DB: db, Queue: queue{}, Files: files, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Open: open})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, db: db, plan: uuid.New(), run: uuid.New(), requests: &requests{}}
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

// all is every request so far.
func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// wasAsked says whether one request had all of the words.
func (s *service) wasAsked(words ...string) bool {
	return slices.ContainsFunc(s.requests.all(), func(asked string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(asked, word) })
	})
}

func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// square is the SQL of the square of parcel i.
const square = `ST_Multi(ST_MakeEnvelope(510000 + i % 50 * 100, 4000000 + i / 50 * 100, 510100 + i % 50 * 100, 4000100 + i / 50 * 100, 4546))`

func (s *service) dataset(kind, scope, version string, year, seq, features int) uuid.UUID {
	s.t.Helper()
	id := uuid.New()
	s.exec(`INSERT INTO dataset (county_code, dataset_id, kind, scope, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		SELECT $1, $2, $3, $4, $5, 'committed', $6, $7, $8, upload_id, 'f', 's' FROM upload WHERE county_code = $1`, county, id, kind, scope, year, version, seq, features)
	return id
}

func (s *service) survey(version string, seq, n int, class string) {
	s.t.Helper()
	id := s.dataset("DLTB", "", version, 2025, seq, n)
	s.exec(`INSERT INTO parcel (county_code, dataset_id, fid, bsm, dlbm, dlmc, zldwdm, tbmj, gddb, area_m2, geom)
		SELECT $1, $2, i, lpad(i::text, 18, '0'), CASE WHEN i % 10 = 0 THEN '0305' ELSE $4 END, CASE WHEN i % 10 = 0 THEN '灌木林地' ELSE '水田' END,
			CASE WHEN i < $3 / 2 THEN '149901100' ELSE '149901101' END || '001', 9999.5, i % 15 + 1, 10000, `+square+` FROM generate_series(0, $3::int - 1) i`, county, id, n, class)
}

func (s *service) fill() {
	s.t.Helper()
	book, err := rulebook.Shanxi2025()
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, 2025, $3)`, book.Hash, book.ID, string(book.Document))
	s.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '合成示例县', 4546, true, $2), ('149902', '合成邻县', 4546, true, $2)`, county, book.Hash)
	s.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, county, uuid.New())
	s.survey("00000000000000aa", 1, parcels, "0101")
	for i, kind := range []string{"XZQ", "YJJBNTTB"} {
		id := s.dataset(kind, "", "00000000000000b"+string(rune('0'+i)), 2025, 2+i, 2)
		s.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, attrs, area_m2, geom)
			SELECT $1, $2, i, $3, '14990110' || i, '合成乡' || i, '{"XZ": 1}', 10000, `+square+` FROM generate_series(0, 1) i`, county, id, kind)
	}
	s.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) VALUES ($1, $2, 2025, 'done', $3, now())`, county, s.run, book.Hash)
	s.exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate) VALUES ($1, $2, $3, 2025, 'done', '{"status":"optimal"}')`, county, s.plan, s.run)
	for i, town := range []string{townA, townB} {
		for _, direction := range []string{"in", "out"} {
			id := s.dataset("CANDIDATE_"+strings.ToUpper(direction), town, "c"+town+direction, 2025, 10+i, 1)
			s.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, area_m2, geom)
				SELECT $1, $2, 0, $3, $4, $5, '种粮', 10000, `+square+` FROM generate_series($6::int, $6::int) i`, county, id, direction, "甲/"+town, town, i)
			s.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, remainder)
				SELECT $1, $2, $3, $4, $5, 'eligible_after_clip', 10000, 9000, 9000, 0, `+square+` FROM generate_series($6::int, $6::int) i`, county, s.run, direction, "甲/"+town, town, i)
			s.exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en, geom)
				SELECT $1, $2, $7 * 10 + i, $3, $4, $5, 'IN-01', 1, 'warn', 'hit', '合成', '', CASE WHEN $3 = 'in' THEN `+square+` END FROM generate_series($6::int, $6::int) i`,
				county, s.run, direction, "甲/"+town, town, i, len(direction))
			s.exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
				SELECT $1, $2, $3, $4, $5, true, 1, 0, '合成', `+square+` FROM generate_series($6::int, $6::int) i`, county, s.plan, direction, "甲/"+town, town, i)
		}
	}
	s.exec(`SELECT setval('dataset_commit_seq', 100)`)
	s.exec(`ANALYZE parcel, layer_feature, candidate, verdict, finding, plan_parcel, dataset`)
}

// answer is a response of the FeatureServer: always HTTP 200, with JSON.
type answer map[string]any

// form is a request below the catalogue of services: GET, or POST where the path
// begins with a plus sign. The parameters are pairs of a name and a value.
func (s *service) form(path string, pairs ...string) *http.Request {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	path, post := strings.CutPrefix(path, "+")
	at := path
	if !strings.HasPrefix(path, "http") {
		at = s.URL + "/arcgis/" + county + "/rest/services" + path
	}
	method, body := http.MethodGet, io.Reader(nil)
	if post {
		method, body = http.MethodPost, strings.NewReader(values.Encode())
	} else if len(values) > 0 {
		at += "?" + values.Encode()
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, at, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if post {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// ask sends a form and reads the answer.
func (s *service) ask(path string, edit func(*http.Request), pairs ...string) answer {
	s.t.Helper()
	req := s.form(path, pairs...)
	if edit != nil {
		edit(req)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var v answer
	if err := json.Unmarshal(b, &v); err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d, no JSON: %v: %.300s", path, resp.StatusCode, err, b)
	}
	return v
}

// must is ask that has to succeed.
func (s *service) must(path string, pairs ...string) answer {
	s.t.Helper()
	a := s.ask(path, nil, pairs...)
	if a["error"] != nil {
		s.t.Fatalf("%s %v: %v", path, pairs, a["error"])
	}
	return a
}

// at is the value below the names and positions.
func (a answer) at(path ...any) any {
	var v any = map[string]any(a)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// list is the list below the names.
func (a answer) list(path ...any) []any {
	l, _ := a.at(path...).([]any)
	return l
}

// failure is the code and the message of an error; 0: there is none.
func (a answer) failure() (int, string) {
	code, _ := a.at("error", "code").(float64)
	message, _ := a.at("error", "message").(string)
	return int(code), message
}

// attributes is one field of every feature.
func (a answer) attributes(name string) []any {
	var out []any
	for i := range a.list("features") {
		out = append(out, a.at("features", i, "attributes", name))
	}
	return out
}

// key lets requests in as a program of a capacity, as desktop GIS do: its key is the
// password.
func (s *service) key(held access.Capacity) func(*http.Request) {
	s.t.Helper()
	secret := s.secret(held)
	return func(r *http.Request) { r.SetBasicAuth("qgis", secret) }
}

func (s *service) secret(held ...access.Capacity) string {
	s.t.Helper()
	var secret string
	ctx := access.With(s.t.Context(), access.Actor{Name: "test", Role: access.Admin, County: held[0].County, Via: "cli"})
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		p, err := access.Create(ctx, tx, access.Identity{County: held[0].County, Kind: "program", Name: "合成程序", Capacities: held})
		if err != nil {
			return err
		}
		_, secret, err = access.NewKey(ctx, tx, held[0].County, p.ID, "合成", time.Now().Add(time.Hour))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}
