package screening_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/screening"
)

// m2 is the additive area of a rectangle as a finding states it.
func m2(t testing.TB, x1, y1, x2, y2 float64) string {
	t.Helper()
	return hundredths(t, additive(rect(x1, y1, x2, y2))).String()
}

// ordinary is a county of 1 km²: orchard in the west and dry land in the east,
// all of slope class 2.
func ordinary(t testing.TB, without ...string) *county {
	c := newCounty(t, append(without, "DLTB", "PDT")...)
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)},
		plot{dlbm: "0103", gdpdjb: "2", kcxs: "0.06", gddb: 9, geom: rect(500, 0, 1000, 1000)},
	)
	c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 1000)})
	return c
}

// orchard and field are declarations without a conflict of their own.
func orchard(number string, g orb.MultiPolygon) declared {
	return declared{number: number, base: "0201", target: "0103", gdlx: "TT", geom: g}
}

func field(number string, g orb.MultiPolygon) declared {
	return declared{number: number, base: "0103", target: "0201", purpose: "园地", actor: "农户", geom: g}
}

func TestParcelsWithoutConflict(t *testing.T) {
	c := ordinary(t)
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	c.declare("out", field("O1", rect(600, 100, 700, 200)))
	a := c.screen()
	a.expect("I1", "eligible")
	a.expect("O1", "eligible")
	for number, net := range map[string]string{
		// 9999.11 − round(9999.11 × 0.05, 2)
		"I1": "9499.15",
		// The field is 1/50 of its survey parcel, by area on the ellipsoid, and so
		// has 1/50 of its TBMJ, 499954.58 m²: 9999.09; less round(9999.09 × 0.06, 2).
		"O1": "9399.14",
	} {
		v := a.verdicts[number]
		if v.Usable != v.Area || v.Net != net || v.Paddy != "0.00" || v.Remainder != nil || *v.Slope != "2" || *v.Quality != "9.000" {
			t.Errorf("%s: %+v, want all of it and net %s", number, v, net)
		}
	}
	if a.summary.Verdicts["in"]["eligible"] != 1 || a.summary.Verdicts["out"]["eligible"] != 1 || len(a.missing) != 0 {
		t.Errorf("summary %+v, missing %v", a.summary, a.missing)
	}
}

func TestOverlapIsCutOutListedOrForbids(t *testing.T) {
	c := ordinary(t)
	c.layer("STBHHX",
		shape{name: "甲红线", geom: rect(150, 100, 250, 200)},   // half of I1
		shape{name: "乙红线", geom: rect(90, 290, 310, 410)},    // all of I2
		shape{name: "丙红线", geom: rect(100, 500, 100.5, 501)}, // 0.5 m² of I3
		shape{name: "丁红线", geom: rect(400, 100, 450, 200)},   // touches I4
		shape{name: "戊红线", geom: rect(100, 700, 185, 800)},   // leaves 1,500 m² of I5, but in two strips
		shape{name: "己红线", geom: rect(120, 900, 140, 950)},   // splits I6 into 1,000 m² and 500 m²
	)
	c.layer("CZKFBJ", shape{name: "弹性发展区", geom: rect(0, 0, 1000, 90)}) // 4,000 m² of I7
	c.declare("in",
		orchard("I1", rect(100, 100, 200, 200)),
		orchard("I2", rect(100, 300, 300, 400)),
		orchard("I3", rect(100, 500, 200, 600)),
		orchard("I4", rect(300, 100, 400, 200)),
		orchard("I5", orb.MultiPolygon{{{{96.5, 700}, {188.5, 700}, {188.5, 800}, {96.5, 800}, {96.5, 700}}}}),
		orchard("I6", rect(100, 900, 150, 950)),
		orchard("I7", rect(10, 50, 110, 90)),
	)
	a := c.screen()
	a.expect("I1", "eligible_after_clip", "IN-03a/1 hit "+m2(t, 150, 100, 200, 200))
	a.expect("I2", "forbidden", "IN-03a/1 hit "+m2(t, 100, 300, 300, 400))
	a.expect("I3", "eligible", "IN-03a/1 tolerated 0.50")
	a.expect("I4", "eligible")
	a.expect("I5", "forbidden", "IN-03a/1 hit "+m2(t, 100, 700, 185, 800))
	a.expect("I6", "eligible_after_clip", "IN-03a/1 hit "+m2(t, 120, 900, 140, 950))
	a.expect("I7", "needs_review", "IN-04/5 hit "+m2(t, 10, 50, 110, 90))

	if v := a.verdicts["I1"]; v.Usable != official(rect(100, 100, 150, 200)) || v.Area != official(rect(100, 100, 200, 200)) || v.Remainder == nil {
		t.Errorf("I1: usable %s of %s", v.Usable, v.Area)
	}
	if v := a.verdicts["I2"]; v.Usable != "0.00" || v.Net != "0.00" || v.Remainder != nil {
		t.Errorf("I2 is forbidden but has %s usable, %s net", v.Usable, v.Net)
	}
	if v := a.verdicts["I5"]; !strings.Contains(fmt.Sprint(v.Reasons), "700.") && !strings.Contains(fmt.Sprint(v.Reasons), "699.") {
		t.Errorf("I5 does not say what was dropped: %v", v.Reasons)
	}
	// 20 m × 50 m is kept, 10 m × 50 m too (500 m² ≥ 400 m²).
	if v, want := a.verdicts["I6"], land.OfficialArea(moved(orb.MultiPolygon{rect(100, 900, 120, 950)[0], rect(140, 900, 150, 950)[0]}), zone).String(); v.Usable != want {
		t.Errorf("I6: usable %s, want %s", v.Usable, want)
	}
	f := a.findings["I1"][0]
	if f.Severity != "block" || f.Layer != "STBHHX" || !strings.HasPrefix(f.Version, "STBHHX-v") || math.Abs(*f.Share-0.5) > 1e-6 {
		t.Errorf("finding %+v", f)
	}
	if len(f.Features) != 1 || f.Features[0]["bsm"] != "STBHHX001" || f.Features[0]["name"] != "甲红线" || f.Features[0]["m2"] != *f.Overlap {
		t.Errorf("features %v", f.Features)
	}
	want := "位于生态保护红线内；与生态保护红线重叠 4999.55 m²（7.50 亩），占地块 50.0%；涉及 1 个图斑：甲红线 [STBHHX001]；依据《"
	if !strings.HasPrefix(f.Zh, want) {
		t.Errorf("message %q, want it to begin with %q", f.Zh, want)
	}
}

