package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
)

// desk is a county with people who speak over HTTP.
type desk struct {
	*service
	t                               *testing.T
	bureau, lead, government, clerk string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, _ := closed(t)
	d := &desk{service: s, t: t}
	for to, c := range map[*string]access.Capacity{&d.bureau: {Role: access.Bureau}, &d.lead: {Role: access.BureauLead},
		&d.government: {Role: access.Government}, &d.clerk: {Role: access.TownshipClerk, Township: townA}} {
		c.County = ownCounty
		*to, _, _ = s.keyFor(t, ownCounty, time.Now().Add(time.Hour), c)
	}
	admin, _, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.Admin, County: ownCounty})
	d.expect(200, "示例县", admin, "PUT", "", `{"name":"示例县","srid":4546,"synthetic":true}`)
	return d
}

func (d *desk) expect(status int, says, key, method, path, body string) string {
	d.t.Helper()
	got, text := d.say(d.t, key, method, "/api/v1/counties/"+ownCounty+path, body)
	if got != status || !strings.Contains(text, says) {
		d.t.Fatalf("%s %s: %d %.600s, want %d that says %q", method, path, got, text, status, says)
	}
	return text
}

// plan is one that is done, with the options that say how it balances.
func (d *desk) plan(name, options string) uuid.UUID {
	d.t.Helper()
	id := d.chosenPlan(d.t, name, "")
	if _, err := d.db.Pool.Exec(d.t.Context(), `UPDATE plan SET summary = jsonb_build_object('status', 'optimal', 'options', $2::jsonb) WHERE plan_id = $1`, id, options); err != nil {
		d.t.Fatal(err)
	}
	return id
}

func (d *desk) propose(id uuid.UUID) {
	d.t.Helper()
	d.expect(201, "proposed", d.bureau, "POST", "/plans/"+id.String()+"/propose", `{"title":"方案","reason":"合成"}`)
}

func (d *desk) post(fn func(ctx context.Context, tx pgx.Tx) error) {
	d.t.Helper()
	if err := pgx.BeginFunc(d.t.Context(), d.db.Pool, func(tx pgx.Tx) error { return fn(d.t.Context(), tx) }); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) reconciliation(key string) (r ledger.Reconciliation) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.expect(200, "", key, "GET", "/years/2025/ledger/reconciliation", "")), &r); err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *desk) whole() {
	d.t.Helper()
	if flaws, err := ledger.Verify(d.t.Context(), d.db.Pool, ownCounty); err != nil || len(flaws) != 0 {
		d.t.Errorf("%+v %v", flaws, err)
	}
	if _, err := access.VerifyAudit(d.t.Context(), d.db, ownCounty); err != nil {
		d.t.Error(err)
	}
}

func at(town, number string) ledger.Parcel {
	return ledger.Parcel{Book: ledger.Book{County: ownCounty, Year: 2025, Township: town}, Number: number}
}

func as(key string) ledger.Note {
	return ledger.Note{Key: key, By: ledger.By{ID: uuid.New(), As: "合成甲"}, Reason: "合成"}
}

const approve = `{"approve":true,"decision":"县政发〔2025〕1号"}`

