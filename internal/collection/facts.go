package collection

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// facts are what was found out of versions, which never change: how far each reaches,
// what a survey has of each class. They are kept in memory and, if there is a file, in
// that too, so that a service that was started anew need not read every parcel to know
// where the county is. Each line of the file begins with the digest of the rest: one
// that was cut short or altered is not there.
type facts struct {
	mu    sync.Mutex
	known map[string]json.RawMessage
	// asked are the facts that are being found out, each with what ends when it is over.
	asked map[string]chan struct{}
	path  string
	lines int
}

// maxFacts bounds how many are kept. Beyond that all are found out anew.
const maxFacts = 4096

// factsVersion is part of the keys in a file: what is counted in another way is another fact.
const factsVersion = "1 "

// fact is a line of the file.
type fact struct {
	Key   string
	Value json.RawMessage
}

func openFacts(folder string) *facts {
	f := &facts{known: map[string]json.RawMessage{}, asked: map[string]chan struct{}{}}
	if folder == "" {
		return f
	}
	f.path = filepath.Join(folder, "facts.jsonl")
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return f // the first start, or none of our business: it is found out anew
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f.lines++
		var one fact
		sum, rest, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if string(sum) == digest(rest) && json.Unmarshal(rest, &one) == nil {
			f.known[one.Key] = one.Value
		}
	}
	return f
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// get finds a fact; false: it is not known.
func (f *facts) get(key string, v any) bool {
	f.mu.Lock()
	raw, ok := f.known[factsVersion+key]
	f.mu.Unlock()
	return ok && json.Unmarshal(raw, v) == nil
}

// find gives a fact, found out by whoever needs it first: a page asks for the same from
// several sides at once. Where that one fails, the next one tries.
func (f *facts) find(ctx context.Context, key string, v any, out func() error) error {
	for {
		if f.get(key, v) {
			return nil
		}
		f.mu.Lock()
		over, ok := f.asked[key]
		if !ok {
			over = make(chan struct{})
			f.asked[key] = over
		}
		f.mu.Unlock()
		if !ok {
			return f.first(key, v, over, out)
		}
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *facts) first(key string, v any, over chan struct{}, out func() error) error {
	defer func() {
		f.mu.Lock()
		delete(f.asked, key)
		f.mu.Unlock()
		close(over)
	}()
	if f.get(key, v) {
		return nil // another one was over in between
	}
	if err := out(); err != nil {
		return err
	}
	f.put(key, v)
	return nil
}

// put keeps one. What cannot be written to the file is known all the same.
func (f *facts) put(key string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		return // no number: it is found out each time
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= maxFacts {
		clear(f.known)
	}
	f.known[factsVersion+key] = raw
	if f.path == "" {
		return
	}
	if err := f.write(fact{factsVersion + key, raw}); err != nil {
		slog.Warn("what was found out of a version is not kept", "path", f.path, "err", err)
	}
}

// write adds a line; a file that has grown too long begins anew.
func (f *facts) write(one fact) error {
	line, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("pack a fact: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("keep a fact: %w", err)
	}
	how := os.O_APPEND
	if f.lines >= maxFacts {
		how, f.lines = os.O_TRUNC, 0
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return fmt.Errorf("keep a fact: %w", err)
	}
	// a line before that was cut short must not take this one with it
	_, err = file.WriteString("\n" + digest(line) + " " + string(line) + "\n")
	f.lines += 2
	return errors.Join(err, file.Close())
}