func TestFeaturesThatOverlapEachOtherCountOnce(t *testing.T) {
	c := ordinary(t)
	c.layer("STBHHX", shape{geom: rect(100, 100, 160, 200)}, shape{geom: rect(140, 100, 180, 200)})
	c.layer("CANDIDATE_NOTHING")
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	a := c.screen()
	a.expect("I1", "eligible_after_clip", "IN-03a/1 hit "+m2(t, 100, 100, 180, 200))
	got := a.findings["I1"][0].Features
	if len(got) != 2 || got[0]["m2"] != m2(t, 100, 100, 160, 200) || got[1]["m2"] != m2(t, 140, 100, 180, 200) {
		t.Errorf("features %v: each must have its own area", got)
	}
}

func TestWhatLevelsMean(t *testing.T) {
	c := ordinary(t)
	c.layer("YYSSYBHQ",
		shape{level: "一级", geom: rect(100, 100, 120, 200)},
		shape{level: "二级", geom: rect(300, 100, 320, 200)},
		shape{level: "", geom: rect(100, 300, 120, 400)})
	c.layer("TRHJ", shape{level: "优先保护类", geom: rect(0, 0, 500, 500)}, shape{level: "严格管控类", geom: rect(300, 300, 320, 400)})
	c.declare("in",
		orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(300, 100, 400, 200)),
		orchard("I3", rect(100, 300, 200, 400)), orchard("I4", rect(300, 300, 400, 400)))
	a := c.screen()
	part := m2(t, 100, 100, 120, 200)
	a.expect("I1", "eligible_after_clip", "IN-03c/1 hit "+part)
	a.expect("I2", "needs_review", "IN-03c/2 hit "+m2(t, 300, 100, 320, 200))
	a.expect("I3", "needs_review", "IN-03c/2 hit "+m2(t, 100, 300, 120, 400))
	a.expect("I4", "eligible_after_clip", "IN-07/1 hit "+m2(t, 300, 300, 320, 400))
}

func TestMustLieOnLandOfItsKind(t *testing.T) {
	c := ordinary(t)
	c.declare("in",
		orchard("I1", rect(450, 100, 550, 200)), // half on dry land
		orchard("I2", rect(-30, 300, 70, 400)),  // 30 m outside the survey
		orchard("I3", rect(499.95, 500, 500.05, 600)))
	c.declare("out",
		field("O1", rect(450, 100, 550, 200)),     // half on orchard
		field("O2", rect(499.5, 300, 599.5, 400)), // 50 m² on orchard, 0.5 %
		field("O3", rect(1100, 300, 1200, 400)))   // outside
	a := c.screen()
	a.expect("I1", "eligible_after_clip", "IN-00/1 hit "+m2(t, 500, 100, 550, 200))
	if f := a.findings["I1"][0]; len(f.Features) != 1 || f.Features[0]["level"] != "0103" {
		t.Errorf("features %v: the dry land is what does not fit", f.Features)
	}
	a.expect("I2", "eligible_after_clip", "IN-00/1 hit "+m2(t, -30, 300, 0, 400))
	// 10 m² of dry land stays within the tolerance, and 20 m² are no parcel.
	a.expect("I3", "eligible", "IN-00/1 tolerated "+m2(t, 500, 500, 500.05, 600))
	a.expect("O1", "eligible_after_clip", "OUT-00/1 hit "+m2(t, 450, 100, 500, 200))
	a.expect("O2", "eligible", "OUT-00/1 tolerated "+m2(t, 499.5, 300, 500, 400))
	a.expect("O3", "forbidden", "OUT-00/1 hit "+m2(t, 1100, 300, 1200, 400))
}

