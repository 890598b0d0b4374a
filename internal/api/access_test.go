package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	contract "gengheng/api"
	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/esri"
	"gengheng/internal/jobs"
	"gengheng/internal/ogc"
	"gengheng/internal/project"
	"gengheng/internal/store/storetest"
	"gengheng/internal/tiles"
)

const (
	ownCounty = "149901"
	townA     = "149901100"
	townB     = "149901101"
)

// closed is a service that asks for credentials, with its log.
func closed(t *testing.T, oidc ...*access.Provider) (*service, *bytes.Buffer) {
	t.Helper()
	db := storetest.New(t)
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	files, err := api.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	q, err := jobs.New(jobs.Config{DB: db, Workers: 0, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{DB: db, Queue: q, Files: files, Log: log, Metrics: prometheus.NewRegistry()}
	if len(oidc) > 0 {
		cfg.OIDC = oidc[0]
	}
	h, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{Server: httptest.NewServer(h), db: db, dir: dir}
	t.Cleanup(func() { s.Close(); _ = q.Stop(t.Context()) })
	return s, &text
}

// keyFor enters a synthetic identity with those capacities and gives its key.
func (s *service) keyFor(t *testing.T, county string, expires time.Time, held ...access.Capacity) (secret string, p access.Identity, k access.Key) {
	t.Helper()
	ctx := access.With(t.Context(), access.Actor{Name: "test", Role: access.Admin, County: county, Via: "cli"})
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if p, err = access.Create(ctx, tx, access.Identity{County: county, Kind: "program", Name: "合成程序", Capacities: held}); err != nil {
			return err
		}
		k, secret, err = access.NewKey(ctx, tx, county, p.ID, "合成", expires)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret, p, k
}

func (s *service) as(t *testing.T, key, method, path string, edit ...func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for _, f := range edit {
		f(req)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// operations lists every operation of the contract, and every address for desktop
// GIS: its path with someone else's ids filled in.
func operations(t *testing.T) map[string][2]string {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]string{}
	for _, r := range ogc.New(tiles.New(tiles.Config{}).Extension(), project.New().Extension()).Routes() {
		out[r.ID] = [2]string{cmp.Or(r.Method, http.MethodGet), "/ogc/" + ownCounty + strings.NewReplacer("{collection}", "parcels", "{feature}", "1", "{tileMatrixSetId}", "WebMercatorQuad",
			"{tileMatrix}", "0", "{tileRow}", "0", "{tileCol}", "0", "{z}", "0", "{x}", "0", "{y}", "0").Replace(r.Path)}
	}
	for _, r := range esri.New().Routes() {
		out[r.ID] = [2]string{http.MethodPost, "/arcgis/" + ownCounty + "/rest/services" + strings.ReplaceAll(r.Path, "{layer}", "1")}
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			full := "/api/v1" + path
			for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
				if p.Value.In == "path" {
					full = strings.ReplaceAll(full, "{"+p.Value.Name+"}", example(p.Value))
				}
			}
			out[op.OperationID] = [2]string{method, full}
		}
	}
	return out
}

// met asks for an operation. A FeatureServer's answers have their status in the body.
func (s *service) met(t *testing.T, key string, op [2]string) (int, string) {
	t.Helper()
	status, body := s.as(t, key, op[0], op[1])
	var v struct{ Error struct{ Code int } }
	if !strings.HasPrefix(op[1], "/arcgis/") || json.Unmarshal([]byte(body), &v) != nil || v.Error.Code == 0 {
		return status, body
	}
	if v.Error.Code == 498 || v.Error.Code == 499 {
		return http.StatusUnauthorized, body + " urn:gengheng:problem:unauthorized"
	}
	return v.Error.Code, body
}

func example(p *openapi3.Parameter) string {
	switch {
	case p.Name == "county":
		return ownCounty
	case p.Schema.Value.Format == "uuid":
		return someID
	case len(p.Schema.Value.Enum) > 0:
		return fmt.Sprint(p.Schema.Value.Enum[0])
	case p.Schema.Value.Type.Is("integer"):
		return "2025"
	}
	return "0123456789abcdef"
}

// Every role, for the whole county and for a township, meets every operation of
// the contract: what the table allows gets past the door, what it does not is
// 403, and a stranger is 401. A new operation without a rule keeps the service
// from starting, so that this test fails as well.
func TestPolicy_EveryRoleMeetsEveryOperation(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	later := time.Now().Add(time.Hour)
	type who struct {
		role     access.Role
		township string
		key      string
	}
	var people []who
	for _, r := range access.Roles() {
		for _, town := range []string{"", townA} {
			c := access.Capacity{Role: r, County: ownCounty, Township: town}
			if c.Check() == nil {
				key, _, _ := s.keyFor(t, ownCounty, later, c)
				people = append(people, who{r, town, key})
			}
		}
	}
	foreign, _, _ := s.keyFor(t, "149902", later, access.Capacity{Role: access.Admin})
	for id, op := range operations(t) {
		if status, body := s.met(t, "", op); status != http.StatusUnauthorized || op[0] != http.MethodHead && !strings.Contains(body, "urn:gengheng:problem:unauthorized") {
			t.Errorf("%s for a stranger: %d %s", id, status, body)
		}
		roles, ofCounty, whole := api.Rule(id)
		if status, body := s.met(t, foreign, op); ofCounty && status != http.StatusForbidden {
			t.Errorf("%s for another county's admin: %d %s", id, status, body)
		}
		for _, p := range people {
			allowed := (len(roles) == 0 || slices.Contains(roles, p.role)) && (!whole || p.township == "")
			status, body := s.met(t, p.key, op)
			refused := status == http.StatusForbidden || status == http.StatusUnauthorized
			if refused == allowed || status >= 500 {
				t.Errorf("%s for %s %q: %d %s", id, p.role, p.township, status, body)
			}
		}
	}
}

func TestKeys_OnlyGoodOnesOpen(t *testing.T) {
	t.Parallel()
	s, log := closed(t)
	later := time.Now().Add(time.Hour)
	reader := access.Capacity{Role: access.Auditor}
	good, _, _ := s.keyFor(t, ownCounty, later, reader)
	expired, _, _ := s.keyFor(t, ownCounty, time.Now().Add(-time.Second), reader)
	revoked, _, k := s.keyFor(t, ownCounty, later, reader)
	disabled, gone, _ := s.keyFor(t, ownCounty, later, reader)
	ctx := access.With(t.Context(), access.Actor{Name: "test", County: ownCounty, Role: access.Admin})
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := access.RevokeKey(ctx, tx, ownCounty, k.ID, "合成：吊销"); err != nil {
			return err
		}
		yes := true
		_, err := access.Change(ctx, tx, ownCounty, gone.ID, nil, &yes, "合成：停用")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	last := "0"
	if strings.HasSuffix(good, "0") {
		last = "1"
	}
	wrong := good[:len(good)-1] + last
	for name, tc := range map[string]struct {
		key    string
		edit   func(*http.Request)
		status int
	}{
		"good":             {good, nil, 200},
		"basic":            {"", func(r *http.Request) { r.SetBasicAuth("qgis", good) }, 200},
		"basic, user only": {"", func(r *http.Request) { r.SetBasicAuth(good, "") }, 401},
		"expired":          {expired, nil, 401},
		"revoked":          {revoked, nil, 401},
		"disabled":         {disabled, nil, 401},
		"wrong":            {wrong, nil, 401},
		"cut":              {good[:len(good)-1], nil, 401},
		"prefix":           {good[:13], nil, 401},
		"in the address":   {"", func(r *http.Request) { r.URL.RawQuery = "token=" + good }, 401},
		"other scheme":     {"", header("Authorization", "Digest "+good), 401},
		"a JSON web token": {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", nil, 401},
		"made-up session":  {"", header("Cookie", "gengheng_session="+good), 401},
		"another site":     {good, header("Sec-Fetch-Site", "cross-site"), 200}, // reading is safe
	} {
		edit := tc.edit
		if edit == nil {
			edit = func(*http.Request) {}
		}
		status, body := s.as(t, tc.key, "GET", "/api/v1/counties", edit)
		if status != tc.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if strings.Contains(body, good[14:]) {
			t.Errorf("%s: the answer tells the key", name)
		}
	}
	if status, _ := s.as(t, good, "PUT", "/api/v1/counties/149901", header("Sec-Fetch-Site", "cross-site")); status != 403 {
		t.Errorf("another site's write: %d", status)
	}
	for _, secret := range []string{good, expired, revoked, disabled, wrong} {
		if strings.Contains(log.String(), secret[14:]) {
			t.Error("a key is in the log")
		}
	}
	if !strings.Contains(log.String(), "credentials refused") {
		t.Error("the refusals are not in the log; the test would prove nothing")
	}
}

func TestKeys_FailuresAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	good, _, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.Auditor})
	wrong := "gh_0000000000_" + strings.Repeat("0", 64)
	var statuses []int
	for range 12 {
		status, _ := s.as(t, wrong, "GET", "/api/v1/counties")
		statuses = append(statuses, status)
	}
	if statuses[9] != 401 || statuses[10] != 429 || statuses[11] != 429 {
		t.Errorf("%v", statuses)
	}
	if status, _ := s.as(t, good, "GET", "/api/v1/counties"); status != 200 {
		t.Errorf("a neighbour's key is locked out: %d", status)
	}
}

