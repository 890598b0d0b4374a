package screening

import (
	"context"
	"slices"
	"strconv"

	"github.com/paulmach/orb"

	"gengheng/internal/rulebook"
)

// testBelt looks along every kind of linear land that the belt touches. It may
// be too wide beside one and lack a document beside another.
func (j *job) testBelt(ctx context.Context, f *finding, p rulebook.BeltWidth) ([]*finding, error) {
	c := f.candidate
	wide, missing := *f, *f
	for _, row := range p.Along {
		along := j.survey.mosaic.Near(c.geom, p.TouchM, func(i int) bool {
			return slices.Contains(row.Classes, j.survey.parcels[i].dlbm)
		})
		if len(along) == 0 {
			continue
		}
		if len(row.Documents) > 0 && !slices.ContainsFunc(row.Documents, c.has) {
			missing.outcome = outcomeMissing
			missing.detail = documentsWanted(j.book, nil, row.Documents)
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
			wide.features = append(wide.features, touched{BSM: t.bsm, Code: t.tbbh, Name: t.dlmc, Level: t.dlbm})
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
