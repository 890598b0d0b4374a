package cql_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/cql"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// zone35 is EPSG:4523, CGCS2000 zone 35 with its number before the eastings;
// its meridian is 105° E.
const zone35 = 4523

// fields are the queryables of the synthetic (合成) table candidates.
var fields = []cql.Queryable{
	{Name: "id", Kind: cql.Integer, Column: "c.id"},
	{Name: "zone_code", Kind: cql.Text, Column: "c.zone_code"},
	{Name: "地类名称", Kind: cql.Text, Column: "c.dlmc"},
	{Name: "area_mu", Kind: cql.Number, Column: "c.area_mu"},
	{Name: "slope", Kind: cql.Number, Column: "c.slope"},
	{Name: "paddy", Kind: cql.Boolean, Column: "c.paddy"},
	{Name: "surveyed", Kind: cql.Date, Column: "c.surveyed"},
	{Name: "updated_at", Kind: cql.Timestamp, Column: "c.updated_at"},
	{Name: "geom", Kind: cql.Geometry, Column: "c.geom"},
}

// candidates makes the table: five squares of 1 km north-east of the points
// (106.0 + n/100)° E, 26.5° N, the last of them without any value but its id.
func candidates(t testing.TB) *store.DB {
	t.Helper()
	db := storetest.Empty(t)
	for _, statement := range []string{
		`CREATE EXTENSION IF NOT EXISTS postgis`,
		`CREATE TABLE candidates (id bigint PRIMARY KEY, zone_code text, dlmc text, area_mu numeric(18,2), slope float8,
			paddy boolean, surveyed date, updated_at timestamptz, geom geometry(MultiPolygon, 4523))`,
		// Before the rows, for an index made after an UPDATE must wait for all
		// older transactions of the server.
		`CREATE INDEX by_place ON candidates USING gist (geom)`,
		`CREATE INDEX by_zone ON candidates (zone_code)`,
		`INSERT INTO candidates VALUES
			(1, 'P1', '水田', 1.50, 0.1, true, '2026-01-01', '2025-12-31T17:00:00Z', NULL),
			(2, 'p12', '水浇地', 0.50, 2.5, false, '2026-03-01', '2026-01-01T00:00:00Z', NULL),
			(3, 'P7', '旱地', 2.00, 6.000000000000001, false, '2026-06-01', '2026-02-01T12:00:00Z', NULL),
			(4, 'a\b''c', '果园 50%', 100.00, 25, true, '1999-12-31', '2026-12-31T23:59:59Z', NULL),
			(5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
		`UPDATE candidates SET geom = ST_Multi(ST_MakeEnvelope(x, y, x + 1000, y + 1000, 4523))
			FROM (SELECT id AS i, ST_X(g) AS x, ST_Y(g) AS y FROM (SELECT id,
				ST_Transform(ST_SetSRID(ST_MakePoint(106.0 + id / 100.0, 26.5), 4490), 4523) AS g FROM candidates) p) q
			WHERE i = id AND id < 5`,
	} {
		if _, err := db.Pool.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

// selected gives the ids that the filter selects, after a parameter of the
// caller's own.
func selected(t testing.TB, db *store.DB, f *cql.Filter) []int64 {
	t.Helper()
	condition, args := f.SQL([]any{int64(0)})
	rows, err := db.Pool.Query(t.Context(), `SELECT c.id FROM candidates c WHERE c.id > $1 AND `+condition+` ORDER BY c.id`, args...)
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatalf("%s %v: %v", condition, args, err)
	}
	return ids
}

// TestSelect runs filters on PostGIS, those that QGIS is known to send first.
func TestSelect(t *testing.T) {
	db := candidates(t)
	geographic := cql.Options{StorageSRID: zone35, FilterSRID: 4490}
	inverted := cql.Options{StorageSRID: zone35, FilterSRID: 4490, FilterInverted: true}
	for _, test := range []struct {
		filter string
		opt    cql.Options
		want   []int64
	}{
		{`("zone_code" = 'P7')`, geographic, []int64{3}},
		{`((地类名称 LIKE '水%') AND ("area_mu" >= 1))`, geographic, []int64{1}},
		{`"zone_code" IN ('P1','P7')`, geographic, []int64{1, 3}},
		{`(CASEI("zone_code") LIKE CASEI('p1%'))`, geographic, []int64{1, 2}},
		{`(zone_code IS NOT NULL)`, geographic, []int64{1, 2, 3, 4}},
		{`(NOT ("area_mu" BETWEEN 1 AND 2))`, geographic, []int64{2, 4}},
		{`("zone_code" NOT LIKE 'P%')`, geographic, []int64{2, 4}},
		{`("updated_at" > TIMESTAMP('2026-01-01T00:00:00.000Z'))`, geographic, []int64{3, 4}},
		{`(("area_mu" * 666.67) > 1000)`, geographic, []int64{1, 3, 4}},
		{`zone_code LIKE 'a\\b''c'`, geographic, []int64{4}},
		{`S_INTERSECTS(geom,POINT(106.011 26.501))`, geographic, []int64{1}},
		{`S_INTERSECTS(geom,POINT(26.501 106.011))`, inverted, []int64{1}},
		{`S_INTERSECTS(geom,BBOX(106.005,26.4,106.025,26.6))`, geographic, []int64{1, 2}},
		{`S_INTERSECTS(geom,BBOX(26.4,106.005,26.6,106.025))`, inverted, []int64{1, 2}},
	} {
		f, err := cql.Parse(test.filter, fields, test.opt)
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got := selected(t, db, f); !slices.Equal(got, test.want) {
			t.Errorf("%s selects %v, want %v", test.filter, got, test.want)
		}
	}
}

// TestIndex makes sure that the spatial index serves a filter whose geometry
// must be transformed, and the index of a text or integer column a comparison.
func TestIndex(t *testing.T) {
	db := candidates(t)
	for filter, index := range map[string]string{
		`S_INTERSECTS(geom, BBOX(106,26,107,27))`:                "by_place",
		`S_WITHIN(geom, POLYGON((106 26,107 26,107 27,106 26)))`: "by_place",
		`zone_code = 'P1'`:          "by_zone",
		`zone_code IN ('P1', 'P7')`: "by_zone",
		`id = 3`:                    "candidates_pkey",
		`id BETWEEN 2 AND 3`:        "candidates_pkey",
	} {
		f, err := cql.Parse(filter, fields, cql.Options{StorageSRID: zone35, FilterSRID: 4490})
		if err != nil {
			t.Fatal(err)
		}
		condition, args := f.SQL(nil)
		err = db.InTx(t.Context(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off`); err != nil {
				return err
			}
			rows, err := tx.Query(t.Context(), `EXPLAIN SELECT 1 FROM candidates c WHERE `+condition, args...)
			if err != nil {
				return err
			}
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if text := strings.Join(plan, "\n"); !strings.Contains(text, index) || !strings.Contains(text, "Index Cond") {
				t.Errorf("%s does not use %s:\n%s", filter, index, text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
