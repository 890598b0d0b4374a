// Package desktoptest runs the programs of desktop GIS (桌面 GIS) that tests read
// the service with: GDAL, QGIS in two versions, OWSLib.
package desktoptest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Debian is Debian's own Python, for which its QGIS and OWSLib are.
const Debian = "/usr/bin/python3"

// Run runs a program and gives what it printed. The service of a test is on this
// machine: a proxy is not asked for it.
func Run(t *testing.T, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), append(env, "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1")...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v: %s\n%s", name, args, err, problems.String(), out.String())
	}
	return out.Bytes()
}

// NeedsModule skips the test where Debian's Python has not the module.
func NeedsModule(t *testing.T, module, packages string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), Debian, "-c", "import "+module).Run(); err != nil {
		t.Skipf("没有 %s：用 scripts/setup --clients 安装 %s · not installed", module, packages)
	}
}

// QGIS is a version of QGIS that is installed here.
type QGIS struct {
	// Version is "3.22.16", say.
	Version string
	program string
	env     []string
}

// Python runs a script of PyQGIS without a screen and gives what it printed.
func (q QGIS) Python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	home := t.TempDir()
	env := append([]string{"QT_QPA_PLATFORM=offscreen", "HOME=" + home, "XDG_RUNTIME_DIR=" + home}, q.env...)
	return Run(t, env, q.program, append([]string{script}, args...)...)
}

// EachQGIS runs a test with every QGIS that scripts/setup --clients installs, as a
// test of its own: Debian's, and the newer one beside it. A version that is not
// here is skipped.
func EachQGIS(t *testing.T, test func(t *testing.T, q QGIS)) {
	t.Helper()
	for _, name := range []string{"3.22", "3.40"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, ok := find(t.Context(), name)
			if !ok {
				t.Skipf("没有 QGIS %s：用 scripts/setup --clients 安装 · not installed", name)
			}
			test(t, q)
		})
	}
}

// find looks for a QGIS of a version: the system's own, or that of scripts/qgis.
func find(ctx context.Context, version string) (QGIS, bool) {
	candidates := []QGIS{{program: Debian}}
	if root := Newer(); root != "" {
		usr := filepath.Join(root, "usr")
		candidates = append(candidates, QGIS{program: Debian, env: []string{
			"LD_LIBRARY_PATH=" + filepath.Join(usr, "lib"),
			"PYTHONPATH=" + filepath.Join(usr, "lib/python3/dist-packages"),
			"QGIS_PREFIX_PATH=" + usr,
		}})
	}
	for _, q := range candidates {
		cmd := exec.CommandContext(ctx, q.program, "-c", "import qgis.core; print(qgis.core.Qgis.QGIS_VERSION)")
		cmd.Env = append(os.Environ(), append(q.env, "QT_QPA_PLATFORM=offscreen")...)
		out, err := cmd.Output()
		q.Version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "-")
		if err == nil && strings.HasPrefix(q.Version, version+".") {
			return q, true
		}
	}
	return QGIS{}, false
}

// Newer is the folder into which scripts/qgis unpacks the newer QGIS; "" if there
// is no home folder to say it.
func Newer() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "gengheng", "qgis")
}
