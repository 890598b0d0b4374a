package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/workflow"
)

// currentCandidates are the rows of the declarations in force: the newest
// committed version for each direction, year and township.
const currentCandidates = `
	FROM candidate c JOIN dataset d ON d.county_code = c.county_code AND d.dataset_id = c.dataset_id
	WHERE c.county_code = $1 AND d.status = 'committed' AND NOT EXISTS (
		SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
		AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)`

const candidateColumns = `c.direction, c.number, c.township_code, c.township_name, c.village, c.base_bsm, c.base_dlbm,
	c.target_dlbm, c.purpose, c.method, c.actor, c.declared_m2::text, c.area_m2::text, c.documents, d.dataset_id, d.version`

func candidateTargets(v *Candidate) []any {
	return []any{&v.Direction, &v.Number, &v.TownshipCode, &v.TownshipName, &v.Village, &v.BaseBsm, &v.BaseDlbm,
		&v.TargetDlbm, &v.Purpose, &v.Method, &v.Actor, &v.DeclaredM2, &v.AreaM2, &v.Documents, &v.DatasetId, &v.DatasetVersion}
}

func (s *server) ListCandidates(c echo.Context, county CountyPath, params ListCandidatesParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	after, err := parcelKey(params.After)
	if err != nil {
		return err
	}
	limit := pageSize(params.Limit)
	actor, _ := access.From(ctx)
	rows, err := s.rows(ctx).Query(ctx, listedCandidates, county, params.Year, params.Direction, params.Township, after.direction, after.number,
		params.Verdict, params.State, params.Search, limit)
	if err != nil {
		return fmt.Errorf("list candidates: %w", err)
	}
	page := CandidatePage{}
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Candidate, error) { return scanListed(row, actor) })
	if err != nil {
		return fmt.Errorf("list candidates: %w", err)
	}
	if len(page.Items) == limit {
		page.Next = nextKey(page.Items[limit-1].Direction, page.Items[limit-1].Number)
	}
	return c.JSON(http.StatusOK, page)
}

// listedCandidates are the declared parcels, each with its verdict, if the newest
// screening read its declaration, and where it stands in the year's work.
const listedCandidates = `
	WITH d AS MATERIALIZED (
		SELECT d.county_code, d.dataset_id, d.version, d.year, (
			SELECT CASE WHEN s.datasets @> jsonb_build_array(jsonb_build_object('dataset_id', d.dataset_id::text)) THEN s.run_id END
			FROM screening_run s WHERE s.county_code = d.county_code AND s.year = d.year AND s.status = 'done'
			ORDER BY s.finished_at DESC, s.run_id LIMIT 1) AS run_id
		FROM dataset d WHERE d.county_code = $1 AND d.kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT') AND ($2::int IS NULL OR d.year = $2)
		AND d.status = 'committed' AND NOT EXISTS (
			SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
			AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq))
	SELECT ` + candidateColumns + `, v.verdict, v.net_m2::text, r.state, r.revision, r.exempt, r.applicant_id, r.submitted_by
	FROM d JOIN candidate c ON c.county_code = d.county_code AND c.dataset_id = d.dataset_id
	LEFT JOIN verdict v ON v.county_code = c.county_code AND v.run_id = d.run_id AND v.direction = c.direction AND v.number = c.number
	LEFT JOIN workflow_record r ON r.county_code = c.county_code AND r.year = d.year AND r.direction = c.direction AND r.number = c.number
	WHERE ($3::text IS NULL OR c.direction = $3) AND ($4::text IS NULL OR c.township_code = $4) AND (c.direction, c.number) > ($5, $6)
	AND ($7::text IS NULL OR v.verdict = $7) AND ($8::text IS NULL OR r.state = $8)
	AND ($9::text IS NULL OR strpos(c.number, $9) > 0 OR strpos(c.village, $9) > 0)
	ORDER BY c.direction, c.number LIMIT $10`

