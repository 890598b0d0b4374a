package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/jobs"
	"gengheng/internal/workflow"
)

// datasetColumns reads a dataset; current is worked out among the committed
// versions of the same kind, year and scope.
const datasetColumns = `
	d.dataset_id, d.kind, d.year, d.scope, d.status, d.version, d.upload_id, d.file_name, d.layer_name,
	d.source_crs, d.encoding, d.features, d.area_m2::text, d.summary, d.problem, d.created_at, d.committed_at,
	d.retired_at, d.retired_reason, d.status = 'committed' AND NOT EXISTS (
		SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
		AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)`

func scanDataset(row pgx.CollectableRow) (Dataset, error) {
	var d Dataset
	var current bool
	var layer, crs, encoding string
	err := row.Scan(&d.DatasetId, &d.Kind, &d.Year, &d.Scope, &d.Status, &d.Version, &d.UploadId, &d.FileName, &layer,
		&crs, &encoding, &d.Features, &d.AreaM2, &d.Summary, &d.Problem, &d.CreatedAt, &d.CommittedAt,
		&d.RetiredAt, &d.RetiredReason, &current)
	d.Current, d.LayerName, d.SourceCrs, d.Encoding = &current, &layer, &crs, &encoding
	return d, err
}

func (s *server) ListDatasets(c echo.Context, county CountyPath, params ListDatasetsParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	current := params.Current != nil && *params.Current
	rows, err := s.rows(ctx).Query(ctx, `SELECT * FROM (SELECT `+datasetColumns+` AS current FROM dataset d
		WHERE d.county_code = $1 AND ($2::text IS NULL OR d.kind = $2) AND ($3::text IS NULL OR d.status = $3)) t
		WHERE current OR NOT $4 ORDER BY created_at DESC, dataset_id LIMIT 5000`, county, params.Kind, params.Status, current)
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanDataset)
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) dataset(ctx context.Context, county string, id uuid.UUID) (Dataset, error) {
	rows, err := s.rows(ctx).Query(ctx, `SELECT `+datasetColumns+` FROM dataset d
		WHERE d.county_code = $1 AND d.dataset_id = $2`, county, id)
	if err != nil {
		return Dataset{}, fmt.Errorf("dataset %s: %w", id, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDataset)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, noDataset(county, id)
	}
	if err != nil {
		return d, fmt.Errorf("dataset %s: %w", id, err)
	}
	return d, nil
}

func noDataset(county string, id uuid.UUID) error {
	return notFound("dataset", fmt.Sprintf("县 %s 没有数据集 %s。 No such dataset.", county, id))
}

func (s *server) GetDataset(c echo.Context, county CountyPath, id DatasetID) error {
	ctx := c.Request().Context()
	d, err := s.dataset(ctx, county, id)
	if err != nil {
		return err
	}
	err = s.rows(ctx).QueryRow(ctx, `SELECT (SELECT run_id FROM screening_run WHERE county_code = $1 AND status = 'done'
		AND datasets @> jsonb_build_array(jsonb_build_object('dataset_id', $2::text)) ORDER BY finished_at DESC, run_id LIMIT 1)`, county, id.String()).Scan(&d.RunId)
	if err != nil {
		return fmt.Errorf("screening of dataset %s: %w", id, err)
	}
	return c.JSON(http.StatusOK, d)
}

// RetireDataset takes a committed version out of force. Rows that a finding
// names are never deleted.
func (s *server) RetireDataset(c echo.Context, county CountyPath, id DatasetID) error {
	ctx := c.Request().Context()
	var in RetireDatasetJSONRequestBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	actor, _ := access.From(ctx)
	if was, err := s.dataset(ctx, county, id); err != nil {
		return err
	} else if !actor.Sees(county, was.Scope) {
		return noDataset(county, id)
	}
	var tag pgconn.CommandTag
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		tag, err = tx.Exec(ctx, `
			UPDATE dataset SET status = 'retired', retired_at = now(), retired_reason = $3
			WHERE county_code = $1 AND dataset_id = $2 AND status = 'committed'`, county, id, in.Reason)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := keepLockedInForce(ctx, tx, county, id); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "dataset.retire", Kind: "dataset", ID: id.String(),
			Before: map[string]string{"status": "committed"}, After: map[string]string{"status": "retired"}, Reason: in.Reason})
	})
	if err != nil {
		return fmt.Errorf("retire dataset %s: %w", id, err)
	}
	d, err := s.dataset(ctx, county, id)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return conflict("dataset-not-committed", fmt.Sprintf("只有已生效（committed）的版本可以停用，该版本状态为 %s。 Only a committed version can be retired.", d.Status))
	}
	s.log.InfoContext(ctx, "dataset retired", "county", county, "dataset", id, "kind", d.Kind, "reason", in.Reason)
	return c.JSON(http.StatusOK, d)
}

