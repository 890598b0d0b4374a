package rulebook_test

import (
	"fmt"
	"strings"
	"testing"

	"gengheng/internal/rulebook"
)

// TestCompare: what differs is what is said, not how it is written.
func TestCompare(t *testing.T) {
	old, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, was, is string
		want          string
	}{
		{"nothing", "", "", ""},
		{"a comment", "format: gengheng-rulebook/1", "# 说明\nformat: gengheng-rulebook/1", ""},
		{"order of values", "in: [0101, 0102, 0103]", "in: [0103, 0101, 0102]", ""},
		{"a pattern written out", "in: [1104, 1104A, 1104K]", `in: ["1104*"]`, ""},
		{"a default written out", "        severity: block\n        finding: 地块不在申报乡镇内", "        severity: block\n        tolerance: {abs_m2: 1}\n        finding: 地块不在申报乡镇内", ""},
		{"another default", "block: {abs_m2: 1}", "block: {abs_m2: 2}", "OUT-00[2 tolerance][3 tolerance][4 tolerance] OUT-02[1 tolerance][2 tolerance][3 tolerance] OUT-04[1 tolerance][2 tolerance] OUT-06[5 tolerance] IN-00[2 tolerance][4 tolerance] IN-01[1 tolerance] IN-08[1 tolerance] BAL-1[1 tolerance] BAL-2[1 tolerance] BAL-4[1 tolerance] BAL-5[1 tolerance] BAL-7[1 tolerance] PRC-3[1 tolerance] PRC-4[1 tolerance] PRC-5[1 tolerance]"},
		{"a title", "title: 不得在自然保护地内转进", "title: 自然保护地内不得转进", "IN-03b title"},
		{"a source", "title: 国务院办公厅关于坚决制止耕地“非农化”行为的通知", "title: 国务院办公厅的通知", "OUT-02 citation OUT-04 citation +sources"},
		{"a level", `where: [{field: level, in: ["一级*"]}]`, `where: [{field: level, in: ["一*"]}]`, "IN-03c[1 where]"},
		{"a document's name", "name: 林业审查意见文号", "name: 林草审查意见文号", "IN-05[1 names] +documents"},
		{"a layer's name", "name: 基本草原", "name: 草原", "IN-02c[1 names] +layers"},
		{"a layer that may be lacking", "    name: 基本草原\n", "    name: 基本草原\n    optional: true\n", "IN-02c[1 optional] +layers"},
		{"a list of words", "actors: [农户, ", "actors: [农民, 农户, ", "OUT-05[3 values] +actors"},
		{"a limit of photos", "photo_distance_m: 100", "photo_distance_m: 80", "+acceptance"},
		{"the width of tracks", "track_width_m: 8", "track_width_m: 6", "+planning.track_width_m"},
		{"a weight", "transfer_per_mu: 50", "transfer_per_mu: 60", "+planning"},
		{"a parameter", "params: {within_m: 10, weight: 0.4}", "params: {within_m: 20, weight: 0.4}", "IN-P2[1 params]"},
		{"whom it concerns", "when: [{field: actor, in: [工商企业]}]", "when: [{field: actor, in: [工商企业, 村集体]}]", "OUT-05[2 when]"},
		{"severity and tolerance", "        layer: YJJBNTTB\n        severity: block\n        tolerance: {abs_m2: 1}", "        layer: YJJBNTTB\n        severity: warn\n        tolerance: {abs_m2: 5}", "OUT-01[1 severity tolerance]"},
	} {
		now, err := rulebook.Parse("now.yaml", []byte(strings.Replace(string(old.Document), c.was, c.is, 1)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := said(rulebook.Compare(old, now)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestCompare_ClausesThatComeAndGo(t *testing.T) {
	old, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	text := string(old.Document)
	from, to := strings.Index(text, "  - id: IN-03b\n"), strings.Index(text, "  - id: IN-03c\n")
	clause := text[from:to]
	text = text[:from] + text[to:]
	less, err := rulebook.Parse("less.yaml", []byte(text+"omits: [{clause: IN-03b, reason: 本县没有}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := said(rulebook.Compare(old, less)); got != "IN-03b removed[1 removed]" {
		t.Error(got)
	}
	if got := said(rulebook.Compare(less, old)); got != "IN-03b added[1 added]" {
		t.Error(got)
	}
	from = strings.Index(text, "  - id: IN-02a\n")
	moved, err := rulebook.Parse("moved.yaml", []byte(text[:from]+clause+text[from:]))
	if err != nil {
		t.Fatal(err)
	}
	if got := said(rulebook.Compare(old, moved)); got != "+clauses" {
		t.Error(got)
	}
}

// said writes changes down in short.
func said(ch rulebook.Changes) string {
	var list []string
	for _, c := range ch.Clauses {
		s := strings.TrimSpace(c.ID + " " + words(c.What))
		for _, k := range c.Checks {
			s += fmt.Sprintf("[%d %s]", k.Number, words(k.What))
		}
		list = append(list, s)
	}
	for _, s := range ch.Settings {
		list = append(list, "+"+string(s))
	}
	return strings.Join(list, " ")
}

func words(list []rulebook.Aspect) string { return strings.Trim(fmt.Sprint(list), "[]") }
