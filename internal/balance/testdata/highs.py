"""Solve a gengheng-balance/1 folder with HiGHS (scipy) and print the optimum.

usage: highs.py DIR relaxed|whole
"""

import csv
import json
import os
import sys

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix

folder, mode = sys.argv[1:]


def rows(name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


units, edges, constraints = rows("units.csv"), rows("edges.csv"), rows("constraints.csv")
flows = rows("flows.csv")
with open(os.path.join(folder, "problem.json"), encoding="utf-8") as f:
    constant = json.load(f).get("constant", 0)
unit = {u["unit"]: i for i, u in enumerate(units)}
row = {k["constraint"]: i for i, k in enumerate(constraints)}
flow = {z["flow"]: i for i, z in enumerate(flows)}
n, m = len(units), len(flows)

cost = [float(u["cost"]) for u in units] + [float(z["cost"]) for z in flows]
lo = [1.0 if u["fixed"] == "1" else 0.0 for u in units] + [0.0] * m
up = [0.0 if u["fixed"] == "0" else 1.0 for u in units]
up += [float(z["upper"]) if z["upper"] else np.inf for z in flows]
at, col, val, low, high = [], [], [], [], []


def entry(r, c, v):
    at.append(r)
    col.append(c)
    val.append(v)


for k in constraints:
    rhs = float(k["rhs"])
    low.append(-np.inf if k["sense"] == "<=" else rhs)
    high.append(np.inf if k["sense"] == ">=" else rhs)
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
if mode == "whole":
    whole[:n] = 1
matrix = coo_matrix((val, (at, col)), shape=(len(low), len(cost))).tocsr()
result = milp(
    cost,
    constraints=LinearConstraint(matrix, low, high),
    bounds=Bounds(lo, up),
    integrality=whole,
    options={"mip_rel_gap": 1e-7, "time_limit": 120},
)
if result.status != 0:
    sys.exit(result.message)
print(repr(float(result.fun + constant)))
