package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/intake"
	"gengheng/internal/land"
	"gengheng/internal/overlay/polygon"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

func (s *server) WhatIf(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in WhatIfInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	out, err := s.tryOut(ctx, county, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// tryOut judges what is not declared.
func (s *server) tryOut(ctx context.Context, county string, in WhatIfInput) (out WhatIf, err error) {
	if _, err := s.county(ctx, county); err != nil {
		return out, err
	}
	session, err := s.screener.Current(ctx, county, in.Year)
	if err != nil {
		return out, screeningProblem(err)
	}
	crs := "EPSG:4490"
	if in.Crs != nil {
		crs = *in.Crs
	}
	project, err := planeOf(crs, session.Zone())
	if err != nil {
		return out, err
	}
	list := make([]screening.Declaration, len(in.Declarations))
	for i, d := range in.Declarations {
		if d.TownshipCode, err = tried(ctx, county, d.TownshipCode); err != nil {
			return out, err
		}
		if list[i], err = s.declaration(ctx, i, fmt.Sprintf("declarations/%d/geometry", i), d, crs, project); err != nil {
			return out, err
		}
	}
	if out, err = whatIf(ctx, session, list); err != nil {
		return out, err
	}
	out.Year = in.Year
	return out, nil
}

// tried is the township that a what-if is for: a township's actor tries its own
// parcels only.
func tried(ctx context.Context, county string, asked *string) (*string, error) {
	a, _ := access.From(ctx)
	if asked == nil && !a.WholeCounty() {
		asked = &a.Township
	}
	if !a.Sees(county, value(asked)) {
		return nil, forbidden("township", fmt.Sprintf("乡镇 %s 的身份不能为乡镇 %s 试算。 A township tries its own parcels only.", a.Township, value(asked)))
	}
	return asked, nil
}

// declaration takes one of the request's, its boundary brought to the county's
// plane. field is where the geometry stands in the request, for who sent it.
func (s *server) declaration(ctx context.Context, i int, field string, d WhatIfDeclaration, crs string, project func(orb.Point) orb.Point) (screening.Declaration, error) {
	out := screening.Declaration{Direction: rulebook.Direction(d.Direction), Number: value(d.Number), Township: value(d.TownshipCode),
		BaseBSM: value(d.BaseBsm), BaseDLBM: value(d.BaseDlbm), Target: value(d.TargetDlbm), Purpose: value(d.Purpose),
		Method: value(d.Method), Actor: value(d.Actor)}
	if d.Gdlx != nil {
		out.GDLX = string(*d.Gdlx)
	}
	if d.Documents != nil {
		out.Documents = *d.Documents
	}
	if out.Number == "" {
		out.Number = "试算" + strconv.Itoa(i+1)
	}
	raw, err := json.Marshal(d.Geometry)
	if err != nil {
		return out, fmt.Errorf("geometry: %w", err)
	}
	shape, fault := collection.PolygonsOf(raw, systemOf(crs))
	out.Geometry = shape
	return out, s.outline(ctx, field, shape, fault, project)
}

// outline brings a boundary that was read, or could not be for the fault, to the
// county's plane, and refuses one that is no parcel's.
func (s *server) outline(ctx context.Context, field string, shape orb.MultiPolygon, fault string, project func(orb.Point) orb.Point) error {
	bad := func(detail string) error {
		p := badRequest("geometry", field+"："+detail)
		p.Status = http.StatusUnprocessableEntity
		return p
	}
	if fault != "" {
		return bad(fault)
	}
	if detail := collection.Misplaced(shape, project, collection.EastFirst); detail != "" {
		return bad(detail)
	}
	prepared, err := polygon.Prepare(shape)
	if err != nil {
		return bad(err.Error())
	}
	if !prepared.Valid() || prepared.Planar() <= polygon.Minimum {
		return bad(s.whyInvalid(ctx, shape))
	}
	return nil
}

// whyInvalid asks PostGIS where the fault is.
func (s *server) whyInvalid(ctx context.Context, mp orb.MultiPolygon) string {
	const general = "图形无效（自相交或没有面积），请改正。 The polygon crosses itself or has no area."
	raw, err := wkb.Marshal(mp)
	if err != nil {
		return general
	}
	var why string
	if err := s.rows(ctx).QueryRow(ctx, `SELECT ST_IsValidReason(ST_GeomFromWKB($1))`, raw).Scan(&why); err != nil || why == "Valid Geometry" {
		return general
	}
	return general + " " + why
}

// systemOf is a system's name as GeoJSON is held to it: degrees are longitude first
// here, which is what CRS84 says.
func systemOf(crs string) string {
	name := "EPSG:" + strings.TrimPrefix(strings.ToUpper(crs), "EPSG:")
	if name == "EPSG:4490" {
		return name + "、CRS84"
	}
	return name
}

// planeOf gives the way from a CRS to the county's plane: longitude and latitude
// on CGCS2000, or the county's own zone, with its number before the easting or
// without.
func planeOf(crs string, zone land.Zone) (func(orb.Point) orb.Point, error) {
	code, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(crs), "EPSG:"))
	prefixed := zone.WithPrefix()
	switch {
	case err == nil && code == 4490:
		return func(p orb.Point) orb.Point {
			x, y := zone.Project(p[0], p[1])
			return orb.Point{x, y}
		}, nil
	case err == nil && code == zone.EPSG():
		return func(p orb.Point) orb.Point { return p }, nil
	case err == nil && code == prefixed.EPSG():
		shift := prefixed.FalseEasting() - zone.FalseEasting()
		return func(p orb.Point) orb.Point { return orb.Point{p[0] - shift, p[1]} }, nil
	}
	return nil, badRequest("crs", fmt.Sprintf("坐标系 %s 不能用于试算；可用 EPSG:4490、EPSG:%d、EPSG:%d。其他坐标系请用文件试算。 Use one of these, or send a file.", crs, zone.EPSG(), prefixed.EPSG()))
}

