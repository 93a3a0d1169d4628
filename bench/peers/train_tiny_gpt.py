"""PyTorch's speed at training the tiny GPT of tests/fixtures/tiny-lm: the peer of the bench row that trains it by our own gradients.

Development only; the project itself never runs Python. The model, its start, the batches' shape and the recipe are those of
tests/fixtures/tiny-lm/make_tiny_lm.py: GPT2LMHeadModel (4 layers, width 128, 4 heads, 128 positions, 4,096 tokens, tied
embeddings, no dropout), batch 64 x 128, AdamW (decay 0.1 on matrices), gradient norm clipped to 1, float32. Token ids are drawn
uniformly: the speed does not depend on them. A step = batch assembled, forward, loss, backward, clipping, update.
Run: python bench/peers/train_tiny_gpt.py [sdpa|eager] [--steps 20] [--warm-up 3] [--threads 2]      (torch, transformers)
Prints one JSON line: tokensPerSecond over the measured steps together, and msPerStep as the median of single steps.
"""
import argparse, json, statistics, time
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("attention", nargs="?", default="sdpa", choices=["sdpa", "eager"])
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--warm-up", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--device", default="cpu")
options = parser.parse_args()
import torch, transformers
from transformers import GPT2Config, GPT2LMHeadModel

BATCH, CONTEXT, VOCAB = 64, 128, 4096
torch.set_num_threads(options.threads)
torch.manual_seed(0)
config = GPT2Config(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)
config._attn_implementation = options.attention; config.use_cache = False
model = GPT2LMHeadModel(config).to(options.device)
decayed = [p for p in model.parameters() if p.dim() > 1]; others = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.95))
stream = torch.randint(0, VOCAB, (100_000,))


def step():
    at = torch.randint(0, len(stream) - CONTEXT - 1, (BATCH,)).tolist()
    x, y = (torch.stack([stream[a + k:a + k + CONTEXT] for a in at]).to(options.device) for k in (0, 1))
    loss = torch.nn.functional.cross_entropy(model(input_ids=x).logits.flatten(0, 1), y.flatten())
    optimizer.zero_grad(); loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()                        # waits for the device


for _ in range(options.warm_up): step()
seconds = []
for _ in range(options.steps):
    start = time.perf_counter(); step(); seconds.append(time.perf_counter() - start)
print(json.dumps({"peer": "pytorch", "attention": options.attention, "tokensPerSecond": round(options.steps * BATCH * CONTEXT / sum(seconds), 1),
                  "msPerStep": round(1000 * statistics.median(seconds), 1), "steps": options.steps, "warmUp": options.warm_up, "batch": [BATCH, CONTEXT],
                  "threads": options.threads, "device": options.device, "versions": {"torch": torch.__version__, "transformers": transformers.__version__}}))
