package rulebook

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// ToleranceChange gives a check (容差的调整) another tolerance.
type ToleranceChange struct {
	Clause    string // OUT-01b
	Check     int    // from 1, in the clause's order
	Tolerance Tolerance
}

// tolerating are the tests that measure what they find and hold it against a
// tolerance; the others find or do not.
var tolerating = []Test{TestOverlap, TestWithin, TestSlope, TestBeltWidth, TestSurveyed}

// Tolerates tells whether the tolerance of a check decides anything.
func (k *Check) Tolerates() bool {
	return k.Severity != Score && slices.Contains(tolerating, k.Test)
}

// WithTolerances is the rulebook with other tolerances, as a document of its own:
// everything else, its comments included, stays as it is. A check that the document
// lacks, one that has no use for a tolerance, a tolerance out of bounds and a change
// that changes nothing are refused as [Problems].
func (r *Rulebook) WithTolerances(file string, changes []ToleranceChange) (*Rulebook, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(r.Document, &root); err != nil {
		return nil, fmt.Errorf("rulebook %s: %w", r.Hash, err)
	}
	d := &decoder{file: file}
	for _, ch := range changes {
		clause, ok := r.Clause(ch.Clause)
		if !ok || ch.Check < 1 || ch.Check > len(clause.Checks) {
			d.fail(0, "没有条款 %s 的第 %d 项检查", "clause %s has no check %d", ch.Clause, ch.Check)
			continue
		}
		k := &clause.Checks[ch.Check-1]
		switch {
		case !k.Tolerates():
			d.fail(k.Line, "条款 %s 的第 %d 项检查（%s）不用容差", "check %[2]d of %[1]s (%[3]s) has no use for a tolerance", ch.Clause, ch.Check, k.Test)
		case k.Tolerance == ch.Tolerance:
			d.fail(k.Line, "条款 %s 的第 %d 项检查的容差没有变", "the tolerance of check %[2]d of %[1]s is the same as before", ch.Clause, ch.Check)
		default:
			setTolerance(checkNode(&root, ch.Clause, ch.Check), ch.Tolerance)
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&root); err != nil {
		return nil, fmt.Errorf("write the rulebook: %w", err)
	}
	now, err := Parse(file, b.Bytes())
	if err != nil {
		return nil, err
	}
	return now, only(Compare(r, now), changes)
}

// only guards that a document whose parts refer to one another (YAML aliases) is not
// changed elsewhere as well.
func only(found Changes, asked []ToleranceChange) error {
	n := 0
	for _, c := range found.Clauses {
		for _, k := range c.Checks {
			n++
			if !k.Only(AspectTolerance) || !slices.ContainsFunc(asked, func(a ToleranceChange) bool { return a.Clause == c.ID && a.Check == k.Number }) {
				return fmt.Errorf("a change of tolerances would change check %d of clause %s as well", k.Number, c.ID)
			}
		}
		if len(c.What) > 0 {
			return fmt.Errorf("a change of tolerances would change clause %s as well", c.ID)
		}
	}
	if n != len(asked) || len(found.Settings) > 0 {
		return fmt.Errorf("of %d tolerances %d would change, and of the settings %v", len(asked), n, found.Settings)
	}
	return nil
}

// checkNode finds a check of a document that has been parsed before.
func checkNode(root *yaml.Node, clause string, number int) *yaml.Node {
	for _, c := range valueOf(root.Content[0], "clauses").Content {
		if valueOf(c, "id").Value == clause {
			return valueOf(c, "checks").Content[number-1]
		}
	}
	return nil
}

// valueOf is the value of a mapping's key; nil where it has none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind == yaml.AliasNode {
		mapping = mapping.Alias
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// setTolerance writes all three numbers: what is left out would be the default of
// the severity.
func setTolerance(check *yaml.Node, t Tolerance) {
	value := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, v := range []struct {
		key    string
		number float64
	}{{"abs_m2", t.AbsM2}, {"ratio", t.Ratio}, {"min_patch_m2", t.MinPatchM2}} {
		value.Content = append(value.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: v.key},
			&yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(v.number, 'f', -1, 64)})
	}
	if check.Kind == yaml.AliasNode {
		check = check.Alias
	}
	for i := 0; i+1 < len(check.Content); i += 2 {
		if check.Content[i].Value == "tolerance" {
			check.Content[i+1] = value
			return
		}
	}
	check.Content = append(check.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "tolerance"}, value)
}
