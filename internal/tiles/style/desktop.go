package style

import (
	"encoding/xml"
	"fmt"
	"strconv"
)

// option is one of a QGIS symbol's; QGIS 3.22 and later read these.
type option struct {
	Type  string `xml:"type,attr"`
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type qmlCategory struct {
	Symbol int    `xml:"symbol,attr"`
	Value  string `xml:"value,attr"`
	Label  string `xml:"label,attr"`
	Render string `xml:"render,attr"`
	Type   string `xml:"type,attr"`
}

type qmlSymbol struct {
	Name  int    `xml:"name,attr"`
	Type  string `xml:"type,attr"`
	Alpha string `xml:"alpha,attr"`
	Layer struct {
		Class   string   `xml:"class,attr"`
		Enabled int      `xml:"enabled,attr"`
		Options struct { // a map
			Type string   `xml:"type,attr"`
			List []option `xml:"Option"`
		} `xml:"Option"`
	} `xml:"layer"`
}

type qml struct {
	XMLName  xml.Name `xml:"qgis"`
	Version  string   `xml:"version,attr"`
	Sorts    string   `xml:"styleCategories,attr"`
	Renderer struct {
		Type       string        `xml:"type,attr"`
		Attr       string        `xml:"attr,attr"`
		Categories []qmlCategory `xml:"categories>category"`
		Symbols    []qmlSymbol   `xml:"symbols>symbol"`
	} `xml:"renderer-v2"`
	Geometry int `xml:"layerGeometryType"`
}

// QML is the table as a style of QGIS for the layer of parcels: by DLBM.
func QML() ([]byte, error) {
	classes, err := Classes()
	if err != nil {
		return nil, err
	}
	var q qml
	q.Version, q.Sorts, q.Geometry = "3.22", "Symbology", 2
	q.Renderer.Type, q.Renderer.Attr = "categorizedSymbol", "DLBM"
	// the last is all others
	for i, c := range append(classes, Class{Name: "其他", Colour: Other}) {
		r, g, b, err := rgb(c.Colour)
		if err != nil {
			return nil, err
		}
		q.Renderer.Categories = append(q.Renderer.Categories, qmlCategory{i, c.Code, trimmed(c), "true", "string"})
		s := qmlSymbol{Name: i, Type: "fill", Alpha: "1"}
		s.Layer.Class, s.Layer.Enabled, s.Layer.Options.Type = "SimpleFill", 1, "Map"
		for _, o := range [][2]string{{"color", fmt.Sprintf("%d,%d,%d,255", r, g, b)}, {"style", "solid"}, {"outline_color", "138,138,138,255"},
			{"outline_style", "solid"}, {"outline_width", "0.1"}, {"outline_width_unit", "MM"}} {
			s.Layer.Options.List = append(s.Layer.Options.List, option{"QString", o[0], o[1]})
		}
		q.Renderer.Symbols = append(q.Renderer.Symbols, s)
	}
	return document(q)
}

func trimmed(c Class) string {
	if c.Code == "" {
		return c.Name
	}
	return c.Code + " " + c.Name
}

func rgb(colour string) (r, g, b uint64, err error) {
	v, err := strconv.ParseUint(colour[1:], 16, 24)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("colour %s: %w", colour, err)
	}
	return v >> 16, v >> 8 & 255, v & 255, nil
}

// document writes XML with its declaration.
func document(v any) ([]byte, error) {
	b, err := xml.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write a style: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

type sldRule struct {
	Name   string     `xml:"Name"`
	Title  string     `xml:"Title"`
	Filter *sldFilter `xml:"ogc:Filter"`
	Else   *struct{}  `xml:"ElseFilter"`
	Fill   []sldParam `xml:"PolygonSymbolizer>Fill>CssParameter"`
	Stroke []sldParam `xml:"PolygonSymbolizer>Stroke>CssParameter"`
}

type sldFilter struct {
	Property string `xml:"ogc:PropertyIsEqualTo>ogc:PropertyName"`
	Literal  string `xml:"ogc:PropertyIsEqualTo>ogc:Literal"`
}

type sldParam struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

type sld struct {
	XMLName xml.Name  `xml:"StyledLayerDescriptor"`
	Version string    `xml:"version,attr"`
	Space   string    `xml:"xmlns,attr"`
	OGC     string    `xml:"xmlns:ogc,attr"`
	Layer   string    `xml:"NamedLayer>Name"`
	Style   string    `xml:"NamedLayer>UserStyle>Title"`
	Rules   []sldRule `xml:"NamedLayer>UserStyle>FeatureTypeStyle>Rule"`
}

// SLD is the table as a Styled Layer Descriptor 1.0.0 (OGC 02-070).
func SLD() ([]byte, error) {
	classes, err := Classes()
	if err != nil {
		return nil, err
	}
	s := sld{Version: "1.0.0", Space: "http://www.opengis.net/sld", OGC: "http://www.opengis.net/ogc", Layer: "parcels", Style: "三调地类"}
	rule := func(name, title, colour string) sldRule {
		return sldRule{Name: name, Title: title, Fill: []sldParam{{"fill", colour}}, Stroke: []sldParam{{"stroke", "#8a8a8a"}, {"stroke-width", "0.3"}}}
	}
	for _, c := range classes {
		r := rule(c.Code, trimmed(c), c.Colour)
		r.Filter = &sldFilter{"DLBM", c.Code}
		s.Rules = append(s.Rules, r)
	}
	last := rule("other", "其他", Other)
	last.Else = &struct{}{}
	s.Rules = append(s.Rules, last)
	return document(s)
}
