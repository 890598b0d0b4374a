package workflow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
	"gengheng/internal/workflow"
	"gengheng/internal/workflow/photo"
)

const (
	county = "149901"
	east   = "149901100"
	west   = "149901101"
	year   = 2025
)

// bed is a synthetic county whose year has been set.
type bed struct {
	t        testing.TB
	db       *store.DB
	set, run uuid.UUID
	w        workflow.Workflow
	people   map[access.Role]access.Actor // townships: of the east
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{t: t, db: storetest.New(t), set: uuid.New(), run: uuid.New(), people: map[access.Role]access.Actor{}}
	b.at("2025-03-01")
	up := uuid.New()
	b.exec(`INSERT INTO rulebook VALUES ('v', 'r', 2025, 'd')`)
	b.exec(`INSERT INTO county (county_code, name, srid, rulebook) VALUES ($1, '合成县', 4546, 'v')`, county)
	b.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, county, up)
	b.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		VALUES ($1, $2, 'CANDIDATE_IN', 2025, 'committed', 'v', 1, 2, $3, 'f', 's')`, county, b.set, up)
	b.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook) VALUES ($1, $2, 2025, 'done', 'v')`, county, b.run)
	for _, r := range access.Roles() {
		a := access.Actor{ID: uuid.New(), Name: "合成" + r.Chinese(), Role: r, County: county, Via: "key"}
		if r.OfTownship() {
			a.Township = east
		}
		b.people[r] = a
	}
	b.must(b.tx(func(ctx context.Context, tx pgx.Tx) error {
		return workflow.SetYear(access.With(ctx, b.people[access.BureauLead]), tx, workflow.DefaultYear(county, year), "年初设置")
	}))
	return b
}

func (b *bed) at(day string) {
	t, err := time.Parse(time.DateOnly, day)
	b.must(err)
	b.w.Now = func() time.Time { return t }
}

// day is so many days from the test's today.
func (b *bed) day(n int) string { return b.w.Now().AddDate(0, 0, n).Format(time.DateOnly) }

func (b *bed) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.db.Pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) tx(fn func(ctx context.Context, tx pgx.Tx) error) error {
	ctx := b.t.Context()
	return pgx.BeginFunc(ctx, b.db.Pool, func(tx pgx.Tx) error { return fn(ctx, tx) })
}

func in(number string) workflow.Key {
	return workflow.Key{County: county, Year: year, Direction: "in", Number: number}
}

func out(number string) workflow.Key {
	return workflow.Key{County: county, Year: year, Direction: "out", Number: number}
}

// facts are those of a parcel of the east that may go.
func (b *bed) facts() *workflow.Facts {
	return &workflow.Facts{Township: east, Dataset: b.set, Declaration: "d1", Purpose: "设施农用地", Actor: "农户", Run: &b.run, Verdict: "eligible", Net: 90000}
}

func (b *bed) as(actor access.Actor, key workflow.Key, action workflow.Action, input workflow.Input) (r *workflow.Record, err error) {
	if input.Facts == nil {
		input.Facts = b.facts()
	}
	if action == workflow.Rectify && input.Rectify == nil {
		input.Rectify = []string{"石砾未清"}
	}
	if action == workflow.Rectify && input.RectifyBy == "" {
		input.RectifyBy = b.day(30)
	}
	err = b.tx(func(ctx context.Context, tx pgx.Tx) error {
		r, err = b.w.Apply(ctx, tx, actor, key, action, input)
		return err
	})
	return r, err
}

// do takes a step that must succeed, by whoever may.
func (b *bed) do(key workflow.Key, actions ...workflow.Action) {
	b.t.Helper()
	for _, a := range actions {
		b.prepare(key, a)
		if _, err := b.as(b.people[roleFor(a)], key, a, workflow.Input{Reason: "合成理由"}); err != nil {
			b.t.Fatalf("%s of %s: %v", a, key, err)
		}
	}
}

// roleFor is who usually takes a step.
func roleFor(a workflow.Action) access.Role {
	switch a {
	case workflow.Declare, workflow.Submit, workflow.Withdraw, workflow.Start, workflow.Rework, workflow.Execute:
		return access.TownshipClerk
	case workflow.TownshipCheck:
		return access.TownshipLead
	case workflow.Approve, workflow.Unplan, workflow.Drop:
		return access.Government
	case workflow.Refuse, workflow.Accept, workflow.Fail, workflow.Lock, workflow.Unlock, workflow.Release, workflow.Recall, workflow.Confirm, workflow.Revoke, workflow.Carry, workflow.WriteOff:
		return access.BureauLead
	}
	return access.Bureau
}

