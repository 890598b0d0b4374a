package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/geodata/geodatatest"
	"gengheng/internal/store/storetest"
)

// find gives the diagnosis of the thing whose name contains name.
func find(t *testing.T, all []diagnosis, name string) diagnosis {
	t.Helper()
	for _, d := range all {
		if strings.Contains(d.name, name) {
			return d
		}
	}
	t.Fatalf("nothing is said of %s: %v", name, all)
	return diagnosis{}
}

func TestDoctorFindsWhatIsThere(t *testing.T) {
	dir := filepath.Join(storetest.DataDir(t), "data")
	all := (&doctorCmd{DataDir: dir, GDALChild: geodatatest.Child(t)}).diagnose(t.Context())
	for _, d := range all {
		if d.health == missing {
			t.Errorf("%s: %s", d.name, d.detail)
		}
		if (d.health == healthy) != (d.mend == "") {
			t.Errorf("%s is %v and the advice is %q", d.name, d.health, d.mend)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the doctor made the data folder (%v)", err)
	}
}

func TestDoctorFindsWhatIsMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GENGHENG_PG_BIN", t.TempDir())
	tests := map[string]struct {
		cmd  doctorCmd
		name string
		want string
	}{
		"no PostgreSQL":            {doctorCmd{}, "PostGIS", "scripts/setup"},
		"no gengheng-gdal":         {doctorCmd{GDALChild: file}, "gengheng-gdal", "scripts/setup"},
		"a file as data folder":    {doctorCmd{DataDir: filepath.Join(file, "data")}, "data folder", "GENGHENG_DATA"},
		"a database not answering": {doctorCmd{DatabaseURL: "host=/nonexistent user=x dbname=x"}, "DATABASE_URL", "DATABASE_URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := find(t, tt.cmd.diagnose(t.Context()), tt.name)
			if d.health != missing || !strings.Contains(d.mend, tt.want) {
				t.Errorf("%v, advice %q; want missing, with advice on %s", d.health, d.mend, tt.want)
			}
		})
	}
}

func TestDoctorOnADatabase(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		want health
		mend string
	}{
		"migrated":     {storetest.New(t).ConnString(), healthy, ""},
		"not migrated": {storetest.Empty(t).ConnString(), advised, "gengheng migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			d := diagnoseDatabase(t.Context(), tt.url)
			if d.health != tt.want || d.mend != tt.mend {
				t.Errorf("%v, advice %q; want %v, %q (%s)", d.health, d.mend, tt.want, tt.mend, d.detail)
			}
		})
	}
}

func TestDoctorReport(t *testing.T) {
	var out strings.Builder
	printDiagnoses(&out, []diagnosis{
		{name: "PostgreSQL", detail: "15"},
		{name: "disk", health: advised, detail: "2 GiB free", mend: "make room"},
		{name: "GDAL", health: missing, detail: "none", mend: "scripts/setup"},
	})
	want := `[正常 ok     ] PostgreSQL: 15
[建议 advice ] disk: 2 GiB free
               → make room
[缺少 MISSING] GDAL: none
               → scripts/setup
缺少 1 项必需条件，按箭头所示处理后再试 · missing: 1; do what the arrows say, then try again
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}
