package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/rivalry"
	"gengheng/internal/store"
)

type benchCmds struct {
	Parts  benchCmd       `cmd:"" default:"withargs" help:"与其他工具比较；装载、筛查、平衡全程 · Beside other tools; loading, screening and balancing."`
	WhatIf benchWhatIfCmd `cmd:"" name:"whatif" help:"试算的等待时间 · How long a what-if waits."`
}

type benchCmd struct {
	serviceFlags
	Parcels int   `help:"合成县的图斑数 · Parcels of the synthetic county." default:"100000"`
	Seed    int64 `help:"随机种子 · Seed." default:"1"`
	Runs    int   `help:"重复次数 · How often." default:"3"`
	Port    int   `help:"端口 · The port." default:"18080"`

	Parts      []string `arg:"" optional:"" help:"部分 · Parts: overlay, parcels, zonal, load, county, curve." enum:"overlay,parcels,zonal,load,county,curve" default:"overlay,parcels,zonal,load,county,curve"`
	Candidates int      `help:"叠加比较的申报地块数 · Candidates of the comparisons." default:"5000"`
	Sizes      []int    `help:"增长曲线的图斑数 · Parcels of the curve." default:"10000,30000,100000,300000,1000000"`
}

// Run measures the parts asked for on a database made for it: first the
// comparisons with other tools, then the program as a whole.
func (c *benchCmd) Run(ctx context.Context) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	work, err := os.MkdirTemp("", "gengheng-bench-")
	if err != nil {
		return fmt.Errorf("bench folder: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil { // the unprivileged database must reach into it
		return fmt.Errorf("bench folder: %w", err)
	}
	fmt.Printf("机器 · machine: %s, %d 核 · cores, %s %s\n", cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	if err := c.compare(ctx, filepath.Join(work, "rivals")); err != nil {
		return err
	}
	if !slices.Contains(c.Parts, "county") {
		return nil
	}
	return c.wholeCounty(ctx, work)
}

// compare measures overlay, slope and loading beside other tools.
func (c *benchCmd) compare(ctx context.Context, work string) (err error) {
	parts := slices.DeleteFunc(slices.Clone(c.Parts), func(part string) bool { return part == "county" })
	if len(parts) == 0 {
		return nil
	}
	child := c.GDALChild
	if child == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		child = filepath.Join(filepath.Dir(self), "gengheng-gdal")
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("bench folder: %w", err)
	}
	b := rivalry.Bench{Work: work, GDALChild: child, Repeats: c.Runs, Out: os.Stdout}
	if slices.ContainsFunc(parts, func(part string) bool { return part != "curve" }) {
		// no schema of ours: the comparisons make tables of their own
		db, err := store.Open(ctx, store.Config{DataDir: filepath.Join(work, "data"), MaxConns: 8})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		b.Pool = db.Pool
		fmt.Printf("\n合成县 · synthetic county for the comparisons: seed %d\n", c.Seed)
		if err := b.Prepare(ctx, c.Parcels, c.Candidates, uint64(c.Seed)); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"overlay", b.Overlay}, {"parcels", b.Parcels}, {"zonal", b.Zonal}, {"load", b.Load},
		{"curve", func(ctx context.Context) error { return b.Curve(ctx, c.Sizes) }},
	} {
		if !slices.Contains(parts, part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", part.name, err), b.Table())
		}
	}
	return b.Table()
}

