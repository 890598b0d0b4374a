package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/paulmach/orb"

	"gengheng/internal/client"
	"gengheng/internal/land"
)

// workedYear carries an approved plan through a shortened year (缩短的一年) by the
// HTTP API, each step in the name of whom it falls to: 乡镇申报、内业检查、部门会审、
// 方案批准、实施、初验、验收、举证、认定、结转.
type workedYear struct {
	server, county string
	year           int
	plan           uuid.UUID
	// as says how a capacity ("bureau", "township_clerk/149901100") names itself.
	as func(capacity string) (client.RequestEditorFn, error)
	// boundaries are those of the plan, in the county's plane, by direction/number.
	boundaries map[string]orb.MultiPolygon
	zone       land.Zone
	// each township carries out at most this many parcels of a direction; the
	// others are written off at the year's end.
	each int
	// resurvey makes the next year's survey with the changed land and loads it.
	resurvey func(ctx context.Context, accepted, executed []client.Record) error

	clients   map[string]*client.Client
	set       client.CountyYear
	townships []string
	needs     map[string]land.Area // by township: of 转出 not locked yet
}

// The capacities of the county.
const (
	bureau, bureauLead, government = "bureau", "bureau_lead", "government"
	clerkOf, leadOf                = "township_clerk/", "township_lead/"
)

// reviewers are the departments, by the capacity that speaks for each.
var reviewers = []string{bureau, "agriculture", "forestry", "water", "environment"}

// by is the client of a capacity.
func (y *workedYear) by(capacity string) (*client.Client, error) {
	if c := y.clients[capacity]; c != nil {
		return c, nil
	}
	as, err := y.as(capacity)
	if err != nil {
		return nil, err
	}
	c, err := client.New(y.server, y.county, as)
	if err != nil {
		return nil, err
	}
	if y.clients == nil {
		y.clients = map[string]*client.Client{}
	}
	y.clients[capacity] = c
	return c, nil
}

// run takes the whole year and returns its books.
func (y *workedYear) run(ctx context.Context) ([]client.LedgerSide, error) {
	for _, stage := range []func(context.Context) error{y.open, y.declare, y.review, y.decide, y.carryOut, y.recognise, y.tidy, y.close} {
		if err := stage(ctx); err != nil {
			return nil, err
		}
	}
	c, err := y.by(government)
	if err != nil {
		return nil, err
	}
	resp, err := c.Raw.GetLedger(ctx, y.county, y.year, nil)
	return client.Decode[[]client.LedgerSide](resp, err, http.StatusOK)
}

// open sets the year. What is made up has no calendar: its deadlines run from
// today.
func (y *workedYear) open(ctx context.Context) error {
	c, err := y.by(bureauLead)
	if err != nil {
		return err
	}
	day := func(days int) *openapi_types.Date {
		return &openapi_types.Date{Time: time.Now().In(time.FixedZone("CST", 8*3600)).AddDate(0, 0, days)}
	}
	reason := "合成示例，期限自今日起算"
	resp, err := c.Raw.PutYear(ctx, y.county, y.year, client.CountyYearInput{DeclareBy: day(30), PlanBy: day(76), SurveyDate: day(229), Reason: &reason})
	y.set, err = client.Decode[client.CountyYear](resp, err, http.StatusOK)
	return err
}

// declare hands in what each township has declared.
func (y *workedYear) declare(ctx context.Context) error {
	c, err := y.by(bureau)
	if err != nil {
		return err
	}
	declared := map[string][]client.Record{}
	for _, d := range []client.Direction{client.In, client.Out} {
		for after := (*string)(nil); ; {
			limit := 1000
			resp, err := c.Raw.ListCandidates(ctx, y.county, &client.ListCandidatesParams{Year: &y.year, Direction: &d, After: after, Limit: &limit})
			page, err := client.Decode[client.CandidatePage](resp, err, http.StatusOK)
			if err != nil {
				return err
			}
			for _, c := range page.Items {
				declared[c.TownshipCode] = append(declared[c.TownshipCode], client.Record{Direction: d, Number: c.Number})
			}
			if after = page.Next; after == nil {
				break
			}
		}
	}
	for code, list := range declared {
		y.townships = append(y.townships, code)
		list, err := y.act(ctx, clerkOf+code, client.RecordActionDeclare, list, "")
		if err == nil {
			// what the screening forbids stays a draft
			list = slices.DeleteFunc(list, func(r client.Record) bool { return r.Verdict == string(client.Forbidden) })
			_, err = y.act(ctx, clerkOf+code, client.RecordActionSubmit, list, "")
		}
		if err != nil {
			return err
		}
	}
	slices.Sort(y.townships)
	return nil
}

// review checks what the screening lets through and has every department agree.
func (y *workedYear) review(ctx context.Context) error {
	list, err := y.records(ctx, client.ListRecordsParams{State: ptr(client.RecordStateSubmitted)})
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r client.Record) bool {
		return r.Verdict != string(client.Eligible) && r.Verdict != string(client.EligibleAfterClip) && r.Verdict != string(client.NeedsReview)
	})
	for _, a := range []client.RecordAction{client.RecordActionCheck, client.RecordActionReview} {
		if list, err = y.act(ctx, bureau, a, list, "已核查（合成）"); err != nil {
			return err
		}
	}
	for _, capacity := range reviewers {
		c, err := y.by(capacity)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(list, 1000) {
			body := client.AddOpinionsJSONRequestBody{Opinion: "agree"}
			for _, r := range part {
				body.Items = append(body.Items, struct {
					Direction client.Direction `json:"direction"`
					Number    string           `json:"number"`
				}{r.Direction, r.Number})
			}
			resp, err := c.Raw.AddOpinions(ctx, y.county, y.year, body)
			if _, err := client.Decode[[]client.RecordOpinion](resp, err, http.StatusCreated); err != nil {
				return err
			}
		}
	}
	return nil
}

