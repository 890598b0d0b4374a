package screening

import (
	"cmp"
	"slices"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// Summary is screening_run.summary.
type Summary struct {
	Candidates map[rulebook.Direction]int            `json:"candidates"`
	Verdicts   map[rulebook.Direction]map[string]int `json:"verdicts"`
	Clauses    []ClauseSummary                       `json:"clauses"`
	// Overlay says how the run was computed; no answer depends on it.
	Overlay OverlayCounts `json:"overlay"`
}

// OverlayCounts are the pairs of candidate and feature that were overlaid in
// memory, and the answers that were in doubt and so computed by PostGIS.
type OverlayCounts struct {
	Pairs    int64 `json:"pairs"`
	Doubtful int64 `json:"doubtful"`
}

// ClauseSummary counts candidates by outcome of one clause: Candidates did not
// pass it, because of a hit or because something is missing (Missing of them).
// OverlapM2 sums over the candidates what the clause hits of each, rounded to
// 0.01 m²; what several of its checks find counts once.
type ClauseSummary struct {
	Clause     string    `json:"clause"`
	Candidates int       `json:"candidates"`
	OverlapM2  land.Area `json:"overlap_m2"`
	Tolerated  int       `json:"tolerated"`
	Missing    int       `json:"missing"`
}

// tally adds up what jobs have judged.
type tally struct {
	candidates map[rulebook.Direction]int
	verdicts   map[rulebook.Direction]map[string]int
	clauses    map[string]*ClauseSummary
}

func newTally() *tally {
	t := &tally{candidates: map[rulebook.Direction]int{}, verdicts: map[rulebook.Direction]map[string]int{}, clauses: map[string]*ClauseSummary{}}
	for _, d := range []rulebook.Direction{rulebook.In, rulebook.Out} {
		t.candidates[d] = 0
		t.verdicts[d] = map[string]int{verdictEligible: 0, verdictClip: 0, verdictReview: 0, verdictForbidden: 0, verdictUnknown: 0}
	}
	return t
}

// add counts the candidates of a job.
func (t *tally) add(j *job) {
	for i, v := range j.verdicts {
		t.candidates[v.candidate.direction]++
		t.verdicts[v.candidate.direction][v.name]++
		t.addFindings(j.findings[i], j.covered[i])
	}
}

// addFindings counts what one candidate has against it: once by clause and kind.
func (t *tally) addFindings(findings []*finding, covered map[string]float64) {
	counted := map[string]bool{}
	for _, f := range findings {
		c := t.clauses[f.clause.ID]
		if c == nil {
			c = &ClauseSummary{Clause: f.clause.ID}
			t.clauses[f.clause.ID] = c
		}
		if m2, ok := covered[f.clause.ID]; ok && !counted[f.clause.ID] {
			counted[f.clause.ID] = true
			c.OverlapM2 += rounded(m2)
		}
		once := func(what string, n *int) {
			if key := f.clause.ID + " " + what; !counted[key] {
				counted[key] = true
				*n++
			}
		}
		switch f.outcome {
		case outcomeHit:
			once("not passed", &c.Candidates)
		case outcomeTolerated:
			once(f.outcome, &c.Tolerated)
		case outcomeMissing:
			once("not passed", &c.Candidates)
			once(f.outcome, &c.Missing)
		}
	}
}

// summary is what has been counted.
func (t *tally) summary(n *counts) Summary {
	s := Summary{Candidates: t.candidates, Verdicts: t.verdicts, Clauses: []ClauseSummary{},
		Overlay: OverlayCounts{Pairs: n.pairs.Load(), Doubtful: n.doubtful.Load()}}
	for _, c := range t.clauses {
		s.Clauses = append(s.Clauses, *c)
	}
	slices.SortFunc(s.Clauses, func(a, b ClauseSummary) int { return cmp.Compare(a.Clause, b.Clause) })
	return s
}
