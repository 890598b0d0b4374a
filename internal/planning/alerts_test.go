package planning_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/planning"
)

// screenAgain copies the fixture's screening into a later one.
func (f *fixture) screenAgain() uuid.UUID {
	f.t.Helper()
	id := uuid.New()
	f.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, datasets, finished_at) SELECT county_code, $2, year, 'done', rulebook, datasets, now() FROM screening_run WHERE run_id = $1`, f.run, id)
	f.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality, scores, reasons)
		SELECT county_code, $2, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality, scores, reasons FROM verdict WHERE run_id = $1`, f.run, id)
	return id
}

func (f *fixture) hit(run uuid.UUID, seq int, direction, number, clause, m2 string) {
	f.t.Helper()
	f.exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, overlap_m2, message_zh, message_en)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 'block', 'hit', $8, '占用', 'overlaps')`, county, run, seq, direction, number, east, clause, m2)
}

func TestChangesAndAlertsFollowTheNewestScreening(t *testing.T) {
	f := newCounty(t)
	threeWishes(f)
	f.exec(`UPDATE screening_run SET finished_at = now() - interval '1 hour'`)
	f.hit(f.run, 1, "out", "C2", "OUT-00", "3.00") // known when it was chosen
	plan, _ := f.solve("the plan", map[string]any{"refusal_cost": 10000})
	if id, run, ok, err := planning.Standing(t.Context(), f.db.Pool, county, 2025); err != nil || !ok || id != plan || run != f.run {
		t.Fatal(id, run, ok, err)
	}

	later := f.screenAgain()
	f.hit(later, 1, "out", "C2", "OUT-00", "3.00")
	if list, err := planning.Alerts(t.Context(), f.db.Pool, county, plan, f.run, later); err != nil || len(list) != 0 {
		t.Fatalf("nothing has changed: %+v (%v)", list, err)
	}
	if list, err := planning.Changes(t.Context(), f.db.Pool, county, f.run, later, &plan); err != nil || len(list) != 0 {
		t.Fatalf("nothing has changed: %+v (%v)", list, err)
	}

	f.exec(`UPDATE verdict SET verdict = 'forbidden', usable_m2 = 0, net_m2 = 0 WHERE run_id = $1 AND number = 'J1'`, later)
	f.hit(later, 2, "in", "J1", "IN-03a", "2000.00")
	f.exec(`UPDATE verdict SET verdict = 'eligible_after_clip', usable_m2 = 900 WHERE run_id = $1 AND number = 'C1'`, later)
	f.hit(later, 3, "out", "C1", "OUT-01", "12.00")
	f.exec(`UPDATE finding SET overlap_m2 = 4 WHERE run_id = $1 AND number = 'C2'`, later)
	f.exec(`DELETE FROM verdict WHERE run_id = $1 AND number = 'C3'`, later)

	alerts, err := planning.Alerts(t.Context(), f.db.Pool, county, plan, f.run, later)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range alerts {
		zh, en := a.Message()
		if !strings.Contains(zh, a.Number) || !strings.Contains(en, a.Number) {
			t.Errorf("%s / %s does not name %s", zh, en, a.Number)
		}
		got = append(got, a.Number+" "+a.Kind+" "+strings.Join(a.Clauses, ","))
	}
	if want := "J1 now_forbidden IN-03a; C1 new_conflict OUT-01; C2 new_conflict ; C3 not_declared "; strings.Join(got, "; ") != want {
		t.Errorf("alerts %q, want %q", strings.Join(got, "; "), want)
	}
	changes, err := planning.Changes(t.Context(), f.db.Pool, county, f.run, later, &plan)
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, c := range changes {
		if !c.Approved {
			t.Errorf("%s is not marked as chosen", c.Number)
		}
		got = append(got, c.Number+" "+c.Kind+" +"+strings.Join(c.Come, ",")+" -"+strings.Join(c.Gone, ","))
	}
	if want := "J1 newly_failing +IN-03a -; C1 moved +OUT-01 -; C3 removed + -"; strings.Join(got, "; ") != want {
		t.Errorf("changes %q, want %q", strings.Join(got, "; "), want)
	}
}
