// The final weights of the recorded topk training applied to 200 rows, and PCA, against NumPy (make_encode.py).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { ENCODE_OUTPUTS, buildEncodeGraph } from '../../../core/dictionaries/encode-graph.js';
import { addRows, emptySecondMoments, pcaFvu } from '../../../core/dictionaries/pca.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { rowsFeed } from '../../../core/dictionaries/step-graph.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { SAE } from '../../harness/fixtures.js';

const read = (name: string): Buffer => readFileSync(fileURLToPath(new URL(name, import.meta.url)));
const golden = JSON.parse(read('encode.json').toString()) as {
  rows: [number, number];
  k: number;
  features: [number, number][][];
  x_sq: number[];
  err_sq: number[];
  pca: Record<string, number>;
};
const x = asFloat32(decodeSafetensors(readFileSync(`${SAE}/data.safetensors`)).get('x') as SafeTensor);
const weights = decodeSafetensors(readFileSync(`${SAE}/topk.safetensors`));

describe('numbers from NumPy', () => {
  it.each(['disabled', 'all'] as const)('equal the encoder graph at optimisation %s', async (optimisation) => {
    const [first, count] = golden.rows;
    const model = buildEncodeGraph({
      kind: ARCHITECTURES.topk,
      sites: oneSite(32),
      features: 256,
      settings: { k: golden.k },
      batchRows: count,
    });
    const session = await Session.create(model.toModelBytes(), {
      provider: 'cpu',
      threads: 1,
      optimisation,
    });
    const feeds: Record<string, TensorValue> = {
      [rowsFeed(0)]: {
        dtype: 'float32',
        dims: [count, 32],
        data: x.subarray(first * 32, (first + count) * 32),
      },
    };
    for (const name of ['W_enc', 'b_enc', 'W_dec', 'b_dec']) {
      const tensor = weights.get(`final.${name}`) as SafeTensor;
      feeds[name] = { dtype: 'float32', dims: tensor.shape, data: asFloat32(tensor) };
    }
    const outputs = await session.run(feeds);
    await session.release();
    const data = (name: string): number[] => Array.from(outputs[name]?.data as Float32Array);
    const [ids, values] = [data(ENCODE_OUTPUTS.feature), data(ENCODE_OUTPUTS.value)];
    golden.features.forEach((want, row) => {
      const pairs = Array.from(
        { length: golden.k },
        (_, j) => [ids[row * golden.k + j] ?? -1, values[row * golden.k + j] ?? NaN] as const,
      );
      const got = pairs.filter(([, value]) => value > 0).sort((a, b) => a[0] - b[0]);
      expect(got.map(([id]) => id)).toEqual(want.map(([id]) => id));
      got.forEach(([, value], j) => expect(Math.abs(value - (want[j]?.[1] ?? NaN))).toBeLessThan(2e-5));
    });
    data(ENCODE_OUTPUTS.xSq).forEach((value, row) =>
      expect(Math.abs(value / (golden.x_sq[row] ?? NaN) - 1)).toBeLessThan(1e-5),
    );
    data(ENCODE_OUTPUTS.errSq).forEach((value, row) =>
      expect(Math.abs(value / (golden.err_sq[row] ?? NaN) - 1)).toBeLessThan(1e-4),
    );
  });

  it('equal the PCA baseline', () => {
    const [fit, test] = [emptySecondMoments(32), emptySecondMoments(32)];
    addRows(fit, x.subarray(0, 1600 * 32));
    addRows(test, x.subarray(1600 * 32));
    for (const [k, fvu] of Object.entries(golden.pca)) expect(pcaFvu(fit, test, Number(k))).toBeCloseTo(fvu, 9);
  });
});
