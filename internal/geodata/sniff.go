package geodata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// format is a kind of file, told by its first bytes and never by its name.
type format int

const (
	formatUnknown format = iota
	formatEmpty
	formatZip
	formatRAR
	format7z
	formatShapefile
	formatGeoPackage
	formatSQLite
	formatFlatGeobuf
	formatTIFF
	formatGeoJSON
	formatXML
	formatText
)

// sniff judges the first bytes of a file (a few KB).
func sniff(head []byte) format {
	switch {
	case len(head) == 0:
		return formatEmpty
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return formatZip
	case bytes.HasPrefix(head, []byte("Rar!")):
		return formatRAR
	case bytes.HasPrefix(head, []byte("7z\xbc\xaf\x27\x1c")):
		return format7z
	case len(head) >= 4 && binary.BigEndian.Uint32(head) == shpFileCode:
		return formatShapefile
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		if len(head) >= 72 && (bytes.Equal(head[68:72], []byte("GPKG")) || bytes.Equal(head[68:72], []byte("GP10")) || bytes.Equal(head[68:72], []byte("GP11"))) {
			return formatGeoPackage
		}
		return formatSQLite
	case bytes.HasPrefix(head, []byte("fgb\x03fgb")): // and the patch of version 3
		return formatFlatGeobuf
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")),
		bytes.HasPrefix(head, []byte("II+\x00")), bytes.HasPrefix(head, []byte("MM\x00+")):
		return formatTIFF
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(text) > 0 && text[0] == '{' && bytes.Contains(text, []byte(`"type"`)):
		return formatGeoJSON
	case len(text) > 0 && text[0] == '<':
		return formatXML
	case bytes.IndexByte(head, 0) < 0:
		return formatText
	}
	return formatUnknown
}

func sniffFile(path string) (format, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	head := make([]byte, 8192)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil, err
	}
	return sniff(head[:n]), head[:n], nil
}

// whatIs names what a file is that is not what it should be.
func whatIs(head []byte) string {
	switch sniff(head) {
	case formatEmpty:
		return "文件是空的"
	case formatZip:
		return "内容是 zip 压缩包"
	case formatRAR, format7z:
		return "内容是 rar 或 7z 压缩包"
	case formatShapefile:
		return "内容是 shapefile"
	case formatGeoPackage:
		return "内容是 GeoPackage"
	case formatSQLite:
		return "内容是 SQLite 数据库"
	case formatFlatGeobuf:
		return "内容是 FlatGeobuf"
	case formatTIFF:
		return "内容是 TIFF 影像"
	case formatGeoJSON:
		return "内容是 JSON 文本"
	case formatXML:
		return "内容是 XML 文本"
	case formatText:
		return "内容是普通文本"
	}
	return "内容不可识别"
}

func whatIsEN(head []byte) string {
	switch sniff(head) {
	case formatEmpty:
		return "the file is empty"
	case formatZip:
		return "it holds a zip archive"
	case formatRAR, format7z:
		return "it holds a rar or 7z archive"
	case formatShapefile:
		return "it holds a shapefile"
	case formatGeoPackage:
		return "it holds a GeoPackage"
	case formatSQLite:
		return "it holds an SQLite database"
	case formatFlatGeobuf:
		return "it holds a FlatGeobuf"
	case formatTIFF:
		return "it holds a TIFF image"
	case formatGeoJSON:
		return "it holds JSON text"
	case formatXML:
		return "it holds XML text"
	case formatText:
		return "it holds plain text"
	}
	return "its content is not known"
}
