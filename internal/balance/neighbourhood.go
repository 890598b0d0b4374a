package balance

import (
	"math"
	"slices"
	"sync"
)

// Effort of the neighbourhood search; counted in rounds and nodes, not in time,
// so that the answer does not depend on the clock.
const (
	coreNodes   = 400
	batchSize   = 4 // searches from one and the same plan, on as many threads as there are
	randomTries = 60
)

// neighbourhood is one exact search over a part of the best plan.
type neighbourhood struct {
	rows     []int32 // constraints whose units are preferred
	size     int     // cells
	clusters int     // of these, at most so many groups of units
	shuffle  uint64  // 0, or the seed by which the choice is loosened
}

// neighbourhoods improves the best plan by exact searches over its cheapest
// flips: of each constraint in turn, of all, and of random mixtures.
func (e *engine) neighbourhoods() {
	f := newField(e)
	for _, size := range []int{30, 60, 100} {
		for improved := true; improved && !e.finished(); {
			jobs := []neighbourhood{{nil, size, size / 3, 0}}
			for _, k := range f.active {
				jobs = append(jobs, neighbourhood{[]int32{k}, size, size / 3, 0})
			}
			improved = e.searchAll(f, jobs)
		}
	}
	if len(f.active) == 0 {
		return
	}
	for tries := 0; tries < randomTries && !e.finished(); tries++ {
		var jobs []neighbourhood
		for range batchSize {
			rows := []int32{f.active[e.random.IntN(len(f.active))], f.active[e.random.IntN(len(f.active))]}
			jobs = append(jobs, neighbourhood{rows, 60 + e.random.IntN(60), e.random.IntN(30), e.random.Uint64() | 1})
		}
		if e.searchAll(f, jobs) {
			tries = 0
		}
	}
}

// searchAll runs the searches in batches; true when the plan got better.
func (e *engine) searchAll(f *field, jobs []neighbourhood) bool {
	improved := false
	for len(jobs) > 0 && !e.finished() {
		batch := jobs[:min(batchSize, len(jobs))]
		jobs = jobs[len(batch):]
		improved = e.searchBatch(f, batch) || improved
	}
	return improved
}

// searchBatch searches from one plan in parallel and takes every improvement
// that still is one after those before it, in the order of the batch.
func (e *engine) searchBatch(f *field, batch []neighbourhood) bool {
	from := e.pl.best
	f.look(from)
	found := make([]*plan, len(batch))
	nodes := make([]int, len(batch))
	var wg sync.WaitGroup
	gate := make(chan struct{}, e.opt.Threads)
	for i, job := range batch {
		wg.Add(1)
		go func() {
			defer wg.Done()
			gate <- struct{}{}
			defer func() { <-gate }()
			cells := f.choose(job)
			if len(cells) == 0 || e.stop() {
				return
			}
			// A fresh planner, not a warm one: whichever thread ran before
			// must not show in the answer.
			w := newPlanner(e.r, e.sc)
			w.best = from
			c := newCore(w, from, cells)
			c.search(coreNodes, e.stop)
			nodes[i] = c.nodes
			found[i] = w.best
		}()
	}
	wg.Wait()
	for i := range batch {
		e.nodes += int64(nodes[i])
		if found[i] != nil && found[i] != from {
			e.merge(from, found[i])
		}
	}
	return e.pl.best != from
}

// merge brings the flips that lead from one plan to a better one into the best
// plan.
func (e *engine) merge(from, better *plan) {
	if e.pl.best == from {
		e.pl.offer(better.s)
		return
	}
	s := slices.Clone(e.pl.best.s)
	for u := range s {
		if from.s[u] != better.s[u] {
			s[u] = better.s[u]
		}
	}
	if !e.pl.offer(s) {
		e.pl.offer(better.s)
	}
}

// field is what the searches choose their cells from: the regret of every flip,
// and groups of units that minimum cuts have moved together.
type field struct {
	e        *engine
	active   []int32   // constraints that free units have a term in
	members  [][]int32 // their units
	plan     *plan
	age      int // plans looked at
	regret   []float64
	clusters []cluster
}

type cluster struct {
	units  []int32
	rows   map[int32]bool
	regret float64
}

const (
	maxClusters    = 400
	maxClusterSize = 2000
	clusterAge     = 6
)

func newField(e *engine) *field {
	f := &field{e: e, members: make([][]int32, len(e.r.rhs)), regret: make([]float64, len(e.r.free))}
	for u := range int32(len(e.r.free)) {
		for i := e.r.termStart[u]; i < e.r.termStart[u+1]; i++ {
			k := e.r.termRow[i]
			f.members[k] = append(f.members[k], u)
		}
	}
	for k := range f.members {
		if len(f.members[k]) > 0 {
			f.active = append(f.active, int32(k))
		}
	}
	return f
}

// look computes the regrets for a plan: what each flip costs when the rows are
// paid at their multipliers.
func (f *field) look(p *plan) {
	if f.plan == p {
		return
	}
	f.regrets(p)
	// Groups that are a little out of date are groups to try all the same.
	if f.age%clusterAge == 0 || len(p.s) < regionUnits {
		f.findClusters()
	}
	f.age++
}

func (f *field) regrets(p *plan) {
	f.plan = p
	for u := range f.regret {
		f.regret[u] = f.e.pl.flipCost(p, int32(u)) - f.worth(int32(u))
	}
}

// worth is what flipping u gives to the rows, at the multipliers.
func (f *field) worth(u int32) float64 {
	r, mu := f.e.r, f.e.multipliers
	if mu == nil {
		return 0
	}
	sum := 0.0
	for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
		sum += r.termVal[i] * mu[r.termRow[i]]
	}
	if f.plan.s[u] {
		return -sum
	}
	return sum
}