func TestYear_AnAmendmentChangesWhatIsEnforcedIfTheBooksCanBearIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.propose(d.plan("年度方案", `{"enforce":{"area":true,"paddy":true,"quality":false}}`))
	d.expect(200, "approved", d.government, "POST", "/years/2025/decision", approve)
	d.accept(t)
	d.expect(201, "tx_id", d.government, "POST", "/years/2025/ledger/transfers",
		`{"key":"调1","from":"`+townA+`","to":"`+townB+`","area_m2":"5.00","approval":"县调〔2025〕1号"}`)
	d.post(func(ctx context.Context, tx pgx.Tx) error { // 3.33 m² of grade 1 that nothing has brought in
		_, err := ledger.LockOut(ctx, tx, at(townB, "C1"), as("lock"))
		return err
	})

	d.propose(d.plan("调整一", `{"enforce":{"area":true,"paddy":true,"quality":true}}`))
	text := d.expect(409, "ledger-cannot-enforce", d.government, "POST", "/years/2025/decision", approve)
	if !strings.Contains(text, townB) || !strings.Contains(text, "-3.33 m²") {
		t.Errorf("the refusal does not say where and how much: %s", text)
	}
	if r := d.reconciliation(d.bureau); len(r.Enforced) != 2 || len(r.Rules) != 0 {
		t.Errorf("half-done: %+v", r)
	}
	d.expect(200, "rejected", d.government, "POST", "/years/2025/decision", `{"approve":false,"decision":"质量不足"}`)

	d.propose(d.plan("调整二", `{"enforce":{"area":true}}`))
	d.expect(200, "approved", d.government, "POST", "/years/2025/decision", approve)
	r := d.reconciliation(d.bureau)
	if r.Mode != ledger.InOut || len(r.Enforced) != 1 || len(r.Rules) != 1 || len(r.Rules[0].Was) != 2 || r.Rules[0].Approval != "县政发〔2025〕1号" {
		t.Errorf("%+v", r)
	}
	if len(r.Transfers) != 1 || r.Transfers[0].From != townA || r.Transfers[0].To != townB || r.Transfers[0].Amounts.Area.String() != "5.00" {
		t.Errorf("transfers %+v", r.Transfers)
	}
	if r.Parcels["in/accepted"] != 1 || r.Parcels["out/locked"] != 1 || len(r.Parcels) != 2 {
		t.Errorf("parcels %v", r.Parcels)
	}
	if total := r.Totals[0]; total.PlannedIn.String() != "8.00" || total.AcceptedIn.String() != "8.00" || total.Available.String() != "3.00" || total.RecognisedLessAccepted.String() != "-8.00" {
		t.Errorf("totals %+v", r.Totals)
	}
	// a township sees its own alone, and the transfer that it gave
	if r := d.reconciliation(d.clerk); len(r.Townships) == 0 || r.Townships[0].Township != townA || len(r.Transfers) != 1 || r.Parcels["out/locked"] != 0 || r.Totals[0].PlannedOut != 0 {
		t.Errorf("the clerk sees %+v", r)
	}
	d.expect(404, "township-not-found", d.clerk, "GET", "/years/2025/ledger/reconciliation?township="+townB, "")
	d.expect(409, "ledger-not-open", d.bureau, "GET", "/years/2031/ledger/reconciliation", "")
	var before, after string
	if err := d.db.Pool.QueryRow(t.Context(), `SELECT before ->> 'enforced', after ->> 'enforced' FROM audit_log WHERE action = 'ledger.rules'`).Scan(&before, &after); err != nil ||
		!strings.Contains(before, "paddy") || strings.Contains(after, "paddy") {
		t.Errorf("audit log: %s, %s, %v", before, after, err)
	}
	d.whole()
}

func TestYear_ARulebookOfTheNetIncreaseOpensTheYearInThatMode(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	// The close of the year before has opened this one by its own rules.
	d.post(func(ctx context.Context, tx pgx.Tx) error {
		return ledger.OpenYear(ctx, tx, ownCounty, 2025, ledger.InOut, []ledger.Measure{ledger.Area})
	})
	d.propose(d.plan("年度方案", `{"enforce":{"area":true,"paddy":true,"quality":true},"balance":"net_increase"}`))
	d.expect(200, "approved", d.government, "POST", "/years/2025/decision", approve)
	r := d.reconciliation(d.bureau)
	if r.Mode != ledger.NetIncrease || len(r.Enforced) != 0 || len(r.Rules) != 1 || r.Rules[0].ModeWas != ledger.InOut {
		t.Fatalf("%+v", r)
	}
	d.post(func(ctx context.Context, tx pgx.Tx) error { // nothing has come in, and nothing is refused
		for i, step := range []func(context.Context, pgx.Tx, ledger.Parcel, ledger.Note) (ledger.Posted, error){ledger.LockOut, ledger.ReleaseOut} {
			if _, err := step(ctx, tx, at(townB, "C1"), as("step"+string(rune('0'+i)))); err != nil {
				return err
			}
		}
		if _, err := ledger.ExecuteOut(ctx, tx, at(townB, "C1"), ledger.Amounts{Area: 500}, as("execute")); err != nil {
			return err
		}
		_, err := ledger.Recognise(ctx, tx, at(townB, "C1"), "out", ledger.Amounts{Area: 500}, as("recognise out"))
		return err
	})
	d.accept(t)
	d.post(func(ctx context.Context, tx pgx.Tx) error {
		_, err := ledger.Recognise(ctx, tx, at(townA, "J1"), "in", ledger.Amounts{Area: 790}, as("recognise in"))
		return err
	})
	r = d.reconciliation(d.bureau)
	if total := r.Totals[0]; total.Measure != ledger.Area || total.NetIncrease.String() != "2.90" || total.RecognisedLessAccepted.String() != "-0.10" {
		t.Errorf("totals %+v", r.Totals)
	}
	// with parcels in the books the mode stays
	d.propose(d.plan("调整一", `{"enforce":{"area":true}}`))
	d.expect(409, "平衡方式不能改", d.government, "POST", "/years/2025/decision", approve)
	d.whole()
}

