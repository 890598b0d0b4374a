package tiles

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gengheng/internal/collection"
)

// gate lets a few draw at a time, so that tiles never take the database's
// connections from those who edit; some wait, and who would wait too long is told
// to come again.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
}

func newGate(slots, queue int, wait time.Duration) *gate {
	return &gate{slots: make(chan struct{}, slots), queue: int64(queue), wait: wait}
}

// enter waits for a slot; leave gives it back.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return overloaded()
	}
	defer g.waiting.Add(-1)
	patience := time.NewTimer(g.wait)
	defer patience.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-patience.C:
		return overloaded()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.slots }

func overloaded() *collection.Problem {
	return &collection.Problem{Status: http.StatusServiceUnavailable, Kind: "tiles-overloaded", Title: "瓦片请求过多 · Too many tiles at once",
		Detail: "正在绘制的瓦片已满，请按 Retry-After 稍后重试。 As many tiles as can be are being drawn; try again as Retry-After says."}
}

// joined looks things up for many callers at once: whoever comes while a look-up
// is under way waits for the next, which begins after they came. So each sees all
// that was committed before it asked, and however many ask, one look-up at a time
// is under way.
type joined[T any] struct {
	mu      sync.Mutex
	running map[string]*lookup[T]
	next    map[string]*lookup[T]
}

type lookup[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func newJoined[T any]() *joined[T] {
	return &joined[T]{running: map[string]*lookup[T]{}, next: map[string]*lookup[T]{}}
}

// get looks up key by load, which is given a context of its own: a caller that
// goes away does not end what others wait for.
func (j *joined[T]) get(ctx context.Context, key string, load func(ctx context.Context) (T, error)) (T, error) {
	j.mu.Lock()
	l := j.next[key]
	if l == nil {
		l = &lookup[T]{done: make(chan struct{})}
		if j.running[key] == nil {
			j.running[key] = l
			go j.run(context.WithoutCancel(ctx), key, l, load)
		} else {
			j.next[key] = l
			before := j.running[key]
			go func(ctx context.Context) {
				<-before.done
				j.run(ctx, key, l, load)
			}(context.WithoutCancel(ctx))
		}
	}
	j.mu.Unlock()
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (j *joined[T]) run(ctx context.Context, key string, l *lookup[T], load func(ctx context.Context) (T, error)) {
	j.mu.Lock()
	j.running[key] = l
	if j.next[key] == l {
		delete(j.next, key)
	}
	j.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	l.value, l.err = safely(func() (T, error) { return load(ctx) })
	j.mu.Lock()
	if j.running[key] == l {
		delete(j.running, key)
	}
	j.mu.Unlock()
	close(l.done)
}

// safely turns a panic into an error: in a goroutine of its own it would end the
// program.
func safely[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// lookupTime bounds a look-up that nobody's own request bounds.
const lookupTime = 15 * time.Second
