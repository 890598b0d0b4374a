package balance

import "math"

// splitting is one run of blocks: mu are the multipliers, f the flows on borders.
type splitting struct {
	r       *reduced
	mu, f   []float64
	part    []int32 // of each free unit: its block
	owner   []int32 // of each constraint: its block, or one of the values below
	rowAt   []int32 // its place in the block
	at      []int32 // of each free unit: its place in the block
	cost    []wide  // of each free unit, with what is priced and held
	list    []block
	outside wide    // the share of the bound outside the blocks
	size    float64 // the sizes of what was added up
}

const (
	ownerNone    int32 = -1
	ownerSeveral int32 = -2
)

// blocks splits the problem by regions; the constraints that touch more than one
// are priced at mu, the borders between them carry f (in money, A to B). It gives
// the share of the bound outside the blocks, and nil where it does not split.
func (r *reduced) blocks(mu, f []float64) ([]block, float64) {
	part, count := localRegions(r)
	if count < 2 {
		return nil, 0
	}
	s := &splitting{r: r, mu: mu, f: f, part: part, list: make([]block, count), outside: newSum(r.constant), size: math.Abs(r.constant)}
	for b := range s.list {
		s.list[b].p = &Problem{}
	}
	s.own()
	s.giveRows()
	s.giveUnits()
	s.giveEdges()
	if !s.giveFlows() {
		return nil, 0
	}
	return s.list, s.outside.value() - 1e-13*s.size
}

func (s *splitting) count(v float64) { s.size += math.Abs(v) }

// own finds the block of every constraint.
func (s *splitting) own() {
	s.owner = make([]int32, len(s.r.rhs))
	for k := range s.owner {
		s.owner[k] = ownerNone
	}
	for u, b := range s.part {
		for i := s.r.termStart[u]; i < s.r.termStart[u+1]; i++ {
			k := s.r.termRow[i]
			if s.owner[k] == ownerNone || s.owner[k] == b {
				s.owner[k] = b
			} else {
				s.owner[k] = ownerSeveral
			}
		}
	}
}

// giveRows gives the blocks their constraints and prices the others.
func (s *splitting) giveRows() {
	s.rowAt = make([]int32, len(s.owner))
	for k, b := range s.owner {
		if b < 0 {
			s.outside.addProduct(s.mu[k], s.r.rhs[k])
			s.count(s.mu[k] * s.r.rhs[k])
			continue
		}
		q := s.list[b].p
		s.rowAt[k] = int32(len(q.Constraints))
		s.list[b].rows = append(s.list[b].rows, int32(k))
		c := &s.r.p.Constraints[k]
		q.Constraints = append(q.Constraints, Constraint{ID: c.ID, Sense: c.Sense, RHS: s.r.rhs[k]})
	}
}

// giveUnits gives the blocks their units, whose costs giveEdges completes.
func (s *splitting) giveUnits() {
	s.cost, s.at = make([]wide, len(s.part)), make([]int32, len(s.part))
	for u, part := range s.part {
		s.cost[u] = newSum(s.r.cost[u])
		b := &s.list[part]
		s.at[u] = int32(len(b.units))
		b.units = append(b.units, int32(u))
		for i := s.r.termStart[u]; i < s.r.termStart[u+1]; i++ {
			if k := s.r.termRow[i]; s.owner[k] < 0 {
				s.cost[u].addProduct(-s.mu[k], s.r.termVal[i])
				s.count(s.mu[k] * s.r.termVal[i])
			} else {
				b.p.Terms = append(b.p.Terms, Term{s.rowAt[k], s.at[u], s.r.termVal[i]})
			}
		}
	}
}

// giveEdges gives the blocks the borders within them, and their units the flow on
// the borders between them.
func (s *splitting) giveEdges() {
	for e, a := range s.r.edgeA {
		b := s.r.edgeB[e]
		if s.part[a] == s.part[b] {
			q := s.list[s.part[a]].p
			q.Edges = append(q.Edges, Edge{s.at[a], s.at[b], s.r.edgeWeight[e]})
			continue
		}
		s.cost[a].add(s.f[e])
		s.cost[b].add(-s.f[e])
		s.count(s.f[e])
	}
	for u, part := range s.part {
		q, cost := s.list[part].p, s.cost[u].value()
		q.Units = append(q.Units, Unit{ID: s.r.p.Units[s.r.free[u]].ID, Cost: cost})
		s.count(cost)
	}
}

// giveFlows gives the blocks their flows and prices those that are in none; false
// where a flow joins two blocks or what is priced has no bound.
func (s *splitting) giveFlows() bool {
	for z, rows := range s.r.flowRows {
		fl, home := &s.r.p.Flows[z], ownerNone
		priced := newSum(fl.Cost)
		for _, e := range rows {
			switch {
			case s.owner[e.at] < 0:
				priced.addProduct(-s.mu[e.at], e.v)
			case home >= 0 && home != s.owner[e.at]:
				return false
			default:
				home = s.owner[e.at]
			}
		}
		if home >= 0 {
			s.giveFlow(int32(z), home, priced.value())
			continue
		}
		if v := priced.value(); v < 0 {
			if math.IsInf(fl.Upper, 1) {
				return false
			}
			s.outside.addProduct(v, fl.Upper)
			s.count(v * fl.Upper)
		}
	}
	return true
}

func (s *splitting) giveFlow(z, home int32, cost float64) {
	b, fl := &s.list[home], &s.r.p.Flows[z]
	at := int32(len(b.p.Flows))
	b.flows = append(b.flows, z)
	b.p.Flows = append(b.p.Flows, Flow{ID: fl.ID, Cost: cost, Upper: fl.Upper})
	for _, e := range s.r.flowRows[z] {
		if s.owner[e.at] == home {
			b.p.FlowTerms = append(b.p.FlowTerms, FlowTerm{s.rowAt[e.at], at, e.v})
		}
	}
}
