"""Records PyTorch's continuations of the tiny language model, and what Hugging Face's tokenizers decode.

Development only; the project itself never runs Python.
Input:   tests/fixtures/tiny-lm (config as in its make_tiny_lm.py, model.safetensors, tokenizer.json), tests/golden/tokens/*.tokenizer.json
Output:  generate.json
  greedy   per prompt: its ids, then the ids of the largest logit each time (no cache, float32), each with its probability after the same
           tokens (softmax in float64)
  steered  the same where blocks.1.hook_resid_post has 3 cos(j) added to coordinate j at positions 3 and later, and for its ids the
           probabilities of the model as it is
  decoded  per tokenizer: ids of a text behind another one, and the text that they add
Run:     python make_generate.py     (torch, transformers, tokenizers, safetensors; some seconds)
"""
import json, pathlib, torch, transformers, tokenizers
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders
from transformers import GPT2Config, GPT2LMHeadModel

here = pathlib.Path(__file__).parent
lm = here.parent.parent / "fixtures" / "tiny-lm"
cfg = GPT2Config(vocab_size=4096, n_positions=128, n_embd=128, n_layer=4, n_head=4, bos_token_id=0, eos_token_id=0)
cfg._attn_implementation = "eager"; cfg.use_cache = False
model = GPT2LMHeadModel(cfg)
model.load_state_dict(load_file(lm / "model.safetensors"), strict=False)
model.eval(); torch.set_grad_enabled(False)
tok = Tokenizer.from_file(str(lm / "tokenizer.json"))

direction = 3 * torch.cos(torch.arange(128, dtype=torch.float32))
def steer(module, args, out):
    x = out[0] if isinstance(out, tuple) else out
    x = x.clone(); x[:, 3:] += direction
    return (x, *out[1:]) if isinstance(out, tuple) else x

def logits(ids, steered):
    hook = model.transformer.h[1].register_forward_hook(steer) if steered else None
    out = model(input_ids=torch.tensor([ids])).logits[0]
    if hook: hook.remove()
    return out
def p(ids, start, steered):
    out = torch.softmax(logits(ids, steered).double(), -1)
    return [out[i - 1, ids[i]].item() for i in range(start, len(ids))]
def greedy(prompt, n, steered):
    ids = list(prompt)
    while len(ids) < len(prompt) + n and len(ids) < 128: ids.append(int(logits(ids, steered)[-1].argmax()))
    return {"ids": ids[len(prompt):], "p": p(ids, len(prompt), steered), "pOther": p(ids, len(prompt), not steered)}

PROMPTS = [("In the beginning God created", 40, True), ("And the LORD said unto Moses", 200, True), ("Jesus answered", 30, False), ("A", 20, False)]
rows = []
for text, n, prepended in PROMPTS:
    prompt = ([0] if prepended else []) + tok.encode(text).ids
    rows.append({"text": text, "tokens": n, "prepended": prepended, "prompt": prompt, "greedy": greedy(prompt, n, False), "steered": greedy(prompt, n, True)})

DECODERS = {
    "byte-level": decoders.ByteLevel(), "split-byte-level": decoders.ByteLevel(),
    "metaspace-fallback": decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
    "unigram": decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()]), "word-piece": decoders.WordPiece(prefix="##", cleanup=False),
}
TEXT, MORE = "the quick", " brown fox: ☃ 中文 \U0001f600 café, unbelievable!"
decoded = {}
for kind, decoder in DECODERS.items():
    t = Tokenizer.from_file(str(here.parent / "tokens" / f"{kind}.tokenizer.json")); t.decoder = decoder
    first, both = t.encode(TEXT, add_special_tokens=False).ids, t.encode(TEXT + MORE, add_special_tokens=False).ids
    assert both[:len(first)] == first, kind
    head, whole = t.decode(first, skip_special_tokens=False), t.decode(both, skip_special_tokens=False)
    assert whole.startswith(head), kind
    decoded[kind] = {"ids": both[len(first):], "text": whole[len(head):]}
versions = {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
json.dump({"versions": versions, "rows": rows, "decoded": decoded}, open(here / "generate.json", "w"), ensure_ascii=False, indent=1)
for r in rows: print(r["text"], tok.decode(r["greedy"]["ids"])[:80], "|", tok.decode(r["steered"]["ids"])[:80], len(r["greedy"]["ids"]))
for k, d in decoded.items(): print(k, repr(d["text"]))
