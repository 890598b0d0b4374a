package collection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/intake/fields"
	"gengheng/internal/rulebook"
)

// County is a county as it was set up: its six-digit code, the version of its
// rulebook, the EPSG code of its plane.
type County struct {
	Code, Name, Rulebook string
	SRID                 int
	// Synthetic: made up (合成), no real county.
	Synthetic bool
}

// ReadCounty reads a county; one that was never set up is a *Problem.
func ReadCounty(ctx context.Context, q Querier, code string) (County, error) {
	var c County
	err := q.QueryRow(ctx, `SELECT county_code, name, rulebook, srid, synthetic FROM county WHERE county_code = $1`, code).
		Scan(&c.Code, &c.Name, &c.Rulebook, &c.SRID, &c.Synthetic)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, Missing("county", fmt.Sprintf("没有县 %s。请核对地址中的六位代码。 No such county.", Excerpt(code)))
	}
	if err != nil {
		return c, fmt.Errorf("county %s: %w", code, err)
	}
	return c, nil
}

// Key is a column that a collection is ordered by.
type Key struct {
	SQL   string
	Whole bool // an integer; else text
}

// Collection is one layer (图层) with the version that it is read from.
type Collection struct {
	ID, Title, Text string
	County          County
	// Kind is the dataset's kind, or RUN or PLAN.
	Kind string
	// Sources are what $2 of From and Where is: one id or, of declarations, several.
	Sources []uuid.UUID
	// Pin names the version in ids and cursors; "" where the keys alone do.
	Pin string
	// From makes rows t; Where holds them to county $1 and sources $2.
	From, Where string
	Geom        string
	Keys        []Key
	Fields      []Field
	// Direction is in or out where features can be edited; else "".
	Direction string
	// Version is the expression of what of a feature can be edited, as a digest;
	// "" where nothing can.
	Version string
	// Standard are the names that fields of a layer have in the layer's own
	// standard, by which intake finds them: the rulebook's.
	Standard map[string]string
	// Object is the expression of a feature's whole number (要素编号): of declared
	// parcels one for ever, else that of the row in its version.
	Object string
	// Total is how many rows a version has as a whole; -1: not known.
	Total int
}

// Args are the first two parameters of every statement on the collection.
func (c *Collection) Args() []any {
	if c.Kind == kindIn || c.Kind == kindOut {
		return []any{c.County.Code, c.Sources}
	}
	return []any{c.County.Code, c.Sources[0]}
}

// IDSQL is the expression of a feature's id; prefix is a parameter's name.
func (c *Collection) IDSQL(prefix string) string {
	parts := make([]string, len(c.Keys))
	for i, k := range c.Keys {
		parts[i] = k.SQL + "::text"
	}
	return prefix + " || " + strings.Join(parts, " || '.' || ")
}

// Prefix is what ids begin with.
func (c *Collection) Prefix() string {
	if c.Pin == "" {
		return ""
	}
	return c.Pin + "."
}

// Split takes an id apart into its version and its keys.
func (c *Collection) Split(id string) (pin string, keys []string, ok bool) {
	if c.Pin != "" {
		if pin, id, ok = strings.Cut(id, "."); !ok {
			return "", nil, false
		}
	}
	keys = strings.SplitN(id, ".", len(c.Keys))
	return pin, keys, len(keys) == len(c.Keys)
}

// Values are keys as the database takes them.
func (c *Collection) Values(keys []string) ([]any, bool) {
	if len(keys) != len(c.Keys) {
		return nil, false
	}
	out := make([]any, len(keys))
	for i, k := range c.Keys {
		out[i] = keys[i]
		if k.Whole {
			n, err := strconv.ParseInt(keys[i], 10, 32)
			if err != nil {
				return nil, false
			}
			out[i] = n
		}
	}
	return out, true
}

// Kinds of source that are no layer.
const (
	kindSurvey    = "DLTB"
	kindTownships = "XZQ"
	kindIn        = "CANDIDATE_IN"
	kindOut       = "CANDIDATE_OUT"
	kindRun       = "RUN"
	kindPlan      = "PLAN"
)

