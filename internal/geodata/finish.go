package geodata

import (
	"fmt"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata/frame"
)

// raw is a feature as a backend read it: coordinates and structure are the
// file's.
type raw struct {
	row    int64
	values []any
	// shape is the structure of the file; loose rings are in loose instead.
	shape orb.MultiPolygon
	loose []orb.Ring
	// directed: the direction of loose rings declares their roles.
	directed bool
	issues   []Issue
}

// finisher turns raw features into Features: places them in the target plane,
// rounds, checks, and puts them into canonical form. It is the same for every
// format, which is what makes formats give equal features.
type finisher struct {
	place *placement
}

func (f *finisher) finish(r *raw) Feature {
	out := Feature{Row: r.row, Values: r.values, Issues: r.issues}
	if hasGeometryError(r.issues) {
		return out
	}
	vertices := 0
	for _, ring := range r.loose {
		vertices += len(ring)
	}
	for _, polygon := range r.shape {
		for _, ring := range polygon {
			vertices += len(ring)
		}
	}
	switch {
	case vertices == 0:
		out.Issues = append(out.Issues, r.issue(IssueGeometryNull, SeverityError, "没有几何图形；请补画或删除该行", "the row has no geometry; draw it or delete the row"))
		return out
	case vertices > frame.MaxVertices:
		out.Issues = append(out.Issues, r.tooManyVertices())
		return out
	}
	c := cleaner{row: r, place: f.place}
	var mp orb.MultiPolygon
	if r.loose != nil {
		rings := c.rings(r.loose)
		if c.failed {
			return c.into(out)
		}
		var disorder bool
		var err error
		if mp, disorder, err = assemble(rings, r.directed); err != nil {
			c.failed = true
			c.add(IssueGeometryCorrupt, SeverityError, rings[0][0], "图形的环互相重叠过多，无法确定内外环；请重画", "too many rings of the feature overlap; draw it again")
			return c.into(out)
		}
		if disorder {
			c.add(IssueRingOrientation, SeverityWarning, rings[0][0],
				"环的方向与内外关系不符（外环应为顺时针，内环逆时针）；已按包含关系确定内外环",
				"ring directions do not match their nesting; nesting was taken")
		}
	} else {
		for _, polygon := range r.shape {
			if rings := c.rings(polygon); len(rings) > 0 {
				mp = append(mp, orb.Polygon(rings))
			}
		}
		if c.failed {
			return c.into(out)
		}
	}
	b := extentOf(mp)
	if code := f.place.where(b); code != "" {
		c.stranger(code, b.Center())
		return c.into(out)
	}
	out.Geom = Canonical(mp)
	return c.into(out)
}

// extentOf is the extent of the exteriors. orb's own takes as long as all checks
// of the vertices together.
func extentOf(mp orb.MultiPolygon) orb.Bound {
	b := orb.Bound{Min: mp[0][0][0], Max: mp[0][0][0]}
	for _, polygon := range mp {
		for _, p := range polygon[0] {
			b.Min[0], b.Max[0] = min(b.Min[0], p[0]), max(b.Max[0], p[0])
			b.Min[1], b.Max[1] = min(b.Min[1], p[1]), max(b.Max[1], p[1])
		}
	}
	return b
}

func hasGeometryError(issues []Issue) bool {
	for i := range issues {
		if issues[i].Field == "" && issues[i].Severity == SeverityError {
			return true
		}
	}
	return false
}

func (r *raw) issue(code string, severity Severity, zh, en string) Issue {
	return Issue{Code: code, Severity: severity, Row: r.row, MessageZH: zh, MessageEN: en}
}

func (r *raw) tooManyVertices() Issue {
	return r.issue(IssueTooManyVertices, SeverityError,
		fmt.Sprintf("顶点超过 %d 个；请拆分后再传", frame.MaxVertices), fmt.Sprintf("more than %d vertices; split the feature", frame.MaxVertices))
}

// cleaner places and checks the rings of one feature.
type cleaner struct {
	row    *raw
	place  *placement
	issues []Issue
	failed bool
	// Once for a feature is enough; the first place is named.
	duplicates, unclosed int
	duplicateAt          orb.Point
	unclosedAt           orb.Point
}

