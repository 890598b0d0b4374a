package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gengheng/internal/fixture"
)

// demoDatabase is that of the demo, in the private cluster.
const demoDatabase = "gengheng_demo"

// finished is the file below the data folder that names the county whose year the
// demo's database holds; there is none while a year is being carried.
func (c *demoCmd) finished() string { return filepath.Join(c.DataDir, "demo-finished") }

// size names what a demo makes: by the generator's version, parcels and seed.
func (c *demoCmd) size() string { return fmt.Sprintf("%s-%d-%d\n", fixture.Version, c.Parcels, c.Seed) }

// begin says whether the year of the same county is there already and is to be
// served again (--reuse). Otherwise the database is begun anew, and what it held is
// no longer said to be there.
func (c *demoCmd) begin() (again bool, err error) {
	if c.Reuse {
		held, err := os.ReadFile(c.finished())
		if err == nil && string(held) == c.size() {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the last demo: %w", err)
		}
	}
	if err := os.Remove(c.finished()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("the last demo: %w", err)
	}
	return false, nil
}

// end notes that the year was carried to its end.
func (c *demoCmd) end() error {
	if err := os.WriteFile(c.finished(), []byte(c.size()), 0o600); err != nil {
		return fmt.Errorf("note the demo's end: %w", err)
	}
	return nil
}
