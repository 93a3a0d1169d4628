// A dictionary of frozen experts through the stage's steps: routes are balanced, rows are sorted by expert, experts resume to the same
// bytes, the joined dictionary has their tensors end to end, and encoding fires only features of a row's own expert.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import { halfsToFloats } from '../../../../core/tensor/half.js';
import type { StoredSettings } from '../../../../schemas/dictionaries.js';
import type { Commit } from '../../../../schemas/records.js';
import type { Split } from '../../../../schemas/stages.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { StageOutput, StageResult, WorkItem } from '../../../../stages/stage.js';
import type { RoutedConfig, RoutedInputs } from '../../../../stages/train/routed/config.js';
import { expertShard } from '../../../../stages/train/routed/names.js';
import { createTrainingRun } from '../../../../stages/train/run.js';
import { writeSegment } from '../../../../storage/records/segments.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { WIDTH, encodeConfig, fileOf, makeWorld, sha256, storeFile, trainConfig, type ShardSpec, type World } from './harness.js'; // prettier-ignore

const place = temporaryFolder('routed');
const [EXPERTS, FEATURES, STEPS] = [4, 64, 150];
const EACH = FEATURES / EXPERTS;
const SITE = 'blocks.0.hook_resid_post';
const SHARDS: readonly ShardSpec[] = [
  { name: 'p-fit-00000', split: 'fit', rows: 3000, seed: 1 },
  { name: 'p-fit-00001', split: 'fit', rows: 1800, seed: 2 },
  { name: 'p-calib-00000', split: 'calib', rows: 600, seed: 3 },
  { name: 'p-test-00000', split: 'test', rows: 400, seed: 4 },
];

/** The steps of one dictionary on the harness's activations. */
class Routed {
  readonly world: World;
  readonly sae: StoredSettings;
  routes: StageOutput | null = null;
  rows: Commit[] = [];
  experts: StageOutput[] = [];

  constructor(world: World, sae: Partial<StoredSettings> = {}) {
    this.world = world;
    const routed = { experts: EXPERTS, kind: 'frozen' as const };
    this.sae = { ...trainConfig('r').keyed.sae, features: FEATURES, tokens: EXPERTS * STEPS * 64, batchRows: 64, routed, ...sae }; // prettier-ignore
  }

