"""Values that Parquet has and JSON has not, in values.parquet; twice.parquet has a column of a group twice. Written with
pyarrow 26.0.1: `python make_values.py`. Tests: tests/unit/stages/corpus/parquet-values.test.ts."""
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
INT = pa.int64()
pairs = pa.map_(pa.string(), INT)
columns = {
    "id": pa.array(["a", "b"]),
    "text": pa.array(["x", "y"]),
    "time_ms": pa.array([1, None], pa.time32("ms")),
    "time_us": pa.array([1, 86399999999], pa.time64("us")),
    "time_ns": pa.array([0, 86399999999999], pa.time64("ns")),
    "span_s": pa.array([-5, None], pa.duration("s")),
    "span_ns": pa.array([1, 2**60], pa.duration("ns")),
    "spans": pa.array([[1, None], None], pa.list_(pa.duration("us"))),
    "span_in": pa.array([{"d": 1500}, {"d": None}], pa.struct([("d", pa.duration("ms"))])),
    "span_of": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.duration("ms"))),
    "fixed": pa.array([b"abcd", b"\xff\x00ab"], pa.binary(4)),
    "bytes": pa.array([b"abc", b"\xff"]),
    "map": pa.array([[("k", 1), ("j", None)], [("k", 1), ("k", 2)]], pairs),
    "no_map": pa.array([[], None], pairs),
    "by_number": pa.array([[(1, 1), (2, 2)], [(1, 1), (1, 1)]], pa.map_(INT, INT)),
    "by_list": pa.array([[([1], 1)], []], pa.map_(pa.list_(INT), INT)),
    "maps": pa.array([[[("k", 1), ("k", 2)], None], None], pa.list_(pairs)),
    "struct": pa.array([{"a": None, "b": {"c": None}}, None], pa.struct([("a", INT), ("b", pa.struct([("c", INT)]))])),
    "inner": pa.array([{"a": 1, "b": None}, {"a": 1, "b": {"c": 2}}], pa.struct([("a", INT), ("b", pa.struct([("c", INT)]))])),
    "list": pa.array([[None, 1], None], pa.list_(INT)),
    "lists": pa.array([[[], None, [None]], []], pa.list_(pa.list_(INT))),
    "structs": pa.array([[{"a": None}, None], None], pa.list_(pa.struct([("a", INT)]))),
    "nothing": pa.nulls(2),
}
pq.write_table(pa.table(columns), HERE / "values.parquet", compression="zstd")
one = pa.array(["a"])
twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
pq.write_table(pa.table([one, one, twice], names=["id", "text", "meta"]), HERE / "twice.parquet")
