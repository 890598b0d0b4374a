package screening

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

// testBelt looks along every kind of linear land that the belt touches. It may
// be too wide beside one and lack a document beside another.
func (j *job) testBelt(ctx context.Context, f *finding, p rulebook.BeltWidth) ([]*finding, error) {
	c := f.candidate
	wide, missing := *f, *f
	length, breadth := rectangle(c.geom)
	if p.BeltRatio > 0 && length < p.BeltRatio*breadth && breadth > p.BeltBreadthM {
		return nil, nil
	}
	for _, row := range p.Along {
		along := j.survey.mosaic.Near(j.shape(c), p.TouchM, func(i int) bool {
			return slices.Contains(row.Classes, j.survey.parcels[i].dlbm)
		})
		if len(along) == 0 {
			continue
		}
		if p.BeltRatio > 0 {
			runs, err := j.runsAlong(ctx, c.geom, along, length, breadth, p.TouchM)
			if err != nil {
				return nil, err
			}
			if !runs {
				continue
			}
		}
		if len(row.Documents) > 0 && !slices.ContainsFunc(row.Documents, c.has) {
			missing.outcome = outcomeMissing
			missing.detail = documentsWanted(j.book, c, nil, row.Documents)
		}
		if row.MaxWidthM == 0 {
			continue
		}
		over, err := j.beyond(ctx, c.geom, along, row.MaxWidthM+p.ToleranceM)
		if err != nil {
			return nil, err
		}
		if len(over) == 0 {
			continue
		}
		width := strconv.FormatFloat(row.MaxWidthM, 'f', -1, 64)
		tolerance := strconv.FormatFloat(p.ToleranceM, 'f', -1, 64)
		wide.parts, wide.pending = append(wide.parts, part{geom: over}), asUnion
		wide.detail = [2]string{"限宽 " + width + " m，容许误差 " + tolerance + " m", "allowed width " + width + " m, tolerance " + tolerance + " m"}
		for _, i := range along {
			t := &j.survey.parcels[i]
			wide.features = append(wide.features, Feature{BSM: t.bsm, Code: t.tbbh, Name: t.dlmc, Level: t.dlbm})
		}
	}
	var found []*finding
	if wide.pending == asUnion {
		found = append(found, &wide)
	}
	if missing.outcome != "" {
		found = append(found, &missing)
	}
	return found, nil
}

// rectangle is the one with the area and perimeter of a shape, in metres of the
// plane: a measure of how narrow it is that small bends do not disturb.
func rectangle(shape orb.MultiPolygon) (length, breadth float64) {
	half, area := planar.Length(shape)/2, math.Abs(planar.Area(shape))
	root := math.Sqrt(max(0, half*half/4-area))
	return half/2 + root, half/2 - root
}

// runsAlong tells whether a strip runs along some survey parcels for at least
// half of its length: how long, a narrow zone beside them tells by its area.
func (j *job) runsAlong(ctx context.Context, strip orb.MultiPolygon, along []int, length, breadth, touch float64) (bool, error) {
	zone := touch + min(2, breadth/2)
	over, err := j.beyond(ctx, strip, along, zone)
	if err != nil {
		return false, err
	}
	return (land.AdditiveArea(strip, j.zone)-land.AdditiveArea(over, j.zone))/zone >= length/2, nil
}

// beyond takes away what lies within a width of some survey parcels.
func (j *job) beyond(ctx context.Context, rest orb.MultiPolygon, along []int, width float64) (orb.MultiPolygon, error) {
	for _, d := range j.of(kindSurvey) {
		var fids []int32
		for _, i := range along {
			if j.survey.parcels[i].dataset == d.ID {
				fids = append(fids, j.survey.parcels[i].fid)
			}
		}
		if len(fids) == 0 || len(rest) == 0 {
			continue
		}
		var err error
		if rest, err = j.engine.Beyond(ctx, rest, layerTable{table: "parcel", dataset: d.ID}, fids, width); err != nil {
			return nil, err
		}
	}
	return rest, nil
}
