package rivalry

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // the script
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"gengheng/internal/rivalry/synthetic"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

//go:embed overlay.py
var geopandasScript string

// ErrAbsent says that a rival is not installed.
var ErrAbsent = errors.New("未安装 · not installed")

// geopandasSaid is what the script prints.
type geopandasSaid struct {
	Version string
	Reading float64
	Seconds map[string]float64
	Areas   map[string]float64
	Pairs   int
	Peak    float64 // MiB
}

// geopandas overlays the county's candidates with its layers by GeoPandas of the
// system's Python.
func geopandas(ctx context.Context, work string, candidates []orb.MultiPolygon, layers []synthetic.Layer) (geopandasSaid, error) {
	var said geopandasSaid
	python := "/usr/bin/python3"
	if exec.CommandContext(ctx, python, "-c", "import geopandas").Run() != nil {
		return said, ErrAbsent
	}
	script := filepath.Join(work, "overlay_by_geopandas.py")
	if err := os.WriteFile(script, []byte(geopandasScript), 0o644); err != nil {
		return said, fmt.Errorf("geopandas: %w", err)
	}
	args := []string{script, work}
	for _, l := range append([]synthetic.Layer{{Name: "cand", Features: candidates}}, layers...) {
		if err := writeWKB(filepath.Join(work, l.Name+".wkb"), l.Features); err != nil {
			return said, fmt.Errorf("geopandas: %w", err)
		}
		args = append(args, l.Name)
	}
	cmd := exec.CommandContext(ctx, python, append(args[:2:2], args[3:]...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return said, fmt.Errorf("geopandas: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return said, fmt.Errorf("geopandas said %q: %w", out, err)
	}
	return said, nil
}

func writeWKB(path string, features []orb.MultiPolygon) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for _, g := range features {
		b, err := wkb.Marshal(g, binary.LittleEndian)
		if err != nil {
			return err
		}
		w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
		w.Write(b)
	}
	return w.Flush()
}
