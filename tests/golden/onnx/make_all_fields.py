"""Writes all-fields.onnx: a ModelProto in which every field of onnx.proto is set, six levels deep, as protobuf serialises it.

Run with onnx installed: python make_all_fields.py. The versions used stand in all-fields.json.
"""
import json
import pathlib

import google.protobuf
import onnx
from google.protobuf.descriptor import FieldDescriptor as F

HERE = pathlib.Path(__file__).parent
NUMBERS = [0, 1, -1, 127, 128, -128, 2**31 - 1, -(2**31), 2**31, 2**53 - 1, -(2**53) + 1, 2**63 - 1, -(2**63)]
# Fields that this project reads as numbers: 64-bit integers beyond 2^53 are refused there.
EXACT = {"dims", "dim_value", "ir_version", "version"}
ENUMS = {"data_location": 0, "type": 7}
count = 0


def value(field):
    global count
    count += 1
    if field.type == F.TYPE_STRING:
        return ["", "name", "é ✓ 名", "x" * 40][count % 4]
    if field.type == F.TYPE_BYTES:
        return bytes(range(count % 50))
    if field.type == F.TYPE_FLOAT:
        return [0.0, -0.0, 1.5, float("inf"), float("nan"), 1e-45][count % 6]
    if field.type == F.TYPE_DOUBLE:
        return [0.0, -0.0, 0.1, float("-inf"), float("nan"), 5e-324][count % 6]
    if field.type == F.TYPE_ENUM:
        return ENUMS[field.name]
    if field.type == F.TYPE_UINT64:
        return abs(NUMBERS[count % len(NUMBERS)])
    if field.type == F.TYPE_INT32:
        return [0, 1, -1, 2**31 - 1, -(2**31)][count % 5]
    usable = NUMBERS[:11] if field.name in EXACT and field.containing_type.name != "SimpleShardedDimProto" else NUMBERS
    return usable[count % len(usable)]


def fill(message, depth):
    global count
    # One member of a oneof per message; which one goes round.
    count += 1
    chosen = {oneof.fields[count % len(oneof.fields)].name for oneof in message.DESCRIPTOR.oneofs}
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and field.name not in chosen:
            continue
        repeated = field.is_repeated
        if field.type == F.TYPE_MESSAGE:
            if depth == 0:
                continue
            for _ in range(2 if repeated and depth > 4 else 1):
                fill(getattr(message, field.name).add() if repeated else getattr(message, field.name), depth - 1)
            if not repeated:
                getattr(message, field.name).SetInParent()
        elif repeated:
            getattr(message, field.name).extend([value(field) for _ in range(3)])
        else:
            setattr(message, field.name, value(field))


model = onnx.ModelProto()
fill(model, 6)
# Every kind of type.
for kind in ["tensor_type", "sequence_type", "map_type", "opaque_type", "sparse_tensor_type", "optional_type"]:
    info = model.graph.value_info.add(name=kind)
    getattr(info.type, kind).SetInParent()
    fill(getattr(info.type, kind), 2)
data = model.SerializeToString(deterministic=True)
(HERE / "all-fields.onnx").write_bytes(data)
versions = {"onnx": onnx.__version__, "protobuf": google.protobuf.__version__, "bytes": len(data)}
(HERE / "all-fields.json").write_text(json.dumps(versions) + "\n")
print(versions)
