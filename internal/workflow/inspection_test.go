package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/workflow"
)

var toExecuting = append(slices.Clone(toPlan), workflow.Start)

func TestInspection_TownshipCheckNeedsAllOfIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, head := in("J1"), b.people[access.TownshipLead]
	b.do(key, toExecuting...)
	check := func(want string) {
		t.Helper()
		var refusal *workflow.Refusal
		_, err := b.as(head, key, workflow.TownshipCheck, workflow.Input{})
		if !asRefusal(err, &refusal) || string(refusal.Code)+" "+strings.Join(refusal.Missing, " ") != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	check("record-documents acceptance_form")
	b.file(key, workflow.AcceptanceForm, "")
	check("record-inspection township")
	if err := b.sign(head, key, nil, ""); code(err) != workflow.InspectionOpen {
		t.Errorf("signed before anything was measured: %v", err)
	}
	b.must(b.inspect(head, key, workflow.TownshipInspection, measured()))
	check("record-documents photo")
	away := sound()
	away.Position = &orb.Point{away.Position[0] + 0.01, away.Position[1]} // 0.9 km east
	if p := b.shoot(key, away); len(p.Findings) != 2 || p.Findings[0].Code != "far" || p.Findings[1].Code != "away" || *p.DistanceM < 800 {
		t.Errorf("%+v", p)
	}
	before := sound()
	yesterday := b.w.Now().AddDate(0, 0, -1)
	before.Taken = &yesterday
	if p := b.shoot(key, before); len(p.Findings) != 1 || p.Findings[0].Code != "early" {
		t.Errorf("%+v", p)
	}
	check("record-documents photo")
	if p := b.shoot(key, sound()); len(p.Findings) != 0 || *p.DistanceM != 0 {
		t.Errorf("%+v", p)
	}
	check("record-inspection township")
	b.must(b.sign(head, key, map[string]bool{"plough_layer": true}, "石砾多"))
	check("record-inspection ")
	b.must(b.sign(head, key, nil, ""))
	if _, err := b.as(head, key, workflow.TownshipCheck, workflow.Input{}); err != nil {
		t.Error(err)
	}
	photos, err := workflow.Photos(t.Context(), b.db.Pool, key)
	if err != nil || len(photos) != 3 || *photos[2].Direction != 0 {
		t.Errorf("%+v %v", photos, err)
	}
}

