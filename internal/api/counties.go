package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/rulebook"
)

func (s *server) ListCounties(c echo.Context) error {
	actor, _ := access.From(c.Request().Context())
	rows, err := s.rows(c.Request().Context()).Query(c.Request().Context(), `
		SELECT county_code, name, srid, synthetic, rulebook FROM county
		WHERE county_code = $1 OR $2 ORDER BY county_code`, actor.County, actor.Via == viaOpen)
	if err != nil {
		return fmt.Errorf("list counties: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (County, error) {
		var v County
		return v, row.Scan(&v.Code, &v.Name, &v.Srid, &v.Synthetic, &v.Rulebook)
	})
	if err != nil {
		return fmt.Errorf("list counties: %w", err)
	}
	return c.JSON(http.StatusOK, list)
}

func (s *server) GetCounty(c echo.Context, county CountyPath) error {
	row, err := s.county(c.Request().Context(), county)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, row.json())
}

func (r countyRow) json() County {
	return County{Code: r.code, Name: r.name, Srid: r.srid, Synthetic: r.synthetic, Rulebook: r.rulebook}
}

func (s *server) PutCounty(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	var in CountyInput
	if err := c.Bind(&in); err != nil {
		return err
	}
	if strings.TrimSpace(in.Name) == "" || county == "000000" {
		return badRequest("county", "县名不能为空，代码不能为 000000。 A county has a name and a code.")
	}
	fallback, err := s.registerDefaultRulebook(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, s.db.Pool, func(tx pgx.Tx) error {
		var srid int
		err := tx.QueryRow(ctx, `
			INSERT INTO county AS c (county_code, name, srid, synthetic, rulebook)
			VALUES ($1, $2, $3, coalesce($4, false), coalesce($5, $6))
			ON CONFLICT (county_code) DO UPDATE SET name = $2, synthetic = coalesce($4, c.synthetic), rulebook = coalesce($5, c.rulebook)
			RETURNING srid`, county, in.Name, in.Srid, in.Synthetic, in.Rulebook, fallback).Scan(&srid)
		if isForeignKey(err) {
			return badRequest("rulebook-unknown", fmt.Sprintf("没有登记过规则库 %s；先用 POST %s/rulebooks 登记。 Register that rulebook first.", *in.Rulebook, base))
		}
		if err != nil {
			return fmt.Errorf("save county %s: %w", county, err)
		}
		if srid == in.Srid {
			return recordCounty(ctx, tx, county, in)
		}
		tag, err := tx.Exec(ctx, `
			UPDATE county SET srid = $2 WHERE county_code = $1
			AND NOT EXISTS (SELECT FROM dataset WHERE county_code = $1 AND status <> 'refused' AND status <> 'failed')`, county, in.Srid)
		if err != nil {
			return fmt.Errorf("change plane of %s: %w", county, err)
		}
		if tag.RowsAffected() == 0 {
			return conflict("plane-fixed", fmt.Sprintf("县 %s 已有 EPSG:%d 的数据，坐标系不能再改为 EPSG:%d。 The county holds data in EPSG:%d.", county, srid, in.Srid, srid))
		}
		return recordCounty(ctx, tx, county, in)
	})
	if err != nil {
		return err
	}
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, row.json())
}

func recordCounty(ctx context.Context, tx pgx.Tx, county string, in CountyInput) error {
	return access.Record(ctx, tx, access.Entry{County: county, Action: "county.put", Kind: "county", ID: county, After: in})
}

// registerDefaultRulebook makes sure the rulebook that comes with the program
// is in the database, and returns its version.
func (s *server) registerDefaultRulebook(ctx context.Context) (string, error) {
	rb, err := rulebook.Shanxi2025()
	if err != nil {
		return "", fmt.Errorf("built-in rulebook: %w", err)
	}
	return rb.Hash, s.registerRulebook(ctx, rb)
}
