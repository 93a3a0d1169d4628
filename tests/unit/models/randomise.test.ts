// A model without training (models/randomise.ts): each weight matrix has the same entries in other places, everything else is as it was.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { openModel } from '../../../models/open-model.js';
import { writeRandomised } from '../../../models/randomise.js';
import { EXPORTED_FILES, EXPORTS } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('randomise');

const tensorsOf = (file: string): Map<string, { readonly dims: readonly number[]; readonly bytes: Buffer }> =>
  new Map(
    graphOf(decodeModel(readFileSync(file))).initializer.map(({ name = '', dims, rawData }) => [
      name,
      { dims, bytes: Buffer.from(rawData ?? []) },
    ]),
  );

const sorted = (bytes: Buffer): string =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i))
    .sort((a, b) => a - b)
    .join();

describe('a model without training', () => {
  it.each(EXPORTED_FILES)('%s: matrices keep their entries, the rest stays as it was', async (name) => {
    const [source, out] = [path.join(EXPORTS, name), path.join(folder, name)];
    const { matrices } = await writeRandomised(source, { out, seed: 0 });
    const [before, after] = [tensorsOf(source), tensorsOf(out)];
    const { summary } = await openModel(source);
    const other = [...before].filter(
      ([tensor, { bytes }]) => !bytes.equals(after.get(tensor)?.bytes ?? Buffer.alloc(0)),
    );
    expect(other).toHaveLength(matrices);
    // The embedding and at least four matrices of each block.
    expect(matrices).toBeGreaterThan(4 * summary.layers);
    for (const [tensor, { dims, bytes }] of other) {
      expect(dims.length).toBeGreaterThanOrEqual(2);
      expect(sorted(after.get(tensor)?.bytes ?? Buffer.alloc(0))).toBe(sorted(bytes));
    }
    expect((await openModel(out)).summary.sites).toEqual(summary.sites);
  });

  it('is the same for the same seed, another for another, and computes something else', async () => {
    const source = path.join(EXPORTS, 'gpt2.dynamo.onnx');
    const file = (name: string): string => path.join(folder, name);
    await writeRandomised(source, { out: file('a.onnx'), seed: 0 });
    await writeRandomised(source, { out: file('b.onnx'), seed: 0 });
    await writeRandomised(source, { out: file('c.onnx'), seed: 1 });
    const digests = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => (await openModel(file(`${name}.onnx`))).summary.digest),
    );
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it('is refused over its own file', async () => {
    const source = path.join(EXPORTS, 'gpt2.dynamo.onnx');
    await expect(writeRandomised(source, { out: source, seed: 0 })).rejects.toThrow(
      "a file other than the model's own",
    );
  });
});
