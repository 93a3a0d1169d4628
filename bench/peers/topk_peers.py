"""The topk trainings of SAELens and dictionary_learning behind one interface, for the scripts beside this file. Development only.

Each peer runs its own trainer: its initialisation, loss, AuxK, clipping, decoder norms, optimiser and scaling of activations. What they
do not fix by themselves is the same for all sides: rows, batches, features, k, the shape of the learning rate's course (linear warm-up
and linear fall to 0) and after how many rows without firing a feature counts as dead.
"""

import json
import pathlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Training:
    """What a peer is told."""

    width: int
    features: int
    k: int
    lr: float
    steps: int
    batch: int
    warmup_steps: int
    decay_steps: int
    dead_steps: int  # steps without firing after which AuxK takes a feature up
    seed: int
    site: str


class SaeLens:
    """SAELens' TopKTrainingSAE in its SAETrainer: decoder rows of norm 0.1 at the start, activations scaled to a mean norm of √d
    (`expected_average_only_in`), features chosen by their value times the norm of their decoder row, AuxK of weight 1, Adam, clipping at 1."""

    name = "saelens"

    def __init__(self, of: Training):
        import sae_lens
        from sae_lens import LoggingConfig, TopKTrainingSAE, TopKTrainingSAEConfig
        from sae_lens.config import SAETrainerConfig
        from sae_lens.saes.sae import SAEMetadata
        from sae_lens.training.sae_trainer import SAETrainer

        self.versions = {"sae-lens": sae_lens.__version__, "torch": torch.__version__}
        torch.manual_seed(of.seed)
        config = TopKTrainingSAEConfig(
            d_in=of.width, d_sae=of.features, k=of.k, device="cpu", normalize_activations="expected_average_only_in", metadata=SAEMetadata(hook_name=of.site)
        )
        self._sae = TopKTrainingSAE(config)
        trainer_config = SAETrainerConfig(
            n_checkpoints=0, checkpoint_path=None, save_final_checkpoint=False, total_training_samples=of.steps * of.batch, device="cpu", autocast=False,
            lr=of.lr, lr_end=of.lr / 10, lr_scheduler_name="constant", lr_warm_up_steps=of.warmup_steps, lr_decay_steps=of.decay_steps, n_restart_cycles=1,
            adam_beta1=0.9, adam_beta2=0.999, train_batch_size_samples=of.batch, dead_feature_window=of.dead_steps, feature_sampling_window=2000,
            logger=LoggingConfig(log_to_wandb=False), n_batches_for_norm_estimate=1,
        )  # fmt: skip
        self.trainer = SAETrainer(cfg=trainer_config, sae=self._sae, data_provider=iter(()), save_checkpoint_fn=None)
        self._width = of.width

    def fit_scale(self, rows: torch.Tensor) -> None:
        self.trainer.activation_scaler.estimate_scaling_factor(self._width, iter([rows]), 1)

    def step(self, x: torch.Tensor) -> None:
        self.trainer.maybe_reset_sparsity()
        self.trainer.step(x)
        self.trainer.n_training_steps += 1

    @torch.no_grad()
    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        self._sae.eval()
        scaler = self.trainer.activation_scaler
        return scaler.unscale(self._sae(scaler.scale(x)))

    def mark_dead(self, features: torch.Tensor) -> None:
        self.trainer.n_forward_passes_since_fired[features] = 1e9

    def save(self, folder: pathlib.Path) -> None:
        self._sae.fold_activation_norm_scaling_factor(self.trainer.activation_scaler.scaling_factor)
        self.trainer.activation_scaler.scaling_factor = None
        self.trainer.set_final_sae_metadata()
        self._sae.save_inference_model(str(folder))


class DictionaryLearning:
    """dictionary_learning's TopKTrainer: decoder rows of unit norm, kept so, b_dec from the geometric median of the first batch,
    activations scaled to a mean squared norm of 1 (`normalize_activations`), AuxK of weight 1/32, Adam, clipping at 1."""

    name = "dictionary_learning"

    def __init__(self, of: Training):
        from importlib.metadata import version

        from dictionary_learning.trainers.top_k import TopKTrainer

        self.versions = {"dictionary-learning": version("dictionary-learning"), "torch": torch.__version__}
        decay_start = of.steps - of.decay_steps if of.decay_steps > 0 else None
        self.trainer = TopKTrainer(
            steps=of.steps, activation_dim=of.width, dict_size=of.features, k=of.k, layer=0, lm_name="rows", submodule_name=of.site,
            lr=of.lr, warmup_steps=of.warmup_steps, decay_start=decay_start, seed=of.seed, device="cpu",
        )  # fmt: skip
        self.trainer.dead_feature_threshold = of.dead_steps * of.batch
        self._norm = 1.0
        self._step = 0

    def fit_scale(self, rows: torch.Tensor) -> None:
        self._norm = rows.pow(2).sum(1).mean().sqrt().item()

    def step(self, x: torch.Tensor) -> None:
        self.trainer.update(self._step, x / self._norm)
        self._step += 1

    @torch.no_grad()
    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        ae = self.trainer.ae
        return ae.decode(ae.encode(x / self._norm, use_threshold=False)) * self._norm

    def mark_dead(self, features: torch.Tensor) -> None:
        self.trainer.num_tokens_since_fired[features] = 10**12

    def save(self, folder: pathlib.Path) -> None:
        self.trainer.ae.scale_biases(self._norm)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({name: value.cpu() for name, value in self.trainer.ae.state_dict().items()}, folder / "ae.pt")
        (folder / "config.json").write_text(json.dumps({"trainer": self.trainer.config}, indent=1))


PEERS = {kind.name: kind for kind in (SaeLens, DictionaryLearning)}
