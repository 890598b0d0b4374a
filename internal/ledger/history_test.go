package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"gengheng/internal/land"
	"gengheng/internal/ledger"
	"gengheng/internal/store"
	"gengheng/internal/store/storetest"
)

// model is what the books should hold, in a few lines: per parcel how far it
// has come, per township what is available.
type model struct {
	available map[string]int64
	parcels   map[string]*modelParcel // by number
}

type modelParcel struct {
	town, direction, state string
	amount                 int64
}

var towns = []string{east, west}

// TestRandomHistories runs random operations one after the other against the
// model: what the model forbids is refused and changes nothing.
func TestRandomHistories(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	plots := 0
	rapid.Check(t, func(t *rapid.T) {
		m := &model{available: map[string]int64{}, parcels: map[string]*modelParcel{}}
		run := uuid.NewString()[:8]
		for _, town := range towns { // what earlier histories left
			m.available[town] = int64(b.side(town).Available)
		}
		names := func(state, direction string) []string {
			var list []string
			for i := 0; ; i++ {
				p := m.parcels[fmt.Sprint(run, i)]
				if p == nil {
					return list
				}
				if p.state == state && p.direction == direction {
					list = append(list, fmt.Sprint(run, i))
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch op := rapid.SampledFrom([]string{"plan", "plan", "accept", "accept", "lock", "release", "execute", "transfer"}).Draw(t, "op"); op {
			case "plan":
				number := fmt.Sprint(run, len(m.parcels))
				p := &modelParcel{rapid.SampledFrom(towns).Draw(t, "town"), rapid.SampledFrom([]string{"in", "out"}).Draw(t, "direction"), "planned", rapid.Int64Range(1, 500).Draw(t, "m²") * 100}
				m.parcels[number] = p
				b.must(b.plan(parcel(p.town, number), p.direction, ledger.Amounts{Area: land.Area(p.amount)}))
			case "accept":
				list := names("planned", "in")
				if len(list) == 0 {
					continue
				}
				number := rapid.SampledFrom(list).Draw(t, "parcel")
				p := m.parcels[number]
				plots++
				_, err := b.accept(parcel(p.town, number), ledger.Amounts{Area: land.Area(p.amount)}, plot(plots))
				b.must(err)
				p.state = "accepted"
				m.available[p.town] += p.amount
			case "lock":
				list := names("planned", "out")
				if len(list) == 0 {
					continue
				}
				number := rapid.SampledFrom(list).Draw(t, "parcel")
				p := m.parcels[number]
				err := b.step(ledger.LockOut, parcel(p.town, number))
				if (err == nil) != (m.available[p.town] >= p.amount) {
					t.Fatalf("locking %d of %d: %v", p.amount, m.available[p.town], err)
				}
				if err == nil {
					p.state = "locked"
					m.available[p.town] -= p.amount
				}
			case "release", "execute":
				from, to := "locked", "released"
				if op == "execute" {
					from, to = "released", "executed"
				}
				list := names(from, "out")
				if len(list) == 0 {
					continue
				}
				number := rapid.SampledFrom(list).Draw(t, "parcel")
				p := m.parcels[number]
				if op == "release" {
					b.must(b.step(ledger.ReleaseOut, parcel(p.town, number)))
				} else {
					less := rapid.Int64Range(0, p.amount-1).Draw(t, "less")
					b.must(b.tx(func(tx pgx.Tx) error {
						_, err := ledger.ExecuteOut(context.Background(), tx, parcel(p.town, number), ledger.Amounts{Area: land.Area(p.amount - less)}, b.note())
						return err
					}))
					m.available[p.town] += less
				}
				p.state = to
			case "transfer":
				i := rapid.IntRange(0, 1).Draw(t, "from")
				amount := rapid.Int64Range(1, 1000).Draw(t, "m²") * 100
				err := b.tx(func(tx pgx.Tx) error {
					_, err := ledger.TransferQuota(context.Background(), tx, county, year, towns[i], towns[1-i], ledger.Amounts{Area: land.Area(amount)}, b.note())
					return err
				})
				if (err == nil) != (m.available[towns[i]] >= amount) {
					t.Fatalf("transferring %d of %d: %v", amount, m.available[towns[i]], err)
				}
				if err == nil {
					m.available[towns[i]] -= amount
					m.available[towns[1-i]] += amount
				}
			}
		}
		for _, town := range towns {
			if got := int64(b.side(town).Available); got != m.available[town] {
				t.Fatalf("%s has %d available, the model %d", town, got, m.available[town])
			}
		}
	})
	b.sound()
}

// TestManyClientsAtOnce lets clients do random operations at the same time,
// some of them twice with the same key, and counts afterwards: nothing is lost,
// nothing doubled, no account below its floor.
func TestManyClientsAtOnce(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	const clients, rounds = 12, 25
	type tally struct{ in, locked, moved int64 }
	var (
		group  sync.WaitGroup
		mutex  sync.Mutex
		totals = map[string]*tally{east: {}, west: {}}
	)
	for c := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			for r := range rounds {
				town := towns[rng.IntN(2)]
				other := towns[0]
				if town == other {
					other = towns[1]
				}
				number := fmt.Sprintf("%d-%d", c, r)
				amount := rng.Int64N(900) + 100
				a := ledger.Amounts{Area: land.Area(amount)}
				key := func(what string) ledger.Note {
					return ledger.Note{Key: what + number, By: officer, Approval: "a"}
				}
				do := func(fn func(tx pgx.Tx) error) bool {
					for range 1 + rng.IntN(2) { // a client that repeats itself
						err := b.tx(fn)
						var e *ledger.Error
						if err != nil && !(errors.As(err, &e) && e.Code == ledger.Insufficient) {
							t.Error(err)
						}
						if err != nil {
							return false
						}
					}
					return true
				}
				ctx := t.Context()
				switch rng.IntN(3) {
				case 0:
					ok := do(func(tx pgx.Tx) error {
						_, err := ledger.PlanParcel(ctx, tx, parcel(town, number), "in", a, key("p"))
						return err
					}) && do(func(tx pgx.Tx) error {
						_, err := ledger.AcceptIn(ctx, tx, parcel(town, number), a, plot(c*rounds+r), key("a"))
						return err
					})
					if !ok {
						t.Error("an acceptance was refused")
					}
					mutex.Lock()
					totals[town].in += amount
					mutex.Unlock()
				case 1:
					do(func(tx pgx.Tx) error {
						_, err := ledger.PlanParcel(ctx, tx, parcel(town, number), "out", a, key("p"))
						return err
					})
					if do(func(tx pgx.Tx) error {
						_, err := ledger.LockOut(ctx, tx, parcel(town, number), key("l"))
						return err
					}) {
						mutex.Lock()
						totals[town].locked += amount
						mutex.Unlock()
					}
				case 2:
					if do(func(tx pgx.Tx) error {
						_, err := ledger.TransferQuota(ctx, tx, county, year, town, other, a, key("t"))
						return err
					}) {
						mutex.Lock()
						totals[town].moved -= amount
						totals[other].moved += amount
						mutex.Unlock()
					}
				}
			}
		})
	}
	group.Wait()
	for town, want := range totals {
		s := b.side(town)
		if s.Available < 0 || int64(s.AcceptedIn) != want.in || int64(s.Available) != want.in-want.locked+want.moved {
			t.Errorf("%s: accepted %d, want %d; available %d, want %d", town, s.AcceptedIn, want.in, s.Available, want.in-want.locked+want.moved)
		}
	}
	b.sound()
}

