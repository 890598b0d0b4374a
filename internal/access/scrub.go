package access

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
)

// secrets are the forms that credentials take in texts: our keys and tokens, JSON web
// tokens, an Authorization header, and names that hold one in an address or a
// body.
var secrets = []struct {
	form *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`(gh_[0-9a-f]{10})_[0-9a-f]+`), "${1}_***"},
	{regexp.MustCompile(`gt_[0-9a-f]{8,}`), "gt_***"},
	{regexp.MustCompile(`eyJ[\w-]+\.[\w-]*\.?[\w-]*`), "***"},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}`), "$1 ***"},
	{regexp.MustCompile(`(?i)((?:token|secret|password|api_?key|code|gengheng_session)"?\s*[=:]\s*"?)[^\s&",;]{8,}`), "${1}***"},
}

// ScrubText takes the credentials out of a text.
func ScrubText(s string) string {
	for _, x := range secrets {
		s = x.form.ReplaceAllString(s, x.to)
	}
	return s
}

// Scrub gives a log handler that writes no credentials, wherever in a record
// they stand.
func Scrub(next slog.Handler) slog.Handler { return scrubber{next} }

type scrubber struct{ next slog.Handler }

func (h scrubber) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h scrubber) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, ScrubText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(clean(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h scrubber) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = clean(a)
	}
	return scrubber{h.next.WithAttrs(out)}
}

func (h scrubber) WithGroup(name string) slog.Handler { return scrubber{h.next.WithGroup(name)} }

func clean(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, ScrubText(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, ScrubText(fmt.Sprintf("%+v", v.Any())))
	case slog.KindGroup:
		var out []any
		for _, g := range v.Group() {
			out = append(out, clean(g))
		}
		return slog.Group(a.Key, out...)
	}
	return a
}
