// Document ids that occur in two parts: the sorted id hashes that each part's commit stores are merged in bounded memory,
// and where two parts share a hash the ids themselves are compared.
import { open } from 'node:fs/promises';
import { documentHash } from '../../core/corpus/document-hash.js';
import { shardName, shardOf } from '../../core/corpus/shard-plan.js';
import { SPLITS } from '../../schemas/stages.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { readSourceTable } from '../../storage/tables/read.js';
import { sharedId } from '../corpus/refusals.js';
import { readCorpusStatistics } from '../corpus/statistics.js';

export interface DuplicateIdsRequest {
  /** Of the corpus stage, in the order of the parts. */
  readonly commits: readonly Commit[];
  /** Name of each part for messages: its location. */
  readonly names: readonly string[];
  /** The run's seed, as in the corpus stage's settings. */
  readonly seed: number;
  /** Local path of a stored object. */
  readonly fetch: (object: ObjectRecord) => Promise<string>;
}

/** Resolves where no two parts share a document id. @throws DataError naming the id and both parts */
export async function checkDuplicateIds(request: DuplicateIdsRequest): Promise<void> {
  if (request.commits.length < 2) return;
  const runs = await openRuns(request);
  const heap = new RunHeap();
  for (const run of runs) if (await run.next()) heap.push(run);
  let equal: Run[] = [];
  let hash = -1;
  for (let run = heap.pop(); run; run = heap.pop()) {
    if (run.head !== hash) equal = [];
    hash = run.head;
    for (const other of equal) if (other.part !== run.part) await compareIds(request, hash, [other, run]);
    equal.push(run);
    if (await run.next()) heap.push(run);
  }
}

/** Bytes of a run read at once: many runs are open together. */
const READ_BYTES = 1 << 14;

/** The ascending hashes of one `ids` object. */
class Run {
  head = 0;
  readonly part: number;
  readonly #path: string;
  #hashes = new Float64Array(0);
  #at = 0;
  #offset = 0;

  constructor(part: number, path: string) {
    this.part = part;
    this.#path = path;
  }

  /** Moves `head` to the next hash; false at the end. */
  async next(): Promise<boolean> {
    if (this.#at === this.#hashes.length) await this.#read();
    const hash = this.#hashes[this.#at++];
    if (hash === undefined) return false;
    this.head = hash;
    return true;
  }

  async #read(): Promise<void> {
    const handle = await open(this.#path);
    try {
      const bytes = new Uint8Array(READ_BYTES);
      const { bytesRead } = await handle.read(bytes, 0, READ_BYTES, this.#offset);
      this.#offset += bytesRead;
      this.#hashes = new Float64Array(bytes.buffer, 0, Math.floor(bytesRead / 8));
      this.#at = 0;
    } finally {
      await handle.close();
    }
  }
}

async function openRuns({ commits, fetch }: DuplicateIdsRequest): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [part, commit] of commits.entries()) {
    for (const object of commit.objects) {
      if (object.table === 'ids') runs.push(new Run(part, await fetch(object)));
    }
  }
  return runs;
}

/** Runs by their head, least first. */
class RunHeap {
  readonly #runs: Run[] = [];

  push(run: Run): void {
    const runs = this.#runs;
    let at = runs.push(run) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = runs[parent];
      if (!above || above.head <= run.head) break;
      runs[at] = above;
      at = parent;
    }
    runs[at] = run;
  }

  pop(): Run | null {
    const runs = this.#runs;
    const least = runs[0];
    const last = runs.pop();
    if (!least || !last) return null;
    if (runs.length === 0) return least;
    let at = 0;
    for (;;) {
      const left = runs[2 * at + 1];
      const right = runs[2 * at + 2];
      const [child, index] = right && left && right.head < left.head ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (!child || child.head >= last.head) break;
      runs[at] = child;
      at = index;
    }
    runs[at] = last;
    return least;
  }
}

async function compareIds(request: DuplicateIdsRequest, hash: number, [a, b]: readonly [Run, Run]): Promise<void> {
  const known = new Set(await idsWithHash(request, hash, a));
  const id = (await idsWithHash(request, hash, b)).find((other) => known.has(other));
  if (id === undefined) return;
  throw sharedId(id, [request.names[a.part] ?? '', request.names[b.part] ?? '']);
}

/** The ids of a part that have this hash: usually one. */
async function idsWithHash(
  { commits, seed, fetch }: DuplicateIdsRequest,
  hash: number,
  { part }: Run,
): Promise<string[]> {
  const commit = commits[part];
  if (!commit) return [];
  const { splits } = readCorpusStatistics(commit);
  const names = SPLITS.map((split) => shardName(commit.shard, split, shardOf(hash, splits[split].shards)));
  const found: string[] = [];
  for (const object of commit.objects) {
    if (object.table !== 'source' || !names.includes(object.shard)) continue;
    const { id } = await readSourceTable(await fetch(object));
    found.push(...id.filter((one) => documentHash('order', seed, one) === hash));
  }
  return found;
}
