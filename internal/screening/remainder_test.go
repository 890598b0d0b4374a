package screening_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

// taken lists what the reasons of a verdict say was done with pieces.
func (v verdictRow) taken(why string) (list []screening.Piece) {
	for _, r := range v.Reasons {
		for _, p := range r.Pieces {
			if p.Why == why {
				list = append(list, p)
			}
		}
	}
	return list
}

// TestNecksAndSliversAreTakenOut: a red line leaves two halves that hang together
// by 1.5 m, a strip of 1 m along an edge, and one of 3 m. Where the neck begins, a
// disc of 2 m reaches a little into it.
func TestNecksAndSliversAreTakenOut(t *testing.T) {
	c := ordinary(t, "STBHHX")
	c.layer("STBHHX",
		shape{geom: rect(140, 90, 160, 198.5)},
		shape{geom: rect(301, 90, 370, 210)},
		shape{geom: rect(103, 300, 170, 400)},
		shape{geom: rect(101, 500, 200, 600)})
	c.declare("in",
		orchard("neck", rect(100, 100, 200, 200)),
		orchard("sliver", rect(300, 100, 400, 200)),
		orchard("strip", rect(100, 300, 200, 400)),
		orchard("sliver only", rect(100, 500, 200, 600)))
	a := c.screen()
	for _, n := range []struct {
		number, verdict string
		parts           int
		usable          float64 // m²
		narrow          []float64
		at              orb.Point
	}{
		{"neck", "eligible_after_clip", 2, 8000, []float64{30}, orb.Point{150, 199.25}},
		{"sliver", "eligible_after_clip", 1, 3000, []float64{100}, orb.Point{300.5, 150}},
		{"strip", "eligible_after_clip", 1, 3000, nil, orb.Point{}},
		{"sliver only", "forbidden", 0, 0, []float64{100}, orb.Point{100.5, 550}},
	} {
		v := a.verdicts[n.number]
		usable := squareMetres(t, v.Usable)
		if v.Verdict != n.verdict || math.Abs(usable-n.usable) > 3 || parts(t, v.Remainder) != n.parts {
			t.Errorf("%s: %s, %s m² usable in %d parts, want %s, %g in %d", n.number, v.Verdict, v.Usable, parts(t, v.Remainder), n.verdict, n.usable, n.parts)
		}
		narrow := v.taken("narrow")
		if len(narrow) != len(n.narrow) {
			t.Errorf("%s: taken out %v, want %v", n.number, narrow, n.narrow)
			continue
		}
		for i, p := range narrow {
			if math.Abs(p.M2.Float64()-n.narrow[i]) > 2 || math.Hypot(p.At[0]-n.at[0]-east, p.At[1]-n.at[1]-north) > 0.1 {
				t.Errorf("%s: taken out %+v, want %g m² at %v", n.number, p, n.narrow[i], n.at)
			}
		}
		if len(narrow) > 0 && !slices.ContainsFunc(v.Reasons, func(r screening.Reason) bool {
			return strings.Contains(r.Zh, "宽度不足 2 m") && strings.Contains(r.En, "narrower than 2 m") && strings.Contains(r.Zh, narrow[0].M2.String())
		}) {
			t.Errorf("%s: the reasons do not say so: %+v", n.number, v.Reasons)
		}
	}
	if small := a.verdicts["strip"].taken("small"); len(small) != 1 || math.Abs(small[0].M2.Float64()-300) > 1 {
		t.Errorf("strip: dropped as too small %v, want the 3 m × 100 m", small)
	}
}

