"""Checks a trained model with Python's ONNX Runtime: its loss on the test chapters beside what the training wrote.

Development only; the project itself never runs Python.
Run after `npm run prove -- recipe`:  python check_recipe.py ../../.cache/recipe/models/tiny     (onnxruntime, numpy, tokenizers)
The stream is every test chapter in the order of the file behind token 0, cut into windows of 129 tokens, as
tests/fixtures/tiny-lm/make_tiny_lm.py does for its validation loss.
"""
import gzip, json, pathlib, sys
import numpy as np, onnxruntime as ort
from tokenizers import Tokenizer

folder, fixtures = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent.parent / "fixtures" / "tiny-lm"
rows = [json.loads(line) for line in gzip.open(fixtures / "corpus.jsonl.gz")]
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
stream = [t for row in rows if row["split"] == "test" for t in [0] + tokenizer.encode(row["text"]).ids]
record = json.loads((folder / "training.json").read_text())
context = record["config"]["model"]["contextTokens"]
count = len(stream) // (context + 1)
windows = np.array(stream[: count * (context + 1)], dtype=np.int64).reshape(count, context + 1)
session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
total = 0.0
for part in np.array_split(windows, max(1, count // 32)):
    logits = session.run(["logits"], {"input_ids": part[:, :-1]})[0].astype(np.float64)
    largest = logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits - largest).sum(-1)) + largest[..., 0]
    total += (log_sum - np.take_along_axis(logits, part[:, 1:, None], -1)[..., 0]).sum()
loss, written = total / (count * context), record["statistics"]["losses"]["test"]["loss"]
reference = json.loads((fixtures / "reference.json").read_text())["validLoss"]
print(f"onnxruntime {ort.__version__}: {loss:.6f} nats over {count * context} targets; written by the training {written:.6f}; PyTorch's recipe {reference:.6f}")
holds = abs(loss / written - 1) < 1e-4 and abs(loss / reference - 1) <= 0.005
print("holds" if holds else "FAILS", f": {100 * abs(loss / written - 1):.5f} % from what the training wrote, {100 * abs(loss / reference - 1):.3f} % from PyTorch's")
sys.exit(0 if holds else 1)
