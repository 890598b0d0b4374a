package api

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// makers fills in who made the plans (MadeBy): the first entry that the audit log
// has of each. A township's actor reads nothing of the log, and is told of none.
func (s *server) makers(ctx context.Context, county string, plans []Plan) error {
	if actor, ok := access.From(ctx); !ok || !actor.WholeCounty() || len(plans) == 0 {
		return nil
	}
	ids, place := make([]string, len(plans)), map[string]*Plan{}
	for i := range plans {
		ids[i] = plans[i].PlanId.String()
		place[ids[i]] = &plans[i]
	}
	rows, err := s.rows(ctx).Query(ctx, `
		SELECT DISTINCT ON (subject_id) subject_id, actor_name, actor_role
		FROM audit_log WHERE county_code = $1 AND subject_kind = 'plan' AND subject_id = ANY ($2)
		ORDER BY subject_id, seq`, county, ids)
	if err != nil {
		return fmt.Errorf("makers of the plans: %w", err)
	}
	var id, name, role string
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &role}, func() error {
		by := name + "（" + access.Role(role).Chinese() + "）"
		place[id].MadeBy = &by
		return nil
	})
	if err != nil {
		return fmt.Errorf("makers of the plans: %w", err)
	}
	return nil
}
