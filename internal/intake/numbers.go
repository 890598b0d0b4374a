package intake

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// sqlNumberElsewhere: which declared numbers are in force of another township.
const sqlNumberElsewhere = `
SELECT c.fid, c.number, c.township_code, min(o.township_code)
FROM candidate c
JOIN dataset d ON d.county_code = c.county_code AND d.kind = $3 AND d.year = $4 AND d.scope <> $5 AND d.status = 'committed'
 AND NOT EXISTS (SELECT FROM dataset n WHERE n.county_code = d.county_code AND n.kind = d.kind AND n.year = d.year
                 AND n.scope = d.scope AND n.status = 'committed' AND n.commit_seq > d.commit_seq)
JOIN candidate o ON o.county_code = d.county_code AND o.dataset_id = d.dataset_id
 AND o.direction = c.direction AND o.number = c.number AND o.township_code <> c.township_code
WHERE c.county_code = $1 AND c.dataset_id = $2
GROUP BY c.fid, c.number, c.township_code ORDER BY c.fid`

// checkNumbers refuses a number that another township has declared in the year and
// direction: records, verdicts and the books name a parcel by year, direction and
// number, so two of one name could be taken for each other, and the screening of
// the whole county would wait until one is renumbered. The other direction may
// use the same number.
func (l *load) checkNumbers(ctx context.Context, tx pgx.Tx, s *staged) error {
	if l.req.Kind != CandidateIn && l.req.Kind != CandidateOut {
		return nil
	}
	rows, err := tx.Query(ctx, sqlNumberElsewhere, l.req.County, l.req.DatasetID, string(l.req.Kind), l.req.Year, l.req.Scope)
	if err != nil {
		return fmt.Errorf("look for the numbers of other townships: %w", err)
	}
	var fid int
	var number, own, other string
	_, err = pgx.ForEachRow(rows, []any{&fid, &number, &own, &other}, func() error {
		i := fid - 1
		issue := errorOf(IssueNumberTwice)
		issue.Row, issue.BSM, issue.Field = s.rows[i], s.keys[i], "SBBH"
		issue.ZH = fmt.Sprintf("申报编号 %s 本年度已由乡镇 %s 同方向申报，全县同一年度同一方向不得重号。请改号（如在前面加乡镇代码：%s-%s）后重新上传。", number, other, own, number)
		issue.EN = fmt.Sprintf("number %s is declared by township %s in this year and direction already; within the county it must be unique. Renumber it, as %s-%s, and upload it again.", number, other, own, number)
		l.prefixRow(&issue, issue.Row, s.labels[i])
		l.report.add(issue)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for the numbers of other townships: %w", err)
	}
	return nil
}
