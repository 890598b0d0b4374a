package screening

import (
	"context"
	"fmt"
	"slices"

	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
)

// rules finds the candidates that another rulebook can have touched. A verdict is
// made of a candidate's findings, of its scores and of a few settings. So a
// candidate for which no clause can have found, weighed, said or scored anything
// else, and which no setting that has changed concerns, keeps its verdict.
type rules struct {
	// probe asks the layers; its candidates are those of the run, in order.
	probe    *job
	old, now *rulebook.Rulebook
	stored   map[string]*storedVerdict
	touched  []bool
}

// changedRules marks what the difference between two rulebooks can touch. why is not empty where that may be everything.
func (j *job) changedRules(ctx context.Context, o *offer) (why string, err error) {
	b := o.base
	if b.book.Hash == j.book.Hash {
		return "", nil
	}
	if kind, differs := formChanged(b.book, j.book); differs {
		return "layer " + kind + " has another form", nil
	}
	probe := j.with(j.candidates)
	probe.shapes = make([]*overlay.Shape, len(probe.candidates))
	r := &rules{probe: probe, old: b.book, now: j.book, stored: o.stored, touched: o.touched}
	r.changedSettings(b.rules)
	for i := range b.rules.Clauses {
		if err := r.changedClause(ctx, &b.rules.Clauses[i]); err != nil {
			return "", fmt.Errorf("what a change of clause %s touches: %w", b.rules.Clauses[i].ID, err)
		}
	}
	return "", nil
}

func formChanged(old, now *rulebook.Rulebook) (kind string, differs bool) {
	for _, a := range old.Layers {
		if b, ok := now.Layer(a.Kind); ok && a.Form != b.Form {
			return a.Kind, true
		}
	}
	return "", false
}

// mark touches the candidates of a direction, "" for both, for which is holds.
func (r *rules) mark(d rulebook.Direction, is func(c *candidate, s *storedVerdict) bool) {
	for i, c := range r.probe.candidates {
		if s := r.stored[c.key()]; !r.touched[i] && (d == "" || c.direction == d) && (s == nil || is(c, s)) {
			r.touched[i] = true
		}
	}
}

func everyone(*candidate, *storedVerdict) bool { return true }

// clipped tells whether something may have been cut from a candidate.
func clipped(_ *candidate, s *storedVerdict) bool { return s.cut }

// changedSettings marks what stands outside the clauses.
func (r *rules) changedSettings(changes rulebook.Changes) {
	for _, s := range changes.Settings {
		switch s {
		case rulebook.SettingMinRemainder, rulebook.SettingRemainder:
			r.mark("", clipped)
		case rulebook.SettingPlaceholders:
			r.mark("", func(c *candidate, _ *storedVerdict) bool { return c.otherwiseRead(r.old, r.now) })
		case rulebook.SettingDefaultGDLX:
			r.mark(rulebook.In, func(c *candidate, _ *storedVerdict) bool { return c.gdlx == "" })
		case rulebook.SettingTrackWidth:
			r.mark("", r.besideTrack)
		}
	}
	// Findings stand in the order of the clauses.
	place := map[string]int{}
	for i, c := range r.now.Clauses {
		place[c.ID] = i
	}
	r.mark("", func(_ *candidate, s *storedVerdict) bool {
		return !slices.IsSortedFunc(s.findings, func(a, b storedFinding) int {
			if a.check == 0 || b.check == 0 { // of missingNet, behind all others
				return 0
			}
			return place[a.clause] - place[b.clause]
		})
	})
	if slopeSource(r.old) != slopeSource(r.now) {
		r.mark(rulebook.In, everyone)
	}
	if !slices.Equal(steepRules(r.old), steepRules(r.now)) {
		r.mark(rulebook.In, clipped)
	}
	if netClause(r.old) != netClause(r.now) {
		r.mark("", func(_ *candidate, s *storedVerdict) bool {
			return slices.ContainsFunc(s.findings, func(f storedFinding) bool { return f.check == 0 })
		})
	}
}

