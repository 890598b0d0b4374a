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

// foundByGeoPandas gives the rows that the script found in a layer.
func foundByGeoPandas(work, layer string, take func(tuple) error) error {
	path := filepath.Join(work, layer+".found")
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("geopandas: %w", err)
	}
	for len(data) > 0 {
		if len(data) < 12 {
			return fmt.Errorf("geopandas: %s ends within a row", path)
		}
		t := tuple{a: int32(binary.LittleEndian.Uint32(data)), b: int32(binary.LittleEndian.Uint32(data[4:]))}
		size := uint64(binary.LittleEndian.Uint32(data[8:]))
		if data = data[12:]; uint64(len(data)) < size {
			return fmt.Errorf("geopandas: %s ends within a row", path)
		}
		if t.geom, err = parseEWKB(data[:size]); err != nil {
			return fmt.Errorf("geopandas: %s: %w", path, err)
		}
		if err := take(t); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}