func TestSlopeComesFromMapOrModel(t *testing.T) {
	build := func(t *testing.T, without ...string) *county {
		c := newCounty(t, append(without, "DLTB", "PDT")...)
		// A slope class on an orchard is an error of the survey and says nothing.
		c.survey(plot{dlbm: "0201", gdpdjb: "5", geom: rect(0, 0, 1000, 1000)})
		c.declare("in",
			orchard("flat", rect(100, 100, 200, 200)),
			orchard("steep", rect(600, 100, 700, 200)),
			orchard("mixed", rect(480, 300, 580, 400)),
			orchard("corner", rect(402, 500, 502, 600)),
			orchard("far", rect(850, 800, 950, 900)))
		return c
	}
	t.Run("map", func(t *testing.T) {
		c := build(t)
		c.layer("PDT", shape{level: "2", geom: rect(0, 0, 500, 700)}, shape{level: "5", geom: rect(500, 0, 1000, 700)})
		a := c.screen()
		a.expect("flat", "eligible")
		if v := a.verdicts["flat"]; *v.Slope != "2" || *v.KCXS != "0.0500" || !strings.HasPrefix(v.Source, "PDT ") {
			t.Errorf("flat: %+v", v)
		}
		a.expect("steep", "forbidden", "IN-01/1 hit "+m2(t, 600, 100, 700, 200), "IN-01/2 hit "+m2(t, 600, 100, 700, 200), "IN-08/1 hit")
		a.expect("mixed", "forbidden", "IN-01/1 hit "+m2(t, 480, 300, 580, 400), "IN-01/2 hit "+m2(t, 500, 300, 580, 400), "IN-08/1 hit")
		// 200 m² of class 5 is less than the smallest piece worth cutting out.
		a.expect("corner", "eligible", "IN-01/2 tolerated "+m2(t, 500, 500, 502, 600))
		a.expect("far", "unknown", "IN-01/1 missing", "IN-01/2 missing")
	})
	// East of 500 m the model rises by 0.6 per metre (31°), else by 0.05 (2.9°).
	height := func(x, _ float64) float64 {
		if x < 500 {
			return 0.05 * x
		}
		return 25 + 0.6*(x-500)
	}
	t.Run("model", func(t *testing.T) {
		c := build(t, "PDT")
		c.dem(120, 120, height)
		a := c.screen()
		a.expect("flat", "eligible")
		if v := a.verdicts["flat"]; *v.Slope != "2" || !strings.HasPrefix(v.Source, "DEM 10 m ") {
			t.Errorf("flat: %+v", v)
		}
		a.expect("steep", "forbidden", "IN-01/1 hit "+m2(t, 600, 100, 700, 200), "IN-01/2 hit "+m2(t, 600, 100, 700, 200), "IN-08/1 hit")
		if zh := a.findings["steep"][0].Zh; !strings.Contains(zh, "5级 100.0%，依据DEM 10 m") {
			t.Errorf("the evidence does not name its source: %s", zh)
		}
		if a.verdicts["far"].Verdict == "unknown" || len(a.missing) != 0 {
			t.Errorf("far is covered by the model: %v, missing %v", a.said("far"), a.missing)
		}
	})
	t.Run("map first, model where it ends", func(t *testing.T) {
		c := build(t)
		c.layer("PDT", shape{level: "2", geom: rect(0, 0, 1000, 700)})
		c.dem(120, 120, height)
		a := c.screen()
		a.expect("steep", "eligible")
		a.expect("far", "forbidden", "IN-01/1 hit "+m2(t, 850, 800, 950, 900), "IN-01/2 hit "+m2(t, 850, 800, 950, 900), "IN-08/1 hit")
	})
	t.Run("neither", func(t *testing.T) {
		a := build(t, "PDT").screen()
		a.expect("flat", "unknown", "IN-01/1 missing", "IN-01/2 missing")
		if len(a.missing) != 1 || a.missing[0] != "PDT" || a.verdicts["flat"].Net != "0.00" || a.verdicts["flat"].KCXS != nil {
			t.Errorf("missing %v, verdict %+v", a.missing, a.verdicts["flat"])
		}
	})
}

