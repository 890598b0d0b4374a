package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"gengheng/internal/client"
	"gengheng/internal/land"
	"gengheng/internal/workflow/photo"
)

// recordItem is one parcel of a step.
type recordItem = struct {
	Direction       client.Direction `json:"direction"`
	Documents       *[]uuid.UUID     `json:"documents,omitempty"`
	ExecutedM2      *client.AreaM2   `json:"executed_m2,omitempty"`
	ExecutedPaddyM2 *client.AreaM2   `json:"executed_paddy_m2,omitempty"`
	Number          string           `json:"number"`
	Rectify         *[]string        `json:"rectify,omitempty"`
	RectifyBy       *string          `json:"rectify_by,omitempty"`
	Revision        *int             `json:"revision,omitempty"`
}

func itemOf(r client.Record) recordItem {
	item := recordItem{Direction: r.Direction, Number: r.Number}
	if r.Revision > 0 {
		item.Revision = &r.Revision
	}
	return item
}

// carryOut lets every township bring land in first (先进后出), then take out what
// its quota, with what other townships can spare, covers.
func (y *workedYear) carryOut(ctx context.Context) error {
	approved, err := y.records(ctx, client.ListRecordsParams{State: ptr(client.RecordStateApproved)})
	if err != nil {
		return err
	}
	chosen := func(township string, d client.Direction) []client.Record {
		var list []client.Record
		for _, r := range approved {
			if r.TownshipCode == township && r.Direction == d && len(list) < y.each {
				list = append(list, r)
			}
		}
		return list
	}
	for i, township := range y.townships {
		// the first township has one parcel to put right
		if err := y.bringIn(ctx, township, chosen(township, client.In), i == 0); err != nil {
			return fmt.Errorf("%s 转进: %w", township, err)
		}
	}
	y.needs = map[string]land.Area{}
	for _, township := range y.townships {
		for _, r := range chosen(township, client.Out) {
			m2, err := land.ParseArea(r.NetM2)
			if err != nil {
				return err
			}
			y.needs[township] += m2
		}
	}
	for _, township := range y.townships {
		if err := y.takeOut(ctx, township, chosen(township, client.Out)); err != nil {
			return fmt.Errorf("%s 转出: %w", township, err)
		}
	}
	return nil
}

// bringIn carries 转进 from the consent to the approved daily change.
func (y *workedYear) bringIn(ctx context.Context, township string, list []client.Record, faulty bool) (err error) {
	clerk, lead := clerkOf+township, leadOf+township
	if len(list) == 0 {
		return nil
	}
	if err := y.rights(ctx, clerk, list); err != nil {
		return err
	}
	if list, err = y.act(ctx, clerk, client.RecordActionStart, list, ""); err != nil {
		return err
	}
	if list, err = y.check(ctx, lead, list); err != nil {
		return err
	}
	if faulty {
		if list[0], err = y.putRight(ctx, clerk, lead, list[0]); err != nil {
			return err
		}
	}
	for _, r := range list {
		if err := y.inspect(ctx, bureau, r, client.InspectionKindCounty, "agriculture", "forestry", "water"); err != nil {
			return err
		}
	}
	if list, err = y.act(ctx, bureauLead, client.RecordActionAccept, list, ""); err != nil {
		return err
	}
	for _, step := range []struct {
		kind   client.DocumentKind
		action client.RecordAction
	}{{client.DocumentKindEvidence, client.RecordActionEvidence}, {client.DocumentKindChangeBatch, client.RecordActionChangeApprove}} {
		if err := y.file(ctx, bureau, list, step.kind, ""); err != nil {
			return err
		}
		if list, err = y.act(ctx, bureau, step.action, list, ""); err != nil {
			return err
		}
	}
	return nil
}

// check is the township's own (乡镇初验).
func (y *workedYear) check(ctx context.Context, lead string, list []client.Record) ([]client.Record, error) {
	for _, r := range list {
		if err := y.inspect(ctx, lead, r, client.InspectionKindTownship); err != nil {
			return nil, err
		}
	}
	return y.act(ctx, lead, client.RecordActionTownshipCheck, list, "")
}

// putRight sends a parcel back for rectification (整改) and brings it up again.
func (y *workedYear) putRight(ctx context.Context, clerk, lead string, r client.Record) (client.Record, error) {
	list, err := y.act(ctx, bureau, client.RecordActionRectify, []client.Record{r}, "石砾较多，耕作层不足（合成）")
	if err != nil {
		return r, err
	}
	c, err := y.by(clerk)
	if err != nil {
		return r, err
	}
	resp, err := c.Raw.FinishRectification(ctx, y.county, y.year, client.DirectionPath(r.Direction), r.Number, client.FinishRectificationJSONRequestBody{Item: 1, Note: "已清除石砾、培肥（合成）"})
	if _, err := client.Decode[client.RectificationItem](resp, err, http.StatusOK); err != nil {
		return r, err
	}
	if err := y.file(ctx, clerk, list, client.DocumentKindRectification, ""); err != nil {
		return r, err
	}
	if list, err = y.act(ctx, clerk, client.RecordActionRework, list, ""); err != nil {
		return r, err
	}
	if list, err = y.check(ctx, lead, list); err != nil {
		return r, err
	}
	return list[0], nil
}

