package balance

import "math"

// flowsFor looks for flows that meet what constraints ask of them by a plain
// simplex in doubles (phase one, Bland's rule): flows, or multipliers that may prove
// that there are none. Either is only a proposal, which the caller checks; both are
// nil where the program is too large or goes wrong.
func (v *verifier) flowsFor(rows []reach) (z, mu []float64) {
	t := v.tableau(rows)
	if t == nil || !t.run() {
		return nil, nil
	}
	z, mu = make([]float64, len(v.p.Flows)), make([]float64, len(v.p.Constraints))
	for i, j := range t.basis {
		if j < len(z) {
			z[j] = math.Max(0, t.cell[i][t.columns]*t.unit[j])
		}
	}
	for j := range z {
		z[j] = math.Min(z[j], v.p.Flows[j].Upper)
	}
	// The price of a line is what is left of its slack's cost.
	largest := 0.0
	for i, l := range t.lines {
		if l.row >= 0 {
			mu[l.row] += l.sign * t.cost[len(z)+i] / l.size
			largest = math.Max(largest, math.Abs(mu[l.row]))
		}
	}
	// Prices that are equal but for rounding are made equal: a flow without limit
	// between two constraints leaves no other choice.
	for k := range mu {
		mu[k] = math.Round(mu[k]/largest*(1<<30)) / (1 << 30)
	}
	if largest == 0 {
		return z, nil
	}
	return z, mu
}

// asked is one line of the program, Σ a·z ≥ b, from a constraint (sign −1: turned
// round) or, with row −1, from a flow's limit.
type asked struct {
	row        int
	sign, size float64
}

// flowTableau holds the lines Σ a·z − slack + artificial = b, all divided by their
// size, with the artificial columns left out: they never come back.
type flowTableau struct {
	columns int // flows and slacks; the right-hand side comes after them
	cell    [][]float64
	cost    []float64 // of what is missing, by column
	basis   []int     // of each line; columns and beyond are artificial
	lines   []asked
	unit    []float64 // of each flow
}

const flowTableauMost = 4 << 20 // cells

func (v *verifier) tableau(rows []reach) *flowTableau {
	n := len(v.p.Flows)
	place, terms := map[int][]float64{}, make([]float64, n)
	count := 0
	for _, r := range rows {
		place[r.row] = nil
		for _, bound := range [2]float64{r.least, r.most} {
			if !math.IsInf(bound, 0) {
				count++
			}
		}
	}
	for i := range v.p.Flows {
		if !math.IsInf(v.p.Flows[i].Upper, 1) {
			count++
		}
	}
	if (n+count)*count > flowTableauMost {
		return nil
	}
	for _, x := range v.p.FlowTerms {
		if a, in := place[int(x.Constraint)]; in {
			if a == nil {
				a = make([]float64, n)
				place[int(x.Constraint)] = a
			}
			a[x.Flow] = x.Coefficient
			terms[x.Flow] = math.Max(terms[x.Flow], math.Abs(x.Coefficient))
		}
	}
	t := &flowTableau{columns: n + count, unit: make([]float64, n)}
	for j := range t.unit {
		t.unit[j] = 1
		if terms[j] > 0 {
			t.unit[j] = 1 / terms[j]
		}
	}
	for _, r := range rows {
		if !math.IsInf(r.least, 0) {
			t.add(asked{r.row, 1, 1}, place[r.row], r.least)
		}
		if !math.IsInf(r.most, 0) {
			t.add(asked{r.row, -1, 1}, place[r.row], r.most)
		}
	}
	for j := range v.p.Flows {
		if f := &v.p.Flows[j]; !math.IsInf(f.Upper, 1) {
			a := make([]float64, n)
			a[j] = 1
			t.add(asked{-1, -1, 1}, a, f.Upper)
		}
	}
	t.price()
	return t
}

// add appends the line sign·(Σ a·z) ≥ sign·b, divided by the largest of its numbers.
func (t *flowTableau) add(l asked, a []float64, b float64) {
	i := len(t.lines)
	line := make([]float64, t.columns+1)
	largest := math.Abs(b)
	for j := range a {
		line[j] = l.sign * a[j] * t.unit[j]
		largest = math.Max(largest, math.Abs(line[j]))
	}
	if largest > 0 {
		l.size = largest
	}
	for j := range a {
		line[j] /= l.size
	}
	slack := len(t.unit) + i
	line[slack], line[t.columns] = -1, l.sign*b/l.size
	basis := t.columns + i // artificial
	if line[t.columns] <= 0 {
		for j := range line {
			line[j] = -line[j]
		}
		basis = slack
	}
	t.lines, t.cell, t.basis = append(t.lines, l), append(t.cell, line), append(t.basis, basis)
}

// price works out the reduced costs where what a line misses, as it is divided,
// costs 1.
func (t *flowTableau) price() {
	t.cost = make([]float64, t.columns+1)
	for i, j := range t.basis {
		if j < t.columns {
			continue
		}
		for c := range t.cost {
			t.cost[c] -= t.cell[i][c]
		}
	}
}

// run pivots until nothing more can be gained; false where it goes on too long.
func (t *flowTableau) run() bool {
	for range 50 * (t.columns + 10) {
		enter := -1
		for j := range t.columns {
			if t.cost[j] < -1e-11 {
				enter = j
				break
			}
		}
		if enter < 0 {
			return true
		}
		leave, best := -1, math.Inf(1)
		for i := range t.cell {
			if a := t.cell[i][enter]; a > 1e-9 {
				if ratio := t.cell[i][t.columns] / a; leave < 0 || ratio < best || ratio == best && t.basis[i] < t.basis[leave] {
					leave, best = i, ratio
				}
			}
		}
		if leave < 0 {
			return false
		}
		t.pivot(leave, enter)
	}
	return false
}

func (t *flowTableau) pivot(leave, enter int) {
	line := t.cell[leave]
	by := line[enter]
	for j := range line {
		line[j] /= by
	}
	take := func(from []float64) {
		if f := from[enter]; f != 0 {
			for j := range from {
				from[j] -= f * line[j]
			}
		}
	}
	for i := range t.cell {
		if i != leave {
			take(t.cell[i])
		}
	}
	take(t.cost)
	t.basis[leave] = enter
}