// findClusters lists the connected groups by which the plan differs from the
// minimum cuts met near the best bound.
func (f *field) findClusters() {
	f.clusters = f.clusters[:0]
	if len(f.e.r.edgeA) == 0 {
		return
	}
	seen := make([]int32, len(f.regret))
	found := map[[3]int64]bool{}
	iterates, levels := f.e.dual.iterates, f.e.dual.levels
	for round := range len(iterates) + 2*len(levels) {
		// Where a cut differs from the plan, or from the next price level's.
		var cut, other []bool
		switch i := round - len(iterates); {
		case i < 0:
			cut, other = iterates[round], f.plan.s
		case i < len(levels):
			cut, other = levels[i], f.plan.s
		case i+1 < 2*len(levels):
			cut, other = levels[i-len(levels)], levels[i-len(levels)+1]
		default:
			continue
		}
		mark := int32(round) + 1
		for u := range int32(len(seen)) {
			if seen[u] == mark || cut[u] == other[u] {
				continue
			}
			units := f.component(u, cut, other, seen, mark)
			if len(units) < 2 || len(units) > maxClusterSize {
				continue
			}
			key := [3]int64{int64(units[0]), int64(len(units)), 0}
			for _, v := range units {
				key[2] += int64(v) * int64(v)
			}
			if !found[key] {
				found[key] = true
				f.clusters = append(f.clusters, f.measure(units))
			}
		}
	}
	slices.SortStableFunc(f.clusters, func(a, b cluster) int {
		switch {
		case a.regret < b.regret:
			return -1
		case a.regret > b.regret:
			return 1
		}
		return 0
	})
	f.clusters = f.clusters[:min(len(f.clusters), maxClusters)]
}

// component gathers the units around u by which two cuts differ and that have
// one and the same value in the plan.
func (f *field) component(u int32, cut, other []bool, seen []int32, mark int32) []int32 {
	r := f.e.r
	units := []int32{u}
	seen[u] = mark
	for i := 0; i < len(units); i++ {
		for a := r.adjStart[units[i]]; a < r.adjStart[units[i]+1]; a++ {
			v := r.adjTo[a]
			if seen[v] != mark && cut[v] != other[v] && f.plan.s[v] == f.plan.s[u] {
				seen[v] = mark
				units = append(units, v)
			}
		}
	}
	slices.Sort(units)
	return units
}

// measure computes what flipping the units together costs at the multipliers.
func (f *field) measure(units []int32) cluster {
	r := f.e.r
	c := cluster{units: units, rows: map[int32]bool{}}
	for _, u := range units {
		c.regret += f.regret[u]
		for a := r.adjStart[u]; a < r.adjStart[u+1]; a++ {
			// A border inside the group was counted as made by both its ends.
			if _, inside := slices.BinarySearch(units, r.adjTo[a]); inside {
				c.regret -= r.edgeWeight[r.adjEdge[a]]
			}
		}
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			c.rows[r.termRow[i]] = true
		}
	}
	return c
}

// choose gives the cells of a search: groups of units first, then single units,
// two thirds of them from the preferred rows, all by least regret.
func (f *field) choose(job neighbourhood) [][]int32 {
	chosen := map[int32]bool{}
	var cells [][]int32
	take := func(units []int32) {
		for _, u := range units {
			if chosen[u] {
				return
			}
		}
		for _, u := range units {
			chosen[u] = true
		}
		cells = append(cells, units)
	}
	loosen := loosener(job.shuffle, 1e-3*f.e.sc.omega)
	for i := range f.clusters {
		if len(cells) >= job.clusters {
			break
		}
		c := &f.clusters[i]
		if len(job.rows) == 0 || slices.ContainsFunc(job.rows, func(k int32) bool { return c.rows[k] }) {
			take(c.units)
		}
	}
	var preferred []int32
	for _, k := range job.rows {
		preferred = append(preferred, f.members[k]...)
	}
	for _, mv := range f.cheapest(preferred, job.size, loosen) {
		if len(cells) < job.size*2/3 {
			take([]int32{mv.u})
		}
	}
	for _, mv := range f.cheapest(nil, 2*job.size, loosen) {
		if len(cells) < job.size {
			take([]int32{mv.u})
		}
	}
	return cells
}

// loosener changes regrets at random, so that another search sees other units;
// without a seed it leaves them.
func loosener(seed uint64, floor float64) func(u int32, regret float64) float64 {
	if seed == 0 {
		return func(_ int32, regret float64) float64 { return regret }
	}
	return func(u int32, regret float64) float64 {
		x := seed + uint64(u)*0x9e3779b97f4a7c15 // splitmix64
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
		return (regret + floor) * (0.2 + float64(x>>11)/(1<<53))
	}
}

// cheapest gives the limit units of least regret, in order; of all units where
// the list is nil.
func (f *field) cheapest(list []int32, limit int, loosen func(int32, float64) float64) []move {
	n := len(list)
	if list == nil {
		n = len(f.regret)
	}
	kept := make([]move, 0, 2*limit)
	worst := math.Inf(1) // of the limit best ones so far
	cut := func() {
		slices.SortFunc(kept, byDelta)
		if len(kept) >= limit {
			kept = kept[:limit]
			worst = kept[limit-1].delta
		}
	}
	for i := range n {
		u := int32(i)
		if list != nil {
			u = list[i]
		}
		mv := move{u, loosen(u, f.regret[u])}
		if mv.delta > worst {
			continue
		}
		if kept = append(kept, mv); len(kept) == 2*limit {
			cut()
		}
	}
	cut()
	return kept
}
