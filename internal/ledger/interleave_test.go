package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"gengheng/internal/land"
	"gengheng/internal/ledger"
)

// wish is one thing that a client wants to post.
type wish struct {
	op       string
	town     int
	parcel   int // one of four, so that clients get in each other's way
	amount   int64
	place    int  // of the accepted land; shared too
	twice    bool // the client did not hear the answer and asks again
	withNext bool // in one transaction with the next wish
}

// wishes are the things that a client wants, most of them what could come next.
func wishes(rng *rand.Rand, n int) []wish {
	ops := []string{"plan in", "plan out", "accept", "accept", "lock", "lock", "lock", "release", "release", "release", "execute", "execute", "execute",
		"unplan in", "unplan out", "unlock", "recognise in", "recognise out", "recognise out", "transfer", "reverse", "register", "exempt", "settle"}
	list := make([]wish, n)
	for i := range list {
		w := wish{op: ops[rng.IntN(len(ops))], parcel: rng.IntN(4), amount: 100 * (1 + rng.Int64N(300)), place: rng.IntN(12),
			twice: rng.IntN(4) == 0, withNext: rng.IntN(5) == 0}
		w.town = w.parcel % 2
		if rng.IntN(8) == 0 { // the wrong book, or the parcel's new one
			w.town = 1 - w.town
		}
		if w.op == "execute" {
			w.amount = 100 // or more would be taken than was released, most times
		}
		list[i] = w
	}
	return list
}

// crowd is clients that share two townships' books.
type crowd struct {
	*books
	run    int
	towns  [2]string
	mutex  sync.Mutex
	posted map[string]uuid.UUID // by key, what a client was told is in the books
	ids    []uuid.UUID          // of them, to be reversed
	plots  int
}

// do posts a wish under a key.
func (c *crowd) do(ctx context.Context, tx pgx.Tx, w wish, key string) (ledger.Posted, error) {
	note := ledger.Note{Key: key, By: officer, Reason: "合成", Approval: "合成"}
	p := ledger.Parcel{Book: ledger.Book{County: county, Year: year, Township: c.towns[w.town]}, Number: fmt.Sprintf("%d-%d", c.run, w.parcel)}
	op, direction, _ := strings.Cut(w.op, " ")
	a := ledger.Amounts{Area: land.Area(w.amount), Paddy: land.Area(w.amount / 2), Quality: land.Area(w.amount / 3)}
	switch op {
	case "plan":
		return ledger.PlanParcel(ctx, tx, p, direction, a, note)
	case "unplan":
		return ledger.UnplanParcel(ctx, tx, p, direction, note)
	case "accept":
		return ledger.AcceptIn(ctx, tx, p, a, plot(c.plots+w.place), note)
	case "lock":
		return ledger.LockOut(ctx, tx, p, note)
	case "unlock":
		return ledger.UnlockOut(ctx, tx, p, note)
	case "release":
		return ledger.ReleaseOut(ctx, tx, p, note)
	case "execute":
		return ledger.ExecuteOut(ctx, tx, p, a, note)
	case "recognise":
		return ledger.Recognise(ctx, tx, p, direction, a, note)
	case "transfer":
		return ledger.TransferQuota(ctx, tx, county, year, c.towns[w.town], c.towns[1-w.town], a, note)
	case "exempt":
		p.Number += "灾毁"
		return ledger.ExemptOutflow(ctx, tx, p, a, note)
	case "settle":
		return ledger.Settle(ctx, tx, p.Book, note)
	case "register":
		return ledger.Posted{}, ledger.RegisterCredit(ctx, tx, county, "占补平衡", 2020, key, plot(c.plots+w.place))
	}
	c.mutex.Lock()
	id := uuid.New()
	if len(c.ids) > 0 {
		id = c.ids[int(w.amount/100)%len(c.ids)]
	}
	c.mutex.Unlock()
	return ledger.Reverse(ctx, tx, county, id, note)
}

