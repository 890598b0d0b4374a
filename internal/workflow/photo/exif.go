// Package photo reads what a field photo (举证照片) says of itself, position,
// direction and time (EXIF), and tests it against a parcel.
package photo

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/bep/imagemeta"
	"github.com/paulmach/orb"
)

// Meta is what a photo says of itself; nil is what it does not say.
type Meta struct {
	// Position is longitude and latitude in degrees, as the camera's satellite
	// receiver gives it (WGS 84, within a metre of CGCS2000).
	Position *orb.Point
	// Direction is where the camera looked, in degrees clockwise from north.
	Direction *float64
	// Taken is when; a photo without a time zone was taken by China's clock.
	Taken *time.Time
}

// ErrNotJPEG says that a file is no JPEG.
var ErrNotJPEG = errors.New("不是 JPEG 照片 · not a JPEG photo")

// china is the clock of photos that name no time zone.
var china = time.FixedZone("CST", 8*60*60)

// wanted are the tags that are read; nothing else of the file is.
var wanted = map[string]bool{"GPSLatitude": true, "GPSLatitudeRef": true, "GPSLongitude": true, "GPSLongitudeRef": true,
	"GPSImgDirection": true, "DateTimeOriginal": true, "OffsetTimeOriginal": true}

// Read reads a JPEG's EXIF. A photo without EXIF is an empty Meta; broken EXIF is
// an error.
func Read(r io.ReadSeeker) (Meta, error) {
	var start [3]byte
	if _, err := io.ReadFull(r, start[:]); err != nil || start != [3]byte{0xff, 0xd8, 0xff} {
		return Meta{}, ErrNotJPEG
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Meta{}, fmt.Errorf("read the photo: %w", err)
	}
	tags := map[string]any{}
	_, err := imagemeta.Decode(imagemeta.Options{R: r, ImageFormat: imagemeta.JPEG, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return wanted[t.Tag] },
		HandleTag: func(t imagemeta.TagInfo) error {
			if _, again := tags[t.Tag]; !again { // the first is the photo's, later ones are of its thumbnail
				tags[t.Tag] = t.Value
			}
			return nil
		},
		Warnf: func(string, ...any) {}})
	if err != nil {
		return Meta{}, fmt.Errorf("照片的 EXIF 无法读取 · the photo's EXIF cannot be read: %w", err)
	}
	return interpret(tags), nil
}

func interpret(tags map[string]any) (m Meta) {
	lat, latOK := degrees(tags, "GPSLatitude", "S", 90)
	lon, lonOK := degrees(tags, "GPSLongitude", "W", 180)
	if latOK && lonOK && (lat != 0 || lon != 0) { // 0, 0 is what a receiver without a fix writes
		m.Position = &orb.Point{lon, lat}
	}
	if d, ok := number(tags["GPSImgDirection"]); ok && d >= 0 && d <= 360 {
		m.Direction = &d
	}
	m.Taken = taken(tags)
	return m
}

func degrees(tags map[string]any, tag, negative string, limit float64) (float64, bool) {
	v, ok := number(tags[tag])
	if !ok || v < 0 || v > limit {
		return 0, false
	}
	if ref, _ := tags[tag+"Ref"].(string); strings.EqualFold(strings.TrimSpace(ref), negative) {
		v = -v
	}
	return v, true
}

func number(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case interface{ Float64() float64 }:
		f = v.Float64()
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

func taken(tags map[string]any) *time.Time {
	text, _ := tags["DateTimeOriginal"].(string)
	zone, _ := tags["OffsetTimeOriginal"].(string)
	text, zone = strings.TrimSpace(text), strings.TrimSpace(zone)
	if t, err := time.Parse("2006:01:02 15:04:05-07:00", text+zone); err == nil {
		return &t
	}
	if t, err := time.ParseInLocation("2006:01:02 15:04:05", text, china); err == nil {
		return &t
	}
	return nil
}
