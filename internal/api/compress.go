package api

import (
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"

	"github.com/labstack/echo/v4"

	"gengheng/web"
)

// worthPacking is how long an answer must be to be compressed: less fits a packet as
// it is.
const worthPacking = 1400

// packable are the types that are compressed here. Tiles and the page come compressed,
// GeoPackage and XLSX gain nothing.
var packable = []string{"application/json", "application/geo+json", "application/schema+json", "text/csv"}

var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // fails for no level but a wrong one
	return z
}}

// compress packs what is read as JSON or CSV: lists of a large county are megabytes,
// of which a tenth is left. An answer with an entity tag stays as it is, since that
// names its bytes; so do answers to what changes something, which hold the few secrets
// that there are, and files to be kept, whose length tells how much is still to come.
func compress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodGet || !web.AcceptsGzip(r.Header.Get("Accept-Encoding")) {
			return next(c)
		}
		p := &packing{ResponseWriter: c.Response().Writer}
		c.Response().Writer = p
		defer func() { c.Response().Writer = p.ResponseWriter }() // what went wrong is told by others
		err := next(c)
		if e := p.close(); err == nil {
			err = e
		}
		return err
	}
}

// packing is an answer being written: held back until it is long enough to be worth
// compressing, or at its end.
type packing struct {
	http.ResponseWriter
	status  int
	held    []byte
	decided bool
	z       *gzip.Writer
}

func (p *packing) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
	if !p.may() {
		p.decide(false)
	}
}

// may says whether the answer can be compressed, by its head.
func (p *packing) may() bool {
	h := p.Header()
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return p.status == http.StatusOK && slices.Contains(packable, kind) && h.Get("Content-Encoding") == "" && h.Get("ETag") == "" && h.Get("Content-Disposition") == ""
}

// decide sends the head and what was held back.
func (p *packing) decide(pack bool) {
	if p.decided {
		return
	}
	p.decided = true
	h := p.Header()
	if p.may() {
		h.Add("Vary", "Accept-Encoding")
	}
	if pack {
		h.Del("Content-Length")
		h.Set("Content-Encoding", "gzip")
		p.z = packers.Get().(*gzip.Writer)
		p.z.Reset(p.ResponseWriter)
	}
	p.ResponseWriter.WriteHeader(p.status)
}

func (p *packing) Write(b []byte) (int, error) {
	if p.status == 0 {
		p.WriteHeader(http.StatusOK)
	}
	if !p.decided {
		if p.held = append(p.held, b...); len(p.held) < worthPacking {
			return len(b), nil
		}
		p.decide(true)
		_, err := p.z.Write(p.held)
		p.held = nil
		return len(b), err
	}
	if p.z != nil {
		return p.z.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// Flush sends what there is, for answers that are written bit by bit.
func (p *packing) Flush() {
	if len(p.held) > 0 {
		p.decide(true)
		_, _ = p.z.Write(p.held)
		p.held = nil
	}
	if p.z != nil {
		_ = p.z.Flush()
	}
	_ = http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (p *packing) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// close sends the rest.
func (p *packing) close() (err error) {
	if p.status != 0 && !p.decided {
		p.decide(false)
		if len(p.held) > 0 {
			_, err = p.ResponseWriter.Write(p.held)
		}
	}
	if p.z != nil {
		err = p.z.Close()
		p.z.Reset(io.Discard)
		packers.Put(p.z)
	}
	return err
}
