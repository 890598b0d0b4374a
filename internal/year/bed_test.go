package year_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
	"gengheng/internal/workflow"
	"gengheng/internal/year"
)

const (
	county = "149901"
	east   = "149901100"
	west   = "149901101"
)

// bed is a synthetic county with parcels declared, screened and chosen.
type bed struct {
	t        testing.TB
	db       *store.DB
	y        year.Year
	set, run uuid.UUID
	people   map[access.Role]access.Actor
	serial   int
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{t: t, db: storetest.New(t), set: uuid.New(), run: uuid.New(), people: map[access.Role]access.Actor{}}
	b.y = year.Year{DB: b.db, County: county, Number: 2025, Flow: workflow.Workflow{Now: func() time.Time { return time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC) }}}
	b.exec(`INSERT INTO rulebook VALUES ('v', 'r', 2025, 'd')`)
	b.exec(`INSERT INTO county (county_code, name, srid, rulebook) VALUES ($1, '合成县', 4546, 'v')`, county)
	b.dataset(b.set, "CANDIDATE_IN", 2025)
	b.exec(`INSERT INTO screening_run (county_code, run_id, year, status, rulebook, datasets, finished_at) VALUES ($1, $2, 2025, 'done', 'v',
		jsonb_build_array(jsonb_build_object('kind', 'CANDIDATE_IN', 'dataset_id', $3::text)), now())`, county, b.run, b.set.String())
	for i, r := range access.Roles() {
		a := access.Actor{ID: uuid.UUID{15: byte(i + 1)}, Name: "合成" + r.Chinese(), Role: r, County: county, Via: "key"}
		if r == access.TownshipClerk || r == access.TownshipLead {
			a.Township = east
		}
		b.people[r] = a
	}
	return b
}

func (b *bed) dataset(id uuid.UUID, kind string, of int) {
	b.t.Helper()
	up := uuid.New()
	b.serial++
	b.exec(`INSERT INTO upload (county_code, upload_id, file_name, size, sha256) VALUES ($1, $2, 'f', 1, 's')`, county, up)
	b.exec(`INSERT INTO dataset (county_code, dataset_id, kind, year, status, version, commit_seq, features, upload_id, file_name, file_sha256)
		VALUES ($1, $2, $3, $4, 'committed', $5, $6, 2, $7, 'f', 's')`, county, id, kind, of, fmt.Sprintf("v%d", b.serial), b.serial, up)
}

// square is a plot of the size in m, well apart from those of other places.
func square(place int, size float64) string {
	x, y := 560000+float64(place)*500, 4013000.0
	return fmt.Sprintf("MULTIPOLYGON(((%[1]f %[2]f,%[3]f %[2]f,%[3]f %[4]f,%[1]f %[4]f,%[1]f %[2]f)))", x, y, x+size, y+size)
}

// declare enters a candidate with its verdict.
func (b *bed) declare(direction, number, township string, place int, net string, exempt bool) {
	b.t.Helper()
	b.serial++
	b.exec(`INSERT INTO candidate (county_code, dataset_id, fid, direction, number, township_code, purpose, actor, target_dlbm, area_m2, geom)
		VALUES ($1, $2, $3, $4, $5, $6, '园地', '农户', '0103', 100, ST_GeomFromText($7, 4546))`, county, b.set, b.serial, direction, number, township, square(place, 100))
	b.exec(`INSERT INTO verdict (county_code, run_id, direction, number, township_code, verdict, area_m2, usable_m2, net_m2, net_paddy_m2, quality, exempt)
		VALUES ($1, $2, $3, $4, $5, 'eligible', 100, 100, $6::text::numeric, 0, 6, $7)`, county, b.run, direction, number, township, net, exempt)
}

// plan makes a finished plan that has chosen those parcels; an amount of 0.00 is
// exempt.
func (b *bed) plan(chosen map[string]string) uuid.UUID {
	b.t.Helper()
	id := uuid.New()
	b.exec(`INSERT INTO plan (county_code, plan_id, run_id, year, status, certificate, summary) VALUES ($1, $2, $3, 2025, 'done', '{"status": "optimal"}', '{}')`, county, id, b.run)
	for key, net := range chosen {
		direction, number, _ := strings.Cut(key, "/")
		b.exec(`INSERT INTO plan_parcel (county_code, plan_id, direction, number, township_code, chosen, net_m2, net_paddy_m2, quality, reason_zh, geom)
			SELECT $1, $2, c.direction, c.number, c.township_code, true, $5::text::numeric, 0, 6, '', c.geom FROM candidate c
			WHERE c.county_code = $1 AND c.direction = $3 AND c.number = $4 AND c.dataset_id = $6`, county, id, direction, number, net, b.set)
	}
	return id
}

func (b *bed) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.db.Pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%v: %s", err, sql)
	}
}

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) as(r access.Role) context.Context { return access.With(b.t.Context(), b.people[r]) }

// set up the year with one department, so that tests stay short.
func (b *bed) open() {
	b.t.Helper()
	set := workflow.DefaultYear(county, 2025)
	set.Reviewers = []access.Role{access.Forestry}
	ctx := b.as(access.BureauLead)
	b.must(b.db.InTx(ctx, func(tx pgx.Tx) error { return workflow.SetYear(ctx, tx, set, "") }))
}

