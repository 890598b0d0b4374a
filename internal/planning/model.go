package planning

import (
	"fmt"
	"math"
	"slices"

	"gengheng/internal/balance"
	"gengheng/internal/land"
)

// model is the balance problem of a county-year, with what its rows mean.
type model struct {
	problem *balance.Problem
	rows    []row   // along problem.Constraints
	terms   [][]int // of every unit, indices into problem.Terms
}

// row says what a constraint is about. town is "" for the county's pools;
// measure is "" for a quota, which is said in words, and for a row that keeps
// two candidates from the same land.
type row struct {
	measure Measure
	town    string
	quota   string
}

// write puts the choice as a balance problem (docs/planning.md has the
// formulas). The units are f.units in order, and one for all other land.
func write(name string, f *fields, s *survey, o Options) (*model, error) {
	m := &model{problem: &balance.Problem{Name: name, Units: make([]balance.Unit, 0, len(f.units)+1), Edges: make([]balance.Edge, 0, len(f.links))}}
	if err := m.addUnits(f, o); err != nil {
		return nil, err
	}
	m.addEdges(f, o)
	for _, measure := range measures {
		if o.Enforce.has(measure) {
			m.addTownships(f, s, o, measure)
		}
	}
	m.addOverlaps(f, s)
	if err := m.addQuotas(f, s, o); err != nil {
		return nil, err
	}
	m.terms = make([][]int, len(f.units))
	for i, t := range m.problem.Terms {
		m.terms[t.Unit] = append(m.terms[t.Unit], i)
	}
	if err := m.problem.Validate(); err != nil {
		return nil, fmt.Errorf("write the balance problem: %w", err)
	}
	return m, nil
}

func (m *model) addUnits(f *fields, o Options) error {
	locks := o.locks()
	clauses := map[string][]string{"in": o.clauses("in"), "out": o.clauses("out")}
	for i := range f.units {
		u := &f.units[i]
		b := balance.Unit{ID: u.id, Fixed: balance.FixOne}
		if u.c != nil {
			b.Fixed, b.Cost = balance.Free, o.weighed(u.c, clauses[u.c.direction])
			chosen, locked := locks[u.id]
			delete(locks, u.id)
			switch {
			case !locked && (u.exempt || u.scattered):
				// The state has already decided the one; the other could at
				// best be a patch too small to farm.
				b.Fixed = balance.FixZero
			case locked && chosen == u.in():
				b.Fixed = balance.FixOne
			case locked:
				b.Fixed = balance.FixZero
			}
		}
		m.problem.Units = append(m.problem.Units, b)
	}
	var unknown []string
	for key := range locks {
		unknown = append(unknown, key)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return badOptions("chosen 或 not_chosen 中的 %q 不是参与平衡的申报地块。 %q takes no part in this plan.", unknown[0], unknown[0])
	}
	return nil
}

// idle is the objective of doing nothing: every request refused but what is
// decided already, nothing brought in.
func (m *model) idle(f *fields, o Options) float64 {
	farmland, cost := f.before(), 0.0
	for u := range f.units {
		switch m.problem.Units[u].Fixed {
		case balance.FixZero:
			farmland[u] = false
		case balance.FixOne:
			farmland[u] = true
		}
		if farmland[u] {
			cost += m.problem.Units[u].Cost
		}
	}
	return cost + o.Lambda*float64(f.perimeter(farmland))/100
}

// addEdges adds the links in their order. Fixed land borders on a fixed unit
// that stands for all other land, instead of on the contract's unnamed outside:
// gap_net leaves out edges between fixed units, and these are constants too.
func (m *model) addEdges(f *fields, o Options) {
	p := m.problem
	other := int32(len(p.Units))
	p.Units = append(p.Units, balance.Unit{ID: "other-land", Fixed: balance.FixZero})
	for _, l := range f.links {
		b := int32(l.b)
		switch {
		case l.b >= 0:
		case p.Units[l.a].Fixed != balance.Free:
			b = other
		default:
			b = balance.Outside
		}
		p.Edges = append(p.Edges, balance.Edge{A: int32(l.a), B: b, Weight: o.Lambda * float64(l.cm) / 100})
	}
}

