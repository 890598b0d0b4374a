package screening

import (
	"context"
	"fmt"
	"runtime"

	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// Verdicts, as stored; the first that applies is the verdict.
const (
	verdictForbidden = "forbidden"           // 禁止
	verdictUnknown   = "unknown"             // 待定: a layer or document is missing
	verdictReview    = "needs_review"        // 需审核
	verdictClip      = "eligible_after_clip" // 裁切后可行
	verdictEligible  = "eligible"            // 可行
)

// verdict is the answer for one candidate.
type verdict struct {
	candidate *candidate
	name      string
	// remainder is what is left after clipping; nil where nothing is clipped.
	remainder orb.MultiPolygon
	usable    land.Area
	net       land.Area
	paddy     land.Area
	ridge     *land.RidgeCoefficient
	slope     land.SlopeClass
	source    string
	quality   *float64
	scores    map[string]float64
	exempt    bool
	notes     []Reason
}

func (v *verdict) note(zh, en string) {
	v.notes = append(v.notes, Reason{Outcome: outcomeNote, Zh: zh, En: en})
}

// decide makes the verdicts.
func (j *job) decide(ctx context.Context) error {
	j.verdicts = make([]*verdict, len(j.candidates))
	for i, c := range j.candidates {
		j.verdicts[i] = &verdict{candidate: c, usable: c.area, scores: map[string]float64{}, exempt: j.exempt(c)}
	}
	if err := j.clip(ctx); err != nil {
		return err
	}
	inside, err := j.usableParts(ctx)
	if err != nil {
		return err
	}
	near, err := j.near(ctx)
	if err != nil {
		return err
	}
	j.prepareClusters(j.survey)
	err = forEach(ctx, len(j.verdicts), func(i int) error {
		v := j.verdicts[i]
		j.score(v, near)
		if v.name == verdictForbidden {
			return nil
		}
		if v.candidate.direction == rulebook.Out {
			return j.netOut(v, inside[i])
		}
		return j.netIn(v, inside[i])
	})
	if err != nil {
		return err
	}
	for i, v := range j.verdicts {
		j.conclude(v, j.findings[i])
	}
	return nil
}

// forEach runs fn for 0…n−1 on all processors.
func forEach(ctx context.Context, n int, fn func(int) error) error {
	workers := min(n, max(1, runtime.GOMAXPROCS(0)))
	if workers == 1 { // a what-if waits for every goroutine
		for i := range n {
			if err := fn(i); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// exempt tells whether a candidate lies in the state's own task (生态退耕) and so
// is not counted in the balance.
func (j *job) exempt(c *candidate) bool {
	exempt := false
	for i := range j.book.Clauses {
		for n := range j.book.Clauses[i].Checks {
			k := &j.book.Clauses[i].Checks[n]
			p, ok := k.Params.(rulebook.Within)
			if !ok || !p.ExemptFromBalance || j.book.Clauses[i].Direction != c.direction || !j.applies(k, c) || !j.present(k) {
				continue
			}
			// What lies outside the task is cut away, or forbids the whole.
			exempt = true
		}
	}
	return exempt
}

// clip cuts away what blocking hits cover. What is left may be narrow in places
// and come in several pieces; what is not worth having is dropped, and said so.
func (j *job) clip(ctx context.Context) error {
	var (
		clipped []*verdict
		sets    [][]orb.MultiPolygon
		whole   []orb.MultiPolygon
	)
	for i, v := range j.verdicts {
		var cuts []orb.MultiPolygon
		for _, f := range j.findings[i] {
			if f.outcome != outcomeHit || f.check.Severity != rulebook.Block || f.check.Test == rulebook.TestDerived && !f.whole {
				continue
			}
			if f.whole || len(f.geom) == 0 {
				v.name = verdictForbidden
				break
			}
			cuts = append(cuts, f.geom)
		}
		if v.name == verdictForbidden {
			v.usable = 0
			continue
		}
		if len(cuts) > 0 {
			clipped, sets, whole = append(clipped, v), append(sets, cuts), append(whole, v.candidate.geom)
		}
	}
	cuts, err := j.engine.Union(ctx, sets)
	if err != nil {
		return fmt.Errorf("merge what is cut away: %w", err)
	}
	rests, err := j.engine.Difference(ctx, whole, cuts)
	if err != nil {
		return fmt.Errorf("cut the remainder: %w", err)
	}
	narrow, err := j.widen(ctx, rests)
	if err != nil {
		return err
	}
	if err := j.deliverable(ctx, rests); err != nil {
		return err
	}
	for i, v := range clipped {
		j.keep(v, rests[i], narrow[i])
	}
	return nil
}

// usableParts gives for each candidate the parts of the layer that its net
// area is computed from: survey parcels for 转出, the slope map for 转进; of a
// clipped candidate only what lies in the remainder.
func (j *job) usableParts(ctx context.Context) ([][]part, error) {
	out := make([][]part, len(j.candidates))
	var (
		where []int
		a, b  []orb.MultiPolygon
		which []part
	)
	for i, v := range j.verdicts {
		kind := kindSurvey
		if v.candidate.direction == rulebook.In {
			kind, _ = j.slopeKinds()
		}
		l := j.layers[kind]
		if l == nil || v.name == verdictForbidden {
			continue
		}
		if v.remainder == nil {
			out[i] = l.parts[i]
			continue
		}
		for _, p := range l.parts[i] {
			where, which = append(where, i), append(which, p)
			a, b = append(a, v.remainder), append(b, p.geom)
		}
	}
	cut, err := j.engine.Intersection(ctx, a, b)
	if err != nil {
		return nil, fmt.Errorf("what lies in the remainders: %w", err)
	}
	for n, i := range where {
		p := which[n]
		p.geom = cut[n]
		if p.m2 = land.AdditiveArea(p.geom, j.zone); p.m2 > 0 {
			out[i] = append(out[i], p)
		}
	}
	return out, nil
}

// slopeKinds gives the layers that the rulebook's slope checks read.
func (j *job) slopeKinds() (kind, fallback string) {
	for _, clause := range j.book.Clauses {
		for _, k := range clause.Checks {
			if p, ok := k.Params.(rulebook.Slope); ok && clause.Direction == rulebook.In {
				return k.Layer, p.Fallback
			}
		}
	}
	return "PDT", kindDEM
}

// conclude names the verdict by what the findings leave.
func (j *job) conclude(v *verdict, list []*finding) {
	missing, review := false, false
	for _, f := range list {
		switch {
		case f.check.Severity == rulebook.Score:
		case f.outcome == outcomeMissing:
			missing = true
		case f.outcome == outcomeHit && f.check.Severity != rulebook.Block:
			review = true
		}
	}
	switch {
	case v.name == verdictForbidden:
		v.remainder, v.usable, v.net, v.paddy, v.ridge, v.exempt = nil, 0, 0, 0, nil, false
	case missing:
		v.name = verdictUnknown
	case review:
		v.name = verdictReview
	case v.remainder != nil:
		v.name = verdictClip
	default:
		v.name = verdictEligible
	}
	if v.exempt {
		v.note("国家安排的生态退耕，不计入转出平衡", "the state's own task of returning farmland: not counted in the balance")
	}
}

// reasons are the findings that decided, then the notes.
func (j *job) reasons(v *verdict) []Reason {
	list := []Reason{}
	for _, f := range j.findings[v.candidate.index] {
		if f.check.Severity == rulebook.Score || f.outcome == outcomeTolerated || f.outcome == outcomeNote {
			continue
		}
		zh, en := f.claim()
		list = append(list, Reason{Clause: f.clause.ID, Outcome: f.outcome, Zh: zh, En: en})
	}
	return append(list, v.notes...)
}
