package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"

	contract "gengheng/api"
	"gengheng/internal/api"
	"gengheng/internal/jobs"
	"gengheng/internal/metrics"
	"gengheng/internal/planning"
	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// service is a running server on a database of its own. Every answer it gives
// is checked against the contract.
type service struct {
	*httptest.Server
	db  *store.DB
	dir string // of uploaded files
}

func newService(t *testing.T, workers int, child string) *service {
	t.Helper()
	db := storetest.New(t)
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	files, err := api.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	screener, err := screening.New(db, screening.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	drafts := planning.NewSessions(db, planning.Limits{})
	q, err := jobs.New(jobs.Config{DB: db, Workers: workers, Handlers: jobs.Rooms(db, screener, drafts, files.Path, child), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := metrics.Register(registry, screener, db, log); err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{DB: db, Queue: q, Files: files, Screener: screener, Drafts: drafts, GDALChild: child, Log: log, Open: true, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{Server: httptest.NewServer(obeying(t, h)), db: db, dir: dir}
	t.Cleanup(func() {
		s.Close()
		if err := q.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s
}

// contractRouter finds what the contract says of a request; the document is read once.
var contractRouter = sync.OnceValues(func() (routers.Router, error) {
	spec, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(spec)
})

// obeying fails the test when an answer does not match the contract.
func obeying(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	router, err := contractRouter()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := router.FindRoute(r)
		if err != nil || strings.HasSuffix(r.URL.Path, "/events") {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(),
			Options: &openapi3filter.Options{IncludeResponseStatus: true,
				ExcludeResponseBody: !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") && !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/problem+json")}}
		out.SetBodyBytes(unpacked(t, rec))
		if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
			t.Errorf("%s %s: the answer breaks the contract: %v", r.Method, r.URL, err)
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		if _, err := w.Write(rec.Body.Bytes()); err != nil {
			t.Log(err)
		}
	})
}

// unpacked is an answer's body as a client reads it.
func unpacked(t *testing.T, rec *httptest.ResponseRecorder) []byte {
	t.Helper()
	body := rec.Body.Bytes()
	if rec.Header().Get("Content-Encoding") != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(z)
	}
	if err != nil {
		t.Errorf("the compressed answer cannot be read: %v", err)
	}
	return body
}

type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem struct {
		Type, Title, Detail string
		Status              int
		Errors              []string
	}
}

func (s *service) call(t *testing.T, method, path, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal(a.body, &a.problem); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

const someID = "11111111-2222-3333-4444-555555555555"

func TestContract_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县（合成）","srid":4546,"synthetic":true}`)
	dataset := func(more string) string {
		return `{"upload_id":"` + someID + `","kind":"DLTB","year":2025` + more + `}`
	}
	for _, tc := range []struct {
		name, method, path, contentType, body string
		status                                int
		kind, says                            string
	}{
		{"Ensure an unknown address is a problem.", "GET", "/api/v1/nowhere", "", "", 404, "path-not-found", "/docs"},
		{"Ensure an unknown address outside the contract is one too.", "GET", "/etc/passwd", "", "", 404, "path-not-found", ""},
		{"Ensure a method that is not there is refused.", "DELETE", "/api/v1/counties/149901", "", "", 405, "method-not-allowed", ""},
		{"Ensure a county code has six digits.", "GET", "/api/v1/counties/14990", "", "", 400, "contract", "county"},
		{"Ensure a county that was never made is not found.", "GET", "/api/v1/counties/149902/datasets", "", "", 404, "county-not-found", "149902"},
		{"Ensure a plane outside the 3-degree zones is refused.", "PUT", "/api/v1/counties/149903", "application/json", `{"name":"县","srid":3857}`, 400, "contract", "srid"},
		{"Ensure a field that the contract lacks is refused.", "PUT", "/api/v1/counties/149903", "application/json", `{"name":"县","srid":4546,"admin":true}`, 400, "contract", "admin"},
		{"Ensure broken JSON is refused.", "PUT", "/api/v1/counties/149903", "application/json", `{"name":`, 400, "contract", "body"},
		{"Ensure an unregistered rulebook is refused.", "PUT", "/api/v1/counties/149903", "application/json", `{"name":"县","srid":4546,"rulebook":"0123456789abcdef"}`, 400, "rulebook-unknown", "0123456789abcdef"},
		{"Ensure a body of another type is refused.", "PUT", "/api/v1/counties/149903", "text/plain", `x`, 400, "contract", "body"},
		{"Ensure an upload needs a name.", "POST", "/api/v1/counties/149901/uploads", "application/octet-stream", "x", 400, "file-name", "file_name"},
		{"Ensure a name of dots is no name.", "POST", "/api/v1/counties/149901/uploads?file_name=..%2F..%2F", "application/octet-stream", "x", 400, "file-name", ""},
		{"Ensure an empty upload is refused.", "POST", "/api/v1/counties/149901/uploads?file_name=a.zip", "application/octet-stream", "", 400, "upload-empty", ""},
		{"Ensure an upload says what it is.", "POST", "/api/v1/counties/149901/uploads?file_name=a.zip", "text/html", "x", 415, "media-type", "multipart"},
		{"Ensure a form needs its file.", "POST", "/api/v1/counties/149901/uploads", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n", 400, "form", "file"},
		{"Ensure a dataset needs its upload.", "POST", "/api/v1/counties/149901/datasets", "application/json", dataset(""), 404, "upload-not-found", someID},
		{"Ensure a mistyped layer kind is refused.", "POST", "/api/v1/counties/149901/datasets", "application/json", strings.Replace(dataset(""), "DLTB", "STBHHQ", 1), 400, "kind-unknown", "STBHHX"},
		{"Ensure a township of another county is refused.", "POST", "/api/v1/counties/149901/datasets", "application/json", dataset(`,"scope":"141024100"`), 400, "scope", "141024100"},
		{"Ensure a red line cannot be one township's only.", "POST", "/api/v1/counties/149901/datasets", "application/json", strings.Replace(dataset(`,"scope":"149901100"`), "DLTB", "STBHHX", 1), 400, "scope", "STBHHX"},
		{"Ensure only declarations are screened on arrival.", "POST", "/api/v1/counties/149901/datasets", "application/json", dataset(`,"screen":true`), 400, "screen", "CANDIDATE_IN"},
		{"Ensure a filled form is of one township.", "GET", "/api/v1/counties/149901/years/2025/forms/in", "", "", 400, "township", "blank=true"},
		{"Ensure a form is of a township of the county.", "GET", "/api/v1/counties/149901/years/2025/forms/in?township=141024100", "", "", 400, "township", "141024100"},
		{"Ensure a first parcel needs its township.", "PUT", "/api/v1/counties/149901/years/2025/candidates/in/1", "application/json", `{"reason":"x"}`, 400, "township", "dataset_id"},
		{"Ensure a version that is changed is there.", "POST", "/api/v1/counties/149901/years/2025/candidates/in/1/withdraw", "application/json", `{"dataset_id":"` + someID + `","reason":"x"}`, 404, "dataset-not-found", someID},
		{"Ensure a change has a reason.", "POST", "/api/v1/counties/149901/years/2025/candidates/in/1/withdraw", "application/json", `{"dataset_id":"` + someID + `"}`, 400, "contract", "reason"},
		{"Ensure a mistyped filter is refused.", "GET", "/api/v1/counties/149901/candidates?townships=149901100", "", "", 400, "contract", "townships"},
		{"Ensure U+0000 in an address is the caller's fault.", "GET", "/api/v1/counties/149901/candidates/in/%00", "", "", 400, "text", "U+0000"},
		{"Ensure an address that is no UTF-8 is the caller's fault.", "GET", "/api/v1/counties/149901/candidates/in/%FF%FE", "", "", 400, "text", "UTF-8"},
		{"Ensure U+0000 in a body is the caller's fault.", "PUT", "/api/v1/counties/149904", "application/json", `{"name":"a\u0000b","srid":4546}`, 400, "text", "U+0000"},
		{"Ensure a county has a name.", "PUT", "/api/v1/counties/149903", "application/json", `{"name":" ","srid":4546}`, 400, "county", ""},
		{"Ensure retiring needs a reason.", "POST", "/api/v1/counties/149901/datasets/" + someID + "/retire", "application/json", `{"reason":""}`, 400, "contract", "reason"},
		{"Ensure an unknown dataset cannot be retired.", "POST", "/api/v1/counties/149901/datasets/" + someID + "/retire", "application/json", `{"reason":"误传"}`, 404, "dataset-not-found", ""},
		{"Ensure datum parameters are seven.", "POST", "/api/v1/counties/149901/datasets", "application/json", dataset(`,"towgs84":[1,2,3]`), 400, "contract", "towgs84"},
		{"Ensure a workbook that was not sent is refused.", "POST", "/api/v1/counties/149901/datasets", "application/json", dataset(`,"workbook_id":"` + someID + `"`), 404, "upload-not-found", "工作簿"},
		{"Ensure a page has a bounded size.", "GET", "/api/v1/counties/149901/candidates?limit=100000", "", "", 400, "contract", "limit"},
		{"Ensure a page key is one of ours.", "GET", "/api/v1/counties/149901/candidates?after=zzz", "", "", 400, "after", "next"},
		{"Ensure an id is a UUID.", "GET", "/api/v1/counties/149901/jobs/1", "", "", 400, "contract", "job_id"},
		{"Ensure an unknown job is not found.", "GET", "/api/v1/counties/149901/jobs/" + someID, "", "", 404, "job-not-found", ""},
		{"Ensure the events of an unknown job are not found.", "GET", "/api/v1/counties/149901/jobs/" + someID + "/events", "", "", 404, "job-not-found", ""},
		{"Ensure an unknown run is not found.", "GET", "/api/v1/counties/149901/screenings/" + someID + "/findings", "", "", 404, "screening-not-found", ""},
		{"Ensure a clause filter takes a clause.", "GET", "/api/v1/counties/149901/screenings/" + someID + "/findings?clause=%27%20OR%201=1", "", "", 400, "contract", "clause"},
		{"Ensure overlaps need a grouping.", "GET", "/api/v1/counties/149901/screenings/" + someID + "/overlaps", "", "", 400, "contract", "by"},
		{"Ensure a plan needs a run.", "POST", "/api/v1/counties/149901/plans", "application/json", `{"run_id":"` + someID + `"}`, 404, "screening-not-found", ""},
		{"Ensure a mistyped plan option is refused.", "POST", "/api/v1/counties/149901/plans", "application/json", `{"run_id":"` + someID + `","options":{"lamda":3}}`, 400, "contract", "lamda"},
		{"Ensure an artifact is one of four.", "GET", "/api/v1/counties/149901/plans/" + someID + "/secret", "", "", 400, "contract", "artifact"},
		{"Ensure a rulebook is refused with line numbers.", "POST", "/api/v1/rulebooks", "application/yaml", "format: gengheng-rulebook/1\nid: x\ncolour: red\n", 422, "rulebook-invalid", "rulebook.yaml:3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.call(t, tc.method, tc.path, tc.contentType, tc.body)
			if a.status != tc.status || a.problem.Type != "urn:gengheng:problem:"+tc.kind || a.problem.Status != tc.status {
				t.Fatalf("%d %s\nwant %d %s", a.status, a.body, tc.status, tc.kind)
			}
			if text := a.problem.Detail + strings.Join(a.problem.Errors, " "); !strings.Contains(text, tc.says) {
				t.Fatalf("%s\ndoes not name %q", text, tc.says)
			}
		})
	}
}

func TestCounty_PlaneIsFixedOnceThereIsData(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	put := func(srid int) answer {
		return s.call(t, "PUT", "/api/v1/counties/149901", "application/json", fmt.Sprintf(`{"name":"示例县","srid":%d}`, srid))
	}
	if a := put(4545); a.status != 200 {
		t.Fatalf("%s", a.body)
	}
	if a := put(4546); a.status != 200 || !bytes.Contains(a.body, []byte("4546")) {
		t.Fatalf("an empty county may change its plane: %s", a.body)
	}
	up := upload(t, s, "a.zip", "content")
	a := s.call(t, "POST", "/api/v1/counties/149901/datasets", "application/json", `{"upload_id":"`+up+`","kind":"DLTB","year":2025}`)
	if a.status != 202 || a.header.Get("Location") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := put(4545); a.status != 409 {
		t.Fatalf("the plane changed under data: %d %s", a.status, a.body)
	}
	if a := put(4546); a.status != 200 {
		t.Fatalf("saving the same again is no conflict: %s", a.body)
	}
}

func upload(t *testing.T, s *service, name, content string) string {
	t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(content))
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	a := s.call(t, "POST", "/api/v1/counties/149901/uploads", m.FormDataContentType(), form.String())
	var up struct {
		ID   string `json:"upload_id"`
		Name string `json:"file_name"`
		Size int    `json:"size"`
	}
	if err := json.Unmarshal(a.body, &up); err != nil || a.status != 201 || up.Name != name || up.Size != len(content) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return up.ID
}

