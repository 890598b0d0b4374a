package ogc

import (
	"fmt"
	"strings"
	"time"
)

// setDatetime checks datetime. No collection has a temporal property, and what has
// none matches every time (Part 1, /req/core/fc-time-response).
func setDatetime(_ *query, value string) error {
	from, to, interval := strings.Cut(value, "/")
	a, aOpen, ok := instant(from, interval)
	if ok && interval {
		b, bOpen, fine := instant(to, true)
		ok = fine && !(aOpen && bOpen && from == "" && to == "") && (aOpen || bOpen || !b.Before(a))
	}
	if !ok {
		return bad("datetime", fmt.Sprintf("datetime=%s 应为 RFC 3339 时刻，或 起/止 的时段（一端可为 ..）。 datetime is an instant or an interval of RFC 3339.", excerpt(value)))
	}
	return nil
}

func instant(s string, interval bool) (at time.Time, open, ok bool) {
	if s == ".." || s == "" {
		return at, true, interval
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(form, s); err == nil {
			return at, false, true
		}
	}
	return at, false, false
}
