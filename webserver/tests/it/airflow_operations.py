"""Writes airflow_operations.txt from the OpenAPI document of Airflow:

    pip download --no-deps apache-airflow-core==3.3.2
    unzip apache_airflow_core-3.3.2-*.whl '*/v2-rest-api-generated.yaml'
    python3 airflow_operations.py airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml > airflow_operations.txt
"""

import re
import sys

import yaml

METHODS = ("get", "put", "post", "patch", "delete")


def orders(parameters):
    """What a list may be ordered by, as the description of `order_by` says it."""
    said = [p.get("description", "") for p in parameters if p["name"] == "order_by"]
    found = [m[1] for m in (re.search(r"Supported attributes: `(.*?)`", text) for text in said) if m]
    return ",".join(found).replace(" ", "")


with open(sys.argv[1]) as file:
    paths = yaml.load(file, Loader=yaml.CSafeLoader)["paths"]
print("# The public operations of Airflow 3.3.2, written by airflow_operations.py: resource, method, path below /api/v2,")
print("# parameters of the query, and what the answer may be ordered by.")
resources = {}
for path, item in paths.items():
    for method, operation in item.items():
        if method not in METHODS:
            continue
        query = [p for p in item.get("parameters", []) + operation.get("parameters", []) if p["in"] == "query"]
        names = ",".join(sorted(p["name"] for p in query))
        line = (operation["tags"][0], method.upper(), path.removeprefix("/api/v2"), names, orders(query))
        resources.setdefault(line[0], []).append("\t".join(line).rstrip())
for lines in resources.values():
    print("\n".join(lines))