func TestNeighboursThatMakeLandUnstable(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	hole := func(x1, y1, x2, y2 float64) orb.Ring {
		return orb.Ring{{x1, y1}, {x1, y2}, {x2, y2}, {x2, y1}, {x1, y1}}
	}
	river := rect(0, 0, 400, 400)
	river[0] = append(river[0], hole(100, 100, 200, 200), hole(250, 100, 350, 200))
	c.survey(
		plot{dlbm: "1101", geom: river},
		plot{dlbm: "0201", geom: rect(100, 100, 200, 200)}, // an island
		plot{dlbm: "0201", geom: rect(250, 100, 340, 200)}, // an island with a path along its east
		plot{dlbm: "1006", geom: rect(340, 100, 350, 200)},
	)
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 1000, 1000)})
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(250, 100, 340, 200)))
	a := c.screen()
	a.expect("I1", "needs_review", "IN-02e/1 hit", "IN-08/2 hit")
	a.expect("I2", "eligible")
	if zh := a.findings["I1"][0].Zh; !strings.Contains(zh, "将成为河道耕地") {
		t.Errorf("message %q does not say what it would become", zh)
	}
	if v := a.verdicts["I1"]; *v.KCXS != "0.0000" || v.Net != v.Usable {
		t.Errorf("land of class 1 has no ridges: %+v", v)
	}
}

func TestTargetsAndDocuments(t *testing.T) {
	c := ordinary(t)
	with := func(number, target, purpose, actor string, documents ...string) declared {
		d := field(number, rect(600, 0, 700, 40))
		d.target, d.purpose, d.actor, d.documents = target, purpose, actor, map[string]string{}
		for _, code := range documents {
			d.documents[code] = code + "-2025-001"
		}
		return d
	}
	c.declare("out",
		with("lake", "1102", "养殖坑塘", "农户"),
		with("turf", "0404", "草皮", "农户"),
		with("pond", "1104", "园地", "农户"),
		with("fish", "1104A", "养殖坑塘", "农户"),
		with("shop", "05H1", "园地", "农户"),
		with("greening", "0301", "国土绿化", "村集体"),
		with("greening approved", "0301", "国土绿化", "村集体", "PZWH"),
		with("company", "0201", "园地", "工商企业", "PZWH"),
		with("shed", "1202", "设施农用地", "农户"),
		with("road", "1006", "农村道路", "村集体", "BAH"),
		with("road without", "1006", "农村道路", "村集体"),
	)
	forest := orchard("forest", rect(100, 100, 200, 200))
	forest.base = "0301"
	c.declare("in", forest)
	a := c.screen()
	a.expect("lake", "forbidden", "OUT-02/1 hit")
	a.expect("turf", "forbidden", "OUT-02/3 hit")
	a.expect("pond", "needs_review", "OUT-02/4 hit")
	a.expect("fish", "eligible")
	a.expect("shop", "forbidden", "OUT-06/5 hit")
	a.expect("greening", "unknown", "OUT-05/1 missing")
	a.expect("greening approved", "eligible", "OUT-05/1 note")
	a.expect("company", "unknown", "OUT-05/2 missing")
	a.expect("shed", "unknown", "OUT-08/1 missing")
	a.expect("road", "eligible", "OUT-08/2 note")
	a.expect("road without", "unknown", "OUT-08/2 missing")
	a.expect("forest", "unknown", "IN-00/5 hit", "IN-05/1 missing")
	for number, want := range map[string]string{
		"company": "缺少流转合同号", "road without": "缺少批准文号或设施农用地备案号", "greening approved": "已申报批准文号 PZWH-2025-001，请人工核对",
	} {
		if zh := a.findings[number][0].Zh; !strings.Contains(zh, want) {
			t.Errorf("%s: %q does not say %q", number, zh, want)
		}
	}
}

