package rulebook

import (
	"time"

	"gengheng/internal/land"
)

// Test is the kind of a check.
type Test string

const (
	TestOverlap      Test = "overlap"
	TestWithin       Test = "within"
	TestSlope        Test = "slope"
	TestNeighbours   Test = "neighbours"
	TestTarget       Test = "target"
	TestDeclared     Test = "declared"
	TestSurveyed     Test = "surveyed"
	TestTownship     Test = "township"
	TestBeltWidth    Test = "belt_width"
	TestDocument     Test = "document"
	TestDerived      Test = "derived"
	TestMinPatch     Test = "min_patch"
	TestScoreShare   Test = "score_share"
	TestScoreGrade   Test = "score_grade"
	TestScoreCluster Test = "score_cluster"
	TestScoreNear    Test = "score_near"
	TestScoreSize    Test = "score_size"
	TestBalance      Test = "balance"
	TestDeadline     Test = "deadline"
	TestGate         Test = "gate"
)

// Params is the parameters of a check: one of the types below, by value.
type Params interface{ test() Test }

// Overlap: the union of the selected features must not meet the candidate; the
// intersection is the hit. On CANDIDATE_IN and CANDIDATE_OUT the features are
// the other candidates of that direction in the same run, never the candidate
// itself.
type Overlap struct{}

// Within: the candidate must lie on the union of the selected features; the
// rest of it is the hit.
type Within struct {
	// MatchYear: only features whose level (task year) is the run's year count.
	MatchYear bool
	// ExemptFromBalance: a candidate that lies within is not counted in the
	// balance (国家安排的生态退耕).
	ExemptFromBalance bool
}

// SlopeScope says which part of a candidate a Slope check looks at.
type SlopeScope string

const (
	Majority SlopeScope = "majority" // the class with the largest area in the candidate
	Part     SlopeScope = "part"     // any part; Tolerance.MinPatchM2 is the least that counts
)

// Slope: hit where the candidate (by majority), or a part of it, is of Class.
// The classes come from Layer (PDT, field level) or, where the county has no
// such layer, from Fallback (DEM); never from DLTB's GDPDJB, which
// non-cultivated parcels do not carry. By majority, the whole candidate is hit.
type Slope struct {
	Class    land.SlopeClass
	Scope    SlopeScope
	Fallback string // layer kind of form raster, or ""
}

// Neighbours: hit, as a whole, where every bordering parcel of DLTB is of one of
// Classes of a row: the land would become unstable cultivated land of that kind.
// Farm tracks and ditches no wider than Planning.TrackWidthM are looked through
// only if listed.
type Neighbours struct{ Surrounded []Surrounding }

// Surrounding is one kind of neighbourhood.
type Surrounding struct {
	Becomes string   // TBXHDM: HDGD, HQGD, LQGD, MQGD, SHGD
	Classes []string // DLBM of the neighbours
}

// Target: hit, as a whole, where the check's When holds: the declared target
// class or purpose is what the clause forbids or wants looked at.
type Target struct{}

// Declared: the declaration must fill in Field with a value of the rulebook
// (purpose, actor) or a land class (target_dlbm). What is empty or not listed is
// a finding with outcome missing: clauses that ask for the field would pass it
// over in silence.
type Declared struct{ Field string }

// Surveyed: hit, as a whole, where the survey has, under the candidate and over
// the check's tolerance, no parcel of the class that is declared (base_dlbm), or
// where the declared BSM is that of a parcel elsewhere. What is not declared is
// no hit.
type Surveyed struct{}

// Township: hit, as a whole, where more of the candidate lies in another
// township (the first nine digits of the layer's code) than in the one that
// declares it. Where less than half of it lies in any, the outcome is missing.
type Township struct{}

// BeltWidth: every row of Along with a parcel of DLTB of its classes within
// TouchM metres of the candidate applies. Where the row has a MaxWidthM, the part
// of the candidate further than MaxWidthM + ToleranceM from those parcels,
// measured outward from their boundary, is a hit. Where the row has Documents
// and the declaration names none of them, the finding's outcome is missing.
//
// With a BeltRatio, only what is a belt by its shape counts, whatever purpose is
// declared: the rectangle of its area and perimeter is at least that many times
// as long as wide, or no wider than BeltBreadthM; and half of that length or
// more runs along the row's parcels.
type BeltWidth struct {
	Along              []Belt
	TouchM, ToleranceM float64
	BeltRatio          float64 // 0: whatever the shape
	BeltBreadthM       float64
}

