package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/rulebook"
)

// planned makes a county with a screening and a plan that is done and chooses
// out/C1 of one township.
func (s *service) planned(t *testing.T, name string, chosen bool, options string) uuid.UUID {
	t.Helper()
	rules, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	run, plan := uuid.NewSHA1(uuid.Nil, []byte("run")), uuid.NewSHA1(uuid.Nil, []byte(name))
	out := map[bool]string{true: "5.00", false: "0.00"}[chosen]
	for _, sql := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO screening_run (county_code, run_id, year, status, rulebook) VALUES ('149901', $1, 2025, 'done', $2) ON CONFLICT DO NOTHING`, []any{run, rules.Hash}},
		{`INSERT INTO plan (county_code, plan_id, run_id, year, status, options, certificate, summary, name)
			VALUES ('149901', $1, $2, 2025, 'done', $3, '{"status":"optimal"}', jsonb_build_object('status', 'optimal', 'options', $3::jsonb), $4)`, []any{plan, run, options, name}},
		{`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
			VALUES ('149901', $1, 'out', 'C1', '149901100', $2, 5, 0, '因为', ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 5,0 0)))', 4546))`, []any{plan, chosen}},
		{`INSERT INTO plan_township (county_code, plan_id, township_code, name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2)
			VALUES ('149901', $1, '149901100', '东乡', 0, $2::numeric, 0, 0, 0, 0)`, []any{plan, out}},
	} {
		if _, err := s.db.Pool.Exec(t.Context(), sql.text, sql.args...); err != nil {
			t.Fatal(err)
		}
	}
	return plan
}

func TestScenarios_AreNamedCopiedAndCompared(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546,"synthetic":true}`)
	a, b := s.planned(t, "甲", true, `{"lambda": 1}`), s.planned(t, "乙", false, `{"lambda": 2}`)
	plans := "/api/v1/counties/149901/plans/"

	named := s.call(t, "PATCH", plans+a.String(), "application/json", `{"name":"连片优先","note":"给领导小组看"}`)
	if named.status != 200 || !strings.Contains(string(named.body), `"name":"连片优先"`) {
		t.Fatalf("%d %s", named.status, named.body)
	}
	got := s.call(t, "GET", plans+a.String()+"/compare?with="+b.String(), "", "")
	var cmp struct {
		Parcels []struct {
			Number  string
			ChosenA *bool `json:"chosen_a"`
			ChosenB *bool `json:"chosen_b"`
		}
		Townships []map[string]string
		Options   []struct{ Option string }
		Message   string `json:"message_zh"`
	}
	if err := json.Unmarshal(got.body, &cmp); err != nil || got.status != 200 {
		t.Fatalf("%d %s (%v)", got.status, got.body, err)
	}
	if len(cmp.Parcels) != 1 || !*cmp.Parcels[0].ChosenA || *cmp.Parcels[0].ChosenB || cmp.Townships[0]["out_a_m2"] != "5.00" ||
		cmp.Townships[0]["out_b_m2"] != "0.00" || len(cmp.Options) != 1 || cmp.Options[0].Option != "lambda" || !strings.Contains(cmp.Message, "“连片优先”") {
		t.Errorf("%s", got.body)
	}

	run := uuid.NewSHA1(uuid.Nil, []byte("run"))
	body := `{"run_id":"` + run.String() + `","name":"丙","copy_of":"` + a.String() + `","options":{"transfer_cost":7,"quotas":[{"direction":"out","max_m2":"3.00"}]}}`
	copied := s.call(t, "POST", "/api/v1/counties/149901/plans", "application/json", body)
	var accepted struct {
		Plan struct {
			Name    string
			Base    string `json:"base_plan_id"`
			Options map[string]any
		}
	}
	if err := json.Unmarshal(copied.body, &accepted); err != nil || copied.status != 202 {
		t.Fatalf("%d %s (%v)", copied.status, copied.body, err)
	}
	if p := accepted.Plan; p.Name != "丙" || p.Base != a.String() || p.Options["lambda"] != 1.0 || p.Options["transfer_cost"] != 7.0 || p.Options["quotas"] == nil {
		t.Errorf("%s", copied.body)
	}

	for _, tc := range []struct {
		method, path, body string
		status             int
		kind               string
	}{
		{"GET", plans + a.String() + "/compare?with=" + uuid.NewString(), "", 404, "plan-not-found"},
		{"GET", plans + a.String() + "/compare", "", 400, "contract"},
		{"PATCH", plans + uuid.NewString(), `{"name":"x"}`, 404, "plan-not-found"},
		{"PATCH", plans + a.String(), `{}`, 400, "contract"},
		{"PATCH", plans + a.String(), `{"status":"done"}`, 400, "contract"},
		{"POST", "/api/v1/counties/149901/plans", `{"run_id":"` + run.String() + `","copy_of":"` + uuid.NewString() + `"}`, 404, "plan-not-found"},
		{"POST", "/api/v1/counties/149901/plans", `{"run_id":"` + run.String() + `","options":{"quotas":[{"max_m2":"3"}]}}`, 400, "contract"},
	} {
		mime := ""
		if tc.body != "" {
			mime = "application/json"
		}
		if got := s.call(t, tc.method, tc.path, mime, tc.body); got.status != tc.status || got.problem.Type != "urn:gengheng:problem:"+tc.kind {
			t.Errorf("%s %s %s: %d %s, want %d %s", tc.method, tc.path, tc.body, got.status, got.body, tc.status, tc.kind)
		}
	}
}

func TestScenarios_SayWhoMadeThem(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546,"synthetic":true}`)
	plans := "/api/v1/counties/149901/plans"
	s.planned(t, "甲", true, `{}`) // by nobody whom the log knows
	body := `{"run_id":"` + uuid.NewSHA1(uuid.Nil, []byte("run")).String() + `","name":"乙"}`
	status, text := s.as(t, "", "POST", plans, header("Gengheng-Role", "bureau_lead"), func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", "application/json")
	})
	if status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	for role, want := range map[string]string{"bureau": "开放模式（未认证）（自然资源局负责人）", "township_clerk/149901100": ""} {
		status, text := s.as(t, "", "GET", plans, header("Gengheng-Role", role))
		var list []struct {
			Name   string
			MadeBy string `json:"made_by"`
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || status != 200 {
			t.Fatalf("%s: %d %s (%v)", role, status, text, err)
		}
		by := map[string]string{}
		for _, p := range list {
			by[p.Name] = p.MadeBy
		}
		if by["乙"] != want || by["甲"] != "" {
			t.Errorf("%s: %v", role, by)
		}
	}
}

