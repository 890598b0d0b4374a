package screening_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

func TestMissingLayerIsNeverSilence(t *testing.T) {
	c := ordinary(t, "STBHHX", "GBZNT", "LDYZT", "YJJBNTTB", "STTGRW")
	forest := orchard("I2", rect(300, 100, 400, 200))
	forest.base, forest.documents = "0301", map[string]string{"LYYJ": "林资〔2025〕3号"}
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), forest)
	task := field("O2", rect(700, 300, 800, 400))
	task.purpose, task.documents = "生态退耕", map[string]string{"TGRW": "林发〔2025〕9号"}
	c.declare("out", field("O1", rect(600, 100, 700, 200)), task)
	a := c.screen()
	// The layers that only rank parcels make nothing unknown.
	a.expect("I1", "unknown", "IN-02b/1 missing", "IN-02b/2 missing", "IN-03a/1 missing", "IN-P2/1 missing")
	a.expect("I2", "unknown", "IN-00/5 hit", "IN-02b/1 missing", "IN-02b/2 missing", "IN-03a/1 missing", "IN-05/1 note", "IN-05/2 missing", "IN-P2/1 missing")
	// The yearly task concerns only what claims to be of it.
	a.expect("O1", "unknown", "OUT-01/1 missing", "OUT-07/1 missing")
	a.expect("O2", "unknown", "OUT-01/1 missing", "OUT-03/1 missing", "OUT-03/2 note", "OUT-07/1 missing")
	if a.verdicts["O2"].Exempt {
		t.Error("a parcel is exempt by a layer that is not there")
	}
	if want := []string{"GBZNT", "LDYZT", "STBHHX", "STTGRW", "YJJBNTTB"}; !slices.Equal(a.missing, want) {
		t.Errorf("missing %v, want %v", a.missing, want)
	}
	zh := a.findings["I1"][2].Zh
	if !strings.Contains(zh, "无法判定是否“位于生态保护红线内”：缺少图层“生态保护红线”（自然资源提供），请上传后重新筛查") {
		t.Errorf("message %q", zh)
	}

	t.Run("forbidden outweighs missing", func(t *testing.T) {
		c := ordinary(t, "STBHHX")
		c.layer("JBCY", shape{geom: rect(0, 0, 500, 500)})
		c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
		c.screen().expect("I1", "forbidden", "IN-02c/1 hit "+m2(t, 100, 100, 200, 200), "IN-03a/1 missing")
	})
	t.Run("survey", func(t *testing.T) {
		c := newCounty(t, "DLTB")
		c.declare("out", field("O1", rect(600, 100, 700, 200)))
		a := c.screen()
		if a.verdicts["O1"].Verdict != "unknown" || a.verdicts["O1"].Net != "0.00" {
			t.Errorf("without a survey: %+v", a.verdicts["O1"])
		}
	})
	t.Run("ridges", func(t *testing.T) {
		c := ordinary(t, "KCXS")
		c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
		a := c.screen()
		a.expect("I1", "unknown", "BAL-1/0 missing")
		if !slices.Equal(a.missing, []string{"KCXS"}) || a.verdicts["I1"].Net != "0.00" {
			t.Errorf("missing %v, net %s", a.missing, a.verdicts["I1"].Net)
		}
	})
}

func TestNetAreaOfWhatLeaves(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0101", gdpdjb: "1", gddb: 6, geom: rect(0, 0, 100, 100)},
		plot{dlbm: "0103", gdpdjb: "3", kcxs: "0.1234", gddb: 10, geom: rect(100, 0, 200, 100)},
		plot{dlbm: "0201", geom: rect(200, 0, 300, 100)},
	)
	c.layer("YJJBNTTB", shape{geom: rect(0, 0, 20, 200)})
	c.declare("out", field("whole", rect(0, 0, 200, 100)), field("part", rect(50, 0, 150, 100)), field("border", rect(150, 0, 200.5, 100)))
	a := c.screen()
	// Paddy 10,000 m² from 20 m on, and 10,000 m² of dry land less its ridges.
	paddy, dry := official(rect(0, 0, 100, 100)), official(rect(100, 0, 200, 100))
	if paddy != "9999.11" || dry != "9999.11" {
		t.Fatalf("the figures below rest on parcels of 9999.11 m², these have %s and %s", paddy, dry)
	}
	a.expect("whole", "eligible_after_clip", "OUT-01/1 hit "+m2(t, 0, 0, 20, 100))
	for number, want := range map[string]struct{ net, paddy, quality string }{
		// 80 % of 9999.11 = 7999.29; 9999.11 − 1233.89 = 8765.22
		"whole": {"16764.51", "7999.29", "8.222"},
		// halves: of 9999.11 one has 4999.55 and its sibling 4999.56, as Split says;
		// 4999.56 − 616.95 = 4382.61
		"part": {"9382.16", "4999.55", "8.000"},
		// the half metre on the orchard takes nothing
		"border": {"4382.61", "0.00", "10.000"},
	} {
		v := a.verdicts[number]
		if v.Net != want.net || v.Paddy != want.paddy || *v.Quality != want.quality {
			t.Errorf("%s: net %s, paddy %s, grade %s; want %+v", number, v.Net, v.Paddy, *v.Quality, want)
		}
	}
}

