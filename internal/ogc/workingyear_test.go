package ogc_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/access"
)

// A township that declares for a wrong year starts a screening of that year: nobody's
// layers follow it, nor does a plan of another year push aside the one approved.
func TestWorkingYear_IsNotMovedByOneTownship(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townA})
	s.Dataset("CANDIDATE_IN", townA, "wrong", 2026, 90, 0)
	run, plan := uuid.New(), uuid.New()
	s.Exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) SELECT county_code, $1, 2026, 'done', rulebook, now() + interval '1 hour' FROM county WHERE county_code = $2`, run, county)
	s.Exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate, finished_at) VALUES ($1, $2, $3, 2026, 'done', '{"status":"optimal"}', now() + interval '1 hour')`, county, plan, run)
	s.Exec(`UPDATE plan SET finished_at = now() WHERE plan_id = $1`, s.Plan)
	counts := func(when string) {
		t.Helper()
		for who, edit := range map[string]func(*http.Request){"the county": func(*http.Request) {}, "a township": clerk} {
			for _, id := range []string{"findings", "remainders", "plan_parcels"} {
				want := every[id][1]
				if who == "a township" {
					want = every[id][0]
				}
				if got := s.must("/collections/"+id+"/items", edit).number("numberMatched"); int(got) != want {
					t.Errorf("%s: %s of %s: %v, want %d", when, id, who, got, want)
				}
			}
		}
	}
	counts("another year beside")
	// within the year: the one approved before one that came later
	later := uuid.New()
	s.Exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate, finished_at) VALUES ($1, $2, $3, 2025, 'done', '{"status":"optimal"}', now() + interval '2 hours')`, county, later, s.Run)
	if got := s.must("/collections/plan_parcels/items").number("numberMatched"); got != 0 {
		t.Errorf("the newest feasible plan has no parcels, got %v", got)
	}
	s.Exec(`INSERT INTO plan_publication (county_code, year, number, attempt, plan_id, status, title, sha256, proposed_as) VALUES ($1, 2025, 0, 1, $2, 'proposed', '方案', '', '合成甲')`, county, s.Plan)
	counts("proposed")
	// the default of balancing is the year's screening
	made := s.post("balancing", `{"inputs":{}}`) // the queue does no jobs
	if got := s.text(`SELECT run_id::text FROM plan WHERE status = 'queued'`); got != s.Run.String() {
		t.Errorf("balanced from the screening %s, not %s: %s", got, s.Run, made.text)
	}
	// a year that has begun, and has nothing of its own yet, leaves what is carried out
	s.Exec(`INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors) VALUES ($1, 2027, '2027-06-15', '2027-07-15', '2027-12-31', '{}', '{}', '{}', '{}')`, county)
	for _, id := range []string{"findings", "remainders", "plan_parcels"} {
		if title := s.must("/collections/" + id).text; !strings.Contains(title, "（2026 年度）") {
			t.Errorf("%s of a new year: %.200s", id, title)
		}
	}
}