// An office has one address for all its browsers.
func TestSessions_OneThatHasEndedLocksOutNoOther(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	_, p, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.Auditor})
	good, err := access.NewSession(t.Context(), s.db, p)
	if err != nil {
		t.Fatal(err)
	}
	status := func(session string) int {
		code, _ := s.as(t, "", "GET", "/api/v1/counties", header("Cookie", "gengheng_session="+session))
		return code
	}
	ended := strings.Repeat("0", 64)
	var last int
	for range 12 {
		last = status(ended)
	}
	if last != 429 {
		t.Errorf("the twelfth try with an ended session: %d, want 429", last)
	}
	if got := status(good); got != 200 {
		t.Errorf("a neighbour's session is locked out: %d", got)
	}
}

func TestRole_OneOfSeveralIsNamed(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	key, _, _ := s.keyFor(t, ownCounty, time.Now().Add(time.Hour), access.Capacity{Role: access.TownshipClerk, Township: townA},
		access.Capacity{Role: access.TownshipClerk, Township: townB}, access.Capacity{Role: access.Auditor})
	const path = "/api/v1/counties/149901"
	for wanted, status := range map[string]int{
		"": 400, "auditor": 404, "township_clerk/149901100": 404, "township_clerk": 400, "bureau": 400, "admin": 400, "township_clerk/149901102": 400,
	} {
		got, body := s.as(t, key, "GET", path, header("Gengheng-Role", wanted))
		if got != status || got == 400 && !strings.Contains(body, "township_clerk/149901101") {
			t.Errorf("%q: %d %s", wanted, got, body)
		}
	}
	if got, _ := s.as(t, "", "GET", path, func(r *http.Request) { r.SetBasicAuth("auditor", key) }); got != 404 {
		t.Errorf("the role in the user name of a desktop GIS: %d", got)
	}
	for carried, want := range map[string]int{key: 404, key + "x": 401} {
		if got, _ := s.as(t, "", "GET", path, header("X-API-Key", carried), header("Gengheng-Role", "auditor")); got != want {
			t.Errorf("a key in a header of its own: %d, want %d", got, want)
		}
	}
}

