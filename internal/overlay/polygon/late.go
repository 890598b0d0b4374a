package polygon

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// comparedLate is up to how many vertices a feature is compared with itself only
// when it is first asked for: of a survey's parcels most never are, and comparing
// is half of indexing them. Large features are compared while indexing, by all
// processors, so that nobody waits for one.
const comparedLate = 512

// late is what is found of features that are compared late. Whoever comes first
// compares; two at once find the same.
type late struct {
	// known is by feature: 0 before it is compared, then its flaws and isKnown.
	known []atomic.Uint32
	// changed are the features whose edges were given vertices, by number.
	changed sync.Map // int → *flat of this feature alone
}

const (
	isKnown   = 1 << 8
	isChanged = 1 << 9
)

// feature is feature f as an operand, compared with itself.
func (l *Layer) feature(f int) operand {
	o := l.flat.view(f)
	if l.flat.feats[f].compared {
		return o
	}
	known := l.late.known[f].Load()
	if known == 0 {
		known = l.compare(f, &o)
	}
	if known&isChanged != 0 {
		s, _ := l.late.changed.Load(f)
		return s.(*flat).view(0)
	}
	o.flaws = flaw(known)
	return o
}

// compare does what findFlaws does, without touching what others may be reading.
func (l *Layer) compare(f int, o *operand) uint32 {
	flaws := o.flaws
	known := uint32(isKnown)
	if !flaws.invalid() {
		var touches []touch
		flaws |= compareWithItself(o, &touches)
		if flaws&selfTouching != 0 && !flaws.invalid() {
			s := alone(o)
			s.findFlaws(0)
			flaws = s.feats[0].flaws
			l.late.changed.Store(f, s)
			known |= isChanged
		}
	}
	known |= uint32(flaws)
	l.late.known[f].Store(known)
	return known
}

// alone is a flat of a copy of one feature.
func alone(o *operand) *flat {
	return &flat{pts: slices.Clone(o.pts), gap: slices.Clone(o.gap), start: slices.Clone(o.start), rings: slices.Clone(o.rings),
		nodes: slices.Clone(o.nodes), groups: slices.Clone(o.groups), feats: []span{{flaws: o.flaws}}}
}

// CompareAll compares all features with themselves now, on all processors, for
// those who will ask for each.
func (l *Layer) CompareAll() {
	var group sync.WaitGroup
	var next atomic.Int64
	const chunk = 256
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for from := int(next.Add(chunk)) - chunk; from < l.Len(); from = int(next.Add(chunk)) - chunk {
				for f := from; f < min(from+chunk, l.Len()); f++ {
					l.feature(f)
				}
			}
		})
	}
	group.Wait()
}