// Belt is the rule along one kind of linear land.
type Belt struct {
	Classes   []string // DLBM
	MaxWidthM float64  // 0: no limit of its own; the documents decide
	Documents []string // any one of these; empty: the width alone decides
}

// Evidence (test document): the declaration must name all of AllOf and, if given, one of AnyOf.
// What is absent is a finding with outcome missing; present evidence is for a
// person to judge.
type Evidence struct{ AllOf, AnyOf []string }

// Derived: hit where one of Clauses has a hit of at least this check's severity.
type Derived struct{ Clauses []string }

// MinPatch: hit where the candidate is smaller than AreaM2 and does not touch
// (within TouchM metres) cultivated land of DLTB with which it reaches AreaM2.
type MinPatch struct{ AreaM2, TouchM float64 }

// Scores give 0 to 1; a clause's score is the sum of its checks', at most 1.

// ScoreShare: Weight × share of the candidate's area on the selected features.
type ScoreShare struct{ Weight float64 }

// ScoreGrade: (grade − Best)/(Worst − Best) of the area-weighted GDDB (等别) of
// the cultivated parcels under the candidate, held to 0..1: poor land scores high.
type ScoreGrade struct{ Best, Worst float64 }

// ClusterPreference says which clusters score high.
type ClusterPreference string

const (
	PreferLarge ClusterPreference = "large"
	PreferSmall ClusterPreference = "small"
)

// ScoreCluster: the area of the cluster of selected parcels that the candidate
// belongs to or borders, gaps up to GapM metres apart, by FullM2:
// min(1, area/FullM2), or 1 minus that where small is preferred.
type ScoreCluster struct {
	GapM, FullM2 float64
	Prefer       ClusterPreference
}

// ScoreNear: Weight where a selected feature lies within WithinM metres.
type ScoreNear struct{ WithinM, Weight float64 }

// ScoreSize: min(1, candidate's area/FullM2).
type ScoreSize struct{ FullM2 float64 }

// BalanceRow: the plan's account of a measure must not be negative, township by
// township after transfers, and for the county.
type BalanceRow struct{ Measure Measure }

// Deadline: a day of the plan's year.
type Deadline struct {
	Month time.Month
	Day   int
}

// Gate: a step that the workflow or the ledger keeps; Documents and Signers are
// what it asks for.
type Gate struct {
	Gate      GateKind
	Documents []string
	Signers   []string
}

// GateKind names a gate.
type GateKind string

const (
	GateInBeforeOut       GateKind = "in_before_out"      // 先进后出
	GateExplicitTransfers GateKind = "explicit_transfers" // 县级调剂须有记录
	GateCarryOver         GateKind = "carry_over"         // 节余结转
	GateRecognition       GateKind = "survey_recognition" // 以年度变更调查为准
	GateOnePlan           GateKind = "one_plan_per_year"  // 一年一方案
	GateConsent           GateKind = "consent"            // 权利人同意
	GateAcceptance        GateKind = "joint_acceptance"   // 初验与联合验收
)

func (Overlap) test() Test      { return TestOverlap }
func (Within) test() Test       { return TestWithin }
func (Slope) test() Test        { return TestSlope }
func (Neighbours) test() Test   { return TestNeighbours }
func (Target) test() Test       { return TestTarget }
func (Declared) test() Test     { return TestDeclared }
func (Surveyed) test() Test     { return TestSurveyed }
func (Township) test() Test     { return TestTownship }
func (BeltWidth) test() Test    { return TestBeltWidth }
func (Evidence) test() Test     { return TestDocument }
func (Derived) test() Test      { return TestDerived }
func (MinPatch) test() Test     { return TestMinPatch }
func (ScoreShare) test() Test   { return TestScoreShare }
func (ScoreGrade) test() Test   { return TestScoreGrade }
func (ScoreCluster) test() Test { return TestScoreCluster }
func (ScoreNear) test() Test    { return TestScoreNear }
func (ScoreSize) test() Test    { return TestScoreSize }
func (BalanceRow) test() Test   { return TestBalance }
func (Deadline) test() Test     { return TestDeadline }
func (Gate) test() Test         { return TestGate }