func TestGreenBelts(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "1003", geom: rect(0, 0, 1000, 20)},
		plot{dlbm: "0103", gdpdjb: "1", geom: rect(0, 20, 1000, 480)},
		plot{dlbm: "1101", geom: rect(0, 480, 1000, 500)},
		plot{dlbm: "1006", geom: rect(0, 500, 1000, 504)},
		plot{dlbm: "0103", gdpdjb: "1", geom: rect(0, 504, 1000, 1000)},
	)
	belt := func(number string, g orb.MultiPolygon, documents ...string) declared {
		d := field(number, g)
		d.target, d.purpose, d.actor, d.documents = "0301", "绿化带", "村集体", map[string]string{}
		for _, code := range documents {
			d.documents[code] = "批〔2025〕1号"
		}
		return d
	}
	c.declare("out",
		belt("five", rect(0, 20, 200, 25)),
		belt("five and a half", rect(250, 20, 450, 25.4)),
		belt("eight", rect(500, 20, 700, 28)),
		belt("path four", rect(0, 504, 200, 508)),
		belt("path three", rect(250, 504, 450, 507)),
		belt("river", rect(0, 470, 100, 480)),
		belt("river approved", rect(200, 470, 300, 480), "SNYJ"),
		belt("nowhere", rect(0, 200, 100, 210)),
		belt("corner", rect(600, 470, 700, 510)), // reaches from the river's fields over the path
	)
	a := c.screen()
	a.expect("five", "eligible")
	a.expect("five and a half", "eligible")
	a.expect("eight", "eligible_after_clip", "OUT-04/1 hit "+m2(t, 500, 25.5, 700, 28))
	a.expect("path four", "eligible_after_clip", "OUT-04/1 hit "+m2(t, 0, 507.5, 200, 508))
	a.expect("path three", "eligible")
	a.expect("river", "unknown", "OUT-04/1 missing")
	a.expect("river approved", "eligible")
	a.expect("nowhere", "eligible")
	// Too far from the path, and beside the river without a paper; 350 m² are left.
	far := additive(rect(600, 470, 700, 496.5)) + additive(rect(600, 507.5, 700, 510))
	// Of it, what lies on the river and the path is not cultivated.
	off := m2(t, 600, 480, 700, 504)
	a.expect("corner", "forbidden", "OUT-00/1 hit "+off, "OUT-04/1 hit "+hundredths(t, far).String(), "OUT-04/1 missing")
}

func TestSmallestPatch(t *testing.T) {
	c := ordinary(t)
	c.declare("in",
		orchard("alone", rect(100, 100, 115, 120)),
		orchard("beside dry land", rect(485, 100, 500, 120)),
		orchard("large enough", rect(200, 100, 221, 120)))
	a := c.screen()
	a.expect("alone", "needs_review", "IN-11/1 hit")
	a.expect("beside dry land", "eligible")
	a.expect("large enough", "eligible")
}

func TestStateTaskIsExempt(t *testing.T) {
	c := ordinary(t)
	c.layer("STTGRW", shape{level: "2025", geom: rect(600, 0, 800, 500)}, shape{level: "2024", geom: rect(600, 500, 800, 1000)})
	task := func(number string, g orb.MultiPolygon) declared {
		d := field(number, g)
		d.target, d.purpose, d.documents = "0301", "生态退耕", map[string]string{"TGRW": "林发〔2025〕9号"}
		return d
	}
	c.declare("out", task("inside", rect(650, 100, 750, 200)), task("last year", rect(650, 600, 750, 700)),
		task("half", rect(750, 300, 850, 400)), field("orchard", rect(650, 300, 700, 400)))
	a := c.screen()
	a.expect("inside", "eligible", "OUT-03/2 note")
	a.expect("last year", "forbidden", "OUT-03/1 hit "+m2(t, 650, 600, 750, 700), "OUT-03/2 note")
	a.expect("half", "eligible_after_clip", "OUT-03/1 hit "+m2(t, 800, 300, 850, 400), "OUT-03/2 note")
	for number, want := range map[string]bool{"inside": true, "last year": false, "half": true, "orchard": false} {
		if got := a.verdicts[number].Exempt; got != want {
			t.Errorf("%s: exempt %v, want %v", number, got, want)
		}
	}
}

func TestDeclaredTwice(t *testing.T) {
	c := ordinary(t)
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(150, 150, 250, 250)))
	c.declareFor("149901101", "in", orchard("I3", rect(100, 195, 130, 300)))
	a := c.screen()
	both := hundredths(t, additive(rect(150, 150, 200, 200))+additive(rect(100, 195, 130, 200))).String()
	a.expect("I1", "needs_review", "IN-09/2 hit "+both)
	a.expect("I2", "needs_review", "IN-09/2 hit "+m2(t, 150, 150, 200, 200))
	// The land is all of the other township.
	a.expect("I3", "forbidden", "IN-00/4 hit", "IN-09/2 hit "+m2(t, 100, 195, 130, 200))
	if f := a.findings["I1"][0].Features; len(f) != 2 || f[0]["name"] != "I2" || f[1]["name"] != "I3" {
		t.Errorf("the others are %v", f)
	}
}

