package balance

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"
)

// readChunk is how much text one goroutine takes apart at a time, in bytes.
const readChunk = 1 << 20

// readRows reads one CSV file with the given header and makes a row of every
// line; take must depend on its record alone. With a fault come the rows before
// it. lines are the rows' lines; nil means that row i stands on line i+2.
func readRows[T any](dir, name string, header []string, take func(*record) T) (rows []T, lines []int32, err error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, nil, fileFault(dir, name, err)
	}
	if err := encodingFault(name, data); err != nil {
		return nil, nil, err
	}
	return parseRows(unsafe.String(unsafe.SliceData(data), len(data)), name, header, readChunk, take)
}

func parseRows[T any](text, name string, header []string, chunk int, take func(*record) T) (rows []T, lines []int32, err error) {
	if first, rest, _ := strings.Cut(text, "\n"); len(text) > chunk && strings.IndexByte(text, '"') < 0 {
		r := &record{file: name, header: header, line: 1}
		r.split(strings.TrimSuffix(first, "\r"))
		if err := r.accept(true, nil); err == nil {
			if rows, regular, err := parseChunks(rest, name, header, chunk, take); regular {
				return rows, nil, err
			}
		}
	}
	err = parseText(text, name, header, func(r *record) {
		if row := take(r); r.fault == nil {
			rows, lines = append(rows, row), append(lines, int32(r.line))
		}
	})
	return rows, lines, err
}

// part is a piece of a table: whole lines, those after the first one given.
type part struct {
	text        string
	line, count int // lines before it, lines in it
	rows        int // rows made of it
	err         error
}

// parseChunks takes text without quotes and header apart on all processors.
// regular is false where lines are empty: others must count those.
func parseChunks[T any](text, name string, header []string, chunk int, take func(*record) T) (rows []T, regular bool, err error) {
	parts := cutLines(text, chunk)
	besides(len(parts), func(i int) bool {
		parts[i].count = strings.Count(parts[i].text, "\n")
		return true
	})
	total := 0
	for i := range parts {
		parts[i].line = total + 1
		if t := parts[i].text; t[len(t)-1] != '\n' {
			parts[i].count++
		}
		total += parts[i].count
	}
	rows = make([]T, total)
	var empty atomic.Bool
	besides(len(parts), func(i int) bool {
		p := &parts[i]
		if !parsePart(p, rows[p.line-1:p.line-1+p.count], name, header, take) {
			empty.Store(true)
		}
		return p.err == nil && !empty.Load()
	})
	if empty.Load() {
		return nil, false, nil
	}
	for i := range parts {
		if p := &parts[i]; p.err != nil {
			return rows[:p.line-1+p.rows], true, p.err
		}
	}
	return rows, true, nil
}

// cutLines cuts text into pieces of whole lines of about size bytes.
func cutLines(text string, size int) []part {
	var parts []part
	for len(text) > 0 {
		end := len(text)
		if end > size {
			if i := strings.IndexByte(text[size:], '\n'); i >= 0 {
				end = size + i + 1
			}
		}
		parts = append(parts, part{text: text[:end]})
		text = text[end:]
	}
	return parts
}

// parsePart makes rows of a piece; false where a line is empty.
func parsePart[T any](p *part, rows []T, name string, header []string, take func(*record) T) bool {
	r := &record{file: name, header: header, field: make([]string, 0, len(header)+1), line: p.line,
		valid: utf8.ValidString(p.text)}
	keep := func(r *record) {
		if row := take(r); r.fault == nil {
			rows[p.rows] = row
			p.rows++
		}
	}
	for text := p.text; len(text) > 0; {
		end := strings.IndexByte(text, '\n')
		line := text
		if end < 0 {
			text = ""
		} else {
			line, text = text[:end], text[end+1:]
		}
		r.line++
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			return false
		}
		r.split(line)
		if p.err = r.accept(false, keep); p.err != nil {
			return true
		}
	}
	return true
}

// besides calls do for 0 … n−1 on all processors, in about that order. Once a call
// gives false no later number is begun; all smaller ones are still called.
func besides(n int, do func(i int) bool) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if !do(int(i)) {
					next.Store(int64(n))
				}
			}
		})
	}
	wg.Wait()
}

// idIndex finds the place of an id. Its map is made when it is worth while.
type idIndex struct {
	ids       []string
	ascending bool
	once      sync.Once
	at        map[string]int32
}

// fewSearches is up to how many ids a piece of a table looks up by bisection,
// where ids ascend, before it asks for the map of all ids.
const fewSearches = 2000

// newIDIndex makes the index of the ids of n rows and refuses a second row of
// one id, which comes before the fault that reading may have ended with.
func newIDIndex(n int, id func(int) string, file, column string, lines []int32, fault error) (*idIndex, error) {
	if i := firstTwice(n, id); i >= 0 {
		line := i + 2
		if lines != nil {
			line = int(lines[i])
		}
		return nil, duplicateID(id(i), file, line, column)
	}
	x := &idIndex{ids: make([]string, n), ascending: true}
	for i := range x.ids {
		x.ids[i] = id(i)
		x.ascending = x.ascending && (i == 0 || x.ids[i-1] < x.ids[i])
	}
	return x, fault
}

func (x *idIndex) fill() {
	x.at = make(map[string]int32, len(x.ids))
	for i, id := range x.ids {
		x.at[id] = int32(i)
	}
}

func (x *idIndex) is(i int32, id string) bool {
	return int(i) < len(x.ids) && x.ids[i] == id
}

// find gives the place of an id, or -1; searches counts the caller's calls.
func (x *idIndex) find(id string, searches *int) int32 {
	if len(x.ids) > 0 && x.ids[0] == id { // where a cycle of ids begins again
		return 0
	}
	if *searches++; x.ascending && *searches < fewSearches {
		if i, known := slices.BinarySearch(x.ids, id); known {
			return int32(i)
		}
		return -1
	}
	x.once.Do(x.fill)
	if i, known := x.at[id]; known {
		return i
	}
	return -1
}
