package land_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/land"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
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
		t.Errorf("%s differs; see the change with -update and git diff:\n%s", path, got)
	}
}

// TestCodeTables shows every table with its roles, to be read against the
// standard.
func TestCodeTables(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, "DLBM 地类")
	for _, c := range land.Classes() {
		var roles []string
		for _, r := range []struct {
			name string
			has  bool
		}{
			{"耕地", c.Cultivated}, {"湿地", c.Wetland}, {"水域", c.Water}, {"农业设施建设用地", c.Facility},
			{"转进来源", c.InSource}, {"转进来源待定", c.InSourceByRule}, {"转出去向", c.OutTarget},
			{"可调整", c.Adjustable}, {"线状", c.Linear},
		} {
			if r.has {
				roles = append(roles, r.name)
			}
		}
		line := fmt.Sprintf("%-6s %s  [%s %s] %s  %s", c.Code, c.Name, c.Level1, c.Level1Name, c.Group, strings.Join(roles, " "))
		fmt.Fprintln(&b, strings.TrimSpace(line))
	}
	onClasses := func(allowed func(code, dlbm string) bool, code string) string {
		var on []string
		for _, c := range land.Classes() {
			if allowed(code, c.Code) {
				on = append(on, c.Code)
			}
		}
		return strings.Join(on, " ")
	}
	fmt.Fprintln(&b, "\nTBXHDM 图斑细化")
	for _, c := range land.Refinements() {
		unstable := ""
		if land.IsUnstableRefinement(c.Code) {
			unstable = "  不稳定利用耕地"
		}
		fmt.Fprintf(&b, "%-6s %s  %s%s\n", c.Code, c.Name, onClasses(land.RefinementAllowed, c.Code), unstable)
	}
	fmt.Fprintln(&b, "\nZZSXDM 种植属性")
	for _, c := range land.Plantings() {
		fmt.Fprintf(&b, "%-6s %s  %s\n", c.Code, c.Name, onClasses(land.PlantingAllowed, c.Code))
	}
	for _, table := range []struct {
		name string
		list []land.Code
	}{{"CZCSXM 城镇村属性", land.BuiltUpCodes()}, {"GDLX 耕地类型", land.SlopeTypes()}, {"QSXZ 权属性质", land.Ownerships()}} {
		fmt.Fprintln(&b, "\n"+table.name)
		for _, c := range table.list {
			fmt.Fprintf(&b, "%-6s %s\n", c.Code, c.Name)
		}
	}
	golden(t, "codes.txt", b.String())
}

func TestTablesAreSorted(t *testing.T) {
	var list []string
	for _, c := range land.Classes() {
		list = append(list, c.Code)
		if got, ok := land.ClassOf(c.Code); !ok || got != c {
			t.Errorf("ClassOf(%q) = %v, %v", c.Code, got, ok)
		}
		if c.Level1Name == "" {
			t.Errorf("%s has no first-level name", c.Code)
		}
		if c.Adjustable {
			if base, ok := land.ClassOf(c.Base); !ok || base.Adjustable || base.Group != c.Group {
				t.Errorf("%s has base %v", c.Code, base)
			}
		}
		if c.Cultivated && (c.InSource || c.OutTarget) || c.Group == land.Construction && (c.InSource || c.OutTarget || c.InSourceByRule) {
			t.Errorf("%s cannot take part in the balance that way", c.Code)
		}
	}
	for _, table := range [][]land.Code{land.Refinements(), land.Plantings(), land.BuiltUpCodes(), land.SlopeTypes(), land.Ownerships()} {
		var codes []string
		for _, c := range table {
			codes = append(codes, c.Code)
		}
		if !slices.IsSorted(codes) {
			t.Errorf("not in order: %v", codes)
		}
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Errorf("classes are not in order, or twice: %v", list)
	}
	land.Classes()[0].Name = "changed"
	if c, _ := land.ClassOf("0101"); c.Name != "水田" {
		t.Error("a caller can change the table")
	}
}

