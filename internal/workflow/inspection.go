package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"

	"gengheng/internal/access"
	"gengheng/internal/land"
)

// Measured is a boundary as measured in the field, with what other rooms say of
// it: the screening of it as if it were declared, and the planned boundary.
type Measured struct {
	// Boundary is in the county's plane; Credited what of it is left by the
	// screening.
	Boundary, Credited orb.MultiPolygon
	SRID               int
	// Gross is the official ellipsoidal area (图斑椭球面积) of Boundary; Net and
	// Paddy are net of ridges (TBDLMJ), of what is credited.
	Gross, Net, Paddy land.Area
	Grade             *int64 // 等别 in thousandths
	// Planned is the net area planned, Outside how much of the boundary lies
	// outside the planned one.
	Planned, Outside land.Area
	Rulebook         string
	// Deviation is by how many hundredths of a percent of the plan that rulebook
	// lets Net differ before acceptance has to say why.
	Deviation int64
	Verdict   string
	Reasons   any
}

// Inspection is a measurement of a parcel, for the township's check or for the
// county's acceptance.
type Inspection struct {
	ID       uuid.UUID
	Kind     InspectionKind
	Revision int
	Measured
	ReasonsJSON json.RawMessage
	Note        string
	By          string
	At          time.Time
	Signatures  []Signature
}

// Difference is how much more was measured than planned, net.
func (i *Inspection) Difference() land.Area { return i.Net - i.Planned }

// deviates tells whether the rulebook asks why so much more or less was measured.
func (i *Inspection) deviates() bool {
	d := i.Difference()
	return int64(max(d, -d))*10000 > int64(i.Planned)*i.Deviation
}

// Signature is a department's checklist, signed.
type Signature struct {
	Department access.Role     `json:"department"`
	Seq        int             `json:"seq"`
	Answers    map[string]bool `json:"answers"`
	Passed     bool            `json:"passed"`
	Note       string          `json:"note"`
	By         string          `json:"by"`
	At         time.Time       `json:"at"`
}

// inspected is the state in which an inspection is made, and by whom.
func inspected(kind InspectionKind) (State, []access.Role) {
	if kind == TownshipInspection {
		return Executing, []access.Role{access.TownshipClerk, access.TownshipLead}
	}
	return TownshipChecked, bureaus
}

// MayInspect refuses an inspection that cannot be made now; it is asked before
// the measured boundary is worked on, and again by Inspect.
func (w Workflow) MayInspect(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, kind InspectionKind) (*Record, error) {
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	if r == nil || !actor.Sees(key.County, r.Township) {
		return nil, notFound(key)
	}
	state, roles := inspected(kind)
	switch {
	case r.Direction != "in":
		return nil, r.refuse(IllegalStep, nil, "转出地块不验收面积。 Outflow is not accepted.")
	case r.State != state:
		return nil, r.refuse(IllegalStep, []string{string(state)}, "现为“%s”，量测须在“%s”时进行。 It is measured in another state.", r.State.Chinese(), state.Chinese())
	case !slices.Contains(roles, actor.Role) && actor.Via != "open":
		zh, codes := roleNames(roles)
		return nil, r.refuse(WrongRole, codes, "%s不能提交该量测；可提交的角色：%s。 This role does not measure.", actor.Role.Chinese(), zh)
	case r.by(actor):
		return nil, r.ownSignature(actor)
	}
	return r, nil
}

// Inspect records a measurement (量测). The last one since the record entered its
// state counts.
func (w Workflow) Inspect(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, kind InspectionKind, m Measured, note string) (Inspection, error) {
	i := Inspection{ID: uuid.New(), Kind: kind, Measured: m, Note: strings.TrimSpace(note), By: signature(actor)}
	r, err := w.MayInspect(ctx, tx, actor, key, kind)
	if err != nil {
		return i, err
	}
	if m.Outside*2 > m.Gross {
		return i, r.refuse(BadInput, []string{"geometry"}, "量测边界 %s m² 中有 %s m² 在方案地块之外，不是该地块；请核对坐标系与编号。 Most of the boundary lies outside the planned parcel; check the CRS and the number.", m.Gross, m.Outside)
	}
	i.Revision = r.Revision
	if i.ReasonsJSON, err = json.Marshal(m.Reasons); err != nil {
		return i, fmt.Errorf("reasons for %s: %w", key, err)
	}
	measured, err := ewkb.Marshal(m.Boundary, m.SRID)
	if err != nil {
		return i, fmt.Errorf("boundary of %s: %w", key, err)
	}
	credited, err := ewkb.Marshal(m.Credited, m.SRID)
	if err != nil {
		return i, fmt.Errorf("boundary of %s: %w", key, err)
	}
	err = tx.QueryRow(ctx, `INSERT INTO workflow_inspection (county_code, year, direction, number, inspection_id, township_code, kind, revision, gross_m2, net_m2,
			net_paddy_m2, grade, planned_m2, outside_m2, rulebook, verdict, reasons, note, by_id, by_as, measured, credited, deviation)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, ST_GeomFromEWKB($21), ST_GeomFromEWKB($22), $23) RETURNING at`,
		key.County, key.Year, key.Direction, key.Number, i.ID, r.Township, string(kind), i.Revision, m.Gross, m.Net, m.Paddy, m.Grade, m.Planned, m.Outside,
		m.Rulebook, m.Verdict, string(i.ReasonsJSON), i.Note, actor.ID, i.By, measured, credited, m.Deviation).Scan(&i.At)
	if err != nil {
		return i, fmt.Errorf("inspection of %s: %w", key, err)
	}
	return i, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record.inspect", Kind: "record", ID: subject(key), Reason: i.Note,
		After: map[string]any{"inspection_id": i.ID, "kind": kind, "gross_m2": m.Gross, "net_m2": m.Net, "planned_m2": m.Planned, "verdict": m.Verdict}})
}

