package planning

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"gengheng/internal/balance"
	"gengheng/internal/store"
)

// base is the county as a session sees it: units and their boundaries, and what
// they were laid by. It never changes; sessions and revisions share it.
type base struct {
	s *survey
	f *fields
	// standard is what the rulebook says, by what the units were laid by.
	standard, by Options
}

// lay reads a screening run and lays its units by the given options, or takes
// them from those that are kept. What takes too long for a session is refused.
func (k *bases) lay(ctx context.Context, db *store.DB, county string, run uuid.UUID, given json.RawMessage) (*base, Options, error) {
	s, err := loadRun(ctx, db, county, run)
	if err != nil {
		return nil, Options{}, err
	}
	s.options = given
	standard, o, err := s.takeOptions(ctx, db)
	if err != nil {
		return nil, o, err
	}
	if err := interactive(o); err != nil {
		return nil, o, err
	}
	b, err := k.of(ctx, db, s, standard, o, nil)
	return b, o, err
}

// of is lay where the run's row and the options are read. k may be nil, then
// nothing is kept; read is told when the reading is over.
func (k *bases) of(ctx context.Context, db *store.DB, s *survey, standard, o Options, read func()) (*base, error) {
	key := baseKey{county: s.county, run: s.runID, rulebook: s.rulebook, review: o.IncludeReview, track: o.TrackWidth}
	var err error
	if k != nil {
		if key.state, err = runState(ctx, db, s.county, s.runID); err != nil {
			return nil, err
		}
		if b := k.get(key); b != nil {
			return b.as(o), nil
		}
	}
	if err := s.load(ctx, db, o.takesPart, minOverlap); err != nil {
		return nil, err
	}
	if read != nil {
		read()
	}
	f, err := lay(ctx, s, o)
	if err != nil {
		return nil, err
	}
	// From here on boundaries count, not shapes; those of the candidates are
	// stored with a plan.
	s.parcels, s.tracks, s.border = nil, nil, nil
	for i := range f.units {
		f.units[i].geom = nil
	}
	b := &base{s: s, f: f, standard: standard, by: o}
	if k != nil {
		k.put(key, b)
	}
	return b, nil
}

// bases are kept for whoever makes a plan or opens a session on the same run
// again: reading and laying a county of 100,000 parcels takes seconds.
type bases struct {
	mu   sync.Mutex
	now  func() time.Time
	kept map[baseKey]*keptBase
}

// baseKey is all that a base depends on.
type baseKey struct {
	county, rulebook, state string
	run                     uuid.UUID
	review                  bool
	track                   float64
}

type keptBase struct {
	*base
	used time.Time
}

// maxBases is how many bases are kept beside those that sessions have.
const maxBases = 3

// runState changes when the verdicts of a run do, which they are not meant to.
func runState(ctx context.Context, db *store.DB, county string, run uuid.UUID) (state string, err error) {
	err = db.Pool.QueryRow(ctx, `SELECT count(*) || '/' || coalesce(max(xmin::text::bigint), 0) || '/' || coalesce(sum(xmin::text::bigint), 0)
		FROM verdict WHERE county_code = $1 AND run_id = $2`, county, run).Scan(&state)
	if err != nil {
		return "", fmt.Errorf("read the state of screening run %s: %w", run, err)
	}
	return state, nil
}

func (k *bases) get(key baseKey) *base {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := k.kept[key]
	if kept == nil {
		return nil
	}
	kept.used = k.now()
	return kept.base
}

func (k *bases) put(key baseKey, b *base) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[key] = &keptBase{b, k.now()}
	for len(k.kept) > maxBases {
		var oldest baseKey
		for key, kept := range k.kept {
			if old := k.kept[oldest]; old == nil || kept.used.Before(old.used) {
				oldest = key
			}
		}
		delete(k.kept, oldest)
	}
}

// forget drops what was not used since.
func (k *bases) forget(since time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, kept := range k.kept {
		if !kept.used.After(since) {
			delete(k.kept, key)
		}
	}
}

// size is about how many bytes they take.
func (k *bases) size() (n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kept := range k.kept {
		n += kept.base.size()
	}
	return n
}

// as is the base for options that differ in what it need not be laid anew for.
func (b *base) as(o Options) *base {
	if o.MinPatch != b.by.MinPatch {
		b = b.withPatches(o.MinPatch)
	}
	out := *b
	out.by = o
	return &out
}

// withPatches is the base with another least patch.
func (b *base) withPatches(least float64) *base {
	f := *b.f
	f.units = slices.Clone(f.units)
	f.markScattered(least)
	out := *b
	out.f, out.by.MinPatch = &f, least
	return &out
}

// size is about how many bytes the base and one revision on it take.
func (b *base) size() int64 {
	const ofEdge, ofUnit = 64, 64 // in problem, solution and cut
	n := int64(len(b.f.units))*(int64(unsafe.Sizeof(unit{}))+ofUnit+16) + int64(len(b.f.links))*(int64(unsafe.Sizeof(link{}))+ofEdge+16)
	for _, c := range b.s.candidates {
		n += 1200 // its row, its reasons, its line in the answer
		for _, poly := range c.geom {
			for _, ring := range poly {
				n += 16 * int64(len(ring))
			}
		}
	}
	return n
}

// storedSolution is the solution of a plan that is done, if the problem it
// solves is this one, number for number; else nil.
func storedSolution(ctx context.Context, db *store.DB, county string, plan uuid.UUID, p *balance.Problem) (*balance.Solution, error) {
	dir, err := os.MkdirTemp("", "gengheng-session-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the stored solution: %w", err)
	}
	defer os.RemoveAll(dir)
	rows, err := db.Pool.Query(ctx, `SELECT name, content FROM plan_artifact WHERE county_code = $1 AND plan_id = $2 AND name IN ('problem', 'solution')`, county, plan)
	if err != nil {
		return nil, fmt.Errorf("read the files of plan %s: %w", plan, err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var name string
		var content []byte
		if err := rows.Scan(&name, &content); err != nil {
			return nil, fmt.Errorf("read the files of plan %s: %w", plan, err)
		}
		if err := unpackDir(content, filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("read the %s of plan %s: %w", name, plan, err)
		}
		found++
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the files of plan %s: %w", plan, err)
	}
	if found < 2 {
		return nil, nil
	}
	solved, err := balance.ReadProblem(filepath.Join(dir, "problem"))
	if err != nil {
		return nil, fmt.Errorf("read the problem of plan %s: %w", plan, err)
	}
	if !sameProblem(p, solved) {
		return nil, nil
	}
	solution, err := balance.ReadSolution(filepath.Join(dir, "solution"), p)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", plan, err)
	}
	if solution.Selected == nil || solution.Multipliers == nil {
		return nil, nil // there is nothing to go on from
	}
	return solution, nil
}

func sameProblem(a, b *balance.Problem) bool {
	return a.Constant == b.Constant && slices.Equal(a.Units, b.Units) && slices.Equal(a.Edges, b.Edges) &&
		slices.Equal(a.Constraints, b.Constraints) && slices.Equal(a.Terms, b.Terms) &&
		slices.Equal(a.Flows, b.Flows) && slices.Equal(a.FlowTerms, b.FlowTerms)
}

// unpackDir makes the folder that packDir has packed.
func unpackDir(content []byte, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	zip, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return err
	}
	r := tar.NewReader(zip)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), data, 0o600); err != nil {
			return err
		}
	}
}