// keepLockedInForce refuses to take a declaration out of force whose parcels are under
// review or past it, unless the one before it says the same of them.
func keepLockedInForce(ctx context.Context, tx pgx.Tx, county string, dataset DatasetID) error {
	list, err := workflow.LockedByRetiring(ctx, tx, county, dataset)
	if err != nil || len(list) == 0 {
		return err
	}
	p := conflict("record-locked", fmt.Sprintf("该版本中有 %d 个地块已进入审查或以后的环节，停用后它们的图形或申报内容会改变，或不再有申报。请先由县自然资源局退回补正。 %[1]d parcels of this version are under review or past it; have the bureau return them first.", len(list)))
	for _, c := range list[:min(len(list), 10)] {
		p.Errors = append(p.Errors, fmt.Sprintf("地块 %s（%s） · parcel %[1]s", c.Number, c.State.Chinese()))
	}
	return p
}

// loadOptions is dataset.options: how the file is to be read.
type loadOptions struct {
	Layer         string    `json:"layer,omitempty"`
	CRS           string    `json:"crs,omitempty"`
	TOWGS84       []float64 `json:"towgs84,omitempty"`
	Encoding      string    `json:"encoding,omitempty"`
	WorkbookID    string    `json:"workbook_id,omitempty"`
	AcceptRepairs bool      `json:"accept_repairs,omitempty"`
	ConfirmEmpty  bool      `json:"confirm_empty,omitempty"`
	Screen        bool      `json:"screen,omitempty"`
}

