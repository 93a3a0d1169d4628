// The pieces that lie in files: windows of a stream by position, weights beside a model, the estimate of memory.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { buildModel } from '../../../../core/language-model/export-model.js';
import { initialParameters } from '../../../../core/language-model/initialise.js';
import { estimateMemory } from '../../../../stages/language-model/estimate-memory.js';
import { WEIGHTS_FILE, detachWeights } from '../../../../stages/language-model/external-weights.js';
import { TokenStream } from '../../../../stages/language-model/token-stream.js';
import { parseIds, runModel } from '../../../../models/run-model.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { smallConfig } from './harness.js';

describe('a local stream', () => {
  it.each(['uint16', 'uint32'] as const)('of %s gives windows by position', async (dtype) => {
    const file = path.join(temporaryFolderOfTest('language-model'), 'stream');
    const ids = Array.from({ length: 50 }, (_, i) => (dtype === 'uint16' ? i : 70_000 + i));
    const values = dtype === 'uint16' ? Uint16Array.from(ids) : Uint32Array.from(ids);
    await writeFile(file, new Uint8Array(values.buffer));
    const weights = Float32Array.from({ length: 50 }, (_, i) => i / 2);
    await writeFile(`${file}.weights`, new Uint8Array(weights.buffer));
    const stream = new TokenStream({ path: file, tokens: 50, dtype, weights: `${file}.weights` });
    const window = new Int32Array(4);
    stream.readIds(46, window);
    expect([...window]).toEqual(ids.slice(46));
    const some = new Float32Array(3);
    stream.readWeights(10, some);
    expect([...some]).toEqual([5, 5.5, 6]);
    expect(() => {
      stream.readIds(47, window);
    }).toThrow('Expected tokens 47 … 50 in a stream of 50, found none there');
    stream.close();
  });

  it('that was cut short is told', async () => {
    const file = path.join(temporaryFolderOfTest('language-model'), 'stream');
    await writeFile(file, new Uint8Array(10));
    const stream = new TokenStream({ path: file, tokens: 50, dtype: 'uint16', weights: null });
    expect(() => {
      stream.readIds(3, new Int32Array(8));
    }).toThrow(`Expected 16 bytes at 6 of ${file}, found 4; the local copy was cut short`);
    stream.close();
  });
});

describe('large weights', () => {
  it('lie beside the model, aligned, and give the same numbers', async () => {
    const { model: spec } = smallConfig({ model: { vocabulary: 64, width: 16, headWidth: 8 } });
    const model = buildModel(spec, initialParameters(spec, 1));
    const { graph, data } = detachWeights(model);
    const whole = temporaryFolderOfTest('language-model');
    const apart = path.join(whole, 'apart');
    await mkdir(apart);
    await writeFile(path.join(whole, 'model.onnx'), joinChunks(encodeModel(model)));
    await writeFile(path.join(apart, 'model.onnx'), joinChunks(encodeModel(graph)));
    await writeFile(path.join(apart, WEIGHTS_FILE), joinChunks(data));
    const outside = graph.graph?.initializer.filter((t) => t.externalData.length > 0) ?? [];
    expect(outside.length).toBeGreaterThan(3);
    for (const tensor of outside) {
      const offset = tensor.externalData.find(({ key }) => key === 'offset')?.value;
      expect(Number(offset) % 65_536).toBe(0);
    }
    const logits = async (folder: string): Promise<unknown> => {
      const values = await runModel(path.join(folder, 'model.onnx'), parseIds('[[1, 2, 3]]'), {
        ...{ hooks: [], logits: true },
        engine: { provider: 'cpu', threads: 1, optimisation: 'all' },
      });
      return values.get('logits')?.data;
    };
    expect(await logits(apart)).toEqual(await logits(whole));
  });
});

it('the estimate of memory grows with what it is made of', () => {
  const base = estimateMemory(smallConfig());
  const more = [
    smallConfig({ model: { layers: 20, width: 512, headWidth: 256, mlpWidth: 2048 } }),
    smallConfig({ model: { vocabulary: 50_000 } }),
    smallConfig({ training: { batch: 4096 } }),
  ].map(estimateMemory);
  for (const bytes of more) expect(bytes).toBeGreaterThan(base + 2 ** 20);
});
