package balance

import "math"

// RowPrice is what one unit of a constraint's right-hand side costs at the
// margin (影子价格), and how that price comes about where transfers join the
// constraint to a pool: the county's price and a premium on it, which the cost
// of transfers keeps within −ExportCost and ImportCost.
type RowPrice struct {
	Constraint string  `json:"constraint"`
	Price      float64 `json:"price"`
	// Pool is the constraint that transfers come from or go to; it has no units
	// of its own. Empty where there is none, and then PoolPrice and Premium are 0.
	Pool      string  `json:"pool,omitempty"`
	PoolPrice float64 `json:"pool_price"` // in units of this constraint
	Premium   float64 `json:"premium"`    // Price − PoolPrice
	// ImportCost is what a unit more from the pool costs, ExportCost what a unit
	// to the pool costs; nil where there is no such transfer.
	ImportCost *float64 `json:"import_cost"`
	ExportCost *float64 `json:"export_cost"`
	Imported   float64  `json:"imported"` // by the plan, in units of this constraint
	Exported   float64  `json:"exported"`
}

// Prices gives the price of every constraint, in the problem's order; nil where
// the solution has no multipliers.
func Prices(p *Problem, s *Solution) []RowPrice {
	if s.Multipliers == nil {
		return nil
	}
	hasUnits := make([]bool, len(p.Constraints))
	for _, t := range p.Terms {
		hasUnits[t.Constraint] = true
	}
	out := make([]RowPrice, len(p.Constraints))
	for k := range p.Constraints {
		out[k] = RowPrice{Constraint: p.Constraints[k].ID, Price: s.Multipliers[k]}
	}
	for z, rows := range flowRowsOf(p) {
		if len(rows) != 2 || rows[0].v*rows[1].v >= 0 || p.Flows[z].Upper == 0 {
			continue // not a transfer between two constraints
		}
		own, pool := rows[0], rows[1]
		if !hasUnits[own.at] {
			own, pool = pool, own
		}
		if !hasUnits[own.at] || hasUnits[pool.at] {
			continue
		}
		x := &out[own.at]
		name := p.Constraints[pool.at].ID
		if x.Pool != "" && x.Pool != name {
			continue // the first pool is the one that is named
		}
		x.Pool = name
		x.PoolPrice = s.Multipliers[pool.at] * math.Abs(pool.v/own.v)
		x.Premium = x.Price - x.PoolPrice
		cost, amount := p.Flows[z].Cost/math.Abs(own.v), 0.0
		if s.FlowValues != nil {
			amount = s.FlowValues[z] * math.Abs(own.v)
		}
		if own.v > 0 {
			x.Imported += amount
			x.ImportCost = cheaper(x.ImportCost, cost)
		} else {
			x.Exported += amount
			x.ExportCost = cheaper(x.ExportCost, cost)
		}
	}
	return out
}

func cheaper(known *float64, cost float64) *float64 {
	if known != nil && *known <= cost {
		return known
	}
	return &cost
}
