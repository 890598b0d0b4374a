package balance

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Ensure every solution that Solve writes is verified: plans, contradictions and
// problems without anything in them.
func TestEverySolutionVerifies(t *testing.T) {
	t.Parallel()
	proofs := map[string]int{}
	root := t.TempDir()
	for seed := range 400 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 6)))
		in, out := filepath.Join(root, "in"), filepath.Join(root, "out")
		if err := WriteProblem(in, p); err != nil {
			t.Fatal(err)
		}
		c, err := SolveDir(context.Background(), in, out, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		report, err := VerifyDir(in, out)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(report.Faults, "\n"))
		}
		if report.Status != c.Status || len(report.Checked) == 0 {
			t.Errorf("seed %d: report %+v", seed, report)
		}
		proof := string(c.Status)
		if c.Status == Infeasible {
			proof = readInfeasibility(t, out).Proof
		}
		proofs[proof]++
	}
	t.Log(proofs)
	for _, kind := range []string{"optimal", "multipliers", "search"} {
		if proofs[kind] == 0 {
			t.Errorf("no problem ended with %s", kind)
		}
	}
}

func readInfeasibility(t *testing.T, dir string) Infeasibility {
	t.Helper()
	var inf Infeasibility
	data, err := os.ReadFile(filepath.Join(dir, "infeasibility.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &inf); err != nil {
		t.Fatal(err)
	}
	return inf
}

// Ensure the plan of an infeasible problem has the least total shortfall there
// is, by trying every plan.
func TestInfeasibleNamesLeastShortfall(t *testing.T) {
	t.Parallel()
	seen := 0
	for seed := range 1500 {
		p := tinyProblem(rand.New(rand.NewPCG(uint64(seed), 8)))
		if len(p.Flows)+2*len(p.Constraints) > 5 {
			continue // the oracle's vertices grow too many
		}
		s, err := Solve(context.Background(), p, Options{Gap: -1})
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != Infeasible {
			continue
		}
		seen++
		elastic, _ := elasticProblem(p)
		want := bruteForce(elastic)
		if got := s.Infeasibility.Shortfall; got < want-1e-6 || got > want+1e-6*(1+want) {
			t.Errorf("seed %d: shortfall %g, least is %g", seed, got, want)
		}
		if b := s.Infeasibility.ShortfallBound; b > want+1e-6*(1+want) || b <= 0 {
			t.Errorf("seed %d: shortfall bound %g, least is %g", seed, b, want)
		}
	}
	if seen < 100 {
		t.Errorf("only %d infeasible problems", seen)
	}
}

// solvedFolder gives a small county and its solution, as folders.
func solvedFolder(t *testing.T, p *Problem) (in, out string) {
	t.Helper()
	in, out = filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := WriteProblem(in, p); err != nil {
		t.Fatal(err)
	}
	if _, err := SolveDir(context.Background(), in, out, Options{}); err != nil {
		t.Fatal(err)
	}
	if report, err := VerifyDir(in, out); err != nil {
		t.Fatalf("%v %v", err, report.Faults)
	}
	return in, out
}

// tamper changes one file of a copy of a solution.
func tamper(t *testing.T, out, file string, change func(string) string) string {
	t.Helper()
	dir := t.TempDir()
	names, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	done := false
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(out, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if n.Name() == file {
			text = change(text)
			done = text != string(data)
			if text == "" {
				continue
			}
		}
		if err := os.WriteFile(filepath.Join(dir, n.Name()), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !done {
		t.Fatalf("%s was not changed", file)
	}
	return dir
}

func remove(string) string { return "" }

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

// editLine changes the first line (after the header) that pick accepts.
func editLine(pick func(cells []string) bool, edit func(cells []string)) func(string) string {
	return func(s string) string {
		lines := strings.Split(s, "\n")
		for i, line := range lines[1:] {
			if cells := strings.Split(line, ","); len(cells) > 1 && pick(cells) {
				edit(cells)
				lines[i+1] = strings.Join(cells, ",")
				break
			}
		}
		return strings.Join(lines, "\n")
	}
}

func scaleKey(key string, factor float64) func(string) string {
	return func(s string) string {
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil {
			return s
		}
		v, _ := m[key].(float64)
		m[key] = v * factor
		data, _ := json.Marshal(m)
		return string(data)
	}
}

func setKey(key string, value any) func(string) string {
	return func(s string) string {
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil {
			return s
		}
		m[key] = value
		data, _ := json.Marshal(m)
		return string(data)
	}
}

// Ensure the verifier refuses every one of a set of tampered plans and
// certificates.
func TestVerifierRefusesTampering(t *testing.T) {
	t.Parallel()
	in, out := solvedFolder(t, countySpec{300, 2, false, 0.01, 5}.problem())
	anyLine := func([]string) bool { return true }
	nonZero := func(c []string) bool { return c[len(c)-1] != "0" }
	for name, c := range map[string]struct {
		file   string
		change func(string) string
	}{
		"no certificate":      {"certificate.json", remove},
		"unknown status":      {"certificate.json", setKey("status", "splendid")},
		"claims optimal":      {"certificate.json", setKey("status", "unknown")},
		"claims infeasible":   {"certificate.json", setKey("status", "infeasible")},
		"objective less":      {"certificate.json", scaleKey("objective", 0.999999)},
		"objective gone":      {"certificate.json", setKey("objective", nil)},
		"bound more":          {"certificate.json", scaleKey("bound", 1.000001)},
		"bound less":          {"certificate.json", scaleKey("bound", 0.999999)},
		"bound gone":          {"certificate.json", setKey("bound", nil)},
		"gap less":            {"certificate.json", scaleKey("gap", 0.5)},
		"gap_net less":        {"certificate.json", scaleKey("gap_net", 0.5)},
		"gap gone":            {"certificate.json", setKey("gap", nil)},
		"stronger too strong": {"certificate.json", setKey("bound_stronger", map[string]any{"value": 1e12, "rests_on": "faith"})},
		"extra key":           {"certificate.json", setKey("blessed", true)},
		"cut off":             {"certificate.json", func(s string) string { return s[:len(s)/2] }},
		"no plan":             {"solution.csv", remove},
		"one unit flipped": {"solution.csv", editLine(anyLine, func(c []string) {
			if c[1] == "0" {
				c[1] = "1"
			} else {
				c[1] = "0"
			}
		})},
		"unit half":          {"solution.csv", editLine(anyLine, func(c []string) { c[1] = "0.5" })},
		"unit twice":         {"solution.csv", func(s string) string { return s + strings.SplitN(s, "\n", 3)[1] + "\n" }},
		"unit gone":          {"solution.csv", func(s string) string { return strings.Join(strings.Split(s, "\n")[:20], "\n") + "\n" }},
		"unknown unit":       {"solution.csv", func(s string) string { return s + "nobody,1\n" }},
		"no flows":           {"flows.csv", remove},
		"flow negative":      {"flows.csv", editLine(anyLine, func(c []string) { c[1] = "-1" })},
		"flow changed":       {"flows.csv", editLine(anyLine, func(c []string) { c[1] = "12345" })},
		"no multipliers":     {"multipliers.csv", remove},
		"wrong sign":         {"multipliers.csv", editLine(nonZero, func(c []string) { c[1] = "-" + c[1] })},
		"multiplier changed": {"multipliers.csv", editLine(nonZero, func(c []string) { c[1] = "0.0001" })},
		"multiplier NaN":     {"multipliers.csv", editLine(anyLine, func(c []string) { c[1] = "NaN" })},
		"no edge flows":      {"edge_flows.csv", remove},
		"flow over weight":   {"edge_flows.csv", editLine(nonZero, func(c []string) { c[2] = "1000" })},
		"edge flow changed":  {"edge_flows.csv", editLine(nonZero, func(c []string) { c[2] = "0" })},
		"edges swapped": {"edge_flows.csv", func(s string) string {
			l := strings.Split(s, "\n")
			l[1], l[2] = l[2], l[1]
			return strings.Join(l, "\n")
		}},
		"edge gone": {"edge_flows.csv", func(s string) string { return strings.Join(strings.Split(s, "\n")[:50], "\n") + "\n" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := VerifyDir(in, tamper(t, out, c.file, c.change))
			if !errors.Is(err, ErrNotVerified) || len(report.Faults) == 0 {
				t.Errorf("accepted: %v %+v", err, report)
			}
		})
	}
}

// Ensure a tampered proof of infeasibility is refused.
func TestVerifierRefusesTamperedInfeasibility(t *testing.T) {
	t.Parallel()
	p := countySpec{300, 2, false, 0.01, 5}.problem()
	for k := range p.Constraints {
		p.Constraints[k].RHS *= 3
	}
	in, out := solvedFolder(t, p)
	if inf := readInfeasibility(t, out); inf.Proof != "multipliers" || inf.ProofValue <= 0 || len(inf.Missed) == 0 {
		t.Fatalf("%+v", inf)
	}
	if _, err := os.Stat(filepath.Join(out, "solution.csv")); !os.IsNotExist(err) {
		t.Errorf("there is a solution.csv: %v", err)
	}
	for name, change := range map[string]func(string) string{
		"no file":           remove,
		"proof value":       scaleKey("proof_value", 1.01),
		"shortfall less":    scaleKey("shortfall", 0.9),
		"bound too high":    scaleKey("shortfall_bound", 2),
		"nothing missed":    setKey("missed", []any{}),
		"no multipliers":    setKey("multipliers", []any{}),
		"no plan":           setKey("plan", []any{}),
		"another proof":     setKey("proof", "word of honour"),
		"a unit flipped":    replace(`"selected": 1`, `"selected": 0`),
		"a value changed":   replace(`"value": `, `"value": 1`),
		"a multiplier less": replace(`"multiplier": `, `"multiplier": -`),
		"another price":     scaleKey("objective", 1.01),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if report, err := VerifyDir(in, tamper(t, out, "infeasibility.json", change)); !errors.Is(err, ErrNotVerified) {
				t.Errorf("accepted: %v %+v", err, report)
			}
		})
	}
}

// Ensure the verifier does not call a figure recomputed and the same that it
// names as wrong.
func TestVerifierCallsNothingRightThatIsWrong(t *testing.T) {
	t.Parallel()
	in, out := solvedFolder(t, countySpec{300, 2, false, 0.01, 5}.problem())
	path := filepath.Join(out, "certificate.json")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for key, word := range map[string]string{"objective": "目标值", "bound": "下界", "gap": "gap", "gap_net": "gap"} {
		says := func(certificate string) (right bool, faults int) {
			if err := os.WriteFile(path, []byte(certificate), 0o644); err != nil {
				t.Fatal(err)
			}
			report, err := VerifyDir(in, out)
			if err != nil && !errors.Is(err, ErrNotVerified) {
				t.Fatal(err)
			}
			for _, line := range report.Checked {
				right = right || strings.HasPrefix(line, word)
			}
			return right, len(report.Faults)
		}
		if right, faults := says(string(sound)); !right || faults != 0 {
			t.Errorf("%s of a sound certificate: right %v, %d faults", key, right, faults)
		}
		if right, faults := says(scaleKey(key, 0.9)(string(sound))); right || faults == 0 {
			t.Errorf("a wrong %s: called right %v, %d faults", key, right, faults)
		}
	}
}
