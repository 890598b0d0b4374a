package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
	"gengheng/internal/year"
)

func (s *server) yearOf(county string, number int) year.Year {
	return year.Year{DB: s.db, County: county, Number: number}
}

func (s *server) ListRecords(c echo.Context, county CountyPath, number YearPath, params ListRecordsParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	after, err := parcelKey(params.After)
	if err != nil {
		return err
	}
	f := workflow.Filter{Township: value(params.Township), Limit: pageSize(params.Limit), After: workflow.Key{Direction: after.direction, Number: after.number}}
	if params.Direction != nil {
		f.Direction = string(*params.Direction)
	}
	if params.State != nil {
		f.State = workflow.State(*params.State)
	}
	if params.Queue != nil {
		f.Queue = access.Role(*params.Queue)
	}
	actor, _ := access.From(ctx)
	if params.Mine != nil && *params.Mine {
		f.Mine = &actor
	}
	list, err := workflow.Records(ctx, s.rows(ctx), county, number, f)
	if err != nil {
		return err
	}
	page := struct {
		Items []Record `json:"items"`
		Next  *string  `json:"next,omitempty"`
	}{Items: recordsJSON(list, actor)}
	if n := len(list); n == f.Limit {
		page.Next = nextKey(Direction(list[n-1].Direction), list[n-1].Number)
	}
	return c.JSON(http.StatusOK, page)
}

func recordsJSON(list []workflow.Record, actor access.Actor) []Record {
	out := make([]Record, len(list))
	for i := range list {
		r := &list[i]
		out[i] = Record{Direction: Direction(r.Direction), Number: r.Number, TownshipCode: r.Township, State: RecordState(r.State), StateZh: r.State.Chinese(),
			Revision: r.Revision, Round: r.Round, Applicant: r.Applicant, Purpose: r.Purpose, Actor: r.Actor, RunId: r.Run, Verdict: r.Verdict,
			NetM2: r.Net.String(), NetPaddyM2: r.Paddy.String(), Late: r.Late, Actions: []string{}, CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt}
		if r.Exempt != workflow.Balanced {
			e := Exempt(r.Exempt)
			out[i].Exempt = &e
		}
		if r.RectifyBy != "" {
			out[i].RectifyBy = &r.RectifyBy
		}
		for _, a := range r.Next() {
			out[i].Actions = append(out[i].Actions, string(a))
		}
		out[i].AllowedActions = allowedActions(r, actor)
	}
	return out
}

// allowedActions is what the caller may do with a record now.
func allowedActions(r *workflow.Record, actor access.Actor) []string {
	list := []string{}
	for _, a := range r.Allowed(actor) {
		list = append(list, string(a))
	}
	if r.Opines(actor) {
		list = append(list, "opinion")
	}
	return list
}

func (s *server) GetRecord(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath) error {
	ctx := c.Request().Context()
	key := workflow.Key{County: county, Year: number, Direction: string(direction), Number: parcel}
	r, err := workflow.Read(ctx, s.rows(ctx), key)
	if err != nil {
		return yearProblem(err)
	}
	out, err := s.recordDetail(ctx, key)
	if err != nil {
		return err
	}
	actor, _ := access.From(ctx)
	out.Record = recordsJSON([]workflow.Record{r}, actor)[0]
	return c.JSON(http.StatusOK, out)
}

// recordDetail is everything that was done for a parcel.
type recordDetail struct {
	Record        Record                   `json:"record"`
	History       []RecordEvent            `json:"history"`
	Documents     []RecordDocument         `json:"documents"`
	Opinions      []RecordOpinion          `json:"opinions"`
	Inspections   []Inspection             `json:"inspections"`
	Photos        []any                    `json:"photos"`
	Rectification []workflow.Rectification `json:"rectification"`
	Planned       *GeoJSON                 `json:"planned,omitempty"`
}