func (b *bed) items(keys ...string) []year.Item {
	b.t.Helper()
	var list []year.Item
	for _, k := range keys {
		direction, number, _ := strings.Cut(k, "/")
		item := year.Item{Direction: direction, Number: number}
		r, err := workflow.Read(b.t.Context(), b.db.Pool, b.key(k))
		if err == nil {
			item.Revision = r.Revision
		}
		list = append(list, item)
	}
	return list
}

func (b *bed) key(k string) workflow.Key {
	direction, number, _ := strings.Cut(k, "/")
	return workflow.Key{County: county, Year: 2025, Direction: direction, Number: number}
}

func (b *bed) act(r access.Role, action workflow.Action, keys ...string) error {
	_, err := b.y.Act(b.as(r), action, b.items(keys...), "合成理由", workflow.Balanced)
	return err
}

// reviewed brings parcels of the east through the department review.
func (b *bed) reviewed(keys ...string) {
	b.t.Helper()
	b.must(b.act(access.TownshipClerk, workflow.Declare, keys...))
	b.must(b.act(access.TownshipClerk, workflow.Submit, keys...))
	b.must(b.act(access.Bureau, workflow.Check, keys...))
	b.must(b.act(access.Bureau, workflow.Review, keys...))
	b.agree(keys...)
}

func (b *bed) agree(keys ...string) {
	b.t.Helper()
	var list []workflow.Key
	for _, k := range keys {
		list = append(list, b.key(k))
	}
	_, err := b.y.Give(b.as(access.Forestry), list, workflow.Opinion{Opinion: workflow.Agree})
	b.must(err)
}

// decided proposes a plan and approves it.
func (b *bed) decided(chosen map[string]string, reason string) {
	b.t.Helper()
	_, err := b.y.Propose(b.as(access.Bureau), b.plan(chosen), "方案", reason)
	b.must(err)
	_, err = b.y.Decide(b.as(access.Government), true, "县政发〔2025〕8号")
	b.must(err)
}

func (b *bed) file(key string, kind workflow.DocumentKind, purpose string) {
	b.t.Helper()
	a := b.people[access.TownshipClerk]
	ctx := b.as(a.Role)
	b.must(b.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := b.y.Flow.AddDocument(ctx, tx, a, b.key(key), workflow.Document{Kind: kind, Purpose: purpose, FileName: "合成.pdf", Size: 1, SHA256: strings.Repeat("a", 64)})
		return err
	}))
}

// states are those of the parcels, in order.
func (b *bed) states(keys ...string) string {
	b.t.Helper()
	var list []string
	for _, k := range keys {
		r, err := workflow.Read(b.t.Context(), b.db.Pool, b.key(k))
		if err != nil {
			list = append(list, "-")
			continue
		}
		list = append(list, string(r.State))
	}
	return strings.Join(list, " ")
}

// balances are a township's accounts of area that are not zero.
func (b *bed) balances(township string) string {
	b.t.Helper()
	rows, err := b.db.Pool.Query(b.t.Context(), `SELECT account || ' ' || amount FROM ledger_balance
		WHERE county_code = $1 AND year = 2025 AND township_code = $2 AND measure = 'area' AND amount <> 0
		  AND account NOT IN ('origin', 'demand', 'survey', 'exempt_origin') ORDER BY account`, county, township)
	b.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	return strings.Join(list, ", ")
}

// sound checks that the books, their chains and the audit log hold.
func (b *bed) sound() {
	b.t.Helper()
	flaws, err := ledger.Verify(b.t.Context(), b.db.Pool, county)
	b.must(err)
	if len(flaws) > 0 {
		b.t.Errorf("%+v", flaws)
	}
	_, err = access.VerifyAudit(b.t.Context(), b.db, county)
	b.must(err)
}

// codes are why it was refused: one code for each parcel, sorted.
func codes(err error) string {
	var several *year.Refusals
	var one *workflow.Refusal
	var l *ledger.Error
	var list []string
	switch {
	case err == nil:
		return "-"
	case errors.As(err, &several):
		for _, r := range several.List {
			list = append(list, string(r.Code)+" "+r.Record)
		}
	case errors.As(err, &one):
		list = append(list, string(one.Code)+" "+one.Record)
	case errors.As(err, &l):
		list = append(list, string(l.Code))
	default:
		return err.Error()
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// credit accepts a parcel in the books, apart from the workflow.
func (b *bed) credit(number, net string, place int) {
	b.t.Helper()
	area, err := land.ParseArea(net)
	b.must(err)
	x := 560000 + float64(place)*500
	plot := orb.MultiPolygon{{{{x, 4013000}, {x + 100, 4013000}, {x + 100, 4013100}, {x, 4013100}, {x, 4013000}}}}
	b.must(b.db.InTx(b.t.Context(), func(tx pgx.Tx) error {
		p := ledger.Parcel{Book: ledger.Book{County: county, Year: 2025, Township: east}, Number: number}
		_, err := ledger.AcceptIn(b.t.Context(), tx, p, ledger.Amounts{Area: area, Quality: area}, plot, ledger.Note{Key: "credit " + number, By: ledger.By{As: "合成"}})
		return err
	}))
}
