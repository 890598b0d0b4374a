package access

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

// InTx runs fn in one transaction that sees what the context's actor may see:
// for a township's actor PostgreSQL itself hides every other township's rows
// (row-level security), for one of the whole county it costs nothing. A context
// without an actor is refused.
func InTx(ctx context.Context, db *store.DB, fn func(tx pgx.Tx) error) error {
	actor, ok := From(ctx)
	if !ok {
		return fmt.Errorf("access: a transaction without an actor")
	}
	return db.InTx(ctx, func(tx pgx.Tx) error {
		if err := Limit(ctx, tx, actor); err != nil {
			return err
		}
		return fn(tx)
	})
}

// Limit narrows the rest of a transaction to what the actor may see. Nothing in
// the transaction undoes it but its end.
func Limit(ctx context.Context, tx pgx.Tx, a Actor) error {
	if a.WholeCounty() {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT set_config('gengheng.county', $1, true), set_config('gengheng.township', $2, true),
		set_config('role', 'gengheng_township', true)`, a.County, a.Township)
	if err != nil {
		return fmt.Errorf("limit the transaction to township %s: %w", a.Township, err)
	}
	return nil
}
