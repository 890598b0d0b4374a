package balance

import (
	"math"
)

// This file checks the contradictions that infeasibility.json names; like verify.go
// it uses nothing of the engine.

// checkConflicts recomputes every contradiction, and looks for one that is not
// named among the constraints that stand in none.
func (v *verifier) checkConflicts(inf *Infeasibility, flows []float64) {
	before := len(v.report.Faults)
	in := make([]bool, len(v.p.Constraints))
	for i := range inf.Conflicts {
		c := &inf.Conflicts[i]
		mu := make([]float64, len(v.p.Constraints))
		largest := 0.0
		for _, m := range c.Rows {
			k, known := v.row[m.Constraint]
			if !known || in[k] {
				v.fault("conflicts 中的约束 %q 不存在或重复 · unknown or repeated constraint", m.Constraint)
				return
			}
			in[k], mu[k] = true, m.Multiplier
			largest = math.Max(largest, math.Abs(m.Multiplier))
			if m.Multiplier == 0 {
				v.fault("conflicts 中约束 %q 的乘子为 0 · a conflict's multiplier is 0", m.Constraint)
			}
		}
		if math.Abs(largest-1) > 1e-6 {
			v.fault("conflicts 中最大的乘子应为 1，实为 %.10g · a conflict's largest multiplier must be 1 in size", largest)
		}
		if v.checkSigns(mu) {
			v.checkConflict(c, mu)
		}
	}
	v.agreed(before, "%d 处矛盾重算一致 · conflicts recomputed", len(inf.Conflicts))
	if len(v.report.Faults) == before {
		v.seekConflict(in, flows)
	}
}

// checkConflict recomputes what a contradiction misses, and the locks' shares.
func (v *verifier) checkConflict(c *Conflict, mu []float64) {
	sum, sure := v.sum(mu, nil, false)
	if !sure {
		return
	}
	missing, slack := sum.total(), 0.0
	for k, m := range mu {
		slack += math.Abs(m) * v.granted[k]
	}
	if !same(missing, c.Missing, sum.error(), 0) {
		v.fault("conflicts 的 missing 应为 %.17g，文件为 %.17g · missing differs", missing, c.Missing)
	}
	if !(missing > slack) {
		v.fault("conflicts 的 missing %.10g 证明不了矛盾 · missing proves no contradiction", missing)
	}
	shares, least, most := v.lockShares(mu)
	if c.LockCount < least || c.LockCount > most {
		v.fault("lock_count 应为 %d，文件为 %d · lock_count differs", most, c.LockCount)
	}
	var without tally
	without.plus(missing)
	for _, s := range shares {
		without.plus(-math.Abs(s))
	}
	// Locks that weigh next to nothing may be left out.
	if !same(without.total(), c.MissingWithoutLocks, 1e-12*without.size, 0) {
		v.fault("missing_without_locks 应为 %.17g，文件为 %.17g · missing_without_locks differs", without.total(), c.MissingWithoutLocks)
	}
	v.checkLocks(c, shares, missing)
}

// lockShares gives what each lock adds to what a conflict misses, by unit, and
// between which numbers their count lies: a share that is 0 but for rounding may
// count or not.
func (v *verifier) lockShares(mu []float64) (shares map[int]float64, least, most int) {
	worth := make([]tally, len(v.p.Units))
	for _, t := range v.p.Terms {
		if m := mu[t.Constraint]; m != 0 {
			worth[t.Unit].times(m, t.Coefficient)
		}
	}
	shares = map[int]float64{}
	for i := range worth {
		w := worth[i].total()
		if fixed := v.p.Units[i].Fixed; !(fixed == FixZero && w > 0 || fixed == FixOne && w < 0) {
			continue
		}
		if math.Abs(w) > 0.5e-12*worth[i].size {
			shares[i] = math.Abs(w)
			most++
		}
		if math.Abs(w) > 2e-12*worth[i].size {
			least++
		}
	}
	return shares, least, most
}

