package collection

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
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
	// whole: everything of the version that the scope sees, which never changes
	whole bool
	scope string
	sql   string
	args  []any
}

// Touching makes it, from what the caller sees of the collection: the box is cut to
// where there is anything, so that it can always be brought to the plane.
func (s *Registry) Touching(ctx context.Context, q Querier, col *Collection, scope string, box [4]float64) (Touching, error) {
	t := Touching{scope: scope, sql: col.Where, args: col.Args()}
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
		t.whole = true
		return t, nil // everything touches it
	}
	// The box's edges are bent in the plane: vertices every 0.02° keep them within 0.2 m.
	// Most of what is in view lies in the rectangle inside of those edges, which is seen
	// from its bounds without reading its shape. (CASE: with OR the index is gone through
	// twice.)
	zone, ok := land.ByEPSG(col.County.SRID)
	if !ok {
		return t, fmt.Errorf("county %s: srid %d is no zone", col.County.Code, col.County.SRID)
	}
	inner, outer := rectangles(zone, cut)
	n := len(t.args)
	envelope := func(first int) string {
		return fmt.Sprintf("ST_MakeEnvelope($%d, $%d, $%d, $%d, %d)", first, first+1, first+2, first+3, col.County.SRID)
	}
	t.sql += fmt.Sprintf(" AND %[1]s && %[2]s AND CASE WHEN %[1]s @ %[3]s THEN true ELSE ST_Intersects(%[1]s, (SELECT ST_Transform(ST_Segmentize(ST_MakeEnvelope($%[4]d, $%[5]d, $%[6]d, $%[7]d, 4490), 0.02), %[8]d))) END",
		col.Geom, envelope(n+5), envelope(n+9), n+1, n+2, n+3, n+4, col.County.SRID)
	for _, b := range [][4]float64{cut, outer, inner} {
		t.args = append(t.args, b[0], b[1], b[2], b[3])
	}
	return t, nil
}

// rectangles are, of a box in degrees as it lies in the plane, one inside it and one
// around it, each with a metre to spare. Of a box that is too narrow for one inside,
// that is a point in its middle.
func rectangles(zone land.Zone, box [4]float64) (inner, outer [4]float64) {
	inf := math.Inf(1)
	inner, outer = [4]float64{-inf, -inf, inf, inf}, [4]float64{inf, inf, -inf, -inf}
	n := 1 + int(math.Ceil(max(box[2]-box[0], box[3]-box[1])/0.02))
	for i := range n + 1 {
		part := float64(i) / float64(n)
		for side := range 4 {
			lon, lat := box[0]+(box[2]-box[0])*part, box[1]+(box[3]-box[1])*part
			if side%2 == 0 {
				lon = box[side]
			} else {
				lat = box[side]
			}
			x, y := zone.Project(lon, lat)
			outer = [4]float64{min(outer[0], x-1), min(outer[1], y-1), max(outer[2], x+1), max(outer[3], y+1)}
			switch side {
			case 0:
				inner[0] = max(inner[0], x+1)
			case 1:
				inner[1] = max(inner[1], y+1)
			case 2:
				inner[2] = min(inner[2], x-1)
			case 3:
				inner[3] = min(inner[3], y-1)
			}
		}
	}
	if inner[0] >= inner[2] || inner[1] >= inner[3] {
		x, y := zone.Project((box[0]+box[2])/2, (box[1]+box[3])/2)
		inner = [4]float64{x, y, x, y}
	}
	return inner, outer
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

// Tally is TallyBy; of all that a version has as it was loaded it is kept.
func (s *Registry) Tally(ctx context.Context, q Querier, c *Collection, t Touching, column string, areas ...string) ([]Tally, error) {
	if !t.whole || c.Total < 0 {
		return c.TallyBy(ctx, q, t, column, areas...)
	}
	key := fmt.Sprint("tally/", c.County.Code, "/", c.ID, "/", t.scope, "/", c.Sources, "/", column, areas)
	var out []Tally
	err := s.facts.find(ctx, key, &out, func() (err error) {
		out, err = c.TallyBy(ctx, q, t, column, areas...)
		return err
	})
	return out, err
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
