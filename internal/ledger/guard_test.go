package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"gengheng/internal/ledger"
)

// filled is a ledger with some of everything.
func filled(t *testing.T) *books {
	t.Helper()
	b := newBooks(t, ledger.InOut, ledger.Area)
	b.must(b.plan(parcel(east, "J1"), "in", m2(200)))
	b.must(b.plan(parcel(east, "C1"), "out", m2(60)))
	_, err := b.accept(parcel(east, "J1"), m2(200), plot(1))
	b.must(err)
	b.must(b.step(ledger.LockOut, parcel(east, "C1")))
	b.must(b.tx(func(tx pgx.Tx) error {
		_, err := ledger.TransferQuota(t.Context(), tx, county, year, east, west, m2(10), b.note())
		return err
	}))
	b.must(b.tx(func(tx pgx.Tx) error {
		return ledger.RegisterCredit(t.Context(), tx, county, "占补平衡", 2020, "Z1", plot(7))
	}))
	// Parcels that stand in each other's township accounts, area alone.
	for number, direction := range map[string]string{"J2": "in", "J3": "in", "C2": "out", "C3": "out", "C4": "out"} {
		b.must(b.plan(parcel(east, number), direction, ledger.Amounts{Area: 2000}))
	}
	b.must(b.step(ledger.LockOut, parcel(east, "C4")))
	b.must(b.step(ledger.ReleaseOut, parcel(east, "C4")))
	b.must(b.tx(func(tx pgx.Tx) error {
		if _, err := ledger.SetRules(t.Context(), tx, county, year+1, ledger.NetIncrease, nil, b.note()); err != nil {
			return err
		}
		_, err := ledger.SetRules(t.Context(), tx, county, year, ledger.InOut, []ledger.Measure{ledger.Area, ledger.Quality}, b.note())
		return err
	}))
	b.must(b.tx(func(tx pgx.Tx) error {
		if err := ledger.RegisterCredit(t.Context(), tx, county, "增减挂钩", 2021, "Z2", plot(8)); err != nil {
			return err
		}
		note := b.note()
		note.Reason = "图斑登记错误"
		list, err := ledger.Credits(t.Context(), tx, county, ledger.CreditFilter{Programme: "增减挂钩", Limit: 10})
		if err != nil {
			return err
		}
		return ledger.CancelCredit(t.Context(), tx, county, list[0].ID, note)
	}))
	b.sound()
	return b
}

