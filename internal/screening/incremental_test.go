package screening_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

// runAgain runs a screening, in full or as it comes, and gives its lines and how
// many candidates were judged; -1 is all of them, anew.
func (c *county) runAgain(s *screening.Screener, full bool) (lines []byte, rejudged int) {
	c.t.Helper()
	id := c.queue()
	c.exec(`UPDATE screening_run SET full_run = $2 WHERE run_id = $1`, id, full)
	if err := s.Run(c.t.Context(), code, id, nil); err != nil {
		c.t.Fatal(err)
	}
	var n *int
	if err := c.db.Pool.QueryRow(c.t.Context(), `SELECT rejudged FROM screening_run WHERE run_id = $1`, id).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	if rejudged = -1; n != nil {
		rejudged = *n
	}
	return c.lines(id), rejudged
}

func (c *county) lines(id uuid.UUID) []byte {
	c.t.Helper()
	var b bytes.Buffer
	if err := screening.ExportFindings(c.t.Context(), c.db, code, id, &b); err != nil {
		c.t.Fatal(err)
	}
	return b.Bytes()
}

// patchwork is a county of 6 × 6 fields of 100 m, each a candidate, with layers
// that lie across them.
type patchwork struct {
	*county
	layers map[string][]shape
	in     []declared
	out    []declared
	// book is what the county is judged by, first what it was to begin with.
	book, first *rulebook.Rulebook
}

// editable are layers of the rulebook whose checks look at overlaps, levels,
// the slope of a place, and what lies near.
var editable = []string{"STBHHX", "YYSSYBHQ", "TRHJ", "PDT", "GBZNT", "YJJBNTTB", "GTKJGH", "XZQ", "LDYZT", "STTGRW"}

var levels = map[string][]string{
	"YYSSYBHQ": {"一级", "二级"}, "TRHJ": {"优先保护类", "严格管控类", "安全利用类"}, "PDT": {"1", "2", "5"}, "GTKJGH": {"农田保护区", "城镇发展区"},
	"LDYZT": {"国家级公益林", "商品林"}, "STTGRW": {"2025", "2024"},
}

func newPatchwork(t testing.TB) *patchwork {
	book, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	p := &patchwork{county: newCountyWith(t, book), layers: map[string][]shape{}, book: book, first: book}
	var plots []plot
	for i := range 6 {
		for k := range 6 {
			field := rect(100*float64(i), 100*float64(k), 100*float64(i)+100, 100*float64(k)+100)
			x, y := 100*float64(i), 100*float64(k)
			if (i+k)%3 != 0 { // fewer 转进, so that all of them may be judged again
				plots = append(plots, plot{dlbm: "0103", gdpdjb: "1", zzsxdm: "LS", gddb: 10, geom: field})
				p.out = append(p.out, declared{number: fmt.Sprintf("C%d%d", i, k), base: "0103", target: "0201", purpose: "园地", actor: "农户", geom: rect(x+5, y+5, x+90, y+60)})
				continue
			}
			plots = append(plots, plot{dlbm: "0404", geom: field})
			p.in = append(p.in, declared{number: fmt.Sprintf("J%d%d", i, k), base: "0404", target: "0103", actor: "农户", gdlx: []string{"", "PD", "TT"}[i%3], geom: rect(x+5, y+5, x+95, y+70)})
		}
	}
	plots = append(plots, p.odds()...)
	p.survey(plots...)
	p.layers["PDT"] = []shape{{level: "1", geom: rect(-100, -100, 250, 700)}, {level: "2", geom: rect(250, -100, 420, 630)},
		{level: "5", geom: rect(250, 630, 300, 700)}, {level: "2", geom: rect(300, 630, 420, 700)}}
	p.dem(80, 80, func(x, y float64) float64 {
		if y < 350 {
			return x / 10
		}
		return x * 0.6
	})
	p.layers["XZQ"] = []shape{{code: township + "000", name: "甲镇", geom: rect(-20000, -20000, 20000, 20000)}}
	p.layers["STBHHX"] = []shape{{name: "红线", geom: rect(-50, -50, 60, 650)}}
	for _, kind := range editable {
		p.layer(kind, p.layers[kind]...)
	}
	p.declare("in", p.in...)
	p.declare("out", p.out...)
	return p
}

