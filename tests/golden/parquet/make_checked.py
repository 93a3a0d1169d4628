# Writes checked-1.parquet and checked-2.parquet: pages of both versions with their checksums, and nested nulls.
# pyarrow 26.0.1: python make_checked.py
import pyarrow as pa
import pyarrow.parquet as pq

n = 40
table = pa.table({
    "id": [f"d{i}" for i in range(n)],
    "text": [f"text number {i}" for i in range(n)],
    "list": [None if i % 3 == 0 else [1, None, i] for i in range(n)],
})
for version, codec in (("1.0", "NONE"), ("2.0", "SNAPPY")):
    pq.write_table(table, f"checked-{version[0]}.parquet", compression=codec, data_page_version=version,
                   write_page_checksum=True, row_group_size=25, use_dictionary=["list"])
