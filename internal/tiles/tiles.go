// Package tiles draws a county's collections as vector tiles (矢量瓦片): Mapbox
// Vector Tiles in the grid WebMercatorQuad, by OGC API – Tiles (OGC 20-057) and by
// plain XYZ addresses, below the landing page of OGC API – Features and of the same
// collections.
//
// From zoom 12 on features are drawn as they are; below that, where most are
// smaller than a pixel, from an overview in which nothing of a constraint layer
// vanishes. Each collection is a layer of its name, and a layer NAME_label has
// one point for each feature that is large enough, and for each declared parcel
// whatever its size, so that labels do not repeat at tile edges.
//
// A tile holds what its caller may see: it is read in the caller's transaction,
// and kept under the county, the township that the caller's sight ends at, and the
// versions that it was read from. An edit makes a new version, so a tile is never
// out of date.
package tiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"gengheng/internal/collection"
	"gengheng/internal/ogc"
)

// Config bounds what drawing tiles takes; zero values have defaults.
type Config struct {
	// CacheBytes are for tiles and overviews: 128 MiB.
	CacheBytes int
	// Folder keeps overviews of survey and layers from one start to the next; "" keeps
	// none.
	Folder string
	// Registry is what is known of versions already; nil begins with nothing.
	Registry *collection.Registry
	// Slots are how many tiles are drawn at a time: as many as there are
	// processors, and 2 at least.
	Slots int
	// Queue is how many wait for a slot, 64, and Wait how long, 5 s: beyond that
	// the answer is 503.
	Queue int
	Wait  time.Duration
}

// Service draws tiles.
type Service struct {
	registry  *collection.Registry
	cache     *cache
	shelf     shelf
	gate      *gate
	flight    singleflight.Group // of tiles
	reading   singleflight.Group // of overviews
	catalogue *joined[*view]
	seen      *seen
}

// New makes a service that keeps nothing yet.
func New(cfg Config) *Service {
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = 128 << 20
	}
	if cfg.Slots == 0 {
		cfg.Slots = max(2, runtime.GOMAXPROCS(0))
	}
	if cfg.Queue == 0 {
		cfg.Queue = 64
	}
	if cfg.Wait == 0 {
		cfg.Wait = 5 * time.Second
	}
	if cfg.Registry == nil {
		cfg.Registry = collection.NewRegistry()
	}
	return &Service{registry: cfg.Registry, cache: newCache(cfg.CacheBytes), shelf: shelf(cfg.Folder), gate: newGate(cfg.Slots, cfg.Queue, cfg.Wait), catalogue: newJoined[*view](), seen: newSeen()}
}

// view is what a caller sees of a county at a moment.
type view struct {
	*collection.Catalogue
	// runs are the screenings that verdicts of declarations are taken from.
	runs string
}

// look finds what there is now.
func (s *Service) look(c *ogc.Call) (*view, error) {
	at := versions(c)
	key := strings.Join([]string{c.County, c.Scope, at.Run, at.Plan}, "/")
	return s.catalogue.get(c.R.Context(), key, func(ctx context.Context) (v *view, err error) {
		moment := ""
		if c.Moment != nil {
			if moment, err = c.Moment(ctx); err != nil {
				return nil, err
			}
		}
		if v := s.seen.get(key, moment); v != nil {
			return v, nil
		}
		err = c.Read(ctx, func(q collection.Querier) error {
			v, err = s.see(ctx, q, c.County, at)
			return err
		})
		if err == nil {
			s.seen.put(key, moment, v)
		}
		return v, err
	})
}

// versions are the screening and the plan that the address names, "" for those that the
// working year stands by.
func versions(c *ogc.Call) collection.Versions {
	q := c.R.URL.Query()
	return collection.Versions{Run: q.Get("run"), Plan: q.Get("plan")}
}

func (s *Service) see(ctx context.Context, q collection.Querier, county string, at collection.Versions) (*view, error) {
	cat, err := s.registry.CatalogueAt(ctx, q, county, at)
	if err != nil {
		return nil, err
	}
	v := &view{Catalogue: cat}
	err = q.QueryRow(ctx, `SELECT coalesce(string_agg(run_id::text, ',' ORDER BY year), '') FROM (SELECT DISTINCT ON (year) year, run_id
		FROM screening_run WHERE county_code = $1 AND status = 'done' ORDER BY year, finished_at DESC, run_id) r`, county).Scan(&v.runs)
	if err != nil {
		return nil, fmt.Errorf("screenings of %s: %w", county, err)
	}
	return v, nil
}

// version names all that a collection is drawn from.
func (v *view) version(col *collection.Collection) string {
	out := fmt.Sprint(col.County.SRID, col.Sources)
	if col.Editable() {
		out += v.runs
	}
	return out
}

