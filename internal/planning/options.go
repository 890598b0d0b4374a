package planning

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"gengheng/internal/balance"
	"gengheng/internal/rulebook"
)

// Options is how a plan is made. The rulebook's planning section gives the
// defaults; plan.options overrides what it names. Costs are in the rulebook's
// unit of cost, of which only proportions matter.
type Options struct {
	// Lambda λ is the cost of one metre of boundary between farmland and other
	// land.
	Lambda float64 `json:"lambda"`
	// TransferCost is the cost of one 亩 that another township covers (调剂).
	TransferCost float64 `json:"transfer_cost"`
	// InCost is the cost of bringing in one 亩 (net) that meets every priority.
	InCost float64 `json:"in_cost"`
	// RefusalCost is the cost of refusing one 亩 (net) that asks to leave and
	// meets no priority.
	RefusalCost float64 `json:"refusal_cost"`
	// Weights is, per 亩 and by priority clause (IN-P1 …, OUT-P1 …), how much
	// dearer an incoming parcel is that scores 0 there instead of 1, or how
	// much dearer it is to refuse an outgoing one that scores 1 instead of 0.
	Weights map[string]float64 `json:"weights"`
	// TimeLimit in seconds and Gap (relative) end the search, whichever comes
	// first. Seed makes it repeatable.
	TimeLimit float64 `json:"time_limit_s"`
	Gap       float64 `json:"gap"`
	Seed      int64   `json:"seed"`
	// IncludeReview lets candidates take part that still need a person's
	// review (needs_review).
	IncludeReview bool `json:"include_review"`
	// Enforce says which balances must hold.
	Enforce Enforce `json:"enforce"`
	// Balance is "net_increase" where the rulebook balances the county's year as
	// a whole (年度净增加), else empty. The rulebook alone says so, not a plan.
	Balance string `json:"balance,omitempty"`
	// TrackWidth is how wide, in metres, a farm track or ditch may be that
	// does not separate fields.
	TrackWidth float64 `json:"track_width_m"`
	// MinPatch in m²: a parcel does not come in where even with all other
	// candidates its patch of farmland would be smaller.
	MinPatch float64 `json:"min_patch_m2"`
	// PatchRule asks that every chosen incoming parcel lies in a patch of
	// farmland of MinPatch (连片规则), not only that it could.
	PatchRule bool `json:"patch_rule"`
	// Quotas bound what townships or the county bring in and let go.
	Quotas []Quota `json:"quotas,omitempty"`
	// Rulebook is the version whose planning section gives the defaults and
	// the balances to keep; the screening's own if empty. Verdicts stay those
	// of the screening.
	Rulebook string `json:"rulebook,omitempty"`
	// Chosen and NotChosen are decisions already taken, as "in/NUMBER" or
	// "out/NUMBER": an incoming parcel that comes, an outgoing one that may go.
	Chosen    []string `json:"chosen,omitempty"`
	NotChosen []string `json:"not_chosen,omitempty"`
}

// touch is how far apart, in metres, boundaries may be that touch: coordinates
// are kept to 0.0001 m, and a centimetre is far below what anybody can see.
const touch = 0.01

const netIncrease = "net_increase"

// Search defaults, where neither rulebook nor plan says anything.
const (
	defaultTimeLimit = 60
	defaultGap       = 1e-4
	defaultSeed      = 1
)

// defaults are the rulebook's.
func defaults(p rulebook.Planning) Options {
	o := Options{
		Lambda: p.PerimeterPerM, TransferCost: p.TransferPerMu, InCost: p.InCostPerMu, RefusalCost: p.RefusalPerMu,
		Weights: map[string]float64{}, TimeLimit: defaultTimeLimit, Gap: defaultGap, Seed: defaultSeed,
		Enforce: Enforce{
			Area:    p.Enforces(rulebook.MeasureArea),
			Paddy:   p.Enforces(rulebook.MeasurePaddy),
			Quality: p.Enforces(rulebook.MeasureQuality),
		},
		TrackWidth: p.TrackWidthM, MinPatch: p.MinPatchM2,
	}
	for _, w := range p.Priorities {
		o.Weights[w.Clause] = w.PerMu
	}
	if p.NetIncrease {
		o.Balance = netIncrease
	}
	return o
}

// Enforce says which balances must hold in every township, after transfers.
type Enforce struct {
	Area    bool `json:"area"`    // 数量 BAL-1
	Paddy   bool `json:"paddy"`   // 水田 BAL-2
	Quality bool `json:"quality"` // 进优出劣 BAL-3
}

func (e Enforce) has(m Measure) bool {
	switch m {
	case MeasurePaddy:
		return e.Paddy
	case MeasureQuality:
		return e.Quality
	}
	return e.Area
}

