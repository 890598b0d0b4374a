package balance

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Replacement is what it costs to decide one unit the other way (替代成本): every
// plan that does so costs AtLeast more than the plan at hand, and plan B, which
// does so too, costs AtMost more. Both may be below 0 where the plan at hand is
// not the best one.
type Replacement struct {
	Unit     string `json:"unit"`
	Selected bool   `json:"selected"` // in the plan at hand
	// Impossible: no plan decides the unit the other way.
	Impossible bool     `json:"impossible,omitempty"`
	Bound      *float64 `json:"bound"`     // below every plan that decides it so
	Objective  *float64 `json:"objective"` // of plan B; nil where none was found
	AtLeast    *float64 `json:"at_least"`  // Bound − objective at hand
	AtMost     *float64 `json:"at_most"`   // Objective − objective at hand
	// Changes are the units that plan B decides otherwise, the unit itself first.
	Changes []string `json:"changes"`
	// OutOfTime: with more time there may be a plan B, or a better one.
	OutOfTime bool `json:"out_of_time,omitempty"`
}

func (x *Replacement) compare(objective float64) {
	difference := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		d := *v - objective
		return &d
	}
	x.AtLeast, x.AtMost = difference(x.Bound), difference(x.Objective)
}

// Replacement forces a unit of the session's last plan the other way and solves
// again, within limit. The session stays as it is. nil without a plan.
func (s *Session) Replacement(ctx context.Context, id string, limit time.Duration) (*Replacement, error) {
	if _, err := s.unit(id); err != nil {
		return nil, err
	}
	if s.last.Selected == nil {
		return nil, nil
	}
	u := s.units[id]
	now := s.last.Selected[u]
	forced := *s.p
	forced.Units = slices.Clone(s.p.Units)
	forced.Units[u].Fixed = FixOne
	if now {
		forced.Units[u].Fixed = FixZero
	}
	opt := s.opt
	opt.Conflicts, opt.Progress = nil, nil
	if limit > 0 {
		opt.TimeLimit = limit
	}
	solved := solveWarm(ctx, &forced, opt, s.prices, s.last.Selected)
	x := &Replacement{Unit: id, Selected: now, Bound: solved.Bound, Objective: solved.Objective, Impossible: solved.Status == Infeasible, OutOfTime: solved.OutOfTime}
	if strong := solved.BoundStronger; strong != nil && (x.Bound == nil || strong.Value > *x.Bound) {
		x.Bound = &strong.Value
	}
	x.list(&forced, u, s.last.Selected, solved.Selected)
	x.compare(*s.last.Objective)
	return x, nil
}

func (x *Replacement) list(p *Problem, u int32, before, after []bool) {
	if after == nil {
		return
	}
	x.Changes = []string{p.Units[u].ID}
	for v := range after {
		if before[v] != after[v] && int32(v) != u {
			x.Changes = append(x.Changes, p.Units[v].ID)
		}
	}
}

// Effort of Replacements per unit.
const (
	probePaths  = 400
	probeVisits = 20000
	probeTails  = 6
	probeRow    = 120
)

// Replacements gives the replacement cost of every free unit, in the problem's
// order. Bounds come from the solution's prices, with the minimum cut mended for
// the forced unit; plan B is the plan at hand with the block that the cut moves,
// and a unit more where a constraint asks for it. Session.Replacement looks
// harder at one unit. nil without a plan or prices; what ctx cuts off has the
// plain bound and no plan B.
func Replacements(ctx context.Context, p *Problem, s *Solution, threads int) ([]Replacement, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if s.Selected == nil || s.Multipliers == nil {
		return nil, nil
	}
	opt := Options{Threads: threads}.withDefaults()
	e := newEngine(ctx, p, opt, time.Now())
	e.certify(s.Multipliers)
	plan := make([]bool, len(e.r.free))
	for i, u := range e.r.free {
		plan[i] = s.Selected[u]
	}
	base := e.pl.start(plan)
	if math.IsInf(e.bound, -1) || !e.pl.route(base) {
		return nil, nil
	}
	if !e.dual.cut(e.multipliers, func() bool { return false }) {
		return nil, nil
	}
	f := newField(e)
	f.regrets(base)
	for k := range f.members {
		list := make([]move, len(f.members[k]))
		for i, u := range f.members[k] {
			list[i] = move{u, f.regret[u]}
		}
		slices.SortFunc(list, byDelta)
		f.members[k] = f.members[k][:0]
		for _, mv := range list[:min(len(list), probeRow)] {
			f.members[k] = append(f.members[k], mv.u)
		}
	}
	out := make([]Replacement, len(e.r.free))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range opt.Threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := newProbe(e, f, base)
			for {
				const lot = 16
				from := int(next.Add(lot)) - lot
				if from >= len(out) {
					return
				}
				for u := from; u < min(from+lot, len(out)); u++ {
					out[u] = w.unit(int32(u))
					out[u].compare(*s.Objective)
				}
			}
		}()
	}
	wg.Wait()
	return out, nil
}