// TestSurveySaysWhatLandIs: a declared class, or none, does not switch the forest
// clause off.
func TestSurveySaysWhatLandIs(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 500)},
		plot{dlbm: "0301", geom: rect(0, 500, 500, 1000)},
		plot{dlbm: "0103", gdpdjb: "1", geom: rect(500, 0, 1000, 1000)})
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 1000, 1000)})
	c.layer("LDYZT", shape{level: "国家级公益林", geom: rect(300, 700, 310, 800)})
	with := func(number, base, bsm string, g orb.MultiPolygon) declared {
		d := orchard(number, g)
		d.base, d.bsm = base, bsm
		return d
	}
	c.declare("in",
		with("honest", "0301", "BSM002", rect(100, 600, 200, 640)),
		with("liar", "0201", "", rect(300, 700, 400, 800)),
		with("silent", "", "", rect(100, 700, 200, 800)),
		with("sliver", "0201", "BSM001", rect(100, 400, 150, 500.1)),
		with("edge", "0201", "", rect(200, 400, 250, 501)),
		with("elsewhere", "0201", "BSM002", rect(300, 100, 400, 200)),
		with("last year's number", "0201", "BSM999", rect(300, 300, 400, 400)))
	c.declare("out", field("O1", rect(600, 100, 700, 200)))
	a := c.screen()
	// Inside a wood they are surrounded besides.
	a.expect("honest", "unknown", "IN-02e/1 hit", "IN-05/1 missing", "IN-08/2 hit")
	green := m2(t, 300, 700, 310, 800)
	a.expect("liar", "unknown", "IN-00/5 hit", "IN-02b/1 hit "+green, "IN-02e/1 hit", "IN-05/1 missing", "IN-05/2 hit "+green, "IN-08/2 hit")
	a.expect("silent", "unknown", "IN-02e/1 hit", "IN-05/1 missing", "IN-08/2 hit")
	a.expect("sliver", "eligible")
	a.expect("edge", "unknown", "IN-05/1 missing")
	a.expect("elsewhere", "needs_review", "IN-00/5 hit")
	a.expect("last year's number", "eligible")
	for number, want := range map[string]string{"liar": "申报地类 0201，调查为 0301", "elsewhere": "申报的图斑 BSM002 在别处"} {
		if zh := a.findings[number][0].Zh; !strings.Contains(zh, want) {
			t.Errorf("%s: %q does not say %q", number, zh, want)
		}
	}
}

// TestWhatIsNotDeclaredIsUnknown: a purpose, an actor or a target that is empty
// or not in the rulebook makes clauses silent, and so the verdict unknown; a
// target that cannot be is forbidden.
func TestWhatIsNotDeclaredIsUnknown(t *testing.T) {
	c := ordinary(t)
	out := func(number, target, purpose, actor string) declared {
		d := field(number, rect(600, 100, 700, 200))
		d.target, d.purpose, d.actor = target, purpose, actor
		return d
	}
	in := func(number, target string) declared {
		d := orchard(number, rect(100, 100, 200, 200))
		d.target = target
		return d
	}
	c.declare("out",
		out("good", "0201", "园地", "农户"), out("B1", "0307", "林地", "企业"), out("B2", "0307", "绿化", "农户"), out("B3", "", "", ""),
		out("B4", "0101", "园地", "农户"), out("B5", "9999", "园地", "农户"), out("B6", "湖泊", "园地", "农户"),
		out("B7", "1206", "园地", "农户"), out("B8", "0303", "园地", "农户"))
	c.declare("in", in("forest", "0301"), in("none", ""), in("nonsense", "耕"))
	// Each on the same land: only what is declared twice for 转进 is a finding.
	twice := "IN-09/2 hit " + m2(t, 100, 100, 200, 200)
	a := c.screen()
	a.expect("good", "eligible")
	a.expect("B1", "unknown", "OUT-05/3 missing")
	a.expect("B2", "unknown", "OUT-02/5 missing")
	a.expect("B3", "unknown", "OUT-02/5 missing", "OUT-02/6 missing", "OUT-05/3 missing")
	a.expect("B4", "forbidden", "OUT-00/2 hit")
	a.expect("B5", "unknown", "OUT-02/6 missing")
	a.expect("B6", "unknown", "OUT-02/6 missing")
	a.expect("B7", "forbidden", "OUT-00/2 hit")
	a.expect("B8", "forbidden", "OUT-00/3 hit")
	a.expect("forest", "forbidden", "IN-00/2 hit", twice)
	a.expect("none", "unknown", "IN-00/3 missing", twice)
	a.expect("nonsense", "unknown", "IN-00/3 missing", twice)
	for number, want := range map[string]string{
		"B1": "主体类型（ZTLX）应为规则库所列；申报为“企业”，认不出，应为：农户、村集体、工商企业",
		"B3": "用途（YT）应为规则库所列；未申报，应为：园地、林地", "B6": "申报为“湖泊”，认不出",
	} {
		if zh := a.findings[number][0].Zh; !strings.Contains(zh, want) {
			t.Errorf("%s: %q does not say %q", number, zh, want)
		}
	}
}