// TestTheDatabaseHoldsTheRules goes round the package, as another program with
// the same rights would.
func TestTheDatabaseHoldsTheRules(t *testing.T) {
	b := filled(t)
	header := `INSERT INTO ledger_transaction (county_code, tx_id, key, kind, by_id, by_as, content, approval) VALUES
		('149901', '00000000-0000-0000-0000-0000000000%s', 'k%s', '%s', gen_random_uuid(), 'x', 'x', 'x');`
	post := func(n, kind, entries string) string {
		return strings.NewReplacer("%s", n).Replace(strings.Replace(header, "'%s', gen", "'"+kind+"', gen", 1)) + entries
	}
	reversal := func(n, kind string) string {
		return `INSERT INTO ledger_transaction (county_code, tx_id, key, kind, reason, reverses, by_id, by_as, content)
			SELECT '149901', '00000000-0000-0000-0000-0000000000` + n + `', 'k` + n + `', '` + kind + `', 'x', tx_id, gen_random_uuid(), 'x', 'x' FROM ledger_transaction WHERE kind = 'accept_in';`
	}
	entry := func(n, town, measure, debit, credit, amount string) string {
		return `INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount) VALUES
			('149901', 2025, '` + town + `', '00000000-0000-0000-0000-0000000000` + n + `', '` + measure + `', '` + debit + `', '` + credit + `', ` + amount + `);`
	}
	step := func(n, kind, direction, number, entries string) string {
		return `INSERT INTO ledger_transaction (county_code, tx_id, key, kind, direction, number, by_id, by_as, content) VALUES
			('149901', '00000000-0000-0000-0000-0000000000` + n + `', 'k` + n + `', '` + kind + `', '` + direction + `', '` + number + `', gen_random_uuid(), 'x', 'x');` + entries
	}
	entries := func(n string, moves ...[3]string) string {
		var rows []string
		for _, m := range moves {
			rows = append(rows, `('149901', 2025, '`+east+`', '00000000-0000-0000-0000-0000000000`+n+`', 'area', '`+m[0]+`', '`+m[1]+`', `+m[2]+`)`)
		}
		return `INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount) VALUES ` + strings.Join(rows, ",") + `;`
	}
	move := func(debit, credit, amount string) [3]string { return [3]string{debit, credit, amount} }
	// what a parcel's own amounts forbid though its township's would do: SQLSTATE
	for name, c := range map[string][2]string{
		"plan it again":                  {"GL007", step("30", "plan_in", "in", "J2", entries("30", move("origin", "in_planned", "2000")))},
		"plan what is accepted":          {"GL007", step("30", "plan_in", "in", "J1", entries("30", move("origin", "in_planned", "2000")))},
		"plan what is locked":            {"GL007", step("30", "plan_out", "out", "C1", entries("30", move("demand", "out_planned", "2000")))},
		"plan no parcel":                 {"GL004", step("30", "plan_in", "in", "", entries("30", move("origin", "in_planned", "2000")))},
		"plan a parcel the other way":    {"GL004", step("30", "plan_in", "out", "J9", entries("30", move("origin", "in_planned", "2000")))},
		"unplan more than it has":        {"GL007", step("30", "unplan_in", "in", "J2", entries("30", move("in_planned", "origin", "3000")))},
		"accept what is not planned":     {"GL007", step("30", "accept_in", "in", "J9", entries("30", move("in_planned", "origin", "2000"), move("origin", "available", "2000")))},
		"accept it with another's plan":  {"GL007", step("30", "accept_in", "in", "J2", entries("30", move("in_planned", "origin", "4000"), move("origin", "available", "4000")))},
		"accept it without its plan":     {"GL007", step("30", "accept_in", "in", "J2", entries("30", move("origin", "available", "2000")))},
		"accept it, and no land":         {"GL004", step("30", "accept_in", "in", "J2", entries("30", move("in_planned", "origin", "2000"), move("origin", "available", "2000")))},
		"lock more than it has":          {"GL007", step("30", "lock_out", "out", "C2", entries("30", move("out_planned", "demand", "2001"), move("available", "locked", "2001")))},
		"lock less than it has":          {"GL007", step("30", "lock_out", "out", "C2", entries("30", move("out_planned", "demand", "1999"), move("available", "locked", "1999")))},
		"lock more than leaves the plan": {"GL004", step("30", "lock_out", "out", "C2", entries("30", move("out_planned", "demand", "2000"), move("available", "locked", "2500")))},
		"release what another locked":    {"GL007", step("30", "release_out", "out", "C2", entries("30", move("locked", "released", "2000")))},
		"release it twice":               {"GL007", step("30", "release_out", "out", "C4", entries("30", move("locked", "released", "2000")))},
		"execute what another may":       {"GL007", step("30", "execute_out", "out", "C1", entries("30", move("released", "used", "2000")))},
		"recognise more for nothing":     {"GL007", step("30", "recognise_in", "in", "J1", entries("30", move("survey", "recognised_in", "99999")))},
		"recognise what is planned":      {"GL007", step("30", "recognise_in", "in", "J2", entries("30", move("survey", "recognised_in", "2000")))},
		"a step in two parts":            {"GL007", step("30", "plan_in", "in", "J9", entries("30", move("origin", "in_planned", "1000"))+entries("30", move("origin", "in_planned", "1000")))},
		"two transactions' entries": {"GL006", step("30", "plan_in", "in", "J8", "") + step("31", "plan_in", "in", "J9",
			strings.TrimSuffix(entries("30", move("origin", "in_planned", "1000")), ";")+`, ('149901', 2025, '`+east+`', '00000000-0000-0000-0000-000000000031', 'area', 'origin', 'in_planned', 1000);`)},
		"a parcel's stage":             {"GL006", `UPDATE ledger_parcel SET stage = 'planned'`},
		"forget a parcel":              {"GL006", `DELETE FROM ledger_parcel WHERE number = 'J1'`},
		"another order of steps":       {"GL006", `UPDATE ledger_step SET from_stage = '' WHERE kind = 'lock_out'`},
		"other movements of a step":    {"GL006", `DELETE FROM ledger_step_move`},
		"enforce without a decision":   {"GL006", `UPDATE ledger_year SET enforced = '{area,paddy}'`},
		"another mode, parcels booked": {"GL010", `INSERT INTO ledger_rule (county_code, year, mode, enforced, key, reason, approval, by_id, by_as) VALUES ('149901', 2025, 'net_increase', '{}', 'r', '', 'x', gen_random_uuid(), 'x')`},
		"another mode by hand":         {"GL006", `UPDATE ledger_year SET mode = 'in_out', enforced = '{area}' WHERE year = 2026`},
		"change a decision":            {"GL006", `UPDATE ledger_rule SET approval = 'y'`},
		"enforce without an approval":  {"23514", `INSERT INTO ledger_rule (county_code, year, enforced, key, reason, approval, by_id, by_as) VALUES ('149901', 2025, '{area}', 'r', '', '', gen_random_uuid(), 'x')`},
		"enforce no area":              {"23514", `INSERT INTO ledger_rule (county_code, year, enforced, key, reason, approval, by_id, by_as) VALUES ('149901', 2025, '{paddy}', 'r', '', 'x', gen_random_uuid(), 'x')`},
		"cancel an acceptance's land":  {"GL006", `INSERT INTO ledger_credit_cancellation (county_code, credit_id, reason, approval, by_id, by_as) SELECT county_code, credit_id, 'x', 'x', gen_random_uuid(), 'x' FROM ledger_credit WHERE number = 'J1'`},
		"cancel for no reason":         {"23514", `INSERT INTO ledger_credit_cancellation (county_code, credit_id, reason, approval, by_id, by_as) SELECT county_code, credit_id, '', 'x', gen_random_uuid(), 'x' FROM ledger_credit WHERE number = 'Z1'`},
		"cancel it twice":              {"23505", `INSERT INTO ledger_credit_cancellation (county_code, credit_id, reason, approval, by_id, by_as) SELECT county_code, credit_id, 'x', 'x', gen_random_uuid(), 'x' FROM ledger_credit WHERE number = 'Z2'`},
		"take a cancellation back":     {"GL006", `DELETE FROM ledger_credit_cancellation`},
		"a book of a year not open":    {"23503", `INSERT INTO ledger_book (county_code, year, township_code) VALUES ('149901', 2031, '` + east + `')`},
		"a reversal of a step below":   {"GL007", `INSERT INTO ledger_transaction (county_code, tx_id, key, kind, direction, number, reason, reverses, by_id, by_as, content) SELECT '149901', '00000000-0000-0000-0000-000000000030', 'k30', kind, direction, number, 'x', tx_id, gen_random_uuid(), 'x', 'x' FROM ledger_transaction WHERE kind = 'plan_out' AND number = 'C4';` + entries("30", move("out_planned", "demand", "2000"))},
		"a measure of a closed balance": {"GL009", step("30", "lock_out", "out", "C2", entries("30", move("out_planned", "demand", "2000"), move("available", "locked", "2000"))) + `INSERT INTO ledger_transaction (county_code, tx_id, key, kind, approval, by_id, by_as, content) VALUES ('149901', '00000000-0000-0000-0000-000000000032', 'k32', 'transfer', 'x', gen_random_uuid(), 'x', 'x');
			INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount) VALUES ('149901', 2025, '` + east + `', '00000000-0000-0000-0000-000000000032', 'paddy', 'available', 'transferred_out', 99999), ('149901', 2025, '` + west + `', '00000000-0000-0000-0000-000000000032', 'paddy', 'transferred_in', 'available', 99999);
			INSERT INTO ledger_rule (county_code, year, enforced, key, reason, approval, by_id, by_as) VALUES ('149901', 2025, '{area,paddy}', 'r', '', 'x', gen_random_uuid(), 'x')`},
	} {
		err := b.tx(func(tx pgx.Tx) error {
			_, err := tx.Exec(context.Background(), c[1], pgx.QueryExecModeSimpleProtocol)
			return err
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != c[0] {
			t.Errorf("%s: %v, want SQLSTATE %s", name, err, c[0])
		}
	}
	for name, sql := range map[string]string{
		"change an entry":                   `UPDATE ledger_entry SET amount = amount + 1`,
		"take an entry out":                 `DELETE FROM ledger_entry WHERE seq = 1`,
		"empty the ledger":                  `TRUNCATE ledger_entry CASCADE`,
		"change a transaction":              `UPDATE ledger_transaction SET by_as = 'somebody else'`,
		"take a transaction out":            `DELETE FROM ledger_transaction`,
		"change a balance":                  `UPDATE ledger_balance SET amount = 1e9`,
		"invent a balance":                  `INSERT INTO ledger_balance SELECT county_code, year, '149901999', measure, account, amount FROM ledger_balance LIMIT 1`,
		"forget a balance":                  `DELETE FROM ledger_balance`,
		"rewind a book":                     `UPDATE ledger_book SET entries = 0, head = ''`,
		"reopen or change a year":           `UPDATE ledger_year SET enforced = '{}'`,
		"move a credit":                     `UPDATE ledger_credit SET geom = ST_Translate(geom, 1000, 0)`,
		"forget a credit":                   `DELETE FROM ledger_credit`,
		"loosen an account's rule":          `UPDATE ledger_account SET rule = 'free'`,
		"allow another movement":            `INSERT INTO ledger_movement VALUES ('plan_in', 'origin', 'available')`,
		"an entry later":                    `INSERT INTO ledger_entry (county_code, year, township_code, tx_id, measure, debit, credit, amount) SELECT county_code, year, township_code, tx_id, measure, debit, credit, amount FROM ledger_entry LIMIT 1`,
		"quota out of nothing":              post("01", "plan_in", entry("01", east, "area", "origin", "available", "5")),
		"nothing moved":                     post("02", "plan_in", entry("02", east, "area", "origin", "in_planned", "0")),
		"less than nothing":                 post("03", "plan_in", entry("03", east, "area", "origin", "in_planned", "-5")),
		"another measure":                   post("04", "plan_in", entry("04", east, "points", "origin", "in_planned", "5")),
		"from an account to itself":         post("05", "plan_in", entry("05", east, "area", "origin", "origin", "5")),
		"below zero":                        post("06", "lock_out", entry("06", east, "area", "available", "locked", "99999999")),
		"given and not received":            post("07", "transfer", entry("07", east, "area", "available", "transferred_out", "5")),
		"received and not given":            post("08", "transfer", entry("08", west, "area", "transferred_in", "available", "5")),
		"given in one measure for another":  post("09", "transfer", entry("09", east, "area", "available", "transferred_out", "5")+entry("09", west, "quality", "transferred_in", "available", "5")),
		"another county's township":         post("10", "plan_in", `INSERT INTO ledger_book (county_code, year, township_code) VALUES ('149901', 2025, '149902100');`),
		"the same key again":                `INSERT INTO ledger_transaction SELECT * FROM ledger_transaction LIMIT 1`,
		"under repeatable read":             `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;` + post("11", "plan_in", entry("11", east, "area", "origin", "in_planned", "5")),
		"the same land again":               `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, geom) SELECT county_code, gen_random_uuid(), '占补平衡', 2024, 'B1', geom FROM ledger_credit`,
		"withdraw a credit by hand":         `UPDATE ledger_credit SET withdrawn_by = tx_id`,
		"withdraw it by a header alone":     post("12", "plan_in", "") + `UPDATE ledger_credit SET withdrawn_by = '00000000-0000-0000-0000-000000000012'`,
		"reverse by a header alone":         reversal("13", "accept_in") + `UPDATE ledger_credit SET withdrawn_by = '00000000-0000-0000-0000-000000000013'`,
		"reverse one thing as another":      reversal("14", "plan_in"),
		"a credit withdrawn from the start": `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, withdrawn_by, geom) SELECT county_code, gen_random_uuid(), 'x', 2025, 'J2', tx_id, ST_Translate(geom, 9000, 0) FROM ledger_credit;`,
		"a credit for an old acceptance":    `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, tx_id, geom) SELECT county_code, gen_random_uuid(), 'x', 2025, 'J2', tx_id, ST_Translate(geom, 9000, 0) FROM ledger_credit;`,
		"an acceptance without land":        post("15", "accept_in", entry("15", east, "area", "origin", "available", "5")),
		"a head of the credits":             `UPDATE ledger_credit_chain SET head = ''`,
		"land in another plane":             `INSERT INTO ledger_credit (county_code, credit_id, programme, year, number, geom) SELECT county_code, gen_random_uuid(), '占补平衡', 2024, 'B1', ST_SetSRID(geom, 4545) FROM ledger_credit WHERE number = 'J1'`,
	} {
		err := b.tx(func(tx pgx.Tx) error {
			_, err := tx.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol)
			return err
		})
		if err == nil {
			t.Errorf("%s: the database let it happen", name)
		}
	}
	b.sound()
	// What it should allow: the checks above are not refusals of everything.
	b.must(b.tx(func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), step("33", "lock_out", "out", "C2", entries("33", move("out_planned", "demand", "2000"), move("available", "locked", "2000"))), pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		_, err := tx.Exec(context.Background(), post("20", "transfer", entry("20", east, "area", "available", "transferred_out", "5")+entry("20", west, "area", "transferred_in", "available", "5")), pgx.QueryExecModeSimpleProtocol)
		return err
	}))
	b.sound()
}

