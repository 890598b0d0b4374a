package geodata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"gengheng/internal/geodata/frame"
)

// Sandbox says how the reading child is confined on this system.
type Sandbox struct {
	// Child is the program's path, GDAL the version it is linked with.
	Child, GDAL string
	// Bubblewrap: it sees only system libraries and the one file, without
	// network and other processes.
	Bubblewrap bool
	// Seccomp: network and program starts are refused by the kernel.
	Seccomp bool
	// Reason says why bubblewrap is not used, or "".
	Reason string

	bwrap string
}

// SandboxStatus finds out, once per process and program, how files are read on
// this system. The error says what is missing to read any.
func SandboxStatus(ctx context.Context, childPath string) (Sandbox, error) {
	program, err := FindChild(childPath)
	if err != nil {
		return Sandbox{}, err
	}
	box := sandboxFor(ctx, program)
	if box.GDAL == "" {
		return box, fmt.Errorf("%s does not start: %s", program, box.Reason)
	}
	return box, nil
}

// probes remembers what was found out about each program: the answer cannot
// change while the process lives.
var probes sync.Map // path -> *probe

type probe struct {
	run  func() Sandbox
	warn sync.Once
}

func probeOf(ctx context.Context, program string) *probe {
	// The probe must not be spoiled for everyone by one caller's cancellation.
	ctx = context.WithoutCancel(ctx)
	p, _ := probes.LoadOrStore(program, &probe{run: sync.OnceValue(func() Sandbox { return probeSandbox(ctx, program) })})
	return p.(*probe)
}

func sandboxFor(ctx context.Context, program string) Sandbox { return probeOf(ctx, program).run() }

// warnUnconfined tells the operator, once per process and program.
func warnUnconfined(ctx context.Context, opts Options, program, reason string) {
	probeOf(ctx, program).warn.Do(func() {
		logger(opts).WarnContext(ctx, "gengheng-gdal runs without bubblewrap, under resource limits and a system-call filter only", "reason", reason)
	})
}

func probeSandbox(ctx context.Context, program string) Sandbox {
	box := Sandbox{Child: program}
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		box.Reason = "bwrap is not installed"
	} else if d, err := askVersion(ctx, bwrap, bwrapArguments(program, "", "")...); err != nil {
		box.Reason = "bwrap does not work here: " + err.Error()
	} else {
		box.Bubblewrap, box.bwrap, box.GDAL, box.Seccomp = true, bwrap, d.GDAL, d.Seccomp
		return box
	}
	d, err := askVersion(ctx, program)
	if err != nil {
		box.Reason += "; " + err.Error()
		return box
	}
	box.GDAL, box.Seccomp = d.GDAL, d.Seccomp
	return box
}

func askVersion(ctx context.Context, program string, args ...string) (d frame.Description, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var request bytes.Buffer
	if err := frame.NewWriter(&request).WriteJSON(frame.KindRequest, frame.Request{Op: frame.OpVersion}); err != nil {
		return d, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = childEnvironment()
	cmd.Stdin = &request
	cmd.WaitDelay = time.Second
	asGroup(cmd)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			return d, fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		return d, err
	}
	kind, payload, err := frame.NewReader(bytes.NewReader(out)).Next()
	if err != nil {
		return d, err
	}
	if kind != frame.KindDescription {
		return d, fmt.Errorf("unexpected answer %q", kind)
	}
	return d, json.Unmarshal(payload, &d)
}

// gdalVariables are passed on: an installation outside /usr needs them.
var gdalVariables = []string{"GDAL_DATA", "PROJ_LIB", "PROJ_DATA", "LD_LIBRARY_PATH"}

func childEnvironment() []string {
	env := []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8"}
	for _, name := range gdalVariables {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// bwrapArguments confines program to the system's libraries and, read-only,
// path under the name inside.
func bwrapArguments(program, path, inside string) []string {
	args := []string{"--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
		"--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/nonexistent", "--setenv", "LANG", "C.UTF-8",
		"--ro-bind", "/usr", "/usr",
		"--ro-bind-try", "/etc/alternatives", "/etc/alternatives",
		"--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache",
		"--tmpfs", "/tmp"}
	for _, dir := range []string{"/lib", "/lib64", "/lib32"} {
		if target, err := os.Readlink(dir); err == nil {
			args = append(args, "--symlink", target, dir)
		} else {
			args = append(args, "--ro-bind-try", dir, dir)
		}
	}
	for _, name := range gdalVariables {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		args = append(args, "--setenv", name, value)
		for _, dir := range filepath.SplitList(value) {
			args = append(args, "--ro-bind-try", dir, dir)
		}
	}
	if path != "" {
		args = append(args, "--ro-bind", path, inside)
		if _, err := os.Stat(path + "-wal"); err == nil {
			// A GeoPackage that QGIS has open keeps its latest rows there.
			args = append(args, "--ro-bind", path+"-wal", inside+"-wal")
		}
	}
	return append(args, "--ro-bind", program, "/gengheng-gdal", "--", "/gengheng-gdal")
}
