package screening

import (
	"context"
	"fmt"

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

// Run screens every candidate of a county's year and writes verdicts, findings
// and the summary of the run in one transaction. The row of screening_run
// exists; it becomes done with the rest. A run that is done is left alone; of
// one that failed or was killed the rows are replaced. progress may be nil; it
// is called from several goroutines, one at a time.
//
// An error means that nothing was written. A dataset that the rulebook needs
// and the county lacks is no error: the candidates it concerns come out as
// unknown.
func Run(ctx context.Context, db *store.DB, county string, runID uuid.UUID, progress func(stage string, done, total int64)) error {
	j := &job{db: db, county: county, runID: runID, tell: progress}
	if j.tell == nil {
		j.tell = func(string, int64, int64) {}
	}
	if err := j.run(ctx); err != nil {
		return fmt.Errorf("screening run %s: %w", runID, err)
	}
	return nil
}

func (j *job) run(ctx context.Context) error {
	done, err := j.readRun(ctx)
	if err != nil || done {
		return err
	}
	j.engine = newPostGIS(j.db.Pool, j.county, j.srid, j.zone)
	j.tell("读取 · read", 0, 0)
	for _, read := range []func(context.Context) error{
		j.readDatasets, j.readCandidates, j.readRidges, j.readTerrain, j.readSurvey, j.overlayAll,
	} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	for _, judge := range []func(context.Context) error{j.evaluate, j.decide, j.cover, j.write} {
		if err := judge(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newGroup is an errgroup; the engine bounds how many of its members compute.
func newGroup(ctx context.Context) (*errgroup.Group, context.Context) {
	return errgroup.WithContext(ctx)
}
