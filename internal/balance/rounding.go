package balance

import (
	"cmp"
	"math"
	"slices"
)

// fraction is a connected group of units with one fractional value in a mixture.
type fraction struct {
	units []int32
	x     float64
	side  int8      // what balanced made of it
	rows  []lpEntry // what the group gives to the rows, in money at the multipliers
	size  float64   // length of that vector
}

// fractions lists the groups of a mixture, in the order of their first unit.
func (f *field) fractions(mixture []float64) []fraction {
	var list []fraction
	seen := make([]bool, len(mixture))
	for u := range int32(len(mixture)) {
		if x := mixture[u]; !seen[u] && x >= integral && x <= 1-integral {
			units := f.sameValue(u, mixture, seen)
			list = append(list, f.fraction(units, x))
		}
	}
	return list
}

// sameValue gathers the units around u of u's value.
func (f *field) sameValue(u int32, mixture []float64, seen []bool) []int32 {
	r := f.e.r
	units := []int32{u}
	seen[u] = true
	for i := 0; i < len(units); i++ {
		for a := r.adjStart[units[i]]; a < r.adjStart[units[i]+1]; a++ {
			if v := r.adjTo[a]; !seen[v] && math.Abs(mixture[v]-mixture[u]) < integral {
				seen[v] = true
				units = append(units, v)
			}
		}
	}
	slices.Sort(units)
	return units
}

func (f *field) fraction(units []int32, x float64) fraction {
	r := f.e.r
	g := fraction{units: units, x: x}
	for _, u := range units {
		for i := r.termStart[u]; i < r.termStart[u+1]; i++ {
			k, v := r.termRow[i], r.termVal[i]
			v *= f.weight(k)
			at := slices.IndexFunc(g.rows, func(e lpEntry) bool { return e.at == k })
			if at < 0 {
				g.rows = append(g.rows, lpEntry{k, v})
			} else {
				g.rows[at].v += v
			}
		}
	}
	for _, e := range g.rows {
		g.size += e.v * e.v
	}
	g.size = math.Sqrt(g.size)
	return g
}

// weight is the worth of a unit of row k in the rounding: its multiplier, and a
// little for rows that are slack now.
func (f *field) weight(k int32) float64 {
	if f.e.multipliers == nil {
		return 1 / f.e.sc.sigma[k]
	}
	return math.Abs(f.e.multipliers[k]) + 1e-2*f.e.sc.omega/f.e.sc.sigma[k]
}

// balanced rounds the groups, large ones first, each to the side that leaves the
// rows nearest to what the mixture gives them. All sides cost the same at the
// multipliers, so that only the rows matter.
func (f *field) balanced(list []fraction, s []bool) {
	slices.SortStableFunc(list, func(a, b fraction) int { return cmp.Compare(b.size, a.size) })
	off := make([]float64, len(f.e.r.rhs))
	for i := range list {
		g := &list[i]
		down, up := 0.0, 0.0
		for _, e := range g.rows {
			d, u := off[e.at]-g.x*e.v, off[e.at]+(1-g.x)*e.v
			down += d * d
			up += u * u
		}
		move := -g.x
		if up < down {
			g.side, move = 1, 1-g.x
		}
		for _, e := range g.rows {
			off[e.at] += move * e.v
		}
		for _, u := range g.units {
			s[u] = g.side == 1
		}
	}
}

// searched picks the groups for the exact search: all of them where they are
// few, else of every row's an equal share, half of them large and half small.
// list is in the order that balanced leaves.
func (f *field) searched(list []fraction) [][]int32 {
	var cells [][]int32
	if len(list) <= mixtureGroups {
		for _, g := range list {
			cells = append(cells, g.units)
		}
		return cells
	}
	share := max(2, mixtureGroups/max(1, len(f.active)/3))
	byRow := map[int32][]int{}
	var order []int32
	for i, g := range list {
		if len(g.rows) == 0 {
			continue
		}
		k := g.rows[0].at
		if byRow[k] == nil {
			order = append(order, k)
		}
		byRow[k] = append(byRow[k], i)
	}
	for _, k := range order {
		of := byRow[k]
		large := of[:min(len(of), share/2)]
		small := of[max(len(large), len(of)-share/2):]
		for _, i := range slices.Concat(large, small) {
			if len(cells) < mixtureGroups {
				cells = append(cells, list[i].units)
			}
		}
	}
	return cells
}
