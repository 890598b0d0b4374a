package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/store"
)

// Token is what a short-lived token (短期令牌) is given for.
type Token struct {
	// Prefix is of the key that was presented; "" for a login. The token ends with
	// the key.
	Prefix string
	// Capacity is the role that it acts in and no other, as Act takes it.
	Capacity string
	// Referer and Address hold it to requests that come from there; "" to none.
	Referer, Address string
}

// tokenForm is a whole token: 256 random bits.
var tokenForm = regexp.MustCompile(`^gt_[0-9a-f]{64}$`)

// IsToken tells whether what was presented has the form of a token.
func IsToken(presented string) bool { return tokenForm.MatchString(presented) }

// NewToken gives an identity a token; the database keeps its hash only. What has
// ended is swept.
func NewToken(ctx context.Context, db *store.DB, p Identity, t Token, life time.Duration) (token string, expires time.Time, err error) {
	random := make([]byte, 32)
	rand.Read(random) // never fails: crypto/rand ends the program instead
	token = "gt_" + hex.EncodeToString(random)
	sum := sha256.Sum256([]byte(token))
	err = db.Pool.QueryRow(ctx, `WITH swept AS (DELETE FROM access_token WHERE county_code = $1 AND expires_at < now())
		INSERT INTO access_token (county_code, sha256, identity_id, prefix, capacity, referer, address, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::interval) RETURNING expires_at`,
		p.County, sum[:], p.ID, t.Prefix, t.Capacity, strings.ToLower(t.Referer), t.Address, life).Scan(&expires)
	if err != nil {
		return "", expires, fmt.Errorf("give a token: %w", err)
	}
	return token, expires, nil
}

// ByToken finds whose token was presented, from an address and with a referer, and
// the capacity that it acts in. A token whose key was revoked or has expired is
// none.
func ByToken(ctx context.Context, db *store.DB, presented, address, referer string) (Identity, string, error) {
	if !IsToken(presented) {
		return Identity{}, "", ErrCredentials
	}
	sum := sha256.Sum256([]byte(presented))
	var county string
	var id uuid.UUID
	var t Token
	err := db.Pool.QueryRow(ctx, `SELECT county_code, identity_id, capacity, referer, address FROM access_token t
		WHERE sha256 = $1 AND expires_at > now() AND (prefix = '' OR EXISTS (SELECT FROM api_key k
			WHERE k.county_code = t.county_code AND k.prefix = t.prefix AND k.revoked_at IS NULL AND k.expires_at > now()))`, sum[:]).
		Scan(&county, &id, &t.Capacity, &t.Referer, &t.Address)
	if errors.Is(err, pgx.ErrNoRows) {
		return Identity{}, "", ErrCredentials
	}
	if err != nil {
		return Identity{}, "", fmt.Errorf("look up a token: %w", err)
	}
	if t.Address != "" && t.Address != address || !comesFrom(strings.ToLower(referer), t.Referer) {
		return Identity{}, "", ErrCredentials
	}
	p, err := active(ctx, db, county, id)
	return p, t.Capacity, err
}

// comesFrom tells whether a page is at an address or below it: what only begins
// with the same letters is another site (https://gis.example and
// https://gis.example.org).
func comesFrom(page, at string) bool {
	rest, ok := strings.CutPrefix(page, at)
	return ok && (rest == "" || at == "" || strings.HasSuffix(at, "/") || rest[0] == '/' || rest[0] == '?')
}
