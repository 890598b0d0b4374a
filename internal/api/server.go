// Package api is the JSON service (接口). The contract is api/openapi.yaml: the
// types and routes here are generated from it, and a request that does not
// match it is refused before it reaches a handler. Errors are RFC 9457
// problem details.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/esri"
	"gengheng/internal/jobs"
	"gengheng/internal/ogc"
	"gengheng/internal/planning"
	"gengheng/internal/project"
	"gengheng/internal/screening"
	"gengheng/internal/store"
	"gengheng/internal/tiles"
	"gengheng/web"
)

// base is where the versioned service stands.
const base = "/api/v1"

// Enqueuer adds a job inside the transaction that causes it.
type Enqueuer interface {
	Enqueue(ctx context.Context, tx pgx.Tx, county string, kind jobs.Kind, subject uuid.UUID) (uuid.UUID, error)
}

// Config says what the service works with.
type Config struct {
	DB    *store.DB
	Queue Enqueuer
	// Files keeps what is uploaded.
	Files *Files
	// Downloads makes files in jobs; nil: every file is made while its request waits.
	Downloads *Downloads
	// JudgeWithin is how long an edit waits for its verdicts; 0: twenty seconds.
	JudgeWithin time.Duration
	// Screener judges what-ifs; nil makes one of its own.
	Screener *screening.Screener
	// Drafts are the interactive planning sessions; nil makes a place of its own for
	// them.
	Drafts *planning.Sessions
	// GDALChild is the path of gengheng-gdal, for downloads; empty finds it.
	GDALChild string
	Log       *slog.Logger
	// OIDC checks people's tokens and logs them in; nil: keys only.
	OIDC *access.Provider
	// PublicURL is the service as browsers reach it, for the login; https
	// there makes the cookies Secure.
	PublicURL string
	// Open asks nobody for credentials. It is for demonstrations and tests:
	// whoever listens must listen on loopback only, and requests for another
	// host are asked all the same.
	Open bool
	// Overviews is the folder that keeps the survey and the layers as they are drawn at
	// low zooms from one start to the next; "" keeps none.
	Overviews string
	// Metrics are shown at /metrics, with the requests counted into them; nil: no
	// such page.
	Metrics *prometheus.Registry
}

type server struct {
	db    *store.DB
	queue Enqueuer
	files *Files

	downloads *Downloads // nil: there are no jobs that make files
	child     string
	log       *slog.Logger
	doc       *document
	gis       *ogc.Service
	// features is the FeatureServer
	features *esri.Service
	// extents knows how far each layer reaches
	extents *collection.Registry
	door    *doorkeeper
	// publicURL is the service as browsers reach it
	publicURL string

	screener *screening.Screener
	patience time.Duration // of an edit for its verdicts
	drafts   *planning.Sessions
	meters   *meters // nil: nothing is counted
}

var _ ServerInterface = (*server)(nil)

// New makes the service's handler.
func New(cfg Config) (http.Handler, error) {
	doc, err := loadDocument()
	if err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	known := collection.OpenRegistry(cfg.Overviews)
	gis := ogc.New(tiles.New(tiles.Config{Folder: cfg.Overviews, Registry: known}).Extension(), project.New().Knowing(known).Extension()).Knowing(known)
	features := esri.New().Knowing(known)
	if err := doc.checkPolicy(doorsOf(gis, features)); err != nil {
		return nil, err
	}
	log = slog.New(access.Scrub(log.Handler()))
	s := &server{gis: gis, features: features, extents: known, publicURL: cfg.PublicURL, door: newDoorkeeper(cfg.Open, cfg.OIDC), db: cfg.DB, queue: cfg.Queue, files: cfg.Files, downloads: cfg.Downloads, child: cfg.GDALChild, log: log, doc: doc}
	if s.drafts = cfg.Drafts; s.drafts == nil {
		s.drafts = planning.NewSessions(cfg.DB, planning.Limits{})
	}
	s.patience = cmp.Or(cfg.JudgeWithin, judgeWithin)
	if s.screener = cfg.Screener; s.screener == nil {
		if s.screener, err = screening.New(cfg.DB, screening.Config{Log: log}); err != nil {
			return nil, err
		}
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.writeError
	e.IPExtractor = echo.ExtractIPDirect() // a header could say anything
	if cfg.Metrics != nil {
		if s.meters, err = newMeters(cfg.Metrics); err != nil {
			return nil, err
		}
		e.Use(s.meters.count)
		e.GET("/metrics", s.metrics)
	}
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.logPanic}))
	e.Use(secureHeaders)
	e.Use(s.logRequest, compress)
	e.GET("/healthz", s.healthy)
	e.GET("/readyz", s.ready)
	e.GET("/docs", s.docsPage)
	e.GET("/auth/login", s.login)
	e.GET("/auth/callback", s.loggedIn)
	e.POST("/auth/logout", s.logout)
	page, err := web.New()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{"/", "/icon.svg", "/assets/*"} {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, echo.WrapHandler(page))
	}
	e.GET(base+"/openapi.yaml", s.openAPI)
	s.mountOGC(e)
	s.mountEsri(e)
	g := e.Group("", s.authorise, s.validate)
	RegisterHandlersWithBaseURL(g, s, base)
	return e, nil
}

func secureHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		return next(c)
	}
}

func (s *server) logRequest(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err) // so that the status below is the one sent
		}
		s.log.LogAttrs(c.Request().Context(), slog.LevelDebug, "request",
			slog.String("method", c.Request().Method), slog.String("path", c.Request().URL.Path),
			slog.Int("status", c.Response().Status), slog.Duration("took", time.Since(start)))
		return nil
	}
}

func (s *server) logPanic(c echo.Context, err error, stack []byte) error {
	s.log.ErrorContext(c.Request().Context(), "panic in a handler", "path", c.Request().URL.Path, "err", err, "stack", string(stack))
	return err
}

func (s *server) healthy(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

func (s *server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	if err := s.db.Pool.Ping(ctx); err != nil {
		return awayProblem()
	}
	return c.String(http.StatusOK, "ready\n")
}

// county reads a county, and refuses one that was never set up.
func (s *server) county(ctx context.Context, code string) (countyRow, error) {
	var c countyRow
	err := s.rows(ctx).QueryRow(ctx, `
		SELECT county_code, name, srid, synthetic, rulebook FROM county WHERE county_code = $1`, code).
		Scan(&c.code, &c.name, &c.srid, &c.synthetic, &c.rulebook)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, notFound("county", fmt.Sprintf("没有县 %s。先用 PUT %s/counties/%s 建立。 No such county; create it with PUT first.", code, base, code))
	}
	if err != nil {
		return c, fmt.Errorf("county %s: %w", code, err)
	}
	return c, nil
}

type countyRow struct {
	code, name string
	srid       int
	synthetic  bool
	rulebook   string
}