// odds are a further row of fields, with the land and the declarations that the
// rarer checks are for: tracks and ditches beside and between fields, a strip
// along a road, woods, water, documents, words in their stead.
func (p *patchwork) odds() []plot {
	p.in = append(p.in,
		declared{number: "Q1", base: "0301", target: "0103", actor: "村集体", documents: map[string]string{"LYYJ": "无"}, geom: rect(0, 606, 60, 660)},
		declared{number: "Q2", base: "0404", target: "0101", actor: "农户", gdlx: "TT", geom: rect(200, 606, 215, 625)},
		declared{number: "Q3", base: "1202", target: "0103", actor: "农户", documents: map[string]string{"TCXY": "退2025-1"}, attrs: map[string]any{"GDDB": "9"}, geom: rect(300, 606, 390, 640)},
		declared{number: "Q4", base: "0404", target: "", actor: "农户", geom: rect(130, 640, 180, 690)},
		// what grassland leaves of it is mostly steep, the whole is not
		declared{number: "Q5", base: "0404", target: "0103", actor: "农户", gdlx: "PD", geom: rect(215, 640, 280, 690)},
	)
	p.out = append(p.out,
		declared{number: "R1", base: "0103", target: "0307", purpose: "绿化带", actor: "工商企业", documents: map[string]string{"PZWH": "晋2025-1"}, geom: rect(400, 606, 408, 690)},
		declared{number: "R2", base: "0103", target: "0301", purpose: "林地", actor: "农户", geom: rect(410, 606, 419, 690)},
		declared{number: "R3", base: "0103", target: "0301", purpose: "生态退耕", actor: "村集体", documents: map[string]string{"TGRW": "办理中"}, geom: rect(430, 606, 470, 640)},
		declared{number: "R4", base: "0103", target: "1202", purpose: "设施农用地", actor: "", documents: map[string]string{"BAH": "备1", "LZHT": "略"}, geom: rect(430, 645, 470, 690)},
		declared{number: "R5", base: "0103", target: "0201", purpose: "草皮", actor: "农户", geom: rect(480, 606, 520, 640)},
	)
	p.layers["LDYZT"] = []shape{{name: "林", level: "国家级公益林", geom: rect(0, 600, 40, 700)}}
	p.layers["STTGRW"] = []shape{{name: "任务", level: "2025", geom: rect(425, 600, 480, 650)}}
	p.layer("JBCY", shape{name: "草原", geom: rect(200, 630, 250, 700)})
	p.layer("LDYZT", p.layers["LDYZT"]...)
	p.layer("STTGRW", p.layers["STTGRW"]...)
	return []plot{
		{dlbm: "1006", geom: rect(0, 600, 600, 606)},
		{dlbm: "0301", geom: rect(0, 606, 100, 700)},
		{dlbm: "1101", geom: rect(100, 606, 130, 700)},
		{dlbm: "0404", geom: rect(130, 606, 300, 700)},
		{dlbm: "1202", zzsxdm: "JKHF", geom: rect(300, 606, 396, 700)},
		{dlbm: "1003", geom: rect(396, 606, 400, 700)},
		{dlbm: "0103", gdpdjb: "5", kcxs: "0.1", gddb: 8, tbxhdm: "LQGD", geom: rect(400, 606, 520, 700)},
		{dlbm: "1107", geom: rect(520, 606, 523, 700)},
		{dlbm: "0102", gdpdjb: "2", gddb: 12, geom: rect(523, 606, 600, 700)},
	}
}

// edit changes one thing and says what.
func (p *patchwork) edit(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "rulebook") > 0 {
		return "rulebook: " + p.editRules(t)
	}
	if rapid.IntRange(0, 4).Draw(t, "candidates") == 0 {
		return p.editCandidates(t)
	}
	kind := rapid.SampledFrom(editable).Draw(t, "layer")
	list := append([]shape{}, p.layers[kind]...)
	draw := func() shape {
		s := shape{name: rapid.SampledFrom([]string{"甲", "乙"}).Draw(t, "name")}
		if l := levels[kind]; l != nil {
			s.level = rapid.SampledFrom(l).Draw(t, "level")
		}
		if kind == "XZQ" {
			s.code = "149901101000"
		}
		x, y := rapid.Float64Range(0, 600).Draw(t, "x"), rapid.Float64Range(0, 700).Draw(t, "y")
		s.geom = rect(x, y, x+rapid.Float64Range(2, 150).Draw(t, "w"), y+rapid.Float64Range(2, 150).Draw(t, "h"))
		return s
	}
	switch what := rapid.SampledFrom([]string{"add", "drop", "corner", "attribute"}).Draw(t, "what"); {
	case what == "drop" && len(list) > 1:
		list = list[:len(list)-1]
	case what == "corner" && len(list) > 0: // one vertex of one feature moves
		i := rapid.IntRange(0, len(list)-1).Draw(t, "feature")
		list[i].geom = list[i].geom.Clone()
		ring := list[i].geom[0][0]
		ring[2][0] += rapid.Float64Range(0, 30).Draw(t, "by")
	case what == "attribute" && len(list) > 0 && kind != "XZQ":
		i := rapid.IntRange(0, len(list)-1).Draw(t, "feature")
		list[i].name += "改"
	default:
		list = append(list, draw())
	}
	p.layers[kind] = list
	p.layer(kind, list...)
	return kind
}