func TestOpen_HoldsToTheRoleItIsGiven(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	if got, _ := s.as(t, "", "GET", "/api/v1/counties", func(r *http.Request) { r.Host = "evil.example" }); got != 401 {
		t.Errorf("a request for another host: %d", got)
	}
	if got, _ := s.as(t, "", "GET", "/api/v1/counties", header("Authorization", "Bearer x")); got != 401 {
		t.Errorf("wrong credentials where none are asked: %d", got)
	}
	if got, _ := s.as(t, "", "POST", "/api/v1/counties/149901/screenings", header("Gengheng-Role", "township_clerk/149901100")); got != 403 {
		t.Errorf("a township screens: %d", got)
	}
	if got, _ := s.as(t, "", "PUT", "/api/v1/counties/149901", header("Origin", "https://evil.example")); got != 403 {
		t.Errorf("another site writes: %d", got)
	}
}

// isolated writes one row for each of two townships and returns the addresses
// where they are listed.
func isolated(t *testing.T, s *service) []string {
	t.Helper()
	run, plan, set, up := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := s.db.Pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO rulebook VALUES ('v', 'r', 2025, 'd')`)
	exec(`INSERT INTO county (county_code, name, srid, rulebook) VALUES ($1, '合成', 4546, 'v')`, ownCounty)
	exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, ownCounty, up)
	exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		VALUES ($1, $2, 'CANDIDATE_IN', 2025, 'committed', 'v', 1, 2, $3, 'f', 's')`, ownCounty, set, up)
	exec(`INSERT INTO dataset_issue (county_code, dataset_id, seq, severity, code, message_zh, message_en) VALUES ($1, $2, 0, 'notice', 'c', $3, '')`, ownCounty, set, "乡镇 "+townB)
	exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at, datasets)
		VALUES ($1, $2, 2025, 'done', 'v', now(), jsonb_build_array(jsonb_build_object('dataset_id', $3::text)))`, ownCounty, run, set.String())
	exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status) VALUES ($1, $2, $3, 2025, 'done')`, ownCounty, plan, run)
	for i, town := range []string{townA, townB} {
		exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, area_m2, geom)
			VALUES ($1, $2, $3, 'in', $4, $4, 1, 'SRID=4546;MULTIPOLYGON EMPTY')`, ownCounty, set, i, town)
		exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2)
			VALUES ($1, $2, 'in', $3, $3, 'eligible', 1, 1, 1, 0)`, ownCounty, run, town)
		exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, overlap_m2, message_zh, message_en)
			VALUES ($1, $2, $3, 'in', $4, $4, 'IN-01', 1, 'warn', 'hit', 1, '', '')`, ownCounty, run, i, town)
		exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, reason_zh, geom)
			VALUES ($1, $2, 'in', $3, $3, true, 1, 0, '', 'SRID=4546;MULTIPOLYGON EMPTY')`, ownCounty, plan, town)
		exec(`INSERT INTO plan_township (county_code, plan_id, township_code, name, in_m2, out_m2, in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2)
			VALUES ($1, $2, $3, '', 0, 0, 0, 0, 0, 0)`, ownCounty, plan, town)
	}
	c, r, p := "/api/v1/counties/149901", "/screenings/"+run.String(), "/plans/"+plan.String()
	return []string{c + "/candidates", c + "/candidates?township=" + townB, c + r + "/verdicts", c + r + "/verdicts?township=" + townB, c + r + "/findings",
		c + r + "/findings?township=" + townB, c + r + "/overlaps?by=township", c + r + "/overlaps?by=candidate", c + p + "/parcels", c + p + "/parcels?township=" + townB, c + p,
		c + "/datasets/" + set.String() + "/issues"}
}

