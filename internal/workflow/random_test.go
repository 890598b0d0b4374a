package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"gengheng/internal/access"
	"gengheng/internal/land"
	"gengheng/internal/workflow"
)

// move is one thing that somebody tries.
type move struct {
	role    access.Role
	key     workflow.Key
	action  workflow.Action // "": file every document and give every opinion
	reason  string
	current bool // names the revision it has seen
}

func drawMoves(t *rapid.T, keys []workflow.Key) []move {
	var actions []workflow.Action
	for _, s := range workflow.Steps() {
		actions = append(actions, s.Action)
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) move {
		m := move{key: rapid.SampledFrom(keys).Draw(t, "key"), current: rapid.Bool().Draw(t, "current"), reason: rapid.SampledFrom([]string{"", "合成理由"}).Draw(t, "reason")}
		m.action = rapid.SampledFrom(append(slices.Clone(actions), "", "", "", "")).Draw(t, "action")
		m.role = roleFor(m.action)
		if rapid.IntRange(0, 4).Draw(t, "whoever") == 0 {
			m.role = rapid.SampledFrom(access.Roles()).Draw(t, "role")
		}
		return m
	}), 10, 40).Draw(t, "moves")
}

// Many people at once try whatever they like. No record comes to a state that
// the county's plan does not allow, every step that was said to be taken is in
// the history, once, and no other.
func TestApply_ConcurrentActorsNeverBreakTheTable(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var serial atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		n := serial.Add(1)
		keys := []workflow.Key{in(fmt.Sprintf("J%d", n)), out(fmt.Sprintf("C%d", n)), out(fmt.Sprintf("T%d", n))}
		for i, k := range keys { // a head start, so that late states are met as well
			exempt := workflow.Balanced
			if i == 2 {
				exempt = workflow.Disaster
			}
			if _, err := b.as(b.people[access.TownshipClerk], k, workflow.Declare, workflow.Input{Exempt: exempt}); err != nil {
				rt.Fatal(err)
			}
			ahead := append(append([]workflow.Action{}, toPlan[1:]...), workflow.Start, workflow.Lock)
			for _, a := range ahead[:rapid.IntRange(0, len(ahead)).Draw(rt, "ahead")] {
				if a == workflow.Plan {
					if err := b.everything(k); err != nil {
						rt.Fatal(err)
					}
				}
				if _, err := b.as(b.people[roleFor(a)], k, a, workflow.Input{Reason: "r"}); err != nil && code(err) == "" {
					rt.Fatal(err)
				}
			}
		}
		moves := drawMoves(rt, keys)
		var taken sync.Map
		for _, k := range keys {
			h, err := workflow.History(t.Context(), b.db.Pool, k)
			if err != nil {
				rt.Fatal(err)
			}
			for _, e := range h {
				taken.Store(fmt.Sprint(k, e.Seq), e.Action)
			}
		}
		var wg sync.WaitGroup
		for part := range 4 {
			wg.Go(func() {
				for i := part; i < len(moves); i += 4 {
					if err := b.try(moves[i], &taken); err != nil {
						rt.Error(err)
					}
				}
			})
		}
		wg.Wait()
		steps := 0
		taken.Range(func(_, _ any) bool { steps++; return true })
		for _, k := range keys {
			steps -= b.lawfulHistory(rt, k, &taken)
		}
		if steps != 0 {
			rt.Errorf("%d steps were said to be taken and are not in the history", steps)
		}
	})
}

// everything files every document and gives every opinion; who is too late is
// refused, which is no matter.
func (b *bed) everything(k workflow.Key) error {
	clerk := b.people[access.TownshipClerk]
	return b.tx(func(ctx context.Context, tx pgx.Tx) error {
		var refusal *workflow.Refusal
		for _, d := range workflow.Departments() {
			if _, err := b.w.Give(ctx, tx, b.people[d], k, workflow.Opinion{Opinion: workflow.Agree}); err != nil && !errors.As(err, &refusal) {
				return err
			}
		}
		for _, d := range []workflow.Document{{Kind: workflow.Consent}, {Kind: workflow.AcceptanceForm}, {Kind: workflow.RectificationReport}, {Kind: workflow.Evidence},
			{Kind: workflow.ChangeBatch}, {Kind: workflow.Approval, Purpose: "设施农用地"}, {Kind: workflow.Approval, Purpose: "灾毁"}} {
			d.FileName, d.Size, d.SHA256 = "合成.pdf", 1, strings.Repeat("a", 64)
			if _, err := b.w.AddDocument(ctx, tx, clerk, k, d); err != nil && !errors.As(err, &refusal) {
				return err
			}
		}
		return b.inField(ctx, tx, k)
	})
}

