package screening_test

import (
	"testing"

	"github.com/google/uuid"

	"gengheng/internal/screening"
)

// TestTotalsSayHowRunsEnded: a run that is done already counts once, one of
// nothing new takes everything over, and a refusal judges nobody.
func TestTotalsSayHowRunsEnded(t *testing.T) {
	c := newCounty(t)
	c.survey(plot{dlbm: "0404", geom: rect(0, 0, 300, 100)})
	c.layer("STBHHX", shape{name: "红线", geom: rect(10, 10, 90, 90)})
	c.declare("in", declared{number: "A", base: "0404", target: "0103", geom: rect(0, 0, 100, 100)},
		declared{number: "B", base: "0404", target: "0103", geom: rect(200, 0, 300, 100)})
	s, err := screening.New(c.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	run := func(id uuid.UUID) error { return s.Run(t.Context(), code, id, nil) }
	first := c.queue()
	for _, id := range []uuid.UUID{first, first, c.queue()} {
		if err := run(id); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Totals()
	if got.Full != 1 || got.Incremental != 1 || got.Failed+got.Refused != 0 || got.Judged != 2 || got.TakenOver != 2 || got.Tried != 0 {
		t.Errorf("%+v", got)
	}
	if pairs := c.read(first).summary.Overlay.Pairs; pairs == 0 || got.Pairs != pairs {
		t.Errorf("the run overlaid %d pairs, the screener %d", pairs, got.Pairs)
	}
	c.exec(`UPDATE dataset SET status = 'retired', retired_at = now(), retired_reason = 'x' WHERE kind LIKE 'CANDIDATE%'`)
	if err := run(c.queue()); err == nil {
		t.Fatal("nothing is declared, and it was screened")
	}
	if got := s.Totals(); got.Refused != 1 || got.Full != 1 || got.Judged != 2 {
		t.Errorf("after a refusal: %+v", got)
	}
}
