package year

import (
	"errors"
	"fmt"
	"strings"

	"gengheng/internal/workflow"
)

// Refusals are several parcels that a step is refused for; nothing was done for
// any of them.
type Refusals struct{ List []*workflow.Refusal }

func (r *Refusals) Error() string {
	details := make([]string, 0, len(r.List))
	for _, one := range r.List {
		details = append(details, one.Detail)
	}
	return fmt.Sprintf("%d refusals: %s", len(r.List), strings.Join(details, "; "))
}

// enough is how many refusals are collected before the rest is not looked at.
const enough = 100

// collect keeps a refusal, so that all can be said at once; done says that the
// error is another, or that there are enough.
func (r *Refusals) collect(err error) (done bool) {
	var one *workflow.Refusal
	if !errors.As(err, &one) {
		return true
	}
	r.List = append(r.List, one)
	return len(r.List) >= enough
}

// err is the refusals as one error: nil for none, the refusal itself for one.
func (r *Refusals) err() error {
	switch len(r.List) {
	case 0:
		return nil
	case 1:
		return r.List[0]
	}
	return r
}
