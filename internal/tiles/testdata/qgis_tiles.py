"""Draws vector tiles in their style with PyQGIS, without a screen, and tries the
QML and SLD on a layer of polygons: prints JSON.

usage: qgis_tiles.py TILES STYLE QML SLD OUT.png WEST SOUTH EAST NORTH (EPSG:3857)
"""
import json
import os
import sys

from qgis.core import (Qgis, QgsApplication, QgsCoordinateReferenceSystem, QgsDataSourceUri, QgsExpression, QgsExpressionContext,
                       QgsFeature, QgsMapRendererSequentialJob, QgsMapSettings, QgsRectangle, QgsVectorLayer, QgsVectorTileLayer)
from qgis.PyQt.QtCore import QSize

tiles, style, qml, sld, out = sys.argv[1:6]
box = [float(v) for v in sys.argv[6:10]]
app = QgsApplication([], False)
app.initQgis()
uri = QgsDataSourceUri()
for name, value in (("type", "xyz"), ("url", tiles), ("zmin", "0"), ("zmax", "18"), ("styleUrl", style)):
    uri.setParam(name, value)
layer = QgsVectorTileLayer(bytes(uri.encodedUri()).decode(), "tiles")
loaded = layer.loadDefaultStyle()
settings = QgsMapSettings()
settings.setLayers([layer])
settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
settings.setExtent(QgsRectangle(*box))
settings.setOutputSize(QSize(512, 512))
settings.setFlag(QgsMapSettings.Antialiasing, False)
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
saved = job.renderedImage().save(out)
flat = QgsVectorLayer("MultiPolygon?crs=EPSG:4490&field=DLBM:string", "parcels", "memory")
_, read = flat.loadNamedStyle(qml)
colours = {c.value(): c.symbol().color().name() for c in flat.renderer().categories()} if read else {}
other = QgsVectorLayer("MultiPolygon?crs=EPSG:4490&field=DLBM:string", "parcels", "memory")
_, read = other.loadSldStyle(sld)
rules = other.renderer().rootRule().children() if read else []


def drawn(code):
    """The colours that the SLD's rules give to a class; a rule that QGIS reads as a number matches too."""
    f = QgsFeature(other.fields())
    f["DLBM"] = code
    context = QgsExpressionContext()
    context.setFeature(f)
    context.setFields(other.fields())
    return ",".join(r.symbol().color().name() for r in rules
                    if r.filterExpression() not in ("", "ELSE") and QgsExpression(r.filterExpression()).evaluate(context))


print()
print(json.dumps({"version": Qgis.QGIS_VERSION, "valid": layer.isValid(), "styled": bool(loaded[-1] if isinstance(loaded[0], str) else loaded[0]),
                  "styles": len(layer.renderer().styles()), "saved": saved, "qml": colours,
                  "sld": {code: drawn(code) for code in colours}}))
sys.stdout.flush()
os._exit(0)
