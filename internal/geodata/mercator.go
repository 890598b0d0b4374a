package geodata

import "math"

// ellipsoid by its semi-major axis (metres) and inverse flattening.
type ellipsoid struct {
	a, rf float64
}

var (
	ellipsoidCGCS2000   = ellipsoid{6378137, 298.257222101}
	ellipsoidWGS84      = ellipsoid{6378137, 298.257223563}
	ellipsoidIAG75      = ellipsoid{6378140, 298.257} // Xi'an 80
	ellipsoidKrassowsky = ellipsoid{6378245, 298.3}   // Beijing 54
)

// ecc2 is the first eccentricity squared.
func (e ellipsoid) ecc2() float64 { return (2 - 1/e.rf) / e.rf }

// mercator is a transverse Mercator projection (Gauss-Krüger when the scale is
// 1), by Krüger's series to the sixth power of the third flattening: Karney,
// Transverse Mercator with an accuracy of a few nanometers, J. Geodesy 85
// (2011), eq. 35 and 36. It is compared with PROJ in the tests.
type mercator struct {
	ellipsoid
	meridian                    float64 // central meridian, degrees
	scale                       float64
	falseEasting, falseNorthing float64 // metres; latitude of origin is 0

	ecc         float64
	radius      float64
	alpha, beta [6]float64
}

func newMercator(e ellipsoid, meridian, scale, falseEasting, falseNorthing float64) *mercator {
	m := &mercator{ellipsoid: e, meridian: meridian, scale: scale, falseEasting: falseEasting, falseNorthing: falseNorthing}
	f := 1 / e.rf
	n := f / (2 - f)
	n2 := n * n
	n3, n4 := n2*n, n2*n2
	n5, n6 := n4*n, n3*n3
	m.ecc = math.Sqrt(e.ecc2())
	m.radius = e.a / (1 + n) * (1 + n2/4 + n4/64 + n6/256) * scale
	m.alpha = [6]float64{
		n/2 - 2*n2/3 + 5*n3/16 + 41*n4/180 - 127*n5/288 + 7891*n6/37800,
		13*n2/48 - 3*n3/5 + 557*n4/1440 + 281*n5/630 - 1983433*n6/1935360,
		61*n3/240 - 103*n4/140 + 15061*n5/26880 + 167603*n6/181440,
		49561*n4/161280 - 179*n5/168 + 6601661*n6/7257600,
		34729*n5/80640 - 3418889*n6/1995840,
		212378941 * n6 / 319334400,
	}
	m.beta = [6]float64{
		n/2 - 2*n2/3 + 37*n3/96 - n4/360 - 81*n5/512 + 96199*n6/604800,
		n2/48 + n3/15 - 437*n4/1440 + 46*n5/105 - 1118711*n6/3870720,
		17*n3/480 - 37*n4/840 - 209*n5/4480 + 5569*n6/90720,
		4397*n4/161280 - 11*n5/504 - 830251*n6/7257600,
		4583*n5/161280 - 108847*n6/3991680,
		20648693 * n6 / 638668800,
	}
	return m
}

// forward gives easting and northing, metres, of longitude and latitude,
// degrees.
func (m *mercator) forward(lon, lat float64) (x, y float64) {
	sin := math.Sin(lat * math.Pi / 180)
	tau := math.Tan(lat * math.Pi / 180)
	sigma := math.Sinh(m.ecc * math.Atanh(m.ecc*sin))
	taup := tau*math.Hypot(1, sigma) - sigma*math.Hypot(1, tau)
	sinL, cosL := math.Sincos((lon - m.meridian) * math.Pi / 180)
	xi := math.Atan2(taup, cosL)
	eta := math.Asinh(sinL / math.Hypot(taup, cosL))
	sx, sy := eta, xi
	for j, a := range m.alpha {
		k := float64(2 * (j + 1))
		s, c := math.Sincos(k * xi)
		sy += a * s * math.Cosh(k*eta)
		sx += a * c * math.Sinh(k*eta)
	}
	return m.falseEasting + m.radius*sx, m.falseNorthing + m.radius*sy
}

// inverse gives longitude and latitude, degrees, of easting and northing,
// metres.
func (m *mercator) inverse(x, y float64) (lon, lat float64) {
	xi := (y - m.falseNorthing) / m.radius
	eta := (x - m.falseEasting) / m.radius
	xip, etap := xi, eta
	for j, b := range m.beta {
		k := float64(2 * (j + 1))
		s, c := math.Sincos(k * xi)
		xip -= b * s * math.Cosh(k*eta)
		etap -= b * c * math.Sinh(k*eta)
	}
	sinXi, cosXi := math.Sincos(xip)
	sinhEta := math.Sinh(etap)
	taup := sinXi / math.Hypot(sinhEta, cosXi)
	tau := m.tauOf(taup)
	return m.meridian + math.Atan2(sinhEta, cosXi)*180/math.Pi, math.Atan(tau) * 180 / math.Pi
}

// tauOf solves for the tangent of the latitude by Newton's method, which is
// exact after three steps (Karney 2011, eq. 19 to 21).
func (m *mercator) tauOf(taup float64) float64 {
	e2 := m.ecc * m.ecc
	tau := taup / (1 - e2)
	for range 5 {
		root := math.Hypot(1, tau)
		sigma := math.Sinh(m.ecc * math.Atanh(m.ecc*tau/root))
		guess := tau*math.Hypot(1, sigma) - sigma*root
		step := (taup - guess) / math.Hypot(1, guess) * (1 + (1-e2)*tau*tau) / ((1 - e2) * root)
		tau += step
		if math.Abs(step) < 1e-15*math.Max(1, math.Abs(tau)) {
			break
		}
	}
	return tau
}

// apply moves a geographic position (degrees, height 0) from one ellipsoid to
// CGCS2000 by the seven parameters: geocentric, small rotations in the position
// vector convention (EPSG method 9606, as TOWGS84), and back.
func (s *DatumShift) apply(from ellipsoid, lon, lat float64) (float64, float64) {
	const arcsec = math.Pi / 180 / 3600
	x, y, z := geocentric(from, lon, lat)
	rx, ry, rz, k := s.RX*arcsec, s.RY*arcsec, s.RZ*arcsec, 1+s.DS*1e-6
	return geographic(ellipsoidCGCS2000,
		s.DX+k*(x-rz*y+ry*z),
		s.DY+k*(rz*x+y-rx*z),
		s.DZ+k*(-ry*x+rx*y+z))
}

func geocentric(e ellipsoid, lon, lat float64) (x, y, z float64) {
	sinB, cosB := math.Sincos(lat * math.Pi / 180)
	sinL, cosL := math.Sincos(lon * math.Pi / 180)
	n := e.a / math.Sqrt(1-e.ecc2()*sinB*sinB)
	return n * cosB * cosL, n * cosB * sinL, n * (1 - e.ecc2()) * sinB
}

// geographic drops the height, which is some tens of metres here: the
// iteration converges to nanometres of latitude.
func geographic(e ellipsoid, x, y, z float64) (lon, lat float64) {
	e2, p := e.ecc2(), math.Hypot(x, y)
	b := math.Atan2(z, p*(1-e2))
	for range 6 {
		sin := math.Sin(b)
		n := e.a / math.Sqrt(1-e2*sin*sin)
		b = math.Atan2(z+e2*n*sin, p)
	}
	return math.Atan2(y, x) * 180 / math.Pi, b * 180 / math.Pi
}
