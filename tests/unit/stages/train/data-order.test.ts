// The order of training rows uses each once an epoch, can be entered at any step, and mixes documents as stated.
import { describe, expect, it } from 'vitest';
import {
  cursorAt,
  epochRows,
  nextSuperbuffer,
  stepsPerEpoch,
  superbufferBlocks,
  superbufferPermutation,
  superbufferRows,
  superbuffersPerEpoch,
  type DataOrder,
} from '../../../../core/order/data-order.js';
import { computeShuffleQuality } from '../../../../core/order/shuffle-quality.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';

const order: DataOrder = {
  runSeed: 3,
  tokens: 'abc',
  blockRows: Array.from({ length: 150 }, (_, i) => 20 + (i % 7)),
};

/** Every row of an epoch as [block, row], in the order of use. */
function epochStream(o: DataOrder, epoch: number): string[] {
  const rows: string[] = [];
  for (let index = 0; index < superbuffersPerEpoch(o); index++) {
    const laid = superbufferBlocks(o, { epoch, index }).flatMap((block) =>
      Array.from({ length: o.blockRows[block] ?? 0 }, (_, row) => `${block}/${row}`),
    );
    rows.push(...Array.from(superbufferPermutation(o, { epoch, index }), (at) => laid[at] as string));
  }
  return rows;
}

describe('the order of data', () => {
  it('uses every row once an epoch, in another order each epoch, seed and token set', () => {
    const streams = [
      epochStream(order, 0),
      epochStream(order, 1),
      epochStream({ ...order, runSeed: 4 }, 0),
      epochStream({ ...order, tokens: 'abd' }, 0),
    ];
    for (const stream of streams) {
      expect(stream.length).toBe(epochRows(order));
      expect(new Set(stream).size).toBe(epochRows(order));
    }
    expect(new Set(streams.map((stream) => stream.slice(0, 50).join())).size).toBe(4);
  });

  it('mixes blocks within a super-buffer of 64 and not beyond', () => {
    expect(superbuffersPerEpoch(order)).toBe(3);
    expect([0, 1, 2].map((index) => superbufferBlocks(order, { epoch: 0, index }).length)).toEqual([64, 64, 22]);
    const blocks = new Set(
      epochStream(order, 0)
        .slice(0, 128)
        .map((row) => row.split('/')[0]),
    );
    expect(blocks.size).toBeGreaterThan(50);
  });

  it('finds the cursor of any step as walking there does', () => {
    const batchRows = 48;
    const perEpoch = stepsPerEpoch(order, batchRows);
    expect(perEpoch).toBe(Math.floor(epochRows(order) / batchRows));
    let id = { epoch: 0, index: 0 };
    let row = 0;
    for (let step = 0; step < 2 * perEpoch + 3; step++) {
      while (row >= superbufferRows(order, id)) {
        row -= superbufferRows(order, id);
        id = nextSuperbuffer(order, id);
      }
      expect(cursorAt(order, batchRows, step)).toEqual({ ...id, row });
      row += batchRows;
      if ((step + 1) % perEpoch === 0)
        [id, row] = [{ epoch: id.epoch + (id.index === 0 && row === 0 ? 0 : 1), index: 0 }, 0];
    }
  });

  it('works with one block and refuses an epoch without a whole batch', () => {
    const one: DataOrder = { runSeed: 0, tokens: 't', blockRows: [10] };
    expect(cursorAt(one, 4, 5)).toEqual({ epoch: 2, index: 0, row: 4 });
    expect(() => stepsPerEpoch(one, 11)).toThrow('Expected at least batchRows = 11 rows in the fit split, found 10.');
  });
});

describe('same-document partners', () => {
  it('are counted exactly: batches aabb and abcd have 1 and 0 partners a row', () => {
    const shuffled = Uint32Array.of(1, 1, 2, 2, 1, 2, 3, 4);
    const quality = computeShuffleQuality({
      shuffled,
      stored: shuffled,
      blocks: [{ rows: 8, shardRows: 8 }],
      batchRows: 4,
      totalRows: 8,
    });
    // c = 3, 3, 1, 1 of 8: ordered pairs 6 + 6 = 12 of 56; ideal 3 · 12 / 56.
    expect(quality).toEqual({
      batches: 2,
      partners: 0.5,
      ideal: expect.closeTo((3 * 12) / 56, 12) as number,
    });
  });

  it('come near the ideal when blocks of many shards are mixed, and do not when rows stay in place', () => {
    const random = new KeyedRandom('quality');
    const [shards, rows, perDocument] = [64, 512, 64];
    const stored = new Uint32Array(shards * rows);
    for (let shard = 0; shard < shards; shard++) {
      // A block is a uniform sample of a shard of 4096 rows.
      for (let i = 0; i < rows; i++)
        stored[shard * rows + i] = shard * 1000 + Math.floor(random.nextInt(4096) / perDocument);
    }
    const blocks = Array.from({ length: shards }, () => ({ rows, shardRows: 4096 }));
    const sample = { stored, blocks, batchRows: 1024, totalRows: shards * 4096 };
    const shuffled = Uint32Array.from(random.permutation(stored.length), (row) => stored[row] as number);
    const mixed = computeShuffleQuality({ ...sample, shuffled });
    const unmixed = computeShuffleQuality({ ...sample, shuffled: stored });
    expect(mixed.ideal).toBeCloseTo((1023 * 63) / (64 * 4096 - 1), 1);
    expect(mixed.partners).toBeLessThan(2 * mixed.ideal);
    expect(unmixed.partners).toBeGreaterThan(10 * mixed.ideal);
  });

  it.each([
    [1_100_000, 950],
    [8_000_000, 950],
  ])(
    'are at most one more than the ideal at the default sizes of shards and batches, %i rows, %i a document',
    (total, mean) => {
      const [shardRows, blockRows, batchRows] = [65_536, 4096, 2048];
      const random = new KeyedRandom('documents', total);
      const blocks: { rows: number; shardRows: number }[] = [];
      const stored: Uint32Array[] = [];
      for (let left = total, document = 0; left > 0; left -= shardRows) {
        const rows = Math.min(shardRows, left);
        const documents = new Uint32Array(rows);
        // Lengths are spread as those of real texts: log-normal, deviation 0.8 of the logarithm.
        for (let at = 0; at < rows;) {
          const length = Math.max(1, Math.round(mean * Math.exp(0.8 * random.nextNormal() - 0.32)));
          documents.fill(document++, at, at + length);
          at += length;
        }
        const permuted = Uint32Array.from(random.permutation(rows), (row) => documents[row] as number);
        for (let at = 0; at < rows; at += blockRows) {
          const block = permuted.subarray(at, at + blockRows);
          blocks.push({ rows: block.length, shardRows: rows });
          stored.push(block);
        }
      }
      const given: DataOrder = { runSeed: 1, tokens: 't', blockRows: blocks.map(({ rows }) => rows) };
      const id = { epoch: 0, index: 0 };
      const chosen = superbufferBlocks(given, id);
      const laid = Uint32Array.from(chosen.flatMap((block) => [...(stored[block] as Uint32Array)]));
      const { partners, ideal } = computeShuffleQuality({
        ...{ stored: laid, batchRows, totalRows: total },
        shuffled: Uint32Array.from(superbufferPermutation(given, id), (row) => laid[row] as number),
        blocks: chosen.map((block) => blocks[block] as { rows: number; shardRows: number }),
      });
      expect(partners).toBeGreaterThan(ideal);
      expect(partners).toBeLessThanOrEqual(ideal + 1);
    },
  );
});
