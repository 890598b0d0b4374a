package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/ogc"
	"gengheng/internal/store"
)

// ogcBase is where OGC API – Features stands, a landing page for each county. It
// is no part of the contract: it describes itself at /ogc/{county}/api.
const ogcBase = "/ogc"

// mountOGC adds the addresses for desktop GIS behind the same door as every
// operation: each has its rule in the policy.
func (s *server) mountOGC(e *echo.Echo) {
	methods := map[string][]string{}
	for _, r := range s.gis.Routes() {
		path := ogcBase + "/:county" + strings.NewReplacer("{", ":", "}", "").Replace(r.Path)
		methods[path] = append(methods[path], cmp.Or(r.Method, http.MethodGet))
		if r.Method == "" {
			methods[path] = append(methods[path], http.MethodHead)
		}
		h := s.admitted(r.ID, s.ogcHandler(r))
		e.Add(cmp.Or(r.Method, http.MethodGet), path, h)
		if r.Method == "" {
			e.HEAD(path, h) // net/http leaves the body away
		}
		if r.Path == "" {
			e.GET(path+"/", h)
			e.HEAD(path+"/", h)
		}
	}
	for path, list := range methods {
		slices.Sort(list)
		others := slices.DeleteFunc([]string{http.MethodDelete, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace},
			func(m string) bool { return slices.Contains(list, m) })
		e.Match(others, path, func(c echo.Context) error {
			c.Response().Header().Set(echo.HeaderAllow, strings.Join(list, ", "))
			return echo.NewHTTPError(http.StatusMethodNotAllowed)
		})
	}
}

// admitted runs a handler that is no operation of the contract behind its rule.
func (s *server) admitted(id string, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return s.admit(c, id, next) }
}

func (s *server) ogcHandler(r ogc.Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		actor, _ := access.From(c.Request().Context())
		named := map[string]string{}
		for _, name := range c.ParamNames() {
			text, err := pathText(c, name)
			if err != nil {
				return err
			}
			named[name] = text
		}
		// the county as the door has checked it
		call := &ogc.Call{W: c.Response(), R: c.Request(), County: c.Param("county"), Collection: named["collection"], Feature: named["feature"], Params: named,
			Runner: runner{s, c.Param("county")},
			Root:   s.addressOf(c) + ogcBase + "/" + url.PathEscape(c.Param("county")), Scope: actor.Township, Child: s.child, Editor: permits(policy["ogcCreate"], actor), Read: s.readSnapshot, Moment: s.moment,
			Edit: func(ctx context.Context, list []collection.Change) error { return s.edit(ctx, c.Param("county"), list) }}
		return s.gisProblem(c, r.Handle(call))
	}
}

// gisProblem gives an error of a door its form; a refused edit is said where QGIS
// shows it.
func (s *server) gisProblem(c echo.Context, err error) error {
	err = collectionProblem(err)
	var p *problem
	if m := c.Request().Method; errors.As(err, &p) && p.Status >= 400 && p.Status < 500 && m != http.MethodGet && m != http.MethodHead && m != http.MethodOptions && s.refuseAloud(c, p) {
		return nil
	}
	return err
}

// pathText is a parameter of the path, unescaped: Echo leaves it as it came where
// the path holds an escape that it would lose.
func pathText(c echo.Context, name string) (string, error) {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return v, nil
	}
	text, err := url.PathUnescape(v)
	if err != nil {
		return "", badRequest("path", "地址的转义有误。 The address is not properly escaped.")
	}
	return text, nil
}

// addressOf is the service as the caller reaches it: as configured, else as the
// request says. Nothing is kept of an answer, so that a made-up Host misleads
// nobody but its sender.
func (s *server) addressOf(c echo.Context) string {
	if s.publicURL != "" {
		return strings.TrimSuffix(s.publicURL, "/")
	}
	return c.Scheme() + "://" + c.Request().Host
}

// readSnapshot runs fn in a transaction that cannot write and sees one state of
// the data; within a township's own if the request has one. A statement has ten
// seconds. Plans are made for the values at hand: one for a small bbox does not
// do for the whole county.
func (s *server) readSnapshot(ctx context.Context, fn func(q ogc.Querier) error) error {
	if tx, ok := ctx.Value(txKey{}).(pgx.Tx); ok {
		return bounded(ctx, tx, fn)
	}
	return snapshot(ctx, s.db, fn)
}

// moment names the state that a statement of now would see: which transactions have
// ended. Two that are the same see the same rows. It costs one round trip and no
// transaction, where finding out what a county has takes many.
func (s *server) moment(ctx context.Context) (name string, err error) {
	const sql = `SELECT pg_current_snapshot()::text`
	if tx, ok := ctx.Value(txKey{}).(pgx.Tx); ok {
		err = tx.QueryRow(ctx, sql).Scan(&name)
	} else {
		err = s.db.Pool.QueryRow(ctx, sql).Scan(&name)
	}
	if err != nil {
		return "", fmt.Errorf("the state of the data: %w", err)
	}
	return name, nil
}

// snapshot is readSnapshot with a transaction of its own.
func snapshot(ctx context.Context, db *store.DB, fn func(q ogc.Querier) error) error {
	return pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		actor, ok := access.From(ctx)
		if !ok {
			return errors.New("a reading without an actor")
		}
		if err := access.Limit(ctx, tx, actor); err != nil {
			return err
		}
		return bounded(ctx, tx, fn)
	})
}

func bounded(ctx context.Context, tx pgx.Tx, fn func(q ogc.Querier) error) error {
	_, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '10s', true), set_config('plan_cache_mode', 'force_custom_plan', true)`)
	if err != nil {
		return fmt.Errorf("bound a reading: %w", err)
	}
	return fn(tx)
}
