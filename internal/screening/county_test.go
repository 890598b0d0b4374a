package screening_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const (
	code     = "149901"
	township = "149901100"
	srid     = 4546
	east     = 560000.0
	north    = 4013000.0
)

var zone = land.Zone{Number: 37}

// county is a small county in a database of its own. Geometry is given in
// metres from its south-west corner.
type county struct {
	t       testing.TB
	db      *store.DB
	upload  uuid.UUID
	year    int
	commits int
}

// shape is a feature of any layer.
type shape struct {
	bsm, code, name, level string
	geom                   orb.MultiPolygon
}

// plot is a survey parcel.
type plot struct {
	dlbm, gdpdjb, kcxs, zzsxdm, tbxhdm, czcsxm string
	gddb                                       int
	tbmj                                       string // "": that of the boundary; "NULL"
	geom                                       orb.MultiPolygon
}

// declared is a candidate; the number is its name in a test.
type declared struct {
	number, base, target, purpose, actor, gdlx string
	bsm                                        string
	documents                                  map[string]string
	attrs                                      map[string]any
	geom                                       orb.MultiPolygon
}

// newCounty has every layer that the rulebook requires, empty, except those
// named.
func newCounty(t testing.TB, without ...string) *county {
	t.Helper()
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	return newCountyWith(t, book, without...)
}

func newCountyWith(t testing.TB, book *rulebook.Rulebook, without ...string) *county {
	t.Helper()
	c := &county{t: t, db: storetest.New(t), upload: uuid.New(), year: 2025}
	c.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4)`, book.Hash, book.ID, book.Year, string(book.Document))
	c.exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ($1, '示例县（合成）', $2, true, $3)`, code, srid, book.Hash)
	c.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'synthetic.zip', 1, 'x')`, code, c.upload)
	for _, l := range book.Layers {
		if l.Optional || slices.Contains(without, l.Kind) || l.Kind == "KCXS" {
			continue
		}
		if l.Kind == "XZQ" {
			c.layer(l.Kind, shape{code: township + "000", name: "甲镇", geom: rect(-20000, -20000, 20000, 20000)})
			continue
		}
		c.layer(l.Kind)
	}
	if !slices.Contains(without, "KCXS") {
		c.ridges()
	}
	return c
}

func (c *county) exec(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.db.Pool.Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// dataset commits an empty dataset; it is the current one of its kind.
func (c *county) dataset(kind, scope string) uuid.UUID {
	c.t.Helper()
	id := uuid.New()
	c.commits++
	c.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, version, commit_seq, upload_id, file_name, file_sha256, features)
		VALUES ($1, $2, $3, $4, $5, 'committed', $6, $7, $8, 'synthetic', 'x', 0)`,
		code, id, kind, c.year, scope, fmt.Sprintf("%s-v%d", kind, c.commits), c.commits, c.upload)
	return id
}

