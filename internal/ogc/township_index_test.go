package ogc_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/cql"
)

// A township's map is drawn by the spatial index, as the county's is: without a
// leakproof operator row-level security would have every parcel of the county read.
func TestTownshipReadsByTheSpatialIndex(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	filter, err := cql.Parse("S_INTERSECTS(geom, POINT(111.2 36.2))", []cql.Queryable{{Name: "geom", Column: "geom", Kind: cql.Geometry}}, cql.Options{StorageSRID: 4546, FilterSRID: 4326})
	if err != nil {
		t.Fatal(err)
	}
	condition, args := filter.SQL(nil)
	for _, township := range []string{"", townA} {
		err := s.DB.InTx(t.Context(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off`); err != nil {
				return err
			}
			if err := access.Limit(t.Context(), tx, access.Actor{County: county, Township: township}); err != nil {
				return err
			}
			for _, table := range []string{"parcel", "layer_feature", "candidate"} {
				rows, err := tx.Query(t.Context(), `EXPLAIN SELECT 1 FROM `+table+` WHERE `+condition, args...)
				if err != nil {
					return err
				}
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					return err
				}
				plan := strings.Join(lines, "\n")
				if _, condition, found := strings.Cut(plan, "Index Cond: ("); !found || !strings.HasPrefix(strings.TrimPrefix(condition, "("), "geom &&") || !strings.Contains(plan, table+"_geom") {
					t.Errorf("township %q reads %s without its index:\n%.400s", township, table, plan)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
