package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
