package screening

import (
	"context"
	"fmt"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// settle computes the geometry of pending findings, measures and judges it, and
// drops what turns out to be touching only.
func (j *job) settle(ctx context.Context) error {
	var (
		todo  []*finding
		sets  [][]orb.MultiPolygon
		rests []*finding
		a, b  []orb.MultiPolygon
	)
	for _, list := range j.findings {
		for _, f := range list {
			if f.pending == settled {
				continue
			}
			set := make([]orb.MultiPolygon, len(f.parts))
			for i, p := range f.parts {
				set[i] = p.geom
			}
			todo, sets = append(todo, f), append(sets, set)
		}
	}
	unions, err := j.engine.Union(ctx, sets)
	if err != nil {
		return fmt.Errorf("merge overlaps: %w", err)
	}
	for i, f := range todo {
		f.geom = unions[i]
		if f.pending == asRest {
			rests, a, b = append(rests, f), append(a, f.candidate.geom), append(b, unions[i])
		}
	}
	differences, err := j.engine.Difference(ctx, a, b)
	if err != nil {
		return fmt.Errorf("cut the rest: %w", err)
	}
	for i, f := range rests {
		f.geom = differences[i]
	}
	for _, f := range todo {
		f.measured, f.m2 = true, land.AdditiveArea(f.geom, j.zone)
		f.judge(j.largest(f.geom))
		f.pending, f.parts = settled, nil
	}
	for i := range j.findings {
		j.findings[i] = slices.DeleteFunc(j.findings[i], func(f *finding) bool {
			return f.measured && f.m2 <= numericalTouch
		})
	}
	return nil
}

// largest is the area in m² of the greatest connected piece.
func (j *job) largest(geom orb.MultiPolygon) float64 {
	most := 0.0
	for _, polygon := range geom {
		most = max(most, land.AdditiveArea(orb.MultiPolygon{polygon}, j.zone))
	}
	return most
}

// derive adds the findings that follow from others, and puts all of a
// candidate's findings into the rulebook's order. What is hit and how much of it
// stands with the findings they follow from.
func (j *job) derive(c *candidate) {
	list := j.findings[c.index]
	for i := range j.book.Clauses {
		clause := &j.book.Clauses[i]
		for n := range clause.Checks {
			k := &clause.Checks[n]
			p, ok := k.Params.(rulebook.Derived)
			if !ok || clause.Direction != c.direction || !j.applies(k, c) {
				continue
			}
			f := &finding{candidate: c, clause: clause, check: k, outcome: outcomeHit}
			var from []string
			for _, source := range j.findings[c.index] {
				if source.outcome != outcomeHit || !slices.Contains(p.Clauses, source.clause.ID) || !source.check.Severity.AtLeast(k.Severity) {
					continue
				}
				if !slices.Contains(from, source.clause.ID) {
					from = append(from, source.clause.ID)
				}
				f.whole = f.whole || source.whole
			}
			if len(from) == 0 {
				continue
			}
			names := fmt.Sprint(from)
			f.detail = [2]string{"见条款 " + names[1:len(names)-1], "see clause " + names[1:len(names)-1]}
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b *finding) int { return j.place(a) - j.place(b) })
	j.findings[c.index] = list
}

// place orders findings as the rulebook orders checks.
func (j *job) place(f *finding) int {
	for i := range j.book.Clauses {
		if &j.book.Clauses[i] == f.clause {
			return i*1000 + f.check.Number
		}
	}
	return -1
}
