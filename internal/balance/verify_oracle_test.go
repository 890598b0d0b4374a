package balance

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
)

// claims are a solution folder's files as a stranger reads them, for an oracle that
// shares nothing with the verifier: it adds up in rational numbers.
type claims struct {
	p     *Problem
	c     Certificate
	inf   *Infeasibility
	patch *PatchReport
	plan  map[string]float64
	flows map[string]float64
	mu    map[string]float64
	edges []float64
}

func readClaims(p *Problem, dir string) (*claims, error) {
	x := &claims{p: p}
	for name, into := range map[string]any{"certificate.json": &x.c, "infeasibility.json": &x.inf, "patch.json": &x.patch} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && name != "certificate.json" {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, err
		}
	}
	for name, into := range map[string]*map[string]float64{"solution.csv": &x.plan, "flows.csv": &x.flows, "multipliers.csv": &x.mu} {
		rows, err := readCells(dir, name)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if *into == nil {
				*into = map[string]float64{}
			}
			if (*into)[r[0]], err = strconv.ParseFloat(r[1], 64); err != nil {
				return nil, err
			}
		}
	}
	rows, err := readCells(dir, "edge_flows.csv")
	for _, r := range rows {
		v, bad := strconv.ParseFloat(r[2], 64)
		if bad != nil {
			return nil, bad
		}
		x.edges = append(x.edges, v)
	}
	return x, err
}

func readCells(dir, name string) ([][]string, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	return rows[1:], nil
}

func rat(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }

func mul(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }

func double(r *big.Rat) float64 { v, _ := r.Float64(); return v }

// value gives a plan's cost and what it misses of every row.
func (x *claims) value(plan, flows map[string]float64) (cost *big.Rat, misses []*big.Rat) {
	p := x.p
	cost = rat(p.Constant)
	s := func(u int32) bool { return u >= 0 && plan[p.Units[u].ID] == 1 }
	rows := make([]*big.Rat, len(p.Constraints))
	for k := range rows {
		rows[k] = new(big.Rat)
	}
	for u := range p.Units {
		if s(int32(u)) {
			cost.Add(cost, rat(p.Units[u].Cost))
		}
	}
	for _, e := range p.Edges {
		if s(e.A) != s(e.B) {
			cost.Add(cost, rat(e.Weight))
		}
	}
	for _, t := range p.Terms {
		if s(t.Unit) {
			rows[t.Constraint].Add(rows[t.Constraint], rat(t.Coefficient))
		}
	}
	for z := range p.Flows {
		cost.Add(cost, mul(rat(p.Flows[z].Cost), rat(flows[p.Flows[z].ID])))
	}
	for _, t := range p.FlowTerms {
		rows[t.Constraint].Add(rows[t.Constraint], mul(rat(t.Coefficient), rat(flows[p.Flows[t.Flow].ID])))
	}
	for k := range rows {
		miss := new(big.Rat).Sub(rat(p.Constraints[k].RHS), rows[k])
		if p.Constraints[k].Sense == AtMost || p.Constraints[k].Sense == Equal && miss.Sign() < 0 {
			miss.Neg(miss)
		}
		if miss.Sign() < 0 {
			miss.SetInt64(0)
		}
		misses = append(misses, miss)
	}
	return cost, misses
}

// bound is the sum of docs/balance.md; nil where it is −∞.
func (x *claims) bound(mu map[string]float64, edges []float64, costs bool) *big.Rat {
	p, total := x.p, new(big.Rat)
	price := func(n int, cost func(i int) float64) []*big.Rat {
		list := make([]*big.Rat, n)
		for i := range list {
			if list[i] = new(big.Rat); costs {
				list[i] = rat(cost(i))
			}
		}
		return list
	}
	units := price(len(p.Units), func(i int) float64 { return p.Units[i].Cost })
	flows := price(len(p.Flows), func(i int) float64 { return p.Flows[i].Cost })
	if costs {
		total.Add(total, rat(p.Constant))
	}
	for _, c := range p.Constraints {
		total.Add(total, mul(rat(mu[c.ID]), rat(c.RHS)))
	}
	for _, t := range p.Terms {
		units[t.Unit].Sub(units[t.Unit], mul(rat(mu[p.Constraints[t.Constraint].ID]), rat(t.Coefficient)))
	}
	for _, t := range p.FlowTerms {
		flows[t.Flow].Sub(flows[t.Flow], mul(rat(mu[p.Constraints[t.Constraint].ID]), rat(t.Coefficient)))
	}
	for e, f := range edges {
		units[p.Edges[e].A].Add(units[p.Edges[e].A], rat(f))
		if b := p.Edges[e].B; b >= 0 {
			units[b].Sub(units[b], rat(f))
		}
	}
	for z, d := range flows {
		if d.Sign() < 0 {
			if math.IsInf(p.Flows[z].Upper, 1) {
				return nil
			}
			total.Add(total, mul(d, rat(p.Flows[z].Upper)))
		}
	}
	for u, d := range units {
		if fix := p.Units[u].Fixed; fix == FixOne || fix == Free && d.Sign() < 0 {
			total.Add(total, d)
		}
	}
	return total
}

