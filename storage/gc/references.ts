// What one stored object says, for the walk of the collector: parsed by the format of its kind, checked by its digest where it
// has one. Whatever cannot be understood is an error, never "it names nothing".
import { z } from 'zod';
import { sha256Hex } from '../../core/identity/digest.js';
import { DataError } from '../../schemas/errors.js';
import {
  checkpointRecord,
  commitRecord,
  quarantineRecord,
  snapshotRecord,
  type Commit,
} from '../../schemas/records.js';
import { initZstd, zstdDecompress } from '../arrow/zstd.js';
import type { ObjectStore } from '../objects/object-store.js';
import { partsRecord } from '../records/data-stream.js';
import { dataDigestOf, PARTS_EXTENSION } from '../records/key-layout.js';
import { decodeRecord } from '../records/record-io.js';
import { labelsRecord } from '../records/labels.js';
import { refRecord } from '../records/refs.js';
import { parseSegment } from '../records/segments.js';
import { scheduleRootRecord } from '../records/schedule-roots.js';

export interface References {
  /** The content; null where the object went away or is no JSON and was not meant to be. */
  readonly value: unknown;
  /** Commits that it holds whole. */
  readonly commits: readonly Commit[];
}

const RECORDS: readonly (readonly [prefix: string, schema: z.ZodType])[] = [
  ['commits/', commitRecord],
  ['snapshots/', snapshotRecord],
  ['checkpoints/', checkpointRecord],
  ['quarantine/', quarantineRecord],
  ['refs/', refRecord],
  ['labels/', labelsRecord],
  ['schedules/', scheduleRootRecord],
  // Configurations of several kinds and releases: objects, whatever their fields.
  ['runs/', z.record(z.string(), z.unknown())],
];

/** @throws DataError naming the key where the object is damaged */
export async function readReferences(store: ObjectStore, key: string): Promise<References> {
  const bytes = await store.get(key);
  if (bytes === null) return { value: null, commits: [] };
  if (key.startsWith('data/')) return readContent(store, key, bytes);
  if (key.startsWith('keys/')) return { value: preimageOf(key, bytes), commits: [] };
  const schema = RECORDS.find(([prefix]) => key.startsWith(prefix))?.[1] ?? z.unknown();
  return { value: decodeRecord(key, bytes, schema), commits: [] };
}

async function readContent(store: ObjectStore, key: string, bytes: Uint8Array): Promise<References> {
  const sha256 = dataDigestOf(key) ?? '';
  // The digest in the key is that of the joined parts, not of their list.
  if (key.endsWith(`.${PARTS_EXTENSION}`)) return { value: decodeRecord(key, bytes, partsRecord), commits: [] };
  if (sha256Hex(bytes) !== sha256)
    throw new DataError(
      `Expected content with SHA-256 ${sha256} in ${key} of ${store.url}, found another; the object is damaged.`,
      { key },
    );
  if (key.endsWith(`${sha256}.zst`)) {
    const commits = await parseSegment(key, bytes);
    return { value: commits, commits };
  }
  await initZstd();
  return { value: jsonOrNull(key.endsWith('.zst') ? zstdDecompress(bytes) : bytes), commits: [] };
}

/** Content that is what its digest says and yet no JSON was never a list of references. */
function jsonOrNull(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
}

function preimageOf(key: string, bytes: Uint8Array): unknown {
  const digest = /([0-9a-f]{64})\.json$/.exec(key)?.[1];
  if (sha256Hex(bytes) === digest) return decodeRecord(key, bytes, z.unknown());
  throw new DataError(
    `Expected a pre-image with the SHA-256 of its name in ${key}, found another; the record is damaged: delete it, the next plan stores it anew.`,
    { key },
  );
}
