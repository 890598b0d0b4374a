// Package project makes a QGIS project (工程) of a county: its collections as
// layers of OGC API – Features, the survey in the colours of the land classes, with
// Chinese names for the fields and the code tables for values to choose from.
package project

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gengheng/internal/collection"
	"gengheng/internal/land"
	"gengheng/internal/ogc"
	"gengheng/internal/tiles/style"
)

const media = "application/x-qgis-project"

// Service answers with projects.
type Service struct{ registry *collection.Registry }

// New makes it.
func New() *Service { return &Service{registry: collection.NewRegistry()} }

// Knowing shares what other doors know of versions.
func (s *Service) Knowing(r *collection.Registry) *Service {
	s.registry = r
	return s
}

// Extension is the project's address below a county's landing page.
func (s *Service) Extension() ogc.Extension {
	const path, title = "/project.qgz", "QGIS 工程 · a QGIS project of the county"
	year := ogc.Parameter{Name: "year", Text: "只看这一年的申报地块 · declared parcels of this year only", Schema: map[string]any{"type": "integer", "minimum": 2000, "maximum": 2100}}
	return ogc.Extension{
		Routes: []ogc.Route{ogc.NewRoute("qgisProject", path, title, media, []string{"qgz"}, s.project, year)},
		Landing: func(root string) []ogc.Link {
			return []ogc.Link{{Href: root + path, Rel: "alternate", Type: media, Title: title}}
		},
	}
}

