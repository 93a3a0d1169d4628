// The way of applying a dictionary that runs use (dictionaries/applied.ts, no graph) against what the other programs computed: the
// same active sets on 1,000 activations, and squared errors within 1e-5 relative of those of their reconstructions.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { totalFeatures } from '../../../core/dictionaries/sites.js';
import type { TakenDictionary } from '../../../core/interop/taken-dictionary.js';
import { AppliedDictionary } from '../../../dictionaries/applied.js';
import { activeOf, floatsOf, recordedIn, ROWS, sitesOf, take } from './recorded.js';

const { cases, tensors } = recordedIn('saelens');
const others = recordedIn('others');

interface Found {
  readonly active: readonly number[][];
  readonly squares: Float64Array;
}

async function applied(
  dictionary: TakenDictionary,
  reads: readonly Float32Array[],
  writes: readonly Float32Array[],
): Promise<Found> {
  const sites = sitesOf(dictionary);
  const features = totalFeatures(dictionary.settings.features, sites);
  const { architecture, features: _, skip: __, crossLayer: ___, ...settings } = dictionary.settings;
  const shape = { kind: ARCHITECTURES[architecture], sites, features };
  const engine = { threads: 1, optimisation: 'all' } as const;
  const open = await AppliedDictionary.open(
    { shape, architecture, settings, batchRows: ROWS, engine },
    (name, from, count) => {
      const tensor = dictionary.tensors.get(name);
      const width = tensor?.shape[1] ?? 1;
      return Promise.resolve((tensor?.values ?? new Float32Array()).slice(from * width, (from + count) * width));
    },
  );
  const { firing, squares } = await open.apply({ reads, writes });
  await open.release();
  const active = Array.from({ length: ROWS }, (____, row) =>
    firing.flatMap(({ offsets, feature, value }) => {
      const range = Array.from(
        { length: (offsets[row + 1] ?? 0) - (offsets[row] ?? 0) },
        (_____, i) => (offsets[row] ?? 0) + i,
      );
      return range.filter((at) => (value[at] ?? 0) > 0).map((at) => feature[at] as number);
    }),
  );
  return { active, squares };
}

/** ‖x_hat − y‖² of each row. */
function squaresOf(x_hat: Float32Array, y: Float32Array): number[] {
  const width = y.length / ROWS;
  return Array.from({ length: ROWS }, (_, row) => {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += ((x_hat[i] as number) - (y[i] as number)) ** 2;
    return sum;
  });
}

function expectSquares(found: Float64Array, wanted: readonly number[]): void {
  for (const [row, square] of wanted.entries())
    expect(Math.abs((found[row] as number) / square - 1)).toBeLessThan(1e-5);
}

describe('dictionaries of SAELens, applied as runs apply them', () => {
  const x = floatsOf(tensors, 'x');
  it.each(cases)('%s', async (name) => {
    const [member] = await take(`saelens/${name}`);
    const { dictionary } = member as { dictionary: TakenDictionary };
    const x_hat = floatsOf(tensors, `${name}.x_hat`);
    const y = dictionary.wiring === 'same' ? x : new Float32Array(x_hat.length);
    const { active, squares } = await applied(dictionary, [x], [y]);
    expect(active).toEqual(activeOf(tensors.get(`${name}.active`) as never));
    expectSquares(squares, squaresOf(x_hat, y));
  });
});

describe('dictionaries of others, applied as runs apply them', () => {
  const x = floatsOf(others.tensors, 'x');
  it.each(['BatchTopKSAE', 'MatryoshkaBatchTopKSAE', 'GatedAutoEncoder', 'openai-topk', 'gemma-scope'])(
    '%s',
    async (name) => {
      const [member] = await take(`others/${name}`);
      const { dictionary } = member as { dictionary: TakenDictionary };
      const { active, squares } = await applied(dictionary, [x], [x]);
      expect(active).toEqual(activeOf(others.tensors.get(`${name}.active`) as never));
      expectSquares(squares, squaresOf(floatsOf(others.tensors, `${name}.x_hat`), x));
    },
  );

  it('a cross-layer transcoder', async () => {
    const [member] = await take('others/clt-jump');
    const { dictionary } = member as { dictionary: TakenDictionary };
    const layers = floatsOf(others.tensors, 'layers');
    const reads = [0, 1, 2].map((l) => layers.slice(l * ROWS * 16, (l + 1) * ROWS * 16));
    const { active, squares } = await applied(
      dictionary,
      reads,
      reads.map(() => new Float32Array(ROWS * 16)),
    );
    expect(active).toEqual(activeOf(others.tensors.get('clt-jump.active') as never));
    expectSquares(squares, squaresOf(floatsOf(others.tensors, 'clt-jump.x_hat'), new Float32Array(ROWS * 48)));
  });
});
