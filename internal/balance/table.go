package balance

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// record is one line of a table; the first refusal on it stands.
type record struct {
	file   string
	header []string
	field  []string
	line   int
	fault  *InputError
	valid  bool      // the text is known to be UTF-8
	near   [3]nearby // of each column

	searches int // lookups that near did not answer
}

// nearby are the places of a column's last two ids.
type nearby struct{ last, before int32 }

func (r *record) refuse(zh, en string) {
	if r.fault == nil {
		r.fault = &InputError{r.file, r.line, zh, en}
	}
}

func (r *record) number(column int) float64 {
	v := r.finite(column)
	if reason := badNumber(v); reason != nil {
		r.refuse(r.header[column]+" "+reason.zh, r.header[column]+" "+reason.en)
	}
	return v
}

// finite is a number of any size: a multiplier may be larger than what a problem
// may hold.
func (r *record) finite(column int) float64 {
	v, reason := parseNumber(r.field[column])
	if reason != nil {
		r.refuse(r.header[column]+" "+reason.zh, r.header[column]+" "+reason.en)
	}
	return v
}

// id is the name of something new.
func (r *record) id(column int) string {
	if zh, en := badID(r.field[column]); zh != "" {
		r.refuse(r.header[column]+" "+zh, r.header[column]+" "+en)
	}
	return r.field[column]
}

// lookup finds an id's place. Tables tend to be in order: an id is mostly the
// last one, or the one after it, or after the one before it, and comparing is
// quicker than a map of millions.
func (r *record) lookup(column int, index *idIndex) int32 {
	id, near := r.field[column], &r.near[column]
	at := near.last
	if !index.is(at, id) {
		if at = near.last + 1; !index.is(at, id) {
			if at = near.before + 1; !index.is(at, id) {
				at = index.find(id, &r.searches)
			}
		}
	}
	if at < 0 {
		r.refuse(fmt.Sprintf("%s 的编号 %q 不存在", r.header[column], id), fmt.Sprintf("unknown id %q in column %s", id, r.header[column]))
		return at
	}
	near.before, near.last = near.last, at
	return at
}

// parseNumber takes decimals, with an exponent if need be: Go's own parser would
// also take hex, underscores, "inf" and "nan".
func parseNumber(s string) (float64, *numberFault) {
	if v, ok := shortDecimal(s); ok {
		return v, nil
	}
	if s == "" {
		return 0, &numberFault{"为空", "is empty"}
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
		default:
			return 0, &numberFault{fmt.Sprintf("%q 不是十进制数", s), fmt.Sprintf("%q is not a decimal number", s)}
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, &numberFault{fmt.Sprintf("%q 不是十进制数", s), fmt.Sprintf("%q is not a decimal number", s)}
	}
	if math.IsInf(v, 0) {
		return 0, &numberFault{"不是有限数", "is not a finite number"}
	}
	return v, nil
}

// tens are the powers of ten that are doubles and keep shortDecimal exact.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortDecimal reads digits with at most a sign and a point, up to 15 of them:
// both the digits and the power of ten are doubles then, so that one division
// rounds to the nearest double, as strconv does (Clinger 1990). False leaves
// the text to others.
func shortDecimal(s string) (float64, bool) {
	digits, point, whole := s, -1, int64(0)
	if s != "" && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	for i := range len(digits) {
		switch c := digits[i]; {
		case c >= '0' && c <= '9':
			whole = 10*whole + int64(c-'0')
		case c == '.' && point < 0 && len(digits) > 1:
			point = i
		default:
			return 0, false
		}
	}
	v := float64(whole)
	if point >= 0 {
		v /= tens[len(digits)-1-point]
	}
	if len(digits) < len(s) {
		v = -v
	}
	return v, true
}

