// Package marxan reads the folders of Marxan (Ball, Possingham and Watts 2009),
// the program for reserve selection, as balance problems: published cases can
// then be solved with a proof. Targets become constraints that must be met;
// Marxan itself only penalises missing them.
package marxan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gengheng/internal/balance"
)

// Options steers Read.
type Options struct {
	// BLM is the boundary length modifier; nil takes input.dat's, or 0.
	BLM *float64
}

// Read reads a Marxan folder. The notices say in Chinese and English what the
// folder holds and the problem does not. Anything malformed is refused with a
// *balance.InputError that names the file, the line and the reason.
func Read(dir string, opt Options) (*balance.Problem, []string, error) {
	if err := balance.CheckFolder(dir); err != nil {
		return nil, nil, err
	}
	set, err := readSettings(dir)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{dir: dir, set: set, units: map[string]int32{}, problem: &balance.Problem{Name: "Marxan " + filepath.Base(filepath.Clean(dir))}}
	if opt.BLM != nil {
		if !(*opt.BLM >= 0 && *opt.BLM <= 1e15) {
			return nil, nil, &balance.InputError{File: "--blm", Zh: "必须是不小于 0 的数", En: "must be a number of at least 0"}
		}
		r.set.blm, r.set.hasBLM = *opt.BLM, true
	}
	for _, step := range []func() error{r.readUnits, r.readAmounts, r.readFeatures, r.readBoundaries} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	r.settingsNotices()
	if err := r.problem.Validate(); err != nil {
		return nil, nil, err
	}
	return r.problem, r.notices, nil
}

type reader struct {
	dir     string
	set     *settings
	problem *balance.Problem
	units   map[string]int32
	amounts map[string][]amount // of features
	seenAt  map[string]place    // first mention of a feature among the amounts
	notices []string
}

type amount struct {
	unit  int32
	value float64
}

type place struct {
	sheet *sheet
	line  line
}

func (r *reader) notice(zh, en string) { r.notices = append(r.notices, zh+" · "+en) }

// open finds a table by the name that input.dat gives or by its usual names.
func (r *reader) open(setting string, usual ...string) (*sheet, error) {
	names := usual
	if name := r.set.files[setting]; name != "" {
		names = []string{name}
	}
	for _, folder := range r.set.folders(r.dir) {
		for _, name := range names {
			if path, found := findFile(folder, name); found {
				return readSheet(path)
			}
		}
	}
	return nil, &balance.InputError{File: names[0], Zh: fmt.Sprintf("文件夹 %s 中缺少此文件", r.dir), En: missingText + r.dir}
}

const missingText = "the file is missing in folder "

// tables are the usual names of what Marxan reads.
var tables = []string{"input.dat", "pu.dat", "spec.dat", "puvspr.dat", "bound.dat"}

// CheckOut refuses to write a problem among the files of Marxan: into the folder
// that is read, or into any that holds such files.
func CheckOut(dir, out string) error {
	same, err := balance.SameFolder(dir, out)
	if err != nil {
		return err
	}
	for _, name := range tables {
		if _, found := findFile(out, name); same || found {
			return &balance.InputError{File: out, Zh: "是 Marxan 文件夹，问题要写在自己的文件夹里；请另给一个", En: "is a folder of Marxan; the problem needs a folder of its own"}
		}
	}
	return nil
}

// findFile looks for a file by its name in any case.
func findFile(folder, name string) (string, bool) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", false
	}
	found := ""
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if e.Name() == name {
			return filepath.Join(folder, name), true
		}
		if found == "" && strings.EqualFold(e.Name(), name) {
			found = e.Name()
		}
	}
	return filepath.Join(folder, found), found != ""
}

