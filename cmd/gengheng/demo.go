package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gengheng/internal/client"
	"gengheng/internal/fixture"
	"gengheng/internal/report"
	"gengheng/internal/store"
)

type demoCmd struct {
	serviceFlags
	Port    int    `help:"端口 · The port." default:"8080"`
	Out     string `help:"成果目录 · Where the results go." default:"out" placeholder:"DIR"`
	Once    bool   `help:"做完即退出 · End when done instead of serving on."`
	Parcels int    `help:"合成县的图斑数 · Parcels of the synthetic county." default:"3000"`
	Seed    int64  `help:"合成县的随机种子 · Its seed." default:"1"`
	Reuse   bool   `help:"上次演示若已走完同一个合成县，就沿用它，不重做 · Serve the last demo's county again, if it is the same and its year was carried to the end."`
}

// demoYear is the year that the synthetic county declares for.
var demoYear = fixture.County.Year

// Run carries the synthetic county through the main job by the HTTP API only,
// prints what came of it, and goes on serving.
func (c *demoCmd) Run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	slog.SetDefault(log)
	if c.DatabaseURL != "" {
		fmt.Println("演示只用私有数据库，不使用 DATABASE_URL：合成数据不应进入正式库 · the demo keeps synthetic data out of DATABASE_URL")
		c.DatabaseURL = ""
	}
	fmt.Println("① 准备合成县 · the synthetic county")
	county, err := c.cachedCounty(ctx)
	if err != nil {
		return err
	}
	fmt.Println("② 启动服务 · the service")
	c.door.open = true // made-up data, on loopback
	// a year that has been closed cannot be worked again, so each demo begins its own
	again, err := c.begin()
	if err != nil {
		return err
	}
	c.database, c.renew = demoDatabase, !again
	s, err := openService(ctx, c.serviceFlags, log)
	if err != nil {
		return err
	}
	defer s.close()
	addr, err := s.listen(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return err
	}
	if again {
		return c.serve(ctx, s, addr)
	}
	cl, err := client.New("http://"+addr, fixture.County.Code)
	if err != nil {
		return err
	}
	cr := &carrier{c: cl, dir: county, year: demoYear, show: terminal()}
	summary, err := c.carry(ctx, cr)
	if err != nil {
		return err
	}
	if err := c.downloads(ctx, cr, summary); err != nil {
		return err
	}
	status := summary.plan.Certificate["status"]
	feasible := status == "optimal" || status == "feasible"
	if feasible {
		fmt.Println("⑥ 走完一年：会审、批准、实施、验收、认定、结转（缩短） · the year, shortened")
		lap := time.Now()
		if summary.year, err = c.shortYear(ctx, addr, cr, summary); err != nil {
			return err
		}
		summary.seconds.Year = since(&lap)
		summary.seconds.Total = time.Since(summary.start).Round(time.Millisecond).Seconds()
	}
	if err := c.printed(summary); err != nil {
		return err
	}
	if !feasible {
		return fmt.Errorf("没有得到可行的方案（%v） · no feasible plan", status)
	}
	if err := c.end(); err != nil {
		return err
	}
	return c.serve(ctx, s, addr)
}

// serve goes on serving, unless the demo is to end.
func (c *demoCmd) serve(ctx context.Context, s *service, addr string) error {
	if c.Once {
		return nil
	}
	// the whole address of a picture that needs no choosing: the county and its year are in it
	fmt.Printf("\n服务继续运行 · still serving at http://%[1]s （接口说明 · contract: /docs，Ctrl-C 结束）\n工作台 · dashboard: http://%[1]s/#/?county=%[2]s&year=%[3]d\n",
		addr, fixture.County.Code, demoYear)
	return s.wait(ctx)
}

// cachedCounty makes the synthetic county below the data folder, once for each
// size, seed and version of the generator.
func (c *demoCmd) cachedCounty(ctx context.Context) (string, error) {
	if c.DataDir == "" {
		dir, err := store.DefaultDataDir()
		if err != nil {
			return "", err
		}
		c.DataDir = dir
	}
	dir := filepath.Join(c.DataDir, "fixture", fmt.Sprintf("%s-%d-%d", fixture.Version, c.Parcels, c.Seed))
	if _, err := os.Stat(filepath.Join(dir, "truth.json")); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("fixture folder: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return "", fmt.Errorf("fixture folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	err = fixture.Write(ctx, fixture.Options{Parcels: c.Parcels, Seed: c.Seed, Dir: tmp, Child: c.GDALChild})
	if err != nil {
		return "", err
	}
	// whole or not at all: a county cut short by Ctrl-C is made again
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("fixture folder: %w", err)
	}
	return dir, nil
}

