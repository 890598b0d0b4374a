package balance

import (
	"fmt"
	"math"
)

// This file reads a solution for the independent verifier; like verify.go it
// uses nothing of the engine but the file reader.

// unitAt finds a unit by its id, which most likely is the expected one.
func (v *verifier) unitAt(id string, expected int) (int, bool) {
	if expected < len(v.p.Units) && v.p.Units[expected].ID == id {
		return expected, true
	}
	if v.unit == nil {
		v.unit = make(map[string]int, len(v.p.Units))
		for i := range v.p.Units {
			v.unit[v.p.Units[i].ID] = i
		}
	}
	i, known := v.unit[id]
	return i, known
}

func (v *verifier) readSelection() ([]bool, bool) {
	selected := make([]bool, len(v.p.Units))
	seen := make([]bool, len(v.p.Units))
	next := 0
	err := readTable(v.dir, "solution.csv", []string{"unit", "selected"}, func(r *record) {
		i, known := v.unitAt(r.field[0], next)
		next = i + 1
		switch {
		case !known:
			r.refuse("单元不存在", "unknown unit")
		case seen[i]:
			r.refuse("单元重复", "unit stands twice")
		case r.field[1] != "0" && r.field[1] != "1":
			r.refuse("selected 只能为 0 或 1", "selected must be 0 or 1")
		default:
			seen[i], selected[i] = true, r.field[1] == "1"
		}
	})
	return selected, v.complete("solution.csv", err, seen)
}

func (v *verifier) complete(name string, err error, seen []bool) bool {
	if err != nil {
		v.fault("%v", err)
		return false
	}
	for i := range seen {
		if !seen[i] {
			v.fault("%s 不完整，缺第 %d 项 · incomplete: entry %d is missing", name, i+1, i+1)
			return false
		}
	}
	return true
}

func (v *verifier) readAmounts(name, key, value string, index map[string]int) ([]float64, bool) {
	amounts := make([]float64, len(index))
	seen := make([]bool, len(index))
	err := readTable(v.dir, name, []string{key, value}, func(r *record) {
		i, known := index[r.field[0]]
		switch {
		case !known:
			r.refuse("编号不存在", "unknown id")
		case seen[i]:
			r.refuse("编号重复", "id stands twice")
		default:
			seen[i], amounts[i] = true, r.finite(1)
		}
	})
	return amounts, v.complete(name, err, seen)
}

// readAhead reads the edge flows, the largest file, while the plan is checked.
func (v *verifier) readAhead() {
	v.ahead = make(chan edgeFlowFile, 1)
	go func() {
		flows, err := v.parseEdgeFlows()
		v.ahead <- edgeFlowFile{flows, err}
	}()
}

type edgeFlowFile struct {
	flows []float64
	err   error
}

func (v *verifier) parseEdgeFlows() ([]float64, error) {
	flows := make([]float64, 0, len(v.p.Edges))
	err := readTable(v.dir, "edge_flows.csv", []string{"a", "b", "flow"}, func(r *record) {
		i := len(flows)
		if i >= len(v.p.Edges) {
			r.refuse("多于 edges.csv 的行数", "more lines than edges.csv has")
			return
		}
		e, b := &v.p.Edges[i], ""
		if e.B >= 0 {
			b = v.p.Units[e.B].ID
		}
		if r.field[0] != v.p.Units[e.A].ID || r.field[1] != b {
			r.refuse("与 edges.csv 的顺序不一致", "not the edge that edges.csv has here")
			return
		}
		f := r.number(2)
		if !(math.Abs(f) <= e.Weight) {
			r.refuse(fmt.Sprintf("|flow| 超过 weight %g", e.Weight), fmt.Sprintf("|flow| is beyond the weight %g", e.Weight))
		}
		flows = append(flows, f)
	})
	return flows, err
}

func (v *verifier) readEdgeFlows() ([]float64, bool) {
	file := <-v.ahead
	flows, err := file.flows, file.err
	if err != nil {
		v.fault("%v", err)
		return nil, false
	}
	if len(flows) != len(v.p.Edges) {
		v.fault("edge_flows.csv 有 %d 行，edges.csv 有 %d 行 · edge_flows.csv is incomplete", len(flows), len(v.p.Edges))
		return nil, false
	}
	return flows, true
}
