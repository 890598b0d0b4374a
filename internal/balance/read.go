package balance

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// ReadProblem reads a problem folder (docs/balance.md). Anything malformed is
// refused with an *InputError that names the file, the line and the reason.
func ReadProblem(dir string) (*Problem, error) {
	p := &Problem{}
	if err := p.readHead(dir); err != nil {
		return nil, err
	}
	units, err := p.readUnits(dir)
	if err != nil {
		return nil, err
	}
	// The two large files side by side; faults are told in the order of reading.
	edgesRead := make(chan error, 1)
	go func() { edgesRead <- p.readEdges(dir, units) }()
	rows, rowsErr := p.readConstraints(dir)
	var termLines []int32
	var termsErr error
	if rowsErr == nil {
		termLines, termsErr = p.readTerms(dir, rows, units)
	}
	if err := cmp.Or(<-edgesRead, rowsErr, termsErr); err != nil {
		return nil, err
	}
	flows, err := p.readFlows(dir)
	if err != nil {
		return nil, err
	}
	flowTermLines, err := p.readFlowTerms(dir, rows, flows)
	if err != nil {
		return nil, err
	}
	if err := p.checkDuplicateTerms(termLines, flowTermLines); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Problem) readHead(dir string) error {
	const name = "problem.json"
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return fileFault(name, err)
	}
	var head struct {
		Format   string   `json:"format"`
		Name     string   `json:"name"`
		Constant *float64 `json:"constant"`
	}
	if !utf8.Valid(data) {
		return &InputError{name, 0, "不是 UTF-8 文本", "is not UTF-8 text"}
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&head); err != nil {
		line := 1 + bytes.Count(data[:min(int(dec.InputOffset()), len(data))], []byte("\n"))
		return &InputError{name, line, "不是合格的 JSON：" + err.Error(), "not a valid problem head: " + err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &InputError{name, 0, "JSON 之后还有内容", "something follows the JSON object"}
	}
	if head.Format != Format {
		return &InputError{name, 0, fmt.Sprintf("format 应为 %q，实为 %q", Format, head.Format), fmt.Sprintf("format must be %q, is %q", Format, head.Format)}
	}
	p.Name = head.Name
	if head.Constant != nil {
		p.Constant = *head.Constant
	}
	if reason := badNumber(p.Constant); reason != nil {
		return reason.at(name, 0, "constant")
	}
	return nil
}

func (p *Problem) readUnits(dir string) (map[string]int32, error) {
	const name = "units.csv"
	index := map[string]int32{}
	if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
		index = make(map[string]int32, min(info.Size(), 1<<30)/32)
	}
	err := readTable(dir, name, []string{"unit", "cost", "fixed"}, func(r *record) {
		u := Unit{ID: r.newID(0, index), Cost: r.number(1)}
		switch r.field[2] {
		case "":
		case "0":
			u.Fixed = FixZero
		case "1":
			u.Fixed = FixOne
		default:
			r.refuse(fmt.Sprintf("fixed 只能为空、0 或 1，实为 %q", r.field[2]), fmt.Sprintf("fixed must be empty, 0 or 1, is %q", r.field[2]))
		}
		p.Units = append(p.Units, u)
	})
	return index, err
}

func (p *Problem) readEdges(dir string, units map[string]int32) error {
	return readTable(dir, "edges.csv", []string{"a", "b", "weight"}, func(r *record) {
		e := Edge{A: r.lookup(0, units), B: Outside, Weight: r.number(2)}
		if r.field[1] != "" {
			e.B = r.lookup(1, units)
		}
		if e.Weight < 0 {
			r.refuse("weight 为负", "weight is negative")
		}
		p.Edges = append(p.Edges, e)
	})
}

func (p *Problem) readConstraints(dir string) (map[string]int32, error) {
	index := map[string]int32{}
	err := readTable(dir, "constraints.csv", []string{"constraint", "sense", "rhs"}, func(r *record) {
		c := Constraint{ID: r.newID(0, index), RHS: r.number(2)}
		switch r.field[1] {
		case ">=":
			c.Sense = AtLeast
		case "<=":
			c.Sense = AtMost
		case "=":
			c.Sense = Equal
		default:
			r.refuse(fmt.Sprintf("sense 只能为 >=、<= 或 =，实为 %q", r.field[1]), fmt.Sprintf("sense must be >=, <= or =, is %q", r.field[1]))
		}
		p.Constraints = append(p.Constraints, c)
	})
	return index, err
}

