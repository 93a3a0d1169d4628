"""Makes the numbers that edited runs are compared with: the tiny language model in PyTorch with forward hooks that do the same edits.

Development only; the project itself never runs Python.
Inputs:  tests/fixtures/tiny-lm/model.safetensors
Outputs: edits.json           versions; ids and other ids; per case its edits, as a run file writes them, and which prompt it is for
         edits.safetensors    the tensors that the edits read; CASE/logits (last position) and CASE/blocks.N.hook_resid_post,
                              only from the first block that the edit reaches
Formulas (x the value at a site, v = along / |along|, P positions and heads; written here once more, from the definitions alone):
         set x_P <- a | x - (x.v)v + (a.v)v     scale x_P <- c x | x + (c - 1)(x.v)v     add x_P <- x + c a | x + c a v
         ablate x_P <- a or 0 | x - (x.v)v + (a.v)v
Run:     python make_edits.py        (torch, transformers, safetensors)
"""
import json, logging, pathlib, warnings
import torch, transformers
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel
import transformers.models.gpt2.modeling_gpt2 as gpt2
warnings.filterwarnings("ignore"); logging.disable(logging.WARNING); torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
L, H, D, DH, T = 4, 4, 128, 32, 10
EDITS, SEEN = {}, {}

def tap(name, x):
    for edit in EDITS.get(name, []): x = edit(x)
    SEEN[name] = x.detach().clone()
    return x

class Norm(torch.nn.Module):
    def __init__(self, old, name): super().__init__(); self.old, self.name = old, name
    def forward(self, x):
        c = x - x.mean(-1, keepdim=True)
        scale = tap(self.name + ".hook_scale", (c.pow(2).mean(-1, keepdim=True) + self.old.eps).sqrt())
        return tap(self.name + ".hook_normalized", c / scale) * self.old.weight + self.old.bias

def attention(module, query, key, value, mask, **kw):
    at = f"blocks.{module.layer_idx}.attn."
    pick = lambda n, x: tap(at + n, x.transpose(1, 2)).transpose(1, 2)   # [batch, head, pos, d] <-> [batch, pos, head, d]
    query, key, value = pick("hook_q", query), pick("hook_k", key), pick("hook_v", value)
    scores = query @ key.transpose(-1, -2) / DH ** 0.5
    causal = torch.triu(torch.full((scores.shape[-2], scores.shape[-1]), torch.finfo(scores.dtype).min), 1)
    pattern = tap(at + "hook_pattern", tap(at + "hook_attn_scores", scores + causal).softmax(-1))
    return tap(at + "hook_z", (pattern @ value).transpose(1, 2)), pattern

