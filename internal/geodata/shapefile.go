package geodata

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"gengheng/internal/geodata/frame"
)

// ESRI Shapefile Technical Description (July 1998).
const (
	shpHeaderSize = 100
	shpFileCode   = 9994
	shpVersion    = 1000

	shpNull     = 0
	shpPolygon  = 5
	shpPolygonZ = 15
	shpPolygonM = 25
)

var shapeTypes = map[uint32]string{
	1: "Point", 3: "PolyLine", 5: "Polygon", 8: "MultiPoint", 11: "PointZ", 13: "PolyLineZ", 15: "PolygonZ",
	18: "MultiPointZ", 21: "PointM", 23: "PolyLineM", 25: "PolygonM", 28: "MultiPointM", 31: "MultiPatch",
}

var shapeTypesZH = map[uint32]string{1: "点", 11: "点", 21: "点", 8: "多点", 18: "多点", 28: "多点", 3: "线", 13: "线", 23: "线", 31: "多面体"}

// shapeSet are the files of one shapefile.
type shapeSet struct {
	name                    string // of the .shp, as the user knows it
	shp, shx, dbf, prj, cpg string // paths; "" if missing
}

// shapefile is an open shapefile of polygons.
type shapefile struct {
	set   shapeSet
	shp   *os.File
	size  int64 // of the .shp
	index []byte
	table *dbfTable
	kind  uint32
	box   orb.Bound
}

func (s *shapeSet) refuse(zh, en string) error { return fileError(ErrShapefile, s.name, zh, en) }

// openShapefile opens a set and checks, before anything is read from it, that
// its parts are there, whole and of one length.
func openShapefile(set shapeSet) (*shapefile, error) {
	for _, part := range []struct{ path, ext, zh string }{
		{set.shx, ".shx", "索引"}, {set.dbf, ".dbf", "属性表"},
	} {
		if part.path == "" {
			return nil, set.refuse("缺少同名的 "+part.ext+" "+part.zh+"文件；请把 .shp、.shx、.dbf、.prj 一起压缩上传",
				"the "+part.ext+" of the same name is missing; zip .shp, .shx, .dbf and .prj together")
		}
	}
	s := &shapefile{set: set}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shapefile) close() error {
	var errs []error
	if s.shp != nil {
		errs = append(errs, s.shp.Close())
	}
	if s.table != nil {
		errs = append(errs, s.table.close())
	}
	return errors.Join(errs...)
}

func (s *shapefile) open() (err error) {
	if s.shp, err = os.Open(s.set.shp); err != nil {
		return err
	}
	if err := s.readHeader(); err != nil {
		return err
	}
	if err := s.readIndex(); err != nil {
		return err
	}
	if s.table, err = openDBF(s.set.dbf, s.set.name); err != nil {
		return err
	}
	if s.table.records != s.count() {
		return s.set.refuse(
			fmt.Sprintf("图形与属性行数不一致：.shx 有 %d 个图形，.dbf 有 %d 行；请在 ArcGIS 中修复或重新导出", s.count(), s.table.records),
			fmt.Sprintf("the .shx has %d shapes but the .dbf has %d records; repair or export again", s.count(), s.table.records))
	}
	return nil
}

func (s *shapefile) count() int64 { return int64(len(s.index) / 8) }

func (s *shapefile) readHeader() error {
	head := make([]byte, shpHeaderSize)
	n, err := s.shp.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	info, err := s.shp.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	if n < shpHeaderSize || binary.BigEndian.Uint32(head) != shpFileCode || binary.LittleEndian.Uint32(head[28:]) != shpVersion {
		return s.set.refuse("不是 shapefile："+whatIs(head[:n])+"；请重新导出", "it is no shapefile: "+whatIsEN(head[:n])+"; export it again")
	}
	if declared := 2 * int64(binary.BigEndian.Uint32(head[24:])); declared > s.size {
		return s.set.refuse(
			fmt.Sprintf(".shp 被截断：文件头声明 %d 字节，实有 %d 字节；请重新导出或重新上传", declared, s.size),
			fmt.Sprintf("the .shp is cut off: its header says %d bytes, there are %d", declared, s.size))
	}
	s.kind = binary.LittleEndian.Uint32(head[32:])
	float := func(at int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(head[at:])) }
	s.box = orb.Bound{Min: orb.Point{float(36), float(44)}, Max: orb.Point{float(52), float(60)}}
	switch s.kind {
	case shpPolygon, shpPolygonZ, shpPolygonM, shpNull:
		return nil
	}
	name, known := shapeTypes[s.kind]
	if !known {
		return s.set.refuse(fmt.Sprintf("图形类型 %d 不存在，文件已损坏", s.kind), fmt.Sprintf("shape type %d does not exist, the file is damaged", s.kind))
	}
	return fileError(ErrGeometryType, s.set.name,
		fmt.Sprintf("是%s图层（%s），需要面图层", shapeTypesZH[s.kind], name), fmt.Sprintf("it is a layer of %s; polygons are needed", name))
}

