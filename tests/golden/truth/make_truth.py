"""What scipy, numpy and SAELens make of small problems, to compare core/statistics and core/dictionaries/truth with.

Run from this folder: python make_truth.py     (numpy, scipy, torch, sae-lens 6.54.12)
Writes truth.json:
  normal      x, cdf = scipy.stats.norm.cdf(x); p, quantile = norm.ppf(p)
  assignment  [{rows, columns, values, total}]: scipy.optimize.linear_sum_assignment(values, maximize=True), `total` the sum taken
  measures    decoder [F, d], directions [n, d]; active[row] = true features, fired[row] = features of the dictionary; and SAELens'
              mean_correlation_coefficient, feature_uniqueness, compute_classification_metrics; `assigned` (scipy), `f1_assigned` by
              sklearn's definition written out, `best`
  explained   x [rows, d] around a large mean, x_hat; ev = 1 - sum|x - x_hat|^2 / sum|x - mean|^2 in two float64 passes; sael =
              SAELens' ExplainedVarianceCalculator
  duplicates  decoder of `measures` with copies; per row the largest cosine with an earlier row, by numpy
"""
import json, pathlib, numpy as np, scipy, torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm
import sae_lens
from sae_lens.evals import ExplainedVarianceCalculator
from sae_lens.synthetic.evals import compute_classification_metrics, feature_uniqueness, mean_correlation_coefficient
rng = np.random.default_rng(7)
x = [-38.0, -10.0, -6.5, -4.0, -2.3, -1.0, -0.4, -1e-9, 0.0, 0.2, 0.46, 0.67, 1.3, 2.9, 5.5, 8.0]
p = [1e-300, 1e-20, 5e-4, 0.0012, 0.02425, 0.03, 0.2, 0.4, 0.5, 0.7, 0.9151, 0.999, 1 - 1e-12]
out = {"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "torch": torch.__version__, "sae_lens": sae_lens.__version__},
       "normal": {"x": x, "cdf": norm.cdf(x).tolist(), "p": p, "quantile": norm.ppf(p).tolist()}, "assignment": []}
for rows, columns, kind in [(1, 1, "real"), (1, 7, "real"), (6, 6, "real"), (12, 30, "real"), (25, 25, "ties"), (20, 45, "ties"), (40, 64, "peaked"), (30, 30, "equal")]:
    w = {"real": lambda: rng.normal(size=(rows, columns)), "ties": lambda: rng.integers(0, 4, size=(rows, columns)).astype(float),
         "peaked": lambda: rng.random((rows, columns)) * 0.1 + (rng.integers(0, 8, size=(rows, 1)) == np.arange(columns)), "equal": lambda: np.ones((rows, columns))}[kind]()
    w = w.astype(np.float32)
    i, j = linear_sum_assignment(w, maximize=True)
    out["assignment"].append({"rows": rows, "columns": columns, "kind": kind, "values": w.astype(float).ravel().tolist(), "total": float(w[i, j].astype(np.float64).sum())})
F, n, d, N = 24, 40, 12, 400
directions = rng.normal(size=(n, d)).astype(np.float32); directions /= np.linalg.norm(directions, axis=1, keepdims=True)
pick = rng.integers(0, 20, size=F); decoder = (directions[pick] * rng.choice([1, -1, 1, 1], size=(F, 1)) + 0.2 * rng.normal(size=(F, d))).astype(np.float32); decoder[5] = 0
active = rng.random((N, n)) < np.linspace(0.3, 0.02, n); active[:, 19] = False
fired = np.where(rng.random((N, F)) < 0.85, active[:, pick], rng.random((N, F)) < 0.1); fired[:, 7] = False
D, G = torch.tensor(decoder), torch.tensor(directions)
scores = compute_classification_metrics(torch.tensor(fired).float(), torch.tensor(active).float(), D, G)
unit = lambda m: m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-8)
S = np.abs(unit(decoder.astype(float)) @ unit(directions.astype(float)).T); i, j = linear_sum_assignment(S, maximize=True)
tp = (fired & active[:, j]).sum(0); f1 = 2 * tp / np.maximum(fired.sum(0) + active[:, j].sum(0), 1)
sets = lambda m: [np.flatnonzero(row).tolist() for row in m]
out["measures"] = {"decoder": decoder.tolist(), "directions": directions.tolist(), "active": sets(active), "fired": sets(fired),
    "mcc": mean_correlation_coefficient(D, G), "uniqueness": feature_uniqueness(D, G), "precision": scores.precision, "recall": scores.recall, "f1": scores.f1_score,
    "best": S.argmax(1).tolist(), "assigned": j.tolist(), "assignedTotal": float(S[i, j].sum()), "shared": float((S[i, j] >= 0.7).mean()), "f1Assigned": float(f1.mean()),
    "mccSwapped": mean_correlation_coefficient(G, D)}
x = (rng.normal(size=(300, 8)) * [3, 1, 1, .5, .2, 1, 2, 1] + [4000, -2500, 10, 0, 1, 900, 3, -7]).astype(np.float32); hat = (x + rng.normal(size=x.shape) * 0.7).astype(np.float32)
calc = ExplainedVarianceCalculator(); calc.add_batch(torch.tensor(hat[:130]), torch.tensor(x[:130])); calc.add_batch(torch.tensor(hat[130:]), torch.tensor(x[130:]))
X, H = x.astype(np.float64), hat.astype(np.float64)
out["explained"] = {"x": x.tolist(), "xHat": hat.tolist(), "ev": float(1 - ((X - H) ** 2).sum() / ((X - X.mean(0)) ** 2).sum()), "saeLens": calc.compute()}
twice = np.concatenate([decoder, decoder[[3, 9]] * 2, -decoder[[4]], decoder[[11]] + 0.05]).astype(np.float32); U = unit(twice.astype(float)); C = U @ U.T
out["duplicates"] = {"decoder": twice.tolist(), "largest": [float(C[k, :k].max()) for k in range(1, len(twice))], "threshold": 0.9,
                     "rows": [k for k in range(1, len(twice)) if C[k, :k].max() >= 0.9]}
(pathlib.Path(__file__).parent / "truth.json").write_text(json.dumps(out))
print(out["versions"], {k: v for k, v in out["measures"].items() if isinstance(v, float)}, out["explained"]["ev"], out["explained"]["saeLens"], out["duplicates"]["rows"])
