// Models that compute in [pos, batch, …] (nn.TransformerEncoder as PyTorch makes it by default) and one that puts positions of
// its own before the tokens: every consumer of sites gets what PyTorch has in [batch, pos, …], or a refusal.
import { mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { asFloat32, asIntegers } from '../../../core/tensor/safetensors.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { checkSites } from '../../../models/check-sites.js';
import { openModel } from '../../../models/open-model.js';
import { computeModelRun, runModel } from '../../../models/run-model.js';
import { ORT_VERSION, Session } from '../../../runtime/session.js';
import { runActivationsTask, type ActivationsRequest } from '../../../stages/activations/task.js';
import { readActivations } from '../../../storage/tables/read.js';
import { TableWriter } from '../../../storage/tables/table-writer.js';
import type { ModelEdit } from '../../../schemas/model-edits.js';
import { childContext } from '../../harness/local-children.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { largestError, readReference, tensorOf } from '../reference.js';

const CASES = 'tests/cases/model/01-seq-first';
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const POST = 'blocks.0.hook_resid_post';
const folder = temporaryFolder('seq-first');

describe.each(['transformer-encoder-prenorm', 'transformer-encoder-postnorm'])('%s', (name) => {
  const model = path.join(CASES, `${name}.onnx`);
  const { tensors, ...rows } = readReference(path.join(CASES, `${name}.safetensors`));
  const sites = [...tensors.keys()].filter((key) => key.startsWith('blocks.'));

  it('gives its sites in [batch, pos, …], with attention inside, and passes its own check', async () => {
    const opened = await openModel(model);
    expect(opened.summary.unresolved).toEqual([]);
    expect(opened.summary.sites.map((site) => site.name)).toContain('blocks.1.attn.hook_z');
    expect(await checkSites(opened, ENGINE)).toEqual([]);
    const values = await runModel(model, rows, { hooks: sites, logits: true, engine: ENGINE });
    for (const site of [...sites, 'logits']) {
      const right = tensorOf(tensors, site);
      expect(values.get(site)?.dims, site).toEqual(right.shape);
      expect(largestError(values.get(site)?.data as Float32Array, asFloat32(right)), site).toBeLessThan(2e-6);
    }
  });

  it('gives gradients in the same axes', async () => {
    const vjp = buildSiteVjp(decodeModel(readFileSync(model)), { outputs: ['logits'], wrt: sites, stop: [] });
    const session = await Session.create(joinChunks(encodeModel(vjp)), ENGINE);
    const [ids, cotangent] = [tensorOf(tensors, 'input_ids'), tensorOf(tensors, 'cotangent')];
    const results = await session.run({
      input_ids: { dtype: 'int64', dims: ids.shape, data: BigInt64Array.from(asIntegers(ids), BigInt) },
      'cotangent.logits': { dtype: 'float32', dims: cotangent.shape, data: asFloat32(cotangent) },
    });
    for (const site of sites) {
      const right = tensorOf(tensors, `grad.${site}`);
      expect(results[`grad.${site}`]?.dims, site).toEqual(right.shape);
      expect(largestError(results[`grad.${site}`]?.data as Float32Array, asFloat32(right)), site).toBeLessThan(1e-5);
    }
    await session.release();
  });
});

describe('a model in [pos, batch, …]', () => {
  const model = path.join(CASES, 'transformer-encoder-prenorm.onnx');
  const { tensors, ...rows } = readReference(path.join(CASES, 'transformer-encoder-prenorm.safetensors'));

  it.each([1, 5])('is edited at position %i of every row', async (position) => {
    const edit: ModelEdit = { site: POST, op: 'ablate', at: [position] };
    const edits = { list: [edit], folder: '.', where: () => '--edit' };
    const { values } = await computeModelRun(model, rows, { hooks: [POST], logits: true, edits, engine: ENGINE });
    const right = tensorOf(tensors, `logits with ${POST} ablated at position ${position}`);
    expect(largestError(values.get('logits')?.data as Float32Array, asFloat32(right))).toBeLessThan(2e-6);
    const stream = values.get(POST)?.data as Float32Array;
    const zeros = Array.from({ length: 18 }, (_, i) => stream.subarray(i * 32, i * 32 + 32).every((x) => x === 0));
    expect(zeros.flatMap((zero, i) => (zero ? [i % 9] : []))).toEqual([position, position]);
  });

  it('is stored by the activations stage row by row as PyTorch has it', async () => {
    const tokens = path.join(folder, 'tokens.arrow');
    const writer = await TableWriter.open({ table: 'tokens', path: tokens, shard: 's', metadata: null });
    const starts = Uint32Array.from(rows.ids, (_, i) => i % 9);
    const list = { offsets: Uint32Array.of(0, 9, 18), ids: rows.ids, starts, ends: starts };
    await writer.write({ doc: Uint32Array.of(0, 1), ...list });
    await writer.finish();
    const [output] = await runActivationsTask(request(tokens, model), childContext());
    const { doc, pos, act } = await readActivations(output?.files[0]?.path ?? '');
    const right = asFloat32(tensorOf(tensors, POST));
    const expected = Array.from(pos, (p, row) => {
      const from = ((doc[row] ?? 0) * 9 + p) * 32;
      return Array.from(right.subarray(from, from + 32));
    }).flat();
    expect(pos).toHaveLength(18);
    expect(largestError(act as Float32Array, expected)).toBeLessThan(2e-6);
  });
});

function request(tokens: string, onnx: string): ActivationsRequest {
  return {
    shard: 's',
    input: 'b'.repeat(64),
    tokens: [tokens],
    model: { onnx, external: [] },
    keyed: {
      tokensKey: 'a'.repeat(64),
      model: { base: 'c'.repeat(64), edits: [] },
      contextTokens: 9,
      prependId: null,
      packing: 'document',
      dropPositions: [],
      dtype: 'float32',
      batchTokens: 8192,
      engine: { ort: ORT_VERSION, ...ENGINE },
    },
    sites: [POST],
    wanted: [{ site: POST, key: '0'.repeat(64) }],
    spool: mkdtempSync(path.join(folder, 'spool-')),
  };
}

describe('a model with a soft prompt', () => {
  it('has no sites at positions that are not those of the tokens, and says why', async () => {
    const model = path.join(CASES, 'soft-prompt.onnx');
    const { summary } = await openModel(model);
    expect(summary.sites.map(({ name }) => name)).toEqual(['hook_embed']);
    expect(summary.unresolved.find(({ site }) => site === POST)?.reason).toMatch(
      /^its positions or rows are not those of the token ids: node "node_cat" \(Concat\)/,
    );
    const rows = { ids: Uint32Array.of(1, 2, 3), length: 3 };
    await expect(runModel(model, rows, { hooks: [POST], engine: ENGINE })).rejects.toThrow(
      /blocks\.0\.hook_resid_post.*its positions or rows are not those of the token ids/,
    );
  });
});
