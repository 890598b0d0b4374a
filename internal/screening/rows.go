package screening

import (
	"math"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// Verdict (结论) is the answer for one candidate, as it is stored.
type Verdict struct {
	Direction rulebook.Direction
	Number    string
	Township  string
	// Verdict is eligible, eligible_after_clip, needs_review, forbidden or unknown.
	Verdict string
	// Area and Usable are official areas: of the declared boundary, and of what
	// is left of it. Net and NetPaddy are net of ridges (TBDLMJ).
	Area, Usable, Net, NetPaddy land.Area
	KCXS                        *land.RidgeCoefficient
	// SlopeClass is 1 to 5, empty where it is not known.
	SlopeClass, SlopeSource string
	// Quality is 等别 1 (best) to 15.
	Quality *float64
	// Scores are by priority clause, 0 to 1.
	Scores  map[string]float64
	Reasons []Reason
	// Remainder is what is left after clipping, in the county's plane; nil where
	// nothing is clipped.
	Remainder orb.MultiPolygon
	Exempt    bool
}

// Reason is one line of why a verdict is what it is.
type Reason struct {
	Clause  string `json:"clause,omitempty"`
	Outcome string `json:"outcome"`
	Zh      string `json:"zh"`
	En      string `json:"en"`
	// Pieces are the parts of the remainder that the reason speaks of.
	Pieces []Piece `json:"pieces,omitempty"`
}

// Piece (部分) is a part of a clipped candidate that is taken out or merged.
type Piece struct {
	// Why is narrow (under the set width), small (too small, and not to be merged)
	// or merged (kept for the farmland beside it).
	Why string `json:"why"`
	// M2 is the additive area.
	M2 land.Area `json:"m2"`
	// At is the middle of the piece's box in the county's plane, easting and
	// northing to 0.01 m, to find it on a map.
	At [2]float64 `json:"at"`
}

// Finding (问题发现) is what one check has to say about one candidate, as it is
// stored.
type Finding struct {
	Direction rulebook.Direction
	Number    string
	Township  string
	Clause    string
	Check     int
	Severity  rulebook.Severity
	// Outcome is hit, tolerated, missing or note.
	Outcome                 string
	LayerKind, LayerVersion string
	// Measured says whether Overlap (additive area) and Share (of the candidate,
	// 0 to 1) are known.
	Measured bool
	Overlap  land.Area
	Share    float64
	// Features are those of the layer that are concerned; never nil.
	Features             []Feature
	MessageZH, MessageEN string
	// Geometry is where, in the county's plane; nil where that is not known.
	Geometry orb.MultiPolygon
	// unnamed is the message in Chinese and English without the features' names,
	// where these are declarations.
	unnamed [2]string
}

// Unnamed is the finding as a township may see it (隐去他人申报): of one about
// declarations not which they are nor where, only how many and how much. What is
// stored is withheld alike by finding_unnamed in the database.
func (f Finding) Unnamed() Finding {
	if declares(f.LayerKind) {
		f.Features, f.Geometry = []Feature{}, nil
		f.MessageZH, f.MessageEN = f.unnamed[0], f.unnamed[1]
	}
	return f
}

// Feature is a feature of a layer that a finding concerns, with its own additive
// area inside the candidate.
type Feature struct {
	BSM   string    `json:"bsm"`
	Code  string    `json:"code"`
	Name  string    `json:"name"`
	Level string    `json:"level"`
	M2    land.Area `json:"m2"`
}

// verdictRow is what is stored of a verdict.
func (j *job) verdictRow(v *verdict) Verdict {
	c := v.candidate
	row := Verdict{Direction: c.direction, Number: c.number, Township: c.township, Verdict: v.name, Area: c.area, Usable: v.usable,
		Net: v.net, NetPaddy: v.paddy, KCXS: v.ridge, SlopeSource: v.source, Scores: v.scores, Reasons: j.reasons(v),
		Remainder: v.remainder, Exempt: v.exempt}
	if v.slope.Valid() {
		row.SlopeClass = v.slope.String()
	}
	if v.quality != nil {
		q := math.Round(*v.quality*1000) / 1000
		row.Quality = &q
	}
	return row
}

// findingRow is what is stored of a finding.
func (j *job) findingRow(f *finding) Finding {
	row := Finding{Direction: f.candidate.direction, Number: f.candidate.number, Township: f.candidate.township,
		Clause: f.clause.ID, Check: f.check.Number, Severity: f.check.Severity, Outcome: f.outcome,
		LayerKind: f.kind, LayerVersion: f.version, Measured: f.measured, Features: f.features, Geometry: f.geom}
	if f.measured {
		row.Overlap, row.Share = rounded(f.m2), math.Round(f.share()*1e6)/1e6
	}
	if row.Features == nil {
		row.Features = []Feature{}
	}
	row.MessageZH, row.MessageEN = f.message(j.book, true)
	if declares(f.kind) {
		row.unnamed[0], row.unnamed[1] = f.message(j.book, false)
	}
	return row
}
