"""Reads and, if told to, edits layers of a FeatureServer as QGIS does; prints what it saw as JSON."""
import json
import sys

from qgis.core import (Qgis, QgsApplication, QgsFeature, QgsFeatureRequest, QgsGeometry, QgsPointXY, QgsRectangle,
                       QgsVectorDataProvider, QgsVectorLayer)

app = QgsApplication([], False)
app.initQgis()
root, edits = sys.argv[1], len(sys.argv) > 2
layers = []


def layer(number):
    v = QgsVectorLayer(f"crs='EPSG:4546' url='{root}/gengheng/FeatureServer/{number}'", str(number), "arcgisfeatureserver")
    if not v.isValid():
        sys.exit(f"{number}: {v.error().message()} {v.dataProvider().error().message()}")
    layers.append(v)  # a layer must outlive what reads it
    return v


parcels = layer(1)
ids, named = set(), 0
for f in parcels.getFeatures():
    ids.add(f["BSM"])
    named += f["DLMC"] in ("水田", "灌木林地") and f.geometry().area() > 9999
box = parcels.extent()
near = layer(1)
near_box = QgsRectangle(510110, 4000110, 510190, 4000190)
named_layer = layer(1)
named_layer.setSubsetString("DLBM = '0305'")
seen = {
    "version": Qgis.QGIS_VERSION,
    "count": parcels.featureCount(),
    "read": len(ids),
    "named": named,
    "crs": parcels.crs().authid(),
    "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
    "near": sum(1 for _ in near.getFeatures(QgsFeatureRequest(near_box))),
    "filtered": sum(1 for _ in named_layer.getFeatures()),
    "fields": {f.name(): f.alias() for f in parcels.fields()},
}
if edits:
    declared = layer(2)
    p = declared.dataProvider()
    seen["editable"] = bool(p.capabilities() & QgsVectorDataProvider.AddFeatures and p.capabilities() & QgsVectorDataProvider.ChangeAttributeValues
                            and p.capabilities() & QgsVectorDataProvider.ChangeGeometries and p.capabilities() & QgsVectorDataProvider.DeleteFeatures)

    def square(inset):
        return QgsGeometry.fromPolygonXY([[QgsPointXY(511000 + x, 4001000 + y) for x, y in
                                           [(inset, inset), (inset, 100 - inset), (100 - inset, 100 - inset), (100 - inset, inset), (inset, inset)]]])

    def commit():
        ok = declared.commitChanges()
        messages = "；".join(declared.commitErrors())
        if not ok:
            declared.rollBack()
        return [ok, messages]

    def find(number):
        fresh = layer(2)
        return [f for f in fresh.getFeatures() if f["SBBH"] == number]

    declared.startEditing()
    f = QgsFeature(declared.fields())
    f.setAttribute("SBBH", "丙 1")
    f.setAttribute("XZDM", "149901100")
    f.setAttribute("NZDL", "0103")
    f.setGeometry(square(5))
    declared.addFeature(f)
    seen["added"] = commit()
    made = find("丙 1")
    seen["made"] = [[f["OBJECTID"], f["verdict"], f["area_m2"]] for f in made]
    declared = layer(2)
    target = next(f for f in declared.getFeatures() if f["SBBH"] == "丙 1")
    declared.startEditing()
    declared.changeGeometry(target.id(), square(20))
    declared.changeAttributeValue(target.id(), declared.fields().indexOf("CUN"), "合成村")
    seen["changed"] = commit()
    seen["moved"] = [[f["OBJECTID"], f["CUN"], f["area_m2"]] for f in find("丙 1")]
    declared = layer(2)
    target = next(f for f in declared.getFeatures() if f["SBBH"] == "丙 1")
    declared.startEditing()
    declared.changeAttributeValue(target.id(), declared.fields().indexOf("XZDM"), "149902100")
    seen["refused"] = commit()
    declared = layer(2)
    target = next(f for f in declared.getFeatures() if f["SBBH"] == "丙 1")
    declared.startEditing()
    declared.deleteFeature(target.id())
    seen["deleted"] = commit()
    seen["left"] = len(find("丙 1"))
print(json.dumps(seen))
sys.stdout.flush()
del layers[:], parcels, near, named_layer, f
if edits:
    del declared, target, made, p
app.exitQgis()
