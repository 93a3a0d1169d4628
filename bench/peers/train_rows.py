"""Trains a peer's topk dictionary on rows that export_rows.py wrote, with the time it takes and what it reaches on the way. Development only.

Run: python bench/peers/train_rows.py DIR --peer saelens|dictionary_learning --features 1024 --steps 457 --batch 2048 --warmup-steps 22
     --decay-steps 91 --dead-steps 45 --site blocks.2.hook_resid_post --jobs '[{"k": 16, "seed": 1, "lr": 0.008, "split": "test"}]'
     (torch, numpy, safetensors, sae-lens 6.54.12, dictionary-learning 0.1.0). A job may have "save", a folder for the dictionary.

The clock covers the training loop alone: taking a batch's rows from memory, and the peer's step. It does not cover imports, reading of the
rows, first values, the scale of activations, and what is measured on the way. Prints one JSON line,
of each job, in their order:
  seconds, curve [{step, seconds, fvu}] on the rows of its split, fvu at the end, checkFvu of the saved files by NumPy, versions
A training whose numbers are not finite has null. FVU = Σ‖x − x_hat‖² / Σ‖x − x̄‖² over all rows of the split, x̄ their mean, sums in float64.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from topk_peers import PEERS, Training

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--peer", required=True, choices=sorted(PEERS))
for name in ("features", "steps", "batch", "warmup-steps", "decay-steps", "dead-steps"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--site", required=True)
parser.add_argument("--jobs", type=json.loads, required=True)
parser.add_argument("--points", type=int, default=1, help="how often FVU is measured, evenly, the end included")
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
torch.set_num_threads(options.threads)

CHUNK = 4096


def rows_of(split: str, width: int) -> np.ndarray:
    return np.fromfile(options.folder / f"{split}.f32", dtype="<f4").reshape(-1, width)


def fvu_of(x: np.ndarray, reconstruct) -> float:
    mean = x.mean(0, dtype=np.float64)
    error = spread = 0.0
    for first in range(0, len(x), CHUNK):
        rows = x[first : first + CHUNK]
        error += float(((rows.astype(np.float64) - reconstruct(rows)) ** 2).sum())
        spread += float(((rows - mean) ** 2).sum())
    return error / spread


def saved(folder: pathlib.Path, k: int):
    """The reconstruction of the saved files, by NumPy alone: f = the k largest of relu(W_enc (x − b_dec) + b_enc), x_hat = W_dec f + b_dec."""
    if (folder / "ae.pt").exists():
        state = {name: value.numpy() for name, value in torch.load(folder / "ae.pt", weights_only=True).items()}
        W_enc, b_enc, W_dec, b_dec = state["encoder.weight"].T, state["encoder.bias"], state["decoder.weight"].T, state["b_dec"]
    else:
        from safetensors.numpy import load_file

        state = load_file(folder / "sae_weights.safetensors")
        W_enc, b_enc, W_dec, b_dec = state["W_enc"], state["b_enc"], state["W_dec"], state["b_dec"]

    def reconstruct(x: np.ndarray) -> np.ndarray:
        z = np.maximum((x - b_dec) @ W_enc + b_enc, 0)
        f = np.zeros_like(z)
        at = np.argpartition(-z, k - 1, axis=1)[:, :k]
        np.put_along_axis(f, at, np.take_along_axis(z, at, 1), 1)
        return f @ W_dec + b_dec

    return reconstruct


def train(job: dict) -> dict:
    measured = rows_of(job["split"], width)
    order = torch.from_numpy(np.fromfile(options.folder / f"order-{job['seed']}.u32", dtype="<u4").astype(np.int64))
    peer = PEERS[options.peer](
        Training(
            width, options.features, job["k"], job["lr"], options.steps, options.batch,
            options.warmup_steps, options.decay_steps, options.dead_steps, job["seed"], options.site,
        )
    )  # fmt: skip
    peer.fit_scale(fit[order[: 100 * options.batch]])
    points = {round(options.steps * (i + 1) / options.points) for i in range(options.points)}
    curve, seconds = [], 0.0
    for step in range(options.steps):
        begun = time.perf_counter()
        peer.step(fit[order[step * options.batch : (step + 1) * options.batch]])
        seconds += time.perf_counter() - begun
        if step + 1 in points:
            fvu = fvu_of(measured, lambda rows: peer.reconstruct(torch.from_numpy(rows)).numpy())
            curve.append({"step": step + 1, "seconds": seconds, "fvu": fvu if np.isfinite(fvu) else None})
    found = {"seconds": seconds, "curve": curve, "fvu": curve[-1]["fvu"], "versions": peer.versions}
    if "save" in job:
        folder = pathlib.Path(job["save"])
        peer.save(folder)
        found["checkFvu"] = fvu_of(measured, saved(folder, job["k"]))
    return found


width = json.loads((options.folder / "rows.json").read_text())["width"]
fit = torch.from_numpy(rows_of("fit", width))
print(json.dumps([train(job) for job in options.jobs]))