// Sign puts a department's name and checklist under the inspection that is open.
// Whoever declared the parcel does not sign (PRC-5). Not passing needs a note.
func (w Workflow) Sign(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, answers map[string]bool, note string) (Signature, error) {
	s := Signature{Answers: answers, Note: strings.TrimSpace(note), By: signature(actor), Passed: true}
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return s, err
	}
	if r == nil || !actor.Sees(key.County, r.Township) {
		return s, notFound(key)
	}
	kind := CountyInspection
	if r.State == Executing {
		kind = TownshipInspection
	}
	i, err := r.open(ctx, tx, kind)
	if err != nil {
		return s, err
	}
	if s.Department = signs(kind, actor.Role); s.Department == "" {
		return s, r.refuse(WrongRole, nil, "%s不在本次验收中签字。 This role does not sign here.", actor.Role.Chinese())
	}
	if r.by(actor) {
		return s, r.ownSignature(actor)
	}
	if err := r.answered(&s); err != nil {
		return s, err
	}
	raw, err := json.Marshal(s.Answers)
	if err != nil {
		return s, fmt.Errorf("answers for %s: %w", key, err)
	}
	err = tx.QueryRow(ctx, `INSERT INTO workflow_signature (county_code, inspection_id, department, seq, township_code, answers, passed, note, by_id, by_as)
		SELECT $1, $2, $3, 1 + count(*), $4, $5, $6, $7, $8, $9 FROM workflow_signature WHERE county_code = $1 AND inspection_id = $2 AND department = $3
		RETURNING seq, at`, key.County, i.ID, string(s.Department), r.Township, string(raw), s.Passed, s.Note, actor.ID, s.By).Scan(&s.Seq, &s.At)
	if err != nil {
		return s, fmt.Errorf("signature for %s: %w", key, err)
	}
	return s, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record.sign", Kind: "record", ID: subject(key), After: s, Reason: s.Note})
}

// answered holds the answers against the department's checklist.
func (r *Record) answered(s *Signature) error {
	var missing, zh []string
	known := map[string]bool{}
	for _, item := range checklists[s.Department] {
		known[item.Item] = true
		ok, given := s.Answers[item.Item]
		if !given {
			missing, zh = append(missing, item.Item), append(zh, item.ZH)
		}
		s.Passed = s.Passed && ok
	}
	for name := range s.Answers {
		if !known[name] {
			return r.refuse(BadInput, []string{name}, "验收表没有 %q 一项。 The checklist has no such item.", name)
		}
	}
	if len(missing) > 0 {
		return r.refuse(InspectionOpen, missing, "验收表未填：%s。 The checklist is not complete: %s.", strings.Join(zh, "、"), strings.Join(missing, ", "))
	}
	if !s.Passed && s.Note == "" {
		return r.refuse(ReasonMissing, []string{"note"}, "有不符合项的，请写明情况（note）。 Say what is wrong.")
	}
	return nil
}

const inspectionColumns = `inspection_id, kind, revision, gross_m2, net_m2, net_paddy_m2, grade, planned_m2, outside_m2, rulebook, deviation, verdict, reasons, note, by_as, at,
	ST_AsBinary(measured), ST_AsBinary(credited), ST_SRID(measured)`