// What is in force: of every layer the newest committed version, of declarations that
// of each year and township, and of the year that the county works on (working_year,
// which no single township moves), or else of the newest before it that has one, the
// screening that finished last and the plan that it stands by: approved, else proposed,
// else the newest feasible one. When a year has just begun, the last year's plan is what
// is carried out. The year is looked up once, and by none of the statements that do
// without it.
const (
	sqlYear   = `WITH working AS MATERIALIZED (SELECT working_year($1) AS year) `
	sqlLayers = `
	(SELECT DISTINCT ON (kind) kind, dataset_id AS id, version, year, features
	FROM dataset WHERE county_code = $1 AND status = 'committed' AND scope = '' AND kind NOT IN ('CANDIDATE_IN', 'CANDIDATE_OUT', 'DEM', 'KCXS')
	ORDER BY kind, year DESC, commit_seq DESC)`
	sqlDeclarations = `
	(SELECT DISTINCT ON (kind, year, scope) kind, dataset_id, version, year, features
	FROM dataset WHERE county_code = $1 AND status = 'committed' AND kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT')
	ORDER BY kind, year, scope, commit_seq DESC)`
	sqlRun = `
	(SELECT 'RUN', r.run_id, r.run_id::text, r.year, -1 FROM screening_run r
	WHERE r.county_code = $1 AND r.year <= (SELECT year FROM working) AND r.status = 'done' ORDER BY r.year DESC, r.finished_at DESC, r.run_id LIMIT 1)`
	sqlPlan = `
	(SELECT 'PLAN', p.plan_id, p.plan_id::text, p.year, -1 FROM plan p
	LEFT JOIN plan_publication u ON u.county_code = p.county_code AND u.plan_id = p.plan_id AND u.status <> 'rejected'
	WHERE p.county_code = $1 AND p.year <= (SELECT year FROM working) AND p.status = 'done' AND p.certificate->>'status' IN ('optimal', 'feasible')
	ORDER BY p.year DESC, CASE u.status WHEN 'approved' THEN 0 WHEN 'proposed' THEN 1 ELSE 2 END, u.number DESC, p.finished_at DESC, p.plan_id
	LIMIT 1)`
	sqlSources = sqlYear + sqlLayers + " UNION ALL " + sqlDeclarations + " UNION ALL " + sqlRun + " UNION ALL " + sqlPlan
)

// sourcesOf is the statement that finds what a collection is read from.
func sourcesOf(id string) string {
	switch id {
	case "candidates_in", "candidates_out":
		return sqlDeclarations
	case "findings", "remainders":
		return sqlYear + sqlRun
	case "plan_parcels":
		return sqlYear + sqlPlan
	}
	return sqlLayers
}

// Source is a version that collections are read from.
type Source struct {
	Kind     string
	ID       uuid.UUID
	Version  string
	Year     int
	Features int
}

// Catalogue is what a county has at the moment of the request.
type Catalogue struct {
	County      County
	Collections []*Collection
}

// Registry keeps what never changes of a version: extents and sums, what a rulebook
// calls things. All doors of a service share one, so that it is found out once.
type Registry struct {
	facts *facts
	mu    sync.Mutex
	books map[string]*vocabulary
}

// vocabulary is what a rulebook calls things: its layers by their kind, and the words
// that it knows in fields of a declaration, by the fields' names.
type vocabulary struct {
	layers map[string]rulebook.Layer
	words  map[string][]string
}

// NewRegistry makes an empty one.
func NewRegistry() *Registry { return OpenRegistry("") }

// OpenRegistry makes one that keeps extents and sums in a folder from one start to the
// next.
func OpenRegistry(folder string) *Registry {
	return &Registry{facts: openFacts(folder), books: map[string]*vocabulary{}}
}

// Catalogue finds what a county has now.
func (s *Registry) Catalogue(ctx context.Context, q Querier, code string) (*Catalogue, error) {
	return s.read(ctx, q, code, sqlSources)
}

// read finds what the sources of a statement make.
func (s *Registry) read(ctx context.Context, q Querier, code, sources string) (*Catalogue, error) {
	county, err := ReadCounty(ctx, q, code)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sources, code)
	if err != nil {
		return nil, fmt.Errorf("sources of %s: %w", code, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Source, err error) {
		return v, row.Scan(&v.Kind, &v.ID, &v.Version, &v.Year, &v.Features)
	})
	if err != nil {
		return nil, fmt.Errorf("sources of %s: %w", code, err)
	}
	book, err := s.bookOf(ctx, q, county.Rulebook)
	if err != nil {
		return nil, err
	}
	cat := &Catalogue{County: county}
	for _, v := range list {
		cat.add(v, book)
	}
	for _, kind := range []string{kindIn, kindOut} {
		if !slices.ContainsFunc(cat.Collections, func(c *Collection) bool { return c.Kind == kind }) {
			col := collectionsOf(Source{Kind: kind}, book)[0]
			col.County, col.Sources = county, []uuid.UUID{}
			cat.Collections = append(cat.Collections, col)
		}
	}
	slices.SortStableFunc(cat.Collections, func(a, b *Collection) int { return rank(a) - rank(b) })
	return cat, nil
}

