// Package web serves the dashboard (工作台): the files that Vite has built from
// web/src, embedded in the program, so that the page needs no other host.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load what this host serves and nothing else. Styles of
// elements are set by the charts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// file is one that was built, with its compressed form where that is smaller.
type file struct {
	body, gzipped []byte
	mediaType     string
	etag          string
	immutable     bool
}

// Page is the dashboard as built.
type Page struct{ files map[string]*file }

// New reads the files that were embedded; a program that was built without the
// page has none, and says so when it is asked for. They are compressed once, however
// many services a process has: the tests have hundreds.
func New() (*Page, error) { return embedded() }

var embedded = sync.OnceValues(func() (*Page, error) {
	built, err := fs.Sub(dist, "dist/page")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return read(built)
})

func read(built fs.FS) (*Page, error) {
	p := &Page{files: map[string]*file{}}
	err := fs.WalkDir(built, ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		f, err := prepare(name, body)
		p.files["/"+name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	return p, nil
}

func prepare(name string, body []byte) (*file, error) {
	sum := sha256.Sum256(body)
	f := &file{body: body, mediaType: mediaType(name), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, immutable: strings.HasPrefix(name, "assets/")}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(body)*9/10 {
		f.gzipped = packed.Bytes()
	}
	return f, nil
}

// mediaType does not ask the system's table, which may lack or rename one.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// Built says whether the program has the page.
func (p *Page) Built() bool { return p.files["/index.html"] != nil }

// ServeHTTP answers GET and HEAD of "/" and of the files; anything else is 404.
// Names of assets hold a digest of what is in them and may be kept for ever; the
// page itself is asked for anew each time.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	h := w.Header()
	f := p.files[name]
	if f == nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		status, text := http.StatusNotFound, "没有这个文件。 No such file.\n"
		if !p.Built() {
			status, text = http.StatusServiceUnavailable, "本程序未含网页：请用 scripts/build（需要 Node）重新构建。接口说明见 /docs。 The dashboard was not built into this program.\n"
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return
	}
	h.Set("Content-Type", f.mediaType)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("ETag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.gzipped != nil && AcceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// AcceptsGzip reads Accept-Encoding (RFC 9110 12.5.3): named, and not with q=0.
func AcceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !found || err == nil && weight > 0
	}
	return false
}
