// The records of one part, whatever its format, in batches: a batch holds what one chunk of a file gave.
import { createHash, type Hash } from 'node:crypto';
import { digestOf } from '../../core/identity/digest.js';
import { DataError } from '../../schemas/errors.js';
import type { Part } from '../../schemas/stored.js';
import { decompress } from './compression/decompress.js';
import type { PartFile } from './part-files.js';
import type { RawRecord } from './raw-record.js';
import { readJsonLines } from './read-jsonl.js';
import { readParquet } from './read-parquet.js';
import { readTextRecord } from './read-text.js';
import type { StoredBytes } from './stored-bytes.js';

export interface RecordBatch {
  /** The file's name for messages. */
  readonly file: string;
  readonly records: readonly RawRecord[];
}

export interface RecordSource {
  readonly part: Part;
  /** One, or all text files of a folder in the order of their names. */
  readonly files: readonly PartFile[];
  readonly idField: string;
  readonly textField: string;
}

/**
 * Batches of records, in file order. Read to its end it has compared the bytes with the part's digest.
 * @throws DataError where the part is damaged or is not what the run was planned with
 */
export async function* readRecords(source: RecordSource): AsyncGenerator<RecordBatch, void, undefined> {
  const digests: [string, string][] = [];
  for (const file of source.files) {
    const hash = createHash('sha256');
    for await (const records of recordsOf(source, file, hash)) yield { file: file.label, records };
    digests.push([file.id, hash.digest('hex')]);
  }
  checkDigest(source.part, partDigest(source.part, digests));
}

async function* recordsOf(
  source: RecordSource,
  file: PartFile,
  hash: Hash,
): AsyncGenerator<readonly RawRecord[], void, undefined> {
  const bytes = await file.open();
  const { format } = source.part;
  if (format === 'parquet') {
    // Hashed first: Parquet is read from its end and in pieces.
    const content = decompress(hashed(bytes, hash), 'none', file.label);
    while (!(await content.next()).done);
    yield* readParquet(bytes, file.label);
    return;
  }
  const chunks = decompress(hashed(bytes, hash), file.compression, file.label);
  if (format === 'jsonl') yield* readJsonLines(chunks);
  else yield [await readTextRecord(chunks, { ...source, id: file.id })];
}

async function* hashed(bytes: StoredBytes, hash: Hash): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of bytes.chunks()) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Digest of a part: of its bytes, or of its files' names too where these make ids (texts, and records without ids). */
export function partDigest(part: Pick<Part, 'format' | 'name'>, files: readonly (readonly [string, string])[]): string {
  if (part.format === 'txt') return textDigest(files);
  const [only] = files;
  return part.name === undefined ? (only?.[1] ?? '') : textDigest([[part.name, only?.[1] ?? '']]);
}

/** Of the sorted [name, sha256] list. */
function textDigest(files: readonly (readonly [name: string, sha256: string])[]): string {
  return digestOf([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkDigest(part: Part, found: string): void {
  if (found === part.digest) return;
  throw new DataError(
    `Expected ${part.location} as it was when the run was planned (sha256 ${part.digest.slice(0, 16)}…), found other bytes (${found.slice(0, 16)}…); ` +
      'put the old content back, or start a new revision with `assay run`.',
    { file: part.location, expected: part.digest, found },
  );
}