func (c *cleaner) into(out Feature) Feature {
	if c.failed {
		c.unclosed, c.duplicates = 0, 0 // nothing was repaired
	}
	if c.unclosed > 0 {
		c.add(IssueRingUnclosed, SeverityWarning, c.unclosedAt,
			fmt.Sprintf("%d 个环没有闭合；已用直线连回起点", c.unclosed), fmt.Sprintf("%d rings are not closed; closed by a straight line", c.unclosed))
	}
	if c.duplicates > 0 {
		c.add(IssueDuplicatePoints, SeverityNotice, c.duplicateAt,
			fmt.Sprintf("有 %d 个相邻重复点（0.0001 m 内）；已合并，不影响面积", c.duplicates), fmt.Sprintf("%d repeated points (within 0.0001 m); merged, the area is unchanged", c.duplicates))
	}
	out.Issues = append(out.Issues, c.issues...)
	if c.failed {
		out.Geom = nil
	}
	return out
}

func (c *cleaner) add(code string, severity Severity, at orb.Point, zh, en string) {
	i := c.row.issue(code, severity, zh, en)
	i.X, i.Y, i.HasXY = at[0], at[1], true
	c.issues = append(c.issues, i)
}

func (c *cleaner) rings(in []orb.Ring) []orb.Ring {
	out := make([]orb.Ring, 0, len(in))
	for _, ring := range in {
		if placed := c.ring(ring); placed != nil {
			out = append(out, placed)
		}
		if c.failed {
			return nil
		}
	}
	return out
}

// ring places, rounds, merges repeated points and closes. It writes into a new
// ring: in may be shared by the backend's buffers.
func (c *cleaner) ring(in orb.Ring) orb.Ring {
	if len(in) == 0 {
		return nil
	}
	out := make(orb.Ring, 0, len(in)+1)
	for _, v := range in {
		p, code := c.place.place(v)
		if code != "" {
			c.badVertex(code, v)
			return nil
		}
		p = orb.Point{Round(p[0]), Round(p[1])}
		if n := len(out); n > 0 && out[n-1] == p {
			if c.duplicates++; c.duplicates == 1 {
				c.duplicateAt = p
			}
			continue
		}
		out = append(out, p)
	}
	if out[0] != out[len(out)-1] {
		if c.unclosed++; c.unclosed == 1 {
			c.unclosedAt = out[0]
		}
		out = append(out, out[0])
	}
	if len(out) < 4 {
		c.failed = true
		distinct := max(1, len(out)-1)
		c.add(IssueTooFewPoints, SeverityError, out[0],
			fmt.Sprintf("一个环只有 %d 个不同的点，不能成面；请重画", distinct), fmt.Sprintf("a ring has only %d distinct points; draw it again", distinct))
		return nil
	}
	return out
}

func (c *cleaner) badVertex(code string, v orb.Point) {
	c.failed = true
	zh, en := "坐标不是有效数值或超出范围", "a coordinate is not a number or out of range"
	switch code {
	case IssueZoneMismatch:
		zh, en = "东坐标的带号与坐标系不一致", "the zone number of an easting contradicts the CRS"
	case IssueOutsideZone:
		zh, en = "坐标离目标坐标系的中央经线过远", "a coordinate is too far from the target's central meridian"
	}
	i := c.row.issue(code, SeverityError, fmt.Sprintf("%s：(%g, %g)", zh, v[0], v[1]), fmt.Sprintf("%s: (%g, %g)", en, v[0], v[1]))
	c.issues = append(c.issues, i)
}

func (c *cleaner) stranger(code string, at orb.Point) {
	c.failed = true
	lon, lat := c.place.home.inverse(at[0], at[1])
	where := fmt.Sprintf("东经 %.4f°，北纬 %.4f°", lon, lat)
	place := fmt.Sprintf("at %.4f E, %.4f N", lon, lat)
	switch code {
	case IssueOutsideCounty:
		c.add(code, SeverityError, at, "图形不在本县及周边 20 km 内（"+where+"）；请核对坐标或删除", "the feature lies outside the county and 20 km around it ("+place+")")
	case IssueOutsideChina:
		c.add(code, SeverityError, at, "图形不在中国范围内（"+where+"）；请核对坐标系", "the feature lies outside China ("+place+"); check the CRS")
	default:
		c.add(code, SeverityError, at, "图形离中央经线超过 3°（"+where+"）；请核对带号", "the feature is more than 3 degrees from the central meridian ("+place+"); check the zone")
	}
}