func TestNetAreaOfWhatEntersIsThatOfTheUsablePart(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", geom: rect(0, 0, 500, 100)},
		plot{dlbm: "0101", gddb: 4, gdpdjb: "1", geom: rect(0, 100, 250, 200)},
		plot{dlbm: "0103", gddb: 8, gdpdjb: "1", geom: rect(250, 104, 500, 200)},
		plot{dlbm: "1006", geom: rect(250, 100, 500, 104)},
	)
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 60, 100)}, shape{level: "3", geom: rect(60, 0, 300, 100)}, shape{level: "5", geom: rect(300, 0, 500, 100)})
	c.layer("STBHHX", shape{geom: rect(0, 0, 50, 200)}, shape{geom: rect(200, 0, 220, 200)}, shape{geom: rect(220, 0, 299, 200)})
	paddy := orchard("I1", rect(0, 0, 100, 100))
	paddy.target, paddy.gdlx = "0101", ""
	declaredGrade := orchard("I2", rect(210, 0, 320, 100))
	declaredGrade.attrs = map[string]any{"GDDB": 5}
	c.declare("in", paddy, declaredGrade, orchard("I3", rect(190, 0, 240, 100)))
	a := c.screen()
	// Of I1 most was of class 1; most of what is left is of class 3.
	v := a.verdicts["I1"]
	if v.Verdict != "eligible_after_clip" || *v.Slope != "3" || *v.KCXS != "0.1100" || v.Usable != "4999.56" || v.Net != "4449.61" || v.Paddy != v.Net {
		t.Errorf("I1: %+v, slope %s, kcxs %s", v, *v.Slope, *v.KCXS)
	}
	if *v.Quality != "4.000" {
		t.Errorf("I1 borders paddy of grade 4, not %s", *v.Quality)
	}
	// Of I2 most was of class 3; what is left is of class 5 but for a metre.
	if v := a.verdicts["I2"]; v.Verdict != "forbidden" || !strings.Contains(fmt.Sprint(v.Reasons), "裁切后剩余部分按面积占优坡度级为25度以上") || *v.Quality != "5.000" {
		t.Errorf("I2: %+v", v)
	}
	// I3 looks across the path: 10 m of grade 4 … and as much as it has of 8.
	if v := a.verdicts["I3"]; v.Quality == nil || *v.Quality != "4.000" {
		t.Errorf("I3: %+v", v)
	}
}