func TestPlaceholdersAreNoDocuments(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(plot{dlbm: "0301", geom: rect(0, 0, 1000, 1000)})
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 1000, 1000)})
	var list []declared
	for i, text := range []string{"无", "/", "办理中", "——", " n/a ", "林资〔2025〕3号", "无锡林〔2025〕1号"} {
		d := orchard(fmt.Sprintf("I%d %s", i, text), rect(float64(i)*100, 100, float64(i)*100+50, 200))
		d.base, d.documents = "0301", map[string]string{"LYYJ": text}
		list = append(list, d)
	}
	c.declare("in", list...)
	a := c.screen()
	for i, d := range list {
		outcome := "missing"
		if i > 4 {
			outcome = "note"
		}
		if said := a.said(d.number); !slices.Contains(said, "IN-05/1 "+outcome) {
			t.Errorf("%s: %v, want IN-05/1 %s", d.number, said, outcome)
		}
	}
	if zh := a.findings[list[2].number][1].Zh; !strings.Contains(zh, "林业审查意见文号填的是“办理中”，不是文件") {
		t.Errorf("message %q", zh)
	}
}

func TestTownshipIsWhereTheLandLies(t *testing.T) {
	c := ordinary(t)
	c.layer("XZQ", shape{code: township, geom: rect(0, 0, 1000, 600)}, shape{code: "149901101", name: "乙镇", geom: rect(0, 600, 1000, 900)})
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("mostly here", rect(100, 540, 200, 640)),
		orchard("mostly there", rect(300, 560, 400, 660)), orchard("nowhere", rect(100, 860, 200, 960)))
	c.declare("out", field("O1", rect(600, 700, 700, 800)))
	a := c.screen()
	a.expect("I1", "eligible")
	a.expect("mostly here", "eligible")
	a.expect("mostly there", "forbidden", "IN-00/4 hit")
	a.expect("nowhere", "unknown", "IN-00/4 missing")
	a.expect("O1", "forbidden", "OUT-00/4 hit")
	if zh := a.findings["mostly there"][0].Zh; !strings.Contains(zh, "申报乡镇为 149901100，地块 60.0% 位于 149901101") {
		t.Errorf("message %q", zh)
	}
	// tried for no township, it is in no wrong one
	s, err := screening.New(c.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(t.Context(), screening.State{County: code, Year: c.year})
	if err != nil {
		t.Fatal(err)
	}
	all := c.declarations()
	tried := all[slices.IndexFunc(all, func(d screening.Declaration) bool { return d.Number == "I1" })]
	tried.Township = ""
	judged, err := session.Judge(t.Context(), []screening.Declaration{tried})
	if err != nil {
		t.Fatal(err)
	}
	if v := judged[0].Verdict; v.Verdict != "unknown" || len(judged[0].Findings) != 1 || judged[0].Findings[0].Outcome != "missing" || !strings.Contains(judged[0].Findings[0].MessageZH, "未填乡镇") {
		t.Errorf("%s: %+v", v.Verdict, judged[0].Findings)
	}
}

// TestZonesOfThePlan: what is not known to agree with farming is shown to a person.
func TestZonesOfThePlan(t *testing.T) {
	c := ordinary(t)
	zones := []string{"村庄建设用地区", "0701", "", "农田保护区", "一般农业区"}
	var shapes []shape
	var list []declared
	for i, level := range zones {
		x := float64(i) * 80
		shapes = append(shapes, shape{level: level, geom: rect(x, 0, x+50, 500)})
		list = append(list, orchard(fmt.Sprint("I", i), rect(x, 100, x+50, 200)))
	}
	c.layer("GTKJGH", shapes...)
	c.declare("in", list...)
	a := c.screen()
	for i := range zones {
		x := float64(i) * 80
		if i < 3 {
			a.expect(list[i].number, "needs_review", "IN-10/1 hit "+m2(t, x, 100, x+50, 200))
			continue
		}
		a.expect(list[i].number, "eligible")
	}
	if zh := a.findings["I1"][0].Zh; !strings.Contains(zh, "图层所注类别：“0701”") {
		t.Errorf("message %q does not name the zone", zh)
	}
}

