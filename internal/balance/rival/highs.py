"""Solve a gengheng-balance/1 folder with HiGHS (scipy); print what it found.

usage: highs.py DIR SECONDS GAP

The first line is the problem's constant, which HiGHS's own log, the lines that
follow, leaves out; the last line is the answer.
"""

import csv
import json
import os
import sys

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix

folder, seconds, gap = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])


def rows(name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


units, edges, constraints, flows = (rows(n + ".csv") for n in ("units", "edges", "constraints", "flows"))
with open(os.path.join(folder, "problem.json"), encoding="utf-8") as f:
    constant = json.load(f).get("constant", 0)
print(json.dumps({"Constant": constant}), flush=True)
unit = {u["unit"]: i for i, u in enumerate(units)}
row = {k["constraint"]: i for i, k in enumerate(constraints)}
flow = {z["flow"]: i for i, z in enumerate(flows)}
n, m = len(units), len(flows)
cost = [float(u["cost"]) for u in units] + [float(z["cost"]) for z in flows]
lo = [float(u["fixed"] == "1") for u in units] + [0.0] * m
up = [float(u["fixed"] != "0") for u in units] + [float(z["upper"]) if z["upper"] else np.inf for z in flows]
low = [-np.inf if k["sense"] == "<=" else float(k["rhs"]) for k in constraints]
high = [np.inf if k["sense"] == ">=" else float(k["rhs"]) for k in constraints]
at, col, val = [], [], []


def entry(r, c, v):
    at.append(r)
    col.append(c)
    val.append(v)


for t in rows("terms.csv"):
    entry(row[t["constraint"]], unit[t["unit"]], float(t["coefficient"]))
for t in rows("flow_terms.csv"):
    entry(row[t["constraint"]], n + flow[t["flow"]], float(t["coefficient"]))
for e in edges:  # a column d ≥ |s_a − s_b| for every edge between two units
    a, w = unit[e["a"]], float(e["weight"])
    if e["b"] == "":
        cost[a] += w
        continue
    b, d = unit[e["b"]], len(cost)
    cost.append(w)
    lo.append(0.0)
    up.append(1.0)
    for x, y in ((a, b), (b, a)):
        r = len(low)
        entry(r, x, 1.0)
        entry(r, y, -1.0)
        entry(r, d, -1.0)
        low.append(-np.inf)
        high.append(0.0)

whole = np.zeros(len(cost))
whole[:n] = 1
matrix = coo_matrix((val, (at, col)), shape=(len(low), len(cost))).tocsr()
result = milp(
    cost,
    constraints=LinearConstraint(matrix, low, high),
    bounds=Bounds(lo, up),
    integrality=whole,
    options={"mip_rel_gap": gap, "time_limit": seconds, "disp": True},
)


def shown(v):
    return None if v is None or not np.isfinite(v) else float(v) + constant


print("\n" + json.dumps({
    "Objective": shown(result.fun),
    "Bound": shown(getattr(result, "mip_dual_bound", None)),
    "Status": result.message.splitlines()[0],
}))
