"""Makes the numbers that training is compared with: small Llama and GPT-2 models of every variant, and PyTorch's optimisers.

Development only; no test runs Python.
Outputs: models.safetensors      per model M: M.weight.* (state dictionary), M.tokens [2, 13], M.weights [2, 12] (loss weights, some 0),
                                 M.logits, M.grad64.* = gradients of the weighted mean next-token loss, computed in float64
         optimisers.safetensors  parameters matrix [4, 3] and vector [5] before (start.*), gradients of 8 steps (grad.*), and per
                                 optimiser O the parameters after the last step in float64 (O.*)
         training.json           per model its sizes and losses (mean, weighted; float64), per optimiser its settings, per clipping
                                 the norm before it, versions
Run: python make_training.py     (torch, transformers, safetensors)
"""
import json, warnings, logging
warnings.filterwarnings("ignore"); logging.disable(logging.WARNING)
import torch, transformers
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
torch.set_num_threads(1)

def llama(tied, kv, head_dim, act):
    return LlamaForCausalLM, LlamaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=kv, head_dim=head_dim,
        intermediate_size=48, max_position_embeddings=16, tie_word_embeddings=tied, rms_norm_eps=1e-6, hidden_act=act, rope_theta=500.0)
def gpt2(tied, act):
    return GPT2LMHeadModel, GPT2Config(vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=4, n_inner=48, activation_function=act, tie_word_embeddings=tied,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=0)
MODELS = {"llama_grouped": llama(False, 2, 8, "silu"), "llama_tied_wide_heads": llama(True, 4, 10, "relu"),
          "gpt2_untied_gelu": gpt2(False, "gelu"), "gpt2_relu": gpt2(True, "relu"), "gpt2_silu": gpt2(True, "silu"), "gpt2_gelu_tanh": gpt2(True, "gelu_new")}
tensors, report = {}, {"models": {}, "optimisers": {}, "versions": {"torch": torch.__version__, "transformers": transformers.__version__}}
for name, (cls, cfg) in MODELS.items():
    cfg._attn_implementation = "eager"; cfg.use_cache = False
    torch.manual_seed(len(tensors)); m = cls(cfg).eval()
    with torch.no_grad():
        for p in m.parameters(): p.mul_(3 if p.dim() > 1 else 1).add_(torch.randn_like(p) * 0.05)
    tokens = torch.randint(0, 50, (2, 13)); weights = (torch.rand(2, 12) * 2).mul_((torch.rand(2, 12) > 0.25).float())
    ids, targets = tokens[:, :-1], tokens[:, 1:]
    with torch.no_grad(): tensors[f"{name}.logits"] = m(input_ids=ids).logits
    for k, p in m.state_dict().items():
        if not (k == "lm_head.weight" and cfg.tie_word_embeddings): tensors[f"{name}.weight.{k}"] = p.clone()
    m.double(); nats = torch.nn.functional.cross_entropy(m(input_ids=ids).logits.flatten(0, 1), targets.flatten(), reduction="none")
    w = weights.double().flatten(); loss = (w * nats).sum() / w.sum(); loss.backward()
    for k, p in m.named_parameters(): tensors[f"{name}.grad64.{k}"] = p.grad.clone()
    tensors |= {f"{name}.tokens": tokens.int(), f"{name}.weights": weights}
    report["models"][name] = {"mean": nats.mean().item(), "weighted": loss.item(), "perContext": nats.view(2, 12).sum(1).tolist()}
save_file({k: v.contiguous() for k, v in tensors.items()}, "models.safetensors")

torch.manual_seed(7)
start = {"matrix": torch.randn(4, 3), "vector": torch.randn(5)}
grads = [{k: torch.randn_like(v) * (3.0 if s % 2 else 0.1) for k, v in start.items()} for s in range(8)]
OPTIMISERS = {
    "adam": (torch.optim.Adam, dict(betas=(0.9, 0.999), eps=1e-3), 0.0, None),
    "adam_decay": (torch.optim.Adam, dict(betas=(0.8, 0.95), eps=1e-8), 0.1, 1.0),
    "adamw": (torch.optim.AdamW, dict(betas=(0.9, 0.95), eps=1e-3), 0.1, None),
    "adamw_clipped": (torch.optim.AdamW, dict(betas=(0.9, 0.95), eps=1e-8), 0.1, 0.5),
    "sgd": (torch.optim.SGD, dict(), 0.0, None),
    "sgd_momentum": (torch.optim.SGD, dict(momentum=0.9), 0.1, 2.0),
    "sgd_nesterov": (torch.optim.SGD, dict(momentum=0.7, nesterov=True), 0.01, None),
}
out = {f"start.{k}": v for k, v in start.items()} | {f"grad.{k}": torch.stack([g[k] for g in grads]) for k in start}
for name, (cls, settings, decay, clip) in OPTIMISERS.items():
    p = {k: torch.nn.Parameter(v.double().clone()) for k, v in start.items()}
    opt = cls([{"params": [p["matrix"]], "weight_decay": decay}, {"params": [p["vector"]], "weight_decay": 0.0}], lr=1.0, **settings); norms = []
    for s, g in enumerate(grads):
        for k in p: p[k].grad = g[k].double().clone()
        for group in opt.param_groups: group["lr"] = 0.02 * (s + 1)
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), clip if clip is not None else float("inf")).item())
        opt.step()
    out |= {f"{name}.{k}": v.detach() for k, v in p.items()}
    report["optimisers"][name] = {**settings, "decay": decay, "clip": clip, "norms": norms}
save_file({k: v.contiguous() for k, v in out.items()}, "optimisers.safetensors")
json.dump(report, open("training.json", "w"), indent=1); print(report["models"])
