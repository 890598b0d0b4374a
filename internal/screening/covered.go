package screening

import (
	"context"
	"fmt"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
)

// cover computes how much of each candidate each clause hits: several checks of
// a clause may find the same land, which counts once. Where one of them knows
// how much but not where (cells of a DEM), the greatest amount stands.
func (j *job) cover(ctx context.Context) error {
	j.covered = make([]map[string]float64, len(j.findings))
	type place struct {
		candidate int
		clause    string
	}
	var (
		places []place
		sets   [][]orb.MultiPolygon
	)
	for i, list := range j.findings {
		j.covered[i] = map[string]float64{}
		shapes := map[string][]orb.MultiPolygon{}
		for _, f := range list {
			if f.outcome != outcomeHit || !f.measured {
				continue
			}
			id := f.clause.ID
			j.covered[i][id] = max(j.covered[i][id], f.m2)
			if len(f.geom) > 0 {
				shapes[id] = append(shapes[id], f.geom)
				if len(shapes[id]) == 2 {
					places = append(places, place{i, id})
				}
			}
		}
		for _, p := range places[len(sets):] {
			sets = append(sets, shapes[p.clause])
		}
	}
	unions, err := j.engine.Union(ctx, sets)
	if err != nil {
		return fmt.Errorf("merge what clauses cover: %w", err)
	}
	for n, p := range places {
		j.covered[p.candidate][p.clause] = max(j.covered[p.candidate][p.clause], land.AdditiveArea(unions[n], j.zone))
	}
	return nil
}
