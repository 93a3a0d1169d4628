// The self-check where sites do not hold: `model inspect` lists them with the numbers, runs and plans that want them are refused.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectDocument } from '../../../cli/render/model-document.js';
import { modelText } from '../../../cli/render/model-text.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { makeValueInfo } from '../../../core/onnx/make.js';
import type { Site } from '../../../core/hooks/sites.js';
import { spliceSites } from '../../../core/hooks/splice.js';
import type { ModelProto, TensorProto } from '../../../core/onnx/proto.js';
import { modelInspectDocument } from '../../../schemas/documents/models.js';
import { checkSites } from '../../../models/check-sites.js';
import { openModel } from '../../../models/open-model.js';
import { probeModel } from '../../../models/probe-model.js';
import { runModel } from '../../../models/run-model.js';
import { attentionWith, transformer } from '../core/hooks/graphs.js';
import { writeVjp } from '../../../models/vjp.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const PATTERN = 'blocks.0.attn.hook_pattern';
const SCORES = 'blocks.0.attn.hook_attn_scores';

const folder = temporaryFolder('check');

function save(name: string, model: ModelProto): string {
  const file = path.join(folder, name);
  writeFileSync(file, joinChunks(encodeModel(model)));
  return file;
}

/** A model whose pattern is squared after the softmax: no pattern of a known kind. */
const odd = (): string =>
  save('odd.onnx', transformer({ attention: attentionWith({ pattern: (g, p) => g.op('Mul', [p, p]) }) }));

describe('a site that breaks its equation', () => {
  it('is listed by inspect as not resolved, with the numbers; the others stay', async () => {
    const opened = await openModel(odd());
    const { path: file, summary } = opened;
    expect(summary.sites.some((site) => site.name === PATTERN)).toBe(true);
    const broken = await checkSites(opened, ENGINE);
    const document = modelInspectDocument.parse(inspectDocument(file, summary, broken));
    expect(document.unchecked).toBe(null);
    const listed = document.sites.map(({ site }) => site);
    for (const site of [PATTERN, SCORES]) {
      expect(listed).not.toContain(site);
      const reason = document.unresolved.find((one) => one.site === site)?.reason;
      expect(reason).toMatch(/^breaks pattern = softmax\(scores\): error (NaN|[\d.e-]+), allowed 0\.00002$/);
    }
    expect(listed).toContain('blocks.0.attn.hook_z');
    expect(listed).toContain('blocks.0.hook_resid_post');
    const text = layoutText(modelText(document), { columns: Infinity, colour: false });
    expect(text).toMatch(/^not resolved +blocks +why$/m);
    expect(text).toMatch(/^blocks\.\*\.attn\.hook_pattern +0 +breaks pattern/m);
    expect(text).toContain('heads      2 heads of width 4\n');
  });

  it('is refused by a run that wants it, and only by that', async () => {
    const rows = { ids: Uint32Array.of(1, 2, 3), length: 3 };
    await expect(runModel(odd(), rows, { hooks: [PATTERN], engine: ENGINE })).rejects.toThrow(
      /odd\.onnx: sites blocks\.0\.attn\.hook_pattern, blocks\.0\.attn\.hook_attn_scores cannot be trusted: expected pattern = softmax\(scores\) within 0\.00002, found an error of .*\. This structure is not supported; `assay model inspect` lists the sites that are certain\./,
    );
    const values = await runModel(odd(), rows, { hooks: ['*.*.hook_resid_*'], engine: ENGINE });
    expect(values.size).toBe(6);
  });

  it('is refused by model vjp', async () => {
    const vjp = (site: string): Promise<unknown> =>
      writeVjp(odd(), { outputs: ['logits'], wrt: [site], stop: [], out: path.join(folder, 'vjp.onnx') });
    await expect(vjp(PATTERN)).rejects.toThrow('cannot be trusted: expected pattern = softmax(scores)');
    await vjp('blocks.0.attn.hook_z');
  });

  it('is refused by a plan that wants it, alone as well: a run stores no number that model run refuses', async () => {
    const opened = await openModel(odd());
    const plan = (sites: readonly string[]): Promise<void> =>
      probeModel(opened, { sites, contextTokens: 4, engine: ENGINE });
    await plan(['blocks.0.attn.hook_z', 'blocks.0.hook_resid_post']);
    for (const sites of [[PATTERN], [SCORES], [PATTERN, SCORES]])
      await expect(plan(sites)).rejects.toThrow('cannot be trusted: expected pattern = softmax(scores)');
  });
});

describe('a model that gives NaN', () => {
  it.each<[string, number]>([
    ['NaN', NaN],
    ['infinity', Infinity],
  ])('is told so, and not that its structure is not supported: a weight of %s', async (_, bad) => {
    const model = transformer();
    const [embedding, ...others] = graphOf(model).initializer;
    const rawData = new Uint8Array(new Float32Array(16 * 8).fill(bad).buffer);
    const initializer = [{ ...(embedding as TensorProto), rawData }, ...others];
    const file = save(`bad-${bad}.onnx`, { ...model, graph: { ...graphOf(model), initializer } });
    const rows = { ids: Uint32Array.of(1, 2, 3), length: 3 };
    await expect(runModel(file, rows, { hooks: ['*.*.hook_resid_*'], engine: ENGINE })).rejects.toThrow(
      /onnx: the model gives NaN or infinity at site blocks\.\d\.\S+ for a context of ordinary token ids, so that its sites cannot be checked\. Its weights hold such values, or its activations overflow their type\. Check the weights/,
    );
    const opened = await openModel(file);
    const { unresolved } = inspectDocument(file, opened.summary, await checkSites(opened, ENGINE));
    expect(unresolved.map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/^not checked: the model gives NaN or infinity at blocks\./),
    );
  });
});

describe('the context of the check', () => {
  it('has the rows and tokens that a model fixes', async () => {
    const model = transformer();
    const graph = graphOf(model);
    const input = graph.input.map((info) => makeValueInfo(info.name ?? '', 'int64', [3, 4]));
    const opened = await openModel(save('fixed.onnx', { ...model, graph: { ...graph, input } }));
    expect(await checkSites(opened, ENGINE)).toEqual([]);
  });

  it('cannot be had of a model that does not run: inspect says why', async () => {
    const model = transformer();
    const graph = graphOf(model);
    const node = graph.node.map((one) => (one.opType === 'Relu' ? { ...one, opType: 'NoSuchOp' } : one));
    const opened = await openModel(save('op.onnx', { ...model, graph: { ...graph, node } }));
    await expect(checkSites(opened, ENGINE)).rejects.toThrow('NoSuchOp');
    // What lies behind it is found all the same, but for what needs nodes of its own.
    const { sites, unresolved } = opened.summary;
    expect(sites.some((site) => site.name === 'blocks.1.hook_resid_post')).toBe(true);
    const reason = unresolved.find(({ site }) => site === 'blocks.1.ln1.hook_scale')?.reason;
    expect(reason).toMatch(/^the element type of "LayerNormalization.*" is not known$/);
    const post = sites.find(({ name }) => name === 'blocks.1.hook_resid_post') as Site;
    expect(() => spliceSites(opened.model, [{ site: post, edit: (_, x) => x }])).toThrow(
      /^Site blocks\.1\.hook_resid_post cannot be edited: nothing tells the element type of "Add.*"\. An operator before it is not known\.$/,
    );
    const document = inspectDocument(opened.path, opened.summary, 'it does not run');
    expect(document).toMatchObject({ unchecked: 'it does not run' });
    expect(modelText(document)).toContain('not checked it does not run');
  });
});
