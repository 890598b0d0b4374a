package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/geodata"
	"gengheng/internal/intake"
	"gengheng/internal/intake/fields"
	"gengheng/internal/land"
)

// edit makes what the doors of desktop GIS ask: all changes or none, in one
// transaction, the changes to one declaration as one new version of it. It is the
// way that a change over the contract takes (amendIn). What was changed is judged
// at once, so that a program that reads it back sees the verdict.
func (s *server) edit(ctx context.Context, county string, changes []collection.Change) error {
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	book, err := s.rulebookOf(ctx, row.rulebook)
	if err != nil {
		return err
	}
	var list []*amendment
	err = s.db.InTxAgain(ctx, func(tx pgx.Tx) error {
		e := &editing{server: s, tx: tx, county: row}
		if list, err = e.group(ctx, changes); err != nil {
			return err
		}
		for _, a := range list {
			a.book, a.screen = book, true
			if err := e.fill(ctx, a, changes); err != nil {
				return err
			}
			if err := s.amendIn(ctx, tx, a); err != nil {
				return err
			}
			if err := a.tiny(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.amendProblem(err)
	}
	s.judge(ctx, list)
	return nil
}

// editing is one transaction of changes.
type editing struct {
	server *server
	tx     pgx.Tx
	county countyRow
}

// group sorts the changes by the declaration they belong to, in the order in which
// declarations are locked.
func (e *editing) group(ctx context.Context, changes []collection.Change) ([]*amendment, error) {
	var list []*amendment
	for i := range changes {
		c := &changes[i]
		scope, err := e.scope(ctx, c)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(list, func(a *amendment) bool {
			return a.year == c.Year && string(a.direction) == c.Direction && a.scope == scope
		})
		if at < 0 {
			list = append(list, &amendment{county: e.county, year: c.Year, direction: Direction(c.Direction), scope: scope})
			at = len(list) - 1
		}
		list[at].positions = append(list[at].positions, i)
	}
	slices.SortFunc(list, func(a, b *amendment) int {
		return cmp.Or(cmp.Compare(a.kind(), b.kind()), cmp.Compare(a.year, b.year), cmp.Compare(a.scope, b.scope))
	})
	return list, nil
}

// scope finds whose declaration a change belongs to, and whether the caller may
// change it. What the caller cannot see is not there.
func (e *editing) scope(ctx context.Context, c *collection.Change) (string, error) {
	actor, _ := access.From(ctx)
	if c.Number == "" {
		return "", collection.Unprocessable("number-missing", "请填写申报编号（SBBH）。 Give the parcel's number (SBBH).")
	}
	if c.Action == collection.Create {
		return e.newScope(ctx, actor, c)
	}
	var scope, township string
	err := e.tx.QueryRow(ctx, `SELECT d.scope, c.township_code`+currentCandidates+` AND c.direction = $2 AND c.number = $3 AND d.year = $4`,
		e.county.code, c.Direction, c.Number, c.Year).Scan(&scope, &township)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !actor.Sees(e.county.code, township) {
		return "", noFeature(c)
	}
	if err != nil {
		return "", fmt.Errorf("candidate %s: %w", c.Number, err)
	}
	if !actor.WholeCounty() && scope == "" {
		return "", forbidden("township", fmt.Sprintf("地块 %s 在全县统一的申报中，乡镇不能修改；请县自然资源局修改，或由乡镇另行申报。 This is the county's own declaration; the bureau changes it.", c.Number))
	}
	return scope, nil
}

func noFeature(c *collection.Change) *problem {
	return notFound("feature", fmt.Sprintf("%d 年度没有%s申报地块 %s，或不属于您的乡镇。 No such feature.", c.Year, map[string]string{"in": "转进", "out": "转出"}[c.Direction], c.Number))
}

// newScope is the declaration that a new parcel goes into: its township's own,
// else the county's where that is how the year was declared.
func (e *editing) newScope(ctx context.Context, actor access.Actor, c *collection.Change) (string, error) {
	township := fields.Declaration[fields.XZDM].Name
	switch code := c.Text[township]; {
	case code == "" && actor.Township != "":
		c.Text[township] = actor.Township
	case code == "":
		return "", collection.Unprocessable("township-missing", "请填写乡镇代码（XZDM，9 位）。 Give the township's code (XZDM).")
	case len(code) != 9 || !strings.HasPrefix(code, e.county.code):
		return "", collection.Unprocessable("township", fmt.Sprintf("乡镇代码 %s 应为 9 位并以 %s 开头。 The township is not of this county.", collection.Excerpt(code), e.county.code))
	case !actor.Sees(e.county.code, code):
		return "", forbidden("township", fmt.Sprintf("乡镇 %s 的身份不能为乡镇 %s 申报。 A township declares its own parcels only.", actor.Township, code))
	}
	if err := e.holdYear(ctx, c); err != nil {
		return "", err
	}
	if actor.Township != "" {
		return actor.Township, nil
	}
	var own, whole bool
	err := e.tx.QueryRow(ctx, `SELECT coalesce(bool_or(scope = $4), false), coalesce(bool_or(scope = ''), false) FROM dataset
		WHERE county_code = $1 AND kind = $2 AND year = $3 AND status = 'committed'`,
		e.county.code, "CANDIDATE_"+strings.ToUpper(c.Direction), c.Year, c.Text[township]).Scan(&own, &whole)
	if err != nil {
		return "", fmt.Errorf("declarations of %d: %w", c.Year, err)
	}
	if whole && !own {
		return "", nil
	}
	return c.Text[township], nil
}

// holdYear gives a new parcel the year that the county works on, and refuses one
// that lies beyond the year after it, or, where there is none yet, after that of the
// calendar: nothing is declared so early, a slip of the pen is.
func (e *editing) holdYear(ctx context.Context, c *collection.Change) error {
	year, last, err := declarableYears(ctx, e.tx, e.county.code)
	switch {
	case err != nil:
		return err
	case year == nil && c.Year == 0:
		return collection.Unprocessable("year-missing", "请填写年度（year）：该县尚未设置年度，也没有申报。 Give the year: the county has none yet.")
	case c.Year == 0:
		c.Year = *year
		return nil
	case c.Year > last:
		return yearTooFar(c.Year, last)
	}
	return nil
}

// declarableYears are the year that a county works on, nil where there is none yet,
// and the last that is declared for.
func declarableYears(ctx context.Context, q querier, county string) (year *int, last int, err error) {
	if err := q.QueryRow(ctx, `SELECT working_year($1), coalesce(working_year($1), extract(year FROM now())::int) + 1`, county).Scan(&year, &last); err != nil {
		return nil, 0, fmt.Errorf("the year of %s: %w", county, err)
	}
	return year, last, nil
}

func yearTooFar(year, last int) error {
	return collection.Unprocessable("year", fmt.Sprintf("年度 year 为 %d，至多为当前工作年度的下一年 %d；请改正年度，或先由县设置新的年度。 The year lies too far ahead.", year, last))
}

// declaredRow is a parcel as it stands before the change.
type declaredRow struct {
	version        string
	declared, area land.Area
	hasDeclared    bool
}

// fill makes the changes of one declaration ready for its new version.
func (e *editing) fill(ctx context.Context, a *amendment, changes []collection.Change) error {
	actor, _ := access.From(ctx)
	base, err := a.hold(ctx, e.tx)
	if err != nil {
		return err
	}
	var list []intake.Amendment
	for _, i := range a.positions {
		c := &changes[i]
		row, err := e.row(ctx, base, c.Number)
		if err != nil {
			return err
		}
		if err := admits(c, row, slices.ContainsFunc(list, func(m intake.Amendment) bool { return m.Number == c.Number })); err != nil {
			return err
		}
		m := intake.Amendment{Base: base, Number: c.Number, UploadID: uuid.New(), Township: actor.Township,
			Text: maps.Clone(c.Text), Geometry: c.Geometry, Withdraw: c.Action == collection.Delete}
		if err := a.follow(&m, row); err != nil {
			return err
		}
		list = append(list, m)
	}
	a.change, a.further = list[0], list[1:]
	return nil
}

func (e *editing) row(ctx context.Context, dataset uuid.UUID, number string) (*declaredRow, error) {
	var r declaredRow
	var declared *string
	var area string
	err := e.tx.QueryRow(ctx, `SELECT candidate_version(c), c.declared_m2::text, c.area_m2::text FROM candidate c
		WHERE c.county_code = $1 AND c.dataset_id = $2 AND c.number = $3`, e.county.code, dataset, number).Scan(&r.version, &declared, &area)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("candidate %s: %w", number, err)
	}
	if r.area, err = land.ParseArea(area); err != nil {
		return nil, fmt.Errorf("candidate %s: %w", number, err)
	}
	if declared != nil {
		r.hasDeclared = true
		if r.declared, err = land.ParseArea(*declared); err != nil {
			return nil, fmt.Errorf("candidate %s: %w", number, err)
		}
	}
	return &r, nil
}

// admits holds a change against the row as it stands; twice: another change of the
// request is for the same parcel.
func admits(c *collection.Change, row *declaredRow, twice bool) error {
	switch {
	case twice:
		return collection.Unprocessable("feature-twice", fmt.Sprintf("一次请求中地块 %s 出现了两次。 The request changes the parcel twice.", c.Number))
	case c.Action == collection.Create && row != nil:
		return conflict("feature-exists", fmt.Sprintf("%d 年度已有编号为 %s 的申报地块；请换一个编号，或修改原地块。 The number is taken.", c.Year, c.Number))
	case c.Action == collection.Create && c.Geometry == nil, c.Action == collection.Replace && c.Geometry == nil:
		return collection.Unprocessable("geometry-missing", "缺少图形：申报地块须有多边形（geometry）。 A declared parcel needs a polygon.")
	case c.Action == collection.Create:
		return nil
	case row == nil:
		return noFeature(c)
	case c.Match != nil && !slices.ContainsFunc(c.Match, func(v string) bool { return v != "" && strings.HasPrefix(row.version, v) }):
		return &problem{Status: http.StatusPreconditionFailed, kind: "precondition-failed", Title: "版本已变 · Precondition failed",
			Detail: fmt.Sprintf("地块 %s 在您读取之后已被他人修改（If-Match 不符）；请重新读取后再改。 The feature has changed since it was read; read it again.", c.Number)}
	}
	return nil
}

// follow lets the declared area go with the boundary where nobody has said
// otherwise: of a new parcel, of one whose declared area was that of its boundary
// (within the 1 % that the checks of a load allow), and where it is cleared.
func (a *amendment) follow(m *intake.Amendment, row *declaredRow) error {
	sbmj := fields.Declaration[fields.SBMJ].Name
	said, given := m.Text[sbmj]
	switch {
	case m.Withdraw, said != "", m.Geometry == nil && !given:
		return nil
	case m.Geometry == nil:
		if row != nil {
			m.Text[sbmj] = row.area.String()
		}
		return nil
	}
	if row != nil && row.hasDeclared && !given {
		if off, limit := row.declared-row.area, max(land.SquareMetre, row.area/100); off > limit || -off > limit {
			return nil
		}
	}
	zone, ok := land.ByEPSG(a.county.srid)
	if !ok {
		return fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", a.county.code, a.county.srid)
	}
	if m.Text == nil {
		m.Text = map[string]string{}
	}
	m.Text[sbmj] = land.OfficialArea(geodata.Canonical(m.Geometry.Clone()), zone).String()
	return nil
}

// tiny refuses what was drawn smaller than 1 m²: a slip of the mouse, no parcel.
func (a *amendment) tiny(ctx context.Context, tx pgx.Tx) error {
	var drawn []string
	for _, m := range append([]intake.Amendment{a.change}, a.further...) {
		if m.Geometry != nil {
			drawn = append(drawn, m.Number)
		}
	}
	var number, area string
	err := tx.QueryRow(ctx, `SELECT number, area_m2::text FROM candidate WHERE county_code = $1 AND dataset_id = $2 AND number = ANY ($3) AND area_m2 < 1
		ORDER BY number LIMIT 1`, a.county.code, a.dataset, drawn).Scan(&number, &area)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("areas of what was drawn: %w", err)
	}
	return collection.Unprocessable("area", fmt.Sprintf("地块 %s 的图形只有 %s m²，不足 1 m²，不是一个地块；请重画。 The parcel is smaller than 1 m²; draw it again.", collection.Excerpt(number), area))
}
