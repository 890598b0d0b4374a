package screening

import (
	"context"
	"fmt"
	"math"

	"github.com/paulmach/orb"

	"gengheng/internal/overlay/polygon"
)

// grid is the rounding of coordinates that files have, metres: the four decimals
// of the survey's standard (TD/T 1016).
const grid = 0.0001

// snappedSQL puts vertices that lie within the grid of an edge into that edge, and
// makes what then touches itself valid: a hole along the boundary becomes a
// notch. No vertex moves.
const snappedSQL = `
SELECT u.id, ST_AsBinary(ST_CollectionExtract(ST_MakeValid(ST_Snap(g.geom, ST_Points(g.geom), 0.0001), 'method=structure'), 3))
FROM unnest($1::integer[], $2::bytea[]) AS u (id, wkb), ST_GeomFromWKB(u.wkb) AS g (geom)`

// deliverable puts those remainders right that would be invalid in a file. What
// is cut away has vertices that were rounded when it was computed; where one lies
// on the boundary of the parcel, it may be a ten-billionth of a metre inside, and
// the cut is a hole that all but touches instead of a notch. Others stay as they
// are.
func (j *job) deliverable(ctx context.Context, rests []orb.MultiPolygon) error {
	b := newPostGIS(j.db.Pool, j.county, j.srid, j.zone).batch(ctx, snappedSQL, 1, rests)
	var rounded orb.MultiPolygon
	for i, rest := range rests {
		rounded = roundedTo(rounded, rest)
		ok, err := holds(rounded)
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		if err := b.add(i, rest); err != nil {
			return err
		}
		b.send(batchBytes)
	}
	if err := b.wait(); err != nil {
		return fmt.Errorf("round the remainder: %w", err)
	}
	return nil
}

// holdsOnGrid tells whether a polygon is valid still when it is rounded.
func holdsOnGrid(mp orb.MultiPolygon) (bool, error) { return holds(roundedTo(nil, mp)) }

// roundedTo is a polygon rounded to the grid, in the memory of an earlier one.
func roundedTo(used, mp orb.MultiPolygon) orb.MultiPolygon {
	out := used[:0]
	for i, p := range mp {
		var rings orb.Polygon
		if i < cap(used) {
			rings = used[:i+1][i][:0]
		}
		for k, r := range p {
			var ring orb.Ring
			if k < cap(rings) {
				ring = rings[:k+1][k][:0]
			}
			for _, v := range r {
				ring = append(ring, orb.Point{math.Round(v[0]/grid) * grid, math.Round(v[1]/grid) * grid})
			}
			rings = append(rings, ring)
		}
		out = append(out, rings)
	}
	return out
}

func holds(mp orb.MultiPolygon) (bool, error) {
	if len(mp) == 0 {
		return true, nil
	}
	c, err := polygon.Prepare(mp)
	if err != nil {
		return false, err
	}
	return c.Valid(), nil
}
