package esri

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/land"
)

// spatialReference is a coordinate system by Esri's number and, where that has
// changed, its newest.
type spatialReference struct {
	WKID   int `json:"wkid"`
	Latest int `json:"latestWkid"`

	crs collection.CRS
	// zone is that of a Gauss-Krüger plane; else it is not valid.
	zone land.Zone
	// home: the county's own zone, with or without its number.
	home bool
	// middle is the easting of the zone's meridian.
	middle float64
}

// Esri's and EPSG's numbers.
const (
	wkidWGS84    = 4326
	wkidMercator = 102100
	epsgMercator = 3857
)

// planeOf is the county's own plane: that of the layers.
func planeOf(county collection.County) (spatialReference, error) {
	sr, ok := referenceOf(county.SRID, county)
	if !ok {
		return sr, fmt.Errorf("county %s has srid %d, which is no CGCS2000 3-degree zone", county.Code, county.SRID)
	}
	return sr, nil
}

// referenceOf knows degrees, Web Mercator and every CGCS2000 3-degree zone. The
// order is x, y in all of them.
func referenceOf(wkid int, county collection.County) (spatialReference, bool) {
	switch wkid {
	case wkidWGS84:
		return spatialReference{WKID: wkid, Latest: wkid, crs: collection.CRS84}, true
	case land.EPSGGeographic:
		return spatialReference{WKID: wkid, Latest: wkid, crs: collection.CRS84}, true
	case epsgMercator, wkidMercator, 102113, 900913:
		return spatialReference{WKID: wkidMercator, Latest: epsgMercator, crs: collection.WebMercator}, true
	}
	zone, ok := land.ByEPSG(wkid)
	own, fine := land.ByEPSG(county.SRID)
	if !ok || !fine {
		return spatialReference{}, false
	}
	return spatialReference{WKID: wkid, Latest: wkid, zone: zone, home: zone.Number == own.Number, middle: zone.FalseEasting(),
		crs: collection.CRS{SRID: wkid, Digits: 3, Flat: true, Shift: zone.FalseEasting() - own.FalseEasting()}}, true
}

// reference reads a spatial reference: a number, or an object with wkid.
func reference(name, text string, county collection.County) (spatialReference, error) {
	text = strings.TrimSpace(text)
	numbers := []int{}
	if n, err := strconv.Atoi(text); err == nil {
		numbers = append(numbers, n)
	} else {
		var v struct {
			WKID   int `json:"wkid"`
			Latest int `json:"latestWkid"`
		}
		if err := json.Unmarshal([]byte(text), &v); err == nil {
			numbers = append(numbers, v.WKID, v.Latest)
		}
	}
	for _, n := range numbers {
		if sr, ok := referenceOf(n, county); ok {
			return sr, nil
		}
	}
	return spatialReference{}, bad("spatial-reference", fmt.Sprintf("%s=%s 不是可用的坐标系；请用 wkid：4490、4326、102100（3857），或 CGCS2000 三度带 4513 至 4554（本县 %d）。 Use one of these wkids.", name, excerpt(text), county.SRID))
}

// decimals are those of coordinates.
func (sr spatialReference) decimals(col *collection.Collection) int { return sr.crs.Decimals(col) }
