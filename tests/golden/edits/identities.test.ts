// What edits must obey in every architecture and at every site, without a reference: an edit to a site's own value changes
// nothing, an edit to another prompt's value is seen at the site and after it, branches that are ablated leave the stream.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, safeTensor } from '../../../core/tensor/safetensors.js';
import type { TensorValue } from '../../../runtime/session.js';
import type { ModelEdit } from '../../../schemas/model-edits.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { EXPORTED_FILES, EXPORTS } from '../../harness/fixtures.js';

const OWN = [[5, 17, 42, 3, 99, 8]];
const OTHER = [[61, 7, 33, 12, 80, 24]];
type Level = 'disabled' | 'all';

const folder = temporaryFolder('identities');
beforeAll(() => {
  writeFileSync(join(folder, 'own.json'), JSON.stringify(OWN));
  writeFileSync(join(folder, 'other.json'), JSON.stringify(OTHER));
  const basis = Array.from({ length: 64 }, (_, i) => {
    const data = new Float32Array(64);
    data[i] = 1;
    return [`e${i}`, safeTensor(data, [64])] as const;
  });
  const v = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i + 1));
  const tensors = new Map([...basis, ['v', safeTensor(v, [64])] as const]);
  writeFileSync(join(folder, 'f.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
});

interface Given {
  readonly hooks?: readonly string[];
  readonly edits?: readonly ModelEdit[];
  readonly ids?: readonly (readonly number[])[];
  readonly optimisation?: Level;
}

async function run(model: string, given: Given): Promise<ReadonlyMap<string, TensorValue>> {
  const { hooks = [], edits = [], ids = OWN, optimisation = 'all' } = given;
  const rows = { ids: Uint32Array.from(ids.flat()), length: ids[0]?.length ?? 0 };
  return runModel(join(EXPORTS, model), rows, {
    hooks,
    logits: true,
    edits: { list: edits, folder, where: (edit) => `edits[${edit}]` },
    engine: { provider: 'cpu', threads: 1, optimisation },
  });
}

function floats(values: ReadonlyMap<string, TensorValue>, name: string): Float32Array {
  const value = values.get(name);
  if (!(value?.data instanceof Float32Array)) throw new RangeError(name);
  return value.data;
}

/** max |a − b| / max |b| over finite numbers of b */
function relativeError(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let difference = 0;
  let size = 0;
  b.forEach((value, i) => {
    if (!Number.isFinite(value) || Math.abs(value) > 1e30) return; // masked scores
    difference = Math.max(difference, Math.abs((a[i] as number) - value));
    size = Math.max(size, Math.abs(value));
  });
  return size === 0 ? difference : difference / size;
}

describe.each(EXPORTED_FILES)('%s', (model) => {
  const sitesOf = async (): Promise<string[]> => {
    const { summary } = await openModel(join(EXPORTS, model));
    return summary.sites.filter((site) => site.readOnly === null).map((site) => site.name);
  };

  it.each(['disabled', 'all'] as const)(
    'is not changed by a factor of one, or by their own values, at all of its sites, optimisation %s',
    async (optimisation) => {
      const sites = await sitesOf();
      expect(sites.length).toBeGreaterThan(20);
      const logits = floats(await run(model, { optimisation }), 'logits');
      const once = sites.map((site): ModelEdit => ({ site, op: 'scale', factor: 1 }));
      const own = sites.map((site): ModelEdit => ({ site, op: 'set', value: 'run:own.json' }));
      for (const edits of [once, own]) {
        const edited = floats(await run(model, { optimisation, edits }), 'logits');
        expect(relativeError(edited, logits)).toBeLessThanOrEqual(2e-6);
      }
    },
  );

  it('has another prompt’s value at a site that is set to it, and other logits', async () => {
    const sites = await sitesOf();
    const plain = await run(model, { hooks: sites });
    const other = await run(model, { hooks: sites, ids: OTHER });
    for (const site of sites) {
      // Without positions of its own a site is the same for every prompt (position embeddings).
      if (relativeError(floats(plain, site), floats(other, site)) === 0) continue;
      const edits: ModelEdit[] = [{ site, op: 'set', value: 'run:other.json' }];
      const edited = await run(model, { hooks: [site], edits });
      expect(relativeError(floats(edited, site), floats(other, site)), site).toBeLessThanOrEqual(2e-6);
      const moved = relativeError(floats(edited, 'logits'), floats(plain, 'logits'));
      expect(moved, site).toBeGreaterThan(1e-6);
    }
  });

  it('has another prompt’s logits once its stream is set to that prompt’s', async () => {
    const other = floats(await run(model, { ids: OTHER }), 'logits');
    for (const site of ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_pre', 'blocks.1.hook_resid_post']) {
      const edited = await run(model, { edits: [{ site, op: 'set', value: 'run:other.json' }] });
      expect(relativeError(floats(edited, 'logits'), other), site).toBeLessThanOrEqual(2e-6);
    }
  });

  it('is ablated by ablating every direction, and unmoved by moving there and back', async () => {
    const site = 'blocks.0.hook_mlp_out';
    const hooks = ['blocks.1.hook_resid_post'];
    const plain = await run(model, { hooks });
    const whole = await run(model, { hooks, edits: [{ site, op: 'ablate' }] });
    const along = Array.from({ length: 64 }, (_, i): ModelEdit => ({
      site,
      op: 'ablate',
      along: `f.safetensors#e${i}`,
    }));
    const parts = await run(model, { hooks, edits: along });
    const c = 2.5;
    const there = [c, -c].map((factor): ModelEdit => ({ site, op: 'add', value: 'f.safetensors#v', factor }));
    const back = await run(model, { hooks, edits: there });
    for (const name of [...hooks, 'logits']) {
      expect(relativeError(floats(parts, name), floats(whole, name))).toBeLessThanOrEqual(2e-6);
      expect(relativeError(floats(back, name), floats(plain, name))).toBeLessThanOrEqual(2e-6);
      expect(relativeError(floats(whole, name), floats(plain, name))).toBeGreaterThan(1e-5);
    }
  });
});

// After a norm behind the sum (BERT) the stream is not the embedding any more.
it.each(EXPORTED_FILES.filter((model) => !model.startsWith('bert')))(
  '%s keeps the embedding in its stream when every branch is ablated',
  async (model) => {
    const [first, last] = ['blocks.0.hook_resid_pre', 'blocks.1.hook_resid_post'] as const;
    const branches = ['blocks.*.hook_attn_out', 'blocks.*.hook_mlp_out'];
    const edits = branches.map((site): ModelEdit => ({ site, op: 'ablate' }));
    const edited = await run(model, { hooks: [first, last], edits });
    expect(floats(edited, last)).toEqual(floats(edited, first));
  },
);
