// Proves that a model which takes positions as an input is fed the numbers that its table counts from (RoBERTa: 2), against
// PyTorch's values; that a table which does not tell is asked about and never assumed; and what a mask and positions of one's own do.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectDocument } from '../../../cli/render/model-document.js';
import { modelText } from '../../../cli/render/model-text.js';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import type { ModelProto, TensorProto } from '../../../core/onnx/proto.js';
import { openModel } from '../../../models/open-model.js';
import { positionStart } from '../../../models/position-start.js';
import { withPositions } from '../../../pipeline/resolve/position-start.js';
import { runModel } from '../../../models/run-model.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { caseFile, caseReference, ENGINE, expectValue } from './run-case.js';

const FOLDER = '08-position-input';
const file = caseFile(FOLDER, 'roberta-position-ids.onnx');
const reference = caseReference(FOLDER, 'roberta-position-ids.safetensors');
const hooks = ['blocks.0.hook_resid_post', 'logits'];
const folder = temporaryFolder('positions');
const TABLE = 'm.roberta.embeddings.position_embeddings.weight';

const { ids, length } = reference;
const countFrom = (start: number): Uint32Array => Uint32Array.from(ids, (_, i) => start + (i % length));
const run = (more: object): ReturnType<typeof runModel> =>
  runModel(file, { ids, length, ...more }, { hooks, engine: ENGINE });

it("is asked about where no row of the table is zero; with the positions that PyTorch took it has PyTorch's values", async () => {
  await expect(run({})).rejects.toThrow(
    'Expected to be told from which number the model counts the positions of input "position_ids"',
  );
  const values = await run({ positions: countFrom(1) });
  for (const name of hooks) expectValue(values.get(name), reference, name);
  const { summary } = await openModel(file);
  expect(() => withPositions(summary, { place: file, given: undefined })).toThrow('model.positionStart in a run file');
  expect(withPositions(summary, { place: file, given: 1 })).toMatchObject({ maxPositions: 63 });
});

/** The model with another position table. */
function withTable(change: (table: TensorProto, floats: Float32Array) => TensorProto): ModelProto {
  const model = decodeModel(readFileSync(file));
  const graph = graphOf(model);
  const initializer = graph.initializer.map((tensor) => {
    if (tensor.name !== TABLE) return tensor;
    const bytes = Uint8Array.from(tensor.rawData ?? []);
    return change(tensor, new Float32Array(bytes.buffer));
  });
  return { ...model, graph: { ...graph, initializer } };
}

const bytesOf = (floats: Float32Array): Uint8Array => new Uint8Array(floats.buffer);
const PLACES = { external: [] };
const AT_TABLE = { positionRows: { table: TABLE, shift: 0 } };

describe('the first number', () => {
  it.each([
    [0, 1],
    [1, 2],
    [3, 4],
  ])('is the one after the row of zeros: row %i, first %i', async (row, first) => {
    const model = withTable((tensor, floats) => {
      floats.fill(1);
      floats.fill(0, row * 32, row * 32 + 32);
      return { ...tensor, rawData: bytesOf(floats) };
    });
    expect(await positionStart(model, AT_TABLE, PLACES)).toBe(first);
    const shifted = { positionRows: { table: TABLE, shift: first } };
    expect(await positionStart(model, shifted, PLACES)).toBe(0);
  });

  it('is 0 where no table is picked from', async () => {
    const model = withTable((tensor) => tensor);
    expect(await positionStart(model, { positionRows: null }, PLACES)).toBe(0);
  });

  it('is not known where no row is zero, where all are, and where the table cannot be read', async () => {
    const ones = withTable((tensor, floats) => ({ ...tensor, rawData: bytesOf(floats.fill(1)) }));
    expect(await positionStart(ones, AT_TABLE, PLACES)).toBe(null);
    const model = withTable((tensor, floats) => ({ ...tensor, rawData: bytesOf(floats.fill(0)) }));
    expect(await positionStart(model, AT_TABLE, PLACES)).toBe(null);
    expect(await positionStart(model, { positionRows: { table: null, shift: 0 } }, PLACES)).toBe(null);
  });

  it('is read from a file beside the model too', async () => {
    const floats = new Float32Array(66 * 32).fill(1).fill(0, 32, 64);
    writeFileSync(path.join(folder, 'weights'), Buffer.concat([Buffer.alloc(8), bytesOf(floats)]));
    const model = withTable(({ rawData: _, ...tensor }) => ({
      ...tensor,
      externalData: Object.entries({ location: 'w', offset: '8' }).map(([key, value]) => ({ key, value })),
    }));
    const external = [{ location: 'w', path: path.join(folder, 'weights') }];
    expect(await positionStart(model, AT_TABLE, { external })).toBe(2);
  });
});

it('a table with a row of zeros is counted from the row after it, in runs and in what inspect says', async () => {
  const at = path.join(folder, 'padded.onnx');
  const padded = withTable((tensor, floats) => ({ ...tensor, rawData: bytesOf(floats.fill(0, 32, 64)) }));
  writeFileSync(at, joinChunks(encodeModel(padded)));
  const { summary } = await openModel(at);
  expect(modelText(inspectDocument(at, summary, []))).toContain('positions  62, counted from 2');
  const runAt = (more: object): ReturnType<typeof runModel> =>
    runModel(at, { ids, length, ...more }, { hooks: ['logits'], engine: ENGINE });
  const [found, told] = [await runAt({}), await runAt({ positions: countFrom(2) })];
  expect(found.get('logits')?.data).toEqual(told.get('logits')?.data);
  // What the run file says goes before what the table tells.
  expect(withPositions(summary, { place: at, given: 0 })).toMatchObject({ maxPositions: 64 });
});

it('a model without an input of positions refuses a number for it', async () => {
  const { summary } = await openModel(caseFile('05-embedding-forms', 'table-indexed.onnx'));
  expect(summary.maxPositions).toBe(64);
  expect(() => withPositions(summary, { place: 'model.onnx', given: 0 })).toThrow('takes no positions as an input');
});

it('positions are asked for where padding comes first, and not where it comes last', async () => {
  const first = Uint32Array.from(ids, (_, i) => Number(i % length > 1));
  const last = Uint32Array.from(ids, (_, i) => Number(i % length < 7));
  await expect(run({ mask: first, positionStart: 1 })).rejects.toThrow(
    'Expected positions beside a mask that hides places before tokens',
  );
  const values = await run({ mask: last, positionStart: 1 });
  const whole = await run({ positionStart: 1 });
  expectValue(whole.get('logits'), reference, 'logits');
  expect(values.get('logits')?.data).not.toEqual(whole.get('logits')?.data);
});
