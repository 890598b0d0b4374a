package screening

import (
	"context"
	"math"
	"slices"

	"github.com/google/uuid"

	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
)

// near answers every score_near check for all candidates at once.
func (j *job) near(ctx context.Context) (map[*rulebook.Check][]bool, error) {
	answers := map[*rulebook.Check][]bool{}
	for i := range j.book.Clauses {
		clause := &j.book.Clauses[i]
		for n := range clause.Checks {
			k := &clause.Checks[n]
			p, ok := k.Params.(rulebook.ScoreNear)
			if !ok {
				continue
			}
			subjects := make([]*overlay.Shape, len(j.candidates))
			for _, c := range j.candidates {
				if c.direction == clause.Direction && j.applies(k, c) {
					subjects[c.index] = j.shape(c)
				}
			}
			var (
				answer []bool
				err    error
			)
			if k.Layer == kindSurvey {
				answer, err = j.nearParcels(ctx, k, p, subjects)
			} else {
				answer, err = j.nearFeatures(ctx, k, p, subjects)
			}
			if err != nil {
				return nil, err
			}
			answers[k] = answer
		}
	}
	return answers, nil
}

// nearParcels asks the survey in memory, which is there for other checks anyway.
func (j *job) nearParcels(ctx context.Context, k *rulebook.Check, p rulebook.ScoreNear, subjects []*overlay.Shape) ([]bool, error) {
	answer := make([]bool, len(subjects))
	selects := func(i int) bool { return k.Selects(j.survey.parcels[i].value) }
	err := forEach(ctx, len(subjects), func(i int) error {
		answer[i] = subjects[i] != nil && len(j.survey.mosaic.Near(subjects[i], p.WithinM, selects)) > 0
		return nil
	})
	return answer, err
}

func (j *job) nearFeatures(ctx context.Context, k *rulebook.Check, p rulebook.ScoreNear, subjects []*overlay.Shape) ([]bool, error) {
	answer := make([]bool, len(subjects))
	for _, d := range j.of(k.Layer) {
		fids, err := j.selectedFids(ctx, k, d)
		if err != nil {
			return nil, err
		}
		found, err := j.engine.Near(ctx, subjects, layerTable{table: tableOf(k.Layer), dataset: d.ID}, fids, p.WithinM)
		if err != nil {
			return nil, err
		}
		for i, yes := range found {
			answer[i] = answer[i] || yes
		}
	}
	return answer, nil
}

// selectedFids are the fids of a dataset's features that a check selects, sorted;
// computed once for a job.
func (j *job) selectedFids(ctx context.Context, k *rulebook.Check, d dataset) ([]int32, error) {
	type key struct {
		check   *rulebook.Check
		dataset uuid.UUID
	}
	if fids, ok := j.held.Load(key{k, d.ID}); ok {
		return fids.([]int32), nil
	}
	l := &layer{kind: k.Layer}
	places, err := j.readFeatures(ctx, l, d)
	if err != nil {
		return nil, err
	}
	fids := []int32{}
	for fid, place := range places {
		if k.Selects(l.features[place].value) {
			fids = append(fids, fid)
		}
	}
	slices.Sort(fids)
	j.held.Store(key{k, d.ID}, fids)
	return fids, nil
}

// prepareClusters computes the clusters that the checks of the rulebook ask for, those
// that the survey does not have yet.
func (j *job) prepareClusters(s *survey) {
	if j.book.Remainder.Merge {
		s.fields(touching)
	}
	for i := range j.book.Clauses {
		for n := range j.book.Clauses[i].Checks {
			k := &j.book.Clauses[i].Checks[n]
			switch p := k.Params.(type) {
			case rulebook.ScoreCluster:
				s.prepare(k, p.GapM)
			case rulebook.MinPatch:
				s.fields(p.TouchM)
			}
		}
	}
}

// score gives every priority clause its 0…1.
func (j *job) score(v *verdict, near map[*rulebook.Check][]bool) {
	c := v.candidate
	for i := range j.book.Clauses {
		clause := &j.book.Clauses[i]
		if clause.Direction != c.direction {
			continue
		}
		sum, scored := 0.0, false
		for n := range clause.Checks {
			k := &clause.Checks[n]
			if k.Severity != rulebook.Score {
				continue
			}
			scored = true
			if j.applies(k, c) && j.present(k) {
				sum += j.scoreCheck(c, k, near)
			}
		}
		if scored {
			// Six decimals are more than any weight can tell apart.
			v.scores[clause.ID] = math.Round(min(1, max(0, sum))*1e6) / 1e6
		}
	}
}

func (j *job) scoreCheck(c *candidate, k *rulebook.Check, near map[*rulebook.Check][]bool) float64 {
	switch p := k.Params.(type) {
	case rulebook.ScoreShare:
		in, _ := j.selected(&finding{candidate: c, check: k}, every)
		if c.m2 > 0 {
			return p.Weight * min(1, sum(in)/c.m2)
		}
	case rulebook.ScoreGrade:
		return j.scoreGrade(c, k, p)
	case rulebook.ScoreCluster:
		return j.scoreCluster(c, k, p)
	case rulebook.ScoreNear:
		if near[k][c.index] {
			return p.Weight
		}
	case rulebook.ScoreSize:
		return min(1, c.area.Float64()/p.FullM2)
	}
	return 0
}

func (j *job) scoreGrade(c *candidate, k *rulebook.Check, p rulebook.ScoreGrade) float64 {
	l := j.layers[k.Layer]
	if l == nil {
		return 0
	}
	var graded, weight float64
	for _, part := range l.parts[c.index] {
		if parcel := l.features[part.fid].parcel; parcel.gddb > 0 {
			graded, weight = graded+part.m2*float64(parcel.gddb), weight+part.m2
		}
	}
	if weight == 0 {
		return 0
	}
	return min(1, max(0, (graded/weight-p.Best)/(p.Worst-p.Best)))
}

// scoreCluster adds up the clusters that the candidate lies in or would join.
func (j *job) scoreCluster(c *candidate, k *rulebook.Check, p rulebook.ScoreCluster) float64 {
	cluster := j.survey.prepared(k, p.GapM)
	m2 := 0.0
	var seen []int
	for _, i := range j.survey.mosaic.Near(j.shape(c), p.GapM, func(i int) bool { return cluster.root[i] >= 0 }) {
		if root := cluster.root[i]; !slices.Contains(seen, root) {
			seen = append(seen, root)
			m2 += cluster.m2[root]
		}
	}
	score := min(1, m2/p.FullM2)
	if p.Prefer == rulebook.PreferSmall {
		return 1 - score
	}
	return score
}
