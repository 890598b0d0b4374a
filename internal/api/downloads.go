package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/download"
	"gengheng/internal/jobs"
	"gengheng/internal/ogc"
	"gengheng/internal/store"
)

// Bounds of the files that jobs make.
const (
	// keepFor is how long a file may be fetched.
	keepFor = 24 * time.Hour
	// maxKept bounds all of them together, in bytes; one that is not made yet
	// counts as the largest that it may become.
	maxKept = 20 << 30
	// maxJobs is how many of one township, or of those of the whole county,
	// may wait or be worked at once.
	maxJobs = 3
)

// Downloads (下载任务) makes files of collections in jobs and keeps them for whoever
// asked: each is read as its township sees the county, in a transaction that row-level
// security narrows, and is there for that township until it expires.
type Downloads struct {
	db    *store.DB
	dir   string
	child string
	log   *slog.Logger
	gis   *ogc.Service
	// room bounds the disk, in bytes
	room int64
}

// NewDownloads keeps files below dir, which it makes; child is the path of
// gengheng-gdal, empty to find it.
func NewDownloads(db *store.DB, dir, child string, log *slog.Logger) (*Downloads, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("download folder: %w", err)
	}
	return &Downloads{db: db, dir: dir, child: child, log: log, gis: ogc.New(), room: maxKept}, nil
}

func (d *Downloads) folder(id uuid.UUID) string { return filepath.Join(d.dir, id.String()) }

// Download begins a job that makes a collection's file.
func (r runner) Download(ctx context.Context, collection, query string) (string, error) {
	if r.s.downloads == nil {
		return "", nil
	}
	actor, _ := access.From(ctx)
	var job uuid.UUID
	err := r.s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := r.s.downloads.admit(ctx, tx, r.county, actor.Township); err != nil {
			return err
		}
		id := uuid.New()
		_, err := tx.Exec(ctx, `INSERT INTO download (county_code, download_id, township_code, collection, query, status) VALUES ($1, $2, $3, $4, $5, 'queued')`,
			r.county, id, actor.Township, collection, query)
		if err != nil {
			return fmt.Errorf("record a download: %w", err)
		}
		if job, err = r.s.queue.Enqueue(ctx, tx, r.county, jobs.Download, id); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: r.county, Action: "download.add", Kind: "download", ID: id.String(),
			After: map[string]string{"collection": collection, "query": query, "township_code": actor.Township}})
	})
	return job.String(), err
}

// admit refuses one more download where there are enough, or no room for it.
func (d *Downloads) admit(ctx context.Context, tx pgx.Tx, county, township string) error {
	var own int
	var held int64
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('gengheng.download', 0))`)
	if err == nil {
		// a statement of its own sees what was committed while the lock was awaited
		err = tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status <> 'done' AND county_code = $1 AND township_code = $2),
			coalesce(sum(CASE WHEN status = 'done' THEN bytes ELSE $3 END), 0)::bigint
			FROM download WHERE status <> 'failed' AND (bytes > 0 OR status <> 'done')`, county, township, int64(ogc.MaxFile)).Scan(&own, &held)
	}
	switch {
	case err != nil:
		return fmt.Errorf("room for a download: %w", err)
	case own >= maxJobs:
		return &problem{Status: http.StatusServiceUnavailable, kind: "download-busy", Title: "暂不能下载 · Try again later",
			Detail: fmt.Sprintf("您这里已有 %d 个下载任务尚未完成；请等其中之一完成再来。 That many downloads of yours have not ended; wait for one.", own)}
	case held+ogc.MaxFile > d.room:
		return &problem{Status: http.StatusServiceUnavailable, kind: "download-full", Title: "暂不能下载 · Try again later",
			Detail: "服务器为下载任务留的磁盘空间已满；文件保存 24 小时后删除，请稍后再来，或直接下载（不带 Prefer）。 The room for made files is full until some expire; come back later, or download without Prefer."}
	}
	return nil
}

