package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

// townships are the polygons of the county's current 行政区 (XZQ).
type townships struct {
	dataset uuid.UUID
	codes   map[string]bool
	geoms   []orb.MultiPolygon
	extent  orb.Bound
}

func (t *townships) loaded() bool { return len(t.geoms) > 0 }

// currentDataset is the committed version in force of a layer of the county:
// of the year if there is one, else the one committed last.
func currentDataset(ctx context.Context, tx pgx.Tx, county string, kind Kind, year int) (id uuid.UUID, ok bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT dataset_id FROM dataset
		WHERE county_code = $1 AND kind = $2 AND scope = '' AND status = 'committed'
		ORDER BY (year = $3) DESC, commit_seq DESC LIMIT 1`, county, string(kind), year).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("look for the current %s: %w", kind, err)
	}
	return id, true, nil
}

func readTownships(ctx context.Context, tx pgx.Tx, county string, year int) (townships, error) {
	t := townships{codes: map[string]bool{}}
	id, ok, err := currentDataset(ctx, tx, county, XZQ, year)
	if err != nil || !ok {
		return t, err
	}
	t.dataset = id
	rows, err := tx.Query(ctx, `
		SELECT code, ST_AsBinary(geom) FROM layer_feature
		WHERE county_code = $1 AND dataset_id = $2 ORDER BY fid`, county, id)
	if err != nil {
		return t, fmt.Errorf("read the townships: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var code string
		var raw []byte
		if err := rows.Scan(&code, &raw); err != nil {
			return t, fmt.Errorf("read the townships: %w", err)
		}
		mp, err := decodeMultiPolygon(raw)
		if err != nil {
			return t, fmt.Errorf("township %s: %w", code, err)
		}
		t.codes[code] = true
		if t.geoms == nil {
			t.extent = mp.Bound()
		}
		t.geoms = append(t.geoms, mp)
		t.extent = t.extent.Union(mp.Bound())
	}
	return t, rows.Err()
}

func decodeMultiPolygon(raw []byte) (orb.MultiPolygon, error) {
	g, err := wkb.Unmarshal(raw)
	if err != nil {
		return nil, err
	}
	switch g := g.(type) {
	case orb.MultiPolygon:
		return g, nil
	case orb.Polygon:
		return orb.MultiPolygon{g}, nil
	}
	return nil, fmt.Errorf("geometry is a %s, not a polygon", g.GeoJSONType())
}
