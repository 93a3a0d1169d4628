"""Reads a store of Assay from Python: activations as arrays in document order, feature activations as CSR, tables as Arrow frames.

Needs pyarrow and numpy. Reads a local folder, or any place that pyarrow.fs opens (s3://bucket/prefix). Writes nothing.

    from assay_reader import Store
    store = Store("path/to/store")
    store.datasets()                                    # names
    a = store.activations("kjv/activations/blocks.2.hook_resid_post")
    f = store.acts("kjv/kjv-l2")                        # scipy.sparse.csr_matrix((f.data, f.indices, f.indptr), f.shape)
    store.features("kjv/kjv-l2").to_pandas()
    store.metrics("kjv/kjv-l2")

The layout of a store and of its tables stands in docs/formats.md. A dataset is read at its newest snapshot; one that is not complete
is refused unless `growing=True`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Iterator, Optional
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.ipc as ipc


class StoreError(Exception):
    """A dataset that is not there, not complete, or damaged."""


@dataclass(frozen=True)
class Activations:
    """Rows of one site, ordered by (doc, pos)."""

    doc: np.ndarray  # [rows] uint32
    pos: np.ndarray  # [rows] uint32
    act: np.ndarray  # [rows, d], float16 or float32 as stored


@dataclass(frozen=True)
class Acts:
    """Feature activations as compressed sparse rows, ordered by (doc, pos); features ascend within a row."""

    doc: np.ndarray  # [rows] uint32
    pos: np.ndarray  # [rows] uint32
    indptr: np.ndarray  # [rows + 1] int64
    indices: np.ndarray  # [firings] int32, feature numbers
    data: np.ndarray  # [firings] float16, raw activation units
    x_sq: np.ndarray  # [rows] float32, squared norm of what is reconstructed
    err_sq: np.ndarray  # [rows] float32, squared norm of the error
    shape: tuple  # (rows, features)


class Store:
    """A store opened for reading. `place` is a folder, file:// or a URI of pyarrow.fs; `filesystem` overrides how it is opened."""

    def __init__(self, place: str, filesystem: Optional[fs.FileSystem] = None):
        if filesystem is not None:
            self._fs, self._root = filesystem, place
        elif "://" in place and not place.startswith("file://"):
            self._fs, self._root = fs.FileSystem.from_uri(place)
        else:
            self._fs, self._root = fs.LocalFileSystem(), place[7:] if place.startswith("file://") else place
        self._root = self._root.rstrip("/")

    def datasets(self) -> list:
        """Names of all datasets."""
        found = self._list("snapshots", recursive=True)
        names = {info.path[len(self._root) + 11 :].rsplit("/", 1)[0] for info in found if info.is_file}
        return sorted("/".join(unquote(part) for part in name.split("/")) for name in names)

    def snapshot(self, dataset: str) -> dict:
        """The newest snapshot record of a dataset."""
        folder = "snapshots/" + "/".join(_escape(part) for part in dataset.split("/"))
        files = sorted(info.path for info in self._list(folder) if info.is_file and info.path.endswith(".json"))
        if not files:
            raise StoreError(f'Expected a dataset "{dataset}", found none; there are {", ".join(self.datasets()[:12]) or "none"}.')
        return json.loads(self._read(files[-1]))

    def commits(self, dataset: str, growing: bool = False) -> list:
        """The commits of the newest snapshot, in the order of shards."""
        snapshot = self.snapshot(dataset)
        if not snapshot["complete"] and not growing:
            raise StoreError(f"Expected {dataset} to be complete, found {snapshot['commits']} of {snapshot['planned']} commits; pass growing=True.")
        commits = []
        for segment in snapshot["segments"]:
            packed = pa.BufferReader(self.object(segment))
            commits += json.loads(pa.CompressedInputStream(packed, "zstd").read())
        return sorted(commits, key=lambda commit: commit["shard"])

    def tables(self, dataset: str, table: str, growing: bool = False) -> Iterator[pa.Table]:
        """The Arrow files of a table of a dataset, shard by shard."""
        for commit in self.commits(dataset, growing):
            for item in commit["objects"]:
                if item["table"] == table:
                    yield ipc.open_file(pa.BufferReader(self.object(item))).read_all()

    def activations(self, dataset: str, growing: bool = False) -> Activations:
        """Activations of a site (`RUN/activations/SITE`), in document order: stored rows are permuted within a shard."""
        parts = [_activations(table) for table in self.tables(dataset, "activations", growing)]
        if not parts:
            raise StoreError(f"Expected activations in {dataset}, found no shard with rows.")
        doc, pos, act = (np.concatenate(arrays) for arrays in zip(*parts))
        order = np.lexsort((pos, doc))
        return Activations(doc[order], pos[order], act[order])

    def acts(self, dictionary: str, growing: bool = False) -> Acts:
        """What fires on every row, for a dictionary `RUN/DICT`."""
        table = _joined(list(self.tables(f"{dictionary}/acts", "acts", growing)), f"{dictionary}/acts")
        order = np.lexsort((_numbers(table["pos"]), _numbers(table["doc"])))
        table = table.take(pa.array(order)).combine_chunks()
        lists = table["features"].combine_chunks()
        lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
        counts = np.diff(np.asarray(lists.offsets))
        pairs = lists.flatten()
        return Acts(
            doc=_numbers(table["doc"]),
            pos=_numbers(table["pos"]),
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            indices=np.asarray(pairs.field("feature")).astype(np.int32),
            data=np.asarray(pairs.field("value")),
            x_sq=_numbers(table["x_sq"]),
            err_sq=_numbers(table["err_sq"]),
            shape=(table.num_rows, self.weights_shape(dictionary)[0]),
        )

    def features(self, dictionary: str, growing: bool = False) -> pa.Table:
        """One row per feature: n, density, max, mean, quantiles, top tokens, silent."""
        parts = list(self.tables(f"{dictionary}/features", "features", growing))
        return _joined(parts, f"{dictionary}/features").sort_by("feature")

    def metrics(self, dictionary: str) -> pa.Table:
        """What the index measured, per split and metric, with the count that it rests on."""
        rows = []
        for commit in self.commits(f"{dictionary}/features"):
            for split, found in commit["statistics"].get("metrics", {}).get("splits", {}).items():
                for name in ("fvu", "l0"):
                    lo, hi = found.get(f"{name}Interval") or (None, None)
                    rows.append((split, name, found[name], lo, hi, found["rows"]))
                rows += [(split, name, float(found[name]), None, None, found["features"]) for name in ("silent", "dense")]
        names = ("split", "metric", "value", "lo", "hi", "n")
        types = (pa.string(), pa.string(), pa.float64(), pa.float64(), pa.float64(), pa.int64())
        columns = list(zip(*rows)) if rows else [()] * len(names)
        return pa.table({name: pa.array(column, type) for name, column, type in zip(names, columns, types)})

    def weights(self, dictionary: str) -> dict:
        """Tensors of a dictionary by name, raw activation units; W_enc and W_dec have a row per feature."""
        header, body = self._weights(dictionary)
        return {
            name: np.frombuffer(body[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__"
        }

    def weights_shape(self, dictionary: str) -> tuple:
        """Features and width of what is written, from the header alone: (F, d)."""
        header, _ = self._weights(dictionary)
        decoders = [tensor["shape"] for name, tensor in header.items() if name == "W_dec" or name.startswith("W_dec.")]
        # Of a cross-layer transcoder, the last site is written by the features of all layers.
        return tuple(max(decoders))

    def object(self, reference: dict) -> bytes:
        """The bytes of a data object {key, sha256}, checked against their digest; parts are joined."""
        content = self._read(f"{self._root}/{reference['key']}")
        if reference["key"].endswith(".parts.json"):
            content = b"".join(self.object(part) for part in json.loads(content)["parts"])
        if hashlib.sha256(content).hexdigest() != reference["sha256"]:
            raise StoreError(f"Expected content of SHA-256 {reference['sha256']} in {reference['key']}, found another; it is damaged.")
        return content

    def _weights(self, dictionary: str) -> tuple:
        for commit in self.commits(f"{dictionary}/weights"):
            for item in commit["objects"]:
                if item["table"] == "weights":
                    content = self.object(item)
                    length = int.from_bytes(content[:8], "little")
                    return json.loads(content[8 : 8 + length]), content[8 + length :]
        raise StoreError(f"Expected weights in {dictionary}/weights, found none.")

    def _list(self, folder: str, recursive: bool = False) -> list:
        selector = fs.FileSelector(f"{self._root}/{folder}", recursive=recursive, allow_not_found=True)
        return self._fs.get_file_info(selector)

    def _read(self, path: str) -> bytes:
        with self._fs.open_input_stream(path, compression=None) as stream:
            return stream.read()


def _activations(table: pa.Table) -> tuple:
    act = table["act"].combine_chunks()
    act = act.chunk(0) if isinstance(act, pa.ChunkedArray) else act
    width = act.type.list_size
    return _numbers(table["doc"]), _numbers(table["pos"]), np.asarray(act.flatten()).reshape(-1, width)


def _numbers(column) -> np.ndarray:
    return column.to_numpy()


def _joined(tables: list, dataset: str) -> pa.Table:
    if not tables:
        raise StoreError(f"Expected rows in {dataset}, found no shard with any.")
    plain = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(plain)


def _escape(name: str) -> str:
    """As storage/records/key-layout.ts: [A-Za-z0-9._-] and %XX, no leading dot."""
    text = quote(name, safe="-_.").replace("~", "%7E")
    return "%2E" + text[1:] if text.startswith(".") else text
