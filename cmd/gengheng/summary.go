package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
)

// summary is out/summary.json. Areas are strings with two decimals, m².
type summary struct {
	County     countySummary             `json:"county"`
	Survey     surveySummary             `json:"survey"`
	Layers     []layerSummary            `json:"layers"`
	Candidates map[string]int            `json:"candidates"`
	Verdicts   map[string]map[string]int `json:"verdicts"`
	Findings   []clauseSummary           `json:"findings"`
	Plan       map[string]any            `json:"plan"`
	Year       *yearSummary              `json:"year,omitempty"`
	Seconds    seconds                   `json:"seconds"`
}

type countySummary struct {
	Code      string `json:"code"`
	Name      string `json:"name"`
	Synthetic bool   `json:"synthetic"`
}

type surveySummary struct {
	Parcels      int    `json:"parcels"`
	CultivatedM2 string `json:"cultivated_m2"`
	Townships    int    `json:"townships"`
}

type layerSummary struct {
	Kind     string `json:"kind"`
	Version  string `json:"version"`
	Features int    `json:"features"`
}

type clauseSummary struct {
	Clause     string `json:"clause"`
	Candidates int    `json:"candidates"`
	OverlapM2  string `json:"overlap_m2"`
}

// summarize puts together what the stages answered.
func summarize(got *carried) (*summary, error) {
	s := &summary{
		County: countySummary{Code: fixture.County.Code, Name: fixture.County.Name, Synthetic: true},
		Plan:   got.plan.Summary, Year: got.year, Seconds: got.seconds,
	}
	for _, d := range got.datasets {
		if d.Version == nil || d.Features == nil {
			return nil, fmt.Errorf("dataset %s has no version", d.FileName)
		}
		switch d.Kind {
		case "DLTB":
			s.Survey.Parcels = *d.Features
			cultivated, ok := d.Summary["cultivated_m2"].(string)
			if !ok {
				return nil, errors.New("the survey's summary lacks cultivated_m2")
			}
			s.Survey.CultivatedM2 = cultivated
		case "XZQ":
			s.Survey.Townships = *d.Features
		}
		if d.Scope == "" {
			s.Layers = append(s.Layers, layerSummary{Kind: d.Kind, Version: *d.Version, Features: *d.Features})
		}
	}
	sort.Slice(s.Layers, func(i, j int) bool { return s.Layers[i].Kind < s.Layers[j].Kind })
	var screened struct {
		Candidates map[string]int            `json:"candidates"`
		Verdicts   map[string]map[string]int `json:"verdicts"`
		Clauses    []clauseSummary           `json:"clauses"`
	}
	text, err := json.Marshal(got.run.Summary)
	if err == nil {
		err = json.Unmarshal(text, &screened)
	}
	if err != nil {
		return nil, fmt.Errorf("summary of the screening: %w", err)
	}
	s.Candidates, s.Verdicts, s.Findings = screened.Candidates, screened.Verdicts, screened.Clauses
	// the contract lists all five verdicts, also those that nobody got
	for _, direction := range []string{string(client.In), string(client.Out)} {
		if s.Verdicts[direction] == nil {
			return nil, fmt.Errorf("the screening has no verdicts for %q", direction)
		}
		for _, v := range []client.VerdictName{client.Eligible, client.EligibleAfterClip, client.NeedsReview, client.Forbidden, client.Unknown} {
			s.Verdicts[direction][string(v)] += 0
		}
	}
	return s, nil
}
