package screening

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
)

// survey is the county's parcels (地类图斑) in memory: their attributes, and
// their shapes as a mosaic with the same numbers.
type survey struct {
	parcels  []parcel
	mosaic   *overlay.Mosaic
	clusters map[string]*clusters
	// bsm are those of the BSM that candidates declare which the survey has.
	bsm map[string]bool
}

// parcel is one row of DLTB.
type parcel struct {
	dataset uuid.UUID
	fid     int32
	bsm     string
	tbbh    string
	dlbm    string
	dlmc    string
	qsxz    string
	gdlx    string
	gdpdjb  string
	tbxhdm  string
	zzsxdm  string
	czcsxm  string
	// gddb is 耕地等别 1 (best) to 15; 0 where the survey has none.
	gddb int
	// tbmj is 0 where noTBMJ.
	tbmj   land.Area
	noTBMJ bool
	kcxs   land.RidgeCoefficient
	// m2 is the additive area of the geometry.
	m2 float64
}

func (p *parcel) value(field string) string {
	switch field {
	case "dlbm":
		return p.dlbm
	case "czcsxm":
		return p.czcsxm
	case "tbxhdm":
		return p.tbxhdm
	case "zzsxdm":
		return p.zzsxdm
	case "gdlx":
		return p.gdlx
	case "gdpdjb":
		return p.gdpdjb
	case "qsxz":
		return p.qsxz
	}
	return ""
}

// A survey without TBMJ is counted by its geometry.
const parcelsSQL = `
SELECT fid, coalesce(bsm, ''), coalesce(tbbh, ''), dlbm, coalesce(dlmc, ''), coalesce(qsxz, ''), coalesce(gdlx, ''),
       coalesce(gdpdjb, ''), coalesce(tbxhdm, ''), coalesce(zzsxdm, ''), coalesce(czcsxm, ''), coalesce(gddb, 0),
       coalesce(tbmj, 0)::text, tbmj IS NULL, coalesce(kcxs, 0)::text, ST_AsBinary(geom)
FROM parcel WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`

func (j *job) readSurvey(ctx context.Context) error {
	j.survey = &survey{clusters: map[string]*clusters{}, bsm: map[string]bool{}}
	declared := map[string]bool{}
	for _, c := range j.candidates {
		declared[c.baseBSM] = true
	}
	var mosaic overlay.MosaicBuilder
	// The same few codes stand in every row: keep one copy of each.
	words := map[string]string{}
	word := func(s string) string {
		if w, ok := words[s]; ok {
			return w
		}
		words[s] = s
		return s
	}
	for _, d := range j.of(kindSurvey) {
		rows, err := j.db.Pool.Query(ctx, parcelsSQL, j.county, d.ID)
		if err != nil {
			return fmt.Errorf("read the survey: %w", err)
		}
		var (
			p       parcel
			kcxs    string
			geom    []byte
			targets = []any{&p.fid, &p.bsm, &p.tbbh, &p.dlbm, &p.dlmc, &p.qsxz, &p.gdlx, &p.gdpdjb, &p.tbxhdm,
				&p.zzsxdm, &p.czcsxm, &p.gddb, &p.tbmj, &p.noTBMJ, &kcxs, &geom}
		)
		_, err = pgx.ForEachRow(rows, targets, func() error {
			shape, err := decode(geom)
			if err != nil {
				return err
			}
			if p.kcxs, err = land.ParseRidgeCoefficient(kcxs); err != nil {
				return err
			}
			if declared[p.bsm] {
				j.survey.bsm[p.bsm] = true
			}
			p.dataset, p.m2 = d.ID, land.AdditiveArea(shape, j.zone)
			for _, s := range []*string{&p.dlbm, &p.dlmc, &p.qsxz, &p.gdlx, &p.gdpdjb, &p.tbxhdm, &p.zzsxdm, &p.czcsxm} {
				*s = word(*s)
			}
			j.survey.parcels = append(j.survey.parcels, p)
			mosaic.Add(shape)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the survey: %w", err)
		}
	}
	j.survey.mosaic = mosaic.Build()
	return nil
}

// isTrack tells the narrow land that does not separate fields: 农村道路、沟渠、干渠、
// 田坎.
func (s *survey) isTrack(i int) bool {
	switch s.parcels[i].dlbm {
	case "1006", "1107", "1107A", "1203":
		return true
	}
	return false
}

// clusters are the contiguous groups of the parcels that a check selects.
type clusters struct {
	// root is the smallest number of a parcel's cluster, -1 for parcels that
	// are not selected; m2 is a cluster's area by its root.
	root []int
	m2   map[int]float64
}

func clusterKey(k *rulebook.Check, gap float64) string { return fmt.Sprintf("%v %g", k.Where, gap) }

// prepare computes the clusters of a check's parcels up to gap metres apart.
func (s *survey) prepare(k *rulebook.Check, gap float64) {
	key := clusterKey(k, gap)
	if s.clusters[key] != nil {
		return
	}
	c := &clusters{root: s.mosaic.Clusters(gap, func(i int) bool { return k.Selects(s.parcels[i].value) }), m2: map[int]float64{}}
	for i, root := range c.root {
		if root >= 0 {
			c.m2[root] += s.parcels[i].m2
		}
	}
	s.clusters[key] = c
}

func (s *survey) prepared(k *rulebook.Check, gap float64) *clusters {
	return s.clusters[clusterKey(k, gap)]
}
