package rulebook_test

import (
	"testing"

	"gengheng/internal/rulebook"
)

func TestShanxi2025(t *testing.T) {
	rb, err := rulebook.Shanxi2025()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(rb.Hash, len(rb.Clauses), len(rb.Layers))
}
