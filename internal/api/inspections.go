package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/workflow"
	"gengheng/internal/workflow/photo"
	"gengheng/internal/year"
)

func (s *server) AddInspection(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath) error {
	ctx := c.Request().Context()
	var in AddInspectionJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	session, err := s.screener.Current(ctx, county, number)
	if err != nil {
		return screeningProblem(err)
	}
	crs := "EPSG:4490"
	if in.Crs != nil {
		crs = *in.Crs
	}
	project, err := planeOf(crs, session.Zone())
	if err != nil {
		return err
	}
	d, err := s.declaration(ctx, 0, "geometry", WhatIfDeclaration{Direction: direction, Number: &parcel, Geometry: in.Geometry}, crs, project)
	if err != nil {
		return err
	}
	i, err := s.yearOf(county, number).Inspect(ctx, session, string(direction), parcel, workflow.InspectionKind(in.Kind), d.Geometry, value(in.Note))
	if err != nil {
		return screeningProblem(yearProblem(err))
	}
	out, err := inspectionJSON(&i)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, out)
}

func inspectionJSON(i *workflow.Inspection) (Inspection, error) {
	v := Inspection{InspectionId: i.ID, Kind: InspectionKind(i.Kind), Revision: i.Revision, GrossM2: i.Gross.String(), NetM2: i.Net.String(), NetPaddyM2: i.Paddy.String(),
		PlannedM2: i.Planned.String(), DifferenceM2: i.Difference().String(), OutsideM2: i.Outside.String(), Rulebook: i.Rulebook, Verdict: VerdictName(i.Verdict),
		Reasons: []any{}, Note: i.Note, By: i.By, At: i.At, Signatures: []InspectionSignature{}}
	if len(i.ReasonsJSON) > 0 && string(i.ReasonsJSON) != "null" {
		if err := json.Unmarshal(i.ReasonsJSON, &v.Reasons); err != nil {
			return v, fmt.Errorf("reasons of inspection %s: %w", i.ID, err)
		}
	}
	deviation := float64(i.Deviation) / 100
	v.DeviationPercent = &deviation
	if i.Grade != nil {
		q := float32(*i.Grade) / 1000
		v.Quality = &q
	}
	if zone, ok := land.ByEPSG(i.SRID); ok {
		v.Geometry, v.Credited = geographic(i.Boundary, zone), geographic(i.Credited, zone)
	}
	for _, s := range i.Signatures {
		v.Signatures = append(v.Signatures, signatureJSON(s))
	}
	return v, nil
}

func signatureJSON(s workflow.Signature) InspectionSignature {
	return InspectionSignature{Department: string(s.Department), Seq: s.Seq, Answers: s.Answers, Passed: s.Passed, Note: s.Note, By: s.By, At: s.At}
}

func (s *server) SignInspection(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath) error {
	ctx := c.Request().Context()
	var in SignInspectionJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	key := workflow.Key{County: county, Year: number, Direction: string(direction), Number: parcel}
	actor, _ := access.From(ctx)
	var out workflow.Signature
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		out, err = workflow.Workflow{}.Sign(ctx, tx, actor, key, in.Answers, value(in.Note))
		return err
	})
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusCreated, signatureJSON(out))
}

func (s *server) AddRecordPhoto(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath, params AddRecordPhotoParams) error {
	ctx := c.Request().Context()
	key := workflow.Key{County: county, Year: number, Direction: string(direction), Number: parcel}
	if err := s.mayFile(ctx, key); err != nil {
		return err
	}
	d, err := s.receive(c, params.FileName, "J1-1.jpg")
	if err != nil {
		return err
	}
	f, err := os.Open(s.files.Path(d.SHA256))
	if err != nil {
		return fmt.Errorf("photo: %w", err)
	}
	defer f.Close()
	meta, err := photo.Read(f)
	switch {
	case errors.Is(err, photo.ErrNotJPEG):
		return badRequest("photo", fmt.Sprintf("%s 不是 JPEG 照片，请发送相机拍摄的原文件。 Send the JPEG as the camera wrote it.", d.FileName))
	case err != nil:
		return badRequest("photo", fmt.Sprintf("%[1]s 的 EXIF 已损坏，读不出位置、方位角和时间（%[2]v）。照片没有保存；请从相机或手机重新导出原文件（不要经聊天软件转发或修图软件另存），仍不行则重拍。 The EXIF of %[1]s is damaged; nothing was saved. Export the original from the camera again, unedited and not through a chat program, or take the photo again.", d.FileName, err))
	}
	p, err := s.yearOf(county, number).AddPhoto(ctx, string(direction), parcel, d, meta)
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusCreated, photoJSON(p))
}

// photoJSON leaves out what every photo has in common.
func photoJSON(p workflow.FieldPhoto) any {
	return struct {
		workflow.FieldPhoto
		Kind      any `json:"kind,omitempty"`
		Purpose   any `json:"purpose,omitempty"`
		Reference any `json:"reference,omitempty"`
	}{FieldPhoto: p}
}

func (s *server) FinishRectification(c echo.Context, county CountyPath, number YearPath, direction DirectionPath, parcel NumberPath) error {
	ctx := c.Request().Context()
	var in FinishRectificationJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	key := workflow.Key{County: county, Year: number, Direction: string(direction), Number: parcel}
	actor, _ := access.From(ctx)
	var out workflow.Rectification
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		out, err = workflow.Workflow{}.Done(ctx, tx, actor, key, in.Item, in.Note)
		return err
	})
	if err != nil {
		return yearProblem(err)
	}
	return c.JSON(http.StatusOK, out)
}

func (s *server) RecogniseRecords(c echo.Context, county CountyPath, number YearPath) error {
	var in RecogniseRecordsJSONBody
	if err := c.Bind(&in); err != nil {
		return err
	}
	items := make([]year.Item, len(in.Items))
	for i, p := range in.Items {
		items[i] = year.Item{Direction: string(p.Direction), Number: p.Number, Revision: p.Revision}
	}
	trial := in.Trial != nil && *in.Trial
	list, err := s.yearOf(county, number).Recognise(c.Request().Context(), items, in.SurveyDatasetId, value(in.Reason), trial)
	if err != nil {
		return yearProblem(err)
	}
	actor, _ := access.From(c.Request().Context())
	out := make([]Recognition, len(list))
	for i, r := range list {
		out[i] = Recognition{Record: recordsJSON([]workflow.Record{r.Record}, actor)[0], SurveyDatasetId: r.Survey, SurveyVersion: r.Version,
			Booked: amountsJSON(r.Booked), Recognised: amountsJSON(r.Recognised)}
	}
	return c.JSON(http.StatusOK, out)
}

func amountsJSON(a ledger.Amounts) Amounts {
	return Amounts{AreaM2: a.Area.String(), PaddyM2: a.Paddy.String(), QualityM2: a.Quality.String()}
}
