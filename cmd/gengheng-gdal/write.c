#include "gg.h"

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <stdint.h>
#include <string.h>

GDALDatasetH gg_create(const char *path, const char *driver) {
  gg_forget();
  GDALDriverH d = GDALGetDriverByName(driver);
  if (!d) {
    CPLError(CE_Failure, CPLE_AppDefined, "no driver %s", driver);
    return NULL;
  }
  GDALDatasetH ds = GDALCreate(d, path, 0, 0, 0, GDT_Unknown, NULL);
  // One transaction for all, or GeoPackage pays one for every row.
  if (ds && GDALDatasetTestCapability(ds, ODsCTransactions) && GDALDatasetStartTransaction(ds, FALSE) != OGRERR_NONE) {
    GDALClose(ds);
    return NULL;
  }
  return ds;
}

static OGRSpatialReferenceH crs(int epsg) {
  OGRSpatialReferenceH srs = OSRNewSpatialReference(NULL);
  OSRSetAxisMappingStrategy(srs, OAMS_TRADITIONAL_GIS_ORDER);
  if (OSRImportFromEPSG(srs, epsg) != OGRERR_NONE) {
    OSRDestroySpatialReference(srs);
    return NULL;
  }
  return srs;
}

OGRLayerH gg_create_layer(GDALDatasetH ds, const char *name, int epsg, char **options) {
  gg_forget();
  OGRSpatialReferenceH srs = NULL;
  if (epsg && !(srs = crs(epsg))) return NULL;
  OGRLayerH layer = GDALDatasetCreateLayer(ds, name, srs, wkbMultiPolygon, options);
  if (srs) OSRRelease(srs);
  return layer;
}

int gg_create_field(OGRLayerH layer, const char *name, const char *alias, int type,
                    int width, int precision, int datetime) {
  static const OGRFieldType types[] = {OFTString, OFTInteger64, OFTReal, OFTDate};
  OGRFieldType t = types[type];
  if (type == GG_INT && width > 0 && width <= 9) t = OFTInteger;
  if (type == GG_DATE && datetime) t = OFTDateTime;
  OGRFieldDefnH f = OGR_Fld_Create(name, t);
  OGR_Fld_SetWidth(f, width);
  OGR_Fld_SetPrecision(f, precision);
  if (alias && *alias) OGR_Fld_SetAlternativeName(f, alias);
  gg_forget();
  OGRErr err = OGR_L_CreateField(layer, f, FALSE);
  OGR_Fld_Destroy(f);
  return err == OGRERR_NONE ? 0 : -1;
}

typedef struct {
  const unsigned char *p, *end;
} cursor;

static int take(cursor *c, void *out, size_t n) {
  if ((size_t)(c->end - c->p) < n) {
    CPLError(CE_Failure, CPLE_AppDefined, "feature batch is cut off");
    return -1;
  }
  memcpy(out, c->p, n);
  c->p += n;
  return 0;
}

static int set_text(cursor *c, OGRFeatureH f, int i) {
  uint32_t n;
  if (take(c, &n, 4)) return -1;
  if ((size_t)(c->end - c->p) < n) return take(c, &n, (size_t)-1);
  char *text = CPLMalloc((size_t)n + 1);
  memcpy(text, c->p, n);
  text[n] = 0;
  c->p += n;
  OGR_F_SetFieldString(f, i, text);
  CPLFree(text);
  return 0;
}

