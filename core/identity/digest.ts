// Content digests: of bytes, of JSON values, of stage keys and of datasets.
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** Most bytes that a hash is given at once: it refuses 2 GiB and more. */
const HASH_BYTES = 2 ** 30;

/** SHA-256 of bytes or of a string's UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(content: Uint8Array | string): string {
  const hash = createHash('sha256');
  if (typeof content === 'string') return hash.update(content).digest('hex');
  for (let at = 0; at < content.length; at += HASH_BYTES) hash.update(content.subarray(at, at + HASH_BYTES));
  return hash.digest('hex');
}

/** SHA-256 of the canonical JSON of a value. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}

export interface KeyPreimage {
  readonly stage: string;
  readonly stageVersion: number;
  /** The resolved settings that this stage reads, and nothing else. */
  readonly config: unknown;
  /** Digests of what the stage consumes, where the key covers it; null for per-shard stages. */
  readonly inputs: unknown;
}

/** key = sha256(canonicalJson({stage, stageVersion, config, inputs})) */
export function stageKey(preimage: KeyPreimage): string {
  const { stage, stageVersion, config, inputs } = preimage;
  return digestOf({ stage, stageVersion, config, inputs });
}

/** One stored object of a dataset, as it enters the dataset's digest. */
export interface DatasetEntry {
  readonly table: string;
  readonly shard: string;
  readonly sha256: string;
}

/** sha256(canonicalJson(sorted [table, shard, object sha256])): depends on content alone. */
export function datasetDigest(entries: readonly DatasetEntry[]): string {
  const triples = entries.map((e) => [e.table, e.shard, e.sha256]);
  const texts = triples.map((t) => canonicalJson(t)).sort();
  return sha256Hex(`[${texts.join(',')}]`);
}
