package balance

import (
	"math"
	"slices"
)

// Status is what is known of a problem in the end (求解状态).
type Status string

// The statuses of a certificate.
const (
	Optimal    Status = "optimal"    // the plan is proved to be a best one
	Feasible   Status = "feasible"   // the plan obeys every constraint; the gap says how near it is
	Infeasible Status = "infeasible" // proved: no plan obeys every constraint
	Unknown    Status = "unknown"    // no plan was found, nor a proof that there is none
)

// Certificate is certificate.json. Objective, Gap and GapNet are nil where there
// is no plan, Bound where there is no finite bound.
type Certificate struct {
	Status        Status         `json:"status"`
	Objective     *float64       `json:"objective"`
	Bound         *float64       `json:"bound"`
	Gap           *float64       `json:"gap"`
	GapNet        *float64       `json:"gap_net"`
	BoundStronger *StrongerBound `json:"bound_stronger,omitempty"`
	Seconds       float64        `json:"seconds"`
	Iterations    int64          `json:"iterations"`
	Version       string         `json:"version"`
	Seed          int64          `json:"seed"`
}

// StrongerBound is a bound that rests on more than the certificate's sum.
type StrongerBound struct {
	Value   float64 `json:"value"`
	RestsOn string  `json:"rests_on"`
}

// Solution is what Solve found. Selected and FlowValues are nil unless Status is
// Optimal or Feasible; Multipliers (per constraint, in cost per unit of the
// constraint) and EdgeFlows (per edge) are nil where there is no finite bound.
type Solution struct {
	Certificate
	Selected      []bool
	FlowValues    []float64
	Multipliers   []float64
	EdgeFlows     []float64
	Infeasibility *Infeasibility
	// OutOfTime says that some part of the search was ended by the time limit, or
	// by its context: with more time there may be more to find. Otherwise the
	// search had come to its end.
	OutOfTime bool
	root      *rootFixing
}

// Infeasibility is infeasibility.json: the plan of least total shortfall, what it
// misses, and the proof that every plan misses something.
type Infeasibility struct {
	// Shortfall is the sum of what the plan misses, over all constraints, each in
	// its own unit; ShortfallBound is proved to be the least possible at most.
	Shortfall      float64 `json:"shortfall"`
	ShortfallBound float64 `json:"shortfall_bound"`
	// Objective is what the plan costs by the problem's own objective.
	Objective *float64 `json:"objective,omitempty"`
	// Conflicts are the contradictions that were plain before solving.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// Proof is "multipliers" when Multipliers alone prove it, "search" when the
	// proof is an exhausted branch and bound.
	Proof string `json:"proof"`
	// Multipliers: with all costs and weights taken as 0, the certificate's sum
	// is ProofValue; a positive value is impossible for a feasible problem.
	Multipliers []RowValue     `json:"multipliers"`
	ProofValue  float64        `json:"proof_value"`
	Missed      []MissedRow    `json:"missed"`
	Plan        []SelectedUnit `json:"plan"`
	Flows       []FlowAmount   `json:"flows"`
}

// RowValue is a number that belongs to a constraint.
type RowValue struct {
	Constraint string  `json:"constraint"`
	Multiplier float64 `json:"multiplier"`
}

// MissedRow is a constraint that a plan misses: Value is its left-hand side,
// Shortfall > 0 how far it is on the wrong side of RHS. Price, where there are
// multipliers, is what the least total shortfall falls by at most for every unit
// that the right-hand side is eased.
type MissedRow struct {
	Constraint string  `json:"constraint"`
	Sense      string  `json:"sense"`
	RHS        float64 `json:"rhs"`
	Value      float64 `json:"value"`
	Shortfall  float64 `json:"shortfall"`
	Price      float64 `json:"price"`
}

// SelectedUnit is one unit's value in a plan.
type SelectedUnit struct {
	Unit     string `json:"unit"`
	Selected int    `json:"selected"`
}

// FlowAmount is one flow's value in a plan.
type FlowAmount struct {
	Flow  string  `json:"flow"`
	Value float64 `json:"value"`
}

// contractBound is the sum of docs/balance.md for multipliers mu and edge flows
// f, rounded down; -Inf when an unlimited flow has a negative reduced cost.
// withCosts false takes every cost, weight and the constant as 0 (f is then nil).
func contractBound(p *Problem, mu, f []float64, withCosts bool) float64 {
	var total wide
	reducedCost := make([]wide, len(p.Units))
	flowCost := make([]wide, len(p.Flows))
	if withCosts {
		total.add(p.Constant)
		for u := range p.Units {
			reducedCost[u] = newSum(p.Units[u].Cost)
		}
		for z := range p.Flows {
			flowCost[z] = newSum(p.Flows[z].Cost)
		}
	}
	for k := range p.Constraints {
		total.addProduct(mu[k], p.Constraints[k].RHS)
	}
	for _, t := range p.Terms {
		if mu[t.Constraint] != 0 {
			reducedCost[t.Unit].addProduct(-mu[t.Constraint], t.Coefficient)
		}
	}
	for _, t := range p.FlowTerms {
		flowCost[t.Flow].addProduct(-mu[t.Constraint], t.Coefficient)
	}
	for e := range f {
		if f[e] == 0 {
			continue
		}
		reducedCost[p.Edges[e].A].add(f[e])
		if b := p.Edges[e].B; b != Outside {
			reducedCost[b].add(-f[e])
		}
	}
	for z := range flowCost {
		if v := flowCost[z].value(); v < 0 {
			if math.IsInf(p.Flows[z].Upper, 1) {
				return math.Inf(-1)
			}
			// Both halves: what flows are worth may all but cancel out.
			total.addProduct(flowCost[z].hi, p.Flows[z].Upper)
			total.addProduct(flowCost[z].lo, p.Flows[z].Upper)
		}
	}
	for u := range reducedCost {
		switch fix := p.Units[u].Fixed; {
		case fix == FixOne, fix == Free && reducedCost[u].value() < 0:
			total.addWide(reducedCost[u])
		}
	}
	if total == (wide{}) && untouched(p, mu, f, withCosts) {
		return 0 // and not a hair below it
	}
	return math.Nextafter(total.value(), math.Inf(-1))
}

