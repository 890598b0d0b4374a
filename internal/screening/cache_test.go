package screening

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

func key(n byte) cacheKey { return cacheKey{county: "149901", dataset: uuid.UUID{n}, what: "layer"} }

func TestCacheLoadsOnceForAllWhoAsk(t *testing.T) {
	c := NewCache(1000)
	var loads atomic.Int64
	begun := make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			v, err := cached(t.Context(), c, key(1), func(context.Context) (string, int64, error) {
				loads.Add(1)
				<-begun
				return "layer", 10, nil
			})
			if v != "layer" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	close(begun)
	group.Wait()
	if loads.Load() != 1 {
		t.Errorf("loaded %d times", loads.Load())
	}
	if s := c.Stats(); s.Bytes != 10 || s.Entries != 1 || s.Loads != 1 || s.Hits != 7 {
		t.Errorf("%+v", s)
	}
}

func TestCacheLetsTheOldestGo(t *testing.T) {
	c := NewCache(25)
	load := func(n byte) (again bool) {
		again = true
		if _, err := cached(t.Context(), c, key(n), func(context.Context) (byte, int64, error) {
			again = false
			return n, 10, nil
		}); err != nil {
			t.Fatal(err)
		}
		return again
	}
	for _, step := range []struct {
		n    byte
		kept bool
	}{{1, false}, {2, false}, {1, true}, {3, false}, {2, false}, {3, true}, {1, false}} {
		if got := load(step.n); got != step.kept {
			t.Errorf("%d was there: %v, want %v", step.n, got, step.kept)
		}
	}
	if s := c.Stats(); s.Bytes > 25 {
		t.Errorf("holds %d bytes, over its limit", s.Bytes)
	}
	// What is larger than the whole cache is still of use to who asked for it.
	v, err := cached(t.Context(), c, key(9), func(context.Context) (string, int64, error) { return "large", 1e6, nil })
	if v != "large" || err != nil || c.Stats().Entries != 1 {
		t.Errorf("%q, %v, %+v", v, err, c.Stats())
	}
}

func TestCacheForgetsWhatFailed(t *testing.T) {
	c := NewCache(100)
	broken := errors.New("connection lost")
	if _, err := cached(t.Context(), c, key(1), func(context.Context) (int, int64, error) { return 0, 0, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if v, err := cached(t.Context(), c, key(1), func(context.Context) (int, int64, error) { return 7, 1, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v: a failure was kept", v, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hold, release := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = cached(t.Context(), c, key(2), func(context.Context) (int, int64, error) {
			close(hold)
			<-release
			return 0, 0, broken
		})
	}()
	<-hold
	cancel()
	if _, err := cached(ctx, c, key(2), func(context.Context) (int, int64, error) { return 1, 1, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting though called off: %v", err)
	}
	close(release)
	if v, err := cached(t.Context(), c, key(2), func(context.Context) (int, int64, error) { return 3, 1, nil }); v != 3 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

func TestUnknownEngineIsRefused(t *testing.T) {
	if _, err := New(nil, Config{Engine: "other"}); err == nil {
		t.Error("accepted")
	}
	if s, err := New(nil, Config{}); err != nil || s.Cache() == nil || fmt.Sprint(s.cfg.Engine) != EngineOwn {
		t.Error(s, err)
	}
}

func TestCacheForgets(t *testing.T) {
	c := NewCache(1000)
	load := func(k cacheKey) (loaded bool) {
		t.Helper()
		_, err := cached(t.Context(), c, k, func(context.Context) (int, int64, error) {
			loaded = true
			return 0, 100, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	load(key(1))
	load(key(2))
	c.forget(func(k cacheKey) bool { return k == key(1) })
	if s := c.Stats(); s.Bytes != 100 || s.Entries != 1 {
		t.Errorf("%+v", s)
	}
	if load(key(2)) || !load(key(1)) {
		t.Error("the wrong entry was forgotten")
	}
}

func TestCacheLetsNobodyWaitForALoadThatPanicked(t *testing.T) {
	c := NewCache(100)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = cached(t.Context(), c, key(1), func(context.Context) (int, int64, error) { panic("broken layer") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if v, err := cached(ctx, c, key(1), func(context.Context) (int, int64, error) { return 7, 1, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}
