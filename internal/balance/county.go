package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// SyntheticCounty makes a county (合成县) for benchmarks: irregular parcels,
// balances of area, paddy and quality per township, transfers. allFree lets every
// parcel change, otherwise about a fifth may; border is the weight of a metre of
// border. The same arguments give the same county.
func SyntheticCounty(units, townships int, allFree bool, border float64, seed uint64) *Problem {
	return countySpec{units, townships, allFree, border, seed}.problem()
}

// SyntheticReserve makes a reserve selection problem after the recipe of Beyer et
// al. 2016 (Ecological Modelling 328): a square grid of about so many units with
// four neighbours each, costs from 100 to 10,000, random amounts of every
// feature, a target of 30 % of each, and weight on every border between two
// units. The numbers are drawn anew; they are not the paper's files.
func SyntheticReserve(units, features int, weight float64, seed uint64) *Problem {
	rng := rand.New(rand.NewPCG(seed, 16))
	side := max(1, int(math.Round(math.Sqrt(float64(units)))))
	p := &Problem{Name: "Beyer 2016"}
	for k := range features {
		p.Constraints = append(p.Constraints, Constraint{ID: fmt.Sprintf("F%02d", k)})
	}
	for i := range side * side {
		p.Units = append(p.Units, Unit{ID: fmt.Sprintf("U%07d", i), Cost: math.Round(100*(100+9900*rng.Float64())) / 100})
		for k := range features {
			amount := math.Round(1e4*rng.Float64()) / 100
			p.Constraints[k].RHS += 0.3 * amount
			p.Terms = append(p.Terms, Term{int32(k), int32(i), amount})
		}
		if i%side+1 < side {
			p.Edges = append(p.Edges, Edge{int32(i), int32(i + 1), weight})
		}
		if i+side < side*side {
			p.Edges = append(p.Edges, Edge{int32(i), int32(i + side), weight})
		}
	}
	return p
}

// countySpec describes a synthetic county.
type countySpec struct {
	units     int
	townships int
	allFree   bool // every parcel may change; otherwise about a fifth
	border    float64
	seed      uint64
}

// county makes a balance problem of the shape that planning makes: parcels of
// irregular size and up to dozens of neighbours (cells of a grid, grown together
// at random; roads run across), farmland in smooth patches, requests and sources
// among it, and per township a balance of area, paddy and quality with transfers.
func (c countySpec) problem() *Problem {
	p, _ := c.build()
	return p
}

// build gives the problem and which of its units are farmland before the plan.
func (c countySpec) build() (*Problem, []bool) {
	rng := rand.New(rand.NewPCG(c.seed, 7))
	side := int(math.Ceil(math.Sqrt(float64(c.units) * 1.9)))
	parcel, count := growParcels(rng, side, c.units)
	p := &Problem{Name: "合成县 synthetic county"}
	area, x, y := make([]float64, count), make([]float64, count), make([]float64, count)
	for i, u := range parcel {
		cell := 900 + 1500*rng.Float64()
		area[u] += math.Round(cell*100) / 100
		x[u] += cell * float64(i%side) / float64(side)
		y[u] += cell * float64(i/side) / float64(side)
	}
	for u := range count {
		x[u], y[u] = x[u]/area[u], y[u]/area[u]
	}
	town := make([]int, count)
	across := int(math.Ceil(math.Sqrt(float64(c.townships))))
	for u := range count {
		town[u] = min(c.townships-1, int(y[u]*float64(across))*across+int(x[u]*float64(across)))
	}
	smooth := func(u int, a, b, ph float64) float64 {
		return 0.5 + 0.25*math.Sin(a*x[u]+ph) + 0.25*math.Cos(b*y[u]+2*ph)
	}
	c.addRows(p)
	required := make([]float64, len(p.Constraints))
	before := make([]bool, count)
	for u := range count {
		unit := Unit{ID: fmt.Sprintf("P%06d", u)}
		mu := area[u] / 666.67
		farmland := smooth(u, 17, 23, 1)+0.5*rng.Float64() > 0.72
		before[u] = farmland
		paddy := 0.0
		if smooth(u, 5, 4, 3) > 0.6 {
			paddy = area[u]
		}
		quality := area[u] * math.Round(10*(0.3+smooth(u, 9, 7, 2)+0.3*rng.Float64())) / 10
		draw := rng.Float64()
		candidate := c.allFree || draw < 0.22
		switch {
		case !candidate && farmland:
			unit.Fixed = FixOne
		case !candidate:
			unit.Fixed = FixZero
		case farmland: // a request to take it out: refusing it costs
			unit.Cost = math.Round(100*mu*(0.4+1.2*rng.Float64())) / 100
		default: // a source: restoring it costs
			unit.Cost = math.Round(100*mu*(0.3+smooth(u, 11, 13, 0)+0.6*rng.Float64())) / 100
		}
		p.Units = append(p.Units, unit)
		if !candidate {
			continue
		}
		for m, amount := range [3]float64{area[u], paddy, math.Round(quality*100) / 100} {
			k := 3*town[u] + m
			if amount == 0 {
				continue
			}
			p.Terms = append(p.Terms, Term{int32(k), int32(u), amount})
			if farmland {
				share := 1.0
				if c.allFree {
					share = 1.02
				}
				required[k] += amount * share
			}
		}
	}
	for k, r := range required {
		p.Constraints[k].RHS = math.Round(r*100) / 100
	}
	c.addEdges(rng, p, parcel, side)
	return p, before
}

