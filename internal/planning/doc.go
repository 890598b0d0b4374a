// Package planning (平衡方案) turns a screening run into a plan of the year: which
// declared parcels become cultivated land (转进), which may leave it (转出), and
// what the townships cover for each other (调剂).
//
// It writes the choice as a balance problem (a cut with linear side
// constraints), has package balance solve it with a certificate, checks the
// answer again in whole hundredths of a square metre, and stores the plan with
// a reason for every parcel. docs/planning.md describes the model.
//
// Amounts are net cultivated area (TBDLMJ), land.Area; lengths are metres in
// the county plane.
package planning

import (
	"encoding/json"
	"fmt"
)

// Progress reports how far a long call has come.
type Progress func(stage string, done, total int64)

func (p Progress) report(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// Refusal is a final answer: no plan can be made of what was given, and trying
// again changes nothing. The plan row then has status failed and this problem.
type Refusal struct {
	// Kind is the last part of the problem type, urn:gengheng:problem:KIND.
	Kind string
	// Title and Detail say what is wrong and what to do, Chinese first.
	Title, Detail string
}

func (r *Refusal) Error() string { return r.Title + ": " + r.Detail }

// MarshalJSON gives the RFC 9457 object.
func (r *Refusal) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"urn:gengheng:problem:" + r.Kind, r.Title, 422, r.Detail})
}

func refuse(kind, title, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Title: title, Detail: fmt.Sprintf(format, args...)}
}
