package planning

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"gengheng/internal/store"
)

// Limits bound what all sessions together take. The zero value of a field means
// its default.
type Limits struct {
	// PerOwner is how many sessions one owner may have (4): a further one closes
	// the owner's longest unused.
	PerOwner int
	// Total is how many there may be in all (24), Bytes about how much memory they
	// may take (1 GiB). Beyond either the longest unused one is closed, if nobody
	// has asked it anything for a minute; else nothing is opened.
	Total int
	Bytes int64
	// Idle is how long a session lasts that is asked nothing (30 min).
	Idle time.Duration
	// Now tells the time; nil: time.Now.
	Now func() time.Time
}

func (l Limits) withDefaults() Limits {
	if l.PerOwner == 0 {
		l.PerOwner = 4
	}
	if l.Total == 0 {
		l.Total = 24
	}
	if l.Bytes == 0 {
		l.Bytes = 1 << 30
	}
	if l.Idle == 0 {
		l.Idle = 30 * time.Minute
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	return l
}

// fresh is how long a session is safe from being closed for another owner's.
const fresh = time.Minute

// gate lets as many in as it has room for.
type gate chan struct{}

func (g gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

// desk is what the sessions share: gates that keep them from taking the machine
// from each other, and what they are laid on.
type desk struct {
	solving, sweeping gate
	bases             *bases
}

// Sessions are the sessions of a service, in memory. They may be used by many
// goroutines.
type Sessions struct {
	db     *store.DB
	limits Limits
	desk   *desk

	mu    sync.Mutex
	held  map[uuid.UUID]*held
	timer *time.Timer // looks for what has expired
}

type held struct {
	*Session
	owner string
	used  time.Time
	bytes int64
}

// NewSessions makes a place for sessions on the database.
func NewSessions(db *store.DB, limits Limits) *Sessions {
	limits = limits.withDefaults()
	return &Sessions{db: db, limits: limits, held: map[uuid.UUID]*held{},
		desk: &desk{solving: make(gate, 2), sweeping: make(gate, 1), bases: &bases{now: limits.Now, kept: map[baseKey]*keptBase{}}}}
}

// Open opens a session for its owner: whoever asks for it later must be the same.
func (l *Sessions) Open(ctx context.Context, owner string, in Opening) (*Session, error) {
	l.mu.Lock()
	l.watch()
	l.mu.Unlock()
	if err := l.room(owner, 0); err != nil {
		return nil, err
	}
	s, err := open(ctx, l.db, l.desk, in)
	if err != nil {
		return nil, err
	}
	size := s.now.Load().base.size()
	if err := l.room(owner, size); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[s.ID] = &held{Session: s, owner: owner, used: l.limits.Now(), bytes: size}
	return s, nil
}

// Get finds an owner's session of a county and keeps it alive. Another's is as
// if it were not there.
func (l *Sessions) Get(owner, county string, id uuid.UUID) (*Session, error) {
	l.expire()
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[id]
	if h == nil || h.owner != owner || h.County != county {
		return nil, goneSession(id)
	}
	h.used = l.limits.Now()
	return h.Session, nil
}

func goneSession(id uuid.UUID) *Refusal {
	return refuse("plan-session-not-found", "交互编制已结束 · The session is gone",
		"没有会话 %s：它已关闭、闲置过久、服务已重启，或属于其他身份。请重新打开；已保存的方案不受影响。 There is no session %s: it was closed, unused for too long, lost in a restart, or is another's. Open a new one; saved plans are not touched.", id, id)
}

// Close closes an owner's session.
func (l *Sessions) Close(owner, county string, id uuid.UUID) error {
	s, err := l.Get(owner, county, id)
	if err != nil {
		return err
	}
	l.mu.Lock()
	delete(l.held, id)
	l.mu.Unlock()
	s.close()
	return nil
}

// Expires is when a session ends that is asked nothing more.
func (l *Sessions) Expires(s *Session) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[s.ID]; h != nil {
		return h.used.Add(l.limits.Idle)
	}
	return l.limits.Now()
}

// room makes room for a session of so many bytes.
func (l *Sessions) room(owner string, bytes int64) error {
	l.expire()
	l.mu.Lock()
	var gone []*held
	defer func() {
		l.mu.Unlock()
		for _, h := range gone {
			h.close()
		}
	}()
	for {
		mine, all, total := 0, len(l.held), bytes
		var oldest, oldestOfMine *held
		for _, h := range l.held {
			total += h.bytes
			if oldest == nil || h.used.Before(oldest.used) {
				oldest = h
			}
			if h.owner == owner {
				mine++
				if oldestOfMine == nil || h.used.Before(oldestOfMine.used) {
					oldestOfMine = h
				}
			}
		}
		drop := oldestOfMine
		if mine < l.limits.PerOwner {
			if total > l.limits.Bytes-l.desk.bases.size() {
				l.desk.bases.forget(l.limits.Now()) // sessions come first
			}
			if all < l.limits.Total && total <= l.limits.Bytes {
				return nil
			}
			drop = oldest
			if drop == nil || drop.owner != owner && l.limits.Now().Sub(drop.used) < fresh {
				return refuse("too-many-plan-sessions", "交互编制的会话过多 · Too many sessions",
					"正在交互编制的方案太多，内存不足以再开一个（现有 %d 个）；请稍后再试，或改为后台编制方案。 Too many plans are being worked on (%d) for the memory there is; try again soon, or have the plan made as a job.", all, all)
			}
		}
		gone = append(gone, drop)
		delete(l.held, drop.ID)
	}
}

// expire closes what nobody has asked for long enough.
func (l *Sessions) expire() {
	l.mu.Lock()
	var gone []*held
	for id, h := range l.held {
		if l.limits.Now().Sub(h.used) >= l.limits.Idle {
			gone = append(gone, h)
			delete(l.held, id)
		}
	}
	l.mu.Unlock()
	for _, h := range gone {
		h.close()
	}
	l.desk.bases.forget(l.limits.Now().Add(-l.limits.Idle))
}

// keepWithin gives up what no session uses where all together take too much, and
// sees to it that it does not stay for ever.
func (l *Sessions) keepWithin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := l.desk.bases.size()
	for _, h := range l.held {
		total += h.bytes
	}
	if total > l.limits.Bytes {
		l.desk.bases.forget(l.limits.Now())
	}
	l.watch()
}

// watch sees to it that memory is given back though nobody asks for anything. l.mu
// is held.
func (l *Sessions) watch() {
	if l.timer != nil {
		return
	}
	l.timer = time.AfterFunc(l.limits.Idle+time.Second, func() {
		l.expire()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.timer = nil
		if len(l.held) > 0 || l.desk.bases.size() > 0 {
			l.watch()
		}
	})
}

// Len is how many sessions there are.
func (l *Sessions) Len() int {
	l.expire()
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}
