package tiles

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestShelfGivesBackWhatItKeepsAndNothingElse(t *testing.T) {
	t.Parallel()
	s := shelf(filepath.Join(t.TempDir(), "overviews"))
	o := &overview{x: 5, y: 7, w: 3, h: 2, cells: []uint16{0, 1, 2, 0, 2, 1}, groups: []string{"0101", "0103"}, sampled: true}
	if s.get("a") != nil {
		t.Error("there is something on an empty shelf")
	}
	if err := s.put("a", o); err != nil {
		t.Fatal(err)
	}
	if got := s.get("a"); !reflect.DeepEqual(got, o) {
		t.Errorf("%+v", got)
	}
	if s.get("b") != nil {
		t.Error("one version's overview is given for another's")
	}
	raw, err := os.ReadFile(s.path("a"))
	if err != nil {
		t.Fatal(err)
	}
	altered := append([]byte{}, raw...)
	altered[len(altered)-9] ^= 1
	for name, bad := range map[string][]byte{"cut short": raw[:len(raw)-4], "altered": altered, "empty": nil} {
		if err := os.WriteFile(s.path("a"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if s.get("a") != nil {
			t.Errorf("a file that is %s is used", name)
		}
	}
	if err := s.put("a", o); err != nil || s.get("a") == nil {
		t.Errorf("it is not made again: %v", err)
	}
	if err := shelf("").put("a", o); err != nil || shelf("").get("a") != nil {
		t.Errorf("no shelf keeps something: %v", err)
	}
}

func TestShelfKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	s := shelf(t.TempDir())
	for i := range maxShelf + 2 {
		name := s.path(string(rune('a' + i)))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Hour * time.Duration(i+1))
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.put("new", &overview{w: 1, h: 1, cells: []uint16{1}, groups: []string{""}}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(string(s), "*"))
	if err != nil || len(left) != maxShelf || s.get("new") == nil {
		t.Errorf("%d are left, %v", len(left), err)
	}
	if _, err := os.Stat(s.path(string(rune('a' + maxShelf + 1)))); err == nil {
		t.Error("the oldest is still there")
	}
}
