package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// badUpload is a file and what its refusal must say.
type badUpload struct {
	content []byte
	says    string
}

// badUploads are files that must be refused, by name; each is a delivered
// survey spoilt in one way, or an attack.
func badUploads(t *testing.T, county string) map[string]badUpload {
	t.Helper()
	good := unzip(t, filepath.Join(county, "zip", "DLTB.zip"))
	spoilt := func(change func(files map[string][]byte)) []byte {
		files := maps.Clone(good)
		change(files)
		return zipped(t, files)
	}
	at := func(suffix string) string {
		for name := range good {
			if strings.HasSuffix(name, suffix) {
				return name
			}
		}
		t.Fatalf("the delivered survey has no %s", suffix)
		return ""
	}
	shp, dbf, prj := at(".shp"), at(".dbf"), at(".prj")
	return map[string]badUpload{
		"empty.zip":     {zipped(t, nil), "没有文件"},
		"no-layer.zip":  {zipped(t, map[string][]byte{"说明.txt": []byte("无图层")}), "说明.txt"},
		"not-a-zip.zip": {[]byte("PK\x03\x04 but no more"), "打不开"},
		"truncated-shp.zip": {spoilt(func(f map[string][]byte) {
			f[shp] = f[shp][:len(f[shp])/2]
		}), "被截断"},
		"short-dbf.zip": {spoilt(func(f map[string][]byte) {
			b := bytes.Clone(f[dbf]) // one record less than .shp, consistently
			n := uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24
			record := int(b[10]) | int(b[11])<<8
			n--
			b[4], b[5], b[6], b[7] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
			f[dbf] = b[:len(b)-record]
		}), "2999"},
		"no-dbf.zip": {spoilt(func(f map[string][]byte) { delete(f, dbf) }), ".dbf"},
		"no-crs.zip": {spoilt(func(f map[string][]byte) { delete(f, prj) }), "EPSG:4525"},
		"bomb.zip": {zipped(t, map[string][]byte{
			"DLTB.shp": make([]byte, 64<<20), "DLTB.dbf": make([]byte, 1<<20), "DLTB.shx": nil}), "压缩比"},
		"slip.zip": {zipped(t, map[string][]byte{"../../evil.shp": good[shp], "../../evil.dbf": good[dbf], "../../evil.shx": good[at(".shx")]}), "../../evil"},
		"vrt-in-shp.zip": {spoilt(func(f map[string][]byte) {
			f[shp] = []byte(`<OGRVRTDataSource><OGRVRTLayer name="DLTB"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>`)
		}), "XML"},
		"beijing.geojson": {[]byte(`{"type":"FeatureCollection","features":[{"type":"Feature",
			"properties":{"BSM":"149901100000000001","DLBM":"0103","DLMC":"旱地","QSXZ":"30","ZLDWDM":"1499011002000000000","QSDWDM":"1499011002000000000","TBMJ":100.0,"TBDLMJ":100.0,"KCXS":0.0,"KCMJ":0.0,"GDPDJB":"1","ZZSXDM":"LS","TBBH":"1"},
			"geometry":{"type":"Polygon","coordinates":[[[116.39,39.90],[116.40,39.90],[116.40,39.91],[116.39,39.90]]]}}]}`), "149901"},
	}
}

func unzip(t *testing.T, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// emptied is a zipped shapefile without its features.
func emptied(t *testing.T, path string) []byte {
	t.Helper()
	files := unzip(t, path)
	for name, b := range files {
		b = bytes.Clone(b)
		switch filepath.Ext(name) {
		case ".shp", ".shx":
			b = b[:100]
			binary.BigEndian.PutUint32(b[24:], 50) // the file's length in 16-bit words
		case ".dbf":
			b = append(b[:int(b[8])|int(b[9])<<8], 0x1a)
			binary.LittleEndian.PutUint32(b[4:], 0) // no records
		}
		files[name] = b
	}
	return zipped(t, files)
}
