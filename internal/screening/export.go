package screening

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

// The lines hold what was decided and by what content, but no id and no time.
// COLLATE "C" orders by code points, whatever the database's locale.
const (
	exportRunSQL = `
SELECT jsonb_build_object('record', 'run', 'year', year, 'rulebook', rulebook, 'engine', engine,
    'datasets', (SELECT coalesce(jsonb_agg(d - 'dataset_id' ORDER BY d->>'kind' COLLATE "C", d->>'scope' COLLATE "C"), '[]') FROM jsonb_array_elements(datasets) d),
    'missing', missing, 'summary', summary - 'overlay'), status
FROM screening_run WHERE county_code = $1 AND run_id = $2`

	exportVerdictsSQL = `
SELECT jsonb_build_object('record', 'verdict', 'direction', direction, 'number', number, 'township', township_code, 'verdict', verdict,
    'area_m2', area_m2::text, 'usable_m2', usable_m2::text, 'net_m2', net_m2::text, 'net_paddy_m2', net_paddy_m2::text,
    'kcxs', kcxs::text, 'slope_class', slope_class, 'slope_source', slope_source, 'quality', quality::text, 'exempt', exempt,
    'scores', scores, 'reasons', reasons, 'remainder', encode(ST_AsBinary(remainder, 'NDR'), 'hex'))
FROM verdict WHERE county_code = $1 AND run_id = $2 ORDER BY direction COLLATE "C", number COLLATE "C"`

	exportFindingsSQL = `
SELECT jsonb_build_object('record', 'finding', 'direction', direction, 'number', number, 'township', township_code, 'clause', clause,
    'check', check_no, 'severity', severity, 'outcome', outcome, 'layer', layer_kind, 'version', layer_version,
    'overlap_m2', overlap_m2::text, 'share', share, 'features', features, 'zh', message_zh, 'en', message_en,
    'geom', encode(ST_AsBinary(geom, 'NDR'), 'hex'))
FROM finding WHERE county_code = $1 AND run_id = $2 ORDER BY seq`
)

// ExportFindings writes a finished run as canonical JSON lines: the run, then
// its verdicts in order of direction and number, then its findings. Two runs of
// the same dataset versions by the same rulebook give the same bytes.
func ExportFindings(ctx context.Context, db *store.DB, county string, runID uuid.UUID, w io.Writer) error {
	out := bufio.NewWriter(w)
	line := func(raw []byte) error {
		// Keys come sorted from encoding/json, whatever the server did.
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	var (
		raw    []byte
		status string
	)
	err := db.Pool.QueryRow(ctx, exportRunSQL, county, runID).Scan(&raw, &status)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("没有筛查任务 %s · county %s has no screening run %s", runID, county, runID)
	case err != nil:
		return fmt.Errorf("export run %s: %w", runID, err)
	case status != "done":
		return fmt.Errorf("筛查任务 %s 尚未完成（%s）· screening run %s is not done: %s", runID, status, runID, status)
	}
	if err := line(raw); err != nil {
		return fmt.Errorf("export run %s: %w", runID, err)
	}
	for _, sql := range []string{exportVerdictsSQL, exportFindingsSQL} {
		rows, err := db.Pool.Query(ctx, sql, county, runID)
		if err == nil {
			_, err = pgx.ForEachRow(rows, []any{&raw}, func() error { return line(raw) })
		}
		if err != nil {
			return fmt.Errorf("export run %s: %w", runID, err)
		}
	}
	return out.Flush()
}
