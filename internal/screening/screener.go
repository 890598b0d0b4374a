package screening

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"gengheng/internal/store"
)

// Engines by name, as written into the run so that an area can be computed
// again with what computed it first.
const (
	EngineOwn     = "gengheng-polygon/1"  // internal/overlay/polygon, certified
	EnginePostGIS = "postgis-overlayng/1" // everything in SQL, the reference
)

// defaultCache holds the layers of a large county (100,000 parcels take some
// 300 MB) and leaves a service within 1.5 GiB.
const defaultCache = 640 << 20

// Config says how a [Screener] works. The zero value is the program's own
// engine with a cache of its own.
type Config struct {
	// Engine is EngineOwn (default) or EnginePostGIS.
	Engine string
	// Cache is shared with other screeners; nil makes one.
	Cache *Cache
	Log   *slog.Logger
}

// Screener runs screenings and keeps the layers that they read in memory. It
// may be used by many goroutines.
type Screener struct {
	db    *store.DB
	cfg   Config
	cache *Cache
	log   *slog.Logger

	totals totals
}

// New makes a Screener. It refuses an engine that it does not know.
func New(db *store.DB, cfg Config) (*Screener, error) {
	if cfg.Engine == "" {
		cfg.Engine = EngineOwn
	}
	if cfg.Engine != EngineOwn && cfg.Engine != EnginePostGIS {
		return nil, fmt.Errorf("没有叠加引擎 %q，可用 %s、%s · no overlay engine %q: use %s or %s",
			cfg.Engine, EngineOwn, EnginePostGIS, cfg.Engine, EngineOwn, EnginePostGIS)
	}
	s := &Screener{db: db, cfg: cfg, cache: cfg.Cache, log: cfg.Log}
	if s.cache == nil {
		s.cache = NewCache(defaultCache)
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s, nil
}

// Cache gives the screener's cache.
func (s *Screener) Cache() *Cache { return s.cache }

// Run screens every candidate of a county's year and writes verdicts, findings
// and the summary of the run in one transaction. The row of screening_run
// exists; it becomes done with the rest. A run that is done is left alone; of
// one that failed or was killed the rows are replaced. progress may be nil; it
// is called from several goroutines, one at a time.
//
// An error means that nothing was written. A dataset that the rulebook needs
// and the county lacks is no error: the candidates it concerns come out as
// unknown.
func (s *Screener) Run(ctx context.Context, county string, runID uuid.UUID, progress func(stage string, done, total int64)) error {
	j := s.newJob(county)
	j.runID = runID
	if progress != nil {
		j.tell = progress
	}
	err := j.run(ctx)
	s.totals.countRun(&j, err)
	if err != nil {
		return fmt.Errorf("screening run %s: %w", runID, err)
	}
	return nil
}

// Run is one run of a [Screener] of its own.
func Run(ctx context.Context, db *store.DB, county string, runID uuid.UUID, progress func(stage string, done, total int64)) error {
	s, err := New(db, Config{})
	if err != nil {
		return err
	}
	return s.Run(ctx, county, runID, progress)
}
