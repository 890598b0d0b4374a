package screening_test

import (
	"testing"
)

// m2 is the additive area of a rectangle as a finding states it.
func m2(t testing.TB, x1, y1, x2, y2 float64) string {
	t.Helper()
	return hundredths(t, additive(rect(x1, y1, x2, y2))).String()
}

// ordinary is a county of 1 km² of orchard in the west and dry land in the
// east, on slope class 2.
func ordinary(t testing.TB, without ...string) *county {
	c := newCounty(t, append(without, "DLTB", "PDT")...)
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(500, 0, 1000, 1000)},
	)
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 1000)})
	return c
}

func TestParcelsWithoutConflict(t *testing.T) {
	c := ordinary(t)
	c.declare("in", declared{number: "I1", base: "0201", target: "0101", gdlx: "TT", geom: rect(100, 100, 200, 200)})
	c.declare("out", declared{number: "O1", base: "0103", target: "0201", purpose: "园地", geom: rect(600, 100, 700, 200)})
	a := c.screen()
	a.expect("I1", "eligible")
	a.expect("O1", "eligible")
	in, out := a.verdicts["I1"], a.verdicts["O1"]
	if in.Area != official(rect(100, 100, 200, 200)) || in.Usable != in.Area {
		t.Errorf("area %s, usable %s", in.Area, in.Usable)
	}
	t.Logf("%+v %+v", in, out)
}
