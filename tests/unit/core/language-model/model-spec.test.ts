// Impossible sizes of a model are refused with a remedy; initial weights have the stated deviations and depend on seed
// and name alone.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { ARCHITECTURES, modelParameters } from '../../../../core/language-model/architectures.js';
import { buildModel } from '../../../../core/language-model/export-model.js';
import { initialParameters } from '../../../../core/language-model/initialise.js';
import { ARCHITECTURE_NAMES, checkSpec, type ModelSpec } from '../../../../core/language-model/model-spec.js';
import { startModelState, weightsFrom } from '../../../../core/language-model/state.js';
import { safeTensor } from '../../../../core/tensor/safetensors.js';
import { ADAMW, GPT2, LLAMA } from './small-models.js';

describe('sizes of a model', () => {
  it.each([
    [
      'a width that its heads do not divide',
      { ...GPT2, width: 18, headWidth: 4.5 },
      /width 18 and 4 heads\. Choose width 16 or 20/,
    ],
    [
      'a head width that is not width / heads',
      { ...GPT2, headWidth: 8 },
      /head width of width \/ heads = 4 for gpt2, got 8/,
    ],
    [
      'key-value heads of gpt2',
      { ...GPT2, keyValueHeads: 2 },
      /as many key-value heads as heads for gpt2, got 2 and 4/,
    ],
    [
      'heads that key-value heads do not divide',
      { ...LLAMA, keyValueHeads: 3 },
      /4 heads and 3 key-value heads\. Choose a divisor of 4/,
    ],
    [
      'an odd head width with rotary positions',
      { ...LLAMA, headWidth: 5 },
      /even head width for rotary positions, got 5\. Choose 6/,
    ],
    ['no layers', { ...GPT2, layers: 0 }, /layers to be a whole number of at least 1, got 0/],
    ['a broken vocabulary', { ...GPT2, vocabulary: 10.5 }, /vocabulary to be a whole number of at least 1, got 10\.5/],
    ['a vocabulary beyond int32', { ...GPT2, vocabulary: 2 ** 31 }, /below 2\^31 tokens, got 2147483648/],
    ['no epsilon', { ...GPT2, normEpsilon: 0 }, /normEpsilon between 0 and 1, got 0\. Usual: 1e-5/],
    ['a rotary base of 1', { ...LLAMA, ropeBase: 1 }, /ropeBase above 1, got 1\. Usual: 10000/],
  ] as const)('with %s are refused with values and remedy', (_, spec, message) => {
    expect(() => checkSpec(spec)).toThrow(InputError);
    expect(() => checkSpec(spec)).toThrow(message);
    expect(() => buildModel(spec, new Map())).toThrow(message);
  });

  it('tell all problems at once', () => {
    const check = (): void => checkSpec({ ...LLAMA, keyValueHeads: 3, headWidth: 5, layers: 0 });
    expect(check).toThrow(/divisor of 4\..*Choose 6.*layers/);
  });

  it('of a head width of its own are fine for llama', () => {
    expect(() => checkSpec({ ...LLAMA, headWidth: 6 })).not.toThrow();
    expect(() => checkSpec({ ...LLAMA, width: 18, headWidth: 6 })).not.toThrow();
  });
});

describe('initial weights', () => {
  const deviation = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

  it('have deviation 0.02, and 0.02 / √(2 layers) where they write into the stream', () => {
    const wide: ModelSpec = { ...GPT2, layers: 8, width: 64, headWidth: 16, mlpWidth: 256 };
    const weights = initialParameters(wide, 3);
    const of = (name: string): Float32Array => weights.get(name) as Float32Array;
    expect(deviation(of('transformer.h.0.attn.c_attn.weight'))).toBeCloseTo(0.02, 3);
    expect(deviation(of('transformer.h.5.mlp.c_proj.weight'))).toBeCloseTo(0.02 / 4, 4);
    // 4,096 numbers: their deviation is known to 1 %.
    expect(deviation(of('transformer.h.5.attn.c_proj.weight')) / (0.02 / 4)).toBeCloseTo(1, 1);
    expect(new Set(of('transformer.h.1.ln_2.weight'))).toEqual(new Set([1]));
    expect(new Set(of('transformer.h.1.mlp.c_fc.bias'))).toEqual(new Set([0]));
  });

  it('are keyed by seed and name alone', () => {
    const small = initialParameters(GPT2, 1);
    const deeper = initialParameters({ ...GPT2, layers: 3 }, 1);
    const name = 'transformer.h.1.attn.c_attn.weight';
    expect(deeper.get(name)).toEqual(small.get(name));
    expect(initialParameters(GPT2, 2).get(name)).not.toEqual(small.get(name));
    expect(small.get('transformer.h.0.attn.c_attn.weight')).not.toEqual(small.get(name));
  });
});

describe('parameters', () => {
  it.each(ARCHITECTURE_NAMES)('of %s have a name each, the embedding first', (architecture) => {
    for (const tied of [true, false]) {
      const spec = { ...(architecture === 'gpt2' ? GPT2 : LLAMA), tied };
      const names = modelParameters(spec).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(names[0]).toBe(ARCHITECTURES[architecture].embedding);
      expect(names.includes('lm_head.weight')).toBe(!tied);
    }
  });

  it('that are missing or of other sizes are told', () => {
    const weights = initialParameters(GPT2, 1);
    weights.delete('transformer.ln_f.bias');
    weights.set('transformer.wpe.weight', new Float32Array(3));
    const start = (): unknown => startModelState(GPT2, ADAMW, weights);
    expect(start).toThrow(InputError);
    expect(start).toThrow(
      /tied gpt2.*"transformer\.wpe\.weight" \[8, 16\] \(found 3 numbers\); "transformer\.ln_f\.bias" \[16\] \(found none\)/,
    );
  });

  it('are read from a file by name and shape, others in it left alone', () => {
    const all = [...initialParameters(LLAMA, 1)];
    const shapes = new Map(modelParameters(LLAMA).map(({ name, shape }) => [name, shape]));
    const tensors = new Map(all.map(([name, data]) => [name, safeTensor(data, shapes.get(name) ?? [])]));
    tensors.set('model.rotary_emb.inv_freq', safeTensor(Float32Array.of(1), [1]));
    expect([...weightsFrom(LLAMA, tensors)]).toEqual(all);
    tensors.set('model.norm.weight', safeTensor(new Float32Array(16), [4, 4]));
    expect(() => weightsFrom(LLAMA, tensors)).toThrow(/"model\.norm\.weight" \[16\] \(found \[4, 4\]\)/);
    expect(() => weightsFrom({ ...LLAMA, tied: false }, tensors)).toThrow(/not tied llama.*lm_head/);
  });
});
