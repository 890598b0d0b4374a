package screening

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
)

// row is a stored feature or declaration by a digest of all that it says.
type row struct {
	fid    int32
	digest string
	// name tells which feature of the other version a changed one was.
	name string
	box  orb.Bound
}

const featureRowsSQL = `
SELECT fid, encode(sha256(convert_to(jsonb_build_array(bsm, code, name, level)::text, 'UTF8') || ST_AsEWKB(geom)), 'hex'),
       jsonb_build_array(bsm, code, name, level)::text, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)
FROM layer_feature WHERE county_code = $1 AND dataset_id = ANY($2) ORDER BY fid`

const candidateRowsSQL = `
SELECT fid, encode(sha256(convert_to(jsonb_build_array(direction, number, township_code, base_bsm, base_dlbm, target_dlbm, purpose, method,
           gdlx, actor, documents, attrs)::text, 'UTF8') || ST_AsEWKB(geom)), 'hex'),
       direction || '/' || number, ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)
FROM candidate WHERE county_code = $1 AND dataset_id = ANY($2) ORDER BY array_position($2, dataset_id), fid`

func (j *job) rows(ctx context.Context, sql string, datasets ...uuid.UUID) ([]row, error) {
	rows, err := j.db.Pool.Query(ctx, sql, j.county, datasets)
	if err != nil {
		return nil, fmt.Errorf("compare versions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (f row, err error) {
		err = r.Scan(&f.fid, &f.digest, &f.name, &f.box.Min[0], &f.box.Min[1], &f.box.Max[0], &f.box.Max[1])
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("compare versions: %w", err)
	}
	return list, nil
}

// unmatched takes away what both lists have. ok is false where what they have
// in common stands in another order: a finding lists features in order.
func unmatched(old, now []row) (gone, come []row, ok bool) {
	left := map[string]int{}
	for _, r := range now {
		left[r.digest]++
	}
	var kept []string
	for _, r := range old {
		if left[r.digest] > 0 {
			left[r.digest]--
			kept = append(kept, r.digest)
		} else {
			gone = append(gone, r)
		}
	}
	taken := map[string]int{}
	for _, d := range kept {
		taken[d]++
	}
	k := 0
	for _, r := range now {
		if taken[r.digest] == 0 {
			come = append(come, r)
			continue
		}
		taken[r.digest]--
		if kept[k] != r.digest {
			return nil, nil, false
		}
		k++
	}
	return gone, come, true
}

// changedFeatures gives boxes outside of which two versions of a layer are the
// same land by the same names. Of a feature that kept its name and moved part
// of its boundary, that is where edges came or went: what lies between them is
// all that changed sides.
func (j *job) changedFeatures(ctx context.Context, old, now uuid.UUID) ([]orb.Bound, bool, error) {
	before, err := j.rows(ctx, featureRowsSQL, old)
	if err != nil {
		return nil, false, err
	}
	after, err := j.rows(ctx, featureRowsSQL, now)
	if err != nil {
		return nil, false, err
	}
	gone, come, ok := unmatched(before, after)
	if !ok {
		return nil, false, nil
	}
	var boxes []orb.Bound
	for _, p := range fates(before, after, gone, come) {
		switch {
		case p.now == nil:
			boxes = append(boxes, p.old.box)
		case p.old == nil:
			boxes = append(boxes, p.now.box)
		default:
			moved, err := j.movedEdges(ctx, old, p.old.fid, now, p.now.fid)
			if err != nil {
				return nil, false, err
			}
			boxes = append(boxes, moved...)
		}
	}
	return boxes, true, nil
}

// fate is a feature in both versions of a layer, or in one.
type fate struct{ old, now *row }

// fates finds which of the features that came are those that went, changed: of
// the same name, and in the same place among the others. A finding lists
// features in order, so one that stands elsewhere is another one, all over.
func fates(before, after, gone, come []row) []fate {
	rank := func(list, without []row) map[int32]int { // how many that were kept stand before
		out, kept := map[int32]int{}, 0
		for _, r := range list {
			if len(without) > 0 && without[0].fid == r.fid {
				out[r.fid], without = kept, without[1:]
			} else {
				kept++
			}
		}
		return out
	}
	oldRank, nowRank := rank(before, gone), rank(after, come)
	var list []fate
	next := 0
	for i := range gone {
		k, place := next, oldRank[gone[i].fid]
		for k < len(come) && (nowRank[come[k].fid] < place || nowRank[come[k].fid] == place && come[k].name != gone[i].name) {
			k++
		}
		if k == len(come) || nowRank[come[k].fid] > place {
			list = append(list, fate{old: &gone[i]})
			continue
		}
		for ; next < k; next++ {
			list = append(list, fate{now: &come[next]})
		}
		list = append(list, fate{&gone[i], &come[k]})
		next++
	}
	for ; next < len(come); next++ {
		list = append(list, fate{now: &come[next]})
	}
	return list
}

// movedEdges is the box of the edges that only one of two features has.
func (j *job) movedEdges(ctx context.Context, oldSet uuid.UUID, oldFID int32, nowSet uuid.UUID, nowFID int32) ([]orb.Bound, error) {
	type edge struct{ a, b orb.Point }
	count := map[edge]int{}
	add := func(set uuid.UUID, fid int32, by int) error {
		var raw []byte
		err := j.db.Pool.QueryRow(ctx, `SELECT ST_AsBinary(geom) FROM layer_feature WHERE county_code = $1 AND dataset_id = $2 AND fid = $3`, j.county, set, fid).Scan(&raw)
		if err != nil {
			return fmt.Errorf("compare feature %d: %w", fid, err)
		}
		shape, err := decode(raw)
		if err != nil {
			return err
		}
		for _, polygon := range shape {
			for _, ring := range polygon {
				for i := 1; i < len(ring); i++ {
					e := edge{ring[i-1], ring[i]}
					if e.b[0] < e.a[0] || e.b[0] == e.a[0] && e.b[1] < e.a[1] {
						e.a, e.b = e.b, e.a // which way a ring runs says nothing
					}
					count[e] += by
				}
			}
		}
		return nil
	}
	if err := add(oldSet, oldFID, 1); err != nil {
		return nil, err
	}
	if err := add(nowSet, nowFID, -1); err != nil {
		return nil, err
	}
	var box orb.Bound
	first := true
	for e, n := range count {
		if n == 0 {
			continue
		}
		b := orb.MultiPoint{e.a, e.b}.Bound()
		if first {
			box, first = b, false
			continue
		}
		box = box.Union(b)
	}
	if first {
		return nil, nil
	}
	return []orb.Bound{box}, nil
}

// changedCandidates marks the declarations of a kind that are new or say
// something else, and gives the boxes of these and of those that are gone.
func (j *job) changedCandidates(ctx context.Context, b *base, kind string, touched []bool) ([]orb.Bound, bool, error) {
	ids := func(list []dataset) []uuid.UUID {
		out := make([]uuid.UUID, len(list))
		for i, d := range list {
			out[i] = d.ID
		}
		return out
	}
	before, err := j.rows(ctx, candidateRowsSQL, ids(b.of(kind))...)
	if err != nil {
		return nil, false, err
	}
	after, err := j.rows(ctx, candidateRowsSQL, ids(j.of(kind))...)
	if err != nil {
		return nil, false, err
	}
	gone, come, ok := unmatched(before, after)
	if !ok {
		return nil, false, nil
	}
	var boxes []orb.Bound
	changed := map[string]bool{}
	for _, r := range gone {
		boxes = append(boxes, r.box)
	}
	for _, r := range come {
		boxes = append(boxes, r.box)
		changed[r.name] = true
	}
	for i, c := range j.candidates {
		touched[i] = touched[i] || changed[c.key()]
	}
	return boxes, true, nil
}