func (p *Problem) readTerms(dir string, rows, units map[string]int32) ([]int32, error) {
	var lines []int32
	err := readTable(dir, "terms.csv", []string{"constraint", "unit", "coefficient"}, func(r *record) {
		p.Terms = append(p.Terms, Term{r.lookup(0, rows), r.lookup(1, units), r.number(2)})
		lines = append(lines, int32(r.line))
	})
	return lines, err
}

func (p *Problem) readFlows(dir string) (map[string]int32, error) {
	const name = "flows.csv"
	index := map[string]int32{}
	if missing(dir, name) {
		return index, nil
	}
	err := readTable(dir, name, []string{"flow", "cost", "upper"}, func(r *record) {
		f := Flow{ID: r.newID(0, index), Cost: r.number(1), Upper: math.Inf(1)}
		if r.field[2] != "" {
			f.Upper = r.number(2)
		}
		if f.Upper < 0 {
			r.refuse("upper 为负", "upper is negative")
		}
		p.Flows = append(p.Flows, f)
	})
	return index, err
}

func (p *Problem) readFlowTerms(dir string, rows, flows map[string]int32) ([]int32, error) {
	const name = "flow_terms.csv"
	if missing(dir, name) {
		return nil, nil
	}
	var lines []int32
	err := readTable(dir, name, []string{"constraint", "flow", "coefficient"}, func(r *record) {
		p.FlowTerms = append(p.FlowTerms, FlowTerm{r.lookup(0, rows), r.lookup(1, flows), r.number(2)})
		lines = append(lines, int32(r.line))
	})
	return lines, err
}

func missing(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

func fileFault(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &InputError{name, 0, "缺少此文件", "the file is missing"}
	}
	return fmt.Errorf("%s：读取失败 · cannot be read: %w", name, err)
}

// record is one line of a table; the first refusal on it stands.
type record struct {
	file   string
	header []string
	field  []string
	line   int
	fault  *InputError
	last   [3]lookedUp // of each column
}

// lookedUp is an id with its place.
type lookedUp struct {
	id    string
	at    int32
	known bool
}

func (r *record) refuse(zh, en string) {
	if r.fault == nil {
		r.fault = &InputError{r.file, r.line, zh, en}
	}
}

func (r *record) number(column int) float64 {
	v, reason := parseNumber(r.field[column])
	if reason != nil {
		r.refuse(r.header[column]+" "+reason.zh, r.header[column]+" "+reason.en)
	}
	return v
}

func (r *record) newID(column int, index map[string]int32) string {
	id := r.field[column]
	if id == "" {
		r.refuse(r.header[column]+" 编号为空", r.header[column]+" id is empty")
	} else if _, twice := index[id]; twice {
		r.refuse(fmt.Sprintf("%s 编号重复 %q", r.header[column], id), fmt.Sprintf("duplicate %s id %q", r.header[column], id))
	}
	index[id] = int32(len(index))
	return id
}

func (r *record) lookup(column int, index map[string]int32) int32 {
	if last := &r.last[column]; last.known && last.id == r.field[column] {
		return last.at // lines about one thing tend to stand together
	}
	i, known := index[r.field[column]]
	r.last[column] = lookedUp{r.field[column], i, known}
	if !known {
		r.refuse(fmt.Sprintf("%s 的编号 %q 不存在", r.header[column], r.field[column]), fmt.Sprintf("unknown id %q in column %s", r.field[column], r.header[column]))
	}
	return i
}

// parseNumber takes plain decimals only: Go's own parser would also take hex,
// underscores, "inf" and "nan".
func parseNumber(s string) (float64, *numberFault) {
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
	return v, badNumber(v)
}

// readTable reads one CSV file with the given header and hands every line to
// take. It stops at the first line that is refused.
func readTable(dir, name string, header []string, take func(*record)) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return fileFault(name, err)
	}
	return parseText(unsafe.String(unsafe.SliceData(data), len(data)), name, header, take)
}

func parseTable(in io.Reader, name string, header []string, take func(*record)) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("%s：读取失败 · cannot be read: %w", name, err)
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
		if !utf8.ValidString(s) {
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
