package geodata

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// found is what a folder or file turned out to hold.
type found struct {
	shapes []shapeSet
	gdal   []gdalFile
	texts  []namedPath
	others []string // names that are no data, for the error message
	broken []error
}

type namedPath struct{ path, name string }

// gdalFile is a file or folder that the child opens.
type gdalFile struct {
	namedPath
	driver string
}

func (f *found) empty() bool {
	return len(f.shapes)+len(f.gdal)+len(f.texts)+len(f.broken) == 0
}

// discoverFolder finds the data below dir; prefix stands before their names.
func discoverFolder(dir, prefix string) (*found, error) {
	f := &found{}
	sets := map[string]*shapeSet{} // by stem, lower case
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if rel == "." {
			name = prefix
		}
		if d.IsDir() {
			if IsGeodatabase(p) {
				f.gdal = append(f.gdal, gdalFile{namedPath{p, name}, "OpenFileGDB"})
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if addShapePart(sets, p, name) {
			return nil
		}
		return f.addFile(p, name)
	})
	if err != nil {
		return nil, err
	}
	f.addSets(sets)
	return f, nil
}

// IsGeodatabase tells a file geodatabase from other folders: every one has its
// catalogue under this name. The folder's own name may have been lost when it
// was zipped.
func IsGeodatabase(dir string) bool {
	for _, name := range []string{"a00000001.gdbtable", "A00000001.gdbtable", "a00000001.GDBTABLE"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// addShapePart files a part of a shapefile under its stem. Names compare
// without case: copies from Windows mix them.
func addShapePart(sets map[string]*shapeSet, path, name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	stem := strings.ToLower(strings.TrimSuffix(name, filepath.Ext(name)))
	s := sets[stem]
	if s == nil {
		s = &shapeSet{}
	}
	switch ext {
	case ".shp":
		s.shp, s.name = path, name
	case ".shx":
		s.shx = path
	case ".dbf":
		s.dbf = path
	case ".prj":
		s.prj = path
	case ".cpg":
		s.cpg = path
	case ".sbn", ".sbx", ".qix", ".fbn", ".fbx", ".ain", ".aih", ".qpj", ".qmd":
		return true
	default:
		return strings.HasSuffix(strings.ToLower(name), ".shp.xml")
	}
	sets[stem] = s
	return true
}

func (f *found) addSets(sets map[string]*shapeSet) {
	stems := make([]string, 0, len(sets))
	for stem := range sets {
		stems = append(stems, stem)
	}
	slices.Sort(stems)
	for _, stem := range stems {
		s := sets[stem]
		switch {
		case s.shp != "":
			f.shapes = append(f.shapes, *s)
		case s.shx != "":
			f.broken = append(f.broken, fileError(ErrShapefile, stem+".shx",
				"缺少同名的 .shp 图形文件；请把 .shp、.shx、.dbf、.prj 一起压缩上传", "the .shp of the same name is missing"))
		case s.dbf != "":
			f.others = append(f.others, stem+".dbf")
		}
	}
}

// addFile takes in a file that is no part of a shapefile.
func (f *found) addFile(path, name string) error {
	kind, head, err := sniffFile(path)
	if err != nil {
		return err
	}
	at := namedPath{path, name}
	ext := strings.ToLower(filepath.Ext(name))
	switch {
	case kind == formatGeoPackage || kind == formatSQLite && ext == ".gpkg":
		f.gdal = append(f.gdal, gdalFile{at, "GPKG"})
	case kind == formatGeoJSON && (ext == ".json" || ext == ".geojson" || strings.Contains(string(head), `"Feature`)):
		f.gdal = append(f.gdal, gdalFile{at, "GeoJSON"})
	case kind == formatFlatGeobuf:
		f.gdal = append(f.gdal, gdalFile{at, "FlatGeobuf"})
	case kind == formatTIFF:
		f.gdal = append(f.gdal, gdalFile{at, "GTiff"})
	case isCoordinateText(head) && kind != formatXML:
		f.texts = append(f.texts, at)
	case ext == ".gpkg" || ext == ".geojson" || ext == ".fgb" || ext == ".tif" || ext == ".tiff":
		f.broken = append(f.broken, fileError(ErrFormat, name,
			"扩展名是 "+ext+"，但"+whatIs(head)+"；请重新导出", "its extension is "+ext+" but "+whatIsEN(head)))
	default:
		f.others = append(f.others, name)
	}
	return nil
}

// expectedZH and expectedEN list what can be read.
const (
	expectedZH = "可用的有：shapefile（.shp、.shx、.dbf、.prj 一起压缩为 zip）、文件地理数据库（.gdb 文件夹压缩为 zip）、GeoPackage、GeoJSON、FlatGeobuf、GeoTIFF、坐标 TXT"
	expectedEN = "expected are a zipped shapefile (.shp, .shx, .dbf, .prj), a zipped .gdb folder, GeoPackage, GeoJSON, FlatGeobuf, GeoTIFF or coordinate TXT"
)

// nothingFound says what was there instead.
func nothingFound(name string, others []string) error {
	if len(others) == 0 {
		return fileError(ErrArchiveEmpty, name, "里面没有文件。"+expectedZH, "it holds no file; "+expectedEN)
	}
	list := others
	if len(list) > 8 {
		list = list[:8]
	}
	shown := make([]string, len(list))
	for i, o := range list {
		shown[i] = printable(o)
	}
	text := strings.Join(shown, "、")
	if len(others) > len(list) {
		text += fmt.Sprintf(" 等 %d 个文件", len(others))
	}
	return fileError(ErrArchiveEmpty, name, "没有找到空间数据，只有 "+text+"。"+expectedZH, "no spatial data found, only "+text+"; "+expectedEN)
}

// discoverFile finds what a single file is.
func discoverFile(path, name string) (*found, error) {
	f := &found{}
	ext := strings.ToLower(filepath.Ext(path))
	kind, head, err := sniffFile(path)
	if err != nil {
		return nil, err
	}
	if ext == ".shp" || kind == formatShapefile {
		set, err := siblings(path, name)
		if err != nil {
			return nil, err
		}
		f.shapes = append(f.shapes, set)
		return f, nil
	}
	switch kind {
	case formatEmpty:
		return nil, fileError(ErrFormat, name, "文件是空的；请重新上传", "the file is empty; upload it again")
	case formatRAR, format7z:
		return nil, fileError(ErrFormat, name, "是 rar 或 7z 压缩包；请用 zip 压缩后再传", "it is a rar or 7z archive; use zip")
	}
	if err := f.addFile(path, name); err != nil {
		return nil, err
	}
	if f.empty() {
		return nil, fileError(ErrFormat, name, "不认识的格式："+whatIs(head)+"。"+expectedZH, "unknown format: "+whatIsEN(head)+"; "+expectedEN)
	}
	return f, nil
}

// siblings collects the other parts of a .shp from its folder.
func siblings(path, name string) (shapeSet, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return shapeSet{}, err
	}
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	sets := map[string]*shapeSet{}
	for _, e := range entries {
		base := e.Name()
		if e.Type().IsRegular() && strings.EqualFold(strings.TrimSuffix(base, filepath.Ext(base)), stem) {
			addShapePart(sets, filepath.Join(filepath.Dir(path), base), base)
		}
	}
	set := shapeSet{}
	if s := sets[strings.ToLower(stem)]; s != nil {
		set = *s
	}
	set.shp, set.name = path, name
	return set, nil
}
