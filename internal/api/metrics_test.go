package api_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gengheng/internal/access"
	"gengheng/internal/client"
)

// scraped is a page of metrics, read as Prometheus reads it.
type scraped map[string]*dto.MetricFamily

func scrape(t *testing.T, page io.Reader) scraped {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func (k *clerk) scrape() scraped {
	k.t.Helper()
	resp, err := k.svc.Client().Get(k.svc.URL + "/metrics")
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		k.t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	return scrape(k.t, resp.Body)
}

// value is that of the one metric with such labels ("name=value"), -1 where there
// is none.
func (s scraped) value(name string, labels ...string) float64 {
	for _, m := range s[name].GetMetric() {
		had := map[string]bool{}
		for _, l := range m.GetLabel() {
			had[l.GetName()+"="+l.GetValue()] = true
		}
		all := true
		for _, l := range labels {
			all = all && had[l]
		}
		switch {
		case !all:
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		}
	}
	return -1
}

// identifying are the digits of a parcel, a township or a county.
var identifying = regexp.MustCompile(`[0-9]{5,}`)

// readMetrics scrapes after judgeByAnotherTolerance: a run in full, one of what
// has changed, another in full.
func (k *clerk) readMetrics(parcels int, first client.Screening) {
	k.t.Helper()
	s := k.scrape()
	again := s.value("gengheng_screening_candidates_total", "how=judged") - 2*float64(parcels)
	if again <= 0 || again+s.value("gengheng_screening_candidates_total", "how=taken_over") != float64(parcels) {
		k.t.Errorf("%v of %d judged again, %v taken over", again, parcels, s.value("gengheng_screening_candidates_total", "how=taken_over"))
	}
	const engine = "engine=gengheng-polygon/1"
	overlay := first.Summary["overlay"].(map[string]any)
	if pairs := s.value("gengheng_overlay_pairs_total", engine); pairs <= 2*overlay["pairs"].(float64) {
		k.t.Errorf("%v pairs in three runs, the first had %v", pairs, overlay["pairs"])
	}
	doubtful, causes := 0.0, 0.0
	for _, operation := range []string{"overlap", "union", "intersection", "difference"} {
		doubtful += s.value("gengheng_overlay_doubtful_total", engine, "operation="+operation)
		for _, cause := range []string{"invalid_operand", "winding_number", "operands_exchanged", "broken_walk", "green_sum", "out_of_bounds", "bad_geometry", "refused"} {
			causes += s.value("gengheng_overlay_doubts_total", engine, "operation="+operation, "cause="+cause)
		}
	}
	if least := 2 * overlay["doubtful"].(float64); doubtful < least || causes < doubtful {
		k.t.Errorf("%v answers in doubt for %v causes; two runs in full had %v", doubtful, causes, least)
	}
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{2, "gengheng_screening_runs_total", []string{engine, "result=full"}},
		{1, "gengheng_screening_runs_total", []string{engine, "result=incremental"}},
		{0, "gengheng_screening_runs_total", []string{engine, "result=refused"}},
		{0, "gengheng_screening_runs_total", []string{engine, "result=failed"}},
		{0, "gengheng_whatif_total", nil},
		{3, "gengheng_jobs", []string{"kind=screen", "status=done"}},
		{1, "gengheng_database_up", nil},
		{3, "gengheng_http_requests_total", []string{"operation=addScreening", "status=202"}},
		{3, "gengheng_http_request_seconds", []string{"operation=addScreening"}},
	} {
		if got := s.value(want.name, want.labels...); got != want.value {
			k.t.Errorf("%s %v: %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	if s.value("gengheng_cache_bytes") < 1<<20 || s.value("gengheng_cache_entries") < 10 {
		k.t.Errorf("the cache: %v bytes, %v entries", s.value("gengheng_cache_bytes"), s.value("gengheng_cache_entries"))
	}
	for name, family := range s {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if identifying.MatchString(l.GetValue()) || strings.Contains(l.GetValue(), "镇") {
					k.t.Errorf("%s has %s=%q", name, l.GetName(), l.GetValue())
				}
			}
		}
	}
}

// TestMetrics_AreForThisMachineAndTheAdministrators: whoever asks from elsewhere,
// or through a proxy on this machine, shows a key.
func TestMetrics_AreForThisMachineAndTheAdministrators(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	later := time.Now().Add(time.Hour)
	key := func(role access.Role) string {
		secret, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: role})
		return secret
	}
	admin, auditor, bureau := key(access.Admin), key(access.Auditor), key(access.Bureau)
	clerk, _, _ := s.keyFor(t, ownCounty, later, access.Capacity{Role: access.TownshipClerk, Township: townA})
	s.as(t, "", "GET", "/healthz") // so that there is something to show
	forwarded, elsewhere := header("X-Forwarded-For", "192.0.2.7"), func(r *http.Request) { r.Host = "gengheng.example" }
	for _, c := range []struct {
		name   string
		key    string
		edit   func(*http.Request)
		status int
	}{
		{"this machine", "", func(*http.Request) {}, 200},
		{"through a proxy", "", forwarded, 401},
		{"by another name", "", elsewhere, 401},
		{"a wrong key", "gh_aaaaaaaa_bbbb", forwarded, 401},
		{"admin", admin, forwarded, 200},
		{"auditor", auditor, elsewhere, 200},
		{"bureau", bureau, forwarded, 403},
		{"township", clerk, forwarded, 403},
	} {
		if status, body := s.as(t, c.key, "GET", "/metrics", c.edit); status != c.status || status == 200 && !strings.Contains(body, "gengheng_http_requests_total") {
			t.Errorf("%s: %d %.200s, want %d", c.name, status, body, c.status)
		}
	}
	if status, body := s.as(t, "", "POST", "/metrics"); status != http.StatusNotFound {
		t.Errorf("POST: %d %s", status, body)
	}
}

// TestMetrics_RequestsCannotMakeLabels: what a stranger asks for is counted as one.
func TestMetrics_RequestsCannotMakeLabels(t *testing.T) {
	t.Parallel()
	s, _ := closed(t)
	for _, path := range []string{"/nothing", "/api/v1/nothing/149901100", "/api/v1/counties/149901/nothing", "/metrics/x", "/api/v1/counties/149901/candidates/in/赵某"} {
		s.as(t, "", "GET", path)
	}
	s.as(t, "", "BREW", "/healthz")
	s.as(t, "", "GET", "/healthz")
	_, body := s.as(t, "", "GET", "/metrics")
	page := scrape(t, strings.NewReader(body))
	for _, m := range page["gengheng_http_requests_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if v := l.GetValue(); l.GetName() == "operation" && v != "other" && v != "/healthz" && v != "getCandidate" {
				t.Errorf("operation %q", v)
			}
		}
	}
	if n := page.value("gengheng_http_requests_total", "operation=other", "status=404"); n < 4 {
		t.Errorf("%v requests for nothing", n)
	}
}