// begin plans every parcel, and accepts one in each township that nobody else
// touches, so that there is something to lock.
func (c *crowd) begin(t *rapid.T) {
	for i := range 2 {
		for _, w := range []wish{{op: "plan in", town: i, parcel: 8 + i, amount: 60000}, {op: "accept", town: i, parcel: 8 + i, amount: 60000, place: 20 + i},
			{op: "plan in", town: i, parcel: i, amount: 20000}, {op: "plan in", town: i, parcel: 2 + i, amount: 20000},
			{op: "plan out", town: i, parcel: i, amount: 20000}, {op: "plan out", town: i, parcel: 2 + i, amount: 10000}} {
			key := fmt.Sprintf("%d/begin %d %s %d", c.run, i, w.op, w.parcel)
			var p ledger.Posted
			if err := c.tx(func(tx pgx.Tx) (err error) {
				p, err = c.do(context.Background(), tx, w, key)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			c.posted[key] = p.ID
			c.ids = append(c.ids, p.ID)
		}
	}
}

// client posts its wishes one after the other, some two in one transaction, and
// repeats what the database ended so that others could go on. A refusal is an
// answer; anything else is not.
func (c *crowd) client(n int, wishes []wish) error {
	ctx := context.Background()
	for i := 0; i < len(wishes); i++ {
		first, last := i, i
		if wishes[i].withNext && i+1 < len(wishes) {
			last++
		}
		i = last
		var done map[string]uuid.UUID
		attempt := func() error {
			return c.tx(func(tx pgx.Tx) error {
				done = map[string]uuid.UUID{}
				for k := first; k <= last; k++ {
					key := fmt.Sprintf("%d/%d/%d", c.run, n, k)
					p, err := c.do(ctx, tx, wishes[k], key)
					if err != nil {
						return err
					}
					if wishes[k].op != "register" {
						done[key] = p.ID
					}
				}
				return nil
			})
		}
		err := again(attempt)
		if err != nil {
			if !isRefusal(err) {
				return fmt.Errorf("client %d, %v: %w", n, wishes[first:last+1], err)
			}
			continue
		}
		told := done
		if err := c.believe(told); err != nil {
			return err
		}
		if wishes[first].twice && wishes[first].op != "register" && wishes[first].op != "reverse" && wishes[last].op != "register" && wishes[last].op != "reverse" {
			if err := again(attempt); err != nil {
				return fmt.Errorf("client %d asked again, %v: %w", n, wishes[first:last+1], err)
			}
			for key, id := range told {
				if done[key] != id {
					return fmt.Errorf("%s was posted as %s and again as %s", key, id, done[key])
				}
			}
		}
	}
	return nil
}

func (c *crowd) believe(told map[string]uuid.UUID) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for key, id := range told {
		if _, ok := c.posted[key]; ok {
			return fmt.Errorf("%s was posted twice", key)
		}
		c.posted[key] = id
		c.ids = append(c.ids, id)
	}
	return nil
}

// again repeats what a deadlock or a serialisation ended.
func again(fn func() error) error {
	for {
		err := fn()
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || pg.Code != "40P01" && pg.Code != "40001" {
			return err
		}
	}
}

func isRefusal(err error) bool {
	var e *ledger.Error
	return errors.As(err, &e)
}

// TestNoInterleavingBreaksTheBooks lets clients post random things of the same
// parcels, land and quota at once, with repeated keys, reversals and
// transactions that wait for each other in a circle; then it replays the entries
// in a few lines of its own and finds every rule kept at every step.
func TestNoInterleavingBreaksTheBooks(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '20ms'); END $$`)
	b.db.Pool.Reset() // the next connections find a circle sooner
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		scripts := make([][]wish, 4)
		for n := range scripts {
			scripts[n] = wishes(rng, 12)
		}
		run++
		c := &crowd{books: b, run: run, plots: 100 * run, posted: map[string]uuid.UUID{},
			towns: [2]string{fmt.Sprintf("149901%03d", 2*run%1000), fmt.Sprintf("149901%03d", (2*run+1)%1000)}}
		c.begin(t)
		var group sync.WaitGroup
		errs := make([]error, len(scripts))
		for n, script := range scripts {
			group.Go(func() { errs[n] = c.client(n, script) })
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		c.check(t)
	})
	b.sound()
}