func TestScores(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	c.survey(
		plot{dlbm: "0201", zzsxdm: "JKHF", geom: rect(0, 0, 100, 100)},
		plot{dlbm: "0103", gdpdjb: "1", gddb: 8, geom: rect(100, 0, 400, 1000)},
		plot{dlbm: "1202", zzsxdm: "GCHF", geom: rect(600, 0, 700, 100)},
		plot{dlbm: "0103", gdpdjb: "5", gddb: 15, geom: rect(900, 900, 1000, 1000)},
		plot{dlbm: "1107", geom: rect(0, 140, 100, 142)},
		plot{dlbm: "0103", gdpdjb: "1", tbxhdm: "HDGD", gddb: 1, geom: rect(1000, 905, 1005, 1000)},
	)
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 1000, 1000)})
	c.layer("GBZNT", shape{geom: rect(0, -50, 100, -8)})
	shed := orchard("I2", rect(600, 0, 700, 100))
	shed.documents = map[string]string{"TCXY": "退出协议"}
	c.declare("in", orchard("I1", rect(0, 0, 100, 100)), shed, orchard("I3", rect(650, 0, 700, 100)))
	c.declare("out", field("O1", rect(200, 200, 300, 300)), field("O2", rect(950, 905, 1005, 1000)))
	a := c.screen()
	cluster := additive(rect(100, 0, 400, 1000)) / 666666.67
	small := additive(rect(900, 900, 1000, 1000)) + additive(rect(1000, 905, 1005, 1000))
	for number, want := range map[string]map[string]float64{
		"I1": {"IN-P1": cluster, "IN-P2": 0.7, "IN-P3": 9999.11 / 20000, "IN-P4": 1, "IN-P5": 0},
		"I2": {"IN-P1": 0, "IN-P2": 0, "IN-P3": 9999.10 / 20000, "IN-P4": 0.6, "IN-P5": 1},
		"I3": {"IN-P1": 0, "IN-P2": 0, "IN-P3": 4999.55 / 20000, "IN-P4": 0.6, "IN-P5": 0},
		"O1": {"OUT-P1": 0, "OUT-P2": 0.5, "OUT-P3": 0},
		"O2": {"OUT-P1": 1, "OUT-P2": (15*50.0+1*5)/55/14 - 1/14.0, "OUT-P3": 1 - small/33333.33},
	} {
		got := a.verdicts[number].Scores
		for clause, score := range want {
			if math.Abs(got[clause]-score) > 2e-6 {
				t.Errorf("%s: %s is %g, want %g", number, clause, got[clause], score)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: scores %v", number, got)
		}
	}
}

// wiggly is a closed curve of n vertices around a centre.
func wiggly(rng *rand.Rand, x, y, radius float64, n int) orb.Ring {
	ring := make(orb.Ring, 0, n+1)
	phase := rng.Float64() * 7
	for i := range n {
		a := 2 * math.Pi * float64(i) / float64(n)
		r := radius * (1 + 0.2*math.Sin(7*a+phase) + 0.05*math.Sin(53*a) + 0.01*rng.Float64())
		ring = append(ring, orb.Point{math.Round((x+r*math.Cos(a))*1e4) / 1e4, math.Round((y+r*math.Sin(a))*1e4) / 1e4})
	}
	return append(ring, ring[0])
}

// TestBigFeaturesAgreeWithGeodesicArea has PostGIS's geography as an oracle, on
// the uncut intersection with its edges densified: cutting big features up for
// speed must not move any area.
func TestBigFeaturesAgreeWithGeodesicArea(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	c := newCounty(t, "DLTB", "PDT")
	c.survey(plot{dlbm: "0201", geom: rect(-5000, -5000, 15000, 15000)})
	c.layer("PDT", shape{level: "1", geom: rect(-5000, -5000, 15000, 15000)})
	big := orb.Polygon{wiggly(rng, 5000, 5000, 3500, 6000)}
	for range 25 {
		hole := wiggly(rng, 3500+3000*rng.Float64(), 3500+3000*rng.Float64(), 20+30*rng.Float64(), 40)
		hole.Reverse()
		big = append(big, hole)
	}
	// Holes that overlap each other would make the feature invalid.
	var kept orb.Polygon
	for i, h := range big {
		ok := true
		for _, k := range kept[min(1, len(kept)):] {
			ok = ok && (i == 0 || !h.Bound().Intersects(k.Bound()))
		}
		if ok {
			kept = append(kept, h)
		}
	}
	c.layer("STBHHX", shape{geom: orb.MultiPolygon{kept}}, shape{geom: orb.MultiPolygon{{wiggly(rng, 9000, 9000, 400, 100)}}})
	var list []declared
	for i := range 150 {
		a := 2 * math.Pi * rng.Float64()
		r := 3500 * (0.2 + 1.1*rng.Float64())
		list = append(list, orchard(fmt.Sprintf("I%03d", i), orb.MultiPolygon{{wiggly(rng, 5000+r*math.Cos(a), 5000+r*math.Sin(a), 30+200*rng.Float64(), 60)}}))
	}
	c.declare("in", list...)
	a := c.screen()
	rows, err := c.db.Pool.Query(t.Context(), `
		SELECT c.number, ST_Area(ST_Transform(ST_Segmentize(ST_Union(ST_Intersection(c.geom, f.geom)), 5), 4490)::geography)
		FROM candidate c JOIN layer_feature f ON f.county_code = c.county_code AND f.kind = 'STBHHX' AND ST_Intersects(c.geom, f.geom)
		GROUP BY c.number`)
	if err != nil {
		t.Fatal(err)
	}
	oracle := map[string]float64{}
	for rows.Next() {
		var n string
		var m2 float64
		if err := rows.Scan(&n, &m2); err != nil {
			t.Fatal(err)
		}
		if m2 > 0.01 {
			oracle[n] = m2
		}
	}
	if len(oracle) < 60 {
		t.Fatalf("only %d candidates meet the layer: the test proves little", len(oracle))
	}
	for n, want := range oracle {
		i := slices.IndexFunc(a.findings[n], func(f findingRow) bool { return f.Clause == "IN-03a" })
		if i < 0 {
			t.Errorf("%s: %.4f m² not found", n, want)
			continue
		}
		var got float64
		if _, err := fmt.Sscan(*a.findings[n][i].Overlap, &got); err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-want) > 0.0055+1e-8*want {
			t.Errorf("%s: %.2f m², geodesic %.4f", n, got, want)
		}
	}
	for n, list := range a.findings {
		for _, f := range list {
			if f.Clause == "IN-03a" && oracle[n] == 0 {
				t.Errorf("%s: finding of %s m² without an overlap", n, *f.Overlap)
			}
		}
	}
}

