package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/geodata"
	"gengheng/internal/intake"
	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/store"
	"gengheng/internal/workflow"
)

// Rooms are the handlers of the program: each calls the room that does the
// work. file gives the path of an upload by its SHA-256; child is the path of
// gengheng-gdal, empty to find it. The screener keeps layers in memory between
// jobs, the drafts what plans are laid on.
func Rooms(db *store.DB, screener *screening.Screener, drafts *planning.Sessions, file func(sha256 string) string, child string) map[Kind]Handler {
	return map[Kind]Handler{
		Load: func(ctx context.Context, county string, id uuid.UUID, progress func(string, int64, int64)) error {
			req, err := loadRequest(ctx, db, county, id, file, child)
			if err != nil {
				return err
			}
			_, err = intake.Load(ctx, db, req, progress)
			return final(err)
		},
		Screen: func(ctx context.Context, county string, id uuid.UUID, progress func(string, int64, int64)) error {
			if err := begin(ctx, db, Screen, county, id); err != nil {
				return err
			}
			return final(screener.Run(ctx, county, id, progress))
		},
		Plan: func(ctx context.Context, county string, id uuid.UUID, progress func(string, int64, int64)) error {
			if err := begin(ctx, db, Plan, county, id); err != nil {
				return err
			}
			return final(drafts.Run(ctx, county, id, progress))
		},
	}
}

// final turns a room's own refusal, an error that knows how it reads as a
// problem document, into the end of the job.
func final(err error) error {
	var refusal interface {
		error
		json.Marshaler
	}
	if !errors.As(err, &refusal) {
		return err
	}
	doc, merr := refusal.MarshalJSON()
	if merr != nil {
		return errors.Join(err, merr)
	}
	return &Failure{Problem: doc, Err: err}
}

// begin shows that the room has taken up the subject.
func begin(ctx context.Context, db *store.DB, kind Kind, county string, id uuid.UUID) error {
	t := subjectTable[kind]
	_, err := db.Pool.Exec(ctx, `UPDATE `+t.table+` SET status = 'running'
		WHERE county_code = $1 AND `+t.id+` = $2 AND status = 'queued'`, county, id)
	if err != nil {
		return fmt.Errorf("begin %s: %w", kind, err)
	}
	return nil
}

// loadRequest puts together what intake needs from the dataset's row, its
// upload and the county's rulebook.
func loadRequest(ctx context.Context, db *store.DB, county string, id uuid.UUID, file func(string) string, child string) (intake.Request, error) {
	req := intake.Request{County: county, DatasetID: id}
	var sum, document string
	var options struct {
		intake.Options
		TOWGS84    []float64 `json:"towgs84"`
		WorkbookID string    `json:"workbook_id"`
		Screen     bool      `json:"screen"`
	}
	err := db.Pool.QueryRow(ctx, `
		SELECT d.kind, d.year, d.scope, d.file_name, d.file_sha256, d.options, r.document
		FROM dataset d JOIN county c ON c.county_code = d.county_code JOIN rulebook r ON r.version = c.rulebook
		WHERE d.county_code = $1 AND d.dataset_id = $2`, county, id).
		Scan(&req.Kind, &req.Year, &req.Scope, &req.FileName, &sum, &options, &document)
	if err != nil {
		return req, fmt.Errorf("dataset %s: %w", id, err)
	}
	req.Path, req.Options, req.Options.Child = file(sum), options.Options, child
	if v := options.TOWGS84; len(v) == 7 {
		req.Options.TOWGS84 = &geodata.DatumShift{DX: v[0], DY: v[1], DZ: v[2], RX: v[3], RY: v[4], RZ: v[5], DS: v[6]}
	}
	if options.WorkbookID != "" {
		err := db.Pool.QueryRow(ctx, `SELECT sha256 FROM upload WHERE county_code = $1 AND upload_id = $2`,
			county, options.WorkbookID).Scan(&sum)
		if err != nil {
			return req, fmt.Errorf("workbook of dataset %s: %w", id, err)
		}
		req.Options.Workbook = file(sum)
	}
	rb, err := rulebook.Parse("rulebook", []byte(document))
	if err != nil {
		return req, fmt.Errorf("rulebook of county %s: %w", county, err)
	}
	req.Layers, req.Purposes, req.Actors = layerFields(rb), rb.Purposes, rb.Actors
	if req.Kind == intake.CandidateIn || req.Kind == intake.CandidateOut {
		req.Committing = func(ctx context.Context, tx pgx.Tx) error {
			if err := keepLocked(ctx, tx, county, id); err != nil || !options.Screen {
				return err
			}
			_, err := ScreenArrival(ctx, tx, working{}, county, req.Year)
			return err
		}
	}
	return req, nil
}

// keepLocked refuses a file that would change parcels which are under review or past
// it: one by one they cannot be changed either.
func keepLocked(ctx context.Context, tx pgx.Tx, county string, dataset uuid.UUID) error {
	list, err := workflow.LockedChanges(ctx, tx, county, dataset)
	if err != nil || len(list) == 0 {
		return err
	}
	p := &intake.Problem{Code: "record-locked", TitleZH: "文件改动了已锁定的地块", TitleEN: "The file changes locked parcels",
		DetailZH: fmt.Sprintf("有 %d 个地块已进入审查或以后的环节，文件中的图形、申报内容与现行申报不同，或者没有这些地块。没有写入任何数据。", len(list)),
		DetailEN: fmt.Sprintf("%d parcels are under review or past it, and the file changes them or leaves them out; nothing was stored.", len(list)),
		HintZH:   "请下载现行申报，在它的基础上修改其他地块后上传；需要改动这些地块的，先由县自然资源局退回补正。",
		HintEN:   "Start from the declaration in force (download it) and leave these as they are; to change them, have the bureau return them first."}
	for _, c := range list[:min(len(list), 10)] {
		zh, en := "改动了", "is changed"
		if c.Left {
			zh, en = "没有了", "is left out"
		}
		p.Errors = append(p.Errors, fmt.Sprintf("地块 %s（%s）：文件中%s · parcel %s %s", c.Number, c.State.Chinese(), zh, c.Number, en))
	}
	return p
}

// layerFields says how intake reads each polygon layer. A layer must carry its
// level where a check asks for it: without it the check would find nothing.
func layerFields(rb *rulebook.Rulebook) map[intake.Kind]intake.LayerFields {
	graded := map[string]bool{}
	for _, clause := range rb.Clauses {
		for _, check := range clause.Checks {
			for _, where := range check.Where {
				if where.Field == "level" {
					graded[check.Layer] = true
				}
			}
		}
	}
	out := map[intake.Kind]intake.LayerFields{}
	for _, l := range rb.Layers {
		if l.Form != rulebook.Polygons {
			continue
		}
		out[intake.Kind(l.Kind)] = intake.LayerFields{Name: l.Name, Code: l.Code, NameFields: l.NameFields, Level: l.Level,
			LevelOptional: !graded[l.Kind] && l.Kind != string(intake.PDT)}
	}
	return out
}
