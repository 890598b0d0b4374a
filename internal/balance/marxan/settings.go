package marxan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gengheng/internal/balance"
)

// settings is what input.dat says.
type settings struct {
	files      map[string]string // PUNAME, SPECNAME, PUVSPRNAME, BOUNDNAME
	inputDir   string
	blm        float64
	hasBLM     bool
	asymmetric bool
	unused     []string
}

var fileSettings = []string{"PUNAME", "SPECNAME", "PUVSPRNAME", "BOUNDNAME"}

// meaningful are settings that would change the problem if they were obeyed;
// the others steer Marxan's annealing and its output.
var meaningful = []string{"COSTTHRESH", "BLOCKDEFNAME", "PROB1D", "PROB2D", "MISSLEVEL", "CONNECTIVITYIN"}

func readSettings(dir string) (*settings, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &balance.InputError{File: filepath.Base(dir), Zh: "文件夹不存在", En: "there is no such folder"}
	}
	path, found := findFile(dir, "input.dat")
	if !found {
		return &settings{files: map[string]string{}}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("input.dat：读取失败 · cannot be read: %w", err)
	}
	return parseSettings(string(data))
}

// parseSettings reads lines of a key and its value; lines that are neither, such
// as titles, are passed over as Marxan does.
func parseSettings(text string) (*settings, error) {
	set := &settings{files: map[string]string{}}
	text = strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\ufeff")
	seen := map[string]bool{}
	for i, raw := range strings.Split(text, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(raw, "\t", " ")), " ")
		key, value = strings.ToUpper(key), strings.Trim(strings.TrimSpace(value), `"'`)
		refuse := func(zh, en string) error {
			return &balance.InputError{File: "input.dat", Line: i + 1, Zh: key + " " + zh, En: key + " " + en}
		}
		if key == "" || value == "" {
			continue
		}
		relevant := slices.Contains(fileSettings, key) || slices.Contains(meaningful, key) || key == "BLM" || key == "INPUTDIR" || key == "ASYMMETRICCONNECTIVITY"
		if !relevant {
			continue
		}
		if seen[key] {
			return nil, refuse("重复", "is given twice")
		}
		seen[key] = true
		switch {
		case slices.Contains(fileSettings, key):
			set.files[key] = baseName(value)
		case key == "INPUTDIR":
			set.inputDir = value
		case key == "BLM":
			v, ok := decimal(value)
			if !ok || v < 0 {
				return nil, refuse(fmt.Sprintf("不是不小于 0 的数：%q", value), fmt.Sprintf("is not a number of at least 0: %q", value))
			}
			set.blm, set.hasBLM = v, true
		case key == "ASYMMETRICCONNECTIVITY":
			if value != "0" && value != "1" {
				return nil, refuse(fmt.Sprintf("只能为 0 或 1，实为 %q", value), fmt.Sprintf("must be 0 or 1, is %q", value))
			}
			set.asymmetric = value == "1"
		default:
			neutral := "0"
			if key == "MISSLEVEL" || key == "CONNECTIVITYIN" {
				neutral = "1"
			}
			if v, ok := decimal(value); !ok || fmt.Sprint(v) != neutral {
				set.unused = append(set.unused, key+" "+value)
			}
		}
	}
	return set, nil
}

// baseName is the last part of a path written on any system: folders named in
// input.dat are those of somebody else's machine.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// folders are the places to look for tables in, all within dir: first the one
// that input.dat names.
func (set *settings) folders(dir string) []string {
	var list []string
	for _, name := range []string{strings.ReplaceAll(set.inputDir, `\`, "/"), baseName(strings.TrimRight(set.inputDir, `/\`))} {
		if name != "" && filepath.IsLocal(filepath.FromSlash(name)) {
			list = append(list, filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	return append(list, dir, filepath.Join(dir, "input"))
}

func (r *reader) settingsNotices() {
	for _, s := range r.set.unused {
		r.notice("input.dat 的 "+s+" 未采用", s+" of input.dat is left out")
	}
}
