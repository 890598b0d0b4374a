package ogc_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/access"
)

// post executes a process.
func (s *service) post(process, body string, edit ...func(*http.Request)) answer {
	s.T.Helper()
	return s.send("POST", "/processes/"+process+"/execution", "application/json", body, edit...)
}

// Ensure that who finds the service finds its processes, and what each takes.
func TestProcesses_AreDescribed(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const rel = "http://www.opengis.net/def/rel/ogc/1.0/"
	list := s.must(s.must("").link(rel+"processes", "application/json"))
	var ids []string
	for _, v := range list.json["processes"].([]any) {
		p, _ := v.(map[string]any)
		id, _ := p["id"].(string)
		ids = append(ids, id)
		one := s.must("/processes/" + id)
		inputs, _ := one.json["inputs"].(map[string]any)
		outputs, _ := one.json["outputs"].(map[string]any)
		if len(inputs) == 0 || outputs["result"] == nil || one.json["version"] == nil || !strings.HasSuffix(one.link(rel+"execute", ""), "/processes/"+id+"/execution") {
			t.Errorf("%s: %s", id, one.text)
		}
		for name, v := range inputs {
			in, _ := v.(map[string]any)
			if in["schema"] == nil || in["title"] == "" || in["maxOccurs"] != 1.0 {
				t.Errorf("%s.%s: %v", id, name, v)
			}
		}
	}
	if !slices.Equal(ids, []string{"screening", "whatif", "balancing", "area"}) {
		t.Errorf("processes: %v", ids)
	}
	declared := s.must("/conformance").text
	for _, c := range []string{"core", "json", "ogc-process-description", "oas30", "dismiss"} {
		if !strings.Contains(declared, `"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/`+c+`"`) {
			t.Errorf("%s is not declared", c)
		}
	}
	spec := s.spec()
	for _, path := range []string{"/processes", "/processes/{process}", "/jobs", "/jobs/{job}", "/jobs/{job}/results"} {
		if spec.Paths.Value(path) == nil || spec.Paths.Value(path).Get == nil {
			t.Errorf("%s is not described", path)
		}
	}
	if r := spec.Paths.Value("/jobs/{job}/results").Get.Responses; r.Value("410") == nil || r.Value("200").Value.Content["application/geopackage+sqlite3"] == nil || r.Value("200").Value.Content["application/json"] == nil {
		t.Error("the results of a download are not described")
	}
	if p := spec.Paths.Value("/processes/{process}/execution"); p == nil || p.Post == nil || p.Post.Responses.Value("201") == nil {
		t.Error("execution is not described")
	}
}

// The area of what is sent is that of the standard: PostGIS's, by another method on
// the ellipsoid, is the same to what rounding makes; GeoJSON and WKT, degrees and
// the plane say the same.
func TestProcesses_Area(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for _, side := range []string{"100", "1000"} {
		shape := `ST_MakeEnvelope(510000, 4000000, 510000 + ` + side + `, 4000000 + ` + side + `, 4546)`
		var geojson, wkt, plane string
		var want float64
		err := s.DB.Pool.QueryRow(t.Context(), `SELECT ST_AsGeoJSON(ST_Transform(g, 4490), 12), ST_AsText(ST_Transform(g, 4490), 12), ST_AsText(g),
			ST_Area(ST_SetSRID(ST_Transform(ST_Segmentize(g, 10), 4490), 4326)::geography) FROM (SELECT `+shape+` AS g) s`).Scan(&geojson, &wkt, &plane, &want)
		if err != nil {
			t.Fatal(err)
		}
		var first string
		for _, body := range []string{`{"inputs":{"geometry":` + geojson + `}}`, `{"inputs":{"geometry":{"value":` + geojson + `,"mediaType":"application/geo+json"}}}`,
			fmt.Sprintf(`{"inputs":{"geometry":%q}}`, wkt), fmt.Sprintf(`{"inputs":{"geometry":%q,"crs":"EPSG:4546"},"response":"document"}`, plane)} {
			a := s.post("area", body)
			result := a.json
			if strings.Contains(body, "document") {
				result, _ = a.json["result"].(map[string]any)
			}
			text, _ := result["area_m2"].(string)
			got, err := strconv.ParseFloat(text, 64)
			if a.status != 200 || err != nil || math.Abs(got-want) > 0.05+want*1e-7 {
				t.Errorf("%s: %d %s, want %.2f", body, a.status, a.text, want)
			}
			if first == "" {
				first = text
			}
			if v, _ := strconv.ParseFloat(first, 64); math.Abs(v-got) > 0.02 {
				t.Errorf("%s: %s and %s", body, first, text)
			}
		}
	}
}

