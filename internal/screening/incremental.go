package screening

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// offer is what can be taken over from a base.
type offer struct {
	base    *base
	stored  map[string]*storedVerdict
	touched []bool
	kinds   []string // whose data have changed
	again   int
}

// takeOver makes the run out of an earlier one where few candidates can have
// changed; done is false where all have to be judged.
func (j *job) takeOver(ctx context.Context, tx pgx.Tx) (done bool, err error) {
	bases, err := j.findBases(ctx)
	if err != nil {
		return false, err
	}
	var best *offer
	for _, b := range bases {
		o, why, err := j.offerOf(ctx, tx, b)
		if err != nil {
			return false, err
		}
		if why != "" {
			j.log.InfoContext(ctx, "cannot take an earlier screening over", "county", j.county, "run", j.runID, "base", b.runID, "why", why, "clauses", b.rules.IDs())
			continue
		}
		if best == nil || o.again < best.again {
			best = o
		}
	}
	if best == nil {
		return false, nil
	}
	t := newTally()
	if err := j.writeTaken(ctx, tx, best, t); err != nil {
		return false, fmt.Errorf("take over run %s: %w", best.base.runID, err)
	}
	if _, err := tx.Exec(ctx, `UPDATE screening_run SET base_run_id = $3, rejudged = $4 WHERE county_code = $1 AND run_id = $2`, j.county, j.runID, best.base.runID, best.again); err != nil {
		return false, err
	}
	j.log.InfoContext(ctx, "screened what has changed", "county", j.county, "run", j.runID, "base", best.base.runID, "kinds", best.kinds,
		"clauses", best.base.rules.IDs(), "settings", best.base.rules.Settings, "rejudged", best.again, "candidates", len(j.candidates))
	j.taken = len(j.candidates) - best.again
	return true, j.finish(ctx, tx, t.summary(j.counts))
}

// offerOf finds out what can be taken over from a base; why says why it cannot.
func (j *job) offerOf(ctx context.Context, tx pgx.Tx, b *base) (o *offer, why string, err error) {
	o = &offer{base: b}
	if o.kinds, why = j.changedKinds(b); why != "" {
		return nil, why, nil
	}
	if o.stored, err = j.readStored(ctx, tx, b); err != nil {
		return nil, "", err
	}
	if why, err = j.rejudge(ctx, o); err != nil || why != "" {
		return nil, why, err
	}
	for _, t := range o.touched {
		if t {
			o.again++
		}
	}
	if 2*o.again > len(j.candidates) { // writing them anew is quicker than taking the rest over
		return nil, fmt.Sprintf("the change may touch %d of %d candidates", o.again, len(j.candidates)), nil
	}
	return o, "", nil
}

func (c *candidate) key() string { return string(c.direction) + "/" + c.number }

// storedVerdict is what the base run has of a candidate, as far as the summary
// needs it.
type storedVerdict struct {
	verdict  string
	covered  map[string]land.Area
	findings []storedFinding
	// cut: a blocking hit has a geometry, which may have been cut away.
	cut bool
}

type storedFinding struct {
	seq     int32
	clause  string
	check   int // 0 where the net area cannot be computed
	outcome string
}

// has tells whether a clause's check, or any check of it for 0, has said something.
func (s *storedVerdict) has(clause string, check int) bool {
	return slices.ContainsFunc(s.findings, func(f storedFinding) bool { return f.clause == clause && (check == 0 || f.check == check) })
}

func (j *job) readStored(ctx context.Context, tx pgx.Tx, b *base) (map[string]*storedVerdict, error) {
	out := make(map[string]*storedVerdict, len(j.candidates))
	rows, err := tx.Query(ctx, `SELECT direction || '/' || number, verdict, covered FROM verdict WHERE county_code = $1 AND run_id = $2`, j.county, b.runID)
	if err != nil {
		return nil, err
	}
	var (
		key string
		f   storedFinding
		cut bool
	)
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
	rows, err = tx.Query(ctx, `
		SELECT direction || '/' || number, seq, clause, check_no, outcome, severity = 'block' AND outcome = 'hit' AND geom IS NOT NULL
		FROM finding WHERE county_code = $1 AND run_id = $2 ORDER BY seq`, j.county, b.runID)
	if err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&key, &f.seq, &f.clause, &f.check, &f.outcome, &cut}, func() error {
		v := out[key]
		v.findings, v.cut = append(v.findings, f), v.cut || cut
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("findings of run %s: %w", b.runID, err)
	}
	return out, nil
}

// writeTaken judges the touched candidates and writes the run: findings are
// numbered through as if all had been judged.
func (j *job) writeTaken(ctx context.Context, tx pgx.Tx, o *offer, t *tally) error {
	var again []*candidate
	for i, c := range j.candidates {
		if o.touched[i] {
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
		kept                stretches
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
		if o.touched[i] {
			next[c.key()] = seq
			seq += counted[c.key()]
			continue
		}
		s := o.stored[c.key()]
		directions, numbers = append(directions, string(c.direction)), append(numbers, c.number)
		for _, f := range s.findings {
			seq++
			kept.add(f.seq, seq)
		}
		t.addStored(c.direction, s)
	}
	if err := j.copyKept(ctx, tx, o.base, o.kinds, directions, numbers, kept); err != nil {
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

// stretches are findings of a base run that follow each other and are all
// numbered anew by the same shift, so that they are read in one go each, in order.
type stretches struct{ first, last, shift []int32 }

// add takes the next finding, by its number in the base run and in this one.
func (s *stretches) add(old, now int32) {
	if n := len(s.last) - 1; n >= 0 && s.last[n]+1 == old && s.shift[n] == now-old {
		s.last[n] = old
		return
	}
	s.first, s.last, s.shift = append(s.first, old), append(s.last, old), append(s.shift, now-old)
}

// copyKept takes over the rows of the candidates that nothing has touched. They
// name the versions that are in force now: what they say holds of these too.
func (j *job) copyKept(ctx context.Context, tx pgx.Tx, b *base, kinds, directions, numbers []string, kept stretches) error {
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
		SELECT f.county_code, $3, f.seq + k.shift, f.direction, f.number, f.township_code, f.clause, f.check_no, f.severity, f.outcome,
			f.layer_kind, coalesce(m.version, f.layer_version), f.overlap_m2, f.share, f.features, f.message_zh, f.message_en, f.geom
		FROM unnest($4::integer[], $5::integer[], $6::integer[]) AS k (first, last, shift)
		CROSS JOIN LATERAL (SELECT * FROM finding WHERE county_code = $1 AND run_id = $2 AND seq BETWEEN k.first AND k.last ORDER BY seq OFFSET 0) f
		LEFT JOIN unnest($7::text[], $8::text[]) AS m (kind, version) ON m.kind = f.layer_kind`,
		j.county, b.runID, j.runID, kept.first, kept.last, kept.shift, kinds, versions)
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
