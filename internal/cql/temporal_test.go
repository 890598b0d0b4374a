package cql_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/cql"
	"gengheng/internal/store/storetest"
)

// TestTemporalRelations runs all temporal functions on all pairs of intervals
// between four days. Of Allen's thirteen relations exactly one holds for a
// pair; each is the inverse of another, or of itself, when the pair is turned
// round; and what is disjoint is before or after.
func TestTemporalRelations(t *testing.T) {
	db := storetest.Empty(t)
	queryables := []cql.Queryable{
		{Name: "a0", Kind: cql.Date, Column: "a.x"}, {Name: "a1", Kind: cql.Date, Column: "a.y"},
		{Name: "b0", Kind: cql.Date, Column: "b.x"}, {Name: "b1", Kind: cql.Date, Column: "b.y"},
	}
	holds := func(function, from, to string) []bool {
		t.Helper()
		f, err := cql.Parse(function+"("+from+", "+to+")", queryables, cql.Options{})
		if err != nil {
			t.Fatal(err)
		}
		condition, args := f.SQL(nil)
		rows, err := db.Pool.Query(t.Context(), `
			WITH i AS (SELECT DATE '2026-01-01' + p AS x, DATE '2026-01-01' + q AS y
				FROM generate_series(1, 4) p, generate_series(1, 4) q WHERE p < q)
			SELECT `+condition+` FROM i a, i b ORDER BY a.x, a.y, b.x, b.y`, args...)
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[bool])
		if err != nil || len(all) != 36 {
			t.Fatalf("%d pairs: %v", len(all), err)
		}
		return all
	}
	const a, b = "INTERVAL(a0, a1)", "INTERVAL(b0, b1)"
	inverse := map[string]string{
		"T_BEFORE": "T_AFTER", "T_MEETS": "T_METBY", "T_OVERLAPS": "T_OVERLAPPEDBY", "T_DURING": "T_CONTAINS",
		"T_STARTS": "T_STARTEDBY", "T_FINISHES": "T_FINISHEDBY", "T_EQUALS": "T_EQUALS",
	}
	count := make([]int, 36)
	relation := map[string][]bool{}
	for one, other := range inverse {
		relation[one], relation[other] = holds(one, a, b), holds(other, a, b)
		if turned := holds(other, b, a); !slices.Equal(relation[one], turned) {
			t.Errorf("%s(a,b) = %v, but %s(b,a) = %v", one, relation[one], other, turned)
		}
	}
	for name, all := range relation {
		if !slices.Contains(all, true) {
			t.Errorf("%s never holds", name)
		}
		for i, yes := range all {
			if yes {
				count[i]++
			}
		}
	}
	disjoint, intersects := holds("T_DISJOINT", a, b), holds("T_INTERSECTS", a, b)
	for i := range count {
		if count[i] != 1 {
			t.Errorf("pair %d is in %d relations: %v", i, count[i], relation)
		}
		if apart := relation["T_BEFORE"][i] || relation["T_AFTER"][i]; disjoint[i] != apart || intersects[i] == apart {
			t.Errorf("pair %d: disjoint %v, intersects %v, before or after %v", i, disjoint[i], intersects[i], apart)
		}
	}
	// Which is which, for those that only their names tell apart.
	for filter, want := range map[string]bool{
		"T_BEFORE(DATE('2026-01-01'), DATE('2026-01-02'))":                                         true,
		"T_AFTER(DATE('2026-01-01'), DATE('2026-01-02'))":                                          false,
		"T_MEETS(INTERVAL('2026-01-01','2026-01-02'), INTERVAL('2026-01-02','2026-01-03'))":        true,
		"T_OVERLAPS(INTERVAL('2026-01-01','2026-01-03'), INTERVAL('2026-01-02','2026-01-04'))":     true,
		"T_DURING(INTERVAL('2026-01-02','2026-01-03'), INTERVAL('2026-01-01','2026-01-04'))":       true,
		"T_STARTS(INTERVAL('2026-01-01','2026-01-02'), INTERVAL('2026-01-01','2026-01-04'))":       true,
		"T_FINISHES(INTERVAL('2026-01-03','2026-01-04'), INTERVAL('2026-01-01','2026-01-04'))":     true,
		"T_FINISHES(INTERVAL('2026-01-01','2026-01-04'), INTERVAL('2026-01-03','2026-01-04'))":     false,
		"T_EQUALS(INTERVAL('..','2026-01-04'), INTERVAL('..','2026-01-04'))":                       true,
		"T_INTERSECTS(INTERVAL('2026-01-01','2026-01-02'), INTERVAL('2026-01-01T20:00:00Z','..'))": true,
		"T_DISJOINT(TIMESTAMP('2026-01-01T15:59:59Z'), TIMESTAMP('2026-01-01T16:00:00Z'))":         true,
		"T_DISJOINT(TIMESTAMP('2026-01-01T15:59:59Z'), INTERVAL('2026-01-02', '2026-01-03'))":      true,
		"T_INTERSECTS(TIMESTAMP('2026-01-01T16:00:00Z'), INTERVAL('2026-01-02', '2026-01-03'))":    true,
		"NOT T_CONTAINS(INTERVAL('..','..'), INTERVAL('2026-01-01','..'))":                         true,
	} {
		f, err := cql.Parse(filter, nil, cql.Options{})
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		condition, args := f.SQL(nil)
		var got bool
		if err := db.Pool.QueryRow(t.Context(), `SELECT `+condition, args...).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %v, want %v (%v)", filter, got, want, err)
		}
	}
}
