package geodata_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gengheng/internal/geodata"
)

func goodShape() shape { return shape{rings: parcels(2), prj: prj4546, cpg: "UTF-8"} }

// goodEntries are a shapefile that would be read if nothing else were wrong.
func goodEntries() []zipEntry {
	var out []zipEntry
	for _, ext := range []string{".shp", ".shx", ".dbf", ".prj"} {
		out = append(out, zipEntry{name: "a" + ext, method: zip.Deflate, data: goodShape().files()[ext]})
	}
	return out
}

func TestHostileArchivesAreRefusedAndLeaveNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []zipEntry
		limits  geodata.Limits
		code    string
		says    string
	}{
		{"empty zip", nil, geodata.Limits{}, geodata.ErrArchiveEmpty, "里面没有文件"},
		{"no layer", []zipEntry{{name: "说明.docx", utf8: true, data: []byte("x")}, {name: "readme.txt", data: []byte("hello")}}, geodata.Limits{}, geodata.ErrArchiveEmpty, "readme.txt"},
		{"only folders", []zipEntry{{name: "空/", utf8: true}}, geodata.Limits{}, geodata.ErrArchiveEmpty, ""},
		{"bomb of ratio 1000", []zipEntry{{name: "a.shp", method: zip.Deflate, data: make([]byte, 20<<20)}}, geodata.Limits{}, geodata.ErrArchiveLimit, "压缩比"},
		{"too much in all", []zipEntry{{name: "a.bin", method: zip.Store, data: make([]byte, 3<<20)}}, geodata.Limits{TotalBytes: 2 << 20}, geodata.ErrArchiveLimit, "超过上限"},
		{"too large an upload", []zipEntry{{name: "a.bin", method: zip.Store, data: make([]byte, 3<<20)}}, geodata.Limits{UploadBytes: 1 << 20}, geodata.ErrArchiveLimit, "超过上限"},
		{"too many entries", manyEntries(30), geodata.Limits{Entries: 20}, geodata.ErrArchiveLimit, "超过 20 个"},
		{"path up", []zipEntry{{name: "../../evil.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"path up inside", []zipEntry{{name: "a/../../evil.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"backslash path up", []zipEntry{{name: `..\..\evil.shp`, data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"absolute path", []zipEntry{{name: "/etc/evil.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"drive letter", []zipEntry{{name: "C:/evil.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"GBK path up", []zipEntry{{name: gbk("数据/../../evil.shp"), data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "路径"},
		{"NUL in a name", []zipEntry{{name: "a\x00.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, ""},
		{"undecodable name", []zipEntry{{name: "\xff\xff.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "GBK"},
		{"symlink", []zipEntry{{name: "a.shp", mode: os.ModeSymlink | 0o777, data: []byte("/etc/passwd")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "符号链接"},
		{"device", []zipEntry{{name: "a.shp", mode: os.ModeDevice | os.ModeCharDevice | 0o666}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "不是普通文件"},
		{"same name twice", append(goodEntries(), goodEntries()[0]), geodata.Limits{}, geodata.ErrArchiveUnsafe, "重名"},
		{"names differing in case", append(goodEntries(), zipEntry{name: "A.SHP", data: []byte("x")}), geodata.Limits{}, geodata.ErrArchiveUnsafe, "重名"},
		{"file that is a folder", []zipEntry{{name: "a", data: []byte("x")}, {name: "a/b.shp", data: []byte("x")}}, geodata.Limits{}, geodata.ErrArchiveUnsafe, "重名"},
		{"zip in a zip", append(goodEntries(), zipEntry{name: "里面.zip", utf8: true, data: []byte("PK\x05\x06")}), geodata.Limits{}, geodata.ErrArchiveNested, "里面.zip"},
		{"rar in a zip", append(goodEntries(), zipEntry{name: "b.RAR", data: []byte("Rar!")}), geodata.Limits{}, geodata.ErrArchiveNested, "b.RAR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := options(t)
			opts.Limits = c.limits
			err := refused(t, makeZip(t, c.entries), opts, c.code)
			if !strings.Contains(err.MessageZH, c.says) {
				t.Errorf("it says %q, not %q", err.MessageZH, c.says)
			}
			if strings.ContainsRune(err.Error(), 0) {
				t.Error("a raw name got into the message")
			}
		})
	}
}

func manyEntries(n int) []zipEntry {
	var out []zipEntry
	for i := range n {
		out = append(out, zipEntry{name: fmt.Sprintf("%d.bin", i), data: []byte("x")})
	}
	return out
}

func TestHeadersThatLieAboutSizeDoNotHelpABomb(t *testing.T) {
	path := makeZip(t, []zipEntry{{name: "a.shp", method: zip.Deflate, data: make([]byte, 8<<20)}})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The central directory says 100 bytes.
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[at+24:], 100)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	s, err := geodata.Open(t.Context(), path, opts)
	if err == nil {
		_ = s.Close()
		t.Fatal("read")
	}
	if left, _ := filepath.Glob(filepath.Join(opts.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestArchiveThatIsAllDirectoryIsRefusedBeforeItFillsMemory(t *testing.T) {
	// 100,000 central headers, 4.6 MB, of files that are not there.
	header := make([]byte, 46)
	copy(header, "PK\x01\x02")
	var b []byte
	for range 100_000 {
		b = append(b, header...)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], 34464) // 100000 mod 65536
	binary.LittleEndian.PutUint16(end[10:], 34464)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)))
	path := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(path, append(append([]byte("PK\x03\x04"), b...), end...), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, path, options(t), geodata.ErrArchiveLimit)
}

func TestDamagedArchiveIsRefused(t *testing.T) {
	b, err := os.ReadFile(makeZip(t, goodEntries()))
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut off":       b[:len(b)-30],
		"flipped bytes": append(append(bytes.Clone(b[:60]), 0xff, 0x13, 0x77), b[63:]...),
	} {
		path := filepath.Join(t.TempDir(), name+".zip")
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		refused(t, path, options(t), geodata.ErrArchive)
	}
}

func TestEncryptedArchiveIsRefused(t *testing.T) {
	b, err := os.ReadFile(makeZip(t, goodEntries()))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("PK\x01\x02"))
	b[at+8] |= 1
	path := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if e := refused(t, path, options(t), geodata.ErrArchive); !strings.Contains(e.MessageZH, "密码") {
		t.Errorf("it says %q", e.MessageZH)
	}
}

func TestEntryNamesInEveryEncoding(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  string
		utf8 bool
	}{
		{"GBK without flag", gbk("地类图斑"), false},
		{"UTF-8 with flag", "地类图斑", true},
		{"UTF-8 without flag", "地类图斑", false},
		{"GBK in folders", gbk("报送/地类图斑"), false},
		{"backslashes", `报送\地类图斑`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries := goodEntries()
			for i := range entries {
				entries[i].name = c.raw + strings.TrimPrefix(entries[i].name, "a")
				entries[i].utf8 = c.utf8
			}
			entries = append(entries, zipEntry{name: "__MACOSX/._a.shp", data: []byte("x")}, zipEntry{name: ".DS_Store", data: []byte("x")})
			l, got := read(t, makeZip(t, entries), options(t))
			if l.Name != "地类图斑" || len(got) != 2 {
				t.Errorf("layer %q with %d features", l.Name, len(got))
			}
		})
	}
}

func TestUnicodePathFieldIsUsed(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, e := range goodEntries() {
		raw := "\x82\x83" + filepath.Ext(e.name) // neither ASCII nor UTF-8
		name := "图斑" + filepath.Ext(e.name)
		extra := []byte{0x75, 0x70, 0, 0, 1}
		binary.LittleEndian.PutUint16(extra[2:], uint16(5+len(name)))
		extra = binary.LittleEndian.AppendUint32(extra, crc32.ChecksumIEEE([]byte(raw)))
		w, err := z.CreateHeader(&zip.FileHeader{Name: raw, NonUTF8: true, Extra: append(extra, name...)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, got := read(t, path, options(t)); len(got) != 2 || l.Name != "图斑" {
		t.Errorf("layer %q with %d features", l.Name, len(got))
	}
}

func TestZippedGeodatabaseIsFoundHoweverItWasZipped(t *testing.T) {
	dir := t.TempDir()
	gdb := write(t, dir, geodata.FileGDBDriver, "", 4546, sample(0))
	want := expected(sample(0), 0)
	nested := t.TempDir()
	if err := os.MkdirAll(filepath.Join(nested, "报送", "第一批"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(gdb, filepath.Join(nested, "报送", "第一批", "没有后缀")); err != nil {
		t.Fatal(err)
	}
	_, got := read(t, zipped(t, nested), options(t))
	compare(t, got, want)
}