func TestInspection_CountyAcceptsTogether(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, bureau, lead := in("J1"), b.people[access.Bureau], b.people[access.BureauLead]
	b.do(key, append(slices.Clone(toExecuting), workflow.TownshipCheck)...)
	b.file(key, workflow.AcceptanceForm, "")
	accept := func(m workflow.Measured, who []access.Role, reason string) (string, []string) {
		t.Helper()
		b.must(b.inspect(bureau, key, workflow.CountyInspection, m))
		for _, d := range who {
			b.must(b.sign(b.people[d], key, nil, ""))
		}
		var refusal *workflow.Refusal
		_, err := b.as(lead, key, workflow.Accept, workflow.Input{Reason: reason})
		if !asRefusal(err, &refusal) {
			return "", nil
		}
		return string(refusal.Code), refusal.Missing
	}
	four := workflow.Departments()[:4]
	with := func(change func(m *workflow.Measured)) workflow.Measured {
		m := measured()
		change(&m)
		return m
	}
	if got, missing := accept(measured(), four[:2], ""); got != "record-inspection" || strings.Join(missing, " ") != "forestry water" {
		t.Errorf("%s %v", got, missing)
	}
	for _, v := range []string{"forbidden", "unknown"} {
		if got, _ := accept(with(func(m *workflow.Measured) { m.Verdict = v }), four, "r"); got != "record-verdict" {
			t.Errorf("%s: %s", v, got)
		}
	}
	if got, _ := accept(with(func(m *workflow.Measured) { m.Net = 0 }), four, "r"); got != "record-verdict" {
		t.Errorf("nothing is left: %s", got)
	}
	// 5 % of 900.00 m² may differ without a word
	for _, net := range []land.Area{85499, 94501} {
		if got, _ := accept(with(func(m *workflow.Measured) { m.Net = net }), four, ""); got != "record-reason" {
			t.Errorf("%s: %s", net, got)
		}
	}
	// and as much as the rulebook says by which it was measured
	for _, c := range []struct {
		deviation int64
		net       land.Area
	}{{250, 92251}, {0, 90001}, {1000, 99001}} {
		m := with(func(m *workflow.Measured) { m.Deviation, m.Net = c.deviation, c.net })
		if got, _ := accept(m, four, ""); got != "record-reason" {
			t.Errorf("%d of 10,000, %s: %s", c.deviation, c.net, got)
		}
	}
	// a new measurement has to be signed anew
	if got, missing := accept(measured(), nil, ""); got != "record-inspection" || len(missing) != 4 {
		t.Errorf("%s %v", got, missing)
	}
	b.must(b.sign(b.people[access.Forestry], key, map[string]bool{"no_forest": true}, "有林地"))
	if got, _ := accept(with(func(m *workflow.Measured) { m.Net, m.Deviation = 98999, 1000 }), four, ""); got != "" {
		t.Errorf("%s", got)
	}
	list, err := workflow.Inspections(t.Context(), b.db.Pool, key)
	b.must(err)
	last := list[len(list)-1]
	if last.Difference() != 8999 || last.Deviation != 1000 || len(last.Signatures) != 4 || last.Signatures[0].Department != access.Bureau || len(last.Boundary) != 1 || last.SRID != 4546 {
		t.Errorf("%+v", last)
	}
}