  async #routesFile() {
    const file = this.routes?.files[0];
    if (!file) throw new TypeError('no routes');
    return storeFile(this.world.store, 'routes', file);
  }

  async #config(part: 'rows' | 'experts' | 'join'): Promise<RoutedConfig> {
    const { dtype, runSeed, engine } = trainConfig('r').keyed;
    const { key, sha256: digest, bytes } = await this.#routesFile();
    const routes = { key, sha256: digest, bytes };
    const common = { activationsKey: sha256('activations'), routes: digest, dtype, engine };
    const aux = { width: WIDTH, site: SITE, model: 'none', name: 'r', routes };
    const trained = { ...common, site: SITE, runSeed, sae: this.sae };
    if (part === 'rows') return { keyed: { part, ...common, experts: EXPERTS }, aux };
    return part === 'experts' ? { keyed: { part, ...trained }, aux } : { keyed: { part, ...trained }, aux };
  }

  #item(parts: Partial<WorkItem<RoutedInputs>> & Pick<WorkItem<RoutedInputs>, 'inputs'>): WorkItem<RoutedInputs> {
    return {
      ...{ stage: 'train', keys: [sha256('routed')], input: sha256(JSON.stringify(parts.inputs)), shard: 'all' },
      ...{ split: null, size: 1, aux: {} },
      ...parts,
    };
  }

  async #run(item: WorkItem<RoutedInputs>, config: RoutedConfig, stopAt = Infinity): Promise<StageResult> {
    const controller = new AbortController();
    const context = await this.world.context({
      stop: controller.signal,
      onProgress: (step) => {
        if (step >= stopAt) controller.abort();
      },
    });
    return createTrainingRun()(item as never, config, context);
  }

  async findRoutes(): Promise<StageOutput> {
    const { dtype, runSeed, engine } = trainConfig('r').keyed;
    const config: RoutedConfig = {
      keyed: { part: 'routes', activationsKey: sha256('activations'), dtype, runSeed, experts: EXPERTS, engine },
      aux: { width: WIDTH, site: SITE, model: 'none' },
    };
    const item = this.#item({ inputs: { snapshot: sha256('snapshot') }, aux: { segments: this.world.segments } });
    this.routes = (await this.#run(item, config)).outputs[0] as StageOutput;
    return this.routes;
  }

  async sortRows(): Promise<Commit[]> {
    const config = await this.#config('rows');
    for (const commit of this.world.commits.filter(({ split }) => split !== 'test')) {
      const inputs = { activations: commit.objects.map((object) => object.sha256) };
      const item = this.#item({ inputs, shard: commit.shard, split: commit.split, aux: { objects: commit.objects } });
      const [output] = (await this.#run(item, config)).outputs;
      this.rows.push(await this.#commit(output as StageOutput, commit.shard, commit.split));
    }
    return this.rows;
  }

  async #commit(output: StageOutput, shard: string, split: Split | null): Promise<Commit> {
    const objects = [];
    for (const file of output.files) objects.push(await storeFile(this.world.store, shard, file));
    const first = this.world.commits[0] as Commit;
    return { ...first, input: sha256(shard), shard, split, objects, statistics: output.statistics };
  }

  async trainExpert(expert: number, stopAt = Infinity): Promise<{ output: StageOutput; links: number }> {
    const config = await this.#config('experts');
    const segments = [await writeSegment(this.world.store, this.rows)];
    const inputs = { snapshot: sha256('rows'), expert };
    const item = this.#item({ inputs, shard: expertShard(expert), aux: { segments } });
    for (let links = 1; ; links++) {
      const { finished, outputs } = await this.#run(item, config, links === 1 ? stopAt : Infinity);
      if (finished) return { output: outputs[0] as StageOutput, links };
    }
  }

  async join(): Promise<StageOutput> {
    const commits: Commit[] = [];
    for (const [expert, output] of this.experts.entries())
      commits.push(await this.#commit(output, expertShard(expert), null));
    const segments = [await writeSegment(this.world.store, commits.reverse())];
    const item = this.#item({ inputs: { snapshot: sha256('experts') }, aux: { segments } });
    return (await this.#run(item, await this.#config('join'))).outputs[0] as StageOutput;
  }

  /** All steps. */
  async make(): Promise<StageOutput> {
    await this.findRoutes();
    await this.sortRows();
    for (let expert = 0; expert < EXPERTS; expert++) this.experts.push((await this.trainExpert(expert)).output);
    return this.join();
  }
}

const tensorsOf = async (output: StageOutput): Promise<Map<string, SafeTensor>> =>
  decodeSafetensors(await readFile(fileOf(output, 'weights')));

describe('a dictionary of frozen experts', () => {
  let world: World;
  let routed: Routed;
  let joined: StageOutput;
  beforeAll(async () => {
    world = await makeWorld(place, SHARDS);
    routed = new Routed(world);
    joined = await routed.make();
  }, 60_000);

  it('has routes under which no expert has more than its share of the fit rows', () => {
    expect(routed.routes?.statistics['sampleRows']).toBe(4800);
    const fit = routed.rows.filter(({ split }) => split === 'fit').map(({ statistics }) => statistics['rowsByExpert']);
    const counts = (fit as number[][]).reduce((sum, own) => sum.map((n, e) => n + (own[e] as number)));
    expect(counts.reduce((a, b) => a + b)).toBe(4800);
    for (const count of counts) expect(Math.abs((count * EXPERTS) / 4800 - 1)).toBeLessThan(0.1);
    expect(joined.statistics['experts']).toEqual({
      number: EXPERTS,
      largestShare: (Math.max(...counts) * EXPERTS) / 4800,
    });
  });

  it('has every row once among the sorted ones, and batches of one expert', async () => {
    const commit = routed.rows[0] as Commit;
    const bytes = await world.store.get(commit.objects[0]?.key ?? '');
    const { columns, rows } = await readTable('routed', bytes as Uint8Array);
    const names = new Set(Array.from({ length: rows }, (_, i) => `${columns.doc[i] ?? ''} ${columns.pos[i] ?? ''}`));
    expect([rows, names.size]).toEqual([3000, 3000]);
    for (const batch of commit.objects.flatMap((object) => object.batches)) expect(batch.min).toBe(batch.max);
    const [W, b] = await Promise.all(['W_router', 'b_router'].map(async (name) => asFloat32((await tensorsOf(joined)).get(name) as SafeTensor))) as [Float32Array, Float32Array]; // prettier-ignore
    const act = halfsToFloats(columns.act as Uint16Array);
    let wrong = 0;
    for (let i = 0; i < rows; i++) {
      const scores = Array.from(b, (bias, e) =>
        act.subarray(i * WIDTH, (i + 1) * WIDTH).reduce((s, v, j) => s + v * (W[e * WIDTH + j] as number), bias),
      );
      if (scores.indexOf(Math.max(...scores)) !== columns.expert[i]) wrong++;
    }
    // Rounding may move a row that lies between two experts.
    expect(wrong).toBeLessThan(3);
  });

  it('stores the tensors of its experts end to end, and the router', async () => {
    const tensors = await tensorsOf(joined);
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['W_enc', [FEATURES, WIDTH]],
      ['b_enc', [FEATURES]],
      ['W_dec', [FEATURES, WIDTH]],
      ['b_dec', [EXPERTS, WIDTH]],
      ['W_router', [EXPERTS, WIDTH]],
      ['b_router', [EXPERTS]],
    ]);
    for (const [e, expert] of routed.experts.entries())
      for (const [name, { shape, bytes }] of await tensorsOf(expert)) {
        const own = tensors.get(name) as SafeTensor;
        expect(Buffer.compare(own.bytes.subarray(e * bytes.length, (e + 1) * bytes.length), bytes), name).toBe(0);
        expect(name === 'b_dec' ? shape : shape[0]).toEqual(name === 'b_dec' ? [WIDTH] : EACH);
      }
    const header = (await readFile(fileOf(joined, 'weights'))).toString('latin1');
    expect(header).toContain('"routed":"frozen"');
    expect(header).toContain(`"experts":"${EXPERTS}"`);
  });

  it('has a training table over all experts, in which it learns', async () => {
    const { columns } = await readTable('training', fileOf(joined, 'training'));
    const calib = [...columns.loss].filter((_, i) => columns.split[i] === 'calib');
    expect(calib.at(-1)).toBeLessThan(0.6 * (calib[0] as number));
    expect(columns.tokens.at(-1)).toBe(EXPERTS * STEPS * 64);
    const own = await Promise.all(routed.experts.map((one) => readTable('training', fileOf(one, 'training'))));
    const at = columns.split.indexOf('fit');
    const mean =
      own.reduce((sum, one) => sum + (one.columns.loss[one.columns.split.indexOf('fit')] ?? NaN), 0) / EXPERTS;
    expect(columns.loss[at]).toBeCloseTo(mean, 9);
  });

  it('begins as one dictionary of all features would', async () => {
    const other = new Routed(world, { lr: 1e-30, tokens: EXPERTS * 64 });
    const tensors = await tensorsOf(await other.make());
    const W = asFloat32(tensors.get('W_enc') as SafeTensor);
    const rows = Array.from({ length: FEATURES }, (_, i) => W.subarray(i * WIDTH, (i + 1) * WIDTH).join());
    expect(new Set(rows).size).toBe(FEATURES);
  });

  it('resumes each expert to the same bytes, whatever the others do', async () => {
    const other = new Routed(await makeWorld(place, SHARDS));
    await other.findRoutes();
    await other.sortRows();
    const { output, links } = await other.trainExpert(2, 15);
    expect(links).toBe(2);
    expect(output.files.map((file) => file.sha256)).toEqual(routed.experts[2]?.files.map((file) => file.sha256));
  });

  it('may have candidates in 8 bits, whose recall over all experts it states', async () => {
    const other = new Routed(await makeWorld(place, SHARDS), { candidates: 'int8', tokens: EXPERTS * 20 * 64 });
    const { statistics } = await other.make();
    // 5 of 20 steps of each expert, 16 rows, at most k = 3; where products of bytes are not exact nothing is measured.
    const each = other.experts.map((output) => output.statistics['candidates'] as Readonly<Record<string, unknown>>);
    expect(each).toHaveLength(EXPERTS);
    for (const own of each) {
      const exact = own['because'] === 'processor';
      expect(own['measured']).toBeGreaterThanOrEqual(exact ? 0 : 200);
      expect(own['measured']).toBeLessThanOrEqual(exact ? 0 : 240);
    }
    const measured = each.reduce((sum, own) => sum + (own['measured'] as number), 0);
    const exactExperts = each.filter((own) => own['exactFrom'] !== null).length;
    expect(statistics['candidates']).toMatchObject({ proposed: 'int8', measured, exactExperts });
    expect(joined.statistics).not.toHaveProperty('candidates');
  });

  it('is encoded with features of the own expert of each row alone', async () => {
    const file = joined.files.find(({ table }) => table === 'weights');
    const weights = await storeFile(world.store, 'all', file as StageOutput['files'][number]);
    const base = encodeConfig(weights, { name: 'r', architecture: 'topk', features: FEATURES, settings: { k: 3 } });
    const sites = { names: [SITE], ...oneSite(WIDTH), routed: { experts: EXPERTS, kind: 'frozen' as const } };
    const config = { ...base, aux: { ...base.aux, sites } };
    const item = planEncodeItems(config, world.commits).find(({ shard }) => shard === 'p-test-00000');
    const { outputs } = await runEncode(item as NonNullable<typeof item>, config, await world.context());
    const { columns } = await readTable('acts', fileOf(outputs[0], 'acts'));
    const { offsets, feature } = columns.features;
    const seen = new Set<number>();
    for (let row = 0; row < columns.doc.length; row++) {
      const own = [...feature.subarray(offsets[row], offsets[row + 1])].map((id) => Math.floor(id / EACH));
      expect(new Set(own).size).toBeLessThanOrEqual(1);
      for (const expert of own) seen.add(expert);
    }
    expect(seen.size).toBe(EXPERTS);
    const [error, square] = [columns.errSq, columns.xSq].map((of) => of.reduce((a, b) => a + b, 0)) as [number, number];
    expect(error / square).toBeLessThan(0.5);
  });

  it('is refused an expert without enough rows, with values and remedy', async () => {
    const other = new Routed(world, { batchRows: 2048, tokens: 2048 * EXPERTS });
    await other.findRoutes();
    await other.sortRows();
    await expect(other.trainExpert(0)).rejects.toThrow(
      /Expected at least batchRows = 2048 fit rows of expert 0, found 1[12]\d\d\. Lower saes\.batchRows or saes\.routed\.experts/,
    );
  });
});
