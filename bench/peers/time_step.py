"""Times training steps of a peer's topk dictionary with AuxK at a share of dead features. Development only.

Run: python bench/peers/time_step.py --peer saelens|dictionary_learning --width 768 --features 16384 --k 32 --batch 2048 --dead 0.1 --steps 3
     (torch, sae-lens 6.54.12, dictionary-learning 0.1.0)

Rows are sums of six of 512 directions, as in bench/dictionaries/measure.ts. Prints one JSON line: msPerStep (each), versions.
"""

import argparse
import json
import time

import torch
from topk_peers import PEERS, Training

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--peer", required=True, choices=sorted(PEERS))
for name in ("width", "features", "k", "batch", "steps"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--dead", type=float, required=True, help="share of features that are dead in every step")
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
torch.set_num_threads(options.threads)

random = torch.Generator().manual_seed(0)
directions = torch.randn(512, options.width, generator=random)


def rows() -> torch.Tensor:
    chosen = torch.randint(512, (options.batch, 6), generator=random)
    sizes = 0.2 + torch.rand(options.batch, 6, 1, generator=random)
    return (directions[chosen] * sizes).sum(1)


total = 1000
peer = PEERS[options.peer](Training(options.width, options.features, options.k, 1e-4, total, options.batch, 0, total // 5, total // 10, 0, "rows"))
peer.fit_scale(rows())
dead = torch.arange(0, options.features, round(1 / options.dead)) if options.dead > 0 else torch.arange(0)
times = []
for step in range(options.steps + 1):
    x = rows()
    peer.mark_dead(dead)
    begun = time.perf_counter()
    peer.step(x)
    if step > 0:  # the first one warms up
        times.append(1000 * (time.perf_counter() - begun))
print(json.dumps({"msPerStep": times, "versions": peer.versions}))
