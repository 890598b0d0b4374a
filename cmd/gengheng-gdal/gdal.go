package main

/*
#cgo pkg-config: gdal
#include "gg.h"
#include <gdal_version.h>
#include <stdlib.h>
*/
import "C"

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"unsafe"

	"gengheng/internal/geodata/frame"
)

// start registers the drivers.
func start() { C.gg_init() }

func deny() bool { return C.gg_deny() == 0 }

func version() string { return cString(C.GDALVersionInfo(cText("RELEASE_NAME"))) }

// cText makes a C string for a constant of the program's life.
func cText(s string) *C.char { return C.CString(s) }

func cString(p *C.char) string {
	if p == nil {
		return ""
	}
	return C.GoString(p)
}

func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return nil
}

// failure is what libgdal said last.
func failure(doing string) error {
	text := cString(C.gg_failure())
	if text == "" {
		text = "libgdal gave no reason"
	}
	return fmt.Errorf("%s: %s", doing, text)
}

func sendWarnings(out *frame.Writer) error {
	var text [1024]C.char
	for C.gg_warning(&text[0], C.size_t(len(text))) != 0 {
		if err := out.Write(frame.KindWarning, []byte(C.GoString(&text[0]))); err != nil {
			return err
		}
	}
	return nil
}

func open(req frame.Request, raster bool) (C.GDALDatasetH, error) {
	path, driver := C.CString(req.Path), C.CString(req.Driver)
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(driver))
	flag := C.int(0)
	if raster {
		flag = 1
	}
	ds := C.gg_open(path, driver, flag)
	if ds == nil {
		return nil, failure("open as " + req.Driver)
	}
	return ds, nil
}

var typeNames = map[C.int]string{
	C.GG_STRING: frame.TypeString, C.GG_INT: frame.TypeInt, C.GG_FLOAT: frame.TypeFloat,
	C.GG_FLOAT32: frame.TypeFloat32, C.GG_DATE: frame.TypeDate,
}

func describeLayer(layer C.OGRLayerH, whole bool) (frame.Layer, []C.int) {
	var c C.gg_layer
	flag := C.int(0)
	if whole {
		flag = 1
	}
	C.gg_describe(layer, flag, &c)
	l := frame.Layer{
		Name: cString(c.name), Alias: cString(c.alias), Geometry: cString(c.geometry),
		Count: int64(c.count), HasExtent: c.has_extent != 0, EPSG: int(c.epsg), WKT: cString(c.wkt),
	}
	C.gg_free(unsafe.Pointer(c.wkt))
	for i := range l.Extent {
		l.Extent[i] = finite(float64(c.extent[i]), &l.HasExtent)
	}
	types := make([]C.int, int(c.fields))
	for i := range types {
		var f C.gg_field
		C.gg_describe_field(layer, C.int(i), &f)
		types[i] = f._type
		name, known := typeNames[f._type]
		if !known {
			continue
		}
		l.Fields = append(l.Fields, frame.Field{
			Name: cString(f.name), Alias: cString(f.alias), Type: name,
			Width: int(f.width), Precision: int(f.precision),
		})
	}
	return l, types
}

// finite keeps NaN and Inf out of JSON, which has no words for them.
func finite(v float64, ok *bool) float64 {
	if v-v != 0 {
		*ok = false
		return 0
	}
	return v
}

func describe(req frame.Request, out *frame.Writer) error {
	raster := req.Driver == "GTiff"
	ds, err := open(req, raster)
	if err != nil {
		return err
	}
	defer C.GDALClose(ds)
	d := frame.Description{GDAL: version()}
	if raster {
		d.Raster = describeRaster(ds)
	} else {
		for i := range int(C.GDALDatasetGetLayerCount(ds)) {
			l, _ := describeLayer(C.GDALDatasetGetLayer(ds, C.int(i)), true)
			if req.Driver == "OpenFileGDB" {
				l.Alias = geodatabaseAlias(ds, l.Name)
			}
			d.Layers = append(d.Layers, l)
		}
	}
	if err := sendWarnings(out); err != nil {
		return err
	}
	if err := out.WriteJSON(frame.KindDescription, d); err != nil {
		return err
	}
	return out.WriteJSON(frame.KindEnd, frame.Summary{})
}

