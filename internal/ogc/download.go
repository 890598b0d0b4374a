package ogc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gengheng/internal/collection"
	"gengheng/internal/download"
)

// Bounds of downloads.
const (
	// making is how many files are made at once: each takes a connection and a
	// processor.
	making = 2
	// keeping is how many made files stand on the disk while they are sent.
	keeping = 16
	// maxFile bounds a file, in bytes; a shapefile's parts end at 2 GB anyhow.
	maxFile = 2 << 30
	// minFree is what the disk must have left to begin, in bytes.
	minFree = maxFile
	// fileTimeout is what one statement may take.
	fileTimeout = "300s"
	// jobTimeout is the same where a job makes the file and nobody waits.
	jobTimeout = "1800s"
)

// MaxFile is how large a file can become, in bytes: what a job that makes one has to
// have room for.
const MaxFile = maxFile

// workshop makes files, so many at a time.
type workshop struct {
	benches chan struct{}
	shelves chan struct{}
	// patience is how long a request waits for its turn to make.
	patience time.Duration
	free     func(dir string) (uint64, error)
}

func newWorkshop() *workshop {
	return &workshop{benches: make(chan struct{}, making), shelves: make(chan struct{}, keeping), patience: 10 * time.Second, free: freeBytes}
}

func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("space in %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

func busy(kind, detail string) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Kind: kind, Title: "暂不能下载 · Try again later", Detail: detail}
}

func diskFull() *Problem {
	return busy("download-disk", "服务器磁盘空间不足，暂不能生成文件。请告知运维人员。 The server's disk is nearly full; tell the operator.")
}

// folder is an empty folder for one file, when there is room for it; done takes it
// away.
func (w *workshop) folder() (dir string, done func(), err error) {
	select {
	case w.shelves <- struct{}{}:
	default:
		return "", nil, busy("download-busy", fmt.Sprintf("正在发送的文件已有 %d 个。请稍候重试。 Too many files are being sent; try again shortly.", keeping))
	}
	if free, err := w.free(os.TempDir()); err != nil || free < minFree {
		<-w.shelves
		if err != nil {
			return "", nil, err
		}
		return "", nil, diskFull()
	}
	if dir, err = os.MkdirTemp("", "gengheng-download-"); err != nil {
		<-w.shelves
		return "", nil, fmt.Errorf("download: %w", err)
	}
	return dir, func() {
		_ = os.RemoveAll(dir) // below the process's scratch folder, which is swept
		<-w.shelves
	}, nil
}

// bench waits for the request's turn to make a file.
func (w *workshop) bench(ctx context.Context) (done func(), err error) {
	wait := time.NewTimer(w.patience)
	defer wait.Stop()
	select {
	case w.benches <- struct{}{}:
		return func() { <-w.benches }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, busy("download-busy", fmt.Sprintf("正在生成的文件已有 %d 个。请稍候重试，或缩小范围。 Too many files are being made; try again shortly.", making))
	}
}

// downloads are whole collections as files, beside the standard's classes; a link
// with rel=enclosure is how QGIS finds them.
func (s *Service) downloads() class {
	return class{
		routes: []Route{{ID: "ogcDownload", Path: "/collections/{collection}/download", Handle: s.download, file: true,
			summary: "下载为文件；Prefer: respond-async 排成任务 · download as a file, or as a job", media: "application/octet-stream"}},
		links: func(at string) []link {
			var out []link
			for _, f := range download.Formats() {
				out = append(out, link{at + "/download?f=" + f.Name, "enclosure", f.Media, "下载 " + f.Title})
			}
			return out
		},
	}
}

// fileParams are the parameters of a download: those of items but for paging, and
// how the file is to be.
func (s *Service) fileParams(col *collection.Collection) []param {
	list := slices.DeleteFunc(s.params(col, false), func(p param) bool {
		return slices.Contains([]string{"limit", "offset", "cursor", simplifyParam}, p.name)
	})
	return append([]param{
		{name: "f", text: "文件格式，缺省 gpkg · the file's format", schema: tree{"type": "string", "enum": download.FormatNames(), "default": "gpkg"}, set: func(q *query, value string) (err error) {
			q.format, err = download.FindFormat(value)
			return err
		}},
		{name: "encoding", text: "shapefile 的文字编码 · encoding of a shapefile's text", schema: tree{"type": "string", "enum": []string{"UTF-8", "GBK"}, "default": "UTF-8"}, set: setEncoding},
	}, list...)
}

func setEncoding(q *query, value string) error {
	if !q.format.Encoded() {
		return bad("encoding", fmt.Sprintf("encoding 只用于 f=shp；%s 一律是 UTF-8。 Only a shapefile has a choice of encoding.", q.format.Title))
	}
	if q.encoding = strings.ToUpper(value); q.encoding != "UTF-8" && q.encoding != "GBK" {
		return bad("encoding", fmt.Sprintf("encoding=%s 应为 UTF-8 或 GBK。 encoding is UTF-8 or GBK.", excerpt(value)))
	}
	return nil
}

// FileOrder is a download that is asked for.
type FileOrder struct {
	County, Collection string
	// Asked are the parameters of the address.
	Asked url.Values
	// Child is the path of gengheng-gdal; empty finds it.
	Child string
	// Read is as that of a Call.
	Read func(ctx context.Context, fn func(q Querier) error) error
}

func (c *Call) order() FileOrder {
	return FileOrder{c.County, c.Collection, c.R.URL.Query(), c.Child, c.Read}
}

