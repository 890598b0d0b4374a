package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// editable are the states in which a parcel's declaration is its township's to
// change: later on others have seen it, and decide by it.
var editable = []State{None, Draft, Submitted, Returned, Withdrawn}

// Editable refuses a change of a declared parcel (boundary or statements) that is
// under review or past it, and keeps the record as it is until the transaction
// ends. A parcel without a record may be changed.
func Editable(ctx context.Context, tx pgx.Tx, key Key) error {
	r := Record{Key: key}
	err := tx.QueryRow(ctx, `SELECT state, revision FROM workflow_record
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 FOR UPDATE`, key.County, key.Year, key.Direction, key.Number).Scan(&r.State, &r.Revision)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", key, err)
	}
	if slices.Contains(editable, r.State) {
		return nil
	}
	zh, en := "图形和申报内容已锁定，不能修改或删除", "its declaration is locked"
	switch r.State {
	case Checked, InReview:
		return r.refuse(Locked, []string{string(Return)}, "现为“%s”，%s；需要修改的，请县自然资源局先“退回补正”。 It is under review and %s; have the bureau return it first.", r.State.Chinese(), zh, en)
	case Refused:
		return r.refuse(Locked, nil, "现为“%s”，%s；请用新的编号另行申报。 It was refused and %s; declare it under another number.", r.State.Chinese(), zh, en)
	}
	return r.refuse(Locked, nil, "现为“%s”，%s；须先由方案调出或按流程退回。 It is past review and %s; it must first be taken out of the plan.", r.State.Chinese(), zh, en)
}

// LockedChange is a parcel whose declaration others decide by, and that a new version
// of it would change or leave out.
type LockedChange struct {
	Number string
	State  State
	// Left: the version has no such parcel.
	Left bool
}

// LockedChanges finds what a version of a declaration, a whole file, would change of
// parcels that Editable refuses to have changed one by one, beside the version in
// force before it; and keeps their records as they are until the transaction ends. It
// sees the new version as committed.
func LockedChanges(ctx context.Context, tx pgx.Tx, county string, dataset uuid.UUID) ([]LockedChange, error) {
	return lockedBetween(ctx, tx, county, dataset, "o.dataset_id = (SELECT dataset_id FROM other)", "n.dataset_id = d.dataset_id")
}

// LockedByRetiring finds the same of a version that was taken out of force: what
// stands then is the committed one before it, or nothing. One that a later version
// had replaced changes nothing.
func LockedByRetiring(ctx context.Context, tx pgx.Tx, county string, dataset uuid.UUID) ([]LockedChange, error) {
	var inForce bool
	err := tx.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM dataset d JOIN dataset later USING (county_code, kind, year, scope)
		WHERE d.county_code = $1 AND d.dataset_id = $2 AND later.status = 'committed' AND later.commit_seq > d.commit_seq)`, county, dataset).Scan(&inForce)
	if err != nil {
		return nil, fmt.Errorf("version %s: %w", dataset, err)
	}
	if !inForce {
		return nil, nil
	}
	return lockedBetween(ctx, tx, county, dataset, "o.dataset_id = d.dataset_id", "n.dataset_id = (SELECT dataset_id FROM other)")
}

// lockedBetween compares a version (d) and the newest other one that is committed:
// was and will say which of the two is o, in force so far, and which n, from now on.
func lockedBetween(ctx context.Context, tx pgx.Tx, county string, dataset uuid.UUID, was, will string) ([]LockedChange, error) {
	free := make([]string, len(editable))
	for i, s := range editable {
		free[i] = string(s)
	}
	rows, err := tx.Query(ctx, `
		WITH d AS (SELECT * FROM dataset WHERE county_code = $1 AND dataset_id = $2),
		other AS (SELECT o.dataset_id FROM dataset o JOIN d USING (county_code, kind, year, scope)
			WHERE o.status = 'committed' AND o.dataset_id <> d.dataset_id ORDER BY o.commit_seq DESC LIMIT 1)
		SELECT r.number, r.state, n.number IS NULL
		FROM d JOIN workflow_record r ON r.county_code = d.county_code AND r.year = d.year AND 'CANDIDATE_' || upper(r.direction) = d.kind
		JOIN candidate o ON o.county_code = r.county_code AND `+was+` AND o.number = r.number
		LEFT JOIN candidate n ON n.county_code = r.county_code AND `+will+` AND n.number = r.number
		WHERE r.state <> ALL ($3) AND (n.number IS NULL OR workflow_digest(n) <> workflow_digest(o))
		ORDER BY r.number FOR UPDATE OF r`, county, dataset, free)
	if err != nil {
		return nil, fmt.Errorf("locked parcels of version %s: %w", dataset, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LockedChange])
	if err != nil {
		return nil, fmt.Errorf("locked parcels of version %s: %w", dataset, err)
	}
	return list, nil
}
