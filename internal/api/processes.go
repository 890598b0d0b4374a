package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkt"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/jobs"
	"gengheng/internal/land"
	"gengheng/internal/ogc"
)

// runner carries out the processes of desktop GIS: each is an operation of the
// contract under another name, let in by the same rule, its inputs held to the same
// schema, done by the same code.
type runner struct {
	s      *server
	county string
}

// processOperation is the operation that a process is; area is one of nobody's
// data.
var processOperation = map[string]string{"screening": "addScreening", "whatif": "whatIf", "balancing": "addPlan", "area": "getCounty"}

// jobProcess is the process that a kind of job is of; loading a file is none.
var jobProcess = map[JobKind]string{JobKind(jobs.Screen): "screening", JobKind(jobs.Plan): "balancing"}

// Execute does a process, or begins the job that does.
func (r runner) Execute(ctx context.Context, process string, inputs map[string]json.RawMessage) (any, string, error) {
	actor, _ := access.From(ctx)
	if err := allowed(processOperation[process], actor); err != nil {
		return nil, "", err
	}
	var id uuid.UUID
	switch process {
	case "screening":
		var in ScreeningInput
		err := r.input("ScreeningInput", inputs, &in)
		if err == nil {
			_, id, err = r.s.beginScreening(ctx, r.county, in)
		}
		return nil, id.String(), err
	case "balancing":
		var in PlanInput
		err := r.newestRun(ctx, inputs)
		if err == nil {
			err = r.input("PlanInput", inputs, &in)
		}
		if err == nil {
			_, id, err = r.s.beginPlan(ctx, r.county, in)
		}
		return nil, id.String(), err
	case "whatif":
		var in WhatIfInput
		if err := r.input("WhatIfInput", oneDeclaration(inputs), &in); err != nil {
			return nil, "", err
		}
		out, err := r.s.tryOut(ctx, r.county, in)
		return out, "", err
	}
	out, err := r.area(ctx, inputs)
	return out, "", err
}

// input holds a process's inputs to the schema of the contract and reads them.
func (r runner) input(schema string, inputs map[string]json.RawMessage, into any) error {
	raw, err := json.Marshal(inputs)
	if err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if err := r.s.doc.spec.Components.Schemas[schema].Value.VisitJSON(plain, openapi3.MultiErrors(), openapi3.VisitAsRequest()); err != nil {
		return contractProblem(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		p := badRequest("contract", contractDetail)
		p.Errors = []string{err.Error()}
		return p
	}
	return nil
}

// oneDeclaration puts a what-if's flat inputs into the form of the contract.
func oneDeclaration(inputs map[string]json.RawMessage) map[string]json.RawMessage {
	declaration, out := maps.Clone(inputs), map[string]json.RawMessage{}
	for _, name := range []string{"year", "crs"} {
		if v, given := inputs[name]; given {
			out[name] = v
		}
		delete(declaration, name)
	}
	b, err := json.Marshal([]any{declaration})
	if err != nil {
		b = nil // cannot be: it was read from JSON
	}
	out["declarations"] = b
	return out
}

// newestRun fills in the screening that finished last of the year that the county
// works on.
func (r runner) newestRun(ctx context.Context, inputs map[string]json.RawMessage) error {
	if _, given := inputs["run_id"]; given {
		return nil
	}
	var id uuid.UUID
	err := r.s.rows(ctx).QueryRow(ctx, `SELECT run_id FROM screening_run
		WHERE county_code = $1 AND year = (SELECT working_year($1)) AND status = 'done' ORDER BY finished_at DESC, run_id LIMIT 1`, r.county).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return conflict("screening-not-done", "该县当前工作年度尚无完成的筛查；请先执行 screening，或用 run_id 指明筛查。 No screening of the year that the county works on has finished; run one, or name one.")
	}
	if err != nil {
		return fmt.Errorf("newest screening: %w", err)
	}
	inputs["run_id"] = json.RawMessage(`"` + id.String() + `"`)
	return nil
}