// What is wrong with an execution is said; nothing is fetched for it.
func TestProcesses_Refusals(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	const polygon = `{"type":"Polygon","coordinates":[[[111.11,36.13],[111.12,36.13],[111.12,36.14],[111.11,36.13]]]}`
	for _, tc := range []struct {
		process, body string
		status        int
		text          string
	}{
		{"echo", `{"inputs":{}}`, 404, "exceptions/ogcapi-processes-1/1.0/no-such-process"},
		{"area", ``, 400, "inputs"},
		{"area", `[]`, 400, "inputs"},
		{"area", `{"input":{}}`, 400, "inputs"},
		{"area", `{"inputs":{}}`, 400, "缺少输入 geometry"},
		{"area", `{"inputs":{"geometry":{"href":"http://127.0.0.1:1/x"}}}`, 400, "href"},
		{"area", `{"inputs":{"geometry":` + polygon + `,"nosuch":1}}`, 400, "没有输入 nosuch"},
		{"area", `{"inputs":{"geometry":` + polygon + `,"crs":3857}}`, 400, "crs"},
		{"area", `{"inputs":{"geometry":` + polygon + `,"crs":"EPSG:3857"}}`, 400, "EPSG:4490"},
		{"area", `{"inputs":{"geometry":` + polygon + `},"outputs":{"other":{}}}`, 400, "没有输出"},
		{"area", `{"inputs":{"geometry":` + polygon + `},"response":"x"}`, 400, "raw"},
		{"area", `{"inputs":{"geometry":"POINT(1 2)"}}`, 422, "POLYGON"},
		{"area", `{"inputs":{"geometry":"POLYGON"}}`, 422, "WKT"},
		{"area", `{"inputs":{"geometry":"POLYGON EMPTY"}}`, 422, "POLYGON"},
		{"area", `{"inputs":{"geometry":"POLYGON((0 0,1 0,1 1,0 0))"}}`, 422, "范围"},
		{"area", `{"inputs":{"geometry":"POLYGON((111.11 36.13,111.12 36.14,111.12 36.13,111.11 36.14,111.11 36.13))"}}`, 422, "自相交"},
		{"whatif", `{"inputs":{"year":2025,"direction":"up","geometry":` + polygon + `}}`, 400, "direction"},
		{"screening", `{"inputs":{"year":"2025"}}`, 400, "year"},
		{"balancing", `{"inputs":{"run_id":"x"}}`, 400, "UUID"},
	} {
		a := s.post(tc.process, tc.body)
		if a.status != tc.status || !strings.Contains(a.text, tc.text) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s: %d %s", tc.process, tc.body, a.status, a.text)
		}
	}
	if a := s.send("POST", "/processes/area/execution", "text/plain", "x"); a.status != 415 {
		t.Errorf("text/plain: %d", a.status)
	}
	if a := s.post("area", `{"inputs":{"geometry":"`+strings.Repeat("x", 3<<20)+`"}}`); a.status != 413 {
		t.Errorf("3 MB: %d", a.status)
	}
}

