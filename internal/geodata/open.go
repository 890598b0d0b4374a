package geodata

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Source is an open file. Close removes what was unpacked.
type Source struct {
	name    string
	opts    Options
	job     string // private folder; "" if nothing was unpacked
	layers  []*Layer
	rasters []*rasterFile
	closers []func() error
}

// Open finds out what a file (or folder) is, unpacks it if need be, and lists
// its layers. Errors that are about the file are *FileError or
// *UndeclaredCRSError; a file whose every layer has a problem is refused with
// these.
func Open(ctx context.Context, file string, opts Options) (src *Source, err error) {
	opts.Limits = opts.Limits.withDefaults()
	s := &Source{name: opts.Name, opts: opts}
	if s.name == "" {
		s.name = filepath.Base(file)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	f, err := s.discover(ctx, file)
	if err != nil {
		return nil, err
	}
	if f.empty() {
		return nil, nothingFound(s.name, f.others)
	}
	if err := s.describe(ctx, f); err != nil {
		return nil, err
	}
	if err := s.usable(f); err != nil {
		return nil, err
	}
	return s, nil
}

// Close frees everything. Layers may not be read any more.
func (s *Source) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	s.closers = nil
	if s.job != "" {
		errs = append(errs, os.RemoveAll(s.job))
		s.job = ""
	}
	return errors.Join(errs...)
}

func (s *Source) discover(ctx context.Context, file string) (*found, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return discoverFolder(file, s.name)
	}
	kind, _, err := sniffFile(file)
	if err != nil {
		return nil, err
	}
	if kind != formatZip {
		return discoverFile(file, s.name)
	}
	if s.job, err = os.MkdirTemp(s.opts.TempDir, "gengheng-job-"); err != nil {
		return nil, err
	}
	if err := unpack(ctx, file, s.name, s.job, s.opts.Limits); err != nil {
		return nil, err
	}
	return discoverFolder(s.job, s.name)
}

func (s *Source) describe(ctx context.Context, f *found) error {
	for _, set := range f.shapes {
		s.addLayer(s.shapefileLayer(set))
	}
	for _, g := range f.gdal {
		if g.driver == "GTiff" {
			s.rasters = append(s.rasters, &rasterFile{src: s, at: g.namedPath})
			continue
		}
		layers, err := s.gdalLayers(ctx, g)
		if err != nil {
			var bad *FileError
			if !errors.As(err, &bad) || ctx.Err() != nil {
				return err
			}
			f.broken = append(f.broken, err)
		}
		for _, l := range layers {
			s.addLayer(l)
		}
	}
	for _, t := range f.texts {
		s.addLayer(s.textLayer(t))
	}
	return nil
}

// addLayer keeps names unique by putting the file's folder in front.
func (s *Source) addLayer(l *Layer) {
	l.src = s
	for _, other := range s.layers {
		if strings.EqualFold(other.Name, l.Name) {
			l.Name = strings.TrimSuffix(l.File, path.Ext(l.File)) + "/" + l.Name
			break
		}
	}
	s.layers = append(s.layers, l)
}

// usable refuses a file of which nothing can be read.
func (s *Source) usable(f *found) error {
	if len(s.rasters) > 0 {
		return nil
	}
	problems := f.broken
	for _, l := range s.layers {
		if l.problem == nil {
			return nil
		}
		problems = append(problems, l.problem)
	}
	if len(problems) == 0 {
		return fileError(ErrNoLayer, s.name, "里面没有图层；"+expectedZH, "it holds no layer; "+expectedEN)
	}
	if len(problems) > 5 {
		problems = problems[:5]
	}
	return errors.Join(problems...)
}

// Layers lists the layers, also those that cannot be read (see Layer.Err).
func (s *Source) Layers() []*Layer { return s.layers }

