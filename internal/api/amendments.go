package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/geodata"
	"gengheng/internal/intake"
	"gengheng/internal/intake/fields"
	"gengheng/internal/jobs"
	"gengheng/internal/land"
	"gengheng/internal/rulebook"
	"gengheng/internal/workflow"
)

// amendment is one parcel's change under way, from whoever sends it to the new
// version of the declaration it stands in.
type amendment struct {
	county    countyRow
	year      int
	direction Direction
	scope     string // whose declaration
	change    intake.Amendment
	further   []intake.Amendment // of the same version
	action    string             // of the audit log
	reason    string
	screen    bool
	book      *rulebook.Rulebook // the county's: read before the transaction, which takes no second connection

	positions []int // of the request's changes that are of this version

	dataset uuid.UUID  // the new version
	run     *uuid.UUID // the screening that follows
	issues  []intake.Issue
}

// PutCandidate draws a parcel or changes one.
func (s *server) PutCandidate(c echo.Context, county CountyPath, year Year, direction Direction, number string) error {
	ctx := c.Request().Context()
	var in CandidateInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	a, err := s.amends(ctx, county, year, direction, number, in.DatasetId, in.TownshipCode)
	if err != nil {
		return err
	}
	a.action, a.reason, a.screen = "candidate.put", in.Reason, in.Screen == nil || *in.Screen
	if a.change.Text, err = declaredText(&in); err != nil {
		return err
	}
	if in.Geometry != nil {
		if a.change.Geometry, err = drawnIn(a.county, in.Geometry, in.Crs); err != nil {
			return err
		}
	}
	return s.amend(c, a)
}

// ChangeCandidate clips a parcel to what the last screening left of it, or
// withdraws it.
func (s *server) ChangeCandidate(c echo.Context, county CountyPath, year Year, direction Direction, number, change string) error {
	ctx := c.Request().Context()
	var in CandidateReason
	if err := c.Bind(&in); err != nil {
		return err
	}
	a, err := s.amends(ctx, county, year, direction, number, &in.DatasetId, nil)
	if err != nil {
		return err
	}
	a.action, a.reason, a.screen = "candidate."+change, in.Reason, in.Screen == nil || *in.Screen
	if change == "withdraw" {
		a.change.Withdraw = true
	} else if err := s.clip(ctx, &a); err != nil {
		return err
	}
	return s.amend(c, a)
}

// amends finds whose declaration is to change and whether the caller may.
func (s *server) amends(ctx context.Context, county string, year int, direction Direction, number string, base *uuid.UUID, township *string) (amendment, error) {
	row, err := s.county(ctx, county)
	if err != nil {
		return amendment{}, err
	}
	actor, _ := access.From(ctx)
	a := amendment{county: row, year: year, direction: direction, scope: actor.Township,
		change: intake.Amendment{Number: number, UploadID: uuid.New(), Township: actor.Township}}
	if a.scope == "" {
		a.scope = value(township)
	}
	if base == nil {
		if a.scope == "" {
			return a, badRequest("township", "尚无申报时请用 township_code 指明乡镇，修改已有申报请给出 dataset_id。 Name the township, or the version that is changed.")
		}
		if a.scope[:6] != county {
			return a, badRequest("township", fmt.Sprintf("乡镇 %s 不属于县 %s。 The township is not of this county.", a.scope, county))
		}
		return a, s.holdDeclared(ctx, county, year)
	}
	d, err := s.dataset(ctx, county, *base)
	if err != nil {
		return a, err
	}
	switch {
	case !actor.WholeCounty() && d.Scope == "" && d.Kind == a.kind():
		return a, forbidden("township", fmt.Sprintf("地块 %s 在全县统一的申报中，乡镇不能修改；请县自然资源局修改，或由乡镇另行申报。 This is the county's own declaration; the bureau changes it.", number))
	case !actor.Sees(county, d.Scope):
		return a, noDataset(county, *base)
	case d.Kind != a.kind() || d.Year != year:
		return a, notFound("dataset", fmt.Sprintf("数据集 %s 是 %d 年的 %s，不是 %d 年的 %s。 The dataset is another declaration.", *base, d.Year, d.Kind, year, a.kind()))
	}
	a.change.Base, a.scope = *base, d.Scope
	return a, nil
}

func (a *amendment) kind() string { return "CANDIDATE_" + strings.ToUpper(string(a.direction)) }

