package geodata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// dbfColumn is a column's place in a record.
type dbfColumn struct {
	rawName        []byte
	kind           byte // C, N, F, D, L, I, O, @ ...
	offset, length int
	decimals       int
}

// dbfHeader is the head of a dBASE III file: little endian; version, date,
// number of records (uint32 at 4), header length (uint16 at 8), record length
// (uint16 at 10), language driver (byte at 29), then 32 bytes a column.
type dbfHeader struct {
	records      int64
	headerLength int
	recordLength int
	ldid         byte
	columns      []dbfColumn
}

const dbfMaxColumns = 2046

// parseDBFHeader reads the header from the file's first bytes. The errors are
// in English; the caller says which file.
func parseDBFHeader(b []byte) (*dbfHeader, error) {
	if len(b) < 33 {
		return nil, errors.New("shorter than a header")
	}
	h := &dbfHeader{
		records:      int64(binary.LittleEndian.Uint32(b[4:])),
		headerLength: int(binary.LittleEndian.Uint16(b[8:])),
		recordLength: int(binary.LittleEndian.Uint16(b[10:])),
		ldid:         b[29],
	}
	if h.headerLength < 33 || h.recordLength < 1 {
		return nil, fmt.Errorf("header length %d, record length %d", h.headerLength, h.recordLength)
	}
	if len(b) < h.headerLength {
		return nil, errors.New("cut off within its header")
	}
	offset := 1 // the deletion mark
	for at := 32; at+1 <= h.headerLength && b[at] != 0x0d; at += 32 {
		if at+32 > h.headerLength || len(h.columns) == dbfMaxColumns {
			return nil, errors.New("its list of columns has no end")
		}
		d := b[at : at+32]
		c := dbfColumn{kind: d[11], offset: offset, length: int(d[16]), decimals: int(d[17])}
		c.rawName, _, _ = bytes.Cut(d[:11], []byte{0})
		if c.kind == 'C' {
			// Clipper and others keep the high byte of a long text here.
			c.length |= c.decimals << 8
			c.decimals = 0
		}
		if c.length == 0 && c.kind != 'C' {
			return nil, fmt.Errorf("column %d has width 0", len(h.columns)+1)
		}
		offset += c.length
		if offset > h.recordLength {
			return nil, fmt.Errorf("its columns take %d bytes, a record has %d", offset, h.recordLength)
		}
		h.columns = append(h.columns, c)
	}
	return h, nil
}

// dbfTable reads the records of a .dbf.
type dbfTable struct {
	*dbfHeader
	name    string
	file    *os.File
	fields  []Field
	charset charset
	texts   map[string]any // decoded values that recur
	last    []lastText     // by column: rows near each other often say the same
}

// lastText is a text column's value in the record before.
type lastText struct {
	raw   []byte
	value any // nil if there was none, or one with an issue
	// misses counts the values that were not known: of a column of identifiers none
	// recurs, and looking for them would only fill the table.
	misses int
}

// manyMisses are more than a county has names of villages and owners.
const manyMisses = 8192

