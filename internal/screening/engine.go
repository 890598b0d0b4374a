package screening

import (
	"cmp"
	"context"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"gengheng/internal/overlay"
)

// engine computes with polygons of the county's plane. It is the seam at which
// the overlay can be computed by something else than PostGIS; what it gives
// back must be the exact intersection, union or difference, so that no answer
// depends on which engine gave it.
type engine interface {
	// Overlaps gives the parts of layer features that lie inside each subject.
	// A feature may come in several parts that do not overlap each other. Parts
	// without area do not come. emit is called from several goroutines, but for
	// one subject from one at a time. Pairs for which skip says so need not come.
	Overlaps(ctx context.Context, subjects []orb.MultiPolygon, layer layerTable, skip func(subject int, fid int32) bool, emit func(subject int, p part)) error
	// Union merges each set into one polygon; nil for an empty set.
	Union(ctx context.Context, sets [][]orb.MultiPolygon) ([]orb.MultiPolygon, error)
	// Intersection is what a[i] and b[i] have in common.
	Intersection(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error)
	// Difference takes b[i] away from a[i].
	Difference(ctx context.Context, a, b []orb.MultiPolygon) ([]orb.MultiPolygon, error)
	// Near says which subjects, nil for none, come within d metres of one of the
	// features, whose fids are sorted.
	Near(ctx context.Context, subjects []*overlay.Shape, layer layerTable, fids []int32, d float64) ([]bool, error)
	// Opened is each polygon without what is narrower than width metres, a little
	// widened (see openedBy): what of a polygon lies outside it is narrow.
	Opened(ctx context.Context, subjects []orb.MultiPolygon, width float64) ([]orb.MultiPolygon, error)
	// Beyond is the part of the subject farther than width metres from all of
	// the features.
	Beyond(ctx context.Context, subject orb.MultiPolygon, layer layerTable, fids []int32, width float64) (orb.MultiPolygon, error)
}

// layerTable is a dataset version whose geometry is to be overlaid.
type layerTable struct {
	// table is parcel, layer_feature or candidate.
	table   string
	dataset uuid.UUID
}

// part is where one feature lies inside one subject.
type part struct {
	fid  int32
	geom orb.MultiPolygon
	// m2 is the additive ellipsoidal area of geom.
	m2 float64
	// order tells apart the parts of one feature.
	order int32
}

// comparePart orders the parts of one subject.
func comparePart(a, b part) int {
	return cmp.Or(cmp.Compare(a.fid, b.fid), cmp.Compare(a.order, b.order))
}