// Work makes the file of a download; it is a job's handler. A second attempt begins
// anew.
func (d *Downloads) Work(ctx context.Context, county string, id uuid.UUID, progress func(stage string, done, total int64)) error {
	order := ogc.FileOrder{County: county, Child: d.child}
	var township, query string
	err := d.db.Pool.QueryRow(ctx, `UPDATE download SET status = 'running' WHERE county_code = $1 AND download_id = $2
		RETURNING township_code, collection, query`, county, id).Scan(&township, &order.Collection, &query)
	if err != nil {
		return fmt.Errorf("download %s: %w", id, err)
	}
	if order.Asked, err = url.ParseQuery(query); err != nil {
		return fmt.Errorf("download %s: %w", id, err)
	}
	// the role only says whose sight it is; nothing is done in its name
	actor := access.Actor{Role: access.Auditor, County: county, Township: township}
	order.Read = func(ctx context.Context, fn func(q ogc.Querier) error) error {
		return snapshot(access.With(ctx, actor), d.db, fn)
	}
	dir := d.folder(id)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("download %s: %w", id, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("download %s: %w", id, err)
	}
	progress("生成文件 · making the file", 0, 0)
	file, err := d.gis.WriteFile(ctx, order, dir)
	if err == nil {
		err = d.keep(ctx, county, id, file)
	}
	if err != nil {
		return errors.Join(d.refusal(ctx, err), os.RemoveAll(dir))
	}
	return nil
}

// refusal makes what the caller is meant to see the end of the job.
func (d *Downloads) refusal(ctx context.Context, err error) error {
	var p *problem
	if !errors.As(collectionProblem(err), &p) || ctx.Err() != nil {
		return err
	}
	p.Type = problemType(p.kind)
	doc, merr := json.Marshal(p)
	if merr != nil {
		return errors.Join(err, merr)
	}
	return &jobs.Failure{Problem: doc, Err: err}
}

// keep notes a file that was made.
func (d *Downloads) keep(ctx context.Context, county string, id uuid.UUID, file download.File) error {
	info, err := os.Stat(file.Path)
	if err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	// what it was packed from is needed no longer
	if err := os.RemoveAll(filepath.Join(d.folder(id), "parts")); err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	_, err = d.db.Pool.Exec(ctx, `UPDATE download SET status = 'done', file = $3, file_name = $4, plain_name = $5, media = $6, features = $7, epsg = $8, bytes = $9,
		expires_at = now() + $10::interval WHERE county_code = $1 AND download_id = $2`,
		county, id, filepath.Base(file.Path), file.Name, file.Plain, file.Media, file.Features, file.EPSG, info.Size(), keepFor)
	if err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	return nil
}

// file is what a download has made, for a caller who may see it.
func (d *Downloads) file(ctx context.Context, county string, id uuid.UUID) (out download.File, err error) {
	var name string
	var expired bool
	err = access.InTx(ctx, d.db, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT file, file_name, plain_name, media, features, epsg, expires_at <= now() FROM download
			WHERE county_code = $1 AND download_id = $2 AND status = 'done'`, county, id).
			Scan(&name, &out.Name, &out.Plain, &out.Media, &out.Features, &out.EPSG, &expired)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return out, ogc.ErrNoJob
	case err != nil:
		return out, fmt.Errorf("download %s: %w", id, err)
	case expired:
		return out, ogc.Expired()
	}
	out.Path = filepath.Join(d.folder(id), name)
	return out, nil
}

// Sweep takes away the files that have expired, and what nobody knows of any more:
// of downloads that failed while the program was killed, or of another database.
func (d *Downloads) Sweep(ctx context.Context) error {
	rows, err := d.db.Pool.Query(ctx, `SELECT download_id FROM download WHERE status = 'done' AND bytes > 0 AND expires_at <= now()`)
	if err != nil {
		return fmt.Errorf("expired downloads: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("expired downloads: %w", err)
	}
	for _, id := range list {
		if err := os.RemoveAll(d.folder(id)); err != nil {
			return fmt.Errorf("expired downloads: %w", err)
		}
	}
	if _, err := d.db.Pool.Exec(ctx, `UPDATE download SET bytes = 0 WHERE download_id = ANY ($1)`, list); err != nil {
		return fmt.Errorf("expired downloads: %w", err)
	}
	left, err := os.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("download folder: %w", err)
	}
	for _, e := range left {
		// a folder is as old as the last file that was made in it
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 2*keepFor {
			if err := os.RemoveAll(filepath.Join(d.dir, e.Name())); err != nil {
				return fmt.Errorf("download folder: %w", err)
			}
		}
	}
	if len(list) > 0 {
		d.log.InfoContext(ctx, "downloads expired", "files", len(list))
	}
	return nil
}