func (c *county) export(run uuid.UUID) []byte {
	c.t.Helper()
	var out bytes.Buffer
	if err := screening.ExportFindings(c.t.Context(), c.db, code, run, &out); err != nil {
		c.t.Fatal(err)
	}
	return out.Bytes()
}

// eventful has findings of many kinds.
func eventful(t testing.TB) *county {
	rng := rand.New(rand.NewPCG(9, 9))
	c := ordinary(t)
	c.layer("STBHHX", shape{name: "红线", geom: orb.MultiPolygon{{wiggly(rng, 200, 500, 150, 700)}}}, shape{geom: rect(150, 450, 260, 520)})
	c.layer("YJJBNTTB", shape{geom: orb.MultiPolygon{{wiggly(rng, 700, 500, 150, 90)}}})
	var in, out []declared
	for i := range 40 {
		in = append(in, orchard(fmt.Sprintf("I%02d", i), orb.MultiPolygon{{wiggly(rng, 50+400*rng.Float64(), 50+900*rng.Float64(), 40, 30)}}))
		out = append(out, field(fmt.Sprintf("O%02d", i), orb.MultiPolygon{{wiggly(rng, 550+400*rng.Float64(), 50+900*rng.Float64(), 40, 30)}}))
	}
	c.declare("in", in...)
	c.declare("out", out...)
	return c
}

func TestSameInputsSameBytes(t *testing.T) {
	one, other := eventful(t), eventful(t)
	first := one.export(one.screen().run)
	if again := one.export(one.screen().run); !bytes.Equal(first, again) {
		t.Error("a second run of the same county differs")
	}
	if elsewhere := other.export(other.screen().run); !bytes.Equal(first, elsewhere) {
		t.Error("the same datasets in another database give other bytes")
	}
	if n := bytes.Count(first, []byte("\n")); n < 120 {
		t.Errorf("only %d lines: the test proves little", n)
	}
	if id := one.upload.String(); bytes.Contains(first, []byte(id)) {
		t.Error("the lines hold ids")
	}
}

