package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/rulebook"
)

func (s *server) GetRulebookClauses(c echo.Context, version RulebookPath) error {
	rb, err := s.registered(c.Request().Context(), version)
	if err != nil {
		return err
	}
	out := RulebookContents{Rulebook: rulebookJSON(rb), MinRemainderM2: rb.MinRemainderM2, Clauses: []RulebookClause{}, Omits: []RulebookOmission{}}
	a := rb.Acceptance
	out.Acceptance.PhotoDistanceM, out.Acceptance.PhotoBlurM, out.Acceptance.PhotoAngleDeg = a.PhotoDistanceM, a.PhotoBlurM, a.PhotoAngleDeg
	out.Acceptance.AreaDeviationPercent = a.AreaDeviationPercent
	for i := range rb.Clauses {
		out.Clauses = append(out.Clauses, *clauseJSON(rb, &rb.Clauses[i]))
	}
	for _, o := range rb.Omits {
		out.Omits = append(out.Omits, RulebookOmission{Clause: o.Clause, Reason: o.Reason})
	}
	return c.JSON(http.StatusOK, out)
}

// registered is a rulebook that a caller names.
func (s *server) registered(ctx context.Context, version string) (*rulebook.Rulebook, error) {
	rb, err := s.rulebookOf(ctx, version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound("rulebook", fmt.Sprintf("没有登记过规则库 %s。 No such rulebook.", version))
	}
	return rb, err
}

func clauseJSON(rb *rulebook.Rulebook, c *rulebook.Clause) *RulebookClause {
	if c == nil {
		return nil
	}
	out := &RulebookClause{Clause: c.ID, Direction: string(c.Direction), Title: c.Title, TitleEn: c.English,
		Citation: rb.CitationText(*c), Checks: []RulebookCheck{}}
	for i := range c.Checks {
		out.Checks = append(out.Checks, *checkJSON(rb, &c.Checks[i]))
	}
	return out
}

func checkJSON(rb *rulebook.Rulebook, k *rulebook.Check) *RulebookCheck {
	if k == nil {
		return nil
	}
	out := &RulebookCheck{CheckNo: k.Number, Test: string(k.Test), Severity: string(k.Severity), Where: conditionsJSON(k.Where), When: conditionsJSON(k.When),
		Tolerance: Tolerance{AbsM2: k.Tolerance.AbsM2, Ratio: k.Tolerance.Ratio, MinPatchM2: k.Tolerance.MinPatchM2}, Tolerates: k.Tolerates(),
		Finding: k.Finding, FindingEn: k.FindingEnglish}
	if l, ok := rb.Layer(k.Layer); ok {
		out.Layer, out.LayerName = &l.Kind, &l.Name
	}
	return out
}

func conditionsJSON(list []rulebook.Condition) []RulebookCondition {
	out := make([]RulebookCondition, len(list))
	for i := range list {
		out[i].Field = list[i].Field
		if len(list[i].In) > 0 {
			out[i].In = &list[i].In
		} else {
			out[i].NotIn = &list[i].NotIn
		}
	}
	return out
}

func (s *server) CompareRulebooks(c echo.Context, version RulebookPath, params CompareRulebooksParams) error {
	old, err := s.registered(c.Request().Context(), version)
	if err != nil {
		return err
	}
	now, err := s.registered(c.Request().Context(), params.With)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, comparisonJSON(old, now))
}