// TestOfTwoWhoCreditTheSameLandOneWins runs the race many times.
func TestOfTwoWhoCreditTheSameLandOneWins(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	for r := range 15 {
		numbers := []string{fmt.Sprintf("a%d", r), fmt.Sprintf("b%d", r), fmt.Sprintf("c%d", r)}
		for i, n := range numbers {
			b.must(b.plan(parcel(towns[i%2], n), "in", m2(100)))
		}
		won := make(chan bool, len(numbers))
		for i, n := range numbers {
			go func() {
				err := b.tx(func(tx pgx.Tx) error {
					_, err := ledger.AcceptIn(context.Background(), tx, parcel(towns[i%2], n), m2(100), plot(r), ledger.Note{Key: "race " + n, By: officer})
					return err
				})
				var e *ledger.Error
				if err != nil && !(errors.As(err, &e) && e.Code == ledger.DoubleCredit) {
					t.Error(err)
				}
				won <- err == nil
			}()
		}
		winners := 0
		for range numbers {
			if <-won {
				winners++
			}
		}
		if winners != 1 {
			t.Fatalf("round %d: %d have credited the same land", r, winners)
		}
	}
	b.sound()
}

// BenchmarkMixed is 50 clients with mixed writes, on a cluster of its own that
// keeps what it has committed (fsync, synchronous_commit), as a bureau's does;
// it reports transactions a second and checks every sum afterwards.
func BenchmarkMixed(b *testing.B) {
	db, err := store.Open(b.Context(), store.Config{DataDir: storetest.DataDir(b), MaxConns: 16})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	k := &books{t: b, db: db}
	k.must(store.Migrate(b.Context(), db))
	k.openYears(ledger.InOut, ledger.Area)
	const towns = 16
	code := func(n int) string { return fmt.Sprintf("1499011%02d", n) }
	b.SetParallelism(25) // times two processors
	var client sync.Mutex
	next := 0
	before, _ := serverCPU(b, db)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		client.Lock()
		next++
		c := next
		client.Unlock()
		for r := 0; pb.Next(); r++ {
			number := fmt.Sprintf("%d-%d", c, r/4)
			p := parcel(code((c*7+r/4)%towns), number)
			note := ledger.Note{Key: fmt.Sprintf("%d/%d", c, r), By: officer, Approval: "a"}
			err := k.tx(func(tx pgx.Tx) (err error) {
				switch r % 4 {
				case 0:
					_, err = ledger.PlanParcel(context.Background(), tx, p, "in", m2(90), note)
				case 1:
					_, err = ledger.AcceptIn(context.Background(), tx, p, m2(90), plot(c*100000+r/4), note)
				case 2:
					_, err = ledger.PlanParcel(context.Background(), tx, p, "out", m2(30), note)
				default:
					_, err = ledger.LockOut(context.Background(), tx, p, note)
				}
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
	b.StopTimer()
	if cpu, ok := serverCPU(b, db); ok {
		b.ReportMetric(float64((cpu-before).Microseconds())/float64(b.N), "server-µs/tx")
	}
	k.sound()
}

// serverCPU is what the pool's connections have cost the server so far; not ok
// where /proc does not say.
func serverCPU(b *testing.B, db *store.DB) (sum time.Duration, ok bool) {
	rows, err := db.Pool.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'`)
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, false
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		for _, ticks := range fields[11:13] { // utime, stime, in hundredths of a second
			n, err := strconv.Atoi(ticks)
			if err != nil {
				return 0, false
			}
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum, true
}
