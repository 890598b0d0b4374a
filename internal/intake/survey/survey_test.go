package survey_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/intake/survey"
)

func n(units int64) survey.Number { return survey.Number{Units: units, Valid: true} }

// dry is a sloping dry field without a fault: 1000.00 m², 12.5 % ridges.
func dry() survey.Parcel {
	return survey.Parcel{
		BSM: "149901100000000001", YSDM: "2001010100", TBBH: "1", DLBM: "0103", DLMC: "旱地", QSXZ: "30",
		QSDWDM: "1499011002010000000", ZLDWDM: "1499011002010000000",
		TBMJ: n(100000), KCDLBM: "1203", KCXS: n(1250), KCMJ: n(12500), TBDLMJ: n(87500),
		GDLX: "TT", GDPDJB: "3", ZZSXDM: "LS", ZZSXMC: "种植粮食作物", GDDB: n(9), FRDBS: "0", SJNF: n(2024), Area: 100002,
	}
}

// orchard is an orchard without a fault.
func orchard() survey.Parcel {
	p := dry()
	p.DLBM, p.DLMC, p.KCDLBM, p.KCXS, p.KCMJ, p.TBDLMJ = "0201", "果园", "", survey.Number{}, survey.Number{}, n(100000)
	p.GDLX, p.GDPDJB, p.ZZSXDM, p.ZZSXMC, p.GDDB = "", "", "JKHF", "即可恢复", survey.Number{}
	return p
}

func as(dlbm, dlmc string) func() survey.Parcel {
	return func() survey.Parcel {
		p := orchard()
		p.DLBM, p.DLMC, p.ZZSXDM, p.ZZSXMC = dlbm, dlmc, "", ""
		return p
	}
}

var context = survey.Context{County: "149901", Year: 2025, Townships: map[string]bool{"149901100": true}}

