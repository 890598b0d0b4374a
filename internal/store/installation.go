package store

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest PostgreSQL that the private cluster runs on.
const minMajor = 13

// Installation is one PostgreSQL server installed on this machine.
type Installation struct {
	// BinDir holds initdb and postgres.
	BinDir string
	// Version is the full version, e.g. "15.18"; Major its first number.
	Version string
	Major   int
	// PostGIS is the default version of the extension, empty if it is not
	// installed for this server.
	PostGIS string
}

// Usable says whether the private cluster can run on it: PostgreSQL 13 or
// newer with PostGIS 3 or newer.
func (i Installation) Usable() bool {
	postgis, _ := strconv.Atoi(strings.SplitN(i.PostGIS, ".", 2)[0])
	return i.Major >= minMajor && postgis >= 3
}

var (
	serverVersion  = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s]*)`)
	defaultVersion = regexp.MustCompile(`(?m)^\s*default_version\s*=\s*'([^']*)'`)
)

// FindInstallations lists the PostgreSQL servers of this machine, best first:
// usable ones, then the newer. It looks at $GENGHENG_PG_BIN, pg_config and the
// folders that the distributions use.
func FindInstallations(ctx context.Context) []Installation {
	var dirs []string
	if dir := os.Getenv("GENGHENG_PG_BIN"); dir != "" {
		dirs = append(dirs, dir)
	} else {
		if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(out)))
		}
		for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/bin"} {
			found, _ := filepath.Glob(pattern) // the patterns are well formed
			dirs = append(dirs, found...)
		}
	}
	var all []Installation
	seen := map[string]bool{}
	for _, dir := range dirs {
		if real, err := filepath.EvalSymlinks(dir); err == nil && !seen[real] {
			seen[real] = true
			if i, ok := inspect(ctx, real); ok {
				all = append(all, i)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Installation) int {
		if a.Usable() != b.Usable() {
			if a.Usable() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Major, a.Major), cmp.Compare(a.BinDir, b.BinDir))
	})
	return all
}

func inspect(ctx context.Context, dir string) (Installation, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Installation{}, false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, false
	}
	m := serverVersion.FindStringSubmatch(string(out))
	if m == nil {
		return Installation{}, false
	}
	major, err := strconv.Atoi(m[2])
	if err != nil {
		return Installation{}, false
	}
	i := Installation{BinDir: dir, Version: m[1], Major: major}
	share := fmt.Sprintf("/usr/share/postgresql/%d", major)
	if out, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_config"), "--sharedir").Output(); err == nil {
		share = strings.TrimSpace(string(out))
	}
	if control, err := os.ReadFile(filepath.Join(share, "extension", "postgis.control")); err == nil {
		if m := defaultVersion.FindSubmatch(control); m != nil {
			i.PostGIS = string(m[1])
		}
	}
	return i, true
}

// chooseInstallation picks the server for a data folder whose cluster was made
// by major version have (0: not made yet).
func chooseInstallation(ctx context.Context, have int) (Installation, error) {
	all := FindInstallations(ctx)
	for _, i := range all {
		if i.Usable() && (have == 0 || i.Major == have) {
			return i, nil
		}
	}
	var seen []string
	for _, i := range all {
		postgis := "no PostGIS"
		if i.PostGIS != "" {
			postgis = "PostGIS " + i.PostGIS
		}
		seen = append(seen, fmt.Sprintf("%s (%s, %s)", i.BinDir, i.Version, postgis))
	}
	found := "none"
	if len(seen) > 0 {
		found = strings.Join(seen, "; ")
	}
	if have != 0 {
		return Installation{}, fmt.Errorf("数据目录由 PostgreSQL %d 建立，但本机没有装 PostGIS 的同版本；请安装 postgresql-%d-postgis-3，或先导出再用新目录导入 · the data folder was made by PostgreSQL %d, which is not here with PostGIS 3 (found: %s): install postgresql-%d-postgis-3, or dump it there and restore into a new data folder", have, have, have, found, have)
	}
	return Installation{}, fmt.Errorf("没有找到 PostgreSQL %d+ 与 PostGIS 3；请执行 scripts/setup，或设 DATABASE_URL · no PostgreSQL %d or newer with PostGIS 3 was found (found: %s): run scripts/setup, or set DATABASE_URL", minMajor, minMajor, found)
}