// value is what a parameter that may be left out stands for.
func value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}

func (s *server) WhatIfFile(c echo.Context, county CountyPath, params WhatIfFileParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	township, err := tried(ctx, county, params.Township)
	if err != nil {
		return err
	}
	session, err := s.screener.Current(ctx, county, params.Year)
	if err != nil {
		return screeningProblem(err)
	}
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload+(1<<20))
	body, name, err := uploadedFile(c.Request(), params.FileName, "declaration.zip")
	if err != nil {
		return err
	}
	path, err := s.files.scratch(body)
	if err != nil {
		return uploadProblem(err)
	}
	defer os.Remove(path)
	req := intake.Request{County: county, Kind: intake.CandidateIn, Year: params.Year, Scope: value(township), Path: path, FileName: name,
		Options:  intake.Options{CRS: value(params.Crs), Encoding: value(params.Encoding), Layer: value(params.Layer), Child: s.child},
		Purposes: session.Rulebook().Purposes, Actors: session.Rulebook().Actors}
	if params.Direction == "out" {
		req.Kind = intake.CandidateOut
	}
	if params.AcceptRepairs != nil {
		req.Options.AcceptRepairs = *params.AcceptRepairs
	}
	preview, err := intake.Read(ctx, s.db, req)
	if err != nil {
		return intakeProblem(err)
	}
	list := make([]screening.Declaration, len(preview.Rows))
	for i, r := range preview.Rows {
		list[i] = screening.Declaration{Direction: rulebook.Direction(r.Direction), Number: r.Number, Township: r.Township,
			BaseBSM: r.BaseBSM, BaseDLBM: r.BaseDLBM, Target: r.Target, Purpose: r.Purpose, Method: r.Method, GDLX: r.GDLX,
			Actor: r.Actor, Documents: r.Documents, Attrs: r.Attrs, Geometry: r.Geometry}
	}
	out, err := whatIf(ctx, session, list)
	if err != nil {
		return err
	}
	out.Year = params.Year
	issues := make([]Issue, len(preview.Issues))
	for i := range preview.Issues {
		issues[i] = issueOf(i, &preview.Issues[i])
	}
	out.Issues = &issues
	return c.JSON(http.StatusOK, out)
}

