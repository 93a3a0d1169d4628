// The corpus task of a compute child: one part becomes shards. First pass: file order, every record checked and spooled by
// the hash of its id. Second pass: hash order, equal ids found beside each other, shards written. Memory does not grow
// with the number of documents.
import { documentHash } from '../../core/corpus/document-hash.js';
import { isBad, parseDocument, type BadReason, type BadRecord, type DocumentRule } from '../../core/corpus/document.js';
import { shardCount } from '../../core/corpus/shard-plan.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import type { ChildTask } from '../../runtime/child/protocol.js';
import type { CorpusConfig } from './config.js';
import type { Part } from '../../schemas/stored.js';
import type { ChildOutput, SpoolFile } from '../stage.js';
import { madeId } from './first-record.js';
import { localPartFiles } from './part-files.js';
import { readRecords } from './read-records.js';
import { badDocument, duplicateId, noDocuments } from './refusals.js';
import { SpoolBuckets, type SpooledDocument } from './spool-buckets.js';
import type { CorpusShard, CorpusStatistics } from './statistics.js';
import { NumbersWriter } from './write-numbers.js';
import { ShardWriter } from './write-shards.js';

export interface CorpusRequest {
  readonly part: Part;
  /** Where the part (or the copy of a remote one) lies on this machine. */
  readonly path: string;
  readonly key: string;
  readonly config: CorpusConfig['keyed'];
  readonly spool: string;
}

/** Bytes of text that a stored byte is taken for when the number of bucket files is chosen. */
const EXPANSION = { plain: 1, compressed: 5 };
const SKIPPED_EXAMPLES = 5;

interface SplitCounts {
  documents: number;
  textBytes: number;
}

/** What the two passes share. */
class PartWork {
  readonly request: CorpusRequest;
  readonly buckets: SpoolBuckets;
  readonly counts: Readonly<Record<Split, SplitCounts>>;
  readonly skipped: Partial<Record<BadReason, number>> = {};
  readonly skippedExamples: string[] = [];

  constructor(request: CorpusRequest) {
    this.request = request;
    const { part, spool } = request;
    const plain = part.compression === 'none' && part.format !== 'parquet';
    const expected = part.bytes * (plain ? EXPANSION.plain : EXPANSION.compressed);
    this.buckets = new SpoolBuckets(spool, expected);
    const none = (): SplitCounts => ({ documents: 0, textBytes: 0 });
    this.counts = { fit: none(), calib: none(), test: none() };
  }

  get skips(): boolean {
    return this.request.config.onBadDocument === 'skip';
  }

  /** Counts a bad record, or fails. @throws DataError with file and line */
  reject(bad: BadRecord, file: string, line: number): void {
    if (!this.skips) throw badDocument(bad, file, line);
    this.skipped[bad.reason] = (this.skipped[bad.reason] ?? 0) + 1;
    if (this.skippedExamples.length < SKIPPED_EXAMPLES) this.skippedExamples.push(`${file}:${line}: ${bad.problem}`);
  }
}

const runCorpus: ChildTask<CorpusRequest, ChildOutput> = async (request, context) => {
  const work = new PartWork(request);
  await spoolDocuments(work, (rows) => {
    context.progress({ rows });
  });
  const alive = (): void => context.alive();
  if (work.skips) await dropDuplicates(work, alive);
  const { files, shards } = await writeShards(work, alive);
  const statistics = summarise(work, shards);
  if (statistics.documents === 0 && !work.skips) throw noDocuments(request.part);
  return { files, statistics };
};

/** Every task of this stage, by name. */
export const corpusTasks = { corpus: runCorpus };