// override reads a plan's own options over the defaults.
func (o Options) override(plan json.RawMessage) (Options, error) {
	weights := map[string]float64{}
	for clause, w := range o.Weights {
		weights[clause] = w
	}
	o.Weights = weights
	balance := o.Balance
	d := json.NewDecoder(bytes.NewReader(plan))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil && err != io.EOF {
		return Options{}, badOptions("%v", err)
	}
	if o.Balance != balance {
		return Options{}, badOptions("balance 由规则包决定。 balance is the rulebook's to say.")
	}
	return o, o.check()
}

func badOptions(format string, args ...any) *Refusal {
	return refuse("plan-options", "方案参数有误 · The plan's options are wrong", format, args...)
}

func (o Options) check() error {
	for _, v := range []struct {
		name  string
		value float64
		max   float64
	}{
		{"lambda", o.Lambda, 1e6}, {"transfer_cost", o.TransferCost, 1e6}, {"in_cost", o.InCost, 1e6},
		{"refusal_cost", o.RefusalCost, 1e6}, {"time_limit_s", o.TimeLimit, 86400}, {"gap", o.Gap, 1},
		{"track_width_m", o.TrackWidth, 50}, {"min_patch_m2", o.MinPatch, 1e7},
	} {
		if math.IsNaN(v.value) || v.value < 0 || v.value > v.max {
			return badOptions("%s=%v 应在 0 到 %v 之间。 %s must be between 0 and %v.", v.name, v.value, v.max, v.name, v.max)
		}
	}
	if o.TimeLimit == 0 {
		return badOptions("time_limit_s 须大于 0。 time_limit_s must be greater than 0.")
	}
	for clause, w := range o.Weights {
		if !strings.HasPrefix(clause, "IN-P") && !strings.HasPrefix(clause, "OUT-P") {
			return badOptions("weights 中的 %q 不是优先条款（IN-P…、OUT-P…）。 weights names %q, which is no priority clause.", clause, clause)
		}
		if math.IsNaN(w) || w < 0 || w > 1e6 {
			return badOptions("weights.%s=%v 应在 0 到 1000000 之间。 weights.%s must be between 0 and 1000000.", clause, w, clause)
		}
	}
	for i, q := range o.Quotas {
		if err := q.check(i); err != nil {
			return err
		}
	}
	locks := o.locks()
	for _, key := range o.Chosen {
		if !locks[key] {
			return badOptions("%s 同时列入 chosen 与 not_chosen。 %s is in both chosen and not_chosen.", key, key)
		}
	}
	return nil
}

// locks is what is decided already: by key, whether the parcel is chosen.
func (o Options) locks() map[string]bool {
	locks := make(map[string]bool, len(o.Chosen)+len(o.NotChosen))
	for _, key := range o.Chosen {
		locks[key] = true
	}
	for _, key := range o.NotChosen {
		locks[key] = false
	}
	return locks
}

// clauses lists the weighted priorities of one direction, in order.
func (o Options) clauses(direction string) []string {
	prefix := "IN-P"
	if direction == "out" {
		prefix = "OUT-P"
	}
	var list []string
	for clause, w := range o.Weights {
		if strings.HasPrefix(clause, prefix) && w > 0 {
			list = append(list, clause)
		}
	}
	slices.Sort(list)
	return list
}

// cost is what selecting the candidate's unit costs: bringing the land in, or
// keeping land in that asks to leave. Rounded to 1e-4, so that the files of
// the problem are readable.
func (o Options) cost(c *candidate) float64 { return o.weighed(c, o.clauses(c.direction)) }

// weighed is cost by the weighted priorities of the candidate's direction.
func (o Options) weighed(c *candidate, clauses []string) float64 {
	perMu := o.InCost
	if c.direction == "out" {
		perMu = o.RefusalCost
	}
	for _, clause := range clauses {
		score := math.Min(math.Max(c.scores[clause], 0), 1)
		if c.direction == "in" {
			score = 1 - score
		}
		perMu += o.Weights[clause] * score
	}
	return math.Round(perMu*c.net.Mu()*1e4) / 1e4
}

// search is what the engine is told. A gap of 0 searches to the end.
func (o Options) search() balance.Options {
	gap := o.Gap
	if gap == 0 {
		gap = -1
	}
	return balance.Options{
		TimeLimit: time.Duration(o.TimeLimit * float64(time.Second)), Gap: gap, Seed: o.Seed,
	}
}

// takesPart says whether the plan may choose the candidate. What is forbidden,
// or cannot be known because a layer is missing, never takes part.
func (o Options) takesPart(c *candidate) bool {
	switch c.verdict {
	case "eligible", "eligible_after_clip":
		return true
	case "needs_review":
		return o.IncludeReview
	}
	return false
}
