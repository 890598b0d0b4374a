package balance

import (
	"errors"
	"fmt"
	"os"
)

// refuseSameFolder refuses to write a solution into the folder of its problem.
func refuseSameFolder(problemDir, outDir string) error {
	same, err := sameFolder(problemDir, outDir)
	if err != nil || !same {
		return err
	}
	return &InputError{File: outDir, Zh: "结果文件夹不能就是问题文件夹，否则会覆盖问题的 flows.csv；请另给一个", En: "the solution needs a folder of its own: its flows.csv would replace the problem's"}
}

// sameFolder tells whether two paths lead to one folder that exists.
func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, nil // reading will say what is wrong
	}
	y, err := os.Stat(b)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", b, err)
	}
	return os.SameFile(x, y), nil
}
