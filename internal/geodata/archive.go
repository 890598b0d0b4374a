package geodata

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// unpack extracts a zip archive into dir, an empty private folder. Go does it,
// not GDAL, so that the limits hold and no entry leaves the folder. The errors
// name the archive's entry.
func unpack(ctx context.Context, archive, name, dir string, limits Limits) error {
	info, err := os.Stat(archive)
	if err != nil {
		return err
	}
	if info.Size() > limits.UploadBytes {
		return fileError(ErrArchiveLimit, name,
			fmt.Sprintf("压缩包 %d 字节，超过上限 %d 字节；请按图层分开压缩", info.Size(), limits.UploadBytes),
			fmt.Sprintf("the archive has %d bytes, the limit is %d; split it by layer", info.Size(), limits.UploadBytes))
	}
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	return unpackFrom(ctx, f, info.Size(), name, dir, limits)
}

func unpackFrom(ctx context.Context, archive io.ReaderAt, size int64, name, dir string, limits Limits) error {
	gate := &directoryGate{file: archive, left: directoryBytes(limits)}
	z, err := zip.NewReader(gate, size)
	gate.open = true
	if errors.Is(err, errDirectoryTooLong) {
		return tooManyEntries(name, limits)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return &FileError{Code: ErrArchive, File: name, Err: err,
			MessageZH: "压缩包打不开，可能没有上传完整；请重新压缩为 zip 后再传",
			MessageEN: "the archive cannot be opened and may be incomplete; zip it again"}
	}
	u := &unpacker{archive: name, dir: dir, limits: limits, left: limits.TotalBytes}
	files, err := u.plan(z.File)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := u.extract(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func tooManyEntries(name string, limits Limits) error {
	return fileError(ErrArchiveLimit, name,
		fmt.Sprintf("压缩包里的文件超过 %d 个；请只放数据文件", limits.Entries),
		fmt.Sprintf("the archive has more than %d entries; put only the data into it", limits.Entries))
}

// directoryGate bounds what is read before an archive's list of entries is
// known. The list is held in memory, and 200 MB of nothing but list would cost
// gigabytes.
type directoryGate struct {
	file io.ReaderAt
	left int64
	open bool
}

var errDirectoryTooLong = errors.New("directory of the archive is too long")

// directoryBytes: 1 KiB for an entry, and the search for the directory's end.
func directoryBytes(limits Limits) int64 { return int64(limits.Entries)<<10 + 256<<10 }

func (g *directoryGate) ReadAt(p []byte, off int64) (int, error) {
	if !g.open {
		if g.left -= int64(len(p)); g.left < 0 {
			return 0, errDirectoryTooLong
		}
	}
	return g.file.ReadAt(p, off)
}

type unpacker struct {
	archive string
	dir     string
	limits  Limits
	left    int64 // bytes that may still be written
}

// entry is a regular file of the archive under the name it will have.
type entry struct {
	*zip.File
	name string
}

// plan checks all names before anything is written.
func (u *unpacker) plan(files []*zip.File) ([]entry, error) {
	if len(files) > u.limits.Entries {
		return nil, tooManyEntries(u.archive, u.limits)
	}
	var plan []entry
	seen := map[string]string{}
	for _, f := range files {
		name, err := entryName(f)
		if err != nil {
			return nil, u.unsafe(f.Name, "文件名不能按 GBK 或 UTF-8 解读", "its name is neither GBK nor UTF-8")
		}
		if ignoredEntry(name) {
			continue
		}
		if err := u.check(f, name); err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, "/") {
			continue // folders are made when a file needs them
		}
		key := strings.ToLower(path.Clean(name))
		if other, clash := seen[key]; clash {
			return nil, u.unsafe(name, "与 "+other+" 重名（不分大小写）", "the name clashes with "+other)
		}
		seen[key] = name
		plan = append(plan, entry{f, path.Clean(name)})
	}
	// A file may not be a folder of another one.
	for key, name := range seen {
		for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
			if other, clash := seen[dir]; clash {
				return nil, u.unsafe(name, "它的文件夹与文件 "+other+" 重名", "its folder is also the file "+other)
			}
		}
	}
	return plan, nil
}

func (u *unpacker) check(f *zip.File, name string) error {
	switch {
	case !filepath.IsLocal(strings.TrimSuffix(name, "/")) || strings.ContainsAny(name, "\x00:"):
		return u.unsafe(name, "路径指向压缩包之外", "its path leads out of the archive")
	case strings.HasSuffix(name, "/"):
		return nil
	case !f.Mode().IsRegular():
		return u.unsafe(name, "不是普通文件（符号链接或设备）", "it is not a regular file")
	case f.Flags&1 != 0:
		return fileError(ErrArchive, u.archive, "压缩包加了密码（"+name+"）；请去掉密码后再传", "the archive is encrypted ("+name+"); remove the password")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fileError(ErrArchive, u.archive,
			fmt.Sprintf("%s 用了不支持的压缩方法 %d；请用普通 zip 压缩", name, f.Method),
			fmt.Sprintf("%s uses compression method %d; make a plain zip", name, f.Method))
	case nestedArchive(name):
		return fileError(ErrArchiveNested, u.archive, "压缩包里还有压缩包（"+name+"）；请把它解开后放在一起压缩",
			"the archive holds another archive ("+name+"); unpack it and zip the files together")
	}
	return nil
}

