package collection

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Tally is how many features of a kind touch an extent (图面范围), with the sums of
// their areas in m², exact with two decimals. A feature counts with all of itself,
// also with what lies outside the extent.
type Tally struct {
	// Group is the value that the kind is told by; "" where a feature has none.
	Group string
	Count int
	Sums  []string
}

// Declared is a declared parcel (申报地块) that touches an extent. Box is west,
// south, east, north in degrees; areas are m² with two decimals, Net and Verdict ""
// before a screening.
type Declared struct {
	Direction, Number, Township, Base, Target string
	Verdict, Area, Net                        string
	Box                                       [4]float64
}

// Touching is the condition that features touch a box (west, south, east, north in
// degrees); its parameters follow those of the collection. none: nothing can touch it.
type Touching struct {
	none bool
	sql  string
	args []any
}

// Touching makes it, from what the caller sees of the collection: the box is cut to
// where there is anything, so that it can always be brought to the plane.
func (s *Registry) Touching(ctx context.Context, q Querier, col *Collection, scope string, box [4]float64) (Touching, error) {
	t := Touching{sql: col.Where, args: col.Args()}
	extent, err := s.Extent(ctx, q, col, scope)
	if err != nil {
		return t, err
	}
	if extent == nil {
		t.none = true
		return t, nil
	}
	all := extent.Degrees
	cut := [4]float64{max(box[0], all[0]), max(box[1], all[1]), min(box[2], all[2]), min(box[3], all[3])}
	if cut[0] > cut[2] || cut[1] > cut[3] {
		t.none = true
		return t, nil
	}
	if cut == all {
		return t, nil // everything touches it
	}
	// The box's edges are bent in the plane: vertices every 0.02° keep them within 0.2 m.
	n := len(t.args)
	t.sql += fmt.Sprintf(" AND ST_Intersects(%s, (SELECT ST_Transform(ST_Segmentize(ST_MakeEnvelope($%d, $%d, $%d, $%d, 4490), 0.02), %d)))",
		col.Geom, n+1, n+2, n+3, n+4, col.County.SRID)
	t.args = append(t.args, cut[0], cut[1], cut[2], cut[3])
	return t, nil
}

// and adds a condition with one parameter, written ?.
func (t Touching) and(condition string, v any) Touching {
	args := append(append([]any{}, t.args...), v)
	return Touching{none: t.none, sql: t.sql + " AND " + strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))), args: args}
}

// OfYear holds declared parcels to a year.
func (t Touching) OfYear(year int) Touching { return t.and("t.year = ?", year) }

// OfVerdicts holds them to verdicts; "" stands for those that have none.
func (t Touching) OfVerdicts(list []string) Touching {
	return t.and("coalesce(t.verdict, '') = ANY (?::text[])", list)
}

// TallyBy counts by a column of the collection, in its order, and sums others.
func (c *Collection) TallyBy(ctx context.Context, q Querier, t Touching, column string, areas ...string) ([]Tally, error) {
	if t.none {
		return nil, nil
	}
	sums := make([]string, len(areas))
	for i, a := range areas {
		sums[i] = "coalesce(sum(t." + a + "), 0)::numeric(20,2)::text"
	}
	rows, err := q.Query(ctx, fmt.Sprintf("SELECT coalesce(t.%s, ''), count(*), ARRAY[%s] FROM %s WHERE %s GROUP BY 1 ORDER BY 1",
		column, strings.Join(sums, ", "), c.From, t.sql), t.args...)
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", c.ID, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Tally, err error) {
		return v, row.Scan(&v.Group, &v.Count, &v.Sums)
	})
	if err != nil {
		return nil, fmt.Errorf("tally %s: %w", c.ID, err)
	}
	return out, nil
}

// DeclaredIn lists declared parcels of the collection in the order of their numbers,
// limit at most.
func (c *Collection) DeclaredIn(ctx context.Context, q Querier, t Touching, limit int) ([]Declared, error) {
	if t.none {
		return nil, nil
	}
	rows, err := q.Query(ctx, fmt.Sprintf(`SELECT number, township_code, base, target, verdict, area, net, ARRAY[ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)] FROM (
		SELECT t.number, t.township_code, coalesce(t.base_dlbm, '') AS base, coalesce(t.target_dlbm, '') AS target, coalesce(t.verdict, '') AS verdict,
			t.area_m2::numeric(20,2)::text AS area, coalesce(t.net_m2::numeric(20,2)::text, '') AS net, ST_Transform(ST_Envelope(%s), 4490) AS b
		FROM %s WHERE %s ORDER BY t.number LIMIT %d) r ORDER BY number`, c.Geom, c.From, t.sql, limit), t.args...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", c.ID, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Declared, error) {
		v, box := Declared{Direction: c.Direction}, []float64{}
		if err := row.Scan(&v.Number, &v.Township, &v.Base, &v.Target, &v.Verdict, &v.Area, &v.Net, &box); err != nil {
			return v, err
		}
		copy(v.Box[:], box)
		return v, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", c.ID, err)
	}
	return out, nil
}
