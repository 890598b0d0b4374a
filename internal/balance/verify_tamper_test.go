package balance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// mutation is one change of one file; a nil text removes the file.
type mutation struct {
	name, file string
	text       []byte
}

// mutateTable changes every cell, every line and the header of a table, one at a
// time.
func mutateTable(file string, text []byte) (list []mutation) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	put := func(name string, changed []string) {
		if joined := strings.Join(changed, "\n") + "\n"; joined != string(text) {
			list = append(list, mutation{fmt.Sprintf("%s %s", file, name), file, []byte(joined)})
		}
	}
	with := func(i int, line ...string) []string {
		return append(append(append([]string{}, lines[:i]...), line...), lines[i+1:]...)
	}
	put("no header", lines[1:])
	put("other header", with(0, strings.ToUpper(lines[0])))
	put("header alone", lines[:1])
	list = append(list, mutation{file + " gone", file, nil}, mutation{file + " empty", file, []byte{}},
		mutation{file + " UTF-16", file, append([]byte("\xff\xfe"), text...)})
	for i := 1; i < len(lines); i++ {
		put(fmt.Sprintf("line %d gone", i+1), with(i))
		put(fmt.Sprintf("line %d twice", i+1), with(i, lines[i], lines[i]))
		if i+1 < len(lines) {
			swapped := append([]string{}, lines...)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			put(fmt.Sprintf("line %d and the next swapped", i+1), swapped)
		}
		cells := strings.Split(lines[i], ",")
		put(fmt.Sprintf("line %d cut", i+1), with(i, strings.Join(cells[1:], ",")))
		put(fmt.Sprintf("line %d longer", i+1), with(i, lines[i]+",1"))
		for c := range cells {
			for _, value := range otherValues(cells[c], "nobody", strings.Split(lines[len(lines)-i], ",")[0]) {
				changed := append([]string{}, cells...)
				changed[c] = value
				put(fmt.Sprintf("line %d cell %d: %s for %s", i+1, c+1, value, cells[c]), with(i, strings.Join(changed, ",")))
			}
		}
	}
	return list
}

// otherValues are what a number, or one of names, may be changed to.
func otherValues(text string, names ...string) []string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return append(names, "", text+"x")
	}
	show := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return []string{show(-v), "0", "1", show(v * (1 + 1e-12)), show(v * (1 + 3e-9)), show(v * (1 - 3e-9)), show(v * 1.01), show(v - 1), show(v + 1), "1e308", "-1e200", "NaN", "1e999", "", text + "0x"}
}

// tree is a JSON value whose keys keep their order and may repeat.
type tree struct {
	keys   []string // of an object
	items  []*tree  // of an object or a list
	scalar string   // as it is written; empty for the others
	list   bool
}

func parseTree(t *testing.T, dec *json.Decoder) *tree {
	t.Helper()
	token, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	open, nested := token.(json.Delim)
	if !nested {
		data, err := json.Marshal(token)
		if err != nil {
			t.Fatal(err)
		}
		return &tree{scalar: string(data)}
	}
	x := &tree{list: open == '['}
	for dec.More() {
		if !x.list {
			key, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			x.keys = append(x.keys, key.(string))
		}
		x.items = append(x.items, parseTree(t, dec))
	}
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *tree) write(out *bytes.Buffer) {
	if x.scalar != "" {
		out.WriteString(x.scalar)
		return
	}
	ends := "{}"
	if x.list {
		ends = "[]"
	}
	out.WriteByte(ends[0])
	for i, item := range x.items {
		if i > 0 {
			out.WriteByte(',')
		}
		if !x.list {
			fmt.Fprintf(out, "%q:", x.keys[i])
		}
		item.write(out)
	}
	out.WriteByte(ends[1])
}

// mutateJSON changes every number, text, key and entry of a JSON file, one at a
// time.
func mutateJSON(t *testing.T, file string, text []byte) (list []mutation) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root := parseTree(t, dec)
	put := func(name string) {
		var out bytes.Buffer
		root.write(&out)
		list = append(list, mutation{fmt.Sprintf("%s %s", file, name), file, out.Bytes()})
	}
	list = append(list, mutation{file + " gone", file, nil}, mutation{file + " empty", file, []byte{}},
		mutation{file + " cut", file, text[:len(text)/2]}, mutation{file + " followed", file, append(bytes.Clone(text), "{}"...)})
	var visit func(x *tree, at string)
	visit = func(x *tree, at string) {
		if x.scalar != "" {
			was := x.scalar
			for _, value := range append(otherValues(strings.Trim(was, `"`), "nobody", "optimal", "feasible", "infeasible", "unknown", "search", "multipliers"), "null") {
				if was[0] == '"' && value != "null" {
					value = strconv.Quote(value)
				}
				if x.scalar = value; value != "" && value != was {
					put(fmt.Sprintf("%s: %s for %s", at, value, was))
				}
			}
			x.scalar = was
			return
		}
		keys, items := x.keys, x.items
		drop := func(i int) {
			x.items = append(append([]*tree{}, items[:i]...), items[i+1:]...)
			if !x.list {
				x.keys = append(append([]string{}, keys[:i]...), keys[i+1:]...)
			}
		}
		for i := range items {
			name := fmt.Sprint(at, "/", i)
			if !x.list {
				name = at + "/" + keys[i]
			}
			drop(i)
			put(name + " gone")
			x.keys, x.items = keys, append(append([]*tree{}, items...), items[i])
			if !x.list {
				x.keys = append(append([]string{}, keys...), keys[i])
			}
			put(name + " twice")
			x.keys, x.items = keys, items
			if x.list && i+1 < len(items) {
				items[i], items[i+1] = items[i+1], items[i]
				put(name + " swapped with the next")
				items[i], items[i+1] = items[i+1], items[i]
			}
			if !x.list {
				was := keys[i]
				for _, other := range []string{strings.ToUpper(was), strings.ToUpper(was[:1]) + was[1:], was + "x"} {
					keys[i] = other
					put(name + " named " + other)
				}
				keys[i] = was
			}
			visit(items[i], name)
		}
	}
	visit(root, "")
	return list
}