// wholeCounty times loading, screening and balancing of a large synthetic
// county against a server in a process of its own on an empty database, and
// prints each stage's minimum, median and maximum with the server's peak memory.
func (c *benchCmd) wholeCounty(ctx context.Context, work string) error {
	county, err := (&demoCmd{serviceFlags: c.serviceFlags, Parcels: c.Parcels, Seed: c.Seed}).cachedCounty(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n合成县全程 · synthetic county as a whole: %d 图斑 · parcels, seed %d\n\n", c.Parcels, c.Seed)
	var laps laps
	for i := range c.Runs {
		fmt.Printf("第 %d / %d 次 · run\n", i+1, c.Runs)
		if err := c.once(ctx, county, filepath.Join(work, strconv.Itoa(i)), &laps); err != nil {
			return err
		}
	}
	laps.print()
	return nil
}

// once runs everything on a server and database made for it.
func (c *benchCmd) once(ctx context.Context, county, data string, laps *laps) (err error) {
	srv, err := startServer(ctx, c.serviceFlags, data, c.Port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	cl, err := newCounty(ctx, srv.url)
	if err != nil {
		return err
	}
	cr := &carrier{c: cl, dir: county, year: demoYear}
	lap := time.Now()
	datasets, err := cr.load(ctx)
	if err != nil {
		return err
	}
	laps.add("装载全部 · load, all files", since(&lap), "s")
	run, err := cr.screen(ctx)
	if err != nil {
		return err
	}
	laps.add("筛查 · screen", since(&lap), "s")
	if _, err := cr.plan(ctx, run.RunId); err != nil {
		return err
	}
	laps.add("平衡 · balance", since(&lap), "s")
	if err := jobLaps(ctx, cl, datasets, laps); err != nil {
		return err
	}
	peak, err := peakMemory(srv.cmd.Process.Pid)
	if err != nil {
		return err
	}
	laps.add("服务内存峰值 · server, peak memory", peak, "MiB")
	return nil
}

// jobLaps adds the time that each large load took by itself.
func jobLaps(ctx context.Context, cl *client.Client, datasets []client.Dataset, laps *laps) error {
	resp, err := cl.Raw.ListJobs(ctx, cl.County)
	list, err := client.Decode[[]client.Job](resp, err, http.StatusOK)
	if err != nil {
		return err
	}
	for _, d := range datasets {
		for _, j := range list {
			if j.Subject != d.DatasetId || j.StartedAt == nil || j.FinishedAt == nil || d.Scope != "" {
				continue
			}
			if took := j.FinishedAt.Sub(*j.StartedAt).Seconds(); took >= 0.5 {
				laps.add("　其中 · of it "+d.Kind, took, "s")
			}
		}
	}
	return nil
}

// server is a gengheng process that serves.
type server struct {
	cmd *exec.Cmd
	url string
}

// startServer starts this program's serve on data and waits until it is ready.
func startServer(ctx context.Context, f serviceFlags, data string, port int) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	child := cmp.Or(f.GDALChild, filepath.Join(filepath.Dir(self), "gengheng-gdal"))
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(self, "serve", "--addr", addr, "--data-dir", data, "--gdal-child", child, "--engine", cmp.Or(f.Engine, "own"), "--open")
	cmd.Stderr = os.Stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "DATABASE_URL=") })
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s := &server{cmd: cmd, url: "http://" + addr}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("服务一分钟内未就绪 · the server was not ready within a minute"), s.stop())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended: %w", err)
	}
	return nil
}

// peakMemory is VmHWM of a process in MiB.
func peakMemory(pid int) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 64)
		if err != nil {
			return 0, fmt.Errorf("peak memory: %w", err)
		}
		return kib / 1024, nil
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// laps are measured values by name, in the order first seen.
type laps struct {
	names  []string
	unit   map[string]string
	values map[string][]float64
}

func (l *laps) add(name string, value float64, unit string) {
	if l.values == nil {
		l.unit, l.values = map[string]string{}, map[string][]float64{}
	}
	if _, ok := l.values[name]; !ok {
		l.names = append(l.names, name)
	}
	l.unit[name] = unit
	l.values[name] = append(l.values[name], value)
}

func (l *laps) print() {
	fmt.Printf("\n%10s %10s %10s\n", "最小 min", "中位 med", "最大 max")
	for _, name := range l.names {
		v := slices.Sorted(slices.Values(l.values[name]))
		fmt.Printf("%10.2f %10.2f %10.2f  %-4s %s\n", v[0], v[len(v)/2], v[len(v)-1], l.unit[name], name)
	}
}

// newCounty makes the synthetic county, empty, on the service at server.
func newCounty(ctx context.Context, server string) (*client.Client, error) {
	cl, err := client.New(server, fixture.County.Code)
	if err != nil {
		return nil, err
	}
	resp, err := cl.Raw.PutCounty(ctx, cl.County, client.CountyInput{Name: fixture.County.Name, Srid: fixture.County.SRID})
	if _, err := client.Decode[client.County](resp, err, http.StatusOK); err != nil {
		return nil, fmt.Errorf("synthetic county: %w", err)
	}
	return cl, nil
}
