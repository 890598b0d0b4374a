package screening

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

var verdictColumns = []string{"county_code", "run_id", "direction", "number", "township_code", "verdict", "area_m2", "usable_m2",
	"net_m2", "net_paddy_m2", "kcxs", "slope_class", "slope_source", "quality", "scores", "reasons", "remainder", "exempt", "covered"}

// verdictRows are the rows of the verdicts, for COPY.
func (j *job) verdictRows() ([][]any, error) {
	rows, run := make([][]any, len(j.verdicts)), [16]byte(j.runID) // pgx knows this type at once
	for i := range rows {
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
		covered := map[string]land.Area{}
		for clause, m2 := range j.covered[i] {
			covered[clause] = rounded(m2)
		}
		hits, err := json.Marshal(covered)
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
		rows[i] = []any{j.county, run, string(v.Direction), v.Number, v.Township, v.Verdict, amount(v.Area), amount(v.Usable),
			amount(v.Net), amount(v.NetPaddy), ridge, class, v.SlopeSource, quality, scores, reasons, remainder, v.Exempt, hits}
	}
	return rows, nil
}

var findingColumns = []string{"county_code", "run_id", "seq", "direction", "number", "township_code", "clause", "check_no", "severity",
	"outcome", "layer_kind", "layer_version", "overlap_m2", "share", "features", "message_zh", "message_en", "geom"}

// Columns of a finding: its number within the run, and its candidate.
const (
	findingSeq       = 2
	findingDirection = 3
	findingNumber    = 4
)

// findingRows are the rows of the findings, for COPY; not yet numbered.
func (j *job) findingRows() ([][]any, error) {
	all := slices.Concat(j.findings...)
	rows, run := make([][]any, len(all)), [16]byte(j.runID)
	for i := range rows {
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
		rows[i] = []any{j.county, run, int32(0), string(f.Direction), f.Number, f.Township, f.Clause, int32(f.Check), string(f.Severity),
			f.Outcome, f.LayerKind, f.LayerVersion, overlap, share, features, f.MessageZH, f.MessageEN, geom}
	}
	return rows, nil
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