// inspect measures the planned boundary again, with a photo and the form, and
// has it signed by who measured and by others.
func (y *workedYear) inspect(ctx context.Context, who string, r client.Record, kind client.InspectionKind, others ...string) error {
	c, err := y.by(who)
	if err != nil {
		return err
	}
	boundary, err := y.boundary(r)
	if err != nil {
		return err
	}
	crs := fmt.Sprintf("EPSG:%d", y.zone.EPSG())
	resp, err := c.Raw.AddInspection(ctx, y.county, y.year, client.DirectionPath(r.Direction), r.Number, client.AddInspectionJSONRequestBody{
		Kind: kind, Crs: &crs, Geometry: client.GeoJSON{"type": "MultiPolygon", "coordinates": boundary}})
	if _, err := client.Decode[client.Inspection](resp, err, http.StatusCreated); err != nil {
		return err
	}
	if kind == client.InspectionKindTownship {
		if err := y.photograph(ctx, c, r, boundary); err != nil {
			return err
		}
	}
	if err := y.file(ctx, who, []client.Record{r}, client.DocumentKindAcceptanceForm, ""); err != nil {
		return err
	}
	for _, signer := range append([]string{who}, others...) {
		if err := y.sign(ctx, signer, r, kind); err != nil {
			return err
		}
	}
	return nil
}

// photograph stands on the boundary and looks inwards, now.
func (y *workedYear) photograph(ctx context.Context, c *client.Client, r client.Record, boundary orb.MultiPolygon) error {
	at := boundary[0][0][0]
	lon, lat := y.zone.Geographic(at[0], at[1])
	middle, _ := planar.CentroidArea(boundary[0])
	direction := math.Mod(360+math.Atan2(middle[0]-at[0], middle[1]-at[1])*180/math.Pi, 360)
	now := time.Now()
	jpeg, err := photo.Synthetic(photo.Meta{Position: &orb.Point{lon, lat}, Direction: &direction, Taken: &now})
	if err != nil {
		return err
	}
	name := "合成_" + r.Number + ".jpg"
	resp, err := c.Raw.AddRecordPhotoWithBody(ctx, y.county, y.year, client.DirectionPath(r.Direction), r.Number, &client.AddRecordPhotoParams{FileName: &name}, "application/octet-stream", bytes.NewReader(jpeg))
	taken, err := client.Decode[client.RecordPhoto](resp, err, http.StatusCreated)
	if err == nil && len(taken.Findings) > 0 {
		err = fmt.Errorf("照片 %s: %s", name, taken.Findings[0].MessageZh)
	}
	return err
}

// sign answers every item of the department's checklist with yes.
func (y *workedYear) sign(ctx context.Context, who string, r client.Record, kind client.InspectionKind) error {
	c, err := y.by(who)
	if err != nil {
		return err
	}
	department := who
	if kind == client.InspectionKindTownship {
		department = "township"
	}
	answers := map[string]bool{}
	for _, item := range y.set.Checklists[department] {
		answers[item.Item] = true
	}
	resp, err := c.Raw.SignInspection(ctx, y.county, y.year, client.DirectionPath(r.Direction), r.Number, client.SignInspectionJSONRequestBody{Answers: answers})
	_, err = client.Decode[client.InspectionSignature](resp, err, http.StatusCreated)
	return err
}

// takeOut locks, releases and carries out 转出 as far as quota is there.
func (y *workedYear) takeOut(ctx context.Context, township string, list []client.Record) error {
	clerk := clerkOf + township
	var locked []client.Record
	for _, r := range list {
		one, err := y.act(ctx, bureauLead, client.RecordActionLock, []client.Record{r}, "")
		if short(err) {
			if err := y.borrow(ctx, township, r); err != nil {
				return err
			}
			one, err = y.act(ctx, bureauLead, client.RecordActionLock, []client.Record{r}, "")
		}
		m2, _ := land.ParseArea(r.NetM2) // as above
		y.needs[township] -= m2
		if short(err) {
			continue // out only after in: it waits for another year
		}
		if err != nil {
			return err
		}
		locked = append(locked, one...)
	}
	if len(locked) == 0 {
		return nil
	}
	if err := y.rights(ctx, clerk, locked); err != nil {
		return err
	}
	locked, err := y.act(ctx, bureauLead, client.RecordActionRelease, locked, "")
	if err != nil {
		return err
	}
	_, err = y.act(ctx, clerk, client.RecordActionExecute, locked, "")
	return err
}

