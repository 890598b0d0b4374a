package planning

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"gengheng/internal/balance"
)

// Sweep says which λ a frontier (权衡曲线) is made of.
type Sweep struct {
	Lambdas []float64
	// Limit is how long each point may be searched for.
	Limit time.Duration
}

// MaxPoints is how many λ one sweep may have.
const MaxPoints = 40

// Frontier is a sweep of λ as far as it has come. Its points come in the order of
// λ; when it is done every point has the best of all points' plans.
type Frontier struct {
	Status   string          `json:"status"` // running, done, stopped, failed
	Done     int             `json:"done"`
	Total    int             `json:"total"`
	Revision int             `json:"revision"` // of the session, that it is made from
	Points   []FrontierPoint `json:"points"`
}

// FrontierPoint is the best plan found at one λ and the bound below all plans
// there: Objective = Cost + λ·Border.
type FrontierPoint struct {
	Lambda    float64  `json:"lambda"`
	Status    string   `json:"status"`
	Objective *float64 `json:"objective,omitempty"`
	Bound     *float64 `json:"bound,omitempty"`
	Gap       *float64 `json:"gap,omitempty"`
	GapNet    *float64 `json:"gap_net,omitempty"`
	Cost      *float64 `json:"cost,omitempty"`
	Border    *float64 `json:"border_m,omitempty"` // m
	In        int      `json:"in_chosen"`
	Out       int      `json:"out_chosen"`
	Seconds   float64  `json:"seconds"`
}

// sweep is a frontier that is being made.
type sweep struct {
	cancel context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	state  Frontier
}

// Lambdas spreads n values from from to to, evenly or by equal factors.
func Lambdas(from, to float64, n int, logarithmic bool) ([]float64, error) {
	switch {
	case math.IsNaN(from) || math.IsNaN(to) || from < 0 || to <= from || to > 1e6:
		return nil, badSweep("from 应不小于 0，to 应大于 from 且不大于 1000000。 from must be at least 0, to above from and at most 1000000.")
	case logarithmic && from == 0:
		return nil, badSweep("按对数间隔时 from 须大于 0。 With logarithmic spacing from must be above 0.")
	}
	list := make([]float64, n)
	for i := range list {
		share := float64(i) / float64(n-1)
		list[i] = from + (to-from)*share
		if logarithmic {
			list[i] = from * math.Pow(to/from, share)
		}
	}
	list[n-1] = to
	return list, nil
}

func badSweep(format string, args ...any) *Refusal {
	return refuse("frontier", "权衡曲线参数有误 · The sweep is wrong", format, args...)
}

// StartFrontier begins a sweep over the newest revision, in place of the one
// before, and returns at once. It ends by itself, with Stop, or when the session
// is closed.
func (s *Session) StartFrontier(in Sweep) (*Frontier, error) {
	for _, lambda := range in.Lambdas {
		if math.IsNaN(lambda) || lambda < 0 || lambda > 1e6 {
			return nil, badSweep("λ=%v 应在 0 到 1000000 之间。 λ=%v must be between 0 and 1000000.", lambda, lambda)
		}
	}
	lambdas := slices.Compact(slices.Sorted(slices.Values(in.Lambdas)))
	if len(lambdas) < 2 || len(lambdas) > MaxPoints {
		return nil, badSweep("不同的 λ 应有 2 到 %d 个。 There must be 2 to %d different λ.", MaxPoints, MaxPoints)
	}
	r := s.now.Load()
	o := r.o
	o.Lambda = 1 // the sweep multiplies it
	m, err := write(r.base.s.problemName(), r.base.f, r.base.s, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweep{cancel: cancel, ended: make(chan struct{}),
		state: Frontier{Status: "running", Total: len(lambdas), Revision: r.number, Points: []FrontierPoint{}}}
	if err := s.replaceSweep(w); err != nil {
		cancel()
		return nil, err
	}
	search := o.search()
	search.TimeLimit, search.Threads = in.Limit, 1 // the sessions' own answers come first
	go func() {
		defer close(w.ended)
		defer cancel()
		if s.desk.sweeping.enter(ctx) == nil { // one after the other, on one core
			defer s.desk.sweeping.leave()
		}
		w.run(ctx, r, m, lambdas, search)
	}()
	return w.now(), nil
}

func (w *sweep) run(ctx context.Context, r *revision, m *model, lambdas []float64, search balance.Options) {
	start := &balance.Solution{Selected: r.solution.Selected, Multipliers: r.solution.Multipliers}
	points, err := balance.FrontierFrom(ctx, m.problem, start, lambdas, search, func(x balance.FrontierPoint) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.state.Points = append(w.state.Points, r.point(x))
		w.state.Done++
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		w.state.Status = "stopped"
		return
	case err != nil:
		w.state.Status = "failed"
		return
	}
	w.state.Status, w.state.Points = "done", make([]FrontierPoint, len(points))
	for i, x := range points {
		w.state.Points[i] = r.point(x)
	}
}

func (r *revision) point(x balance.FrontierPoint) FrontierPoint {
	p := FrontierPoint{Lambda: x.Lambda, Status: string(x.Status), Objective: x.Objective, Bound: x.Bound, Gap: x.Gap, GapNet: x.GapNet,
		Cost: x.Cost, Border: x.Border, Seconds: x.Seconds}
	if x.Solution.Selected == nil {
		return p
	}
	for _, i := range r.base.f.open {
		switch u := &r.base.f.units[i]; {
		case u.in() && x.Solution.Selected[i]:
			p.In++
		case u.out() && !x.Solution.Selected[i]:
			p.Out++
		}
	}
	return p
}

func (w *sweep) now() *Frontier {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.state
	f.Points = slices.Clone(f.Points)
	return &f
}

// Frontier is the newest sweep as far as it has come.
func (s *Session) Frontier() (*Frontier, error) {
	s.mu.Lock()
	w := s.sweep
	s.mu.Unlock()
	if w == nil {
		return nil, refuse("frontier-not-found", "还没有权衡曲线 · There is no frontier", "请先发起 λ 扫描。 Start a sweep first.")
	}
	return w.now(), nil
}

// StopFrontier ends the newest sweep, waits until it has ended, and forgets it.
func (s *Session) StopFrontier() {
	_ = s.replaceSweep(nil) // to forget one is never refused
}

// replaceSweep puts a sweep in place of the one before, which is ended first.
func (s *Session) replaceSweep(w *sweep) error {
	s.mu.Lock()
	if w != nil && s.closed {
		s.mu.Unlock()
		return goneSession(s.ID)
	}
	old := s.sweep
	s.sweep = w
	s.mu.Unlock()
	if old != nil {
		old.cancel()
		<-old.ended
	}
	return nil
}

// close ends what a session does by itself.
func (s *Session) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.StopFrontier()
}
