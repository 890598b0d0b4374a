package balance

import (
	"cmp"
	"slices"
)

// dominance says which plans of a block another plan of it can replace in any
// whole plan at no more cost: one that costs no more, brings to every constraint
// no less of what it asks for, and has the same units at the borders to other
// blocks. The flows of the whole plan stay as they are.
type dominance struct {
	e     *engine
	list  []block
	edges [][]int32 // per block the borders within it
	at    []int32   // per free unit its place in its block
	cross [][]int32 // per block the places of its units with a border to another one
}

func newDominance(e *engine, list []block) *dominance {
	r := e.r
	d := &dominance{e: e, list: list, edges: make([][]int32, len(list)), at: make([]int32, len(r.free)), cross: make([][]int32, len(list))}
	blockOf := make([]int32, len(r.free))
	for b := range list {
		for i, u := range list[b].units {
			blockOf[u], d.at[u] = int32(b), int32(i)
		}
	}
	for i := range r.edgeA {
		a, b := r.edgeA[i], r.edgeB[i]
		if blockOf[a] == blockOf[b] {
			d.edges[blockOf[a]] = append(d.edges[blockOf[a]], int32(i))
			continue
		}
		for _, u := range [2]int32{a, b} {
			if k := blockOf[u]; !slices.Contains(d.cross[k], d.at[u]) {
				d.cross[k] = append(d.cross[k], d.at[u])
			}
		}
	}
	return d
}

// rated is a plan of a block with what it costs within the block and what it
// brings to the constraints that its units touch.
type rated struct {
	s     []bool
	cost  float64
	bring []float64
}

// keep gives the plans of block b that no other of them can replace; of plans
// that can replace each other the first.
func (d *dominance) keep(b int, plans [][]bool) [][]bool {
	r := d.e.r
	rows := d.touched(b)
	list := make([]rated, len(plans))
	for i, s := range plans {
		list[i] = d.rate(b, s, rows)
	}
	slices.SortStableFunc(list, func(x, y rated) int { return cmp.Compare(x.cost, y.cost) })
	groups := map[string][]rated{}
	var kept [][]bool
	for _, x := range list {
		key := make([]byte, len(d.cross[b]))
		for i, at := range d.cross[b] {
			if x.s[at] {
				key[i] = 1
			}
		}
		replaced := slices.ContainsFunc(groups[string(key)], func(y rated) bool {
			for i, k := range rows {
				sense := r.p.Constraints[k].Sense
				if sense != AtMost && y.bring[i] < x.bring[i] || sense != AtLeast && y.bring[i] > x.bring[i] {
					return false
				}
			}
			return true
		})
		if !replaced {
			groups[string(key)] = append(groups[string(key)], x)
			kept = append(kept, x.s)
		}
	}
	return kept
}

// touched are the constraints that the block's units have terms in, in order.
func (d *dominance) touched(b int) []int32 {
	r := d.e.r
	var rows []int32
	for _, u := range d.list[b].units {
		for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
			if !slices.Contains(rows, r.termRow[t]) {
				rows = append(rows, r.termRow[t])
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func (d *dominance) rate(b int, s []bool, rows []int32) rated {
	r := d.e.r
	var cost wide
	brings := make([]wide, len(rows))
	for i, u := range d.list[b].units {
		if !s[i] {
			continue
		}
		cost.add(r.cost[u])
		for t := r.termStart[u]; t < r.termStart[u+1]; t++ {
			k, _ := slices.BinarySearch(rows, r.termRow[t])
			brings[k].add(r.termVal[t])
		}
	}
	for _, e := range d.edges[b] {
		if s[d.at[r.edgeA[e]]] != s[d.at[r.edgeB[e]]] {
			cost.add(r.edgeWeight[e])
		}
	}
	x := rated{s, cost.value(), make([]float64, len(rows))}
	for i := range brings {
		x.bring[i] = brings[i].value()
	}
	return x
}
