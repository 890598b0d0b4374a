package balance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// ReadProblem reads a problem folder (docs/balance.md). Anything malformed is
// refused with an *InputError that names the file, the line and the reason.
func ReadProblem(dir string) (*Problem, error) {
	p := &Problem{}
	if err := CheckFolder(dir); err != nil {
		return nil, err
	}
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
		return fileFault(dir, name, err)
	}
	if err := encodingFault(name, data); err != nil {
		return err
	}
	var head struct {
		Format   string  `json:"format"`
		Name     string  `json:"name,omitempty"`
		Constant float64 `json:"constant,omitempty"`
	}
	bare := bytes.TrimPrefix(data, []byte("\ufeff"))
	var fault *jsonFault
	if err := decodeStrict(bare, &head); errors.As(err, &fault) {
		line := 1 + bytes.Count(bare[:min(int(fault.offset), len(bare))], []byte("\n"))
		return &InputError{name, line, fault.zh, fault.en}
	} else if err != nil {
		return err
	}
	if head.Format != Format {
		return &InputError{name, 0, fmt.Sprintf("format 应为 %q，实为 %q", Format, head.Format), fmt.Sprintf("format must be %q, is %q", Format, head.Format)}
	}
	p.Name, p.Constant = head.Name, head.Constant
	if reason := badNumber(p.Constant); reason != nil {
		return reason.at(name, 0, "constant")
	}
	return nil
}

func (p *Problem) readUnits(dir string) (*idIndex, error) {
	units, lines, err := readRows(dir, "units.csv", []string{"unit", "cost", "fixed"}, func(r *record) Unit {
		u := Unit{ID: r.id(0), Cost: r.number(1)}
		switch r.field[2] {
		case "":
		case "0":
			u.Fixed = FixZero
		case "1":
			u.Fixed = FixOne
		default:
			r.refuse(fmt.Sprintf("fixed 只能为空、0 或 1，实为 %q", r.field[2]), fmt.Sprintf("fixed must be empty, 0 or 1, is %q", r.field[2]))
		}
		return u
	})
	p.Units = units
	return newIDIndex(len(units), func(i int) string { return units[i].ID }, "units.csv", "unit", lines, err)
}

func (p *Problem) readEdges(dir string, units *idIndex) (err error) {
	p.Edges, _, err = readRows(dir, "edges.csv", []string{"a", "b", "weight"}, func(r *record) Edge {
		e := Edge{A: r.lookup(0, units), B: Outside, Weight: r.number(2)}
		if r.field[1] != "" {
			e.B = r.lookup(1, units)
		}
		if e.Weight < 0 {
			r.refuse("weight 为负", "weight is negative")
		}
		return e
	})
	return err
}

func (p *Problem) readConstraints(dir string) (*idIndex, error) {
	list, lines, err := readRows(dir, "constraints.csv", []string{"constraint", "sense", "rhs"}, func(r *record) Constraint {
		c := Constraint{ID: r.id(0), RHS: r.number(2)}
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
		return c
	})
	p.Constraints = list
	return newIDIndex(len(list), func(i int) string { return list[i].ID }, "constraints.csv", "constraint", lines, err)
}

func (p *Problem) readTerms(dir string, rows, units *idIndex) (lines []int32, err error) {
	p.Terms, lines, err = readRows(dir, "terms.csv", []string{"constraint", "unit", "coefficient"}, func(r *record) Term {
		return Term{r.lookup(0, rows), r.lookup(1, units), r.number(2)}
	})
	return lines, err
}

func (p *Problem) readFlows(dir string) (*idIndex, error) {
	const name = "flows.csv"
	if missing(dir, name) {
		return &idIndex{}, nil
	}
	list, lines, err := readRows(dir, name, []string{"flow", "cost", "upper"}, func(r *record) Flow {
		f := Flow{ID: r.id(0), Cost: r.number(1), Upper: math.Inf(1)}
		if r.field[2] != "" {
			f.Upper = r.number(2)
		}
		if f.Upper < 0 {
			r.refuse("upper 为负", "upper is negative")
		}
		return f
	})
	p.Flows = list
	return newIDIndex(len(list), func(i int) string { return list[i].ID }, name, "flow", lines, err)
}

func (p *Problem) readFlowTerms(dir string, rows, flows *idIndex) (lines []int32, err error) {
	const name = "flow_terms.csv"
	if missing(dir, name) {
		return nil, nil
	}
	p.FlowTerms, lines, err = readRows(dir, name, []string{"constraint", "flow", "coefficient"}, func(r *record) FlowTerm {
		return FlowTerm{r.lookup(0, rows), r.lookup(1, flows), r.number(2)}
	})
	return lines, err
}

func missing(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

// CheckFolder refuses a folder that is not there: that its first file is missing
// would be true and of no help.
func CheckFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &InputError{dir, 0, "文件夹不存在", "there is no such folder"}
	case err != nil:
		return ioFault(dir, "读取失败", "cannot be read", err)
	case !info.IsDir():
		return &InputError{dir, 0, "不是文件夹", "is not a folder"}
	}
	return nil
}

// encodingFault refuses what spreadsheets write as "Unicode text".
func encodingFault(name string, data []byte) error {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return &InputError{name, 0, "是 UTF-16 编码，请另存为 UTF-8", "is UTF-16 text; save it as UTF-8"}
	}
	return nil
}

func fileFault(dir, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &InputError{name, 0, fmt.Sprintf("文件夹 %s 中缺少此文件", dir), fmt.Sprintf("the file is missing in folder %s", dir)}
	}
	return ioFault(filepath.Join(dir, name), "读取失败", "cannot be read", err)
}
