"""Writes operator-schemas.json: arity and attributes of ONNX's and ONNX Runtime's operators, for operator-schemas.test.ts.

Standard operators: the union over every version that opsets 13 to 24 use, from onnx.defs. Others: the newest version that
ONNX Runtime registers. Run: python make_schemas.py (needs onnx and onnxruntime); versions are written into the file.
"""

import json
from pathlib import Path

import onnx
import onnx.defs
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

OLDEST, NEWEST = 13, 24
KINDS = {
    "INT": "int", "INTS": "ints", "FLOAT": "float", "FLOATS": "floats", "STRING": "string",
    "STRINGS": "strings", "TENSOR": "tensor", "SPARSE_TENSOR": "tensor", "GRAPH": "graph",
}  # fmt: skip


def kind(attribute):
    return KINDS.get(str(attribute.type).split(".")[-1], "other")


def describe(versions):
    return {
        "inputs": [min(s.min_input for s in versions), max(s.max_input for s in versions)],
        "outputs": [min(s.min_output for s in versions), max(s.max_output for s in versions)],
        "attributes": {a: kind(v) for s in versions for a, v in sorted(s.attributes.items())},
        "since": max(s.since_version for s in versions),
    }


standard = {}
for schema in onnx.defs.get_all_schemas_with_history():
    if schema.domain == "" and not schema.deprecated:
        standard.setdefault(schema.name, []).append(schema)
operators = {}
for name, versions in standard.items():
    first = max((s.since_version for s in versions if s.since_version <= OLDEST), default=0)
    used = [s for s in versions if first <= s.since_version <= NEWEST]
    if used:
        operators[name] = describe(used)
for schema in state.get_all_operator_schema():
    if schema.domain == "com.microsoft":
        operators[f"com.microsoft.{schema.name}"] = describe([schema])
    elif schema.domain == "" and schema.name not in standard:
        operators[schema.name] = describe([schema])

Path(__file__).with_name("operator-schemas.json").write_text(
    json.dumps(
        {
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "operators": dict(sorted(operators.items())),
        },
        indent=1,
    )
    + "\n"
)
