package geodata

import (
	"fmt"
	"strings"
)

// FileError is a file, or a layer of it, that cannot be read. It is made for
// the person who sent the file: what is wrong, where, and what to do.
type FileError struct {
	// Code is stable; see the Err constants.
	Code string
	// File is the name inside the upload, Layer the layer, or "".
	File, Layer string
	// MessageZH and MessageEN say what is wrong and what to do.
	MessageZH, MessageEN string
	// Err is the cause, or nil.
	Err error
}

// Codes of FileError.
const (
	ErrFormat        = "format"          // 不认识的格式
	ErrArchive       = "archive"         // 压缩包损坏
	ErrArchiveLimit  = "archive_limit"   // 压缩包超过限制
	ErrArchiveUnsafe = "archive_unsafe"  // 压缩包内路径不安全
	ErrArchiveNested = "archive_nested"  // 压缩包套压缩包
	ErrArchiveEmpty  = "archive_empty"   // 压缩包里没有数据
	ErrShapefile     = "shapefile"       // shapefile 损坏或不完整
	ErrEncoding      = "encoding"        // 编码
	ErrCRSUndeclared = "crs_undeclared"  // 未声明坐标系
	ErrCRSUnknown    = "crs_unsupported" // 不支持的坐标系
	ErrCRSShift      = "crs_parameters"  // 缺少转换参数
	ErrCRSConflict   = "crs_conflict"    // 坐标与声明的坐标系矛盾
	ErrAxesSwapped   = "axes_swapped"    // 纵横坐标颠倒
	ErrNoLayer       = "no_layer"        // 没有该图层
	ErrGeometryType  = "geometry_type"   // 不是面图层
	ErrChild         = "child"           // 读取进程出错
	ErrChildKilled   = "child_killed"    // 读取进程被终止
	ErrChildMissing  = "child_missing"   // 找不到读取程序
	ErrRaster        = "raster"          // 栅格不能用
	ErrText          = "coordinate_text" // 坐标 TXT 有误
)

// Error gives place and both messages.
func (e *FileError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Layer != "" && e.Layer != e.File {
			fmt.Fprintf(&b, "（图层 %s）", e.Layer)
		}
		b.WriteString("：")
	}
	b.WriteString(e.MessageZH)
	if e.MessageEN != "" {
		b.WriteString(" · " + e.MessageEN)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }

func fileError(code, file, zh, en string) *FileError {
	return &FileError{Code: code, File: file, MessageZH: zh, MessageEN: en}
}
