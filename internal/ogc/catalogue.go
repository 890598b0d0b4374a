package ogc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/rulebook"
)

type countyRow struct {
	code, name, rulebook string
	srid                 int
	synthetic            bool
}

func readCounty(ctx context.Context, q Querier, code string) (countyRow, error) {
	var c countyRow
	err := q.QueryRow(ctx, `SELECT county_code, name, rulebook, srid, synthetic FROM county WHERE county_code = $1`, code).
		Scan(&c.code, &c.name, &c.rulebook, &c.srid, &c.synthetic)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, missing("county", fmt.Sprintf("没有县 %s。请核对地址中的六位代码。 No such county.", excerpt(code)))
	}
	if err != nil {
		return c, fmt.Errorf("county %s: %w", code, err)
	}
	return c, nil
}

// key is a column that a collection is ordered by.
type key struct {
	sql   string
	whole bool // an integer; else text
}

// collection is one layer (图层) with the version that it is read from.
type collection struct {
	id, title, text string
	county          countyRow
	// kind is the dataset's kind, or RUN or PLAN.
	kind string
	// source is what $2 of from and where is: one id or, of declarations, several.
	source []uuid.UUID
	// pin names the version in ids and cursors; "" where the keys alone do.
	pin string
	// from makes rows t; where holds them to county $1 and source $2.
	from, where string
	geom        string
	keys        []key
	fields      []field
	// total is how many rows a version has as a whole; -1: not known.
	total int
}

func (c *collection) args() []any {
	if c.kind == kindIn || c.kind == kindOut {
		return []any{c.county.code, c.source}
	}
	return []any{c.county.code, c.source[0]}
}

// idSQL is the expression of a feature's id; prefix is a parameter's name.
func (c *collection) idSQL(prefix string) string {
	parts := make([]string, len(c.keys))
	for i, k := range c.keys {
		parts[i] = k.sql + "::text"
	}
	return prefix + " || " + strings.Join(parts, " || '.' || ")
}

// prefix is what ids begin with.
func (c *collection) prefix() string {
	if c.pin == "" {
		return ""
	}
	return c.pin + "."
}

// split takes an id apart into its version and its keys.
func (c *collection) split(id string) (pin string, keys []string, ok bool) {
	if c.pin != "" {
		if pin, id, ok = strings.Cut(id, "."); !ok {
			return "", nil, false
		}
	}
	keys = strings.SplitN(id, ".", len(c.keys))
	return pin, keys, len(keys) == len(c.keys)
}

