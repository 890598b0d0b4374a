package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/jobs"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

const county = "149901"

// newRun makes a county with one screening run to be done, which is the
// simplest subject a job can have.
func newRun(t *testing.T, db *store.DB) uuid.UUID {
	t.Helper()
	id := uuid.New()
	_, err := db.Pool.Exec(t.Context(), `
		INSERT INTO rulebook (version, id, year, document) VALUES ('r', 'r', 2025, '') ON CONFLICT DO NOTHING`)
	if err == nil {
		_, err = db.Pool.Exec(t.Context(), `
			INSERT INTO county (county_code, name, srid, rulebook) VALUES ($1, '示例县', 4546, 'r') ON CONFLICT DO NOTHING`, county)
	}
	if err == nil {
		_, err = db.Pool.Exec(t.Context(), `
			INSERT INTO screening_run (county_code, run_id, year, status, rulebook) VALUES ($1, $2, 2025, 'queued', 'r')`, county, id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func enqueue(t *testing.T, db *store.DB, q *jobs.Queue, run uuid.UUID) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	err := db.InTx(t.Context(), func(tx pgx.Tx) (err error) {
		id, err = q.Enqueue(t.Context(), tx, county, jobs.Screen, run)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func start(t *testing.T, db *store.DB, h jobs.Handler) *jobs.Queue {
	t.Helper()
	q, err := jobs.New(jobs.Config{DB: db, Workers: 1, Handlers: map[jobs.Kind]jobs.Handler{jobs.Screen: h}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return q
}

type state struct {
	status  string
	problem *string
	attempt int
}

func waitFor(t *testing.T, db *store.DB, job uuid.UUID, status string) state {
	t.Helper()
	var s state
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		err := db.Pool.QueryRow(t.Context(), `
			SELECT status, problem->>'type', attempt FROM job WHERE county_code = $1 AND job_id = $2`, county, job).
			Scan(&s.status, &s.problem, &s.attempt)
		if err != nil {
			t.Fatal(err)
		}
		if s.status == status {
			return s
		}
	}
	t.Fatalf("job is %q, want %q", s.status, status)
	return s
}

func TestEnqueue_IsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	run := newRun(t, db)
	var calls atomic.Int32
	q := start(t, db, func(context.Context, string, uuid.UUID, func(string, int64, int64)) error {
		calls.Add(1)
		return nil
	})
	rollback := errors.New("rollback")
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		if _, err := q.Enqueue(t.Context(), tx, county, jobs.Screen, run); err != nil {
			return err
		}
		return rollback
	})
	if !errors.Is(err, rollback) {
		t.Fatal(err)
	}
	// a job that follows has been worked, so the first would have been too
	waitFor(t, db, enqueue(t, db, q, run), "done")
	if calls.Load() != 1 {
		t.Fatalf("handler ran %d times, want once: a job whose transaction was rolled back must not run", calls.Load())
	}
}

func TestWork_RefusalIsFinal(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	run := newRun(t, db)
	var calls atomic.Int32
	q := start(t, db, func(context.Context, string, uuid.UUID, func(string, int64, int64)) error {
		calls.Add(1)
		return &jobs.Failure{Err: errors.New("no"), Problem: json.RawMessage(`{"type":"urn:gengheng:problem:test","title":"t","status":422}`)}
	})
	s := waitFor(t, db, enqueue(t, db, q, run), "failed")
	if s.problem == nil || *s.problem != "urn:gengheng:problem:test" || calls.Load() != 1 {
		t.Fatalf("problem %v after %d calls", s.problem, calls.Load())
	}
	var status string
	if err := db.Pool.QueryRow(t.Context(), `SELECT status FROM screening_run WHERE run_id = $1`, run).Scan(&status); err != nil || status != "failed" {
		t.Fatalf("the run is %q (%v), want failed with its job", status, err)
	}
}

func TestWork_PassingTroubleIsTriedAgain(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	run := newRun(t, db)
	var calls atomic.Int32
	q := start(t, db, func(context.Context, string, uuid.UUID, func(string, int64, int64)) error {
		if calls.Add(1) == 1 {
			panic("the first attempt dies")
		}
		return nil
	})
	if s := waitFor(t, db, enqueue(t, db, q, run), "done"); s.attempt != 2 {
		t.Fatalf("done at attempt %d, want 2", s.attempt)
	}
}

// TestMain lets this test binary be the worker that is killed below.
func TestMain(m *testing.M) {
	if url := os.Getenv("JOBS_TEST_DOOMED"); url != "" {
		doomedWorker(url, os.Getenv("JOBS_TEST_MARK"))
	}
	os.Exit(m.Run())
}

// doomedWorker takes a job, says so by making the file mark, and never ends.
func doomedWorker(url, mark string) {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{DatabaseURL: url})
	if err != nil {
		panic(err)
	}
	q, err := jobs.New(jobs.Config{DB: db, Workers: 1, Handlers: map[jobs.Kind]jobs.Handler{
		jobs.Screen: func(ctx context.Context, _ string, _ uuid.UUID, _ func(string, int64, int64)) error {
			if err := os.WriteFile(mark, nil, 0o600); err != nil {
				panic(err)
			}
			<-ctx.Done()
			return ctx.Err()
		}}})
	if err != nil {
		panic(err)
	}
	if err := q.Start(ctx); err != nil {
		panic(err)
	}
	select {}
}

func TestKilledWorker_LosesNothingAndDoublesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	run := newRun(t, db)
	mark := filepath.Join(t.TempDir(), "taken")
	doomed := exec.Command(os.Args[0])
	doomed.Env = append(os.Environ(), "JOBS_TEST_DOOMED="+db.ConnString(), "JOBS_TEST_MARK="+mark)
	doomed.Stderr = os.Stderr
	if err := doomed.Start(); err != nil {
		t.Fatal(err)
	}
	idle, err := jobs.New(jobs.Config{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	job := enqueue(t, db, idle, run)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(mark); err == nil {
			break
		}
		if time.Now().After(deadline) {
			doomed.Process.Kill()
			t.Fatal("the doomed worker never took the job")
		}
	}
	var calls atomic.Int32
	count := func(context.Context, string, uuid.UUID, func(string, int64, int64)) error {
		calls.Add(1)
		return nil
	}
	start(t, db, count) // a second worker beside a living one must leave its job alone
	time.Sleep(500 * time.Millisecond)
	if calls.Load() != 0 {
		t.Fatal("a job was taken from a living worker")
	}
	if err := doomed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := doomed.Wait(); err == nil {
		t.Fatal("the doomed worker ended by itself")
	}
	start(t, db, count)
	if s := waitFor(t, db, job, "done"); s.attempt != 2 || calls.Load() != 1 {
		t.Fatalf("attempt %d, %d calls; want the second attempt, one call", s.attempt, calls.Load())
	}
}