cfg = GPT2Config(vocab_size=4096, n_positions=128, n_embd=D, n_layer=L, n_head=H, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
cfg._attn_implementation = "eager"; cfg.use_cache = False
model = GPT2LMHeadModel(cfg).eval()
missing = model.load_state_dict(load_file(HERE / "../../fixtures/tiny-lm/model.safetensors"), strict=False).missing_keys
assert missing in ([], ["lm_head.weight"]), missing
model.tie_weights()
IDS = load_file(HERE / "../../fixtures/tiny-lm/reference.safetensors")["input_ids"].long()
ids, others = IDS[:1, :T], IDS[:1, 20:20 + T]
with torch.no_grad(): plain = model(input_ids=ids).logits

gpt2.eager_attention_forward = attention
out = lambda name: lambda m, a, o: (tap(name, o[0]), *o[1:]) if isinstance(o, tuple) else tap(name, o)
def into(name):   # in place: the tensor also goes on as the residual
    def hook(m, a): a[0].copy_(tap(name, a[0]))
    return hook
body = model.transformer
body.wte.register_forward_hook(out("hook_embed")); body.wpe.register_forward_hook(out("hook_pos_embed"))
for n, block in enumerate(body.h):
    at = f"blocks.{n}."
    block.register_forward_pre_hook(lambda m, a, at=at: (tap(at + "hook_resid_pre", a[0]), *a[1:]))
    block.ln_1, block.ln_2 = Norm(block.ln_1, at + "ln1"), Norm(block.ln_2, at + "ln2")
    block.ln_2.register_forward_pre_hook(into(at + "hook_resid_mid"))
    block.ln_2.register_forward_pre_hook(lambda m, a, at=at: (tap(at + "hook_mlp_in", a[0]),))
    block.attn.register_forward_hook(out(at + "hook_attn_out")); block.mlp.register_forward_hook(out(at + "hook_mlp_out"))
    block.mlp.c_fc.register_forward_hook(out(at + "mlp.hook_pre")); block.mlp.act.register_forward_hook(out(at + "mlp.hook_post"))
    block.register_forward_hook(out(at + "hook_resid_post"))
body.ln_f = Norm(body.ln_f, "ln_final")

def run(x, edits={}):
    EDITS.clear(); EDITS.update(edits); SEEN.clear()
    with torch.no_grad(): logits = model(input_ids=x).logits
    return logits, dict(SEEN)
logits, own = run(ids)
assert (logits - plain).abs().max() < 1e-4, "the taps change nothing"
_, other = run(others)
_, both = run(IDS[:2, :T])

g = torch.Generator().manual_seed(4)
rand = lambda *s: torch.randn(*s, generator=g)
tensors = {"direction": rand(D), "mean": rand(D), "rows": rand(3, D), "hidden": rand(4 * D), "head": rand(DH), "heads": rand(H, DH),
           "coefficients": rand(T, 1), "other.pattern": other["blocks.0.attn.hook_pattern"], "other.resid": other["blocks.1.hook_resid_post"],
           "other.scale": other["blocks.1.ln1.hook_scale"], "both.resid": both["blocks.0.hook_resid_post"].flip(0).contiguous()}
HEADED = {"hook_q": 2, "hook_k": 2, "hook_v": 2, "hook_z": 2, "hook_pattern": 1, "hook_attn_scores": 1}

def positions(at, length):   # [(position, row of the value or None)]
    if at is None: return [(p, None) for p in range(length)]
    found = []
    for entry in at:
        target, _, row = str(entry).partition("<-")
        if ":" in target:
            a, b = target.split(":"); found += [(p, None) for p in range(length)[int(a) if a else None:int(b) if b else None]]
        else: found.append((int(target) % length, int(row) if row else None))
    return sorted(found)

def edited(x, e):
    kind = e["site"].split(".")[-1]
    place = 2 if kind in ("hook_pattern", "hook_attn_scores") else 1
    length = x.shape[place]
    a = e.get("value", 0.0); rows = None
    if isinstance(a, str):
        a = tensors[a.split("#")[1]]
        while a.dim() < x.dim(): a = a[None]
        rows = a.shape[place] if a.shape[place] > 1 else None
    chosen = positions(e.get("at"), length)
    y, c = x.clone(), e.get("factor", 1.0)
    v = tensors[e["along"].split("#")[1]] if "along" in e else None
    if v is not None: v = v / v.norm()
    for j, (p, row) in enumerate(chosen):
        if row is None: row = p if rows == length else j
        cut = lambda t: t.select(place, p)
        now = cut(x); val = a if not torch.is_tensor(a) else a.select(place, row if rows else 0)
        if v is None: new = {"set": val, "ablate": val, "scale": now * c, "add": now + c * val}[e["op"]]
        else:
            s = (now * v).sum(-1, keepdim=True)
            if torch.is_tensor(val) and val.shape[-1] > 1: val = (val * v).sum(-1, keepdim=True)
            if e["op"] == "add" and "value" not in e: val = 1.0
            new = {"set": now + (val - s) * v, "ablate": now + (val - s) * v, "scale": now + (c - 1) * s * v, "add": now + c * val * v}[e["op"]]
        new = new.expand_as(now) if torch.is_tensor(new) else torch.full_like(now, new)
        for h in e.get("heads", [None]):
            if h is None: cut(y).copy_(new)
            else: cut(y).select(1, h).copy_(new.select(1, h))   # with the position taken out, heads are axis 1 either way
    return y

F = "edits.safetensors#"
CASES = {
    "add a direction": [dict(site="blocks.1.hook_resid_post", op="add", value=F + "direction", factor=4, at=["3:7"])],
    "set to a mean everywhere": [dict(site="blocks.1.hook_resid_post", op="set", value=F + "mean")],
    "set to a number at the end": [dict(site="blocks.2.hook_resid_pre", op="set", value=0.5, at=[-1])],
    "scale the end": [dict(site="blocks.2.hook_resid_pre", op="scale", factor=0.5, at=["-3:"])],
    "ablate a direction": [dict(site="blocks.2.hook_resid_post", op="ablate", along=F + "direction")],
    "set along a direction": [dict(site="blocks.0.hook_resid_mid", op="set", value=1.5, along=F + "direction", at=[0, 4])],
    "set along a direction per position": [dict(site="blocks.0.hook_resid_mid", op="set", value=F + "coefficients", along=F + "direction")],
    "set along a direction as a vector has it": [dict(site="blocks.1.hook_resid_post", op="set", value=F + "mean", along=F + "direction")],
    "scale along a direction": [dict(site="blocks.1.hook_resid_post", op="scale", factor=-2, along=F + "direction")],
    "add along a direction": [dict(site="blocks.1.hook_resid_post", op="add", factor=6, along=F + "direction", at=["2:"])],
    "the MLP's input": [dict(site="blocks.1.hook_mlp_in", op="add", value=F + "direction", factor=2)],
    "an attention branch": [dict(site="blocks.0.hook_attn_out", op="ablate")],
    "an MLP branch": [dict(site="blocks.3.hook_mlp_out", op="scale", factor=2, at=["1:"])],
    "an MLP branch to a mean": [dict(site="blocks.1.hook_mlp_out", op="ablate", value=F + "mean", at=[2, 5])],
    "before the MLP's activation": [dict(site="blocks.1.mlp.hook_pre", op="scale", factor=-1)],
    "after the MLP's activation": [dict(site="blocks.2.mlp.hook_post", op="set", value=F + "hidden", at=[7])],
    "a head's output": [dict(site="blocks.1.attn.hook_z", op="ablate", heads=[2])],
    "heads' outputs at one position": [dict(site="blocks.0.attn.hook_z", op="set", value=F + "heads", heads=[0, 3], at=[6])],
    "a direction of a head": [dict(site="blocks.0.attn.hook_z", op="scale", factor=0, along=F + "head", heads=[1])],
    "queries": [dict(site="blocks.2.attn.hook_q", op="scale", factor=0.5, heads=[1, 3])],
    "keys": [dict(site="blocks.1.attn.hook_k", op="add", value=F + "head", factor=0.5, at=[3])],
    "values": [dict(site="blocks.0.attn.hook_v", op="set", value=F + "head", at=[0])],
    "a pattern of another prompt": [dict(site="blocks.0.attn.hook_pattern", op="set", value=F + "other.pattern", heads=[2])],
    "a query's pattern": [dict(site="blocks.3.attn.hook_pattern", op="ablate", at=[8], heads=[0, 1])],
    "scores": [dict(site="blocks.1.attn.hook_attn_scores", op="scale", factor=0.5, heads=[0])],
    "a frozen norm": [dict(site="blocks.1.ln1.hook_scale", op="set", value=F + "other.scale")],
    "a normalised value": [dict(site="blocks.2.ln2.hook_normalized", op="scale", factor=0.5, at=[4])],
    "the last norm's scale": [dict(site="ln_final.hook_scale", op="scale", factor=2)],
    "the last normalised value": [dict(site="ln_final.hook_normalized", op="ablate", along=F + "direction")],
    "a token's embedding": [dict(site="hook_embed", op="set", value=F + "rows", at=[1, 5, 8])],
    "a position's embedding": [dict(site="hook_pos_embed", op="ablate", at=[3])],
    "another prompt at a mapped position": [dict(site="blocks.1.hook_resid_post", op="set", value=F + "other.resid", at=["5<-3", "9<-9"])],
    "two edits at one site, in order": [dict(site="blocks.1.hook_resid_post", op="add", value=F + "direction"),
                                        dict(site="blocks.1.hook_resid_post", op="scale", factor=0.5)],
    "edits at several sites": [dict(site="blocks.2.hook_mlp_out", op="scale", factor=2), dict(site="blocks.0.hook_attn_out", op="ablate"),
                               dict(site="blocks.1.ln2.hook_scale", op="scale", factor=1.5), dict(site="blocks.1.attn.hook_z", op="ablate", heads=[1])],
    "each context its own value": [dict(site="blocks.0.hook_resid_post", op="set", value=F + "both.resid", at=[2, 3])],
}
reference, cases = dict(tensors), []
for name, edits in CASES.items():
    prompt = IDS[:2, :T] if name.startswith("each context") else ids
    by_site = {}
    for e in edits: by_site.setdefault(e["site"], []).append(lambda x, e=e: edited(x, e))
    logits, seen = run(prompt, by_site)
    unknown = [s for s in by_site if s not in seen]; assert not unknown, unknown
    unedited = run(prompt)[1]
    reached = [n for n in range(L) if not torch.equal(seen[f"blocks.{n}.hook_resid_post"], unedited[f"blocks.{n}.hook_resid_post"])]
    reference[f"{name}/logits"] = logits[:, -1].contiguous()
    for n in reached: reference[f"{name}/blocks.{n}.hook_resid_post"] = seen[f"blocks.{n}.hook_resid_post"].contiguous()
    moved = (logits - (plain if len(prompt) == 1 else run(prompt)[0])).abs().max().item()
    assert moved > 1e-3, (name, moved)
    cases.append({"name": name, "edits": edits, "rows": len(prompt), "blocks": reached})
save_file({k: v.float() for k, v in reference.items()}, HERE / "edits.safetensors")
made = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
(HERE / "edits.json").write_text(json.dumps({"made": made, "ids": IDS[:2, :T].tolist(), "cases": cases}, indent=1) + "\n")
print(len(cases), "cases")
