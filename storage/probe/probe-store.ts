// Tries out whether a store keeps the promises that commits rest on. Some stores accept conditional writes and ignore
// them. Writes and removes objects under `probe/`; must not be called by plans or readers.
import { randomUUID } from 'node:crypto';
import { AssayError, ResourceError } from '../../schemas/errors.js';
import type { ObjectStore, StoreCheck } from '../objects/object-store.js';

/** Creators that race for one key. */
const RACERS = 16;

/** One line per promise. @throws TransientError or ResourceError where the store cannot be reached or refuses access */
export async function probeStore(store: ObjectStore): Promise<StoreCheck[]> {
  const folder = `probe/${randomUUID()}`;
  const keys = { race: `${folder}/race`, range: `${folder}/range`, driver: `${folder}/driver` };
  try {
    const results = [
      await checkRace(store, keys.race),
      await checkSecond(store, keys.race),
      ...(await checkRanges(store, keys.range)),
      await checkList(store, folder),
    ];
    return [...results, ...((await store.driverChecks?.(keys.driver)) ?? [])];
  } finally {
    for (const key of Object.values(keys)) await store.delete(key).catch(() => undefined);
  }
}

/** Nothing, for a store that can be used. @throws ResourceError with the table of results otherwise */
export async function assertUsableStore(store: ObjectStore): Promise<void> {
  const results = await probeStore(store);
  if (results.every((result) => result.ok)) return;
  throw new ResourceError(
    `Expected a store that creates objects once, serves ranges and refuses damage; ${store.url} does not:\n${formatChecks(results)}\nUse another store (a local folder, AWS S3, MinIO, SeaweedFS) or a newer version of this one.`,
    { url: store.url, results },
  );
}

/** The results as lines of text, one per check. */
export function formatChecks(results: readonly StoreCheck[]): string {
  const width = Math.max(...results.map((result) => result.check.length));
  return results
    .map(({ check, ok, detail }) => `  ${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(width)}  ${detail}`)
    .join('\n');
}

async function checkRace(store: ObjectStore, key: string): Promise<StoreCheck> {
  const check = 'racing conditional writes';
  const bodies = Array.from({ length: RACERS }, (_, i) => Buffer.from(`racer ${i}`));
  const outcomes = await Promise.all(bodies.map((body) => store.putIfAbsent(key, body)));
  const winners = outcomes.flatMap((outcome, i) => (outcome === 'created' ? [i] : []));
  const [winner] = winners;
  if (winner === undefined || winners.length > 1) {
    return { check, ok: false, detail: `${winners.length} of ${RACERS} writers won, expected 1` };
  }
  const content = await store.get(key);
  const whole = content !== null && Buffer.from(content).equals(bodies[winner] ?? Buffer.of());
  const detail = whole ? `1 of ${RACERS} writers won` : 'another content than the winner wrote';
  return { check, ok: whole, detail };
}

async function checkSecond(store: ObjectStore, key: string): Promise<StoreCheck> {
  const check = 'second write refused';
  const outcome = await store.putIfAbsent(key, Buffer.from('too late'));
  return outcome === 'exists'
    ? { check, ok: true, detail: 'an existing object was left as it is' }
    : { check, ok: false, detail: 'an existing object was overwritten' };
}

async function checkRanges(store: ObjectStore, key: string): Promise<StoreCheck[]> {
  const body = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 37) & 255));
  await store.putIfAbsent(key, body);
  const size = (await store.head(key))?.bytes ?? 0;
  return [
    await checkRange(store, key, { check: 'ranged read', from: 1000, to: 1100, body }),
    await checkRange(store, key, {
      check: 'suffix read',
      from: Math.max(0, size - 12),
      to: size,
      body,
    }),
  ];
}

async function checkRange(
  store: ObjectStore,
  key: string,
  range: { check: string; from: number; to: number; body: Buffer },
): Promise<StoreCheck> {
  const { check, from, to, body } = range;
  try {
    const bytes = await store.getRange(key, from, to - from);
    const right = Buffer.from(bytes).equals(body.subarray(from, to));
    const detail = right ? `bytes ${from} to ${to - 1}` : 'other bytes than asked for';
    return { check, ok: right, detail };
  } catch (error) {
    if (!(error instanceof AssayError) || error.exitCode === 3) throw error;
    return { check, ok: false, detail: error.message };
  }
}

async function checkList(store: ObjectStore, folder: string): Promise<StoreCheck> {
  const keys: string[] = [];
  for await (const info of store.list(`${folder}/`)) keys.push(info.key);
  const ok = keys.join() === `${folder}/race,${folder}/range`;
  return {
    check: 'listing after writing',
    ok,
    detail: ok ? 'both objects listed, in order' : `listed ${keys.length} of 2 objects`,
  };
}
