package marxan

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gengheng/internal/balance"
)

// sheet is one Marxan table. Its files come from spreadsheets, R and GIS, so the
// separator may be a comma, a tab, a semicolon or blanks, columns may stand in
// any order, and names may be quoted; the first line says which it is.
type sheet struct {
	name   string
	header []string // in lower case
	rows   []line
}

type line struct {
	number int
	fields []string
}

func (s *sheet) refuse(at line, zh, en string) error {
	return &balance.InputError{File: s.name, Line: at.number, Zh: zh, En: en}
}

// column gives the place of the first of the names that the header has, or -1.
func (s *sheet) column(names ...string) int {
	for _, name := range names {
		for i, h := range s.header {
			if h == name {
				return i
			}
		}
	}
	return -1
}

func (s *sheet) required(names ...string) (int, error) {
	if i := s.column(names...); i >= 0 {
		return i, nil
	}
	return -1, &balance.InputError{File: s.name, Line: 1, Zh: "缺少列 " + names[0], En: "column " + names[0] + " is missing"}
}

func readSheet(path string) (*sheet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s：读取失败 · cannot be read: %w", filepath.Base(path), err)
	}
	return parseSheet(filepath.Base(path), data)
}

func parseSheet(name string, data []byte) (*sheet, error) {
	s := &sheet{name: name}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, &balance.InputError{File: name, Zh: "不是文本文件", En: "is not a text file"}
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	separator := byte(0)
	for i, raw := range strings.Split(text, "\n") {
		at := line{number: i + 1}
		if strings.TrimSpace(raw) == "" {
			continue
		}
		if s.header == nil {
			separator = guessSeparator(raw)
		}
		fields, ok := split(raw, separator)
		if !ok {
			return nil, s.refuse(at, "引号没有成对", "a quotation mark is not closed")
		}
		if s.header == nil {
			for _, h := range fields {
				s.header = append(s.header, strings.ToLower(h))
			}
			for len(s.header) > 0 && s.header[len(s.header)-1] == "" {
				s.header = s.header[:len(s.header)-1]
			}
			if err := s.checkHeader(at); err != nil {
				return nil, err
			}
			continue
		}
		for len(fields) > len(s.header) && fields[len(fields)-1] == "" {
			fields = fields[:len(fields)-1] // a spreadsheet's empty columns
		}
		if n := len(s.header); separator == ' ' && len(fields) > n && s.header[n-1] == "name" {
			fields = append(fields[:n-1:n-1], strings.Join(fields[n-1:], " "))
		}
		if len(fields) != len(s.header) {
			return nil, s.refuse(at, fmt.Sprintf("应有 %d 列，实有 %d 列", len(s.header), len(fields)),
				fmt.Sprintf("%d columns expected, %d found", len(s.header), len(fields)))
		}
		at.fields = fields
		s.rows = append(s.rows, at)
	}
	if s.header == nil {
		return nil, &balance.InputError{File: name, Zh: "文件为空，缺少表头", En: "the file is empty; the header is missing"}
	}
	return s, nil
}

func (s *sheet) checkHeader(at line) error {
	if len(s.header) == 0 {
		return s.refuse(at, "表头为空", "the header is empty")
	}
	seen := map[string]bool{}
	for _, h := range s.header {
		if h != "" && seen[h] {
			return s.refuse(at, fmt.Sprintf("列 %q 重复", h), fmt.Sprintf("column %q stands twice", h))
		}
		seen[h] = true
	}
	return nil
}

func guessSeparator(header string) byte {
	for _, c := range []byte{'\t', ',', ';'} {
		if strings.IndexByte(header, c) >= 0 {
			return c
		}
	}
	return ' '
}

// split cuts a line at the separator outside quotation marks; blanks count as
// one separator however many they are. It gives false where a mark stays open.
func split(raw string, separator byte) ([]string, bool) {
	var fields []string
	var b strings.Builder
	quoted, any := false, false
	end := func() {
		fields = append(fields, strings.TrimSpace(b.String()))
		b.Reset()
		any = false
	}
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '"' && quoted && i+1 < len(raw) && raw[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			quoted, any = !quoted, true
		case !quoted && separator == ' ' && (c == ' ' || c == '\t'):
			if any {
				end()
			}
		case !quoted && c == separator:
			end()
		default:
			any = true
			b.WriteByte(c)
		}
	}
	if separator != ' ' || any {
		end()
	}
	return fields, !quoted
}

// number reads a decimal number.
func (s *sheet) number(at line, column int) (float64, error) {
	v, ok := decimal(at.fields[column])
	if !ok {
		return 0, s.refuse(at, fmt.Sprintf("%s 不是数：%q", s.header[column], at.fields[column]),
			fmt.Sprintf("%s is not a number: %q", s.header[column], at.fields[column]))
	}
	return v, nil
}

// numberOr reads a number that may be missing, as a column or in its cell.
func (s *sheet) numberOr(at line, column int, otherwise float64) (float64, error) {
	if column < 0 || at.fields[column] == "" {
		return otherwise, nil
	}
	return s.number(at, column)
}

func decimal(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.+-eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && math.Abs(v) <= 1e15
}

// id reads a whole number, as Marxan's ids are, also where R wrote it as 1e+05.
func (s *sheet) id(at line, column int) (string, error) {
	id, ok := wholeNumber(at.fields[column])
	if !ok {
		return "", s.refuse(at, fmt.Sprintf("%s 不是整数编号：%q", s.header[column], at.fields[column]),
			fmt.Sprintf("%s is not a whole number: %q", s.header[column], at.fields[column]))
	}
	return id, nil
}

func wholeNumber(text string) (string, bool) {
	v, ok := decimal(text)
	if !ok || v != math.Trunc(v) {
		return "", false
	}
	return strconv.FormatInt(int64(v), 10), true
}
