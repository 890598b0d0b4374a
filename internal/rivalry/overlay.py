# Overlays candidates with layers as GeoPandas does it, for comparison.
# usage: overlay.py FOLDER LAYER...   FOLDER has NAME.wkb: per geometry its
# length (uint32, little endian) and its WKB. What is found goes to LAYER.found:
# the two numbers, the length and the WKB of each row.
import json
import resource
import struct
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import geopandas

try:
    import shapely
    geos = ".".join(map(str, shapely.geos_version)) if hasattr(shapely, "geos_version") else ".".join(map(str, shapely.geos.geos_version))
except Exception:
    geos = "?"


def read(path):
    data = open(path, "rb").read()
    at, out = 0, []
    while at < len(data):
        (n,) = struct.unpack_from("<I", data, at)
        out.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return geopandas.GeoDataFrame({"id": range(len(out))}, geometry=geopandas.GeoSeries.from_wkb(out), crs=None)


folder, layers = sys.argv[1], sys.argv[2:]
begin = time.perf_counter()
frames = {name: read("%s/%s.wkb" % (folder, name)) for name in ["cand"] + layers}
reading = time.perf_counter() - begin
seconds, pairs = {}, 0
for name in layers:
    begin = time.perf_counter()
    found = geopandas.overlay(frames["cand"], frames[name], how="intersection", keep_geom_type=True)
    found.area
    seconds[name] = time.perf_counter() - begin
    pairs += len(found)
    with open("%s/%s.found" % (folder, name), "wb") as out:
        for a, b, wkb in zip(found["id_1"], found["id_2"], found.geometry.to_wkb()):
            out.write(struct.pack("<iiI", a, b, len(wkb)) + wkb)
json.dump({
    "version": "GeoPandas %s, Shapely %s, GEOS %s" % (geopandas.__version__, shapely.__version__, geos),
    "reading": reading, "seconds": seconds, "pairs": pairs,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}, sys.stdout)