func (r *reader) readUnits() error {
	s, err := r.open("PUNAME", "pu.dat", "pu.csv")
	if err != nil {
		return err
	}
	id, err := s.required("id")
	if err != nil {
		return err
	}
	cost, status := s.column("cost"), s.column("status")
	started := 0
	for _, at := range s.rows {
		u := balance.Unit{}
		if u.ID, err = s.id(at, id); err != nil {
			return err
		}
		if _, twice := r.units[u.ID]; twice {
			return s.refuse(at, "规划单元编号重复 "+u.ID, "duplicate planning unit "+u.ID)
		}
		if u.Cost, err = s.numberOr(at, cost, 1); err != nil {
			return err
		}
		v, err := s.numberOr(at, status, 0)
		if err != nil {
			return err
		}
		switch v {
		case 0:
		case 1: // in the initial reserve, free to leave it
			started++
		case 2:
			u.Fixed = balance.FixOne
		case 3:
			u.Fixed = balance.FixZero
		default:
			return s.refuse(at, fmt.Sprintf("status 只能为 0、1、2、3，实为 %q", at.fields[status]), fmt.Sprintf("status must be 0, 1, 2 or 3, is %q", at.fields[status]))
		}
		r.units[u.ID] = int32(len(r.problem.Units))
		r.problem.Units = append(r.problem.Units, u)
	}
	if cost < 0 {
		r.notice(s.name+" 没有 cost 列，每个单元按 1 计", s.name+" has no cost column; every unit costs 1")
	}
	if started > 0 {
		r.notice(fmt.Sprintf("%d 个单元 status 为 1：只是 Marxan 的初始解，不锁定", started), fmt.Sprintf("%d units have status 1, where Marxan starts from: they are not locked", started))
	}
	return nil
}

