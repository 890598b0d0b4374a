package tiles

import (
	"container/list"
	"sync"
)

// sized is what a cache keeps.
type sized interface{ bytes() int }

// cache keeps what was used last, up to a number of bytes. A key holds the version
// and what its caller may see, so nothing in it is ever wrong: what is no longer
// asked for falls out at the end.
type cache struct {
	mu          sync.Mutex
	used, limit int
	order       *list.List // the most recently used in front
	entries     map[string]*list.Element
}

type entry struct {
	key   string
	value sized
	size  int
}

// overhead is what an entry takes beside its key and its value.
const overhead = 200

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), entries: map[string]*list.Element{}}
}

func (c *cache) get(key string) (sized, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry).value, true
}

// put keeps a value, unless it alone would take more than a quarter of all.
func (c *cache) put(key string, v sized) {
	size := v.bytes() + len(key) + overhead
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[key]; ok {
		c.drop(old)
	}
	if size > c.limit/4 {
		return
	}
	for c.used+size > c.limit {
		c.drop(c.order.Back())
	}
	c.entries[key] = c.order.PushFront(&entry{key, v, size})
	c.used += size
}

func (c *cache) drop(e *list.Element) {
	v := c.order.Remove(e).(*entry)
	delete(c.entries, v.key)
	c.used -= v.size
}
