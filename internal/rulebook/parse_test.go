package rulebook_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/land"
	"gengheng/internal/rulebook"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func shanxi(t testing.TB) *rulebook.Rulebook {
	t.Helper()
	rb, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	return rb
}

// TestShanxi2025 shows the whole rulebook as it was understood, to be read
// against the plan.
func TestShanxi2025(t *testing.T) {
	got := describe(shanxi(t))
	path := filepath.Join("testdata", "shanxi-2025.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; see the change with -update and git diff", path)
	}
}

func describe(rb *rulebook.Rulebook) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %d\n\n图层\n", rb.ID, rb.Title, rb.Year)
	for _, l := range rb.Layers {
		fmt.Fprintf(&b, "%s %s [%s] %s %v optional=%v code=%v name=%v level=%v\n",
			l.Kind, l.Name, l.Owner, l.Form, l.Directions, l.Optional, l.Code, l.NameFields, l.Level)
	}
	for _, c := range rb.Clauses {
		fmt.Fprintf(&b, "\n%s [%s] %s\n", c.ID, c.Direction, c.Title)
		fmt.Fprintf(&b, "    依据 %s\n", rb.CitationText(c))
		for _, k := range c.Checks {
			fmt.Fprintf(&b, "  %d %s/%s %s where%v when%v tolerance%v %+v\n    %s / %s\n",
				k.Number, k.Severity, k.Test, k.Layer, k.Where, k.When, k.Tolerance, k.Params, k.Finding, k.FindingEnglish)
		}
	}
	fmt.Fprintf(&b, "\n权重 %+v\n", rb.Planning)
	return b.String()
}