// readAmounts reads puvspr.dat in either of its forms: a line per amount, or a
// line per unit with a column per feature.
func (r *reader) readAmounts() error {
	s, err := r.open("PUVSPRNAME", "puvspr.dat", "puvspr2.dat", "puvspr.csv")
	if err != nil {
		return err
	}
	r.amounts, r.seenAt = map[string][]amount{}, map[string]place{}
	pu, err := s.required("pu")
	if err != nil {
		return err
	}
	species := s.column("species")
	if species < 0 {
		return r.readMatrix(s, pu)
	}
	value, err := s.required("amount")
	if err != nil {
		return err
	}
	type pair struct {
		unit    int32
		feature string
	}
	seen := map[pair]bool{}
	for _, at := range s.rows {
		unit, err := r.unitAt(s, at, pu)
		if err != nil {
			return err
		}
		feature, err := s.id(at, species)
		if err != nil {
			return err
		}
		v, err := s.number(at, value)
		if err != nil {
			return err
		}
		if seen[pair{unit, feature}] {
			return s.refuse(at, "同一单元与物种的数量重复", "a second amount of the same feature and unit")
		}
		seen[pair{unit, feature}] = true
		if err := r.addAmount(s, at, feature, unit, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readMatrix(s *sheet, pu int) error {
	features := make([]string, len(s.header))
	for i, h := range s.header {
		if i == pu {
			continue
		}
		id, ok := wholeNumber(h)
		if !ok {
			return &balance.InputError{File: s.name, Line: 1, Zh: fmt.Sprintf("既无 species 列，列名 %q 也不是物种编号", h), En: fmt.Sprintf("there is no column species, and column %q is no feature's id", h)}
		}
		features[i] = id
	}
	seen := map[int32]bool{}
	for _, at := range s.rows {
		unit, err := r.unitAt(s, at, pu)
		if err != nil {
			return err
		}
		if seen[unit] {
			return s.refuse(at, "规划单元重复", "the planning unit stands twice")
		}
		seen[unit] = true
		for i, feature := range features {
			if i == pu {
				continue
			}
			v, err := s.numberOr(at, i, 0)
			if err != nil {
				return err
			}
			if err := r.addAmount(s, at, feature, unit, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) addAmount(s *sheet, at line, feature string, unit int32, v float64) error {
	if v < 0 {
		return s.refuse(at, "amount 为负", "amount is negative")
	}
	if _, known := r.seenAt[feature]; !known {
		r.seenAt[feature] = place{s, at}
	}
	if v != 0 {
		r.amounts[feature] = append(r.amounts[feature], amount{unit, v})
	}
	return nil
}

func (r *reader) unitAt(s *sheet, at line, column int) (int32, error) {
	id, err := s.id(at, column)
	if err != nil {
		return 0, err
	}
	u, known := r.units[id]
	if !known {
		return 0, s.refuse(at, fmt.Sprintf("规划单元 %s 不在 pu.dat 中", id), fmt.Sprintf("planning unit %s is not in pu.dat", id))
	}
	return u, nil
}

// ignored are the columns of spec.dat that say something the problem has no
// place for, with the values that say nothing.
var ignored = []string{"target2", "sepdistance", "sepnum", "ptarget1d", "ptarget2d"}

func (r *reader) readFeatures() error {
	s, err := r.open("SPECNAME", "spec.dat", "feat.dat", "spec.csv")
	if err != nil {
		return err
	}
	id, err := s.required("id")
	if err != nil {
		return err
	}
	prop, target, occ := s.column("prop"), s.column("target", "amount"), s.column("targetocc")
	if prop < 0 && target < 0 && occ < 0 {
		return &balance.InputError{File: s.name, Line: 1, Zh: "缺少列 target 或 prop", En: "column target or prop is missing"}
	}
	known, dropped := map[string]bool{}, map[string]int{}
	for _, at := range s.rows {
		feature, err := s.id(at, id)
		if err != nil {
			return err
		}
		if known[feature] {
			return s.refuse(at, "物种编号重复 "+feature, "duplicate feature "+feature)
		}
		known[feature] = true
		if err := r.addTargets(s, at, feature, prop, target, occ); err != nil {
			return err
		}
		for _, name := range ignored {
			v, err := s.numberOr(at, s.column(name), 0)
			if err != nil {
				return err
			}
			if v > 0 {
				dropped[name]++
			}
		}
	}
	for _, name := range ignored {
		if n := dropped[name]; n > 0 {
			r.notice(fmt.Sprintf("%s 的 %s 未采用（%d 个物种）", s.name, name, n), fmt.Sprintf("%s of %d features in %s is left out", name, n, s.name))
		}
	}
	if s.column("spf", "fpf") >= 0 {
		r.notice("spf 未采用：目标是必须满足的约束，不是罚分", "spf is left out: targets are constraints, not penalties")
	}
	return r.checkFeatures(known)
}

func (r *reader) checkFeatures(known map[string]bool) error {
	var strangers []string
	for feature := range r.seenAt {
		if !known[feature] {
			strangers = append(strangers, feature)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	sort.Slice(strangers, func(i, j int) bool {
		return r.seenAt[strangers[i]].line.number < r.seenAt[strangers[j]].line.number || r.seenAt[strangers[i]].line.number == r.seenAt[strangers[j]].line.number && strangers[i] < strangers[j]
	})
	first := r.seenAt[strangers[0]]
	return first.sheet.refuse(first.line, fmt.Sprintf("物种 %s 不在 spec.dat 中", strangers[0]), fmt.Sprintf("feature %s is not in spec.dat", strangers[0]))
}

// addTargets writes a feature's targets as constraints. As in Marxan a prop above
// 0 counts before the target; it is a share of all there is, locked out or not.
func (r *reader) addTargets(s *sheet, at line, feature string, prop, target, occ int) error {
	share, err := s.numberOr(at, prop, 0)
	if err != nil {
		return err
	}
	wanted, err := s.numberOr(at, target, 0)
	if err != nil {
		return err
	}
	times, err := s.numberOr(at, occ, 0)
	if err != nil {
		return err
	}
	// −1 would take the value from a block definition file.
	if share < 0 || wanted < 0 || times < 0 {
		if share <= 0 && wanted <= 0 && times <= 0 {
			return s.refuse(at, "目标为负：取自 block 定义文件的目标不支持，请写在 spec.dat 中", "a negative target: targets from a block definition file are not supported; write them into spec.dat")
		}
	}
	if share > 1 {
		return s.refuse(at, "prop 大于 1", "prop is greater than 1")
	}
	list := r.amounts[feature]
	if share > 0 {
		wanted = 0
		for _, a := range list {
			wanted += a.value
		}
		wanted *= share
	}
	if wanted > 0 {
		r.addRow("target/"+feature, wanted, list, func(a amount) float64 { return a.value })
	}
	if times > 0 {
		r.addRow("targetocc/"+feature, times, list, func(amount) float64 { return 1 })
	}
	return nil
}

func (r *reader) addRow(name string, rhs float64, list []amount, coefficient func(amount) float64) {
	k := int32(len(r.problem.Constraints))
	r.problem.Constraints = append(r.problem.Constraints, balance.Constraint{ID: name, Sense: balance.AtLeast, RHS: rhs})
	for _, a := range list {
		r.problem.Terms = append(r.problem.Terms, balance.Term{Constraint: k, Unit: a.unit, Coefficient: coefficient(a)})
	}
}

// readBoundaries reads bound.dat. A line of a unit with itself is its border
// with the outside. Lines that stand twice add up, as they do in Marxan.
func (r *reader) readBoundaries() error {
	s, err := r.open("BOUNDNAME", "bound.dat", "bound.csv", "boundary.dat")
	if err != nil {
		var missing *balance.InputError
		if r.set.files["BOUNDNAME"] == "" && errors.As(err, &missing) && missing.Line == 0 && strings.HasPrefix(missing.En, missingText) {
			r.notice("没有 bound.dat，不计边界", "there is no bound.dat; borders cost nothing")
			return nil
		}
		return err
	}
	if !r.set.hasBLM {
		r.notice("没有给出 BLM（input.dat 或 --blm），按 0 计，不计边界", "no BLM is given (input.dat or --blm); 0 is taken, so borders cost nothing")
	}
	id1, err := s.required("id1")
	if err != nil {
		return err
	}
	id2, err := s.required("id2")
	if err != nil {
		return err
	}
	length, err := s.required("boundary", "amount")
	if err != nil {
		return err
	}
	type pair struct{ a, b int32 }
	seen, twice := map[pair]bool{}, 0
	for _, at := range s.rows {
		a, err := r.unitAt(s, at, id1)
		if err != nil {
			return err
		}
		b, err := r.unitAt(s, at, id2)
		if err != nil {
			return err
		}
		v, err := s.number(at, length)
		if err != nil {
			return err
		}
		if v < 0 {
			return s.refuse(at, "boundary 为负", "boundary is negative")
		}
		key := pair{min(a, b), max(a, b)}
		if r.set.asymmetric {
			key = pair{a, b}
		}
		if seen[key] {
			twice++
		}
		seen[key] = true
		r.addBoundary(a, b, v*r.set.blm)
	}
	if twice > 0 {
		r.notice(fmt.Sprintf("%s 有 %d 行重复的边界，同 Marxan 一样相加", s.name, twice), fmt.Sprintf("%d borders stand twice in %s and add up, as they do in Marxan", twice, s.name))
	}
	return nil
}

func (r *reader) addBoundary(a, b int32, cost float64) {
	p := r.problem
	switch {
	case cost == 0:
	case a == b && r.set.asymmetric: // as in Marxan: no cost
	case a == b:
		p.Edges = append(p.Edges, balance.Edge{A: a, B: balance.Outside, Weight: cost})
	case r.set.asymmetric:
		// Paid where a is in and b is not: half of the border, and the rest in
		// the units' own cost.
		p.Edges = append(p.Edges, balance.Edge{A: a, B: b, Weight: cost / 2})
		p.Units[a].Cost += cost / 2
		p.Units[b].Cost -= cost / 2
	default:
		p.Edges = append(p.Edges, balance.Edge{A: a, B: b, Weight: cost})
	}
}