// readTable reads one CSV file with the given header and hands every line to
// take. It stops at the first line that is refused.
func readTable(dir, name string, header []string, take func(*record)) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return fileFault(dir, name, err)
	}
	if err := encodingFault(name, data); err != nil {
		return err
	}
	return parseText(unsafe.String(unsafe.SliceData(data), len(data)), name, header, take)
}

func parseTable(in io.Reader, name string, header []string, take func(*record)) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("%s：读取失败 · cannot be read: %w", name, err)
	}
	if err := encodingFault(name, data); err != nil {
		return err
	}
	return parseText(unsafe.String(unsafe.SliceData(data), len(data)), name, header, take)
}

// parseText takes lines without quotes apart by itself, which is several times
// quicker than encoding/csv, and leaves everything from the first quote on to
// that package.
func parseText(text, name string, header []string, take func(*record)) error {
	r := &record{file: name, header: header, field: make([]string, 0, len(header)+1)}
	first := true
	for len(text) > 0 {
		line, rest, _ := strings.Cut(text, "\n")
		if strings.IndexByte(line, '"') >= 0 {
			return r.parseQuoted(text, first, take)
		}
		r.line++
		text = rest
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			continue
		}
		r.split(line)
		if err := r.accept(first, take); err != nil {
			return err
		}
		first = false
	}
	if first {
		return &InputError{name, 0, "文件为空，缺少表头", "the file is empty; the header is missing"}
	}
	return nil
}

func (r *record) split(line string) {
	r.field = r.field[:0]
	for {
		i := strings.IndexByte(line, ',')
		if i < 0 {
			break
		}
		r.field = append(r.field, line[:i])
		line = line[i+1:]
	}
	r.field = append(r.field, line)
}

// parseQuoted goes on with encoding/csv after r.line lines.
func (r *record) parseQuoted(text string, first bool, take func(*record)) error {
	src := csv.NewReader(strings.NewReader(text))
	src.ReuseRecord = true
	src.FieldsPerRecord = -1
	before := r.line
	for ; ; first = false {
		fields, err := src.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var syntax *csv.ParseError
			if errors.As(err, &syntax) {
				return &InputError{r.file, before + syntax.Line, "CSV 格式错误：" + syntax.Err.Error(), "CSV syntax: " + syntax.Err.Error()}
			}
			return fmt.Errorf("%s：读取失败 · cannot be read: %w", r.file, err)
		}
		line, _ := src.FieldPos(0)
		r.line, r.field = before+line, fields
		if err := r.accept(first, take); err != nil {
			return err
		}
	}
}

// accept checks a line's shape and hands it to take.
func (r *record) accept(first bool, take func(*record)) error {
	if first {
		return checkHeader(r, r.header)
	}
	if len(r.field) != len(r.header) {
		return &InputError{r.file, r.line, fmt.Sprintf("应有 %d 列，实有 %d 列", len(r.header), len(r.field)), fmt.Sprintf("%d columns expected, %d found", len(r.header), len(r.field))}
	}
	for _, s := range r.field {
		if !r.valid && !utf8.ValidString(s) {
			return &InputError{r.file, r.line, "不是 UTF-8 文本", "is not UTF-8 text"}
		}
	}
	take(r)
	if r.fault != nil {
		return r.fault
	}
	return nil
}

func checkHeader(r *record, header []string) error {
	if !utf8.ValidString(strings.Join(r.field, ",")) {
		return &InputError{r.file, r.line, "不是 UTF-8 文本", "is not UTF-8 text"}
	}
	r.field[0] = string(bytes.TrimPrefix([]byte(r.field[0]), []byte("\ufeff")))
	if len(r.field) == len(header) {
		same := true
		for i := range header {
			same = same && r.field[i] == header[i]
		}
		if same {
			return nil
		}
	}
	want := header[0]
	for _, h := range header[1:] {
		want += "," + h
	}
	return &InputError{r.file, r.line, fmt.Sprintf("表头应为 %s，实为 %q", want, r.field), fmt.Sprintf("the header must be %s, is %q", want, r.field)}
}
