package main

/*
#include "gg.h"
#include <stdlib.h>
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"gengheng/internal/geodata/frame"
)

// sink is the layer being written.
type sink struct {
	layer  C.OGRLayerH
	name   string
	fields int
	rows   int64
}

// write creates req.Path from the layers and features that follow on the
// input, up to End.
func write(req frame.Request, in *frame.Reader, out *frame.Writer) error {
	path, driver := C.CString(req.Path), C.CString(req.Driver)
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(driver))
	ds := C.gg_create(path, driver)
	if ds == nil {
		return failure("create as " + req.Driver)
	}
	total, err := writeLayers(ds, req, in)
	if C.gg_close(ds) != 0 && err == nil {
		err = failure("close")
	}
	if err != nil {
		return err
	}
	if err := sendWarnings(out); err != nil {
		return err
	}
	return out.WriteJSON(frame.KindEnd, frame.Summary{Features: total})
}

func writeLayers(ds C.GDALDatasetH, req frame.Request, in *frame.Reader) (total int64, err error) {
	var current sink
	for {
		kind, payload, err := in.Next()
		if err != nil {
			return 0, err
		}
		switch kind {
		case frame.KindLayer:
			if current, err = createLayer(ds, req, payload); err != nil {
				return 0, err
			}
		case frame.KindFeatures:
			n, err := current.write(payload)
			if err != nil {
				return 0, err
			}
			total += n
		case frame.KindEnd:
			return total, nil
		default:
			return 0, fmt.Errorf("frame %q in a write stream", kind)
		}
	}
}

func (s *sink) write(payload []byte) (int64, error) {
	if s.layer == nil {
		return 0, errors.New("features before a layer")
	}
	if len(payload) < 4 {
		return 0, errors.New("feature batch is cut off")
	}
	n := binary.LittleEndian.Uint32(payload)
	body := payload[4:]
	if n == 0 || len(body) == 0 {
		return 0, nil
	}
	done := C.gg_write_batch(s.layer, C.int(s.fields), C.int(n), (*C.uchar)(unsafe.Pointer(&body[0])), C.size_t(len(body)))
	if int(done) != int(n) {
		return 0, failure(fmt.Sprintf("layer %s, write row %d", s.name, s.rows+int64(done)+1))
	}
	s.rows += int64(n)
	return int64(n), nil
}

func createLayer(ds C.GDALDatasetH, req frame.Request, payload []byte) (s sink, err error) {
	var spec frame.Layer
	if err := unmarshal(payload, &spec); err != nil {
		return s, err
	}
	options := newList(layerOptions(req, spec))
	defer options.free()
	name := C.CString(spec.Name)
	defer C.free(unsafe.Pointer(name))
	layer := C.gg_create_layer(ds, name, C.int(spec.EPSG), options.list())
	if layer == nil {
		return s, failure("create layer " + spec.Name)
	}
	for _, f := range spec.Fields {
		if err := createField(layer, req.Driver, f); err != nil {
			return s, err
		}
	}
	return sink{layer: layer, name: spec.Name, fields: len(spec.Fields)}, nil
}

// layerOptions are the driver's creation options. Every date in a file is
// fixed, so that the same data make the same bytes.
func layerOptions(req frame.Request, spec frame.Layer) []string {
	switch req.Driver {
	case "ESRI Shapefile":
		return []string{"ENCODING=" + req.Encoding, "SHPT=POLYGON", "DBF_DATE_LAST_UPDATE=2020-01-01"}
	case "OpenFileGDB":
		// The standard grid of 0.0001 m, over all of China, also with a zone
		// prefix; in degrees, one that is finer than that.
		grid := []string{"XORIGIN=-10000000", "YORIGIN=-10000000", "XYSCALE=10000", "XYTOLERANCE=0.001"}
		if geographic(spec.EPSG) {
			grid = []string{"XORIGIN=-400", "YORIGIN=-400", "XYSCALE=1000000000000", "XYTOLERANCE=0.00000001"}
		}
		return append(grid, "LAYER_ALIAS="+spec.Alias)
	case "GPKG":
		return []string{"IDENTIFIER=" + spec.Alias, "GEOMETRY_NAME=geom"}
	case "FlatGeobuf":
		return []string{"SPATIAL_INDEX=YES"}
	case "GeoJSON":
		if geographic(spec.EPSG) {
			return []string{"COORDINATE_PRECISION=12", "RFC7946=NO"}
		}
		return []string{"COORDINATE_PRECISION=4", "RFC7946=NO"}
	}
	return nil
}

// geographic tells the codes in degrees of the CRSs that are written.
func geographic(epsg int) bool {
	switch epsg {
	case 4490, 4326, 4610, 4214:
		return true
	}
	return false
}

var fieldTypes = map[string]C.int{
	frame.TypeString: C.GG_STRING, frame.TypeInt: C.GG_INT, frame.TypeFloat: C.GG_FLOAT, frame.TypeDate: C.GG_DATE,
}

func createField(layer C.OGRLayerH, driver string, f frame.Field) error {
	kind, ok := fieldTypes[f.Type]
	if !ok {
		return fmt.Errorf("field %s has an unknown type %q", f.Name, f.Type)
	}
	name, alias := C.CString(f.Name), C.CString(f.Alias)
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(alias))
	datetime := C.int(0)
	if driver == "OpenFileGDB" {
		datetime = 1 // a geodatabase knows no plain date
	}
	if C.gg_create_field(layer, name, alias, kind, C.int(f.Width), C.int(f.Precision), datetime) != 0 {
		return failure("create field " + f.Name)
	}
	return nil
}

// list is a NULL-ended list of C strings.
type list struct{ items []*C.char }

func newList(values []string) *list {
	l := &list{items: make([]*C.char, 0, len(values)+1)}
	for _, v := range values {
		l.items = append(l.items, C.CString(v))
	}
	l.items = append(l.items, nil)
	return l
}

// list gives the address of the first; cgo copies no Go pointers, for the
// items are C memory.
func (l *list) list() **C.char { return &l.items[0] }

func (l *list) free() {
	for _, p := range l.items {
		C.free(unsafe.Pointer(p))
	}
}

func writeRaster(req frame.Request, in *frame.Reader, out *frame.Writer) error {
	r := req.Raster
	if r == nil || r.Width < 1 || r.Height < 1 {
		return errors.New("the request has no raster")
	}
	path := C.CString(req.Path)
	defer C.free(unsafe.Pointer(path))
	nodata := C.int(0)
	if r.HasNoData {
		nodata = 1
	}
	ds := C.gg_create_raster(path, C.int(r.Width), C.int(r.Height), (*C.double)(unsafe.Pointer(&r.Transform[0])), C.int(r.EPSG), nodata, C.double(r.NoData))
	if ds == nil {
		return failure("create raster")
	}
	err := writeRows(ds, r, in)
	if C.gg_close(ds) != 0 && err == nil {
		err = failure("close")
	}
	if err != nil {
		return err
	}
	return out.WriteJSON(frame.KindEnd, frame.Summary{})
}

func writeRows(ds C.GDALDatasetH, r *frame.Raster, in *frame.Reader) error {
	var values []float32
	for {
		kind, payload, err := in.Next()
		if err != nil {
			return err
		}
		if kind == frame.KindEnd {
			return nil
		}
		if kind != frame.KindRaster {
			return fmt.Errorf("frame %q in a raster stream", kind)
		}
		var row, rows int
		if row, rows, values, err = frame.ParseRasterRows(payload, r.Width, values[:0]); err != nil {
			return err
		}
		if row+rows > r.Height {
			return fmt.Errorf("rows %d to %d of %d", row, row+rows-1, r.Height)
		}
		if C.gg_write_rows(ds, C.int(row), C.int(rows), C.int(r.Width), (*C.float)(unsafe.Pointer(&values[0]))) != 0 {
			return failure(fmt.Sprintf("write raster row %d", row))
		}
	}
}
