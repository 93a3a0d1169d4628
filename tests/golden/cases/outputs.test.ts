// Proves that one rule says which output of a model is its result, for the blocks, `logits` of a run and of a backward graph,
// and what inspect tells: models whose first output is a hidden state, against PyTorch's values.
import { describe, expect, it } from 'vitest';
import { inspectDocument } from '../../../cli/render/model-document.js';
import { modelText } from '../../../cli/render/model-text.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { makeValueInfo } from '../../../core/onnx/make.js';
import { resolveSites } from '../../../core/hooks/sites.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { Session } from '../../../runtime/session.js';
import { tensorOf } from '../reference.js';
import { transformer, project, VOCAB } from '../../unit/core/hooks/graphs.js';
import { caseFile, caseReference, ENGINE, expectValue } from './run-case.js';

const FOLDER = '02-outputs';
const MODELS = ['h0-h1-h2-out', 'last_hidden_state-then-logits', 'layer1-then-output'].map((name) => `${name}.onnx`);
const reference = caseReference(FOLDER, 'reference.safetensors');
const POST = 'blocks.1.hook_resid_post';

describe.each(MODELS)('%s', (name) => {
  const file = caseFile(FOLDER, name);

  it("has both blocks, and PyTorch's values at the last one and at logits", async () => {
    const values = await runModel(file, reference, { hooks: [POST, 'logits'], engine: ENGINE });
    expect([...values.keys()]).toEqual([POST, 'logits']);
    for (const site of values.keys()) expectValue(values.get(site), reference, site);
  });

  it("has PyTorch's gradient of its logits", async () => {
    const { model } = await openModel(file);
    const site = 'blocks.0.hook_resid_post';
    const vjp = buildSiteVjp(model, { outputs: ['logits'], wrt: [site], stop: [] });
    const session = await Session.create(joinChunks(encodeModel(vjp)), ENGINE);
    const ids = { dtype: 'int64', dims: [2, 9], data: BigInt64Array.from(reference.ids, BigInt) } as const;
    const mask = { ...ids, data: BigInt64Array.from(reference.ids, () => 1n) };
    const cotangent = { dtype: 'float32', dims: [2, 9, 100] } as const;
    const data = asFloat32(tensorOf(reference.tensors, 'cotangent'));
    const feeds = { input_ids: ids, attention_mask: mask, 'cotangent.logits': { ...cotangent, data } };
    const wanted = session.inputs;
    const results = await session.run(
      Object.fromEntries(Object.entries(feeds).filter(([input]) => wanted.includes(input))),
      [`grad.${site}`],
    );
    await session.release();
    expectValue(results[`grad.${site}`], reference, `grad.${site}`);
  });

  it('tells which output is the logits, and nothing beyond it', async () => {
    const { path: at, summary } = await openModel(file);
    expect(summary.results.logits).toBe(summary.outputs.at(-1));
    const text = layoutText(modelText(inspectDocument(at, summary, [])), { columns: Infinity, colour: false });
    expect(text).toMatch(/^logits +(out|logits|output)$/m);
    expect(summary.results.beyond).toEqual([]);
  });
});

/** A model of four blocks with an early exit after two, both as wide as the vocabulary; `full` is the end's name. */
function withExit(exit: string, full: string): ReturnType<typeof transformer> {
  const model = transformer({ layers: 4 });
  const middle = resolveSites(model).sites.find((site) => site.name === 'blocks.1.hook_resid_post')?.tensor ?? '';
  const named = graphOf(model).node.map((node) => ({
    ...node,
    output: node.output.map((name) => (name === 'logits' ? full : name)),
  }));
  const g = GraphBuilder.over({ ...model, graph: { ...graphOf(model), node: named, output: [] } });
  g.output(project(g, g.value(middle), VOCAB), exit);
  const graph = graphOf(g.toModel());
  const end = makeValueInfo(full, 'float32', ['batch', 'seq', VOCAB]);
  return { ...model, graph: { ...graph, output: [...graph.output, end] } };
}

describe('an early exit', () => {
  it('does not end the model: the output behind the most attention is the logits, wherever it stands', () => {
    const { layers, results } = resolveSites(withExit('exit_logits', 'final_scores'));
    expect(layers).toBe(4);
    expect(results).toEqual({
      result: 'final_scores',
      logits: 'final_scores',
      beyond: [{ output: 'exit_logits', products: 1 }],
    });
  });

  it('called logits is the result, as its name says, and what lies beyond it is named', () => {
    const { layers, results } = resolveSites(withExit('logits', 'final_scores'));
    expect(layers).toBe(2);
    expect(results.result).toBe('logits');
    expect(results.beyond).toEqual([{ output: 'final_scores', products: 17 }]);
  });
});

it('logits is refused where no output is it for certain, and an output is taken by its name', () => {
  const model = transformer();
  const graph = graphOf(model);
  const [logits] = graph.output;
  const post = resolveSites(model).sites.find((site) => site.name === POST)?.tensor ?? '';
  const two = { ...model, graph: { ...graph, output: [makeValueInfo(post, 'float32', ['batch', 'seq', 8])] } };
  expect(logits?.name).toBeDefined();
  expect(resolveSites(two).results).toMatchObject({ result: post, logits: null });
  expect(() => buildSiteVjp(two, { outputs: ['logits'], wrt: [POST], stop: [] })).toThrow(
    /Expected an output with the model's logits, found none that is certain among /,
  );
});
