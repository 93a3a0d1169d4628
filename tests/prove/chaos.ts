// Proof: for an hour three workers do three small runs that share work, while workers, children and commands are killed, runs are
// cancelled, paused, resumed, removed and collected, two commands come at once and the disk is full. After every round each run's
// digests must equal those of an undisturbed one; at the end no process, spool folder or temporary file is left, and no command has
// ended in a fault of the product's own. `--minutes N` makes it shorter, `--seed TEXT` another.
import { writeFile, readdir, utimes, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { KeyedRandom } from '../../core/tensor/random.js';
import { createProject, runOf, type Project } from '../e2e/harness/project.js';
import { startTestTemporal } from '../servers/temporal.js';
import { ACTIONS, type Scene } from './chaos/actions.js';
import { Crew } from './chaos/crew.js';
import { leftovers } from './chaos/leftovers.js';
import { insideNamespace, SmallDisk } from './chaos/small-disk.js';

const STORE = 'file://./disk/store';
const DISK_BYTES = 256 * 2 ** 20;
const CHAOS_MS = 30_000;
/** Longest time in which an undisturbed stack may bring a run to its end. */
const SETTLE_MS = 240_000;
const DAY_MS = 25 * 3600_000;

/** Three runs that share corpus and, two of them, activations. */
const RUNS: Readonly<Record<string, Record<string, unknown>>> = {
  one: {},
  two: {
    saes: [
      { ...sae('sae'), k: 4 },
      { ...sae('other'), features: 128 },
    ],
  },
  three: { model: { contextTokens: 64 }, saes: [{ ...sae('sae'), seed: 2 }] },
};

function sae(name: string): Record<string, unknown> {
  return { ...(runOf()['saes'] as Record<string, unknown>[])[0], name, hook: 'blocks.2.hook_resid_post' };
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

async function main(): Promise<boolean> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { minutes: text, seed: text } });
  const minutes = Number(values.minutes ?? 60);
  const seed = values.seed ?? 'assay prove chaos';
  const temporal = await startTestTemporal();
  const project = await createProject({ address: temporal.address, chapters: 20, store: { url: STORE } });
  const disk = new SmallDisk(path.join(project.folder, 'disk'));
  try {
    await disk.mount(DISK_BYTES);
    const crew = new Crew(project, { address: temporal.address, folder: disk.folder });
    say(disk.isOwn ? 'the disk can be filled' : 'no mount namespace here: the disk is NOT filled');
    await crew.fullStrength();
    const expected = await undisturbed(crew);
    say(`undisturbed: ${Object.keys(expected).length} datasets\n`);
    await chaos({ crew, disk, seed, minutes, expected });
    await crew.stop();
    await crew.command(['gc', '--apply']);
    crew.findings.push(...(await leftovers(project.folder, crew.folders)));
    return report(crew);
  } finally {
    disk.unmount();
    await project.remove();
    await temporal.stop();
  }
}

/** Digests by dataset of the three runs, each done in peace; afterwards nothing of them is left. */
async function undisturbed(crew: Crew): Promise<Record<string, string>> {
  const { project } = crew;
  await writeRuns(project);
  for (const name of Object.keys(RUNS)) {
    const { code, stderr } = await crew.command(['run', `${name}.yaml`, '--follow'], SETTLE_MS);
    if (code !== 0) throw new Error(`the undisturbed run ${name} ended with ${code}: ${stderr}`);
  }
  const digests = await project.digests();
  await rm(path.join(project.folder, 'disk', 'store'), { recursive: true });
  return digests;
}

async function writeRuns(project: Project): Promise<void> {
  for (const [name, run] of Object.entries(RUNS)) {
    const file = runOf({ store: { url: STORE }, run: { name, ...run } });
    await writeFile(path.join(project.folder, `${name}.yaml`), stringify(file));
  }
}

interface Chaos {
  readonly crew: Crew;
  readonly disk: SmallDisk;
  readonly seed: string;
  readonly minutes: number;
  readonly expected: Readonly<Record<string, string>>;
}