// addRow adds one township's Σ_in g·s − Σ_out g·(1 − s) ≥ 0, written as
// Σ g·s ≥ Σ_out g, and returns its index.
func (m *model) addRow(f *fields, r row, margin float64) int32 {
	p := m.problem
	k := int32(len(p.Constraints))
	var rhs land.Area
	for _, i := range f.open {
		u := &f.units[i]
		if u.c.township != r.town {
			continue
		}
		g := u.of(r.measure)
		if g == 0 {
			continue
		}
		p.Terms = append(p.Terms, balance.Term{Constraint: k, Unit: int32(i), Coefficient: g.Float64()})
		if u.out() {
			rhs += g
		}
	}
	p.Constraints = append(p.Constraints, balance.Constraint{ID: string(r.measure) + "/" + r.town, Sense: balance.AtLeast, RHS: math.Round((rhs.Float64()-margin)*1e7) / 1e7})
	m.rows = append(m.rows, r)
	return k
}

// roundingMargin in m² is taken off every row of a measure. Amounts are whole
// hundredths, so that all rows' margins together, less than half a hundredth,
// let no plan in that is not balanced; but with them no plan hangs on how the
// decimals of a sum round as binary fractions, and no price grows without end
// on a row that can be met in one way only.
func roundingMargin(rows int) float64 { return math.Floor(0.004/float64(rows)*1e7) / 1e7 }

// addTownships adds the row of every township that has candidates, what it
// may take from the county's pool (at a cost) or give to it, and the pool's
// own row: no more may be taken than is given.
func (m *model) addTownships(f *fields, s *survey, o Options, measure Measure) {
	p := m.problem
	transferCost := o.TransferCost * land.SquareMetre.Mu()
	if o.Balance == netIncrease {
		transferCost = 0 // the county's total alone counts: one township makes up for another freely
	}
	margin := roundingMargin(len(s.townships) + 1)
	type pooled struct {
		flow int32
		sign float64
	}
	var pool []pooled
	flow := func(k int32, id string, cost, sign float64, upper land.Area) {
		if upper <= 0 {
			return
		}
		z := int32(len(p.Flows))
		p.Flows = append(p.Flows, balance.Flow{ID: id, Cost: cost, Upper: upper.Float64()})
		p.FlowTerms = append(p.FlowTerms, balance.FlowTerm{Constraint: k, Flow: z, Coefficient: sign})
		pool = append(pool, pooled{z, -sign})
	}
	for _, t := range s.townships {
		in, out := f.total("in", measure, t.code), f.total("out", measure, t.code)
		if in == 0 && out == 0 {
			continue
		}
		k := m.addRow(f, row{measure: measure, town: t.code}, margin)
		id := string(measure) + "/" + t.code
		flow(k, id+"/taken", transferCost, 1, out)
		flow(k, id+"/given", 0, -1, in)
	}
	if len(pool) == 0 {
		return
	}
	k := int32(len(p.Constraints))
	p.Constraints = append(p.Constraints, balance.Constraint{ID: "pool/" + string(measure), Sense: balance.AtLeast, RHS: -margin})
	m.rows = append(m.rows, row{measure: measure})
	for _, z := range pool {
		p.FlowTerms = append(p.FlowTerms, balance.FlowTerm{Constraint: k, Flow: z.flow, Coefficient: z.sign})
	}
}

// addOverlaps keeps two candidates from the same land: of two that would come
// in at most one is chosen, of two that would leave at most one goes.
func (m *model) addOverlaps(f *fields, s *survey) {
	p := m.problem
	index := map[string]int{}
	for _, i := range f.open {
		index[f.units[i].id] = i
	}
	for _, o := range s.overlaps {
		a, b := index[o.a], index[o.b]
		if f.units[a].exempt && f.units[b].exempt {
			continue
		}
		k := int32(len(p.Constraints))
		sense := balance.AtMost
		if f.units[a].out() {
			sense = balance.AtLeast
		}
		p.Constraints = append(p.Constraints, balance.Constraint{ID: "overlap/" + o.a + "/" + o.b, Sense: sense, RHS: 1})
		p.Terms = append(p.Terms,
			balance.Term{Constraint: k, Unit: int32(a), Coefficient: 1},
			balance.Term{Constraint: k, Unit: int32(b), Coefficient: 1})
		m.rows = append(m.rows, row{})
	}
}
