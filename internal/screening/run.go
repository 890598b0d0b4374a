package screening

import (
	"context"
	"log/slog"

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

	datasets   []dataset
	candidates []*candidate
	survey     *survey
	layers     map[string]*layer
	terrain    *terrain
	ridges     land.RidgeTable

	// borders, findings and verdicts are by candidate.index.
	borders  []*overlay.Border
	findings [][]*finding
	verdicts []*verdict
	// covered is the area that each clause hits, by candidate.index and clause.
	covered []map[string]float64
}

func (j *job) run(ctx context.Context) error {
	done, err := j.readRun(ctx)
	if err != nil || done {
		return err
	}
	j.engine = j.newEngine()
	j.tell("读取 · read", 0, 0)
	return inOrder(ctx, j.readDatasets, j.readCandidates, j.load, j.judge, j.write)
}

// load reads what candidates are judged by, besides the layers, which are read
// when they are overlaid. It changes nothing that hangs on the candidates.
func (j *job) load(ctx context.Context) error {
	return inOrder(ctx, j.readRidges, j.readTerrain, j.readSurvey)
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