// checkLocks: the locks listed are those of greatest share, in that order, as many
// as have to be given up for the conflict to end.
func (v *verifier) checkLocks(c *Conflict, shares map[int]float64, missing float64) {
	slip := 1e-12 * missing
	listed := map[int]bool{}
	total, last := 0.0, math.Inf(1)
	for _, l := range c.Locks {
		i, known := v.unitAt(l.Unit, len(v.p.Units))
		share := shares[i]
		switch {
		case !known || listed[i] || share == 0:
			v.fault("conflicts 的 locks 中 %q 不是相关锁定或重复 · not a lock of this conflict, or repeated", l.Unit)
		case (l.Value == 1) != (v.p.Units[i].Fixed == FixOne) || l.Value != 0 && l.Value != 1:
			v.fault("conflicts 中锁定 %q 的 value 与 units.csv 不符 · value of a lock differs", l.Unit)
		case !same(l.Share, share, 0, 1e-12):
			v.fault("conflicts 中锁定 %q 的 share 应为 %.17g，文件为 %.17g · share differs", l.Unit, share, l.Share)
		case share > last+slip:
			v.fault("conflicts 的 locks 未按 share 由大到小排列 · locks are not in order of their share")
		case total > missing+slip:
			v.fault("conflicts 的 locks 多于须解除的 · more locks are listed than have to be given up")
		default:
			listed[i], last = true, share
			total += share
			continue
		}
		return
	}
	if total >= missing-slip {
		return
	}
	for i, share := range shares {
		if !listed[i] && share > slip {
			v.fault("conflicts 的 locks 少列了 %q · a lock that has to be given up is not listed", v.p.Units[i].ID)
			return
		}
	}
}

// seekConflict looks for a contradiction among the constraints in none that is
// named: for flows that let each of them be met, whatever sums the units can reach
// for it alone, or for a combination that proves that there are none.
func (v *verifier) seekConflict(named []bool, flows []float64) {
	rows := v.reachable(named)
	if v.meets(rows, flows) {
		v.checked("除所列外没有别的矛盾 · no other conflict")
		return
	}
	z, mu := v.flowsFor(rows)
	switch {
	case z != nil && v.meets(rows, z):
		v.checked("除所列外没有别的矛盾 · no other conflict")
	case mu != nil && v.contradicts(mu):
		v.fault("conflicts 漏列了矛盾 · a conflict is not listed")
	default:
		v.unchecked("除所列外是否还有矛盾未能判定 · whether there are other conflicts was not determined")
	}
}

// reach is what one constraint asks of the flows: least ≤ Σ B·z ≤ most.
type reach struct {
	row         int
	least, most float64
	size        float64 // the largest number in it
}

func (v *verifier) reachable(named []bool) []reach {
	m := len(v.p.Constraints)
	low, high, size := make([]tally, m), make([]tally, m), make([]float64, m)
	for _, t := range v.p.Terms {
		fixed, k := v.p.Units[t.Unit].Fixed, t.Constraint
		if fixed == FixZero {
			continue
		}
		if fixed == FixOne || t.Coefficient < 0 {
			low[k].plus(t.Coefficient)
		}
		if fixed == FixOne || t.Coefficient > 0 {
			high[k].plus(t.Coefficient)
		}
	}
	for k := range size {
		size[k] = math.Max(math.Abs(v.p.Constraints[k].RHS), math.Max(low[k].size, high[k].size))
	}
	var list []reach
	for k := range named {
		if named[k] {
			continue
		}
		con := &v.p.Constraints[k]
		r := reach{k, math.Inf(-1), math.Inf(1), size[k]}
		if con.Sense != AtMost {
			r.least = con.RHS - high[k].total()
		}
		if con.Sense != AtLeast {
			r.most = con.RHS - low[k].total()
		}
		list = append(list, r)
	}
	return list
}

// meets says whether flows within their limits meet what constraints ask of them,
// each but for what a plan may miss it by and for 1e-9 of its largest number.
func (v *verifier) meets(rows []reach, z []float64) bool {
	sums := make([]tally, len(v.p.Constraints))
	for _, t := range v.p.FlowTerms {
		sums[t.Constraint].times(t.Coefficient, z[t.Flow])
	}
	for _, r := range rows {
		x, slip := sums[r.row].total(), v.granted[r.row]+1e-9*r.size
		if x < r.least-slip || x > r.most+slip {
			return false
		}
	}
	return true
}

// contradicts says whether multipliers prove a contradiction that is too large to
// be overlooked.
func (v *verifier) contradicts(mu []float64) bool {
	sum, sure := v.sum(mu, nil, false)
	if !sure {
		v.report.Faults = v.report.Faults[:len(v.report.Faults)-1] // it is we who chose them
		return false
	}
	slack := 0.0
	for k, m := range mu {
		slack += 2 * math.Abs(m) * v.granted[k]
	}
	return sum.total() > slack+1e-8*math.Max(sum.size, sum.left)
}
