package planning

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/store"
)

var (
	//go:embed sql/finish.sql
	sqlFinish string
	//go:embed sql/fail.sql
	sqlFail string
)

// planTables hold a plan's results; an attempt that was cut short has left
// nothing in them, a repeated one writes the same again.
var planTables = []string{"plan_parcel", "plan_township", "plan_transfer", "plan_artifact"}

// save writes the whole plan, or nothing.
func save(ctx context.Context, db *store.DB, county string, planID uuid.UUID, out *outcome, certificate any, artifacts map[string][]byte) error {
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		for _, table := range planTables {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE county_code = $1 AND plan_id = $2", county, planID); err != nil {
				return fmt.Errorf("clear %s: %w", table, err)
			}
		}
		return fill(ctx, tx, county, planID, out, certificate, artifacts)
	})
	if err != nil {
		return fmt.Errorf("save plan %s: %w", planID, err)
	}
	return nil
}

// fill writes the results of a plan whose row is there, and finishes it.
func fill(ctx context.Context, tx pgx.Tx, county string, planID uuid.UUID, out *outcome, certificate any, artifacts map[string][]byte) error {
	if err := saveParcels(ctx, tx, county, planID, out); err != nil {
		return err
	}
	if err := saveBalances(ctx, tx, county, planID, out); err != nil {
		return err
	}
	for _, name := range []string{"problem", "solution"} {
		_, err := tx.Exec(ctx, "INSERT INTO plan_artifact (county_code, plan_id, name, content) VALUES ($1, $2, $3, $4)",
			county, planID, name, artifacts[name])
		if err != nil {
			return fmt.Errorf("insert into plan_artifact: %w", err)
		}
	}
	cert, err := json.Marshal(certificate)
	if err != nil {
		return fmt.Errorf("write the certificate: %w", err)
	}
	summary, err := json.Marshal(out.summary)
	if err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlFinish, county, planID, cert, summary); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return nil
}

func saveParcels(ctx context.Context, tx pgx.Tx, county string, planID uuid.UUID, out *outcome) error {
	var srid int
	if err := tx.QueryRow(ctx, "SELECT srid FROM county WHERE county_code = $1", county).Scan(&srid); err != nil {
		return fmt.Errorf("read county %s: %w", county, err)
	}
	columns := []string{"county_code", "plan_id", "direction", "number", "township_code", "chosen", "takes_part",
		"net_m2", "net_paddy_m2", "quality", "reason_zh", "geom"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"plan_parcel"}, columns, pgx.CopyFromSlice(len(out.parcels), func(i int) ([]any, error) {
		p := out.parcels[i]
		geom, err := ewkb.Marshal(orb.MultiPolygon(p.geom), srid)
		if err != nil {
			return nil, err
		}
		return []any{county, planID, p.direction, p.number, p.township, p.chosen, p.takesPart,
			p.net.String(), p.paddy.String(), p.grade.text(), p.reason, geom}, nil
	}))
	if err != nil {
		return fmt.Errorf("copy into plan_parcel: %w", err)
	}
	return nil
}

func saveBalances(ctx context.Context, tx pgx.Tx, county string, planID uuid.UUID, out *outcome) error {
	batch := &pgx.Batch{}
	for _, t := range out.townships {
		batch.Queue(`INSERT INTO plan_township (county_code, plan_id, township_code, name, in_m2, out_m2,
			in_paddy_m2, out_paddy_m2, transfer_in_m2, transfer_out_m2, price, price_zh)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			county, planID, t.Code, t.Name, t.In.String(), t.Out.String(), t.InPaddy.String(), t.OutPaddy.String(),
			t.TransferIn.String(), t.TransferOut.String(), t.price, t.priceZH)
	}
	for _, t := range out.transfers {
		batch.Queue(`INSERT INTO plan_transfer (county_code, plan_id, from_township, to_township, measure, amount_m2)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			county, planID, t.From, t.To, string(t.Measure), t.Amount.String())
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("insert balances: %w", err)
	}
	return nil
}

// fail says on the plan's row why there is no plan.
func fail(ctx context.Context, db *store.DB, county string, planID uuid.UUID, r *Refusal) error {
	problem, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the problem of plan %s: %w", planID, err)
	}
	if _, err := db.Pool.Exec(ctx, sqlFail, county, planID, problem); err != nil {
		return fmt.Errorf("mark plan %s as failed: %w", planID, err)
	}
	return nil
}

// text is the grade as a decimal, or nil where it is not known.
func (g *Grade) text() *string {
	if g == nil {
		return nil
	}
	s := fmt.Sprintf("%d.%03d", *g/1000, *g%1000)
	return &s
}
