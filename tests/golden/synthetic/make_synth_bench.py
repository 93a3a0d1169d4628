"""Statistics of the real SynthSAEBench generator (SAELens), to compare organisms/synthetic with.

Run from this folder: python make_synth_bench.py [--rows N]     (torch, sae-lens 6.54.12; 16k features: 2 ms a row on one thread)
Writes synth-bench.json, for `16k` (the published settings) and `small` (320 features in 3 trees, width 24, which tests can afford):
  settings, rows     what was drawn
  tried              firing_probabilities after the corrections for parents and siblings, exact; at `at` for 16k
  l0                 mean active features of a row, and its standard error
  levels             per level of the forest and for features alone: firings a row, mean magnitude of a firing, its second moment
  rates              share of rows on which feature i is active; at `at` for 16k
  exclusions         rows x parents with two active children, and active children of silent parents: both 0
  mean_of_winners    small only: share of rows on which the first child of feature 0 is active, given that feature 0 is
  spread             directions after orthogonalisation: mean |cos|, mean over rows of the largest |cos|, loss; small in full, 16k
                     not (its n^2 d products of 100 steps take hours on a CPU)
  steps              small: directions before and after 5 steps of their optimiser, for an exact comparison (orthogonal.json)
"""
import argparse, json, pathlib, torch
import sae_lens
from sae_lens.synthetic import (SyntheticModel, SyntheticModelConfig, ZipfianFiringProbabilityConfig, HierarchyConfig, OrthogonalizationConfig,
                                LowRankCorrelationConfig, LinearMagnitudeConfig, FoldedNormalMagnitudeConfig, orthogonalize_embeddings)
parser = argparse.ArgumentParser(); parser.add_argument("--rows", type=int, default=200_000); options = parser.parse_args()
torch.set_num_threads(1)

def model(features, width, roots, steps, seed=42):
    return SyntheticModel(SyntheticModelConfig(num_features=features, hidden_dim=width,
        firing_probability=ZipfianFiringProbabilityConfig(exponent=0.5, max_prob=0.4, min_prob=5e-4),
        hierarchy=HierarchyConfig(total_root_nodes=roots, branching_factor=4, max_depth=3, mutually_exclusive_portion=1.0, mutually_exclusive_min_depth=0,
                                  compensate_probabilities=True, scale_children_by_parent=True),
        orthogonalization=OrthogonalizationConfig(num_steps=steps, lr=3e-4) if steps else None,
        correlation=LowRankCorrelationConfig(rank=25, correlation_scale=0.1),
        mean_firing_magnitudes=LinearMagnitudeConfig(start=5.0, end=4.0), std_firing_magnitudes=FoldedNormalMagnitudeConfig(mean=0.5, std=0.5), bias=0.5, seed=seed))

def nodes(roots, depth=0, parent=-1):
    for node in roots:
        yield node.feature_index, depth, parent, [c.feature_index for c in node.children]
        yield from nodes(node.children, depth + 1, node.feature_index)

def spread(E):
    E = E.detach().double(); C = (E @ E.T).abs(); C.fill_diagonal_(0); n = len(E)
    return {"mean": float(C.sum() / (n * (n - 1))), "largest": float(C.max(1).values.mean()), "squares": float((C ** 2).sum())}

def statistics(m, rows, seeds, at=None):
    features = m.cfg.num_features; forest = list(nodes(m.hierarchy.roots)); level = torch.full((features,), 4)
    for i, depth, *_ in forest: level[i] = depth
    parents = [(i, children) for i, _, _, children in forest if children]
    counts, sums, squares = (torch.zeros(features, dtype=torch.float64) for _ in range(3)); l0, l0_sq, twice, orphans, first, total = 0.0, 0.0, 0, 0, 0, 0
    for seed in range(seeds):                          # other common factors and spreads each time: the law, not one draw of it
        g = model(features, m.cfg.hidden_dim, m.cfg.hierarchy.total_root_nodes, 0, seed).activation_generator
        for _ in range(rows // seeds // 500):
            a = g.sample(500); on = a > 0
            counts += on.sum(0); sums += a.sum(0); squares += (a.double() ** 2).sum(0)
            per = on.sum(1).double(); l0 += float(per.sum()); l0_sq += float((per ** 2).sum()); total += 500
            first += int((on[:, 0] & on[:, parents[0][1][0]]).sum())
            for i, children in parents if seed == 0 else []:
                c = on[:, children].sum(1); twice += int((c > 1).sum()); orphans += int(((c > 0) & ~on[:, i]).sum())
    mean = l0 / total
    pick = lambda v: v.double().tolist() if at is None else v.double()[at].tolist()
    return {"rows": total, "seeds": seeds, "l0": mean, "l0Error": ((l0_sq / total - mean ** 2) / total) ** .5,
        "levels": [{"level": k, "features": int((level == k).sum()), "firings": float(counts[level == k].sum() / total), "magnitude": float(sums[level == k].sum() / counts[level == k].sum()),
                    "square": float(squares[level == k].sum() / counts[level == k].sum())} for k in range(5) if (level == k).any()],
        "at": at, "tried": pick(g.firing_probabilities), "rates": pick(counts / total), "twice": twice, "orphans": orphans, "firstChild": first / float(counts[0])}

at = [0, 1, 5, 20, 127, 128, 130, 300, 639, 640, 1000, 2687, 2688, 5000, 10879, 10880, 12000, 16383]
small = model(320, 24, 3, 60)
out = {"versions": {"torch": torch.__version__, "sae_lens": sae_lens.__version__}, "16k": statistics(model(16384, 8, 128, 0), options.rows, 8, at), "small": statistics(small, 10 * options.rows, 40)}
torch.manual_seed(1); start = torch.randn(48, 8); after = orthogonalize_embeddings(start, num_steps=5, lr=3e-3, chunk_size=16)
out["orthogonal"] = {"steps": 5, "lr": 3e-3, "start": start.tolist(), "after": after.tolist(), "spread": spread(small.feature_dict.feature_vectors),
                     "random": spread(model(320, 24, 3, 0).feature_dict.feature_vectors)}
(pathlib.Path(__file__).parent / "synth-bench.json").write_text(json.dumps(out))
print({k: {a: b for a, b in v.items() if a in ("rows", "l0", "l0Error", "levels", "twice", "orphans", "firstChild")} for k, v in out.items() if k in ("16k", "small")}, out["orthogonal"]["spread"], out["orthogonal"]["random"])
