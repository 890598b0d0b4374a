// Package layout holds the program to the table of rooms in
// docs/architecture.md: who may import whom.
package layout

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "gengheng/"

// goPackage is what `go list -json` says of a package, as far as we ask.
type goPackage struct {
	ImportPath string
	Imports    []string
	CgoFiles   []string
	Standard   bool
}

// goList asks the go command about the module in the folder root.
func goList(t *testing.T, root string, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,CgoFiles,Standard"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // else no package would have C
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

var tableRow = regexp.MustCompile("^\\| `([a-z/-]+)` \\| [^|]+ \\| ([^|]+) \\|$")

// rooms reads the table: a room and what it may import, "everything" as nil.
func rooms(document io.Reader) (map[string][]string, error) {
	table := map[string][]string{}
	for lines := bufio.NewScanner(document); lines.Scan(); {
		m := tableRow.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		if _, twice := table[m[1]]; twice {
			return nil, fmt.Errorf("room %s stands twice in the table", m[1])
		}
		switch m[2] {
		case "everything":
			table[m[1]] = nil
		case "–":
			table[m[1]] = []string{}
		default:
			table[m[1]] = strings.Split(m[2], ", ")
		}
	}
	return table, nil
}

// roomOf is the room that the package belongs to: the longest entry of the
// table that is the package or a folder above it.
func roomOf(table map[string][]string, pkg string) string {
	for at := pkg; at != "."; at = filepath.Dir(at) {
		if _, ok := table[at]; ok {
			return at
		}
	}
	return ""
}

func forTestsOnly(pkg string) bool {
	return strings.HasSuffix(pkg, "/storetest") || strings.HasSuffix(pkg, "/geodatatest") || strings.HasSuffix(pkg, "/desktoptest") || strings.HasSuffix(pkg, "/countytest")
}

// violations lists the imports that the table does not allow, sorted.
func violations(table map[string][]string, packages []goPackage) []string {
	var bad []string
	for _, p := range packages {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		from := roomOf(table, pkg)
		if from == "" {
			bad = append(bad, pkg+" is in no room of the table")
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			to := roomOf(table, imported)
			switch {
			case forTestsOnly(imported) && !forTestsOnly(pkg):
				bad = append(bad, pkg+" imports "+imported+", which is for tests only")
			case to != from && !allowed(table[from], imported):
				bad = append(bad, pkg+" imports "+imported)
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// allowed says whether the list of the table admits the package; entries are
// names under internal/ or folders of the module, and admit what is below.
func allowed(list []string, imported string) bool {
	if list == nil {
		return true
	}
	for _, entry := range list {
		for _, folder := range []string{entry, "internal/" + entry} {
			if imported == folder || strings.HasPrefix(imported, folder+"/") {
				return true
			}
		}
	}
	return false
}

func readTable(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	table, err := rooms(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(table) < 10 || table["internal/screening"] == nil || table["cmd/gengheng"] != nil {
		t.Fatalf("the table of rooms was not understood: %v", table)
	}
	return table
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, v := range violations(readTable(t), goList(t, "../..", "./...")) {
		t.Errorf("%s: the table in docs/architecture.md does not allow it", v)
	}
}

// The rule itself must be able to fail.
func TestViolationsAreSeen(t *testing.T) {
	table := map[string][]string{
		"internal/land": {}, "internal/store": {"land", "migrations"}, "internal/geodata": {},
		"migrations": {}, "cmd/gengheng": nil, "cmd/child": {"geodata/frame"},
	}
	tests := map[string]struct {
		pkg     string
		imports []string
		bad     int
	}{
		"allowed":                       {"internal/store", []string{"internal/land", "migrations"}, 0},
		"inside a room":                 {"internal/geodata", []string{"internal/geodata/frame"}, 0},
		"a sub-folder alone":            {"cmd/child", []string{"internal/geodata/frame"}, 0},
		"more than the sub-folder":      {"cmd/child", []string{"internal/geodata"}, 1},
		"everything":                    {"cmd/gengheng", []string{"internal/store", "internal/land"}, 0},
		"upwards":                       {"internal/land", []string{"internal/store"}, 1},
		"upwards from a sub-folder":     {"internal/land/area", []string{"internal/store"}, 1},
		"a name that only begins alike": {"internal/store", []string{"internal/landscape"}, 1},
		"an unknown room":               {"internal/utils", nil, 1},
		"a test's helper":               {"cmd/gengheng", []string{"internal/store/storetest"}, 1},
		"a helper's own imports":        {"internal/store/storetest", []string{"internal/store"}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := goPackage{ImportPath: module + tt.pkg, Imports: []string{"fmt"}}
			for _, i := range tt.imports {
				p.Imports = append(p.Imports, module+i)
			}
			if got := violations(table, []goPackage{p}); len(got) != tt.bad {
				t.Errorf("violations %v, want %d", got, tt.bad)
			}
		})
	}
}

// The main program is pure Go: what reads strangers' files with C is another
// program.
func TestMainProgramHasNoC(t *testing.T) {
	for _, p := range goList(t, "../..", "-deps", "./cmd/gengheng") {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s has C in it", p.ImportPath)
		}
	}
}
