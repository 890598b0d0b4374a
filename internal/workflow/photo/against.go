package photo

import (
	"fmt"
	"math"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"gengheng/internal/land"
)

// Limits are what a photo is held to.
type Limits struct {
	// FarthestM is how far from the parcel a photo of it may be taken, in metres.
	FarthestM float64
	// BlurM is what a phone's position may be wrong by, in metres: nearer than that
	// to the boundary the camera may as well stand in the parcel, and look any way.
	BlurM float64
	// WidestDegrees is how far past the parcel's edge the camera may look.
	WidestDegrees float64
	// Rulebook is the version of the rulebook that the limits are from.
	Rulebook string
}

// Period is when a photo proves something: from the parcel's start on.
type Period struct{ From, To time.Time }

// Finding is what is wrong with a photo.
type Finding struct {
	// Code: no-position, no-direction, no-time, far, away, early, later.
	Code string `json:"code"`
	ZH   string `json:"message_zh"`
	EN   string `json:"message_en"`
}

// Result is a photo held against a parcel.
type Result struct {
	// DistanceM is from where it was taken to the parcel's boundary in metres, 0
	// inside; OffDegrees how far past the parcel the camera looked. nil where the
	// photo does not say.
	DistanceM, OffDegrees *float64
	Findings              []Finding
}

// Against holds a photo against a parcel in the plane of its zone.
func (l Limits) Against(m Meta, parcel orb.MultiPolygon, zone land.Zone, period Period) (r Result) {
	find := func(code, zh, en string, args ...any) {
		r.Findings = append(r.Findings, Finding{code, fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)})
	}
	if m.Position == nil {
		find("no-position", "照片没有定位（GPSLatitude、GPSLongitude），请开启相机定位后重拍", "the photo has no position: take it again with the camera's location on")
	} else {
		x, y := zone.Project(m.Position[0], m.Position[1])
		at := orb.Point{x, y}
		distance, near := nearest(parcel, at)
		r.DistanceM = &distance
		if distance > l.FarthestM {
			find("far", "拍摄位置距地块 %.0f m，超过规则库 %[3]s 规定的 %[2]g m", "taken %.0f m from the parcel, more than the %g m of rulebook %s", distance, l.FarthestM, l.Rulebook)
		}
		if m.Direction != nil {
			off := 0.0
			if distance > l.BlurM {
				off = past(parcel, at, near, *m.Direction-convergence(*m.Position, zone))
			}
			r.OffDegrees = &off
			if off > l.WidestDegrees {
				find("away", "拍摄方向偏离地块 %.0f°，超过规则库 %[3]s 规定的 %[2]g°，没有朝向地块", "the camera looked %.0f° past the parcel, more than the %g° of rulebook %s", off, l.WidestDegrees, l.Rulebook)
			}
		}
	}
	if m.Direction == nil {
		find("no-direction", "照片没有方位角（GPSImgDirection），请用带方位的相机重拍", "the photo has no direction: take it again with a camera that records it")
	}
	switch clock := "2006-01-02 15:04"; {
	case m.Taken == nil:
		find("no-time", "照片没有拍摄时间（DateTimeOriginal）", "the photo has no time")
	case m.Taken.Before(period.From):
		find("early", "拍摄于 %s，早于实施开始 %s", "taken at %s, before the work began at %s", m.Taken.In(china).Format(clock), period.From.In(china).Format(clock))
	case m.Taken.After(period.To):
		find("later", "拍摄于 %s，晚于收到照片的 %s，请核对相机时钟", "taken at %s, after it was received at %s: check the camera's clock", m.Taken.In(china).Format(clock), period.To.In(china).Format(clock))
	}
	return r
}

// nearest is the distance from a point to a parcel, 0 inside, and the nearest
// point of its boundary.
func nearest(parcel orb.MultiPolygon, at orb.Point) (distance float64, near orb.Point) {
	distance = math.Inf(1)
	for _, polygon := range parcel {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				q := onSegment(ring[i-1], ring[i], at)
				if d := planar.Distance(q, at); d < distance {
					distance, near = d, q
				}
			}
		}
	}
	if planar.MultiPolygonContains(parcel, at) {
		distance = 0
	}
	return distance, near
}

func onSegment(a, b, p orb.Point) orb.Point {
	dx, dy := b[0]-a[0], b[1]-a[1]
	length := dx*dx + dy*dy
	if length == 0 {
		return a
	}
	t := min(1, max(0, ((p[0]-a[0])*dx+(p[1]-a[1])*dy)/length))
	return orb.Point{a[0] + t*dx, a[1] + t*dy}
}

// past is how many degrees a direction misses the parcel by, as seen from
// outside; 0 towards any part of it.
func past(parcel orb.MultiPolygon, at, near orb.Point, direction float64) float64 {
	towards := bearing(at, near)
	low, high := 0.0, 0.0
	for _, polygon := range parcel {
		for _, p := range polygon[0] {
			if p != at {
				d := turn(bearing(at, p) - towards)
				low, high = min(low, d), max(high, d)
			}
		}
	}
	d := turn(direction - towards)
	if d >= low && d <= high {
		return 0
	}
	return min(math.Abs(turn(d-low)), math.Abs(turn(d-high)))
}

// bearing is in degrees clockwise from the grid's north.
func bearing(from, to orb.Point) float64 {
	return math.Atan2(to[0]-from[0], to[1]-from[1]) * 180 / math.Pi
}

// turn brings an angle to [-180, 180].
func turn(d float64) float64 { return math.Remainder(d, 360) }

// convergence is the angle from the true north to the grid's, in degrees.
func convergence(lonlat orb.Point, zone land.Zone) float64 {
	return (lonlat[0] - zone.CentralMeridian()) * math.Sin(lonlat[1]*math.Pi/180)
}
