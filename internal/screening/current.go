package screening

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sessionBytes is what a session takes beside its layers, roughly.
const sessionBytes = 1 << 20

// Current gives a session on what is in force in a county and year now. It is
// opened once for each state of the county and shared by all who ask while
// that lasts: a new or retired version, or another rulebook, is another state.
func (s *Screener) Current(ctx context.Context, county string, year int) (*Session, error) {
	var rulebook, state string
	err := s.db.Pool.QueryRow(ctx, `
		SELECT c.rulebook, concat_ws(' ', c.rulebook, (SELECT max(d.commit_seq) FROM dataset d WHERE d.county_code = c.county_code),
		       (SELECT count(*) FROM dataset d WHERE d.county_code = c.county_code AND d.status = 'retired'))
		FROM county c WHERE c.county_code = $1`, county).Scan(&rulebook, &state)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("state of county %s: %w", county, err)
	}
	key := cacheKey{county, uuid.Nil, fmt.Sprintf("session %d %s", year, state)}
	return cached(ctx, s.cache, key, func(ctx context.Context) (*Session, int64, error) {
		// A version that is committed meanwhile is in the session too; this state
		// is then past and nobody asks for it again.
		session, err := s.Open(ctx, State{County: county, Year: year, Rulebook: rulebook})
		if err != nil {
			return nil, 0, err
		}
		// A session keeps its layers in memory: those of a state that has passed
		// must not stay for its sake, whatever year was asked about.
		s.cache.forget(func(k cacheKey) bool {
			return k != key && k.county == county && k.dataset == uuid.Nil && strings.HasPrefix(k.what, "session ") && !strings.HasSuffix(k.what, " "+state)
		})
		return session, sessionBytes, nil
	})
}