// TestShanxi2025Clauses: every clause of the plan is there, none more.
func TestShanxi2025Clauses(t *testing.T) {
	want := rulebook.Catalogue
	if len(want) != 49 {
		t.Errorf("the catalogue has %d clauses", len(want))
	}
	rb := shanxi(t)
	var got []string
	for _, c := range rb.Clauses {
		got = append(got, c.ID)
		if found, ok := rb.Clause(c.ID); !ok || found.Title != c.Title {
			t.Errorf("Clause(%q) = %v, %v", c.ID, found, ok)
		}
		if rb.CitationText(c) == "" {
			t.Errorf("%s cites nothing", c.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("clauses are\n%v, want\n%v", got, want)
	}
	kinds := strings.Fields(`DLTB XZQ PDT DEM KCXS YJJBNTTB YJJBNTCBQ STBHHX ZRBHD YYSSYBHQ CZCDYD CZKFBJ HHGLFW LDYZT JBCY
		SHSMH TGHL STTGRW TRHJ GBZNT PZWJSTD YDXM WBXM GTKJGH CANDIDATE_IN CANDIDATE_OUT`)
	for _, kind := range kinds {
		if _, ok := rb.Layer(kind); !ok {
			t.Errorf("layer %s is missing", kind)
		}
	}
	if len(rb.Layers) != len(kinds) {
		t.Errorf("%d layers, want %d", len(rb.Layers), len(kinds))
	}
	if n := len(rb.ClausesFor(rulebook.Out)) + len(rb.ClausesFor(rulebook.In)) + len(rb.ClausesFor(rulebook.Balance)) + len(rb.ClausesFor(rulebook.Process)); n != len(want) {
		t.Errorf("%d clauses by direction, %d in all", n, len(want))
	}
}

// TestShanxi2025Sources: what IN-00 admits as a source agrees with the roles of
// the classes, and what it leaves to the rulebook is decided.
func TestShanxi2025Sources(t *testing.T) {
	c, _ := shanxi(t).Clause("IN-00")
	for _, class := range land.Classes() {
		admitted := c.Checks[0].Selects(func(string) string { return class.Code })
		switch {
		case class.InSource && !admitted:
			t.Errorf("%s %s is a source that IN-00 does not admit", class.Code, class.Name)
		case admitted && !class.InSource && !class.InSourceByRule:
			t.Errorf("IN-00 admits %s %s", class.Code, class.Name)
		case class.Code == "1103" && admitted:
			t.Error("IN-00 admits reservoirs")
		}
	}
	out, _ := shanxi(t).Clause("OUT-06")
	target := out.Checks[len(out.Checks)-1]
	for _, class := range land.Classes() {
		forbidden := target.AppliesTo(func(string) []string { return []string{class.Code} })
		if forbidden != (class.Group == land.Construction) {
			t.Errorf("OUT-06 forbids the target %s %s: %v", class.Code, class.Name, forbidden)
		}
	}
}

func TestHash(t *testing.T) {
	rb := shanxi(t)
	sum := sha256.Sum256(rb.Document)
	if want := hex.EncodeToString(sum[:])[:16]; rb.Hash != want || len(rb.Hash) != 16 {
		t.Errorf("hash %q, want %q", rb.Hash, want)
	}
	changed, err := rulebook.Parse("x", append(slices.Clone(rb.Document), "# a comment\n"...))
	if err != nil || changed.Hash == rb.Hash {
		t.Errorf("another text has the same version: %v", err)
	}
	again, err := rulebook.Parse("another-name.yaml", rb.Document)
	if err != nil || again.Hash != rb.Hash {
		t.Errorf("the same text has version %v, not %v: %v", again.Hash, rb.Hash, err)
	}
}

// TestCountyChanges: a county changes a tolerance and protects black soil, in
// YAML alone.
func TestCountyChanges(t *testing.T) {
	text := string(shanxi(t).Document)
	replace := func(old, replacement string) {
		t.Helper()
		if strings.Count(text, old) != 1 {
			t.Fatalf("%q stands %d times in the rulebook", old, strings.Count(text, old))
		}
		text = strings.Replace(text, old, replacement, 1)
	}
	replace("id: shanxi-2025", "id: example-2025")
	replace("  block: {abs_m2: 1}\n", "  block: {abs_m2: 0.5}\n")
	replace("  - kind: CANDIDATE_IN\n", `  - kind: HTD
    name: 黑土地
    english: black soil
    owner: 农业农村
    directions: [out]
    fields: {code: [HTBH], name: [HTMC], level: [HTDJ, DJ]}
  - kind: CANDIDATE_IN
`)
	replace("  - id: OUT-08\n", `      - test: overlap
        layer: HTD
        where: [{field: level, in: [一级, 二级]}]
        severity: block
        tolerance: {ratio: 0.02}
        finding: 位于黑土地保护范围内
        finding_en: lies on protected black soil

  - id: OUT-08
`)
	rb, err := rulebook.Parse("example.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := rb.Clause("OUT-07")
	k := c.Checks[1]
	want := rulebook.Tolerance{AbsM2: 0.5, Ratio: 0.02}
	if k.Layer != "HTD" || k.Number != 2 || k.Severity != rulebook.Block || k.Tolerance != want {
		t.Errorf("the new check is %+v", k)
	}
	if l, ok := rb.Layer("HTD"); !ok || l.Optional || !slices.Equal(l.Level, []string{"HTDJ", "DJ"}) {
		t.Errorf("the new layer is %+v", l)
	}
}

// Ensure that a document without limits of acceptance has those that the program
// had before, that what is left out keeps its default, and that the shipped one
// says the same.
func TestAcceptance(t *testing.T) {
	shipped, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped.Document)
	at := strings.Index(text, "\nacceptance: {") + 1
	if shipped.Acceptance != rulebook.DefaultAcceptance() || at == 0 {
		t.Fatalf("the shipped limits are %+v", shipped.Acceptance)
	}
	end := at + strings.Index(text[at:], "\n") + 1
	with := func(section string) (*rulebook.Rulebook, error) {
		return rulebook.Parse("m.yaml", []byte(text[:at]+section+text[end:]))
	}
	for section, want := range map[string]rulebook.Acceptance{
		"": {PhotoDistanceM: 100, PhotoBlurM: 10, PhotoAngleDeg: 45, AreaDeviationPercent: 5},
		"acceptance: {photo_distance_m: 50.5, area_deviation_percent: 2.5}\n": {PhotoDistanceM: 50.5, PhotoBlurM: 10, PhotoAngleDeg: 45, AreaDeviationPercent: 2.5},
		"acceptance: {photo_blur_m: 0, photo_angle_deg: 180}\n":               {PhotoDistanceM: 100, PhotoAngleDeg: 180, AreaDeviationPercent: 5},
	} {
		got, err := with(section)
		if err != nil {
			t.Errorf("%s: %v", section, err)
		} else if got.Acceptance != want {
			t.Errorf("%s: %+v, want %+v", section, got.Acceptance, want)
		}
	}
	for _, section := range []string{"{photo_angle_deg: 181}", "{area_deviation_percent: -1}", "{photo_distance_m: far}", "{photos: 3}"} {
		if _, err := with("acceptance: " + section + "\n"); err == nil {
			t.Errorf("%s is taken", section)
		}
	}
}

const minimalRules = `format: gengheng-rulebook/1
id: test-2025
title: 测试
english: test
jurisdiction: "14"
year: 2025
min_remainder_m2: 400
tolerance_defaults: {block: {abs_m2: 1}}
sources:
  - {id: S1, title: 依据}
documents:
  - {code: PZWH, name: 批准文号, english: approval}
purposes: [园地, 绿化带]
actors: [农户]
layers:
  - {kind: DLTB, name: 地类图斑, english: parcels, owner: 自然资源, directions: [in, out]}
  - {kind: YJJBNTTB, name: 永农, english: pbf, owner: 自然资源, directions: [out], fields: {name: [MC]}}
  - {kind: DEM, name: 高程, english: dem, owner: 自然资源, directions: [in], form: raster}
clauses:
  - id: OUT-01
    direction: out
    title: 永农不得转出
    english: pbf
    citation: [S1]
    checks:
      - test: overlap
        layer: YJJBNTTB
        severity: block
        finding: 占用
        finding_en: overlap
  - id: OUT-P1
    direction: out
    title: 小的优先
    english: small first
    citation: [S1]
    checks:
      - {test: score_size, severity: score, finding: 规模, finding_en: size, params: {full_m2: 1000}}
planning:
  in_cost_per_mu: 1
  refusal_per_mu: 1
  perimeter_per_m: 1
  transfer_per_mu: 1
  shortfall_per_mu: 1
  track_width_m: 8
  min_patch_m2: 400
  default_gdlx: PD
  enforced: [area]
  priorities: {OUT-P1: 10}
omits:
`

// minimal is a small valid document; the lines of the malformed ones refer to it.
var minimal = minimalRules + omitting("OUT-01", "OUT-P1")

// omitting leaves out every clause but some, on lines of their own.
func omitting(but ...string) string {
	text := ""
	for _, id := range rulebook.Catalogue {
		if !slices.Contains(but, id) {
			text += "  - {clause: " + id + ", reason: 测试不用}\n"
		}
	}
	return text
}

func TestMinimal(t *testing.T) {
	rb, err := rulebook.Parse("m.yaml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := rb.Clause("OUT-01")
	if c.Line != 20 || c.Checks[0].Line != 26 || c.Checks[0].Tolerance.AbsM2 != 1 {
		t.Errorf("%+v", c)
	}
	if rb.Planning.Priority("OUT-P1") != 10 || rb.Planning.Priority("OUT-01") != 0 ||
		!rb.Planning.Enforces(rulebook.MeasureArea) || rb.Planning.Enforces(rulebook.MeasurePaddy) {
		t.Errorf("%+v", rb.Planning)
	}
	if rb.DocumentName("PZWH") != "批准文号" || rb.DocumentName("XXXX") != "XXXX" {
		t.Error("document names")
	}
}

// TestMalformed: one mistake each, and exactly what is said of it.
func TestMalformed(t *testing.T) {
	const overlap = "      - test: overlap\n        layer: YJJBNTTB\n        severity: block\n"
	check := func(text string) (string, string) { return overlap, text }
	for _, c := range malformed(check, overlap) {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(minimal, c.old) != 1 {
				t.Fatalf("%q stands %d times in the minimal document", c.old, strings.Count(minimal, c.old))
			}
			_, err := rulebook.Parse("m.yaml", []byte(strings.Replace(minimal, c.old, c.new, 1)))
			if err == nil {
				t.Fatalf("accepted; want\n%s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("error is\n%s\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestNotADocument(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "m.yaml: 规则库文件是空的 / the rulebook is empty"},
		{"comments only", "# nothing\n", "m.yaml: 规则库文件是空的 / the rulebook is empty"},
		{"a list", "- a\n- b\n", "m.yaml:1: 规则库 rulebook应为键值对 / 规则库 rulebook must be a mapping"},
		{"syntax, from where the list begins", "a: [1\nb: 2\n", "m.yaml:1: 不是有效的 YAML：did not find expected ',' or ']' / not valid YAML: did not find expected ',' or ']'"},
		{"two documents", minimal + "---\na: 1\n", "m.yaml:97: 只能有一个 YAML 文档 / there must be one YAML document only"},
		{"anchor", "a: &x 1\nb: *x\n", "m.yaml:1: 不支持锚点和别名（& *） / anchors and aliases (& *) are not supported"},
		{"too large", strings.Repeat("#", 1<<20+1), "m.yaml: 规则库文件超过 1048576 字节 / the rulebook is larger than 1048576 bytes"},
	} {
		_, err := rulebook.Parse("m.yaml", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error is\n%v\nwant\n%s", c.name, err, c.want)
		}
	}
}

// TestAllProblems: a document with several mistakes names them all, in order.
func TestAllProblems(t *testing.T) {
	text := strings.NewReplacer("year: 2025", "year: twenty", "layer: YJJBNTTB", "layer: YJJBNT", "PD\n", "XX\n").Replace(minimal)
	_, err := rulebook.Parse("m.yaml", []byte(text))
	var problems rulebook.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if !slices.Equal(lines, []int{6, 27, 46}) {
		t.Errorf("problems on lines %v, want 6, 27, 46:\n%v", lines, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add(shanxi(f).Document)
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("format: gengheng-rulebook/1\nclauses: [{checks: [{test: slope, params: {class: 9e99}}]}]\n"))
	f.Add([]byte("? {a: b}\n: c\n<<: {x: y}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rb, err := rulebook.Parse("f.yaml", data)
		if (rb == nil) == (err == nil) {
			t.Fatalf("rulebook %v with error %v", rb != nil, err)
		}
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "f.yaml:") {
					t.Fatalf("a problem without its place: %q", line)
				}
			}
			return
		}
		again, err := rulebook.Parse("f.yaml", rb.Document)
		if err != nil || describe(again) != describe(rb) || again.Hash != rb.Hash {
			t.Fatalf("the same document is understood in two ways: %v", err)
		}
		for _, c := range rb.Clauses {
			for _, k := range c.Checks {
				if k.Params == nil {
					t.Fatalf("%s check %d has no parameters", c.ID, k.Number)
				}
			}
		}
	})
}

// TestCatalogue: a clause that a document lacks is refused by name, unless the
// document says why it does without.
func TestCatalogue(t *testing.T) {
	text := string(shanxi(t).Document)
	from := strings.Index(text, "  - id: IN-03a\n")
	to := strings.Index(text, "  - id: IN-03b\n")
	without := text[:from] + text[to:]
	_, err := rulebook.Parse("m.yaml", []byte(without))
	if err == nil || !strings.HasPrefix(err.Error(), "m.yaml: 缺少条款 IN-03a：请补上，或在 omits 中说明不用的理由 / the clauses IN-03a are lacking") {
		t.Errorf("a rulebook without IN-03a: %v", err)
	}
	rb, err := rulebook.Parse("m.yaml", []byte(without+"omits:\n  - {clause: IN-03a, reason: 全县没有生态保护红线}\n"))
	if err != nil || len(rb.Omits) != 1 || rb.Omits[0] != (rulebook.Omission{Clause: "IN-03a", Reason: "全县没有生态保护红线"}) {
		t.Errorf("omitted with a reason: %v", err)
	}
	for _, c := range []struct{ omits, want string }{
		{"omits:\n  - {clause: IN-03b, reason: 试}\n", "已在规则库中"},
		{"omits:\n  - {clause: IN-03z, reason: 试}\n", "条款目录中没有"},
		{"omits:\n  - {clause: IN-03a}\n", "reason"},
	} {
		if _, err := rulebook.Parse("m.yaml", []byte(text+c.omits)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.omits, err)
		}
	}
}

// TestTargets: every land class is either a target that OUT admits or one that a
// check forbids; and of 转进 only cultivated land is a target.
func TestTargets(t *testing.T) {
	rb := shanxi(t)
	forbids := func(ids []string, class, purpose string) bool {
		for _, id := range ids {
			c, _ := rb.Clause(id)
			for _, k := range c.Checks {
				asks := slices.ContainsFunc(k.When, func(w rulebook.Condition) bool { return w.Field == "target_dlbm" })
				if k.Test == rulebook.TestTarget && k.Severity == rulebook.Block && asks && k.AppliesTo(func(field string) []string {
					return []string{map[string]string{"target_dlbm": class, "purpose": purpose}[field]}
				}) {
					return true
				}
			}
		}
		return false
	}
	for _, class := range land.Classes() {
		if got := forbids([]string{"OUT-00", "OUT-02", "OUT-06"}, class.Code, "园地"); got == class.OutTarget {
			t.Errorf("OUT forbids the target %s %s: %v", class.Code, class.Name, got)
		}
		if got := forbids([]string{"IN-00"}, class.Code, ""); got == class.Cultivated {
			t.Errorf("IN-00 forbids the target %s %s: %v", class.Code, class.Name, got)
		}
	}
	if forbids([]string{"OUT-00", "OUT-06"}, "0304", "生态退耕") {
		t.Error("land returned to wetland by the state's task is forbidden")
	}
}
