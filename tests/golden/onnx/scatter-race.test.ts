// No graph of ours has the scatter that races: the builder refuses it by name, and what is used in its place adds rows of equal indices
// right with many threads, every time.
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { Session } from '../../../runtime/session.js';
import { InputError } from '../../../schemas/errors.js';

const [ROWS, PLACES, WIDTH] = [20_000, 7, 96];
const THREADS = 8;
const REPEATS = 30;

/** `rows` [ROWS, WIDTH] added to PLACES rows at `ids`. */
async function openScatter(): Promise<Session> {
  const g = new GraphBuilder('scatter');
  const ids = g.input('ids', 'int64', [ROWS, 1]);
  const rows = g.input('rows', 'float32', [ROWS, WIDTH]);
  const index = g.op('Expand', [ids, g.integers(ROWS, WIDTH)]);
  const zeros = g.zeros(g.integers(PLACES, WIDTH));
  g.output(g.op('ScatterElements', [zeros, index, rows], { attributes: { axis: 0, reduction: 'add' }, name: 'sums' }));
  return Session.create(g.toModelBytes(), { provider: 'cpu', threads: THREADS, optimisation: 'all' });
}

describe('a scatter that races', () => {
  it.each(['add', 'mul', 'min', 'max'])('is refused by the builder: reduction %s', (reduction) => {
    const g = new GraphBuilder('race');
    const data = g.input('data', 'float32', [4, 2]);
    const index = g.input('index', 'int64', [3, 1]);
    const rows = g.input('rows', 'float32', [3, 2]);
    const make = (): unknown => g.op('ScatterND', [data, index, rows], { attributes: { reduction } });
    expect(make).toThrow(InputError);
    expect(make).toThrow(
      `Expected a graph without a scatter that races, got ScatterND with reduction ${reduction}: ONNX Runtime adds rows of equal indices from several threads at once and loses some. Use ScatterElements with the same reduction, or a matrix product.`,
    );
    expect(() => g.op('ScatterND', [data, index, rows])).not.toThrow();
  });
});

describe('rows of equal indices', () => {
  it('are all added, by ScatterElements with many threads, every time', async () => {
    const random = new KeyedRandom('scatter-race');
    const ids = BigInt64Array.from({ length: ROWS }, () => BigInt(random.nextInt(PLACES)));
    // Small whole numbers: sums are exact in float32, in any order, so that one lost row shows.
    const rows = Float32Array.from({ length: ROWS * WIDTH }, () => random.nextInt(16));
    const expected = new Float32Array(PLACES * WIDTH);
    for (let i = 0; i < ROWS; i++)
      for (let j = 0; j < WIDTH; j++) {
        const at = Number(ids[i]) * WIDTH + j;
        expected[at] = (expected[at] as number) + (rows[i * WIDTH + j] as number);
      }
    const session = await openScatter();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const { sums } = await session.run({
        ids: { dtype: 'int64', dims: [ROWS, 1], data: ids },
        rows: { dtype: 'float32', dims: [ROWS, WIDTH], data: rows },
      });
      expect(sums?.data).toEqual(expected);
    }
    await session.release();
  });
});
