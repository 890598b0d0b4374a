package collection

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestFactsAreKept(t *testing.T) {
	folder, ctx := filepath.Join(t.TempDir(), "not yet"), context.Background()
	ask := func(f *facts, key string, value float64) (float64, int) {
		t.Helper()
		asked := 0
		var v *float64
		if err := f.find(ctx, key, &v, func() error {
			asked++
			v = &value
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return *v, asked
	}
	first := openFacts(folder)
	for _, key := range []string{"a", "b", "a"} {
		ask(first, key, 36.060100312345678)
	}
	path := filepath.Join(folder, "facts.jsonl")
	if v, asked := ask(openFacts(folder), "a", 1); v != 36.060100312345678 || asked != 0 {
		t.Errorf("after a start a is %v, found out %d times", v, asked)
	}

	// of a file that was cut short, or altered, only what is whole counts
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	altered := strings.Replace(string(raw[:len(raw)-9]), "36.06", "37.06", 1)
	if altered == string(raw[:len(raw)-9]) {
		t.Fatalf("nothing to alter in %s", raw)
	}
	if err := os.WriteFile(path, []byte(altered), 0o600); err != nil {
		t.Fatal(err)
	}
	second := openFacts(folder)
	for _, key := range []string{"a", "b"} {
		if v, asked := ask(second, key, 2); v != 2 || asked != 1 {
			t.Errorf("%s is %v, found out %d times", key, v, asked)
		}
	}
	if v, asked := ask(openFacts(folder), "b", 3); v != 2 || asked != 0 {
		t.Errorf("after a line that was cut short b is %v, found out %d times", v, asked)
	}
}

func TestFactsAreFoundOutOnce(t *testing.T) {
	f, asked := openFacts(""), 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			var v []int
			err := f.find(context.Background(), "sum", &v, func() error {
				asked++ // one at a time: the race detector sees it if not
				if asked == 1 {
					return errors.New("the database went away")
				}
				v = []int{7}
				return nil
			})
			if err == nil && (len(v) != 1 || v[0] != 7) {
				t.Errorf("got %v", v)
			}
		})
	}
	all.Wait()
	if asked != 2 {
		t.Errorf("found out %d times: once in vain and once", asked)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	f.asked["slow"] = make(chan struct{})
	var v int
	if err := f.find(gone, "slow", &v, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who went away waits on: %v", err)
	}
}

func TestFactsHaveABound(t *testing.T) {
	folder := t.TempDir()
	f := openFacts(folder)
	for i := range maxFacts + 10 {
		f.put(fmt.Sprint(i), i)
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), "\n"); n > 2*maxFacts+2 {
		t.Errorf("the file has %d lines", n)
	}
	if len(f.known) > maxFacts {
		t.Errorf("%d are kept", len(f.known))
	}
}
