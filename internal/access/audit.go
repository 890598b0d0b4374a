package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

// NoCounty is the chain of what belongs to no county (a rulebook, say).
const NoCounty = "000000"

// Entry is what the audit log (操作日志) keeps of one action.
type Entry struct {
	// County is the chain; "" takes the actor's county, else NoCounty.
	County string
	// Action says what was done, "dataset.retire"; for the API it is the
	// operation, with the kind of thing before it.
	Action string
	// Kind and ID name what it was done to.
	Kind, ID string
	// Before and After are the thing as it was and is, as JSON; nil where
	// there is none.
	Before, After any
	// Reason is why, where a person gave one.
	Reason string
}

// Record adds an entry to the log in the caller's transaction, in the name of
// the context's actor: it is there if and only if what it tells of is. Writers
// of one county wait for each other from here to the end of the transaction,
// so it is called late.
func Record(ctx context.Context, tx pgx.Tx, e Entry) error {
	actor, ok := From(ctx)
	if !ok {
		return fmt.Errorf("audit %s: no actor", e.Action)
	}
	if e.County == "" {
		e.County = actor.County
	}
	if e.County == "" {
		e.County = NoCounty
	}
	before, err := optional(e.Before)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	after, err := optional(e.After)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	_, err = tx.Exec(ctx, `SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		e.County, actor.ID, actor.Name, string(actor.Role), actor.Township, actor.Via, e.Action, e.Kind, e.ID, before, after, e.Reason)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}

func optional(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	s := string(b)
	return &s, nil
}

// BadRowError is the first row at which a county's chain does not hold.
type BadRowError struct {
	County string
	Seq    int64
	// Why is what is wrong, for people.
	Why string
}

func (e *BadRowError) Error() string {
	return fmt.Sprintf("县 %s 的操作日志在第 %d 行不连贯：%s · the audit chain breaks here", e.County, e.Seq, e.Why)
}

// Head is the end of a chain: kept on paper, it proves later that nothing up to
// it was rewritten, not even with all of the chain.
type Head struct {
	County string
	Seq    int64
	Hash   string
}

// VerifyAudit reads a county's chain from its beginning and works every hash
// out anew. A changed, missing, added or reordered row, or a cut-off end, is a
// *BadRowError. A county without entries has the head of sequence 0.
func VerifyAudit(ctx context.Context, db *store.DB, county string) (Head, error) {
	head := Head{County: county}
	err := pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var want []byte
		var last int64
		err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_head WHERE county_code = $1`, county).Scan(&last, &want)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("head of the audit chain: %w", err)
		}
		seq, hash, err := walk(ctx, tx, county)
		if err != nil {
			return err
		}
		switch {
		case seq < last:
			return &BadRowError{county, seq + 1, fmt.Sprintf("链尾缺失：链头记到第 %d 行", last)}
		case seq > last:
			return &BadRowError{county, last + 1, "超出链头的行：不是由本程序写入"}
		case !bytes.Equal(hash, want):
			return &BadRowError{county, seq, "与链头的散列不符"}
		}
		head.Seq, head.Hash = seq, hex.EncodeToString(hash)
		return nil
	})
	return head, err
}

// walk follows the chain and returns its end.
func walk(ctx context.Context, tx pgx.Tx, county string) (seq int64, hash []byte, err error) {
	rows, err := tx.Query(ctx, `
		SELECT seq, at, actor_id, actor_name, actor_role, actor_township, via, action, subject_kind, subject_id,
		       before::text, after::text, reason, previous, hash
		FROM audit_log WHERE county_code = $1 ORDER BY seq`, county)
	if err != nil {
		return 0, nil, fmt.Errorf("read the audit chain: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var at time.Time
		var id uuid.UUID
		var f [10]*string // the text fields in the order of the hash
		var previous, stored []byte
		if err := rows.Scan(&n, &at, &id, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7], &f[8], &f[9], &previous, &stored); err != nil {
			return 0, nil, fmt.Errorf("read the audit chain: %w", err)
		}
		if n != seq+1 {
			return 0, nil, &BadRowError{county, seq + 1, fmt.Sprintf("缺失，其后是第 %d 行", n)}
		}
		if !bytes.Equal(previous, hash) {
			return 0, nil, &BadRowError{county, n, "与上一行的散列不衔接"}
		}
		if hash = digest(hash, county, n, at, id, f[:]); !bytes.Equal(hash, stored) {
			return 0, nil, &BadRowError{county, n, "内容与散列不符，已被改动"}
		}
		seq = n
	}
	if err := rows.Err(); err != nil {
		return 0, nil, fmt.Errorf("read the audit chain: %w", err)
	}
	return seq, hash, nil
}

// digest is the hash that audit_append gives a row.
func digest(previous []byte, county string, seq int64, at time.Time, actor uuid.UUID, rest []*string) []byte {
	var b strings.Builder
	frame := func(s string) {
		b.WriteString(strconv.Itoa(len(s)) + ":" + s)
	}
	for _, s := range []string{county, strconv.FormatInt(seq, 10), at.UTC().Format("2006-01-02T15:04:05.000000Z"), actor.String()} {
		frame(s)
		b.WriteByte(',')
	}
	for i, s := range rest {
		if i > 0 {
			b.WriteByte(',')
		}
		if s == nil {
			b.WriteByte('-')
			continue
		}
		frame(*s)
	}
	h := sha256.New()
	h.Write(previous)
	h.Write([]byte(b.String()))
	return h.Sum(nil)
}

// AuditCounties lists the counties that have a chain.
func AuditCounties(ctx context.Context, db *store.DB) ([]string, error) {
	rows, err := db.Pool.Query(ctx, `SELECT county_code FROM audit_head UNION SELECT county_code FROM audit_log ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list audit chains: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list audit chains: %w", err)
	}
	return list, nil
}