// fileRequest reads what a download's parameters ask for.
func (s *Service) fileRequest(o FileOrder, col *collection.Collection) (*query, download.Request, error) {
	q := newQuery(col)
	q.format = download.Formats()[0]
	if err := q.apply(s.fileParams(col), o.Asked); err != nil {
		return q, download.Request{}, err
	}
	r := download.Request{Collection: col, Where: q.where, Args: q.args, Only: q.only, Format: q.format, Encoding: q.encoding,
		Child: o.Child, MaxBytes: maxFile}
	if o.Asked.Has("crs") {
		r.CRS = q.out
	}
	return q, r, nil
}

// checkFile finds out whether a file can be asked for, and makes none.
func (s *Service) checkFile(ctx context.Context, o FileOrder) (r download.Request, err error) {
	err = o.Read(ctx, func(db Querier) error {
		col, err := s.registry.Open(ctx, db, o.County, o.Collection)
		if err == nil {
			_, r, err = s.fileRequest(o, col)
		}
		return err
	})
	return r, err
}

// writeFile writes the file of an order into dir, from one state of the data.
func (s *Service) writeFile(ctx context.Context, o FileOrder, dir, timeout string) (file download.File, err error) {
	var q *query
	err = o.Read(ctx, func(db Querier) error {
		var set string
		if err := db.QueryRow(ctx, `SELECT set_config('statement_timeout', $1, true)`, timeout).Scan(&set); err != nil {
			return fmt.Errorf("bound a download: %w", err)
		}
		col, err := s.registry.Open(ctx, db, o.County, o.Collection)
		if err != nil {
			return err
		}
		var r download.Request
		if q, r, err = s.fileRequest(o, col); err != nil {
			return err
		}
		file, err = r.Write(ctx, db, dir)
		return err
	})
	return file, q.spoken(err)
}

// WriteFile makes the file of an order in dir, which is empty and the order's own,
// for a job: who asked comes back for it.
func (s *Service) WriteFile(ctx context.Context, o FileOrder, dir string) (download.File, error) {
	free, err := s.files.free(dir)
	if err != nil {
		return download.File{}, err
	}
	if free < minFree {
		return download.File{}, diskFull()
	}
	return s.writeFile(ctx, o, dir, jobTimeout)
}

func (s *Service) download(c *Call) error {
	ctx := c.R.Context()
	if c.R.Method == http.MethodHead {
		r, err := s.checkFile(ctx, c.order())
		if err == nil {
			c.W.Header().Set("Content-Type", r.Format.Media)
			c.W.WriteHeader(http.StatusOK)
		}
		return err
	}
	if c.prefersAsync() {
		if begun, err := s.downloadLater(c); begun || err != nil {
			return err
		}
	}
	dir, done, err := s.files.folder()
	if err != nil {
		return err
	}
	defer done()
	file, err := s.writeInTurn(ctx, c.order(), dir)
	if err != nil {
		return err
	}
	return sendFile(c, file)
}

// writeInTurn is writeFile for a request that waits.
func (s *Service) writeInTurn(ctx context.Context, o FileOrder, dir string) (download.File, error) {
	done, err := s.files.bench(ctx)
	if err != nil {
		return download.File{}, err
	}
	defer done()
	return s.writeFile(ctx, o, dir, fileTimeout)
}

// prefersAsync tells whether the caller would rather come back (RFC 7240).
func (c *Call) prefersAsync() bool {
	for one := range strings.SplitSeq(strings.Join(c.R.Header.Values("Prefer"), ","), ",") {
		token, _, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(token), "respond-async") {
			return true
		}
	}
	return false
}

// downloadLater has a job make the file. What can be found wrong at once is; false:
// there are no jobs here, and the preference is left aside, as it may be.
func (s *Service) downloadLater(c *Call) (begun bool, err error) {
	if _, err := s.checkFile(c.R.Context(), c.order()); err != nil {
		return false, err
	}
	id, err := c.Runner.Download(c.R.Context(), c.Collection, c.R.URL.RawQuery)
	if err != nil || id == "" {
		return false, err
	}
	c.W.Header().Set("Preference-Applied", "respond-async")
	return true, s.begun(c, http.StatusAccepted, id)
}

// Expired says that a file that a job made is kept no longer.
func Expired() *Problem {
	return &Problem{Status: http.StatusGone, Kind: "download-expired", Title: "文件已过期 · The file has expired",
		Detail: "文件保存 24 小时，已过期删除；请重新下载。 The file was kept for 24 hours; download it anew."}
}

// sendFile sends what was made; nothing of it is kept by caches.
func sendFile(c *Call, file download.File) error {
	f, err := os.Open(file.Path)
	if errors.Is(err, os.ErrNotExist) {
		return Expired()
	}
	if err != nil {
		return fmt.Errorf("send a download: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("send a download: %w", err)
	}
	h := c.W.Header()
	h.Set("Content-Type", file.Media)
	h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	h.Set("Content-Disposition", file.Disposition())
	h.Set("Gengheng-Features", strconv.FormatInt(file.Features, 10))
	h.Add("Vary", "Authorization")
	if file.EPSG != 0 {
		h.Set("Gengheng-Crs", fmt.Sprint("EPSG:", file.EPSG))
	}
	c.W.WriteHeader(http.StatusOK)
	if _, err := io.Copy(c.W, f); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("send a download: %w", err)
	}
	return nil
}
