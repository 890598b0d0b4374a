package screening

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// batchSize is how many candidates are judged together: enough that nothing is
// lost at the ends of a step, and few enough that their overlaps, of all layers,
// take little memory.
const batchSize = 512

// judged is a batch of candidates with the rows to be written of it.
type judged struct {
	job                *job
	verdicts, findings [][]any
}

// screen judges the candidates in batches, as many at once as there are
// processors, and writes each as soon as it is judged, in order, while the next
// are being judged. All is one transaction.
func (j *job) screen(ctx context.Context) error {
	// A connection of its own: the batches may need the pool's, and runs that
	// held one each would wait for one another.
	conn, err := pgx.ConnectConfig(ctx, j.db.Pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connect to write the run: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		done, err := j.clear(ctx, tx)
		if err != nil || done {
			return err
		}
		if done, err := j.takeOver(ctx, tx); err != nil || done {
			j.written = done
			return err
		}
		t, err := j.stream(ctx, tx)
		if err != nil {
			return err
		}
		if err := j.finish(ctx, tx, t.summary(j.counts)); err != nil {
			return fmt.Errorf("write the run: %w", err)
		}
		j.written = true
		return nil
	})
}

// clear takes the run for this transaction and removes what may be left of it;
// done where another worker has finished it meanwhile.
func (j *job) clear(ctx context.Context, tx pgx.Tx) (done bool, err error) {
	var status string
	err = tx.QueryRow(ctx, `SELECT status FROM screening_run WHERE county_code = $1 AND run_id = $2 FOR UPDATE`, j.county, j.runID).Scan(&status)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, errors.New("筛查任务已被删除 · the run was deleted meanwhile")
	}
	if err != nil || status == "done" {
		return true, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM verdict WHERE county_code = $1 AND run_id = $2`, j.county, j.runID)
	return false, err
}

// batches cuts the candidates up. PostGIS stages a layer for every overlay and
// takes all at once.
func (j *job) batches() [][]*candidate {
	size := batchSize
	if j.engineName == EnginePostGIS {
		size = len(j.candidates)
	}
	return cut(j.candidates, size)
}

func cut(candidates []*candidate, size int) [][]*candidate {
	var list [][]*candidate
	for from := 0; from < len(candidates); from += size {
		list = append(list, candidates[from:min(from+size, len(candidates))])
	}
	return list
}

// stream judges and writes the batches.
func (j *job) stream(ctx context.Context, tx pgx.Tx) (*tally, error) {
	batches := j.batches()
	ready := make([]chan judged, len(batches))
	for i := range ready {
		ready[i] = make(chan judged, 1)
	}
	group, ctx := errgroup.WithContext(ctx)
	judging := runtime.GOMAXPROCS(0)
	// Those judged wait for the writer, but not many.
	slots := make(chan struct{}, judging+2)
	group.Go(func() error {
		judges, ctx := errgroup.WithContext(ctx)
		judges.SetLimit(judging)
		for i, batch := range batches {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return errors.Join(judges.Wait(), ctx.Err())
			}
			judges.Go(func() error {
				b, err := j.judgeBatch(ctx, batch)
				if err != nil {
					return err
				}
				ready[i] <- b
				return nil
			})
		}
		return judges.Wait()
	})
	t := newTally()
	group.Go(func() error { return j.copyBatches(ctx, tx, ready, slots, t) })
	return t, group.Wait()
}

func (j *job) judgeBatch(ctx context.Context, batch []*candidate) (judged, error) {
	b := judged{job: j.with(batch)}
	if err := b.job.judge(ctx); err != nil {
		return b, err
	}
	var err error
	if b.verdicts, err = b.job.verdictRows(); err != nil {
		return b, err
	}
	b.findings, err = b.job.findingRows()
	return b, err
}

// copyBatches writes the batches in order and frees a slot for each.
func (j *job) copyBatches(ctx context.Context, tx pgx.Tx, ready []chan judged, slots chan struct{}, t *tally) error {
	seq, done := int32(0), 0
	for i := range ready {
		var b judged
		select {
		case b = <-ready[i]:
		case <-ctx.Done():
			return ctx.Err()
		}
		ready[i] = nil
		<-slots
		for _, row := range b.findings {
			seq++
			row[findingSeq] = seq
		}
		if err := j.copyRows(ctx, tx, b); err != nil {
			return err
		}
		t.add(b.job)
		done += len(b.verdicts)
		j.tell("判定并写入 · judge and write", int64(done), int64(len(j.candidates)))
	}
	return nil
}

func (j *job) copyRows(ctx context.Context, tx pgx.Tx, b judged) error {
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"verdict"}, verdictColumns, pgx.CopyFromRows(b.verdicts)); err != nil {
		return fmt.Errorf("write the verdicts: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"finding"}, findingColumns, pgx.CopyFromRows(b.findings)); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}

// finish writes what was read and what was found, in short.
func (j *job) finish(ctx context.Context, tx pgx.Tx, s Summary) error {
	summary, err := json.Marshal(s)
	if err != nil {
		return err
	}
	datasets, err := json.Marshal(j.read())
	if err != nil {
		return err
	}
	missing, err := json.Marshal(j.missing())
	if err != nil {
		return err
	}
	self, err := program()
	if err != nil {
		return err
	}
	j.tell("完成 · finish", int64(len(j.candidates)), int64(len(j.candidates)))
	_, err = tx.Exec(ctx, `
		UPDATE screening_run SET status = 'done', engine = $3, program = $7, datasets = $4, missing = $5, summary = $6, problem = NULL, finished_at = clock_timestamp()
		WHERE county_code = $1 AND run_id = $2`, j.county, j.runID, j.engineName, datasets, missing, summary, self)
	return err
}