static int set_value(cursor *c, OGRFeatureH f, int i) {
  uint8_t tag;
  if (take(c, &tag, 1)) return -1;
  switch (tag) {
  case 0: OGR_F_SetFieldNull(f, i); return 0;
  case 1: {
    int64_t v;
    if (take(c, &v, 8)) return -1;
    OGR_F_SetFieldInteger64(f, i, v);
    return 0;
  }
  case 2: {
    double v;
    if (take(c, &v, 8)) return -1;
    OGR_F_SetFieldDouble(f, i, v);
    return 0;
  }
  case 3: return set_text(c, f, i);
  case 4: {
    int16_t y;
    uint8_t t[4];
    float s;
    if (take(c, &y, 2) || take(c, t, 4) || take(c, &s, 4)) return -1;
    OGR_F_SetFieldDateTimeEx(f, i, y, t[0], t[1], t[2], t[3], s, 0);
    return 0;
  }
  }
  CPLError(CE_Failure, CPLE_AppDefined, "feature batch has an unknown value type %d", tag);
  return -1;
}

static int set_geometry(cursor *c, OGRFeatureH f) {
  uint32_t n;
  if (take(c, &n, 4)) return -1;
  if ((size_t)(c->end - c->p) < n) return take(c, &n, (size_t)-1);
  if (n == 0) return 0;
  OGRGeometryH g = NULL;
  if (OGR_G_CreateFromWkb(c->p, NULL, &g, (int)n) != OGRERR_NONE) {
    CPLError(CE_Failure, CPLE_AppDefined, "geometry cannot be decoded");
    return -1;
  }
  c->p += n;
  return OGR_F_SetGeometryDirectly(f, g) == OGRERR_NONE ? 0 : -1;
}

int gg_write_batch(OGRLayerH layer, int fields, int count,
                   const unsigned char *data, size_t len) {
  cursor c = {data, data + len};
  gg_forget();
  for (int k = 0; k < count; k++) {
    OGRFeatureH f = OGR_F_Create(OGR_L_GetLayerDefn(layer));
    int64_t fid;
    uint8_t flags;
    int bad = take(&c, &fid, 8) || take(&c, &flags, 1) || set_geometry(&c, f);
    for (int i = 0; i < fields && !bad; i++) bad = set_value(&c, f, i);
    if (!bad) bad = OGR_L_CreateFeature(layer, f) != OGRERR_NONE;
    OGR_F_Destroy(f);
    if (bad || gg_failure()[0]) return k;
  }
  return count;
}

int gg_close(GDALDatasetH ds) {
  gg_forget();
  int bad = GDALDatasetTestCapability(ds, ODsCTransactions) && GDALDatasetCommitTransaction(ds) != OGRERR_NONE;
  GDALFlushCache(ds);
  GDALClose(ds);
  return bad || gg_failure()[0] ? -1 : 0;
}

GDALDatasetH gg_create_raster(const char *path, int width, int height, const double *transform,
                              int epsg, int has_nodata, double nodata) {
  gg_forget();
  char **options = NULL;
  options = CSLSetNameValue(options, "COMPRESS", "DEFLATE");
  options = CSLSetNameValue(options, "PREDICTOR", "3");
  options = CSLSetNameValue(options, "TILED", "YES");
  options = CSLSetNameValue(options, "NUM_THREADS", "1");
  GDALDatasetH ds = GDALCreate(GDALGetDriverByName("GTiff"), path, width, height, 1, GDT_Float32, options);
  CSLDestroy(options);
  if (!ds) return NULL;
  OGRSpatialReferenceH srs = crs(epsg);
  int bad = !srs || GDALSetSpatialRef(ds, srs) != CE_None ||
            GDALSetGeoTransform(ds, (double *)transform) != CE_None;
  if (srs) OSRRelease(srs);
  if (!bad && has_nodata) bad = GDALSetRasterNoDataValue(GDALGetRasterBand(ds, 1), nodata) != CE_None;
  if (bad) {
    GDALClose(ds);
    return NULL;
  }
  return ds;
}

int gg_write_rows(GDALDatasetH ds, int row, int rows, int width, const float *in) {
  gg_forget();
  return GDALRasterIO(GDALGetRasterBand(ds, 1), GF_Write, 0, row, width, rows, (void *)in, width, rows,
                      GDT_Float32, 0, 0) == CE_None ? 0 : -1;
}