// prepare files and says what a step needs.
func (b *bed) prepare(key workflow.Key, a workflow.Action) {
	b.t.Helper()
	switch a {
	case workflow.Start:
		b.file(key, workflow.Consent, "")
	case workflow.Release:
		b.file(key, workflow.Consent, "")
		b.file(key, workflow.Approval, "设施农用地")
	case workflow.Rework:
		b.file(key, workflow.RectificationReport, "")
		b.must(b.finish(key, 1))
	case workflow.TownshipCheck:
		b.file(key, workflow.AcceptanceForm, "")
		b.shoot(key, sound())
		b.must(b.inspect(b.people[access.TownshipLead], key, workflow.TownshipInspection, measured()))
		b.must(b.sign(b.people[access.TownshipLead], key, nil, ""))
	case workflow.Accept:
		b.file(key, workflow.AcceptanceForm, "")
		b.must(b.inspect(b.people[access.Bureau], key, workflow.CountyInspection, measured()))
		for _, d := range workflow.Departments()[:4] {
			b.must(b.sign(b.people[d], key, nil, ""))
		}
	case workflow.SendEvidence:
		b.file(key, workflow.Evidence, "")
	case workflow.ApproveChange:
		b.file(key, workflow.ChangeBatch, "")
	case workflow.Confirm:
		b.file(key, workflow.Approval, "生态退耕")
		b.agree(key)
	case workflow.Plan:
		b.agree(key)
	}
}

func (b *bed) file(key workflow.Key, kind workflow.DocumentKind, purpose string) workflow.Document {
	b.t.Helper()
	d, err := b.fileAs(b.people[access.TownshipClerk], key, workflow.Document{Kind: kind, Purpose: purpose})
	b.must(err)
	return d
}

func (b *bed) fileAs(a access.Actor, key workflow.Key, d workflow.Document) (out workflow.Document, err error) {
	d.FileName, d.Size, d.SHA256 = "合成.pdf", 1, strings.Repeat("a", 64)
	err = b.tx(func(ctx context.Context, tx pgx.Tx) error {
		out, err = b.w.AddDocument(ctx, tx, a, key, d)
		return err
	})
	return out, err
}

func (b *bed) agree(key workflow.Key) {
	b.t.Helper()
	for _, d := range workflow.Departments() {
		_, err := b.say(b.people[d], key, workflow.Opinion{Opinion: workflow.Agree})
		b.must(err)
	}
}

func (b *bed) say(a access.Actor, key workflow.Key, o workflow.Opinion) (out workflow.Opinion, err error) {
	err = b.tx(func(ctx context.Context, tx pgx.Tx) error {
		out, err = b.w.Give(ctx, tx, a, key, o)
		return err
	})
	return out, err
}

func (b *bed) record(key workflow.Key) workflow.Record {
	b.t.Helper()
	r, err := workflow.Read(b.t.Context(), b.db.Pool, key)
	b.must(err)
	return r
}

func code(err error) workflow.Code {
	var r *workflow.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func limits() photo.Limits {
	return photo.Limits{FarthestM: 100, BlurM: 10, WidestDegrees: 45, Rulebook: "v"}
}

// plot is the measured boundary: 100 m square, in the plane of EPSG 4546.
func plot() orb.MultiPolygon {
	return orb.MultiPolygon{{{{560000, 4013000}, {560100, 4013000}, {560100, 4013100}, {560000, 4013100}, {560000, 4013000}}}}
}

func measured() workflow.Measured {
	return workflow.Measured{Boundary: plot(), Credited: plot(), SRID: 4546, Gross: 1000000, Net: 91000, Planned: 90000, Rulebook: "v", Deviation: 500, Verdict: "eligible"}
}

func (b *bed) inspect(a access.Actor, key workflow.Key, kind workflow.InspectionKind, m workflow.Measured) error {
	return b.tx(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.w.Inspect(ctx, tx, a, key, kind, m, "合成量测")
		return err
	})
}

// sign answers every item of the actor's checklist with yes, but for those named.
func (b *bed) sign(a access.Actor, key workflow.Key, no map[string]bool, note string) error {
	department := workflow.Department(a.Role)
	if department == "" {
		department = workflow.Township
	}
	answers := map[string]bool{}
	for _, i := range workflow.Checklist(department) {
		answers[i.Item] = !no[i.Item]
	}
	return b.signWith(a, key, answers, note)
}

func (b *bed) signWith(a access.Actor, key workflow.Key, answers map[string]bool, note string) error {
	return b.tx(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.w.Sign(ctx, tx, a, key, answers, note)
		return err
	})
}

// sound is what a good photo says: taken in the plot, on the day the test is at.
func sound() photo.Meta {
	zone, _ := land.ByEPSG(4546)
	lon, lat := zone.Geographic(560050, 4013050)
	north := 0.0
	return photo.Meta{Position: &orb.Point{lon, lat}, Direction: &north}
}

func (b *bed) shoot(key workflow.Key, m photo.Meta) (p workflow.FieldPhoto) {
	b.t.Helper()
	if m.Taken == nil {
		now := b.w.Now()
		m.Taken = &now
	}
	zone, _ := land.ByEPSG(4546)
	b.must(b.tx(func(ctx context.Context, tx pgx.Tx) (err error) {
		d := workflow.Document{FileName: "合成.jpg", Size: 1, SHA256: strings.Repeat("a", 64)}
		p, err = b.w.AddPhoto(ctx, tx, b.people[access.TownshipClerk], key, d, m, plot(), zone, limits())
		return err
	}))
	return p
}

func (b *bed) finish(key workflow.Key, item int) error {
	return b.tx(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.w.Done(ctx, tx, b.people[access.TownshipClerk], key, item, "石砾已清")
		return err
	})
}
