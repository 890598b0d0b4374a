package screening

import (
	"maps"
	"testing"

	"gengheng/internal/overlay/polygon"
)

// TestDoubtsAreCountedByCause: for the run and for its screener, each certificate
// that failed by its own name.
func TestDoubtsAreCountedByCause(t *testing.T) {
	s := &Screener{}
	one, other := &counts{all: &s.totals.counts}, &counts{all: &s.totals.counts}
	one.addPairs(7)
	other.addPairs(4)
	one.doubt(operationOverlap, polygon.GreenSum|polygon.BadGeometry)
	one.doubt(operationOverlap, polygon.BadGeometry)
	one.doubt(operationUnion, 0)
	other.doubt(operationDifference, polygon.InvalidOperand|polygon.WindingNumber|polygon.Exchanged|polygon.BrokenWalk|polygon.OutOfBounds)
	if one.pairs.Load() != 7 || one.doubtful.Load() != 3 || other.pairs.Load() != 4 || other.doubtful.Load() != 1 {
		t.Errorf("the runs: %d pairs, %d in doubt; %d, %d", one.pairs.Load(), one.doubtful.Load(), other.pairs.Load(), other.doubtful.Load())
	}
	got := s.Totals()
	want := map[string]map[string]int64{
		"overlap":      {"green_sum": 1, "bad_geometry": 2},
		"union":        {"refused": 1},
		"intersection": {},
		"difference":   {"invalid_operand": 1, "winding_number": 1, "operands_exchanged": 1, "broken_walk": 1, "out_of_bounds": 1},
	}
	doubtful := map[string]int64{"overlap": 2, "union": 1, "difference": 1}
	if got.Pairs != 11 || len(got.Operations) != len(want) {
		t.Errorf("%d pairs, %d operations", got.Pairs, len(got.Operations))
	}
	for _, o := range got.Operations {
		maps.DeleteFunc(o.ByCause, func(_ string, n int64) bool { return n == 0 })
		if o.Doubtful != doubtful[o.Operation] || !maps.Equal(o.ByCause, want[o.Operation]) {
			t.Errorf("%s: %d, %v; want %d, %v", o.Operation, o.Doubtful, o.ByCause, doubtful[o.Operation], want[o.Operation])
		}
	}
}