// carried is what the stages answered.
type carried struct {
	datasets []client.Dataset
	run      client.Screening
	plan     client.Plan
	layers   []client.Layer
	year     *yearSummary // nil without a feasible plan
	start    time.Time
	seconds  seconds
}

// seconds are wall times of the stages.
type seconds struct {
	Load    float64 `json:"load"`
	Screen  float64 `json:"screen"`
	Balance float64 `json:"balance"`
	Year    float64 `json:"year"`
	Total   float64 `json:"total"`
}

func (c *demoCmd) carry(ctx context.Context, cr *carrier) (*carried, error) {
	out := &carried{start: time.Now()}
	synthetic := true
	resp, err := cr.c.Raw.PutCounty(ctx, cr.c.County, client.CountyInput{
		Name: fixture.County.Name, Srid: fixture.County.SRID, Synthetic: &synthetic})
	if _, err := client.Decode[client.County](resp, err, http.StatusOK); err != nil {
		return nil, err
	}
	fmt.Println("③ 装载调查、图层、DEM 与申报 · loading")
	lap := time.Now()
	if out.datasets, err = cr.load(ctx); err != nil {
		return nil, err
	}
	out.seconds.Load = since(&lap)
	fmt.Println("④ 逐条筛查 · screening")
	if out.run, err = cr.screen(ctx); err != nil {
		return nil, err
	}
	out.seconds.Screen = since(&lap)
	fmt.Println("⑤ 编制平衡方案 · balancing")
	if out.plan, err = cr.plan(ctx, out.run.RunId); err != nil {
		return nil, err
	}
	out.seconds.Balance = since(&lap)
	resp, err = cr.c.Raw.ListLayers(ctx, cr.c.County)
	if out.layers, err = client.Decode[[]client.Layer](resp, err, http.StatusOK); err != nil {
		return nil, err
	}
	out.seconds.Total = time.Since(out.start).Round(time.Millisecond).Seconds()
	return out, nil
}

func since(lap *time.Time) float64 {
	now := time.Now()
	d := now.Sub(*lap)
	*lap = now
	return d.Round(time.Millisecond).Seconds()
}

// downloads writes the folder of contracts but for its summary: layers, workbook
// and the balance problem with its certified solution.
func (c *demoCmd) downloads(ctx context.Context, cr *carrier, got *carried) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("results folder: %w", err)
	}
	resp, err := cr.c.Raw.GetFindingsGeoPackage(ctx, cr.c.County, got.run.RunId, nil)
	if err := client.Download(resp, err, filepath.Join(c.Out, "findings.gpkg")); err != nil {
		return err
	}
	for _, name := range []string{"plan.gpkg", "plan.xlsx"} {
		resp, err := cr.c.Raw.GetPlanArtifact(ctx, cr.c.County, got.plan.PlanId, name)
		if err := client.Download(resp, err, filepath.Join(c.Out, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"problem", "solution"} {
		resp, err := cr.c.Raw.GetPlanArtifact(ctx, cr.c.County, got.plan.PlanId, name+".tar.gz")
		if err := unpack(resp, err, filepath.Join(c.Out, "balance", name)); err != nil {
			return err
		}
	}
	return nil
}

// printed writes summary.json and prints the report.
func (c *demoCmd) printed(got *carried) error {
	s, err := summarize(got)
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(c.Out, "summary.json"), s); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	printed, err := report.Chinese(text)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n成果 · results: %s\n", printed, c.Out)
	return nil
}

// unpack writes the files of a flat tar.gz answer into dir, which holds nothing
// else afterwards.
func unpack(resp *http.Response, err error, dir string) error {
	if err != nil {
		return fmt.Errorf("call the service: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := client.Decode[struct{}](resp, nil, http.StatusOK)
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if err := unpackFile(t, filepath.Join(dir, filepath.Base(h.Name))); err != nil {
			return err
		}
	}
}

func unpackFile(r io.Reader, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	return f.Close()
}