func comparisonJSON(old, now *rulebook.Rulebook) RulebookComparison {
	changes := rulebook.Compare(old, now)
	out := RulebookComparison{Before: rulebookJSON(old), After: rulebookJSON(now), Clauses: []RulebookClauseChange{}, Settings: texts(changes.Settings)}
	for i := range changes.Clauses {
		ch := &changes.Clauses[i]
		item := RulebookClauseChange{Clause: ch.ID, Title: ch.Title(), What: texts(ch.What), Before: clauseJSON(old, ch.Old), After: clauseJSON(now, ch.New), Checks: []RulebookCheckChange{}}
		for _, k := range ch.Checks {
			item.Checks = append(item.Checks, RulebookCheckChange{CheckNo: k.Number, What: texts(k.What), Before: checkJSON(old, k.Old), After: checkJSON(now, k.New)})
		}
		out.Clauses = append(out.Clauses, item)
	}
	return out
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func (s *server) ChangeTolerances(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in ToleranceChanges
	if err := c.Bind(&in); err != nil {
		return err
	}
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	if row.rulebook != in.Version {
		return otherRulebook(county, row.rulebook, in.Version)
	}
	old, err := s.rulebookOf(ctx, row.rulebook)
	if err != nil {
		return err
	}
	changes, clauses, numbers := make([]rulebook.ToleranceChange, len(in.Changes)), make([]string, len(in.Changes)), make([]int, len(in.Changes))
	for i, ch := range in.Changes {
		t := ch.Tolerance
		clauses[i], numbers[i] = ch.Clause, ch.CheckNo
		changes[i] = rulebook.ToleranceChange{Clause: ch.Clause, Check: ch.CheckNo, Tolerance: rulebook.Tolerance{AbsM2: t.AbsM2, Ratio: t.Ratio, MinPatchM2: t.MinPatchM2}}
	}
	now, err := old.WithTolerances("rulebook.yaml", changes)
	var problems rulebook.Problems
	if errors.As(err, &problems) {
		return invalidRulebook(problems)
	}
	if err != nil {
		return err
	}
	out := TolerancesChanged{Trial: in.Trial != nil && *in.Trial, Comparison: comparisonJSON(old, now)}
	if !out.Trial {
		if err := s.putRulebook(ctx, county, old, now, in.Reason); err != nil {
			return err
		}
	}
	rows, err := s.rows(ctx).Query(ctx, sqlConcerned, county, clauses, numbers)
	if err != nil {
		return fmt.Errorf("parcels that a tolerance concerns: %w", err)
	}
	out.Concerned, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v ConcernedRun, err error) {
		return v, row.Scan(&v.Year, &v.RunId, &v.Candidates)
	})
	if err != nil {
		return fmt.Errorf("parcels that a tolerance concerns: %w", err)
	}
	return c.JSON(http.StatusOK, out)
}

// sqlConcerned counts, of the newest finished run of each year, the parcels that
// have findings of the checks $2, $3.
const sqlConcerned = `
	WITH newest AS (
		SELECT DISTINCT ON (year) year, run_id FROM screening_run WHERE county_code = $1 AND status = 'done' ORDER BY year, finished_at DESC, run_id)
	SELECT n.year, n.run_id, (
		SELECT count(DISTINCT (f.direction, f.number))
		FROM finding f JOIN unnest($2::text[], $3::int[]) k (clause, check_no) ON f.clause = k.clause AND f.check_no = k.check_no
		WHERE f.county_code = $1 AND f.run_id = n.run_id)
	FROM newest n ORDER BY n.year DESC`

// putRulebook gives the county another version, if the one that was seen is still
// in force.
func (s *server) putRulebook(ctx context.Context, county string, old, now *rulebook.Rulebook, reason string) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := enterRulebook(ctx, tx, now); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE county SET rulebook = $3 WHERE county_code = $1 AND rulebook = $2`, county, old.Hash, now.Hash)
		if err != nil {
			return fmt.Errorf("rulebook of %s: %w", county, err)
		}
		if tag.RowsAffected() == 0 {
			return otherRulebook(county, "", old.Hash)
		}
		changed := rulebook.Compare(old, now)
		return access.Record(ctx, tx, access.Entry{County: county, Action: "rulebook.tolerances", Kind: "county", ID: county, Reason: reason,
			Before: map[string]any{"rulebook": old.Hash}, After: map[string]any{"rulebook": now.Hash, "clauses": changed.IDs()}})
	})
}

func otherRulebook(county, current, seen string) error {
	if current != "" {
		current = "（" + current + "）"
	}
	return conflict("rulebook-changed", fmt.Sprintf("县 %s 的现行规则库%s已不是所见的 %s；请重新读取后再改。 The county's rulebook is another by now; read it again.", county, current, seen))
}
