// The rows of a shard: ids that are fed, the keyed order in which rows are stored, and the bytes of the file, from
// memory or scratch; what the file cannot hold is refused.
import { mkdtempSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../../core/tensor/half.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { TensorValue } from '../../../../runtime/session.js';
import { DataError } from '../../../../schemas/errors.js';
import { activationsStage } from '../../../../stages/activations/stage.js';
import { openRowStore } from '../../../../stages/activations/row-store.js';
import { batchIds, layOutShard, readShardTokens, type ShardRows } from '../../../../stages/activations/shard-rows.js';
import { SiteWriter, type SiteWriterOptions } from '../../../../stages/activations/site-writer.js';
import { readActivations } from '../../../../storage/tables/read.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const INPUT = 'e'.repeat(64);
const SETTINGS = { contextTokens: 4, prependId: 0, packing: 'document', dropPositions: [0], batchTokens: 8 } as const;
const TOKENS = {
  doc: Uint32Array.of(7, 9),
  offsets: Uint32Array.of(0, 7, 9),
  ids: Uint32Array.of(11, 12, 13, 14, 15, 16, 17, 21, 22),
};
const folder = temporaryFolder('rows');

const newFolder = (): string => mkdtempSync(path.join(folder, 'spool-'));

function writerOptions(shard: ShardRows, change: Partial<SiteWriterOptions> = {}): SiteWriterOptions {
  return {
    site: 'blocks.1.hook_resid_post',
    key: 'k'.repeat(64),
    shard: 'part-fit-00000',
    modelReference: '{"base":"m","edits":[]}',
    spool: newFolder(),
    ordinal: 0,
    rows: shard.place.length,
    width: 2,
    dtype: 'float16',
    memoryBytes: 1e6,
    ...change,
  };
}

/** Feeds a writer with [token id, −token id] for every slot; `poison` replaces the value at one token id. */
function take(writer: SiteWriter, shard: ShardRows, poison?: { id: number; value: number }): void {
  for (const batch of shard.batches) {
    const ids = batchIds(shard, batch, 0);
    const data = Float32Array.from({ length: ids.length * 2 }, (_, i) => {
      const id = ids[i >> 1] as number;
      return i % 2 === 1 ? -id : id === poison?.id ? poison.value : id;
    });
    const value: TensorValue = {
      dtype: 'float32',
      dims: [batch.contexts.length, batch.length, 2],
      data,
    };
    writer.take(batch, value);
  }
}

describe('the layout of a shard', () => {
  const shard = layOutShard(TOKENS, INPUT, SETTINGS);

  it('feeds the prepended id and the tokens of each context', () => {
    expect(shard.batches.map((batch) => [...batchIds(shard, batch, 0)])).toEqual([
      [0, 11, 12, 13, 0, 14, 15, 16],
      [0, 21, 22],
      [0, 17],
    ]);
  });

  it('stores row i of the keyed permutation of rows at place i', () => {
    const rowAt = new KeyedRandom('rows', INPUT).permutation(9);
    const doc = [7, 7, 7, 7, 7, 7, 7, 9, 9];
    const pos = [0, 1, 2, 3, 4, 5, 6, 0, 1];
    expect([...shard.doc]).toEqual([...rowAt].map((row) => doc[row]));
    expect([...shard.pos]).toEqual([...rowAt].map((row) => pos[row]));
    expect([...rowAt].map((row) => shard.place[row])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('depends on the digest of the tokens and on nothing else', () => {
    expect(layOutShard(TOKENS, INPUT, { ...SETTINGS, batchTokens: 4 }).doc).toEqual(shard.doc);
    expect(layOutShard(TOKENS, 'f'.repeat(64), SETTINGS).pos).not.toEqual(shard.pos);
  });

  it('reads the documents of several token files as one shard', async () => {
    const files: string[] = [];
    for (const [n, [from, to]] of [
      [0, 7],
      [7, 9],
    ].entries()) {
      const file = path.join(newFolder(), `${n}.arrow`);
      const ids = TOKENS.ids.subarray(from, to);
      const writer = await TableWriter.open({
        table: 'tokens',
        path: file,
        shard: 's',
        metadata: null,
      });
      const doc = TOKENS.doc.subarray(n, n + 1);
      await writer.write({
        doc,
        offsets: Uint32Array.of(0, ids.length),
        ids,
        starts: ids,
        ends: ids,
      });
      await writer.finish();
      files.push(file);
    }
    expect(await readShardTokens(files)).toEqual(TOKENS);
  });
});

describe('the writer of one site', () => {
  const shard = layOutShard(TOKENS, INPUT, SETTINGS);

  it('writes no row for dropped tokens, wherever they stand, and each other row with its own value', async () => {
    const without = layOutShard(TOKENS, INPUT, { ...SETTINGS, dropTokens: [13, 22] });
    const writer = new SiteWriter(without, writerOptions(without));
    take(writer, without);
    const { files, statistics } = await writer.finish();
    writer.close();
    const { doc, pos, act } = await readActivations(files[0]?.path ?? '');
    const idOf = (row: number): number => TOKENS.ids[(doc[row] === 7 ? 0 : 7) + (pos[row] ?? 0)] ?? 0;
    const ids = [...doc.keys()].map(idOf);
    expect([...ids].sort((a, b) => a - b)).toEqual([11, 12, 14, 15, 16, 17, 21]);
    expect(ids.map((_, row) => halfToFloat(act[2 * row] ?? 0))).toEqual(ids);
    expect(statistics).toMatchObject({ rows: 7 });
    expect(layOutShard(TOKENS, INPUT, { ...SETTINGS, dropTokens: [] }).doc).toEqual(shard.doc);
  });

  it('writes the rows in stored order with their sums', async () => {
    const writer = new SiteWriter(shard, writerOptions(shard));
    take(writer, shard);
    const { files, statistics } = await writer.finish();
    writer.close();
    const columns = await readActivations(files[0]?.path ?? '');
    expect(columns.doc).toEqual(shard.doc);
    expect(columns.pos).toEqual(shard.pos);
    const total = [11, 12, 13, 14, 15, 16, 17, 21, 22].reduce((a, b) => a + b, 0);
    const squares = [11, 12, 13, 14, 15, 16, 17, 21, 22].reduce((a, b) => a + 2 * b * b, 0);
    const sumX = new Float64Array(new Uint8Array(Buffer.from(statistics['sumX'] as string, 'base64')).buffer);
    expect([...sumX]).toEqual([total, -total]);
    expect(statistics).toMatchObject({ rows: 9, tokens: 9, sumSq: squares });
  });

  it('writes the same bytes from a scratch file as from memory, and removes it', async () => {
    const bytes: string[] = [];
    for (const memoryBytes of [1e6, 0]) {
      const options = writerOptions(shard, { memoryBytes });
      const writer = new SiteWriter(shard, options);
      take(writer, shard);
      bytes.push((await writer.finish()).files[0]?.sha256 ?? '');
      expect(readdirSync(options.spool)).toHaveLength(memoryBytes === 0 ? 2 : 1);
      writer.close();
      expect(readdirSync(options.spool)).toEqual(['activations-0.arrow']);
    }
    expect(bytes[1]).toBe(bytes[0]);
  });

  it('keeps the bytes of this stage version', async () => {
    const writer = new SiteWriter(shard, writerOptions(shard));
    take(writer, shard);
    const { files } = await writer.finish();
    writer.close();
    const recorded: Record<number, string> = {
      3: 'cb93114f0872229e917609c017c26ed57d7ce26db4850dd496b3cc063fb462b1',
    };
    expect(files[0]?.sha256).toBe(recorded[activationsStage.version]);
  });

  it.each([
    [
      'float16',
      70000,
      'Expected activations within ±65504 (float16), found 70000 at site blocks.1.hook_resid_post, document 7, position 4, component 0 (shard part-fit-00000). Set activations.dtype: float32.',
    ],
    ['float16', NaN, 'Expected finite activations, found NaN at site blocks.1.hook_resid_post, document 7, position 4'],
    ['float32', -Infinity, 'Expected finite activations, found -Infinity at site'],
  ] as const)('refuses at %s the value %d, with site, document and position', (dtype, value, message) => {
    const writer = new SiteWriter(shard, writerOptions(shard, { dtype }));
    let error: unknown;
    try {
      take(writer, shard, { id: 15, value });
    } catch (thrown) {
      error = thrown;
    }
    writer.close();
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toContain(message);
    expect((error as DataError).details).toMatchObject({
      document: 7,
      position: 4,
      component: 0,
    });
  });

  it.each([
    [65504, 'float16'],
    [70000, 'float32'],
  ] as const)('stores %d at %s', async (value, dtype) => {
    const writer = new SiteWriter(shard, writerOptions(shard, { dtype }));
    take(writer, shard, { id: 15, value });
    const { statistics } = await writer.finish();
    writer.close();
    expect(statistics['sumSq']).toBeGreaterThan(value * value);
  });

  it('refuses an output of another width', () => {
    const writer = new SiteWriter(shard, writerOptions(shard, { width: 3 }));
    expect(() => {
      take(writer, shard);
    }).toThrow(
      'Expected site blocks.1.hook_resid_post as float32 or float16 with 8 × 3 values, the model gave float32 [2, 4, 2].',
    );
    writer.close();
  });

  it('keeps rows in a file that it can read back in any blocks', () => {
    const options = { rows: 5, width: 2, dtype: 'float32' } as const;
    const store = openRowStore(options, { scratch: path.join(newFolder(), 'x'), memoryBytes: 39 });
    for (const row of [3, 0, 4, 1, 2]) {
      store.slot(row).set([row, -row]);
      store.commit(row);
    }
    expect([...store.block(1, 4)]).toEqual([1, -1, 2, -2, 3, -3]);
    expect([...store.block(0, 1)]).toEqual([0, -0]);
    store.close();
  });
});