// TestTamperingIsFound disables the guards, as the database's owner can, and
// changes one row.
func TestTamperingIsFound(t *testing.T) {
	for name, sql := range map[string]string{
		"an amount":               `UPDATE ledger_entry SET amount = amount + 1 WHERE seq = 2 AND township_code = '149901100'`,
		"an account":              `UPDATE ledger_entry SET credit = 'used' WHERE credit = 'locked'`,
		"who did it":              `UPDATE ledger_transaction SET by_as = '合成乙' WHERE kind = 'accept_in'`,
		"when":                    `UPDATE ledger_transaction SET at = at - interval '1 day' WHERE kind = 'transfer'`,
		"a parcel's number":       `UPDATE ledger_transaction SET number = 'J9' WHERE kind = 'plan_in'`,
		"a line taken out":        `DELETE FROM ledger_entry WHERE seq = 3 AND township_code = '149901100'`,
		"the last line taken out": `DELETE FROM ledger_entry WHERE seq = (SELECT max(seq) FROM ledger_entry WHERE township_code = '149901101') AND township_code = '149901101'`,
		"two lines exchanged":     `UPDATE ledger_entry SET seq = CASE seq WHEN 1 THEN 1001 ELSE 1002 END WHERE township_code = '149901100' AND seq < 3; UPDATE ledger_entry SET seq = 1003 - seq WHERE seq > 1000`,
		"a balance":               `UPDATE ledger_balance SET amount = amount + 1 WHERE account = 'available' AND measure = 'area' AND township_code = '149901100'`,
		"a balance taken out":     `DELETE FROM ledger_balance WHERE account = 'locked'`,
		"a book's head":           `UPDATE ledger_book SET head = '' WHERE township_code = '149901100'`,
		"a book taken out":        `DELETE FROM ledger_balance WHERE township_code = '149901101'; DELETE FROM ledger_entry WHERE township_code = '149901101'`,
		"a credit taken out":      `DELETE FROM ledger_credit`,
		"a credit moved":          `UPDATE ledger_credit SET geom = ST_Translate(geom, 0.001, 0) WHERE number = 'J1'`,
		"another's credit gone":   `DELETE FROM ledger_credit WHERE number = 'Z1'`,
		"a head of credits gone":  `DELETE FROM ledger_credit_chain WHERE chain = '占补平衡'`,
		"another's credit freed":  `UPDATE ledger_credit SET withdrawn_by = (SELECT tx_id FROM ledger_transaction LIMIT 1) WHERE number = 'Z1'`,
		"a credit withdrawn":      `UPDATE ledger_credit SET withdrawn_by = tx_id`,
		"a parcel's stage":        `UPDATE ledger_parcel SET stage = 'locked' WHERE number = 'C4'`,
		"a parcel's amount":       `UPDATE ledger_parcel SET held[1] = held[1] + 1 WHERE number = 'J2'`,
		"a parcel's township":     `UPDATE ledger_parcel SET township_code = '149901101' WHERE number = 'J2'`,
		"a parcel taken out":      `DELETE FROM ledger_parcel WHERE number = 'J2'`,
		"a cancellation's reason": `UPDATE ledger_credit_cancellation SET reason = 'another'`,
		"a cancellation gone":     `DELETE FROM ledger_credit_cancellation`,
		"another one cancelled":   `UPDATE ledger_credit_cancellation SET credit_id = (SELECT credit_id FROM ledger_credit WHERE number = 'J1')`,
		"a decision on the rules": `UPDATE ledger_rule SET approval = 'another'`,
		"how the year balances":   `UPDATE ledger_year SET mode = 'in_out', enforced = '{area}' WHERE year = 2026`,
		"what the year enforces":  `UPDATE ledger_year SET enforced = '{area}' WHERE year = 2025`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := filled(t)
			b.exec(`SET session_replication_role = replica; ` + sql + `; SET session_replication_role = origin`)
			flaws, err := ledger.Verify(t.Context(), b.db.Pool, county)
			if err != nil {
				t.Fatal(err)
			}
			if len(flaws) == 0 {
				t.Error("not found")
			}
			for _, f := range flaws {
				if f.What == "" {
					t.Errorf("%+v does not say what", f)
				}
			}
		})
	}
}

func TestVerifySaysNothingOfAnEmptyLedger(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	b.sound()
	if flaws, err := ledger.Verify(t.Context(), b.db.Pool, "149902"); err != nil || len(flaws) != 0 {
		t.Error(flaws, err)
	}
	if list, err := ledger.Entries(t.Context(), b.db.Pool, county, year, ledger.Filter{Limit: 10}); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}
