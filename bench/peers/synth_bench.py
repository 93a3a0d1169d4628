"""SAELens and dictionary_learning on the rows that `assay sae bench` trains on, measured by SAELens' own functions.

Development only; the project itself never runs Python. First, the rows:
  node dist/bench/truth/export-rows.js DIR --samples 1000000 --test-samples 100000
Run: python bench/peers/synth_bench.py DIR [--peer saelens|dictionary_learning] [--architecture topk|batchtopk] [--features 4096] [--k 25] [--lr 3e-4] [--threads 2]
     (torch, sae-lens 6.54.12, numpy, scipy, safetensors, einops; dictionary_learning 0.1.0 unpacked, its folder named by --dl, since
     installing it pulls packages that training does not need)
Both see every row of DIR/fit.f32 once, in its order, in batches of 1,024; lr constant, no warm-up, no decay; each peer's own initialisation, gradient
handling and dead-feature loss as its defaults have them (SAELens: no input scaling, AuxK coefficient 1; dictionary_learning: AuxK 1/32,
clipping at 1, decoder rows of unit norm). Prints one JSON line: f1, mcc, uniqueness, ev, l0 and dead on DIR's test rows, seconds of training.
"""
import argparse, importlib, json, pathlib, sys, time, types
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--peer", default="saelens", choices=["saelens", "dictionary_learning"])
parser.add_argument("--architecture", default="topk", choices=["topk", "batchtopk"])
parser.add_argument("--features", type=int, default=4096)
parser.add_argument("--k", type=int, default=25)
parser.add_argument("--lr", type=float, default=3e-4)
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--dl", type=pathlib.Path, help="folder that holds the package dictionary_learning")
options = parser.parse_args()
import numpy as np, torch
from safetensors.numpy import load_file
import sae_lens
from sae_lens.evals import ExplainedVarianceCalculator
from sae_lens.synthetic.evals import ClassificationMetricsCalculator, feature_uniqueness, mean_correlation_coefficient
torch.set_num_threads(options.threads); torch.manual_seed(options.seed)
truth = load_file(options.folder / "truth.safetensors"); directions = torch.tensor(truth["directions"]); test = truth["test"]; width = test.shape[1]
fit = np.memmap(options.folder / "fit.f32", dtype="<f4", mode="r").reshape(-1, width); steps = len(fit) // options.batch


def batches():
    for step in range(steps): yield torch.from_numpy(np.array(fit[step * options.batch:(step + 1) * options.batch]))


def train_saelens():
    from sae_lens import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig, TopKTrainingSAE, TopKTrainingSAEConfig, LoggingConfig
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer
    kind, config = {"topk": (TopKTrainingSAE, TopKTrainingSAEConfig), "batchtopk": (BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig)}[options.architecture]
    sae = kind(config(d_in=width, d_sae=options.features, k=options.k, device="cpu"))
    trainer = SAETrainer(cfg=SAETrainerConfig(n_checkpoints=0, checkpoint_path=None, save_final_checkpoint=False, total_training_samples=steps * options.batch, device="cpu", autocast=False,
        lr=options.lr, lr_end=options.lr / 10, lr_scheduler_name="constant", lr_warm_up_steps=0, lr_decay_steps=0, n_restart_cycles=1, adam_beta1=0.9, adam_beta2=0.999,
        train_batch_size_samples=options.batch, dead_feature_window=1000, feature_sampling_window=2000, logger=LoggingConfig(log_to_wandb=False), n_batches_for_norm_estimate=1000),
        sae=sae, data_provider=batches(), save_checkpoint_fn=None)
    sae = trainer.fit(); sae.eval()
    return sae.encode, sae.decode, sae.W_dec.detach(), sae_lens.__version__


def train_dictionary_learning():
    sys.path.insert(0, str(options.dl))
    for name in ("nnsight", "wandb", "zstandard", "circuitsvis", "datasets"): sys.modules.setdefault(name, types.ModuleType(name))
    package = types.ModuleType("dictionary_learning"); package.__path__ = [str(options.dl / "dictionary_learning")]; sys.modules["dictionary_learning"] = package
    trainers = types.ModuleType("dictionary_learning.trainers"); trainers.__path__ = [str(options.dl / "dictionary_learning" / "trainers")]; sys.modules["dictionary_learning.trainers"] = trainers
    file, name = {"topk": ("top_k", "TopKTrainer"), "batchtopk": ("batch_top_k", "BatchTopKTrainer")}[options.architecture]
    kind = getattr(importlib.import_module(f"dictionary_learning.trainers.{file}"), name)
    trainer = kind(steps=steps, activation_dim=width, dict_size=options.features, k=options.k, layer=0, lm_name="synthetic", lr=options.lr, warmup_steps=0, decay_start=None, seed=options.seed, device="cpu")
    for step, x in enumerate(batches()): trainer.update(step, x)
    ae = trainer.ae
    encode = (lambda x: ae.encode(x, use_threshold=False)) if options.architecture == "topk" else ae.encode
    return encode, ae.decode, ae.decoder.weight.detach().T.contiguous(), "0.1.0"


start = time.perf_counter()
encode, decode, W_dec, version = {"saelens": train_saelens, "dictionary_learning": train_dictionary_learning}[options.peer]()
seconds = time.perf_counter() - start
scores, explained = ClassificationMetricsCalculator(W_dec, directions), ExplainedVarianceCalculator()
l0, fired = 0, torch.zeros(len(W_dec), dtype=torch.bool)
with torch.no_grad():
    for first in range(0, len(test), options.batch):
        x = torch.tensor(test[first:first + options.batch]); f = encode(x); active = torch.zeros(len(x), len(directions))
        for row in range(len(x)): active[row, truth["feature"][truth["offsets"][first + row]:truth["offsets"][first + row + 1]]] = 1
        scores.add_batch(f, active); explained.add_batch(decode(f), x); l0 += int((f != 0).sum()); fired |= (f != 0).any(0)
found = scores.compute()
print(json.dumps({"peer": options.peer, "version": version, "architecture": options.architecture, "features": options.features, "k": options.k, "lr": options.lr, "samples": steps * options.batch,
    "testSamples": len(test), "f1": found.f1_score, "precision": found.precision, "recall": found.recall, "mcc": mean_correlation_coefficient(W_dec, directions), "uniqueness": feature_uniqueness(W_dec, directions),
    "ev": explained.compute(), "l0": l0 / len(test), "silent": float((~fired).float().mean()), "seconds": round(seconds, 1), "threads": options.threads, "versions": {"torch": torch.__version__, "sae_lens": sae_lens.__version__}}))
