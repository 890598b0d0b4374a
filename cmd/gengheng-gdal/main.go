// Command gengheng-gdal is the only program with cgo: it opens one file with
// one driver of libgdal, writes what it finds to standard output as package
// frame describes, and ends. It is started by package geodata, mostly inside
// bubblewrap; before it opens anything it puts limits on itself and gives up
// network and program starts.
//
// The request is the first frame on standard input.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"gengheng/internal/geodata/frame"
)

func main() {
	// libgdal keeps its last error by thread.
	runtime.LockOSThread()
	out := bufio.NewWriterSize(os.Stdout, 1<<18)
	w := frame.NewWriter(out)
	if err := serve(frame.NewReader(bufio.NewReaderSize(os.Stdin, 1<<18)), w); err != nil {
		// If the parent has gone there is nobody left to tell.
		_ = w.WriteJSON(frame.KindError, frame.Failure{Message: err.Error()})
	}
	if err := out.Flush(); err != nil {
		os.Exit(1)
	}
}

func serve(in *frame.Reader, out *frame.Writer) error {
	req, err := readRequest(in)
	if err != nil {
		return err
	}
	if err := limit(req); err != nil {
		return err
	}
	denied := deny()
	start()
	switch req.Op {
	case frame.OpVersion:
		if err := out.WriteJSON(frame.KindDescription, frame.Description{GDAL: version(), Seccomp: denied}); err != nil {
			return err
		}
		return out.WriteJSON(frame.KindEnd, frame.Summary{})
	case frame.OpDescribe:
		return describe(req, out)
	case frame.OpRead:
		return read(req, out)
	case frame.OpRaster:
		return readRaster(req, out)
	case frame.OpWrite:
		return write(req, in, out)
	case frame.OpRasterTo:
		return writeRaster(req, in, out)
	}
	return fmt.Errorf("unknown operation %q", req.Op)
}

// drivers is the allow-list. Nothing else is even registered in libgdal.
var drivers = map[string]bool{
	"ESRI Shapefile": true, "OpenFileGDB": true, "GPKG": true, "GeoJSON": true, "FlatGeobuf": true, "GTiff": true,
}

func readRequest(in *frame.Reader) (req frame.Request, err error) {
	kind, payload, err := in.Next()
	if err != nil {
		return req, err
	}
	if kind != frame.KindRequest {
		return req, fmt.Errorf("frame %q where a request should be", kind)
	}
	if err := unmarshal(payload, &req); err != nil {
		return req, err
	}
	if req.Op != frame.OpVersion && !drivers[req.Driver] {
		return req, fmt.Errorf("driver %q is not allowed", req.Driver)
	}
	return req, nil
}

// limit puts the request's resource limits on this process. A reading child
// may not write files either: they stay at length 0.
func limit(req frame.Request) error {
	signal.Ignore(syscall.SIGXFSZ) // a write then fails instead of killing
	limits := []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_AS, req.AddressSpace},
		{unix.RLIMIT_CPU, req.CPUSeconds},
		{unix.RLIMIT_NOFILE, req.OpenFiles},
	}
	if req.FileSize > 0 && req.Op == frame.OpWrite {
		limits = append(limits, struct {
			what  int
			value uint64
		}{unix.RLIMIT_FSIZE, req.FileSize})
	}
	if req.Op != frame.OpWrite && req.Op != frame.OpRasterTo {
		limits = append(limits, struct {
			what  int
			value uint64
		}{unix.RLIMIT_FSIZE, 0})
	}
	for _, l := range limits {
		if l.value == 0 && l.what != unix.RLIMIT_CORE && l.what != unix.RLIMIT_FSIZE {
			continue
		}
		if err := lower(l.what, l.value); err != nil {
			return fmt.Errorf("resource limit %d: %w", l.what, err)
		}
	}
	return nil
}

// lower sets a limit, or keeps the system's where that is lower still.
func lower(what int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(what, &now); err != nil {
		return err
	}
	value = min(value, now.Max)
	return unix.Setrlimit(what, &unix.Rlimit{Cur: value, Max: value})
}

var errNoLayer = errors.New("the file has no such layer")
