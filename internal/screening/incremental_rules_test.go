package screening_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

// judgeBy registers a rulebook and makes it the county's.
func (c *county) judgeBy(book *rulebook.Rulebook) {
	c.t.Helper()
	c.exec(`INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING`, book.Hash, book.ID, book.Year, string(book.Document))
	c.exec(`UPDATE county SET rulebook = $2 WHERE county_code = $1`, code, book.Hash)
}

// document is a rulebook as YAML, to be edited.
type document struct{ root *yaml.Node }

func read(t testing.TB, text []byte) document {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	return document{n.Content[0]}
}

func (d document) parse() (*rulebook.Rulebook, error) {
	text, err := yaml.Marshal(d.root)
	if err != nil {
		return nil, err
	}
	return rulebook.Parse("edited.yaml", text)
}

func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// place is a node and the key under which it, or the list that it is in, stands.
type place struct {
	node *yaml.Node
	path string
}

// walk lists what lies below a node: its scalars or its lists.
func walk(n *yaml.Node, path string, kind yaml.Kind, out *[]place) {
	if n.Kind == kind {
		*out = append(*out, place{n, path})
	}
	for i, child := range n.Content {
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 0:
		case n.Kind == yaml.MappingNode:
			walk(child, path+"."+n.Content[i-1].Value, kind, out)
		default:
			walk(child, path+"["+strconv.Itoa(i)+"]", kind, out)
		}
	}
}

// kin lists the places whose keys have the same name.
func kin(root *yaml.Node, kind yaml.Kind, path string) []place {
	name := func(p string) string {
		p = p[strings.LastIndex(p, ".")+1:]
		name, _, _ := strings.Cut(p, "[")
		return name
	}
	var all []place
	walk(root, "", kind, &all)
	return slices.DeleteFunc(all, func(p place) bool { return name(p.path) != name(path) })
}

// sections are the parts of a rulebook that screening reads, some more often
// than others.
var sections = []string{"clauses", "clauses", "clauses", "clauses", "planning", "remainder", "min_remainder_m2", "placeholders", "purposes", "actors",
	"documents", "layers", "sources", "tolerance_defaults", "id"}

// section is a part of the document; of the clauses one that judges candidates.
func (d document) section(t *rapid.T) place {
	name := rapid.SampledFrom(sections).Draw(t, "section")
	n := value(d.root, name)
	if name != "clauses" || rapid.IntRange(0, 9).Draw(t, "all clauses") == 0 {
		return place{n, name}
	}
	var judging []place
	for i, c := range n.Content {
		if dir := value(c, "direction").Value; dir == "in" || dir == "out" {
			judging = append(judging, place{c, fmt.Sprintf("clauses[%d]", i)})
		}
	}
	return rapid.SampledFrom(judging).Draw(t, "clause")
}

// edit changes one thing in the document and says what; whether it is a rulebook
// still, [document.parse] tells.
func (d document) edit(t *rapid.T) string {
	if rapid.Bool().Draw(t, "what matters") {
		return d.turn(t)
	}
	s := d.section(t)
	if rapid.IntRange(0, 2).Draw(t, "list") == 0 {
		var lists []place
		walk(s.node, s.path, yaml.SequenceNode, &lists)
		if len(lists) > 0 {
			return d.editList(t, rapid.SampledFrom(lists).Draw(t, "list"))
		}
	}
	var leaves []place
	walk(s.node, s.path, yaml.ScalarNode, &leaves)
	return d.editLeaf(t, rapid.SampledFrom(leaves).Draw(t, "leaf"))
}

