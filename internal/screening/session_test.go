package screening_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/screening"
)

// declarations reads what is declared, as somebody would hand it in again.
func (c *county) declarations() []screening.Declaration {
	c.t.Helper()
	rows, err := c.db.Pool.Query(c.t.Context(), `SELECT direction, number, township_code, base_dlbm, base_bsm, target_dlbm, purpose, method, gdlx, actor,
		documents, attrs, ST_AsBinary(geom) FROM candidate ORDER BY number DESC`)
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d screening.Declaration, err error) {
		var raw []byte
		if err := row.Scan(&d.Direction, &d.Number, &d.Township, &d.BaseDLBM, &d.BaseBSM, &d.Target, &d.Purpose, &d.Method, &d.GDLX, &d.Actor,
			&d.Documents, &d.Attrs, &raw); err != nil {
			return d, err
		}
		g, err := wkb.Unmarshal(raw)
		switch g := g.(type) {
		case orb.Polygon:
			d.Geometry = orb.MultiPolygon{g}
		case orb.MultiPolygon:
			d.Geometry = g
		}
		return d, err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// TestSessionJudgesAsARunDoes hands every declaration in again, all at once and
// one by one, and expects what a run of them stores, without a row written.
func TestSessionJudgesAsARunDoes(t *testing.T) {
	c := large(t, 16, 90)
	stored := c.screen()
	s, err := screening.New(c.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(t.Context(), screening.State{County: code, Year: c.year})
	if err != nil {
		t.Fatal(err)
	}
	all := c.declarations()
	judge := func(list []screening.Declaration) {
		t.Helper()
		judgements, err := session.Judge(t.Context(), list)
		if err != nil || len(judgements) != len(list) {
			t.Fatalf("%d judgements of %d: %v", len(judgements), len(list), err)
		}
		for i, judged := range judgements {
			if judged.Verdict.Number != list[i].Number {
				t.Fatalf("judgement %d is of %s, want %s", i, judged.Verdict.Number, list[i].Number)
			}
			sameAsStored(t, stored, judged)
		}
	}
	judge(all)
	for _, d := range all[:20] {
		judge([]screening.Declaration{d})
	}
	if judgements, err := session.Judge(t.Context(), nil); err != nil || len(judgements) != 0 {
		t.Errorf("judgements of nothing: %v, %v", judgements, err)
	}
	var rows int
	if err := c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM verdict WHERE run_id <> $1`, stored.run).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows written: %v", rows, err)
	}
}

func sameAsStored(t *testing.T, stored *answers, judged screening.Judgement) {
	t.Helper()
	v, want := judged.Verdict, stored.verdicts[judged.Verdict.Number]
	if v.Verdict != want.Verdict || v.Usable.String() != want.Usable || v.Net.String() != want.Net || !bytes.Equal(asStored(t, v.Remainder), want.Remainder) ||
		len(v.Reasons) != len(want.Reasons) || v.SlopeSource != want.Source {
		t.Errorf("%s: judged %+v, stored %+v", v.Number, v, want)
	}
	findings := stored.findings[v.Number]
	if len(judged.Findings) != len(findings) {
		t.Fatalf("%s: judged %d findings, stored %d", v.Number, len(judged.Findings), len(findings))
	}
	for i, f := range judged.Findings {
		w := findings[i]
		if f.Clause != w.Clause || f.Check != w.Check || f.Outcome != w.Outcome || f.LayerVersion != w.Version || f.MessageZH != w.Zh || f.MessageEN != w.En ||
			f.Measured && f.Overlap.String() != *w.Overlap || !bytes.Equal(asStored(t, f.Geometry), w.Geom) {
			t.Errorf("%s: judged %+v, stored %+v", v.Number, f, w)
		}
	}
}

func asStored(t *testing.T, g orb.MultiPolygon) []byte {
	t.Helper()
	if len(g) == 0 {
		return nil
	}
	raw, err := wkb.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestSessionSeesOtherDeclarations: land that somebody else has declared is not
// free, but an earlier form of the same declaration does not stand in its way.
func TestSessionSeesOtherDeclarations(t *testing.T) {
	c := ordinary(t)
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	s, err := screening.New(c.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(t.Context(), screening.State{County: code, Year: c.year})
	if err != nil {
		t.Fatal(err)
	}
	again := screening.Declaration{Direction: "in", Number: "I1", Township: township, BaseDLBM: "0201", Target: "0103", GDLX: "TT",
		Geometry: moved(rect(150, 100, 250, 200))}
	other := again
	other.Number = "I2"
	for _, d := range []struct {
		of   screening.Declaration
		hits bool
	}{{again, false}, {other, true}} {
		judgements, err := session.Judge(t.Context(), []screening.Declaration{d.of})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range judgements[0].Findings {
			c.withheld(f, "I1")
		}
		found := slices.ContainsFunc(judgements[0].Findings, func(f screening.Finding) bool {
			return f.LayerKind == "CANDIDATE_IN" && f.Overlap.String() == m2(t, 150, 100, 200, 200)
		})
		if found != d.hits {
			t.Errorf("%s: finds the declared parcel: %t, want %t; %+v", d.of.Number, found, d.hits, judgements[0].Findings)
		}
	}
	if _, err := session.Judge(t.Context(), []screening.Declaration{again, again}); !refusedAs(err, "number-declared-twice") {
		t.Errorf("a number declared twice: %v", err)
	}
	far := again
	far.Geometry = rect(1e9, 0, 2e9, 1)
	if _, err := session.Judge(t.Context(), []screening.Declaration{far}); !refusedAs(err, "boundary-unusable") {
		t.Errorf("a boundary outside the plane: %v", err)
	}
}

// TestSessionOfNamedVersions reads older versions, and refuses what is not there.
func TestSessionOfNamedVersions(t *testing.T) {
	c := ordinary(t, "JBCY")
	c.layer("JBCY")
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	before := c.current()
	c.layer("JBCY", shape{geom: rect(0, 0, 500, 500)})
	s, err := screening.New(c.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(state screening.State) string {
		t.Helper()
		session, err := s.Open(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		judgements, err := session.Judge(t.Context(), c.declarations())
		if err != nil {
			t.Fatal(err)
		}
		return judgements[0].Verdict.Verdict
	}
	if was, is := verdict(screening.State{County: code, Year: c.year, Datasets: before}), verdict(screening.State{County: code, Year: c.year}); was != "eligible" || is != "forbidden" {
		t.Errorf("by the old layer %s, by the new one %s; want eligible, forbidden", was, is)
	}
	for _, state := range []screening.State{
		{County: "000000", Year: c.year},
		{County: code, Year: c.year, Rulebook: "none"},
		{County: code, Year: c.year, Datasets: []uuid.UUID{uuid.New()}},
	} {
		if _, err := s.Open(t.Context(), state); !refusedAs(err, "state-missing") {
			t.Errorf("%+v: %v", state, err)
		}
	}
}

func (c *county) current() []uuid.UUID {
	c.t.Helper()
	rows, err := c.db.Pool.Query(c.t.Context(), `SELECT dataset_id FROM dataset`)
	if err != nil {
		c.t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		c.t.Fatal(err)
	}
	return ids
}

func refusedAs(err error, code string) bool {
	var refusal *screening.Refusal
	return errors.As(err, &refusal) && refusal.Code == code
}

// withheld checks that a finding about the declaration of that number says to a
// township only that there is one, as the database says of it once it is stored.
func (c *county) withheld(f screening.Finding, number string) {
	c.t.Helper()
	u := f.Unnamed()
	if f.LayerKind != "CANDIDATE_IN" {
		if u.MessageZH != f.MessageZH || u.MessageEN != f.MessageEN || len(u.Features) != len(f.Features) || len(u.Geometry) != len(f.Geometry) {
			c.t.Errorf("withheld of %s: %+v", f.LayerKind, u)
		}
		return
	}
	if !strings.Contains(f.MessageZH, number) || !strings.Contains(f.MessageEN, number) || len(f.Geometry) == 0 {
		c.t.Errorf("the county is told %+v; the test would prove nothing", f)
	}
	if strings.Contains(u.MessageZH+u.MessageEN, number) || len(u.Features) != 0 || u.Geometry != nil ||
		!strings.Contains(u.MessageZH, "；涉及 1 个图斑；依据《") || !strings.Contains(u.MessageEN, "; features 1; by IN-09") {
		c.t.Errorf("a township is told %+v", u)
	}
	var zh, en string
	err := c.db.Pool.QueryRow(c.t.Context(), `SELECT finding_unnamed($1, $2), finding_unnamed($1, $3)`, f.Outcome, f.MessageZH, f.MessageEN).Scan(&zh, &en)
	if err != nil || zh != u.MessageZH || en != u.MessageEN {
		c.t.Errorf("stored it would read %q, %q; tried %q, %q (%v)", zh, en, u.MessageZH, u.MessageEN, err)
	}
}
