package screening

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"
)

// Cache keeps dataset versions in memory, ready to be overlaid, between runs. A
// version never changes, so nothing in it can be stale; what has not been used
// for longest goes first when it holds more than its limit. It may be shared by
// any number of runs at once; what two ask for is loaded once.
type Cache struct {
	limit int64

	mutex   sync.Mutex
	used    int64
	entries map[cacheKey]*cacheEntry
	recent  *list.List // of *cacheEntry, the last used in front
	hits    int64
	loads   int64
}

// NewCache makes a cache of at most limit bytes, as its contents estimate
// themselves. What a run is using stays in memory as long as it uses it,
// whatever the limit.
func NewCache(limit int64) *Cache {
	return &Cache{limit: limit, entries: map[cacheKey]*cacheEntry{}, recent: list.New()}
}

// CacheStats is what a cache holds and how often it helped.
type CacheStats struct{ Entries, Bytes, Hits, Loads int64 }

// Stats gives today's figures.
func (c *Cache) Stats() CacheStats {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return CacheStats{Entries: int64(c.recent.Len()), Bytes: c.used, Hits: c.hits, Loads: c.loads}
}

// cacheKey names what is made of a dataset version.
type cacheKey struct {
	county  string
	dataset uuid.UUID
	what    string
}

type cacheEntry struct {
	key   cacheKey
	ready chan struct{} // closed when value or err is there
	value any
	bytes int64
	err   error
	place *list.Element // nil until it is loaded
}

// cached gives what key names, loading it if it is not there. load says how
// many bytes it takes. Where another caller's load fails or is called off, the
// next one loads for itself.
func cached[T any](ctx context.Context, c *Cache, key cacheKey, load func(context.Context) (T, int64, error)) (T, error) {
	for {
		e, mine := c.claim(key)
		if mine {
			return fill(ctx, c, e, load)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
		if e.err == nil {
			return e.value.(T), nil
		}
	}
}

// errUnloaded is what those who wait are told of a load that panicked.
var errUnloaded = errors.New("the load did not come to its end")

// fill loads an entry. It is settled however the load ends: nobody waits for
// one that is gone.
func fill[T any](ctx context.Context, c *Cache, e *cacheEntry, load func(context.Context) (T, int64, error)) (T, error) {
	var value T
	bytes, err := int64(0), errUnloaded
	defer func() { c.settle(e, value, bytes, err) }()
	value, bytes, err = load(ctx)
	return value, err
}

// hold is cached for as long as a job lasts: what it has read once stays with it
// even if it leaves the cache meanwhile.
func hold[T any](ctx context.Context, j *job, key cacheKey, load func(context.Context) (T, int64, error)) (T, error) {
	if value, ok := j.held.Load(key); ok {
		return value.(T), nil
	}
	value, err := cached(ctx, j.cache, key, load)
	if err == nil {
		j.held.Store(key, value)
	}
	return value, err
}

// forget drops what is loaded and answers to a description.
func (c *Cache) forget(is func(cacheKey) bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for key, e := range c.entries {
		if e.place != nil && is(key) {
			c.remove(e)
		}
	}
}

// remove takes out an entry that is loaded.
func (c *Cache) remove(e *cacheEntry) {
	c.recent.Remove(e.place)
	delete(c.entries, e.key)
	c.used -= e.bytes
}

// claim gives the entry of a key, and whether the caller has to load it.
func (c *Cache) claim(key cacheKey) (e *cacheEntry, mine bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if e, ok := c.entries[key]; ok {
		if e.place != nil {
			c.recent.MoveToFront(e.place)
		}
		c.hits++
		return e, false
	}
	e = &cacheEntry{key: key, ready: make(chan struct{})}
	c.entries[key] = e
	c.loads++
	return e, true
}

func (c *Cache) settle(e *cacheEntry, value any, bytes int64, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	defer close(e.ready)
	e.value, e.bytes, e.err = value, bytes, err
	if err != nil {
		delete(c.entries, e.key)
		return
	}
	e.place = c.recent.PushFront(e)
	c.used += bytes
	for c.used > c.limit && c.recent.Len() > 1 {
		c.remove(c.recent.Back().Value.(*cacheEntry))
	}
}