// turn changes one of the things that blind edits seldom hit and that much hangs
// on.
func (d document) turn(t *rapid.T) string {
	set := func(n *yaml.Node, values ...string) string {
		was := n.Value
		n.Value = rapid.SampledFrom(values).Draw(t, "to")
		return was + " → " + n.Value
	}
	slopes := value(d.clause("IN-01"), "checks").Content
	clauses := value(d.root, "clauses").Content
	switch what := rapid.SampledFrom([]string{"ridges", "tracks", "least", "remainder", "word", "order", "class", "steep", "fallback", "land", "near", "task", "check"}).Draw(t, "what"); what {
	case "ridges":
		return "default_gdlx " + set(value(value(d.root, "planning"), "default_gdlx"), "PD", "TT")
	case "tracks":
		return "track_width_m " + set(value(value(d.root, "planning"), "track_width_m"), "0", "3", "8", "20")
	case "least":
		return "min_remainder_m2 " + set(value(d.root, "min_remainder_m2"), "0", "100", "400", "3000")
	case "remainder":
		r := value(d.root, "remainder")
		return "remainder " + set(value(r, "min_width_m"), "0", "2", "10") + " " + set(value(r, "merge"), "true", "false") + " " + set(value(r, "sliver_m2"), "0", "10", "300")
	case "word":
		words := value(d.root, "placeholders").Content
		return "placeholder " + set(words[len(words)-1], "none", "备1", "退20251", "晋20251") + " " + set(words[0], "无", "没写")
	case "order":
		i, k := rapid.IntRange(0, len(clauses)-1).Draw(t, "clause"), rapid.IntRange(0, len(clauses)-1).Draw(t, "with")
		clauses[i], clauses[k] = clauses[k], clauses[i]
		return fmt.Sprintf("clauses %d and %d change places", i, k)
	case "class":
		return "IN-01 class " + set(value(value(slopes[0], "params"), "class"), "1", "2", "5")
	case "steep":
		return "IN-01 " + set(value(slopes[0], "severity"), "block", "warn") + " " + set(value(slopes[0], "finding"), "太陡", "过陡")
	case "land":
		classes := value(value(value(d.clause("IN-00"), "checks").Content[0], "where").Content[0], "in").Content
		i := slices.IndexFunc(classes, func(n *yaml.Node) bool { return n.Value == "0404" || n.Value == "1106" })
		if i < 0 {
			return "nothing"
		}
		return "IN-00 on " + set(classes[i], "0404", "1106")
	case "near":
		check := rapid.SampledFrom(value(d.clause("IN-P2"), "checks").Content).Draw(t, "check")
		return "IN-P2 within " + set(value(value(check, "params"), "within_m"), "0", "10", "50", "150")
	case "task":
		when := value(value(d.clause("OUT-03"), "checks").Content[0], "when").Content[0]
		return "OUT-03 for " + set(value(when, "in").Content[0], "生态退耕", "国土绿化", "草皮")
	case "fallback":
		return "IN-01 " + d.toggleFallback(slopes[0])
	}
	judging := slices.DeleteFunc(slices.Clone(clauses), func(c *yaml.Node) bool {
		return value(c, "direction").Value != "in" && value(c, "direction").Value != "out"
	})
	clause := rapid.SampledFrom(judging).Draw(t, "clause")
	check := rapid.SampledFrom(value(clause, "checks").Content).Draw(t, "check")
	if tolerance := value(check, "tolerance"); tolerance != nil && value(tolerance, "abs_m2") != nil && rapid.Bool().Draw(t, "tolerance") {
		return value(clause, "id").Value + " tolerance " + set(value(tolerance, "abs_m2"), "0", "1", "100", "2000")
	}
	return value(clause, "id").Value + " severity " + set(value(check, "severity"), "block", "warn")
}

func (d document) clause(id string) *yaml.Node {
	list := value(d.root, "clauses").Content
	return list[slices.IndexFunc(list, func(c *yaml.Node) bool { return value(c, "id").Value == id })]
}

// toggleFallback takes the DEM away from a slope check or gives it back.
func (d document) toggleFallback(check *yaml.Node) string {
	p := value(check, "params")
	for i := 0; i < len(p.Content); i += 2 {
		if p.Content[i].Value == "fallback" {
			p.Content = slices.Delete(p.Content, i, i+2)
			return "without the DEM"
		}
	}
	p.Content = append(p.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "fallback"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "DEM"})
	return "with the DEM"
}

func (d document) editLeaf(t *rapid.T, p place) string {
	was := p.node.Value
	f, err := strconv.ParseFloat(was, 64)
	switch {
	case p.node.Tag == "!!bool":
		p.node.Value = strconv.FormatBool(was != "true")
	case p.node.Tag == "!!float" || p.node.Tag == "!!int" && err == nil && !strings.Contains(p.path, "["+"]") && (was == "0" || was[0] != '0'):
		g := rapid.SampledFrom([]float64{0, f / 2, 2 * f, f + 1, 1, 10, 100 * f}).Draw(t, "number")
		p.node.Value = strconv.FormatFloat(g, 'f', -1, 64)
	case rapid.IntRange(0, 3).Draw(t, "word") == 0:
		p.node.Value += "改"
	default: // another value that such a key has somewhere
		p.node.Value = rapid.SampledFrom(kin(d.root, yaml.ScalarNode, p.path)).Draw(t, "value").node.Value
	}
	return fmt.Sprintf("%s: %s → %s", p.path, was, p.node.Value)
}

