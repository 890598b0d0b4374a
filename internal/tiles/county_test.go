package tiles_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb/encoding/mvt"

	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	county = "149901"
	townA  = "149901100"
	townB  = "149901101"
	// parcels of the synthetic survey: a mesh of squares of 100 m, 50 in a row,
	// from easting 510000 and northing 4000000 of EPSG:4546; the south is town A's
	parcels = 2500
)

// service is the whole HTTP service over a synthetic county (合成县).
type service struct {
	*httptest.Server
	t   testing.TB
	db  *store.DB
	run uuid.UUID
	seq int
}

func newService(t testing.TB, open bool) *service {
	t.Helper()
	s := emptyService(t, open)
	s.fill()
	return s
}

// emptyService is the service over a county that has nothing yet.
func emptyService(t testing.TB, open bool) *service {
	t.Helper()
	db := storetest.New(t)
	files, err := api.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{DB: db, Files: files, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Open: open})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, db: db, run: uuid.New(), Server: httptest.NewServer(h)}
	t.Cleanup(s.Close)
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	s.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, 2025, $3)`, book.Hash, book.ID, string(book.Document))
	s.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '合成示例县', 4546, true, $2)`, county, book.Hash)
	s.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, county, uuid.New())
	return s
}

func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *service) dataset(kind, scope string, features int) uuid.UUID {
	s.t.Helper()
	id := uuid.New()
	s.seq++
	s.exec(`INSERT INTO dataset (county_code, dataset_id, kind, scope, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		SELECT $1, $2, $3, $4, 2025, 'committed', $5, $6, $7, upload_id, 'f', 's' FROM upload WHERE county_code = $1`, county, id, kind, scope, id.String()[:16], s.seq, features)
	return id
}

// square is the SQL of the square of parcel i, and tiny that of a square of 2 m in
// its middle.
const (
	square = `ST_Multi(ST_MakeEnvelope(510000 + i % 50 * 100, 4000000 + i / 50 * 100, 510100 + i % 50 * 100, 4000100 + i / 50 * 100, 4546))`
	tiny   = `ST_Multi(ST_MakeEnvelope(510049 + i % 50 * 100, 4000049 + i / 50 * 100, 510051 + i % 50 * 100, 4000051 + i / 50 * 100, 4546))`
)

// survey adds a version in which every tenth parcel is shrubland and the others
// are of a class.
func (s *service) survey(class string) {
	s.t.Helper()
	s.exec(`INSERT INTO parcel (county_code, dataset_id, fid, bsm, dlbm, dlmc, zldwdm, tbmj, gddb, area_m2, geom)
		SELECT $1, $2, i, lpad(i::text, 18, '0'), CASE WHEN i % 10 = 0 THEN '0305' ELSE $4 END, '合成',
			CASE WHEN i < $3 / 2 THEN '149901100' ELSE '149901101' END || '001', 9999.5, i % 15 + 1, 10000, `+square+` FROM generate_series(0, $3::int - 1) i`,
		county, s.dataset("DLTB", "", parcels), parcels, class)
}

// layer adds a layer whose features are made by the SQL of shape from i.
func (s *service) layer(kind, shape string, n int) {
	s.t.Helper()
	s.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, attrs, area_m2, geom)
		SELECT $1, $2, i, $3, '14990110' || i, '合成' || i, '{}', 10000, `+shape+` FROM generate_series(0, $4::int - 1) i`, county, s.dataset(kind, "", n), kind, n)
}

// declare adds a version of a township's declarations: parcel i.
func (s *service) declare(direction, town string, i int) {
	s.t.Helper()
	s.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, area_m2, geom)
		SELECT $1, $2, 0, $3, '甲/' || $4, $4, '种粮', 10000, `+square+` FROM generate_series($5::int, $5::int) i`,
		county, s.dataset("CANDIDATE_"+strings.ToUpper(direction), town, 1), direction, town, i)
}

func (s *service) fill() {
	s.t.Helper()
	s.survey("0101")
	s.layer("XZQ", `ST_Multi(ST_MakeEnvelope(510000, 4000000 + i * 2500, 515000, 4002500 + i * 2500, 4546))`, 2)
	s.layer("STBHHX", tiny, parcels)
	for i, town := range []string{townA, townB} {
		s.declare("in", town, i*2499)
	}
	s.exec(`ANALYZE`)
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *service) get(path string, edit ...func(*http.Request)) answer {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.URL + "/ogc/" + county + path
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range edit {
		f(req)
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
	return answer{resp.StatusCode, resp.Header, b}
}

func (s *service) must(path string, edit ...func(*http.Request)) answer {
	s.t.Helper()
	a := s.get(path, edit...)
	if a.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	return a
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
	return v
}

// layers decodes a tile by another program's hand.
func (a answer) layers(t testing.TB) map[string]*mvt.Layer {
	t.Helper()
	list, err := mvt.Unmarshal(a.body)
	if err != nil {
		t.Fatalf("no vector tile: %v", err)
	}
	out := map[string]*mvt.Layer{}
	for _, l := range list {
		if l.Extent != 4096 || l.Version != 2 || out[l.Name] != nil {
			t.Errorf("layer %s: extent %d, version %d", l.Name, l.Extent, l.Version)
		}
		out[l.Name] = l
	}
	return out
}

// key lets requests in as a program of a capacity.
func (s *service) key(held access.Capacity) func(*http.Request) {
	s.t.Helper()
	secret := s.secret(held)
	return func(r *http.Request) { r.SetBasicAuth("qgis", secret) }
}

func (s *service) secret(held access.Capacity) string {
	s.t.Helper()
	var secret string
	ctx := access.With(s.t.Context(), access.Actor{Name: "test", Role: access.Admin, County: held.County, Via: "cli"})
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		p, err := access.Create(ctx, tx, access.Identity{County: held.County, Kind: "program", Name: "合成程序", Capacities: []access.Capacity{held}})
		if err != nil {
			return err
		}
		_, secret, err = access.NewKey(ctx, tx, held.County, p.ID, "合成", time.Now().Add(time.Hour))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}
