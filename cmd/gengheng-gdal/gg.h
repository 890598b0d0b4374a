// The thin binding to libgdal. Calls are grouped so that Go crosses into C
// once per batch of features, not once per value.
#ifndef GG_H
#define GG_H

#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>
#include <stddef.h>

// A buffer that grows; failed is set when memory ran out.
typedef struct {
  unsigned char *data;
  size_t len, cap;
  int failed;
} gg_buf;

void gg_buf_free(gg_buf *b);

// Value types of a column; the numbers are this program's own.
enum { GG_STRING = 0, GG_INT = 1, GG_FLOAT = 2, GG_DATE = 3, GG_FLOAT32 = 4, GG_SKIP = 9 };

typedef struct {
  const char *name, *alias, *geometry;
  long long count; // -1: not known without reading all
  double extent[4]; // minx, miny, maxx, maxy
  int has_extent, epsg, fields;
  char *wkt; // free with gg_free; may be NULL
} gg_layer;

typedef struct {
  const char *name, *alias;
  int type, width, precision;
} gg_field;

typedef struct {
  int width, height, bands, has_transform, has_nodata, epsg;
  const char *type, *unit;
  double transform[6], nodata;
  char *wkt; // free with gg_free; may be NULL
} gg_raster;

// gg_init sets the configuration and registers six drivers, and no other.
void gg_init(void);

// gg_deny forbids network and program starts for the whole process by a
// seccomp filter. Returns 0 if it is in force.
int gg_deny(void);

void gg_free(void *p);

// gg_failure is the text of the latest error since gg_forget, or "".
const char *gg_failure(void);
void gg_forget(void);
// gg_warning takes the next collected warning into out; 0 if there is none.
int gg_warning(char *out, size_t size);

// gg_open opens path with one driver. raster says what for.
GDALDatasetH gg_open(const char *path, const char *driver, int raster);
// gg_describe fills in what it takes no reading to know, and with whole set
// also the extent.
void gg_describe(OGRLayerH layer, int whole, gg_layer *out);
void gg_describe_field(OGRLayerH layer, int i, gg_field *out);
// gg_gdb_definition gives a geodatabase layer's XML definition, which holds its
// alias; free with gg_free; NULL if there is none.
char *gg_gdb_definition(GDALDatasetH ds, const char *layer);
void gg_describe_raster(GDALDatasetH ds, gg_raster *out);

// gg_next_batch appends up to max_count features, or about max_bytes, as
// package frame encodes them (without the count) and returns how many; 0 is
// the end, -1 an error.
int gg_next_batch(OGRLayerH layer, const int *types, int fields, int max_vertices,
                  int max_count, size_t max_bytes, gg_buf *b);

int gg_read_rows(GDALDatasetH ds, int row, int rows, int width, float *out);

// Writing. Options are NULL-ended lists.
GDALDatasetH gg_create(const char *path, const char *driver);
OGRLayerH gg_create_layer(GDALDatasetH ds, const char *name, int epsg, char **options);
int gg_create_field(OGRLayerH layer, const char *name, const char *alias, int type,
                    int width, int precision, int datetime);
// gg_write_batch writes count features encoded as package frame does. Returns
// how many were written before an error, or count.
int gg_write_batch(OGRLayerH layer, int fields, int count,
                   const unsigned char *data, size_t len);
// gg_close flushes and closes; 0 if nothing was lost.
int gg_close(GDALDatasetH ds);
GDALDatasetH gg_create_raster(const char *path, int width, int height, const double *transform,
                              int epsg, int has_nodata, double nodata);
int gg_write_rows(GDALDatasetH ds, int row, int rows, int width, const float *in);

#endif
