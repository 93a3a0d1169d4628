"""What the final weights of the recorded topk training make of 200 rows, by NumPy in float64, to compare encoding with.

Run from this folder: python make_encode.py (numpy only). Reads ../../fixtures/sae, writes encode.json:
  rows [first, count] of data.safetensors, k, features [[id, value], ...] per row by id, x_sq, err_sq, pca: {k: FVU on rows
  1600.. of the rank-k reconstruction fitted on rows 0..1599, mean of the evaluated rows in the denominator}.
  f = the k largest of relu(W_enc (x - b_dec) + b_enc), ties to the lower id; x_hat = W_dec^T f + b_dec.
"""
import json, pathlib, numpy as np
here = pathlib.Path(__file__).parent; fixtures = here.parent.parent / "fixtures" / "sae"
def load(name):
    raw = (fixtures / name).read_bytes(); n = int.from_bytes(raw[:8], "little"); head = json.loads(raw[8:8 + n]); out = {}
    for key, entry in head.items():
        if key == "__metadata__": continue
        a, b = entry["data_offsets"]
        out[key] = np.frombuffer(raw[8 + n + a:8 + n + b], "<f4").reshape(entry["shape"]).astype(np.float64)
    return out
w, x, k = load("topk.safetensors"), load("data.safetensors")["x"], 4
W_enc, b_enc, W_dec, b_dec = (w["final." + name] for name in ("W_enc", "b_enc", "W_dec", "b_dec"))
rows = x[1000:1200]; z = np.maximum((rows - b_dec) @ W_enc.T + b_enc, 0)
features, x_sq, err_sq = [], [], []
for row, zs in zip(rows, z):
    best = sorted(np.argsort(-zs, kind="stable")[:k].tolist()); best = [i for i in best if zs[i] > 0]
    hat = sum((zs[i] * W_dec[i] for i in best), np.zeros(32)) + b_dec
    features.append([[i, zs[i]] for i in best]); x_sq.append(row @ row); err_sq.append((row - hat) @ (row - hat))
fit, test = x[:1600], x[1600:]; mean = fit.mean(0); vectors = np.linalg.svd(fit - mean, full_matrices=False)[2]; pca = {}
for n in (1, 4, 16, 31):
    c = test - mean; e = c - (c @ vectors[:n].T) @ vectors[:n]; pca[n] = float((e ** 2).sum() / ((test - test.mean(0)) ** 2).sum())
(here / "encode.json").write_text(json.dumps({"numpy": np.__version__, "rows": [1000, 200], "k": k, "features": features, "x_sq": x_sq, "err_sq": err_sq, "pca": pca}))