// declaredText puts the request's fields under the names of the declaration.
func declaredText(in *CandidateInput) (map[string]string, error) {
	text := map[string]string{}
	for field, v := range map[int]*string{fields.XZDM: in.TownshipCode, fields.XZMC: in.TownshipName, fields.CUN: in.Village,
		fields.DeclaredBSM: in.BaseBsm, fields.DeclaredDLBM: in.BaseDlbm, fields.NZDL: in.TargetDlbm, fields.YT: in.Purpose,
		fields.HFFS: in.Method, fields.DeclaredGDLX: (*string)(in.Gdlx), fields.ZTLX: in.Actor, fields.SBMJ: in.DeclaredM2} {
		if v != nil {
			text[fields.Declaration[field].Name] = *v
		}
	}
	for _, group := range []struct {
		what   string
		given  *map[string]string
		fields []int
	}{{"documents", in.Documents, fields.Documents}, {"attributes", in.Attributes, fields.Kept}} {
		if group.given == nil {
			continue
		}
		var known []string
		for _, i := range group.fields {
			known = append(known, fields.Declaration[i].Name)
		}
		for name, v := range *group.given {
			if !slices.Contains(known, name) {
				return nil, badRequest(group.what, fmt.Sprintf("%s 中没有 %q；可用：%s。 There is no such name; use one of these.", group.what, name, strings.Join(known, "、")))
			}
			text[name] = v
		}
	}
	return text, nil
}

// drawnIn reads a boundary into the county's plane. Whether it is valid is for
// the checks of a load to say.
func drawnIn(county countyRow, geometry *GeoJSON, crs *string) (orb.MultiPolygon, error) {
	zone, ok := land.ByEPSG(county.srid)
	if !ok {
		return nil, fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", county.code, county.srid)
	}
	from := "EPSG:4490"
	if crs != nil {
		from = *crs
	}
	project, err := planeOf(from, zone)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(geometry)
	if err != nil {
		return nil, fmt.Errorf("geometry: %w", err)
	}
	mp, fault := collection.PolygonsOf(raw, systemOf(from))
	if fault == "" {
		fault = collection.Misplaced(mp, project, collection.EastFirst)
	}
	if fault != "" {
		p := badRequest("geometry", "geometry："+fault)
		p.Status = http.StatusUnprocessableEntity
		return nil, p
	}
	return mp, nil
}

// clip takes the remainder that the newest screening left of the parcel, and
// declares its area.
func (s *server) clip(ctx context.Context, a *amendment) error {
	run, fresh, err := s.latestRun(ctx, a.county.code, a.year, a.change.Base)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if err != nil || !fresh {
		return conflict("screening-stale", "最近一次筛查没有读过这一版申报，还不知道剩余部分。请等筛查完成后再裁剪。 This version has not been screened yet; clip when it has.")
	}
	var verdict string
	var raw []byte
	err = s.db.Pool.QueryRow(ctx, `SELECT verdict, ST_AsBinary(remainder) FROM verdict
		WHERE county_code = $1 AND run_id = $2 AND direction = $3 AND number = $4`, a.county.code, run, string(a.direction), a.change.Number).Scan(&verdict, &raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.amendProblem(intake.ErrNoParcel)
	}
	if err != nil {
		return fmt.Errorf("remainder of %s: %w", a.change.Number, err)
	}
	if verdict != "eligible_after_clip" || raw == nil {
		return conflict("nothing-to-clip", fmt.Sprintf("地块 %s 的筛查结论是 %s，没有可供裁剪的剩余部分；只有“裁剪后符合”的地块可以裁剪。 Only a parcel that is eligible after clipping can be clipped.", a.change.Number, verdict))
	}
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		return fmt.Errorf("remainder of %s: %w", a.change.Number, err)
	}
	mp, ok := g.(orb.MultiPolygon)
	zone, known := land.ByEPSG(a.county.srid)
	if !ok || !known {
		return fmt.Errorf("remainder of %s is a %s in EPSG:%d", a.change.Number, g.GeoJSONType(), a.county.srid)
	}
	a.change.Geometry = mp
	a.change.Text = map[string]string{fields.Declaration[fields.SBMJ].Name: land.OfficialArea(geodata.Canonical(mp.Clone()), zone).String()}
	return nil
}

// amend makes the new version in a transaction of its own.
func (s *server) amend(c echo.Context, a amendment) error {
	ctx := c.Request().Context()
	var err error
	if a.book, err = s.rulebookOf(ctx, a.county.rulebook); err != nil {
		return err
	}
	err = s.db.InTxAgain(ctx, func(tx pgx.Tx) error { return s.amendIn(ctx, tx, &a) })
	if err != nil {
		return s.amendProblem(err)
	}
	d, err := s.dataset(ctx, a.county.code, a.dataset)
	if err != nil {
		return err
	}
	out := CandidateChange{Dataset: d, Issues: []Issue{}, RunId: a.run}
	for i := range a.issues[:min(len(a.issues), 1000)] {
		out.Issues = append(out.Issues, issueOf(i, &a.issues[i]))
	}
	return c.JSON(http.StatusOK, out)
}

