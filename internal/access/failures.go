package access

import (
	"sync"
	"time"
)

// Failures counts refused credentials, so that nobody tries without end. A
// count is kept by what was presented from where, and begins anew a minute
// after its first; one office's expired key does not lock out its neighbours.
type Failures struct {
	mu    sync.Mutex
	now   func() time.Time
	seen  map[string]count
	limit int
}

type count struct {
	n     int
	since time.Time
}

const (
	failureWindow = time.Minute
	failureKeys   = 10000 // bounds the memory that strangers can take
)

// NewFailures allows limit failures in a minute; now tells the time.
func NewFailures(limit int, now func() time.Time) *Failures {
	return &Failures{now: now, seen: map[string]count{}, limit: limit}
}

// Blocked is how long a key must wait; 0 if it need not.
func (f *Failures) Blocked(key string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.seen[key]
	if left := c.since.Add(failureWindow).Sub(f.now()); c.n >= f.limit && left > 0 {
		return left
	}
	return 0
}

// Failed counts a failure.
func (f *Failures) Failed(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if _, known := f.seen[key]; !known && len(f.seen) >= failureKeys {
		for k, c := range f.seen {
			if now.Sub(c.since) >= failureWindow {
				delete(f.seen, k)
			}
		}
		if len(f.seen) >= failureKeys {
			clear(f.seen)
		}
	}
	c := f.seen[key]
	if now.Sub(c.since) >= failureWindow {
		c = count{since: now}
	}
	c.n++
	f.seen[key] = c
}
