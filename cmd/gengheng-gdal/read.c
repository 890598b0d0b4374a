#include "gg.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// libgdal exports these; their header is not installed in C form.
void RegisterOGRShape(void);
void RegisterOGROpenFileGDB(void);
void RegisterOGRGeoPackage(void);
void RegisterOGRGeoJSON(void);
void GDALRegister_GTiff(void);
void RegisterOGRFlatGeobuf(void);

enum { MESSAGE = 1024, WARNINGS = 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char failure[MESSAGE];
static char warnings[WARNINGS][MESSAGE];
static int warning_count, warning_next;

static void handler(CPLErr level, CPLErrorNum num, const char *text) {
  (void)num;
  pthread_mutex_lock(&lock);
  if (level >= CE_Failure) {
    snprintf(failure, sizeof failure, "%s", text);
  } else if (level == CE_Warning && warning_count < WARNINGS) {
    snprintf(warnings[warning_count++], MESSAGE, "%s", text);
  }
  pthread_mutex_unlock(&lock);
}

const char *gg_failure(void) { return failure; }
void gg_forget(void) { failure[0] = 0; }

int gg_warning(char *out, size_t size) {
  pthread_mutex_lock(&lock);
  int have = warning_next < warning_count;
  if (have) snprintf(out, size, "%s", warnings[warning_next++]);
  pthread_mutex_unlock(&lock);
  return have;
}

void gg_free(void *p) { CPLFree(p); }

void gg_init(void) {
  CPLSetErrorHandler(handler);
  CPLSetConfigOption("GDAL_DRIVER_PATH", "disable"); // no plugins
  CPLSetConfigOption("GDAL_PAM_ENABLED", "NO");      // no .aux.xml beside a file
  CPLSetConfigOption("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", "{none}");
  CPLSetConfigOption("CPL_VSIL_CURL_ALLOWED_FILENAME", "{none}");
  CPLSetConfigOption("OGR_SQLITE_LOAD_EXTENSIONS", "");
  CPLSetConfigOption("OGR_GEOCODE_CACHE_FILE", "/nonexistent");
  CPLSetConfigOption("OGR_GEOCODE_QUERY_TEMPLATE", "{none}");
  CPLSetConfigOption("GDAL_NUM_THREADS", "1");
  CPLSetConfigOption("GDAL_CACHEMAX", "64"); // MB
  CPLSetConfigOption("CPL_TMPDIR", "/tmp");
  // Same input, same bytes.
  CPLSetConfigOption("OGR_CURRENT_DATE", "2020-01-01T00:00:00.000Z");
  CPLSetConfigOption("OPENFILEGDB_REPRODUCIBLE_UUID", "YES");
  RegisterOGRShape();
  RegisterOGROpenFileGDB();
  RegisterOGRGeoPackage();
  RegisterOGRGeoJSON();
  RegisterOGRFlatGeobuf();
  GDALRegister_GTiff();
}

GDALDatasetH gg_open(const char *path, const char *driver, int raster) {
  const char *allowed[] = {driver, NULL};
  // Sidecars (.ovr, .msk, .aux.xml) of a GeoTIFF are other files; they are not
  // looked for. A geodatabase needs the listing of its own folder.
  CPLSetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", raster ? "EMPTY_DIR" : NULL);
  unsigned flags = GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR | (raster ? GDAL_OF_RASTER : GDAL_OF_VECTOR);
  // SQLite keeps files beside a GeoPackage in write-ahead mode even to read it,
  // and where it may write leaves them there. Without a log there is nothing to
  // share: the file is read as it stands.
  const char *alone[] = {"IMMUTABLE=YES", NULL};
  char wal[4096];
  int log = snprintf(wal, sizeof wal, "%s-wal", path) < (int)sizeof wal && access(wal, F_OK) == 0;
  const char *const *options = EQUAL(driver, "GPKG") && !log ? alone : NULL;
  return GDALOpenEx(path, flags, allowed, options, NULL);
}

static void describe_crs(OGRSpatialReferenceH srs, char **wkt, int *epsg) {
  *wkt = NULL;
  *epsg = 0;
  if (!srs) return;
  const char *authority = OSRGetAuthorityName(srs, NULL);
  const char *code = OSRGetAuthorityCode(srs, NULL);
  if (authority && code && EQUAL(authority, "EPSG")) *epsg = atoi(code);
  if (OSRExportToWkt(srs, wkt) != OGRERR_NONE) *wkt = NULL;
}

void gg_describe(OGRLayerH layer, int whole, gg_layer *out) {
  memset(out, 0, sizeof *out);
  out->name = OGR_L_GetName(layer);
  out->alias = GDALGetMetadataItem(layer, "ALIAS_NAME", NULL);
  if (!out->alias) out->alias = GDALGetMetadataItem(layer, "IDENTIFIER", NULL);
  out->geometry = OGRGeometryTypeToName(OGR_L_GetGeomType(layer));
  out->count = OGR_L_GetFeatureCount(layer, 0);
  OGREnvelope e;
  if (whole && OGR_L_GetExtent(layer, &e, 1) == OGRERR_NONE) {
    out->has_extent = 1;
    out->extent[0] = e.MinX, out->extent[1] = e.MinY;
    out->extent[2] = e.MaxX, out->extent[3] = e.MaxY;
  }
  describe_crs(OGR_L_GetSpatialRef(layer), &out->wkt, &out->epsg);
  out->fields = OGR_FD_GetFieldCount(OGR_L_GetLayerDefn(layer));
}

void gg_describe_field(OGRLayerH layer, int i, gg_field *out) {
  OGRFieldDefnH f = OGR_FD_GetFieldDefn(OGR_L_GetLayerDefn(layer), i);
  out->name = OGR_Fld_GetNameRef(f);
  out->alias = OGR_Fld_GetAlternativeNameRef(f);
  out->width = OGR_Fld_GetWidth(f);
  out->precision = OGR_Fld_GetPrecision(f);
  switch (OGR_Fld_GetType(f)) {
  case OFTInteger:
  case OFTInteger64: out->type = GG_INT; break;
  case OFTReal: out->type = OGR_Fld_GetSubType(f) == OFSTFloat32 ? GG_FLOAT32 : GG_FLOAT; break;
  case OFTDate:
  case OFTDateTime: out->type = GG_DATE; break;
  case OFTBinary: out->type = GG_SKIP; break;
  default: out->type = GG_STRING;
  }
}

char *gg_gdb_definition(GDALDatasetH ds, const char *layer) {
  char *sql = CPLMalloc(strlen(layer) + 32);
  sprintf(sql, "GetLayerDefinition %s", layer);
  OGRLayerH result = GDALDatasetExecuteSQL(ds, sql, NULL, NULL);
  CPLFree(sql);
  char *xml = NULL;
  OGRFeatureH f = result ? OGR_L_GetNextFeature(result) : NULL;
  if (f) {
    xml = CPLStrdup(OGR_F_GetFieldAsString(f, 0));
    OGR_F_Destroy(f);
  }
  if (result) GDALDatasetReleaseResultSet(ds, result);
  gg_forget(); // without a definition there is no alias, and no harm
  return xml;
}

void gg_describe_raster(GDALDatasetH ds, gg_raster *out) {
  memset(out, 0, sizeof *out);
  out->width = GDALGetRasterXSize(ds);
  out->height = GDALGetRasterYSize(ds);
  out->bands = GDALGetRasterCount(ds);
  out->has_transform = GDALGetGeoTransform(ds, out->transform) == CE_None;
  describe_crs(GDALGetSpatialRef(ds), &out->wkt, &out->epsg);
  out->type = out->unit = "";
  if (out->bands < 1) return;
  GDALRasterBandH band = GDALGetRasterBand(ds, 1);
  out->type = GDALGetDataTypeName(GDALGetRasterDataType(band));
  out->unit = GDALGetRasterUnitType(band);
  out->nodata = GDALGetRasterNoDataValue(band, &out->has_nodata);
}

void gg_buf_free(gg_buf *b) {
  free(b->data);
  memset(b, 0, sizeof *b);
}

static unsigned char *grow(gg_buf *b, size_t n) {
  if (b->failed) return NULL;
  if (b->len + n > b->cap) {
    size_t cap = b->cap ? b->cap : 1 << 16;
    while (cap < b->len + n) cap *= 2;
    unsigned char *data = realloc(b->data, cap);
    if (!data) {
      b->failed = 1;
      return NULL;
    }
    b->data = data;
    b->cap = cap;
  }
  unsigned char *at = b->data + b->len;
  b->len += n;
  return at;
}

// The machines this runs on are little endian, as the stream is.
static void put(gg_buf *b, const void *p, size_t n) {
  unsigned char *at = grow(b, n);
  if (at && n) memcpy(at, p, n);
}
static void put8(gg_buf *b, uint8_t v) { put(b, &v, 1); }
static void put32(gg_buf *b, uint32_t v) { put(b, &v, 4); }
static void put64(gg_buf *b, int64_t v) { put(b, &v, 8); }

enum { FLAG_NULL = 1, FLAG_CURVE = 2, FLAG_TOO_LARGE = 4, FLAG_NOT_POLYGON = 8 };

static long long vertices(OGRGeometryH g) {
  int parts = OGR_G_GetGeometryCount(g);
  if (parts == 0) return OGR_G_GetPointCount(g);
  long long n = 0;
  for (int i = 0; i < parts; i++) n += vertices(OGR_G_GetGeometryRef(g, i));
  return n;
}

// put_geometry writes flags, length and WKB. It changes g to two dimensions.
static void put_geometry(gg_buf *b, OGRGeometryH g, int max_vertices) {
  int flags = 0;
  OGRGeometryH own = NULL;
  if (!g) {
    flags = FLAG_NULL;
  } else {
    if (OGR_GT_IsNonLinear(OGR_G_GetGeometryType(g))) {
      if (OGR_G_HasCurveGeometry(g, TRUE)) flags |= FLAG_CURVE;
      // Chords of half a degree: 1 mm off an arc of 100 m radius.
      g = own = OGR_G_GetLinearGeometry(g, 0.5, NULL);
    }
    OGRwkbGeometryType type = g ? wkbFlatten(OGR_G_GetGeometryType(g)) : wkbUnknown;
    if (type != wkbPolygon && type != wkbMultiPolygon)
      flags |= FLAG_NOT_POLYGON;
    else if (vertices(g) > max_vertices)
      flags |= FLAG_TOO_LARGE;
  }
  put8(b, flags);
  if (flags & ~FLAG_CURVE) {
    put32(b, 0);
  } else {
    OGR_G_FlattenTo2D(g);
    size_t size = OGR_G_WkbSizeEx(g);
    put32(b, (uint32_t)size);
    unsigned char *at = grow(b, size);
    if (at && OGR_G_ExportToIsoWkb(g, wkbNDR, at) != OGRERR_NONE) b->failed = 1;
  }
  if (own) OGR_G_DestroyGeometry(own);
}

enum { MAX_TEXT = 4 << 20 };

static int put_value(gg_buf *b, OGRFeatureH f, int i, int type) {
  if (!OGR_F_IsFieldSetAndNotNull(f, i)) {
    put8(b, 0);
    return 0;
  }
  switch (type) {
  case GG_INT:
    put8(b, 1);
    put64(b, OGR_F_GetFieldAsInteger64(f, i));
    return 0;
  case GG_FLOAT:
  case GG_FLOAT32: {
    double v = OGR_F_GetFieldAsDouble(f, i);
    put8(b, 2);
    put(b, &v, 8);
    return 0;
  }
  case GG_DATE: {
    int y, m, d, h, min, zone;
    float s;
    OGR_F_GetFieldAsDateTimeEx(f, i, &y, &m, &d, &h, &min, &s, &zone);
    int16_t year = (int16_t)y;
    put8(b, 4);
    put(b, &year, 2);
    put8(b, m), put8(b, d), put8(b, h), put8(b, min);
    put(b, &s, 4);
    return 0;
  }
  default: {
    const char *text = OGR_F_GetFieldAsString(f, i);
    size_t n = strlen(text);
    if (n > MAX_TEXT) {
      CPLError(CE_Failure, CPLE_AppDefined, "field %d holds a text of %zu bytes; at most %d", i, n, MAX_TEXT);
      return -1;
    }
    put8(b, 3);
    put32(b, (uint32_t)n);
    put(b, text, n);
    return 0;
  }
  }
}

int gg_next_batch(OGRLayerH layer, const int *types, int fields, int max_vertices,
                  int max_count, size_t max_bytes, gg_buf *b) {
  int count = 0;
  gg_forget();
  while (count < max_count && b->len < max_bytes) {
    OGRFeatureH f = OGR_L_GetNextFeature(layer);
    if (!f) {
      if (failure[0]) return -1;
      break;
    }
    put64(b, OGR_F_GetFID(f));
    put_geometry(b, OGR_F_GetGeometryRef(f), max_vertices);
    int bad = 0;
    for (int i = 0; i < fields && !bad; i++)
      if (types[i] != GG_SKIP) bad = put_value(b, f, i, types[i]);
    OGR_F_Destroy(f);
    if (b->failed) CPLError(CE_Failure, CPLE_OutOfMemory, "out of memory at a feature");
    if (bad || b->failed) return -1;
    // A damaged geometry comes as a feature without one, and a message.
    if (failure[0]) CPLError(CE_Warning, CPLE_AppDefined, "%s", failure);
    gg_forget();
    count++;
  }
  return count;
}

int gg_read_rows(GDALDatasetH ds, int row, int rows, int width, float *out) {
  gg_forget();
  return GDALRasterIO(GDALGetRasterBand(ds, 1), GF_Read, 0, row, width, rows, out, width, rows,
                      GDT_Float32, 0, 0) == CE_None ? 0 : -1;
}
