package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"gengheng/internal/access"
	"gengheng/internal/api"
	"gengheng/internal/jobs"
	"gengheng/internal/metrics"
	"gengheng/internal/planning"
	"gengheng/internal/screening"
	"gengheng/internal/store"
)

// serviceFlags say where a service keeps its data and how much it does at once.
type serviceFlags struct {
	DataDir     string `help:"数据目录 · The data folder." placeholder:"DIR" env:"GENGHENG_DATA"`
	DatabaseURL string `help:"已有的 PostGIS；缺省时自己运行一个私有的 · An existing PostGIS; without it a private one is run." env:"DATABASE_URL" placeholder:"URL"`
	Engine      string `help:"叠加引擎：own 为自有引擎，postgis 全部用 SQL（参照）· Overlay engine: our own, or everything in SQL as the reference." enum:"own,postgis" default:"own"`
	Workers     int    `help:"同时执行的任务数；0 只提供接口 · Jobs at once; 0 only serves." default:"2"`
	GDALChild   string `help:"gengheng-gdal 的路径 · The path of gengheng-gdal." env:"GENGHENG_GDAL" placeholder:"FILE"`

	door door `kong:"-"`
	// database is another one of the private cluster; renew begins it anew.
	database string
	renew    bool
}

// door says whom a service lets in.
type door struct {
	open      bool
	oidc      *access.Provider
	publicURL string
}

// engines are the screening room's, by the names that the command line has.
var engines = map[string]string{"": screening.EngineOwn, "own": screening.EngineOwn, "postgis": screening.EnginePostGIS}

// service is one running program: database, workers and, once serve is called,
// the HTTP server.
type service struct {
	db      *store.DB
	scratch *scratch
	queue   *jobs.Queue
	handler http.Handler
	http    *http.Server
	open    bool
	failed  chan error // the HTTP server ended by itself
	log     *slog.Logger
}

// openService opens the database, brings its schema up to date and starts the
// workers. The caller closes it.
func openService(ctx context.Context, f serviceFlags, log *slog.Logger) (_ *service, err error) {
	if f.DataDir == "" {
		if f.DataDir, err = store.DefaultDataDir(); err != nil {
			return nil, err
		}
	}
	db, err := store.Open(ctx, store.Config{DatabaseURL: f.DatabaseURL, DataDir: f.DataDir, Database: f.database, Renew: f.renew})
	if err != nil {
		return nil, err
	}
	s := &service{db: db, log: log, open: f.door.open}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := store.Migrate(ctx, db); err != nil {
		return nil, err
	}
	if s.scratch, err = newScratch(f.DataDir); err != nil {
		return nil, err
	}
	files, err := api.NewFiles(filepath.Join(f.DataDir, "uploads"))
	if err != nil {
		return nil, err
	}
	screener, err := screening.New(db, screening.Config{Engine: engines[f.Engine], Log: log})
	if err != nil {
		return nil, err
	}
	downloads, err := api.NewDownloads(db, filepath.Join(f.DataDir, "downloads"), f.GDALChild, log)
	if err != nil {
		return nil, err
	}
	drafts := planning.NewSessions(db, planning.Limits{})
	handlers := jobs.Rooms(db, screener, drafts, files.Path, f.GDALChild)
	handlers[jobs.Download] = downloads.Work
	s.queue, err = jobs.New(jobs.Config{DB: db, Workers: f.Workers, Log: log, Handlers: handlers, Tidy: downloads.Sweep})
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := metrics.Register(registry, screener, db, log); err != nil {
		return nil, err
	}
	s.handler, err = api.New(api.Config{DB: db, Queue: s.queue, Files: files, Downloads: downloads, Screener: screener, Drafts: drafts, GDALChild: f.GDALChild, Log: log, Metrics: registry, Overviews: filepath.Join(f.DataDir, "overviews"),
		Open: f.door.open, OIDC: f.door.oidc, PublicURL: f.door.publicURL})
	if err != nil {
		return nil, err
	}
	// the queue outlives the signal that ends ctx: it is stopped in order, below
	if err := s.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return s, nil
}

// listen begins to serve at addr and returns the address bound.
func (s *service) listen(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("监听 %s 失败，端口可能已被占用；用 --addr（或 make 的 PORT=）换一个 · cannot listen: %w", addr, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); s.open && (!ok || !tcp.IP.IsLoopback()) {
		l.Close()
		return "", fmt.Errorf("--open 不验证身份，只能监听本机（127.0.0.1 或 ::1），不能监听 %s；对外服务请去掉 --open · --open asks nobody for credentials and may listen on loopback only", addr)
	}
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.failed = make(chan error, 1)
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("http server: %w", err)
		}
	}()
	return l.Addr().String(), nil
}

// wait serves until ctx ends or the HTTP server fails.
func (s *service) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// close ends in order: no new requests, jobs put back, database last.
func (s *service) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if s.http != nil {
		if err := s.http.Shutdown(ctx); err != nil {
			s.log.Warn("http server", "err", err)
		}
	}
	if s.queue != nil {
		if err := s.queue.Stop(ctx); err != nil {
			s.log.Warn("job queue", "err", err)
		}
	}
	if err := s.db.Close(); err != nil {
		s.log.Warn("database", "err", err)
	}
	if s.scratch != nil {
		if err := s.scratch.close(); err != nil {
			s.log.Warn("scratch", "err", err)
		}
	}
}
