package planning_test

import (
	"encoding/json"
	"testing"
	"time"

	"gengheng/internal/planning"
)

func raw(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quick is a limit that tiny counties never need.
const quick = 10 * time.Second

func (f *fixture) session(in planning.Opening) (*planning.Sessions, *planning.Session) {
	f.t.Helper()
	in.County, in.Limit = county, quick
	if in.PlanID == nil {
		in.RunID = f.run
	}
	l := planning.NewSessions(f.db, planning.Limits{})
	s, err := l.Open(f.t.Context(), "合成甲", in)
	if err != nil {
		f.t.Fatal(err)
	}
	return l, s
}

func TestSessionTry(t *testing.T) {
	f := newCounty(t)
	fourParcels(f)
	_, s := f.session(planning.Opening{Options: raw(t, map[string]any{"lambda": 1, "gap": 0})})
	d := s.Draft()
	t.Log(string(raw(t, d)))
	d, err := s.Change(t.Context(), planning.Adjustment{NotChosen: []string{"in/near"}, Limit: quick})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(string(raw(t, d)))
	d, err = s.Change(t.Context(), planning.Adjustment{NotChosen: []string{"in/far"}, Chosen: []string{"out/C1"}, Limit: quick})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(string(raw(t, d)))
	r, err := s.Explain(t.Context(), "in", "far", quick)
	t.Log(string(raw(t, r)), err)
}