// otherwiseRead tells whether two rulebooks take different documents for none.
// What stands in a declaration has been divided by the second of them.
func (c *candidate) otherwiseRead(a, b *rulebook.Rulebook) bool {
	for _, texts := range []map[string]string{c.documents, c.placeholders} {
		for _, text := range texts {
			if text != "" && isPlaceholder(a, text) != isPlaceholder(b, text) {
				return true
			}
		}
	}
	return false
}

// besideTrack tells whether the width of the tracks that are looked across can
// matter: the look from a boundary meets a track first (see [overlay.Look]), and
// the boundaries of what is left of a candidate lie inside it.
func (r *rules) besideTrack(c *candidate, _ *storedVerdict) bool {
	j := r.probe
	return len(j.survey.mosaic.Near(j.shape(c), lookNear+reachSlack, j.survey.isTrack)) > 0
}

// slopes is where the slope of 转进 candidates is looked up.
type slopes struct {
	kind, fallback string
	overlaid       bool
}

func slopeSource(book *rulebook.Rulebook) slopes {
	j := job{book: book}
	var s slopes
	s.kind, s.fallback = j.slopeKinds()
	s.overlaid = slices.Contains(j.overlaid()[s.kind], rulebook.In)
	return s
}

// steepRules are the checks that a remainder is held against, in their order.
func steepRules(book *rulebook.Rulebook) []string {
	var list []string
	for _, clause := range book.ClausesFor(rulebook.In) {
		for _, k := range clause.Checks {
			if p, ok := k.Params.(rulebook.Slope); ok && p.Scope == rulebook.Majority && k.Severity == rulebook.Block {
				list = append(list, fmt.Sprintf("%s %v %q %v %q %q", clause.ID, p.Class, k.When, k.Tolerance, k.Finding, k.FindingEnglish))
			}
		}
	}
	return list
}

// netClause is all that missingNet takes from the rulebook.
func netClause(book *rulebook.Rulebook) string {
	clause, ok := book.Clause("BAL-1")
	return fmt.Sprint(ok, book.ID, book.CitationText(clause))
}

// changedClause marks what a clause that differs can touch.
func (r *rules) changedClause(ctx context.Context, ch *rulebook.ClauseChange) error {
	clause := ch.New
	if clause == nil {
		clause = ch.Old
	}
	if clause.Direction != rulebook.In && clause.Direction != rulebook.Out {
		return nil // no candidate is judged by it; for missingNet see changedSettings
	}
	if scores(ch.Old) != scores(ch.New) {
		r.mark(clause.Direction, everyone) // a score more or less, be it 0
	}
	if slices.Contains(ch.What, rulebook.AspectCitation) {
		r.mark(clause.Direction, func(_ *candidate, s *storedVerdict) bool { return s.has(ch.ID, 0) })
	}
	for i := range ch.Checks {
		if err := r.changedCheck(ctx, clause, &ch.Checks[i]); err != nil {
			return err
		}
	}
	return nil
}

func scores(c *rulebook.Clause) bool {
	return c != nil && slices.ContainsFunc(c.Checks, func(k rulebook.Check) bool { return k.Severity == rulebook.Score })
}

// changedCheck marks the candidates of which the check has said something, and,
// where it looks for something else than before, those for which it may now find
// or score something.
func (r *rules) changedCheck(ctx context.Context, clause *rulebook.Clause, k *rulebook.CheckChange) error {
	if otherFeatures(k) {
		return r.changedFeatures(ctx, clause, k)
	}
	concerned := func(*candidate) bool { return true }
	if k.Only(rulebook.AspectWhen) && !asksSurvey(k.Old) && !asksSurvey(k.New) {
		// whom it concerns as before, it tells the same
		concerned = func(c *candidate) bool { return mayApply(k.Old, c) != mayApply(k.New, c) }
	}
	r.mark(clause.Direction, func(c *candidate, s *storedVerdict) bool { return concerned(c) && s.has(clause.ID, k.Number) })
	if !r.looksElsewhere(k) {
		return nil
	}
	for _, side := range []*rulebook.Check{k.Old, k.New} {
		// What it found by the old rulebook is stored, but not what it scored and
		// whom it exempted.
		if side == nil || side == k.Old && side.Severity != rulebook.Score && !exempts(side) {
			continue
		}
		may, err := r.mayFind(ctx, clause.Direction, side)
		if err != nil {
			return err
		}
		r.mark(clause.Direction, func(c *candidate, _ *storedVerdict) bool { return may[c.index] && concerned(c) })
	}
	return nil
}

