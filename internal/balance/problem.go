// Package balance solves and certifies the balance problem (进出平衡问题): a cut
// with linear side constraints. It decides which units are farmland after the
// plan so that every constraint holds, at the least cost and border length, and
// it proves how near the plan is to the best one.
//
// The problem, the files and the certificate are those of docs/balance.md
// (format "gengheng-balance/1"). The package knows no database, no geometry and
// no farmland: units, edges, rows and flows are all it sees.
package balance

import (
	"fmt"
	"math"
)

// Format is the value of "format" in problem.json.
const Format = "gengheng-balance/1"

// Outside is the B end of an edge that borders on the outside (区外), where s = 0.
const Outside int32 = -1

// maxMagnitude is the largest number that a problem may hold. Doubles carry
// 1e-6 up to here; beyond it the contract's absolute tolerance means nothing.
const maxMagnitude = 1e15

// Fix says whether a unit's value is given (锁定).
type Fix int8

// The values of Fix. The zero value leaves the unit to the engine.
const (
	Free    Fix = iota // to be decided
	FixZero            // s = 0: not farmland after the plan
	FixOne             // s = 1: farmland after the plan
)

// Sense is the relation of a constraint.
type Sense int8

// The senses of a constraint.
const (
	AtLeast Sense = iota // >=
	AtMost               // <=
	Equal                // =
)

// String gives the sense as it is written in constraints.csv.
func (s Sense) String() string {
	switch s {
	case AtLeast:
		return ">="
	case AtMost:
		return "<="
	default:
		return "="
	}
}

// Unit is a land unit (单元): one parcel or several that are decided together.
// Cost is paid where s = 1.
type Unit struct {
	ID    string
	Cost  float64
	Fixed Fix
}

// Edge is a shared border of units A and B (indices into Problem.Units; B may be
// Outside). Weight ≥ 0 is paid where exactly one side is farmland.
type Edge struct {
	A, B   int32
	Weight float64
}

// Constraint is a side constraint (约束), such as a township's area balance.
type Constraint struct {
	ID    string
	Sense Sense
	RHS   float64
}

// Term is one entry of A: what unit Unit adds to constraint Constraint.
type Term struct {
	Constraint, Unit int32
	Coefficient      float64
}

// Flow is a continuous variable z (调剂量、缺口等) with 0 ≤ z ≤ Upper;
// Upper = +Inf means no limit.
type Flow struct {
	ID    string
	Cost  float64
	Upper float64
}

// FlowTerm is one entry of B: what one unit of flow Flow adds to a constraint.
type FlowTerm struct {
	Constraint, Flow int32
	Coefficient      float64
}

// Problem is a balance problem in memory:
//
//	minimise   Constant + Σ cost·s + Σ weight·|s_a − s_b| + Σ cost·z
//	subject to Σ A·s + Σ B·z {≥, ≤, =} rhs,  s ∈ {0,1},  0 ≤ z ≤ upper.
type Problem struct {
	Name        string
	Constant    float64
	Units       []Unit
	Edges       []Edge
	Constraints []Constraint
	Terms       []Term
	Flows       []Flow
	FlowTerms   []FlowTerm
}

// InputError says what is wrong with a problem or a solution, and where: the
// file, its line (1 is the header; 0 where no line applies) and the reason.
type InputError struct {
	File   string
	Line   int
	Zh, En string
}

// Error gives the reason in Chinese and English.
func (e *InputError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s 第 %d 行：%s · %s line %d: %s", e.File, e.Line, e.Zh, e.File, e.Line, e.En)
	}
	return fmt.Sprintf("%s：%s · %s: %s", e.File, e.Zh, e.File, e.En)
}

// Validate checks a problem that was built in memory as strictly as ReadProblem
// checks files. The InputError's line is the one that WriteProblem would give.
func (p *Problem) Validate() error {
	if reason := badNumber(p.Constant); reason != nil {
		return reason.at("problem.json", 0, "constant")
	}
	if err := p.validateUnits(); err != nil {
		return err
	}
	if err := p.validateRows(); err != nil {
		return err
	}
	if err := p.validateFlows(); err != nil {
		return err
	}
	return p.checkDuplicateTerms(nil, nil)
}

// numberFault is a reason to refuse a number.
type numberFault struct{ zh, en string }

func (f *numberFault) at(file string, line int, column string) error {
	return &InputError{file, line, column + " " + f.zh, column + " " + f.en}
}