func (s *server) recordDetail(ctx context.Context, key workflow.Key) (recordDetail, error) {
	q := s.rows(ctx)
	out := recordDetail{Photos: []any{}}
	history, err := workflow.History(ctx, q, key)
	if err != nil {
		return out, err
	}
	if out.History, err = each(history, eventJSON); err != nil {
		return out, err
	}
	docs, err := workflow.Documents(ctx, q, key)
	if err != nil {
		return out, err
	}
	out.Documents, _ = each(docs, func(d workflow.Document) (RecordDocument, error) { return documentJSON(d), nil })
	opinions, err := workflow.Opinions(ctx, q, key)
	if err != nil {
		return out, err
	}
	out.Opinions, _ = each(opinions, func(o workflow.Opinion) (RecordOpinion, error) { return opinionJSON(o), nil })
	inspections, err := workflow.Inspections(ctx, q, key)
	if err != nil {
		return out, err
	}
	if out.Inspections, err = each(inspections, func(i workflow.Inspection) (Inspection, error) { return inspectionJSON(&i) }); err != nil {
		return out, err
	}
	photos, err := workflow.Photos(ctx, q, key)
	if err != nil {
		return out, err
	}
	for _, p := range photos {
		out.Photos = append(out.Photos, photoJSON(p))
	}
	out.Rectification, err = workflow.Rectifications(ctx, q, key)
	if out.Rectification == nil {
		out.Rectification = []workflow.Rectification{}
	}
	if err != nil {
		return out, err
	}
	planned, srid, err := s.yearOf(key.County, key.Year).Planned(ctx, q, key.Direction, key.Number)
	if zone, ok := land.ByEPSG(srid); ok {
		out.Planned = geographic(planned, zone)
	}
	return out, err
}

// each turns a list into the contract's form; never nil.
func each[A, B any](list []A, turn func(A) (B, error)) ([]B, error) {
	out := make([]B, len(list))
	for i, v := range list {
		var err error
		if out[i], err = turn(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func eventJSON(e workflow.Event) (RecordEvent, error) {
	v := RecordEvent{Seq: e.Seq, EventId: e.ID, Action: string(e.Action), ActionZh: e.Action.Chinese(), From: string(e.From), To: string(e.To), By: e.ActorName,
		Role: string(e.Role), At: e.At, Reason: e.Reason, Late: e.Late, Documents: e.Documents}
	if e.Township != "" {
		v.TownshipCode = &e.Township
	}
	if e.Data != nil {
		if err := json.Unmarshal(e.Data, &v.Data); err != nil {
			return v, fmt.Errorf("data of event %s: %w", e.ID, err)
		}
	}
	return v, nil
}

func documentJSON(d workflow.Document) RecordDocument {
	return RecordDocument{DocumentId: d.ID, Kind: DocumentKind(d.Kind), Purpose: d.Purpose, Reference: d.Reference, FileName: d.FileName, Size: d.Size,
		Sha256: d.SHA256, By: d.By, Revision: d.Revision, At: d.At}
}

func opinionJSON(o workflow.Opinion) RecordOpinion {
	return RecordOpinion{Round: o.Round, Department: Department(o.Department), Seq: o.Seq, Opinion: o.Opinion, Conditions: o.Conditions, Reasons: o.Reasons, By: o.By, At: o.At}
}

func (s *server) ActOnRecords(c echo.Context, county CountyPath, number YearPath) error {
	var in ActOnRecordsJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	items := make([]year.Item, len(in.Items))
	for i, p := range in.Items {
		items[i] = year.Item{Direction: string(p.Direction), Number: p.Number}
		switch {
		case p.Revision != nil:
			items[i].Revision = *p.Revision
		case in.Action != RecordAction(workflow.Declare):
			return badRequest("revision", fmt.Sprintf("items/%d：缺少 revision（所见的版本）。 Give the revision that you have seen.", i))
		}
		if p.Documents != nil {
			items[i].Documents = *p.Documents
		}
		if p.Rectify != nil {
			items[i].Rectify = *p.Rectify
		}
		items[i].RectifyBy = value(p.RectifyBy)
		var err error
		if items[i].Executed, err = executedOf(p.ExecutedM2, p.ExecutedPaddyM2); err != nil {
			return err
		}
	}
	exempt := workflow.Balanced
	if in.Exempt != nil {
		exempt = workflow.Exempt(*in.Exempt)
	}
	list, err := s.yearOf(county, number).Act(c.Request().Context(), workflow.Action(in.Action), items, value(in.Reason), exempt)
	if err != nil {
		return yearProblem(err)
	}
	actor, _ := access.From(c.Request().Context())
	return c.JSON(http.StatusOK, recordsJSON(list, actor))
}

func executedOf(area, paddy *AreaM2) (*ledger.Amounts, error) {
	if area == nil && paddy == nil {
		return nil, nil
	}
	var a ledger.Amounts
	for _, v := range []struct {
		text *string
		to   *land.Area
	}{{area, &a.Area}, {paddy, &a.Paddy}} {
		if v.text == nil {
			continue
		}
		m2, err := land.ParseArea(*v.text)
		if err != nil {
			return nil, badRequest("amount", err.Error())
		}
		*v.to = m2
	}
	return &a, nil
}

func (s *server) AddOpinions(c echo.Context, county CountyPath, number YearPath) error {
	var in AddOpinionsJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	keys := make([]workflow.Key, len(in.Items))
	for i, p := range in.Items {
		keys[i] = workflow.Key{County: county, Year: number, Direction: string(p.Direction), Number: p.Number}
	}
	list, err := s.yearOf(county, number).Give(c.Request().Context(), keys,
		workflow.Opinion{Opinion: string(in.Opinion), Conditions: value(in.Conditions), Reasons: value(in.Reasons)})
	if err != nil {
		return yearProblem(err)
	}
	out := make([]RecordOpinion, len(list))
	for i, g := range list {
		out[i] = opinionJSON(g.Opinion)
		direction := Direction(g.Key.Direction)
		out[i].Direction, out[i].Number = &direction, &g.Key.Number
	}
	return c.JSON(http.StatusCreated, out)
}

func (s *server) AddRecordDocument(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath, params AddRecordDocumentParams) error {
	ctx := c.Request().Context()
	key := workflow.Key{County: county, Year: number, Direction: string(direction), Number: parcel}
	if err := s.mayFile(ctx, key); err != nil {
		return err
	}
	d, err := s.receive(c, params.FileName, "consent.pdf")
	if err != nil {
		return err
	}
	d.Kind, d.Purpose, d.Reference = workflow.DocumentKind(params.Kind), value(params.Purpose), value(params.Reference)
	actor, _ := access.From(ctx)
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		d, err = workflow.Workflow{}.AddDocument(ctx, tx, actor, key, d)
		return err
	})
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusCreated, documentJSON(d))
}