func TestCodeLookups(t *testing.T) {
	for _, unknown := range []string{"", "0104", "01", "101", "0101K", "0305K", "1104B", "0101 ", "dlbm"} {
		if c, ok := land.ClassOf(unknown); ok {
			t.Errorf("%q is known as %v", unknown, c)
		}
		if land.IsCultivated(unknown) {
			t.Errorf("%q is cultivated", unknown)
		}
	}
	for code, want := range map[string]string{"HDGD": "河道耕地", "SHGD": "沙荒耕地", "LQYD": "林区园地"} {
		if got, ok := land.RefinementName(code); !ok || got != want {
			t.Errorf("TBXHDM %s is %q", code, got)
		}
	}
	if got, ok := land.OwnershipName("30"); !ok || got != "集体土地所有权" {
		t.Errorf("QSXZ 30 is %q", got)
	}
	if _, ok := land.BuiltUpName("206"); ok {
		t.Error("CZCSXM 206 is known")
	}
	if name, ok := land.PlantingName("JKHF"); !ok || name != "即可恢复" {
		t.Errorf("ZZSXDM JKHF is %q", name)
	}
	if name, ok := land.SlopeTypeName("TT"); !ok || name != "梯田" {
		t.Errorf("GDLX TT is %q", name)
	}
	for _, c := range []struct {
		slope    land.SlopeClass
		tbxhdm   string
		unstable bool
	}{{5, "", true}, {4, "", false}, {1, "HDGD", true}, {1, "LQYD", false}, {0, "", false}, {2, "SMGD", true}} {
		if got := land.IsUnstable(c.slope, c.tbxhdm); got != c.unstable {
			t.Errorf("unstable(%v, %q) = %v", c.slope, c.tbxhdm, got)
		}
	}
}

func TestSlopeClass(t *testing.T) {
	for _, c := range []struct {
		degrees float64
		want    land.SlopeClass
	}{
		{0, 1}, {2, 1}, {math.Nextafter(2, 3), 2}, {6, 2}, {6.0001, 3}, {15, 3}, {15.1, 4},
		{25, 4}, {math.Nextafter(25, 26), 5}, {90, 5}, {-0.1, 0}, {90.1, 0}, {math.NaN(), 0}, {math.Inf(1), 0},
	} {
		if got := land.SlopeClassOf(c.degrees); got != c.want {
			t.Errorf("%v° is class %d, want %d", c.degrees, got, c.want)
		}
	}
	for class := land.SlopeClass(1); class <= 5; class++ {
		back, err := land.ParseSlopeClass(class.String())
		if err != nil || back != class {
			t.Errorf("class %d is written %q and read %v, %v", class, class, back, err)
		}
		over, upTo := class.Interval()
		if land.SlopeClassOf(upTo) != class || over > 0 && land.SlopeClassOf(over) != class-1 {
			t.Errorf("class %d spans (%v, %v]", class, over, upTo)
		}
	}
	for _, bad := range []string{"", "0", "6", "01", "1 ", "Ⅰ", "-1"} {
		if c, err := land.ParseSlopeClass(bad); err == nil {
			t.Errorf("slope class %q is read as %v", bad, c)
		}
	}
	if land.SlopeClass(0).String() != "" || land.SlopeClass(0).Valid() || land.SlopeClass(6).Valid() {
		t.Error("a class that is none must be empty and not valid")
	}
}

func TestAdminCode(t *testing.T) {
	for _, c := range []struct {
		code                      string
		level                     land.AdminLevel
		county, township, village land.AdminCode
	}{
		{"141024", land.County, "141024", "", ""},
		{"141024100", land.Township, "141024", "141024100", ""},
		{"141024100234", land.Village, "141024", "141024100", "141024100234"},
		{"1410241002340000000", land.Unit, "141024", "141024100", "141024100234"},
		{"149901", land.County, "149901", "", ""},
		{"441900", land.County, "441900", "", ""}, // 东莞, a city without counties
	} {
		got, err := land.ParseAdminCode(c.code)
		if err != nil || got.Level() != c.level || got.County() != c.county || got.Township() != c.township || got.Village() != c.village {
			t.Errorf("%s: %v, level %v, %v, %v, %v, %v", c.code, got, got.Level(), got.County(), got.Township(), got.Village(), err)
		}
		if _, err := land.ParseAdminCodeAt(c.code, c.level); err != nil {
			t.Error(err)
		}
		for _, other := range []land.AdminLevel{land.County, land.Township, land.Village, land.Unit} {
			if _, err := land.ParseAdminCodeAt(c.code, other); (err == nil) != (other == c.level) {
				t.Errorf("%s at level %d: %v", c.code, other, err)
			}
		}
	}
	for _, bad := range []string{"", "14", "1410", "14102", "1410241", "14102a", "140000", "990101", "001024", "１４１０２４", "14102410023400000000", "141024 00"} {
		if c, err := land.ParseAdminCode(bad); err == nil {
			t.Errorf("%q is read as %v", bad, c)
		}
	}
}

func FuzzParseAdminCode(f *testing.F) {
	for _, s := range []string{"141024", "141024100", "141024100234", "1410241002340000000", "14102４", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := land.ParseAdminCode(s)
		if err != nil {
			return
		}
		if string(c) != s || !strings.HasPrefix(s, string(c.County())) || len(c.County()) != 6 {
			t.Fatalf("%q is read as %q of county %q", s, c, c.County())
		}
	})
}