func TestCredits_OfAnotherProgrammeAreRegisteredOnceAndCancelled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.propose(d.plan("年度方案", `{"enforce":{"area":true}}`))
	d.expect(200, "approved", d.government, "POST", "/years/2025/decision", approve)
	land := func(programme, number string, x string) string {
		return `{"programme":"` + programme + `","year":2024,"number":"` + number + `","crs":"EPSG:4546","geometry":{"type":"Polygon","coordinates":[[[560` + x + `00,4013000],[560` + x + `10,4013000],[560` + x + `10,4013010],[560` + x + `00,4013000]]]}}`
	}
	id := func(text string) string {
		var v struct {
			ID string `json:"credit_id"`
		}
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v.ID
	}
	d.expect(403, "forbidden", d.clerk, "POST", "/credits", land("占补平衡", "B1", "1"))
	first := id(d.expect(201, "credit_id", d.bureau, "POST", "/credits", land("占补平衡", "B1", "1")))
	d.expect(409, "ledger-double-credit", d.bureau, "POST", "/credits", land("增减挂钩", "Z1", "1"))
	d.expect(409, "由县级验收认定", d.bureau, "POST", "/credits", land("进出平衡", "J9", "2"))
	d.expect(422, "geometry", d.bureau, "POST", "/credits", `{"programme":"占补平衡","year":2024,"number":"B2","geometry":{"type":"Point","coordinates":[111.6,36.2]}}`)

	why := `{"reason":"登记错了图斑","approval":"县资〔2025〕7号"}`
	d.expect(403, "forbidden", d.bureau, "POST", "/credits/"+first+"/cancellation", why)
	d.expect(400, "approval", d.lead, "POST", "/credits/"+first+"/cancellation", `{"reason":"登记错了图斑","approval":""}`)
	d.expect(200, first, d.lead, "POST", "/credits/"+first+"/cancellation", why)
	d.expect(409, "已经撤销过", d.lead, "POST", "/credits/"+first+"/cancellation", why)
	d.expect(409, "ledger-no-transaction", d.lead, "POST", "/credits/"+uuid.NewString()+"/cancellation", why)
	d.expect(201, "credit_id", d.bureau, "POST", "/credits", land("增减挂钩", "Z1", "1"))
	d.accept(t)
	list := d.expect(200, `"status":"cancelled"`, d.bureau, "GET", "/credits", "")
	if !strings.Contains(list, "县资〔2025〕7号") || strings.Count(list, `"standing"`) != 2 {
		t.Errorf("credits %s", list)
	}
	accepted := d.expect(200, "J1", d.bureau, "GET", "/credits?programme=%E8%BF%9B%E5%87%BA%E5%B9%B3%E8%A1%A1", "")
	ours := id(strings.Trim(accepted, "[]\n"))
	d.expect(409, "冲销其验收", d.lead, "POST", "/credits/"+ours+"/cancellation", why)
	d.whole()
}

// What is owed bars a township from locking; somebody of the bureau can pay it.
func TestYear_WhatIsOwedIsSettledOverTheAPI(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.propose(d.plan("年度方案", `{"enforce":{"area":true}}`))
	d.expect(200, "approved", d.government, "POST", "/years/2025/decision", approve)
	d.accept(t)
	transfer := func(key, from, to, m2 string) {
		d.expect(201, "tx_id", d.government, "POST", "/years/2025/ledger/transfers",
			`{"key":"`+key+`","from":"`+from+`","to":"`+to+`","area_m2":"`+m2+`","approval":"县调〔2025〕1号"}`)
	}
	transfer("调1", townA, townB, "8.00")
	d.post(func(ctx context.Context, tx pgx.Tx) error { // the survey finds 5 m² of the 8 that were given away
		_, err := ledger.Recognise(ctx, tx, at(townA, "J1"), "in", ledger.Amounts{Area: 500}, as("recognise"))
		return err
	})
	settle := func(key, township, reason string) string {
		return `{"key":"` + key + `","township":"` + township + `","reason":"` + reason + `"}`
	}
	const path = "/years/2025/ledger/settlements"
	d.expect(409, "没有可用指标", d.lead, "POST", path, settle("还1", townA, "合成"))
	transfer("调2", townB, townA, "4.00")
	d.expect(403, "forbidden", d.clerk, "POST", path, settle("还1", townA, "合成"))
	d.expect(403, "forbidden", d.bureau, "POST", path, settle("还1", townA, "合成"))
	d.expect(400, "reason", d.lead, "POST", path, settle("还1", townA, ""))
	d.expect(409, "ledger-reason", d.lead, "POST", path, settle("还1", townA, " "))
	d.expect(409, "ledger-no-book", d.lead, "POST", path, settle("还1", ownCounty+"999", "合成"))
	first := d.expect(201, "tx_id", d.lead, "POST", path, settle("还1", townA, "调剂转入归还"))
	if again := d.expect(200, "tx_id", d.lead, "POST", path, settle("还1", townA, "调剂转入归还")); again != first {
		t.Errorf("the same key posted %s, then %s", first, again)
	}
	d.expect(409, "没有欠账", d.lead, "POST", path, settle("还2", townA, "合成"))
	for _, s := range d.reconciliation(d.bureau).Townships {
		if s.Township == townA && s.Measure == ledger.Area && (s.Owed != 0 || s.Available.String() != "1.00") {
			t.Errorf("%+v", s)
		}
	}
	var n int
	if err := d.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_log WHERE action = 'ledger.settle' AND reason = '调剂转入归还'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows in the log, %v", n, err)
	}
	d.whole()
}
