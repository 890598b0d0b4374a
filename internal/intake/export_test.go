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

// ReadDeclarationTable reads a 申报表 as loadWorkbook does, for the fuzz target,
// and gives the number of rows that declare something.
func ReadDeclarationTable(path string) (int, error) {
	t, problem := readDeclarations(path, "t.xlsx")
	if problem != nil {
		return 0, problem
	}
	places := t.places()
	for _, d := range t.list {
		for i := range d.issues {
			places.prefix(&d.issues[i], d.row, d.text[0])
		}
	}
	return len(t.list), nil
}

// ReadDeclarationAreas counts the rows of a 申报表 with an area, and says what is
// wrong with them.
func ReadDeclarationAreas(path string) (n int, says string) {
	t, problem := readDeclarations(path, "t.xlsx")
	if problem != nil {
		return 0, problem.Error()
	}
	for _, d := range t.list {
		if d.area.Valid {
			n++
		}
		for _, issue := range d.issues {
			says += issue.ZH
		}
	}
	return n, says
}
