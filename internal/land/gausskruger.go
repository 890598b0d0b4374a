package land

import "math"

// Constants of the CGCS2000 ellipsoid as the official area formula prints them
// (TD/T 1055-2019, annex 图斑椭球面积计算公式及要求; domain figures S-05, S-06).
const (
	semiMajor  = 6378137.0
	semiMinor  = 6356752.31414036
	ecc2       = 0.0066943800229  // first eccentricity squared
	ecc2Second = 0.00673949677548 // second eccentricity squared
	polarC     = 6399593.62586    // a²/b, polar radius of curvature

	arcsecond = math.Pi / (180 * 3600)

	k0 = 1.57048761144159e-07
	k1 = 5.05250178820567e-03
	k2 = 2.98472900956587e-05
	k3 = 2.41626669230084e-07
	k4 = 2.22241238938534e-09
)

// footpoint gives the footpoint latitude (底点纬度) of a northing, in radians.
func footpoint(northing float64) float64 {
	e := k0 * northing
	s, c := math.Sincos(e)
	s2 := s * s
	return e + c*s*(k1-s2*(k2-s2*(k3-s2*k4)))
}

// inverse is the official inverse Gauss projection: northing and easting from
// the central meridian in metres to latitude and longitude from the central
// meridian, in radians.
func inverse(northing, y float64) (b, l float64) {
	bf := footpoint(northing)
	sin, cos := math.Sincos(bf)
	t := sin / cos
	t2 := t * t
	eta2 := ecc2Second * cos * cos
	v2 := 1 + eta2
	yn := y * math.Sqrt(v2) / polarC
	yn2 := yn * yn
	b = bf - v2*t*yn2*(0.5-
		yn2*((5+3*t2+eta2-9*eta2*t2)/24-
			yn2*(61+90*t2+45*t2*t2)/720))
	l = yn / cos * (1 -
		yn2*((1+2*t2+eta2)/6-
			yn2*(5+28*t2+24*t2*t2+6*eta2+8*eta2*t2)/120))
	return b, l
}

// Geographic gives longitude and latitude in degrees (EPSG:4490) of a point in
// the zone's plane in metres: the inverse of Project to a micrometre within
// three degrees of the meridian. The official inverse series, which the official
// area uses as it is printed, is up to 0.14 mm off within a zone (its constants
// are rounded) and is improved here by three steps against Project.
func (z Zone) Geographic(easting, northing float64) (lon, lat float64) {
	b, l := inverse(northing, easting-z.FalseEasting())
	lon, lat = l*180/math.Pi+z.CentralMeridian(), b*180/math.Pi
	perMetre := 180 / (math.Pi * krugerA)
	cos := math.Cos(b)
	for range 3 {
		e, n := z.Project(lon, lat)
		lon += (easting - e) * perMetre / cos
		lat += (northing - n) * perMetre
	}
	return lon, lat
}

// Krüger's series to the sixth power of the third flattening n (Karney 2011,
// eq. 14 and 35); good to nanometres within three degrees of the meridian.
var (
	krugerN     = (1 / 298.257222101) / (2 - 1/298.257222101)
	krugerA     = rectifyingRadius(krugerN)
	krugerAlpha = forwardCoefficients(krugerN)
	eccentric   = math.Sqrt((1 / 298.257222101) * (2 - 1/298.257222101))
)

func rectifyingRadius(n float64) float64 {
	n2 := n * n
	return semiMajor / (1 + n) * (1 + n2*(1.0/4+n2*(1.0/64+n2/256)))
}

func forwardCoefficients(n float64) [6]float64 {
	n2, n3, n4, n5, n6 := n*n, n*n*n, n*n*n*n, n*n*n*n*n, n*n*n*n*n*n
	return [6]float64{
		n/2 - 2*n2/3 + 5*n3/16 + 41*n4/180 - 127*n5/288 + 7891*n6/37800,
		13*n2/48 - 3*n3/5 + 557*n4/1440 + 281*n5/630 - 1983433*n6/1935360,
		61*n3/240 - 103*n4/140 + 15061*n5/26880 + 167603*n6/181440,
		49561*n4/161280 - 179*n5/168 + 6601661*n6/7257600,
		34729*n5/80640 - 3418889*n6/1995840,
		212378941 * n6 / 319334400,
	}
}

// Project gives easting and northing in metres in the zone's plane of a
// longitude and latitude in degrees (EPSG:4490).
func (z Zone) Project(lon, lat float64) (easting, northing float64) {
	phi := lat * math.Pi / 180
	sinL, cosL := math.Sincos((lon - z.CentralMeridian()) * math.Pi / 180)
	tau := math.Tan(phi)
	sigma := math.Sinh(eccentric * math.Atanh(eccentric*math.Sin(phi)))
	tau = tau*math.Sqrt(1+sigma*sigma) - sigma*math.Sqrt(1+tau*tau)
	xi := math.Atan2(tau, cosL)
	eta := math.Asinh(sinL / math.Hypot(tau, cosL))
	x, y := xi, eta
	for j, alpha := range krugerAlpha {
		k := float64(2 * (j + 1))
		s, c := math.Sincos(k * xi)
		x += alpha * s * math.Cosh(k*eta)
		y += alpha * c * math.Sinh(k*eta)
	}
	return krugerA*y + z.FalseEasting(), krugerA * x
}
