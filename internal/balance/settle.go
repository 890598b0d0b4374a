package balance

import "math"

// settle gives multipliers near mu that have the right signs and under which no
// unlimited flow has a negative reduced cost, in exact arithmetic and in plain
// doubles: the certificate's sum would be −∞ by a rounding error otherwise.
func settle(p *Problem, flowRows [][]lpEntry, mu []float64) []float64 {
	out := make([]float64, len(p.Constraints))
	copy(out, mu)
	clampSigns(p, out)
	if unsettled(p, flowRows, out) == 0 {
		return out
	}
	for _, margin := range []float64{1e-13, 1e-12, 1e-10, 1e-8, 1e-7, 0} {
		near := nearestPriced(p, flowRows, out, margin)
		if near == nil {
			continue
		}
		snapPairs(p, flowRows, near)
		clampSigns(p, near)
		if unsettled(p, flowRows, near) == 0 {
			return near
		}
	}
	// The last resort is weak but valid: the rows that such flows touch are
	// priced at 0, where their reduced cost is their own cost.
	for z := range p.Flows {
		if math.IsInf(p.Flows[z].Upper, 1) {
			for _, e := range flowRows[z] {
				out[e.at] = 0
			}
		}
	}
	return out
}

func clampSigns(p *Problem, mu []float64) {
	for k := range mu {
		switch p.Constraints[k].Sense {
		case AtLeast:
			mu[k] = max(mu[k], 0)
		case AtMost:
			mu[k] = min(mu[k], 0)
		}
		if mu[k] == 0 {
			mu[k] = 0 // no -0
		}
	}
}

// unsettled counts the unlimited flows with a negative reduced cost.
func unsettled(p *Problem, flowRows [][]lpEntry, mu []float64) int {
	count := 0
	for z := range p.Flows {
		if !math.IsInf(p.Flows[z].Upper, 1) {
			continue
		}
		exact, plain, priced := newSum(p.Flows[z].Cost), p.Flows[z].Cost, 0.0
		for _, e := range flowRows[z] {
			exact.addProduct(-mu[e.at], e.v)
			plain -= mu[e.at] * e.v
			priced += mu[e.at] * e.v
		}
		if exact.value() < 0 || plain < 0 || p.Flows[z].Cost-priced < 0 {
			count++
		}
	}
	return count
}

// nearestPriced gives the multipliers of least total (relative) change under
// which every unlimited flow's reduced cost has the margin, or nil.
func nearestPriced(p *Problem, flowRows [][]lpEntry, mu []float64, margin float64) []float64 {
	m := len(mu)
	size := make([]float64, m)
	largest := 0.0
	for k := range mu {
		largest = max(largest, math.Abs(mu[k]))
	}
	for z := range p.Flows {
		for _, e := range flowRows[z] {
			if e.v != 0 {
				size[e.at] = max(size[e.at], math.Abs(p.Flows[z].Cost/e.v))
			}
		}
	}
	// Columns: how far each multiplier moves up, and down.
	cost, lo, up := make([]float64, 2*m), make([]float64, 2*m), make([]float64, 2*m)
	for k := range m {
		size[k] = powerOfTwo(max(size[k], math.Abs(mu[k]), 1e-12*largest))
		cost[k], cost[m+k] = 1, 1
		up[k], up[m+k] = 4, 4
		switch p.Constraints[k].Sense {
		case AtLeast:
			up[m+k] = min(4, mu[k]/size[k])
		case AtMost:
			up[k] = min(4, -mu[k]/size[k])
		}
	}
	lp := newSimplex(cost, lo, up)
	for z := range p.Flows {
		if !math.IsInf(p.Flows[z].Upper, 1) {
			continue
		}
		var row []lpEntry
		left, scale := newSum(p.Flows[z].Cost), math.Abs(p.Flows[z].Cost)
		for _, e := range flowRows[z] {
			row = append(row, lpEntry{e.at, e.v * size[e.at]}, lpEntry{int32(m) + e.at, -e.v * size[e.at]})
			left.addProduct(-mu[e.at], e.v)
			scale += math.Abs(mu[e.at] * e.v)
		}
		lp.addRow(row, AtMost, left.value()-margin*scale)
	}
	lp.primalTol = 1e-14 // or the margin would be lost in the tolerance
	if lp.run(math.Inf(1), 10000, nil) != lpOptimal {
		return nil
	}
	near := make([]float64, m)
	for k := range m {
		near[k] = mu[k] + size[k]*(lp.value(int32(k))-lp.value(int32(m+k)))
	}
	return near
}

// snapPairs makes the reduced cost of flows between two rows exactly 0 where it
// is 0 but for rounding: free transfers both ways leave no other choice.
func snapPairs(p *Problem, flowRows [][]lpEntry, mu []float64) {
	for range 8 {
		moved := false
		for z := range p.Flows {
			rows := flowRows[z]
			if !math.IsInf(p.Flows[z].Upper, 1) || len(rows) != 2 || rows[0].v == 0 || rows[1].v == 0 {
				continue
			}
			a, b := rows[0], rows[1]
			rc := p.Flows[z].Cost - mu[a.at]*a.v - mu[b.at]*b.v
			size := math.Abs(p.Flows[z].Cost) + math.Abs(mu[a.at]*a.v) + math.Abs(mu[b.at]*b.v)
			if rc < 0 && rc > -1e-9*size {
				mu[a.at] = (p.Flows[z].Cost - mu[b.at]*b.v) / a.v
				moved = true
			}
		}
		if !moved {
			return
		}
	}
}
