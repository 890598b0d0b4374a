package workflow_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"gengheng/internal/access"
	"gengheng/internal/workflow"
)

// What a person is offered is what is not refused for the state, the role or the
// signature: every role tries every action on a record in several states.
func TestAllowed_IsWhatIsNotRefusedForStateOrRole(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.do(in("J1"), workflow.Declare)
	b.do(in("J2"), workflow.Declare, workflow.Submit)
	b.do(in("J3"), workflow.Declare, workflow.Submit, workflow.Check, workflow.Review)
	b.do(out("C1"), workflow.Declare, workflow.Submit, workflow.Check, workflow.Review, workflow.Plan, workflow.Approve)
	own := b.people[access.Bureau] // declares by itself, and may then not check
	if _, err := b.as(own, in("J4"), workflow.Declare, workflow.Input{Reason: "合成"}); err != nil {
		t.Fatal(err)
	}
	b.do(in("J4"), workflow.Submit)
	refused := errors.New("taken back")
	var offered int
	for _, key := range []workflow.Key{in("J1"), in("J2"), in("J3"), out("C1"), in("J4")} {
		for _, who := range b.people {
			record, err := workflow.Read(t.Context(), b.db.Pool, key)
			b.must(err)
			allowed := record.Allowed(who)
			offered += len(allowed)
			for _, s := range workflow.Steps() {
				if s.Composed {
					continue
				}
				err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
					_, err := b.w.Apply(ctx, tx, who, key, s.Action, workflow.Input{Reason: "合成", Facts: b.facts(), Revision: record.Revision, Rectify: []string{"一"}, RectifyBy: b.day(1)})
					return errors.Join(refused, err)
				})
				var r *workflow.Refusal
				no := errors.As(err, &r) && slices.Contains([]workflow.Code{workflow.IllegalStep, workflow.WrongRole, workflow.OwnSignature, workflow.Exists}, r.Code)
				if no == slices.Contains(allowed, s.Action) {
					t.Errorf("%s of %s (%s) by %s: offered %v, but %v", s.Action, key, record.State, who.Role, allowed, err)
				}
			}
		}
	}
	if offered == 0 {
		t.Error("nothing was offered to anyone")
	}
}
