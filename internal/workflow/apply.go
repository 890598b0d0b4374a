package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
)

const recordColumns = `r.county_code, r.year, r.direction, r.number, r.township_code, r.exempt, r.state, r.revision, r.round, r.applicant_id, r.applicant,
	r.submitted_by, r.purpose, r.actor, r.dataset_id, r.declaration, r.run_id, r.verdict, r.net_m2, r.net_paddy_m2, r.grade, r.late, r.created_at, r.changed_at,
	CASE WHEN r.state = 'rectifying' THEN (SELECT max(x.due)::text FROM workflow_rectification x
		WHERE (x.county_code, x.year, x.direction, x.number, x.seq) = (r.county_code, r.year, r.direction, r.number, r.revision)) END`

func scanRecord(row pgx.CollectableRow) (r Record, err error) {
	var by *string
	err = row.Scan(&r.County, &r.Year, &r.Direction, &r.Number, &r.Township, &r.Exempt, &r.State, &r.Revision, &r.Round, &r.ApplicantID, &r.Applicant,
		&r.SubmittedBy, &r.Purpose, &r.Actor, &r.Dataset, &r.Declaration, &r.Run, &r.Verdict, &r.Net, &r.Paddy, &r.Grade, &r.Late, &r.CreatedAt, &r.ChangedAt, &by)
	if by != nil {
		r.RectifyBy = *by
	}
	return r, err
}

// subject names a record in the audit log.
func subject(k Key) string { return fmt.Sprintf("%d/%s", k.Year, k) }

// lockRecord reads a record and makes others wait for this transaction; nil
// where there is none.
func lockRecord(ctx context.Context, tx pgx.Tx, key Key) (*Record, error) {
	rows, err := tx.Query(ctx, `SELECT `+recordColumns+` FROM workflow_record r
		WHERE r.county_code = $1 AND r.year = $2 AND r.direction = $3 AND r.number = $4 FOR UPDATE`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", key, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", key, err)
	}
	return &r, nil
}

// Apply takes a step in the caller's transaction: it checks the table of steps
// and every guard, moves the record, adds the event and records it in the audit
// log. Every refusal is a *Refusal; the transaction must then be rolled back.
//
// Transactions must be READ COMMITTED. Who takes several steps in one
// transaction takes them in one order (Compare), so that two never wait for
// each other.
func (w Workflow) Apply(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, action Action, in Input) (*Record, error) {
	year, err := ReadYear(ctx, tx, key.County, key.Year)
	if err != nil {
		return nil, err
	}
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	if r == nil && action == Declare {
		if r, err = declared(key, in); err != nil {
			return nil, err
		}
	}
	if r == nil || !actor.Sees(key.County, r.Township) {
		return nil, notFound(key)
	}
	g := guard{w: w, tx: tx, actor: actor, year: &year, r: r, in: &in}
	step, late, err := g.admit(ctx, action)
	if err != nil {
		return nil, err
	}
	if step.Lists {
		in.Data = map[string]any{"rectify": in.Rectify, "rectify_by": in.RectifyBy}
	}
	before := *r
	r.take(step, actor, in, late)
	if err := write(ctx, tx, &before, r); err != nil {
		return nil, err
	}
	event := Event{Seq: r.Revision, ID: uuid.New(), Action: action, From: before.State, To: r.State, ActorID: actor.ID, ActorName: actor.Name,
		Role: actor.Role, Township: actor.Township, At: w.now(), Reason: in.Reason, Late: late, Documents: in.Documents}
	if in.Data != nil {
		if event.Data, err = json.Marshal(in.Data); err != nil {
			return nil, fmt.Errorf("data of %s: %w", key, err)
		}
	}
	if err := tell(ctx, tx, r, &event); err != nil {
		return nil, err
	}
	if step.Lists {
		if err := r.ask(ctx, tx, in.Rectify, in.RectifyBy); err != nil {
			return nil, err
		}
	}
	return r, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record." + string(action), Kind: "record", ID: subject(key),
		Before: told{before.State, before.Revision, false, nil, nil}, After: told{r.State, r.Revision, late, in.Documents, event.Data}, Reason: in.Reason})
}

