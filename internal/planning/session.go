package planning

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"gengheng/internal/balance"
	"gengheng/internal/store"
)

// Session is a plan in the making (交互编制): a person changes costs, decides
// single parcels, sets quotas, and is answered each time with the plan that is
// then the best, with its certificate. It is in memory alone; what shall last is
// saved as a plan (Save).
//
// The problem of every revision is the one that Run writes for the same options,
// number for number; only the search starts from the plan and the prices of the
// revision before. A session may be used by many goroutines: changes wait for
// each other, reading waits for nobody.
type Session struct {
	ID     uuid.UUID
	County string
	RunID  uuid.UUID
	// PlanID is the plan that the session began with; nil: a screening run.
	PlanID *uuid.UUID

	db   *store.DB
	desk *desk
	turn gate // held by the one change that is under way
	now  atomic.Pointer[revision]

	mu     sync.Mutex
	closed bool
	sweep  *sweep // the newest frontier; nil: none
}

// revision is one state of a session. It never changes.
type revision struct {
	number    int
	given     json.RawMessage // what is said beside the rulebook, as in plan.options
	o         Options
	base      *base
	m         *model
	solution  *balance.Solution
	conflicts []balance.Conflict
	out       *outcome // nil where no plan was found
	parcels   []DraftParcel
	// plan and prices are the newest there are, to start from: by unit, and by
	// the name of the constraint.
	plan   []bool
	prices map[string]float64
	timing Timing
}

// Opening says what a session begins with: a screening run or a plan.
type Opening struct {
	County string
	RunID  uuid.UUID  // where PlanID is nil
	PlanID *uuid.UUID //
	// Options are over the plan's own, as in Adjustment.
	Options json.RawMessage
	// Limit is how long the first plan may be searched for.
	Limit time.Duration
}

// Adjustment is what a person changes.
type Adjustment struct {
	// Revision is the one that the change was made for; 0: whichever it is.
	Revision int
	// Options names what is to be different: of weights and enforce the parts
	// that are named, of everything else the whole.
	Options json.RawMessage
	// Chosen, NotChosen and Free decide single parcels, or give them free, beside
	// what is decided already.
	Chosen, NotChosen, Free []string
	// Limit is how long the plan may be searched for.
	Limit time.Duration
}

// searchOn is how long it is searched for a plan where the limit was too short to
// find any, or where what is missing is to be found out.
const searchOn = 5 * time.Second

// open makes a session and its first revision.
func open(ctx context.Context, db *store.DB, d *desk, in Opening) (*Session, error) {
	if err := d.solving.enter(ctx); err != nil {
		return nil, err
	}
	defer d.solving.leave()
	began := time.Now()
	s := &Session{ID: uuid.New(), County: in.County, RunID: in.RunID, PlanID: in.PlanID, db: db, desk: d, turn: make(gate, 1)}
	own := json.RawMessage(`{}`)
	if in.PlanID != nil {
		var err error
		if s.RunID, own, err = planToOpen(ctx, db, in.County, *in.PlanID); err != nil {
			return nil, err
		}
	}
	given, err := merge(own, in.Options)
	if err != nil {
		return nil, err
	}
	r := &revision{number: 1, given: given}
	if r.base, r.o, err = d.bases.lay(ctx, db, in.County, s.RunID, given); err != nil {
		return nil, err
	}
	if r.m, err = write(r.base.s.problemName(), r.base.f, r.base.s, r.o); err != nil {
		return nil, err
	}
	if in.PlanID != nil {
		if r.solution, err = storedSolution(ctx, db, in.County, *in.PlanID, r.m.problem); err != nil {
			return nil, err
		}
		if r.solution != nil && ruled(own) {
			// It holds for the plans that keep the patch rule, not for those that a
			// session may find.
			r.solution.BoundStronger = nil
		}
	}
	if r.solution == nil {
		err = r.solve(ctx, nil, in.Limit)
	} else {
		r.timing.Resumed = true
	}
	if err != nil {
		return nil, err
	}
	if err := r.conclude(nil); err != nil {
		return nil, err
	}
	r.timing.Seconds = time.Since(began).Seconds()
	s.now.Store(r)
	return s, nil
}

// planToOpen reads which run a plan is made from, and by which options.
func planToOpen(ctx context.Context, db *store.DB, county string, id uuid.UUID) (run uuid.UUID, options json.RawMessage, err error) {
	rows, err := db.Pool.Query(ctx, `SELECT run_id, status, options FROM plan WHERE county_code = $1 AND plan_id = $2`, county, id)
	if err != nil {
		return run, nil, fmt.Errorf("read plan %s: %w", id, err)
	}
	var status string
	found := false
	_, err = pgx.ForEachRow(rows, []any{&run, &status, &options}, func() error { found = true; return nil })
	switch {
	case err != nil:
		return run, nil, fmt.Errorf("read plan %s: %w", id, err)
	case !found:
		return run, nil, refuse("plan-not-found", "没有这个方案 · No such plan", "县 %s 没有方案 %s。 County %s has no plan %s.", county, id, county, id)
	case status == "queued" || status == "running":
		return run, nil, refuse("plan-not-done", "方案尚未完成 · The plan is not done", "方案 %s 的状态是 %s；请待其完成后再打开。 Plan %s is %s; open it when it is done.", id, status, id, status)
	}
	return run, options, nil
}

// ruled says whether options ask for the patch rule.
func ruled(given json.RawMessage) bool {
	var o struct {
		PatchRule bool `json:"patch_rule"`
	}
	return json.Unmarshal(given, &o) == nil && o.PatchRule
}

