package planning

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/digest.sql
var sqlDigest string

// By is who acts, and in what capacity.
type By struct {
	ID uuid.UUID
	As string // name and capacity, as they will be read years later
}

// Publication is a plan as the county's plan of the year (年度方案): number 0 is
// the plan, 1, 2, … are its amendments (PRC-3).
type Publication struct {
	Year       int        `json:"year"`
	Number     int        `json:"number"`
	Attempt    int        `json:"attempt"` // after a rejection the next begins
	PlanID     uuid.UUID  `json:"plan_id"`
	Status     string     `json:"status"` // proposed, approved, rejected
	Title      string     `json:"title"`
	Reason     string     `json:"reason"`
	SHA256     string     `json:"sha256"`
	ProposedBy *uuid.UUID `json:"proposed_by"`
	ProposedAs string     `json:"proposed_as"`
	ProposedAt time.Time  `json:"proposed_at"`
	DecidedBy  *uuid.UUID `json:"decided_by"`
	DecidedAs  *string    `json:"decided_as"`
	DecidedAt  *time.Time `json:"decided_at"`
	Decision   string     `json:"decision"` // 批准文号, or why not
}

const publicationColumns = `year, number, attempt, plan_id, status, title, reason, sha256,
	proposed_by, proposed_as, proposed_at, decided_by, decided_as, decided_at, decision`

func scanPublication(row pgx.CollectableRow) (p Publication, err error) {
	err = row.Scan(&p.Year, &p.Number, &p.Attempt, &p.PlanID, &p.Status, &p.Title, &p.Reason, &p.SHA256,
		&p.ProposedBy, &p.ProposedAs, &p.ProposedAt, &p.DecidedBy, &p.DecidedAs, &p.DecidedAt, &p.Decision)
	return p, err
}

// Querier reads: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Publications lists a year's publications in the order of their making.
func Publications(ctx context.Context, q Querier, county string, year int) ([]Publication, error) {
	rows, err := q.Query(ctx, `SELECT `+publicationColumns+` FROM plan_publication
		WHERE county_code = $1 AND year = $2 ORDER BY number, attempt`, county, year)
	if err != nil {
		return nil, fmt.Errorf("publications of %s in %d: %w", county, year, err)
	}
	list, err := pgx.CollectRows(rows, scanPublication)
	if err != nil {
		return nil, fmt.Errorf("publications of %s in %d: %w", county, year, err)
	}
	return list, nil
}

// InForce is the newest approved publication of a year; nil where there is none.
func InForce(ctx context.Context, q Querier, county string, year int) (*Publication, error) {
	list, err := Publications(ctx, q, county, year)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Backward(list) {
		if p.Status == "approved" {
			return &p, nil
		}
	}
	return nil, nil
}

// Propose hands a plan in for approval (报批), as the year's plan or, where one
// is in force, as the next amendment. From then on the plan cannot change. It
// refuses a plan that is not done or not feasible, a second proposal beside an
// open one, an amendment without a reason, and the plan in force itself.
func Propose(ctx context.Context, tx pgx.Tx, county string, planID uuid.UUID, title, reason string, by By) (*Publication, error) {
	var year int
	var status, certificate string
	err := tx.QueryRow(ctx, `SELECT p.year, p.status, coalesce(p.certificate->>'status', '')
		FROM plan p WHERE p.county_code = $1 AND p.plan_id = $2 FOR UPDATE`, county, planID).Scan(&year, &status, &certificate)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse("plan-not-found", "没有这个方案 · No such plan", "县 %s 没有方案 %s。 County %s has no plan %s.", county, planID, county, planID)
	}
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", planID, err)
	}
	if status != "done" || certificate != "optimal" && certificate != "feasible" {
		return nil, refuse("plan-not-feasible", "方案不可报批 · The plan cannot be proposed",
			"方案 %s 的状态是 %s（%s）；只有已完成且可行的方案才能报批。 Only a plan that is done and feasible can be proposed.", planID, status, certificate)
	}
	list, err := lockYear(ctx, tx, county, year)
	if err != nil {
		return nil, err
	}
	p := Publication{Year: year, Attempt: 1, PlanID: planID, Title: title, Reason: reason}
	for _, old := range list {
		switch {
		case old.Status == "proposed":
			return nil, refuse("publication-open", "已有方案在报批 · A plan is proposed already",
				"%d 年度第 %d 号（%s）正在报批，请先批准或退回。 Number %d of %d is being decided; approve or reject it first.", year, old.Number, old.Title, old.Number, year)
		case old.Status == "approved" && old.PlanID == planID:
			return nil, refuse("plan-in-force", "该方案已经批准 · The plan is approved already", "方案 %s 就是 %d 年度第 %d 号。 Plan %s is number %d of %d.", planID, year, old.Number, planID, old.Number, year)
		case old.Status == "approved":
			p.Number, p.Attempt = old.Number+1, 1
		case old.Number == p.Number:
			p.Attempt = old.Attempt + 1
		}
	}
	if p.Number > 0 && reason == "" {
		return nil, refuse("reason-missing", "调整方案须说明理由 · An amendment needs a reason",
			"%d 年度方案已经批准，这是第 %d 号调整；请填写 reason。 This is amendment %d of an approved plan; give a reason.", year, p.Number, p.Number)
	}
	if err := tx.QueryRow(ctx, sqlDigest, county, planID).Scan(&p.SHA256); err != nil {
		return nil, fmt.Errorf("digest plan %s: %w", planID, err)
	}
	return insertPublication(ctx, tx, county, p, by)
}