func (d document) editList(t *rapid.T, p place) string {
	n := p.node
	i := 0
	if len(n.Content) > 0 {
		i = rapid.IntRange(0, len(n.Content)-1).Draw(t, "item")
	}
	switch what := rapid.SampledFrom([]string{"drop", "swap", "copy"}).Draw(t, "what"); {
	case what == "drop" && len(n.Content) > 1:
		gone := n.Content[i]
		n.Content = slices.Delete(n.Content, i, i+1)
		if p.path == "clauses" {
			d.omit(value(gone, "id").Value)
		}
		return fmt.Sprintf("%s without %d", p.path, i)
	case what == "swap" && len(n.Content) > 1:
		k := rapid.IntRange(0, len(n.Content)-1).Draw(t, "with")
		n.Content[i], n.Content[k] = n.Content[k], n.Content[i]
		return fmt.Sprintf("%s: %d and %d change places", p.path, i, k)
	}
	from := rapid.SampledFrom(kin(d.root, yaml.SequenceNode, p.path)).Draw(t, "from")
	if len(from.node.Content) == 0 {
		return "nothing"
	}
	item := rapid.SampledFrom(from.node.Content).Draw(t, "copy")
	n.Content = slices.Insert(n.Content, i, item)
	return fmt.Sprintf("%s[%d] from %s", p.path, i, from.path)
}

// omit says why a clause is left out, as a rulebook must.
func (d document) omit(clause string) {
	var why yaml.Node
	_ = why.Encode([]map[string]string{{"clause": clause, "reason": "试"}})
	if n := value(d.root, "omits"); n != nil {
		n.Content = append(n.Content, why.Content[0])
		return
	}
	d.root.Content = append(d.root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "omits"}, &why)
}

// editRules changes the county's rulebook, or gives it back its first one.
func (p *patchwork) editRules(t *rapid.T) string {
	if rapid.IntRange(0, 7).Draw(t, "first rulebook") == 0 {
		p.book = p.first
		p.judgeBy(p.book)
		return "the first rulebook"
	}
	for range 30 {
		d := read(p.t, p.book.Document)
		what := d.edit(t)
		book, err := d.parse()
		if err != nil || book.Hash == p.book.Hash {
			continue // not every edit makes a rulebook
		}
		p.book = book
		p.judgeBy(book)
		return what
	}
	return "nothing"
}

