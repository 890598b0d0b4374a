package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"gengheng/internal/client"
)

type benchWhatIfCmd struct {
	serviceFlags
	Parcels int   `help:"合成县的图斑数 · Parcels of the synthetic county." default:"100000"`
	Seed    int64 `help:"随机种子 · Seed." default:"1"`
	Clients int   `help:"同时试算的客户端 · Clients at once." default:"20"`
	Each    int   `help:"每个客户端试算几次 · What-ifs of each client." default:"100"`
	Port    int   `help:"端口 · The port." default:"18080"`

	Every time.Duration `help:"每个客户端隔多久试算一次；另测不间断的 · How often each client asks; asking without a pause is measured too." default:"200ms"`
}

// Run measures how long a drawn boundary waits for its whole screening, over
// HTTP against a loaded county, clients at once.
func (c *benchWhatIfCmd) Run(ctx context.Context) (err error) {
	work, err := os.MkdirTemp("", "gengheng-bench-")
	if err != nil {
		return fmt.Errorf("bench folder: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return fmt.Errorf("bench folder: %w", err)
	}
	county, err := (&demoCmd{serviceFlags: c.serviceFlags, Parcels: c.Parcels, Seed: c.Seed}).cachedCounty(ctx)
	if err != nil {
		return err
	}
	srv, err := startServer(ctx, c.serviceFlags, work+"/data", c.Port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	cl, err := newCounty(ctx, srv.url)
	if err != nil {
		return err
	}
	cr := &carrier{c: cl, dir: county, year: demoYear}
	if _, err := cr.load(ctx); err != nil {
		return err
	}
	bodies, err := c.bodies(ctx, cl)
	if err != nil {
		return err
	}
	address := fmt.Sprintf("%s/api/v1/counties/%s/whatif", srv.url, cl.County)
	caller := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: c.Clients}}
	begin := time.Now()
	if err := post(ctx, caller, address, bodies[0]); err != nil { // the county's state is read once
		return err
	}
	first := time.Since(begin)
	fmt.Printf("机器 · machine: %s, %d 核 · cores\n合成县 · synthetic county: %d 图斑 · parcels；%d 个客户端 · clients × %d\n",
		cpuModel(), runtime.NumCPU(), c.Parcels, c.Clients, c.Each)
	fmt.Printf("首次（载入全县状态）· first, which reads the county: %.2f s\n", first.Seconds())
	for _, pace := range []struct {
		name  string
		every time.Duration
	}{{fmt.Sprintf("每 %v 一次 · one each %v", c.Every, c.Every), c.Every}, {"不间断 · without a pause", 0}} {
		waits, took, err := c.load(ctx, caller, address, bodies, pace.every)
		if err != nil {
			return err
		}
		slices.Sort(waits)
		at := func(p float64) float64 { return float64(waits[int(p*float64(len(waits)-1))].Microseconds()) / 1000 }
		fmt.Printf("%s：p50 %.1f ms  p95 %.1f ms  p99 %.1f ms  最大 max %.1f ms  %.0f 次/秒 per second\n",
			pace.name, at(0.5), at(0.95), at(0.99), at(1), float64(len(waits))/took.Seconds())
	}
	peak, err := peakMemory(srv.cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("服务内存峰值 · server, peak memory: %.0f MiB\n", peak)
	return nil
}

// bodies are what-ifs of declared candidates under numbers of their own.
func (c *benchWhatIfCmd) bodies(ctx context.Context, cl *client.Client) ([][]byte, error) {
	limit := 500
	resp, err := cl.Raw.ListCandidates(ctx, cl.County, &client.ListCandidatesParams{Limit: &limit})
	page, err := client.Decode[client.CandidatePage](resp, err, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, item := range page.Items {
		resp, err := cl.Raw.GetCandidate(ctx, cl.County, item.Direction, item.Number, nil)
		d, err := client.Decode[client.CandidateDetail](resp, err, http.StatusOK)
		if err != nil {
			return nil, err
		}
		a := d.Candidate
		body, err := json.Marshal(map[string]any{"year": demoYear, "declarations": []map[string]any{{
			"direction": a.Direction, "number": a.Number, "township_code": a.TownshipCode, "geometry": d.Geometry, "documents": a.Documents,
			"base_bsm": a.BaseBsm, "base_dlbm": a.BaseDlbm, "target_dlbm": a.TargetDlbm, "purpose": a.Purpose, "method": a.Method, "actor": a.Actor}}})
		if err != nil {
			return nil, fmt.Errorf("what-if: %w", err)
		}
		out = append(out, body)
	}
	return out, nil
}

// load sends what-ifs from all clients at once and gives every wait. A client
// that asks at a pace begins at a moment of its own.
func (c *benchWhatIfCmd) load(ctx context.Context, caller *http.Client, address string, bodies [][]byte, every time.Duration) ([]time.Duration, time.Duration, error) {
	var (
		group  sync.WaitGroup
		mutex  sync.Mutex
		waits  []time.Duration
		failed error
	)
	begin := time.Now()
	for n := range c.Clients {
		group.Go(func() {
			next := begin.Add(every * time.Duration(n) / time.Duration(c.Clients))
			for k := range c.Each {
				time.Sleep(time.Until(next))
				next = next.Add(every)
				start := time.Now()
				err := post(ctx, caller, address, bodies[(n*c.Each+k)%len(bodies)])
				wait := time.Since(start)
				mutex.Lock()
				waits = append(waits, wait)
				failed = errors.Join(failed, err)
				mutex.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return waits, time.Since(begin), failed
}

func post(ctx context.Context, caller *http.Client, address string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("what-if: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := caller.Do(req)
	if err != nil {
		return fmt.Errorf("what-if: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("what-if: %s %.300s (%w)", resp.Status, answer, err)
	}
	return nil
}
