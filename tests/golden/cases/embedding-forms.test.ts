// Proves that every form of a table lookup is found as the token embedding: Gather, GatherND, a one-hot product, ids that are
// shifted or replaced; that `hook_embed` is the row that the id picks; and that ids without a row are refused.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { constantTensor } from '../../../core/onnx/tensor-values.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { indexGraph } from '../../../core/onnx/graph-index.js';
import { makeTensor } from '../../../core/onnx/make.js';
import { findEmbedding } from '../../../core/hooks/embedding.js';
import type { Value } from '../../../core/onnx/shape.js';
import { openModel } from '../../../models/open-model.js';
import { checkSites } from '../../../models/check-sites.js';
import { parseIds, runModel } from '../../../models/run-model.js';
import { caseFile, ENGINE } from './run-case.js';

const FOLDER = '05-embedding-forms';
const rows = parseIds(readFileSync(caseFile(FOLDER, 'ids.json'), 'utf8'));

/** The row that each id picks. */
const FORMS: readonly (readonly [string, string, (id: number) => number])[] = [
  ['ids-minus-one', 'wte.weight', (id) => id - 1],
  ['ids-where', 'wte.weight', (id) => (id === 7 ? 0 : id)],
  ['one-hot-times-table', 'wte.weight', (id) => id],
  ['table-indexed', 'val_2', (id) => id],
  ['transformerlens-dynamo', 'val_2', (id) => id],
  ['transformerlens-legacy-opens', 'm.embed.W_E', (id) => id],
];

describe.each(FORMS)('%s', (name, table, rowOf) => {
  const file = caseFile(FOLDER, `${name}.onnx`);

  it('has both blocks, whose equations hold, and the row of each id at hook_embed', async () => {
    const opened = await openModel(file);
    expect(opened.summary).toMatchObject({ layers: 2, width: 32, results: { logits: 'logits' } });
    expect(await checkSites(opened, ENGINE)).toEqual([]);
    const embed = (await runModel(file, rows, { hooks: ['hook_embed'], engine: ENGINE })).get('hook_embed');
    expect(embed?.dims).toEqual([2, 9, 32]);
    const stored = constantTensor(indexGraph(graphOf(decodeModel(readFileSync(file)))), table);
    const { buffer, byteOffset = 0, byteLength = 0 } = stored?.rawData ?? {};
    const weights = new Float32Array((buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength));
    const expected = [...rows.ids].flatMap((id) => [...weights.slice(rowOf(id) * 32, rowOf(id) * 32 + 32)]);
    expect([...(embed?.data as Float32Array)]).toEqual(expected);
  });
});

it('ids that a shift leaves without a row are refused, and the range is told', async () => {
  const file = caseFile(FOLDER, 'ids-minus-one.onnx');
  expect((await openModel(file)).summary).toMatchObject({ firstId: 1, vocab: 101 });
  const run = (ids: number[]): Promise<unknown> =>
    runModel(file, { ids: Uint32Array.from(ids), length: ids.length }, { hooks: ['hook_embed'], engine: ENGINE });
  await expect(run([1, 100])).resolves.toBeDefined();
  await expect(run([1, 0])).rejects.toThrow('Expected token ids from 1 to 100 (the rows of the model');
  await expect(run([101])).rejects.toThrow('found 101 at place 0');
});

type Build = (g: GraphBuilder, ids: Value, table: Value) => Value;

function embeddingOf(build: Build): ReturnType<typeof findEmbedding> {
  const g = new GraphBuilder('lookup');
  const ids = g.input('input_ids', 'int64', ['batch', 'seq']);
  const table = g.initializer(makeTensor('table', { dims: [10, 4], data: new Float32Array(40) }));
  g.output(build(g, ids, table), 'logits');
  return findEmbedding(indexGraph(graphOf(g.toModel())));
}

const FOUND: readonly (readonly [string, Build, readonly [first: number, vocab: number]])[] = [
  ['clipped ids', (g, ids, t) => g.op('Gather', [t, g.op('Clip', [ids, g.integer(0), g.integer(9)])]), [0, 10]],
  ['ids plus 2', (g, ids, t) => g.op('Gather', [t, g.op('Add', [ids, g.integer(2)])]), [0, 8]],
  ['ids kept from falling below 3', (g, ids, t) => g.op('Gather', [t, g.op('Max', [ids, g.integer(3)])]), [0, 10]],
  [
    'OneHot',
    (g, ids, t) => {
      const values = g.initializer(makeTensor('values', { dims: [2], data: Float32Array.of(0, 1) }));
      return g.op('MatMul', [g.op('OneHot', [ids, g.integer(10), values]), t]);
    },
    [0, 10],
  ],
];

it.each(FOUND)('%s are looked up', (_, build, [firstId, vocab]) => {
  expect(embeddingOf(build)).toMatchObject({ firstId, vocab, rows: 10, width: 4 });
});

const REFUSED: readonly (readonly [string, Build])[] = [
  // What the row is depends on the token beside it.
  ['a running sum of ids', (g, ids, t) => g.op('Gather', [t, g.op('CumSum', [ids, g.integer(1)])])],
  [
    'a many-hot of ids',
    (g, ids, t) => {
      const values = g.initializer(makeTensor('values', { dims: [2], data: Float32Array.of(1, 2) }));
      return g.op('MatMul', [g.op('OneHot', [ids, g.integer(10), values]), t]);
    },
  ],
];

it.each(REFUSED)('%s is refused, with where the ids go', (_, build) => {
  expect(() => embeddingOf(build)).toThrow(/found none: "input_ids" goes into (CumSum|MatMul) "/);
});