func (s *Service) project(c *ogc.Call) error {
	ctx, year := c.R.Context(), 0
	if text := c.R.URL.Query().Get("year"); text != "" {
		var err error
		if year, err = strconv.Atoi(text); err != nil || year < 2000 || year > 2100 {
			return collection.Bad("year", "year 应为 2000 到 2100 的整数。 year is a whole number from 2000 to 2100.")
		}
	}
	var cat *collection.Catalogue
	err := c.Read(ctx, func(q ogc.Querier) (err error) {
		cat, err = s.registry.Catalogue(ctx, q, c.County)
		return err
	})
	if err != nil {
		return err
	}
	document, err := projectOf(c.Root, cat, year)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "gengheng_" + cat.County.Code + ".qgs", Method: zip.Deflate})
	if err == nil {
		_, err = w.Write(document)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return fmt.Errorf("pack a project: %w", err)
	}
	h := c.W.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="gengheng_`+cat.County.Code+`.qgz"`)
	h.Add("Vary", "Authorization")
	c.W.WriteHeader(http.StatusOK)
	if _, err := c.W.Write(b.Bytes()); err != nil {
		return fmt.Errorf("send a project: %w", err)
	}
	return nil
}

// The parts of a project's XML that QGIS 3.22 and later read.
type (
	option struct {
		Type    string   `xml:"type,attr,omitempty"`
		Name    string   `xml:"name,attr,omitempty"`
		Value   string   `xml:"value,attr,omitempty"`
		Options []option `xml:"Option"`
	}
	field struct {
		Name   string `xml:"name,attr"`
		Widget struct {
			Type    string `xml:"type,attr"`
			Options option `xml:"config>Option"`
		} `xml:"editWidget"`
	}
	alias struct {
		Index int    `xml:"index,attr"`
		Field string `xml:"field,attr"`
		Name  string `xml:"name,attr"`
	}
	writing struct {
		Name     string `xml:"name,attr"`
		Editable int    `xml:"editable,attr"`
	}
	system struct {
		// ID is any of QGIS's own, for without one it does not look at the code
		ID     int    `xml:"spatialrefsys>srsid"`
		AuthID string `xml:"spatialrefsys>authid"`
	}
	provider struct {
		Encoding string `xml:"encoding,attr"`
		Name     string `xml:",chardata"`
	}
	mapLayer struct {
		Type     string   `xml:"type,attr"`
		Geometry string   `xml:"geometry,attr"`
		ID       string   `xml:"id"`
		Source   string   `xml:"datasource"`
		Name     string   `xml:"layername"`
		SRS      system   `xml:"srs"`
		Provider provider `xml:"provider"`
		// Style stands where no element around a list is open
		Style   string  `xml:",innerxml"`
		Fields  []field `xml:"fieldConfiguration>field"`
		Aliases []alias `xml:"aliases>alias"`
		// Editable are the fields that a form does not let people write
		Editable []writing `xml:"editable>field"`
	}
	treeLayer struct {
		ID       string `xml:"id,attr"`
		Name     string `xml:"name,attr"`
		Source   string `xml:"source,attr"`
		Provider string `xml:"providerKey,attr"`
		Checked  string `xml:"checked,attr"`
	}
	project struct {
		XMLName xml.Name `xml:"qgis"`
		Version string   `xml:"version,attr"`
		Name    string   `xml:"projectname,attr"`
		Title   string   `xml:"title"`
		CRS     system   `xml:"projectCrs"`
		// without it the project's own CRS is not read
		Enabled struct {
			Type  string `xml:"type,attr"`
			Value int    `xml:",chardata"`
		} `xml:"properties>SpatialRefSys>ProjectionsEnabled"`
		Tree   []treeLayer `xml:"layer-tree-group>layer-tree-layer"`
		Layers []mapLayer  `xml:"projectlayers>maplayer"`
	}
)

func projectOf(root string, cat *collection.Catalogue, year int) ([]byte, error) {
	title := "耕衡 · " + cat.County.Name
	if cat.County.Synthetic {
		title += "（合成数据）"
	}
	p := project{Version: "3.22.0", Name: title, Title: title}
	p.CRS = system{1, fmt.Sprint("EPSG:", cat.County.SRID)}
	p.Enabled.Type, p.Enabled.Value = "int", 1
	colours, err := style.QML()
	if err != nil {
		return nil, err
	}
	_, after, found := bytes.Cut(colours, []byte("<renderer-v2"))
	inner, _, closed := bytes.Cut(after, []byte("</renderer-v2>"))
	if !found || !closed {
		return nil, fmt.Errorf("the style of the parcels has no renderer")
	}
	// what is listed first is drawn on top: what was declared and found over the
	// survey
	for i := len(cat.Collections) - 1; i >= 0; i-- {
		col := cat.Collections[i]
		l := layerOf(root, col, year)
		checked := "Qt::Unchecked"
		if col.ID == "parcels" || strings.HasPrefix(col.ID, "candidates") {
			checked = "Qt::Checked"
		}
		if col.ID == "parcels" {
			l.Style = "<renderer-v2" + string(inner) + "</renderer-v2>"
		}
		p.Layers = append(p.Layers, l)
		p.Tree = append(p.Tree, treeLayer{l.ID, l.Name, l.Source, l.Provider.Name, checked})
	}
	b, err := xml.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write a project: %w", err)
	}
	return append([]byte("<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"), b...), nil
}

func layerOf(root string, col *collection.Collection, year int) mapLayer {
	// Without srsname a newer QGIS reads in the plane of storage and draws that as the
	// degrees that the layer says it has.
	source := fmt.Sprintf("url='%s/' typename='%s' srsname='OGC:CRS84' restrictToRequestBBOX='1' version='OGC_API_FEATURES' pagingEnabled='true'", strings.ReplaceAll(root, "'", "%27"), url.PathEscape(col.ID))
	if year > 0 && col.Editable() {
		source += fmt.Sprintf(` filter='"year" = %d'`, year)
	}
	l := mapLayer{Type: "vector", Geometry: "Polygon", ID: "gengheng_" + col.ID, Source: source, Name: col.Title, Provider: provider{"UTF-8", "OAPIF"}}
	l.SRS = system{1, "OGC:CRS84"}
	if col.Editable() {
		l.Editable = append(l.Editable, writing{Name: "id"})
	}
	for i, f := range col.Fields {
		if col.Editable() && !f.Writable() {
			l.Editable = append(l.Editable, writing{Name: f.Name})
		}
		l.Aliases = append(l.Aliases, alias{i, f.Name, f.Title})
		if codes := land.CodesOf(f.Name); codes != nil && f.Kind == collection.Text {
			l.Fields = append(l.Fields, choice(f.Name, codes))
		}
		if f.Words != nil {
			l.Fields = append(l.Fields, choice(f.Name, wordsOf(f)))
		}
	}
	return l
}

// wordsOf are the rulebook's words of a field as codes of their own, and none: what
// is not said yet must be shown as such.
func wordsOf(f collection.Field) []land.Code {
	list := []land.Code{{}}
	for _, word := range f.Words {
		list = append(list, land.Code{Name: word, Code: word})
	}
	return list
}

// choice lets people choose a field's value by its name.
func choice(name string, codes []land.Code) field {
	f := field{Name: name}
	f.Widget.Type = "ValueMap"
	list := option{Type: "List", Name: "map"}
	for _, c := range codes {
		name := c.Code + " " + c.Name
		if c.Code == c.Name {
			name = c.Name
		}
		list.Options = append(list.Options, option{Type: "Map", Options: []option{{Type: "QString", Name: name, Value: c.Code}}})
	}
	f.Widget.Options = option{Type: "Map", Options: []option{list}}
	return f
}
