// Ends a process at every point of the commit path, each time in a fresh store, does the work again, and holds the
// result against that of an undisturbed run. The same for every driver.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path, { join } from 'node:path';
import { expect } from 'vitest';
import { packageRoot } from '../../runtime/package-root.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCheckpointSteps } from '../../storage/records/checkpoints.js';
import { getData } from '../../storage/records/data-stream.js';
import { readEvents } from '../../storage/records/events.js';
import { listQuarantineInputs } from '../../storage/records/quarantine.js';
import { KEY, RUN, runSequence, TRAIN_KEY, type SequenceResult } from './commit-sequence.js';
import { expectSoundStore } from './store-state.js';

const child = path.join(packageRoot(), 'dist', 'programs', 'crash-child.js');
/** Crashes tried at once. */
const LANES = 2;

export interface CrashTarget {
  /** URL of the store of that name; a fresh one per crash. */
  readonly url: (name: string) => string;
  readonly open: (name: string) => Promise<ObjectStore>;
  readonly endpoint?: string;
  /** For spool folders. */
  readonly folder: string;
  /** What else must hold after the work was done again. */
  readonly check?: (name: string) => Promise<void>;
  readonly remove?: (name: string) => Promise<void>;
}

/** Kills at every passing of every point; returns the points that an undisturbed run passes. */
export async function crashEverywhere(target: CrashTarget): Promise<string[]> {
  if (!existsSync(child)) {
    throw new Error(`Expected compiled sources, found no ${child}; run \`npm run build\` first.`);
  }
  const traced = await runChild(target, 'undisturbed', 'trace');
  expect(traced.signal, traced.stderr).toBeNull();
  const passed = JSON.parse(traced.stdout) as string[];
  const undisturbed = await target.open('undisturbed');
  const wanted = await runSequence(undisturbed, join(target.folder, 'wanted'), 'wanted');
  const wantedData = withoutSegments(await expectSoundStore(undisturbed));
  const points = numbered(passed);
  let tried = 0;
  const lane = async (): Promise<void> => {
    for (let point = points.shift(); point !== undefined; point = points.shift()) {
      await crashAndRepeat(target, { point, wanted, wantedData });
      tried += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(tried).toBe(passed.length);
  return passed;
}

interface Crash {
  readonly point: string;
  readonly wanted: SequenceResult;
  readonly wantedData: readonly string[];
}

async function crashAndRepeat(target: CrashTarget, crash: Crash): Promise<void> {
  const { point, wanted, wantedData } = crash;
  const name = point.replace(/[.#]/g, '-');
  const ended = await runChild(target, name, point);
  expect(ended.signal, `${point}: ${ended.stderr}`).toBe('SIGKILL');
  const store = await target.open(name);
  await expectSoundStore(store);
  const again = await runSequence(store, join(target.folder, `${name}-spool`), 'again');
  expect(again.snapshot.digests, point).toEqual(wanted.snapshot.digests);
  expect(again.commit.objects, point).toEqual(wanted.commit.objects);
  expect(again.snapshot.version, point).toBe(1);
  expect(withoutSegments(await expectSoundStore(store)), point).toEqual(wantedData);
  expect(await listQuarantineInputs(store, 'tokens', KEY), point).toEqual(new Set());
  expect(await listCheckpointSteps(store, TRAIN_KEY), point).toEqual([2, 3]);
  expect((await readEvents(store, RUN)).at(-1), point).toEqual(again.event);
  for (const object of again.commit.objects) await getData(store, object);
  await target.check?.(name);
  await store.close();
  await target.remove?.(name);
  await rm(join(target.folder, `${name}-spool`), { recursive: true, force: true });
}

interface Ended {
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runChild(target: CrashTarget, name: string, point: string): Promise<Ended> {
  const spool = join(target.folder, `${name}-spool`);
  const args = [child, target.url(name), spool, point];
  if (target.endpoint !== undefined) args.push(target.endpoint);
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ signal: error === null ? null : (error.signal ?? 'error'), stdout, stderr });
    });
  });
}

/** What was passed, each with its count so far: `file.link.before#3`. */
function numbered(passed: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return passed.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${name}#${count}`;
  });
}

/** Segments hold who committed when, so their digests differ between runs; all other data must not. */
function withoutSegments(keys: readonly string[]): string[] {
  return keys.filter((key) => !key.endsWith('.zst'));
}
