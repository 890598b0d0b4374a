package geodata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/paulmach/orb"
)

const (
	wkbPolygon      = 3
	wkbMultiPolygon = 6
)

var errWKB = errors.New("WKB is cut off")

// polygonsOfWKB decodes 2D little-endian Polygon or MultiPolygon WKB. Counts
// are checked against the bytes that are there: the child is not trusted.
func polygonsOfWKB(b []byte) (orb.MultiPolygon, error) {
	kind, n, rest, err := wkbHeader(b)
	if err != nil {
		return nil, err
	}
	var mp orb.MultiPolygon
	switch kind {
	case wkbPolygon:
		var polygon orb.Polygon
		if polygon, rest, err = wkbRings(n, rest); err != nil {
			return nil, err
		}
		if len(polygon) > 0 {
			mp = orb.MultiPolygon{polygon}
		}
	case wkbMultiPolygon:
		for range n {
			var rings uint32
			if kind, rings, rest, err = wkbHeader(rest); err != nil {
				return nil, err
			}
			if kind != wkbPolygon {
				return nil, fmt.Errorf("WKB type %d in a MultiPolygon", kind)
			}
			var polygon orb.Polygon
			if polygon, rest, err = wkbRings(rings, rest); err != nil {
				return nil, err
			}
			if len(polygon) > 0 {
				mp = append(mp, polygon)
			}
		}
	default:
		return nil, fmt.Errorf("WKB type %d is no polygon", kind)
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("WKB has %d bytes too many", len(rest))
	}
	return mp, nil
}

// wkbHeader reads byte order, type and count.
func wkbHeader(b []byte) (kind, n uint32, rest []byte, err error) {
	if len(b) < 9 {
		return 0, 0, nil, errWKB
	}
	if b[0] != 1 {
		return 0, 0, nil, fmt.Errorf("WKB byte order %d", b[0])
	}
	return binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint32(b[5:]), b[9:], nil
}

func wkbRings(n uint32, b []byte) (orb.Polygon, []byte, error) {
	if uint64(n)*4 > uint64(len(b)) {
		return nil, nil, errWKB
	}
	polygon := make(orb.Polygon, 0, n)
	for range n {
		if len(b) < 4 {
			return nil, nil, errWKB
		}
		points := binary.LittleEndian.Uint32(b)
		b = b[4:]
		if uint64(points)*16 > uint64(len(b)) {
			return nil, nil, errWKB
		}
		ring := make(orb.Ring, points)
		for i := range ring {
			ring[i] = orb.Point{
				math.Float64frombits(binary.LittleEndian.Uint64(b[16*i:])),
				math.Float64frombits(binary.LittleEndian.Uint64(b[16*i+8:])),
			}
		}
		b = b[16*points:]
		polygon = append(polygon, ring)
	}
	return polygon, b, nil
}
