"""Logistic regressions of scikit-learn that core/statistics/logistic.ts is held against: python make_logistic.py > logistic.json

scikit-learn 1.9.1, LogisticRegression(C=C, class_weight="balanced", tol=1e-12, max_iter=100000), lbfgs.
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression

cases = []
for seed, (rows, columns, share, C) in enumerate([(60, 3, 0.5, 1.0), (200, 8, 0.1, 1.0), (150, 20, 0.4, 0.1), (80, 5, 0.3, 100.0)]):
    random = np.random.default_rng(seed)
    positive = (random.random(rows) < share).astype(int)
    positive[:2] = [0, 1]
    values = random.normal(size=(rows, columns)) + positive[:, None] * random.normal(size=columns)
    model = LogisticRegression(C=C, class_weight="balanced", tol=1e-12, max_iter=100000).fit(values, positive)
    cases.append(
        {
            "C": C,
            "columns": columns,
            "values": [float(f"{v:.9g}") for v in values.ravel()],
            "positive": positive.tolist(),
            "weights": model.coef_[0].tolist(),
            "bias": float(model.intercept_[0]),
        }
    )
print(json.dumps(cases))