async function spoolDocuments(work: PartWork, onProgress: (rows: number) => void): Promise<void> {
  const { part, path, config } = work.request;
  const rule: DocumentRule = config;
  const limit = config.limitDocuments ?? Infinity;
  const files = await localPartFiles(part, path);
  let taken = 0;
  for await (const { file, records } of readRecords({ part, files, ...rule })) {
    for (const record of records) {
      const parsed = 'bad' in record ? record.bad : parseDocument(record.fields, rule, madeId(part, record.line));
      if (isBad(parsed)) work.reject(parsed, file, record.line);
      else {
        const counts = work.counts[parsed.split];
        const hash = documentHash('order', config.seed, parsed.id);
        counts.textBytes += work.buckets.add({ ...parsed, hash, line: record.line });
        counts.documents++;
        if (++taken >= limit) return;
      }
    }
    onProgress(taken);
  }
}

/** Takes what will be left out as a duplicate off the counts, because they decide the number of shards. */
async function dropDuplicates(work: PartWork, alive: () => void): Promise<void> {
  for await (const bucket of work.buckets.sorted()) {
    alive();
    forEachDocument(bucket, (document, first) => {
      if (!first) return;
      const counts = work.counts[document.split];
      counts.documents--;
      counts.textBytes -= document.textBytes;
      work.reject(duplicate(document, first), work.request.part.location, document.line);
    });
  }
}

async function writeShards(work: PartWork, alive: () => void): Promise<{ files: SpoolFile[]; shards: CorpusShard[] }> {
  const { part, key, config, spool } = work.request;
  const partDigest = part.digest;
  const create = (split: Split): ShardWriter =>
    new ShardWriter({
      spool,
      key,
      partDigest,
      split,
      shardTokens: config.shardTokens,
      ...work.counts[split],
    });
  const writers = { fit: create('fit'), calib: create('calib'), test: create('test') };
  const ids = new NumbersWriter({ spool, table: 'ids', shard: partDigest.slice(0, 16) });
  try {
    for await (const bucket of work.buckets.sorted()) {
      const kept: SpooledDocument[] = [];
      forEachDocument(bucket, (document, first) => {
        if (!first) kept.push(document);
        else if (!work.skips) work.reject(duplicate(document, first), part.location, document.line);
      });
      for (const document of kept) {
        alive();
        await writers[document.split].add(document);
        await ids.add(document.hash);
      }
    }
    for (const split of SPLITS) await writers[split].finish();
  } catch (error) {
    for (const split of SPLITS) await writers[split].abort();
    await ids.abort();
    throw error;
  }
  await work.buckets.remove();
  const inOrder = SPLITS.map((split) => writers[split]);
  return {
    files: [
      ...inOrder.flatMap((writer) => writer.files),
      ...(await ids.finish()),
      ...inOrder.flatMap((writer) => writer.lineFiles),
    ],
    shards: inOrder.flatMap((writer) => writer.shards),
  };
}

/** Calls with each document of a sorted bucket, and with the first one of the same id where it is a repetition. */
function forEachDocument(
  bucket: readonly SpooledDocument[],
  call: (document: SpooledDocument, first: SpooledDocument | null) => void,
): void {
  let first: SpooledDocument | null = null;
  for (const document of bucket) {
    const repeats = first !== null && first.hash === document.hash && first.id === document.id;
    call(document, repeats ? first : null);
    if (!repeats) first = document;
  }
}

function duplicate(document: SpooledDocument, first: SpooledDocument): BadRecord {
  return duplicateId(document.id, [first.line, document.line]);
}

function summarise(work: PartWork, shards: readonly CorpusShard[]): CorpusStatistics {
  const sum = (field: 'documents' | 'textBytes', split?: Split): number =>
    shards.filter((s) => split === undefined || s.split === split).reduce((total, s) => total + s[field], 0);
  const of = (split: Split): CorpusStatistics['splits'][Split] => ({
    documents: sum('documents', split),
    textBytes: sum('textBytes', split),
    shards: shardCount(sum('documents', split), sum('textBytes', split), work.request.config.shardTokens),
  });
  return {
    documents: sum('documents'),
    textBytes: sum('textBytes'),
    splits: { fit: of('fit'), calib: of('calib'), test: of('test') },
    skipped: work.skipped,
    skippedExamples: work.skippedExamples,
    shards: [...shards],
  };
}
