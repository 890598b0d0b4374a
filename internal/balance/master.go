package balance

import (
	"math"
)

// master is the cutting-plane model over the scaled multipliers.
type master struct {
	d         *dual
	lp        *simplex
	theta     int // first column of the groups' functions
	fixedRows int
	idle      []int         // per row: iterations that its slack has been basic
	source    []*evaluation // per row: the cut that it came from, or nil
	key       []uint64      // per row: its plane
	known     map[uint64]bool
	steps     int
	earlier   float64 // best bound stallSteps ago
	repeats   int     // visits in a row that said nothing new
}

// evaluation is one minimum cut, kept as long as the model rests on it.
type evaluation struct {
	s []uint64 // bit u: free unit u is farmland
}

func pack(s []bool) *evaluation {
	e := &evaluation{make([]uint64, (len(s)+63)/64)}
	for u, in := range s {
		if in {
			e.s[u/64] |= 1 << (u % 64)
		}
	}
	return e
}

func (e *evaluation) in(u int) bool { return e.s[u/64]>>(u%64)&1 == 1 }

func (e *evaluation) unpack(n int) []bool {
	s := make([]bool, n)
	for u := range s {
		s[u] = e.in(u)
	}
	return s
}

func newMaster(d *dual) *master {
	m := len(d.r.rhs)
	p := d.r.p
	var limited []int
	for z := range p.Flows {
		if !math.IsInf(p.Flows[z].Upper, 1) && p.Flows[z].Upper > 0 {
			limited = append(limited, z)
		}
	}
	n := m + d.groups + len(limited)
	cost, lo, up := make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range m {
		cost[k] = -d.r.rhs[k] / d.sc.sigma[k]
	}
	for g := range d.groups {
		cost[m+g], lo[m+g] = -1, math.Inf(-1)
	}
	for i, z := range limited {
		cost[m+d.groups+i] = -p.Flows[z].Upper / d.sc.zeta[z]
		lo[m+d.groups+i] = math.Inf(-1)
	}
	ms := &master{d: d, lp: newSimplex(cost, lo, up), theta: m, earlier: math.Inf(-1)}
	shareOf := make(map[int]int32, len(limited))
	for i, z := range limited {
		shareOf[z] = int32(m + d.groups + i)
	}
	for z := range p.Flows {
		if p.Flows[z].Upper == 0 {
			continue
		}
		var row []lpEntry
		for _, e := range d.r.flowRows[z] {
			row = append(row, lpEntry{e.at, e.v * d.sc.zeta[z] / d.sc.sigma[e.at]})
		}
		if j, ok := shareOf[z]; ok {
			row = append(row, lpEntry{j, 1})
		}
		ms.lp.addRow(row, AtMost, p.Flows[z].Cost*d.sc.zeta[z]/d.sc.omega)
	}
	ms.fixedRows = ms.lp.m
	ms.idle = make([]int, ms.fixedRows)
	ms.source = make([]*evaluation, ms.fixedRows)
	ms.key = make([]uint64, ms.fixedRows)
	ms.known = map[uint64]bool{}
	return ms
}

// add adds the planes of a cut that the model does not have yet; false when it
// has them all.
func (ms *master) add(ps []plane, s []bool) (isNew bool) {
	from := pack(s)
	for g := range ps {
		key := planeKey(g, &ps[g])
		if ms.known[key] {
			continue
		}
		if ms.addPlane(g, &ps[g]) {
			ms.known[key] = true
			ms.idle, ms.source, ms.key = append(ms.idle, 0), append(ms.source, from), append(ms.key, key)
			isNew = true
		}
	}
	return isNew
}

// planeKey tells planes apart by their bits (FNV-1a).
func planeKey(g int, p *plane) uint64 {
	h := uint64(14695981039346656037)
	mix := func(v uint64) {
		for range 8 {
			h = (h ^ v&0xff) * 1099511628211
			v >>= 8
		}
	}
	mix(uint64(g))
	mix(math.Float64bits(p.fixed))
	for _, a := range p.a {
		mix(math.Float64bits(a))
	}
	return h
}

// mix reads the optimum of the relaxation off the model's prices: a mixture of
// cuts, group by group. What no cut has a share in is 0.
func (ms *master) mix() {
	d := ms.d
	n := len(d.r.free)
	y := ms.lp.prices(ms.lp.cost)
	share := map[*evaluation][]float64{}
	var order []*evaluation
	for i := ms.fixedRows; i < ms.lp.m; i++ {
		weight := -ms.lp.price(y, i)
		if weight < 1e-9 {
			continue
		}
		e := ms.source[i]
		if share[e] == nil {
			share[e] = make([]float64, d.groups)
			order = append(order, e)
		}
		for _, entry := range ms.lp.rows[i] {
			if g := int(entry.at) - ms.theta; g >= 0 && g < d.groups {
				share[e][g] += weight
			}
		}
	}
	d.mixture = make([]float64, n)
	d.iterates = nil
	for _, e := range order {
		for u := range n {
			if e.in(u) {
				d.mixture[u] += share[e][d.group[u]]
			}
		}
		if len(d.iterates) < maxIterates {
			d.iterates = append(d.iterates, e.unpack(n))
		}
	}
}

func (ms *master) addPlane(g int, p *plane) bool {
	d := ms.d
	row := []lpEntry{{int32(ms.theta + g), 1}}
	for k, a := range p.a {
		if a != 0 {
			row = append(row, lpEntry{int32(k), a / d.sc.sigma[k]})
		}
	}
	if len(row) == 1 && p.fixed >= 0 {
		return false // the box of the function says so already
	}
	ms.lp.addRow(row, AtMost, p.fixed/d.sc.omega)
	return true
}

// forget drops planes that have not mattered for a while.
func (ms *master) forget(age int) {
	drop := 0
	for i := ms.fixedRows; i < ms.lp.m; i++ {
		if ms.lp.place[ms.lp.n+i] >= 0 {
			ms.idle[i]++
		} else {
			ms.idle[i] = 0
		}
		if ms.idle[i] > age {
			drop++
		}
	}
	if drop < 20 || drop*4 < ms.lp.m {
		return
	}
	var idle []int
	var source []*evaluation
	var keys []uint64
	ms.lp.keepRows(func(i int) bool {
		if i >= ms.fixedRows && ms.idle[i] > age {
			delete(ms.known, ms.key[i])
			return false
		}
		idle, source, keys = append(idle, ms.idle[i]), append(source, ms.source[i]), append(keys, ms.key[i])
		return true
	})
	ms.idle, ms.source, ms.key = idle, source, keys
}

// maxPrice bounds the scaled multipliers: beyond it the bound is a difference of
// such large sums that another reader's rounding would show in it.
const maxPrice = 1e7

// region sets the trust region around center (scaled multipliers).
func (ms *master) region(center []float64, radius float64) {
	for k := range center {
		lo, up := max(center[k]-radius, -maxPrice), min(center[k]+radius, maxPrice)
		switch ms.d.r.p.Constraints[k].Sense {
		case AtLeast:
			lo = max(lo, 0)
			up = max(up, 0)
		case AtMost:
			up = min(up, 0)
			lo = min(lo, 0)
		}
		ms.lp.setBounds(k, lo, up)
	}
}

func (ms *master) onBoundary(center []float64, radius float64, at []float64) bool {
	for k := range center {
		if math.Abs(at[k]) < maxPrice && math.Abs(at[k]-center[k]) > radius*(1-1e-9) {
			return true
		}
	}
	return false
}
