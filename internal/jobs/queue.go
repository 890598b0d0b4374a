// Package jobs (任务) runs the long work of the rooms: loading, screening,
// planning. The queue is River's, in the same database, so a job is enqueued
// in the transaction that causes it and a killed worker loses nothing. The
// table job is what people see of it.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"gengheng/internal/store"
)

// Kind says which room does a job.
type Kind string

// The kinds of job.
const (
	Load   Kind = "load"   // 装载: subject is a dataset
	Screen Kind = "screen" // 筛查: subject is a screening run
	Plan   Kind = "plan"   // 编制方案: subject is a plan
	// Download (下载): subject is a download. Its handler is the service's, which
	// knows the collections.
	Download Kind = "download"
)

// maxAttempts bounds how often a job whose worker died or whose database went
// away is tried. A job that the room refuses is never tried again.
const maxAttempts = 4

// River notifies of one job in each cooldown and leaves the others that come in it to
// the poll: by its defaults (100 ms and 1 s) the second of two files sent together, or
// the screening that a small file causes, lay a second beside an idle worker.
const (
	cooldown = 10 * time.Millisecond
	poll     = 200 * time.Millisecond
)

// Handler does one job. A *Failure is final; any other error is tried again.
// It must be idempotent: after a crash it is called once more for the same
// subject.
type Handler func(ctx context.Context, county string, subject uuid.UUID, progress func(stage string, done, total int64)) error

// Config says what a Queue works with. Workers is how many jobs run at once in
// this process; 0 makes a queue that only enqueues.
type Config struct {
	DB       *store.DB
	Workers  int
	Handlers map[Kind]Handler
	// Tidy takes away what has expired, every quarter of an hour and at the start;
	// may be nil.
	Tidy func(ctx context.Context) error
	Log  *slog.Logger
}

// Queue enqueues jobs and, when started, works them.
type Queue struct {
	db     *store.DB
	client *river.Client[pgx.Tx]
	log    *slog.Logger
	works  bool
	tidy   func(ctx context.Context) error
	stop   context.CancelFunc
	swept  chan struct{}
}

type args struct {
	County string    `json:"county"`
	JobID  uuid.UUID `json:"job_id"`
}

// Kind names the River job.
func (args) Kind() string { return "gengheng_job" }

// New makes a Queue. The database must be migrated.
func New(cfg Config) (*Queue, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	q := &Queue{db: cfg.DB, log: cfg.Log, works: cfg.Workers > 0, tidy: cfg.Tidy}
	// River tells at Info what is of use to its own developers
	rc := &river.Config{Logger: slog.New(atLeast{cfg.Log.Handler(), slog.LevelWarn}), FetchCooldown: cooldown, FetchPollInterval: poll}
	if q.works {
		workers := river.NewWorkers()
		w := &worker{db: cfg.DB, handlers: cfg.Handlers, log: cfg.Log}
		if err := river.AddWorkerSafely(workers, w); err != nil {
			return nil, fmt.Errorf("register worker: %w", err)
		}
		rc.Workers = workers
		rc.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: cfg.Workers}}
		rc.JobTimeout = -1
		// the sweep below finds dead workers in seconds; River's own rescue
		// would double a job that simply takes long
		rc.RescueStuckJobsAfter = 7 * 24 * time.Hour
	}
	client, err := river.NewClient(riverpgxv5.New(cfg.DB.Pool), rc)
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	q.client = client
	return q, nil
}

// Start begins to work, first taking up what a killed worker left behind.
func (q *Queue) Start(ctx context.Context) error {
	if !q.works {
		return nil
	}
	if err := q.sweep(ctx, 0); err != nil {
		return err
	}
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	ctx, q.stop = context.WithCancel(ctx)
	q.swept = make(chan struct{})
	go q.sweepEvery(ctx, 5*time.Second)
	return nil
}

// Stop lets running jobs be cancelled and put back into the queue.
func (q *Queue) Stop(ctx context.Context) error {
	if q.stop == nil {
		return nil
	}
	q.stop()
	<-q.swept
	if err := q.client.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("stop job queue: %w", err)
	}
	return nil
}

// Enqueue adds a job in tx: it runs if and only if tx commits.
func (q *Queue) Enqueue(ctx context.Context, tx pgx.Tx, county string, kind Kind, subject uuid.UUID) (uuid.UUID, error) {
	return enqueue(ctx, tx, q.client, county, kind, subject)
}

func enqueue(ctx context.Context, tx pgx.Tx, client *river.Client[pgx.Tx], county string, kind Kind, subject uuid.UUID) (uuid.UUID, error) {
	id := uuid.New()
	_, err := tx.Exec(ctx, `
		INSERT INTO job (county_code, job_id, kind, subject, status) VALUES ($1, $2, $3, $4, 'queued')`,
		county, id, string(kind), subject)
	if err != nil {
		return uuid.Nil, fmt.Errorf("record job: %w", err)
	}
	_, err = client.InsertTx(ctx, tx, args{County: county, JobID: id}, &river.InsertOpts{MaxAttempts: maxAttempts})
	if err != nil {
		return uuid.Nil, fmt.Errorf("enqueue job: %w", err)
	}
	return id, nil
}

// atLeast is a log handler that drops what is below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether a record of this level is wanted.
func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup keeps the level.
func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
