"""Reads the service by OWSLib and prints what it saw as JSON."""
import json
import sys

from owslib.ogcapi.features import Features
from owslib.ogcapi.processes import Processes

service = Features(sys.argv[1] + "/")
processes = Processes(sys.argv[1] + "/")
page = service.collection_items("parcels", limit=1000)
filtered = service.collection_items("parcels", limit=5, DLBM="0305")
print(json.dumps({
    "conformance": len(service.conformance()["conformsTo"]),
    "collections": sorted(service.feature_collections()),
    "title": service.collection("parcels")["title"],
    "page": len(page["features"]),
    "matched": page["numberMatched"],
    "filtered": filtered["numberMatched"],
    "queryables": "DLBM" in service.collection_queryables("parcels")["properties"],
    "processes": [p["id"] for p in processes.processes()["processes"]],
    "inputs": sorted(processes.process("area")["inputs"]),
    "api": service.api()["openapi"],
    "one": service.collection_item("parcels", page["features"][0]["id"])["id"] == page["features"][0]["id"],
}))
