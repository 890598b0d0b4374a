"""Reads layers as QGIS does and prints what it saw as JSON."""
import json
import sys

from qgis.core import Qgis, QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer

app = QgsApplication([], False)
app.initQgis()
root = sys.argv[1]


def layer(name, more=""):
    v = QgsVectorLayer(f"url='{root}/' typename='{name}'{more}", name, "OAPIF")
    if not v.isValid():
        sys.exit(f"{name}: {v.error().message()} {v.dataProvider().error().message()}")
    return v


parcels = layer("parcels", " restrictToRequestBBOX='1'")
ids, named = set(), 0
for f in parcels.getFeatures():
    ids.add(f["id"])
    named += f["DLMC"] in ("水田", "灌木林地") and f.hasGeometry()
box = parcels.extent()
corner = QgsRectangle(box.xMinimum() + 1e-4, box.yMinimum() + 1e-4, box.xMinimum() + 2e-4, box.yMinimum() + 2e-4)
near = layer("parcels", " restrictToRequestBBOX='1'")
# A layer must outlive what reads it, and QGIS itself.
candidates = layer("candidates_in")
print(json.dumps({
    "version": Qgis.QGIS_VERSION,
    "valid": parcels.isValid(),
    "count": parcels.featureCount(),
    "read": len(ids),
    "named": named,
    "crs": parcels.crs().authid(),
    "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
    "filtered": sum(1 for _ in parcels.getFeatures(QgsFeatureRequest().setFilterExpression("\"DLBM\" = '0305'"))),
    "near": sum(1 for _ in near.getFeatures(QgsFeatureRequest(corner))),
    "fields": [f.name() for f in parcels.fields()],
    "candidates": sum(1 for _ in candidates.getFeatures()),
}))
sys.stdout.flush()
del parcels, near, candidates, f
app.exitQgis()
