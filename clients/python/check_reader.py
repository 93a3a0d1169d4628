"""Prints what assay_reader finds in a store, as digests and numbers: python check_reader.py STORE RUN/DICT SITE > expected.json"""

import hashlib
import json
import sys

import numpy as np
import pyarrow as pa

from assay_reader import Store


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


place, dictionary, site = sys.argv[1:]
store = Store(place)
a = store.activations(f"{dictionary.split('/')[0]}/activations/{site}")
f = store.acts(dictionary)
features = store.features(dictionary)
json.dump(
    {
        "pyarrow": pa.__version__,
        "numpy": np.__version__,
        "datasets": store.datasets(),
        "activations": {"rows": len(a.doc), "dtype": str(a.act.dtype), "shape": list(a.act.shape), "doc": digest(a.doc), "pos": digest(a.pos), "act": digest(a.act)},
        "acts": {
            "shape": list(f.shape),
            **{name: digest(getattr(f, name)) for name in ("doc", "pos", "indptr", "indices", "data", "x_sq", "err_sq")},
        },
        "features": {"columns": features.column_names, "n": digest(features["n"].to_numpy()), "density": digest(features["density"].to_numpy())},
        "metrics": store.metrics(dictionary).to_pylist(),
        "weights": {name: [list(value.shape), digest(value)] for name, value in sorted(store.weights(dictionary).items())},
    },
    sys.stdout,
    indent=1,
)
print()
