// Package geodata reads files that strangers send (zipped shapefiles, file
// geodatabases, GeoPackage, GeoJSON, FlatGeobuf, GeoTIFF, coordinate TXT) and gives back
// one stream of typed features, or raster blocks, in one plane: CGCS2000
// 3-degree Gauss-Kruger without zone prefix (EPSG 4534-4554), metres,
// x = easting, y = northing, rounded to 0.0001 m.
//
// Nothing of what such a file says is trusted. The kind of file is decided
// from its first bytes, archives are unpacked here under limits, well-formed
// polygon shapefiles are read by Go, and everything else is opened by a child
// process (gengheng-gdal) with an explicit list of drivers, resource limits, a
// system-call filter and, where the system has it, bubblewrap.
//
// Nothing is guessed in silence either: an undeclared CRS is refused with the
// candidates that would fit, and whatever was decided (encoding, zone prefix,
// WGS 84 taken as CGCS2000) is a Notice.
package geodata

import (
	"fmt"
	"time"

	"github.com/paulmach/orb"
)

// FieldType is the type of an attribute. The Go type of a value of the field
// is fixed by it; a missing value, and an empty string, is nil.
type FieldType int

const (
	// FieldString values are string, UTF-8, without trailing spaces.
	FieldString FieldType = iota
	// FieldInt values are int64. A number that does not fit is given as a
	// string of its exact digits, with an Issue.
	FieldInt
	// FieldFloat values are float64.
	FieldFloat
	// FieldDate values are time.Time in UTC; a plain date is midnight.
	FieldDate
)

// String returns the type's name as used in reports.
func (t FieldType) String() string {
	switch t {
	case FieldString:
		return "string"
	case FieldInt:
		return "int"
	case FieldFloat:
		return "float"
	case FieldDate:
		return "date"
	}
	return fmt.Sprintf("FieldType(%d)", int(t))
}

// Field 字段: one attribute column as the file declares it.
type Field struct {
	// Name is the column's name in the file (shapefile names have at most 10
	// bytes in the file's encoding).
	Name string
	Type FieldType
	// Width is the declared width: characters, or bytes of the file's
	// encoding in a shapefile; 0 means undeclared.
	Width int
	// Precision is the declared number of decimals of a FieldFloat.
	Precision int
	// Alias 别名 is the descriptive name of a geodatabase column, or "".
	Alias string
}

// Schema describes the columns of a layer. Feature.Values is aligned with
// Fields.
type Schema struct {
	Fields []Field
}

// Index returns the position of the named field, or -1. Names compare without
// regard to case, as every one of the formats does.
func (s Schema) Index(name string) int {
	for i, f := range s.Fields {
		if equalFold(f.Name, name) {
			return i
		}
	}
	return -1
}

// Feature 要素: one row of a layer.
type Feature struct {
	// Row is the 1-based position in the file. Records of a shapefile that
	// are marked deleted are skipped but keep their number.
	Row int64
	// Values is aligned with Schema.Fields: nil, string, int64, float64 or
	// time.Time.
	Values []any
	// Geom is in the target plane, rounded to 0.0001 m and in canonical form
	// (see Canonical). It is nil when an Issue of severity error says why.
	// Whether it is valid (self-intersections) has not been judged.
	Geom orb.MultiPolygon
	// WKB is, of a feature to write, its geometry as it came from the database; it
	// stands for Geom. Reading leaves it nil.
	WKB []byte
	// Issues is what was found wrong with this row.
	Issues []Issue
}

// Severity grades an Issue.
type Severity string

const (
	// SeverityError 错误: the row cannot be used as it is.
	SeverityError Severity = "error"
	// SeverityWarning 警告: the row can be used with the repair that the
	// message names; somebody should agree to it.
	SeverityWarning Severity = "warning"
	// SeverityNotice 提示: worth knowing, nothing to decide.
	SeverityNotice Severity = "notice"
)

// Codes of the issues that reading can find. They are stable: reports and
// translations hang on them.
const (
	IssueGeometryNull      = "geometry_null"       // 没有几何
	IssueGeometryType      = "geometry_type"       // 几何类型不是面
	IssueGeometryCorrupt   = "geometry_corrupt"    // 几何记录损坏
	IssueCoordinateInvalid = "coordinate_invalid"  // 坐标是 NaN、无穷大或超出范围
	IssueTooManyVertices   = "too_many_vertices"   // 顶点数超过上限
	IssueTooFewPoints      = "ring_too_few_points" // 环的点数不足
	IssueRingUnclosed      = "ring_unclosed"       // 环未闭合
	IssueDuplicatePoints   = "duplicate_points"    // 相邻重复点
	IssueRingOrientation   = "ring_orientation"    // 环方向与内外环角色不符
	IssueCurve             = "curve_linearised"    // 圆弧已折线化
	IssueZoneMismatch      = "zone_mismatch"       // 带号与坐标系不一致
	IssueOutsideChina      = "outside_china"       // 坐标不在中国范围
	IssueOutsideZone       = "outside_zone"        // 离中央经线过远
	IssueOutsideCounty     = "outside_county"      // 不在县域附近
	IssueTextInvalid       = "text_invalid"        // 文字不能按编码解读
	IssueTextTruncated     = "text_truncated"      // 文字在字符中间被截断
	IssueNumberInvalid     = "number_invalid"      // 不是数字
	IssueNumberRange       = "number_out_of_range" // 数字超出范围
	IssueDateInvalid       = "date_invalid"        // 不是日期
)

// Issue is one finding about one row. Column names follow the table
// dataset_issue.
type Issue struct {
	Code     string
	Severity Severity
	// Row is 1-based; 0 means the layer as a whole.
	Row int64
	// Field is the column concerned, or "".
	Field string
	// MessageZH and MessageEN say what is wrong and what to do.
	MessageZH, MessageEN string
	// X, Y is the place in the target plane, metres; meaningful if HasXY.
	X, Y  float64
	HasXY bool
}

// Notice is something that was decided while reading a layer and that the
// user should see: the encoding chosen, a zone prefix taken off.
type Notice struct {
	Code                 string
	MessageZH, MessageEN string
}

// Codes of notices.
const (
	NoticeEncodingGuessed = "encoding_guessed"  // 未声明编码，已判断
	NoticeEncodingWrong   = "encoding_wrong"    // 声明的编码与内容不符
	NoticeWGS84           = "wgs84_as_cgcs2000" // WGS 84 按 CGCS2000 处理
	NoticeZonePrefix      = "zone_prefix"       // 坐标带号与声明的坐标系写法不同
	NoticeCRSOverridden   = "crs_overridden"    // 选项代替了文件声明的坐标系
	NoticeTransformed     = "transformed"       // 已做坐标转换
	NoticeDriver          = "driver_warning"    // 读取程序的警告
	NoticeFieldRenamed    = "field_renamed"     // 字段重名，已编号
)

// DatumShift 七参数: Bursa-Wolf parameters to CGCS2000, position vector
// convention as in TOWGS84 (EPSG method 9606).
type DatumShift struct {
	DX, DY, DZ float64 // metres
	RX, RY, RZ float64 // arc seconds
	DS         float64 // parts per million
}

// date returns the time.Time that stands for a plain date.
func date(y, m, d int) time.Time {
	return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
}
