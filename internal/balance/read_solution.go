package balance

import (
	"errors"
	"fmt"
)

// ReadSolution reads what WriteSolution wrote for the problem. It is complete
// and of the problem's units, constraints and edges; whether its claims are true
// is for VerifyDir to say. The files of an infeasible problem are not read: there
// the solution has the certificate alone.
func ReadSolution(dir string, p *Problem) (*Solution, error) {
	v := &verifier{p: p, dir: dir, row: map[string]int{}, flow: map[string]int{}}
	for i := range p.Constraints {
		v.row[p.Constraints[i].ID] = i
	}
	for i := range p.Flows {
		v.flow[p.Flows[i].ID] = i
	}
	s := &Solution{}
	ok := v.readJSON("certificate.json", &s.Certificate)
	if ok && (s.Status == Optimal || s.Status == Feasible) {
		s.Selected, ok = v.readSelection()
		if ok {
			s.FlowValues, ok = v.readAmounts("flows.csv", "flow", "value", v.flow)
		}
	}
	if ok && s.Bound != nil && s.Status != Infeasible {
		v.readAhead()
		s.Multipliers, ok = v.readAmounts("multipliers.csv", "constraint", "multiplier", v.row)
		if ok {
			s.EdgeFlows, ok = v.readEdgeFlows()
		}
	}
	if !ok {
		return nil, fmt.Errorf("read the solution in %s: %w", dir, errors.New(v.report.Faults[0]))
	}
	return s, nil
}
