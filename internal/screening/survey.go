package screening

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"
	"golang.org/x/sync/errgroup"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rulebook"
)

// survey is a version of the county's parcels (地类图斑) in memory: their
// attributes, and their shapes as a mosaic and an index with the same numbers.
// It is shared by runs; only clusters are added to it.
type survey struct {
	parcels  []parcel
	mosaic   *overlay.Mosaic
	index    *polygon.Layer
	features []feature
	fids     []int32
	places   map[int32]int32 // of a fid
	// bsm are those that the survey has.
	bsm map[string]bool

	mutex    sync.Mutex
	clusters map[string]*clusters
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
FROM parcel WHERE county_code = $1 AND dataset_id = $2 AND fid >= $3 AND fid < $4 ORDER BY fid`

// readSurvey takes the survey from the cache or loads it. A county has one at a
// time: only declarations have a scope.
func (j *job) readSurvey(ctx context.Context) (err error) {
	for _, d := range j.of(kindSurvey) {
		j.survey, err = j.loadSurvey(ctx, d.ID)
		return err
	}
	var none overlay.MosaicBuilder
	j.survey = &survey{clusters: map[string]*clusters{}, bsm: map[string]bool{}, mosaic: none.Build()}
	return nil
}

// parcelSize is what a parcel takes beside its coordinates, roughly.
const parcelSize = 700

func (j *job) loadSurvey(ctx context.Context, dataset uuid.UUID) (*survey, error) {
	return hold(ctx, j, cacheKey{j.county, dataset, "survey"}, func(ctx context.Context) (*survey, int64, error) {
		s, bytes, err := j.readParcels(ctx, dataset)
		if err != nil {
			return nil, 0, fmt.Errorf("read the survey: %w", err)
		}
		return s, bytes + s.index.Bytes() + int64(len(s.parcels))*parcelSize, nil
	})
}

// readParcels reads the survey in two halves at once: PostgreSQL and this program
// both have work to do for every row.
func (j *job) readParcels(ctx context.Context, dataset uuid.UUID) (*survey, int64, error) {
	var first, last int32
	err := j.db.Pool.QueryRow(ctx, `SELECT coalesce(min(fid), 0), coalesce(max(fid), -1) FROM parcel WHERE county_code = $1 AND dataset_id = $2`,
		j.county, dataset).Scan(&first, &last)
	if err != nil {
		return nil, 0, err
	}
	var halves [2]surveyPart
	middle := first + (last-first+1)/2
	group, readCtx := errgroup.WithContext(ctx)
	for i, r := range [2][2]int32{{first, middle}, {middle, last + 1}} {
		group.Go(func() error { return j.readParcelRange(readCtx, dataset, r[0], r[1], &halves[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	a, b := &halves[0], &halves[1]
	s := &survey{clusters: map[string]*clusters{}, bsm: map[string]bool{}, places: map[int32]int32{}}
	s.parcels = slices.Concat(a.parcels, b.parcels)
	a.mosaic.Append(&b.mosaic)
	// Much of each is sorting, which one processor does.
	var assembly errgroup.Group
	assembly.Go(func() (err error) {
		s.index, err = polygon.Index(append(a.shapes, b.shapes...), j.zone)
		return err
	})
	assembly.Go(func() error {
		s.mosaic = a.mosaic.Build()
		j.prepareClusters(s)
		return nil
	})
	assembly.Go(func() error {
		s.name()
		return nil
	})
	return s, a.bytes + b.bytes, assembly.Wait()
}

// surveyPart is some of the survey, as it is read.
type surveyPart struct {
	parcels []parcel
	shapes  []orb.MultiPolygon
	mosaic  overlay.MosaicBuilder
	bytes   int64
}

// readParcelRange reads the parcels with from ≤ fid < to.
func (j *job) readParcelRange(ctx context.Context, dataset uuid.UUID, from, to int32, out *surveyPart) error {
	// The same few codes stand in every row: keep one copy of each.
	words := map[string]string{}
	word := func(s *string) {
		if w, ok := words[*s]; ok {
			*s = w
			return
		}
		words[*s] = *s
	}
	rows, err := j.db.Pool.Query(ctx, parcelsSQL, j.county, dataset, from, to)
	if err != nil {
		return err
	}
	var (
		p       parcel
		kcxs    string
		geom    pgtype.DriverBytes
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
		p.dataset, p.m2 = dataset, land.AdditiveArea(shape, j.zone)
		for _, s := range []*string{&p.dlbm, &p.dlmc, &p.qsxz, &p.gdlx, &p.gdpdjb, &p.tbxhdm, &p.zzsxdm, &p.czcsxm} {
			word(s)
		}
		out.parcels, out.shapes = append(out.parcels, p), append(out.shapes, shape)
		out.mosaic.Add(shape)
		out.bytes += mosaicBytes(shape)
		return nil
	})
	return err
}

// name makes what is asked of parcels by name.
func (s *survey) name() {
	s.features, s.fids = make([]feature, len(s.parcels)), make([]int32, len(s.parcels))
	for i := range s.parcels {
		p := &s.parcels[i]
		s.features[i] = feature{bsm: p.bsm, code: p.tbbh, name: p.dlmc, level: p.dlbm, parcel: p}
		s.fids[i], s.places[p.fid] = p.fid, int32(i)
		s.bsm[p.bsm] = true
	}
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
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.clusters[key] != nil {
		return
	}
	s.clusters[key] = s.cluster(gap, func(i int) bool { return k.Selects(s.parcels[i].value) })
}

func (s *survey) cluster(gap float64, selected func(int) bool) *clusters {
	c := &clusters{root: s.mosaic.Clusters(gap, selected), m2: map[int]float64{}}
	for i, root := range c.root {
		if root >= 0 {
			c.m2[root] += s.parcels[i].m2
		}
	}
	return c
}

func (s *survey) prepared(k *rulebook.Check, gap float64) *clusters {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.clusters[clusterKey(k, gap)]
}