// key is what a tile of collections is kept under.
func (v *view) key(cols []*collection.Collection, scope string, at address) string {
	var b strings.Builder
	for _, col := range cols {
		b.WriteString(col.ID + "=" + v.version(col) + ";")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return v.County.Code + "/" + scope + "/" + at.String() + "/" + hex.EncodeToString(sum[:])
}

// chosen are the collections that the address names, "" for all. A name that was left
// empty is not all of them.
func chosen(c *ogc.Call) (string, error) {
	values := c.R.URL.Query()
	if v := values.Get("collections"); v != "" || !values.Has("collections") {
		return v, nil
	}
	return "", collection.Bad("collections", "collections 是空的：请写图层代码，逗号分隔；要全部图层就不带这个参数。 collections is empty; leave it out for all of them.")
}

// choose finds the collections that a tile is asked for: of one, or those named
// by commas, or all.
func (v *view) choose(one, named string) ([]*collection.Collection, error) {
	if one != "" {
		named = one
	}
	if named == "" {
		return v.Collections, nil
	}
	var out []*collection.Collection
	for id := range strings.SplitSeq(named, ",") {
		col, err := v.Find(id)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, col) { // a tile has each layer once
			out = append(out, col)
		}
	}
	return out, nil
}

// tile is one tile as it is kept: compressed, with the tag of its content.
type tile struct {
	packed []byte
	sum    string
	length int
}

func (t *tile) bytes() int { return len(t.packed) + len(t.sum) + 64 }

func pack(raw []byte) (*tile, error) {
	sum := sha256.Sum256(raw)
	t := &tile{sum: hex.EncodeToString(sum[:16]), length: len(raw)}
	if len(raw) == 0 {
		return t, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress a tile: %w", err)
	}
	t.packed = bytes.Clone(b.Bytes())
	return t, nil
}

// serve answers with a tile.
func (s *Service) serve(c *ogc.Call, z, x, y string) error {
	at, err := parseAddress(z, x, y)
	if err != nil {
		return err
	}
	t, err := s.tile(c, at)
	if err != nil {
		return err
	}
	return send(c, t)
}

func (s *Service) tile(c *ogc.Call, at address) (*tile, error) {
	v, err := s.look(c)
	if err != nil {
		return nil, err
	}
	named, err := chosen(c)
	if err != nil {
		return nil, err
	}
	cols, err := v.choose(c.Collection, named)
	if err != nil {
		return nil, err
	}
	key := v.key(cols, c.Scope, at)
	if t, ok := s.cache.get(key); ok {
		return t.(*tile), nil
	}
	ctx := c.R.Context()
	// who goes away does not end what others wait for
	done := s.flight.DoChan(key, func() (any, error) {
		return safely(func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drawTime)
			defer cancel()
			return s.make(ctx, c, at, named)
		})
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*tile), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drawTime bounds the drawing of a tile, with the reading of an overview before it;
// each statement has the shorter bound of its own.
const drawTime = time.Minute

// make draws a tile from one state of the data, and keeps it under that.
func (s *Service) make(ctx context.Context, c *ogc.Call, at address, named string) (*tile, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var raw []byte
	var key string
	err := c.Read(ctx, func(q collection.Querier) error {
		v, err := s.see(ctx, q, c.County, versions(c))
		if err != nil {
			return err
		}
		cols, err := v.choose(c.Collection, named)
		if err != nil {
			return err
		}
		key = v.key(cols, c.Scope, at)
		raw, err = s.draw(ctx, q, v, cols, c.Scope, at)
		return err
	})
	if err != nil {
		return nil, spoken(err)
	}
	t, err := pack(raw)
	if err != nil {
		return nil, err
	}
	s.cache.put(key, t)
	return t, nil
}

// spoken turns a reading that took too long into a problem.
func spoken(err error) error {
	if slow := collection.TooSlow(err); slow != nil {
		return slow
	}
	return err
}

// send answers with a tile, compressed if the client takes that.
func send(c *ogc.Call, t *tile) error {
	h := c.W.Header()
	zipped := len(t.packed) > 0 && takesGzip(c.R)
	tag := `"` + t.sum + `"`
	if zipped {
		tag = `"` + t.sum + `.gz"` // another encoding is another representation
	}
	// what a client keeps it asks for again each time: an edit shows at once
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", tag)
	h.Add("Vary", "Authorization, Cookie, Gengheng-Role, Accept-Encoding")
	if ogc.Matches(c.R.Header.Get("If-None-Match"), tag) {
		c.W.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", mediaMVT)
	body := t.packed
	switch {
	case zipped:
		h.Set("Content-Encoding", "gzip")
	case len(t.packed) > 0:
		raw, err := t.unpack()
		if err != nil {
			return err
		}
		body = raw
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.W.WriteHeader(http.StatusOK)
	if _, err := c.W.Write(body); err != nil {
		return fmt.Errorf("send a tile: %w", err)
	}
	return nil
}

func (t *tile) unpack() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(t.packed))
	if err != nil {
		return nil, fmt.Errorf("unpack a tile: %w", err)
	}
	raw := make([]byte, t.length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("unpack a tile: %w", err)
	}
	return raw, nil
}

func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(one), ";")
		if coding == "gzip" || coding == "*" {
			q = strings.TrimSpace(q)
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
