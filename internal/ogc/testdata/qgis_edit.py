"""QGIS since 3.32 edits declared parcels: draws one, changes its attributes and its
boundary, deletes it, and tries one that is locked. What it did and saw goes to
standard output as one line of JSON."""
import json
import os
import sys

from qgis.core import (Qgis, QgsApplication, QgsFeature, QgsFeatureRequest, QgsGeometry, QgsRectangle, QgsVectorLayer)

prefix = os.environ.get("QGIS_PREFIX_PATH")
if prefix:
    QgsApplication.setPrefixPath(prefix, True)
app = QgsApplication([], False)
app.initQgis()
out = {"version": Qgis.QGIS_VERSION, "log": []}
app.messageLog().messageReceived.connect(lambda message, tag, level: out["log"].append(f"{tag}: {message}"))


def layer():
    v = QgsVectorLayer(f"url='{sys.argv[1]}/' typename='candidates_in' pageSize='1000'", "c", "OAPIF")
    assert v.isValid(), v.error().summary()
    return v


def find(v, number):
    return [f for f in v.getFeatures() if f["SBBH"] == number]


c = layer()
out["crs"] = c.crs().authid()
caps = c.dataProvider().capabilitiesString()
out["edits"] = all(word in caps for word in ("Add Features", "Delete Features", "Change Attribute Values", "Change Geometries"))
out["capabilities"] = caps
out["aliases"] = [f.alias() for f in c.fields()][:3]
box = find(c, sys.argv[2])[0].geometry().boundingBox()
side = box.width()
out["before"] = c.featureCount()


def square(at):
    """A square in the layer's own coordinates, away from what is there."""
    x, y = box.xMinimum() + at * 3 * side, box.yMinimum() + 9 * box.height()
    return QgsGeometry.fromRect(QgsRectangle(x, y, x + side / 2, y + box.height() / 2))


c.startEditing()
f = QgsFeature(c.fields())
f["SBBH"], f["XZDM"], f["NZDL"] = "丙 1/2", sys.argv[3], "0103"
f.setGeometry(square(5))
c.addFeature(f)
out["made"], out["made_errors"] = c.commitChanges(), c.commitErrors()
again = layer()
out["count"] = again.featureCount()
found = find(again, "丙 1/2")
out["verdict"] = found[0]["verdict"] if found else None

c = layer()
f = find(c, "丙 1/2")[0]
c.startEditing()
c.changeAttributeValue(f.id(), c.fields().indexOf("CUN"), "合成村")
c.changeGeometry(f.id(), square(7))
out["changed"], out["change_errors"] = c.commitChanges(), c.commitErrors()
found = find(layer(), "丙 1/2")
out["village"] = found[0]["CUN"]
out["moved"] = found[0].geometry().boundingBox().center().x() > square(6).boundingBox().center().x()
out["area"] = found[0]["area_m2"]
out["declared"] = found[0]["SBMJ"]

c = layer()
out["filtered"] = 0
c.setSubsetString("\"CUN\" = '合成村'")
out["filtered"] = len(list(c.getFeatures()))
c = layer()
c.startEditing()
c.deleteFeature(find(c, "丙 1/2")[0].id())
out["deleted"], out["delete_errors"] = c.commitChanges(), c.commitErrors()
out["after"] = layer().featureCount()

c = layer()
f = find(c, sys.argv[2])[0]
c.startEditing()
c.changeAttributeValue(f.id(), c.fields().indexOf("CUN"), "不应保存")
out["locked"], out["locked_errors"] = c.commitChanges(), c.commitErrors()
for _ in range(20):
    app.processEvents()
print(json.dumps(out, ensure_ascii=False, default=str))
os._exit(0)