// Layer gives the layer of that name, without regard to case; "" means the
// only one. The error says which there are, or why it cannot be read.
func (s *Source) Layer(name string) (*Layer, error) {
	var names []string
	var only *Layer
	for _, l := range s.layers {
		if name != "" && (strings.EqualFold(l.Name, name) || strings.EqualFold(path.Base(l.Name), name) && only == nil) {
			only = l
		}
		names = append(names, l.Name)
	}
	if name == "" && len(s.layers) == 1 {
		only = s.layers[0]
	}
	if only == nil {
		list := strings.Join(names, "、")
		if name == "" {
			return nil, fileError(ErrNoLayer, s.name,
				fmt.Sprintf("有 %d 个矢量图层（%s），请指定一个", len(names), list), fmt.Sprintf("it has %d vector layers (%s), name one", len(names), list))
		}
		return nil, fileError(ErrNoLayer, s.name, fmt.Sprintf("没有图层 %s；有：%s", name, list), fmt.Sprintf("it has no layer %s, but: %s", name, list))
	}
	return only, only.problem
}

// Layer is a layer of polygons.
type Layer struct {
	Name string
	// Alias 别名 is the descriptive name of a geodatabase or GeoPackage, or "".
	Alias string
	// File is the name of the file inside the upload.
	File string
	// Geometry is the type that the file declares, in its own words.
	Geometry string
	// Count is how many rows the file says it has; -1 if it does not say.
	Count int64
	// Encoding of the text of a shapefile or TXT; UTF-8 for the others.
	Encoding string
	// SourceCRS names the CRS that the coordinates were in.
	SourceCRS string
	// SRID is the plane of the features, EPSG 4534-4554.
	SRID int

	src     *Source
	schema  Schema
	notices []Notice
	place   *placement
	problem error
	read    func(ctx context.Context, yield func(*raw) error) error
}

// Err says why the layer cannot be read, or nil.
func (l *Layer) Err() error { return l.problem }

// Schema gives the columns.
func (l *Layer) Schema() Schema { return l.schema }

// Notices gives what was decided about the layer; after Features has run also
// what the reading program warned of.
func (l *Layer) Notices() []Notice { return l.notices }

// errStopped ends a backend when the consumer has had enough.
var errStopped = errors.New("stopped")

// Features streams the features in the order of the file. An error ends the
// stream; nothing read before it may then be used, for the rest is missing.
func (l *Layer) Features(ctx context.Context) iter.Seq2[Feature, error] {
	return func(yield func(Feature, error) bool) {
		if l.problem != nil {
			yield(Feature{}, l.problem)
			return
		}
		finish := finisher{place: l.place}
		err := l.read(ctx, func(r *raw) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(finish.finish(r), nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Feature{}, err)
		}
	}
}

// settle decides the CRS and notes the outcome in the layer.
func (l *Layer) settle(d declaration, opts Options) {
	place, notices, err := decideCRS(d, opts)
	if err != nil {
		l.problem = err
		return
	}
	l.place = place
	l.notices = append(l.notices, notices...)
	l.SourceCRS = place.source.String()
	l.SRID = place.target.EPSG()
}

func (s *Source) shapefileLayer(set shapeSet) *Layer {
	l := &Layer{File: set.name, Geometry: "Polygon", Name: strings.TrimSuffix(path.Base(set.name), path.Ext(set.name)), Count: -1}
	file, err := openShapefile(set)
	if err != nil {
		l.problem = err
		return l
	}
	s.closers = append(s.closers, file.close)
	l.Count = file.count()
	l.read = func(_ context.Context, yield func(*raw) error) error { return file.read(yield) }
	l.problem = l.settleShapefile(s.opts, file)
	return l
}

func (l *Layer) settleShapefile(opts Options, file *shapefile) error {
	cpg, err := readSmall(file.set.cpg)
	if err != nil {
		return err
	}
	if l.notices, err = file.table.settle(opts.Encoding, cpg); err != nil {
		return err
	}
	l.schema.Fields = file.table.fields
	l.Encoding = file.table.charset.name
	wkt, err := readSmall(file.set.prj)
	if err != nil {
		return err
	}
	if !utf8.ValidString(wkt) { // names in Chinese, written by Chinese tools
		wkt, _, _ = charsetGB18030.decode([]byte(wkt))
	}
	extent, err := file.extent()
	if err != nil {
		return err
	}
	l.settle(declaration{file: l.File, layer: l.Name, wkt: wkt, extent: extent}, opts)
	return l.problem
}
