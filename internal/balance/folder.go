package balance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// problemFiles are the names that a problem's folder has.
var problemFiles = []string{"problem.json", "units.csv", "edges.csv", "constraints.csv", "terms.csv", "flows.csv", "flow_terms.csv"}

// refuseProblemFolder refuses to write a solution into the folder of its problem,
// or of any other.
func refuseProblemFolder(problemDir, outDir string) error {
	same, err := SameFolder(problemDir, outDir)
	if err != nil {
		return err
	}
	if same {
		return &InputError{File: outDir, Zh: "结果文件夹不能就是问题文件夹，否则会覆盖问题的 flows.csv；请另给一个", En: "the solution needs a folder of its own: its flows.csv would replace the problem's"}
	}
	if _, err := os.Lstat(filepath.Join(outDir, "problem.json")); err == nil {
		return &InputError{File: outDir, Zh: "其中有 problem.json，是另一问题的文件夹，结果会覆盖它的 flows.csv；请另给一个", En: "holds a problem.json: it is the folder of another problem, whose flows.csv the solution's would replace; give another"}
	}
	return nil
}

// SameFolder tells whether two paths lead to one folder that exists.
func SameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, nil // reading will say what is wrong
	}
	y, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, ioFault(b, "无法查看", "cannot be looked at", err)
	}
	return os.SameFile(x, y), nil
}

// CheckFrontierFile refuses, before the sweep, a file that is one of the problem's,
// and one that cannot be written.
func CheckFrontierFile(problemDir, file string) error {
	at, _ := os.Stat(file)
	beside, err := SameFolder(problemDir, filepath.Dir(file))
	if err != nil {
		return err
	}
	for _, name := range problemFiles {
		there, err := os.Stat(filepath.Join(problemDir, name))
		if beside && strings.EqualFold(filepath.Base(file), name) || at != nil && err == nil && os.SameFile(at, there) {
			return &InputError{File: file, Zh: "是问题自己的文件 " + name + "，不能覆盖；请另给一个", En: "is the problem's own " + name + " and must not be replaced; give another"}
		}
	}
	if at != nil && at.IsDir() {
		return &InputError{File: file, Zh: "是文件夹，应为文件", En: "is a folder; a file is needed"}
	}
	if at != nil {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return ioFault(file, "不能写入", "cannot be written", err)
		}
		return f.Close()
	}
	return CheckWritable(filepath.Dir(file))
}

// CheckWritable says whether a folder can be made and written into, so that a long
// run does not end with an answer that has no place. It tries a file in the folder,
// or in the nearest one above that exists, and leaves nothing behind.
func CheckWritable(dir string) error {
	at := filepath.Clean(dir)
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s：不是文件夹，无法在其中写结果 · is not a folder, so that nothing can be written there", at)
		}
		if err == nil {
			break
		}
		above := filepath.Dir(at)
		// Below a file there is nothing either; the way up ends at the file.
		if _, link := os.Lstat(at); link == nil || above == at || errors.Is(err, fs.ErrPermission) {
			return ioFault(at, "不能使用", "cannot be used", err)
		}
		at = above
	}
	f, err := os.CreateTemp(at, ".gengheng-*")
	if err != nil {
		return ioFault(at, "不能写入", "cannot be written", err)
	}
	err = f.Close()
	if gone := os.Remove(f.Name()); err == nil {
		err = gone
	}
	if err != nil {
		return ioFault(at, "不能写入", "cannot be written", err)
	}
	return nil
}

// ioFault says what could not be done with a file or folder, and why.
func ioFault(path, zh, en string, err error) error {
	var known *fs.PathError
	if errors.As(err, &known) {
		err = known.Err // the path is said already
	}
	return fmt.Errorf("%s：%s · %s: %w", path, zh, en, err)
}