func (s *shapefile) readIndex() error {
	info, err := os.Stat(s.set.shx)
	if err != nil {
		return err
	}
	// 8 bytes for a record of at least 12 in the .shp.
	if info.Size() < shpHeaderSize || info.Size() > shpHeaderSize+s.size {
		return s.set.refuse(fmt.Sprintf(".shx 索引长度 %d 字节与 .shp 不符；请重新导出", info.Size()), fmt.Sprintf("the .shx of %d bytes does not fit the .shp; export again", info.Size()))
	}
	b, err := os.ReadFile(s.set.shx)
	if err != nil {
		return err
	}
	if len(b) < shpHeaderSize || binary.BigEndian.Uint32(b) != shpFileCode {
		return s.set.refuse(".shx 不是索引文件："+whatIs(b)+"；请重新导出", "the .shx is no index: "+whatIsEN(b))
	}
	declared := 2 * int64(binary.BigEndian.Uint32(b[24:]))
	if declared > int64(len(b)) || declared < shpHeaderSize || (declared-shpHeaderSize)%8 != 0 {
		return s.set.refuse(
			fmt.Sprintf(".shx 被截断：文件头声明 %d 字节，实有 %d 字节；请重新导出", declared, len(b)),
			fmt.Sprintf("the .shx is cut off: its header says %d bytes, there are %d", declared, len(b)))
	}
	s.index = b[shpHeaderSize:declared]
	return nil
}

// extent of the layer in its own coordinates, from the header; where that is
// no box (some programs leave it empty), from the records' own boxes.
func (s *shapefile) extent() (orb.Bound, error) {
	if s.count() == 0 {
		return orb.Bound{}, nil
	}
	if finiteBox(s.box) && !s.box.IsZero() {
		return s.box, nil
	}
	var b orb.Bound
	first := true
	err := s.records(func(_ int64, content []byte) error {
		if len(content) < 36 {
			return nil
		}
		f := func(at int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(content[at:])) }
		box := orb.Bound{Min: orb.Point{f(4), f(12)}, Max: orb.Point{f(20), f(28)}}
		switch {
		case !finiteBox(box):
		case first:
			b, first = box, false
		default:
			b = b.Union(box)
		}
		return nil
	})
	return b, err
}

func finiteBox(b orb.Bound) bool {
	for _, v := range []float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]} {
		if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e15 {
			return false
		}
	}
	return b.Min[0] <= b.Max[0] && b.Min[1] <= b.Max[1]
}