func insertPublication(ctx context.Context, tx pgx.Tx, county string, p Publication, by By) (*Publication, error) {
	rows, err := tx.Query(ctx, `INSERT INTO plan_publication
		(county_code, year, number, attempt, plan_id, status, title, reason, sha256, proposed_by, proposed_as)
		VALUES ($1, $2, $3, $4, $5, 'proposed', $6, $7, $8, $9, $10) RETURNING `+publicationColumns,
		county, p.Year, p.Number, p.Attempt, p.PlanID, p.Title, p.Reason, p.SHA256, by.ID, by.As)
	if err != nil {
		return nil, fmt.Errorf("propose plan %s: %w", p.PlanID, err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanPublication)
	if err != nil {
		return nil, fmt.Errorf("propose plan %s: %w", p.PlanID, err)
	}
	return &out, nil
}

// lockYear makes those who publish in a county's year wait for each other, and
// reads what there is.
func lockYear(ctx context.Context, tx pgx.Tx, county string, year int) ([]Publication, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('plan_publication ' || $1, $2))`, county, year); err != nil {
		return nil, fmt.Errorf("lock the publications of %s in %d: %w", county, year, err)
	}
	return Publications(ctx, tx, county, year)
}

// Decide approves the open proposal of a year or rejects it. decision is the
// approval's number (批准文号), or why it is rejected. Who proposed a plan does
// not decide it; a plan that is no longer what was proposed is not approved.
func Decide(ctx context.Context, tx pgx.Tx, county string, year int, approve bool, decision string, by By) (*Publication, error) {
	list, err := lockYear(ctx, tx, county, year)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(p Publication) bool { return p.Status == "proposed" })
	if i < 0 {
		return nil, refuse("nothing-proposed", "没有待批的方案 · No plan is proposed", "%d 年度没有正在报批的方案；请先报批。 No plan of %d is proposed; propose one first.", year, year)
	}
	p := list[i]
	if decision == "" {
		return nil, refuse("decision-missing", "缺批准文号或退回理由 · The decision is not said", "请在 decision 中填写批准文号，或退回的理由。 Give the approval's number, or why it is rejected, in decision.")
	}
	if p.ProposedBy != nil && *p.ProposedBy == by.ID {
		return nil, refuse("own-signature", "不得批准本人报批的方案 · One's own proposal", "%s 报批了这个方案，须由他人决定。 Who proposed the plan cannot decide it.", p.ProposedAs)
	}
	var digest string
	if err := tx.QueryRow(ctx, sqlDigest, county, p.PlanID).Scan(&digest); err != nil {
		return nil, fmt.Errorf("digest plan %s: %w", p.PlanID, err)
	}
	if approve && digest != p.SHA256 {
		return nil, refuse("plan-changed", "方案与报批时不同 · The plan is not what was proposed",
			"方案 %s 的内容与报批时的摘要不符，不能批准；请退回并查明原因。 Plan %s differs from its digest; reject it and find out why.", p.PlanID, p.PlanID)
	}
	status := "rejected"
	if approve {
		status = "approved"
	}
	rows, err := tx.Query(ctx, `UPDATE plan_publication SET status = $5, decided_by = $6, decided_as = $7, decided_at = now(), decision = $8
		WHERE county_code = $1 AND year = $2 AND number = $3 AND attempt = $4 RETURNING `+publicationColumns,
		county, year, p.Number, p.Attempt, status, by.ID, by.As, decision)
	if err != nil {
		return nil, fmt.Errorf("decide plan %s: %w", p.PlanID, err)
	}
	out, err := pgx.CollectExactlyOneRow(rows, scanPublication)
	if err != nil {
		return nil, fmt.Errorf("decide plan %s: %w", p.PlanID, err)
	}
	return &out, nil
}

// Altered lists the publications, proposed or approved, whose plan is not what
// its digest says: somebody went round the database's own guard.
func Altered(ctx context.Context, tx pgx.Tx, county string) ([]Publication, error) {
	rows, err := tx.Query(ctx, `SELECT `+publicationColumns+` FROM plan_publication
		WHERE county_code = $1 AND status <> 'rejected' ORDER BY year, number, attempt`, county)
	if err != nil {
		return nil, fmt.Errorf("publications of %s: %w", county, err)
	}
	list, err := pgx.CollectRows(rows, scanPublication)
	if err != nil {
		return nil, fmt.Errorf("publications of %s: %w", county, err)
	}
	var out []Publication
	for _, p := range list {
		var digest string
		if err := tx.QueryRow(ctx, sqlDigest, county, p.PlanID).Scan(&digest); err != nil {
			return nil, fmt.Errorf("digest plan %s: %w", p.PlanID, err)
		}
		if digest != p.SHA256 {
			out = append(out, p)
		}
	}
	return out, nil
}
