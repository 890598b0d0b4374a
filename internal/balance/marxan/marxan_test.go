package marxan_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/balance"
	"gengheng/internal/balance/marxan"
)

// row is a case small enough to be solved by hand: four units in a row. Without
// feature 9 the best reserve is {4} at 10 + 2·1 = 12, with it {3, 4} at
// 11 + 2·1 = 13, and with unit 4 locked out {1, 2, 3} at 12 + 2·(1 + 1) = 16.
func row() map[string]string {
	return map[string]string{
		"input.dat":   "Input file for Marxan\n\nBLM 2\nINPUTDIR input\nPUNAME pu.dat\nSPECNAME spec.dat\nPUVSPRNAME puvspr.dat\nBOUNDNAME bound.dat\nNUMREPS 100\n",
		"pu.dat":      "id,cost,status\n1,10,0\n2,1,0\n3,1,1\n4,10,0\n",
		"spec.dat":    "id,target,spf,name\n7,2,1,bird\n",
		"puvspr.dat":  "species,pu,amount\n7,1,1\n7,2,1\n7,4,2\n",
		"bound.dat":   "id1,id2,boundary\n1,1,1\n1,2,1\n2,3,1\n3,4,1\n",
		"output/none": "",
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if name != "input.dat" && !strings.Contains(name, "/") && strings.Contains(files["input.dat"], "INPUTDIR input") {
			name = "input/" + name
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func optimum(t *testing.T, files map[string]string, opt marxan.Options) (float64, string, []string) {
	t.Helper()
	p, notices, err := marxan.Read(write(t, files), opt)
	if err != nil {
		t.Fatal(err)
	}
	s, err := balance.Solve(context.Background(), p, balance.Options{Gap: -1})
	if err != nil || s.Status != balance.Optimal {
		t.Fatalf("%v %v", s.Status, err)
	}
	chosen := ""
	for u, in := range s.Selected {
		if in {
			chosen += p.Units[u].ID
		}
	}
	return *s.Objective, chosen, notices
}

func with(change map[string]string) map[string]string {
	files := row()
	maps.Copy(files, change)
	return files
}

// Ensure cases that were solved by hand come out as by hand, whatever way their
// files are written.
func TestReadSolvesKnownCases(t *testing.T) {
	t.Parallel()
	blm := func(v float64) marxan.Options { return marxan.Options{BLM: &v} }
	both := map[string]string{
		"spec.dat":   "id,prop,target,name\n7,0,2,bird\n9,0.5,0,\"frog, green\"\n",
		"puvspr.dat": "species,pu,amount\n7,1,1\n7,2,1\n7,4,2\n9,3,4\n9,1,2\n",
	}
	for name, c := range map[string]struct {
		files  map[string]string
		opt    marxan.Options
		want   float64
		chosen string
	}{
		"target":              {row(), marxan.Options{}, 12, "4"},
		"prop":                {with(both), marxan.Options{}, 13, "34"},
		"no borders":          {with(both), blm(0), 11, "34"},
		"heavier borders":     {with(both), blm(3), 14, "34"},
		"locked out":          {with(map[string]string{"spec.dat": both["spec.dat"], "puvspr.dat": both["puvspr.dat"], "pu.dat": "id,cost,status\n1,10,0\n2,1,0\n3,1,0\n4,10,3\n"}), marxan.Options{}, 16, "123"},
		"locked in":           {with(map[string]string{"pu.dat": "id,cost,status\n1,10,2\n2,1,0\n3,1,0\n4,10,0\n"}), marxan.Options{}, 15, "12"},
		"tabs, order, case":   {with(map[string]string{"pu.dat": "Status\tCOST\txloc\tId\r\n0\t10\t1.5\t1\r\n0\t1\t1\t2\r\n0\t1\t1\t3\r\n0\t10\t1\t4\r\n"}), marxan.Options{}, 12, "4"},
		"blanks, R's numbers": {with(map[string]string{"pu.dat": "\"id\" \"cost\"  \"status\"\n1 1e+01 0\n2 1 0\n3 1 0\n4e+00 10 0\n\n"}), marxan.Options{}, 12, "4"},
		"matrix":              {with(map[string]string{"puvspr.dat": "pu,7\n1,1\n2,1\n3,\n4,2\n"}), marxan.Options{}, 12, "4"},
		"occurrences":         {with(map[string]string{"spec.dat": "id,target,targetocc\n7,0,2\n"}), marxan.Options{}, 14, "234"},
		"no bound.dat named":  {with(map[string]string{"input.dat": "BLM 2\nINPUTDIR C:\\somebody\\input\\\nPUNAME pu.dat\n"}), marxan.Options{}, 10, "4"},
		"no status":           {with(map[string]string{"pu.dat": "id;cost\n1;10\n2;1\n3;1\n4;10\n"}), marxan.Options{}, 12, "4"},
		"spaces in a name":    {with(map[string]string{"spec.dat": "id target name\n7 2 a green frog\n"}), marxan.Options{}, 12, "4"},
		// Paid where id1 is in and id2 is not: 3–4 costs {4} nothing.
		"asymmetric": {with(map[string]string{"input.dat": row()["input.dat"] + "ASYMMETRICCONNECTIVITY 1\n"}), marxan.Options{}, 10, "4"},
	} {
		if name == "no bound.dat named" {
			delete(c.files, "bound.dat")
			for _, f := range []string{"pu.dat", "spec.dat", "puvspr.dat"} {
				c.files["input/"+f] = c.files[f]
				delete(c.files, f)
			}
		}
		got, chosen, _ := optimum(t, c.files, c.opt)
		if math.Abs(got-c.want) > 1e-9 || chosen != c.chosen {
			t.Errorf("%s: %g {%s}, want %g {%s}", name, got, chosen, c.want, c.chosen)
		}
	}
}

// Ensure what the problem has no place for is named.
func TestReadGivesNotices(t *testing.T) {
	t.Parallel()
	files := with(map[string]string{
		"input.dat": strings.Replace(row()["input.dat"], "BLM 2\n", "COSTTHRESH 500\n", 1),
		"spec.dat":  "id,target,spf,sepnum,sepdistance,target2\n7,2,1,3,100,0\n",
		"bound.dat": "id1,id2,boundary\n1,2,1\n2,1,1\n",
	})
	_, notices, err := marxan.Read(write(t, files), marxan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(notices, "\n")
	for _, want := range []string{"status 1", "spf", "sepnum", "sepdistance", "COSTTHRESH", "no BLM", "add up"} {
		if !strings.Contains(all, want) {
			t.Errorf("no notice of %s in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "target2") {
		t.Errorf("a notice of a target2 of 0:\n%s", all)
	}
}

// Ensure malformed folders are refused by file and line.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change map[string]string
		file   string
		line   int
	}{
		"twice a unit":      {map[string]string{"pu.dat": "id,cost\n1,1\n1,2\n"}, "pu.dat", 3},
		"status 4":          {map[string]string{"pu.dat": "id,cost,status\n1,1,4\n"}, "pu.dat", 2},
		"cost of letters":   {map[string]string{"pu.dat": "id,cost\n1,ten\n"}, "pu.dat", 2},
		"NaN":               {map[string]string{"pu.dat": "id,cost\n1,NaN\n"}, "pu.dat", 2},
		"half an id":        {map[string]string{"pu.dat": "id,cost\n1.5,1\n"}, "pu.dat", 2},
		"no id":             {map[string]string{"pu.dat": "cost\n1\n"}, "pu.dat", 1},
		"empty":             {map[string]string{"pu.dat": ""}, "pu.dat", 0},
		"columns":           {map[string]string{"pu.dat": "id,cost\n1,2,3\n"}, "pu.dat", 2},
		"open quotation":    {map[string]string{"spec.dat": "id,target,name\n7,2,\"x\n"}, "spec.dat", 2},
		"unknown unit":      {map[string]string{"puvspr.dat": "species,pu,amount\n7,8,1\n"}, "puvspr.dat", 2},
		"unknown feature":   {map[string]string{"puvspr.dat": "species,pu,amount\n7,1,1\n8,1,1\n"}, "puvspr.dat", 3},
		"twice an amount":   {map[string]string{"puvspr.dat": "species,pu,amount\n7,1,1\n7,1,1\n"}, "puvspr.dat", 3},
		"negative amount":   {map[string]string{"puvspr.dat": "species,pu,amount\n7,1,-1\n"}, "puvspr.dat", 2},
		"prop 30":           {map[string]string{"spec.dat": "id,prop\n7,30\n"}, "spec.dat", 2},
		"block target":      {map[string]string{"spec.dat": "id,target\n7,-1\n"}, "spec.dat", 2},
		"no target":         {map[string]string{"spec.dat": "id,name\n7,bird\n"}, "spec.dat", 1},
		"negative boundary": {map[string]string{"bound.dat": "id1,id2,boundary\n1,2,-1\n"}, "bound.dat", 2},
		"stranger boundary": {map[string]string{"bound.dat": "id1,id2,boundary\n1,9,1\n"}, "bound.dat", 2},
		"BLM":               {map[string]string{"input.dat": "INPUTDIR input\nBLM -1\n"}, "input.dat", 2},
		"two BLM":           {map[string]string{"input.dat": "INPUTDIR input\nBLM 1\nBLM 2\n"}, "input.dat", 3},
		"missing":           {map[string]string{"input.dat": "INPUTDIR input\nSPECNAME features.dat\n"}, "features.dat", 0},
	} {
		_, _, err := marxan.Read(write(t, with(c.change)), marxan.Options{})
		var input *balance.InputError
		if !errors.As(err, &input) || input.File != c.file || input.Line != c.line {
			t.Errorf("%s: %v, want %s line %d", name, err, c.file, c.line)
		}
	}
	if _, _, err := marxan.Read(filepath.Join(t.TempDir(), "none"), marxan.Options{}); err == nil {
		t.Error("a missing folder was read")
	}
}

// FuzzRead reads any four tables: it refuses them or gives a problem that the
// engine takes and that survives its own files.
func FuzzRead(f *testing.F) {
	r := row()
	f.Add(r["input.dat"], r["pu.dat"], r["spec.dat"], r["puvspr.dat"], r["bound.dat"])
	f.Add("BLM 1\nASYMMETRICCONNECTIVITY 1", "id\tcost\n1\t2\n", "id prop\n1 0.3\n", "pu,1\n1,2\n", "id1 id2 boundary\n1 1 3\n")
	f.Fuzz(func(t *testing.T, input, pu, spec, puvspr, bound string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"input.dat": input, "pu.dat": pu, "spec.dat": spec, "puvspr.dat": puvspr, "bound.dat": bound} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, _, err := marxan.Read(dir, marxan.Options{})
		if err != nil {
			var input *balance.InputError
			if !errors.As(err, &input) {
				t.Fatalf("refused without a place: %v", err)
			}
			return
		}
		out := filepath.Join(dir, "out")
		if err := balance.WriteProblem(out, p); err != nil {
			t.Fatal(err)
		}
		if _, err := balance.ReadProblem(out); err != nil {
			t.Fatalf("its own files are refused: %v", err)
		}
	})
}
