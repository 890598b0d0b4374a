package api

import (
	"fmt"
	"os"

	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/report"
)

const workbookType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// GetDeclarationForm gives the 申报表 of a township, blank or filled.
func (s *server) GetDeclarationForm(c echo.Context, county CountyPath, year Year, direction Direction, params GetDeclarationFormParams) error {
	ctx := c.Request().Context()
	if _, err := s.county(ctx, county); err != nil {
		return err
	}
	r := report.FormRequest{County: county, Year: year, Direction: string(direction), Township: value(params.Township), Rows: 30}
	actor, _ := access.From(ctx)
	if r.Township == "" {
		r.Township = actor.Township
	}
	if r.Township != "" && r.Township[:6] != county {
		return badRequest("township", fmt.Sprintf("乡镇 %s 不属于县 %s。 The township is not of this county.", r.Township, county))
	}
	if !actor.Sees(county, r.Township) {
		return forbidden("township", fmt.Sprintf("乡镇 %s 的身份不能取乡镇 %s 的申报表。 A township gets its own form only.", actor.Township, r.Township))
	}
	r.Blank = params.Blank != nil && *params.Blank
	if !r.Blank && r.Township == "" {
		return badRequest("township", "请用 township 指明乡镇：申报表一个乡镇一张；空白表用 blank=true。 Name the township; a form is of one.")
	}
	if params.Rows != nil {
		r.Rows = *params.Rows
	}
	r.A4 = params.Paper != nil && *params.Paper == A4
	name := fmt.Sprintf("declaration-%d-%s-%s.xlsx", year, direction, r.Township)
	return s.sendFile(c, name, workbookType, func(path string) error {
		f, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("declaration form: %w", err)
		}
		if err := report.DeclarationForm(ctx, s.db, r, f); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	})
}
