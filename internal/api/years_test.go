package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
)

// chosenPlan is a plan of two townships that is done: J1 comes in at A, C1 goes
// at B.
func (s *service) chosenPlan(t *testing.T, name string, extra string) uuid.UUID {
	t.Helper()
	id := s.planned(t, name, true, `{}`)
	for _, sql := range []string{
		`UPDATE plan_parcel SET township_code = '` + townB + `', quality = 6 WHERE plan_id = $1`,
		`UPDATE plan SET summary = jsonb_build_object('status', 'optimal', 'options', jsonb_build_object('enforce', jsonb_build_object('area', true, 'paddy', true, 'quality', false))) WHERE plan_id = $1`,
		`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
			VALUES ('149901', $1, 'in', 'J1', '` + townA + `', true, 8, 2, '因为', ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 8,0 0)))', 4546))` + extra,
	} {
		if _, err := s.db.Pool.Exec(t.Context(), sql, id); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// say sends a JSON body under a key.
func (s *service) say(t *testing.T, key, method, path, body string) (int, string) {
	t.Helper()
	return s.as(t, key, method, path, func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(strings.NewReader(body))
		r.ContentLength = int64(len(body))
	})
}

// accept credits J1 as the acceptance of a later step will.
func (s *service) accept(t *testing.T) {
	t.Helper()
	geom := orb.MultiPolygon{{{{560000, 4013000}, {560010, 4013000}, {560010, 4013010}, {560000, 4013000}}}}
	err := pgx.BeginFunc(t.Context(), s.db.Pool, func(tx pgx.Tx) error {
		_, err := ledger.AcceptIn(t.Context(), tx, ledger.Parcel{Book: ledger.Book{County: ownCounty, Year: 2025, Township: townA}, Number: "J1"},
			ledger.Amounts{Area: 800, Paddy: 200}, geom, ledger.Note{Key: "accept J1", By: ledger.By{ID: uuid.New(), As: "合成甲"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestYear_APlanIsApprovedByAnotherAndBooked(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	soon := time.Now().Add(time.Hour)
	role := func(r access.Role, town string) string {
		key, _, _ := s.keyFor(t, ownCounty, soon, access.Capacity{Role: r, County: ownCounty, Township: town})
		return key
	}
	admin, bureau, government, clerk := role(access.Admin, ""), role(access.Bureau, ""), role(access.Government, ""), role(access.TownshipClerk, townA)
	must := func(status int, says string, got int, body string) {
		t.Helper()
		if got != status || !strings.Contains(body, says) {
			t.Fatalf("%d %.600s, want %d that says %q", got, body, status, says)
		}
	}
	say := func(key, method, path, body string) (int, string) {
		t.Helper()
		return s.say(t, key, method, "/api/v1/counties/"+ownCounty+path, body)
	}
	expect := func(status int, says, key, method, path, body string) {
		t.Helper()
		got, text := say(key, method, path, body)
		must(status, says, got, text)
	}
	expect(200, "示例县", admin, "PUT", "", `{"name":"示例县","srid":4546,"synthetic":true}`)
	plan := s.chosenPlan(t, "年度方案", "")
	propose := "/plans/" + plan.String() + "/propose"

	expect(403, "forbidden", clerk, "POST", propose, `{"title":"2025 年度方案"}`)
	expect(400, "title", bureau, "POST", propose, `{"title":""}`)
	expect(404, "plan-not-found", bureau, "POST", "/plans/"+uuid.NewString()+"/propose", `{"title":"x"}`)
	expect(409, "nothing-proposed", government, "POST", "/years/2025/decision", `{"approve":true,"decision":"县政发〔2025〕1号"}`)
	expect(201, `"number":0`, bureau, "POST", propose, `{"title":"2025 年度方案"}`)
	expect(409, "publication-open", bureau, "POST", propose, `{"title":"2025 年度方案"}`)
	expect(403, "县政府", bureau, "POST", "/years/2025/decision", `{"approve":true,"decision":"县政发〔2025〕1号"}`)
	expect(200, `"approved"`, government, "POST", "/years/2025/decision", `{"approve":true,"decision":"县政发〔2025〕1号"}`)
	expect(409, "plan-in-force", bureau, "POST", propose, `{"title":"2025 年度方案","reason":"再报"}`)
	expect(200, `"县政发〔2025〕1号"`, bureau, "GET", "/years/2025/publications", "")

	// The books: what was planned, where; a township sees its own alone.
	var sides []map[string]string
	_, text := say(bureau, "GET", "/years/2025/ledger", "")
	if err := json.Unmarshal([]byte(text), &sides); err != nil {
		t.Fatal(text, err)
	}
	planned := map[string]string{}
	for _, x := range sides {
		planned[x["township_code"]+" "+x["measure"]] = x["planned_in_m2"] + " " + x["planned_out_m2"]
	}
	for key, want := range map[string]string{
		townA + " area": "8.00 0.00", townA + " paddy": "2.00 0.00", townA + " quality": "0.53 0.00", // 8 · (16 − 15)/15
		townB + " area": "0.00 5.00", townB + " quality": "0.00 3.33", // 5 · (16 − 6)/15
	} {
		if planned[key] != want {
			t.Errorf("%s: planned %s, want %s", key, planned[key], want)
		}
	}
	if _, text := say(clerk, "GET", "/years/2025/ledger", ""); strings.Contains(text, townB) || !strings.Contains(text, townA) {
		t.Errorf("the clerk sees %s", text)
	}
	expect(404, "township-not-found", clerk, "GET", "/years/2025/ledger/entries?township="+townB, "")
	if _, text := say(clerk, "GET", "/years/2025/ledger/entries", ""); strings.Contains(text, townB) || !strings.Contains(text, "plan_in") {
		t.Errorf("the clerk sees %s", text)
	}
	expect(200, `"next":"`+townA+`/1"`, bureau, "GET", "/years/2025/ledger/entries?limit=1", "")
	// A figure's parcels come to the figure; a township sees its own alone.
	parts := "/years/2025/ledger/parcels?stage=planned&direction="
	expect(200, `"parcels":1,"amount_m2":"8.00","entered_m2":"8.00","gone":0,"gone_m2":"0.00"`, bureau, "GET", parts+"in", "")
	expect(200, `"amount_m2":"2.00"`, clerk, "GET", parts+"in&measure=paddy", "")
	expect(200, `"amount_m2":"5.00"`, bureau, "GET", parts+"out&township="+townB, "")
	expect(200, `"parcels":0`, clerk, "GET", parts+"out", "")
	expect(404, "township-not-found", clerk, "GET", parts+"in&township="+townB, "")
	expect(200, `"next":"`+townA+`/`, bureau, "GET", parts+"in&limit=1", "")
	expect(200, `"items":[]`, bureau, "GET", parts+"in&after="+townB+"/x", "")
	expect(400, "stage", bureau, "GET", "/years/2025/ledger/parcels?stage=none&direction=in", "")
	expect(400, "after", bureau, "GET", "/years/2025/ledger/entries?after=x", "")

	// 先进后出, and a transfer that is posted once.
	transfer := `{"key":"调1","from":"` + townA + `","to":"` + townB + `","area_m2":"5.00","approval":"县调〔2025〕1号"}`
	expect(403, "forbidden", bureau, "POST", "/years/2025/ledger/transfers", transfer)
	expect(409, "先进后出", government, "POST", "/years/2025/ledger/transfers", transfer)
	s.accept(t)
	expect(201, "tx_id", government, "POST", "/years/2025/ledger/transfers", transfer)
	expect(200, "tx_id", government, "POST", "/years/2025/ledger/transfers", transfer)
	expect(409, "ledger-key-reused", government, "POST", "/years/2025/ledger/transfers", strings.Replace(transfer, "5.00", "1.00", 1))
	expect(400, "area_m2", government, "POST", "/years/2025/ledger/transfers", strings.Replace(transfer, "5.00", "5", 1))
	expect(409, "ledger-not-open", government, "POST", "/years/2031/ledger/transfers", transfer)

	for _, mistyped := range []string{"149901999", "141024100"} {
		for _, town := range []string{townA, townB} {
			expect(409, "ledger-no-book", government, "POST", "/years/2025/ledger/transfers",
				strings.NewReplacer("调1", "调2", "5.00", "1.00", town, mistyped).Replace(transfer))
		}
	}

	s.amend(t, expect, bureau, government)
	ctx := context.Background()
	if flaws, err := ledger.Verify(ctx, s.db.Pool, ownCounty); err != nil || len(flaws) != 0 {
		t.Errorf("%+v %v", flaws, err)
	}
	if _, err := access.VerifyAudit(ctx, s.db, ownCounty); err != nil {
		t.Error(err)
	}
	var log string
	if err := s.db.Pool.QueryRow(ctx, `SELECT string_agg(action, ' ' ORDER BY seq) FROM audit_log WHERE county_code = $1 AND action LIKE 'plan.%' OR action LIKE 'ledger.%'`, ownCounty).Scan(&log); err != nil {
		t.Fatal(err)
	}
	if want := "plan.propose plan.decide ledger.transfer plan.propose plan.decide plan.propose plan.decide"; log != want {
		t.Errorf("audit log %q, want %q", log, want)
	}
}

// amend proposes a plan without C1 and with C2, and one that drops J1, which
// has been accepted.
func (s *service) amend(t *testing.T, expect func(status int, says, key, method, path, body string), bureau, government string) {
	t.Helper()
	second := s.chosenPlan(t, "调整一", `, ('149901', $1, 'out', 'C2', '`+townB+`', true, 3, 0, '因为', ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 8,0 0)))', 4546))`)
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE plan_parcel SET chosen = false WHERE plan_id = $1 AND number = 'C1'`, second); err != nil {
		t.Fatal(err)
	}
	propose := func(id uuid.UUID) string { return "/plans/" + id.String() + "/propose" }
	expect(409, "reason-missing", bureau, "POST", propose(second), `{"title":"第 1 号调整"}`)
	expect(201, `"number":1`, bureau, "POST", propose(second), `{"title":"第 1 号调整","reason":"C1 业主放弃"}`)
	expect(200, `"number":1`, government, "POST", "/years/2025/decision", `{"approve":true,"decision":"县政发〔2025〕9号"}`)
	expect(200, `"planned_out_m2":"3.00"`, bureau, "GET", "/years/2025/ledger?township="+townB, "")

	third := s.chosenPlan(t, "调整二", "")
	if _, err := s.db.Pool.Exec(t.Context(), `UPDATE plan_parcel SET chosen = false WHERE plan_id = $1`, third); err != nil {
		t.Fatal(err)
	}
	expect(201, `"number":2`, bureau, "POST", propose(third), `{"title":"第 2 号调整","reason":"不做了"}`)
	expect(409, "ledger-not-planned", government, "POST", "/years/2025/decision", `{"approve":true,"decision":"县政发〔2025〕10号"}`)
	expect(200, `"proposed"`, bureau, "GET", "/years/2025/publications", "") // nothing half-done
	expect(200, `"rejected"`, government, "POST", "/years/2025/decision", `{"approve":false,"decision":"J1 已验收"}`)
}
