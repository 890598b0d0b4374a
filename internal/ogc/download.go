package ogc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
)

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
		return "", nil, busy("download-disk", "服务器磁盘空间不足，暂不能生成文件。请告知运维人员。 The server's disk is nearly full; tell the operator.")
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
			summary: "下载为文件 · download as a file", media: "application/octet-stream"}},
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
		return slices.Contains([]string{"limit", "offset", "cursor"}, p.name)
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

// fileRequest reads what a download's parameters ask for.
func (s *Service) fileRequest(c *Call, col *collection.Collection) (*query, download.Request, error) {
	q := newQuery(col)
	q.format = download.Formats()[0]
	if err := q.apply(s.fileParams(col), c.R.URL.Query()); err != nil {
		return q, download.Request{}, err
	}
	r := download.Request{Collection: col, Where: q.where, Args: q.args, Only: q.only, Format: q.format, Encoding: q.encoding,
		Child: c.Child, MaxBytes: maxFile}
	if c.R.URL.Query().Has("crs") {
		r.CRS = q.out
	}
	return q, r, nil
}

// makeFile writes the file of a request into dir, from one state of the data.
func (s *Service) makeFile(c *Call, dir string) (file download.File, err error) {
	ctx := c.R.Context()
	done, err := s.files.bench(ctx)
	if err != nil {
		return file, err
	}
	defer done()
	var q *query
	err = c.Read(ctx, func(db Querier) error {
		var set string
		if err := db.QueryRow(ctx, `SELECT set_config('statement_timeout', $1, true)`, fileTimeout).Scan(&set); err != nil {
			return fmt.Errorf("bound a download: %w", err)
		}
		col, err := s.registry.Open(ctx, db, c.County, c.Collection)
		if err != nil {
			return err
		}
		var r download.Request
		if q, r, err = s.fileRequest(c, col); err != nil {
			return err
		}
		file, err = r.Write(ctx, db, dir)
		return err
	})
	return file, q.spoken(err)
}

func (s *Service) download(c *Call) error {
	if c.R.Method == http.MethodHead { // whether it can be asked for; no file is made
		return c.Read(c.R.Context(), func(db Querier) error {
			col, err := s.registry.Open(c.R.Context(), db, c.County, c.Collection)
			if err != nil {
				return err
			}
			_, r, err := s.fileRequest(c, col)
			if err == nil {
				c.W.Header().Set("Content-Type", r.Format.Media)
				c.W.WriteHeader(http.StatusOK)
			}
			return err
		})
	}
	dir, done, err := s.files.folder()
	if err != nil {
		return err
	}
	defer done()
	file, err := s.makeFile(c, dir)
	if err != nil {
		return err
	}
	return sendFile(c, file)
}

// sendFile sends what was made; nothing of it is kept by caches.
func sendFile(c *Call, file download.File) error {
	f, err := os.Open(file.Path)
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