// otherFeatures tells whether a check differs in the features that it looks at, and
// in nothing else by which it could find more or less; and its test takes the
// features under a candidate, each for itself.
func otherFeatures(k *rulebook.CheckChange) bool {
	if !k.Has(rulebook.AspectWhere) || !k.Only(rulebook.AspectWhere, rulebook.AspectTolerance, rulebook.AspectSeverity, rulebook.AspectFinding, rulebook.AspectNames) ||
		k.Has(rulebook.AspectTolerance) && asksSurvey(k.New) {
		return false
	}
	switch k.New.Params.(type) {
	case rulebook.Overlap, rulebook.Within, rulebook.ScoreShare:
		return true
	}
	return false
}

// changedFeatures marks the candidates with a feature that only one of the
// versions of a check looks at.
func (r *rules) changedFeatures(ctx context.Context, clause *rulebook.Clause, k *rulebook.CheckChange) error {
	if !k.Only(rulebook.AspectWhere) || k.Old.NamesLevels() != k.New.NamesLevels() {
		r.mark(clause.Direction, func(_ *candidate, s *storedVerdict) bool { return s.has(clause.ID, k.Number) })
	}
	if !r.probe.present(k.New) {
		return nil
	}
	may := make([]bool, len(r.probe.candidates))
	for i, c := range r.probe.candidates {
		may[i] = c.direction == clause.Direction && mayApply(k.New, c)
	}
	err := r.probe.onlyMeeting(ctx, k.New.Layer, may, func(f *feature) bool { return k.Old.Selects(f.value) != k.New.Selects(f.value) })
	r.mark(clause.Direction, func(c *candidate, _ *storedVerdict) bool { return may[c.index] })
	return err
}

// looksElsewhere tells whether a check may find or score something where it did
// not before. As a rule tolerances and severities weigh what is found, words tell
// it.
func (r *rules) looksElsewhere(k *rulebook.CheckChange) bool {
	if k.Has(rulebook.AspectOptional) && k.Only(rulebook.AspectOptional) {
		return !r.probe.present(k.New)
	}
	if k.Has(rulebook.AspectTolerance) && (asksSurvey(k.Old) || asksSurvey(k.New)) {
		return true
	}
	if k.Has(rulebook.AspectSeverity) && k.New.Test == rulebook.TestDerived {
		return true // it follows from hits of at least its own severity
	}
	return !k.Only(rulebook.AspectTolerance, rulebook.AspectSeverity, rulebook.AspectFinding, rulebook.AspectNames)
}

// asksSurvey tells whether a check holds the survey's classes, less what the
// tolerance lets pass, against its own (see classesUnder).
func asksSurvey(k *rulebook.Check) bool {
	return k.Test == rulebook.TestSurveyed || slices.ContainsFunc(k.When, func(c rulebook.Condition) bool { return c.Field == "base_dlbm" })
}

func exempts(k *rulebook.Check) bool {
	p, ok := k.Params.(rulebook.Within)
	return ok && p.ExemptFromBalance
}

// mayApply tells whether a check may concern a candidate, whatever the survey
// has under it.
func mayApply(k *rulebook.Check, c *candidate) bool {
	declared := *k
	declared.When = slices.DeleteFunc(slices.Clone(k.When), func(c rulebook.Condition) bool { return c.Field == "base_dlbm" })
	return declared.AppliesTo(c.values)
}

