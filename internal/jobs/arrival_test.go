package jobs_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/jobs"
	"gengheng/internal/store/storetest"
)

// Ensure that arrivals share the run that still waits, that one which has begun
// is not waited for, and that a run cannot begin before the change it must read
// is there.
func TestScreenArrival_SharesTheRunThatWaits(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	waiting := newRun(t, db)
	q, err := jobs.New(jobs.Config{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	arrive := func(year int) (run uuid.UUID) {
		t.Helper()
		err := db.InTx(t.Context(), func(tx pgx.Tx) (err error) {
			run, err = jobs.ScreenArrival(t.Context(), tx, q, county, year)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	if a, b := arrive(2025), arrive(2025); a != waiting || b != waiting {
		t.Errorf("arrivals made %s and %s while %s waits", a, b, waiting)
	}
	if other := arrive(2026); other == waiting || arrive(2026) != other {
		t.Error("another year needs one run of its own")
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE screening_run SET status = 'running' WHERE run_id = $1`, waiting)
	next := arrive(2025)
	if next == waiting {
		t.Error("an arrival relies on a run that has read the data already")
	}
	exec(`INSERT INTO rulebook (version, id, year, document) VALUES ('s', 's', 2025, '')`)
	exec(`UPDATE county SET rulebook = 's' WHERE county_code = $1`, county)
	if arrive(2025) == next {
		t.Error("an arrival relies on a run by the rulebook of before")
	}

	exec(`UPDATE county SET rulebook = 'r' WHERE county_code = $1`, county)
	err = db.InTx(t.Context(), func(tx pgx.Tx) error {
		if _, err := jobs.ScreenArrival(t.Context(), tx, q, county, 2025); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := db.Pool.Exec(ctx, `UPDATE screening_run SET status = 'running' WHERE run_id = $1`, next); err == nil {
			t.Error("the run began before the change was there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var orphans int
	err = db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM screening_run r WHERE r.run_id <> $1 AND (SELECT count(*) FROM job j WHERE j.subject = r.run_id) <> 1`, waiting).Scan(&orphans)
	if err != nil || orphans != 0 {
		t.Errorf("%d runs without one job (%v)", orphans, err)
	}
}