func TestUpload_OverTheLimitStoresNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546}`)
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/v1/counties/149901/uploads?file_name=big.zip",
		io.LimitReader(zeros{}, 200<<20+1))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d", resp.StatusCode)
	}
	var n int
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM upload`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("%d uploads (%v)", n, err)
	}
}

// A body that is cut off at the limit is no broken JSON: what has to be done is
// to send less.
func TestBody_OverTheLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	body := `{"name":"` + strings.Repeat("a", 2<<20) + `","srid":4546}`
	a := s.call(t, "PUT", "/api/v1/counties/149901", "application/json", body)
	if a.status != http.StatusRequestEntityTooLarge || a.problem.Type != "urn:gengheng:problem:too-large" || !strings.Contains(a.problem.Detail, "2 MB") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	fits := body[:len(body)-100] + `","srid":4546}` // under the limit, and refused for what it says
	if a := s.call(t, "PUT", "/api/v1/counties/149901", "application/json", fits); a.status != http.StatusBadRequest {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestDocs_ShowEveryOperation(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	page := string(s.call(t, "GET", "/docs", "", "").body)
	spec, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.Contains(page, `id="`+op.OperationID+`"`) || !strings.Contains(page, path) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "<script") {
		t.Error("the page must need no other host and no script")
	}
	if a := s.call(t, "GET", "/api/v1/openapi.yaml", "", ""); !bytes.Equal(a.body, contract.OpenAPI) {
		t.Error("the contract served is not the contract")
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.call(t, "GET", path, "", ""); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestCounty_SavingKeepsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newService(t, 0, "")
	own := s.call(t, "POST", "/api/v1/rulebooks", "application/yaml", ownRulebook(t))
	var rb struct{ Version string }
	if err := json.Unmarshal(own.body, &rb); err != nil || own.status != 201 {
		t.Fatalf("%d %s", own.status, own.body)
	}
	if standard, err := rulebook.Shanxi2025(); err != nil || rb.Version == standard.Hash {
		t.Fatalf("the county's own rulebook is the standard one (%v); the test would prove nothing", err)
	}
	s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县","srid":4546,"synthetic":true,"rulebook":"`+rb.Version+`"}`)
	a := s.call(t, "PUT", "/api/v1/counties/149901", "application/json", `{"name":"示例县（改名）","srid":4546}`)
	var c struct {
		Name, Rulebook string
		Synthetic      bool
	}
	if err := json.Unmarshal(a.body, &c); err != nil || c.Name != "示例县（改名）" || c.Rulebook != rb.Version || !c.Synthetic {
		t.Fatalf("%s (%v)", a.body, err)
	}
}

// ownRulebook is a county's own: the one that comes with the program under
// another name.
func ownRulebook(t *testing.T) string {
	t.Helper()
	rb, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(rb.Document), "\nid: "+rb.ID+"\n", "\nid: own-county\n", 1)
}