func (c *county) wkb(g orb.MultiPolygon) []byte {
	c.t.Helper()
	b, err := ewkb.Marshal(moved(g), srid)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// moved puts a test's geometry where the county is.
func moved(g orb.MultiPolygon) orb.MultiPolygon {
	out := g.Clone()
	for _, p := range out {
		for _, r := range p {
			for i := range r {
				r[i] = orb.Point{r[i][0] + east, r[i][1] + north}
			}
		}
	}
	return out
}

func official(g orb.MultiPolygon) string  { return land.OfficialArea(moved(g), zone).String() }
func additive(g orb.MultiPolygon) float64 { return land.AdditiveArea(moved(g), zone) }
func hundredths(t testing.TB, m2 float64) land.Area {
	t.Helper()
	a, err := land.RoundArea(m2)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (c *county) layer(kind string, shapes ...shape) {
	c.t.Helper()
	id := c.dataset(kind, "")
	for i, s := range shapes {
		if s.bsm == "" {
			s.bsm = fmt.Sprintf("%s%03d", kind, i+1)
		}
		c.exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, bsm, code, name, level, area_m2, geom)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::numeric, $10::bytea::geometry)`,
			code, id, i+1, kind, s.bsm, s.code, s.name, s.level, official(s.geom), c.wkb(s.geom))
	}
}

func (c *county) survey(plots ...plot) {
	c.t.Helper()
	id := c.dataset("DLTB", "")
	for i, p := range plots {
		c.exec(`INSERT INTO parcel (county_code, dataset_id, fid, bsm, tbbh, dlbm, dlmc, gdpdjb, kcxs, zzsxdm, tbxhdm, czcsxm, gddb, tbmj, area_m2, geom)
			VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), nullif($9, '')::numeric, nullif($10, ''), nullif($11, ''), nullif($12, ''), nullif($13, 0), nullif(coalesce(nullif($16, ''), $14::text), 'NULL')::numeric, $14::text::numeric, $15::bytea::geometry)`,
			code, id, i+1, fmt.Sprintf("BSM%03d", i+1), fmt.Sprint(i+1), p.dlbm, className(p.dlbm), p.gdpdjb, p.kcxs, p.zzsxdm, p.tbxhdm, p.czcsxm, p.gddb, official(p.geom), c.wkb(p.geom), p.tbmj)
	}
}

func className(dlbm string) string {
	class, _ := land.ClassOf(dlbm)
	return class.Name
}

func (c *county) declare(direction string, list ...declared) {
	c.t.Helper()
	c.declareFor(township, direction, list...)
}

func (c *county) declareFor(township, direction string, list ...declared) {
	c.t.Helper()
	kind := map[string]string{"in": "CANDIDATE_IN", "out": "CANDIDATE_OUT"}[direction]
	id := c.dataset(kind, township)
	for i, d := range list {
		if d.documents == nil {
			d.documents = map[string]string{}
		}
		if d.attrs == nil {
			d.attrs = map[string]any{}
		}
		c.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, base_dlbm, target_dlbm, purpose, actor, gdlx, documents, attrs, area_m2, geom, base_bsm)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::numeric, $15::bytea::geometry, $16)`,
			code, id, i+1, direction, d.number, township, d.base, d.target, d.purpose, d.actor, d.gdlx, d.documents, d.attrs, official(d.geom), c.wkb(d.geom), d.bsm)
	}
}

// ridges is a table of coefficients: 0.05 per class above the first, and 0.01
// more on slopes than on terraces.
func (c *county) ridges() {
	c.t.Helper()
	id := c.dataset("KCXS", "")
	for class := 2; class <= 5; class++ {
		for i, gdlx := range []string{"TT", "PD"} {
			c.exec(`INSERT INTO kcxs (county_code, dataset_id, gdlx, gdpdjb, kcxs) VALUES ($1, $2, $3, $4, $5::text::numeric)`,
				code, id, gdlx, fmt.Sprint(class), fmt.Sprintf("%.4f", 0.05*float64(class-1)+0.01*float64(i)))
		}
	}
}

// dem stores heights at cells of 10 m over width × height cells, its north-west
// corner 100 m outside the county's.
func (c *county) dem(width, height int, z func(x, y float64) float64) {
	c.t.Helper()
	const tile = 16
	id := c.dataset("DEM", "")
	x0, y0 := east-100, north+float64(height)*10-100
	c.exec(`INSERT INTO raster (county_code, dataset_id, width, height, x0, y0, dx, dy, nodata, tile_size) VALUES ($1, $2, $3, $4, $5, $6, 10, 10, -9999, $7)`,
		code, id, width, height, x0, y0, tile)
	for row := 0; row*tile < height; row++ {
		for col := 0; col*tile < width; col++ {
			var cells bytes.Buffer
			pack := gzip.NewWriter(&cells)
			for r := row * tile; r < min(height, (row+1)*tile); r++ {
				for k := col * tile; k < min(width, (col+1)*tile); k++ {
					x, y := -100+float64(k)*10+5, y0-north-float64(r)*10-5
					if err := binary.Write(pack, binary.LittleEndian, float32(z(x, y))); err != nil {
						c.t.Fatal(err)
					}
				}
			}
			if err := pack.Close(); err != nil {
				c.t.Fatal(err)
			}
			c.exec(`INSERT INTO raster_tile (county_code, dataset_id, tile_col, tile_row, cells) VALUES ($1, $2, $3, $4, $5)`, code, id, col, row, cells.Bytes())
		}
	}
}

