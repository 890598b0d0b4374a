package planning

import (
	"encoding/json"
	"errors"
	"testing"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

func TestOptionsOverrideTheRulebook(t *testing.T) {
	base := defaults(rulebook.Planning{
		Priorities:  []rulebook.Priority{{Clause: "IN-P1", PerMu: 60}, {Clause: "OUT-P1", PerMu: 120}},
		InCostPerMu: 200, RefusalPerMu: 1000, PerimeterPerM: 1, TransferPerMu: 50, TrackWidthM: 8, MinPatchM2: 400,
		Enforced: []rulebook.Measure{rulebook.MeasureArea, rulebook.MeasurePaddy},
	})
	o, err := base.override(json.RawMessage(`{"lambda": 0, "weights": {"IN-P1": 5}, "enforce": {"paddy": false}, "seed": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.Lambda != 0 || o.InCost != 200 || o.Weights["IN-P1"] != 5 || o.Weights["OUT-P1"] != 120 || o.Seed != 7 || o.TimeLimit != defaultTimeLimit {
		t.Errorf("options %+v", o)
	}
	if o.Enforce != (Enforce{Area: true}) {
		t.Errorf("enforced %+v, want area alone", o.Enforce)
	}
	if base.Weights["IN-P1"] != 60 {
		t.Error("the rulebook's own weights were changed")
	}
}

func TestCost(t *testing.T) {
	o := Options{InCost: 200, RefusalCost: 1000, Weights: map[string]float64{"IN-P1": 60, "IN-P4": 40, "OUT-P1": 120}}
	net := land.Area(200000) // 2000 m² = 3 亩
	for _, c := range []struct {
		direction string
		scores    map[string]float64
		want      float64
	}{
		{"in", map[string]float64{"IN-P1": 1, "IN-P4": 1}, 3 * 200},
		{"in", map[string]float64{"IN-P1": 0.5, "IN-P4": 1}, 3 * 230},
		{"in", nil, 3 * 300},
		{"in", map[string]float64{"IN-P1": 7, "IN-P4": -1}, 3 * 240}, // out of range is held to 0..1
		{"out", map[string]float64{"OUT-P1": 1}, 3 * 1120},
		{"out", map[string]float64{"IN-P1": 1}, 3 * 1000},
	} {
		if got := o.cost(&candidate{direction: c.direction, net: net, scores: c.scores}); got != c.want {
			t.Errorf("%s %v costs %v, want %v", c.direction, c.scores, got, c.want)
		}
	}
}

// Whatever is written as options: they are refused as a refusal, or they are
// options that a problem can be written with.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `{"lambda": 1e308}`, `{"gap": "x"}`, `{"weights": {"IN-P1": 1}}`, `{"weights": null}`, `[]`, `{"seed": 1.5}`,
		`{"chosen": ["in/1"], "not_chosen": ["in/1"]}`, `{"enforce": {"area": 1}}`, `{"time_limit_s": 0}`} {
		f.Add(seed)
	}
	base := Options{TimeLimit: 1, Weights: map[string]float64{"OUT-P1": 1}}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := base.override(json.RawMessage(text))
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) || r.Detail == "" {
				t.Fatalf("%q: %v is no refusal with a reason", text, err)
			}
			return
		}
		c := &candidate{direction: "out", net: 1e12, scores: map[string]float64{"OUT-P1": 1}}
		if cost := o.cost(c); !(cost >= 0 && cost < 1e15) || o.search().TimeLimit <= 0 {
			t.Fatalf("%q gives cost %v and %v", text, cost, o.search())
		}
	})
}