async function chaos({ crew, disk, seed, minutes, expected }: Chaos): Promise<void> {
  const end = Date.now() + minutes * 60_000;
  const runs = Object.keys(RUNS);
  const struck = new Map<string, number>();
  for (let round = 1; Date.now() < end; round++) {
    const random = new KeyedRandom(seed, String(round));
    const scene: Scene = { crew, disk, random, runs };
    const before = crew.findings.length;
    for (const name of runs) crew.begin('run', `${name}.yaml`);
    const until = Date.now() + CHAOS_MS;
    while (Date.now() < until) {
      await sleep(random.nextInt(1500));
      const names = Object.keys(ACTIONS);
      const name = names[random.nextInt(names.length)] ?? '';
      if ((await ACTIONS[name]?.(scene)) !== null) struck.set(name, (struck.get(name) ?? 0) + 1);
    }
    await crew.allEnded();
    const began = Date.now();
    await settle(crew, runs);
    for (const finding of await differing(crew, expected)) crew.findings.push(`round ${round}: ${finding}`);
    const found = crew.findings.slice(before);
    say(`round ${round}: settled in ${Math.round((Date.now() - began) / 1000)} s, ${found.length} findings`);
    for (const finding of found) say(`  ${finding}`);
    await makeRoom(scene);
  }
  say('');
  for (const [name, count] of [...struck].sort()) say(`${name.padEnd(24)}${String(count).padStart(5)}`);
}

/** Brings every run to its end with a whole crew and nobody against it. */
async function settle(crew: Crew, runs: readonly string[]): Promise<void> {
  await crew.fullStrength();
  for (const name of runs) {
    await crew.command(['unpause', name]);
    let { code, stderr } = await crew.command(['run', `${name}.yaml`, '--follow'], SETTLE_MS);
    if (stderr.includes(`End it with \`assay cancel ${name}\``)) {
      // It was removed by force while it was at work: what the message advises is done.
      await crew.command(['cancel', name]);
      ({ code, stderr } = await crew.command(['run', `${name}.yaml`, '--follow'], SETTLE_MS));
    }
    const left = await quarantined(crew, name);
    if (code === 0 && left === 0) continue;
    const again = await crew.command(['resume', name, '--mode', 'errored', '--follow'], SETTLE_MS);
    if (again.code !== 0)
      crew.findings.push(`${name} does not get done: ${code} ${stderr}\n${again.code} ${again.stderr}${again.stdout}`);
  }
}

interface Stages {
  readonly stages: readonly { readonly quarantined: number }[];
}

async function quarantined(crew: Crew, name: string): Promise<number> {
  const { code, stdout } = await crew.command(['status', name, '--json']);
  return code === 0 ? (JSON.parse(stdout) as Stages).stages.reduce((n, stage) => n + stage.quarantined, 0) : 0;
}

/** Datasets that are missing or have other digests than those of the undisturbed runs. */
async function differing(crew: Crew, expected: Readonly<Record<string, string>>): Promise<string[]> {
  const found = await crew.project.digests().catch((error: unknown) => ({ error: String(error) }));
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  const of = (digests: Readonly<Record<string, string>>, name: string): string => digests[name]?.slice(0, 12) ?? 'none';
  return names
    .filter((name) => expected[name] !== (found as Record<string, string>)[name])
    .map((name) => `${name} is ${of(found as Record<string, string>, name)}, undisturbed ${of(expected, name)}`);
}

/** Between rounds: something is forgotten, a day passes, and what nobody needs is collected while a run begins to need it. */
async function makeRoom({ crew, random, runs }: Scene): Promise<void> {
  const name = runs[random.nextInt(runs.length)] ?? '';
  const forgotten = [[], [name], [name], [...runs]][random.nextInt(4)] ?? [];
  for (const run of forgotten) await crew.command(['rm', run]);
  await age(path.join(crew.project.folder, 'disk', 'store'));
  const collection = ['gc', '--apply'];
  const run = ['run', `${name}.yaml`];
  const [first, second] = random.nextInt(2) === 0 ? [collection, run] : [run, collection];
  crew.begin(...first);
  await sleep(random.nextInt(1200));
  crew.begin(...second);
  await crew.allEnded();
}

/** Everything that the store holds becomes older than what a collection spares. */
async function age(store: string): Promise<void> {
  const then = new Date(Date.now() - DAY_MS);
  const entries = await readdir(store, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries)
    if (entry.isFile()) await utimes(path.join(entry.parentPath, entry.name), then, then).catch(() => undefined);
}

function report(crew: Crew): boolean {
  say('');
  for (const [name, count] of [...crew.codes].sort()) say(`${name.padEnd(24)}${String(count).padStart(5)}`);
  say(`\n${crew.findings.length} findings`);
  for (const finding of crew.findings) say(`  ${finding}`);
  return crew.findings.length === 0;
}

process.exitCode = (await insideNamespace()) ?? ((await main()) ? 0 : 1);
