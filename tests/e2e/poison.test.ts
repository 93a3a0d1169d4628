// Shards that cannot succeed: NaN for one token, a child that always dies on one shard. They are left out, named, and tried again when asked.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { deadlyShard, rareTokens, writePoisonedModel, type RareToken } from './harness/poison.js';
import type { Project } from './harness/project.js';
import { useScene } from './harness/scene.js';
import { untilStatus } from './harness/watch.js';

const SITE = 'blocks.2.hook_resid_post';

interface Quarantine {
  readonly shards: readonly {
    readonly stage: string;
    readonly shard: string;
    readonly errorClass: string;
    readonly message: string;
    readonly attempts: number;
    readonly details: Record<string, unknown>;
  }[];
}

const scene = useScene({ until: 'test' });
let undisturbed: Record<string, string>;
/** The same in every project, because the corpus is. */
let rare: RareToken[];

beforeAll(async () => {
  const calm = await scene.finished();
  undisturbed = await calm.digests();
  rare = await rareTokens(calm, 2);
  await scene.clear();
}, 180_000);

/** A project whose model gives NaN for one token in each of two shards. */
async function poisoned(quarantinedShards: number): Promise<Project> {
  const made = await scene.project({ run: { tolerance: { quarantinedShards } } });
  const onnx = await writePoisonedModel(
    made,
    rare.map(({ token }) => token),
  );
  const file = path.join(made.folder, 'run.yaml');
  const run = parse(await readFile(file, 'utf8')) as { model: Record<string, unknown> };
  await writeFile(file, stringify({ ...run, model: { ...run.model, onnx } }));
  return made;
}

const names = (list: readonly { readonly shard: string }[]): string[] => list.map(({ shard }) => shard).sort();

describe('NaN in the activations of two shards', () => {
  it('costs those two within the tolerance: exit 0, a warning, and the place of each', async () => {
    const within = await poisoned(0.5);
    await scene.worker(within);
    const result = await within.assay('run', 'run.yaml', '--follow');
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('Warning: 2 shards are quarantined');
    const { shards } = await within.json<Quarantine>('quarantine', 'small');
    expect(names(shards)).toEqual(names(rare));
    for (const shard of shards) {
      expect(shard).toMatchObject({ stage: 'activations', errorClass: 'DataError', attempts: 1 });
      expect(shard.details).toMatchObject({ site: SITE });
      expect(shard.details['document']).toEqual(expect.any(Number));
      expect(shard.details['position']).toEqual(expect.any(Number));
      const { document, position } = shard.details as { document: number; position: number };
      expect(shard.message).toContain(`found NaN at site ${SITE}, document ${document}, position ${position}`);
    }
    const { stages } = await untilStatus(within, ({ state }) => state === 'completed');
    const activations = stages.find(({ stage }) => stage === 'activations');
    expect(activations?.done).toBe((activations?.planned ?? 0) - 2);
    expect((await within.assay('verify', 'small/sae/acts')).code).toBe(0);
  }, 120_000);

  it('pauses a run without tolerance, and unpause lets it complete', async () => {
    const strict = await poisoned(0);
    await scene.worker(strict);
    const result = await strict.assay('run', 'run.yaml', '--follow');
    expect(result.code).toBe(1);
    expect(result.stdout + result.stderr).toMatch(
      /\d of \d+ shards of stage activations are quarantined, more than the 0 that the tolerance 0 allows/,
    );
    expect(result.stdout).toContain('assay unpause small');
    // The second shard may have been found before the pause or after it; each is accepted once.
    let pauses = 0;
    for (;;) {
      const { state } = await untilStatus(
        strict,
        (status) => status.state === 'paused' || status.state === 'completed',
      );
      if (state === 'completed') break;
      pauses++;
      const { code } = await strict.assay('unpause', 'small');
      expect(code).toBe(0);
      await untilStatus(strict, (status) => status.state !== 'paused');
    }
    expect(pauses).toBeGreaterThanOrEqual(1);
    expect(pauses).toBeLessThanOrEqual(2);
    const { shards } = await strict.json<Quarantine>('quarantine', 'small');
    expect(names(shards)).toEqual(names(rare));
  }, 120_000);
});

describe('a child that always dies on one shard', () => {
  it('costs that shard after two deaths; resume --mode errored brings it back', async () => {
    const deadly = await scene.project({ run: { tolerance: { quarantinedShards: 0.5 } } });
    const shard = rare[0]?.shard ?? '';
    const ill = await scene.worker(deadly, { env: await deadlyShard(deadly, { stage: 'activations', shard }) });
    const result = await deadly.assay('run', 'run.yaml', '--follow');
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('Warning: 1 shard is quarantined');
    const { shards } = await deadly.json<Quarantine>('quarantine', 'small');
    expect(shards).toHaveLength(1);
    expect(shards[0]).toMatchObject({ shard, attempts: 2, details: { signal: 'SIGKILL' } });
    expect(shards[0]?.message).toContain('The compute child died 2 times');
    expect(await deadly.digests()).not.toEqual(undisturbed);

    expect(await ill.stop()).toBe(0);
    await scene.worker(deadly);
    const nothing = await deadly.assay('resume', 'small');
    expect(nothing.stdout).toContain('nothing to resume');
    expect(nothing.stdout).toContain('--mode errored');
    const recovered = await deadly.assay('resume', 'small', '--mode', 'errored', '--follow');
    expect(recovered.code).toBe(0);
    expect((await deadly.json<Quarantine>('quarantine', 'small')).shards).toEqual([]);
    expect(await deadly.digests()).toEqual(undisturbed);
  }, 180_000);
});
