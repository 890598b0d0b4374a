package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gengheng/internal/access"
	"gengheng/internal/client"
	"gengheng/internal/rulebook"
)

// wishes makes a county of two townships with a screening that is done: a field
// of which two parts want to leave, and two places that could come in. It gives
// the run.
func (s *service) wishes(t *testing.T) uuid.UUID {
	t.Helper()
	rules, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := s.db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, rules.Hash, rules.ID, rules.Year, string(rules.Document))
	exec(`INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ('149901', '示例县（合成）', 4546, true, $1)`, rules.Hash)
	ids, refs := map[string]uuid.UUID{}, []map[string]any{}
	for i, kind := range []string{"DLTB", "XZQ", "CANDIDATE_IN", "CANDIDATE_OUT"} {
		id := uuid.New()
		ids[kind] = id
		refs = append(refs, map[string]any{"kind": kind, "scope": "", "dataset_id": id, "version": "v1"})
		exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ('149901', $1, $2, 0, '')`, id, kind+".zip")
		exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, upload_id, file_name, file_sha256, features)
			VALUES ('149901', $1, $2, 2025, 'committed', 'v1', $3, $1, $4, '', 1)`, id, kind, i+1, kind+".zip")
	}
	run := uuid.New()
	exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, datasets) VALUES ('149901', $1, 2025, 'done', $2, $3)`, run, rules.Hash, refs)
	box := func(x0, y0, x1, y1 int) string {
		return fmt.Sprintf("SRID=4546;MULTIPOLYGON(((%[1]d %[2]d,%[3]d %[2]d,%[3]d %[4]d,%[1]d %[4]d,%[1]d %[2]d)))", 560000+x0, 4013000+y0, 560000+x1, 4013000+y1)
	}
	exec(`INSERT INTO layer_feature (county_code, dataset_id, fid, kind, code, name, area_m2, geom) VALUES
		('149901', $1, 1, 'XZQ', $2, '东乡', 500000, $4), ('149901', $1, 2, 'XZQ', $3, '西乡', 500000, $5)`, ids["XZQ"], townA, townB, box(0, 0, 500, 1000), box(500, 0, 1000, 1000))
	exec(`INSERT INTO parcel (county_code, dataset_id, fid, dlbm, area_m2, geom) VALUES ('149901', $1, 1, '0103', 10000, $2)`, ids["DLTB"], box(100, 100, 200, 200))
	for i, c := range []struct{ direction, number, town, net, geom string }{
		{"out", "C1", townA, "2000.00", box(180, 100, 200, 200)}, {"out", "C2/乙", townA, "1000.00", box(100, 100, 110, 200)},
		{"in", "J1", townA, "2500.00", box(100, 200, 200, 225)}, {"in", "J2", townB, "4000.00", box(600, 400, 640, 500)},
	} {
		kind := "CANDIDATE_" + strings.ToUpper(c.direction)
		exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom) VALUES ('149901', $1, $2, $3, $4, $5, 0, $6)`,
			ids[kind], i, c.direction, c.number, c.town, c.geom)
		exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality)
			VALUES ('149901', $1, $2, $3, $4, 'eligible', $5, $5, $5, 0, 10)`, run, c.direction, c.number, c.town, c.net)
	}
	return run
}

const sessions = "/api/v1/counties/149901/plan-sessions"

// draft calls for a session and reads it.
func (s *service) draft(t *testing.T, method, path, body string, status int) (client.PlanSession, answer) {
	t.Helper()
	mime := ""
	if body != "" {
		mime = "application/json"
	}
	a := s.call(t, method, path, mime, body)
	if a.status != status {
		t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, a.status, a.body, status)
	}
	var d client.PlanSession
	if err := json.Unmarshal(a.body, &d); err != nil {
		t.Fatal(err)
	}
	return d, a
}

func chosenOf(d client.PlanSession) string {
	var keys []string
	for _, p := range d.Parcels {
		if p.Chosen {
			keys = append(keys, string(p.Direction)+"/"+p.Number)
		}
	}
	return strings.Join(keys, " ")
}

func TestPlanSession_ChangesAreAnsweredAndSavedAsShown(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	run := s.wishes(t)
	d, a := s.draft(t, "POST", sessions, `{"run_id":"`+run.String()+`","options":{"gap":0}}`, 201)
	path := sessions + "/" + d.SessionId.String()
	if a.header.Get("Location") != path || d.Revision != 1 || !d.ParcelsComplete || len(d.Parcels) != 4 || d.Status != client.ProvedOptimal || chosenOf(d) != "out/C1 out/C2/乙 in/J2" {
		t.Fatalf("%s", a.body)
	}
	if d.Certificate.ProofZh == "" || d.Certificate.ProofEn == "" || d.Certificate.Objective == nil || len(d.Transfers) == 0 || len(d.Prices) == 0 || !d.ExpiresAt.After(time.Now()) {
		t.Errorf("%s", a.body)
	}
	d, a = s.draft(t, "PATCH", path, `{"revision":1,"locks":{"not_chosen":["in/J2"]},"options":{"weights":{"OUT-P1":100}}}`, 200)
	if d.Revision != 2 || d.ParcelsComplete || chosenOf(d) != "in/J1" || d.Options.Weights["OUT-P1"] != 100 || d.Options.Weights["IN-P1"] != d.Defaults.Weights["IN-P1"] ||
		(*d.Options.NotChosen)[0] != "in/J2" || d.Options.Gap != 0 || d.Options.IncludeReview {
		t.Errorf("%s", a.body)
	}
	d, a = s.draft(t, "PATCH", path, `{"locks":{"chosen":["out/C1","out/C2/乙"]}}`, 200)
	if d.Status != client.ProvedInfeasible || len(d.Conflicts) == 0 || !d.Conflicts[0].ByLocks || len(d.Shortfalls) == 0 || d.Shortfalls[0].Price <= 0 {
		t.Errorf("%s", a.body)
	}
	if a := s.call(t, "POST", path+"/plan", "application/json", `{"name":"不可行"}`); a.status != 409 || a.problem.Type != "urn:gengheng:problem:plan-session-no-plan" {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.draft(t, "PATCH", path, `{"locks":{"free":["out/C1"]}}`, 200)
	whole, _ := s.draft(t, "GET", path, "", 200)

	a = s.call(t, "GET", path+"/parcels/in/J2?replacement=true", "", "")
	var why client.PlanReason
	if err := json.Unmarshal(a.body, &why); err != nil || a.status != 200 || why.Replacement == nil || why.Replacement.Possible != client.PossibleYes || *why.Lock != "not_chosen" || len(why.Terms) < 3 {
		t.Errorf("%d %s (%v)", a.status, a.body, err)
	}
	if a := s.call(t, "GET", path+"/parcels/out/C2%2F%E4%B9%99", "", ""); a.status != 200 || strings.Contains(string(a.body), "replacement") {
		t.Errorf("%d %s", a.status, a.body)
	}

	a = s.call(t, "POST", path+"/plan", "application/json", `{"name":"交互方案","note":"给领导小组看","revision":4}`)
	var plan client.Plan
	if err := json.Unmarshal(a.body, &plan); err != nil || a.status != 201 || plan.Status != "done" || plan.Name != "交互方案" || plan.Certificate == nil {
		t.Fatalf("%d %s (%v)", a.status, a.body, err)
	}
	a = s.call(t, "GET", "/api/v1/counties/149901/plans/"+plan.PlanId.String()+"/parcels", "", "")
	var page client.PlanParcelPage
	if err := json.Unmarshal(a.body, &page); err != nil || len(page.Items) != len(whole.Parcels) {
		t.Fatalf("%d %s (%v)", a.status, a.body, err)
	}
	shown := map[string]bool{}
	for _, p := range whole.Parcels {
		shown[string(p.Direction)+p.Number] = p.Chosen
	}
	for _, p := range page.Items {
		if shown[string(p.Direction)+p.Number] != p.Chosen || p.ReasonZh == "" {
			t.Errorf("stored as %+v", p)
		}
	}
	if a := s.call(t, "GET", "/api/v1/counties/149901/plans/"+plan.PlanId.String()+"/solution.tar.gz", "", ""); a.status != 200 || len(a.body) == 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	var action string
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT action FROM audit_log WHERE subject_id = $1`, plan.PlanId.String()).Scan(&action); err != nil || action != "plan.save" {
		t.Errorf("audit: %q %v", action, err)
	}

	// the stored plan opens as it is, without a search
	again, a := s.draft(t, "POST", sessions, `{"plan_id":"`+plan.PlanId.String()+`"}`, 201)
	if !again.Timing.Resumed || *again.Certificate.Objective != *whole.Certificate.Objective || again.Status != whole.Status || chosenOf(again) != chosenOf(whole) || again.Options.Weights["OUT-P1"] != 100 {
		t.Errorf("%s", a.body)
	}
	if other, a := s.draft(t, "POST", sessions, `{"plan_id":"`+plan.PlanId.String()+`","options":{"lambda":7}}`, 201); other.Timing.Resumed || other.Options.Lambda != 7 || other.Options.Weights["OUT-P1"] != 100 {
		t.Errorf("%s", a.body)
	}

	if a := s.call(t, "DELETE", path, "", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.call(t, "PATCH", path, "application/json", `{}`); a.status != 404 || !strings.Contains(a.problem.Detail, "重新打开") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestPlanSession_FrontierIsSweptInTheBackground(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	d, _ := s.draft(t, "POST", sessions, `{"run_id":"`+s.wishes(t).String()+`"}`, 201)
	path := sessions + "/" + d.SessionId.String() + "/frontier"
	if a := s.call(t, "GET", path, "", ""); a.status != 404 || a.problem.Type != "urn:gengheng:problem:frontier-not-found" {
		t.Errorf("%d %s", a.status, a.body)
	}
	a := s.call(t, "POST", path, "application/json", `{"from":0.1,"to":20,"points":5,"spacing":"log"}`)
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var f client.PlanFrontier
	for f.Status == "" || f.Status == "running" {
		a = s.call(t, "GET", path, "", "")
		if err := json.Unmarshal(a.body, &f); err != nil || a.status != 200 {
			t.Fatalf("%d %s (%v)", a.status, a.body, err)
		}
	}
	if f.Status != "done" || f.Done != 5 || len(f.Points) != 5 || f.Revision != 1 || f.Points[0].Lambda != 0.1 || f.Points[4].Lambda != 20 {
		t.Fatalf("%s", a.body)
	}
	for i, p := range f.Points {
		if p.Objective == nil || p.Bound == nil || *p.Bound > *p.Objective+1e-6 || i > 0 && *p.BorderM > *f.Points[i-1].BorderM {
			t.Errorf("point %d: %s", i, a.body)
		}
	}
	if a := s.call(t, "DELETE", path, "", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.call(t, "GET", path, "", ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, body := range []string{`{"lambdas":[1,1]}`, `{"from":3,"to":2,"points":4}`, `{"from":0,"to":2,"points":4,"spacing":"log"}`} {
		if a := s.call(t, "POST", path, "application/json", body); a.status != 422 || a.problem.Type != "urn:gengheng:problem:frontier" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	for _, body := range []string{`{}`, `{"from":1}`, `{"lambdas":[1,2],"to":3}`, `{"lambdas":[1]}`, `{"lambdas":[-1,2]}`} {
		if a := s.call(t, "POST", path, "application/json", body); a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestPlanSession_BadRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	run := s.wishes(t).String()
	for _, tc := range []struct {
		body   string
		status int
		kind   string
	}{
		{`{}`, 400, "plan-session"},
		{`{"run_id":"` + run + `","plan_id":"` + run + `"}`, 400, "plan-session"},
		{`{"run_id":"` + someID + `"}`, 404, "screening-not-found"},
		{`{"plan_id":"` + someID + `"}`, 404, "plan-not-found"},
		{`{"run_id":"` + run + `","options":{"lamda":1}}`, 400, "contract"},
		{`{"run_id":"` + run + `","options":{"patch_rule":true}}`, 422, "session-patch-rule"},
		{`{"run_id":"` + run + `","options":{"chosen":["in/nobody"]}}`, 422, "plan-options"},
		{`{"run_id":"` + run + `","options":{"rulebook":"0123456789abcdef"}}`, 422, "plan-options"},
		{`{"run_id":"` + run + `","limit_ms":1}`, 400, "contract"},
	} {
		if a := s.call(t, "POST", sessions, "application/json", tc.body); a.status != tc.status || a.problem.Type != "urn:gengheng:problem:"+tc.kind {
			t.Errorf("%s: %d %s, want %d %s", tc.body, a.status, a.body, tc.status, tc.kind)
		}
	}
	d, _ := s.draft(t, "POST", sessions, `{"run_id":"`+run+`"}`, 201)
	path := sessions + "/" + d.SessionId.String()
	for _, tc := range []struct {
		method, path, body string
		status             int
		kind               string
	}{
		{"PATCH", path, `{"revision":2}`, 409, "plan-session-revision"},
		{"PATCH", path, `{"locks":{"chosen":["in/nobody"]}}`, 422, "plan-options"},
		{"PATCH", path, `{"locks":{"chosen":["in/J1"],"free":["in/J1"]}}`, 422, "plan-options"},
		{"PATCH", path, `{"locks":{"chosen":["J1"]}}`, 400, "contract"},
		{"PATCH", path, `{"options":{"lambda":-1}}`, 400, "contract"},
		{"PATCH", path, `{"options":{"lambda":1e300}}`, 422, "plan-options"},
		{"PATCH", path, `{"options":{"patch_rule":true}}`, 422, "session-patch-rule"},
		{"PATCH", path, `{"options":{"rulebook":"0123456789abcdef"}}`, 422, "plan-options"},
		{"PATCH", path, `{"options":{"chosen":["in/J1"],"not_chosen":["in/J1"]}}`, 422, "plan-options"},
		{"PATCH", path, `{"options":{"quotas":[{"direction":"in","township":"149901999","max_m2":"1.00"}]}}`, 422, "plan-options"},
		{"PATCH", path, `{"lamda":1}`, 400, "contract"},
		{"PATCH", sessions + "/" + someID, `{}`, 404, "plan-session-not-found"},
		{"POST", path + "/plan", `{"name":""}`, 400, "contract"},
		{"POST", path + "/plan", `{"name":"x","revision":9}`, 409, "plan-session-revision"},
		{"GET", path + "/parcels/in/nobody", "", 404, "candidate-not-found"},
	} {
		mime := ""
		if tc.body != "" {
			mime = "application/json"
		}
		if a := s.call(t, tc.method, tc.path, mime, tc.body); a.status != tc.status || a.problem.Type != "urn:gengheng:problem:"+tc.kind {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.body, a.status, a.body, tc.status, tc.kind)
		}
	}
	if now, a := s.draft(t, "GET", path, "", 200); now.Revision != 1 || chosenOf(now) != chosenOf(d) {
		t.Errorf("something changed: %s", a.body)
	}
	var plans int
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM plan`).Scan(&plans); err != nil || plans != 0 {
		t.Errorf("%d plans (%v)", plans, err)
	}
}

// A request that is broken off leaves the session as it was, and the next goes on.
func TestPlanSession_ManyAtOnceAndBrokenOff(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	d, _ := s.draft(t, "POST", sessions, `{"run_id":"`+s.wishes(t).String()+`"}`, 201)
	path := sessions + "/" + d.SessionId.String()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if a := s.call(t, "PATCH", path, "application/json", fmt.Sprintf(`{"options":{"lambda":%d}}`, i)); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(gone, "PATCH", path, strings.NewReader(`{"options":{"lambda":77}}`))
	req.Header.Set("Content-Type", "application/json")
	s.Config.Handler.ServeHTTP(httptest.NewRecorder(), req)
	if now, a := s.draft(t, "GET", path, "", 200); now.Revision != 13 || now.Options.Lambda == 77 {
		t.Errorf("%s", a.body)
	}
}

func TestPlanSession_IsItsOwnersInTheirRole(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	run := s.wishes(t)
	later := time.Now().Add(time.Hour)
	bureau := access.Capacity{Role: access.Bureau, County: ownCounty}
	lead := access.Capacity{Role: access.BureauLead, County: ownCounty}
	mine, _, _ := s.keyFor(t, ownCounty, later, bureau, lead)
	other, _, _ := s.keyFor(t, ownCounty, later, bureau)
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			if text != "" {
				b := strings.NewReader(text)
				r.Body, r.ContentLength = io.NopCloser(b), int64(b.Len())
				r.Header.Set("Content-Type", "application/json")
			}
		}
	}
	as := header("Gengheng-Role", "bureau")
	status, text := s.as(t, mine, "POST", sessions, body(`{"run_id":"`+run.String()+`"}`), as)
	var d client.PlanSession
	if err := json.Unmarshal([]byte(text), &d); err != nil || status != 201 {
		t.Fatalf("%d %s (%v)", status, text, err)
	}
	path := sessions + "/" + d.SessionId.String()
	for _, op := range [][3]string{{"GET", path, ""}, {"PATCH", path, `{}`}, {"DELETE", path, ""}, {"POST", path + "/plan", `{"name":"x"}`},
		{"GET", path + "/parcels/in/J1", ""}, {"POST", path + "/frontier", `{"lambdas":[1,2]}`}, {"GET", path + "/frontier", ""}, {"DELETE", path + "/frontier", ""}} {
		if status, text := s.as(t, other, op[0], op[1], body(op[2])); status != 404 || !strings.Contains(text, "plan-session-not-found") {
			t.Errorf("%s %s for another: %d %s", op[0], op[1], status, text)
		}
		if status, text := s.as(t, mine, op[0], op[1], body(op[2]), header("Gengheng-Role", "bureau_lead")); status != 404 || !strings.Contains(text, "plan-session-not-found") {
			t.Errorf("%s %s in another role: %d %s", op[0], op[1], status, text)
		}
	}
	if status, text := s.as(t, mine, "GET", path, as); status != 200 {
		t.Errorf("the owner's own: %d %s", status, text)
	}
}
