package land

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Split divides a total over parts in proportion to their weights (any unit),
// so that the results add up to the total exactly. Each part is rounded half up
// to 0.01 m²; what is then left over or short goes to the largest parts, 0.01 m²
// each, the first of equal parts first. A part of weight 0 gets 0.
//
// It is how a survey area (TBMJ) is shared by the pieces of a parcel:
// part_TBMJ = part_area / patch_area × TBMJ, residue pushed so that the parts
// add up. Weights must be finite, not negative, and not all 0.
func Split(total Area, parts []float64) ([]Area, error) {
	sum := 0.0
	for _, p := range parts {
		if !(p >= 0) {
			return nil, errors.New("land: 分割比例不能为负或非数 / a part's weight must not be negative or NaN")
		}
		sum += p
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return nil, errors.New("land: 各部分面积之和必须大于 0 / the parts' weights must add up to a finite amount above 0")
	}
	shares := make([]Area, len(parts))
	rest := total
	for i, p := range parts {
		shares[i] = Area(math.Round(float64(total) * (p / sum)))
		rest -= shares[i]
	}
	spread(shares, parts, rest)
	return shares, nil
}

// spread adds rest to the shares of the largest parts, as evenly as hundredths
// allow. After rounding, |rest| is at most half the number of parts, except for
// totals beyond 2^53, where the float product has an error of its own.
func spread(shares []Area, parts []float64, rest Area) {
	if rest == 0 {
		return
	}
	order := make([]int, 0, len(parts))
	for i, p := range parts {
		if p > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(parts[b], parts[a]) })
	n := Area(len(order))
	each, extra := rest/n, rest%n
	step := Area(1)
	if extra < 0 {
		step, extra = -1, -extra
	}
	for rank, i := range order {
		shares[i] += each
		if Area(rank) < extra {
			shares[i] += step
		}
	}
}
