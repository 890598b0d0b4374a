package rulebook

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Problem is one thing wrong in a document.
type Problem struct {
	File             string
	Line             int // 0: the document as a whole
	Chinese, English string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s / %s", p.File, p.Chinese, p.English)
	}
	return fmt.Sprintf("%s:%d: %s / %s", p.File, p.Line, p.Chinese, p.English)
}

// Problems is every problem of a document in order of its lines; as an error,
// one line each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the report on a document that is something else entirely.
const maxProblems = 100

// decoder reads nodes and gathers problems.
type decoder struct {
	file     string
	problems Problems
}

func (d *decoder) fail(line int, chinese, english string, args ...any) {
	d.problems = append(d.problems, Problem{d.file, line, fmt.Sprintf(chinese, args...), fmt.Sprintf(english, args...)})
}

func (d *decoder) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	if len(d.problems) > maxProblems {
		d.problems = d.problems[:maxProblems]
	}
	return d.problems
}

// object is a mapping whose keys are taken one by one; done refuses the rest.
type object struct {
	d      *decoder
	line   int
	fields map[string]*yaml.Node
	order  []string
	lines  map[string]int
	bad    bool
}

func (d *decoder) object(n *yaml.Node, what string) *object {
	o := &object{d: d, fields: map[string]*yaml.Node{}, lines: map[string]int{}}
	if n == nil {
		o.bad = true
		return o
	}
	o.line = n.Line
	if n.Kind != yaml.MappingNode {
		o.bad = true
		d.fail(n.Line, "%[1]s应为键值对", "%[2]s must be a mapping", what, what)
		return o
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if _, twice := o.fields[key.Value]; twice {
			d.fail(key.Line, "重复的键 %q", "duplicate key %q", key.Value)
			continue
		}
		o.fields[key.Value] = value
		o.lines[key.Value] = key.Line
		o.order = append(o.order, key.Value)
	}
	return o
}

// done refuses the keys that nobody took.
func (o *object) done() {
	for _, key := range o.order {
		if _, left := o.fields[key]; left {
			o.d.fail(o.lines[key], "未知的键 %q", "unknown key %q", key)
		}
	}
}

// take gives a value and strikes its key off; nil where absent or null.
func (o *object) take(key string) *yaml.Node {
	n, ok := o.fields[key]
	delete(o.fields, key)
	if !ok || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	return n
}

func (o *object) missing(key string) {
	if !o.bad {
		o.d.fail(o.line, "缺少必填的键 %q", "the key %q is required", key)
	}
}

// require is take for a key that must be there.
func (o *object) require(key string) *yaml.Node {
	n := o.take(key)
	if n == nil {
		o.missing(key)
	}
	return n
}

func (o *object) text(key string) string {
	n := o.require(key)
	if n == nil {
		return ""
	}
	s := o.d.text(n, key)
	if n.Kind == yaml.ScalarNode && s == "" {
		o.d.fail(n.Line, "%q 不能为空", "%q must not be empty", key)
	}
	return s
}

func (o *object) optionalText(key string) string {
	if n := o.take(key); n != nil {
		return o.d.text(n, key)
	}
	return ""
}

func (d *decoder) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fail(n.Line, "%q 应为文字", "%q must be text", key)
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// scalars reads a list of texts, each once, with their lines.
func (o *object) scalars(key string) []*yaml.Node {
	var list []*yaml.Node
	for _, item := range o.items(key) {
		s := o.d.text(item, key)
		if slices.ContainsFunc(list, func(n *yaml.Node) bool { return n.Value == s }) {
			o.d.fail(item.Line, "%q 中 %q 重复", "%q lists %q twice", key, s)
			continue
		}
		list = append(list, &yaml.Node{Kind: yaml.ScalarNode, Value: s, Line: item.Line})
	}
	return list
}

// texts is scalars without the lines. Values stay as they are written: 0101 is
// a code, not a number.
func (o *object) texts(key string) []string {
	var list []string
	for _, n := range o.scalars(key) {
		list = append(list, n.Value)
	}
	return list
}

func (o *object) flag(key string) bool {
	n := o.take(key)
	if n == nil {
		return false
	}
	v, err := strconv.ParseBool(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || err != nil {
		o.d.fail(n.Line, "%q 应为 true 或 false", "%q must be true or false", key)
	}
	return v
}

// number reads a number within [low, high]; absent gives fallback.
func (o *object) number(key string, low, high, fallback float64) float64 {
	n := o.take(key)
	if n == nil {
		return fallback
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || math.IsNaN(v) || v < low || v > high {
		o.d.fail(n.Line, "%q 应为 %v 至 %v 之间的数", "%q must be a number from %v to %v", key, low, high)
		return fallback
	}
	return v
}

func (o *object) requiredNumber(key string, low, high float64) float64 {
	if _, ok := o.fields[key]; !ok {
		o.missing(key)
		return low
	}
	return o.number(key, low, high, low)
}

func (o *object) integer(key string, low, high int) int {
	line := o.lines[key]
	v := o.requiredNumber(key, float64(low), float64(high))
	if v != math.Trunc(v) {
		o.d.fail(line, "%q 应为整数", "%q must be a whole number", key)
	}
	return int(v)
}

// oneOf reads a text that must be in a list.
func oneOf[T ~string](o *object, key string, allowed ...T) T {
	n := o.require(key)
	if n == nil {
		return ""
	}
	s := T(o.d.text(n, key))
	if !slices.Contains(allowed, s) {
		o.d.fail(n.Line, "%q 的值 %q 未知，可用：%s", "%q has the unknown value %q; known: %s", key, s, join(allowed))
	}
	return s
}

func join[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = string(s)
	}
	return strings.Join(parts, ", ")
}

// items gives the elements of a list.
func (o *object) items(key string) []*yaml.Node {
	n := o.take(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		o.d.fail(n.Line, "%q 应为列表", "%q must be a list", key)
		return nil
	}
	return n.Content
}
