package ledger_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/ledger"
)

func TestAReversalGoesFromTheLastStepBackwards(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	in, out := parcel(east, "J1"), parcel(east, "C1")
	ids := map[string]uuid.UUID{}
	post := func(name string, fn func(pgx.Tx, ledger.Note) (ledger.Posted, error)) {
		t.Helper()
		b.must(b.tx(func(tx pgx.Tx) error {
			posted, err := fn(tx, b.note())
			ids[name] = posted.ID
			return err
		}))
	}
	reverse := func(name string, note ledger.Note) error {
		return b.tx(func(tx pgx.Tx) error {
			note.Reason = "误记"
			_, err := ledger.Reverse(t.Context(), tx, county, ids[name], note)
			return err
		})
	}
	post("plan in", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) {
		return ledger.PlanParcel(t.Context(), tx, in, "in", m2(100), n)
	})
	// The amounts of these would make up for what J1 and C1 have moved on.
	b.must(b.plan(parcel(east, "J2"), "in", m2(100)))
	b.must(b.plan(parcel(east, "J3"), "in", m2(200)))
	_, err := b.accept(parcel(east, "J3"), m2(200), plot(3))
	b.must(err)
	b.must(b.plan(parcel(east, "C2"), "out", m2(60)))
	b.must(b.step(ledger.LockOut, parcel(east, "C2")))

	post("accept", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) {
		return ledger.AcceptIn(t.Context(), tx, in, m2(100), plot(1), n)
	})
	post("recognise", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) {
		return ledger.Recognise(t.Context(), tx, in, "in", m2(80), n)
	})
	post("plan out", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) {
		return ledger.PlanParcel(t.Context(), tx, out, "out", m2(60), n)
	})
	post("lock", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) { return ledger.LockOut(t.Context(), tx, out, n) })
	post("release", func(tx pgx.Tx, n ledger.Note) (ledger.Posted, error) {
		return ledger.ReleaseOut(t.Context(), tx, out, n)
	})

	for name, says := range map[string]string{"plan in": "recognise_in", "accept": "recognise_in", "plan out": "release_out", "lock": "release_out"} {
		refused(t, reverse(name, b.note()), ledger.NotReversible, says)
	}
	var again ledger.Note
	for _, name := range []string{"release", "lock", "plan out", "recognise", "accept"} {
		again = b.note()
		if err := reverse(name, again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	b.must(reverse("accept", again)) // the same decision once more, though the plan stands before it
	refused(t, reverse("plan in", again), ledger.KeyReused, again.Key)
	b.must(reverse("plan in", b.note()))
	if s := b.side(east); s.PlannedIn.String() != "300.00" || s.AcceptedIn.String() != "200.00" || s.RecognisedIn != 0 || s.PlannedOut.String() != "60.00" || s.Available.String() != "140.00" {
		t.Errorf("%+v", s)
	}
	b.must(b.step(ledger.ReleaseOut, parcel(east, "C2")))
	b.sound()
}

func TestARecognitionWithMorePaddyThanLandIsRefused(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	b.must(b.plan(parcel(east, "J1"), "in", m2(100)))
	_, err := b.accept(parcel(east, "J1"), m2(100), plot(1))
	b.must(err)
	for _, a := range []ledger.Amounts{{Area: 100, Paddy: 101}, {Area: -1}} {
		err := b.tx(func(tx pgx.Tx) error {
			_, err := ledger.Recognise(t.Context(), tx, parcel(east, "J1"), "in", a, b.note())
			return err
		})
		refused(t, err, ledger.BadAmount, "J1")
	}
}

func TestOfTwoWhoCloseTheYearByTheSameDecisionBothSucceed(t *testing.T) {
	b := newBooks(t, ledger.InOut, ledger.Area)
	b.must(b.plan(parcel(east, "J1"), "in", m2(100)))
	note := b.note()
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			results <- b.tx(func(tx pgx.Tx) error {
				_, err := ledger.CloseYear(context.Background(), tx, county, year, note)
				return err
			})
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	b.sound()
}
