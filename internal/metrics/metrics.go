// Package metrics tells those who watch a service, in Prometheus' text format,
// what it has done: screenings, overlays and what was in doubt about them, what
// is kept in memory, jobs. Nothing in it names a parcel, a county or a person.
//
// The rooms count for themselves and know nothing of Prometheus; what they have
// counted is read when it is asked for. The registry is the caller's.
package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"gengheng/internal/screening"
	"gengheng/internal/store"
)

// Register adds the figures of a screener and of its database's queue of jobs
// to a registry.
func Register(to prometheus.Registerer, screener *screening.Screener, db *store.DB, log *slog.Logger) error {
	if err := to.Register(screenings{screener}); err != nil {
		return fmt.Errorf("metrics of screenings: %w", err)
	}
	if err := to.Register(queue{db, log}); err != nil {
		return fmt.Errorf("metrics of jobs: %w", err)
	}
	return nil
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gengheng_"+name, help, labels, nil)
}

var (
	runs = describe("screening_runs_total",
		"筛查次数，按引擎和结果：full 全部重判，incremental 只重判变化所及，refused 退回，failed 出错 · Screening runs by engine and how they ended.", "engine", "result")
	candidates = describe("screening_candidates_total",
		"地块数：judged 正式筛查判定的，taken_over 沿用的，whatif 试算的 · Candidates judged by runs, taken over from an earlier run, and tried in what-ifs.", "how")
	whatIfs = describe("whatif_total", "试算次数 · What-ifs judged.")
	pairs   = describe("overlay_pairs_total", "在内存中叠加的地块与图斑对数 · Pairs of candidate and feature overlaid in memory.", "engine")
	doubts  = describe("overlay_doubtful_total",
		"校验存疑、改由 PostGIS 计算的结果数，按引擎和运算 · Answers in doubt, computed by PostGIS instead, by engine and operation.", "engine", "operation")
	causes = describe("overlay_doubts_total",
		"存疑的原因：未通过的校验，一个结果可有几项；refused 为引擎不接受的图形 · What was in doubt: the certificates that failed, several perhaps of one answer; refused are polygons that the engine does not take.", "engine", "operation", "cause")
	cacheBytes   = describe("cache_bytes", "图层缓存占用的字节数（估计） · What the cache of layers holds, in bytes as estimated.")
	cacheEntries = describe("cache_entries", "图层缓存的条目数 · Entries in the cache of layers.")
	cacheHits    = describe("cache_hits_total", "命中缓存的次数 · How often the cache had what was asked for.")
	cacheLoads   = describe("cache_loads_total", "载入缓存的次数 · How often it had to be loaded.")
)

// screenings collects what a screener has counted.
type screenings struct{ screener *screening.Screener }

// Describe lists what is collected.
func (c screenings) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runs, candidates, whatIfs, pairs, doubts, causes, cacheBytes, cacheEntries, cacheHits, cacheLoads} {
		ch <- d
	}
}

// Collect reads the counts.
func (c screenings) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	t := c.screener.Totals()
	for result, n := range map[string]int64{"full": t.Full, "incremental": t.Incremental, "refused": t.Refused, "failed": t.Failed} {
		counter(runs, n, t.Engine, result)
	}
	for how, n := range map[string]int64{"judged": t.Judged, "taken_over": t.TakenOver, "whatif": t.Tried} {
		counter(candidates, n, how)
	}
	counter(whatIfs, t.WhatIfs)
	counter(pairs, t.Pairs, t.Engine)
	for _, o := range t.Operations {
		counter(doubts, o.Doubtful, t.Engine, o.Operation)
		for cause, n := range o.ByCause {
			counter(causes, n, t.Engine, o.Operation, cause)
		}
	}
	s := c.screener.Cache().Stats()
	ch <- prometheus.MustNewConstMetric(cacheBytes, prometheus.GaugeValue, float64(s.Bytes))
	ch <- prometheus.MustNewConstMetric(cacheEntries, prometheus.GaugeValue, float64(s.Entries))
	counter(cacheHits, s.Hits)
	counter(cacheLoads, s.Loads)
}

var (
	jobs = describe("jobs",
		"任务数，按种类和状态，所有进程的 · Jobs by kind and status, those of every process on the database.", "kind", "status")
	up = describe("database_up", "数据库是否应答 · Whether the database answered.")
)

// queue collects the jobs from the database, which several processes work.
type queue struct {
	db  *store.DB
	log *slog.Logger
}

// Describe lists what is collected.
func (c queue) Describe(ch chan<- *prometheus.Desc) { ch <- jobs; ch <- up }

// patience is how long the database may take to answer; a scrape waits no longer.
const patience = 2 * time.Second

// Collect counts the jobs. Where the database does not answer the rest is told
// all the same.
func (c queue) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, err := c.count(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "metrics: count the jobs", "err", err)
		ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, 0)
		return
	}
	ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, 1)
	for _, f := range found {
		ch <- prometheus.MustNewConstMetric(jobs, prometheus.GaugeValue, float64(f.N), f.Kind, f.Status)
	}
}

// jobCount is how many jobs of a kind have a status.
type jobCount struct {
	Kind, Status string
	N            int64
}

func (c queue) count(ctx context.Context) ([]jobCount, error) {
	rows, err := c.db.Pool.Query(ctx, `SELECT kind, status, count(*) FROM job GROUP BY kind, status ORDER BY kind, status`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[jobCount])
}