func badNumber(v float64) *numberFault {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return &numberFault{"不是有限数", "is not a finite number"}
	case math.Abs(v) > maxMagnitude:
		return &numberFault{"的绝对值超过 1e15，请换用更大的计量单位", "is beyond 1e15 in size; use a larger unit of measure"}
	}
	return nil
}

func (p *Problem) validateUnits() error {
	if err := checkIDs(len(p.Units), func(i int) string { return p.Units[i].ID }, "units.csv", "unit"); err != nil {
		return err
	}
	for i := range p.Units {
		u := &p.Units[i]
		if reason := badNumber(u.Cost); reason != nil {
			return reason.at("units.csv", i+2, "cost")
		}
		if u.Fixed < Free || u.Fixed > FixOne {
			return &InputError{"units.csv", i + 2, "fixed 只能为空、0 或 1", "fixed must be empty, 0 or 1"}
		}
	}
	n := int32(len(p.Units))
	for i := range p.Edges {
		e := &p.Edges[i]
		if e.A < 0 || e.A >= n || e.B < Outside || e.B >= n {
			return &InputError{"edges.csv", i + 2, "单元不存在", "unknown unit"}
		}
		if reason := badNumber(e.Weight); reason != nil {
			return reason.at("edges.csv", i+2, "weight")
		}
		if e.Weight < 0 {
			return &InputError{"edges.csv", i + 2, "weight 为负", "weight is negative"}
		}
	}
	return nil
}

func (p *Problem) validateRows() error {
	if err := checkIDs(len(p.Constraints), func(i int) string { return p.Constraints[i].ID }, "constraints.csv", "constraint"); err != nil {
		return err
	}
	for i := range p.Constraints {
		c := &p.Constraints[i]
		if c.Sense < AtLeast || c.Sense > Equal {
			return &InputError{"constraints.csv", i + 2, "sense 只能为 >=、<= 或 =", "sense must be >=, <= or ="}
		}
		if reason := badNumber(c.RHS); reason != nil {
			return reason.at("constraints.csv", i+2, "rhs")
		}
	}
	for i := range p.Terms {
		t := &p.Terms[i]
		if t.Constraint < 0 || int(t.Constraint) >= len(p.Constraints) {
			return &InputError{"terms.csv", i + 2, "约束不存在", "unknown constraint"}
		}
		if t.Unit < 0 || int(t.Unit) >= len(p.Units) {
			return &InputError{"terms.csv", i + 2, "单元不存在", "unknown unit"}
		}
		if reason := badNumber(t.Coefficient); reason != nil {
			return reason.at("terms.csv", i+2, "coefficient")
		}
	}
	return nil
}

func (p *Problem) validateFlows() error {
	if err := checkIDs(len(p.Flows), func(i int) string { return p.Flows[i].ID }, "flows.csv", "flow"); err != nil {
		return err
	}
	for i := range p.Flows {
		f := &p.Flows[i]
		if reason := badNumber(f.Cost); reason != nil {
			return reason.at("flows.csv", i+2, "cost")
		}
		if f.Upper < 0 {
			return &InputError{"flows.csv", i + 2, "upper 为负", "upper is negative"}
		}
		if math.IsInf(f.Upper, 1) {
			continue
		}
		if reason := badNumber(f.Upper); reason != nil {
			return reason.at("flows.csv", i+2, "upper")
		}
	}
	for i := range p.FlowTerms {
		t := &p.FlowTerms[i]
		if t.Constraint < 0 || int(t.Constraint) >= len(p.Constraints) {
			return &InputError{"flow_terms.csv", i + 2, "约束不存在", "unknown constraint"}
		}
		if t.Flow < 0 || int(t.Flow) >= len(p.Flows) {
			return &InputError{"flow_terms.csv", i + 2, "流量不存在", "unknown flow"}
		}
		if reason := badNumber(t.Coefficient); reason != nil {
			return reason.at("flow_terms.csv", i+2, "coefficient")
		}
	}
	return nil
}

// checkIDs gives the first entry without an id of its own, and the fault.
func checkIDs(n int, id func(i int) string, file, column string) error {
	for i := range n {
		if zh, en := badID(id(i)); zh != "" {
			if j := firstTwice(i, id); j >= 0 {
				return duplicateID(id(j), file, j+2, column)
			}
			return &InputError{file, i + 2, column + " " + zh, column + " " + en}
		}
	}
	if i := firstTwice(n, id); i >= 0 {
		return duplicateID(id(i), file, i+2, column)
	}
	return nil
}

