package screening

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
)

// program is the SHA-256 of this program's file. The engine's name says how
// areas are computed; how clauses are read and decided is the whole program's,
// and a new release may decide otherwise.
var program = sync.OnceValues(func() (string, error) {
	f, err := os.Open("/proc/self/exe") // the file that runs, even where a newer one has taken its name
	if err != nil {
		return "", fmt.Errorf("read the program's own file: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read the program's own file: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
})
