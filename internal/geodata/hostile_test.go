package geodata_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gengheng/internal/geodata"
	"gengheng/internal/geodata/geodatatest"
)

// tripwire is a loopback server that must not be called.
func tripwire(t *testing.T) string {
	t.Helper()
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		t.Errorf("called: %s", r.URL)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// unconfined is a copy of the child for which bubblewrap is not found, so that
// the second line of defence is tested too.
func unconfined(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(geodatatest.Child(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gengheng-gdal")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	return path
}

func TestFilesOfOtherDriversAreNotOpenedWhateverTheirName(t *testing.T) {
	url := tripwire(t)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("WKT,name\n\"POLYGON((0 0,0 1,1 1,0 0))\",x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	vrt := "<OGRVRTDataSource><OGRVRTLayer name='secret'><SrcDataSource>" + secret + "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
	kml := "<kml><NetworkLink><Link><href>/vsicurl/" + url + "/a.kml</href></Link></NetworkLink></kml>"
	wfs := "<OGRWFSDataSource><URL>" + url + "/wfs</URL></OGRWFSDataSource>"
	gdalVRT := "<VRTDataset rasterXSize='1' rasterYSize='1'><VRTRasterBand dataType='Byte' band='1'><SimpleSource><SourceFilename>/vsicurl/" + url + "/a.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
	for name, content := range map[string]string{
		"a.shp": vrt, "a.gpkg": vrt, "a.geojson": vrt, "a.tif": gdalVRT, "a.kml": kml, "a.gml": wfs, "a.json": kml,
		"b.shp": "/vsicurl/" + url + "/b.shp", "a.csv": "WKT\n/vsicurl/" + url, "esri.json": `{"type":"x","url":"` + url + `"}`,
		"topo.geojson": `{"type":"Topology","objects":{},"arcs":[]}`, "service.json": `{"type":"FeatureCollection","properties":{"exceededTransferLimit":true},"features":[{"type":"Feature","geometry":null}],"href":"` + url + `"}`,
	} {
		for _, zip := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if zip {
				path = zipped(t, dir)
			}
			s, err := geodata.Open(t.Context(), path, options(t))
			if err != nil {
				continue
			}
			for _, l := range s.Layers() {
				if features, err := readAll(t.Context(), l); err == nil && len(features) > 0 && features[0].Geom != nil {
					t.Errorf("%s was read: %v", name, features)
				}
			}
			if s.Rasters() > 0 {
				if _, rows, err := s.ReadRaster(t.Context()); err == nil {
					for range rows {
						t.Errorf("%s was read as a raster", name)
						break
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// hostileViews is a GeoPackage whose layers are SQL: geocoding over the
// network, reading of files.
func hostileViews(t *testing.T, url, secret string) string {
	t.Helper()
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	for _, sql := range []string{
		"CREATE VIEW evil AS SELECT fid, geom, ogr_geocode('x','geometry','QUERY_TEMPLATE=" + url + "/?q=%s') AS g FROM DLTB",
		"INSERT INTO gpkg_contents(table_name,data_type,identifier,srs_id) VALUES('evil','features','evil',4546)",
		"INSERT INTO gpkg_geometry_columns VALUES('evil','geom','MULTIPOLYGON',4546,0,0)",
		"CREATE VIEW evil2 AS SELECT fid, geom, readfile('" + secret + "') AS g, load_extension('/tmp/x.so') AS h FROM DLTB",
		"INSERT INTO gpkg_contents(table_name,data_type,identifier,srs_id) VALUES('evil2','features','evil2',4546)",
		"INSERT INTO gpkg_geometry_columns VALUES('evil2','geom','MULTIPOLYGON',4546,0,0)",
	} {
		out, err := exec.Command("ogrinfo", "--config", "ALLOW_OGR_SQL_FUNCTIONS_FROM_TRIGGER_AND_VIEW", "YES", path, "-q", "-sql", sql).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v %s", sql, err, out)
		}
	}
	return path
}

func TestSQLInAGeoPackageReachesNeitherNetworkNorFiles(t *testing.T) {
	url := tripwire(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("TOP-SECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := hostileViews(t, url, secret)
	for _, confined := range []bool{true, false} {
		opts := options(t)
		if !confined {
			opts.Child = unconfined(t)
			opts.Logger = slog.New(slog.DiscardHandler)
		}
		s, err := geodata.Open(t.Context(), path, opts)
		if err != nil {
			continue
		}
		for _, l := range s.Layers() {
			features, _ := readAll(t.Context(), l)
			for _, f := range features {
				for _, v := range f.Values {
					if text, ok := v.(string); ok && strings.Contains(text, "SECRET") {
						t.Errorf("layer %s gave away a file: %v", l.Name, f.Values)
					}
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWithoutBubblewrapFilesAreReadAllTheSame(t *testing.T) {
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	opts := options(t)
	var log bytes.Buffer
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	opts.Child = unconfined(t)
	_, got := read(t, path, opts)
	compare(t, got, expected(sample(0), 0))
	if !strings.Contains(log.String(), "without bubblewrap") {
		t.Errorf("the log says %q", log.String())
	}
	box, err := geodata.SandboxStatus(t.Context(), opts.Child)
	if err != nil || box.Bubblewrap || !box.Seccomp || box.Reason == "" || box.GDAL == "" {
		t.Errorf("status %+v, %v", box, err)
	}
}

func TestSandboxStatusSaysHowFilesAreRead(t *testing.T) {
	box, err := geodata.SandboxStatus(t.Context(), geodatatest.Child(t))
	if err != nil {
		t.Fatal(err)
	}
	// some kernels and containers forbid namespaces even to root
	if works := exec.Command("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true").Run() == nil; works != box.Bubblewrap {
		t.Errorf("bubblewrap works: %v, is used: %v (%s)", works, box.Bubblewrap, box.Reason)
	}
	if !box.Seccomp || box.GDAL == "" {
		t.Errorf("status %+v", box)
	}
	if _, err := geodata.SandboxStatus(t.Context(), "/nonexistent/gengheng-gdal"); err == nil || !strings.Contains(err.Error(), "GENGHENG_GDAL") {
		t.Errorf("a missing child: %v", err)
	}
	if _, err := geodata.SandboxStatus(t.Context(), "/bin/true"); err == nil {
		t.Error("/bin/true passed for the child")
	}
}

// stalled is a program that stands for a child which hangs or dies midway: it
// passes the first part of a real answer on and then does as told.
func stalled(t *testing.T, then string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gengheng-gdal")
	script := "#!/bin/sh\n" + geodatatest.Child(t) + " | cat > \"$0.out\"\nif grep -q \"gdal\" \"$0.out\"; then cat \"$0.out\"; else head -c 300 \"$0.out\"; " + then + "; fi\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAChildKilledMidwayIsAClearErrorAndNoEnd(t *testing.T) {
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	for _, signal := range []string{"KILL", "XCPU", "SEGV"} {
		opts := options(t)
		opts.Child = stalled(t, "kill -"+signal+" $$")
		opts.Logger = slog.New(slog.DiscardHandler)
		s := open(t, path, opts)
		l, err := s.Layer("")
		if err != nil {
			t.Fatal(err)
		}
		_, err = readAll(t.Context(), l)
		var bad *geodata.FileError
		if !errors.As(err, &bad) || bad.Code != geodata.ErrChildKilled || !strings.Contains(bad.MessageEN, "signal") {
			t.Errorf("SIG%s: %v", signal, err)
		}
		// The next one works: nothing is held.
		_, got := read(t, path, options(t))
		compare(t, got, expected(sample(0), 0))
	}
}

func TestCancellationStopsAHangingChild(t *testing.T) {
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	opts := options(t)
	opts.Child = stalled(t, "sleep 1000")
	opts.Logger = slog.New(slog.DiscardHandler)
	l, err := open(t, path, opts).Layer("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := readAll(ctx, l); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(opts.TempDir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheConsumerMayStopEarly(t *testing.T) {
	path := write(t, t.TempDir(), geodata.GPKGDriver, "", 4546, sample(0))
	for _, p := range []string{path, zipped(t, write(t, t.TempDir(), geodata.ShapefileDriver, "GBK", 4546, sample(0)))} {
		l, err := open(t, p, options(t)).Layer("")
		if err != nil {
			t.Fatal(err)
		}
		for f, err := range l.Features(t.Context()) {
			if err != nil || f.Row != 1 {
				t.Fatalf("row %d, %v", f.Row, err)
			}
			break
		}
	}
}

func TestTheChildRefusesDriversThatAreNotOnItsList(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, request := range []string{
		`{"op":"describe","driver":"OGR_VRT","path":"/etc/passwd"}`,
		`{"op":"describe","driver":"WFS","path":"http://` + listener.Addr().String() + `/"}`,
		`{"op":"describe","driver":"GeoJSON","path":"http://` + listener.Addr().String() + `/a.json"}`,
		`{"op":"describe","driver":"GPKG","path":"/vsicurl/http://` + listener.Addr().String() + `/a.gpkg"}`,
		`{"op":"describe","driver":"GTiff","path":"/vsicurl/http://` + listener.Addr().String() + `/a.tif"}`,
		`{"op":"run"}`, `{`,
	} {
		kind, text := askRaw(t, request)
		if kind != 'E' {
			t.Errorf("%s was answered by %q %s", request, kind, text)
		}
	}
	if l, ok := listener.(*net.TCPListener); ok {
		if err := l.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if c, err := l.Accept(); err == nil {
			_ = c.Close()
			t.Error("the child opened a connection")
		}
	}
}
