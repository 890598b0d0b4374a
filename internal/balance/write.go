package balance

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// WriteProblem writes the files of a problem into dir, which is made if need be.
// What ReadProblem then gives is the same problem, number for number.
func WriteProblem(dir string, p *Problem) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ioFault(dir, "无法建立文件夹", "the folder cannot be made", err)
	}
	head := struct {
		Format   string  `json:"format"`
		Name     string  `json:"name"`
		Constant float64 `json:"constant"`
	}{Format, p.Name, p.Constant}
	if err := writeJSON(dir, "problem.json", head); err != nil {
		return err
	}
	unit := func(i int32) string {
		if i == Outside {
			return ""
		}
		return p.Units[i].ID
	}
	tables := []table{
		{"units.csv", "unit,cost,fixed", len(p.Units), func(i int, w *rowWriter) {
			u := &p.Units[i]
			w.row(u.ID, decimal(u.Cost), [...]string{"", "0", "1"}[u.Fixed])
		}},
		{"edges.csv", "a,b,weight", len(p.Edges), func(i int, w *rowWriter) {
			e := &p.Edges[i]
			w.row(unit(e.A), unit(e.B), decimal(e.Weight))
		}},
		{"constraints.csv", "constraint,sense,rhs", len(p.Constraints), func(i int, w *rowWriter) {
			c := &p.Constraints[i]
			w.row(c.ID, c.Sense.String(), decimal(c.RHS))
		}},
		{"terms.csv", "constraint,unit,coefficient", len(p.Terms), func(i int, w *rowWriter) {
			t := &p.Terms[i]
			w.row(p.Constraints[t.Constraint].ID, unit(t.Unit), decimal(t.Coefficient))
		}},
		{"flows.csv", "flow,cost,upper", len(p.Flows), func(i int, w *rowWriter) {
			f := &p.Flows[i]
			upper := ""
			if !math.IsInf(f.Upper, 1) {
				upper = decimal(f.Upper)
			}
			w.row(f.ID, decimal(f.Cost), upper)
		}},
		{"flow_terms.csv", "constraint,flow,coefficient", len(p.FlowTerms), func(i int, w *rowWriter) {
			t := &p.FlowTerms[i]
			w.row(p.Constraints[t.Constraint].ID, p.Flows[t.Flow].ID, decimal(t.Coefficient))
		}},
	}
	for _, t := range tables {
		if err := t.write(dir); err != nil {
			return err
		}
	}
	return nil
}

// WriteSolution writes the files of a solution into dir, which is made if need
// be. Files of an earlier solution that this one does not have are removed, so
// that no plan is left beside a certificate that is not its own.
func WriteSolution(dir string, p *Problem, s *Solution) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ioFault(dir, "无法建立文件夹", "the folder cannot be made", err)
	}
	for _, name := range []string{"solution.csv", "flows.csv", "multipliers.csv", "edge_flows.csv", "certificate.json", "infeasibility.json", "patch.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			return ioFault(filepath.Join(dir, name), "无法删除先前的结果", "what an earlier run left cannot be removed", err)
		}
	}
	var tables []table
	if s.Selected != nil {
		tables = append(tables,
			table{"solution.csv", "unit,selected", len(p.Units), func(i int, w *rowWriter) {
				w.row(p.Units[i].ID, bit(s.Selected[i]))
			}},
			table{"flows.csv", "flow,value", len(p.Flows), func(i int, w *rowWriter) {
				w.row(p.Flows[i].ID, decimal(s.FlowValues[i]))
			}})
	}
	if s.Multipliers != nil {
		tables = append(tables,
			table{"multipliers.csv", "constraint,multiplier", len(p.Constraints), func(i int, w *rowWriter) {
				w.row(p.Constraints[i].ID, decimal(s.Multipliers[i]))
			}},
			table{"edge_flows.csv", "a,b,flow", len(p.Edges), func(i int, w *rowWriter) {
				e, b := &p.Edges[i], ""
				if e.B != Outside {
					b = p.Units[e.B].ID
				}
				w.row(p.Units[e.A].ID, b, decimal(s.EdgeFlows[i]))
			}})
	}
	for _, t := range tables {
		if err := t.write(dir); err != nil {
			return err
		}
	}
	if s.Infeasibility != nil {
		if err := writeJSON(dir, "infeasibility.json", s.Infeasibility); err != nil {
			return err
		}
	}
	// Last, so that a folder with a certificate is a whole one.
	return writeJSON(dir, "certificate.json", s.Certificate)
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// decimal is the shortest decimal, without exponent, that reads back as the same
// double; -0 is 0.
func decimal(v float64) string {
	if v == 0 {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

type table struct {
	name, header string
	rows         int
	line         func(i int, w *rowWriter)
}

// rowWriter writes RFC 4180 lines; the first error stands.
type rowWriter struct {
	csv   *csv.Writer
	cells []string
	err   error
}

func (w *rowWriter) row(cells ...string) {
	w.cells = append(w.cells[:0], cells...)
	if err := w.csv.Write(w.cells); err != nil && w.err == nil {
		w.err = err
	}
}

func (t *table) write(dir string) error {
	return writeFile(dir, t.name, func(out io.Writer) error {
		if _, err := io.WriteString(out, t.header+"\n"); err != nil {
			return err
		}
		w := &rowWriter{csv: csv.NewWriter(out)}
		for i := range t.rows {
			t.line(i, w)
		}
		w.csv.Flush()
		if w.err != nil {
			return w.err
		}
		return w.csv.Error()
	})
}

func writeJSON(dir, name string, v any) error {
	return writeFile(dir, name, func(out io.Writer) error {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

func writeFile(dir, name string, fill func(io.Writer) error) (err error) {
	path := filepath.Join(dir, name)
	fault := func(err error) error { return ioFault(path, "不能写入", "cannot be written", err) }
	f, err := os.Create(path)
	if err != nil {
		return fault(err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fault(cerr)
		}
	}()
	out := bufio.NewWriterSize(f, 1<<16)
	if err := fill(out); err != nil {
		return fault(err)
	}
	if err := out.Flush(); err != nil {
		return fault(err)
	}
	return nil
}
