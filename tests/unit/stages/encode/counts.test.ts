// The counts object of an encode commit: its bytes as any safetensors reader sees them, and how near a recomputed one must be.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { readCounts, writeCounts, type ShardCounts } from '../../../../stages/encode/counts-file.js';
import { equalWithinTolerance } from '../../../../pipeline/lot/tolerance.js';
import type { SpoolFile } from '../../../../stages/stage.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const COUNTS: ShardCounts = {
  perDocument: Float64Array.of(2, 8.5, 0.25, 3, 1, 2, 0.5, 0),
  sumX: Float64Array.of(1.5, -2, 1e300),
  fired: Uint32Array.of(0, 3, 0, 2 ** 32 - 1, 7),
};
const SHAPE = { documents: 2, width: 3, features: 5 };

const folder = temporaryFolder('counts');
let made = 0;

async function write(change: Partial<ShardCounts> = {}): Promise<SpoolFile> {
  const file = path.join(folder, `${made++}.safetensors`);
  return writeCounts(file, { ...COUNTS, ...change }, { site: 's' });
}

describe('counts of a shard', () => {
  it('come back as they were written, from a file that its record describes', async () => {
    const file = await write();
    const bytes = await readFile(file.path);
    expect(file).toMatchObject({
      table: 'counts',
      extension: 'safetensors',
      sha256: sha256Hex(bytes),
      bytes: bytes.length,
      rows: 5,
      batches: [],
    });
    expect(await readCounts(file.path, 'p', SHAPE)).toEqual(COUNTS);
  });

  it('lie in the file as safetensors says, little-endian, each at a multiple of its size', async () => {
    const bytes = await readFile((await write()).path);
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    expect(start % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, start))).toEqual({
      __metadata__: { site: 's' },
      per_document: { dtype: 'F64', shape: [2, 4], data_offsets: [0, 64] },
      sum_x: { dtype: 'F64', shape: [3], data_offsets: [64, 88] },
      fired: { dtype: 'U32', shape: [5], data_offsets: [88, 108] },
    });
    expect(bytes.readDoubleLE(start + 8)).toBe(8.5);
    expect(bytes.readDoubleLE(start + 64 + 8)).toBe(-2);
    expect(bytes.readUInt32LE(start + 88 + 12)).toBe(2 ** 32 - 1);
    expect(bytes.length).toBe(start + 108);
  });

  it('of a shard without rows are empty and can be read', async () => {
    const file = await write({ perDocument: new Float64Array(0) });
    const read = await readCounts(file.path, 'p', { ...SHAPE, documents: 0 });
    expect(read.perDocument.length).toBe(0);
  });

  it('of another size are refused with both numbers', async () => {
    const { path: file } = await write();
    await expect(readCounts(file, 'p', { ...SHAPE, width: 4 })).rejects.toThrow(
      'Expected 4 numbers in tensor sum_x of the counts of encode commit p, found 3;',
    );
  });
});

describe('recomputed counts', () => {
  const near = async (change: Partial<ShardCounts>): Promise<boolean> =>
    equalWithinTolerance('counts', await readFile((await write()).path), await readFile((await write(change)).path));
  const changed = (at: number, value: number): Partial<ShardCounts> => ({
    perDocument: COUNTS.perDocument.with(at, value),
  });

  it('may differ a little in sums of squares', async () => {
    expect(await near(changed(1, 8.5 * 1.005))).toBe(true);
    expect(await near(changed(2, 0.25 * 1.005))).toBe(true);
    expect(await near(changed(2, 0.25 * 1.05))).toBe(false);
  });

  it('must have the same rows, firings and inputs', async () => {
    expect(await near(changed(0, 3))).toBe(false);
    expect(await near(changed(3, 4))).toBe(false);
    expect(await near({ sumX: COUNTS.sumX.with(0, 1.5000001) })).toBe(false);
    expect(await near({ fired: COUNTS.fired.with(1, 2) })).toBe(false);
    expect(await near({ perDocument: COUNTS.perDocument.subarray(0, 4) })).toBe(false);
  });
});
