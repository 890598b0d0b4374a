package screening

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// base is a finished run from which this one may take over what no change has
// touched.
type base struct {
	runID    uuid.UUID
	datasets []dataset
}

// findBase looks for the newest finished run of the year by the same rulebook,
// engine and program whose rows hold all that can be taken over; nil where there is
// none, or where the run asks for everything to be judged.
func (j *job) findBase(ctx context.Context) (*base, error) {
	if j.engineName != EngineOwn {
		return nil, nil
	}
	self, err := program()
	if err != nil {
		return nil, err
	}
	b := &base{}
	var datasets []byte
	err = j.db.Pool.QueryRow(ctx, `
		SELECT r.run_id, r.datasets FROM screening_run r JOIN screening_run me ON me.county_code = r.county_code AND me.run_id = $2
		WHERE r.county_code = $1 AND r.year = me.year AND r.rulebook = me.rulebook AND r.status = 'done' AND r.engine = $3 AND r.program = $4 AND NOT me.full_run
		  AND NOT EXISTS (SELECT FROM verdict v WHERE v.county_code = r.county_code AND v.run_id = r.run_id AND v.covered IS NULL)
		ORDER BY r.finished_at DESC, r.run_id LIMIT 1`, j.county, j.runID, j.engineName, self).Scan(&b.runID, &datasets)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for an earlier run: %w", err)
	}
	if err := json.Unmarshal(datasets, &b.datasets); err != nil {
		return nil, fmt.Errorf("datasets of run %s: %w", b.runID, err)
	}
	return b, nil
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

// changedKinds lists the kinds whose versions differ. ok is false where the
// change reaches everything: a kind that was missing or is missing now, the
// survey, the elevations, the ridge table.
func (j *job) changedKinds(b *base) (kinds []string, ok bool) {
	seen := map[string]bool{}
	for _, d := range append(j.read(), b.datasets...) {
		if seen[d.Kind] {
			continue
		}
		seen[d.Kind] = true
		before, now := b.of(d.Kind), j.of(d.Kind)
		if j.version(d.Kind) == b.versionOf(d.Kind) && len(before) == len(now) {
			continue
		}
		switch {
		case d.Kind == kindIn || d.Kind == kindOut:
		case len(before) != 1 || len(now) != 1, d.Kind == kindSurvey, d.Kind == kindDEM, d.Kind == kindRidges:
			return nil, false
		}
		kinds = append(kinds, d.Kind)
	}
	return kinds, true
}

