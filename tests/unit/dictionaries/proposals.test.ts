import { expect, it } from 'vitest';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { completeSettings } from '../../../core/dictionaries/settings.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';

it('x', async () => {
  const [B, d, F, k] = [256, 32, 512, 8];
  const make = (candidates?: 'int8') => {
    const sae = completeSettings({
      architecture: 'topk', features: F, k, tokens: B * 400, batchRows: B, seed: 1, lr: 1e-3, warmupSteps: 0, decayFraction: 0.2,
      betas: [0.9, 0.999], epsilon: 1e-8, clipNorm: null, auxK: 8, auxWeight: 1 / 32, deadAfterTokens: B * 20, logEverySteps: 10, slices: 2,
      ...(candidates && { candidates }),
    }, d);
    const sites = { widths: [d], reads: [0], writes: [0] };
    return FastEngine.create({ shape: { kind: ARCHITECTURES.topk, sites, features: F }, sae, engine: { provider: 'cpu', threads: 1, optimisation: 'all', ort: '' }, scales: [1], means: [new Float64Array(d)], variance: d });
  };
  const [a, b] = [await make(), await make('int8')];
  await a.begin(); await b.begin();
  const random = new KeyedRandom('q');
  const basis = Float32Array.from({ length: 300 * d }, () => random.nextNormal());
  for (let step = 0; step < 300; step++) {
    const x = new Float32Array(B * d);
    for (let r = 0; r < B; r++) for (let n = 0; n < 4; n++) { const at = random.nextInt(300), s = random.nextFloat(); for (let j = 0; j < d; j++) x[r * d + j]! += s * basis[at * d + j]!; }
    const [p] = await a.train([x], { from: step, count: 1 });
    const [q] = await b.train([x], { from: step, count: 1 });
    if (step % 30 === 0 || step > 297) console.log(step, p, q, b.recall);
  }
  expect(b.recall?.recall).toBeGreaterThan(0.999);
}, 60000);