// near says whether a claimed figure is the true one, to a share of it and of size.
func near(claimed float64, truth *big.Rat, share, size float64) bool {
	v := double(truth)
	return math.Abs(claimed-v) <= share*math.Abs(v)+1e-12*size
}

// size is the sum of all that a problem's figures can add up to.
func (x *claims) size() float64 {
	sum := math.Abs(x.p.Constant)
	for _, u := range x.p.Units {
		sum += math.Abs(u.Cost)
	}
	for _, e := range x.p.Edges {
		sum += e.Weight
	}
	for z, f := range x.p.Flows {
		sum += math.Abs(f.Cost * x.flows[x.p.Flows[z].ID])
	}
	return sum
}

// wrong gives what is untrue among a folder's claims about a plan and its bound;
// best is the true optimum.
func (x *claims) wrong(proved Status, best float64) error {
	size := x.size()
	if x.c.Bound != nil {
		for e, f := range x.edges {
			if math.Abs(f) > x.p.Edges[e].Weight {
				return fmt.Errorf("flow %g on edge %d", f, e)
			}
		}
		for _, c := range x.p.Constraints {
			if m := x.mu[c.ID]; c.Sense == AtLeast && m < 0 || c.Sense == AtMost && m > 0 {
				return fmt.Errorf("sign of %s", c.ID)
			}
		}
		if truth := x.bound(x.mu, x.edges, true); truth == nil || !near(*x.c.Bound, truth, 1.001e-9, size) {
			return fmt.Errorf("bound %g, truth %v", *x.c.Bound, truth)
		}
		if *x.c.Bound > best+1e-6*(1+math.Abs(best)) {
			return fmt.Errorf("bound %g above the optimum %g", *x.c.Bound, best)
		}
	}
	if x.c.Objective == nil {
		if proved != Unknown {
			return fmt.Errorf("proved %s without a plan", proved)
		}
		return nil
	}
	for u := range x.p.Units {
		unit := &x.p.Units[u]
		if v, in := x.plan[unit.ID]; !in || v != 0 && v != 1 || unit.Fixed == FixOne && v == 0 || unit.Fixed == FixZero && v == 1 {
			return fmt.Errorf("unit %s is %g", unit.ID, v)
		}
	}
	for z := range x.p.Flows {
		if v, in := x.flows[x.p.Flows[z].ID]; !in || v < 0 || v > x.p.Flows[z].Upper {
			return fmt.Errorf("flow %s is %g", x.p.Flows[z].ID, v)
		}
	}
	cost, misses := x.value(x.plan, x.flows)
	for k, miss := range misses {
		if double(miss) > max(1e-6, 1e-9*math.Abs(x.p.Constraints[k].RHS)) {
			return fmt.Errorf("row %d misses %g", k, double(miss))
		}
	}
	if !near(*x.c.Objective, cost, 2e-15, 1e-3*size) {
		return fmt.Errorf("objective %.17g, truth %.17g", *x.c.Objective, double(cost))
	}
	if x.c.Bound != nil {
		want := (*x.c.Objective - *x.c.Bound) / max(math.Abs(*x.c.Objective), 1e-9)
		if x.c.Gap == nil || x.c.GapNet == nil || math.Abs(*x.c.Gap-want) > 1e-8*math.Abs(want)+1e-12 {
			return fmt.Errorf("gap %v, truth %g", x.c.Gap, want)
		}
	}
	if proved == Optimal && *x.c.Objective > best+3e-9*(1+math.Abs(best)) {
		return fmt.Errorf("%g is called optimal, the optimum is %g", *x.c.Objective, best)
	}
	return nil
}