// reach is how far in metres beyond a candidate the rulebook's checks look in a
// layer; ok is false where that cannot be said.
func (j *job) reach(kind string) (d float64, ok bool) {
	for _, clause := range j.book.Clauses {
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

// rejudge finds the candidates that a change since the base run can have
// touched; ok is false where all must be judged.
func (j *job) rejudge(ctx context.Context, b *base) (touched []bool, kinds []string, ok bool, err error) {
	kinds, ok = j.changedKinds(b)
	if !ok {
		return nil, nil, false, nil
	}
	touched = make([]bool, len(j.candidates))
	for _, kind := range kinds {
		d, ok := j.reach(kind)
		if !ok {
			return nil, nil, false, nil
		}
		var boxes []orb.Bound
		if kind == kindIn || kind == kindOut {
			boxes, ok, err = j.changedCandidates(ctx, b, kind, touched)
		} else {
			boxes, ok, err = j.changedFeatures(ctx, b.of(kind)[0].ID, j.of(kind)[0].ID)
		}
		if err != nil || !ok {
			return nil, nil, false, err
		}
		for i, c := range j.candidates {
			box := c.geom.Bound().Pad(d + reachSlack)
			for _, changed := range boxes {
				touched[i] = touched[i] || box.Intersects(changed)
			}
		}
	}
	return touched, kinds, true, nil
}

// reachSlack in metres is added to every distance, against rounding.
const reachSlack = 0.01

// takeOver makes the run out of an earlier one where few candidates can have
// changed; done is false where all have to be judged.
func (j *job) takeOver(ctx context.Context, tx pgx.Tx) (done bool, err error) {
	b, err := j.findBase(ctx)
	if err != nil || b == nil {
		return false, err
	}
	touched, kinds, ok, err := j.rejudge(ctx, b)
	if err != nil || !ok {
		return false, err
	}
	stored, err := j.readStored(ctx, tx, b)
	if err != nil {
		return false, err
	}
	again := 0
	for i, c := range j.candidates {
		touched[i] = touched[i] || stored[c.key()] == nil
		if touched[i] {
			again++
		}
	}
	if 2*again > len(j.candidates) {
		return false, nil // writing them anew is quicker than taking the rest over
	}
	t := newTally()
	if err := j.writeTaken(ctx, tx, b, stored, touched, kinds, t); err != nil {
		return false, fmt.Errorf("take over run %s: %w", b.runID, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE screening_run SET base_run_id = $3, rejudged = $4 WHERE county_code = $1 AND run_id = $2`, j.county, j.runID, b.runID, again); err != nil {
		return false, err
	}
	j.log.InfoContext(ctx, "screened what has changed", "county", j.county, "run", j.runID, "base", b.runID, "kinds", kinds, "rejudged", again, "candidates", len(j.candidates))
	return true, j.finish(ctx, tx, t.summary(j.counts))
}

func (c *candidate) key() string { return string(c.direction) + "/" + c.number }

// storedVerdict is what the base run has of a candidate, as far as the summary
// needs it.
type storedVerdict struct {
	verdict  string
	covered  map[string]land.Area
	findings []storedFinding
}

type storedFinding struct{ clause, outcome string }

func (j *job) readStored(ctx context.Context, tx pgx.Tx, b *base) (map[string]*storedVerdict, error) {
	out := make(map[string]*storedVerdict, len(j.candidates))
	rows, err := tx.Query(ctx, `SELECT direction || '/' || number, verdict, covered FROM verdict WHERE county_code = $1 AND run_id = $2`, j.county, b.runID)
	if err != nil {
		return nil, err
	}
	var key, clause, outcome string
	v := storedVerdict{}
	_, err = pgx.ForEachRow(rows, []any{&key, &v.verdict, &v.covered}, func() error {
		one := v
		out[key] = &one
		v = storedVerdict{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("verdicts of run %s: %w", b.runID, err)
	}
	rows, err = tx.Query(ctx, `SELECT direction || '/' || number, clause, outcome FROM finding WHERE county_code = $1 AND run_id = $2 ORDER BY seq`, j.county, b.runID)
	if err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&key, &clause, &outcome}, func() error {
		out[key].findings = append(out[key].findings, storedFinding{clause, outcome})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("findings of run %s: %w", b.runID, err)
	}
	return out, nil
}

// writeTaken judges the touched candidates and writes the run: findings are
// numbered through as if all had been judged.
func (j *job) writeTaken(ctx context.Context, tx pgx.Tx, b *base, stored map[string]*storedVerdict, touched []bool, kinds []string, t *tally) error {
	var again []*candidate
	for i, c := range j.candidates {
		if touched[i] {
			again = append(again, c)
		}
	}
	batches := cut(again, max(16, min(batchSize, len(again)/8+1)))
	judgedBatches := make([]judged, len(batches))
	err := forEach(ctx, len(batches), func(i int) (err error) {
		judgedBatches[i], err = j.judgeBatch(ctx, batches[i])
		return err
	})
	if err != nil {
		return err
	}
	// place of the first finding of every candidate, and what is kept
	var (
		directions, numbers []string
		offsets             []int32
		seq                 int32
		next                = map[string]int32{}
	)
	counted := map[string]int32{}
	for _, jb := range judgedBatches {
		for i, list := range jb.job.findings {
			counted[jb.job.candidates[i].key()] = int32(len(list))
		}
		t.add(jb.job)
	}
	for i, c := range j.candidates {
		if touched[i] {
			next[c.key()] = seq
			seq += counted[c.key()]
			continue
		}
		s := stored[c.key()]
		directions, numbers, offsets = append(directions, string(c.direction)), append(numbers, c.number), append(offsets, seq)
		seq += int32(len(s.findings))
		t.addStored(c.direction, s)
	}
	if err := j.copyKept(ctx, tx, b, kinds, directions, numbers, offsets); err != nil {
		return err
	}
	for _, jb := range judgedBatches {
		for _, row := range jb.findings {
			key := row[findingDirection].(string) + "/" + row[findingNumber].(string)
			next[key]++
			row[findingSeq] = next[key]
		}
		if err := j.copyRows(ctx, tx, jb); err != nil {
			return err
		}
	}
	return nil
}

// copyKept takes over the rows of the candidates that nothing has touched. They
// name the versions that are in force now: what they say holds of these too.
func (j *job) copyKept(ctx context.Context, tx pgx.Tx, b *base, kinds, directions, numbers []string, offsets []int32) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, kcxs,
			slope_class, slope_source, quality, scores, reasons, remainder, exempt, covered)
		SELECT v.county_code, $3, v.direction, v.number, v.township_code, v.verdict, v.area_m2, v.usable_m2, v.net_m2, v.net_paddy_m2, v.kcxs,
			v.slope_class, v.slope_source, v.quality, v.scores, v.reasons, v.remainder, v.exempt, v.covered
		FROM verdict v JOIN unnest($4::text[], $5::text[]) AS k (direction, number) ON k.direction = v.direction AND k.number = v.number
		WHERE v.county_code = $1 AND v.run_id = $2`, j.county, b.runID, j.runID, directions, numbers)
	if err != nil {
		return fmt.Errorf("take over the verdicts: %w", err)
	}
	versions := make([]string, len(kinds))
	for i, kind := range kinds {
		versions[i] = j.version(kind)
		_, err := tx.Exec(ctx, `UPDATE verdict SET slope_source = $3 || ' ' || $5 WHERE county_code = $1 AND run_id = $2 AND slope_source = $3 || ' ' || $4`,
			j.county, j.runID, kind, b.versionOf(kind), versions[i])
		if err != nil {
			return fmt.Errorf("name the present versions: %w", err)
		}
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, layer_kind,
			layer_version, overlap_m2, share, features, message_zh, message_en, geom)
		SELECT f.county_code, $3, k.place + row_number() OVER (PARTITION BY f.direction, f.number ORDER BY f.seq), f.direction, f.number,
			f.township_code, f.clause, f.check_no, f.severity, f.outcome, f.layer_kind, coalesce(m.version, f.layer_version), f.overlap_m2,
			f.share, f.features, f.message_zh, f.message_en, f.geom
		FROM finding f JOIN unnest($4::text[], $5::text[], $6::integer[]) AS k (direction, number, place) ON k.direction = f.direction AND k.number = f.number
		LEFT JOIN unnest($7::text[], $8::text[]) AS m (kind, version) ON m.kind = f.layer_kind
		WHERE f.county_code = $1 AND f.run_id = $2`, j.county, b.runID, j.runID, directions, numbers, offsets, kinds, versions)
	if err != nil {
		return fmt.Errorf("take over the findings: %w", err)
	}
	return nil
}

// addStored counts a candidate by what is stored of it.
func (t *tally) addStored(direction rulebook.Direction, s *storedVerdict) {
	t.candidates[direction]++
	t.verdicts[direction][s.verdict]++
	list := make([]*finding, len(s.findings))
	covered := map[string]float64{}
	for i, f := range s.findings {
		list[i] = &finding{clause: &rulebook.Clause{ID: f.clause}, outcome: f.outcome}
	}
	for clause, m2 := range s.covered {
		covered[clause] = m2.Float64()
	}
	t.addFindings(list, covered)
}
