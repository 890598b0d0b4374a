package planning

import (
	"context"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/planning/adjacency"
)

// A scrap is what two drawings of one line leave of a parcel: under 10 m²
// (碎片多边形) or less than half a metre wide. Nobody farms it. Left as a field
// of its own, a drawing that is off by a hand's width would look like a hundred
// metres of new field edge.
const (
	scrapArea  = 10.0 // m²
	scrapWidth = 0.5  // m
)

// scrapOwners gives scraps to the outgoing candidates that made them.
type scrapOwners struct {
	zone     land.Zone
	byNumber map[string]*candidate
	scraps   map[*candidate]orb.MultiPolygon
}

func newScrapOwners(s *survey, o Options) *scrapOwners {
	w := &scrapOwners{zone: s.zone, byNumber: map[string]*candidate{}, scraps: map[*candidate]orb.MultiPolygon{}}
	for _, c := range s.candidates {
		if c.direction == "out" && o.takesPart(c) {
			w.byNumber[c.number] = c
		}
	}
	return w
}

// share gives every scrap of a cut parcel to the candidate that shares most
// boundary with it and returns what stays of the parcel.
func (w *scrapOwners) share(ctx context.Context, p fixedParcel) (orb.MultiPolygon, error) {
	if len(p.cutBy) == 0 {
		return p.geom, nil
	}
	var kept orb.MultiPolygon
	scraps := append(orb.MultiPolygon{}, p.scraps...)
	for _, poly := range p.geom {
		if land.AdditiveArea(orb.MultiPolygon{poly}, w.zone) < scrapArea {
			scraps = append(scraps, poly)
		} else {
			kept = append(kept, poly)
		}
	}
	for _, scrap := range scraps {
		owner, err := w.owner(ctx, scrap, p.cutBy)
		if err != nil {
			return nil, err
		}
		if owner == nil {
			kept = append(kept, scrap)
			continue
		}
		w.scraps[owner] = append(w.scraps[owner], scrap)
	}
	return kept, nil
}

func (w *scrapOwners) owner(ctx context.Context, scrap orb.Polygon, numbers []string) (*candidate, error) {
	req := adjacency.Request{Units: []orb.MultiPolygon{{scrap}}, Touch: touch}
	var candidates []*candidate
	for _, number := range numbers {
		if c := w.byNumber[number]; c != nil {
			candidates = append(candidates, c)
			req.Units = append(req.Units, c.geom)
		}
	}
	g, err := adjacency.Build(ctx, req)
	if err != nil {
		return nil, err
	}
	var best *candidate
	longest := 0.0
	for _, e := range g.Edges {
		if e.A == 0 && e.Length > longest {
			best, longest = candidates[e.B-1], e.Length
		}
	}
	return best, nil
}

// withScraps is the candidate's land as a unit: the scraps lie beside it, and
// where they touch it is inside the unit.
func (w *scrapOwners) withScraps(c *candidate) orb.MultiPolygon {
	own := w.scraps[c]
	if len(own) == 0 {
		return c.geom
	}
	return append(append(orb.MultiPolygon{}, c.geom...), own...)
}