// short tells whether a step was refused because quota is missing.
func short(err error) bool {
	var p *client.ProblemError
	return errors.As(err, &p) && (strings.HasSuffix(p.Type, "ledger-insufficient") || strings.HasSuffix(p.Type, "ledger-owing"))
}

// borrow moves quota for one parcel from the township that can spare most beyond
// what it needs itself (乡镇间调剂), of that township's quality; nothing where none
// can.
func (y *workedYear) borrow(ctx context.Context, township string, r client.Record) error {
	c, err := y.by(bureauLead)
	if err != nil {
		return err
	}
	available, err := y.available(ctx, c)
	if err != nil {
		return err
	}
	need, err := land.ParseArea(r.NetM2)
	if err != nil {
		return err
	}
	if available["area"][township] >= need {
		return nil // it is paddy or quality that is missing
	}
	var from string
	var most land.Area
	for _, other := range y.townships {
		if spare := available["area"][other] - max(0, y.needs[other]); other != township && spare > most {
			from, most = other, spare
		}
	}
	if most < need {
		return nil
	}
	quality := land.Share(available["quality"][from], need, available["area"][from]).String()
	body := client.AddLedgerTransferJSONRequestBody{Key: string(r.Direction) + "/" + r.Number, From: from, To: township, AreaM2: r.NetM2, QualityM2: &quality,
		Approval: fmt.Sprintf("合成调剂〔%d〕%s", y.year, r.Number)}
	resp, err := c.Raw.AddLedgerTransfer(ctx, y.county, y.year, body)
	_, err = client.Decode[client.LedgerPosted](resp, err, http.StatusCreated)
	return err
}

// available is the townships' quota by measure.
func (y *workedYear) available(ctx context.Context, c *client.Client) (map[string]map[string]land.Area, error) {
	resp, err := c.Raw.GetLedger(ctx, y.county, y.year, nil)
	sides, err := client.Decode[[]client.LedgerSide](resp, err, http.StatusOK)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]land.Area{}
	for _, s := range sides {
		if s.AvailableM2 == nil {
			continue
		}
		m2, err := land.ParseArea(*s.AvailableM2)
		if err != nil {
			return nil, err
		}
		m := string(s.Measure)
		if out[m] == nil {
			out[m] = map[string]land.Area{}
		}
		out[m][s.TownshipCode] = m2
	}
	return out, nil
}

// rights files the consent of the rights holders, the contract and the approval
// of the use, as the year asks.
func (y *workedYear) rights(ctx context.Context, who string, list []client.Record) error {
	for _, r := range list {
		one := []client.Record{r}
		if err := y.file(ctx, who, one, client.DocumentKindConsent, ""); err != nil {
			return err
		}
		if slices.Contains(y.set.ContractActors, r.Actor) {
			if err := y.file(ctx, who, one, client.DocumentKindContract, ""); err != nil {
				return err
			}
		}
		if r.Direction == client.Out && slices.Contains(y.set.ApprovalPurposes, r.Purpose) {
			if err := y.file(ctx, who, one, client.DocumentKindApproval, r.Purpose); err != nil {
				return err
			}
		}
	}
	return nil
}

// file puts a made-up document with each parcel.
func (y *workedYear) file(ctx context.Context, who string, list []client.Record, kind client.DocumentKind, purpose string) error {
	c, err := y.by(who)
	if err != nil {
		return err
	}
	for _, r := range list {
		name := fmt.Sprintf("合成_%s_%s.txt", r.Number, kind)
		params := &client.AddRecordDocumentParams{Kind: kind, FileName: &name}
		if purpose != "" {
			params.Purpose, params.Reference = &purpose, ptr("合成批〔"+r.Number+"〕")
		}
		text := fmt.Sprintf("合成数据，仅供演示：%s %s %s\n", kind, r.Direction, r.Number)
		resp, err := c.Raw.AddRecordDocumentWithBody(ctx, y.county, y.year, client.DirectionPath(r.Direction), r.Number, params, "application/octet-stream", strings.NewReader(text))
		if _, err := client.Decode[client.RecordDocument](resp, err, http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

func (y *workedYear) boundary(r client.Record) (orb.MultiPolygon, error) {
	b := y.boundaries[string(r.Direction)+"/"+r.Number]
	if len(b) == 0 {
		return nil, fmt.Errorf("方案中没有地块 %s/%s 的边界 · the plan has no boundary of it", r.Direction, r.Number)
	}
	return b, nil
}