func TestInspection_RefusesWhoAndWhatDoesNotBelong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, head, bureau := in("J1"), b.people[access.TownshipLead], b.people[access.Bureau]
	b.do(key, toPlan...)
	b.do(out("C1"), toPlan...)
	if err := b.inspect(head, key, workflow.TownshipInspection, measured()); code(err) != workflow.IllegalStep {
		t.Errorf("before the work began: %v", err)
	}
	if err := b.inspect(head, out("C1"), workflow.TownshipInspection, measured()); code(err) != workflow.IllegalStep {
		t.Errorf("of an outflow: %v", err)
	}
	b.do(key, workflow.Start)
	elsewhere := measured()
	elsewhere.Outside = 500001
	other := head
	other.ID, other.Township = uuid.New(), west
	for name, tc := range map[string]struct {
		err  error
		code workflow.Code
	}{
		"the county before the township": {b.inspect(bureau, key, workflow.CountyInspection, measured()), workflow.IllegalStep},
		"a department for the township":  {b.inspect(bureau, key, workflow.TownshipInspection, measured()), workflow.WrongRole},
		"the applicant":                  {b.inspect(b.people[access.TownshipClerk], key, workflow.TownshipInspection, measured()), workflow.OwnSignature},
		"another township":               {b.inspect(other, key, workflow.TownshipInspection, measured()), workflow.NotFound},
		"another parcel":                 {b.inspect(head, key, workflow.TownshipInspection, elsewhere), workflow.BadInput},
	} {
		if code(tc.err) != tc.code {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
	b.must(b.inspect(head, key, workflow.TownshipInspection, measured()))
	for name, tc := range map[string]struct {
		who     access.Actor
		answers map[string]bool
		code    workflow.Code
		missing string
	}{
		"a department":       {b.people[access.Forestry], nil, workflow.WrongRole, ""},
		"nothing answered":   {head, nil, workflow.InspectionOpen, "finished plough_layer planted upkeep"},
		"an unknown item":    {head, map[string]bool{"finished": true, "plough_layer": true, "planted": true, "upkeep": true, "x": true}, workflow.BadInput, "x"},
		"a no without words": {head, map[string]bool{"finished": true, "plough_layer": false, "planted": true, "upkeep": true}, workflow.ReasonMissing, "note"},
		"another township":   {other, nil, workflow.NotFound, ""},
	} {
		var refusal *workflow.Refusal
		if err := b.signWith(tc.who, key, tc.answers, ""); !asRefusal(err, &refusal) || refusal.Code != tc.code || strings.Join(refusal.Missing, " ") != tc.missing {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRectification_IsAListThatIsWorkedOff(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, clerk, head := in("J1"), b.people[access.TownshipClerk], b.people[access.TownshipLead]
	b.do(key, toExecuting...)
	for _, list := range [][]string{{}, {"石砾未清", " "}} {
		if _, err := b.as(head, key, workflow.Rectify, workflow.Input{Reason: "r", Rectify: list}); code(err) != workflow.ReasonMissing {
			t.Errorf("%q: %v", list, err)
		}
	}
	_, err := b.as(head, key, workflow.Rectify, workflow.Input{Reason: "初验不合格", Rectify: []string{"石砾未清", "耕作层不足"}})
	b.must(err)
	b.file(key, workflow.RectificationReport, "")
	b.must(b.finish(key, 2))
	for _, item := range []int{2, 3} { // done, and not there
		if err := b.finish(key, item); code(err) != workflow.BadInput {
			t.Errorf("%d: %v", item, err)
		}
	}
	var refusal *workflow.Refusal
	if _, err := b.as(clerk, key, workflow.Rework, workflow.Input{}); !asRefusal(err, &refusal) || refusal.Code != workflow.Unfinished || strings.Join(refusal.Missing, "") != "1" || !strings.Contains(refusal.Detail, "石砾未清") {
		t.Errorf("%v", err)
	}
	b.must(b.finish(key, 1))
	if _, err := b.as(clerk, key, workflow.Rework, workflow.Input{}); err != nil {
		t.Error(err)
	}
	if err := b.finish(key, 1); code(err) != workflow.IllegalStep {
		t.Errorf("%v", err)
	}
	list, err := workflow.Rectifications(t.Context(), b.db.Pool, key)
	if err != nil || len(list) != 2 || *list[0].DoneNote != "石砾已清" || list[0].What != "石砾未清" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestRectification_IsDueOnADayThatThereIs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key, clerk, head := in("J1"), b.people[access.TownshipClerk], b.people[access.TownshipLead]
	b.do(key, toExecuting...)
	b.at("2025-08-01")
	ask := func(by string) (*workflow.Record, error) {
		var r *workflow.Record
		err := b.tx(func(ctx context.Context, tx pgx.Tx) (err error) {
			r, err = b.w.Apply(ctx, tx, head, key, workflow.Rectify, workflow.Input{Reason: "r", Rectify: []string{"石砾未清"}, RectifyBy: by})
			return err
		})
		return r, err
	}
	for by, want := range map[string]struct {
		code workflow.Code
		says string
	}{
		"":           {workflow.ReasonMissing, "须写明整改期限"},
		"2025-07-31": {workflow.BadInput, "已经过去（今天是 2025-08-01）"},
		"2025-02-30": {workflow.BadInput, "不是日期"},
		"明天":         {workflow.BadInput, "不是日期"},
		"2026-08-02": {workflow.BadInput, "一年以后"},
		"20250-09-1": {workflow.BadInput, "不是日期"},
	} {
		var refusal *workflow.Refusal
		if _, err := ask(by); !asRefusal(err, &refusal) || refusal.Code != want.code || !strings.Contains(refusal.Detail, want.says) || strings.Join(refusal.Missing, "") != "rectify_by" {
			t.Errorf("%q: %v", by, err)
		}
	}
	r, err := ask("2025-08-10")
	if err != nil || r.RectifyBy != "2025-08-10" {
		t.Fatalf("%+v %v", r, err)
	}
	list, err := workflow.Rectifications(t.Context(), b.db.Pool, key)
	if err != nil || len(list) != 1 || list[0].Due == nil || *list[0].Due != "2025-08-10" {
		t.Errorf("%+v %v", list, err)
	}
	due := func() string {
		d, err := b.w.Due(t.Context(), b.db.Pool, county, year)
		b.must(err)
		next := ""
		if d.Next != nil {
			next = *d.Next
		}
		return fmt.Sprintf("%d %d %d %s", d.Open, d.Late, d.Undated, next)
	}
	b.w.Now = func() time.Time { return time.Date(2025, 8, 10, 15, 59, 0, 0, time.UTC) } // 23:59 in China
	if got := due(); got != "1 0 0 2025-08-10" {
		t.Errorf("on the day: %s", got)
	}
	b.must(b.finish(key, 1))
	b.file(key, workflow.RectificationReport, "")
	b.w.Now = func() time.Time { return time.Date(2025, 8, 10, 16, 0, 0, 0, time.UTC) }
	if got := due(); got != "1 1 0 " {
		t.Errorf("after the day: %s", got)
	}
	var refusal *workflow.Refusal
	if _, err := b.as(clerk, key, workflow.Rework, workflow.Input{}); !asRefusal(err, &refusal) || refusal.Code != workflow.LateUnexplained || !strings.Contains(refusal.Detail, "2025-08-10") {
		t.Errorf("late without a word: %v", err)
	}
	if r, err := b.as(clerk, key, workflow.Rework, workflow.Input{Reason: "雨季，工期顺延"}); err != nil || !r.Late || r.RectifyBy != "" {
		t.Errorf("%+v %v", r, err)
	}
	if got := due(); got != "0 0 0 " {
		t.Errorf("put right: %s", got)
	}
	var said string
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT after->'data'->>'rectify_by' FROM audit_log WHERE action = 'record.rectify'`).Scan(&said))
	if said != "2025-08-10" {
		t.Errorf("the audit log says %q", said)
	}
}

// What was asked for before there were days goes on without one.
func TestRectification_OfOldWasWithoutADay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key := in("J1")
	b.do(key, append(slices.Clone(toExecuting), workflow.TownshipCheck, workflow.Rectify)...)
	b.exec(`ALTER TABLE workflow_rectification DISABLE TRIGGER workflow_done_once`)
	b.exec(`UPDATE workflow_rectification SET due = NULL`)
	b.exec(`ALTER TABLE workflow_rectification ENABLE TRIGGER workflow_done_once`)
	b.w.Now = func() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }
	if d, err := b.w.Due(t.Context(), b.db.Pool, county, year); err != nil || d != (workflow.Due{Open: 1, Undated: 1}) {
		t.Errorf("%+v %v", d, err)
	}
	b.must(b.finish(key, 1))
	b.file(key, workflow.RectificationReport, "")
	if r, err := b.as(b.people[access.TownshipClerk], key, workflow.Rework, workflow.Input{}); err != nil || r.Late {
		t.Errorf("%+v %v", r, err)
	}
}

func TestTheDatabaseHoldsWhatWasSeenInTheField(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	key := in("J1")
	b.do(key, append(slices.Clone(toExecuting), workflow.TownshipCheck, workflow.Rectify, workflow.Rework)...)
	for _, sql := range []string{
		`UPDATE workflow_inspection SET net_m2 = net_m2 + 1`, `DELETE FROM workflow_inspection`, `UPDATE workflow_signature SET passed = true`,
		`DELETE FROM workflow_signature`, `UPDATE workflow_photo SET findings = '[]'`, `DELETE FROM workflow_photo`, `DELETE FROM workflow_rectification`,
		`UPDATE workflow_rectification SET done_note = 'x'`, `UPDATE workflow_rectification SET due = due + 1`, `TRUNCATE workflow_photo`, `TRUNCATE workflow_signature`, `TRUNCATE workflow_rectification`,
	} {
		_, err := b.db.Pool.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "23001" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
