package screening

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// write stores the run whole: verdicts, findings, what was read, the summary.
func (j *job) write(ctx context.Context) error {
	j.tell("写入 · write", 0, int64(len(j.candidates)))
	summary, err := json.Marshal(j.summary())
	if err != nil {
		return err
	}
	datasets, err := json.Marshal(j.read())
	if err != nil {
		return err
	}
	missing, err := json.Marshal(j.missing())
	if err != nil {
		return err
	}
	err = j.db.InTx(ctx, func(tx pgx.Tx) error {
		var status string
		err := tx.QueryRow(ctx, `SELECT status FROM screening_run WHERE county_code = $1 AND run_id = $2 FOR UPDATE`, j.county, j.runID).Scan(&status)
		if errors.Is(err, pgx.ErrNoRows) {
			return errors.New("筛查任务已被删除 · the run was deleted meanwhile")
		}
		if err != nil || status == "done" {
			return err // another worker has done it
		}
		if _, err := tx.Exec(ctx, `DELETE FROM verdict WHERE county_code = $1 AND run_id = $2`, j.county, j.runID); err != nil {
			return err
		}
		if err := j.copyVerdicts(ctx, tx); err != nil {
			return fmt.Errorf("write the verdicts: %w", err)
		}
		if err := j.copyFindings(ctx, tx); err != nil {
			return fmt.Errorf("write the findings: %w", err)
		}
		_, err = tx.Exec(ctx, `
			UPDATE screening_run SET status = 'done', engine = $3, datasets = $4, missing = $5, summary = $6, problem = NULL, finished_at = now()
			WHERE county_code = $1 AND run_id = $2`, j.county, j.runID, j.engineName, datasets, missing, summary)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	j.tell("写入 · write", int64(len(j.candidates)), int64(len(j.candidates)))
	return nil
}

var verdictColumns = []string{"county_code", "run_id", "direction", "number", "township_code", "verdict", "area_m2", "usable_m2",
	"net_m2", "net_paddy_m2", "kcxs", "slope_class", "slope_source", "quality", "scores", "reasons", "remainder", "exempt"}

func (j *job) copyVerdicts(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"verdict"}, verdictColumns, pgx.CopyFromSlice(len(j.verdicts), func(i int) ([]any, error) {
		v := j.verdictRow(j.verdicts[i])
		scores, err := json.Marshal(v.Scores)
		if err != nil {
			return nil, err
		}
		reasons, err := json.Marshal(v.Reasons)
		if err != nil {
			return nil, err
		}
		remainder, err := j.ewkb(v.Remainder)
		if err != nil {
			return nil, err
		}
		var ridge, quality, class any
		if v.KCXS != nil {
			ridge = decimal(int64(*v.KCXS), 4)
		}
		if v.Quality != nil {
			quality = decimal(int64(math.Round(*v.Quality*1000)), 3)
		}
		if v.SlopeClass != "" {
			class = v.SlopeClass
		}
		return []any{j.county, j.runID, string(v.Direction), v.Number, v.Township, v.Verdict, amount(v.Area), amount(v.Usable),
			amount(v.Net), amount(v.NetPaddy), ridge, class, v.SlopeSource, quality, scores, reasons, remainder, v.Exempt}, nil
	}))
	return err
}

var findingColumns = []string{"county_code", "run_id", "seq", "direction", "number", "township_code", "clause", "check_no", "severity",
	"outcome", "layer_kind", "layer_version", "overlap_m2", "share", "features", "message_zh", "message_en", "geom"}

func (j *job) copyFindings(ctx context.Context, tx pgx.Tx) error {
	all := slices.Concat(j.findings...)
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"finding"}, findingColumns, pgx.CopyFromSlice(len(all), func(i int) ([]any, error) {
		f := j.findingRow(all[i])
		var overlap, share any
		if f.Measured {
			overlap, share = amount(f.Overlap), f.Share
		}
		features, err := json.Marshal(f.Features)
		if err != nil {
			return nil, err
		}
		geom, err := j.ewkb(f.Geometry)
		if err != nil {
			return nil, err
		}
		return []any{j.county, j.runID, int32(i + 1), string(f.Direction), f.Number, f.Township, f.Clause, int32(f.Check), string(f.Severity),
			f.Outcome, f.LayerKind, f.LayerVersion, overlap, share, features, f.MessageZH, f.MessageEN, geom}, nil
	}))
	return err
}

