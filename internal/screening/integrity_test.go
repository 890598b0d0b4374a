package screening_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	addVerdict = `INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2)
		SELECT $1, $2, 'in', n, $3, 'eligible', 1, 1, 1, 0 FROM unnest($4::text[]) AS n`
	addFinding = `INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en)
		SELECT $1, $2, o, 'in', n, $3, 'IN-00', 1, 'warn', 'hit', '', '' FROM unnest($4::text[]) WITH ORDINALITY AS u (n, o)`
)

// sqlState is the code of an error of PostgreSQL.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// A verdict belongs to a run and a finding to a verdict, whatever program writes.
func TestResultsBelongTogether(t *testing.T) {
	c := newCounty(t)
	run, other, empty := c.queue(), c.queue(), c.queue()
	c.exec(addVerdict, code, empty, township, []string{"a"})
	c.exec(addVerdict, code, run, township, []string{"a", "b", "c"})
	c.exec(addVerdict, code, other, township, []string{"a"})
	c.exec(addFinding, code, run, township, []string{"a", "b", "b"})
	c.exec(addFinding, code, other, township, []string{"a"})
	refused := map[string]struct {
		state, sql string
		args       []any
	}{
		"a verdict of no run":                {"23503", addVerdict, []any{code, uuid.New(), township, []string{"a"}}},
		"a verdict of another county":        {"23503", addVerdict, []any{"149902", run, township, []string{"x"}}},
		"a finding of no run":                {"23503", addFinding, []any{code, uuid.New(), township, []string{"a"}}},
		"one of several findings":            {"23503", addFinding, []any{code, empty, township, []string{"a", "b"}}},
		"a finding that moves":               {"23001", `UPDATE finding SET number = 'c' WHERE run_id = $1`, []any{run}},
		"a verdict that moves":               {"23001", `UPDATE verdict SET number = number || 'x' WHERE run_id = $1`, []any{run}},
		"a run that is called otherwise":     {"23001", `UPDATE screening_run SET run_id = gen_random_uuid() WHERE run_id = $1`, []any{run}},
		"no verdicts of any run all at once": {"23001", `TRUNCATE verdict CASCADE`, nil},
	}
	for name, r := range refused {
		if _, err := c.db.Pool.Exec(t.Context(), r.sql, r.args...); sqlState(err) != r.state {
			t.Errorf("%s: %v, want the state %s", name, err, r.state)
		}
	}
	count := func(want string) {
		t.Helper()
		var got string
		err := c.db.Pool.QueryRow(t.Context(), `SELECT concat_ws(' ', (SELECT count(*) FROM verdict WHERE run_id = $1), (SELECT count(*) FROM finding WHERE run_id = $1),
			(SELECT count(*) FROM verdict WHERE run_id = $2), (SELECT count(*) FROM finding WHERE run_id = $2))`, run, other).Scan(&got)
		if err != nil || got != want {
			t.Errorf("verdicts and findings of two runs: %s (%v), want %s", got, err, want)
		}
	}
	count("3 3 1 1")
	c.exec(`UPDATE verdict SET number = number, usable_m2 = 0 WHERE run_id = $1`, run)
	c.exec(`DELETE FROM verdict WHERE run_id = $1 AND number = 'b'`, run)
	count("2 1 1 1")
	c.exec(`DELETE FROM screening_run WHERE run_id = $1`, run)
	count("0 0 1 1")
	c.exec(`DELETE FROM screening_run`)
	count("0 0 0 0")
}