// mayFind gives the candidates for which a check may have something to say, or to
// score: never one too few.
func (r *rules) mayFind(ctx context.Context, d rulebook.Direction, k *rulebook.Check) ([]bool, error) {
	j := r.probe
	may := make([]bool, len(j.candidates))
	some := false
	for i, c := range j.candidates {
		may[i] = c.direction == d && mayApply(k, c)
		some = some || may[i]
	}
	if !some || j.lacks(k) {
		return may, nil
	}
	if !j.present(k) {
		return make([]bool, len(may)), nil
	}
	switch p := k.Params.(type) {
	case rulebook.Overlap, rulebook.ScoreShare:
		return may, j.onlyMeeting(ctx, k.Layer, may, func(f *feature) bool { return k.Selects(f.value) })
	case rulebook.ScoreNear:
		return may, j.onlyNear(ctx, k, p, may)
	}
	return may, forEach(ctx, len(may), func(i int) error {
		may[i] = may[i] && r.mayFindOne(k, j.candidates[i])
		return nil
	})
}

// mayFindOne is mayFind for the tests that ask a candidate at a time.
func (r *rules) mayFindOne(k *rulebook.Check, c *candidate) bool {
	j := r.probe
	switch p := k.Params.(type) {
	case rulebook.Declared:
		return (&finding{candidate: c}).testDeclared(p, r.now)
	case rulebook.MinPatch:
		return c.area.Float64() < p.AreaM2
	case rulebook.Neighbours:
		return j.besideClass(c, lookNear+max(0, r.now.Planning.TrackWidthM), func(class string) bool {
			return slices.ContainsFunc(p.Surrounded, func(row rulebook.Surrounding) bool { return slices.Contains(row.Classes, class) })
		})
	case rulebook.BeltWidth:
		return j.besideClass(c, p.TouchM, func(class string) bool {
			return slices.ContainsFunc(p.Along, func(row rulebook.Belt) bool { return slices.Contains(row.Classes, class) })
		})
	case rulebook.Derived:
		s := r.stored[c.key()]
		return s != nil && slices.ContainsFunc(s.findings, func(f storedFinding) bool {
			return f.outcome == outcomeHit && slices.Contains(p.Clauses, f.clause)
		})
	}
	return true
}

// besideClass tells whether a survey parcel of some class comes within d metres.
func (j *job) besideClass(c *candidate, d float64, wanted func(class string) bool) bool {
	return len(j.survey.mosaic.Near(j.shape(c), d+reachSlack, func(i int) bool { return wanted(j.survey.parcels[i].dlbm) })) > 0
}

// onlyMeeting leaves those of may that overlap a feature of a layer which is
// wanted.
func (j *job) onlyMeeting(ctx context.Context, kind string, may []bool, wanted func(*feature) bool) error {
	l := j.sources[kind]
	if l == nil {
		return nil // the present rulebook overlays no such layer: it stays with all
	}
	meets := make([]bool, len(may))
	for _, s := range l.sources {
		index, fids, err := newNative(j).layerIndex(ctx, s.table.table, s.table.dataset)
		if err != nil {
			return err
		}
		err = forEach(ctx, len(may), func(i int) error {
			c := j.candidates[i]
			if !may[i] || meets[i] {
				return nil
			}
			if c.prepared == nil || !c.prepared.Valid() {
				meets[i] = true
				return nil
			}
			overlaps, _ := index.OverlayExcept(c.prepared, false, func(f int) bool {
				place, ok := s.places[fids[f]]
				return !ok || l.isItself(place, c) || !wanted(&l.features[place])
			})
			meets[i] = len(overlaps) > 0
			return nil
		})
		if err != nil {
			return err
		}
	}
	copy(may, meets)
	return nil
}

// onlyNear leaves those of may that a feature which the check selects is near.
func (j *job) onlyNear(ctx context.Context, k *rulebook.Check, p rulebook.ScoreNear, may []bool) error {
	subjects := make([]*overlay.Shape, len(may))
	for i, c := range j.candidates {
		if may[i] {
			subjects[i] = j.shape(c)
		}
	}
	ask := j.nearFeatures
	if k.Layer == kindSurvey {
		ask = j.nearParcels
	}
	near, err := ask(ctx, k, p, subjects)
	if err != nil {
		return err
	}
	copy(may, near)
	return nil
}