// probe forces one unit after the other, each time from the same minimum cut and
// the same plan.
type probe struct {
	e        *engine
	f        *field
	pl       *planner
	base     *plan
	res      []int64 // residual capacities, as the cut left them
	terminal []int64
	undo     []pushed
	touched  []int32 // nodes whose terminal was drawn on
	seen     []int32
	mark     int32
	queue    []int32
	via      []int32
}

type pushed struct {
	arc    int32
	amount int64
}

func newProbe(e *engine, f *field, base *plan) *probe {
	n := len(e.r.free)
	return &probe{e: e, f: f, pl: newPlanner(e.r, e.sc), base: base,
		res: slices.Clone(e.dual.net.res), terminal: slices.Clone(e.dual.net.terminal),
		seen: make([]int32, n), via: make([]int32, n)}
}

func (w *probe) unit(u int32) Replacement {
	id := w.e.p.Units[w.e.r.free[u]].ID
	x := Replacement{Unit: id, Selected: w.base.s[u]}
	bound := w.e.bound
	if w.e.stop() {
		x.Bound = &bound
		return x
	}
	gain, block := w.force(u, !w.base.s[u])
	bound += gain
	x.Bound = &bound
	if s, objective := w.planB(u, block); s != nil {
		x.Objective = &objective
		for _, v := range s {
			x.Changes = append(x.Changes, w.e.p.Units[w.e.r.free[v]].ID)
		}
	}
	return x
}

// force sends flow until the cut is minimal for the unit on the given side, or
// the effort is spent: less flow is a weaker bound, not a wrong one. It gives
// what the bound rises by and the units that then lie on the unit's side.
func (w *probe) force(u int32, in bool) (gain float64, block []int32) {
	g := w.e.dual.net
	w.undo, w.touched = w.undo[:0], w.touched[:0]
	visits := 0
	for range probePaths {
		end := w.path(u, in, &visits)
		if end < 0 {
			break
		}
		w.push(u, end, in)
	}
	block = slices.Clone(w.queue) // what the last, vain search reached
	// The bound's sum changes at the unit itself and where terminals were drawn
	// on; reduced costs are those of the certificate's own doubles.
	unit := w.e.dual.unit
	before := func(v int32) float64 {
		return w.e.dual.priced[v] - float64(g.target[v]-g.terminal[v])/unit
	}
	own := before(u)
	var sum wide
	sum.add(-min(0, own))
	flow := 0.0
	for _, v := range w.touched {
		if v == u {
			continue
		}
		drawn := float64(g.terminal[v]-w.terminal[v]) / unit // > 0 where cost of s = 1 was used up
		rc := before(v)
		sum.add(min(0, rc-drawn) - min(0, rc))
		flow += drawn
		w.terminal[v] = g.terminal[v]
	}
	if in {
		sum.add(own + flow)
	}
	for _, m := range w.undo {
		w.res[m.arc] = g.res[m.arc]
		w.res[g.rev[m.arc]] = g.res[g.rev[m.arc]]
	}
	gain = sum.value()
	slack := 1e-12 * (math.Abs(w.e.bound) + math.Abs(own) + math.Abs(flow))
	return max(0, gain-slack), block
}

// path looks for the nearest node from which (or to which) flow can still be
// sent for the unit's side; -1 when there is none.
func (w *probe) path(u int32, in bool, visits *int) int32 {
	g := w.e.dual.net
	w.mark++
	w.seen[u] = w.mark
	w.queue = append(w.queue[:0], u)
	for i := 0; i < len(w.queue); i++ {
		v := w.queue[i]
		if v != u && (in && w.terminal[v] > 0 || !in && w.terminal[v] < 0) {
			return v
		}
		if *visits++; *visits > probeVisits {
			return -1
		}
		for a := g.start[v]; a < g.start[v+1]; a++ {
			to := g.head[a]
			if w.seen[to] == w.mark || in && w.res[g.rev[a]] == 0 || !in && w.res[a] == 0 {
				continue
			}
			w.seen[to] = w.mark
			w.via[to] = a
			w.queue = append(w.queue, to)
		}
	}
	return -1
}

