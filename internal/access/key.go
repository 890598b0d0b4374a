package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

// Key is an API key (接口密钥) without its secret.
type Key struct {
	ID, Identity uuid.UUID
	Name         string
	// Prefix is the part of the key that may be shown, "gh_" and ten digits.
	Prefix                string
	CreatedAt, ExpiresAt  time.Time
	RevokedAt, LastUsedAt *time.Time
}

// MaxKeyDays bounds how long a key may last.
const MaxKeyDays = 366

// keyForm is a whole key: a public prefix and 256 random bits.
var keyForm = regexp.MustCompile(`^(gh_[0-9a-f]{10})_[0-9a-f]{64}$`)

// KeyPrefix is the part of a presented key that may be shown or counted by; ""
// if it has not the form of a key.
func KeyPrefix(presented string) string {
	if m := keyForm.FindStringSubmatch(presented); m != nil {
		return m[1]
	}
	return ""
}

// NewKey gives an identity a key, and logs it. The secret is returned here and
// never again.
func NewKey(ctx context.Context, tx pgx.Tx, county string, identity uuid.UUID, name string, expires time.Time) (Key, string, error) {
	random := make([]byte, 37)
	rand.Read(random) // never fails: crypto/rand ends the program instead
	k := Key{ID: uuid.New(), Identity: identity, Name: name, Prefix: "gh_" + hex.EncodeToString(random[:5])}
	secret := k.Prefix + "_" + hex.EncodeToString(random[5:])
	if _, err := IdentityOf(ctx, tx, county, identity); err != nil {
		return k, "", err
	}
	sum := sha256.Sum256([]byte(secret))
	err := tx.QueryRow(ctx, `INSERT INTO api_key (county_code, key_id, identity_id, name, prefix, sha256, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING created_at, expires_at`, county, k.ID, identity, name, k.Prefix, sum[:], expires).
		Scan(&k.CreatedAt, &k.ExpiresAt)
	if err != nil {
		return k, "", fmt.Errorf("make a key: %w", err)
	}
	return k, secret, Record(ctx, tx, Entry{County: county, Action: "key.create", Kind: "key", ID: k.ID.String(),
		After: map[string]any{"identity": identity, "name": name, "prefix": k.Prefix, "expires_at": k.ExpiresAt}})
}

// RevokeKey ends a key for good, and logs it; to revoke again changes nothing.
func RevokeKey(ctx context.Context, tx pgx.Tx, county string, id uuid.UUID, reason string) error {
	var prefix string
	err := tx.QueryRow(ctx, `SELECT prefix FROM api_key WHERE county_code = $1 AND key_id = $2`, county, id).Scan(&prefix)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	tag, err := tx.Exec(ctx, `UPDATE api_key SET revoked_at = now() WHERE county_code = $1 AND key_id = $2 AND revoked_at IS NULL`, county, id)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return Record(ctx, tx, Entry{County: county, Action: "key.revoke", Kind: "key", ID: id.String(),
		After: map[string]any{"prefix": prefix, "revoked": true}, Reason: reason})
}

// Keys lists an identity's keys, newest first.
func Keys(ctx context.Context, db *store.DB, county string, identity uuid.UUID) ([]Key, error) {
	rows, err := db.Pool.Query(ctx, `SELECT key_id, identity_id, name, prefix, created_at, expires_at, revoked_at, last_used_at
		FROM api_key WHERE county_code = $1 AND identity_id = $2 ORDER BY created_at DESC, key_id`, county, identity)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Key])
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return list, nil
}

// ByKey finds whose key was presented, and notes its use (to the minute, so
// that a busy program does not write at every request).
func ByKey(ctx context.Context, db *store.DB, presented string) (Identity, error) {
	prefix := KeyPrefix(presented)
	if prefix == "" {
		return Identity{}, ErrCredentials
	}
	var county string
	var id uuid.UUID
	var stored []byte
	var good, stale bool
	err := db.Pool.QueryRow(ctx, `
		SELECT k.county_code, k.identity_id, k.sha256, k.revoked_at IS NULL AND k.expires_at > now() AND i.disabled_at IS NULL,
		       coalesce(k.last_used_at < now() - interval '1 minute', true)
		FROM api_key k JOIN identity i USING (county_code, identity_id) WHERE k.prefix = $1`, prefix).
		Scan(&county, &id, &stored, &good, &stale)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, fmt.Errorf("look up a key: %w", err)
	}
	sum := sha256.Sum256([]byte(presented))
	if subtle.ConstantTimeCompare(sum[:], stored) != 1 || !good {
		return Identity{}, ErrCredentials
	}
	if stale {
		if _, err := db.Pool.Exec(ctx, `UPDATE api_key SET last_used_at = now() WHERE prefix = $1`, prefix); err != nil {
			return Identity{}, fmt.Errorf("note the use of a key: %w", err)
		}
	}
	return active(ctx, db, county, id)
}

// active reads an identity that credentials have proved.
func active(ctx context.Context, db *store.DB, county string, id uuid.UUID) (Identity, error) {
	list, err := identities(ctx, db.Pool, `WHERE i.county_code = $1 AND i.identity_id = $2 AND i.disabled_at IS NULL`, county, id)
	if err != nil {
		return Identity{}, err
	}
	if len(list) == 0 {
		return Identity{}, ErrCredentials
	}
	return list[0], nil
}

// How long a session lasts: unused, and in all.
const (
	sessionIdle = 2 * time.Hour
	sessionLife = 12 * time.Hour
)

// NewSession opens a session and returns the cookie's value; the database keeps
// its hash only. What has ended is swept.
func NewSession(ctx context.Context, db *store.DB, p Identity) (string, error) {
	random := make([]byte, 32)
	rand.Read(random)
	token := hex.EncodeToString(random)
	sum := sha256.Sum256([]byte(token))
	_, err := db.Pool.Exec(ctx, `WITH swept AS (DELETE FROM session WHERE expires_at < now() OR last_used_at < now() - $4::interval)
		INSERT INTO session (county_code, sha256, identity_id, expires_at) VALUES ($1, $2, $3, now() + $5::interval)`,
		p.County, sum[:], p.ID, sessionIdle, sessionLife)
	if err != nil {
		return "", fmt.Errorf("open a session: %w", err)
	}
	return token, nil
}

// BySession finds whose session a cookie names.
func BySession(ctx context.Context, db *store.DB, token string) (Identity, error) {
	sum := sha256.Sum256([]byte(token))
	var county string
	var id uuid.UUID
	var stale bool
	err := db.Pool.QueryRow(ctx, `SELECT county_code, identity_id, last_used_at < now() - interval '1 minute' FROM session
		WHERE sha256 = $1 AND expires_at > now() AND last_used_at > now() - $2::interval`, sum[:], sessionIdle).Scan(&county, &id, &stale)
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, ErrCredentials
	}
	if err != nil {
		return Identity{}, fmt.Errorf("look up a session: %w", err)
	}
	if stale {
		if _, err := db.Pool.Exec(ctx, `UPDATE session SET last_used_at = now() WHERE sha256 = $1`, sum[:]); err != nil {
			return Identity{}, fmt.Errorf("note the use of a session: %w", err)
		}
	}
	return active(ctx, db, county, id)
}

// EndSession ends a session; an unknown one is ended already.
func EndSession(ctx context.Context, db *store.DB, token string) error {
	sum := sha256.Sum256([]byte(token))
	if _, err := db.Pool.Exec(ctx, `DELETE FROM session WHERE sha256 = $1`, sum[:]); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