func (s *server) AddDataset(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	var in DatasetInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := s.knownKind(ctx, row.rulebook, in.Kind); err != nil {
		return err
	}
	options, err := s.loadOptions(ctx, county, in)
	if err != nil {
		return err
	}
	id, scope := uuid.New(), ""
	if in.Scope != nil {
		scope = *in.Scope
	}
	if scope != "" && in.Kind != "CANDIDATE_IN" && in.Kind != "CANDIDATE_OUT" {
		return badRequest("scope", fmt.Sprintf("%s 是全县数据，不能只属于乡镇 %s：否则其他乡镇会被当作没有该图层。请去掉 scope。 Only a township's declaration has a scope.", in.Kind, scope))
	}
	if scope != "" && scope[:6] != county {
		return badRequest("scope", fmt.Sprintf("乡镇 %s 不属于县 %s。 The township is not of this county.", scope, county))
	}
	actor, _ := access.From(ctx)
	if !actor.WholeCounty() && scope != actor.Township {
		return forbidden("township", fmt.Sprintf("乡镇 %s 只能装载本乡镇的申报：kind 为 CANDIDATE_IN 或 CANDIDATE_OUT，scope 为 %s。 A township loads its own declarations only.", actor.Township, actor.Township))
	}
	if in.Kind == "CANDIDATE_IN" || in.Kind == "CANDIDATE_OUT" {
		if err := s.holdDeclared(ctx, county, in.Year); err != nil {
			return err
		}
	}
	var jobID uuid.UUID
	err = pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO dataset (county_code, dataset_id, kind, year, scope, status, upload_id, file_name, file_sha256, options)
			SELECT $1, $2, $3, $4, $5, 'queued', u.upload_id, u.file_name, u.sha256, $7
			FROM upload u WHERE u.county_code = $1 AND u.upload_id = $6 AND starts_with(u.township_code, $8)`,
			county, id, in.Kind, in.Year, scope, in.UploadId, options, actor.Township)
		if err != nil {
			return fmt.Errorf("record dataset: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return notFound("upload", fmt.Sprintf("没有上传 %s。先上传文件。 No such upload; send the file first.", in.UploadId))
		}
		if jobID, err = s.queue.Enqueue(ctx, tx, county, jobs.Load, id); err != nil {
			return err
		}
		return access.Record(ctx, tx, access.Entry{County: county, Action: "dataset.add", Kind: "dataset", ID: id.String(), After: in})
	})
	if err != nil {
		return err
	}
	d, err := s.dataset(ctx, county, id)
	if err != nil {
		return err
	}
	j, err := s.accepted(c, county, jobID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, DatasetAccepted{Dataset: d, Job: j})
}

// holdDeclared refuses a declaration for a year that nobody declares for yet.
func (s *server) holdDeclared(ctx context.Context, county string, year int) error {
	_, last, err := declarableYears(ctx, s.db.Pool, county)
	if err == nil && year > last {
		err = collectionProblem(yearTooFar(year, last))
	}
	return err
}

func (s *server) loadOptions(ctx context.Context, county string, in DatasetInput) (json.RawMessage, error) {
	var o loadOptions
	actor, _ := access.From(ctx)
	if in.Layer != nil {
		o.Layer = *in.Layer
	}
	if in.Crs != nil {
		o.CRS = *in.Crs
	}
	if in.Encoding != nil {
		o.Encoding = *in.Encoding
	}
	if in.Towgs84 != nil {
		o.TOWGS84 = *in.Towgs84
	}
	if in.AcceptRepairs != nil {
		o.AcceptRepairs = *in.AcceptRepairs
	}
	if in.ConfirmEmpty != nil {
		o.ConfirmEmpty = *in.ConfirmEmpty
	}
	if declaration := in.Kind == "CANDIDATE_IN" || in.Kind == "CANDIDATE_OUT"; declaration {
		o.Screen = !actor.WholeCounty()
		if in.Screen != nil {
			o.Screen = *in.Screen
		}
	} else if in.Screen != nil && *in.Screen {
		return nil, badRequest("screen", "只有申报（CANDIDATE_IN、CANDIDATE_OUT）装载后随即筛查；其他数据请装载后另行筛查。 Only declarations are screened on arrival.")
	}
	if in.WorkbookId != nil {
		var there bool
		err := s.rows(ctx).QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM upload WHERE county_code = $1 AND upload_id = $2 AND starts_with(township_code, $3))`, county, *in.WorkbookId, actor.Township).Scan(&there)
		if err != nil {
			return nil, fmt.Errorf("workbook: %w", err)
		}
		if !there {
			return nil, notFound("upload", fmt.Sprintf("没有上传工作簿 %s。 No such upload of a workbook.", *in.WorkbookId))
		}
		o.WorkbookID = in.WorkbookId.String()
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("load options: %w", err)
	}
	return b, nil
}

func (s *server) ListDatasetIssues(c echo.Context, county CountyPath, id DatasetID, params ListDatasetIssuesParams) error {
	ctx := c.Request().Context()
	if _, err := s.dataset(ctx, county, id); err != nil {
		return err
	}
	limit := pageSize(params.Limit)
	page := IssuePage{Items: []Issue{}}
	err := s.rows(ctx).QueryRow(ctx, `
		SELECT count(*) FROM dataset_issue WHERE county_code = $1 AND dataset_id = $2
		AND ($3::text IS NULL OR severity = $3) AND ($4::text IS NULL OR code = $4)`,
		county, id, params.Severity, params.Code).Scan(&page.Total)
	if err != nil {
		return fmt.Errorf("count issues: %w", err)
	}
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT seq, severity, code, row_no, bsm, field, message_zh, message_en, x, y, repair
		FROM dataset_issue WHERE county_code = $1 AND dataset_id = $2
		AND ($3::text IS NULL OR severity = $3) AND ($4::text IS NULL OR code = $4) AND seq > coalesce($5, -1)
		ORDER BY seq LIMIT $6`, county, id, params.Severity, params.Code, params.After, limit)
	if err != nil {
		return fmt.Errorf("list issues: %w", err)
	}
	page.Items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Issue, error) {
		var i Issue
		return i, row.Scan(&i.Seq, &i.Severity, &i.Code, &i.Row, &i.Bsm, &i.Field, &i.MessageZh, &i.MessageEn, &i.X, &i.Y, &i.Repair)
	})
	if err != nil {
		return fmt.Errorf("list issues: %w", err)
	}
	if len(page.Items) == limit {
		page.Next = &page.Items[limit-1].Seq
	}
	return c.JSON(http.StatusOK, page)
}

// pageSize is the limit of a page; the contract bounds it.
func pageSize(limit *int) int {
	if limit == nil {
		return 100
	}
	return *limit
}