// whatIf judges and puts the answer into the contract's form.
func whatIf(ctx context.Context, session *screening.Session, list []screening.Declaration) (WhatIf, error) {
	judgements, err := session.Judge(ctx, list)
	if err != nil {
		return WhatIf{}, screeningProblem(err)
	}
	a, _ := access.From(ctx)
	out := WhatIf{Rulebook: session.Rulebook().Hash, Srid: session.SRID(), Missing: session.Missing()}
	for i := range judgements {
		item := WhatIfItem{Geometry: geographic(list[i].Geometry, session.Zone()), Verdict: verdictOf(&judgements[i].Verdict, session.Zone()), Findings: []Finding{}}
		for k := range judgements[i].Findings {
			f := judgements[i].Findings[k]
			if !a.WholeCounty() {
				f = f.Unnamed()
			}
			item.Findings = append(item.Findings, findingOf(k+1, &f, session.Zone()))
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func verdictOf(v *screening.Verdict, zone land.Zone) Verdict {
	out := Verdict{Direction: Direction(v.Direction), Number: v.Number, TownshipCode: v.Township, Verdict: VerdictName(v.Verdict),
		AreaM2: v.Area.String(), UsableM2: v.Usable.String(), NetM2: v.Net.String(), NetPaddyM2: v.NetPaddy.String(),
		Scores: v.Scores, Reasons: []any{}, Remainder: geographic(v.Remainder, zone)}
	for _, r := range v.Reasons {
		out.Reasons = append(out.Reasons, r)
	}
	if v.KCXS != nil {
		out.Kcxs = text(v.KCXS.String())
	}
	if v.SlopeClass != "" {
		out.SlopeClass = text(v.SlopeClass)
	}
	if v.SlopeSource != "" {
		out.SlopeSource = text(v.SlopeSource)
	}
	if v.Quality != nil {
		out.Quality = text(strconv.FormatFloat(*v.Quality, 'f', 3, 64))
	}
	return out
}

func findingOf(seq int, f *screening.Finding, zone land.Zone) Finding {
	check := f.Check
	out := Finding{Seq: seq, Direction: Direction(f.Direction), Number: f.Number, TownshipCode: f.Township, Clause: f.Clause, CheckNo: &check,
		Severity: FindingSeverity(f.Severity), Outcome: Outcome(f.Outcome), LayerKind: f.LayerKind, LayerVersion: f.LayerVersion,
		Features: []map[string]any{}, MessageZh: f.MessageZH, MessageEn: f.MessageEN, Geometry: geographic(f.Geometry, zone)}
	if f.Measured {
		share := f.Share
		out.OverlapM2, out.Share = text(f.Overlap.String()), &share
	}
	for _, t := range f.Features {
		out.Features = append(out.Features, map[string]any{"bsm": t.BSM, "code": t.Code, "name": t.Name, "level": t.Level, "m2": t.M2})
	}
	return out
}

func text(s string) *string { return &s }

// geographic is GeoJSON in longitude and latitude, rounded to 1e-9° (0.1 mm);
// nil for no geometry.
func geographic(mp orb.MultiPolygon, zone land.Zone) *GeoJSON {
	if len(mp) == 0 {
		return nil
	}
	coordinates := make([][][][2]json.Number, len(mp))
	number := func(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'f', 9, 64)) }
	for i, poly := range mp {
		coordinates[i] = make([][][2]json.Number, len(poly))
		for r, ring := range poly {
			coordinates[i][r] = make([][2]json.Number, len(ring))
			for k, p := range ring {
				lon, lat := zone.Geographic(p[0], p[1])
				coordinates[i][r][k] = [2]json.Number{number(lon), number(lat)}
			}
		}
	}
	return &GeoJSON{"type": "MultiPolygon", "coordinates": coordinates}
}

// issueOf is an issue that is not stored.
func issueOf(i int, issue *intake.Issue) Issue {
	out := Issue{Seq: i + 1, Severity: string(issue.Severity), Code: issue.Code, MessageZh: issue.ZH, MessageEn: issue.EN}
	if issue.Row > 0 {
		row := issue.Row
		out.Row = &row
	}
	if issue.Field != "" {
		out.Field = text(issue.Field)
	}
	if issue.At != nil {
		out.X, out.Y = &issue.At[0], &issue.At[1]
	}
	return out
}

// screeningProblem and intakeProblem give a room's refusal its status.
func screeningProblem(err error) error {
	var r *screening.Refusal
	if !errors.As(err, &r) {
		return err
	}
	return roomProblem(r, err)
}

func intakeProblem(err error) error {
	var p *intake.Problem
	if !errors.As(err, &p) {
		return err
	}
	return roomProblem(p, err)
}

// roomProblem takes over what a refusal says of itself as RFC 9457.
func roomProblem(r json.Marshaler, err error) error {
	raw, merr := r.MarshalJSON()
	if merr != nil {
		return errors.Join(err, merr)
	}
	p := &problem{Status: http.StatusUnprocessableEntity}
	if err := json.Unmarshal(raw, p); err != nil {
		return fmt.Errorf("problem of a room: %w", err)
	}
	p.kind = strings.TrimPrefix(p.Type, "urn:gengheng:problem:")
	return p
}
