package year_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/ledger"
	"gengheng/internal/screening"
	"gengheng/internal/workflow"
	"gengheng/internal/year"
)

// Many people at once take whatever step comes to mind, each for one parcel or
// several. Whatever happens, every parcel's amount stands in the account that
// its state says, no step is half taken, and the books and the audit log hold.
func TestAct_RecordsAndBooksNeverPart(t *testing.T) {
	t.Parallel()
	const parcels, clients, moves = 5, 6, 60
	b := newBed(t)
	b.open()
	var ins, outs []string
	chosen := map[string]string{}
	for i := range parcels {
		j, c := fmt.Sprintf("J%d", i), fmt.Sprintf("C%d", i)
		b.declare("in", j, east, i, "9000.00", false)
		b.declare("out", c, east, parcels+i, "8000.00", false)
		ins, outs = append(ins, "in/"+j), append(outs, "out/"+c)
		chosen["in/"+j], chosen["out/"+c] = "9000.00", "8000.00"
	}
	all := append(append([]string{}, ins...), outs...)
	b.reviewed(all...)
	for _, k := range all {
		b.file(k, workflow.Consent, "")
	}
	b.decided(chosen, "")
	b.must(b.act(access.TownshipClerk, workflow.Start, ins...))
	for i := range parcels {
		b.checked(&judge{verdict: screening.Verdict{Verdict: "eligible", Net: 890000, Quality: six()}}, fmt.Sprintf("J%d", i), box(i, 0, 100, 100))
	}
	actions := []workflow.Action{workflow.Accept, workflow.Accept, workflow.Fail, workflow.WriteOff, workflow.Lock, workflow.Lock, workflow.Unlock, workflow.Release,
		workflow.Recall, workflow.Execute, workflow.Revoke}
	var wg sync.WaitGroup
	for n := range clients {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		wg.Go(func() {
			for range moves {
				action := actions[random.IntN(len(actions))]
				who := access.BureauLead
				if action == workflow.Execute {
					who = access.TownshipClerk
				}
				var keys []string
				for range 1 + random.IntN(2) {
					keys = append(keys, all[random.IntN(len(all))])
				}
				if err := b.attempt(who, action, keys); err != nil {
					t.Errorf("%s of %v: %v", action, keys, err)
				}
			}
		})
	}
	wg.Wait()
	b.sound()
	for _, k := range all {
		b.standsAs(k)
	}
	var steps int
	b.must(b.db.Pool.QueryRow(t.Context(), `SELECT count(DISTINCT action) FROM workflow_event WHERE action IN ('accept', 'lock', 'release', 'execute')`).Scan(&steps))
	if steps < 2 { // how far parcels come depends on who was first
		t.Error("hardly anything was done; the test would prove nothing")
	}
}

// attempt takes a step; only a refusal may keep it from being taken.
func (b *bed) attempt(who access.Role, action workflow.Action, keys []string) error {
	seen := map[string]bool{}
	var items []year.Item
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			items = append(items, b.items(k)...)
		}
	}
	_, err := b.y.Act(b.as(who), action, items, "合成理由", workflow.Balanced)
	var several *year.Refusals
	var one *workflow.Refusal
	var l *ledger.Error
	if err == nil || errors.As(err, &several) || errors.As(err, &one) || errors.As(err, &l) {
		return nil
	}
	return err
}

// standsAs holds a parcel's account against its state.
func (b *bed) standsAs(k string) {
	b.t.Helper()
	r, err := workflow.Read(b.t.Context(), b.db.Pool, b.key(k))
	b.must(err)
	accounts := map[string][]ledger.Account{"in": {ledger.InPlanned, ledger.Available}, "out": {ledger.OutPlanned, ledger.Locked, ledger.Released, ledger.Used}}[r.Direction]
	where := map[workflow.State]ledger.Account{workflow.TownshipChecked: ledger.InPlanned, workflow.Failed: ledger.InPlanned, workflow.Accepted: ledger.Available,
		workflow.Approved: ledger.OutPlanned, workflow.QuotaLocked: ledger.Locked, workflow.Released: ledger.Released, workflow.Executed: ledger.Used, workflow.WrittenOff: ""}
	want, known := where[r.State]
	if !known {
		b.t.Errorf("%s is %s", k, r.State)
	}
	b.must(pgx.BeginFunc(context.Background(), b.db.Pool, func(tx pgx.Tx) error {
		for _, account := range accounts {
			p := ledger.Parcel{Book: ledger.Book{County: county, Year: 2025, Township: r.Township}, Number: r.Number}
			a, err := ledger.Standing(context.Background(), tx, p, r.Direction, account)
			if err != nil {
				return err
			}
			if (a.Area > 0) != (account == want) {
				b.t.Errorf("%s is %s, and %s m² stand in %s", k, r.State, a.Area, account)
			}
		}
		return nil
	}))
}
