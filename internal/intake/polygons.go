package intake

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/geodata"
	"gengheng/internal/intake/fields"
	"gengheng/internal/intake/survey"
)

// loadPolygons loads 地类图斑, a polygon layer, or declared parcels.
func (l *load) loadPolygons(ctx context.Context, tx pgx.Tx) error {
	candidates := l.req.Kind == CandidateIn || l.req.Kind == CandidateOut
	if _, known := l.req.Layers[l.req.Kind]; !known && !candidates && l.req.Kind != DLTB {
		p := &Problem{Code: ProblemKind, TitleZH: "不认识的数据集种类", TitleEN: "Unknown kind of data set"}
		return p.detail("规则库中没有图层 %s。", "The rulebook has no layer %s.", l.req.Kind).
			hint("请核对种类代码，或在规则库中登记该图层。", "Check the kind, or add the layer to the rulebook.")
	}
	if candidates && isTable(l.req.Path, l.req.FileName) {
		return l.loadWorkbook(ctx, tx)
	}
	src, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer src.Close()
	layer, err := l.chooseLayer(src)
	if err != nil {
		return err
	}
	l.describe(layer)
	var columns []string
	for _, f := range layer.Schema().Fields {
		columns = append(columns, f.Name)
	}
	m, err := l.newMaker(columns)
	if err != nil {
		return err
	}
	staged, err := l.stage(ctx, tx, readProblems(layer.Features(ctx)), m, layer.Count)
	l.checkProjection(layer)
	for _, n := range layer.Notices() {
		l.result.Summary.note(n)
	}
	if err != nil {
		return err
	}
	return l.checkStaged(ctx, tx, staged)
}