// mayFile refuses a parcel that is not the caller's before the file is read.
func (s *server) mayFile(ctx context.Context, key workflow.Key) error {
	r, err := workflow.Read(ctx, s.db.Pool, key)
	if err != nil {
		return yearProblem(err)
	}
	if actor, _ := access.From(ctx); !actor.Sees(key.County, r.Township) {
		return yearProblem(workflow.Unseen(key))
	}
	return nil
}

// receive stores the request's file; example is a name that would do.
func (s *server) receive(c echo.Context, name *string, example string) (d workflow.Document, err error) {
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload+(1<<20))
	body, file, err := uploadedFile(c.Request(), name, example)
	if err != nil {
		return d, err
	}
	d.FileName = file
	d.SHA256, d.Size, err = s.files.put(body)
	if err == nil && d.Size == 0 {
		err = errEmpty
	}
	if err != nil {
		return d, uploadProblem(err)
	}
	return d, nil
}

func (s *server) GetRecordDocument(c echo.Context, county CountyPath, id uuid.UUID) error {
	ctx := c.Request().Context()
	var name, sum string
	err := s.rows(ctx).QueryRow(ctx, `SELECT file_name, sha256 FROM workflow_document WHERE county_code = $1 AND document_id = $2`, county, id).Scan(&name, &sum)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound("document", fmt.Sprintf("县 %s 没有材料 %s。 No such document.", county, id))
	}
	if err != nil {
		return fmt.Errorf("document %s: %w", id, err)
	}
	f, err := os.Open(s.files.Path(sum))
	if err != nil {
		return fmt.Errorf("document %s: %w", id, err)
	}
	defer f.Close()
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return c.Stream(http.StatusOK, echo.MIMEOctetStream, f)
}