func growParcels(rng *rand.Rand, side, units int) ([]int32, int) {
	n := side * side
	root := make([]int32, n)
	for i := range root {
		root[i] = int32(i)
	}
	find := func(i int32) int32 {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	left := n
	for row := side / 7; row < side; row += side / 3 { // roads
		for i := 1; i < side; i++ {
			if i%40 != 0 {
				root[find(int32(row*side+i))] = find(int32(row*side + i - 1))
				left--
			}
		}
	}
	for left > units {
		i := int32(rng.IntN(n))
		j := i + 1
		if rng.IntN(2) == 0 {
			j = i + int32(side)
		}
		if int(j) >= n || (j == i+1 && int(j)%side == 0) {
			continue
		}
		if a, b := find(i), find(j); a != b {
			root[a] = b
			left--
		}
	}
	number := map[int32]int32{}
	parcel := make([]int32, n)
	for i := range parcel {
		r := find(int32(i))
		if _, ok := number[r]; !ok {
			number[r] = int32(len(number))
		}
		parcel[i] = number[r]
	}
	return parcel, len(number)
}

func (c countySpec) addRows(p *Problem) {
	measures := [3]string{"area", "paddy", "quality"}
	for t := range c.townships {
		for _, m := range measures {
			p.Constraints = append(p.Constraints, Constraint{ID: fmt.Sprintf("%s/T%02d", m, t)})
		}
	}
	for i, m := range measures {
		pool := int32(len(p.Constraints))
		p.Constraints = append(p.Constraints, Constraint{ID: m + "/pool"})
		for t := range c.townships {
			for side, sign := range [2]float64{1, -1} {
				z := int32(len(p.Flows))
				p.Flows = append(p.Flows, Flow{ID: fmt.Sprintf("%s/T%02d/%s", m, t, [2]string{"from-pool", "to-pool"}[side]), Cost: [2]float64{0.0004, 0}[side], Upper: math.Inf(1)})
				p.FlowTerms = append(p.FlowTerms, FlowTerm{int32(3*t + i), z, sign}, FlowTerm{pool, z, -sign})
			}
		}
	}
}

func (c countySpec) addEdges(rng *rand.Rand, p *Problem, parcel []int32, side int) {
	length := map[[2]int32]float64{}
	var order [][2]int32
	add := func(a, b int32) {
		if a == b {
			return
		}
		if b >= 0 && a > b {
			a, b = b, a
		}
		key := [2]int32{a, b}
		if _, seen := length[key]; !seen {
			order = append(order, key)
		}
		length[key] += 30 + 20*rng.Float64()
	}
	for i, u := range parcel {
		if i%side+1 < side {
			add(u, parcel[i+1])
		} else {
			add(u, Outside)
		}
		if i+side < len(parcel) {
			add(u, parcel[i+side])
		}
	}
	for _, key := range order {
		p.Edges = append(p.Edges, Edge{key[0], key[1], math.Round(1e4*c.border*length[key]) / 1e4})
	}
}