// change edits a clause of the rulebook by its text, which must be there.
func (p *patchwork) change(clause, was, is string) {
	p.t.Helper()
	text := string(p.book.Document)
	at := 0
	if clause != "" {
		at = strings.Index(text, "- id: "+clause+"\n")
	}
	if at < 0 || !strings.Contains(text[at:], was) {
		p.t.Fatalf("clause %q has no %q", clause, was)
	}
	book, err := rulebook.Parse("edited.yaml", []byte(text[:at]+strings.Replace(text[at:], was, is, 1)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.book = book
	p.judgeBy(book)
}

// TestAnotherClauseTouchesFew: what a clause that has changed cannot touch is
// taken over.
func TestAnotherClauseTouchesFew(t *testing.T) {
	p := newPatchwork(t)
	s, err := screening.New(p.db, screening.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.layer("ZRBHD", shape{name: "保护区", geom: rect(0, 0, 110, 110)})
	p.runAgain(s, true)
	count := func(list []declared, is func(declared) bool) (n int) {
		for _, d := range list {
			if is(d) {
				n++
			}
		}
		return n
	}
	red := count(p.in, func(d declared) bool { return d.geom.Bound().Min[0] < 60 })
	reserve := count(p.in, func(d declared) bool { return d.geom.Bound().Min[0] < 110 && d.geom.Bound().Min[1] < 110 })
	for _, c := range []struct {
		name, clause, was, is string
		want                  int // -1: all of them, anew
	}{
		{"a comment", "", "format: gengheng-rulebook/1", "# 说明\nformat: gengheng-rulebook/1", 0},
		{"the title of a clause", "IN-03a", "title: 不得在", "title: 一律不得在", 0},
		{"the order of values", "OUT-00", "[0101, 0102, 0103]", "[0103, 0102, 0101]", 0},
		{"a weight of the plan", "", "in_cost_per_mu: 200", "in_cost_per_mu: 300", 0},
		{"a clause of the account", "BAL-2", "finding: 转进水田少于转出水田", "finding: 水田少了", 0},
		{"the red line's tolerance", "IN-03a", "{abs_m2: 1}", "{abs_m2: 5000}", red},
		{"its severity", "IN-03a", "severity: block", "severity: warn", red},
		{"its words", "IN-03a", "finding: 位于生态保护红线内", "finding: 在生态保护红线内", red},
		{"its layer's name", "", "name: 生态保护红线", "name: 红线", red},
		{"another layer is read", "IN-03b", "layer: ZRBHD", "layer: JBCY", reserve + 1},
		{"the name of a layer nothing lies on", "", "name: 沙化石漠化监测图斑", "name: 沙化图斑", 0},
		{"a class that no candidate lies on", "IN-00", "0404, 1104,", "0404, 1106, 1104,", 0},
		{"a purpose that one declares", "OUT-02", "in: [草皮]", "in: [景观]", 1},
		{"a limit for green belts", "OUT-04", "max_width_m: 5", "max_width_m: 4", 1},
		{"what is said of steep remainders", "IN-01", "finding: 按面积占优", "finding: 面积占优的", 4},
		{"what follows from less", "IN-08", "severity: block", "severity: warn", 3},
		{"placeholders", "", "placeholders: [无,", "placeholders: [没写,", 1},
		{"the smallest remainder", "", "min_remainder_m2: 400", "min_remainder_m2: 500", 5}, // the red line only warns by now
		{"the default for ridges", "", "default_gdlx: PD", "default_gdlx: TT", count(p.in, func(d declared) bool { return d.gdlx == "" })},
		{"a nearer ditch", "IN-P2", "{within_m: 50,", "{within_m: 1,", 1},
		{"whom the task exempts", "OUT-03", "in: [生态退耕]", "in: [国土绿化]", 1},
		{"a class that some lie on", "IN-00", "0404, 1106,", "1106,", count(p.in, func(d declared) bool { return d.base == "0404" })},
		{"what all that enter must be", "IN-00", "test: township\n        layer: XZQ", "test: surveyed\n        layer: DLTB", len(p.in)},
		{"what all that leave must be", "OUT-00", "test: township\n        layer: XZQ", "test: surveyed\n        layer: DLTB", -1}, // more than half
	} {
		p.change(c.clause, c.was, c.is)
		got, n := p.runAgain(s, false)
		if n != c.want {
			t.Errorf("%s: %d judged again, want %d", c.name, n, c.want)
		}
		if want, _ := p.runAgain(s, true); !bytes.Equal(got, want) {
			t.Errorf("%s: %s", c.name, firstDifference(got, want))
		}
	}
}

// BenchmarkAnotherClause screens 5,000 candidates of a county of 100,000 parcels
// again and again, by a rulebook in which one thing has changed and by the one
// before in turn.
func BenchmarkAnotherClause(b *testing.B) {
	c := large(b, 316, 5000)
	first, err := rulebook.Shanxi2025()
	if err != nil {
		b.Fatal(err)
	}
	s := screener(b, c, screening.Config{})
	c.lap(b, s)
	for _, change := range []struct{ name, clause, was, is string }{
		{"tolerance", "IN-03a", "tolerance: {abs_m2: 1}", "tolerance: {abs_m2: 100}"},
		{"layer", "IN-03b", "layer: ZRBHD", "layer: WBXM"},
		{"classes", "IN-00", "1202]", "1202, 1203]"},
		{"remainder", "", "min_remainder_m2: 400", "min_remainder_m2: 600"},
		{"tracks", "", "track_width_m: 8", "track_width_m: 6"},
		{"slope", "IN-01", "class: 5", "class: 4"},
	} {
		p := &patchwork{county: c, book: first}
		p.change(change.clause, change.was, change.is)
		books := []*rulebook.Rulebook{p.book, first}
		b.Run(change.name, func(b *testing.B) {
			var judged, spent float64
			for i := 0; b.Loop(); i++ {
				// a version of its own, or the run before the last would do as it is
				book, err := rulebook.Parse("edited.yaml", fmt.Appendf(nil, "%s\n# %s %d\n", books[i%2].Document, change.name, i))
				if err != nil {
					b.Fatal(err)
				}
				c.judgeBy(book)
				run, begin := c.queue(), processorTime()
				if err := s.Run(b.Context(), code, run, nil); err != nil {
					b.Fatal(err)
				}
				spent += processorTime() - begin
				var n int
				if err := c.db.Pool.QueryRow(b.Context(), `SELECT coalesce(rejudged, -1) FROM screening_run WHERE run_id = $1`, run).Scan(&n); err != nil {
					b.Fatal(err)
				}
				judged += float64(n)
			}
			b.ReportMetric(judged/float64(b.N), "rejudged")
			b.ReportMetric(spent/float64(b.N), "cpu-s/op")
			if b.N%2 == 1 { // the next begins from the first rulebook again
				c.judgeBy(first)
				if err := s.Run(b.Context(), code, c.queue(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
