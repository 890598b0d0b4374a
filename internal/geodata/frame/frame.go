// Package frame is the language between gengheng and its child gengheng-gdal:
// length-prefixed messages over pipes.
//
// A stream begins with Magic. Then come frames: length of the payload (uint32,
// little endian), kind (one byte), payload. The request, descriptions and
// errors are JSON; features and raster rows are binary (see Feature and
// RasterRows). A stream that does not end with End or Error was cut off, which
// is how a killed child is told from a finished one.
//
// The reader trusts nothing: the child parses hostile files and may have been
// taken over by one.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Magic opens every stream; the last byte is the protocol's version.
const Magic = "GHGD\x00\x00\x00\x01"

// MaxPayload bounds one frame, bytes.
const MaxPayload = 64 << 20

// Kind says what a frame carries.
type Kind byte

const (
	// KindRequest: JSON Request, the first frame to the child.
	KindRequest Kind = 'Q'
	// KindDescription: JSON Description.
	KindDescription Kind = 'D'
	// KindLayer: JSON Layer, opens a layer in a write stream.
	KindLayer Kind = 'L'
	// KindFeatures: a batch of features.
	KindFeatures Kind = 'F'
	// KindRaster: rows of a raster.
	KindRaster Kind = 'R'
	// KindWarning: UTF-8 text of a warning of GDAL.
	KindWarning Kind = 'W'
	// KindError: JSON Failure; nothing follows.
	KindError Kind = 'E'
	// KindEnd: JSON Summary; nothing follows.
	KindEnd Kind = 'Z'
)

// Operations of a Request.
const (
	OpVersion  = "version"  // answer with Description.GDAL and end
	OpDescribe = "describe" // list the layers, or the raster, of Path
	OpRead     = "read"     // stream the features of Layer
	OpRaster   = "raster"   // stream band 1 as float32
	OpWrite    = "write"    // create Path from the frames that follow
	OpRasterTo = "rasterto" // create a GeoTIFF from the frames that follow
)

// Request is what the child is to do; it does one thing and ends.
type Request struct {
	Op     string `json:"op"`
	Driver string `json:"driver,omitempty"`
	Path   string `json:"path,omitempty"`
	Layer  int    `json:"layer,omitempty"`
	// Resource limits the child puts on itself before it opens anything; 0
	// leaves the system's.
	AddressSpace uint64 `json:"as,omitempty"`    // bytes
	CPUSeconds   uint64 `json:"cpu,omitempty"`   // seconds
	OpenFiles    uint64 `json:"files,omitempty"` // descriptors
	FileSize     uint64 `json:"size,omitempty"`  // bytes of a file to write
	// Encoding of a shapefile to write.
	Encoding string  `json:"encoding,omitempty"`
	Raster   *Raster `json:"raster,omitempty"`
}

// Description is what a file holds.
type Description struct {
	GDAL    string  `json:"gdal"`
	Seccomp bool    `json:"seccomp"`
	Layers  []Layer `json:"layers,omitempty"`
	Raster  *Raster `json:"raster,omitempty"`
}

// Layer is a vector layer.
type Layer struct {
	Name      string     `json:"name"`
	Alias     string     `json:"alias,omitempty"`
	Geometry  string     `json:"geometry"`
	Count     int64      `json:"count"`  // -1 is unknown
	Extent    [4]float64 `json:"extent"` // minx, miny, maxx, maxy; valid if HasExtent
	HasExtent bool       `json:"has_extent"`
	WKT       string     `json:"wkt,omitempty"`
	EPSG      int        `json:"epsg,omitempty"`
	Fields    []Field    `json:"fields"`
}

// Field types.
const (
	TypeString = "string"
	TypeInt    = "int"
	TypeFloat  = "float"
	TypeDate   = "date"
	// TypeFloat32: a single-precision column; its values are float64 that
	// read best as the shortest decimal of the float32.
	TypeFloat32 = "float32"
)

// Field is a column.
type Field struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Width     int    `json:"width,omitempty"`
	Precision int    `json:"precision,omitempty"`
	Alias     string `json:"alias,omitempty"`
}

// Raster is a one-band grid.
type Raster struct {
	Width        int        `json:"width"`
	Height       int        `json:"height"`
	Bands        int        `json:"bands"`
	DataType     string     `json:"data_type"`
	Transform    [6]float64 `json:"transform"`
	HasTransform bool       `json:"has_transform"`
	NoData       float64    `json:"nodata"`
	HasNoData    bool       `json:"has_nodata"`
	WKT          string     `json:"wkt,omitempty"`
	EPSG         int        `json:"epsg,omitempty"`
	Unit         string     `json:"unit,omitempty"`
}

// Failure is an error that ends a stream.
type Failure struct {
	Message string `json:"message"`
}

// Summary ends a complete stream.
type Summary struct {
	Features int64 `json:"features"`
}

// ErrTruncated: the stream ended before End or Error.
var ErrTruncated = errors.New("the stream of the reading process ended early")

// Writer writes frames.
type Writer struct {
	w       io.Writer
	started bool
	head    [5]byte
}

// NewWriter writes frames to w, which it does not buffer.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// ContinueWriter writes frames to a stream that has begun already.
func ContinueWriter(w io.Writer) *Writer { return &Writer{w: w, started: true} }

// Write writes one frame.
func (w *Writer) Write(kind Kind, payload []byte) error {
	return w.WriteParts(kind, payload)
}

// WriteParts writes one frame whose payload lies in parts.
func (w *Writer) WriteParts(kind Kind, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size > MaxPayload {
		return fmt.Errorf("frame of %d bytes is above %d", size, MaxPayload)
	}
	if !w.started {
		w.started = true
		if _, err := io.WriteString(w.w, Magic); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint32(w.head[:4], uint32(size))
	w.head[4] = byte(kind)
	if _, err := w.w.Write(w.head[:]); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON writes one frame of JSON.
func (w *Writer) WriteJSON(kind Kind, value any) error {
	payload, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return w.Write(kind, payload)
}

// Reader reads frames.
type Reader struct {
	r       io.Reader
	started bool
	buf     []byte
}

// NewReader reads frames from r; give it a buffered reader.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next frame. The payload is valid until the next call. An
// end of the stream, also in the middle of a frame, is ErrTruncated: whoever
// has seen End or Error does not ask again.
func (r *Reader) Next() (Kind, []byte, error) {
	if !r.started {
		magic := make([]byte, len(Magic))
		if err := r.full(magic); err != nil {
			return 0, nil, err
		}
		if string(magic) != Magic {
			return 0, nil, fmt.Errorf("the reading process speaks another protocol (%q)", magic)
		}
		r.started = true
	}
	var head [5]byte
	if err := r.full(head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n > MaxPayload {
		return 0, nil, fmt.Errorf("frame of %d bytes is above %d", n, MaxPayload)
	}
	if err := r.payload(int(n)); err != nil {
		return 0, nil, err
	}
	return Kind(head[4]), r.buf, nil
}

// payload fills buf with n bytes. It grows as bytes arrive, so that a lying
// length costs no memory.
func (r *Reader) payload(n int) error {
	const step = 1 << 20
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		from := len(r.buf)
		to := min(n, from+step)
		if cap(r.buf) < to {
			grown := make([]byte, from, min(n, 2*to))
			copy(grown, r.buf)
			r.buf = grown
		}
		r.buf = r.buf[:to]
		if err := r.full(r.buf[from:to]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) full(p []byte) error {
	_, err := io.ReadFull(r.r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