// Change makes the next revision and gives it as it differs from the one before.
// Where it fails, or ctx is cancelled, the session stays as it was.
func (s *Session) Change(ctx context.Context, c Adjustment) (*Draft, error) {
	leave, err := s.wait(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	began := time.Now()
	before := s.now.Load()
	if c.Revision != 0 && c.Revision != before.number {
		return nil, refuse("plan-session-revision", "方案已有更新的一版 · There is a newer revision",
			"本次修改针对第 %d 版，现已是第 %d 版；请先读取现状再修改。 The change is to revision %d, the session is at %d; read it first.", c.Revision, before.number, c.Revision, before.number)
	}
	r, err := before.change(ctx, s, c)
	if err != nil {
		return nil, err
	}
	if err := r.solve(ctx, before, c.Limit); err != nil {
		return nil, err
	}
	if err := r.conclude(before); err != nil {
		return nil, err
	}
	r.timing.Seconds = time.Since(began).Seconds()
	s.now.Store(r)
	return s.draft(r, before), nil
}

// wait takes the session's turn, and one of those there are in all.
func (s *Session) wait(ctx context.Context) (leave func(), err error) {
	if err := s.turn.await(ctx); err != nil {
		return nil, err
	}
	if err := s.desk.solving.await(ctx); err != nil {
		s.turn.leave()
		return nil, err
	}
	return func() { s.desk.solving.leave(); s.turn.leave() }, nil
}

// patience is how long a request waits for its turn.
const patience = 30 * time.Second

// await is enter, for as long as patience lasts.
func (g gate) await(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := g.enter(waiting); err == nil || ctx.Err() != nil {
		return err
	}
	return refuse("plan-session-busy", "上一次求解尚未结束 · Another solve is under way",
		"等待 %v 后仍未轮到，什么也没有改变；请稍后再试。 After %v of waiting it was still not this request's turn; nothing was changed. Try again soon.", patience, patience)
}

// change is the next revision up to its problem.
func (r *revision) change(ctx context.Context, s *Session, c Adjustment) (*revision, error) {
	n := &revision{number: r.number + 1, base: r.base}
	var err error
	if n.given, err = merge(r.given, c.Options); err != nil {
		return nil, err
	}
	if n.given, err = decide(n.given, c); err != nil {
		return nil, err
	}
	if n.o, err = r.base.standard.override(n.given); err != nil {
		return nil, err
	}
	switch b := r.base; {
	case n.o.Rulebook != b.by.Rulebook || n.o.IncludeReview != b.by.IncludeReview || n.o.TrackWidth != b.by.TrackWidth:
		n.timing.Rebuilt = true
		if n.base, n.o, err = s.desk.bases.lay(ctx, s.db, s.County, s.RunID, n.given); err != nil {
			return nil, err
		}
	case n.o.MinPatch != b.by.MinPatch:
		n.base = b.withPatches(n.o.MinPatch)
	}
	if err := interactive(n.o); err != nil {
		return nil, err
	}
	n.m, err = write(n.base.s.problemName(), n.base.f, n.base.s, n.o)
	return n, err
}

// merge puts options over others, as Adjustment.Options says.
func merge(own, over json.RawMessage) (json.RawMessage, error) {
	if len(over) == 0 {
		return own, nil
	}
	a, b := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(own, &a); err != nil {
		return nil, badOptions("%v", err)
	}
	if err := json.Unmarshal(over, &b); err != nil {
		return nil, badOptions("%v", err)
	}
	for name, value := range b {
		if had := a[name]; had != nil && (name == "weights" || name == "enforce") {
			var err error
			if value, err = merge(had, value); err != nil {
				return nil, err
			}
		}
		a[name] = value
	}
	out, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("plan options: %w", err)
	}
	return out, nil
}

// decide brings the decisions on single parcels into the options.
func decide(given json.RawMessage, c Adjustment) (json.RawMessage, error) {
	if len(c.Chosen)+len(c.NotChosen)+len(c.Free) == 0 {
		return given, nil
	}
	var o Options
	if err := json.Unmarshal(given, &o); err != nil {
		return nil, badOptions("%v", err)
	}
	asked := map[string]int{}
	for i, list := range [][]string{c.Chosen, c.NotChosen, c.Free} {
		for _, key := range list {
			if was, twice := asked[key]; twice && was != i {
				return nil, badOptions("locks 对 %s 的要求自相矛盾。 locks asks for two things of %s.", key, key)
			}
			asked[key] = i
		}
	}
	kept := func(list, more []string, want int) []string {
		out := slices.Clone(more)
		for _, key := range list {
			if _, moved := asked[key]; !moved {
				out = append(out, key)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	over, err := json.Marshal(map[string][]string{"chosen": nonNil(kept(o.Chosen, c.Chosen, 0)), "not_chosen": nonNil(kept(o.NotChosen, c.NotChosen, 1))})
	if err != nil {
		return nil, fmt.Errorf("plan options: %w", err)
	}
	return merge(given, over)
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// interactive refuses what takes too long to be answered at once.
func interactive(o Options) error {
	if o.PatchRule {
		return refuse("session-patch-rule", "连片规则不能交互编制 · The patch rule is not interactive",
			"连片规则每次求解需数十秒，不能交互编制；请以 patch_rule=false 打开，定稿后另编带连片规则的方案。 The patch rule takes too long to be answered at once: open with patch_rule=false, and make a plan with the rule from the result.")
	}
	return nil
}
