package collection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Versions are a screening and a plan that findings, remainders and parcels of the plan
// are read from, by their ids, instead of those that the working year stands by; "" is
// the latter.
type Versions struct{ Run, Plan string }

// CatalogueAt is the catalogue with the versions that the caller named, of any year; one
// that is not there, or has not finished, is a *Problem.
func (s *Registry) CatalogueAt(ctx context.Context, q Querier, code string, at Versions) (*Catalogue, error) {
	cat, err := s.Catalogue(ctx, q, code)
	if err != nil {
		return nil, err
	}
	book, err := s.bookOf(ctx, q, cat.County.Rulebook)
	if err != nil {
		return nil, err
	}
	for _, one := range []struct{ kind, id, what, sql string }{
		{kindRun, at.Run, "筛查", `SELECT run_id, year FROM screening_run WHERE county_code = $1 AND run_id::text = $2 AND status = 'done'`},
		{kindPlan, at.Plan, "方案", `SELECT plan_id, year FROM plan WHERE county_code = $1 AND plan_id::text = $2 AND status = 'done'`},
	} {
		if one.id == "" {
			continue
		}
		v := Source{Kind: one.kind, Version: one.id, Features: -1}
		err := q.QueryRow(ctx, one.sql, code, one.id).Scan(&v.ID, &v.Year)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, Missing("version", fmt.Sprintf("没有已完成的%s %s。请核对编号，或不带这个参数取当前的。 No finished one of this id; leave it out for the one in force.", one.what, Excerpt(one.id)))
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", one.kind, one.id, err)
		}
		cat.Collections = slices.DeleteFunc(cat.Collections, func(c *Collection) bool { return c.Kind == one.kind })
		cat.add(v, book)
	}
	slices.SortStableFunc(cat.Collections, func(a, b *Collection) int { return rank(a) - rank(b) })
	return cat, nil
}