// geodatabaseAlias finds the layer's own alias in its definition: the first
// AliasName directly below the root.
func geodatabaseAlias(ds C.GDALDatasetH, name string) string {
	layer := C.CString(name)
	defer C.free(unsafe.Pointer(layer))
	definition := C.gg_gdb_definition(ds, layer)
	defer C.gg_free(unsafe.Pointer(definition))
	var root struct {
		AliasName string
	}
	if err := xml.Unmarshal([]byte(cString(definition)), &root); err != nil || root.AliasName == name {
		return ""
	}
	return root.AliasName
}

func describeRaster(ds C.GDALDatasetH) *frame.Raster {
	var c C.gg_raster
	C.gg_describe_raster(ds, &c)
	r := &frame.Raster{
		Width: int(c.width), Height: int(c.height), Bands: int(c.bands), DataType: cString(c._type),
		Unit: cString(c.unit), HasTransform: c.has_transform != 0, EPSG: int(c.epsg), WKT: cString(c.wkt),
		HasNoData: c.has_nodata != 0,
	}
	C.gg_free(unsafe.Pointer(c.wkt))
	for i := range r.Transform {
		r.Transform[i] = finite(float64(c.transform[i]), &r.HasTransform)
	}
	// A nodata of NaN needs no number: NaN is no elevation anyway.
	r.NoData = finite(float64(c.nodata), &r.HasNoData)
	return r
}

const (
	batchFeatures = 1000
	batchBytes    = 1 << 20
)

func read(req frame.Request, out *frame.Writer) error {
	ds, err := open(req, false)
	if err != nil {
		return err
	}
	defer C.GDALClose(ds)
	if req.Layer < 0 || req.Layer >= int(C.GDALDatasetGetLayerCount(ds)) {
		return errNoLayer
	}
	layer := C.GDALDatasetGetLayer(ds, C.int(req.Layer))
	_, types := describeLayer(layer, false)
	C.OGR_L_ResetReading(layer)
	var first *C.int
	if len(types) > 0 {
		first = &types[0]
	}
	var buf C.gg_buf
	defer C.gg_buf_free(&buf)
	var sum frame.Summary
	for {
		buf.len = 0
		head := [4]byte{}
		n := C.gg_next_batch(layer, first, C.int(len(types)), frame.MaxVertices, batchFeatures, batchBytes, &buf)
		if n < 0 {
			return failure(fmt.Sprintf("read after feature %d", sum.Features))
		}
		if err := sendWarnings(out); err != nil {
			return err
		}
		if n == 0 {
			return out.WriteJSON(frame.KindEnd, sum)
		}
		binary.LittleEndian.PutUint32(head[:], uint32(n))
		body := unsafe.Slice((*byte)(unsafe.Pointer(buf.data)), int(buf.len))
		if err := out.WriteParts(frame.KindFeatures, head[:], body); err != nil {
			return err
		}
		sum.Features += int64(n)
	}
}

func readRaster(req frame.Request, out *frame.Writer) error {
	ds, err := open(req, true)
	if err != nil {
		return err
	}
	defer C.GDALClose(ds)
	r := describeRaster(ds)
	if r.Bands < 1 || r.Width < 1 || r.Height < 1 {
		return errors.New("the raster has no cells")
	}
	step := max(1, min(256, (4<<20)/(4*r.Width)))
	if 4*r.Width > frame.MaxPayload-8 {
		return fmt.Errorf("the raster is %d cells wide", r.Width)
	}
	values := make([]float32, step*r.Width)
	for row := 0; row < r.Height; row += step {
		rows := min(step, r.Height-row)
		part := values[:rows*r.Width]
		if C.gg_read_rows(ds, C.int(row), C.int(rows), C.int(r.Width), (*C.float)(unsafe.Pointer(&part[0]))) != 0 {
			return failure(fmt.Sprintf("read raster row %d", row))
		}
		if err := out.Write(frame.KindRaster, frame.RasterRows(row, part, rows)); err != nil {
			return err
		}
	}
	if err := sendWarnings(out); err != nil {
		return err
	}
	return out.WriteJSON(frame.KindEnd, frame.Summary{})
}