func scanListed(row pgx.CollectableRow, actor access.Actor) (Candidate, error) {
	var v Candidate
	var state, exempt *string
	var r workflow.Record
	var applicant *uuid.UUID
	if err := row.Scan(append(candidateTargets(&v), &v.Verdict, &v.NetM2, &state, &v.Revision, &exempt, &applicant, &r.SubmittedBy)...); err != nil {
		return v, err
	}
	r.Direction = string(v.Direction)
	if state != nil {
		r.State, r.Revision, r.Exempt, r.ApplicantID = workflow.State(*state), *v.Revision, workflow.Exempt(*exempt), *applicant
		s, zh := RecordState(r.State), r.State.Chinese()
		v.State, v.StateZh = &s, &zh
	}
	allowed := allowedActions(&r, actor)
	v.AllowedActions = &allowed
	return v, nil
}

// key is where a page of parcels begins: after this direction and number.
type key struct{ direction, number string }

func parcelKey(after *string) (key, error) {
	if after == nil {
		return key{}, nil
	}
	direction, number, ok := strings.Cut(*after, "/")
	if !ok || (direction != "in" && direction != "out") {
		return key{}, badRequest("after", "after 应为上一页给出的 next。 Give the next of the page before.")
	}
	return key{direction, number}, nil
}

func nextKey(direction Direction, number string) *string {
	k := string(direction) + "/" + number
	return &k
}

func (s *server) GetCandidate(c echo.Context, county CountyPath, direction Direction, number string, params GetCandidateParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	var out CandidateDetail
	var year int
	var dataset uuid.UUID
	err := s.rows(ctx).QueryRow(ctx, `
		SELECT d.year, d.dataset_id, ST_AsGeoJSON(ST_Transform(c.geom, 4490), 9)::jsonb, `+candidateColumns+currentCandidates+`
		AND c.direction = $2 AND c.number = $3 AND ($4::int IS NULL OR d.year = $4)
		ORDER BY d.year DESC, d.commit_seq DESC LIMIT 1`, county, direction, number, params.Year).
		Scan(append([]any{&year, &dataset, &out.Geometry}, candidateTargets(&out.Candidate)...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound("candidate", fmt.Sprintf("没有申报地块 %s（%s）。 No such candidate.", number, direction))
	}
	if err != nil {
		return fmt.Errorf("candidate %s: %w", number, err)
	}
	out.Findings = []Finding{}
	run, fresh, err := s.latestRun(ctx, county, year, dataset)
	if errors.Is(err, pgx.ErrNoRows) {
		return c.JSON(http.StatusOK, out) // not screened yet
	}
	if err != nil {
		return err
	}
	if stale := !fresh; stale {
		out.Stale = &stale // a verdict on another boundary would mislead
		return c.JSON(http.StatusOK, out)
	}
	out.RunId = &run
	verdicts, err := s.verdicts(ctx, county, run, verdictFilter{direction: &direction, number: &number, geometry: true, limit: 1})
	if err != nil {
		return err
	}
	if len(verdicts) == 0 {
		return fmt.Errorf("run %s read the declaration of %s and has no verdict for it", run, number)
	}
	out.Verdict = &verdicts[0]
	out.Findings, err = s.findings(ctx, county, run, findingFilter{direction: &direction, number: &number, geometry: true, limit: 10000})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// latestRun is the newest finished screening of a year, and whether it read
// this very declaration.
func (s *server) latestRun(ctx context.Context, county string, year int, declaration uuid.UUID) (run uuid.UUID, fresh bool, err error) {
	err = s.rows(ctx).QueryRow(ctx, `
		SELECT run_id, datasets @> jsonb_build_array(jsonb_build_object('dataset_id', $3::text))
		FROM screening_run WHERE county_code = $1 AND year = $2 AND status = 'done'
		ORDER BY finished_at DESC, run_id LIMIT 1`, county, year, declaration.String()).Scan(&run, &fresh)
	if err != nil {
		return run, false, fmt.Errorf("latest screening: %w", err)
	}
	return run, fresh, nil
}
