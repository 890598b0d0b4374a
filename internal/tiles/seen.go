package tiles

import (
	"sync"
	"time"
)

// seen keeps what callers saw last, each with the state of the data that it was read
// in or after. While the data is in that state, nothing else can be seen: states do
// not come back, so what was read later than its state is never given out.
type seen struct {
	mu    sync.Mutex
	views map[string]sight
	now   func() time.Time
}

type sight struct {
	moment string
	at     time.Time
	view   *view
}

const (
	// maxSights bounds how many are kept: one for each township, screening and plan
	// that tiles are asked of.
	maxSights = 1024
	// sightTime bounds how long one is good for. The year that a county works on
	// depends on the calendar too.
	sightTime = time.Minute
)

func newSeen() *seen { return &seen{views: map[string]sight{}, now: time.Now} }

// get is what was seen under the key in the state; nil if that is not known.
func (s *seen) get(key, moment string) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.views[key]
	if !ok || moment == "" || v.moment != moment || s.now().Sub(v.at) > sightTime {
		return nil
	}
	return v.view
}

// put keeps a view that was read when the state had been found.
func (s *seen) put(key, moment string, v *view) {
	if moment == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.views) >= maxSights {
		clear(s.views)
	}
	s.views[key] = sight{moment, s.now(), v}
}
