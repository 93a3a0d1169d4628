// `assay model train` as processes: two models with two children, killed at random moments, interrupted, refused; what it writes
// opens with the other commands. No server is needed.
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { TOKENIZER } from '../harness/fixtures.js';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { encodeSafetensors, safeTensor } from '../../core/tensor/safetensors.js';
import { killIfSame } from '../../runtime/child/process-identity.js';
import { createProject, type CommandResult, type Project } from './harness/project.js';

const STEPS = 280;

type Fields = Record<string, unknown>;

/** Two models of about five seconds each. */
function training(changes: Fields = {}): Fields {
  const sizes = { layers: 2, width: 32, heads: 4, contextTokens: 32 };
  return {
    name: 'pair',
    tokenizer: TOKENIZER,
    corpus: { sources: ['corpus.jsonl'], split: { field: 'split' }, shardTokens: 8192 },
    models: [
      { name: 'gpt', architecture: 'gpt2', ...sizes },
      { name: 'llama', architecture: 'llama', ...sizes, keyValueHeads: 2, seed: 3 },
    ],
    training: {
      ...{ steps: STEPS, batch: 8, prepend: 0, validateEverySteps: 80 },
      schedule: { lr: 3e-3, warmupSteps: 20 },
    },
    compute: { device: 'cpu', children: 2, checkpointSeconds: 0.3 },
    ...changes,
  };
}

const projects: Project[] = [];
const caches = temporaryFolder('e2e-caches');

interface Place {
  readonly project: Project;
  readonly cache: string;
}

async function place(file: Fields = training()): Promise<Place> {
  const cache = path.join(caches, String(projects.length));
  const project = await createProject({ env: { ASSAY_CACHE: cache } });
  projects.push(project);
  await writeFile(path.join(project.folder, 'train.yaml'), stringify(file));
  return { project, cache };
}

const train = ({ project }: Place, ...more: string[]): Promise<CommandResult> =>
  project.assay('model', 'train', 'train.yaml', ...more);

/** Digests of the trained models by dataset and table. */
async function digests({ project }: Place): Promise<Record<string, string>> {
  const rows = await project.json<{ name: string; table: string; digest: string }[]>('datasets', '--store', './data');
  const models = rows.filter(({ name }) => name.startsWith('pair/models/'));
  return Object.fromEntries(models.map(({ name, table, digest }) => [`${name} ${table}`, digest]));
}

/** SIGKILL of one of the compute children. */
async function killChild(cache: string): Promise<boolean> {
  const records = path.join(cache, 'training', 'children');
  for (const name of await readdir(records).catch(() => [])) {
    const text = await readFile(path.join(records, name), 'utf8').catch(() => '');
    if (text === '') continue;
    const { pid, start } = JSON.parse(text) as { pid: number; start: string };
    if (await killIfSame(pid, start, 'SIGKILL')) return true;
  }
  return false;
}

let whole: Record<string, string> = {};
let undisturbed: Place;
let took = 0;

beforeAll(async () => {
  undisturbed = await place();
  const began = performance.now();
  const { code, stderr, stdout } = await train(undisturbed, '--out', 'models', '--json');
  took = performance.now() - began;
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout) as { models: { state: string }[] };
  expect(document.models.map(({ state }) => state)).toEqual(['done', 'done']);
  whole = await digests(undisturbed);
});

afterAll(async () => {
  for (const project of projects) await project.remove();
});

describe('killed at random moments and run again', () => {
  it('the command ends with the digests of an undisturbed one', async () => {
    expect(Object.keys(whole)).toHaveLength(6);
    const random = new KeyedRandom('model train kills', 'command');
    const there = await place();
    let kills = 0;
    for (let run = 0; ; run++) {
      const command = there.project.start('model', 'train', 'train.yaml');
      const after = run < 5 ? (0.1 + 0.6 * random.nextFloat()) * took : Infinity;
      const ended = after === Infinity ? await command.ended : await Promise.race([command.ended, sleep(after, null)]);
      if (ended) {
        expect(ended.code, ended.stderr).toBe(0);
        break;
      }
      command.child.kill('SIGKILL');
      kills++;
      await command.ended;
    }
    expect(kills).toBeGreaterThan(2);
    expect(await digests(there)).toEqual(whole);
  });

  it('children leave the same digests, within one command', async () => {
    const random = new KeyedRandom('model train kills', 'child');
    const there = await place();
    let kills = 0;
    for (let run = 0; ; run++) {
      const command = there.project.start('model', 'train', 'train.yaml');
      let ended: CommandResult | null = null;
      while (!ended && kills < 4) {
        ended = await Promise.race([command.ended, sleep(200 + random.nextInt(600), null)]);
        const begun = existsSync(path.join(there.project.folder, 'data', 'checkpoints'));
        if (!ended && begun && (await killChild(there.cache))) kills++;
      }
      ended ??= await command.ended;
      // A child that died twice before it came any further fails its model for this time.
      if (ended.code === 0) break;
      expect(ended.stderr + ended.stdout).toMatch(
        /The compute child died 2 times|before it was ready \(signal SIGKILL\)/,
      );
      expect(run).toBeLessThan(4);
    }
    expect(kills).toBeGreaterThan(1);
    expect(await digests(there)).toEqual(whole);
  });

  it('an interrupted one says how to go on, and does', async () => {
    const there = await place();
    const command = there.project.start('model', 'train', 'train.yaml');
    for (;;) {
      if (/step [1-9]/.test(command.stderr()) || command.child.exitCode !== null) break;
      if (existsSync(path.join(there.project.folder, 'data', 'checkpoints'))) break;
      await sleep(50);
    }
    command.child.kill('SIGINT');
    const { code, stdout } = await command.ended;
    expect(code).toBe(130);
    expect(stdout).toContain('Interrupted; the checkpoints stay. Go on with the same command.');
    const status = await there.project.assay('status', 'pair', '--store', './data');
    expect(status.stdout).toContain('pair (revision 1) is cancelled');
    const again = await train(there);
    expect(again.code, again.stderr).toBe(0);
    expect(await digests(there)).toEqual(whole);
  });
});