func (u *unpacker) unsafe(name, zh, en string) error {
	return fileError(ErrArchiveUnsafe, u.archive, "压缩包内的 "+printable(name)+"："+zh+"；已拒绝", "entry "+printable(name)+": "+en+"; refused")
}

// extract writes one entry, counting what really comes out: the sizes in the
// headers may lie.
func (u *unpacker) extract(ctx context.Context, f entry) error {
	target := filepath.Join(u.dir, filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return u.damaged(f.name, err)
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = u.copy(ctx, out, in, f)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (u *unpacker) copy(ctx context.Context, out io.Writer, in io.Reader, f entry) error {
	buf := make([]byte, 256<<10)
	var written int64
	packed := max(int64(f.CompressedSize64), 1)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := in.Read(buf)
		written += int64(n)
		u.left -= int64(n)
		if u.left < 0 {
			return fileError(ErrArchiveLimit, u.archive,
				fmt.Sprintf("解压后超过上限 %d 字节（在 %s 处）", u.limits.TotalBytes, f.name),
				fmt.Sprintf("it unpacks to more than %d bytes (at %s)", u.limits.TotalBytes, f.name))
		}
		if written > 1<<20 && written/packed > u.limits.Ratio {
			return fileError(ErrArchiveLimit, u.archive,
				fmt.Sprintf("%s 的压缩比超过 %d，疑似压缩炸弹；已拒绝", f.name, u.limits.Ratio),
				fmt.Sprintf("%s is packed by more than %d to 1, like a zip bomb; refused", f.name, u.limits.Ratio))
		}
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return u.damaged(f.name, err)
		}
	}
}

func (u *unpacker) damaged(name string, err error) error {
	return &FileError{Code: ErrArchive, File: u.archive, Err: err,
		MessageZH: "压缩包内的 " + name + " 已损坏；请重新压缩",
		MessageEN: name + " in the archive is damaged; zip it again"}
}

// entryName decodes an entry's name. Flag bit 11 says UTF-8; without it
// Chinese tools write GBK, some write UTF-8 all the same, and some add the
// Unicode Path extra field (0x7075). Some write "\\" between folders.
func entryName(f *zip.File) (string, error) {
	name, err := decodeName(f)
	return strings.ReplaceAll(name, `\`, "/"), err
}

func decodeName(f *zip.File) (string, error) {
	raw := f.Name
	if !f.NonUTF8 {
		if !utf8.ValidString(raw) {
			return "", errors.New("invalid UTF-8")
		}
		return raw, nil
	}
	if name, ok := unicodePath(f.Extra, raw); ok {
		return name, nil
	}
	if utf8.ValidString(raw) {
		return raw, nil
	}
	name, err := simplifiedchinese.GB18030.NewDecoder().String(raw)
	if err != nil || strings.ContainsRune(name, utf8.RuneError) {
		return "", errors.New("invalid GB18030")
	}
	return name, nil
}

// unicodePath finds Info-ZIP's Unicode Path field: version, CRC-32 of the raw
// name, UTF-8 name.
func unicodePath(extra []byte, raw string) (string, bool) {
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if size > len(extra) {
			return "", false
		}
		if id == 0x7075 && size > 5 && extra[0] == 1 &&
			binary.LittleEndian.Uint32(extra[1:]) == crc32.ChecksumIEEE([]byte(raw)) && utf8.Valid(extra[5:size]) {
			return string(extra[5:size]), true
		}
		extra = extra[size:]
	}
	return "", false
}

// ignoredEntry: what desktop systems add to archives.
func ignoredEntry(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, "._") || base == ".ds_store" || base == "thumbs.db" || base == "desktop.ini"
}

func nestedArchive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".zip", ".rar", ".7z", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst":
		return true
	}
	return false
}

// printable makes a hostile name fit for a message.
func printable(name string) string {
	if len(name) > 120 {
		name = name[:120] + "…"
	}
	q := fmt.Sprintf("%q", strings.ToValidUTF8(name, "?"))
	return q[1 : len(q)-1]
}

// ZipDir packs the files below dir into the zip file out, with "/" names in
// UTF-8, sorted, with a fixed time, so that equal folders make equal archives.
func ZipDir(dir, out string) (err error) {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	// WalkDir goes in lexical order.
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		return zipFile(z, p, filepath.ToSlash(rel))
	})
	if err != nil {
		return fmt.Errorf("zip %s: %w", dir, err)
	}
	return z.Close()
}

func zipFile(z *zip.Writer, from, name string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: date(2020, 1, 1)}
	h.SetMode(0o644)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}
