package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"gengheng/internal/rulebook"
	"gengheng/internal/screening"
)

// judgeWithin is how long an edit waits for its verdicts, of however many
// declarations: a county whose layers are in memory takes milliseconds, one that
// was never read takes longer.
const judgeWithin = 20 * time.Second

// judge keeps what there is to say about the parcels of versions just made, until
// the screening that was begun with them has read them. What cannot be judged now
// shows as not screened yet; the edit stands either way.
func (s *server) judge(ctx context.Context, list []*amendment) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	for _, a := range list {
		if err := s.judgeEdited(ctx, a); err != nil {
			s.log.WarnContext(ctx, "an edit was not judged at once", "county", a.county.code, "year", a.year, "dataset", a.dataset, "err", err)
		}
	}
}

func (s *server) judgeEdited(ctx context.Context, a *amendment) error {
	numbers := []string{}
	if !a.change.Withdraw {
		numbers = append(numbers, a.change.Number)
	}
	for i := range a.further {
		if !a.further[i].Withdraw {
			numbers = append(numbers, a.further[i].Number)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	list, digests, err := s.edited(ctx, a, numbers)
	if err != nil || len(list) == 0 {
		return err
	}
	session, err := s.screener.Current(ctx, a.county.code, a.year)
	if err != nil {
		return fmt.Errorf("open the county: %w", err)
	}
	judgements, err := session.Judge(ctx, list)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	for i := range judgements {
		v := &judgements[i].Verdict
		reasons, err := json.Marshal(v.Reasons)
		if err != nil {
			return fmt.Errorf("reasons of %s: %w", v.Number, err)
		}
		if v.Reasons == nil {
			reasons = []byte("[]")
		}
		batch.Queue(`INSERT INTO candidate_judgement AS j (county_code, year, direction, number, township_code, declaration, verdict, usable_m2, net_m2, net_paddy_m2, slope_class, quality, reasons)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8::numeric, $9::numeric, $10::numeric, nullif($11, ''), $12, $13)
			ON CONFLICT (county_code, year, direction, number) DO UPDATE SET township_code = excluded.township_code, declaration = excluded.declaration,
				verdict = excluded.verdict, usable_m2 = excluded.usable_m2, net_m2 = excluded.net_m2, net_paddy_m2 = excluded.net_paddy_m2,
				slope_class = excluded.slope_class, quality = excluded.quality, reasons = excluded.reasons, judged_at = excluded.judged_at`,
			a.county.code, a.year, string(v.Direction), v.Number, v.Township, digests[i], v.Verdict, v.Usable.String(), v.Net.String(), v.NetPaddy.String(),
			v.SlopeClass, v.Quality, json.RawMessage(reasons))
	}
	if err := s.db.Pool.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("keep the judgements: %w", err)
	}
	return nil
}

// edited reads the parcels as they were stored, with the digests of what they
// declare.
func (s *server) edited(ctx context.Context, a *amendment, numbers []string) (list []screening.Declaration, digests []string, err error) {
	rows, err := s.db.Pool.Query(ctx, `SELECT workflow_digest(c), c.number, c.township_code, c.base_dlbm, c.base_bsm, c.target_dlbm, c.purpose, c.method, c.gdlx, c.actor,
			c.documents, c.attrs, ST_AsBinary(c.geom)
		FROM candidate c WHERE c.county_code = $1 AND c.dataset_id = $2 AND c.number = ANY ($3)`, a.county.code, a.dataset, numbers)
	if err != nil {
		return nil, nil, fmt.Errorf("read what was edited: %w", err)
	}
	d := screening.Declaration{Direction: rulebook.Direction(a.direction)}
	var digest string
	var shape []byte
	_, err = pgx.ForEachRow(rows, []any{&digest, &d.Number, &d.Township, &d.BaseDLBM, &d.BaseBSM, &d.Target, &d.Purpose, &d.Method, &d.GDLX, &d.Actor,
		&d.Documents, &d.Attrs, &shape}, func() error {
		g, err := wkb.Unmarshal(shape)
		if err != nil {
			return fmt.Errorf("boundary of %s: %w", d.Number, err)
		}
		mp, ok := g.(orb.MultiPolygon)
		if !ok {
			return fmt.Errorf("boundary of %s is a %s", d.Number, g.GeoJSONType())
		}
		one := d
		one.Geometry = mp
		list, digests = append(list, one), append(digests, digest)
		d.Documents, d.Attrs = nil, nil
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read what was edited: %w", err)
	}
	return list, digests, nil
}
