package planning_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	county = "149901" // 示例县（合成）
	srid   = 4546
	east   = "149901100" // township with x < 560500
	west   = "149901101" // township with x >= 560500
)

// box is a rectangle in metres from the corner of the made-up county.
func box(x0, y0, x1, y1 float64) orb.MultiPolygon {
	p := func(x, y float64) orb.Point { return orb.Point{560000 + x, 4013000 + y} }
	return orb.MultiPolygon{{{p(x0, y0), p(x1, y0), p(x1, y1), p(x0, y1), p(x0, y0)}}}
}

// fixture is a made-up county of two townships of 500 m by 1000 m, side by
// side, with a screening that is done.
type fixture struct {
	t       testing.TB
	db      *store.DB
	run     uuid.UUID
	dltb    uuid.UUID
	in, out uuid.UUID
	parcels int
	serial  int
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.db.Pool.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

func (f *fixture) geom(mp orb.MultiPolygon) string {
	f.t.Helper()
	b, err := ewkb.Marshal(mp, srid)
	if err != nil {
		f.t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

func (f *fixture) dataset(kind string) uuid.UUID {
	f.serial++
	id := uuid.NewSHA1(uuid.Nil, []byte(kind))
	f.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, $3, 0, '')`, county, id, kind+".zip")
	f.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, upload_id, file_name, file_sha256, features)
		VALUES ($1, $2, $3, 2025, 'committed', 'v1', $4, $2, $5, '', 1)`, county, id, kind, f.serial, kind+".zip")
	return id
}

func newCounty(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, db: storetest.New(t), run: uuid.NewSHA1(uuid.Nil, []byte("run"))}
	rules, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, rules.Hash, rules.ID, rules.Year, string(rules.Document))
	f.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '示例县（合成）', $2, true, $3)`, county, srid, rules.Hash)
	f.dltb, f.in, f.out = f.dataset("DLTB"), f.dataset("CANDIDATE_IN"), f.dataset("CANDIDATE_OUT")
	xzq := f.dataset("XZQ")
	for i, code := range []string{east, west} {
		f.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, area_m2, geom) VALUES ($1, $2, $3, 'XZQ', $4, $5, 500000, $6)`,
			county, xzq, i+1, code, []string{"东乡", "西乡"}[i], f.geom(box(500*float64(i), 0, 500*float64(i)+500, 1000)))
	}
	var refs []map[string]any
	for kind, id := range map[string]uuid.UUID{"DLTB": f.dltb, "XZQ": xzq, "CANDIDATE_IN": f.in, "CANDIDATE_OUT": f.out} {
		refs = append(refs, map[string]any{"kind": kind, "scope": "", "dataset_id": id, "version": "v1"})
	}
	datasets, err := json.Marshal(refs)
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, datasets) VALUES ($1, $2, 2025, 'done', $3, $4)`,
		county, f.run, rules.Hash, datasets)
	return f
}

func (f *fixture) parcel(dlbm string, geom orb.MultiPolygon) {
	f.t.Helper()
	f.parcels++
	f.exec(`INSERT INTO parcel (county_code, dataset_id, fid, dlbm, area_m2, geom) VALUES ($1, $2, $3, $4, 0, $5)`,
		county, f.dltb, f.parcels, dlbm, f.geom(geom))
}

// declared is a candidate with the verdict that a screening gave it.
type declared struct {
	direction, number, township string
	verdict                     string // eligible if empty
	net, paddy, quality         string // 0 if empty; quality unknown if empty
	exempt                      bool
	scores                      map[string]float64
	geom, remainder             orb.MultiPolygon
}

func (f *fixture) candidate(d declared) {
	f.t.Helper()
	f.serial++
	dataset := f.in
	if d.direction == "out" {
		dataset = f.out
	}
	if d.verdict == "" {
		d.verdict = "eligible"
	}
	if d.paddy == "" {
		d.paddy = "0"
	}
	if d.scores == nil {
		d.scores = map[string]float64{}
	}
	var quality *string
	if d.quality != "" {
		quality = &d.quality
	}
	var remainder *string
	if d.remainder != nil {
		text := f.geom(d.remainder)
		remainder = &text
	}
	f.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`, county, dataset, f.serial, d.direction, d.number, d.township, f.geom(d.geom))
	f.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality, scores, remainder, exempt, reasons)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10, $11, $12, '[{"clause": "IN-03a", "outcome": "hit", "zh": "占用生态保护红线", "en": ""}]')`,
		county, f.run, d.direction, d.number, d.township, d.verdict, d.net, d.paddy, quality, d.scores, remainder, d.exempt)
}

func (f *fixture) plan(name string, options map[string]any) uuid.UUID {
	f.t.Helper()
	id := uuid.NewSHA1(uuid.Nil, []byte(name))
	f.exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, options) VALUES ($1, $2, $3, 2025, 'running', $4)`, county, id, f.run, options)
	return id
}

func (f *fixture) solve(name string, options map[string]any) (uuid.UUID, planning.Summary) {
	f.t.Helper()
	id := f.plan(name, options)
	if err := planning.Run(f.t.Context(), f.db, county, id, nil); err != nil {
		f.t.Fatal(err)
	}
	return id, f.summary(id)
}

func (f *fixture) summary(id uuid.UUID) planning.Summary {
	f.t.Helper()
	var status string
	var raw []byte
	if err := f.db.Pool.QueryRow(f.t.Context(), `SELECT status, summary FROM plan WHERE plan_id = $1`, id).Scan(&status, &raw); err != nil {
		f.t.Fatal(err)
	}
	if status != "done" {
		f.t.Fatalf("plan is %s", status)
	}
	var s planning.Summary
	if err := json.Unmarshal(raw, &s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// chosen lists what the plan took, as direction/number.
func (f *fixture) chosen(id uuid.UUID) map[string]bool {
	f.t.Helper()
	rows, err := f.db.Pool.Query(f.t.Context(), `SELECT direction || '/' || number, chosen FROM plan_parcel WHERE plan_id = $1`, id)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	list := map[string]bool{}
	for rows.Next() {
		var key string
		var chosen bool
		if err := rows.Scan(&key, &chosen); err != nil {
			f.t.Fatal(err)
		}
		list[key] = chosen
	}
	return list
}

func (f *fixture) text(sql string, args ...any) string {
	f.t.Helper()
	var s string
	if err := f.db.Pool.QueryRow(context.Background(), sql, args...).Scan(&s); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// rows is all that a plan has stored, but for its id and how long it took.
func (f *fixture) rows(id uuid.UUID) string {
	f.t.Helper()
	return f.text(`
		SELECT concat_ws(E'\n',
			(SELECT string_agg(concat_ws('|', direction, number, township_code, chosen, net_m2, net_paddy_m2, quality, reason_zh, geom::text), E'\n' ORDER BY direction, number) FROM plan_parcel WHERE plan_id = $1),
			(SELECT string_agg(concat_ws('|', township_code, in_m2, out_m2, transfer_in_m2, transfer_out_m2, price), E'\n' ORDER BY township_code) FROM plan_township WHERE plan_id = $1),
			(SELECT string_agg(concat_ws('|', from_township, to_township, measure, amount_m2), E'\n' ORDER BY from_township, to_township, measure) FROM plan_transfer WHERE plan_id = $1),
			(SELECT (certificate - 'seconds')::text || summary::text FROM plan WHERE plan_id = $1),
			(SELECT md5(content) FROM plan_artifact WHERE plan_id = $1 AND name = 'problem'))`, id)
}

func unpack(t *testing.T, content []byte, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(unzipped)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