// push sends as much as the path found carries.
func (w *probe) push(u, end int32, in bool) {
	g := w.e.dual.net
	amount := w.terminal[end]
	if amount < 0 {
		amount = -amount
	}
	arc := func(v int32) int32 { // the arc that flow takes at v on its way
		if in {
			return g.rev[w.via[v]]
		}
		return w.via[v]
	}
	from := func(v int32) int32 { return g.head[g.rev[w.via[v]]] }
	for v := end; v != u; v = from(v) {
		amount = min(amount, w.res[arc(v)])
	}
	for v := end; v != u; v = from(v) {
		a := arc(v)
		w.res[a] -= amount
		w.res[g.rev[a]] += amount
		w.undo = append(w.undo, pushed{a, amount})
	}
	if !slices.Contains(w.touched, end) {
		w.touched = append(w.touched, end)
	}
	if in {
		w.terminal[end] -= amount
	} else {
		w.terminal[end] += amount
	}
}

// planB changes the plan at hand by the unit, by the block, and by one unit more
// where that helps; it gives the changed units of the cheapest plan found.
func (w *probe) planB(u int32, block []int32) ([]int32, float64) {
	var best []int32
	least := math.Inf(1)
	try := func(units []int32) bool {
		p := w.base.clone()
		for _, v := range units {
			w.pl.flip(p, v)
		}
		if !w.pl.route(p) {
			return false
		}
		if p.objective < least {
			best, least = slices.Clone(units), p.objective
		}
		return true
	}
	heads := [][]int32{{u}}
	if len(block) > 1 && len(block) <= maxClusterSize {
		moved := []int32{u}
		for _, v := range block {
			if v != u && w.base.s[v] == w.base.s[u] {
				moved = append(moved, v)
			}
		}
		if len(moved) > 1 {
			heads = append(heads, moved)
		}
	}
	for _, head := range heads {
		try(head)
		for _, tail := range w.tails(head) {
			try(append(head[:len(head):len(head)], tail))
		}
	}
	if best == nil {
		p := w.base.clone()
		w.pl.flip(p, u)
		if s := w.repaired(p, u); s != nil && try(s) {
			return best, least + w.e.r.constant
		}
		return nil, 0
	}
	return best, least + w.e.r.constant
}

// repaired mends the rows flip by flip; nil when that does not work, or flips
// the unit back.
func (w *probe) repaired(p *plan, u int32) []int32 {
	want := p.s[u]
	if !w.pl.repair(p, w.e.multipliers, w.e.stop) || p.s[u] != want {
		return nil
	}
	units := []int32{u}
	for v := range p.s {
		if p.s[v] != w.base.s[v] && int32(v) != u {
			units = append(units, int32(v))
		}
	}
	return units
}

// tails lists units of the same constraints whose flips go best with the head's:
// cheap, and giving back what the head takes.
func (w *probe) tails(head []int32) []int32 {
	r, mu := w.e.r, w.e.multipliers
	taken := map[int32]float64{} // per row: what the head takes, in money
	var rows []int32
	for _, u := range head {
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			k := r.termRow[i]
			if _, known := taken[k]; !known {
				rows = append(rows, k)
			}
			taken[k] -= w.pl.gain(w.base, u, i) * mu[k]
		}
	}
	var list []move
	tried := map[int32]bool{}
	for _, u := range head {
		tried[u] = true
	}
	for _, k := range rows {
		for _, v := range w.f.members[k] {
			if tried[v] {
				continue
			}
			tried[v] = true
			score := w.pl.flipCost(w.base, v)
			given := map[int32]float64{}
			for i := r.termStart[v]; i < r.termStart[v+1]; i++ {
				given[r.termRow[i]] = w.pl.gain(w.base, v, i) * mu[r.termRow[i]]
			}
			for _, row := range rows {
				score += 1.2 * max(0, taken[row]-given[row])
			}
			list = append(list, move{v, score})
		}
	}
	slices.SortFunc(list, byDelta)
	out := make([]int32, 0, probeTails)
	for _, mv := range list[:min(len(list), probeTails)] {
		out = append(out, mv.u)
	}
	return out
}