func TestTownship_SeesItsOwnThroughEveryList(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	lists := isolated(t, s)
	later := time.Now().Add(time.Hour)
	clerk, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.TownshipClerk, Township: townA})
	bureau, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.Bureau})
	for _, path := range lists {
		status, body := s.as(t, clerk, "GET", path)
		body = strings.ReplaceAll(body, `"instance"`, "")
		if status != 200 || strings.Contains(body, townB) {
			t.Errorf("%s for the clerk: %d %s", path, status, body)
		}
		if !strings.Contains(path, townB) && !strings.HasSuffix(path, "/issues") && !strings.Contains(body, townA) {
			t.Errorf("%s hides the clerk's own: %s", path, body)
		}
		if status, body := s.as(t, bureau, "GET", path); status != 200 || !strings.Contains(body, townB) {
			t.Errorf("%s for the bureau: %d %s; the test would prove nothing", path, status, body)
		}
	}
	for town, status := range map[string]int{townA: 200, townB: 404} { // 404: not even that it is there
		if got, body := s.as(t, clerk, "GET", "/api/v1/counties/149901/candidates/in/"+town); got != status {
			t.Errorf("candidate of %s: %d %s", town, got, body)
		}
	}
}

func TestWrites_AreInTheLog(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546}`)
	up := upload(t, s, "a.zip", "content")
	if a := s.call(t, "POST", "/api/v1/counties/149901/datasets", "application/json", `{"upload_id":"`+up+`","kind":"DLTB","year":2025}`); a.status != 202 {
		t.Fatalf("%s", a.body)
	}
	if a := s.call(t, "POST", "/api/v1/counties/149901/screenings", "application/json", `{"year":2025}`); a.status != 202 {
		t.Fatalf("%s", a.body)
	}
	rows, err := s.db.Pool.Query(t.Context(), `SELECT action FROM audit_log ORDER BY county_code, seq`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{"rulebook.add", "county.put", "upload.add", "dataset.add", "screening.add"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if head, err := access.VerifyAudit(t.Context(), s.db, ownCounty); err != nil || head.Seq != 4 {
		t.Errorf("%+v %v", head, err)
	}
}
