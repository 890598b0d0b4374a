package geodata

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"gengheng/internal/geodata/frame"
)

// Limits the child puts on itself.
const (
	childAddressSpace = 2 << 30 // bytes
	childCPUSeconds   = 300
	childOpenFiles    = 256
)

const childName = "gengheng-gdal"

// FindChild gives the path of gengheng-gdal: the argument, else the
// environment's GENGHENG_GDAL, else beside the running program, else in PATH.
func FindChild(path string) (string, error) {
	if path == "" {
		path = os.Getenv("GENGHENG_GDAL")
	}
	if path == "" {
		if self, err := os.Executable(); err == nil {
			beside := filepath.Join(filepath.Dir(self), childName)
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
				path = beside
			}
		}
	}
	if path == "" {
		path = childName
	}
	found, err := exec.LookPath(path)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", &FileError{Code: ErrChildMissing, Err: err,
			MessageZH: "找不到读取程序 gengheng-gdal；请把它放在 gengheng 旁边，或用环境变量 GENGHENG_GDAL 指定",
			MessageEN: "gengheng-gdal was not found; put it beside gengheng or set GENGHENG_GDAL"}
	}
	return filepath.Abs(found)
}

// child is one running gengheng-gdal.
type child struct {
	file   string // what the user calls the file
	cmd    *exec.Cmd
	ctx    context.Context
	in     io.WriteCloser
	out    *frame.Reader
	errors *tail
	scrap  string // folder to remove afterwards

	waitOnce sync.Once
	waitErr  error
	warnings []string
}

// startChild starts the child on a request. A reading child runs in the
// sandbox; path, if not "", is what it may see, and the request gets the name
// under which it sees it.
func startChild(ctx context.Context, opts Options, file, path string, req frame.Request) (*child, error) {
	program, err := FindChild(opts.Child)
	if err != nil {
		return nil, err
	}
	req.AddressSpace, req.CPUSeconds, req.OpenFiles = childAddressSpace, childCPUSeconds, childOpenFiles
	c := &child{file: file, ctx: ctx, errors: &tail{}}
	if path == "" {
		c.cmd = exec.CommandContext(ctx, program)
		c.cmd.Env = childEnvironment()
	} else if err := c.confine(ctx, opts, program, path, &req); err != nil {
		return nil, err
	}
	if err := c.start(req); err != nil {
		c.removeScrap()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return c, nil
}

// confine prepares the command so that it sees path only, and sets the
// request's Path.
func (c *child) confine(ctx context.Context, opts Options, program, path string, req *frame.Request) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	name := "in" + childExtension[req.Driver]
	box := sandboxFor(ctx, program)
	if box.Bubblewrap {
		req.Path = "/data/" + name
		c.cmd = exec.CommandContext(ctx, box.bwrap, bwrapArguments(program, path, req.Path)...)
		c.cmd.Env = []string{}
		return nil
	}
	warnUnconfined(ctx, opts, program, box.Reason)
	// A link with a name of our own: neither the user's spelling nor its
	// extension reaches libgdal.
	if c.scrap, err = os.MkdirTemp(opts.TempDir, "gengheng-link-"); err != nil {
		return err
	}
	req.Path = filepath.Join(c.scrap, name)
	if err := os.Symlink(path, req.Path); err != nil {
		c.removeScrap()
		return err
	}
	c.cmd = exec.CommandContext(ctx, program)
	c.cmd.Env = childEnvironment()
	return nil
}

// childExtension: some drivers look at the name; it follows from the content.
var childExtension = map[string]string{
	"OpenFileGDB": ".gdb", "GPKG": ".gpkg", "GeoJSON": ".geojson", "FlatGeobuf": ".fgb", "GTiff": ".tif",
}

func (c *child) start(req frame.Request) error {
	asGroup(c.cmd)
	c.cmd.WaitDelay = 5 * time.Second
	c.cmd.Stderr = c.errors
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = frame.NewReader(bufio.NewReaderSize(out, 1<<18))
	if err := c.cmd.Start(); err != nil {
		return err
	}
	// A child that is gone already is explained by what it left on its output.
	_ = frame.NewWriter(c.in).WriteJSON(frame.KindRequest, req)
	if req.Op != frame.OpWrite && req.Op != frame.OpRasterTo {
		_ = c.in.Close()
	}
	return nil
}

// asGroup makes the command's processes one group that dies with this process
// and is killed as a whole.
func asGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// next gives the next frame that is not a warning; io.EOF after the end.
func (c *child) next() (frame.Kind, []byte, error) {
	for {
		kind, payload, err := c.out.Next()
		if err != nil {
			return 0, nil, c.broken(err)
		}
		switch kind {
		case frame.KindWarning:
			c.warnings = append(c.warnings, strings.ToValidUTF8(string(payload), "?"))
		case frame.KindEnd:
			return kind, payload, io.EOF
		case frame.KindError:
			var f frame.Failure
			if err := json.Unmarshal(payload, &f); err != nil {
				return 0, nil, c.broken(err)
			}
			return 0, nil, &FileError{Code: ErrChild, File: c.file,
				MessageZH: "文件读不出来，可能已损坏；请在 ArcGIS 或 QGIS 中打开核对后重新导出",
				MessageEN: "the file cannot be read and may be damaged; open it in ArcGIS or QGIS and export it again: " + strings.ToValidUTF8(f.Message, "?")}
		default:
			return kind, payload, nil
		}
	}
}

// broken explains a stream that ended without an end.
func (c *child) broken(cause error) error {
	if err := c.ctx.Err(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", c.file, err), c.close())
	}
	if !errors.Is(cause, frame.ErrTruncated) {
		return errors.Join(fmt.Errorf("%s: %w", c.file, cause), c.close())
	}
	state := "it ended early"
	if err := c.wait(); err != nil {
		state = describeExit(err)
	}
	if text := c.errors.String(); text != "" {
		state += ": " + text
	}
	return &FileError{Code: ErrChildKilled, File: c.file,
		MessageZH: "读取进程中途停止（内存、时间超限，或文件损坏使它崩溃）；数据没有入库，请核对文件后重试",
		MessageEN: "the reading process stopped midway (out of memory or time, or crashed by a damaged file); nothing was loaded, check the file and try again: " + state}
}

// describeExit names the signal, also where bubblewrap reports it as 128+n.
func describeExit(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err.Error()
	}
	if code := exit.ExitCode(); code > 128 && code < 128+65 {
		return "signal: " + syscall.Signal(code-128).String()
	}
	return exit.Error()
}

func (c *child) wait() error {
	c.waitOnce.Do(func() {
		c.waitErr = c.cmd.Wait()
		c.removeScrap()
	})
	return c.waitErr
}

// close stops the child if it still runs, and clears up.
func (c *child) close() error {
	if c.cmd.Process != nil {
		_ = c.cmd.Cancel() // it may have gone already
	}
	_ = c.wait() // how it ended is of no interest here
	return nil
}

func (c *child) removeScrap() {
	if c.scrap != "" {
		_ = os.RemoveAll(c.scrap) // a link in the system's temporary folder
	}
}

// tail keeps the first few KB of what a child says on standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 2048 - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.text), "?"))
}

func logger(opts Options) *slog.Logger {
	if opts.Logger != nil {
		return opts.Logger
	}
	return slog.Default()
}