// A finding cannot slip in beside the deletion of its verdict, nor a verdict
// beside that of its run, whichever comes first.
func TestResultsBelongTogetherAtOnce(t *testing.T) {
	tests := map[string]struct{ first, second, state string }{
		"finding, then its verdict goes": {addFinding, `DELETE FROM verdict WHERE county_code = $1 AND run_id = $2 AND $3 <> '' AND number = ANY ($4)`, ""},
		"verdict goes, then its finding": {`DELETE FROM verdict WHERE county_code = $1 AND run_id = $2 AND $3 <> '' AND number = ANY ($4)`, addFinding, "23503"},
		"verdict, then its run goes":     {addVerdict, `DELETE FROM screening_run WHERE county_code = $1 AND run_id = $2 AND $3 <> '' AND $4::text[] IS NOT NULL`, ""},
		"run goes, then its verdict":     {`DELETE FROM screening_run WHERE county_code = $1 AND run_id = $2 AND $3 <> '' AND $4::text[] IS NOT NULL`, addVerdict, "23503"},
	}
	c := newCounty(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			run := c.queue()
			args := []any{code, run, township, []string{"a"}}
			if tt.first != addVerdict && tt.second != addVerdict {
				c.exec(addVerdict, args...)
			}
			tx, err := c.db.Pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // only if the test fails
			if _, err := tx.Exec(t.Context(), tt.first, args...); err != nil {
				t.Fatal(err)
			}
			second := make(chan error, 1)
			go func() {
				_, err := c.db.Pool.Exec(t.Context(), tt.second, args...)
				second <- err
			}()
			awaitLock(t, c.db.Pool, second)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-second; sqlState(err) != tt.state || (err == nil) != (tt.state == "") {
				t.Errorf("the second: %v, want the state %q", err, tt.state)
			}
			var orphans int
			err = c.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM finding f WHERE NOT EXISTS (SELECT FROM verdict v
				WHERE (v.county_code, v.run_id, v.direction, v.number) = (f.county_code, f.run_id, f.direction, f.number)))
				+ (SELECT count(*) FROM verdict v WHERE NOT EXISTS (SELECT FROM screening_run r WHERE (r.county_code, r.run_id) = (v.county_code, v.run_id)))`).Scan(&orphans)
			if err != nil || orphans != 0 {
				t.Errorf("%d rows belong to nothing (%v)", orphans, err)
			}
		})
	}
}

// A transaction that keeps one snapshot cannot see what was committed while it
// waited for a lock: it is refused before it leaves a row that belongs to nothing.
func TestResultsBelongTogether_NeedReadCommitted(t *testing.T) {
	c := newCounty(t)
	run := c.queue()
	args := []any{code, run, township, []string{"a"}}
	c.exec(addVerdict, args...)
	c.exec(addFinding, args...)
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable, pgx.ReadCommitted, pgx.ReadUncommitted} {
		want := ""
		if level == pgx.RepeatableRead || level == pgx.Serializable {
			want = "0A000"
		}
		for name, sql := range map[string]string{
			"adds a verdict":    `INSERT INTO verdict SELECT (jsonb_populate_record(v, '{"number": "b"}')).* FROM verdict v WHERE run_id = $1`,
			"adds a finding":    `INSERT INTO finding SELECT (jsonb_populate_record(f, '{"seq": 2}')).* FROM finding f WHERE run_id = $1`,
			"deletes a verdict": `DELETE FROM verdict WHERE run_id = $1`,
			"deletes a run":     `DELETE FROM screening_run WHERE run_id = $1`,
		} {
			tx, err := c.db.Pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: level})
			if err != nil {
				t.Fatal(err)
			}
			tag, err := tx.Exec(t.Context(), sql, run)
			if sqlState(err) != want || (err == nil) != (want == "") || err == nil && tag.RowsAffected() != 1 {
				t.Errorf("%s, %s: %d rows, %v, want the state %q", level, name, tag.RowsAffected(), err, want)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// awaitLock waits until the second statement waits for the first one's lock.
func awaitLock(t *testing.T, pool *pgxpool.Pool, second <-chan error) {
	t.Helper()
	for {
		var waits bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%$4%' AND pid <> pg_backend_pid())`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
		select {
		case err := <-second:
			t.Fatalf("the second did not wait for the first: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