func TestDoneIsDoneAndKilledIsNothing(t *testing.T) {
	c := eventful(t)
	count := func(run uuid.UUID) (verdicts, findings int) {
		t.Helper()
		err := c.db.Pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM verdict WHERE run_id = $1), (SELECT count(*) FROM finding WHERE run_id = $1)`, run).Scan(&verdicts, &findings)
		if err != nil {
			t.Fatal(err)
		}
		return verdicts, findings
	}
	run := c.queue()
	for _, stage := range []string{"读取", "载入", "判定", "完成"} {
		ctx, cancel := context.WithCancel(t.Context())
		reached := false
		err := screening.Run(ctx, c.db, code, run, func(now string, _, _ int64) {
			if strings.HasPrefix(now, stage) {
				reached = true
				cancel()
			}
		})
		cancel()
		if !reached || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while %s (reached %v): %v", stage, reached, err)
		}
		if v, f := count(run); v+f != 0 {
			t.Errorf("killed while %s: %d verdicts and %d findings are left", stage, v, f)
		}
	}
	if err := screening.ExportFindings(t.Context(), c.db, code, run, &bytes.Buffer{}); err == nil {
		t.Error("a run that is not done was exported")
	}
	if err := screening.Run(t.Context(), c.db, code, run, nil); err != nil {
		t.Fatal(err)
	}
	verdicts, findings := count(run)
	if verdicts != 80 || findings == 0 {
		t.Fatalf("%d verdicts and %d findings", verdicts, findings)
	}
	before := c.export(run)
	// New layers do not touch a run that is done.
	c.layer("STBHHX")
	if err := screening.Run(t.Context(), c.db, code, run, nil); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, c.export(run)) {
		t.Error("a run that was done changed")
	}
	// What a half-finished job of another version may have left is replaced.
	c.exec(`UPDATE screening_run SET status = 'running' WHERE run_id = $1`, run)
	if err := screening.Run(t.Context(), c.db, code, run, nil); err != nil {
		t.Fatal(err)
	}
	if v, f := count(run); v != 80 || f >= findings {
		t.Errorf("%d verdicts and %d findings after the red line was emptied, before %d", v, f, findings)
	}
}

func TestRunRefuses(t *testing.T) {
	c := ordinary(t)
	if err := screening.Run(t.Context(), c.db, code, uuid.New(), nil); err == nil || !strings.Contains(err.Error(), "has no screening run") {
		t.Errorf("an unknown run: %v", err)
	}
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	c.declareFor("149901101", "in", orchard("I1", rect(300, 100, 400, 200)))
	err := screening.Run(t.Context(), c.db, code, c.queue(), nil)
	var refusal *screening.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "I1") || !strings.Contains(err.Error(), "149901101") {
		t.Fatalf("a number declared by two townships: %v", err)
	}
	doc, err := json.Marshal(refusal)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"urn:gengheng:problem:number-declared-twice"`, `"status":422`, `"hint":"请改号后重新上传其中一份"`} {
		if !strings.Contains(string(doc), part) {
			t.Errorf("the problem %s has no %s", doc, part)
		}
	}
}

// TestCountyChangesTheRules: tolerances and layers are data.
func TestCountyChangesTheRules(t *testing.T) {
	shanxi, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	text := string(shanxi.Document)
	edit := func(old, new string) {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("the rulebook has no %q", old)
		}
		text = strings.Replace(text, old, new, 1)
	}
	edit("      - test: overlap\n        layer: STBHHX\n        severity: block\n        tolerance: {abs_m2: 1}", "      - test: overlap\n        layer: STBHHX\n        severity: warn\n        tolerance: {abs_m2: 600}")
	edit("min_remainder_m2: 400", "min_remainder_m2: 2000")
	book, err := rulebook.Parse("county.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := newCountyWith(t, book, "DLTB", "PDT")
	c.survey(plot{dlbm: "0201", geom: rect(0, 0, 500, 1000)})
	c.layer("PDT", shape{level: "1", geom: rect(0, 0, 500, 1000)})
	c.layer("STBHHX", shape{geom: rect(100, 100, 105, 200)}, shape{geom: rect(300, 100, 310, 200)})
	c.layer("JBCY", shape{geom: rect(115, 300, 200, 400)})
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)), orchard("I2", rect(300, 100, 400, 200)), orchard("I3", rect(100, 300, 200, 400)))
	a := c.screen()
	a.expect("I1", "eligible", "IN-03a/1 tolerated "+m2(t, 100, 100, 105, 200))
	a.expect("I2", "needs_review", "IN-03a/1 hit "+m2(t, 300, 100, 310, 200))
	a.expect("I3", "forbidden", "IN-02c/1 hit "+m2(t, 115, 300, 200, 400))
}