// TestSmallRemaindersAreKeptForTheFarmlandBesideThem: 300 m² are no parcel alone,
// but with the field beside them, also across a farm track; across an orchard, or
// across a road too wide, they are not. Slivers are not kept for anything.
func TestSmallRemaindersAreKeptForTheFarmlandBesideThem(t *testing.T) {
	c := newCounty(t, "STBHHX", "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)},
		plot{dlbm: "1006", geom: rect(500, 0, 505, 400)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(505, 0, 1000, 400)},
		plot{dlbm: "1006", geom: rect(500, 400, 512, 700)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(512, 400, 1000, 700)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(500, 700, 1000, 1000)})
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 1000)})
	c.layer("STBHHX",
		shape{geom: rect(400, 100, 485, 120)}, shape{geom: rect(400, 500, 485, 520)}, shape{geom: rect(400, 800, 485, 820)},
		shape{geom: rect(300, 900, 385, 920)}, shape{geom: rect(400, 950, 497, 953)})
	c.declare("in",
		orchard("beside", rect(400, 800, 500, 820)),
		orchard("across a track", rect(400, 100, 500, 120)),
		orchard("across a wide one", rect(400, 500, 500, 520)),
		orchard("in the orchard", rect(300, 900, 400, 920)),
		orchard("sliver", rect(400, 950, 500, 953)))
	a := c.screen()
	for number, want := range map[string]string{"beside": "eligible_after_clip", "across a track": "eligible_after_clip",
		"across a wide one": "forbidden", "in the orchard": "forbidden", "sliver": "forbidden"} {
		v := a.verdicts[number]
		if v.Verdict != want {
			t.Errorf("%s: %s, want %s (%+v)", number, v.Verdict, want, v.Reasons)
		}
		merged, small := v.taken("merged"), v.taken("small")
		if want == "forbidden" && (len(merged) != 0 || len(small) != 1) || want != "forbidden" && (len(merged) != 1 || len(small) != 0 || math.Abs(merged[0].M2.Float64()-300) > 1) {
			t.Errorf("%s: merged %v, too small %v", number, merged, small)
		}
	}
}

// TestRemainderRulesAreTheCountys: a rulebook that says nothing of widths and
// merging keeps what is large enough, as it is.
func TestRemainderRulesAreTheCountys(t *testing.T) {
	shanxi, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(shanxi.Document), "\nremainder: {", "\n# {", 1)
	book, err := rulebook.Parse("county.yaml", []byte(text))
	if err != nil || book.Remainder != (rulebook.Remainder{}) {
		t.Fatalf("%+v, %v", book, err)
	}
	c := newCountyWith(t, book, "STBHHX", "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(500, 0, 1000, 1000)})
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 1000)})
	c.layer("STBHHX", shape{geom: rect(400, 100, 485, 120)}, shape{geom: rect(140, 90, 160, 198.5)})
	c.declare("in", orchard("beside", rect(400, 100, 500, 120)), orchard("neck", rect(100, 100, 200, 200)))
	a := c.screen()
	a.expect("beside", "forbidden", "IN-03a/1 hit "+m2(t, 400, 100, 485, 120))
	if v := a.verdicts["neck"]; v.Verdict != "eligible_after_clip" || parts(t, v.Remainder) != 1 {
		t.Errorf("neck: %s in %d parts", v.Verdict, parts(t, v.Remainder))
	}
}

func parts(t *testing.T, raw []byte) int {
	t.Helper()
	if raw == nil {
		return 0
	}
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return len(g.(orb.MultiPolygon))
}

func squareMetres(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSmallestPatchReachesAcrossTracks: IN-11 counts the fields that a small
// parcel touches, those that they touch, and those across a farm track.
func TestSmallestPatchReachesAcrossTracks(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)},
		plot{dlbm: "1006", geom: rect(500, 0, 504, 500)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(504, 0, 1000, 500)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(500, 500, 502, 1000)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(502, 500, 1000, 1000)})
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 1000)})
	c.declare("in",
		orchard("across", rect(485, 100, 500, 115)),
		orchard("chain", rect(485, 700, 500, 715)),
		orchard("alone", rect(400, 100, 415, 115)))
	a := c.screen()
	a.expect("across", "eligible")
	a.expect("chain", "eligible")
	a.expect("alone", "needs_review", "IN-11/1 hit")
}