func (s *server) GetYear(c echo.Context, county CountyPath, number YearPath) error {
	out, err := s.countyYear(c.Request().Context(), county, number)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *server) countyYear(ctx context.Context, county string, number int) (any, error) {
	set, err := workflow.ReadYear(ctx, s.rows(ctx), county, number)
	if err != nil {
		return nil, yearProblem(err)
	}
	counts, err := workflow.Counts(ctx, s.rows(ctx), county, number)
	if err != nil {
		return nil, err
	}
	due, err := s.yearOf(county, number).Flow.Due(ctx, s.rows(ctx), county, number)
	if err != nil {
		return nil, err
	}
	lists := map[access.Role][]workflow.CheckItem{workflow.Township: workflow.Checklist(workflow.Township)}
	for _, d := range set.Acceptors {
		lists[d] = workflow.Checklist(d)
	}
	return struct {
		workflow.CountyYear
		Counts        map[string]int                       `json:"counts"`
		Rectification workflow.Due                         `json:"rectification"`
		Checklists    map[access.Role][]workflow.CheckItem `json:"checklists"`
	}{set, counts, due, lists}, nil
}

func (s *server) PutYear(c echo.Context, county CountyPath, number YearPath) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	var in CountyYearInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	set := workflow.DefaultYear(county, number)
	if in.DeclareBy != nil {
		set.DeclareBy = in.DeclareBy.Format(time.DateOnly)
	}
	if in.PlanBy != nil {
		set.PlanBy = in.PlanBy.Format(time.DateOnly)
	}
	if in.SurveyDate != nil {
		set.SurveyDate = in.SurveyDate.Format(time.DateOnly)
	}
	if in.Reviewers != nil {
		set.Reviewers = departmentsOf(*in.Reviewers)
	}
	if in.Acceptors != nil {
		set.Acceptors = departmentsOf(*in.Acceptors)
	}
	if in.ApprovalPurposes != nil {
		set.ApprovalPurposes = *in.ApprovalPurposes
	}
	if in.ContractActors != nil {
		set.ContractActors = *in.ContractActors
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error { return workflow.SetYear(ctx, tx, set, value(in.Reason)) })
	if err != nil {
		return yearProblem(err)
	}
	return s.GetYear(c, county, number)
}

func departmentsOf(list []Department) []access.Role {
	out := make([]access.Role, len(list))
	for i, d := range list {
		out[i] = access.Role(d)
	}
	return out
}

func (s *server) CloseYear(c echo.Context, county CountyPath, number YearPath) error {
	var in Reason
	if err := c.Bind(&in); err != nil {
		return err
	}
	posted, err := s.yearOf(county, number).Close(c.Request().Context(), in.Reason)
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusOK, LedgerPosted{TxId: posted.ID})
}

// workflowProblem gives a refusal of the workflow its status.
func workflowProblem(r *workflow.Refusal) *problem {
	p := conflict(string(r.Code), r.Detail)
	p.Title, p.Errors = "流程不允许 · The workflow refuses", r.Missing
	switch r.Code {
	case workflow.NotFound, workflow.YearNotSet:
		p.Status, p.Title = http.StatusNotFound, "未找到 · Not found"
	case workflow.WrongRole:
		p.Status, p.Title = http.StatusForbidden, "无权办理 · Forbidden"
	case workflow.BadInput:
		p.Status, p.Title = http.StatusBadRequest, "请求有误 · Bad request"
	}
	return p
}

// refusalsProblem says of several parcels why nothing was done.
func refusalsProblem(r *year.Refusals) *problem {
	p := workflowProblem(r.List[0])
	p.Detail = fmt.Sprintf("%d 个地块不能办理，一个也没有办理，详见 errors。 %d parcels are refused and none was done; see errors.", len(r.List), len(r.List))
	p.Errors = nil
	for _, one := range r.List {
		p.Errors = append(p.Errors, one.Detail)
	}
	return p
}
