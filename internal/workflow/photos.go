package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/workflow/photo"
)

// FieldPhoto is a photo of a parcel with what it says of itself.
type FieldPhoto struct {
	Document
	Longitude  *float64        `json:"longitude"`
	Latitude   *float64        `json:"latitude"`
	Direction  *float64        `json:"direction"`
	Taken      *time.Time      `json:"taken_at"`
	DistanceM  *float64        `json:"distance_m"`
	OffDegrees *float64        `json:"off_degrees"`
	Findings   []photo.Finding `json:"findings"`
	// Rulebook is the version by whose limits the photo was judged; "" is what
	// was judged before rulebooks had them.
	Rulebook string `json:"rulebook"`
}

// AddPhoto files a photo and holds it to the limits against the parcel, which is
// in the county's plane. A photo with findings is kept, and proves nothing.
func (w Workflow) AddPhoto(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, d Document, m photo.Meta, parcel orb.MultiPolygon, zone land.Zone, limits photo.Limits) (FieldPhoto, error) {
	d.Kind = Photo
	d, err := w.AddDocument(ctx, tx, actor, key, d)
	if err != nil {
		return FieldPhoto{}, err
	}
	p := FieldPhoto{Document: d, Direction: m.Direction, Taken: m.Taken, Rulebook: limits.Rulebook}
	if m.Position != nil {
		p.Longitude, p.Latitude = &m.Position[0], &m.Position[1]
	}
	var township string
	period := photo.Period{To: w.now()}
	err = tx.QueryRow(ctx, `SELECT r.township_code, coalesce((SELECT max(e.at) FROM workflow_event e
			WHERE (e.county_code, e.year, e.direction, e.number) = (r.county_code, r.year, r.direction, r.number) AND e.action IN ('start', 'release')), r.created_at)
		FROM workflow_record r WHERE r.county_code = $1 AND r.year = $2 AND r.direction = $3 AND r.number = $4`, key.County, key.Year, key.Direction, key.Number).
		Scan(&township, &period.From)
	if err != nil {
		return p, fmt.Errorf("period of %s: %w", key, err)
	}
	period.From = period.From.Truncate(time.Second) // a camera knows no more
	r := limits.Against(m, parcel, zone, period)
	p.DistanceM, p.OffDegrees, p.Findings = r.DistanceM, r.OffDegrees, r.Findings
	if p.Findings == nil {
		p.Findings = []photo.Finding{}
	}
	raw, err := json.Marshal(p.Findings)
	if err != nil {
		return p, fmt.Errorf("findings of a photo: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO workflow_photo (county_code, document_id, township_code, longitude, latitude, direction, taken_at, distance_m, off_degrees, findings, rulebook)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, key.County, d.ID, township, p.Longitude, p.Latitude, p.Direction, p.Taken, p.DistanceM, p.OffDegrees, string(raw), p.Rulebook)
	if err != nil {
		return p, fmt.Errorf("photo of %s: %w", key, err)
	}
	return p, nil
}

// Photos lists a record's photos as they came.
func Photos(ctx context.Context, q Querier, key Key) ([]FieldPhoto, error) {
	rows, err := q.Query(ctx, `SELECT d.document_id, d.kind, d.purpose, d.reference, d.file_name, d.size, d.sha256, d.by_as, d.revision, d.at,
			p.longitude, p.latitude, p.direction, p.taken_at, p.distance_m, p.off_degrees, p.findings, p.rulebook
		FROM workflow_document d JOIN workflow_photo p USING (county_code, document_id)
		WHERE d.county_code = $1 AND d.year = $2 AND d.direction = $3 AND d.number = $4 ORDER BY d.at, d.document_id`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("photos of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p FieldPhoto, err error) {
		return p, row.Scan(&p.ID, &p.Kind, &p.Purpose, &p.Reference, &p.FileName, &p.Size, &p.SHA256, &p.By, &p.Revision, &p.At,
			&p.Longitude, &p.Latitude, &p.Direction, &p.Taken, &p.DistanceM, &p.OffDegrees, &p.Findings, &p.Rulebook)
	})
	if err != nil {
		return nil, fmt.Errorf("photos of %s: %w", key, err)
	}
	return list, nil
}

// photographed refuses a record that has no sound photo since it was begun.
func (r *Record) photographed(ctx context.Context, q Querier) error {
	list, err := Photos(ctx, q, r.Key)
	if err != nil {
		return err
	}
	why := ""
	for _, p := range list {
		if len(p.Findings) == 0 {
			return nil
		}
		why = "；" + p.FileName + "：" + p.Findings[0].ZH
	}
	return r.refuse(DocumentsShort, []string{string(Photo)}, "缺少合格的现场照片（有定位、方位、时间，朝向地块，开工之后拍摄）%s。 There is no field photo that proves anything.", why)
}

// Rectification is one thing that has to be put right (整改清单).
type Rectification struct {
	Seq  int    `json:"seq"` // of the event that asked for it
	Item int    `json:"item"`
	What string `json:"what"`
	// Due is the day by which it has to be done, the day itself in time; nil for what
	// was asked for before there was one.
	Due      *string    `json:"due"`
	DoneNote *string    `json:"done_note"`
	DoneBy   *string    `json:"done_by"`
	DoneAt   *time.Time `json:"done_at"`
}

// Rectifications lists what a record was sent back for, by step and item.
func Rectifications(ctx context.Context, q Querier, key Key) ([]Rectification, error) {
	rows, err := q.Query(ctx, `SELECT seq, item, what, due::text, done_note, done_as, done_at FROM workflow_rectification
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 ORDER BY seq, item`, key.County, key.Year, key.Direction, key.Number)
	if err != nil {
		return nil, fmt.Errorf("rectification of %s: %w", key, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Rectification, err error) {
		return x, row.Scan(&x.Seq, &x.Item, &x.What, &x.Due, &x.DoneNote, &x.DoneBy, &x.DoneAt)
	})
	if err != nil {
		return nil, fmt.Errorf("rectification of %s: %w", key, err)
	}
	return list, nil
}

// Done says that an item of the list in hand has been put right, and how.
func (w Workflow) Done(ctx context.Context, tx pgx.Tx, actor access.Actor, key Key, item int, note string) (x Rectification, err error) {
	r, err := lockRecord(ctx, tx, key)
	if err != nil {
		return x, err
	}
	switch {
	case r == nil || !actor.Sees(key.County, r.Township):
		return x, notFound(key)
	case r.State != Rectifying:
		return x, r.refuse(IllegalStep, []string{string(Rectifying)}, "现为“%s”，不在整改中。 The record is not being rectified.", r.State.Chinese())
	case !actor.Role.OfTownship() && actor.Via != "open":
		zh, codes := roleNames(townships)
		return x, r.refuse(WrongRole, codes, "整改由乡镇办理：%s。 The township puts it right.", zh)
	case note == "":
		return x, r.refuse(ReasonMissing, []string{"note"}, "请写明整改情况（note）。 Say how it was put right.")
	}
	err = tx.QueryRow(ctx, `UPDATE workflow_rectification SET done_note = $7, done_as = $8, done_at = clock_timestamp()
		WHERE county_code = $1 AND year = $2 AND direction = $3 AND number = $4 AND seq = $5 AND item = $6 AND done_at IS NULL
		RETURNING seq, item, what, due::text, done_note, done_as, done_at`, key.County, key.Year, key.Direction, key.Number, r.Revision, item, note, signature(actor)).
		Scan(&x.Seq, &x.Item, &x.What, &x.Due, &x.DoneNote, &x.DoneBy, &x.DoneAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return x, r.refuse(BadInput, []string{"item"}, "整改清单没有第 %d 项，或已办结。 The list has no such item, or it is done.", item)
	}
	if err != nil {
		return x, fmt.Errorf("rectification of %s: %w", key, err)
	}
	return x, access.Record(access.With(ctx, actor), tx, access.Entry{County: key.County, Action: "record.rectified", Kind: "record", ID: subject(key), After: x, Reason: note})
}

// ask writes the list of a rectification.
func (r *Record) ask(ctx context.Context, tx pgx.Tx, list []string, due string) error {
	_, err := tx.Exec(ctx, `INSERT INTO workflow_rectification (county_code, year, direction, number, seq, item, township_code, what, due)
		SELECT $1, $2, $3, $4, $5, n, $6, what, $8::text::date FROM unnest($7::text[]) WITH ORDINALITY AS u (what, n)`,
		r.County, r.Year, r.Direction, r.Number, r.Revision, r.Township, list, due)
	if err != nil {
		return fmt.Errorf("rectification of %s: %w", r.Key, err)
	}
	return nil
}

// rectified refuses to go on while something has still to be put right.
func (r *Record) rectified(ctx context.Context, q Querier) error {
	list, err := Rectifications(ctx, q, r.Key)
	if err != nil {
		return err
	}
	var missing []string
	zh := ""
	for _, x := range list {
		if x.Seq == r.Revision && x.DoneAt == nil {
			missing = append(missing, fmt.Sprint(x.Item))
			zh += fmt.Sprintf("；%d %s", x.Item, x.What)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return r.refuse(Unfinished, missing, "整改清单尚未办结%s。 Items of the list are not done.", zh)
}
