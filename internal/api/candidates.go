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
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+candidateColumns+currentCandidates+`
		AND ($2::int IS NULL OR d.year = $2) AND ($3::text IS NULL OR c.direction = $3)
		AND ($4::text IS NULL OR c.township_code = $4) AND (c.direction, c.number) > ($5, $6)
		ORDER BY c.direction, c.number LIMIT $7`,
		county, params.Year, params.Direction, params.Township, after.direction, after.number, limit)
	if err != nil {
		return fmt.Errorf("list candidates: %w", err)
	}
	page := CandidatePage{}
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Candidate, error) {
		var v Candidate
		return v, row.Scan(candidateTargets(&v)...)
	})
	if err != nil {
		return fmt.Errorf("list candidates: %w", err)
	}
	if len(page.Items) == limit {
		page.Next = nextKey(page.Items[limit-1].Direction, page.Items[limit-1].Number)
	}
	return c.JSON(http.StatusOK, page)
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
