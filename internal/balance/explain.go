package balance

// UnitExplanation is why a unit is, or is not, farmland in a plan: the terms of
// its reduced cost. Their sum below 0 speaks for s = 1, above 0 for s = 0; a unit
// on the other side goes with its neighbours as a block, or closes a constraint
// that whole parcels cannot meet exactly.
type UnitExplanation struct {
	Unit     string
	Selected bool
	Fixed    bool
	// OwnCost is the unit's own cost of s = 1.
	OwnCost float64
	// Rows says what s = 1 is worth to each constraint at its multiplier.
	Rows []RowTerm
	// Contiguity is the border cost of s = 1 less that of s = 0, with the
	// neighbours as they are in the plan: negative inside farmland.
	Contiguity float64
	// ReducedCost is OwnCost + Σ Rows.Cost + Contiguity.
	ReducedCost float64
}

// RowTerm is the share of one constraint in a unit's reduced cost.
type RowTerm struct {
	Constraint  string
	Coefficient float64 // what the unit adds to the constraint
	Multiplier  float64 // price of one unit of the constraint
	Cost        float64 // −Multiplier·Coefficient
}

// Explain gives the terms of every unit's reduced cost, in the problem's order;
// nil where the solution has no plan or no multipliers.
func Explain(p *Problem, s *Solution) []UnitExplanation {
	if s.Selected == nil || s.Multipliers == nil {
		return nil
	}
	out := make([]UnitExplanation, len(p.Units))
	for i := range p.Units {
		u := &p.Units[i]
		out[i] = UnitExplanation{Unit: u.ID, Selected: s.Selected[i], Fixed: u.Fixed != Free, OwnCost: u.Cost, Rows: []RowTerm{}}
	}
	for _, t := range p.Terms {
		price := s.Multipliers[t.Constraint]
		cost := -price * t.Coefficient
		if cost == 0 {
			cost = 0 // no -0
		}
		out[t.Unit].Rows = append(out[t.Unit].Rows, RowTerm{p.Constraints[t.Constraint].ID, t.Coefficient, price, cost})
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		if e.A == e.B {
			continue
		}
		beside := func(neighbourIn bool) float64 {
			if neighbourIn {
				return -e.Weight
			}
			return e.Weight
		}
		if e.B == Outside {
			out[e.A].Contiguity += e.Weight
			continue
		}
		out[e.A].Contiguity += beside(s.Selected[e.B])
		out[e.B].Contiguity += beside(s.Selected[e.A])
	}
	for i := range out {
		sum := out[i].OwnCost + out[i].Contiguity
		for _, r := range out[i].Rows {
			sum += r.Cost
		}
		out[i].ReducedCost = sum
	}
	return out
}
