package tiles_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb/maptile"

	"gengheng/internal/access"
)

// plan adds a finished plan of n parcels in which every third is chosen, the first and
// the last are held by its options, and the second took no part; town B has the north.
func (s *service) plan(run uuid.UUID, n int) uuid.UUID {
	s.t.Helper()
	id := uuid.New()
	s.exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, options, finished_at) SELECT county_code, $2, run_id, year, 'done',
		jsonb_build_object('chosen', ARRAY['in/P0'], 'not_chosen', ARRAY['in/P' || ($3::int - 1)]), now() FROM screening_run WHERE run_id = $1`, run, id, n)
	s.exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, takes_part, net_m2, net_paddy_m2, reason_zh, geom)
		SELECT $1, $2, CASE WHEN i % 2 = 0 OR i = $3 - 1 THEN 'in' ELSE 'out' END, 'P' || i, CASE WHEN i < 1250 THEN '149901100' ELSE '149901101' END, i % 3 = 0, i <> 1, 1, 0, '合成', `+square+` FROM generate_series(0, $3::int - 1) i`, county, id, n)
	return id
}

func (s *service) screening(year int) uuid.UUID {
	s.t.Helper()
	id := uuid.New()
	s.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) SELECT county_code, $1, $2, 'done', rulebook, now() FROM county WHERE county_code = $3`, id, year, county)
	return id
}

// states are the states, with their directions, of the plan's parcels in a tile.
func (s *service) states(t *testing.T, tile maptile.Tile, query string, edit ...func(*http.Request)) []string {
	t.Helper()
	var out []string
	if l := s.must("/collections/plan_parcels"+xyz(tile)+query, edit...).layers(t)["plan_parcels"]; l != nil {
		for _, f := range l.Features {
			out = append(out, fmt.Sprint(f.Properties["state"], "/", f.Properties["direction"], "/", f.Properties["merged"] == true))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// What a plan makes of its parcels is told by its tiles at every zoom, however many there
// are, of the plan that is named, and of what the caller sees alone.
func TestTile_StatesOfAPlan(t *testing.T) {
	t.Parallel()
	s := newService(t, false)
	all := s.key(access.Capacity{Role: access.Bureau, County: county})
	clerk := s.key(access.Capacity{Role: access.TownshipClerk, County: county, Township: townB})
	run := s.screening(2025)
	large, small, past := s.plan(run, parcels), s.plan(run, 4), s.plan(s.screening(2024), 2)
	far, _ := where(0, 9)
	near, _ := where(0, 16)
	want := []string{"chosen/in/true", "chosen/out/true", "locked-in/in/true", "locked-out/in/true", "not/in/true", "not/out/true", "refused/out/true"}
	for range 2 { // the second time kept tiles answer
		if got := s.states(t, far, "?plan="+large.String(), all); !slices.Equal(got, want) {
			t.Errorf("the large plan: %v, want %v", got, want)
		}
		if got := s.states(t, far, "?plan="+small.String(), all); !slices.Equal(got, []string{"locked-in/in/false", "locked-out/in/false", "not/in/false", "refused/out/false"}) {
			t.Errorf("the small plan: %v", got)
		}
		if got := s.states(t, far, "?plan="+past.String(), all); !slices.Equal(got, []string{"locked-in/in/false", "locked-out/in/false"}) {
			t.Errorf("a plan of another year: %v", got)
		}
		if got := s.states(t, near, "?plan="+large.String(), all); !slices.Contains(got, "locked-in/in/false") {
			t.Errorf("at zoom 16: %v", got)
		}
		if got := s.states(t, far, "?plan="+large.String(), clerk); slices.Contains(got, "locked-in/in/true") || !slices.Contains(got, "locked-out/in/true") {
			t.Errorf("a township that has the last parcel and not the first: %v", got)
		}
	}
	for _, query := range []string{"?plan=" + uuid.NewString(), "?plan=x", "?run=" + large.String()} {
		if a := s.get("/collections/plan_parcels"+xyz(far)+query, all); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

// Findings are those of the screening that is named.
func TestTile_FindingsOfAScreening(t *testing.T) {
	t.Parallel()
	s := newService(t, true)
	for i, severity := range []string{"block", "warn"} {
		run := s.screening(2024 + i)
		s.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2) VALUES ($1, $2, 'in', 'P0', $3, 'forbidden', 1, 0, 0, 0)`, county, run, townA)
		s.exec(`INSERT INTO finding (county_code, run_id, seq, direction, number, township_code, clause, check_no, severity, outcome, message_zh, message_en, geom)
			SELECT $1, $2, i, 'in', 'P0', $3, 'IN-03a', 1, $4, 'hit', '合成', 'synthetic', `+square+` FROM generate_series(0, 400) i`, county, run, townA, severity)
		for _, zoom := range []int{9, 15} {
			tile, _ := where(0, zoom)
			l := s.must("/collections/findings" + xyz(tile) + "?run=" + run.String()).layers(t)["findings"]
			if l == nil || len(l.Features) == 0 || l.Features[0].Properties["severity"] != severity || (l.Features[0].Properties["merged"] == true) != (zoom == 9) {
				t.Errorf("zoom %d of the screening of %d: %v", zoom, 2024+i, l)
			}
		}
	}
}
