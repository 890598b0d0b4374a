package collection_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/collection"
	"gengheng/internal/store/storetest"
)

// The year that a county works on is decided by the county: no one township's
// year moves it, and the township sees the same one.
func TestWorkingYear(t *testing.T) {
	t.Parallel()
	const (
		set                     = `INSERT INTO county_year (county_code, year, declare_by, plan_by, survey_date, reviewers, acceptors, approval_purposes, contract_actors) VALUES ('149901', $1, '2025-06-15', '2025-07-15', '2025-12-31', '{}', '{}', '{}', '{}')`
		book                    = `INSERT INTO ledger_year (county_code, year, mode, enforced) VALUES ('149901', $1, 'in_out', '{area}')`
		ran                     = `INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) VALUES ('149901', gen_random_uuid(), $1, 'done', 'v', now())`
		declaredIn, declaredOut = `in `, `out `
		dataset                 = `INSERT INTO dataset (county_code, dataset_id, kind, scope, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
			SELECT '149901', gen_random_uuid(), $1, $2, $3, 'committed', $4::int::text, $4::int, 1, upload_id, 'f', 's' FROM upload`
		plan = `WITH r AS (INSERT INTO screening_run (county_code, run_id, year, status, rulebook, finished_at) VALUES ('149901', gen_random_uuid(), $1, 'done', 'v', now()) RETURNING run_id),
			p AS (INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate) SELECT '149901', gen_random_uuid(), run_id, $1, 'done', '{"status":"optimal"}' FROM r RETURNING plan_id) SELECT plan_id::text FROM p`
		approved = `INSERT INTO plan_publication (county_code, year, number, attempt, plan_id, status, title, sha256, proposed_as, decided_as, decided_at, decision)
			SELECT '149901', $1, 0, 1, plan_id, 'approved', '方案', '', '合成甲', '合成乙', now(), '合成〔1〕号' FROM plan WHERE year = $1`
	)
	type step struct {
		sql  string
		year int
	}
	declared := func(year int, scopes ...string) (list []step) {
		for _, scope := range scopes {
			list = append(list, step{declaredIn + scope, year})
		}
		return list
	}
	const a, b, c, d = "149901100", "149901101", "149901102", "149901103"
	db := storetest.New(t)
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO rulebook (version, id, year, document) VALUES ('v', 'x', 2025, '');
		INSERT INTO county (county_code, name, srid, synthetic, rulebook) VALUES ('149901', '合成示例县', 4546, true, 'v'), ('149902', '合成邻县', 4546, true, 'v');
		INSERT INTO ledger_year (county_code, year, mode, enforced) VALUES ('149902', 2024, 'in_out', '{area}');
		INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ('149901', gen_random_uuid(), 'f', 1, 's')`); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		steps []step
		want  int
	}{
		"nothing":                          {nil, 0},
		"set, and one township's year":     {append(declared(2026, a), step{set, 2025}, step{ran, 2026}), 2025},
		"set anew":                         {[]step{{set, 2025}, {book, 2025}, {set, 2026}}, 2026},
		"approved, and a plan tried":       {[]step{{plan, 2025}, {approved, 2025}, {plan, 2026}}, 2025},
		"a ledger":                         {append(declared(2026, a, b, c, d), step{book, 2025}), 2025},
		"declared by most":                 {append(declared(2025, a, b, c, d), declared(2026, a, b)...), 2025},
		"declared by more than half":       {append(declared(2025, a, b, c, d), declared(2026, a, b, c)...), 2026},
		"one beside two":                   {append(declared(2025, a, b), declared(2026, c)...), 2025},
		"one beside one":                   {append(declared(2026, a), declared(2025, b)...), 2025},
		"one beside the county's own":      {append(declared(2025, ""), declared(2026, a)...), 2025},
		"beyond the calendar":              {append(declared(2025, a), declared(2100, a, b, c, d)...), 2025},
		"screened, nothing declared":       {[]step{{ran, 2024}, {ran, 2025}, {ran, 2100}}, 2025},
		"both directions are one township": {append(declared(2025, a, b), step{declaredOut + c, 2026}, step{declaredIn + c, 2026}), 2025},
	} {
		err := db.InTx(t.Context(), func(tx pgx.Tx) error {
			for i, s := range tc.steps {
				sql, args := s.sql, []any{s.year}
				for prefix, kind := range map[string]string{declaredIn: "CANDIDATE_IN", declaredOut: "CANDIDATE_OUT"} {
					if scope, ok := strings.CutPrefix(s.sql, prefix); ok {
						sql, args = dataset, []any{kind, scope, s.year, i + 1}
					}
				}
				if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
					return fmt.Errorf("%s: %w", sql, err)
				}
			}
			for _, actor := range []access.Actor{{}, {Role: access.TownshipClerk, County: "149901", Township: a}} {
				ctx, got := access.With(t.Context(), actor), 0
				if err := access.Limit(ctx, tx, actor); err != nil {
					return err
				}
				if err := tx.QueryRow(ctx, `SELECT coalesce(working_year('149901'), 0)`).Scan(&got); err != nil {
					return err
				}
				if got != tc.want {
					t.Errorf("%s: township %q: %d, want %d", name, actor.Township, got, tc.want)
				}
				// another county's is not a township's to know
				if err := tx.QueryRow(ctx, `SELECT coalesce(working_year('149902'), 0)`).Scan(&got); err != nil {
					return err
				}
				if want := map[bool]int{true: 2024}[actor.Township == ""]; got != want {
					t.Errorf("%s: the next county's for township %q: %d, want %d", name, actor.Township, got, want)
				}
				// one collection is opened by a statement of its own
				cat, err := collection.NewRegistry().Catalogue(ctx, tx, "149901")
				if err != nil {
					return err
				}
				for _, want := range cat.Collections {
					if got, err := collection.NewRegistry().Open(ctx, tx, "149901", want.ID); err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("%s: township %q: %s opened: %+v %v, want %+v", name, actor.Township, want.ID, got, err, want)
					}
				}
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errUndo = errors.New("undo")