// badID is a reason to refuse an id: an empty one is no name, and one with control
// characters (Unicode's Cc: NUL, line ends, …) cannot be told from another by eye.
func badID(id string) (zh, en string) {
	if id == "" {
		return "编号为空", "id is empty"
	}
	for i := range len(id) {
		c := id[i]
		if c < 0x20 || c == 0x7f || c == 0xc2 && i+1 < len(id) && id[i+1] >= 0x80 && id[i+1] < 0xa0 {
			return fmt.Sprintf("编号 %q 含控制字符", id), fmt.Sprintf("id %q has a control character", id)
		}
	}
	return "", ""
}

func duplicateID(id, file string, line int, column string) error {
	return &InputError{file, line, fmt.Sprintf("%s 编号重复 %q", column, id), fmt.Sprintf("duplicate %s id %q", column, id)}
}

// firstTwice gives the first of n ids that stood before, or -1. Where they
// ascend there is none, and no map is needed to see it.
func firstTwice(n int, id func(i int) string) int {
	ascending := true
	for i := 1; i < n && ascending; i++ {
		ascending = id(i-1) < id(i)
	}
	if ascending {
		return -1
	}
	seen := make(map[string]struct{}, n)
	for i := range n {
		if seen[id(i)] = struct{}{}; len(seen) <= i {
			return i
		}
	}
	return -1
}

// checkDuplicateTerms refuses two entries of A, or of B, at the same place: it
// could mean their sum or a slip, and a plan must not rest on a guess. The
// slices give the lines of the entries; nil means that entry i stands on i+2.
func (p *Problem) checkDuplicateTerms(termLines, flowTermLines []int32) error {
	line := func(lines []int32, i int32) int {
		if lines == nil {
			return int(i) + 2
		}
		return int(lines[i])
	}
	if i := firstDuplicate(len(p.Terms), len(p.Units), len(p.Constraints), func(i int) (int32, int32) {
		return p.Terms[i].Unit, p.Terms[i].Constraint
	}); i >= 0 {
		t := p.Terms[i]
		k, u := p.Constraints[t.Constraint].ID, p.Units[t.Unit].ID
		return &InputError{"terms.csv", line(termLines, i), fmt.Sprintf("约束 %q 与单元 %q 的系数重复", k, u),
			fmt.Sprintf("second coefficient of constraint %q and unit %q", k, u)}
	}
	if i := firstDuplicate(len(p.FlowTerms), len(p.Flows), len(p.Constraints), func(i int) (int32, int32) {
		return p.FlowTerms[i].Flow, p.FlowTerms[i].Constraint
	}); i >= 0 {
		t := p.FlowTerms[i]
		k, f := p.Constraints[t.Constraint].ID, p.Flows[t.Flow].ID
		return &InputError{"flow_terms.csv", line(flowTermLines, i), fmt.Sprintf("约束 %q 与流量 %q 的系数重复", k, f),
			fmt.Sprintf("second coefficient of constraint %q and flow %q", k, f)}
	}
	return nil
}

// firstDuplicate gives the first entry whose (column, row) stood before, or -1.
func firstDuplicate(entries, columns, rows int, at func(int) (column, row int32)) int32 {
	if inOrder(entries, at) {
		return -1
	}
	start := make([]int32, columns+1)
	for i := range entries {
		c, _ := at(i)
		start[c+1]++
	}
	for c := range columns {
		start[c+1] += start[c]
	}
	order := make([]int32, entries)
	fill := append([]int32(nil), start[:columns]...)
	for i := range entries {
		c, _ := at(i)
		order[fill[c]] = int32(i)
		fill[c]++
	}
	lastSeen := make([]int32, rows)
	first := int32(-1)
	for c := range columns {
		for _, i := range order[start[c]:start[c+1]] {
			_, r := at(int(i))
			if lastSeen[r] == int32(c)+1 && (first < 0 || i < first) {
				first = i
			}
			lastSeen[r] = int32(c) + 1
		}
	}
	return first
}

// inOrder says whether the entries ascend by column and row, or by row and
// column; then none stands twice.
func inOrder(entries int, at func(int) (column, row int32)) bool {
	byColumn, byRow := true, true
	for i := 1; i < entries && (byColumn || byRow); i++ {
		c0, r0 := at(i - 1)
		c, r := at(i)
		byColumn = byColumn && (c0 < c || c0 == c && r0 < r)
		byRow = byRow && (r0 < r || r0 == r && c0 < c)
	}
	return byColumn || byRow
}
