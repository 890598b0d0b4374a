package screening

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
	"gengheng/internal/store"
)

// job is one run in the making.
type job struct {
	db     *store.DB
	engine engine
	cache  *Cache
	log    *slog.Logger
	// engineName is that of the engine, as it is written into the run.
	engineName string

	county string
	runID  uuid.UUID
	year   int
	srid   int
	zone   land.Zone
	book   *rulebook.Rulebook
	tell   func(stage string, done, total int64)

	datasets []dataset
	byKind   map[string][]dataset
	versions map[string]string // of datasets by kind
	// held is what this job and those begun from it have taken from the cache.
	held   *sync.Map
	counts *counts
	// totals is the screener's; written and taken say how a run ended: that it was
	// written, and how many candidates were taken over from an earlier one.
	totals  *totals
	written bool
	taken   int
	// need is overlaid, kinds those of it that there are, and sources these
	// layers as read; layers has the candidates' parts too.
	need    map[string][]rulebook.Direction
	kinds   []string
	sources map[string]*layer

	candidates []*candidate
	survey     *survey
	layers     map[string]*layer
	terrain    *terrain
	ridges     land.RidgeTable

	// shapes, borders, findings and verdicts are by candidate.index.
	shapes   []*overlay.Shape
	borders  []*overlay.Border
	findings [][]*finding
	verdicts []*verdict
	// covered is the area that each clause hits, by candidate.index and clause.
	covered []map[string]float64
}

// newJob begins a job of a county with everything that is not read.
func (s *Screener) newJob(county string) job {
	return job{db: s.db, county: county, cache: s.cache, engineName: s.cfg.Engine, log: s.log,
		held: new(sync.Map), counts: &counts{all: &s.totals.counts}, totals: &s.totals, tell: func(string, int64, int64) {}}
}

func (j *job) run(ctx context.Context) error {
	begin := time.Now()
	done, err := j.readRun(ctx)
	if err != nil || done {
		return err
	}
	j.tell("读取 · read", 0, 0)
	if err := inOrder(ctx, j.readDatasets, j.readCandidates, j.load, j.screen); err != nil {
		return err
	}
	j.log.InfoContext(ctx, "screened", "county", j.county, "run", j.runID, "engine", j.engineName, "candidates", len(j.candidates),
		"pairs", j.counts.pairs.Load(), "doubtful", j.counts.doubtful.Load(), "took", time.Since(begin).Round(time.Millisecond))
	return nil
}

// load reads what candidates are judged by. It changes nothing that hangs on
// the candidates.
func (j *job) load(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, read := range []func(context.Context) error{j.readSurvey, j.readLayers, j.readTerrain, j.readRidges} {
		group.Go(func() error { return read(ctx) })
	}
	return group.Wait()
}

// with makes a job that judges candidates by what this one has loaded.
func (j *job) with(candidates []*candidate) *job {
	b := *j
	b.candidates = candidates
	for i, c := range candidates {
		c.index = i
	}
	b.engine = b.newEngine()
	return &b
}

// judge makes the findings and verdicts of j.candidates in memory.
func (j *job) judge(ctx context.Context) error {
	return inOrder(ctx, j.overlayAll, j.evaluate, j.decide, j.cover)
}

func inOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) newEngine() engine {
	if j.engineName == EnginePostGIS {
		return newPostGIS(j.db.Pool, j.county, j.srid, j.zone)
	}
	return newNative(j)
}

// newGroup bounds how many layers are read and overlaid at once: each of them
// uses all processors.
func newGroup(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(3)
	return group, ctx
}
