package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/planning"
	"gengheng/internal/workflow"
	"gengheng/internal/year"
)

func (s *server) ProposePlan(c echo.Context, county CountyPath, id PlanID) error {
	var in ProposePlanJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	p, err := year.Year{DB: s.db, County: county}.Propose(c.Request().Context(), id, strings.TrimSpace(in.Title), strings.TrimSpace(value(in.Reason)))
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusCreated, p)
}

func (s *server) ListPublications(c echo.Context, county CountyPath, number YearPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	list, err := planning.Publications(ctx, s.db.Pool, county, number)
	if err != nil {
		return err
	}
	if list == nil {
		list = []planning.Publication{}
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) DecidePlan(c echo.Context, county CountyPath, number YearPath) error {
	var in DecidePlanJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	y := year.Year{DB: s.db, County: county, Number: number}
	p, err := y.Decide(c.Request().Context(), in.Approve, strings.TrimSpace(in.Decision))
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusOK, p)
}

func (s *server) GetLedger(c echo.Context, county CountyPath, number YearPath, params GetLedgerParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	township, err := s.ownTownship(c, params.Township)
	if err != nil {
		return err
	}
	list, err := ledger.SideBySide(ctx, s.db.Pool, county, number, township)
	if err != nil {
		return err
	}
	if list == nil {
		list = []ledger.Side{}
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) ListLedgerEntries(c echo.Context, county CountyPath, number YearPath, params ListLedgerEntriesParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	township, err := s.ownTownship(c, params.Township)
	if err != nil {
		return err
	}
	f := ledger.Filter{Township: township, Number: value(params.Number), Limit: pageSize(params.Limit)}
	if params.Direction != nil {
		f.Direction = string(*params.Direction)
	}
	if params.After != nil {
		place, seq, _ := strings.Cut(*params.After, "/") // the contract holds its form
		if f.AfterSeq, err = strconv.ParseInt(seq, 10, 64); err != nil {
			return badRequest("after", "after 应为上一页的 next。 after is the next of the page before.")
		}
		f.AfterTownship = place
	}
	list, err := ledger.Entries(ctx, s.db.Pool, county, number, f)
	if err != nil {
		return err
	}
	page := struct {
		Items []ledger.Entry `json:"items"`
		Next  string         `json:"next,omitempty"`
	}{Items: list}
	if page.Items == nil {
		page.Items = []ledger.Entry{}
	}
	if n := len(list); n == f.Limit {
		page.Next = fmt.Sprintf("%s/%d", list[n-1].Township, list[n-1].Seq)
	}
	return c.JSON(http.StatusOK, page)
}

func (s *server) AddLedgerTransfer(c echo.Context, county CountyPath, number YearPath) error {
	var in AddLedgerTransferJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	var amounts ledger.Amounts
	for _, a := range []struct {
		text *string
		to   *land.Area
	}{{&in.AreaM2, &amounts.Area}, {in.PaddyM2, &amounts.Paddy}, {in.QualityM2, &amounts.Quality}} {
		if a.text == nil {
			continue
		}
		v, err := land.ParseArea(*a.text)
		if err != nil {
			return badRequest("amount", err.Error())
		}
		*a.to = v
	}
	y := year.Year{DB: s.db, County: county, Number: number}
	posted, err := y.Transfer(c.Request().Context(), in.Key, in.From, in.To, amounts, strings.TrimSpace(in.Approval), value(in.Reason))
	if err != nil {
		return yearProblem(err)
	}
	status := http.StatusCreated
	if posted.Again {
		status = http.StatusOK
	}
	return c.JSON(status, LedgerPosted{TxId: posted.ID})
}

// yearProblem gives the refusals of the rooms below the year their status.
func yearProblem(err error) error {
	var several *year.Refusals
	var one *workflow.Refusal
	var l *ledger.Error
	switch {
	case errors.As(err, &several):
		return refusalsProblem(several)
	case errors.As(err, &one):
		return workflowProblem(one)
	}
	if errors.As(err, &l) {
		p := conflict(string(l.Code), err.Error())
		p.Title = "台账不允许 · The ledger refuses"
		p.Detail = l.Detail
		return p
	}
	return planningProblem(err)
}

// ownTownship is the township whose books are asked for: a township's actor
// sees its own alone.
func (s *server) ownTownship(c echo.Context, asked *string) (string, error) {
	a, _ := access.From(c.Request().Context())
	switch {
	case a.WholeCounty():
		return value(asked), nil
	case asked != nil && *asked != a.Township:
		return "", notFound("township", fmt.Sprintf("没有乡镇 %s 的台账可看。 There is no book of that township to be seen.", *asked))
	}
	return a.Township, nil
}
