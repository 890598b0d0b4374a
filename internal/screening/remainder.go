package screening

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/land"
	"gengheng/internal/overlay"
	"gengheng/internal/rulebook"
)

// openedBy is how much further, in metres, an opened polygon is widened than it
// was narrowed: GEOS simplifies what it buffers by up to a hundredth of the
// distance, and what that leaves along a boundary is not narrow land. So much of
// a neck stays where it begins.
const openedBy = 0.02

// mitre is the limit of the joins of buffers: corners sharper than 2·asin(1/5) =
// 23° are narrow at their tip, wider ones keep it.
const mitre = 5

// crumb is the area in m² up to which what an opening takes away is left where it
// is: the tips of corners and the inside of small bends.
const crumb = 1

// fewVertices are those of a ring that GEOS guesses about, and of two small holes.
const fewVertices = 20

// openedSQL narrows by half the width, exactly as a disc would that rolls along
// inside, and widens again with mitred joins, so that corners come back. Every
// part is buffered by itself: of several at once GEOS may lose a small one, and a
// mitred buffer may cross itself, which is rare and so asked first. Small parts of
// few vertices get more of them: GEOS guesses of rings with up to nine whether
// anything is left of them, and may be wrong where it is little.
func openedSQL(width float64) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return `
SELECT u.id, ST_AsBinary(ST_CollectionExtract(ST_UnaryUnion(ST_Collect(
    CASE WHEN ST_IsValid(w.geom) THEN w.geom ELSE ST_MakeValid(w.geom, 'method=structure') END ORDER BY p.path, e.path)), 3))
FROM unnest($1::integer[], $2::bytea[]) AS u (id, wkb), ST_Dump(ST_GeomFromWKB(u.wkb)) AS p,
     ST_Dump(ST_Buffer(CASE WHEN ST_NPoints(p.geom) <= ` + strconv.Itoa(fewVertices) + ` AND ST_Area(p.geom) < ` + number(16*width*width) + `
         THEN ST_Segmentize(p.geom, ` + number(width/8) + `) ELSE p.geom END, -` + number(width/2) + `, 'join=round quad_segs=16')) AS e,
     LATERAL (SELECT ST_Buffer(e.geom, ` + number(width/2+openedBy) + `, 'join=mitre mitre_limit=` + strconv.Itoa(mitre) + `') AS geom OFFSET 0) AS w
GROUP BY u.id`
}

func (e *postgis) Opened(ctx context.Context, subjects []orb.MultiPolygon, width float64) ([]orb.MultiPolygon, error) {
	out := make([]orb.MultiPolygon, len(subjects))
	b := e.batch(ctx, openedSQL(width), 1, out)
	for i, g := range subjects {
		if len(g) == 0 {
			continue
		}
		if err := b.add(i, g); err != nil {
			return nil, err
		}
		b.send(batchBytes)
	}
	if err := b.wait(); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return out, nil
}

// widen takes what is narrower than the rulebook's width out of the remainders
// and gives the pieces taken out of each. It never adds land: what is taken out
// is cut from the remainder itself.
func (j *job) widen(ctx context.Context, rests []orb.MultiPolygon) ([]orb.MultiPolygon, error) {
	narrow := make([]orb.MultiPolygon, len(rests))
	width := j.book.Remainder.MinWidthM
	if width <= 0 {
		return narrow, nil
	}
	var (
		where     []int
		suspected []orb.MultiPolygon
	)
	for i, rest := range rests {
		if mayBeNarrow(rest, width) {
			where, suspected = append(where, i), append(suspected, rest)
		}
	}
	opened, err := j.engine.Opened(ctx, suspected, width)
	if err != nil {
		return nil, err
	}
	thin, err := j.engine.Difference(ctx, suspected, opened)
	if err != nil {
		return nil, fmt.Errorf("what is narrow: %w", err)
	}
	for i, shape := range thin {
		var kept orb.MultiPolygon
		for _, polygon := range shape {
			if land.AdditiveArea(orb.MultiPolygon{polygon}, j.zone) > crumb {
				kept = append(kept, polygon)
			}
		}
		thin[i] = kept
	}
	wide, err := j.engine.Difference(ctx, suspected, thin)
	if err != nil {
		return nil, fmt.Errorf("take out what is narrow: %w", err)
	}
	for n, i := range where {
		narrow[i], rests[i] = thin[n], wide[n]
	}
	return narrow, nil
}

