package intake_test

import (
	"testing"
	"time"
)

// stopwatch measures the stages of a load.
type stopwatch struct {
	stage string
	since time.Time
	took  []lap
}

type lap struct {
	stage string
	took  time.Duration
}

func (s *stopwatch) tell(stage string, _, _ int64) {
	if stage == s.stage {
		return
	}
	now := time.Now()
	if s.stage != "" {
		s.took = append(s.took, lap{s.stage, now.Sub(s.since)})
	}
	s.stage, s.since = stage, now
}

func (s *stopwatch) report(b *testing.B) {
	s.tell("", 0, 0)
	for _, l := range s.took {
		b.Logf("%s %v", l.stage, l.took.Round(time.Millisecond))
	}
}
