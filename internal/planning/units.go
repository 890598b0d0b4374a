package planning

import (
	"context"
	"fmt"
	"math"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/planning/adjacency"
)

// unit is one piece of land of the plan. It is farmland after the plan or not.
type unit struct {
	id string
	c  *candidate // nil: cultivated land that nobody asks about, fixed
	amounts
	exempt    bool // not counted in the balance
	scattered bool // an incoming parcel whose patch would be too small
	geom      orb.MultiPolygon
}

func (u *unit) out() bool { return u.c != nil && u.c.direction == "out" }
func (u *unit) in() bool  { return u.c != nil && u.c.direction == "in" }

// link is a boundary between two units, or of a unit with the outside (b < 0),
// in centimetres so that sums are exact.
type link struct {
	a, b int
	cm   int64
}

// fields is the farmland of a county, now and possibly: its pieces and how
// they hang together.
type fields struct {
	zone   land.Zone // of the county plane, for areas
	units  []unit    // fixed by fid, then out, then in, by number
	links  []link    // by a, then b; the outside of a follows its neighbours
	ofUnit [][]int
	// unknownIn and unknownOut count the candidates whose grade is not known.
	unknownIn, unknownOut int
	area                  []float64 // m² on the ellipsoid, for patches
	open                  []int     // the units of candidates, which alone are counted
	// what the farmland of today is
	perimeterBefore int64 // cm
	patchesBefore   int
}

// minShared: two fields that meet at a corner share a centimetre or two of
// touching distance. That is no common boundary.
const minShared = 5 // cm

func fixedID(fid int32) string { return fmt.Sprintf("dltb/%d", fid) }

// lay makes the units and measures what they share.
func lay(ctx context.Context, s *survey, o Options) (*fields, error) {
	f := &fields{zone: s.zone}
	owners := newScrapOwners(s, o)
	for _, p := range s.parcels {
		kept, err := owners.share(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(kept) > 0 {
			f.units = append(f.units, unit{id: fixedID(p.fid), geom: kept})
		}
	}
	for _, c := range s.candidates {
		if !o.takesPart(c) {
			continue
		}
		u := unit{id: c.key(), c: c, geom: owners.withScraps(c), exempt: c.exempt}
		grade := gradeWorst
		switch {
		case c.grade != nil:
			grade = *c.grade
		case u.in():
			f.unknownIn++
		case u.out():
			grade = gradeBest
			f.unknownOut++
		}
		if !u.exempt {
			u.amounts = amounts{area: c.net, paddy: c.paddy, quality: gradeArea(c.net, grade)}
		}
		f.units = append(f.units, u)
	}
	if err := f.measure(ctx, s, o); err != nil {
		return nil, err
	}
	f.area = make([]float64, len(f.units))
	for i := range f.units {
		f.area[i] = land.AdditiveArea(f.units[i].geom, f.zone)
		if f.units[i].c != nil {
			f.open = append(f.open, i)
		}
	}
	before := f.before()
	f.perimeterBefore, f.patchesBefore = f.perimeter(before), f.patches(before)
	f.markScattered(o.MinPatch)
	return f, nil
}

func (f *fields) measure(ctx context.Context, s *survey, o Options) error {
	req := adjacency.Request{Tracks: s.tracks, Border: s.border, Touch: touch, Width: o.TrackWidth}
	for i := range f.units {
		req.Units = append(req.Units, f.units[i].geom)
	}
	g, err := adjacency.Build(ctx, req)
	if err != nil {
		return err
	}
	outside := g.Outside
	var links []link
	for _, e := range g.Edges {
		cm := centimetres(e.Length)
		if cm < minShared {
			outside[e.A] += e.Length
			outside[e.B] += e.Length
			continue
		}
		links = append(links, link{a: e.A, b: e.B, cm: cm})
	}
	f.ofUnit = make([][]int, len(f.units))
	next := 0
	for u := range f.units {
		for ; next < len(links) && links[next].a == u; next++ {
			f.add(links[next])
		}
		if cm := centimetres(outside[u]); cm > 0 {
			f.add(link{a: u, b: -1, cm: cm})
		}
	}
	return nil
}

func (f *fields) add(l link) {
	f.ofUnit[l.a] = append(f.ofUnit[l.a], len(f.links))
	if l.b >= 0 {
		f.ofUnit[l.b] = append(f.ofUnit[l.b], len(f.links))
	}
	f.links = append(f.links, l)
}

func centimetres(m float64) int64 { return int64(math.Round(m * 100)) }

// perimeter is the length of boundary between farmland and what is not, in
// centimetres.
func (f *fields) perimeter(farmland []bool) int64 {
	var cm int64
	for _, l := range f.links {
		if farmland[l.a] != (l.b >= 0 && farmland[l.b]) {
			cm += l.cm
		}
	}
	return cm
}

// patches counts the connected pieces of farmland (耕地片块).
func (f *fields) patches(farmland []bool) int {
	n := 0
	for u, root := range f.components(farmland) {
		if farmland[u] && root == u {
			n++
		}
	}
	return n
}

// components gives every unit of farmland the representative of its patch.
func (f *fields) components(farmland []bool) []int {
	root := make([]int, len(f.units))
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, l := range f.links {
		if l.b < 0 || !farmland[l.a] || !farmland[l.b] {
			continue
		}
		if a, b := find(l.a), find(l.b); a != b {
			root[a] = b
		}
	}
	for i := range root {
		root[i] = find(i)
	}
	return root
}

// markScattered finds the incoming parcels that could never belong to a patch
// of at least minPatch m² on the ellipsoid: not even if everything came and
// nothing left.
func (f *fields) markScattered(minPatch float64) {
	all := make([]bool, len(f.units))
	for i := range all {
		all[i] = true
	}
	root := f.components(all)
	area := make([]float64, len(f.units))
	for i := range f.units {
		area[root[i]] += f.area[i]
	}
	for i := range f.units {
		f.units[i].scattered = f.units[i].in() && area[root[i]] < minPatch
	}
}

// notes is what a reader should know about the data.
func (f *fields) notes(o Options) []string {
	if !o.Enforce.Quality || f.unknownIn+f.unknownOut == 0 {
		return []string{}
	}
	return []string{fmt.Sprintf("等别不明的地块按不利一侧计算：转进 %d 个按 15 等，转出 %d 个按 1 等。", f.unknownIn, f.unknownOut)}
}

// before is the farmland of today: everything but what would come in.
func (f *fields) before() []bool {
	farmland := make([]bool, len(f.units))
	for i := range f.units {
		farmland[i] = !f.units[i].in()
	}
	return farmland
}

// byCandidate finds the unit of a candidate that takes part.
func (f *fields) byCandidate() map[*candidate]int {
	index := make(map[*candidate]int, len(f.open))
	for _, i := range f.open {
		index[f.units[i].c] = i
	}
	return index
}

func (f *fields) total(direction string, m Measure, town string) (sum land.Area) {
	for _, i := range f.open {
		u := &f.units[i]
		if u.c.direction == direction && (town == "" || u.c.township == town) {
			sum += u.of(m)
		}
	}
	return sum
}