// TestForestStripsAreBelts: a belt by another name is a belt; a wood is none.
func TestForestStripsAreBelts(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "1003", geom: rect(0, 0, 1000, 20)},
		plot{dlbm: "0103", gdpdjb: "1", geom: rect(0, 20, 1000, 480)},
		plot{dlbm: "1101", geom: rect(0, 480, 1000, 500)})
	forest := func(number, purpose string, g orb.MultiPolygon) declared {
		d := field(number, g)
		d.target, d.purpose = "0301", purpose
		return d
	}
	c.declare("out",
		forest("strip", "林地", rect(0, 20, 200, 40)),
		forest("short strip", "林地", rect(500, 20, 530, 28)),
		forest("strip within the limit", "林地", rect(300, 20, 500, 25)),
		forest("wood", "林地", rect(0, 100, 100, 200)),
		forest("wood beside the road", "林地", rect(600, 20, 700, 100)),
		forest("strip across", "林地", rect(800, 20, 820, 180)),
		forest("strip along the river", "林地", rect(0, 460, 200, 480)),
		forest("shelter", "农田防护林", rect(300, 60, 500, 70)),
		forest("shelter along the road", "农田防护林", rect(840, 20, 1000, 32)))
	a := c.screen()
	a.expect("strip", "eligible_after_clip", "OUT-04/2 hit "+m2(t, 0, 25.5, 200, 40))
	a.expect("short strip", "forbidden", "OUT-04/2 hit "+m2(t, 500, 25.5, 530, 28))
	a.expect("strip within the limit", "eligible")
	a.expect("wood", "eligible")
	a.expect("wood beside the road", "eligible")
	a.expect("strip across", "eligible")
	a.expect("strip along the river", "unknown", "OUT-04/2 missing")
	a.expect("shelter", "eligible")
	a.expect("shelter along the road", "needs_review", "OUT-04/3 hit "+m2(t, 840, 25.5, 1000, 32))
}

// TestWithinTakesNoOverlapForCover: the same feature twice covers no more.
func TestWithinTakesNoOverlapForCover(t *testing.T) {
	c := ordinary(t)
	half := shape{level: "2025", geom: rect(600, 0, 650, 500)}
	again := half
	half.bsm, again.bsm = "A", "B"
	c.layer("STTGRW", half, again)
	d := field("O1", rect(600, 100, 700, 200))
	d.target, d.purpose, d.documents = "0301", "生态退耕", map[string]string{"TGRW": "林发〔2025〕9号"}
	c.declare("out", d)
	a := c.screen()
	a.expect("O1", "eligible_after_clip", "OUT-03/1 hit "+m2(t, 650, 100, 700, 200), "OUT-03/2 note")
}

// TestSummaryCountsLandOnce: what several checks of a clause find on the same
// land is one area, and what they find beside each other is the sum.
func TestSummaryCountsLandOnce(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 480, 1000)},
		plot{dlbm: "1206", geom: rect(480, 0, 500, 1000)},
		plot{dlbm: "0103", gdpdjb: "1", geom: rect(500, 0, 1000, 1000)})
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 500, 600)}, shape{level: "5", geom: rect(0, 600, 400, 1000)}, shape{level: "1", geom: rect(400, 600, 500, 1000)})
	c.layer("SHSMH", shape{geom: rect(470, 100, 490, 200)})
	c.declare("in", orchard("bare", rect(400, 100, 500, 200)), orchard("steep", rect(340, 700, 440, 800)))
	a := c.screen()
	a.expect("bare", "eligible_after_clip", "IN-00/1 hit "+m2(t, 480, 100, 500, 200),
		"IN-02d/1 hit "+m2(t, 470, 100, 490, 200), "IN-02d/2 hit "+m2(t, 480, 100, 500, 200))
	a.expect("steep", "forbidden", "IN-01/1 hit "+m2(t, 340, 700, 440, 800), "IN-01/2 hit "+m2(t, 340, 700, 400, 800), "IN-08/1 hit")
	want := map[string]string{"IN-02d": m2(t, 470, 100, 500, 200), "IN-01": m2(t, 340, 700, 440, 800)}
	for _, s := range a.summary.Clauses {
		if m2, ok := want[s.Clause]; ok && s.OverlapM2.String() != m2 {
			t.Errorf("%s covers %s m², want %s", s.Clause, s.OverlapM2, m2)
		}
		delete(want, s.Clause)
	}
	if len(want) > 0 {
		t.Errorf("not in the summary: %v", want)
	}
}

// TestMainDitchesSeparateNothing: 干渠 is looked through as other ditches are.
func TestMainDitchesSeparateNothing(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 100, 100)},
		plot{dlbm: "1107A", geom: rect(100, 0, 106, 100)},
		plot{dlbm: "0103", gdpdjb: "1", gddb: 7, geom: rect(106, 0, 300, 100)},
		plot{dlbm: "0103", gdpdjb: "1", gddb: 12, geom: rect(0, 103, 300, 300)})
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 1000, 1000)})
	c.declare("in", orchard("I1", rect(0, 0, 100, 100)))
	v := c.screen().verdicts["I1"]
	if v.Quality == nil {
		t.Fatal("no grade")
	}
	// Land of grade 12 lies beyond a gap that the survey does not cover.
	if *v.Quality != "7.000" {
		t.Errorf("grade %s, want 7 of the land across the ditch", *v.Quality)
	}
}
