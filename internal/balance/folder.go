package balance

import (
	"errors"
	"fmt"
	"os"
)

// sameFolder tells whether two paths lead to one folder that exists.
func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, nil // reading will say what is wrong
	}
	y, err := os.Stat(b)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", b, err)
	}
	return os.SameFile(x, y), nil
}
