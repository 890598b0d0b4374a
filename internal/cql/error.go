package cql

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Code says what kind of mistake a filter has.
type Code string

const (
	CodeSyntax   Code = "filter-syntax"   // 语法错误
	CodeProperty Code = "filter-property" // 没有这个字段
	CodeFunction Code = "filter-function" // 不支持的函数
	CodeType     Code = "filter-type"     // 类型不符
	CodeValue    Code = "filter-value"    // 值写错了
	CodeGeometry Code = "filter-geometry" // 几何写错了
	CodeLimit    Code = "filter-limit"    // 超出上限
)

// Error is a filter that cannot be used, by the caller's own mistake (HTTP
// 400): what is wrong, where, and what would be accepted.
type Error struct {
	Code Code
	// Offset is where it is wrong: the number of characters (not bytes)
	// before that place.
	Offset int
	// ZH and EN say the same, without the place.
	ZH, EN string
}

// Error says it in both languages, Chinese first; characters are counted
// from 1.
func (e *Error) Error() string {
	return fmt.Sprintf("过滤条件第 %d 个字符：%s · filter, character %d: %s", e.Offset+1, e.ZH, e.Offset+1, e.EN)
}

// fail makes the error at a byte of the text.
func (p *parser) fail(at int, code Code, zh, en string) error {
	at = min(max(at, 0), len(p.text))
	return &Error{Code: code, Offset: utf8.RuneCountInString(p.text[:at]), ZH: zh, EN: en}
}

// excerpt shortens what a user wrote, for a message.
func excerpt(s string) string {
	const longest = 40
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}

// nearest lists up to five names, those most like the given one first.
func nearest(name string, all []string) []string {
	const most, longest = 5, 64
	if utf8.RuneCountInString(name) > longest {
		name = string([]rune(name)[:longest])
	}
	want := strings.ToLower(name)
	distance := map[string]int{}
	for _, n := range all {
		distance[n] = levenshtein.ComputeDistance(want, strings.ToLower(n))
	}
	names := slices.Clone(all)
	slices.SortStableFunc(names, func(a, b string) int { return distance[a] - distance[b] })
	return names[:min(most, len(names))]
}
