package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/paulmach/orb"

	"gengheng/internal/collection"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/overlay/polygon"
)

func (s *server) GetReconciliation(c echo.Context, county CountyPath, number YearPath, params GetReconciliationParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	township, err := s.ownTownship(c, params.Township)
	if err != nil {
		return err
	}
	r, err := ledger.Reconcile(ctx, s.db.Pool, county, number, township)
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusOK, r)
}

// ListLedgerParcels gives the parcels that a figure of the comparison is made of.
func (s *server) ListLedgerParcels(c echo.Context, county CountyPath, number YearPath, params ListLedgerParcelsParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	township, err := s.ownTownship(c, params.Township)
	if err != nil {
		return err
	}
	f := ledger.PartFilter{Figure: ledger.Figure{Stage: string(params.Stage), Direction: string(params.Direction)}, Measure: ledger.Area, Township: township, Limit: pageSize(params.Limit)}
	if params.Measure != nil {
		f.Measure = ledger.Measure(*params.Measure)
	}
	f.AfterTownship, f.AfterNumber, _ = strings.Cut(value(params.After), "/") // the contract holds its form
	list, err := ledger.PartsOf(ctx, s.db.Pool, county, number, f)
	if err != nil {
		return err
	}
	page := struct {
		*ledger.Parts
		Next string `json:"next,omitempty"`
	}{Parts: list}
	if n := len(list.Items); n == f.Limit {
		page.Next = list.Items[n-1].Township + "/" + list.Items[n-1].Number
	}
	return c.JSON(http.StatusOK, page)
}

func (s *server) ListCredits(c echo.Context, county CountyPath, params ListCreditsParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	f := ledger.CreditFilter{Programme: value(params.Programme), Limit: pageSize(params.Limit)}
	if params.After != nil {
		f.After = *params.After
	}
	list, err := ledger.Credits(ctx, s.db.Pool, county, f)
	if err != nil {
		return err
	}
	if list == nil {
		list = []ledger.Credit{}
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) AddCredit(c echo.Context, county CountyPath) error {
	var in AddCreditJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	ctx := c.Request().Context()
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	crs := "EPSG:4490"
	if in.Crs != nil {
		crs = *in.Crs
	}
	shape, err := s.creditedLand(c, row.srid, crs, in.Geometry)
	if err != nil {
		return err
	}
	id, err := s.yearOf(county, in.Year).AddCredit(ctx, strings.TrimSpace(in.Programme), strings.TrimSpace(in.Number), shape, value(in.Reason))
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusCreated, CreditID{CreditId: id})
}

// creditedLand is a boundary in the county's plane.
func (s *server) creditedLand(c echo.Context, srid int, crs string, geometry GeoJSON) (orb.MultiPolygon, error) {
	zone, ok := land.ByEPSG(srid)
	if !ok {
		return nil, fmt.Errorf("EPSG:%d is no zone", srid)
	}
	project, err := planeOf(crs, zone)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(geometry)
	if err != nil {
		return nil, fmt.Errorf("geometry: %w", err)
	}
	bad := func(detail string) error {
		p := badRequest("geometry", "geometry："+detail)
		p.Status = http.StatusUnprocessableEntity
		return p
	}
	shape, fault := collection.PolygonsOf(raw, systemOf(crs))
	if fault != "" {
		return nil, bad(fault)
	}
	if detail := collection.Misplaced(shape, project, collection.EastFirst); detail != "" {
		return nil, bad(detail)
	}
	prepared, err := polygon.Prepare(shape)
	if err != nil {
		return nil, bad(err.Error())
	}
	if !prepared.Valid() || prepared.Planar() <= polygon.Minimum {
		return nil, bad(s.whyInvalid(c.Request().Context(), shape))
	}
	return shape, nil
}

func (s *server) CancelCredit(c echo.Context, county CountyPath, credit uuid.UUID) error {
	var in CancelCreditJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	if err := s.yearOf(county, 0).CancelCredit(ctx, credit, strings.TrimSpace(in.Reason), strings.TrimSpace(in.Approval)); err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusOK, CreditID{CreditId: credit})
}

// SettleOwed pays what a township owes (归还欠账), so that it can lock quota again.
func (s *server) SettleOwed(c echo.Context, county CountyPath, number YearPath) error {
	var in SettleOwedJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	posted, err := s.yearOf(county, number).Settle(c.Request().Context(), in.Key, in.Township, in.Reason)
	if err != nil {
		return yearProblem(err)
	}
	status := http.StatusCreated
	if posted.Again {
		status = http.StatusOK
	}
	return c.JSON(status, LedgerPosted{TxId: posted.ID})
}
