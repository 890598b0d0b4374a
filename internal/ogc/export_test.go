package ogc

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// PageSQL is the statement of a page, for a look at its plan.
func (s *Service) PageSQL(ctx context.Context, db Querier, county, collection string, values url.Values) (string, []any, error) {
	col, err := s.registry.Open(ctx, db, county, collection)
	if err != nil {
		return "", nil, err
	}
	q := newQuery(col)
	if err := q.apply(s.params(col, false), values); err != nil {
		return "", nil, err
	}
	sql, args := q.page()
	return sql, args, nil
}

// Parts is, by class, what it declares and what it brings: routes and parameters.
func (s *Service) Parts() (conforms, brings [][]string) {
	for _, c := range s.classes {
		var b []string
		for _, r := range c.routes {
			b = append(b, r.ID)
		}
		for _, p := range c.params {
			b = append(b, p.name)
		}
		conforms, brings = append(conforms, c.conforms), append(brings, b)
	}
	return conforms, brings
}

// Without is the service without its i-th class.
func (s *Service) Without(i int) *Service {
	out := New()
	out.classes = append(out.classes[:i:i], out.classes[i+1:]...)
	return out
}

// Overload asks for more than there is room for: files being made, files being
// sent, disk.
func Overload(ctx context.Context) map[string]error {
	out := map[string]error{}
	w := newWorkshop()
	w.patience = time.Millisecond
	for range making {
		if _, err := w.bench(ctx); err != nil {
			out["a free bench"] = fmt.Errorf("it was refused: %w", err)
		}
	}
	_, out["benches"] = w.bench(ctx)
	for range keeping {
		_, done, err := w.folder()
		if err != nil {
			out["a free shelf"] = fmt.Errorf("it was refused: %w", err)
			continue
		}
		defer done()
	}
	_, _, out["shelves"] = w.folder()
	w = newWorkshop()
	w.free = func(string) (uint64, error) { return minFree - 1, nil }
	_, _, out["disk"] = w.folder()
	return out
}
