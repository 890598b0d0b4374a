package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"gengheng/internal/store"
)

// Failure is a room's final answer: the work cannot be done with what was
// given. Problem is the RFC 9457 object that says why.
type Failure struct {
	Problem json.RawMessage
	Err     error
}

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

type worker struct {
	river.WorkerDefaults[args]
	db       *store.DB
	handlers map[Kind]Handler
	log      *slog.Logger
}

// subjectTable names, for each kind, the row whose status goes with the job's.
var subjectTable = map[Kind]struct{ table, id string }{
	Load:   {"dataset", "dataset_id"},
	Screen: {"screening_run", "run_id"},
	Plan:   {"plan", "plan_id"},

	Download: {"download", "download_id"},
}

func (w *worker) Work(ctx context.Context, rj *river.Job[args]) error {
	release, ok, err := w.lock(ctx, rj.Args.JobID)
	if err != nil {
		return err
	}
	if !ok {
		return river.JobSnooze(10 * time.Second)
	}
	defer release()

	kind, subject, err := w.begin(ctx, rj)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // done or failed already: a repeat
	}
	if err != nil {
		return err
	}
	w.log.InfoContext(ctx, "job begins", "kind", kind, "county", rj.Args.County, "subject", subject, "attempt", rj.Attempt)
	if rj.Attempt > maxAttempts {
		return w.fail(ctx, rj.Args, kind, subject, diedProblem(rj.Attempt-1))
	}
	p := &progress{db: w.db, args: rj.Args, log: w.log}
	err = w.handle(ctx, kind, rj.Args.County, subject, p.report)
	var failure *Failure
	switch {
	case err == nil:
		return w.finish(ctx, rj.Args, kind)
	case errors.As(err, &failure):
		w.log.InfoContext(ctx, "job refused", "kind", kind, "subject", subject, "err", err)
		return w.fail(ctx, rj.Args, kind, subject, failure.Problem)
	case rj.Attempt >= maxAttempts && ctx.Err() == nil:
		w.log.ErrorContext(ctx, "job failed for good", "kind", kind, "subject", subject, "err", err)
		return w.fail(ctx, rj.Args, kind, subject, internalProblem())
	}
	w.putOff(rj.Args)
	return fmt.Errorf("%s %s: %w", kind, subject, err)
}

// handle runs the room; a panic there is an error here.
func (w *worker) handle(ctx context.Context, kind Kind, county string, subject uuid.UUID, report func(string, int64, int64)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	h, ok := w.handlers[kind]
	if !ok {
		return fmt.Errorf("no handler for job kind %q", kind)
	}
	return h(ctx, county, subject, report)
}

// lock waits a little: the sweep of another process may hold the lock for an
// instant.
func (w *worker) lock(ctx context.Context, id uuid.UUID) (func(), bool, error) {
	for try := 0; ; try++ {
		release, ok, err := w.db.TryLock(ctx, lockKey(id))
		if err != nil {
			return nil, false, fmt.Errorf("lock job %s: %w", id, err)
		}
		if ok || try == 20 {
			return release, ok, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (w *worker) begin(ctx context.Context, rj *river.Job[args]) (Kind, uuid.UUID, error) {
	var kind Kind
	var subject uuid.UUID
	err := w.db.Pool.QueryRow(ctx, `
		UPDATE job SET status = 'running', stage = '', done = 0, total = 0, attempt = $3,
		       started_at = coalesce(started_at, now())
		WHERE county_code = $1 AND job_id = $2 AND status IN ('queued', 'running')
		RETURNING kind, subject`, rj.Args.County, rj.Args.JobID, rj.Attempt).Scan(&kind, &subject)
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("begin job: %w", err)
	}
	return kind, subject, nil
}

func (w *worker) finish(ctx context.Context, a args, kind Kind) error {
	_, err := w.db.Pool.Exec(ctx, `
		UPDATE job SET status = 'done', finished_at = now(), done = greatest(done, total)
		WHERE county_code = $1 AND job_id = $2`, a.County, a.JobID)
	if err != nil {
		return fmt.Errorf("finish %s job: %w", kind, err)
	}
	return nil
}

// fail ends the job and, unless the room has already said its last word about
// it, the subject, in one transaction.
func (w *worker) fail(ctx context.Context, a args, kind Kind, subject uuid.UUID, problem json.RawMessage) error {
	return pgx.BeginFunc(ctx, w.db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE job SET status = 'failed', finished_at = now(), problem = $3
			WHERE county_code = $1 AND job_id = $2`, a.County, a.JobID, problem)
		if err != nil {
			return fmt.Errorf("fail %s job: %w", kind, err)
		}
		return failSubject(ctx, tx, a.County, kind, subject, problem)
	})
}

func failSubject(ctx context.Context, tx pgx.Tx, county string, kind Kind, subject uuid.UUID, problem json.RawMessage) error {
	t := subjectTable[kind]
	_, err := tx.Exec(ctx, `UPDATE `+pgx.Identifier{t.table}.Sanitize()+`
		SET status = 'failed', problem = $3
		WHERE county_code = $1 AND `+pgx.Identifier{t.id}.Sanitize()+` = $2
		  AND status IN ('queued', 'loading', 'running')`, county, subject, problem)
	if err != nil {
		return fmt.Errorf("fail %s %s: %w", t.table, subject, err)
	}
	return nil
}

// putOff shows that the job waits for its next attempt; it runs also while the
// program is ending, hence a context of its own.
func (w *worker) putOff(a args) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := w.db.Pool.Exec(ctx, `
		UPDATE job SET status = 'queued', stage = '等待重试 · waiting to be tried again'
		WHERE county_code = $1 AND job_id = $2 AND status = 'running'`, a.County, a.JobID)
	if err != nil {
		w.log.WarnContext(ctx, "put job off", "job", a.JobID, "err", err)
	}
}

// progress writes what a room reports, at most four times a second.
type progress struct {
	db   *store.DB
	args args
	log  *slog.Logger

	mu    sync.Mutex
	stage string
	last  time.Time
}

func (p *progress) report(stage string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stage == p.stage && time.Since(p.last) < 250*time.Millisecond && done < total {
		return
	}
	p.stage, p.last = stage, time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := p.db.Pool.Exec(ctx, `
		UPDATE job SET stage = $3, done = $4, total = $5
		WHERE county_code = $1 AND job_id = $2 AND status = 'running'`,
		p.args.County, p.args.JobID, stage, done, total)
	if err != nil {
		p.log.WarnContext(ctx, "progress", "job", p.args.JobID, "err", err)
	}
}

func diedProblem(attempts int) json.RawMessage {
	return problemJSON("job-died", "任务多次中断 · The job died again and again",
		fmt.Sprintf("执行该任务的进程中断了 %d 次，已停止重试，未写入任何数据。请查看服务日志（内存、磁盘），排除后重新提交。"+
			" The process died %d times on this job; nothing was written. See the service's log, then submit again.", attempts, attempts))
}

func internalProblem() json.RawMessage {
	return problemJSON("internal", "内部错误 · Internal error",
		"服务内部出错，已记入日志，未写入任何数据。请把任务编号告知运维人员。"+
			" The service failed; nothing was written. Give the job id to the operator, who finds the cause in the log.")
}

func problemJSON(kind, title, detail string) json.RawMessage {
	b, err := json.Marshal(map[string]any{
		"type": "urn:gengheng:problem:" + kind, "title": title, "status": 500, "detail": detail})
	if err != nil { // strings and a number always marshal
		return json.RawMessage(`{}`)
	}
	return b
}