func (p *patchwork) editCandidates(t *rapid.T) string {
	list, direction := &p.in, "in"
	if rapid.Bool().Draw(t, "out") {
		list, direction = &p.out, "out"
	}
	*list = append([]declared{}, *list...)
	i := rapid.IntRange(0, len(*list)-1).Draw(t, "candidate")
	d := (*list)[i]
	switch what := rapid.SampledFrom([]string{"move", "word", "drop", "add"}).Draw(t, "what"); {
	case what == "drop" && len(*list) > 3:
		*list = append((*list)[:i], (*list)[i+1:]...)
	case what == "add":
		d.number += "b"
		dx := rapid.Float64Range(-40, 40).Draw(t, "dx")
		d.geom = shifted(d.geom, dx, 3)
		for _, other := range *list {
			if other.number == d.number {
				return "nothing"
			}
		}
		*list = append(*list, d)
	case what == "word":
		d.actor = rapid.SampledFrom([]string{"农户", "村集体", "工商企业", ""}).Draw(t, "actor")
		(*list)[i] = d
	default:
		d.geom = shifted(d.geom, rapid.Float64Range(-60, 60).Draw(t, "dx"), rapid.Float64Range(-60, 60).Draw(t, "dy"))
		(*list)[i] = d
	}
	p.declare(direction, *list...)
	return direction
}

// TestIncrementalEqualsFull edits a county at random; what is taken over and
// what is judged again must be, byte for byte, what judging all of it gives.
func TestIncrementalEqualsFull(t *testing.T) {
	p := newPatchwork(t)
	s, err := screening.New(p.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.runAgain(s, true)
	taken, runs := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var edits []string
		for range rapid.IntRange(1, 2).Draw(t, "edits") {
			edits = append(edits, p.edit(t))
		}
		got, rejudged := p.runAgain(s, false)
		want, again := p.runAgain(s, true)
		if again != -1 {
			t.Fatal("a full run took something over")
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("after %v, %d judged again: %s", edits, rejudged, firstDifference(got, want))
		}
		runs++
		if rejudged >= 0 {
			taken++
		}
	})
	if taken*3 < runs {
		t.Errorf("only %d of %d runs took anything over; the test proves little", taken, runs)
	}
}

// TestIncrementalJudgesFew: one corner of one red line concerns its neighbours
// alone, another survey concerns all.
func TestIncrementalJudgesFew(t *testing.T) {
	p := newPatchwork(t)
	s, err := screening.New(p.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.runAgain(s, true)
	if _, n := p.runAgain(s, false); n != 0 {
		t.Errorf("nothing has changed and %d were judged again", n)
	}
	red := p.layers["STBHHX"][0].geom.Clone()
	red[0][0][2][0] += 60 // the north-east corner of a line that passes thirteen fields
	p.layer("STBHHX", shape{name: "红线", geom: red})
	if _, n := p.runAgain(s, false); n < 1 || n > 13 {
		t.Errorf("%d judged again, want the few beside the line", n)
	}
	p.exec(`UPDATE screening_run SET program = 'of last year'`)
	if _, n := p.runAgain(s, false); n != -1 {
		t.Errorf("another program judged what went before, and %d were judged again", n)
	}
	p.survey(plot{dlbm: "0404", geom: rect(0, 0, 600, 600)})
	if _, n := p.runAgain(s, false); n != -1 {
		t.Errorf("another survey, and %d judged again", n)
	}
	p.exec(`UPDATE dataset SET status = 'retired', retired_at = now(), retired_reason = 'x' WHERE kind = 'STBHHX'`)
	lines, n := p.runAgain(s, false)
	if n != -1 || !bytes.Contains(lines, []byte(`"missing":["STBHHX"]`)) {
		t.Errorf("the red line is gone, and %d judged again", n)
	}
}

// TestAnotherOrderOfFeaturesIsAChange: findings list features in the order of
// their layer. One that stands elsewhere, though only a far corner of it has
// moved, changes what is said of every candidate on it.
func TestAnotherOrderOfFeaturesIsAChange(t *testing.T) {
	p := newPatchwork(t)
	s, err := screening.New(p.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	// a strip over six fields whose far end has edges of its own
	strip := func(name string, x0, x1 float64) shape {
		return shape{bsm: name, name: name, geom: orb.MultiPolygon{{{{x0, 0}, {x1, 0}, {x1, 590}, {x1, 600}, {x0, 600}, {x0, 590}, {x0, 0}}}}}
	}
	first, second := strip("甲", 0, 40), strip("乙", 30, 60)
	further := func(s shape, by float64) shape {
		s.geom = s.geom.Clone()
		s.geom[0][0][3][1] += by
		return s
	}
	for i, order := range [][]shape{
		{first, second}, {second, further(first, 10)}, {further(first, 20), further(second, 20)}, {further(second, 30), further(first, 30)},
	} {
		p.layer("STBHHX", order...)
		got, _ := p.runAgain(s, false)
		want, _ := p.runAgain(s, true)
		if !bytes.Equal(got, want) {
			t.Errorf("order %d: %s", i, firstDifference(got, want))
		}
	}
}

func shifted(g orb.MultiPolygon, dx, dy float64) orb.MultiPolygon {
	out := g.Clone()
	for _, p := range out {
		for _, r := range p {
			for i := range r {
				r[i] = orb.Point{r[i][0] + dx, r[i][1] + dy}
			}
		}
	}
	return out
}
