"""Opens the sample files of every table with pyarrow and polars and records what they hold.

Usage: run the golden test once (it writes the samples into .cache/golden-tables), then
    python tests/golden/tables/check_tables.py [FOLDER] > tests/golden/tables/expected.json
Needs pyarrow, polars and numpy; their versions are recorded. Exits with 1 when the two disagree, when a file is not
readable as a stream after its magic, or when pyarrow's full validation fails.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

NUMPY = {"uint32": "<u4", "uint64": "<u8", "int32": "<i4", "int64": "<i8", "halffloat": "<f2", "float": "<f4", "double": "<f8", "bool": "u1"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def leaf(array: pa.Array) -> dict:
    """Digest of the values (nulls as zero bits), number of nulls, and for numbers the float64 sum of what is there."""
    name = str(array.type)
    if name == "string":
        return {"type": name, "nulls": array.null_count, "digest": digest("\0".join(array.to_pylist()).encode())}
    dtype = np.dtype(NUMPY[name])
    valid = np.array(array.is_valid())
    zero = pa.scalar(np.float16(0), pa.float16()) if name == "halffloat" else pa.scalar(False if name == "bool" else 0).cast(array.type)
    filled = array.fill_null(zero) if array.null_count else array
    values = np.asarray(filled.to_numpy(zero_copy_only=False)).astype(dtype)
    return {
        "type": name,
        "nulls": array.null_count,
        "digest": digest(values.tobytes()),
        "sum": float(values[valid].astype(np.float64).sum()) if name != "uint64" else int(values.sum()),
    }


def leaves(path: str, array: pa.Array) -> dict:
    """All leaves under a column, by path; of lists also the digest of the lengths."""
    if pa.types.is_list(array.type):
        lengths = np.diff(array.offsets.to_numpy()).astype("<u4")
        return {f"{path}#lengths": {"type": "lengths", "nulls": array.null_count, "digest": digest(lengths.tobytes())}, **leaves(f"{path}[]" if pa.types.is_list(array.type.value_type) else path, array.flatten())}
    if pa.types.is_fixed_size_list(array.type):
        return leaves(f"{path}[{array.type.list_size}]", array.values)
    if pa.types.is_struct(array.type):
        out = {}
        for i, field in enumerate(array.type):
            out.update(leaves(f"{path}.{field.name}", array.flatten()[i] if array.null_count else array.field(i)))
        return out
    return {path: leaf(array)}


def describe(table: pa.Table) -> dict:
    merged = table.combine_chunks()
    out = {}
    for field in merged.schema:
        out.update(leaves(field.name, merged[field.name].chunk(0)))
    return out


def check(path: pathlib.Path) -> dict:
    data = path.read_bytes()
    table = ipc.open_file(path).read_all()
    table.validate(full=True)
    stream = ipc.open_stream(data[8:]).read_all()
    if not stream.equals(table):
        raise SystemExit(f"{path.name}: read as a stream it differs")
    frame = pl.read_ipc(path)
    if frame.height != table.num_rows:
        raise SystemExit(f"{path.name}: polars reads {frame.height} rows, pyarrow {table.num_rows}")
    for name in table.column_names:
        ours, theirs = table[name].to_pylist(), frame[name].to_list()
        if json.dumps(ours, default=str) != json.dumps(theirs, default=str):
            raise SystemExit(f"{path.name}: polars and pyarrow differ in {name}")
    return {
        "sha256": digest(data),
        "rows": table.num_rows,
        "batches": ipc.open_file(path).num_record_batches,
        "metadata": {k.decode(): v.decode() for k, v in table.schema.metadata.items()},
        "schema": {field.name: f"{field.type}{'' if field.nullable else ' not null'}" for field in table.schema},
        "leaves": describe(table),
    }


def main() -> None:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".cache/golden-tables")
    files = {path.stem: check(path) for path in sorted(folder.glob("*.arrow"))}
    versions = {"pyarrow": pa.__version__, "polars": pl.__version__, "numpy": np.__version__}
    json.dump({"versions": versions, "files": files}, sys.stdout, indent=1, sort_keys=True)
    print()


main()