// told is what the audit log keeps of a record.
type told struct {
	State     State           `json:"state"`
	Revision  int             `json:"revision"`
	Late      bool            `json:"late,omitempty"`
	Documents []uuid.UUID     `json:"documents,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// declared begins a record.
func declared(key Key, in Input) (*Record, error) {
	if in.Facts == nil {
		return nil, &Refusal{Code: NotFound, Record: key.String(), Missing: []string{"declaration"},
			Detail: fmt.Sprintf("%d 年度没有申报地块 %s；请先上传申报数据。 No parcel %s is declared in %d; upload the declaration first.", key.Year, key, key, key.Year)}
	}
	r := &Record{Key: key, Township: in.Facts.Township, Exempt: in.Exempt}
	if in.Exempt != Balanced && (in.Exempt.Chinese() == "" || key.Direction != "out") {
		return nil, r.refuse(BadInput, []string{"exempt"}, "exempt 只用于转出：ecological 生态退耕、disaster 灾毁、flooding 自然淹没。 exempt is for outflow, one of these.")
	}
	return r, nil
}

// take moves the record in memory.
func (r *Record) take(s Step, actor access.Actor, in Input, late bool) {
	r.State, r.Revision, r.Late, r.RectifyBy = s.To, r.Revision+1, r.Late || late, ""
	switch s.Action {
	case Declare:
		r.ApplicantID, r.Applicant, r.SubmittedBy, r.Exempt = actor.ID, signature(actor), nil, in.Exempt
	case Submit:
		id := actor.ID
		r.SubmittedBy = &id
	case Review:
		r.Round++
	case Rectify:
		r.RectifyBy = in.RectifyBy
	}
	if f := in.Facts; f != nil && (s.Stands || s.Verdict) {
		r.Dataset, r.Declaration, r.Purpose, r.Actor = f.Dataset, f.Declaration, f.Purpose, f.Actor
		r.Run, r.Verdict, r.Net, r.Paddy, r.Grade = f.Run, f.Verdict, f.Net, f.Paddy, f.Grade
		if f.Ecological && r.Direction == "out" && r.Exempt == Balanced {
			r.Exempt = Ecological // what the state has ordered is not balanced, however it was declared
		}
	}
}

func write(ctx context.Context, tx pgx.Tx, before, r *Record) error {
	args := []any{r.County, r.Year, r.Direction, r.Number, r.Township, string(r.Exempt), string(r.State), r.Revision, r.Round, r.ApplicantID, r.Applicant,
		r.SubmittedBy, r.Purpose, r.Actor, r.Dataset, r.Declaration, r.Run, r.Verdict, r.Net, r.Paddy, r.Late, r.Grade}
	sql := `UPDATE workflow_record SET exempt = $6, state = $7, revision = $8, round = $9, applicant_id = $10, applicant = $11, submitted_by = $12,
			purpose = $13, actor = $14, dataset_id = $15, declaration = $16, run_id = $17, verdict = $18, net_m2 = $19, net_paddy_m2 = $20, late = $21, grade = $22,
			changed_at = clock_timestamp()
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND township_code = $5 RETURNING created_at, changed_at`
	if before.Revision == 0 {
		sql = `INSERT INTO workflow_record (county_code, year, direction, number, township_code, exempt, state, revision, round, applicant_id, applicant,
				submitted_by, purpose, actor, dataset_id, declaration, run_id, verdict, net_m2, net_paddy_m2, late, grade)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
			ON CONFLICT DO NOTHING RETURNING created_at, changed_at`
	}
	err := tx.QueryRow(ctx, sql, args...).Scan(&r.CreatedAt, &r.ChangedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return before.refuse(Stale, nil, "刚被他人申报，请刷新后再办。 Somebody else has just declared it; look again.")
	}
	if err != nil {
		return fmt.Errorf("write record %s: %w", r.Key, err)
	}
	return nil
}

func tell(ctx context.Context, tx pgx.Tx, r *Record, e *Event) error {
	docs := e.Documents
	if docs == nil {
		docs = []uuid.UUID{}
	}
	var data *string
	if e.Data != nil {
		s := string(e.Data)
		data = &s
	}
	_, err := tx.Exec(ctx, `INSERT INTO workflow_event (county_code, year, direction, number, seq, event_id, township_code, action, from_state, to_state,
			actor_id, actor_name, actor_role, actor_township, reason, late, documents, data, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		r.County, r.Year, r.Direction, r.Number, e.Seq, e.ID, r.Township, string(e.Action), string(e.From), string(e.To),
		e.ActorID, e.ActorName, string(e.Role), e.Township, e.Reason, e.Late, docs, data, e.At)
	if err != nil {
		return fmt.Errorf("event of %s: %w", r.Key, err)
	}
	return nil
}
