// Where each kind of record lies under the store's prefix. Names that people choose (runs, datasets, refs) are escaped
// here, so that any name makes a valid key and comes back as it was.
import { InputError } from '../../schemas/errors.js';

/** Digits of the numbers of versions, steps and events, so that keys sort as numbers do. */
const NUMBER_DIGITS = 12;

const DIGEST = '[0-9a-f]{64}';
const NUMBERED = `(?<number>\\d{${NUMBER_DIGITS}})\\.json`;
const OF_WORK = `(?<stage>[^/]+)/(?<key>${DIGEST})/(?<input>${DIGEST})\\.json`;
const OF_REVISION = `(?<head>config|suite|training)\\.json|(?<plan>plan)\\.json|(?:beat|begun)\\.json|attempts/[^/]+\\.json|events/\\d{${NUMBER_DIGITS}}\\.json`;

/** The layout: for each kind of object the shape of its keys. `names` stands for one or more names that people choose. */
const SHAPES = {
  data: '(?<two>[0-9a-f]{2})/(?<digest>\\k<two>[0-9a-f]{62})\\.[A-Za-z0-9.]+',
  commits: OF_WORK,
  quarantine: OF_WORK,
  checkpoints: `(?<key>${DIGEST})/${NUMBERED}`,
  keys: `(?<stage>[^/]+)/(?<key>${DIGEST})\\.json`,
  snapshots: `(?<names>[^/]+(?:/[^/]+)*)/${NUMBERED}`,
  refs: `(?<names>[^/]+(?:/[^/]+)*)/${NUMBERED}`,
  labels: `(?<dictionary>${DIGEST})/${NUMBERED}`,
  runs: `(?<names>[^/]+)/(?<revision>0|[1-9]\\d*)/(?:${OF_REVISION})`,
  schedules: '(?<names>[^/]+/[^/]+)\\.json',
  probe: '[0-9a-f-]{36}/[a-z]+',
} as const;
export type ObjectKind = keyof typeof SHAPES;

/** Kinds whose names are paths: a slash in a name is one in the key. The others have each name in one segment. */
const PATHS: ReadonlySet<string> = new Set(['snapshots', 'refs']);

const PATTERNS = new Map(Object.entries(SHAPES).map(([kind, shape]) => [kind, new RegExp(`^${kind}/${shape}$`)]));

/** A key of the layout taken apart. */
export interface LaidKey {
  readonly kind: ObjectKind;
  /** What it is made of, where its kind has that: as it stands in the key, names escaped. */
  readonly parts: Readonly<
    Partial<
      Record<
        'digest' | 'stage' | 'key' | 'input' | 'number' | 'names' | 'dictionary' | 'revision' | 'head' | 'plan',
        string
      >
    >
  >;
  /** Whether its names are escaped as here. Under others nobody finds it: it is somebody's, though it has the shape. */
  readonly isOwn: boolean;
}

/** The parts of a key that has the shape of its kind, or null for another key. */
export function parseKey(key: string): LaidKey | null {
  const kind = key.slice(0, Math.max(0, key.indexOf('/')));
  const match = PATTERNS.get(kind)?.exec(key);
  if (!match) return null;
  const parts: LaidKey['parts'] = match.groups ?? {};
  const names = parts.names?.split('/') ?? [];
  return { kind: kind as ObjectKind, parts, isOwn: names.every((name) => isEscaped(name, PATHS.has(kind))) };
}

function isEscaped(segment: string, inPath: boolean): boolean {
  try {
    const name = decodeURIComponent(segment);
    return escapeSegment(name) === segment && !(inPath && name.includes('/'));
  } catch (error) {
    // A percent sign that escapes nothing.
    if (!(error instanceof URIError)) throw error;
    return false;
  }
}

/** `data/<first two digits>/<sha256>.<extension>` */
export function dataKey(sha256: string, extension: string): string {
  return `data/${sha256.slice(0, 2)}/${sha256}.${extension}`;
}

export const PARTS_EXTENSION = 'parts.json';

/** Digest that a data key names, or null for another key. */
export function dataDigestOf(key: string): string | null {
  return parseKey(key)?.parts.digest ?? null;
}

/** The stage key that a record's own key holds: commits, quarantine, checkpoints, pre-images; else null. */
export function stageKeyOf(key: string): string | null {
  return parseKey(key)?.parts.key ?? null;
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
  const { stage, key: stageKey, input } = parseKey(key)?.parts ?? {};
  return stage === undefined || stageKey === undefined || input === undefined ? null : { stage, key: stageKey, input };
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

/** Labels that users gave to the features of a dictionary, by the SHA-256 of its weights. */
export function labelsPrefix(dictionary: string): string {
  return `labels/${dictionary}/`;
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

/** A key of a run's record taken apart, or null for another key. */
export function parseRunKey(key: string): RunKey | null {
  const laid = parseKey(key);
  if (laid?.kind !== 'runs' || !laid.isOwn) return null;
  const { names = '', revision, head, plan } = laid.parts;
  return { name: names, revision: Number(revision), is: head ? 'head' : plan ? 'plan' : 'begun' };
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
