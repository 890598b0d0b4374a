package esri

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/collection"
)

// standing is a feature as it is before an edit.
type standing struct {
	year   int
	number string
	values map[string]any
}

// resolve finds the features that are to be changed or deleted, by their whole
// numbers. What the caller does not see is not there.
func (s *Service) resolve(ctx context.Context, q Querier, list []*batch) error {
	for _, b := range list {
		var ids []int32
		for _, e := range slices.Concat(b.updates, b.deletes) {
			ids = append(ids, int32(e.object))
		}
		if ids == nil {
			continue
		}
		found, err := b.standing(ctx, q, ids)
		if err != nil {
			return err
		}
		for _, e := range slices.Concat(b.updates, b.deletes) {
			row, ok := found[e.object]
			if !ok {
				e.fail(collection.Missing("feature", fmt.Sprintf("%s中没有 OBJECTID 为 %d 的地块：已删除，或不属于您的乡镇；请刷新图层。 No such feature; reload the layer.", b.col.Title, e.object)))
				continue
			}
			e.change.Action, e.change.Direction, e.change.Year, e.change.Number = e.action, b.col.Direction, row.year, row.number
			if e.action == collection.Update {
				e.fail(b.col.Read(&e.change, row.changed(e.values), false))
			}
		}
	}
	return nil
}

// standing reads features by their numbers.
func (b *batch) standing(ctx context.Context, q Querier, ids []int32) (map[int64]standing, error) {
	var pairs []string
	for _, f := range b.col.Fields {
		if f.Writable() {
			pairs = append(pairs, "'"+f.Name+"', "+expression(f)) // names are the program's own
		}
	}
	args := append(b.col.Args(), ids)
	rows, err := q.Query(ctx, fmt.Sprintf("SELECT %s, t.year, t.number, json_build_object(%s)::text FROM %s WHERE %s AND %s = ANY ($%d::int[])",
		b.col.Object, strings.Join(pairs, ", "), b.col.From, b.col.Where, b.col.Object, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.col.ID, err)
	}
	found := map[int64]standing{}
	var id int64
	var row standing
	var text string
	_, err = pgx.ForEachRow(rows, []any{&id, &row.year, &row.number, &text}, func() error {
		row.values = nil
		if err := json.Unmarshal([]byte(text), &row.values); err != nil {
			return fmt.Errorf("fields of %d: %w", id, err)
		}
		found[id] = row
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", b.col.ID, err)
	}
	return found, nil
}

// changed leaves out what is sent as it was: programs send every field of a feature
// of which one is changed, and a declared area that nobody touched is to follow
// its boundary.
func (r standing) changed(values map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range values {
		if was, known := r.values[name]; !known || !same(was, v) {
			out[name] = v
		}
	}
	return out
}

// same tells whether a value is the one that is stored; no value and an empty one are.
func same(was, v any) bool {
	if was == "" {
		was = nil
	}
	switch v := v.(type) {
	case nil:
		return was == nil
	case string:
		return was == v || v == "" && was == nil
	case json.Number:
		old, ok := was.(float64)
		n, err := strconv.ParseFloat(string(v), 64)
		return ok && err == nil && old == n
	}
	return false
}

// number finds the whole numbers of what was made.
func number(ctx context.Context, q Querier, county string, edits []*edit) error {
	for _, e := range edits {
		if e.failed != nil || e.action != collection.Create {
			continue
		}
		err := q.QueryRow(ctx, `SELECT object_id FROM candidate_object WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4`,
			county, e.change.Year, e.change.Direction, e.change.Number).Scan(&e.object)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("number of %s: %w", e.change.Number, err)
		}
	}
	return nil
}