// measured is the answer of the process area.
type measured struct {
	AreaM2 land.Area `json:"area_m2"`
	AreaMu string    `json:"area_mu"`
	Rule   string    `json:"rule"`
	Plane  string    `json:"plane"`
}

// area is the official ellipsoidal area of a boundary.
func (r runner) area(ctx context.Context, inputs map[string]json.RawMessage) (measured, error) {
	row, err := r.s.county(ctx, r.county)
	if err != nil {
		return measured{}, err
	}
	zone, ok := land.ByEPSG(row.srid)
	if !ok {
		return measured{}, fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", r.county, row.srid)
	}
	crs := "EPSG:4490"
	if v, given := inputs["crs"]; given && json.Unmarshal(v, &crs) != nil {
		return measured{}, badRequest("crs", "crs 应为文字，如 EPSG:4490。 crs is text.")
	}
	project, err := planeOf(crs, zone)
	if err != nil {
		return measured{}, err
	}
	shape, fault := polygonsIn(inputs["geometry"], crs)
	if err := r.s.outline(ctx, "geometry", shape, fault, project); err != nil {
		return measured{}, err
	}
	a := land.OfficialArea(shape, zone)
	return measured{a, a.MuText(), "TD/T 1055-2019", fmt.Sprint("EPSG:", zone.EPSG())}, nil
}

// polygonsIn reads polygons in GeoJSON or WKT.
func polygonsIn(raw json.RawMessage, crs string) (orb.MultiPolygon, string) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return collection.PolygonsOf(raw, systemOf(crs))
	}
	g, err := wkt.Unmarshal(text)
	if err != nil {
		return nil, "不是 WKT 的面，应如 POLYGON((经度 纬度, …))。 It is not a polygon in WKT."
	}
	switch g := g.(type) {
	case orb.Polygon:
		if len(g) > 0 {
			return orb.MultiPolygon{g}, ""
		}
	case orb.MultiPolygon:
		if len(g) > 0 && !slices.ContainsFunc(g, func(p orb.Polygon) bool { return len(p) == 0 }) {
			return g, ""
		}
	}
	return nil, "WKT 应为非空的 POLYGON 或 MULTIPOLYGON。 It is a POLYGON or MULTIPOLYGON that is not empty."
}

// Jobs lists the county's newest, of a filter.
func (r runner) Jobs(ctx context.Context, f ogc.JobFilter) (out []ogc.Job, err error) {
	var kinds, states []string
	for kind, process := range jobProcess {
		if slices.Contains(f.Processes, process) {
			kinds = append(kinds, string(kind))
		}
	}
	if f.Processes != nil && kinds == nil {
		return nil, nil // a process that never begins a job
	}
	for _, status := range f.Statuses {
		for ours, theirs := range jobStates {
			if status == theirs {
				states = append(states, string(ours))
			}
		}
	}
	after, err := uuid.Parse(f.After)
	if err != nil && f.After != "" {
		return nil, collection.Bad("cursor", "cursor 不是 next 链接里的；请从第一页重新开始。 The cursor is not from a link next.")
	}
	err = access.InTx(ctx, r.s.db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+jobColumns+` FROM job j WHERE county_code = $1
			AND ($2::text[] IS NULL OR kind = ANY ($2))
			AND ($3::text[] IS NULL OR CASE WHEN status = 'failed' AND problem->>'type' = $4 THEN 'dismissed' = ANY ($5::text[]) ELSE status = ANY ($3) END)
			AND created_at >= coalesce($6, '-infinity'::timestamptz) AND created_at <= coalesce($7, 'infinity'::timestamptz)
			AND ($8::float8 IS NULL OR extract(epoch FROM coalesce(finished_at, now()) - started_at) >= $8)
			AND ($9::float8 IS NULL OR extract(epoch FROM coalesce(finished_at, now()) - started_at) <= $9)
			AND ($10::uuid IS NULL OR (created_at, job_id) < (SELECT a.created_at, a.job_id FROM job a WHERE a.county_code = $1 AND a.job_id = $10))
			ORDER BY created_at DESC, job_id DESC LIMIT $11`,
			r.county, kinds, statesOrNone(f.Statuses, states), "urn:gengheng:problem:"+jobs.DismissedKind, f.Statuses,
			orNil(f.From), orNil(f.To), f.Least, f.Most, uuid.NullUUID{UUID: after, Valid: f.After != ""}, f.Limit)
		if err != nil {
			return fmt.Errorf("list jobs: %w", err)
		}
		list, err := pgx.CollectRows(rows, scanJob)
		for _, j := range list {
			out = append(out, gisJob(j))
		}
		return err
	})
	return out, err
}