// TestSurveyAreaMustBeThatOfItsBoundary: by a wrong TBMJ no land gains or vanishes.
func TestSurveyAreaMustBeThatOfItsBoundary(t *testing.T) {
	c := newCounty(t, "DLTB", "PDT")
	areas := []string{"0", "10", "1000000000", "10050.00", "NULL", "10200.00"}
	var plots []plot
	var list []declared
	for i, tbmj := range areas {
		x := 100 * float64(i)
		plots = append(plots, plot{dlbm: "0103", gdpdjb: "1", tbmj: tbmj, geom: rect(x, 0, x+100, 100)})
		list = append(list, field("O"+tbmj, rect(x, 0, x+100, 100)))
	}
	c.survey(plots...)
	c.declare("out", list...)
	a := c.screen()
	for i, tbmj := range areas {
		x := 100 * float64(i)
		v := a.verdicts["O"+tbmj]
		net := official(rect(x, 0, x+100, 100))
		switch tbmj {
		case "10050.00": // within 1 %
			a.expect("O"+tbmj, "eligible")
			net = tbmj
		case "NULL":
			a.expect("O"+tbmj, "eligible")
			if !strings.Contains(fmt.Sprint(v.Reasons), "没有图斑面积（TBMJ），按图形的椭球面积计算") {
				t.Errorf("%s: no note in %v", tbmj, v.Reasons)
			}
		default:
			a.expect("O"+tbmj, "unknown", "BAL-1/0 missing")
			if f := a.findings["O"+tbmj]; len(f) > 0 && (f[0].Layer != "DLTB" || !strings.Contains(f[0].Zh, fmt.Sprintf("BSM%03d 的图斑面积（TBMJ）", i+1))) {
				t.Errorf("%s: %s", tbmj, f[0].Zh)
			}
		}
		if number(t, v.Net)-number(t, net) > 0.011 || number(t, net)-number(t, v.Net) > 0.011 {
			t.Errorf("TBMJ %s: net %s, want %s", tbmj, v.Net, net)
		}
	}
	t.Run("survey parcels overlap", func(t *testing.T) {
		c := newCounty(t, "DLTB", "PDT")
		c.survey(plot{dlbm: "0103", gdpdjb: "1", geom: rect(0, 0, 100, 100)}, plot{dlbm: "0103", gdpdjb: "1", geom: rect(50, 0, 150, 100)})
		c.declare("out", field("O1", rect(0, 0, 150, 100)))
		a := c.screen()
		a.expect("O1", "unknown", "BAL-1/0 missing")
	})
}

// TestNothingDeclaredIsRefused: a screening of nothing is no clean county, and
// what the county lacks is told at once.
func TestNothingDeclaredIsRefused(t *testing.T) {
	c := ordinary(t, "STBHHX", "KCXS", "GBZNT")
	for range 2 {
		err := screening.Run(t.Context(), c.db, code, c.queue(), nil)
		var refusal *screening.Refusal
		if !errors.As(err, &refusal) || refusal.Code != "nothing-declared" {
			t.Fatalf("a year without declarations: %v", err)
		}
		for _, part := range []string{"2025 年度没有转进或转出申报地块", "还缺少图层或表：高标准农田项目区、田坎系数表、生态保护红线", "it also lacks GBZNT, KCXS, STBHHX"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v does not say %q", err, part)
			}
		}
		c.declare("in") // an empty file is no declaration either
	}
	// What no candidate has come so far as to need is missing all the same.
	c = ordinary(t, "STBHHX", "KCXS", "STTGRW", "PDT")
	c.declare("out", field("O1", rect(600, 100, 700, 200)))
	if a, want := c.screen(), []string{"KCXS", "STBHHX", "STTGRW"}; !slices.Equal(a.missing, want) {
		t.Errorf("missing %v, want %v", a.missing, want)
	}
}

func TestRidgeTableMessages(t *testing.T) {
	c := ordinary(t, "KCXS")
	c.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	c2 := ordinary(t)
	c2.exec(`DELETE FROM kcxs WHERE gdlx = 'TT'`)
	c2.declare("in", orchard("I1", rect(100, 100, 200, 200)))
	for _, k := range []struct {
		c    *county
		want string
	}{
		{c, "无法计算净面积；缺少田坎系数表，请上传后重新筛查；依据"},
		{c2, "无法计算净面积；田坎系数表没有耕地类型 TT、坡度级 2 的系数，请补充后重新上传并筛查；依据"},
	} {
		a := k.c.screen()
		a.expect("I1", "unknown", "BAL-1/0 missing")
		if zh := a.findings["I1"][0].Zh; !strings.HasPrefix(zh, k.want) {
			t.Errorf("message %q, want %q", zh, k.want)
		}
	}
}
