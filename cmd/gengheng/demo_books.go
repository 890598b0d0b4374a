package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/paulmach/orb"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/geodata"
	"gengheng/internal/land"
)

// yearSummary is the year in summary.json: how far each township has come, net
// area (TBDLMJ).
type yearSummary struct {
	Year      int            `json:"year"`
	Records   map[string]int `json:"records"` // by state
	Townships []yearTownship `json:"townships"`
}

type yearTownship struct {
	Code          string    `json:"code"`
	PlannedIn     land.Area `json:"planned_in_m2"`
	PlannedOut    land.Area `json:"planned_out_m2"`
	AcceptedIn    land.Area `json:"accepted_in_m2"`
	ExecutedOut   land.Area `json:"executed_out_m2"`
	RecognisedIn  land.Area `json:"recognised_in_m2"`
	RecognisedOut land.Area `json:"recognised_out_m2"`
	TransferIn    land.Area `json:"transfer_in_m2"`
	TransferOut   land.Area `json:"transfer_out_m2"`
	Carried       land.Area `json:"carried_m2"` // to next year, net of what is owed
}

// shortYear carries the plan through its year and returns the books.
func (c *demoCmd) shortYear(ctx context.Context, addr string, cr *carrier, got *carried) (*yearSummary, error) {
	y := &workedYear{server: "http://" + addr, county: cr.c.County, year: cr.year, plan: got.plan.PlanId, zone: land.Zone{Number: 37}, each: 6,
		as: func(capacity string) (client.RequestEditorFn, error) { return client.WithRole(capacity), nil }}
	targets := map[string]string{}
	var err error
	if y.boundaries, err = planned(ctx, filepath.Join(c.Out, "plan.gpkg"), c.GDALChild, targets); err != nil {
		return nil, err
	}
	y.resurvey = func(ctx context.Context, accepted, executed []client.Record) error {
		return c.resurvey(ctx, cr, y, targets, accepted, executed)
	}
	sides, err := y.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("年度流程 · the year: %w", err)
	}
	all, err := y.records(ctx, client.ListRecordsParams{})
	if err != nil {
		return nil, err
	}
	s := &yearSummary{Year: y.year, Records: map[string]int{}}
	for _, r := range all {
		s.Records[string(r.State)]++
	}
	return s, s.fill(sides)
}

// fill takes the areas over from the books.
func (s *yearSummary) fill(sides []client.LedgerSide) error {
	by := map[string]*yearTownship{}
	for _, side := range sides {
		if side.Measure != "area" {
			continue
		}
		t := &yearTownship{Code: side.TownshipCode}
		var carriedOut land.Area
		for _, v := range []struct {
			from *client.AreaM2
			to   *land.Area
		}{
			{side.PlannedInM2, &t.PlannedIn}, {side.PlannedOutM2, &t.PlannedOut}, {side.AcceptedInM2, &t.AcceptedIn}, {side.ExecutedOutM2, &t.ExecutedOut},
			{side.RecognisedInM2, &t.RecognisedIn}, {side.RecognisedOutM2, &t.RecognisedOut}, {side.TransferredInM2, &t.TransferIn},
			{side.TransferredOutM2, &t.TransferOut}, {side.CarriedOutM2, &carriedOut},
		} {
			if v.from == nil {
				continue
			}
			m2, err := land.ParseArea(*v.from)
			if err != nil {
				return fmt.Errorf("ledger of %s: %w", t.Code, err)
			}
			*v.to = m2
		}
		t.Carried = carriedOut
		by[t.Code] = t
	}
	for _, code := range slices.Sorted(maps.Keys(by)) {
		s.Townships = append(s.Townships, *by[code])
	}
	return nil
}

// planned reads the boundaries of the plan's parcels, by direction/number, and
// what class they are to have.
func planned(ctx context.Context, path, child string, targets map[string]string) (map[string]orb.MultiPolygon, error) {
	src, err := geodata.Open(ctx, path, geodata.Options{SRID: fixture.County.SRID, Child: child})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	out := map[string]orb.MultiPolygon{}
	for _, direction := range []string{"in", "out"} {
		l, err := src.Layer(direction)
		if err != nil {
			return nil, err
		}
		number := slices.IndexFunc(l.Schema().Fields, func(f geodata.Field) bool { return f.Name == "number" })
		target := slices.IndexFunc(l.Schema().Fields, func(f geodata.Field) bool { return f.Name == "to_dlbm" })
		if number < 0 || target < 0 {
			return nil, fmt.Errorf("%s: layer %s has no number or to_dlbm", path, direction)
		}
		for f, err := range l.Features(ctx) {
			if err != nil {
				return nil, err
			}
			key := fmt.Sprintf("%s/%v", direction, f.Values[number])
			out[key] = f.Geom
			targets[key] = fmt.Sprint(f.Values[target])
		}
	}
	return out, nil
}

// resurvey makes and loads the survey of the next year. The last parcel accepted
// is not found cultivated in it, so that what is accepted and what is recognised
// differ.
func (c *demoCmd) resurvey(ctx context.Context, cr *carrier, y *workedYear, targets map[string]string, accepted, executed []client.Record) error {
	if len(accepted) == 0 {
		return fmt.Errorf("没有验收合格的转进地块 · nothing was accepted")
	}
	var changes []fixture.Change
	for _, r := range append(slices.Clone(accepted[:len(accepted)-1]), executed...) {
		b, err := y.boundary(r)
		if err != nil {
			return err
		}
		changes = append(changes, fixture.Change{Boundary: b, DLBM: targets[string(r.Direction)+"/"+r.Number]})
	}
	tmp, err := os.MkdirTemp("", "gengheng-survey-")
	if err != nil {
		return fmt.Errorf("next year's survey: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := fixture.Resurvey(ctx, fixture.Options{Parcels: c.Parcels, Seed: c.Seed, Dir: tmp, Child: c.GDALChild}, changes); err != nil {
		return err
	}
	_, err = cr.loadBatch(ctx, []part{{path: filepath.Join(tmp, "DLTB.zip"), in: client.DatasetInput{Kind: "DLTB", Year: y.year + 1}}})
	return err
}