// Ensure that every rule finds exactly what breaks it.
func TestRules(t *testing.T) {
	tests := []struct {
		name  string
		base  func() survey.Parcel
		spoil func(*survey.Parcel)
		want  []string
	}{
		{"sound field", dry, func(*survey.Parcel) {}, nil},
		{"sound orchard", orchard, func(*survey.Parcel) {}, nil},
		{"sound flat field", dry, func(p *survey.Parcel) {
			p.GDPDJB, p.GDLX, p.KCDLBM, p.KCXS, p.KCMJ, p.TBDLMJ = "1", "", "", n(0), n(0), n(100000)
		}, nil},
		{"no class", as("", ""), func(*survey.Parcel) {}, []string{"S01a"}},
		{"unknown class", as("0199", ""), func(p *survey.Parcel) { p.DLBM = "9999" }, []string{"S01b"}},
		{"class name", orchard, func(p *survey.Parcel) { p.DLMC = "旱地" }, []string{"S01c"}},
		{"ownership", orchard, func(p *survey.Parcel) { p.QSXZ = "99" }, []string{"S02"}},
		{"short location", orchard, func(p *survey.Parcel) { p.ZLDWDM = "149901100201" }, []string{"S03a"}},
		{"short owner", orchard, func(p *survey.Parcel) { p.QSDWDM = "149901100201" }, []string{"S03b"}},
		{"other county", orchard, func(p *survey.Parcel) { p.ZLDWDM = "1499021002010000000" }, []string{"S03c"}},
		{"exclave", orchard, func(p *survey.Parcel) { p.ZLDWDM, p.FRDBS = "1499021002010000000", "1" }, nil},
		{"unknown township", orchard, func(p *survey.Parcel) { p.ZLDWDM = "1499011012010000000" }, []string{"S03d"}},
		{"deducted class", dry, func(p *survey.Parcel) { p.KCDLBM = "1202" }, []string{"S04"}},
		{"deduction on orchard", orchard, func(p *survey.Parcel) { p.KCDLBM = "1203" }, []string{"S04"}},
		{"coefficient 1", dry, func(p *survey.Parcel) { p.KCXS = n(10000) }, []string{"S05"}},
		{"coefficient as per cent", dry, func(p *survey.Parcel) { p.KCXS = n(125000) }, []string{"S05"}},
		{"coefficient on orchard", orchard, func(p *survey.Parcel) { p.KCXS, p.KCMJ, p.TBDLMJ = n(1250), n(12500), n(87500) }, []string{"S05"}},
		{"terrace on orchard", orchard, func(p *survey.Parcel) { p.GDLX = "TT" }, []string{"S06a"}},
		{"slope on orchard", orchard, func(p *survey.Parcel) { p.GDPDJB = "3" }, []string{"S06b"}},
		{"no slope", dry, func(p *survey.Parcel) { p.GDPDJB = "" }, []string{"S06c"}},
		{"slope 6", dry, func(p *survey.Parcel) { p.GDPDJB = "6" }, []string{"S06c"}},
		{"no planting", dry, func(p *survey.Parcel) { p.ZZSXDM, p.ZZSXMC = "", "" }, []string{"S06d"}},
		{"no terrace", dry, func(p *survey.Parcel) { p.GDLX = "" }, []string{"S07a"}},
		{"no coefficient", dry, func(p *survey.Parcel) { p.KCXS, p.KCMJ, p.TBDLMJ = survey.Number{}, n(0), n(100000) }, []string{"S07b"}},
		{"flat terrace", dry, func(p *survey.Parcel) { p.GDPDJB = "1" }, []string{"S07c"}},
		{"width of orchard", orchard, func(p *survey.Parcel) { p.XZDWKD = n(45) }, []string{"S08"}},
		{"width of road", as("1006", "农村道路"), func(p *survey.Parcel) { p.XZDWKD = n(45) }, nil},
		{"unknown refinement", dry, func(p *survey.Parcel) { p.TBXHDM = "XXXX" }, []string{"S09a"}},
		{"refinement of another class", orchard, func(p *survey.Parcel) { p.TBXHDM = "HDGD" }, []string{"S09a", "S11"}},
		{"refinement name", dry, func(p *survey.Parcel) { p.TBXHDM, p.TBXHMC = "HDGD", "湖区耕地" }, []string{"S09b"}},
		{"name without code", dry, func(p *survey.Parcel) { p.TBXHMC = "湖区耕地" }, []string{"S09b"}},
		{"unknown planting", dry, func(p *survey.Parcel) { p.ZZSXDM, p.ZZSXMC = "ZZ", "" }, []string{"S09c"}},
		{"planting of another class", orchard, func(p *survey.Parcel) { p.ZZSXDM, p.ZZSXMC = "LS", "" }, []string{"S09c"}},
		{"planting name", dry, func(p *survey.Parcel) { p.ZZSXMC = "休耕" }, []string{"S09d"}},
		{"recoverable field", dry, func(p *survey.Parcel) { p.ZZSXDM, p.ZZSXMC = "JKHF", "" }, []string{"S10"}},
		{"recoverable factory", as("0601", "工业用地"), func(p *survey.Parcel) { p.ZZSXDM = "GCHF" }, []string{"S10"}},
		{"unstable and fallow", dry, func(p *survey.Parcel) { p.TBXHDM, p.ZZSXDM, p.ZZSXMC = "HDGD", "XG", "" }, []string{"S11"}},
		{"forest orchard", orchard, func(p *survey.Parcel) { p.TBXHDM = "LQYD" }, []string{"S12"}},
		{"refined wood", as("0301", "乔木林地"), func(p *survey.Parcel) { p.TBXHDM = "GCCD" }, []string{"S09a", "S13"}},
		{"grass at once", as("0404", "其他草地"), func(p *survey.Parcel) { p.ZZSXDM = "JKHF" }, []string{"S14"}},
		{"built-up code", orchard, func(p *survey.Parcel) { p.CZCSXM = "299" }, []string{"S16a"}},
		{"sliver", orchard, func(p *survey.Parcel) { p.Area, p.TBMJ, p.TBDLMJ = 999, n(999), n(999) }, []string{"S17a"}},
		{"just no sliver", orchard, func(p *survey.Parcel) { p.Area, p.TBMJ, p.TBDLMJ = 1000, n(1000), n(1000) }, nil},
		{"no area", orchard, func(p *survey.Parcel) { p.TBMJ = survey.Number{} }, []string{"S18a"}},
		{"area off by 0.05", orchard, func(p *survey.Parcel) { p.Area = 100005 }, nil},
		{"area off by 0.06", orchard, func(p *survey.Parcel) { p.Area = 100006 }, []string{"S18b"}},
		{"plane area of 4 ha", orchard, func(p *survey.Parcel) {
			p.Area, p.TBMJ, p.TBDLMJ = 4000000, n(4000362), n(4000362)
		}, []string{"S18b"}},
		{"ridges off by 0.01", dry, func(p *survey.Parcel) { p.KCMJ, p.TBDLMJ = n(12501), n(87499) }, []string{"S19a"}},
		{"net off by 0.01", dry, func(p *survey.Parcel) { p.TBDLMJ = n(87501) }, []string{"S19b"}},
		{"no net", orchard, func(p *survey.Parcel) { p.TBDLMJ = survey.Number{} }, []string{"S19b"}},
		{"no key", orchard, func(p *survey.Parcel) { p.BSM = "" }, []string{"S20a"}},
		{"short key", orchard, func(p *survey.Parcel) { p.BSM = "1" }, []string{"S20b"}},
		{"grade 16", dry, func(p *survey.Parcel) { p.GDDB = n(16) }, []string{"S21"}},
		{"old year", orchard, func(p *survey.Parcel) { p.SJNF = n(2019) }, []string{"S22"}},
		{"exclave mark", orchard, func(p *survey.Parcel) { p.FRDBS = "2" }, []string{"S23"}},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.base()
			tt.spoil(&p)
			var got []string
			for _, f := range survey.Check(&p, &context) {
				got = append(got, f.Rule)
				covered[f.Rule] = true
				if f.ZH == "" || f.EN == "" || f.Fatal && f.Severity != survey.Error {
					t.Errorf("finding %+v", f)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	for _, r := range survey.Rules() {
		if !covered[r.ID] {
			t.Errorf("no test breaks rule %s", r.ID)
		}
	}
}

// Ensure that without the 行政区 layer no township is called unknown.
func TestTownshipsUnknown(t *testing.T) {
	p := orchard()
	p.ZLDWDM = "1499011012010000000"
	if f := survey.Check(&p, &survey.Context{County: "149901", Year: 2025}); len(f) != 0 {
		t.Errorf("found %v", f)
	}
}

// Ensure that ridges are rounded half up and exactly.
func TestKCMJOf(t *testing.T) {
	for _, tt := range []struct{ tbmj, kcxs, want int64 }{
		{100000, 1250, 12500}, {1, 5000, 1}, {1, 4999, 0}, {3, 1666, 0}, {100, 50, 1}, {100, 49, 0},
		{99999999999999, 9999, 99989999999999},
	} {
		if got := survey.KCMJOf(tt.tbmj, tt.kcxs); got != tt.want {
			t.Errorf("KCMJOf(%d, %d) = %d, want %d", tt.tbmj, tt.kcxs, got, tt.want)
		}
	}
}

// Ensure that the manual lists every rule with its field and severity.
func TestManualListsTheRules(t *testing.T) {
	text, err := os.ReadFile("../../../docs/intake.md")
	if err != nil {
		t.Fatal(err)
	}
	severities := map[survey.Severity]string{survey.Error: "错误", survey.Warning: "警告", survey.Notice: "提示"}
	for _, r := range survey.Rules() {
		field, severity := cmp.Or(r.Field, "图形"), severities[r.Severity]
		if r.Fatal {
			severity += "，拒收"
		}
		if line := fmt.Sprintf("| %s | %s | %s | %s |\n", r.ID, field, r.Title, severity); !strings.Contains(string(text), line) {
			t.Errorf("docs/intake.md lacks the line %s", line)
		}
	}
}
