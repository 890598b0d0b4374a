package access_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gengheng/internal/access"
)

func TestScrub_LeavesNoCredentials(t *testing.T) {
	t.Parallel()
	key := "gh_0123456789_" + strings.Repeat("ab", 32)
	token := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
	var out bytes.Buffer
	log := slog.New(access.Scrub(slog.NewTextHandler(&out, nil))).With("key", key).WithGroup("g")
	log.Info("Authorization: Bearer "+token, "err", errors.New("GET /x?token=verysecretvalue&b=1"), slog.Group("h", "k", key),
		"basic", "Basic cWdpczpzZWNyZXQ=", "cookie", "gengheng_session=0123456789abcdef", "n", 7, "path", "/api/v1/counties")
	text := out.String()
	for _, secret := range []string{key[14:], token, "verysecretvalue", "cWdpczpzZWNyZXQ=", "0123456789abcdef"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	for _, kept := range []string{"gh_0123456789_***", "b=1", "n=7", "/api/v1/counties"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is not in %s", kept, text)
		}
	}
}

func TestFailures_BeginAnewAfterAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	f := access.NewFailures(3, func() time.Time { return now })
	for range 3 {
		if f.Blocked("a") != 0 {
			t.Fatal("blocked too early")
		}
		f.Failed("a")
	}
	if f.Blocked("a") != time.Minute || f.Blocked("b") != 0 {
		t.Fatalf("%v %v", f.Blocked("a"), f.Blocked("b"))
	}
	now = now.Add(time.Minute)
	f.Failed("a")
	if f.Blocked("a") != 0 {
		t.Fatal("an old count still blocks")
	}
}