// readProblems turns the error that ends a stream into a problem.
func readProblems(features iter.Seq2[geodata.Feature, error]) iter.Seq2[geodata.Feature, error] {
	return func(yield func(geodata.Feature, error) bool) {
		for f, err := range features {
			if err != nil {
				err = problemOf(err)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func (l *load) newMaker(columns []string) (maker, error) {
	switch l.req.Kind {
	case DLTB:
		binding := fields.DLTB.Bind(columns)
		if len(binding.Missing) > 0 {
			return nil, missingFields(binding.Missing, columns)
		}
		l.noteBinding(binding)
		m := &parcelMaker{binding: binding, columns: columns, context: survey.Context{County: l.req.County, Year: l.req.Year}}
		if l.county.townships.loaded() {
			m.context.Townships = l.county.townships.codes
		}
		return m, nil
	case CandidateIn, CandidateOut:
		binding, areas, problem := bindDeclaration(columns)
		if problem != nil {
			return nil, problem
		}
		l.noteBinding(binding)
		m := newCandidateMaker(l, columns, binding, areas)
		if problem := l.attachWorkbook(m); problem != nil {
			return nil, problem
		}
		return m, nil
	}
	m, problem := newLayerMaker(l.req, l.req.Layers[l.req.Kind], columns)
	if problem != nil {
		return nil, problem
	}
	return m, nil
}

// checkProjection is rule S15: a survey is kept in Gauss-Krüger on CGCS2000.
func (l *load) checkProjection(layer *geodata.Layer) {
	transformed := slices.ContainsFunc(layer.Notices(), func(n geodata.Notice) bool { return n.Code == geodata.NoticeTransformed })
	if l.req.Kind != DLTB || !transformed {
		return
	}
	l.report.addf(Issue{Severity: survey.Warning, Code: IssueProjection},
		"地类图斑的坐标系是 %s；成果应为 CGCS2000 3 度带高斯–克吕格投影。已转换，图斑面积可能因此有出入。",
		"the survey is in %s; it should be in Gauss-Krüger on CGCS2000. It was transformed, which may change areas.", layer.SourceCRS)
}

// mayBeEmpty tells whether a county can truly have none of a kind: a constraint,
// or a township's declarations; never its survey, townships or slope map.
func mayBeEmpty(kind Kind) bool { return kind != DLTB && kind != XZQ && kind != PDT }

// checkStaged runs the checks that need all rows, and closes the version.
func (l *load) checkStaged(ctx context.Context, tx pgx.Tx, s *staged) error {
	sum := &l.result.Summary
	defer func() { sum.ofStaged(l.req.Kind, s) }()
	switch {
	case s.read == 0 && l.req.Options.ConfirmEmpty && mayBeEmpty(l.req.Kind):
		l.report.addf(Issue{Severity: survey.Notice, Code: IssueEmpty},
			"上传者确认本县（或该乡镇）没有此类要素，作为空图层入库。",
			"the uploader confirms that there are none; stored as an empty layer")
		l.result.Version = s.version(l.req.Kind)
		return nil
	case s.read == 0:
		p := &Problem{Code: ProblemEmpty, TitleZH: "图层中没有要素", TitleEN: "The layer has no features"}
		if mayBeEmpty(l.req.Kind) {
			return p.hint("请核对是否导出了全部要素；确实没有的，以 confirm_empty 再次提交同一上传予以确认。",
				"Check that the features were exported; if there are truly none, load the same upload with confirm_empty.")
		}
		return p.hint("请核对是否导出了全部要素。", "Check that the features were exported.")
	case s.elsewhere == s.read:
		return l.allElsewhere(s)
	}
	l.checkUnmatched(s)
	l.checkScatter(s)
	if err := l.checkNumbers(ctx, tx, s); err != nil {
		return err
	}
	if err := l.checkValidity(ctx, tx, s); err != nil {
		return err
	}
	if l.report.fatal > 0 {
		l.checkRefused(ctx, tx, s)
		return nil
	}
	if err := l.checkLayer(ctx, tx, s); err != nil {
		return err
	}
	l.result.Version, l.result.Features, l.result.Area = s.version(l.req.Kind), s.len(), s.tally.area
	return nil
}

// checkRefused completes the report of a file that will be refused, so that one
// round of correction is enough. Broken geometry may make it impossible; the
// savepoint then gives the transaction back.
func (l *load) checkRefused(ctx context.Context, tx pgx.Tx, s *staged) {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return l.checkLayer(ctx, tx, s) })
	if err != nil {
		slog.InfoContext(ctx, "no topology of a refused file", "file", l.req.FileName, "err", err)
	}
}

func (l *load) checkLayer(ctx context.Context, tx pgx.Tx, s *staged) error {
	switch l.req.Kind {
	case DLTB:
		if err := l.checkTopology(ctx, tx, s); err != nil {
			return err
		}
		return l.checkBuiltUp(ctx, tx, s)
	case CZCDYD:
		return l.checkBuiltUp(ctx, tx, s)
	case XZQ, PDT:
		return l.checkTopology(ctx, tx, s)
	case CandidateIn, CandidateOut:
		if err := l.checkTwice(ctx, tx, s); err != nil {
			return err
		}
		return l.checkGround(ctx, tx, s)
	}
	return nil
}

func (l *load) allElsewhere(s *staged) *Problem {
	p := &Problem{Code: ProblemElsewhere, TitleZH: "整个图层不在本县", TitleEN: "The whole layer lies outside the county", Issues: l.report.bySeverity()}
	p.detail("%d 个要素没有一个在县 %s 及其周边。", "None of the %d features lies in county %s or near it.", s.read, l.req.County)
	return p.hint("请核对是否选错了县、坐标系或带号。", "Check whether county, CRS or zone were mistaken.")
}

// scatter is how far a feature may lie from the middle of all features when no
// townships are known: no county reaches farther.
const scatter = 300e3

// checkScatter finds the stray polygon of a layer that is loaded before the
// townships are, or is the townships.
func (l *load) checkScatter(s *staged) {
	if s.len() == 0 || l.county.townships.loaded() && l.req.Kind != XZQ {
		return
	}
	xs, ys := make([]float64, s.len()), make([]float64, s.len())
	for i := range xs {
		c := s.checker.Bound(i).Center()
		xs[i], ys[i] = c[0], c[1]
	}
	slices.Sort(xs)
	slices.Sort(ys)
	middle := orb.Point{xs[len(xs)/2], ys[len(ys)/2]}
	around := middle.Bound().Pad(scatter)
	for i := range s.len() {
		at := s.checker.Bound(i).Center()
		if s.checker.Bound(i).Intersects(around) {
			continue
		}
		issue := errorOf(IssueOutsideCounty)
		issue.Row, issue.BSM, issue.At = s.rows[i], s.keys[i], &at
		l.report.addf(issue, "第 %d 行（%s）：图形在（东 %.0f，北 %.0f），离其余图形 300 km 以上。请核对坐标，或剔除该行。",
			"row %d (%s): the geometry lies at E %.0f N %.0f, over 300 km from the others; check it or drop the row.", s.rows[i], s.labels[i], at[0], at[1])
	}
}

// checkTwice finds land that is declared twice in one declaration.
func (l *load) checkTwice(ctx context.Context, tx pgx.Tx, s *staged) error {
	var pairs [][2]int
	order := make([]int, s.len())
	for i := range order {
		order[i] = i
	}
	west := func(i int) float64 { return s.checker.Bound(i).Min[0] }
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(west(i), west(j)) })
	for k, i := range order {
		for _, j := range order[k+1:] {
			if west(j) > s.checker.Bound(i).Max[0] {
				break
			}
			if s.checker.Bound(i).Intersects(s.checker.Bound(j)) {
				pairs = append(pairs, [2]int{min(i, j), max(i, j)})
			}
		}
	}
	slices.SortFunc(pairs, func(p, q [2]int) int { return cmp.Or(cmp.Compare(p[1], q[1]), cmp.Compare(p[0], q[0])) })
	found, err := l.overlaps(ctx, tx, s, pairs)
	if err != nil {
		return err
	}
	for _, o := range found {
		at := o.at()
		l.report.addf(Issue{Severity: survey.Error, Code: IssueCandidateTwice, Row: s.rows[o.b], BSM: s.keys[o.b], At: &at},
			"地块 %[2]s（第 %[1]d 行）与 %[4]s（第 %[3]d 行）重叠 %[5]s m²：同一块地不能申报两次。请修改边界。",
			"parcel %[2]s (row %[1]d) and %[4]s (row %[3]d) overlap by %[5]s m²: land cannot be declared twice; correct the boundary.",
			s.rows[o.b], s.labels[o.b], s.rows[o.a], s.labels[o.a], o.area)
	}
	return nil
}
