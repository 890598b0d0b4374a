package balance

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ReadPatchAreas reads the areas of a problem's units: a table unit,area or
// unit,area,rule with every unit once; rule says by 1 or 0 whether the patch
// rule asks anything of the unit (1 where there is no such column).
func ReadPatchAreas(file string, p *Problem) (PatchRule, error) {
	name := filepath.Base(file)
	data, err := os.ReadFile(file)
	if err != nil {
		return PatchRule{}, fileFault(filepath.Dir(file), name, err)
	}
	return parsePatchAreas(name, data, p)
}

func parsePatchAreas(name string, data []byte, p *Problem) (PatchRule, error) {
	header := []string{"unit", "area", "rule"}
	if first, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).Read(); err == nil && len(first) == 2 {
		header = header[:2]
	}
	units, err := newIDIndex(len(p.Units), func(i int) string { return p.Units[i].ID }, "units.csv", "unit", nil, nil)
	if err != nil {
		return PatchRule{}, err
	}
	rule := PatchRule{Area: make([]float64, len(p.Units)), Applies: make([]bool, len(p.Units))}
	seen := make([]bool, len(p.Units))
	err = parseTable(bytes.NewReader(data), name, header, func(r *record) {
		u, area := r.lookup(0, units), r.number(1)
		if area < 0 {
			r.refuse("area 为负", "area is negative")
		}
		applies := len(header) == 2 || r.field[2] == "1"
		if len(header) == 3 && r.field[2] != "0" && r.field[2] != "1" {
			r.refuse(fmt.Sprintf("rule 只能为 0 或 1，实为 %q", r.field[2]), fmt.Sprintf("rule must be 0 or 1, is %q", r.field[2]))
		}
		if r.fault != nil {
			return
		}
		if seen[u] {
			r.refuse(fmt.Sprintf("单元 %q 重复", r.field[0]), fmt.Sprintf("unit %q stands twice", r.field[0]))
		}
		seen[u], rule.Area[u], rule.Applies[u] = true, area, applies
	})
	if err != nil {
		return PatchRule{}, err
	}
	if u := slices.Index(seen, false); u >= 0 {
		return PatchRule{}, &InputError{name, 0, fmt.Sprintf("缺少单元 %q", p.Units[u].ID), fmt.Sprintf("unit %q is missing", p.Units[u].ID)}
	}
	return rule, nil
}

// SolvePatchesDir is SolveDir under a patch rule; it writes patch.json too.
func SolvePatchesDir(ctx context.Context, problemDir, outDir, areaFile string, minArea float64, opt Options) (Certificate, *PatchReport, error) {
	opt = opt.withDefaults()
	started := time.Now()
	if err := refuseProblemFolder(problemDir, outDir); err != nil {
		return Certificate{}, nil, err
	}
	p, err := ReadProblem(problemDir)
	if err != nil {
		return Certificate{}, nil, err
	}
	rule, err := ReadPatchAreas(areaFile, p)
	if err != nil {
		return Certificate{}, nil, err
	}
	if rule.MinArea = minArea; math.IsNaN(minArea) {
		rule.MinArea = -1 // refused
	}
	if err := CheckWritable(outDir); err != nil {
		return Certificate{}, nil, err
	}
	writing := time.Duration(len(p.Units)+len(p.Edges)) * 400 * time.Nanosecond
	opt.TimeLimit = max(opt.TimeLimit-time.Since(started)-min(writing, opt.TimeLimit/4), time.Millisecond)
	s, report, err := SolvePatches(ctx, p, rule, opt)
	if err != nil {
		return Certificate{}, nil, err
	}
	if err := WriteSolution(outDir, p, s); err != nil {
		return Certificate{}, nil, err
	}
	return s.Certificate, report, writeJSON(outDir, "patch.json", report)
}