// untouched says whether a sum of 0 is so without any rounding: nothing is priced, so
// that only constant and costs count, and of these none that is above 0, so that none
// below 0 is hidden either.
func untouched(p *Problem, mu, f []float64, withCosts bool) bool {
	for _, list := range [][]float64{mu, f} {
		for _, v := range list {
			if v != 0 {
				return false
			}
		}
	}
	if !withCosts {
		return true
	}
	return p.Constant == 0 && !slices.ContainsFunc(p.Units, func(u Unit) bool { return u.Fixed == FixOne && u.Cost != 0 })
}

// gapOf is the contract's gap.
func gapOf(objective, bound float64) float64 {
	return (objective - bound) / max(math.Abs(objective), 1e-9)
}

// rowTolerances gives how far a plan may miss each constraint and still obey it:
// half of what docs/balance.md grants, so that another reader's rounding does not
// matter. That is 1e-9 of the right-hand side, or 1e-6 where that is more, but
// never so much that the constraint would ask nothing: at most 1e-6 of its largest
// number, and 1e-9 of that where no flow, which is only ever known to a rounding
// error, takes part.
func rowTolerances(p *Problem) []float64 {
	size, flows := make([]float64, len(p.Constraints)), make([]bool, len(p.Constraints))
	for k := range size {
		size[k] = math.Abs(p.Constraints[k].RHS)
	}
	for i := range p.Terms {
		t := &p.Terms[i]
		size[t.Constraint] = max(size[t.Constraint], math.Abs(t.Coefficient))
	}
	for _, t := range p.FlowTerms {
		size[t.Constraint] = max(size[t.Constraint], math.Abs(t.Coefficient))
		flows[t.Constraint] = flows[t.Constraint] || t.Coefficient != 0
	}
	for k := range size {
		floor := min(1e-6, 1e-9*size[k])
		if flows[k] {
			floor = min(1e-6, 1e-6*size[k])
		}
		size[k] = 0.5 * max(floor, 1e-9*math.Abs(p.Constraints[k].RHS))
	}
	return size
}

// provesOptimal says whether a bound shows that a plan of this objective is best. A
// bound above it by more than undercut, which the plan's roundings are worth, shows
// that the plan, within the tolerance, misses what every true plan has to pay for.
func provesOptimal(objective, bound, undercut float64) bool {
	tolerance := optimalityTolerance(objective)
	return objective-bound <= tolerance && bound-objective <= tolerance+undercut
}

// undercut is what, at the multipliers, a plan saves by missing constraints by no
// more than decimals lose when they are written as doubles.
func undercut(p *Problem, s []bool, z, mu []float64) float64 {
	size, rows := make([]float64, len(p.Constraints)), make([]wide, len(p.Constraints))
	for i := range p.Terms {
		if t := &p.Terms[i]; s[t.Unit] {
			rows[t.Constraint].add(t.Coefficient)
			size[t.Constraint] += math.Abs(t.Coefficient)
		}
	}
	for _, t := range p.FlowTerms {
		rows[t.Constraint].addProduct(t.Coefficient, z[t.Flow])
		size[t.Constraint] += math.Abs(t.Coefficient * z[t.Flow])
	}
	worth := 0.0
	for k := range rows {
		c := &p.Constraints[k]
		worth += math.Abs(mu[k]) * min(shortfall(c.Sense, rows[k].value(), c.RHS), 1e-15*(size[k]+math.Abs(c.RHS)))
	}
	return worth
}

// shortfall is how far a row's value is on the wrong side.
func shortfall(sense Sense, value, rhs float64) float64 {
	switch sense {
	case AtLeast:
		return max(0, rhs-value)
	case AtMost:
		return max(0, value-rhs)
	default:
		return math.Abs(value - rhs)
	}
}

// planValue recomputes a plan's objective and the values of all rows.
func planValue(p *Problem, s []bool, z []float64) (objective float64, rows []float64) {
	total := newSum(p.Constant)
	for u := range p.Units {
		if s[u] {
			total.add(p.Units[u].Cost)
		}
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		if s[e.A] != (e.B != Outside && s[e.B]) {
			total.add(e.Weight)
		}
	}
	sums := make([]wide, len(p.Constraints))
	for _, t := range p.Terms {
		if s[t.Unit] {
			sums[t.Constraint].add(t.Coefficient)
		}
	}
	for f := range p.Flows {
		total.addProduct(p.Flows[f].Cost, z[f])
	}
	for _, t := range p.FlowTerms {
		sums[t.Constraint].addProduct(t.Coefficient, z[t.Flow])
	}
	rows = make([]float64, len(sums))
	for k := range sums {
		rows[k] = sums[k].value()
	}
	return total.value(), rows
}

// obeys says whether row values satisfy every constraint.
func obeys(p *Problem, rows []float64) bool {
	tolerance := rowTolerances(p)
	for k := range p.Constraints {
		c := &p.Constraints[k]
		if shortfall(c.Sense, rows[k], c.RHS) > tolerance[k] {
			return false
		}
	}
	return true
}
