package fields_test

import (
	"slices"
	"testing"

	"gengheng/internal/intake/fields"
)

// Ensure that a column is found under its standard name, its Chinese name and
// every alias, in any case and width, and that the standard name wins.
func TestBind(t *testing.T) {
	tests := []struct {
		name    string
		columns []string
		field   int
		want    int
		unit    string
	}{
		{"standard", []string{"BSM", "DLBM"}, fields.DLBM, 1, ""},
		{"lower case", []string{"bsm", "dlbm"}, fields.DLBM, 1, ""},
		{"二调 name", []string{"TKXS"}, fields.KCXS, 0, ""},
		{"二调 area", []string{"tkmj"}, fields.KCMJ, 0, ""},
		{"early 三调", []string{"GDZZSXDM"}, fields.ZZSXDM, 0, ""},
		{"planning", []string{"XZDLDM"}, fields.DLBM, 0, ""},
		{"extract", []string{"DLTBBH"}, fields.TBBH, 0, ""},
		{"width", []string{"XXTBKD"}, fields.XZDWKD, 0, ""},
		{"Chinese", []string{"图斑面积"}, fields.TBMJ, 0, ""},
		{"Chinese with unit", []string{" 图斑面积（㎡） "}, fields.TBMJ, 0, "㎡"},
		{"full width", []string{"ＤＬＢＭ"}, fields.DLBM, 0, ""},
		{"standard before alias", []string{"DLDM", "DLBM"}, fields.DLBM, 1, ""},
		{"absent", []string{"DLMC"}, fields.DLBM, -1, ""},
		{"no loose match", []string{"TBMJ2"}, fields.TBMJ, -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := fields.DLTB.Bind(tt.columns)
			if b.Column[tt.field] != tt.want || b.Unit[tt.field] != tt.unit {
				t.Errorf("column %d unit %q, want %d %q", b.Column[tt.field], b.Unit[tt.field], tt.want, tt.unit)
			}
		})
	}
}

// Ensure that what is missing, renamed and doubled is told.
func TestBindReports(t *testing.T) {
	b := fields.DLTB.Bind([]string{"BSM", "DLDM", "DLBM", "tbmj", "ZLDWDM", "TKXS"})
	var missing []string
	for _, f := range b.Missing {
		missing = append(missing, f.Name)
	}
	if !slices.Equal(missing, []string{"TBDLMJ"}) {
		t.Errorf("missing %v, want TBDLMJ", missing)
	}
	if !slices.Equal(b.Duplicate, [][2]string{{"DLDM", "DLBM"}}) {
		t.Errorf("duplicate %v", b.Duplicate)
	}
	if !slices.Equal(b.Renamed, [][2]string{{"TKXS", "KCXS"}}) {
		t.Errorf("renamed %v", b.Renamed)
	}
}

// Ensure that no two fields of a table share a name: a column must not have two
// meanings.
func TestNamesAreUnambiguous(t *testing.T) {
	for name, table := range map[string]fields.Table{"DLTB": fields.DLTB, "Declaration": fields.Declaration, "Ridge": fields.Ridge, "Layer": fields.Layer} {
		owner := map[string]string{}
		for _, f := range table {
			if f.Name == "" || f.Chinese == "" {
				t.Errorf("%s has a field without a name", name)
			}
			for _, n := range slices.Concat([]string{f.Name, f.Chinese}, f.Aliases) {
				n, _ = fields.Normalize(n)
				if owner[n] != "" && owner[n] != f.Name {
					t.Errorf("%s: %s means both %s and %s", name, n, owner[n], f.Name)
				}
				owner[n] = f.Name
			}
		}
	}
}

// Ensure that who misspelt a field is shown it first, and nothing far-fetched.
func TestNearest(t *testing.T) {
	f := fields.DLTB[fields.TBDLMJ]
	if got := f.Nearest([]string{"OBJECTID", "TBDMJ", "DLMC", "TBMJ"}); len(got) == 0 || got[0] != "TBDMJ" || slices.Contains(got, "OBJECTID") {
		t.Errorf("nearest %v", got)
	}
}

// Ensure that binding any header neither fails nor points outside.
func FuzzBind(f *testing.F) {
	for _, s := range []string{"DLBM", "申报面积（亩）", "()", "]", "(", "\ufeffBSM", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		b := fields.Declaration.Bind([]string{header})
		for _, c := range b.Column {
			if c != -1 && c != 0 {
				t.Fatalf("column %d", c)
			}
		}
	})
}
