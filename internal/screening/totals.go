package screening

import (
	"errors"
	"sync/atomic"

	"gengheng/internal/overlay/polygon"
)

// Totals is what a [Screener] has done since it was made, for those who watch the
// service. It names no parcel and nobody.
type Totals struct {
	// Engine is EngineOwn or EnginePostGIS.
	Engine string
	// Runs that were written, in full or from what had changed, and that were not.
	Full, Incremental, Refused, Failed int64
	// Candidates of runs, and declarations of what-ifs, that were judged;
	// candidates that were taken over from an earlier run.
	Judged, Tried, TakenOver int64
	// WhatIfs were asked of sessions.
	WhatIfs int64
	// Pairs of candidate and feature that were overlaid in memory.
	Pairs int64
	// Operations are the answers in memory that a certificate did not stand for
	// and PostGIS computed, by what was asked.
	Operations []OperationDoubts
}

// OperationDoubts are the doubtful answers to one operation on polygons.
type OperationDoubts struct {
	Operation string // overlap, union, intersection or difference
	Doubtful  int64
	// ByCause counts the certificates that failed, of which an answer may have
	// several; refused are polygons that the engine would not take at all.
	ByCause map[string]int64
}

// Operations on polygons, and the cause beside the certificates'.
const (
	operationOverlap      = "overlap"
	operationUnion        = "union"
	operationIntersection = "intersection"
	operationDifference   = "difference"

	causeRefused = "refused"
)

var operations = [...]string{operationOverlap, operationUnion, operationIntersection, operationDifference}

// totals adds up what the runs and sessions of a screener do.
type totals struct {
	full, incremental, refused, failed atomic.Int64
	judged, tried, takenOver, whatIfs  atomic.Int64
	counts                             counts
}

// counts is how much was overlaid in memory, and how much of it a certificate
// did not stand for and PostGIS computed.
type counts struct {
	pairs, doubtful atomic.Int64
	operations      [len(operations)]struct {
		doubtful atomic.Int64
		byCause  [len(polygon.Causes) + 1]atomic.Int64 // the last is causeRefused
	}
	// all counts for the screener; nil in its own.
	all *counts
}

func (c *counts) addPairs(n int64) {
	for ; c != nil; c = c.all {
		c.pairs.Add(n)
	}
}

// doubt counts an answer that PostGIS must compute: the certificates it failed,
// or none where an operand was refused.
func (c *counts) doubt(operation string, d polygon.Doubt) {
	for ; c != nil; c = c.all {
		c.doubtful.Add(1)
		for i, name := range operations {
			if name != operation {
				continue
			}
			o := &c.operations[i]
			o.doubtful.Add(1)
			if d == 0 {
				o.byCause[len(polygon.Causes)].Add(1)
			}
			for bit := range polygon.Causes {
				if d&(1<<bit) != 0 {
					o.byCause[bit].Add(1)
				}
			}
		}
	}
}

// Totals gives today's figures.
func (s *Screener) Totals() Totals {
	t := Totals{Engine: s.cfg.Engine, Full: s.totals.full.Load(), Incremental: s.totals.incremental.Load(), Refused: s.totals.refused.Load(),
		Failed: s.totals.failed.Load(), Judged: s.totals.judged.Load(), Tried: s.totals.tried.Load(), TakenOver: s.totals.takenOver.Load(),
		WhatIfs: s.totals.whatIfs.Load(), Pairs: s.totals.counts.pairs.Load()}
	for i, name := range operations {
		o := &s.totals.counts.operations[i]
		d := OperationDoubts{Operation: name, Doubtful: o.doubtful.Load(), ByCause: map[string]int64{causeRefused: o.byCause[len(polygon.Causes)].Load()}}
		for bit, cause := range polygon.Causes {
			d.ByCause[cause] = o.byCause[bit].Load()
		}
		t.Operations = append(t.Operations, d)
	}
	return t
}

// countRun counts a run by how it ended; one that another worker had finished is
// none.
func (t *totals) countRun(j *job, err error) {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		t.refused.Add(1)
	case err != nil:
		t.failed.Add(1)
	case !j.written:
		return
	case j.taken > 0:
		t.incremental.Add(1)
	default:
		t.full.Add(1)
	}
	if err == nil {
		t.takenOver.Add(int64(j.taken))
		t.judged.Add(int64(len(j.candidates) - j.taken))
	}
}
