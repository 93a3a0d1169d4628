import { describe, expect, it } from 'vitest';
import { digestOf, stageKey } from '../../../../core/identity/digest.js';
import { ORT_VERSION } from '../../../../runtime/session.js';
import { InputError } from '../../../../schemas/errors.js';
import type { ActivationsRequest } from '../../../../stages/activations/task.js';
import { sitesOfKeys } from '../../../../stages/activations/plan.js';
import { runActivations } from '../../../../stages/activations/run.js';
import { activationsStage, siteKeys } from '../../../../stages/activations/stage.js';
import type { ActivationsConfig, ActivationsInputs } from '../../../../stages/activations/config.js';
import type { ChildOutput, StageContext, WorkItem } from '../../../../stages/stage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';

const SETTINGS = {
  contextTokens: 4,
  prependId: 0,
  packing: 'document',
  dropPositions: [0],
  batchTokens: 8,
} as const;

describe('the stage', () => {
  const config: ActivationsConfig = {
    keyed: {
      tokensKey: 'a'.repeat(64),
      model: { base: 'b'.repeat(64), edits: [] },
      ...SETTINGS,
      dtype: 'float16',
      engine: { ort: ORT_VERSION, provider: 'cpu', threads: 1, optimisation: 'all' },
    },
    aux: {
      sites: ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'],
      model: { key: 'data/m', sha256: 'm', bytes: 1 },
      external: [{ key: 'data/w', sha256: 'w', bytes: 2, location: 'weights.bin' }],
    },
  };
  const keys = siteKeys(config).map(({ key }) => key);

  it('has one key per site, made of the configuration and that site alone', () => {
    const [first] = siteKeys(config);
    const preimage = {
      stage: 'activations',
      stageVersion: activationsStage.version,
      config: { ...config.keyed, site: 'blocks.0.hook_resid_post' },
      inputs: null,
    };
    expect(first).toEqual({ site: 'blocks.0.hook_resid_post', key: stageKey(preimage), preimage });
    expect(new Set(keys).size).toBe(2);
    const more = { ...config, aux: { ...config.aux, sites: [...config.aux.sites, 'hook_embed'] } };
    expect(
      siteKeys(more)
        .map(({ key }) => key)
        .slice(0, 2),
    ).toEqual(keys);
  });

  it('refuses a key that is not of this plan', () => {
    expect(() => sitesOfKeys(config, ['f'.repeat(64)])).toThrow(InputError);
    expect(() => sitesOfKeys(config, ['f'.repeat(64)])).toThrow("Expected a key of one of the plan's sites");
  });

  function itemWith(itemKeys: readonly string[]): WorkItem<ActivationsInputs> {
    const inputs = { tokens: ['t1', 't0'] };
    const object = (sha256: string): NonNullable<WorkItem['aux']['objects']>[number] => ({
      table: 'tokens',
      shard: 's',
      key: `data/${sha256}`,
      sha256,
      bytes: 3,
      rows: 1,
      batches: [],
    });
    const aux = { objects: [object('t0'), object('t1')] };
    return {
      stage: 'activations',
      keys: itemKeys,
      input: digestOf(inputs),
      inputs,
      shard: 's',
      split: 'fit',
      size: 1,
      aux,
    };
  }

  function contextThat(answer: (request: ActivationsRequest) => ChildOutput[]): StageContext {
    const signal = new AbortController().signal;
    return {
      store: createMemoryStore(),
      cache: { fetch: ({ key }) => Promise.resolve(`/cache/${key}`) },
      children: {
        call: <Response>(_: string, request: unknown) =>
          Promise.resolve(answer(request as ActivationsRequest) as Response),
        stopAll: () => undefined,
      },
      spool: '/spool',
      signal,
      stop: signal,
      progress: () => undefined,
    };
  }

  it('asks the child for the missing sites only, in the order of the keys, on a session cut to all', async () => {
    let asked: ActivationsRequest | undefined;
    const context = contextThat((request) => {
      asked = request;
      return request.wanted.map(({ site }) => ({ files: [], statistics: { site } }));
    });
    const backwards = [...keys].reverse();
    const result = await runActivations(itemWith(backwards), config, context);
    expect(asked).toMatchObject({
      tokens: ['/cache/data/t1', '/cache/data/t0'],
      model: {
        onnx: '/cache/data/m',
        external: [{ location: 'weights.bin', path: '/cache/data/w' }],
      },
      sites: config.aux.sites,
      wanted: [
        { site: 'blocks.1.hook_resid_post', key: keys[1] },
        { site: 'blocks.0.hook_resid_post', key: keys[0] },
      ],
    });
    expect(result.finished).toBe(true);
    expect(result.outputs.map((o) => [o.key, o.statistics['site']])).toEqual([
      [keys[1], 'blocks.1.hook_resid_post'],
      [keys[0], 'blocks.0.hook_resid_post'],
    ]);
    expect(result.outputs[0]?.engine).toMatchObject({
      ort: ORT_VERSION,
      provider: 'cpu',
      threads: 1,
      sites: config.aux.sites,
    });
  });

  it('refuses to compute with another ONNX Runtime than the keys say', async () => {
    const engine = { ...config.keyed.engine, ort: '1.0.0' };
    const other = { ...config, keyed: { ...config.keyed, engine } };
    await expect(
      runActivations(
        itemWith(keys),
        other,
        contextThat(() => []),
      ),
    ).rejects.toThrow(`The run was planned for ONNX Runtime 1.0.0, this worker has ${ORT_VERSION}`);
  });

  it('says which tokens object it does not know', async () => {
    const item = { ...itemWith(keys), aux: {} };
    await expect(
      runActivations(
        item,
        config,
        contextThat(() => []),
      ),
    ).rejects.toThrow('Expected to know where the tokens object t1 of shard s lies');
  });
});
