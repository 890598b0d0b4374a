"""Opens a project as QGIS does and prints what it saw as JSON."""
import json
import sys

from qgis.core import Qgis, QgsApplication, QgsCoordinateTransform, QgsProject

app = QgsApplication([], False)
app.initQgis()
project = QgsProject.instance()
opened = project.read(sys.argv[1])
layers = {}


def place(layer):
    """Where the project draws the first feature that has a place: in its own plane."""
    plane = QgsCoordinateTransform(layer.crs(), project.crs(), project)
    for f in layer.getFeatures():
        if f.hasGeometry():
            box = plane.transformBoundingBox(f.geometry().boundingBox())
            return [box.center().x(), box.center().y()]
    return [0, 0]


for layer in project.mapLayers().values():
    fields = layer.fields()
    at = fields.indexOf("DLBM")
    layers[layer.id()] = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "read": sum(1 for _ in layer.getFeatures()) if layer.isValid() else -1,
        "place": place(layer),
        "alias": fields[at].alias() if at >= 0 else "",
        "widget": layer.editorWidgetSetup(at).type() if at >= 0 else "",
        "values": len(layer.editorWidgetSetup(at).config().get("map", [])) if at >= 0 else 0,
        "words": [v for name in ("YT", "ZTLX") if fields.indexOf(name) >= 0
                  for one in layer.editorWidgetSetup(fields.indexOf(name)).config().get("map", []) for v in one.values() if isinstance(v, str)],
        "fixed": [f.name() for i, f in enumerate(fields) if layer.editFormConfig().readOnly(i)],
        "renderer": layer.renderer().type() if layer.renderer() else "",
        "classes": len(layer.renderer().categories()) if layer.renderer() and layer.renderer().type() == "categorizedSymbol" else 0,
    }
print(json.dumps({
    "version": Qgis.QGIS_VERSION,
    "opened": opened,
    "title": project.title(),
    "crs": project.crs().authid(),
    "tree": [node.layerId() for node in project.layerTreeRoot().findLayers()],
    "layers": layers,
}))
sys.stdout.flush()
project.clear()
app.exitQgis()
