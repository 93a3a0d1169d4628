// The residual stream of every fixture model against PyTorch's numbers (tests/fixtures/exports/make_exports.py and
// tests/fixtures/tiny-lm/make_tiny_lm.py), with ONNX Runtime's optimiser off and fully on.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asFloat32, asIntegers, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { runModel } from '../../../stages/model/run-model.js';

const FIXTURES = new URL('../../fixtures/', import.meta.url).pathname;
const ARCHITECTURES = ['gpt2', 'neox', 'llama', 'gemma2', 'bert'];
const CASES = [
  ...ARCHITECTURES.flatMap((name) =>
    ['dynamo', 'legacy'].map((exporter) => ({
      model: `exports/${name}.${exporter}.onnx`,
      reference: `exports/${name}.reference.safetensors`,
      layers: 2,
      branches: name !== 'bert',
    })),
  ),
  ...['model.onnx', 'model.legacy.onnx'].map((file) => ({
    model: `tiny-lm/${file}`,
    reference: 'tiny-lm/reference.safetensors',
    layers: 4,
    branches: false,
  })),
];

/** max |a − b| / max |b| */
function relativeError(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let difference = 0;
  let size = 0;
  b.forEach((value, i) => {
    difference = Math.max(difference, Math.abs((a[i] as number) - value));
    size = Math.max(size, Math.abs(value));
  });
  return difference / size;
}

describe.each(CASES)('$model', ({ model, reference, layers, branches }) => {
  const expected = decodeSafetensors(readFileSync(FIXTURES + reference));
  const tensor = (name: string): Float32Array => {
    const found = expected.get(name);
    if (!found) throw new RangeError(name);
    return asFloat32(found);
  };
  const inputIds = expected.get('input_ids');
  const ids = Uint32Array.from(inputIds ? asIntegers(inputIds) : []);
  const length = inputIds?.shape[1] ?? 0;

  it.each(['disabled', 'all'] as const)(
    'gives the residual stream that PyTorch computed, optimisation %s',
    async (optimisation) => {
      const engine = { provider: 'cpu', threads: 1, optimisation } as const;
      const options = { hooks: ['blocks.*.hook_resid_*'], logits: true, engine };
      const got = await runModel(FIXTURES + model, { ids, length }, options);
      const values = (name: string): Float32Array => got.get(name)?.data as Float32Array;
      for (let n = 0; n < layers; n++) {
        const name = `blocks.${n}.hook_resid_post`;
        const error = relativeError(values(name), tensor(name));
        expect(error, name).toBeLessThanOrEqual(1e-6);
      }
      expect(relativeError(values('logits'), tensor('logits'))).toBeLessThanOrEqual(2e-6);
      if (branches) {
        for (let n = 0; n < layers; n++) {
          const at = `blocks.${n}.`;
          const pre = values(`${at}hook_resid_pre`);
          const attention = tensor(`${at}hook_attn_out`);
          const mid = got.get(`${at}hook_resid_mid`)?.data as Float32Array | undefined;
          const mlp = tensor(`${at}hook_mlp_out`);
          const sum = pre.map((x, i) => x + (attention[i] as number));
          if (mid) expect(relativeError(mid, sum), `${at}hook_resid_mid`).toBeLessThanOrEqual(1e-6);
          const post = sum.map((x, i) => x + (mlp[i] as number));
          expect(relativeError(values(`${at}hook_resid_post`), post)).toBeLessThanOrEqual(1e-6);
        }
      }
    },
  );
});