// statesOrNone are the states that were asked for, among which dismissed has none of
// its own; nil only where all are meant.
func statesOrNone(asked, states []string) []string {
	if asked != nil && states == nil {
		return []string{}
	}
	return states
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Job finds one by its id.
func (r runner) Job(ctx context.Context, id string) (ogc.Job, error) {
	j, err := r.find(ctx, id)
	return gisJob(j), err
}

func (r runner) find(ctx context.Context, id string) (Job, error) {
	n, err := uuid.Parse(id)
	if err != nil {
		return Job{}, ogc.ErrNoJob
	}
	j, err := r.s.job(ctx, r.county, n)
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return j, ogc.ErrNoJob
	}
	return j, err
}

var jobStates = map[JobStatus]string{JobStatusQueued: "accepted", JobStatusRunning: "running", JobStatusDone: "successful", JobStatusFailed: "failed"}

// gisJob is a job as OGC API – Processes has it.
func gisJob(j Job) ogc.Job {
	out := ogc.Job{ID: j.JobId.String(), Process: jobProcess[j.Kind], Status: jobStates[j.Status], Message: j.Stage, Started: j.StartedAt, Finished: j.FinishedAt}
	if j.CreatedAt != nil {
		out.Created = *j.CreatedAt
	}
	if j.Problem != nil {
		out.Message = value(j.Problem.Detail)
		if j.Problem.Type == "urn:gengheng:problem:"+jobs.DismissedKind {
			out.Status = "dismissed"
		}
	}
	switch {
	case j.Status == JobStatusDone:
		out.Progress = 100
	case j.Total > 0:
		out.Progress = int(min(99, j.Done*100/j.Total))
	}
	return out
}

// Results are what a job has made: the screening, the plan, the dataset, the file.
func (r runner) Results(ctx context.Context, id string) (any, error) {
	j, err := r.find(ctx, id)
	if err != nil {
		return nil, err
	}
	switch jobs.Kind(j.Kind) {
	case jobs.Screen:
		return r.s.run(ctx, r.county, j.Subject)
	case jobs.Plan:
		return r.s.plan(ctx, r.county, j.Subject)
	case jobs.Download:
		if r.s.downloads == nil {
			return nil, ogc.Expired()
		}
		return r.s.downloads.file(ctx, r.county, j.Subject)
	}
	return map[string]any{"dataset_id": j.Subject, "href": fmt.Sprintf("%s/counties/%s/datasets/%s", base, r.county, j.Subject)}, nil
}

// Dismiss takes a job back that no worker has taken up.
func (r runner) Dismiss(ctx context.Context, id string) (ogc.Job, error) {
	j, err := r.find(ctx, id)
	if err != nil {
		return ogc.Job{}, err
	}
	err = access.InTx(ctx, r.s.db, func(tx pgx.Tx) error {
		ok, err := jobs.Dismiss(ctx, tx, r.county, j.JobId)
		if err != nil {
			return err
		}
		if !ok {
			return conflict("job-begun", fmt.Sprintf("任务 %s 已开始或已结束，不能取消；已写下的结果不受影响。 The job has begun or ended and cannot be dismissed.", j.JobId))
		}
		return access.Record(ctx, tx, access.Entry{County: r.county, Action: "job.dismiss", Kind: "job", ID: j.JobId.String(), After: map[string]any{"kind": j.Kind}})
	})
	if err != nil {
		return ogc.Job{}, err
	}
	return r.Job(ctx, id)
}

var _ ogc.Runner = runner{}