// queue makes the row of a run.
func (c *county) queue() uuid.UUID {
	c.t.Helper()
	id := uuid.New()
	c.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook) SELECT county_code, $2, $3, 'running', rulebook FROM county WHERE county_code = $1`, code, id, c.year)
	return id
}

// screen runs a screening and reads what it wrote.
func (c *county) screen() *answers {
	c.t.Helper()
	id := c.queue()
	if err := screening.Run(c.t.Context(), c.db, code, id, nil); err != nil {
		c.t.Fatal(err)
	}
	return c.read(id)
}

// answers are a run's rows by candidate.
type answers struct {
	t        testing.TB
	run      uuid.UUID
	verdicts map[string]verdictRow
	findings map[string][]findingRow
	summary  screening.Summary
	missing  []string
}

type verdictRow struct {
	Verdict, Area, Usable, Net, Paddy string
	KCXS, Slope, Quality              *string
	Source                            string
	Scores                            map[string]float64
	Reasons                           []screening.Reason
	Remainder                         []byte
	Exempt                            bool
}

type findingRow struct {
	Clause, Severity, Outcome, Layer, Version string
	Check                                     int
	Overlap                                   *string
	Share                                     *float64
	Features                                  []map[string]string
	Zh, En                                    string
	Geom                                      []byte
}

func (c *county) read(id uuid.UUID) *answers {
	c.t.Helper()
	a := &answers{t: c.t, run: id, verdicts: map[string]verdictRow{}, findings: map[string][]findingRow{}}
	var summary []byte
	if err := c.db.Pool.QueryRow(c.t.Context(), `SELECT summary, missing FROM screening_run WHERE run_id = $1 AND status = 'done'`, id).Scan(&summary, &a.missing); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(summary, &a.summary); err != nil {
		c.t.Fatal(err)
	}
	rows, err := c.db.Pool.Query(c.t.Context(), `SELECT number, verdict, area_m2::text, usable_m2::text, net_m2::text, net_paddy_m2::text,
		kcxs::text, slope_class, quality::text, slope_source, scores, reasons, ST_AsBinary(remainder), exempt FROM verdict WHERE run_id = $1`, id)
	if err != nil {
		c.t.Fatal(err)
	}
	for rows.Next() {
		var n string
		var v verdictRow
		if err := rows.Scan(&n, &v.Verdict, &v.Area, &v.Usable, &v.Net, &v.Paddy, &v.KCXS, &v.Slope, &v.Quality, &v.Source, &v.Scores, &v.Reasons, &v.Remainder, &v.Exempt); err != nil {
			c.t.Fatal(err)
		}
		a.verdicts[n] = v
	}
	if rows.Err() != nil {
		c.t.Fatal(rows.Err())
	}
	rows, err = c.db.Pool.Query(c.t.Context(), `SELECT number, clause, severity, outcome, layer_kind, layer_version, check_no, overlap_m2::text, share, features, message_zh, message_en, ST_AsBinary(geom)
		FROM finding WHERE run_id = $1 ORDER BY seq`, id)
	if err != nil {
		c.t.Fatal(err)
	}
	for rows.Next() {
		var n string
		var f findingRow
		if err := rows.Scan(&n, &f.Clause, &f.Severity, &f.Outcome, &f.Layer, &f.Version, &f.Check, &f.Overlap, &f.Share, &f.Features, &f.Zh, &f.En, &f.Geom); err != nil {
			c.t.Fatal(err)
		}
		a.findings[n] = append(a.findings[n], f)
	}
	if rows.Err() != nil {
		c.t.Fatal(rows.Err())
	}
	return a
}

// said lists a candidate's findings as "CLAUSE/check outcome m²".
func (a *answers) said(number string) []string {
	list := []string{}
	for _, f := range a.findings[number] {
		s := fmt.Sprintf("%s/%d %s", f.Clause, f.Check, f.Outcome)
		if f.Overlap != nil {
			s += " " + *f.Overlap
		}
		list = append(list, s)
	}
	return list
}

// expect compares a verdict and its findings with what they must be.
func (a *answers) expect(number, verdict string, findings ...string) {
	a.t.Helper()
	if got := a.verdicts[number].Verdict; got != verdict {
		a.t.Errorf("%s: verdict %q, want %q (%v)", number, got, verdict, a.verdicts[number].Reasons)
	}
	if findings == nil {
		findings = []string{}
	}
	if got := a.said(number); !slices.Equal(got, findings) {
		a.t.Errorf("%s: findings %q, want %q", number, got, findings)
	}
}

// rect is a rectangle by two corners.
func rect(x1, y1, x2, y2 float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}, {x1, y1}}}}
}
