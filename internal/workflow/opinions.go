package workflow

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

// Opinion values (部门意见).
const (
	Agree           = "agree"                 // 同意
	AgreeConditions = "agree_with_conditions" // 有条件同意
	Disagree        = "disagree"              // 不同意
)

// Opinion is what a department says of a parcel in a round of review.
type Opinion struct {
	Round      int         `json:"round"`
	Department access.Role `json:"department"`
	Seq        int         `json:"seq"`
	Opinion    string      `json:"opinion"`
	Conditions string      `json:"conditions"`
	Reasons    string      `json:"reasons"`
	By         string      `json:"by"`
	At         time.Time   `json:"at"`
}

// Give records a department's opinion on a record that is in review. The
// department is the actor's; a later opinion of the same round takes the place
// of the earlier, which stays in the history. Departments do not wait for each
// other.
func (w Workflow) Give(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, o Opinion) (Opinion, error) {
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return o, err
	}
	if r == nil || !actor.Sees(key.County, r.Township) {
		return o, notFound(key)
	}
	o.Department = Department(actor.Role)
	o.Conditions, o.Reasons = strings.TrimSpace(o.Conditions), strings.TrimSpace(o.Reasons)
	switch {
	case o.Department == "":
		return o, r.refuse(WrongRole, texts(Departments()), "%s不出具部门意见；出具意见的部门：%s。 This role gives no opinion.", actor.Role.Chinese(), departmentNames(Departments()))
	case r.State != InReview:
		return o, r.refuse(IllegalStep, []string{string(InReview)}, "现为“%s”，不在部门会审中。 The record is not in review.", r.State.Chinese())
	case r.by(actor):
		return o, r.ownSignature(actor)
	case o.Opinion == AgreeConditions && o.Conditions == "":
		return o, r.refuse(ReasonMissing, []string{"conditions"}, "有条件同意的，请写明条件（conditions）。 Say the conditions.")
	case o.Opinion == Disagree && o.Reasons == "":
		return o, r.refuse(ReasonMissing, []string{"reasons"}, "不同意的，请写明理由（reasons）。 Say why not.")
	case o.Opinion != Agree && o.Opinion != AgreeConditions && o.Opinion != Disagree:
		return o, r.refuse(BadInput, []string{"opinion"}, "意见 %q 应为 agree、agree_with_conditions 或 disagree。 No such opinion.", o.Opinion)
	}
	o.Round, o.By = r.Round, signature(actor)
	err = tx.QueryRow(ctx, `INSERT INTO workflow_opinion (county_code, year, direction, number, round, department, seq, township_code, opinion, conditions, reasons, by_id, by_as)
		SELECT $1, $2, $3, $4, $5, $6, 1 + count(*), $7, $8, $9, $10, $11, $12 FROM workflow_opinion
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND round = $5 AND department = $6
		RETURNING seq, at`, key.County, key.Year, key.Direction, key.Number, o.Round, string(o.Department), r.Township,
		o.Opinion, o.Conditions, o.Reasons, actor.ID, o.By).Scan(&o.Seq, &o.At)
	if err != nil {
		return o, fmt.Errorf("opinion on %s: %w", key, err)
	}
	return o, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record.opinion", Kind: "record", ID: subject(key), After: o, Reason: o.Reasons})
}

// Opinions lists what the departments have said of a record, by round,
// department and time.
func Opinions(ctx context.Context, q Querier, key Key) ([]Opinion, error) {
	rows, err := q.Query(ctx, `SELECT round, department, seq, opinion, conditions, reasons, by_as, at FROM workflow_opinion
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY round, department, seq`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("opinions on %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Opinion, err error) {
		return o, row.Scan(&o.Round, &o.Department, &o.Seq, &o.Opinion, &o.Conditions, &o.Reasons, &o.By, &o.At)
	})
	if err != nil {
		return nil, fmt.Errorf("opinions on %s: %w", key, err)
	}
	return list, nil
}

// agreed refuses a record that a required department has not yet looked at, or
// does not agree to.
func (r *Record) agreed(ctx context.Context, tx pgx.Tx, y *CountyYear) error {
	list, err := Opinions(ctx, tx, r.Key)
	if err != nil {
		return err
	}
	last := map[access.Role]Opinion{}
	for _, o := range list {
		if o.Round == r.Round {
			last[o.Department] = o
		}
	}
	var missing []access.Role
	var against []string
	for _, d := range y.Reviewers {
		o, given := last[d]
		switch {
		case !given:
			missing = append(missing, d)
		case o.Opinion == Disagree:
			against = append(against, departmentZH[d]+"："+o.Reasons)
		}
	}
	if len(missing) > 0 {
		return r.refuse(OpinionsShort, texts(missing), "部门会审缺少 %s 的意见。 Opinions are missing: %s.", departmentNames(missing), strings.Join(texts(missing), ", "))
	}
	if len(against) > 0 {
		return r.refuse(OpinionsShort, nil, "有部门不同意（%s）；请退回补正、不予，或请该部门复议。 A department does not agree.", strings.Join(against, "；"))
	}
	return nil
}