// records gives the content of every record in the order of the index. The
// slice is valid until the next.
func (s *shapefile) records(each func(number int64, content []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(s.shp, shpHeaderSize, s.size-shpHeaderSize), 1<<20)
	at := int64(shpHeaderSize)
	var buf []byte
	var total int64
	for i := range s.count() {
		entry := s.index[8*i:]
		offset, length := 2*int64(binary.BigEndian.Uint32(entry)), 2*int64(binary.BigEndian.Uint32(entry[4:]))
		if total += length + 8; offset < shpHeaderSize || offset+8+length > s.size || total > s.size {
			return s.damaged(i+1, "索引指向文件之外", "the index points outside the file")
		}
		if offset != at {
			// Edited shapefiles have gaps and another order.
			in.Reset(io.NewSectionReader(s.shp, offset, s.size-offset))
		}
		if int64(cap(buf)) < length+8 {
			buf = make([]byte, 2*(length+8))
		}
		buf = buf[:length+8]
		if _, err := io.ReadFull(in, buf); err != nil {
			return s.damaged(i+1, "读不到图形记录", "the shape cannot be read: "+err.Error())
		}
		at = offset + 8 + length
		if inside := 2 * int64(binary.BigEndian.Uint32(buf[4:])); inside != length {
			return s.damaged(i+1, fmt.Sprintf("记录长度 %d 与索引 %d 不符", inside, length), fmt.Sprintf("the record's length %d contradicts the index %d", inside, length))
		}
		if err := each(i+1, buf[8:]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shapefile) damaged(row int64, zh, en string) error {
	return s.set.refuse(fmt.Sprintf("第 %d 个图形损坏：%s；请在 ArcGIS 中修复几何后重新导出", row, zh), fmt.Sprintf("shape %d is damaged: %s; repair and export again", row, en))
}

// decoded are records on their way from decoding to finishing, with the memory of
// their rings, which the next records take: finishing makes rings of its own.
type decoded struct {
	rows   []raw
	points []orb.Point
	rings  []orb.Ring
}

// A batch ends with a record that fills it; what a large one grew is given back.
const (
	decodedRows   = 64
	decodedPoints = 1 << 13
	keptPoints    = 1 << 16
)

func (d *decoded) full() bool { return len(d.rows) >= decodedRows || len(d.points) >= decodedPoints }

func (d *decoded) reset() {
	clear(d.rows)
	d.rows, d.points, d.rings = d.rows[:0], d.points[:0], d.rings[:0]
	if cap(d.points) > keptPoints {
		d.points = nil
	}
}

// read streams the features. Records are decoded ahead while the caller finishes
// those before them: the two take as long as each other.
func (s *shapefile) read(yield func(*raw) error) error {
	const ahead = 3
	free, full, stop := make(chan *decoded, ahead), make(chan *decoded, ahead), make(chan struct{})
	for range ahead {
		free <- new(decoded)
	}
	var failed error
	var fault any
	go func() {
		defer close(full)
		defer func() { // a fault is the caller's to catch, as if it had decoded by itself
			if r := recover(); r != nil {
				fault = fmt.Sprintf("%v\n%s", r, debug.Stack())
			}
		}()
		failed = s.decode(free, full, stop)
	}()
	defer func() { // the files are the caller's again once nobody reads them
		close(stop)
		for range full {
		}
	}()
	for batch := range full {
		for i := range batch.rows {
			if err := yield(&batch.rows[i]); err != nil {
				return err
			}
		}
		batch.reset()
		free <- batch
	}
	if fault != nil {
		panic(fault)
	}
	return failed
}

// decode sends all records in batches, until it is stopped. What was decoded
// before an error is sent.
func (s *shapefile) decode(free <-chan *decoded, full chan<- *decoded, stop <-chan struct{}) error {
	rows := newRecordReader(s.table)
	batch := <-free
	err := s.records(func(number int64, content []byte) error {
		record, err := rows.next()
		if err != nil {
			return err
		}
		if deleted(record) {
			return nil
		}
		r := raw{row: number, directed: true}
		r.values, r.issues = s.table.values(number, record)
		s.parse(&r, content, batch)
		if batch.rows = append(batch.rows, r); !batch.full() {
			return nil
		}
		full <- batch // never waits: there is room for all
		select {
		case batch = <-free:
			return nil
		case <-stop:
			batch = nil
			return errStopped
		}
	})
	if batch != nil {
		full <- batch
	}
	return err
}

// parse decodes a Polygon, PolygonZ or PolygonM: type, box, numbers of parts
// and points, first point of each part, points. Z and M are left aside. The rings
// are in the batch's memory.
func (s *shapefile) parse(r *raw, content []byte, batch *decoded) {
	corrupt := func(zh, en string) {
		r.issues = append(r.issues, r.issue(IssueGeometryCorrupt, SeverityError, "图形记录损坏："+zh, "the shape record is damaged: "+en))
	}
	if len(content) < 4 {
		corrupt("太短", "too short")
		return
	}
	switch kind := binary.LittleEndian.Uint32(content); kind {
	case shpNull:
		return
	case shpPolygon, shpPolygonZ, shpPolygonM:
	default:
		r.issues = append(r.issues, r.issue(IssueGeometryType, SeverityError,
			fmt.Sprintf("图形类型是 %d（%s），不是面", kind, shapeTypes[kind]), fmt.Sprintf("shape type %d (%s) is no polygon", kind, shapeTypes[kind])))
		return
	}
	if len(content) < 44 {
		corrupt("太短", "too short")
		return
	}
	parts, points := int64(binary.LittleEndian.Uint32(content[36:])), int64(binary.LittleEndian.Uint32(content[40:]))
	if 44+4*parts+16*points > int64(len(content)) {
		corrupt(fmt.Sprintf("声明 %d 个环、%d 个点，超出记录", parts, points), fmt.Sprintf("%d rings and %d points do not fit", parts, points))
		return
	}
	if points > frame.MaxVertices {
		r.issues = append(r.issues, r.tooManyVertices())
		return
	}
	starts, coordinates := content[44:44+4*parts], content[44+4*parts:]
	first := len(batch.points)
	batch.points = slices.Grow(batch.points, int(points))[:first+int(points)]
	all := batch.points[first:]
	for i := range all {
		all[i] = orb.Point{
			math.Float64frombits(binary.LittleEndian.Uint64(coordinates[16*i:])),
			math.Float64frombits(binary.LittleEndian.Uint64(coordinates[16*i+8:])),
		}
	}
	end := points
	firstRing := len(batch.rings)
	batch.rings = slices.Grow(batch.rings, int(parts))[:firstRing+int(parts)]
	rings := batch.rings[firstRing:]
	for i := parts - 1; i >= 0; i-- {
		start := int64(binary.LittleEndian.Uint32(starts[4*i:]))
		if start > end || i == 0 && start != 0 {
			corrupt("环的起点次序不对", "the rings' starts are out of order")
			return
		}
		rings[i] = all[start:end]
		end = start
	}
	r.loose = rings
}

// recordReader hands out the records of a .dbf one after another.
type recordReader struct {
	table *dbfTable
	in    *bufio.Reader
	buf   []byte
	row   int64
}

func newRecordReader(t *dbfTable) *recordReader {
	body := io.NewSectionReader(t.file, int64(t.headerLength), t.records*int64(t.recordLength))
	return &recordReader{table: t, in: bufio.NewReaderSize(body, 1<<20), buf: make([]byte, t.recordLength)}
}

func (r *recordReader) next() ([]byte, error) {
	r.row++
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		return nil, fmt.Errorf("%s: .dbf record %d: %w", r.table.name, r.row, err)
	}
	return r.buf, nil
}

// readSmall reads a .prj or .cpg, of which only the beginning can matter.
func readSmall(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return strings.TrimSpace(string(b)), err
}