// openDBF opens a .dbf and checks that it holds what its header says.
func openDBF(path, name string) (*dbfTable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &dbfTable{name: name, file: f, texts: map[string]any{}}
	if err := t.readHeader(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

func (t *dbfTable) readHeader() error {
	head := make([]byte, 65536)
	n, err := t.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if t.dbfHeader, err = parseDBFHeader(head[:n]); err != nil {
		return &FileError{Code: ErrShapefile, File: t.name, Err: err,
			MessageZH: ".dbf 属性表的文件头已损坏；请重新导出 shapefile",
			MessageEN: "the header of the .dbf is damaged; export the shapefile again"}
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if need := int64(t.headerLength) + t.records*int64(t.recordLength); info.Size() < need {
		return fileError(ErrShapefile, t.name,
			fmt.Sprintf(".dbf 属性表被截断：文件头声明 %d 行、需 %d 字节，实有 %d 字节；请重新导出或重新上传", t.records, need, info.Size()),
			fmt.Sprintf("the .dbf is cut off: %d records need %d bytes, there are %d", t.records, need, info.Size()))
	}
	return nil
}

func (t *dbfTable) close() error { return t.file.Close() }

// settle reads the text columns once, chooses the encoding and names the
// columns.
func (t *dbfTable) settle(option, cpg string) ([]Notice, error) {
	var e evidence
	if err := t.gather(&e); err != nil {
		return nil, err
	}
	for _, c := range t.columns { // last, as samples of values tell people more
		e.add(c.rawName)
	}
	charset, notices, err := chooseCharset(option, cpg, t.ldid, &e)
	if err != nil {
		return nil, locate(err, t.name, "")
	}
	t.charset = charset
	names := newNames()
	for i := range t.columns {
		field, notice := t.field(&t.columns[i], names)
		t.fields = append(t.fields, field)
		notices = append(notices, notice...)
	}
	return notices, nil
}

// gather asks every text. One that stands in the record before too, as most do,
// tells the same again.
func (t *dbfTable) gather(e *evidence) error {
	last := make([]struct {
		raw, text []byte
		tells     tells
	}, len(t.columns))
	for rows := newRecordReader(t); rows.row < t.records; {
		record, err := rows.next()
		if err != nil {
			return err
		}
		for i := range t.columns {
			c, l := &t.columns[i], &last[i]
			if c.kind != 'C' {
				continue
			}
			if raw := record[c.offset : c.offset+c.length]; l.raw == nil || !bytes.Equal(l.raw, raw) {
				l.raw = append(l.raw[:0], raw...)
				l.text = trimText(l.raw)
				l.tells = tell(l.text)
			}
			e.count(l.text, l.tells)
		}
	}
	return nil
}

func (t *dbfTable) field(c *dbfColumn, names *fieldNames) (Field, []Notice) {
	text, _, _ := t.charset.decode(bytes.TrimRight(c.rawName, " "))
	name, notices := names.take(text)
	f := Field{Name: name, Width: c.length, Precision: c.decimals, Type: FieldString}
	switch c.kind {
	case 'N':
		f.Type = FieldInt
		if c.decimals > 0 {
			f.Type = FieldFloat
		}
	case 'F', 'O', 'B':
		f.Type = FieldFloat
	case 'I', '+':
		f.Type = FieldInt
	case 'D':
		f.Type = FieldDate
	}
	return f, notices
}

// fieldNames numbers repeated column names, as mapping needs them unique.
type fieldNames struct{ seen map[string]bool }

func newNames() *fieldNames { return &fieldNames{map[string]bool{}} }

func (n *fieldNames) take(name string) (string, []Notice) {
	want := strings.TrimSpace(name)
	if want == "" {
		want = "FIELD"
	}
	got := want
	for i := 2; n.seen[strings.ToLower(got)]; i++ {
		got = fmt.Sprintf("%s_%d", want, i)
	}
	n.seen[strings.ToLower(got)] = true
	if got == name {
		return got, nil
	}
	return got, []Notice{{NoticeFieldRenamed,
		fmt.Sprintf("字段名 %q 重复或为空，读作 %s", name, got), fmt.Sprintf("column name %q is repeated or empty; read as %s", name, got)}}
}

func deleted(record []byte) bool { return record[0] == '*' }

// values decodes a record.
func (t *dbfTable) values(row int64, record []byte) ([]any, []Issue) {
	out := make([]any, len(t.columns))
	if t.last == nil {
		t.last = make([]lastText, len(t.columns))
	}
	var issues []Issue
	for i := range t.columns {
		c := &t.columns[i]
		raw, last := record[c.offset:c.offset+c.length], &t.last[i]
		if last.value != nil && bytes.Equal(last.raw, raw) {
			out[i] = last.value
			continue
		}
		v, issue := t.value(c, t.fields[i].Type, raw, last)
		out[i] = v
		if t.fields[i].Type == FieldString {
			last.raw, last.value = append(last.raw[:0], raw...), v
			if issue != nil {
				last.value = nil // every row has its own
			}
		}
		if issue != nil {
			issue.Row, issue.Field = row, t.fields[i].Name
			issues = append(issues, *issue)
		}
	}
	return out, issues
}

func (t *dbfTable) value(c *dbfColumn, kind FieldType, raw []byte, last *lastText) (any, *Issue) {
	switch c.kind {
	case 'I', '+':
		if len(raw) == 4 {
			return int64(int32(binary.LittleEndian.Uint32(raw))), nil
		}
	case 'O', 'B':
		if len(raw) == 8 {
			return math.Float64frombits(binary.LittleEndian.Uint64(raw)), nil
		}
	}
	switch kind {
	case FieldInt, FieldFloat:
		return number(kind, raw)
	case FieldDate:
		return dbfDate(raw)
	}
	return t.text(trimText(raw), last)
}

func (t *dbfTable) text(raw []byte, last *lastText) (any, *Issue) {
	if len(raw) == 0 {
		return nil, nil
	}
	recurs := last.misses < manyMisses
	if recurs {
		if known, ok := t.texts[string(raw)]; ok {
			return known, nil
		}
		last.misses++
	}
	text, cut, bad := t.charset.decode(raw)
	switch {
	case bad:
		return text, &Issue{Code: IssueTextInvalid, Severity: SeverityError,
			MessageZH: fmt.Sprintf("文字不能按 %s 解读：%s；请改正文字或编码", t.charset.name, printable(text)),
			MessageEN: fmt.Sprintf("text is not valid %s: %s; correct the text or the encoding", t.charset.name, printable(text))}
	case cut:
		return nilIfEmpty(text), &Issue{Code: IssueTextTruncated, Severity: SeverityNotice,
			MessageZH: "文字超出字段宽度，末尾的字被截断：" + printable(text), MessageEN: "the text is longer than its column; its last character was cut off: " + printable(text)}
	}
	if recurs && len(t.texts) < 1<<15 {
		t.texts[string(raw)] = text
	}
	return text, nil
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// trimText takes off padding: spaces, and the NULs of some writers.
func trimText(raw []byte) []byte {
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		raw = raw[:i]
	}
	return bytes.TrimRight(raw, " ")
}

// number reads the decimal text of an N or F column exactly: int64 for whole
// numbers, the nearest float64 for others. Blank and "***" are null: shapelib,
// and GDAL with it, writes nulls so.
func number(kind FieldType, raw []byte) (any, *Issue) {
	raw = bytes.Trim(raw, " \x00")
	if len(raw) == 0 || raw[0] == '*' {
		return nil, nil
	}
	if kind == FieldFloat {
		if v, ok := plainDecimal(raw); ok {
			return v, nil
		}
	}
	text := string(raw)
	if kind == FieldInt {
		if v, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64); err == nil {
			return v, nil
		} else if errors.Is(err, strconv.ErrRange) {
			return text, &Issue{Code: IssueNumberRange, Severity: SeverityWarning,
				MessageZH: "整数超过 19 位，按文字保留：" + printable(text), MessageEN: "the whole number has more than 19 digits and is kept as text: " + printable(text)}
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "xXpP_") {
		return nil, &Issue{Code: IssueNumberInvalid, Severity: SeverityWarning,
			MessageZH: "不是数字：" + printable(text), MessageEN: "not a number: " + printable(text)}
	}
	if kind == FieldInt {
		// 12.000 in a column without decimals.
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		return nil, &Issue{Code: IssueNumberInvalid, Severity: SeverityWarning,
			MessageZH: "整数字段里有小数：" + printable(text), MessageEN: "a fraction in a column of whole numbers: " + printable(text)}
	}
	return v, nil
}

// plainDecimal reads digits with a point in them, 15 at most: both the digits as
// a whole number and the power of ten are exact then, and their quotient is the
// nearest float64 (Clinger 1990), as strconv would find with more work.
func plainDecimal(raw []byte) (v float64, ok bool) {
	units, scale, digits, point := int64(0), 1.0, 0, false
	negative := len(raw) > 0 && raw[0] == '-'
	if negative {
		raw = raw[1:]
	}
	for _, c := range raw {
		switch {
		case c >= '0' && c <= '9':
			units, digits = 10*units+int64(c-'0'), digits+1
			if point {
				scale *= 10
			}
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
		if digits > 15 {
			return 0, false
		}
	}
	if digits == 0 || negative && units == 0 {
		return 0, false
	}
	if negative {
		units = -units
	}
	return float64(units) / scale, true
}

func dbfDate(raw []byte) (any, *Issue) {
	text := string(bytes.Trim(raw, " \x00"))
	if text == "" || strings.Trim(text, "0") == "" {
		return nil, nil
	}
	v, err := time.Parse("20060102", text)
	if err != nil {
		return nil, &Issue{Code: IssueDateInvalid, Severity: SeverityWarning,
			MessageZH: "不是日期（应为 YYYYMMDD）：" + printable(text), MessageEN: "not a date (YYYYMMDD): " + printable(text)}
	}
	return v, nil
}