func TestScenarios_APublishedPlanKeepsItsName(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546,"synthetic":true}`)
	a := s.planned(t, "甲", true, `{}`)
	if _, err := s.db.Pool.Exec(t.Context(), `INSERT INTO plan_publication (county_code, year, number, attempt, plan_id, status, title, sha256, proposed_as)
		VALUES ('149901', 2025, 0, 1, $1, 'proposed', '方案', '', '合成甲')`, a); err != nil {
		t.Fatal(err)
	}
	got := s.call(t, "PATCH", "/api/v1/counties/149901/plans/"+a.String(), "application/json", `{"name":"改名"}`)
	if got.status != 409 || got.problem.Type != "urn:gengheng:problem:plan-published" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestScreenings_ChangesAndAlertsAreListed(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546,"synthetic":true}`)
	base := "/api/v1/counties/149901/"
	if a := s.call(t, "GET", base+"alerts?year=2025", "", ""); a.status != 200 || strings.TrimSpace(string(a.body)) != "[]" {
		t.Errorf("no plan: %d %s", a.status, a.body)
	}
	s.planned(t, "甲", true, `{}`)
	run, later := uuid.NewSHA1(uuid.Nil, []byte("run")), uuid.New()
	for _, sql := range []string{
		`UPDATE screening_run SET finished_at = now() - interval '1 hour'`,
		`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at, base_run_id, rejudged) SELECT county_code, '` + later.String() + `', year, status, rulebook, now(), run_id, 1 FROM screening_run`,
		`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2)
			SELECT county_code, run_id, 'out', 'C1', '149901100', CASE WHEN run_id = '` + later.String() + `' THEN 'forbidden' ELSE 'eligible' END, 5, 5, 5, 0 FROM screening_run`,
	} {
		if _, err := s.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"changes", "changes?since=" + run.String()} {
		a := s.call(t, "GET", base+"screenings/"+later.String()+"/"+path, "", "")
		if a.status != 200 || !strings.Contains(string(a.body), `"newly_failing":1`) || !strings.Contains(string(a.body), `"approved":true`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.call(t, "GET", base+"alerts?year=2025", "", ""); a.status != 200 || !strings.Contains(string(a.body), `"now_forbidden"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.call(t, "GET", base+"screenings/"+later.String(), "", ""); !strings.Contains(string(a.body), `"rejudged":1`) {
		t.Errorf("%s", a.body)
	}
	for path, status := range map[string]int{
		"screenings/" + run.String() + "/changes":                             404,
		"screenings/" + later.String() + "/changes?since=" + uuid.NewString(): 404,
		"screenings/" + uuid.NewString() + "/changes":                         404,
		"alerts": 400,
	} {
		if a := s.call(t, "GET", base+path, "", ""); a.status != status {
			t.Errorf("%s: %d %s, want %d", path, a.status, a.body, status)
		}
	}
}
