package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/collection"
)

// DescribeExtent counts what touches an extent of the map: land classes, and
// declared parcels by verdict.
func (s *server) DescribeExtent(c echo.Context, county CountyPath, year YearPath, params DescribeExtentParams) error {
	ctx := c.Request().Context()
	box, err := boxOf(params.Bbox)
	if err != nil {
		return err
	}
	out := Extent{Bbox: box[:], Year: year, LandClasses: []ExtentClass{}, Declared: []ExtentVerdict{}, Items: []ExtentCandidate{}}
	limit := 200
	if params.Limit != nil {
		limit = *params.Limit
	}
	err = s.readSnapshot(ctx, func(q collection.Querier) error {
		cat, err := s.extents.Catalogue(ctx, q, county)
		if err != nil {
			return err
		}
		actor, _ := access.From(ctx)
		for _, col := range cat.Collections {
			if col.ID != "parcels" && col.Direction == "" {
				continue
			}
			t, err := s.extents.Touching(ctx, q, col, actor.Township, box)
			if err != nil {
				return err
			}
			if col.Direction == "" {
				out.LandClasses, err = s.classesIn(ctx, q, col, t)
			} else {
				err = out.declared(ctx, q, col, t.OfYear(year), params.Verdict, limit)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if slow := collection.TooSlow(err); slow != nil {
		err = slow
	}
	if err != nil {
		return collectionProblem(err)
	}
	return c.JSON(http.StatusOK, out)
}

func (s *server) classesIn(ctx context.Context, q collection.Querier, col *collection.Collection, t collection.Touching) ([]ExtentClass, error) {
	list, err := s.extents.Tally(ctx, q, col, t, "dlbm", "area_m2")
	out := make([]ExtentClass, len(list))
	for i, v := range list {
		out[i] = ExtentClass{Dlbm: v.Group, Count: v.Count, AreaM2: v.Sums[0]}
	}
	return out, err
}

// declared adds a direction's parcels: the counts of all, and the first of those
// that are asked for.
func (e *Extent) declared(ctx context.Context, q collection.Querier, col *collection.Collection, t collection.Touching, verdicts *[]string, limit int) error {
	tallies, err := col.TallyBy(ctx, q, t, "verdict", "area_m2", "net_m2")
	if err != nil {
		return err
	}
	wanted := func(string) bool { return true }
	if verdicts != nil {
		names := map[string]bool{}
		for _, v := range *verdicts {
			names[strings.TrimPrefix(v, pendingVerdict)] = true
		}
		wanted = func(v string) bool { return names[v] }
		t = t.OfVerdicts(keysOf(names))
	}
	for _, v := range tallies {
		row := ExtentVerdict{Direction: Direction(col.Direction), Count: v.Count, AreaM2: v.Sums[0], NetM2: v.Sums[1]}
		if v.Group != "" {
			name := VerdictName(v.Group)
			row.Verdict = &name
		}
		e.Declared = append(e.Declared, row)
		if wanted(v.Group) {
			e.Total += v.Count
		}
	}
	list, err := col.DeclaredIn(ctx, q, t, limit-len(e.Items))
	for _, v := range list {
		item := ExtentCandidate{Direction: Direction(v.Direction), Number: v.Number, TownshipCode: v.Township, BaseDlbm: v.Base, TargetDlbm: v.Target, AreaM2: v.Area, Bbox: v.Box[:]}
		if v.Verdict != "" {
			name := VerdictName(v.Verdict)
			item.Verdict = &name
		}
		if v.Net != "" {
			item.NetM2 = text(v.Net)
		}
		e.Items = append(e.Items, item)
	}
	return err
}

// pendingVerdict is what a parcel without a verdict is asked for by.
const pendingVerdict = "pending"

func keysOf(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	return out
}

// boxOf reads west,south,east,north in degrees.
func boxOf(v string) (box [4]float64, err error) {
	parts := strings.Split(v, ",")
	bad := badRequest("bbox", fmt.Sprintf("bbox %q 应为“西,南,东,北”四个经纬度，西不大于东，南不大于北。 bbox is west,south,east,north in degrees.", collection.Excerpt(v)))
	if len(parts) != 4 {
		return box, bad
	}
	for i, p := range parts {
		n, perr := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if perr != nil || math.IsNaN(n) || math.Abs(n) > []float64{180, 90}[i%2] {
			return box, bad
		}
		box[i] = n
	}
	if box[0] > box[2] || box[1] > box[3] {
		return box, bad
	}
	return box, nil
}
