"""Writes the stored rows of one site to files, so that peers train and are measured on the same bytes. Development only.

Run: python bench/peers/export_rows.py STORE RUN SITE DIR --steps N --batch B --seeds 0,1,2  (numpy, pyarrow; reads with clients/python/assay_reader.py)

  fit.f32 calib.f32 test.f32   float32 [rows, d], each split's rows in document order
  order-SEED.u32               rows of fit.f32 in the order in which every side trains on them: shuffled epochs end to end, N · B numbers
  rows.json                    {width, rows: {split: count}}
"""

import argparse
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "python"))
from assay_reader import Store  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("store")
parser.add_argument("run")
parser.add_argument("site")
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--seeds", required=True, help="numbers, by commas")
options = parser.parse_args()

store = Store(options.store)
splits = {}
for table in store.tables(f"{options.run}/documents", "documents"):
    splits.update(zip(table["doc"].to_pylist(), table["split"].to_pylist()))
found = store.activations(f"{options.run}/activations/{options.site}")
split_of = np.array([splits[doc] for doc in found.doc.tolist()])
options.folder.mkdir(parents=True, exist_ok=True)
counts = {}
for split in ("fit", "calib", "test"):
    own = found.act[split_of == split].astype("<f4")
    own.tofile(options.folder / f"{split}.f32")
    counts[split] = len(own)
needed = options.steps * options.batch
for seed in (int(part) for part in options.seeds.split(",")):
    random = np.random.default_rng(seed)
    epochs = [random.permutation(counts["fit"]) for _ in range(-(-needed // counts["fit"]))]
    np.concatenate(epochs)[:needed].astype("<u4").tofile(options.folder / f"order-{seed}.u32")
(options.folder / "rows.json").write_text(json.dumps({"width": int(found.act.shape[1]), "rows": counts}))
print(json.dumps(counts))
