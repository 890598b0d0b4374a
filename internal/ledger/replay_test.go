package ledger_test

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// line is an entry with what its transaction says.
type line struct {
	Town, Kind, Direction, Number string
	Tx                            uuid.UUID
	Reverses                      *uuid.UUID
	Key, Measure, Debit, Credit   string
	Amount                        int64
}

// check replays what a crowd has posted, book by book in the order of the
// chain, and holds it against the rules, written once more here.
func (c *crowd) check(t *rapid.T) {
	rows, err := c.db.Pool.Query(c.t.Context(), `
		SELECT e.township_code, t.kind, t.direction, t.number, t.tx_id, t.reverses, t.key, e.measure, e.debit, e.credit, e.amount
		FROM ledger_entry e JOIN ledger_transaction t ON t.county_code = e.county_code AND t.tx_id = e.tx_id
		WHERE e.county_code = $1 AND e.year = $2 AND e.township_code = ANY ($3) ORDER BY e.township_code, e.seq`, county, year, c.towns[:])
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]uuid.UUID{}
	balance := map[string]int64{} // "town measure account"
	stage := map[string]string{}  // of a parcel in a book
	given := map[string]int64{}   // of a transfer, per measure: what left less what came
	for i := 0; i < len(lines); {
		first := lines[i]
		j := i
		for ; j < len(lines) && lines[j].Tx == first.Tx && lines[j].Town == first.Town; j++ {
			l := lines[j]
			balance[l.Town+" "+l.Measure+" "+l.Debit] -= l.Amount
			balance[l.Town+" "+l.Measure+" "+l.Credit] += l.Amount
			for account, sign := range map[string]int64{l.Debit: -1, l.Credit: 1} {
				if account == "transferred_out" || account == "transferred_in" {
					given[l.Tx.String()+" "+l.Measure] += sign * l.Amount
				}
			}
		}
		if run := first.Key; keys[run] != uuid.Nil && keys[run] != first.Tx {
			t.Fatalf("key %s stands for two transactions", run)
		}
		keys[first.Key] = first.Tx
		floors(t, balance, first)
		goOn(t, stage, first)
		i = j
	}
	where := map[string]string{}
	for parcel, at := range stage {
		if town, name := parcel[:9], parcel[9:]; at != "" {
			if where[name] != "" {
				t.Fatalf("parcel%s is in the books of %s and %s", name, where[name], town)
			}
			where[name] = town
		}
	}
	for what, off := range given {
		if off != 0 {
			t.Fatalf("transfer %s gives %d more than it is received", what, off)
		}
	}
	for key, id := range c.posted {
		if keys[key] != id {
			t.Fatalf("a client was told that %s is posted as %s; the books have %s", key, id, keys[key])
		}
	}
	if len(keys) != len(c.posted) && c.run < 500 { // later runs share books with earlier ones
		t.Fatalf("%d transactions in the books, %d that clients were told of", len(keys), len(c.posted))
	}
	c.creditedOnce(t)
}

// floors holds every account of a book to its rule after each transaction.
func floors(t *rapid.T, balance map[string]int64, after line) {
	for _, m := range []string{"area", "paddy", "quality"} {
		at := func(account string) int64 { return balance[after.Town+" "+m+" "+account] }
		for _, account := range []string{"in_planned", "locked", "released", "used", "out_planned", "recognised_in", "recognised_out", "transferred_out", "exempt_out"} {
			if at(account) < 0 {
				t.Fatalf("%s %s of %s is %d after %s of %s", m, account, after.Town, at(account), after.Kind, after.Number)
			}
		}
		if m == "area" && at("available") < 0 { // 先进后出
			t.Fatalf("%s has %d available after %s of %s", after.Town, at("available"), after.Kind, after.Number)
		}
		if at("owed") > 0 {
			t.Fatalf("%s is owed %d after %s", after.Town, at("owed"), after.Kind)
		}
	}
}

// ways are the steps of a parcel: from where to where.
var ways = map[string][2]string{
	"plan_in": {"", "planned"}, "unplan_in": {"planned", ""}, "accept_in": {"planned", "accepted"}, "recognise_in": {"accepted", "recognised"},
	"plan_out": {"", "planned"}, "unplan_out": {"planned", ""}, "lock_out": {"planned", "locked"}, "unlock_out": {"locked", "planned"},
	"release_out": {"locked", "released"}, "execute_out": {"released", "executed"}, "recognise_out": {"executed", "recognised"}, "exempt_out": {"", "exempt"},
}

// goOn takes a parcel a step further, or back.
func goOn(t *rapid.T, stage map[string]string, l line) {
	way, ok := ways[l.Kind]
	if !ok {
		return
	}
	if l.Reverses != nil {
		way[0], way[1] = way[1], way[0]
	}
	parcel := l.Town + " " + l.Direction + "/" + l.Number
	if stage[parcel] != way[0] {
		t.Fatalf("%s was %q when %s (a reversal: %v) went from %q", parcel, stage[parcel], l.Kind, l.Reverses != nil, way[0])
	}
	stage[parcel] = way[1]
}

// creditedOnce finds no two credits of this run's plots, which overlap only where
// they are the same.
func (c *crowd) creditedOnce(t *rapid.T) {
	rows, err := c.db.Pool.Query(c.t.Context(), `SELECT programme || ' ' || number || ' ' || ST_AsText(geom) FROM ledger_credit WHERE county_code = $1 AND withdrawn_by IS NULL`, county)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, credit := range list {
		place := credit[slices.Index([]byte(credit), '('):]
		if seen[place] != "" {
			t.Fatal(fmt.Sprintf("the same land is credited as %s and %s", seen[place], credit))
		}
		seen[place] = credit
	}
}