// A job that has not begun has no results and can be taken back, once; what it was
// for ends with it.
func TestProcesses_Dismiss(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	bureau := s.key(access.Capacity{Role: access.Bureau, County: county})
	auditor := s.key(access.Capacity{Role: access.Auditor, County: county})
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	job, run := uuid.New(), uuid.New()
	s.Exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook) SELECT county_code, $2, 2025, 'queued', rulebook FROM county WHERE county_code = $1`, county, run)
	s.Exec(`INSERT INTO job (county_code, job_id, kind, subject, status) VALUES ($1, $2, 'screen', $3, 'queued')`, county, job, run)
	at := "/jobs/" + job.String()
	a := s.get(at, auditor)
	if a.status != 200 || a.json["status"] != "accepted" || a.json["processID"] != "screening" || a.json["type"] != "process" || a.link("self", "") != s.URL+"/ogc/"+county+at {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := s.get(at+"/results", auditor); a.status != 404 || !strings.Contains(a.text, "result-not-ready") {
		t.Errorf("results: %d %s", a.status, a.text)
	}
	if list, _ := s.get("/jobs", auditor).json["jobs"].([]any); len(list) != 1 {
		t.Errorf("jobs: %v", list)
	}
	for who, edit := range map[string]func(*http.Request){"auditor": auditor, "clerk": clerk} {
		if a := s.send("DELETE", at, "", "", edit); a.status != 403 {
			t.Errorf("%s dismisses: %d %s", who, a.status, a.text)
		}
	}
	// a township does not see the county's jobs
	if a := s.get(at, clerk); a.status != 404 {
		t.Errorf("a township sees it: %d %s", a.status, a.text)
	}
	if a := s.send("DELETE", at, "", "", bureau); a.status != 200 || a.json["status"] != "dismissed" {
		t.Errorf("dismiss: %d %s", a.status, a.text)
	}
	if a := s.send("DELETE", at, "", "", bureau); a.status != 409 {
		t.Errorf("dismiss again: %d %s", a.status, a.text)
	}
	if a := s.get(at+"/results", auditor); a.status != 422 || !strings.Contains(a.text, "取消") {
		t.Errorf("results of a dismissed job: %d %s", a.status, a.text)
	}
	var status string
	if err := s.DB.Pool.QueryRow(t.Context(), `SELECT status FROM screening_run WHERE run_id = $1`, run).Scan(&status); err != nil || status != "failed" {
		t.Errorf("the screening is %s, %v", status, err)
	}
	for _, id := range []string{uuid.NewString(), "x", "%00", url.PathEscape("../jobs")} {
		if a := s.get("/jobs/"+id, auditor); a.status != 404 && a.status != 400 {
			t.Errorf("job %s: %d %s", id, a.status, a.text)
		}
	}
	// what a role may not do as an operation it may not do as a process
	for process, body := range map[string]string{"screening": `{"inputs":{"year":2025}}`, "balancing": `{"inputs":{}}`} {
		for who, edit := range map[string]func(*http.Request){"auditor": auditor, "clerk": clerk} {
			if a := s.post(process, body, edit); a.status != 403 {
				t.Errorf("%s by %s: %d %s", process, who, a.status, a.text)
			}
		}
	}
}

// The list of jobs is narrowed by every parameter of its class, comes in pages, and
// refuses what it does not know.
func TestProcesses_JobList(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	add := func(id, kind, status, problem, created, seconds string) {
		s.Exec(`INSERT INTO job (county_code, job_id, kind, subject, status, problem, created_at, started_at, finished_at)
			VALUES ($1, $2, $3, gen_random_uuid(), $4, nullif($5, '')::jsonb, $6::timestamptz, $6::timestamptz, $6::timestamptz + make_interval(secs => $7::float8))`,
			county, "00000000-0000-0000-0000-00000000000"+id, kind, status, problem, created, seconds)
	}
	add("1", "screen", "done", "", "2025-03-01T10:00:00Z", "5")
	add("2", "plan", "failed", `{"type":"urn:gengheng:problem:x"}`, "2025-03-02T10:00:00Z", "50")
	add("3", "screen", "failed", `{"type":"urn:gengheng:problem:job-dismissed"}`, "2025-03-03T10:00:00Z", "0")
	add("4", "load", "running", "", "2025-03-04T10:00:00Z", "500")
	add("5", "download", "queued", "", "2025-03-05T10:00:00Z", "0")
	ids := func(a answer) (out string) {
		list, _ := a.json["jobs"].([]any)
		for _, v := range list {
			j, _ := v.(map[string]any)
			id, _ := j["jobID"].(string)
			out += id[len(id)-1:]
		}
		return out
	}
	for query, want := range map[string]string{
		"": "54321", "?type=process": "54321", "?processID=screening": "31", "?processID=screening,balancing": "321", "?processID=area": "", "?status=failed": "2", "?status=dismissed": "3",
		"?status=accepted,running": "54", "?status=successful,dismissed": "31", "?datetime=2025-03-02": "2", "?datetime=2025-03-02T10:00:00Z": "2", "?datetime=2025-03-02/2025-03-03": "32", "?datetime=../2025-03-02": "21",
		"?datetime=2025-03-04/..": "54", "?minDuration=5&maxDuration=50": "21", "?minDuration=51": "4", "?limit=10000": "54321", "?processID=screening&status=dismissed&f=json": "3",
	} {
		if got := ids(s.must("/jobs" + query)); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	var all string
	at, pages := "/jobs?limit=2", 0
	for at != "" {
		a := s.must(at)
		all, pages = all+ids(a), pages+1
		at = a.link("next", "application/json")
	}
	if all != "54321" || pages != 3 {
		t.Errorf("%d pages of %s", pages, all)
	}
	for _, query := range []string{"?type=other", "?processID=echo", "?status=done", "?datetime=yesterday", "?minDuration=-1", "?maxDuration=x", "?limit=0", "?limit=x", "?cursor=x", "?nothing=1"} {
		if a := s.get("/jobs" + query); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
	if !strings.Contains(s.must("/conformance").text, "/ogcapi-processes-1/1.0/conf/job-list") {
		t.Error("the class is not declared")
	}
}
