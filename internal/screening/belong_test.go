package screening_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// oneFinding adds a finding to one that is there, for another number or a new
// place in the run.
const oneFinding = `
INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en)
SELECT county_code, run_id, $3, direction, $2, township_code, clause, check_no, severity, outcome, message_zh, message_en
FROM finding WHERE run_id = $1 ORDER BY seq LIMIT 1`

// screenedPair is a county with two declarations that have findings.
func screenedPair(t *testing.T) (*county, uuid.UUID) {
	c := ordinary(t)
	c.layer("JBCY", shape{geom: rect(0, 0, 500, 500)})
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(300, 100, 400, 200)))
	c.screen()
	var run uuid.UUID
	if err := c.db.Pool.QueryRow(t.Context(), `SELECT run_id FROM screening_run`).Scan(&run); err != nil {
		t.Fatal(err)
	}
	if c.count(`number = 'I1'`) == 0 || c.count(`number = 'I2'`) == 0 {
		t.Fatal("no findings to test with")
	}
	return c, run
}

func (c *county) count(where string) (n int) {
	c.t.Helper()
	if err := c.db.Pool.QueryRow(c.t.Context(), `SELECT count(*) FROM finding WHERE `+where).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestFindingsBelongToVerdicts: no statement leaves a finding without its
// verdict, whichever of the two it is about.
func TestFindingsBelongToVerdicts(t *testing.T) {
	c, run := screenedPair(t)
	ctx, pool := t.Context(), c.db.Pool
	all := c.count(`true`)
	for name, sql := range map[string]string{
		"another number":       `UPDATE finding SET number = 'I9' WHERE number = 'I1'`,
		"a verdict renamed":    `UPDATE verdict SET number = 'I9' WHERE number = 'I1'`,
		"another run":          `UPDATE finding SET run_id = gen_random_uuid()`,
		"all verdicts at once": `TRUNCATE verdict CASCADE`,
	} {
		if _, err := pool.Exec(ctx, sql); !foreignKey(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pool.Exec(ctx, oneFinding, run, "I9", 1000); !foreignKey(err) || !strings.Contains(err.Error(), "I9") {
		t.Errorf("a finding of an undeclared number: %v", err)
	}
	if n := c.count(`true`); n != all {
		t.Errorf("%d findings after what was refused, want %d", n, all)
	}
	c.exec(`UPDATE verdict SET usable_m2 = 0`)
	c.exec(`UPDATE finding SET message_en = 'x', number = number`)
	c.exec(oneFinding, run, "I2", 1001)
	if n := c.count(`number = 'I2' AND seq = 1001`); n != 1 {
		t.Error("a finding of a verdict was not added")
	}
	c.exec(`DELETE FROM verdict WHERE number = 'I1'`)
	if mine, other := c.count(`number = 'I1'`), c.count(`number = 'I2'`); mine != 0 || other == 0 {
		t.Errorf("after I1's verdict went, %d findings of I1 and %d of I2", mine, other)
	}
	c.exec(`DELETE FROM screening_run WHERE run_id = $1`, run)
	if n := c.count(`true`); n != 0 {
		t.Errorf("%d findings outlive their run", n)
	}
}

func foreignKey(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == "23503"
}

// TestFindingsBelongAtOnce: who adds a finding and who removes its verdict at the
// same time wait for each other, in either order.
func TestFindingsBelongAtOnce(t *testing.T) {
	add := func(tx pgx.Tx, run uuid.UUID) error {
		_, err := tx.Exec(context.Background(), oneFinding, run, "I1", 1000)
		return err
	}
	remove := func(tx pgx.Tx, _ uuid.UUID) error {
		_, err := tx.Exec(context.Background(), `DELETE FROM verdict WHERE number = 'I1'`)
		return err
	}
	for name, order := range map[string][2]func(pgx.Tx, uuid.UUID) error{"added first": {add, remove}, "removed first": {remove, add}} {
		t.Run(name, func(t *testing.T) {
			c, run := screenedPair(t)
			first, second := c.begin(), c.begin()
			if err := order[0](first, run); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- order[1](second, run) }()
			c.waits()
			if err := first.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := <-done
			if name == "removed first" && !foreignKey(err) || name == "added first" && err != nil {
				t.Fatalf("the second: %v", err)
			}
			if err == nil {
				if err := second.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := c.count(`number = 'I1'`); n != 0 {
				t.Errorf("%d findings without a verdict", n)
			}
		})
	}
}

func (c *county) begin() pgx.Tx {
	c.t.Helper()
	tx, err := c.db.Pool.Begin(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// waits comes back when a session of this database waits for a lock.
func (c *county) waits() {
	c.t.Helper()
	for range 3000 {
		var n int
		err := c.db.Pool.QueryRow(c.t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			c.t.Fatal(err)
		}
		if n > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal("nobody waits")
}