// inField photographs, measures, signs and puts right whatever is due.
func (b *bed) inField(ctx context.Context, tx pgx.Tx, k workflow.Key) error {
	zone, _ := land.ByEPSG(4546)
	now := b.w.Now()
	m := sound()
	m.Taken = &now
	d := workflow.Document{FileName: "合成.jpg", Size: 1, SHA256: strings.Repeat("a", 64)}
	head, bureau := b.people[access.TownshipLead], b.people[access.Bureau]
	var errs []error
	_, err := b.w.AddPhoto(ctx, tx, head, k, d, m, plot(), zone, limits())
	errs = append(errs, err)
	_, err = b.w.Inspect(ctx, tx, head, k, workflow.TownshipInspection, measured(), "")
	errs = append(errs, err)
	_, err = b.w.Inspect(ctx, tx, bureau, k, workflow.CountyInspection, measured(), "")
	errs = append(errs, err)
	for _, r := range append([]access.Role{access.TownshipLead}, workflow.Departments()...) {
		department := workflow.Department(r)
		if department == "" {
			department = workflow.Township
		}
		answers := map[string]bool{}
		for _, i := range workflow.Checklist(department) {
			answers[i.Item] = true
		}
		_, err = b.w.Sign(ctx, tx, b.people[r], k, answers, "")
		errs = append(errs, err)
	}
	_, err = b.w.Done(ctx, tx, b.people[access.TownshipClerk], k, 1, "已清")
	errs = append(errs, err)
	for _, err := range errs {
		if err != nil && code(err) == "" {
			return err
		}
	}
	return nil
}

// try makes one move; anything but a step or a refusal is an error.
func (b *bed) try(m move, taken *sync.Map) error {
	if m.action == "" {
		return b.everything(m.key)
	}
	input := workflow.Input{Reason: m.reason, Facts: b.facts(), Rectify: []string{"石砾未清"}, RectifyBy: b.day(30)}
	if m.current {
		r, err := workflow.Read(b.t.Context(), b.db.Pool, m.key)
		if err != nil {
			return err
		}
		input.Revision = r.Revision
	}
	var r *workflow.Record
	err := b.tx(func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = b.w.Apply(ctx, tx, b.people[m.role], m.key, m.action, input)
		return err
	})
	var refusal *workflow.Refusal
	switch {
	case err == nil:
		if was, twice := taken.LoadOrStore(fmt.Sprint(m.key, r.Revision), m.action); twice {
			return fmt.Errorf("%s: revision %d was made by %v and by %s", m.key, r.Revision, was, m.action)
		}
		if input.Revision != 0 && r.Revision != input.Revision+1 {
			return fmt.Errorf("%s: %s overwrote what it had not seen", m.key, m.action)
		}
	case !errors.As(err, &refusal):
		return fmt.Errorf("%s of %s: %w", m.action, m.key, err)
	case refusal.Detail == "" || refusal.Record != m.key.String():
		return fmt.Errorf("%s of %s: a refusal that says nothing: %+v", m.action, m.key, refusal)
	}
	return nil
}

// lawfulHistory holds a record's history against the table of the test.
func (b *bed) lawfulHistory(rt *rapid.T, k workflow.Key, taken *sync.Map) int {
	r := b.record(k)
	h, err := workflow.History(b.t.Context(), b.db.Pool, k)
	if err != nil {
		rt.Fatal(err)
	}
	at := workflow.None
	ids := map[uuid.UUID]bool{}
	for i, e := range h {
		line := strings.Join([]string{string(r.Track()), string(e.From), string(e.Action), string(e.To)}, " ")
		if e.From == workflow.None {
			line = string(r.Track()) + " - declare draft"
		}
		action, said := taken.Load(fmt.Sprint(k, e.Seq))
		if e.Seq != i+1 || e.From != at || !isLawful(line) || ids[e.ID] || !said || action != e.Action {
			rt.Errorf("%s: event %d of %d is %+v (said: %v)", k, i+1, len(h), e, action)
		}
		at, ids[e.ID] = e.To, true
	}
	if r.State != at || r.Revision != len(h) {
		rt.Errorf("%s is %s after %d steps, its history ends in %s after %d", k, r.State, r.Revision, at, len(h))
	}
	return len(h)
}

// isLawful looks a transition up in the test's own list.
func isLawful(line string) bool {
	f := strings.Fields(line)
	for l := range strings.Lines(strings.TrimSpace(lawful)) {
		g := strings.Fields(l)
		if slices.Contains(strings.Split(g[0], "/"), f[0]) && slices.Contains(strings.Split(g[1], ","), f[1]) && g[2] == f[2] && g[3] == f[3] {
			return true
		}
	}
	return false
}
