package screening

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/rulebook"
)

// base is a finished run from which this one may take over what no change has
// touched.
type base struct {
	runID    uuid.UUID
	datasets []dataset
	// book is what the run judged by, rules what this run's rulebook says
	// otherwise.
	book  *rulebook.Rulebook
	rules rulebook.Changes
}

const basesSQL = `
WITH me AS (SELECT county_code, year, rulebook FROM screening_run WHERE county_code = $1 AND run_id = $2 AND NOT full_run),
runs AS (
	SELECT r.run_id, r.datasets, r.rulebook, r.finished_at, r.rulebook = me.rulebook AS same FROM screening_run r JOIN me USING (county_code, year)
	WHERE r.status = 'done' AND r.engine = $3 AND r.program = $4),
own AS (SELECT * FROM runs WHERE same ORDER BY finished_at DESC, run_id LIMIT 1),
other AS (SELECT * FROM runs WHERE NOT same AND finished_at > coalesce((SELECT finished_at FROM own), '-infinity') ORDER BY finished_at DESC, run_id LIMIT 1)
SELECT x.run_id, x.datasets, b.id, b.document FROM (SELECT * FROM own UNION ALL SELECT * FROM other) x JOIN rulebook b ON b.version = x.rulebook`

// findBases looks for finished runs of the year by the same engine and program,
// which has written all that can be taken over: the newest by the same rulebook,
// and the newest of all if that is another. None where the run asks for
// everything to be judged.
func (j *job) findBases(ctx context.Context) ([]*base, error) {
	if j.engineName != EngineOwn {
		return nil, nil
	}
	self, err := program()
	if err != nil {
		return nil, err
	}
	rows, err := j.db.Pool.Query(ctx, basesSQL, j.county, j.runID, j.engineName, self)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier run: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*base, error) {
		b := &base{}
		var (
			datasets       []byte
			name, document string
		)
		if err := row.Scan(&b.runID, &datasets, &name, &document); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(datasets, &b.datasets); err != nil {
			return nil, fmt.Errorf("datasets of run %s: %w", b.runID, err)
		}
		var err error
		if b.book, err = rulebook.Parse(name+".yaml", []byte(document)); err != nil {
			return nil, fmt.Errorf("rulebook of run %s: %w", b.runID, err)
		}
		b.rules = rulebook.Compare(b.book, j.book)
		return b, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for an earlier run: %w", err)
	}
	return list, nil
}

// versionOf names a kind's datasets as job.version does.
func (b *base) versionOf(kind string) string {
	v := ""
	for _, d := range b.of(kind) {
		if v != "" {
			v += "+"
		}
		v += d.Version
	}
	return v
}

func (b *base) of(kind string) []dataset {
	var list []dataset
	for _, d := range b.datasets {
		if d.Kind == kind {
			list = append(list, d)
		}
	}
	return list
}

// changedKinds lists the kinds whose versions differ. why is not empty where the
// change reaches everything: a kind that was missing or is missing now, the
// survey, the elevations, the ridge table. A kind that only one of the rulebooks
// knows is read by none of the checks that both have.
func (j *job) changedKinds(b *base) (kinds []string, why string) {
	for _, book := range []*rulebook.Rulebook{b.book, j.book} {
		if kind, unseen := unrecorded(book); unseen {
			return nil, "rulebook " + book.Hash + " does not know layer " + kind + ", so that no run has recorded its version"
		}
	}
	seen := map[string]bool{}
	for _, d := range append(j.read(), b.datasets...) {
		_, before := b.book.Layer(d.Kind)
		_, after := j.book.Layer(d.Kind)
		if seen[d.Kind] || !before || !after {
			continue
		}
		seen[d.Kind] = true
		old, now := b.of(d.Kind), j.of(d.Kind)
		if j.version(d.Kind) == b.versionOf(d.Kind) && len(old) == len(now) {
			continue
		}
		switch {
		case d.Kind == kindIn || d.Kind == kindOut:
		case len(old) != 1 || len(now) != 1:
			return nil, "layer " + d.Kind + " has come or gone"
		case d.Kind == kindSurvey, d.Kind == kindDEM, d.Kind == kindRidges:
			return nil, "another " + d.Kind
		}
		kinds = append(kinds, d.Kind)
	}
	return kinds, ""
}

// unrecorded names a kind that judging reads whatever the clauses say and that
// the rulebook does not list: runs do not record the version of such a one.
func unrecorded(book *rulebook.Rulebook) (kind string, yes bool) {
	slope := slopeSource(book)
	for _, kind := range []string{kindSurvey, kindRidges, kindIn, kindOut, slope.kind, slope.fallback} {
		if _, ok := book.Layer(kind); !ok && kind != "" {
			return kind, true
		}
	}
	return "", false
}

// reach is how far in metres beyond a candidate the checks of either rulebook look
// in a layer; ok is false where that cannot be said.
func (j *job) reach(b *base, kind string) (d float64, ok bool) {
	for _, clause := range append(j.book.Clauses[:len(j.book.Clauses):len(j.book.Clauses)], b.book.Clauses...) {
		if clause.Direction != rulebook.In && clause.Direction != rulebook.Out {
			continue
		}
		for _, k := range clause.Checks {
			if s, isSlope := k.Params.(rulebook.Slope); k.Layer != kind && !(isSlope && s.Fallback == kind) {
				continue
			}
			switch p := k.Params.(type) {
			case rulebook.Overlap, rulebook.Within, rulebook.Slope, rulebook.Township, rulebook.ScoreShare, rulebook.ScoreGrade:
			case rulebook.ScoreNear:
				d = max(d, p.WithinM)
			default:
				return 0, false
			}
		}
	}
	return d, true
}

// rejudge finds the candidates that a change of data or rulebook since the base
// run can have touched; why is not empty where all must be judged.
//
// A candidate that the changed data do not touch has, by either rulebook, the
// same land about it before and after; so what the change of the rulebook touches
// may be asked of the data as they are now.
func (j *job) rejudge(ctx context.Context, o *offer) (why string, err error) {
	b := o.base
	o.touched = make([]bool, len(j.candidates))
	for i, c := range j.candidates {
		o.touched[i] = o.stored[c.key()] == nil
	}
	for _, kind := range o.kinds {
		d, ok := j.reach(b, kind)
		if !ok {
			return "how far checks look in layer " + kind + " cannot be said", nil
		}
		var boxes []orb.Bound
		if kind == kindIn || kind == kindOut {
			boxes, ok, err = j.changedCandidates(ctx, b, kind, o.touched)
		} else {
			boxes, ok, err = j.changedFeatures(ctx, b.of(kind)[0].ID, j.of(kind)[0].ID)
		}
		if err != nil {
			return "", err
		}
		if !ok {
			return "layer " + kind + " is in another order", nil
		}
		for i, c := range j.candidates {
			box := c.geom.Bound().Pad(d + reachSlack)
			for _, changed := range boxes {
				o.touched[i] = o.touched[i] || box.Intersects(changed)
			}
		}
	}
	return j.changedRules(ctx, o)
}

// reachSlack in metres is added to every distance, against rounding.
const reachSlack = 0.01
