package intake

import "gengheng/internal/intake/fields"

// ReadRidgeTable reads a table as loadRidges does, for the fuzz target.
func ReadRidgeTable(path string) error {
	l := &load{}
	t, problem := readTable(path, "t.csv", fields.Ridge)
	if problem != nil {
		return problem
	}
	binding := fields.Ridge.Bind(t.columns)
	if len(binding.Missing) > 0 {
		return missingFields(binding.Missing, t.columns)
	}
	l.checkRidges(l.readRidges(t, &binding))
	return nil
}