// values are keys as the database takes them.
func (c *collection) values(keys []string) ([]any, bool) {
	if len(keys) != len(c.keys) {
		return nil, false
	}
	out := make([]any, len(keys))
	for i, k := range c.keys {
		out[i] = keys[i]
		if k.whole {
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

// sqlSources finds what is in force: of every layer the newest committed version,
// of declarations that of each year and township, the screening that finished
// last, and the plan that the newest planned year stands by: approved, else
// proposed, else the newest feasible one.
const sqlSources = `
	(SELECT DISTINCT ON (kind) kind, dataset_id AS id, version, year, features
	FROM dataset WHERE county_code = $1 AND status = 'committed' AND scope = '' AND kind NOT IN ('CANDIDATE_IN', 'CANDIDATE_OUT', 'DEM', 'KCXS')
	ORDER BY kind, year DESC, commit_seq DESC)
	UNION ALL
	(SELECT DISTINCT ON (kind, year, scope) kind, dataset_id, version, year, features
	FROM dataset WHERE county_code = $1 AND status = 'committed' AND kind IN ('CANDIDATE_IN', 'CANDIDATE_OUT')
	ORDER BY kind, year, scope, commit_seq DESC)
	UNION ALL
	(SELECT 'RUN', r.run_id, r.run_id::text, r.year, -1 FROM screening_run r
	WHERE r.county_code = $1 AND r.status = 'done' ORDER BY r.finished_at DESC, r.run_id LIMIT 1)
	UNION ALL
	(SELECT 'PLAN', p.plan_id, p.plan_id::text, p.year, -1 FROM plan p
	LEFT JOIN plan_publication u ON u.county_code = p.county_code AND u.plan_id = p.plan_id AND u.status <> 'rejected'
	WHERE p.county_code = $1 AND p.status = 'done' AND p.certificate->>'status' IN ('optimal', 'feasible')
	ORDER BY p.year DESC, CASE u.status WHEN 'approved' THEN 0 WHEN 'proposed' THEN 1 ELSE 2 END, u.number DESC, p.finished_at DESC, p.plan_id
	LIMIT 1)`

type source struct {
	kind     string
	id       uuid.UUID
	version  string
	year     int
	features int
}

// catalogue is what a county has at the moment of the request.
type catalogue struct {
	county      countyRow
	collections []*collection
}

func (s *Service) catalogue(ctx context.Context, q Querier, code string) (*catalogue, error) {
	county, err := readCounty(ctx, q, code)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, sqlSources, code)
	if err != nil {
		return nil, fmt.Errorf("sources of %s: %w", code, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v source, err error) {
		return v, row.Scan(&v.kind, &v.id, &v.version, &v.year, &v.features)
	})
	if err != nil {
		return nil, fmt.Errorf("sources of %s: %w", code, err)
	}
	names, err := s.layerNames(ctx, q, county.rulebook)
	if err != nil {
		return nil, err
	}
	cat := &catalogue{county: county}
	for _, v := range list {
		cat.add(v, names)
	}
	slices.SortStableFunc(cat.collections, func(a, b *collection) int { return rank(a) - rank(b) })
	return cat, nil
}

// add makes the collections of a source; a further declaration joins its
// direction's collection.
func (c *catalogue) add(v source, names map[string]string) {
	for _, col := range c.collections {
		if col.kind == v.kind && (v.kind == kindIn || v.kind == kindOut) {
			col.source = append(col.source, v.id)
			return
		}
	}
	for _, col := range collectionsOf(v, names) {
		col.county, col.kind, col.source = c.county, v.kind, []uuid.UUID{v.id}
		c.collections = append(c.collections, col)
	}
}

// rank puts what people look for first in front, layers by their code last.
func rank(c *collection) int {
	i := slices.Index([]string{"townships", "parcels", "candidates_in", "candidates_out", "findings", "remainders", "plan_parcels"}, c.id)
	if i < 0 {
		return 100
	}
	return i
}

func (c *catalogue) find(id string) (*collection, error) {
	ids := make([]string, len(c.collections))
	for i, col := range c.collections {
		if ids[i] = col.id; col.id == id {
			return col, nil
		}
	}
	detail := fmt.Sprintf("没有图层 %s。", excerpt(id))
	switch id {
	case "parcels", "townships":
		detail = "该县尚未载入这一图层。"
	case "candidates_in", "candidates_out":
		detail = "该县尚无这一方向的申报。"
	case "findings", "remainders":
		detail = "该县尚无完成的筛查。"
	case "plan_parcels":
		detail = "该县尚无可行的方案。"
	}
	return nil, missing("collection", detail+"现有："+strings.Join(ids, "、")+"。 No such collection now.")
}

// open finds a collection as it is now.
func (s *Service) open(ctx context.Context, q Querier, county, id string) (*collection, error) {
	cat, err := s.catalogue(ctx, q, county)
	if err != nil {
		return nil, err
	}
	return cat.find(id)
}

// repin points a collection at the version that a cursor or an id names, so that
// paging goes on in the version in which it began, and an id means one feature
// for ever.
func (c *collection) repin(ctx context.Context, q Querier, pin string) (bool, error) {
	if pin == c.pin {
		return true, nil
	}
	var sql string
	switch c.kind {
	case kindRun:
		sql = `SELECT run_id FROM screening_run WHERE county_code = $1 AND $2 = 'RUN' AND run_id::text = $3 AND status = 'done'`
	case kindPlan:
		sql = `SELECT plan_id FROM plan WHERE county_code = $1 AND $2 = 'PLAN' AND plan_id::text = $3 AND status = 'done'`
	default:
		sql = `SELECT dataset_id FROM dataset WHERE county_code = $1 AND kind = $2 AND version = $3 AND status = 'committed'
			AND scope = '' ORDER BY commit_seq DESC LIMIT 1`
	}
	var id uuid.UUID
	err := q.QueryRow(ctx, sql, c.county.code, c.kind, pin).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("version %s of %s: %w", pin, c.id, err)
	}
	c.source, c.pin, c.total = []uuid.UUID{id}, pin, -1
	return true, nil
}

// layerNames are the Chinese names of the kinds of layers in a rulebook. A
// version of a rulebook never changes.
func (s *Service) layerNames(ctx context.Context, q Querier, version string) (map[string]string, error) {
	s.mu.Lock()
	names, ok := s.names[version]
	s.mu.Unlock()
	if ok {
		return names, nil
	}
	var document string
	if err := q.QueryRow(ctx, `SELECT document FROM rulebook WHERE version = $1`, version).Scan(&document); err != nil {
		return nil, fmt.Errorf("rulebook %s: %w", version, err)
	}
	names = map[string]string{}
	// a document that an older program took and this one does not leaves the
	// layers with their codes for names
	if book, err := rulebook.Parse("rulebook", []byte(document)); err == nil {
		for _, l := range book.Layers {
			names[l.Kind] = l.Name
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) >= 256 {
		clear(s.names)
	}
	s.names[version] = names
	return names, nil
}
