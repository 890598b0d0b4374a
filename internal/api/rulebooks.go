package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"gengheng/internal/access"
	"gengheng/internal/rulebook"
)

func (s *server) ListRulebooks(c echo.Context) error {
	ctx := c.Request().Context()
	if _, err := s.registerDefaultRulebook(ctx); err != nil {
		return err
	}
	rows, err := s.rows(ctx).Query(ctx, `SELECT document FROM rulebook ORDER BY year DESC, created_at DESC, version`)
	if err != nil {
		return fmt.Errorf("list rulebooks: %w", err)
	}
	documents, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list rulebooks: %w", err)
	}
	list := []Rulebook{}
	for _, d := range documents {
		rb, err := rulebook.Parse("rulebook", []byte(d))
		if err != nil {
			return fmt.Errorf("stored rulebook: %w", err)
		}
		list = append(list, rulebookJSON(rb))
	}
	return c.JSON(http.StatusOK, list)
}

func rulebookJSON(rb *rulebook.Rulebook) Rulebook {
	return Rulebook{Version: rb.Hash, Id: rb.ID, Year: rb.Year, Title: rb.Title, Clauses: len(rb.Clauses)}
}

func (s *server) registerRulebook(ctx context.Context, rb *rulebook.Rulebook) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error { return enterRulebook(ctx, tx, rb) })
}

// enterRulebook registers a version unless it is there.
func enterRulebook(ctx context.Context, tx pgx.Tx, rb *rulebook.Rulebook) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO rulebook (version, id, year, document) VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING`,
		rb.Hash, rb.ID, rb.Year, string(rb.Document))
	if err == nil && tag.RowsAffected() > 0 {
		err = access.Record(ctx, tx, access.Entry{County: access.NoCounty, Action: "rulebook.add", Kind: "rulebook", ID: rb.Hash,
			After: map[string]any{"id": rb.ID, "year": rb.Year}})
	}
	if err != nil {
		return fmt.Errorf("register rulebook %s: %w", rb.ID, err)
	}
	return nil
}

func (s *server) AddRulebook(c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return badRequest("rulebook", "规则库未能读完，请重新提交。 The rulebook could not be read whole.")
	}
	rb, err := rulebook.Parse("rulebook.yaml", body)
	if err != nil {
		return invalidRulebook(err)
	}
	if err := s.registerRulebook(c.Request().Context(), rb); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, rulebookJSON(rb))
}

func invalidRulebook(err error) *problem {
	return &problem{Status: http.StatusUnprocessableEntity, kind: "rulebook-invalid", Title: "规则库有误 · The rulebook is not valid",
		Detail: "整部退回，未登记。请按 errors 逐行改正。 Nothing was registered; mend the lines in errors.",
		Errors: strings.Split(err.Error(), "\n")}
}

func (s *server) GetRulebook(c echo.Context, version string) error {
	var document string
	err := s.rows(c.Request().Context()).QueryRow(c.Request().Context(), `SELECT document FROM rulebook WHERE version = $1`, version).Scan(&document)
	if errors.Is(err, pgx.ErrNoRows) {
		return notFound("rulebook", "没有登记过这部规则库。 No such rulebook.")
	}
	if err != nil {
		return fmt.Errorf("rulebook %s: %w", version, err)
	}
	return c.Blob(http.StatusOK, "application/yaml; charset=utf-8", []byte(document))
}

// rulebookOf reads the rulebook that a county works by.
func (s *server) rulebookOf(ctx context.Context, version string) (*rulebook.Rulebook, error) {
	var document string
	if err := s.rows(ctx).QueryRow(ctx, `SELECT document FROM rulebook WHERE version = $1`, version).Scan(&document); err != nil {
		return nil, fmt.Errorf("rulebook %s: %w", version, err)
	}
	rb, err := rulebook.Parse("rulebook", []byte(document))
	if err != nil {
		return nil, fmt.Errorf("stored rulebook %s: %w", version, err)
	}
	return rb, nil
}

// knownKind refuses a kind of data that neither the survey nor the county's
// rulebook knows: loaded under a mistyped name, a red line would be passed in
// silence.
func (s *server) knownKind(ctx context.Context, version, kind string) error {
	rb, err := s.rulebookOf(ctx, version)
	if err != nil {
		return err
	}
	known := []string{"CANDIDATE_IN", "CANDIDATE_OUT"}
	for _, l := range rb.Layers {
		known = append(known, l.Kind)
	}
	for _, k := range known {
		if k == kind {
			return nil
		}
	}
	return badRequest("kind-unknown", fmt.Sprintf("县的规则库没有数据种类 %s；可用：%s。 The county's rulebook knows no such kind.", kind, strings.Join(known, "、")))
}

func (s *server) ListLayers(c echo.Context, county CountyPath) error {
	ctx := c.Request().Context()
	row, err := s.county(ctx, county)
	if err != nil {
		return err
	}
	rb, err := s.rulebookOf(ctx, row.rulebook)
	if err != nil {
		return err
	}
	rows, err := s.rows(ctx).Query(ctx, `SELECT DISTINCT ON (d.kind) `+datasetColumns+` FROM dataset d
		WHERE d.county_code = $1 AND d.status = 'committed' AND d.scope = ''
		ORDER BY d.kind, d.commit_seq DESC`, county)
	if err != nil {
		return fmt.Errorf("list layers: %w", err)
	}
	datasets, err := pgx.CollectRows(rows, scanDataset)
	if err != nil {
		return fmt.Errorf("list layers: %w", err)
	}
	current := map[string]*Dataset{}
	for i := range datasets {
		current[datasets[i].Kind] = &datasets[i]
	}
	list := []Layer{}
	for _, l := range rb.Layers {
		clauses := clausesUsing(rb, l.Kind)
		owner := l.Owner
		list = append(list, Layer{Kind: l.Kind, Name: l.Name, English: l.English, Form: LayerForm(l.Form), Owner: &owner, Required: !l.Optional, Clauses: &clauses, Current: current[l.Kind]})
	}
	return c.JSON(http.StatusOK, list)
}

// clausesUsing lists the clauses that read a layer, in the rulebook's order.
func clausesUsing(rb *rulebook.Rulebook, kind string) []string {
	out := []string{}
	for _, clause := range rb.Clauses {
		for _, check := range clause.Checks {
			if check.Layer == kind {
				out = append(out, clause.ID)
				break
			}
		}
	}
	return out
}
