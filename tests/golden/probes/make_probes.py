"""What scikit-learn and loops over SAEBench's published rules make of small problems, to compare core/dictionaries/probes and
core/statistics/logistic-regression.ts with.

Run from this folder: python make_probes.py     (numpy, scikit-learn)
Writes probes.json:
  logistic    [{x [n, d], y, weights, C, coef, intercept}]: LogisticRegression(C, solver newton-cholesky, tol 1e-14), sample_weight; one
              problem is separable, one has more columns than rows
  probe       x [n, d] of columns of very different scale, y; order: columns by |mean difference|; by k: coef and intercept in raw units of
              LogisticRegression(C=1) on (x - mean) / std, and on other rows f1 and balanced accuracy of its answers
  absorption  acts [n, F], decoder [F, d] of rows of any length, direction u, x [n, d], main; part, by: calculate_absorption and
              _is_full_absorption of SAEBench's feature_absorption_calculator.py written out from its definition, p by acts * (decoder @ u)
"""
import json, numpy as np, sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score
rng = np.random.default_rng(11)

def fit(x, y, C=1.0, weights=None):
    model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(x, y, sample_weight=weights)
    return model.coef_[0], float(model.intercept_[0])

out = {"versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__}, "logistic": []}
for n, d, C, kind in [(60, 3, 1.0, "overlap"), (200, 8, 0.1, "weights"), (40, 2, 10.0, "separable"), (30, 50, 1.0, "wide"), (80, 1, 1.0, "one")]:
    x = rng.normal(size=(n, d)); truth = rng.normal(size=d)
    y = (x @ truth + (0 if kind == "separable" else rng.normal(size=n)) > 0.3).astype(int)
    weights = rng.uniform(0.2, 3, size=n) if kind == "weights" else None
    coef, intercept = fit(x, y, C, weights)
    out["logistic"].append({"kind": kind, "x": x.tolist(), "y": y.tolist(), "C": C, "weights": None if weights is None else weights.tolist(), "coef": coef.tolist(), "intercept": intercept})

n, d = 300, 12
x = rng.normal(size=(2 * n, d)) * np.logspace(-2, 2, d) + 5; x[:, 4] = 7
y = (rng.random(2 * n) < 0.5).astype(int); x[:, 3] += 0.08 * y; x[:, 8] += 4 * y; x[:, 10] -= 25 * y
x = x.astype(np.float32).astype(float)
xf, yf, xt, yt = x[:n], y[:n], x[n:], y[n:]
difference = xf[yf == 1].mean(0) - xf[yf == 0].mean(0)
order = [int(j) for j in np.argsort(-np.abs(difference), kind="stable") if j != 4]
towards = [int(j) for j in np.argsort(-difference, kind="stable") if difference[j] > 0 and j != 4]
ks = {}
for k in [1, 2, 5, d - 1]:
    own = order[:k]; mean, std = xf[:, own].mean(0), xf[:, own].std(0)
    coef, intercept = fit((xf[:, own] - mean) / std, yf)
    raw = coef / std; bias = intercept - raw @ mean
    said = (xt[:, own] @ raw + bias > 0).astype(int)
    ks[k] = {"coef": raw.tolist(), "intercept": float(bias), "f1": f1_score(yt, said), "balancedAccuracy": balanced_accuracy_score(yt, said)}
out["probe"] = {"x": x.tolist(), "y": y.tolist(), "fit": n, "order": order, "towards": towards, "ks": ks}

N, F, d = 400, 30, 10
decoder = (rng.normal(size=(F, d)) * rng.uniform(0.5, 2, size=(F, 1))).astype(np.float32).astype(float)
u = rng.normal(size=d); u /= np.linalg.norm(u)
decoder[:4] += 1.5 * u; decoder = decoder.astype(np.float32).astype(float)
acts = (rng.random((N, F)) < 0.12) * rng.exponential(size=(N, F)); acts = acts.astype(np.float32).astype(float)
x = (acts @ decoder + 0.3 * rng.normal(size=(N, d))).astype(np.float32).astype(float)
main = [0, 7]; dots = decoder @ u; cosines = dots / np.linalg.norm(decoder, axis=1)
part, by = [], []
for f, row in zip(acts, x):
    a, p = row @ u, f * dots
    own = p[main].sum()
    mask = np.ones(F, bool); mask[main] = False; mask &= (cosines >= 0.1) & (p > 0)
    A = np.sort(p[mask])[::-1][:3].sum()
    if a <= 0 or own >= a or A / a < 0.4: part.append(0.0)
    elif own <= 0: part.append(1.0)
    else:
        taken = min(A, a - own); part.append(float(np.clip(taken / (taken + own), 0, 1)))
    top = int(np.argmax(p))
    full = (f[main] < 1e-8).all() and cosines[top] >= 0.025 and a > 0 and p[top] / a >= 0.4
    by.append(top if full else None)
out["absorption"] = {"acts": acts.tolist(), "decoder": decoder.tolist(), "u": u.tolist(), "x": x.tolist(), "main": main, "part": part, "by": by}
json.dump(out, open("probes.json", "w"), separators=(",", ":"))
print({k: v for k, v in ks.items()}, sum(b is not None for b in by), np.mean(part), sorted(set(part))[:5])