// add makes the collections of a source; a further declaration joins its
// direction's collection.
func (c *Catalogue) add(v Source, book *vocabulary) {
	for _, col := range c.Collections {
		if col.Kind == v.Kind && (v.Kind == kindIn || v.Kind == kindOut) {
			col.Sources = append(col.Sources, v.ID)
			return
		}
	}
	for _, col := range collectionsOf(v, book) {
		col.County, col.Kind, col.Sources = c.County, v.Kind, []uuid.UUID{v.ID}
		c.Collections = append(c.Collections, col)
	}
}

// rank puts what people look for first in front, layers by their code last.
func rank(c *Collection) int {
	i := slices.Index([]string{"townships", "parcels", "candidates_in", "candidates_out", "findings", "remainders", "plan_parcels"}, c.ID)
	if i < 0 {
		return 100
	}
	return i
}

// Find finds a collection by its id; one that is not there is a *Problem.
func (c *Catalogue) Find(id string) (*Collection, error) {
	ids := make([]string, len(c.Collections))
	for i, col := range c.Collections {
		if ids[i] = col.ID; col.ID == id {
			return col, nil
		}
	}
	detail := fmt.Sprintf("没有图层 %s。", Excerpt(id))
	switch id {
	case "parcels", "townships":
		detail = "该县尚未载入这一图层。"
	case "findings", "remainders":
		detail = "该县当前工作年度和以前年度都还没有完成的筛查。"
	case "plan_parcels":
		detail = "该县当前工作年度和以前年度都还没有可行的方案。"
	}
	return nil, Missing("collection", detail+"现有："+strings.Join(ids, "、")+"。 No such collection now.")
}

// Open finds a collection as it is now; one that is not there is a *Problem, which
// names those that are.
func (s *Registry) Open(ctx context.Context, q Querier, county, id string) (*Collection, error) {
	cat, err := s.read(ctx, q, county, sourcesOf(id))
	if err != nil {
		return nil, err
	}
	if col, err := cat.Find(id); err == nil {
		return col, nil
	}
	if cat, err = s.Catalogue(ctx, q, county); err != nil {
		return nil, err
	}
	return cat.Find(id)
}

// Repin points a collection at the version that a cursor or an id names, so that
// paging goes on in the version in which it began, and an id means one feature
// for ever.
func (c *Collection) Repin(ctx context.Context, q Querier, pin string) (bool, error) {
	if pin == c.Pin {
		return true, nil
	}
	var sql string
	switch c.Kind {
	case kindRun:
		sql = `SELECT run_id FROM screening_run WHERE county_code = $1 AND $2 = 'RUN' AND run_id::text = $3 AND status = 'done'`
	case kindPlan:
		sql = `SELECT plan_id FROM plan WHERE county_code = $1 AND $2 = 'PLAN' AND plan_id::text = $3 AND status = 'done'`
	default:
		sql = `SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = $2 AND version = $3 AND status = 'committed'
			AND scope = '' ORDER BY commit_seq DESC LIMIT 1`
	}
	var id uuid.UUID
	err := q.QueryRow(ctx, sql, c.County.Code, c.Kind, pin).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("version %s of %s: %w", pin, c.ID, err)
	}
	c.Sources, c.Pin, c.Total = []uuid.UUID{id}, pin, -1
	return true, nil
}

// bookOf is the vocabulary of a rulebook. A version of a rulebook never changes.
func (s *Registry) bookOf(ctx context.Context, q Querier, version string) (*vocabulary, error) {
	s.mu.Lock()
	known, ok := s.books[version]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	var document string
	if err := q.QueryRow(ctx, `SELECT document FROM rulebook WHERE version = $1`, version).Scan(&document); err != nil {
		return nil, fmt.Errorf("rulebook %s: %w", version, err)
	}
	known = &vocabulary{layers: map[string]rulebook.Layer{}}
	// a document that an older program took and this one does not leaves the
	// layers with their codes for names, and any word to a declaration
	if book, err := rulebook.Parse("rulebook", []byte(document)); err == nil {
		for _, l := range book.Layers {
			known.layers[l.Kind] = l
		}
		known.words = map[string][]string{fields.Declaration[fields.YT].Name: book.Purposes, fields.Declaration[fields.ZTLX].Name: book.Actors}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.books) >= 256 {
		clear(s.books)
	}
	s.books[version] = known
	return known, nil
}
