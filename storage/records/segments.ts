// Segments: many commits in one data object (a zstd-compressed JSON array), so that a pinned list of commits is read by
// a few requests. Readers get commits sorted by input, whatever the segments were cut like.
import { withoutQuotations } from '../../core/text/outgoing.js';
import { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { DataError } from '../../schemas/errors.js';
import { commitRecord, type Commit } from '../../schemas/records.js';
import { initZstd, zstdCompress, zstdDecompress } from '../arrow/zstd.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { putDataBytes, type StoredData } from './data-objects.js';
import { getData } from './data-stream.js';
import { mapParallel } from './parallel.js';

/** Most commits in one segment; a segment of this many is never cut anew. */
export const SEGMENT_COMMITS = 1000;

const READS_AT_ONCE = 4;

export interface SegmentReference {
  readonly key: string;
  readonly sha256: string;
}

export interface Segment extends StoredData {
  readonly commits: number;
}

/** Stores the commits, in the order given, as one segment. */
export async function writeSegment(
  store: ObjectStore,
  commits: readonly Commit[],
  options: CallOptions = {},
): Promise<Segment> {
  await initZstd();
  const bytes = zstdCompress(Buffer.from(canonicalJson(commits)));
  const stored = await crashStep('snapshot.segment', () => putDataBytes(store, { bytes, extension: 'zst' }, options));
  return { ...stored, commits: commits.length };
}

/** The commits of one segment, in stored order. @throws DataError naming the key when it is missing or damaged */
export async function readSegment(
  store: ObjectStore,
  segment: SegmentReference,
  options?: CallOptions,
): Promise<Commit[]> {
  return parseSegment(segment.key, await getData(store, segment, options));
}

/** The commits in a segment's bytes. @throws DataError naming the key */
export async function parseSegment(key: string, content: Uint8Array): Promise<Commit[]> {
  await initZstd();
  const parsed = z.array(commitRecord).safeParse(jsonOf(key, zstdDecompress(content)));
  if (!parsed.success) throw damaged(key, parsed.error.message);
  return parsed.data;
}

/**
 * The commits of all segments, sorted by input. Holds them all: the order must not depend on how a growing dataset was
 * cut into segments.
 */
export async function* readSegments(
  store: ObjectStore,
  segments: readonly SegmentReference[],
  options?: CallOptions,
): AsyncIterable<Commit> {
  const lists = await mapParallel(segments, READS_AT_ONCE, (segment) => readSegment(store, segment, options));
  yield* sortByInput(lists.flat());
}

/** The commits sorted by input (and key, where segments of several datasets are read together), each once. */
export function sortByInput(commits: readonly Commit[]): Commit[] {
  const once = new Map(commits.map((commit) => [`${commit.input}/${commit.key}`, commit]));
  return [...once].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, commit]) => commit);
}

function jsonOf(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw damaged(key, withoutQuotations(String(error)));
  }
}

function damaged(key: string, found: string): DataError {
  return new DataError(
    `Expected a JSON array of commits in ${key}, found something else (${found}); run \`assay resume\`, which publishes a new snapshot.`,
    { key },
  );
}
