package style_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"gengheng/internal/land"
	"gengheng/internal/tiles/style"
)

// Every class of the survey has a colour, and those that turn cultivated land's
// letters on have their base's.
func TestClasses_AllHaveColours(t *testing.T) {
	t.Parallel()
	list, err := style.Classes()
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string]string{}
	for _, c := range list {
		colours[c.Code] = c.Colour
	}
	for _, c := range land.Classes() {
		if colours[c.Code] == "" || colours[c.Base] != colours[c.Code] {
			t.Errorf("%s has %q, its base %s %q", c.Code, colours[c.Code], c.Base, colours[c.Base])
		}
	}
	if colours["0101"] != "#f8d072" || colours["1104A"] != colours["1104"] || colours["1206"] != "#d7c8b9" {
		t.Errorf("%v", colours)
	}
	doubtful := 0
	for _, c := range list {
		if strings.Contains(c.Note, "待核") {
			doubtful++
		}
	}
	if doubtful != 4 { // 0302, 0302K, 1203, 1204
		t.Errorf("%d classes are marked doubtful", doubtful)
	}
}

// The style, the two files and the legend say the same of every class.
func TestFormats_HaveOneTable(t *testing.T) {
	t.Parallel()
	list, err := style.Classes()
	if err != nil {
		t.Fatal(err)
	}
	v, err := style.MapLibre("县", "http://x/{z}/{x}/{y}.pbf", 18, nil, []style.Overlay{style.OverlayOf("STBHHX", "生态保护红线")})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Layers []struct {
			ID     string
			Filter []any
			Paint  map[string]any
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	byClass := map[string]any{}
	ids := map[string]bool{}
	for _, l := range doc.Layers {
		if ids[l.ID] {
			t.Errorf("two layers are called %s", l.ID)
		}
		ids[l.ID] = true
		if len(l.Filter) == 3 {
			byClass[l.Filter[2].(string)] = l.Paint["fill-color"]
		}
	}
	qml, err := style.QML()
	if err != nil {
		t.Fatal(err)
	}
	sld, err := style.SLD()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, qml)
	wellFormed(t, sld)
	legend, err := style.LegendOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if byClass[c.Code] != c.Colour {
			t.Errorf("%s is %v in MapLibre", c.Code, byClass[c.Code])
		}
		if !bytes.Contains(qml, []byte(c.Code+" "+c.Name)) || !bytes.Contains(sld, []byte("<ogc:Literal>"+c.Code+"</ogc:Literal>")) || !slices.Contains(legend.Classes, c) {
			t.Errorf("%s is missing from a format", c.Code)
		}
	}
}

func wellFormed(t *testing.T, file []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(file)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
