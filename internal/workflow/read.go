package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// Filter picks records. Empty fields pick everything.
type Filter struct {
	Township, Direction string
	State               State
	// Queue picks what a department has still to give an opinion on.
	Queue access.Role
	// Mine picks what this actor's role may take a step of, or as a department has
	// still to give an opinion on.
	Mine *access.Actor
	// Numbers picks parcels by number.
	Numbers []string
	// After is the last of the page before, by direction and number.
	After Key
	Limit int
}

// Records lists a year's records by direction and number.
func Records(ctx context.Context, q Querier, county string, year int, f Filter) ([]Record, error) {
	var mine []string
	var department access.Role
	if f.Mine != nil {
		mine, department = standing(*f.Mine), Department(f.Mine.Role)
	}
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM workflow_record r
		WHERE r.county_code = $1 AND r.year = $2 AND ($3 = '' OR r.township_code = $3) AND ($4 = '' OR r.direction = $4) AND ($5 = '' OR r.state = $5)
		  AND ($6 = '' OR r.state = 'in_review' AND NOT EXISTS (SELECT FROM workflow_opinion o
		      WHERE (o.county_code, o.year, o.direction, o.number, o.round, o.department) = (r.county_code, r.year, r.direction, r.number, r.round, $6)))
		  AND ($7::text[] IS NULL OR r.number = ANY ($7)) AND (r.direction, r.number COLLATE "C") > ($8, $9 COLLATE "C")
		  AND ($11::text[] IS NULL OR (CASE WHEN r.exempt <> '' THEN 'exempt' ELSE r.direction END) || '/' || r.state = ANY ($11)
		    OR r.state = 'in_review' AND $12 <> '' AND NOT EXISTS (SELECT FROM workflow_opinion o
		      WHERE (o.county_code, o.year, o.direction, o.number, o.round, o.department) = (r.county_code, r.year, r.direction, r.number, r.round, $12)))
		ORDER BY r.direction, r.number COLLATE "C" LIMIT $10`,
		county, year, f.Township, f.Direction, string(f.State), string(f.Queue), f.Numbers, f.After.Direction, f.After.Number, f.Limit, mine, string(department))
	if err != nil {
		return nil, fmt.Errorf("records of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("records of %s in %d: %w", county, year, err)
	}
	return list, nil
}

// Read is one record; a *Refusal with NotFound where there is none to be seen.
func Read(ctx context.Context, q Querier, key Key) (Record, error) {
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM workflow_record r
		WHERE r.county_code = $1 AND r.year = $2 AND r.direction = $3 AND r.number = $4`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return Record{}, fmt.Errorf("record %s: %w", key, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, notFound(key)
	}
	if err != nil {
		return r, fmt.Errorf("record %s: %w", key, err)
	}
	return r, nil
}

// History is every step of a record, from the first.
func History(ctx context.Context, q Querier, key Key) ([]Event, error) {
	rows, err := q.Query(ctx, `SELECT seq, event_id, action, from_state, to_state, actor_id, actor_name, actor_role, actor_township, at, reason, late, documents, data
		FROM workflow_event WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY seq`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		return e, row.Scan(&e.Seq, &e.ID, &e.Action, &e.From, &e.To, &e.ActorID, &e.ActorName, &e.Role, &e.Township, &e.At, &e.Reason, &e.Late, &e.Documents, &e.Data)
	})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", key, err)
	}
	return list, nil
}

// Counts is how many records of a year are in each state, by direction:
// "in/approved": 3.
func Counts(ctx context.Context, q Querier, county string, year int) (map[string]int, error) {
	rows, err := q.Query(ctx, `SELECT direction || '/' || state, count(*) FROM workflow_record WHERE county_code = $1 AND year = $2 GROUP BY 1`, county, year)
	if err != nil {
		return nil, fmt.Errorf("count the records of %s in %d: %w", county, year, err)
	}
	counts := map[string]int{}
	var state string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { counts[state] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count the records of %s in %d: %w", county, year, err)
	}
	return counts, nil
}

// Due is how the parcels of a year that are being rectified (整改) stand to the days
// by which they were to be put right.
type Due struct {
	// Open is how many there are; Late of them are past their day, and Undated were
	// asked for without one.
	Open    int `json:"open"`
	Late    int `json:"late"`
	Undated int `json:"undated"`
	// Next is the first day that has not passed; nil where there is none.
	Next *string `json:"next"`
}

// Due counts what is being rectified in a year.
func (w Workflow) Due(ctx context.Context, q Querier, county string, year int) (d Due, err error) {
	err = q.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE due < $3::text::date), count(*) FILTER (WHERE due IS NULL), min(due) FILTER (WHERE due >= $3::text::date)::text
		FROM (SELECT (SELECT max(x.due) FROM workflow_rectification x
		        WHERE (x.county_code, x.year, x.direction, x.number, x.seq) = (r.county_code, r.year, r.direction, r.number, r.revision)) AS due
		    FROM workflow_record r WHERE r.county_code = $1 AND r.year = $2 AND r.state = 'rectifying') AS open`,
		county, year, today(w.now())).Scan(&d.Open, &d.Late, &d.Undated, &d.Next)
	if err != nil {
		return d, fmt.Errorf("count what is being rectified of %s in %d: %w", county, year, err)
	}
	return d, nil
}
