package balance

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sampleFiles is a small correct problem; one line per entry.
func sampleFiles() map[string]string {
	return map[string]string{
		"problem.json":    `{"format": "gengheng-balance/1", "name": "示例（合成）", "constant": 0}`,
		"units.csv":       "unit,cost,fixed\na,1.5,\nb,-2,1\n\"c,\"\"x\"\"\",0,0\n",
		"edges.csv":       "a,b,weight\na,b,3\na,,1\n",
		"constraints.csv": "constraint,sense,rhs\nk,>=,1\n",
		"terms.csv":       "constraint,unit,coefficient\nk,a,1\nk,b,1e-1\n",
		"flows.csv":       "flow,cost,upper\nz,1,\n",
		"flow_terms.csv":  "constraint,flow,coefficient\nk,z,1\n",
	}
}

func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Ensure every malformed file is refused with its name, its line and a reason,
// and that nothing is written.
func TestMalformedIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, text string // text "-" removes the file
		line       int
		reason     string
	}{
		"no head":             {"problem.json", "-", 0, "missing"},
		"not JSON":            {"problem.json", "{", 1, "valid"},
		"other format":        {"problem.json", `{"format":"x"}`, 0, "format"},
		"unknown key":         {"problem.json", `{"format":"gengheng-balance/1","constnat":3}`, 1, "constnat"},
		"constant too large":  {"problem.json", `{"format":"gengheng-balance/1","constant":1e300}`, 0, "1e15"},
		"two heads":           {"problem.json", `{"format":"gengheng-balance/1"}{}`, 1, "follows"},
		"key twice":           {"problem.json", "{\"format\":\"gengheng-balance/1\",\n\"constant\":1,\n\"constant\":2}", 3, "twice"},
		"key of another case": {"problem.json", `{"format":"gengheng-balance/1","Constant":2}`, 1, `must be written "constant"`},
		"null":                {"problem.json", `{"format":"gengheng-balance/1","constant":null}`, 1, "null"},
		"head in UTF-16":      {"problem.json", "\xff\xfe{\x00", 0, "UTF-16"},
		"units in UTF-16":     {"units.csv", "\xff\xfeu\x00n\x00", 0, "UTF-16"},
		"edges in UTF-16":     {"edges.csv", "\xfe\xff\x00a", 0, "UTF-16"},
		"header not UTF-8":    {"units.csv", "\xb5\xa5\xd4\xaa,cost,fixed\n", 1, "UTF-8"},
		"NUL in an id":        {"units.csv", "unit,cost,fixed\na\x00b,1,\n", 2, "control"},
		"line end in an id":   {"constraints.csv", "constraint,sense,rhs\n\"k\nl\",>=,1\n", 2, "control"},
		"C1 control in an id": {"flows.csv", "flow,cost,upper\nz\u0085,1,\n", 2, "control"},
		"no units":            {"units.csv", "-", 0, "missing"},
		"empty file":          {"units.csv", "", 0, "header"},
		"missing column":      {"units.csv", "unit,cost\na,1\n", 1, "header"},
		"short line":          {"units.csv", "unit,cost,fixed\na,1\n", 2, "columns"},
		"duplicate unit":      {"units.csv", "unit,cost,fixed\na,1,\nb,1,\na,2,\n", 4, "duplicate"},
		"empty unit":          {"units.csv", "unit,cost,fixed\n,1,\n", 2, "empty"},
		"NaN":                 {"units.csv", "unit,cost,fixed\na,NaN,\n", 2, "decimal"},
		"infinite":            {"units.csv", "unit,cost,fixed\na,1e999,\n", 2, "finite"},
		"hexadecimal":         {"units.csv", "unit,cost,fixed\na,0x10,\n", 2, "decimal"},
		"huge":                {"units.csv", "unit,cost,fixed\na,1e16,\n", 2, "1e15"},
		"no cost":             {"units.csv", "unit,cost,fixed\na,,\n", 2, "empty"},
		"fixed 2":             {"units.csv", "unit,cost,fixed\na,1,2\n", 2, "fixed"},
		"bare quote":          {"units.csv", "unit,cost,fixed\na\"b,1,\n", 2, "quote"},
		"not UTF-8":           {"units.csv", "unit,cost,fixed\n\xd6\xd0,1,\n", 2, "UTF-8"},
		"unknown end":         {"edges.csv", "a,b,weight\na,q,3\n", 2, `unknown id "q"`},
		"outside as a":        {"edges.csv", "a,b,weight\n,a,3\n", 2, "unknown"},
		"negative weight":     {"edges.csv", "a,b,weight\na,b,1\na,b,-3\n", 3, "negative"},
		"unknown sense":       {"constraints.csv", "constraint,sense,rhs\nk,>,1\n", 2, "sense"},
		"duplicate row":       {"constraints.csv", "constraint,sense,rhs\nk,>=,1\nk,<=,1\n", 3, "duplicate"},
		"unknown row":         {"terms.csv", "constraint,unit,coefficient\nq,a,1\n", 2, "unknown"},
		"unknown unit":        {"terms.csv", "constraint,unit,coefficient\nk,q,1\n", 2, "unknown"},
		"coefficient twice":   {"terms.csv", "constraint,unit,coefficient\nk,a,1\nk,b,1\nk,a,1\n", 4, "second"},
		"negative upper":      {"flows.csv", "flow,cost,upper\nz,1,-1\n", 2, "negative"},
		"upper inf":           {"flows.csv", "flow,cost,upper\nz,1,inf\n", 2, "decimal"},
		"unknown flow":        {"flow_terms.csv", "constraint,flow,coefficient\nk,q,1\n", 2, "unknown"},
		"flow term twice":     {"flow_terms.csv", "constraint,flow,coefficient\nk,z,1\nk,z,1\n", 3, "second"},
		"flows gone":          {"flows.csv", "-", 0, "unknown"},
		"no minimum":          {"flows.csv", "flow,cost,upper\nz,-1,\n", 2, "no minimum"},
		"header in other row": {"terms.csv", "unit,constraint,coefficient\na,k,1\n", 1, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := sampleFiles()
			files[c.file] = c.text
			if c.text == "-" {
				delete(files, c.file)
			}
			out := filepath.Join(t.TempDir(), "out")
			_, err := SolveDir(context.Background(), writeFiles(t, files), out, Options{})
			var input *InputError
			if !errors.As(err, &input) {
				t.Fatalf("not refused: %v", err)
			}
			wantFile := c.file
			if name == "flows gone" {
				wantFile, c.line = "flow_terms.csv", 2
			}
			if input.File != wantFile || input.Line != c.line || !strings.Contains(input.En, c.reason) || input.Zh == "" {
				t.Errorf("file %s line %d reason %q / %q", input.File, input.Line, input.En, input.Zh)
			}
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}

// Ensure the optional files may be missing, a byte-order mark and CRLF are taken,
// and awkward ids come back as they were.
func TestReadTolerance(t *testing.T) {
	t.Parallel()
	files := sampleFiles()
	delete(files, "flows.csv")
	delete(files, "flow_terms.csv")
	files["units.csv"] = "\ufeff" + strings.ReplaceAll(files["units.csv"], "\n", "\r\n")
	p, err := ReadProblem(writeFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if p.Units[2].ID != `c,"x"` || p.Units[1].Fixed != FixOne || p.Edges[1].B != Outside || len(p.Flows) != 0 {
		t.Errorf("read as %+v", p)
	}
}

// Ensure a problem that is written reads back the same, number for number.
func TestWriteProblemRoundTrip(t *testing.T) {
	t.Parallel()
	number := rapid.Float64Range(-1e15, 1e15)
	name := rapid.StringMatching(`[a-z"', 耕地;\-]{1,6}`)
	rapid.Check(t, func(rt *rapid.T) {
		p := &Problem{Name: rapid.String().Draw(rt, "name"), Constant: number.Draw(rt, "constant")}
		for _, s := range rapid.SliceOfNDistinct(name, 0, 6, rapid.ID).Draw(rt, "units") {
			p.Units = append(p.Units, Unit{s, number.Draw(rt, "cost"), Fix(rapid.IntRange(0, 2).Draw(rt, "fixed"))})
		}
		for _, s := range rapid.SliceOfNDistinct(name, 0, 3, rapid.ID).Draw(rt, "constraints") {
			p.Constraints = append(p.Constraints, Constraint{s, Sense(rapid.IntRange(0, 2).Draw(rt, "sense")), number.Draw(rt, "rhs")})
		}
		for _, s := range rapid.SliceOfNDistinct(name, 0, 3, rapid.ID).Draw(rt, "flows") {
			upper := math.Inf(1)
			if rapid.Bool().Draw(rt, "limited") {
				upper = math.Abs(number.Draw(rt, "upper"))
			}
			p.Flows = append(p.Flows, Flow{s, number.Draw(rt, "cost"), upper})
		}
		for u := range p.Units {
			p.Edges = append(p.Edges, Edge{int32(u), int32(rapid.IntRange(-1, len(p.Units)-1).Draw(rt, "b")), math.Abs(number.Draw(rt, "weight"))})
			for k := range p.Constraints {
				p.Terms = append(p.Terms, Term{int32(k), int32(u), number.Draw(rt, "a")})
			}
		}
		for z := range p.Flows {
			for k := range p.Constraints {
				p.FlowTerms = append(p.FlowTerms, FlowTerm{int32(k), int32(z), number.Draw(rt, "b")})
			}
		}
		dir := t.TempDir()
		if err := WriteProblem(dir, p); err != nil {
			rt.Fatal(err)
		}
		back, err := ReadProblem(dir)
		if err != nil {
			rt.Fatal(err)
		}
		// JSON cannot carry invalid UTF-8 in a name; everything else is exact.
		back.Name, p.Name = "", ""
		if !reflect.DeepEqual(p, back) {
			rt.Fatalf("wrote %+v\nread  %+v", p, back)
		}
	})
}

// FuzzReadProblem: whatever the files hold, reading ends with a problem that is
// valid or with an InputError.
func FuzzReadProblem(f *testing.F) {
	s := sampleFiles()
	f.Add(s["problem.json"], s["units.csv"], s["edges.csv"], s["constraints.csv"], s["terms.csv"], s["flows.csv"], s["flow_terms.csv"])
	f.Add("{}", "unit,cost,fixed\n\"", "", "constraint,sense,rhs\n\n", "\x00", "flow,cost,upper\nz,1e400,", "")
	f.Fuzz(func(t *testing.T, head, units, edges, constraints, terms, flows, flowTerms string) {
		dir := writeFiles(t, map[string]string{"problem.json": head, "units.csv": units, "edges.csv": edges,
			"constraints.csv": constraints, "terms.csv": terms, "flows.csv": flows, "flow_terms.csv": flowTerms})
		p, err := ReadProblem(dir)
		if err != nil {
			var input *InputError
			if !errors.As(err, &input) {
				t.Fatalf("not an InputError: %v", err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("read what Validate refuses: %v", err)
		}
	})
}

// Ensure a problem built in memory is refused as its files would be.
func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Problem){
		"NaN cost":       func(p *Problem) { p.Units[0].Cost = math.NaN() },
		"unknown end":    func(p *Problem) { p.Edges = append(p.Edges, Edge{0, 99, 1}) },
		"bad fix":        func(p *Problem) { p.Units[0].Fixed = 7 },
		"bad sense":      func(p *Problem) { p.Constraints[0].Sense = 9 },
		"unknown row":    func(p *Problem) { p.Terms = append(p.Terms, Term{5, 0, 1}) },
		"repeated term":  func(p *Problem) { p.Terms = append(p.Terms, Term{0, 0, 1}, Term{0, 0, 1}) },
		"negative upper": func(p *Problem) { p.Flows = append(p.Flows, Flow{"zz", 0, -1}) },
		"NaN upper":      func(p *Problem) { p.Flows = append(p.Flows, Flow{"zz", 0, math.NaN()}) },
		"unknown flow":   func(p *Problem) { p.FlowTerms = append(p.FlowTerms, FlowTerm{0, 9, 1}) },
		"control":        func(p *Problem) { p.Constraints[0].ID = "a\x7f" },
		"same id twice":  func(p *Problem) { p.Units = append(p.Units, p.Units[0]) },
	} {
		p := &Problem{Units: []Unit{{ID: "a"}}, Constraints: []Constraint{{ID: "k"}}}
		spoil(p)
		var input *InputError
		if _, err := Solve(context.Background(), p, Options{}); !errors.As(err, &input) {
			t.Errorf("%s: not refused: %v", name, err)
		}
	}
}

// Ensure any multipliers of the right signs and any flows within the weights
// give a bound that no plan undercuts: what the certificate stands on.
func TestContractBoundNeverExceedsOptimum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := tinyProblem(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 5)))
		best := bruteForce(p)
		mu := make([]float64, len(p.Constraints))
		for k := range mu {
			mu[k] = rapid.Float64Range(-10, 10).Draw(rt, "mu")
		}
		clampSigns(p, mu)
		f := make([]float64, len(p.Edges))
		for e := range f {
			f[e] = p.Edges[e].Weight * rapid.Float64Range(-1, 1).Draw(rt, "f")
		}
		if bound := contractBound(p, mu, f, true); bound > best+1e-7*(1+math.Abs(best)) {
			rt.Fatalf("bound %g, optimum %g", bound, best)
		}
		v := &verifier{p: p}
		if again, sure := v.sum(mu, f, true); sure {
			if bound := contractBound(p, mu, f, true); !same(bound, again.total(), again.error(), 0) {
				rt.Fatalf("engine's bound %g, verifier's %g", bound, again.total())
			}
		}
	})
}