// amendIn makes the new version, its entries in the log and the screening that
// follows: all or nothing. Every door goes this way, so here is what must hold
// before a declaration is taken one parcel at a time: nobody decides by it yet.
func (s *server) amendIn(ctx context.Context, tx pgx.Tx, a *amendment) error {
	if _, err := a.hold(ctx, tx); err != nil {
		return err
	}
	list := append([]intake.Amendment{a.change}, a.further...)
	for _, number := range numbersOf(list) {
		if err := workflow.Editable(ctx, tx, workflow.Key{County: a.county.code, Year: a.year, Direction: string(a.direction), Number: number}); err != nil {
			return err
		}
	}
	document, err := a.document(list)
	if err != nil {
		return err
	}
	sum, size, err := s.files.put(bytes.NewReader(document))
	if err != nil {
		return uploadProblem(err)
	}
	list[0].SHA256, list[0].Size = sum, int(size)
	a.dataset = uuid.New()
	req := intake.Request{County: a.county.code, DatasetID: a.dataset, Kind: intake.Kind(a.kind()), Year: a.year, Scope: a.scope,
		FileName: a.change.Number + ".json", Purposes: a.book.Purposes, Actors: a.book.Actors}
	req.Committing = func(ctx context.Context, tx pgx.Tx) error {
		if a.screen {
			id, err := jobs.ScreenArrival(ctx, tx, s.queue, a.county.code, a.year)
			if err != nil {
				return err
			}
			a.run = &id
		}
		for i := range list {
			if err := a.record(ctx, tx, &list[i], sum); err != nil {
				return err
			}
		}
		return nil
	}
	_, a.issues, err = intake.AmendIn(ctx, tx, s.db, req, list...)
	return err
}

// hold gives the version in force and holds the declaration: always before the
// records of its parcels, or two changes would wait for each other.
func (a *amendment) hold(ctx context.Context, tx pgx.Tx) (uuid.UUID, error) {
	return intake.InForce(ctx, tx, &intake.Request{County: a.county.code, Kind: intake.Kind(a.kind()), Year: a.year, Scope: a.scope})
}

// numbersOf are the changed parcels in the order in which their records are locked.
func numbersOf(list []intake.Amendment) []string {
	numbers := make([]string, len(list))
	for i := range list {
		numbers[i] = list[i].Number
	}
	slices.Sort(numbers)
	return numbers
}

// document is what is kept of a change, as an uploaded file is.
func (a *amendment) document(list []intake.Amendment) ([]byte, error) {
	of := func(c *intake.Amendment) map[string]any {
		return map[string]any{"direction": a.direction, "number": c.Number, "fields": c.Text, "withdraw": c.Withdraw, "coordinates": c.Geometry}
	}
	v := of(&list[0])
	v["amends"], v["srid"], v["reason"] = a.change.Base, a.county.srid, a.reason
	for i := range list[1:] {
		further, _ := v["further"].([]any)
		v["further"] = append(further, of(&list[i+1]))
	}
	document, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("document of the change: %w", err)
	}
	return document, nil
}

// record enters a change in the log.
func (a *amendment) record(ctx context.Context, tx pgx.Tx, c *intake.Amendment, sum string) error {
	action := a.action
	if action == "" {
		action = "candidate.put"
		if c.Withdraw {
			action = "candidate.withdraw"
		}
	}
	return access.Record(ctx, tx, access.Entry{County: a.county.code, Action: action, Kind: "candidate", ID: string(a.direction) + "/" + c.Number,
		Before: map[string]any{"dataset_id": a.change.Base}, Reason: a.reason,
		After: map[string]any{"dataset_id": a.dataset, "sha256": sum, "fields": c.Text, "boundary": c.Geometry != nil, "withdrawn": c.Withdraw}})
}

// amendProblem gives a refused change its status.
func (s *server) amendProblem(err error) error {
	var stale *intake.StaleError
	var refused *workflow.Refusal
	switch {
	case errors.As(err, &refused):
		return workflowProblem(refused)
	case errors.As(err, &stale):
		return conflict("declaration-changed", stale.Error())
	case errors.Is(err, intake.ErrNoParcel):
		return notFound("candidate", "该申报中没有这个编号的地块；新地块请给出 geometry。 The declaration has no such parcel; a new one needs its geometry.")
	}
	return intakeProblem(err)
}