func scanInspection(row pgx.CollectableRow) (i Inspection, err error) {
	var reasons []byte
	err = row.Scan(&i.ID, &i.Kind, &i.Revision, &i.Gross, &i.Net, &i.Paddy, &i.Grade, &i.Planned, &i.Outside, &i.Rulebook, &i.Deviation, &i.Verdict, &reasons, &i.Note, &i.By, &i.At,
		ewkb.Scanner(&i.Boundary), ewkb.Scanner(&i.Credited), &i.SRID)
	i.ReasonsJSON = reasons
	return i, err
}

// Inspections lists a record's measurements as they were made, with their
// signatures.
func Inspections(ctx context.Context, q Querier, key Key) ([]Inspection, error) {
	rows, err := q.Query(ctx, `SELECT `+inspectionColumns+` FROM workflow_inspection
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY at, inspection_id`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("inspections of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, scanInspection)
	if err != nil {
		return nil, fmt.Errorf("inspections of %s: %w", key, err)
	}
	for k := range list {
		if list[k].Signatures, err = signatures(ctx, q, key, list[k].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func signatures(ctx context.Context, q Querier, key Key, id uuid.UUID) ([]Signature, error) {
	rows, err := q.Query(ctx, `SELECT department, seq, answers, passed, note, by_as, at FROM workflow_signature
		WHERE county_code = $1 AND inspection_id = $2 ORDER BY at, department, seq`, key.County, id)
	if err != nil {
		return nil, fmt.Errorf("signatures of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Signature, err error) {
		return s, row.Scan(&s.Department, &s.Seq, &s.Answers, &s.Passed, &s.Note, &s.By, &s.At)
	})
	if err != nil {
		return nil, fmt.Errorf("signatures of %s: %w", key, err)
	}
	return list, nil
}

// Open is the inspection that counts for a record now: the last of the kind
// since the record entered its state. *Refusal where there is none.
func Open(ctx context.Context, q Querier, r *Record, kind InspectionKind) (Inspection, error) {
	return r.open(ctx, q, kind)
}

func (r *Record) open(ctx context.Context, q Querier, kind InspectionKind) (Inspection, error) {
	rows, err := q.Query(ctx, `SELECT `+inspectionColumns+` FROM workflow_inspection
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND kind = $5 AND revision = $6 ORDER BY at DESC, inspection_id LIMIT 1`,
		r.County, r.Year, r.Direction, r.Number, string(kind), r.Revision)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspection of %s: %w", r.Key, err)
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanInspection)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, r.refuse(InspectionOpen, []string{string(kind)}, "尚未提交本次%s的量测边界。 There is no measured boundary for this inspection.", map[InspectionKind]string{TownshipInspection: "初验", CountyInspection: "验收"}[kind])
	}
	if err != nil {
		return i, fmt.Errorf("inspection of %s: %w", r.Key, err)
	}
	i.Signatures, err = signatures(ctx, q, r.Key, i.ID)
	return i, err
}

// passed checks an inspection before the step that rests on it: the verdict on
// the measured boundary, every signature, and a word on a difference of area.
func (r *Record) passed(i *Inspection, y *CountyYear, reason string) error {
	if i.Verdict == "forbidden" || i.Verdict == "unknown" || i.Net <= 0 {
		return r.refuse(VerdictForbids, []string{"screening"}, "量测边界重新筛查的结论为 %s（净面积 %s m²），不能通过；请剔除冲突部分后重新量测，或补齐图层。 Screened again, the measured boundary is %s.", i.Verdict, i.Net, i.Verdict)
	}
	required := y.Acceptors
	if i.Kind == TownshipInspection {
		required = []access.Role{Township}
	}
	last := map[access.Role]Signature{}
	for _, s := range i.Signatures {
		last[s.Department] = s
	}
	var missing []access.Role
	var against []string
	for _, d := range required {
		if s, ok := last[d]; !ok {
			missing = append(missing, d)
		} else if !s.Passed {
			against = append(against, departmentZH[d]+"："+s.Note)
		}
	}
	if len(missing) > 0 {
		return r.refuse(InspectionOpen, texts(missing), "验收表还缺 %s 签字。 Signatures are missing: %s.", departmentNames(missing), strings.Join(texts(missing), ", "))
	}
	if len(against) > 0 {
		return r.refuse(InspectionOpen, nil, "有不符合项（%s），不能通过；请整改。 Something is not as it should be; have it put right.", strings.Join(against, "；"))
	}
	if i.deviates() && reason == "" {
		percent := float64(i.Deviation) / 100
		return r.refuse(ReasonMissing, []string{"reason"}, "量测净面积 %s m² 与方案 %s m² 相差超过规则库 %[4]s 规定的 %[3]g%%，须说明理由（reason）。 The measured net area differs from the plan by more than the %[3]g%% of rulebook %[4]s; say why.", i.Net, i.Planned, percent, i.Rulebook)
	}
	return nil
}
