// Where each kind of record lies under the store's prefix. Names that people choose (runs, datasets, refs) are escaped
// here, so that any name makes a valid key and comes back as it was.
import { InputError } from '../../schemas/errors.js';

/** Digits of the numbers of versions, steps and events, so that keys sort as numbers do. */
const NUMBER_DIGITS = 12;

/** `data/<first two digits>/<sha256>.<extension>` */
export function dataKey(sha256: string, extension: string): string {
  return `data/${sha256.slice(0, 2)}/${sha256}.${extension}`;
}

export const PARTS_EXTENSION = 'parts.json';

/** Digest that a data key names, or null for another key. */
export function dataDigestOf(key: string): string | null {
  return /^data\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.[A-Za-z0-9.]+$/.exec(key)?.[2] ?? null;
}

export interface CommitAddress {
  readonly stage: string;
  readonly key: string;
  readonly input: string;
}

export function commitPrefix(stage: string, key: string): string {
  return `commits/${stage}/${key}/`;
}

export function commitKey(address: CommitAddress): string {
  return `${commitPrefix(address.stage, address.key)}${address.input}.json`;
}

export function quarantinePrefix(stage: string, key: string): string {
  return `quarantine/${stage}/${key}/`;
}

export function quarantineKey(address: CommitAddress): string {
  return `${quarantinePrefix(address.stage, address.key)}${address.input}.json`;
}

/** The address in a key of the form `<kind>/<stage>/<key>/<input>.json`, or null. */
export function addressOf(key: string): CommitAddress | null {
  const match = /^(?:commits|quarantine)\/([^/]+)\/([0-9a-f]{64})\/([0-9a-f]{64})\.json$/.exec(key);
  if (match === null) return null;
  return { stage: match[1] ?? '', key: match[2] ?? '', input: match[3] ?? '' };
}

export function checkpointPrefix(key: string): string {
  return `checkpoints/${key}/`;
}

export function snapshotPrefix(dataset: string): string {
  return `snapshots/${escapePath(dataset)}/`;
}

export function refPrefix(name: string): string {
  return `refs/${escapePath(name)}/`;
}

export function preimageKey(stage: string, key: string): string {
  return `keys/${stage}/${key}.json`;
}

/** One revision of a run. */
export interface RunRevision {
  readonly name: string;
  readonly revision: number;
}

export function runPrefix(name: string): string {
  // One segment, also for a name with slashes: a run must not lie within another.
  return `runs/${escapeSegment(name)}/`;
}

export function revisionPrefix(run: RunRevision): string {
  return `${runPrefix(run.name)}${run.revision}/`;
}

/** What a record of a run is: its configuration, a sign that it was started, or its plan. */
export interface RunKey {
  /** As it stands in the key, escaped. */
  readonly name: string;
  readonly revision: number;
  readonly is: 'head' | 'begun' | 'plan';
}

const RUN_KEY =
  /^runs\/([^/]+)\/(\d+)\/(?:(config|suite|training)\.json|(plan)\.json|(?:beat|begun)\.json|attempts\/[^/]+\.json|events\/\d{12}\.json)$/;

/** A key of a run's record taken apart, or null for another key. */
export function parseRunKey(key: string): RunKey | null {
  const match = RUN_KEY.exec(key);
  if (match === null) return null;
  const [, name = '', revision = '', head, plan] = match;
  return { name, revision: Number(revision), is: head ? 'head' : plan ? 'plan' : 'begun' };
}

/** `<prefix><12 digits>.json` */
export function numberedKey(prefix: string, number: number): string {
  if (!Number.isSafeInteger(number) || number < 0 || number >= 10 ** NUMBER_DIGITS) {
    throw new InputError(
      `Expected a whole number from 0 of at most ${NUMBER_DIGITS} digits for a key under ${prefix}, found ${number}; correct the caller.`,
      { prefix, number },
    );
  }
  return `${prefix}${String(number).padStart(NUMBER_DIGITS, '0')}.json`;
}

/** The number in a key directly under the prefix, or null for other keys. */
export function numberOf(prefix: string, key: string): number | null {
  if (!key.startsWith(prefix)) return null;
  const match = /^(\d{12})\.json$/.exec(key.slice(prefix.length));
  return match === null ? null : Number(match[1]);
}

/** Segments of a path, each escaped. @throws InputError for an empty name */
export function escapePath(path: string): string {
  return path.split('/').map(escapeSegment).join('/');
}

/** One segment of `[A-Za-z0-9._-]` and `%XX`; the same text back from `unescapePath`. */
export function escapeSegment(name: string): string {
  if (name === '') {
    throw new InputError('Expected a name, found an empty one; name the run, dataset or ref.', {
      name,
    });
  }
  const escaped = encodeURIComponent(name).replace(/[!'()*~]/g, percent);
  return escaped.startsWith('.') ? `%2E${escaped.slice(1)}` : escaped;
}

export function unescapePath(path: string): string {
  return path.split('/').map(decodeURIComponent).join('/');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