// ewkb is nil, and so NULL, for no geometry.
func (j *job) ewkb(g orb.MultiPolygon) (any, error) {
	if len(g) == 0 {
		return nil, nil
	}
	return ewkb.Marshal(g, j.srid)
}

func amount(a land.Area) pgtype.Numeric { return decimal(int64(a), 2) }

// decimal is n·10^−places.
func decimal(n int64, places int32) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(n), Exp: -places, Valid: true}
}

// read lists the datasets that the run rests on: those of kinds that the
// rulebook knows.
func (j *job) read() []dataset {
	list := []dataset{}
	for _, d := range j.datasets {
		if _, ok := j.book.Layer(d.Kind); ok {
			list = append(list, d)
		}
	}
	return list
}

// missing lists the layers and tables that the clauses of the rulebook need and
// the county lacks, whether or not a candidate has come so far as to need them.
func (j *job) missing() []string {
	list := []string{}
	add := func(k *rulebook.Check) {
		if j.lacks(k) && !slices.Contains(list, k.Layer) {
			list = append(list, k.Layer)
		}
	}
	for i := range j.book.Clauses {
		clause := &j.book.Clauses[i]
		if clause.Direction != rulebook.In && clause.Direction != rulebook.Out {
			continue
		}
		for n := range clause.Checks {
			add(&clause.Checks[n])
		}
	}
	// Net areas need these, whatever the clauses read.
	add(&rulebook.Check{Layer: kindSurvey})
	add(&rulebook.Check{Layer: kindRidges})
	slices.Sort(list)
	return list
}

// Summary is screening_run.summary.
type Summary struct {
	Candidates map[rulebook.Direction]int            `json:"candidates"`
	Verdicts   map[rulebook.Direction]map[string]int `json:"verdicts"`
	Clauses    []ClauseSummary                       `json:"clauses"`
}

// ClauseSummary counts candidates by outcome of one clause: Candidates did not
// pass it, because of a hit or because something is missing (Missing of them).
// OverlapM2 sums over the candidates what the clause hits of each, rounded to
// 0.01 m²; what several of its checks find counts once.
type ClauseSummary struct {
	Clause     string    `json:"clause"`
	Candidates int       `json:"candidates"`
	OverlapM2  land.Area `json:"overlap_m2"`
	Tolerated  int       `json:"tolerated"`
	Missing    int       `json:"missing"`
}

func (j *job) summary() Summary {
	s := Summary{Candidates: map[rulebook.Direction]int{}, Verdicts: map[rulebook.Direction]map[string]int{}, Clauses: []ClauseSummary{}}
	for _, d := range []rulebook.Direction{rulebook.In, rulebook.Out} {
		s.Candidates[d] = 0
		s.Verdicts[d] = map[string]int{verdictEligible: 0, verdictClip: 0, verdictReview: 0, verdictForbidden: 0, verdictUnknown: 0}
	}
	by := map[string]*ClauseSummary{}
	for i, v := range j.verdicts {
		s.Candidates[v.candidate.direction]++
		s.Verdicts[v.candidate.direction][v.name]++
		counted := map[string]bool{}
		for _, f := range j.findings[i] {
			c := by[f.clause.ID]
			if c == nil {
				c = &ClauseSummary{Clause: f.clause.ID}
				by[f.clause.ID] = c
			}
			if m2, ok := j.covered[i][f.clause.ID]; ok && !counted[f.clause.ID] {
				counted[f.clause.ID] = true
				c.OverlapM2 += rounded(m2)
			}
			once := func(what string, n *int) {
				if key := f.clause.ID + " " + what; !counted[key] {
					counted[key] = true
					*n++
				}
			}
			switch f.outcome {
			case outcomeHit:
				once("not passed", &c.Candidates)
			case outcomeTolerated:
				once(f.outcome, &c.Tolerated)
			case outcomeMissing:
				once("not passed", &c.Candidates)
				once(f.outcome, &c.Missing)
			}
		}
	}
	for _, c := range by {
		s.Clauses = append(s.Clauses, *c)
	}
	slices.SortFunc(s.Clauses, func(a, b ClauseSummary) int { return cmp.Compare(a.Clause, b.Clause) })
	return s
}