describe('what it wrote', () => {
  it('is sound, is told by the other commands, and is computed no second time', async () => {
    const { project } = undisturbed;
    const verified = await project.assay('verify', 'pair/models/gpt', '--store', './data');
    expect(verified.stdout).toContain('pair/models/gpt is sound: 3 objects');
    const again = await train(undisturbed);
    expect(again.stderr).toContain('language-model all there');
    expect(again.code).toBe(0);
    const runs = await project.json<{ run: string; state: string }[]>('runs', '--store', './data');
    expect(runs).toMatchObject([{ run: 'pair', state: 'completed' }]);
  });

  it('opens with model inspect and model run', async () => {
    const { project } = undisturbed;
    await writeFile(path.join(project.folder, 'ids.json'), '[[0, 17, 5]]');
    for (const name of ['gpt', 'llama']) {
      const file = path.join('models', name, 'model.onnx');
      const found = await project.json<{ layers: number; width: number }>('model', 'inspect', file);
      expect(found).toMatchObject({ layers: 2, width: 32, vocabulary: 4096 });
      const ran = await project.json<{ tensors: { name: string; shape: number[] }[] }>(
        ...['model', 'run', file, '--ids', 'ids.json'],
        ...['--hooks', 'blocks.*.hook_resid_post,logits', '--out', `${name}.safetensors`],
      );
      const shapes = Object.fromEntries(ran.tensors.map((t) => [t.name, t.shape]));
      expect(shapes).toMatchObject({
        ...{ 'blocks.1.hook_resid_post': [1, 3, 32], logits: [1, 3, 4096] },
      });
    }
    const files = await readdir(path.join(project.folder, 'models', 'gpt'));
    expect(files.sort()).toEqual([...['model.onnx', 'model.safetensors', 'tokenizer.json', 'training.json']]);
  });
});

describe('refused', () => {
  const untouched = ({ project }: Place): void => {
    expect(existsSync(path.join(project.folder, 'data', 'runs'))).toBe(false);
  };

  it('is a wrong file, with every mistake, and nothing is written', async () => {
    const [one] = training()['models'] as Fields[];
    const there = await place(training({ models: [{ ...one, heads: 5, layers: 0 }] }));
    const { code, stderr } = await train(there);
    expect(code).toBe(2);
    expect(stderr).toContain('models[0].heads: expected a number that divides width (32), found 5');
    expect(stderr).toContain('models[0].layers: expected a number greater than 0, found 0');
    untouched(there);
  });

  it('are weights of another shape', async () => {
    const [one] = training()['models'] as Fields[];
    const there = await place(training({ models: [{ ...one, init: 'init.safetensors' }] }));
    const tensor = safeTensor(new Float32Array(6), [2, 3]);
    const bytes = encodeSafetensors(new Map([['transformer.wte.weight', tensor]]));
    await writeFile(path.join(there.project.folder, 'init.safetensors'), Buffer.concat(bytes));
    const { code, stderr } = await train(there);
    expect(code).toBe(2);
    expect(stderr).toContain('expected tensor "transformer.wte.weight" as F32 [4096, 32], found F32 [2, 3]');
    untouched(there);
  });

  it('is an unknown model', async () => {
    const there = await place();
    const { code, stderr } = await train(there, '--only', 'gtp');
    expect(code).toBe(2);
    expect(stderr).toContain('found "gtp"; there are gpt, llama.');
    untouched(there);
  });

  it('is a rate at which numbers break: exit 1, step and tensor, the other model is done', async () => {
    const file = training();
    const [one, two] = file['models'] as Fields[];
    const schedule = { lr: 1e30, decay: 'constant', warmupSteps: 0 };
    const bad = { ...one, training: { schedule, clipNorm: null } };
    const there = await place({ ...file, models: [bad, two] });
    const { code, stdout } = await train(there, '--json');
    expect(code).toBe(1);
    const { models } = JSON.parse(stdout) as {
      models: { state: string; error: { details: Fields } | null }[];
    };
    expect(models.map(({ state }) => state)).toEqual(['failed', 'done']);
    expect(models[0]?.error?.details).toMatchObject({
      step: expect.any(Number) as number,
      tensor: expect.any(String) as string,
    });
    const listed = await there.project.assay('quarantine', 'pair', '--store', './data');
    expect(listed.stdout).toContain('NaN or infinity');
  });
});

it('a dry run tells sizes, tokens and memory and writes nothing', async () => {
  const there = await place();
  const { code, stdout } = await train(there, '--dry-run', '--json');
  expect(code).toBe(0);
  const { models } = JSON.parse(stdout) as { models: Fields[] };
  expect(models).toMatchObject([
    { model: 'gpt', steps: STEPS, tokens: STEPS * 8 * 32, state: 'open', architecture: 'gpt2' },
    { model: 'llama', state: 'open', key: null },
  ]);
  expect(models[0]?.['memoryBytes']).toBeGreaterThan(2 ** 27);
  expect(existsSync(path.join(there.project.folder, 'data', 'runs'))).toBe(false);
  const after = await train(undisturbed, '--dry-run', '--out', 'copies');
  expect(after.stdout).toMatch(/^gpt .* done$/m);
  const copies = path.join(undisturbed.project.folder, 'copies');
  expect(after.stdout).toContain(`gpt would be written to ${path.join(copies, 'gpt')}\n`);
  expect(existsSync(copies)).toBe(false);
});