// decide proposes the plan and approves it.
func (y *workedYear) decide(ctx context.Context) error {
	c, err := y.by(bureau)
	if err != nil {
		return err
	}
	resp, err := c.Raw.ProposePlan(ctx, y.county, y.plan, client.ProposePlanJSONRequestBody{Title: fmt.Sprintf("%d 年度耕地进出平衡方案（合成）", y.year)})
	if _, err := client.Decode[client.Publication](resp, err, http.StatusCreated); err != nil {
		return err
	}
	if c, err = y.by(government); err != nil {
		return err
	}
	resp, err = c.Raw.DecidePlan(ctx, y.county, y.year, client.DecidePlanJSONRequestBody{Approve: true, Decision: fmt.Sprintf("合成县政发〔%d〕1号", y.year)})
	_, err = client.Decode[client.Publication](resp, err, http.StatusOK)
	return err
}

// recognise settles everything by the next year's survey.
func (y *workedYear) recognise(ctx context.Context) error {
	in, err := y.records(ctx, client.ListRecordsParams{State: ptr(client.RecordStateChangeApproved)})
	if err != nil {
		return err
	}
	out, err := y.records(ctx, client.ListRecordsParams{State: ptr(client.RecordStateExecuted)})
	if err != nil {
		return err
	}
	if err := y.resurvey(ctx, in, out); err != nil {
		return err
	}
	c, err := y.by(bureau)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(append(in, out...), 1000) {
		var body client.RecogniseRecordsJSONRequestBody
		for _, r := range part {
			body.Items = append(body.Items, struct {
				Direction client.Direction `json:"direction"`
				Number    string           `json:"number"`
				Revision  int              `json:"revision"`
			}{r.Direction, r.Number, r.Revision})
		}
		resp, err := c.Raw.RecogniseRecords(ctx, y.county, y.year, body)
		if _, err := client.Decode[[]client.Recognition](resp, err, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

// tidy ends what has not come to its end: nothing may be on its way when the
// year is closed.
func (y *workedYear) tidy(ctx context.Context) error {
	for _, rest := range []struct {
		state  client.RecordState
		who    string
		action client.RecordAction
		reason string
	}{
		{client.RecordStateApproved, bureauLead, client.RecordActionWriteOff, "本年度未实施，核销（合成）"},
		{client.RecordStateInReview, bureauLead, client.RecordActionRefuse, "未纳入年度方案（合成）"},
		{client.RecordStateSubmitted, clerkOf, client.RecordActionWithdraw, "资料不全，撤回（合成）"},
		{client.RecordStateDraft, clerkOf, client.RecordActionWithdraw, "筛查禁止，撤回（合成）"},
	} {
		list, err := y.records(ctx, client.ListRecordsParams{State: &rest.state})
		if err != nil {
			return err
		}
		groups := map[string][]client.Record{}
		for _, r := range list {
			who := rest.who
			if who == clerkOf {
				who += r.TownshipCode
			}
			groups[who] = append(groups[who], r)
		}
		for who, list := range groups {
			if _, err := y.act(ctx, who, rest.action, list, rest.reason); err != nil {
				return err
			}
		}
	}
	return nil
}

func (y *workedYear) close(ctx context.Context) error {
	c, err := y.by(bureauLead)
	if err != nil {
		return err
	}
	resp, err := c.Raw.CloseYear(ctx, y.county, y.year, client.CloseYearJSONRequestBody{Reason: "年度结转（合成）"})
	_, err = client.Decode[client.LedgerPosted](resp, err, http.StatusOK)
	return err
}

// act takes a step for parcels in the name of a capacity and returns them as
// they stand after it, in their order.
func (y *workedYear) act(ctx context.Context, capacity string, action client.RecordAction, list []client.Record, reason string) ([]client.Record, error) {
	c, err := y.by(capacity)
	if err != nil {
		return nil, err
	}
	var out []client.Record
	for part := range slices.Chunk(list, 1000) {
		body := client.ActOnRecordsJSONRequestBody{Action: action}
		if reason != "" {
			body.Reason = &reason
		}
		for _, r := range part {
			item := itemOf(r)
			if action == client.RecordActionRectify {
				item.Rectify = &[]string{reason}
				item.RectifyBy = ptr(time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
			}
			body.Items = append(body.Items, item)
		}
		resp, err := c.Raw.ActOnRecords(ctx, y.county, y.year, body)
		after, err := client.Decode[[]client.Record](resp, err, http.StatusOK)
		if err != nil {
			return nil, err
		}
		out = append(out, after...)
	}
	slices.SortFunc(out, func(a, b client.Record) int {
		return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

// records lists the parcels of the year.
func (y *workedYear) records(ctx context.Context, filter client.ListRecordsParams) ([]client.Record, error) {
	c, err := y.by(bureau)
	if err != nil {
		return nil, err
	}
	var out []client.Record
	limit := 1000
	filter.Limit = &limit
	for {
		resp, err := c.Raw.ListRecords(ctx, y.county, y.year, &filter)
		page, err := client.Decode[struct {
			Items []client.Record `json:"items"`
			Next  *string         `json:"next"`
		}](resp, err, http.StatusOK)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if filter.After = page.Next; filter.After == nil {
			return out, nil
		}
	}
}

func ptr[T any](v T) *T { return &v }
