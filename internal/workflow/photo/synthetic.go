package photo

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
)

// Synthetic makes a small made-up photo (合成照片) that says of itself what m
// says: for demonstrations and tests, never evidence.
func Synthetic(m Meta) ([]byte, error) {
	canvas := image.NewGray(image.Rect(0, 0, 16, 16))
	canvas.SetGray(8, 8, color.Gray{Y: 128})
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, canvas, nil); err != nil {
		return nil, err
	}
	tiff := m.tiff()
	var out bytes.Buffer
	out.Write(plain.Bytes()[:2]) // start of image
	out.Write([]byte{0xff, 0xe1})
	out.Write(binary.BigEndian.AppendUint16(nil, uint16(2+6+len(tiff))))
	out.WriteString("Exif\x00\x00")
	out.Write(tiff)
	out.Write(plain.Bytes()[2:])
	return out.Bytes(), nil
}

// entry is a tag of a TIFF directory.
type entry struct {
	tag, kind uint16
	count     uint32
	value     []byte
}

const (
	kindASCII, kindLong, kindRational = 2, 4, 5

	tagExif, tagGPS                      = 0x8769, 0x8825
	tagDateTimeOriginal                  = 0x9003
	tagLatitudeRef, tagLatitude          = 1, 2
	tagLongitudeRef, tagLongitude        = 3, 4
	tagDirectionRef, tagDirection        = 16, 17
	headerSize, entrySize         uint32 = 8, 12
)

func text(tag uint16, s string) entry {
	return entry{tag, kindASCII, uint32(len(s) + 1), append([]byte(s), 0)}
}

// rationals keeps values to a ten-thousandth.
func rationals(tag uint16, values ...float64) entry {
	e := entry{tag: tag, kind: kindRational, count: uint32(len(values))}
	for _, v := range values {
		e.value = binary.BigEndian.AppendUint32(e.value, uint32(math.Round(v*1e4)))
		e.value = binary.BigEndian.AppendUint32(e.value, 1e4)
	}
	return e
}

func sexagesimal(v float64) (d, m, s float64) {
	v = math.Abs(v)
	d, v = math.Floor(v), (v-math.Floor(v))*60
	return d, math.Floor(v), (v - math.Floor(v)) * 60
}

// tiff is the EXIF block: the main directory, which names the two that follow.
func (m Meta) tiff() []byte {
	var exif, gps []entry
	if m.Taken != nil {
		exif = append(exif, text(tagDateTimeOriginal, m.Taken.In(china).Format("2006:01:02 15:04:05")))
	}
	if m.Position != nil {
		ns, ew := "N", "E"
		if m.Position[1] < 0 {
			ns = "S"
		}
		if m.Position[0] < 0 {
			ew = "W"
		}
		d, min, s := sexagesimal(m.Position[1])
		gps = append(gps, text(tagLatitudeRef, ns), rationals(tagLatitude, d, min, s))
		d, min, s = sexagesimal(m.Position[0])
		gps = append(gps, text(tagLongitudeRef, ew), rationals(tagLongitude, d, min, s))
	}
	if m.Direction != nil {
		gps = append(gps, text(tagDirectionRef, "T"), rationals(tagDirection, *m.Direction))
	}
	pointer := func(tag uint16, at uint32) entry {
		return entry{tag, kindLong, 1, binary.BigEndian.AppendUint32(nil, at)}
	}
	const mainSize = 2 + 2*entrySize + 4
	exifAt := headerSize + mainSize
	second := directory(exif, exifAt)
	gpsAt := exifAt + uint32(len(second))
	block := []byte{'M', 'M', 0, 42, 0, 0, 0, byte(headerSize)}
	block = append(block, directory([]entry{pointer(tagExif, exifAt), pointer(tagGPS, gpsAt)}, headerSize)...)
	block = append(block, second...)
	return append(block, directory(gps, gpsAt)...)
}

// directory writes a TIFF directory that stands at an offset, with the values
// that do not fit in it behind.
func directory(entries []entry, at uint32) []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(entries)))
	rest := at + 2 + uint32(len(entries))*entrySize + 4
	var behind []byte
	for _, e := range entries {
		out = binary.BigEndian.AppendUint16(out, e.tag)
		out = binary.BigEndian.AppendUint16(out, e.kind)
		out = binary.BigEndian.AppendUint32(out, e.count)
		if len(e.value) <= 4 {
			out = append(out, append(e.value, make([]byte, 4-len(e.value))...)...)
			continue
		}
		out = binary.BigEndian.AppendUint32(out, rest+uint32(len(behind)))
		behind = append(behind, e.value...)
		if len(behind)%2 == 1 {
			behind = append(behind, 0)
		}
	}
	out = append(out, 0, 0, 0, 0)
	return append(out, behind...)
}