// keep takes the pieces of a remainder that are worth having, and says what was
// done with the others.
func (j *job) keep(v *verdict, rest, narrow orb.MultiPolygon) {
	var (
		kept          orb.MultiPolygon
		small, merged []Piece
		thin          []Piece
	)
	for _, polygon := range narrow {
		thin = append(thin, j.piece("narrow", polygon))
	}
	for _, polygon := range rest {
		shape := orb.MultiPolygon{polygon}
		switch {
		case land.OfficialArea(shape, j.zone).Float64() >= j.book.MinRemainderM2:
			kept = append(kept, polygon)
		case j.mergeable(v.candidate, shape):
			kept = append(kept, polygon)
			merged = append(merged, j.piece("merged", polygon))
		default:
			if p := j.piece("small", polygon); p.M2 > land.Area(100*numericalTouch) {
				small = append(small, p)
			}
		}
	}
	rule := j.book.Remainder
	v.pieces(thin, fmt.Sprintf("剩余部分中宽度不足 %g m 的", rule.MinWidthM)+"窄条或细颈 %d 处共 %s m²，已去掉",
		"%d slivers or necks, %s m² in all, "+fmt.Sprintf("narrower than %g m are taken out of the remainder", rule.MinWidthM))
	v.pieces(small, "裁切后有 %d 块共 %s m² "+fmt.Sprintf("小于 %g m²，不予保留", j.book.MinRemainderM2),
		"%d pieces of the remainder, %s m² in all, "+fmt.Sprintf("are smaller than %g m² and dropped", j.book.MinRemainderM2))
	v.pieces(merged, "裁切后有 %d 块共 %s m² "+fmt.Sprintf("不足 %g m²，因与现有耕地相接、合并后达到而保留", j.book.MinRemainderM2),
		"%d pieces of the remainder, %s m² in all, "+fmt.Sprintf("are smaller than %g m² and kept for the farmland beside them", j.book.MinRemainderM2))
	if len(kept) == 0 {
		v.name, v.usable = verdictForbidden, 0
		v.note("裁切后没有可用剩余部分", "nothing usable is left after clipping")
		return
	}
	v.remainder, v.usable = kept, land.OfficialArea(kept, j.zone)
}

// listed is how many pieces a reason names by area in words; all are in its
// list.
const listed = 5

// pieces says what was done with some pieces: how many, how much, each area.
func (v *verdict) pieces(list []Piece, zh, en string) {
	if len(list) == 0 {
		return
	}
	total := land.Area(0)
	var each []string
	for i, p := range list {
		total += p.M2
		if i < listed {
			each = append(each, p.M2.String())
		}
	}
	r := Reason{Outcome: outcomeNote, Zh: fmt.Sprintf(zh, len(list), total), En: fmt.Sprintf(en, len(list), total), Pieces: list}
	if len(list) > 1 {
		more, moreEn := "", ""
		if len(list) > listed {
			more, moreEn = "等", ", …"
		}
		r.Zh += "（" + strings.Join(each, "、") + more + "）"
		r.En += " (" + strings.Join(each, ", ") + moreEn + ")"
	}
	v.notes = append(v.notes, r)
}

func (j *job) piece(why string, polygon orb.Polygon) Piece {
	middle := polygon.Bound().Center()
	return Piece{Why: why, M2: rounded(land.AdditiveArea(orb.MultiPolygon{polygon}, j.zone)),
		At: [2]float64{math.Round(middle[0]*100) / 100, math.Round(middle[1]*100) / 100}}
}

// mergeable tells whether a small piece of a 转进 candidate makes, with the
// farmland that it borders, a patch worth mapping.
func (j *job) mergeable(c *candidate, piece orb.MultiPolygon) bool {
	rule := j.book.Remainder
	if !rule.Merge || c.direction != rulebook.In || j.survey == nil {
		return false
	}
	m2 := land.AdditiveArea(piece, j.zone)
	return m2 >= rule.SliverM2 && j.patch(overlay.NewShape(piece), m2, touching) >= j.book.MinRemainderM2
}

// touching is the distance in metres at which a remainder borders a survey
// parcel; layers rarely share their vertices.
const touching = 0.1

// patch is the area in m² of the cultivated land that a shape of m2 would be part
// of: itself, the fields (01xx) within touch metres of it or across a farm track
// up to the rulebook's width, and the fields that these touch.
func (j *job) patch(shape *overlay.Shape, m2, touch float64) float64 {
	if j.survey == nil || j.survey.mosaic.Len() == 0 {
		return m2
	}
	fields := j.survey.fields(touch)
	seen := map[int]bool{}
	add := func(parcel int) {
		if root := fields.root[parcel]; root >= 0 && !seen[root] {
			seen[root] = true
			m2 += fields.m2[root]
		}
	}
	for _, i := range j.survey.mosaic.Near(shape, touch, j.survey.isCultivated) {
		add(i)
	}
	border := j.survey.mosaic.Border(shape, overlay.Look{Step: 4, Near: lookNear, Far: j.book.Planning.TrackWidthM, Track: j.survey.isTrack})
	for _, contact := range border.Contacts {
		if contact.Across > 0 {
			add(contact.Index)
		}
	}
	return m2
}

// fields are the groups of cultivated parcels no more than gap metres apart;
// computed once for a survey.
func (s *survey) fields(gap float64) *clusters {
	key := fmt.Sprintf("01xx %g", gap)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.clusters[key] == nil {
		s.clusters[key] = s.cluster(gap, s.isCultivated)
	}
	return s.clusters[key]
}
