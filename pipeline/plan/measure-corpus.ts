// What a run's corpus holds, by reading all of it as the corpus stage will: its documents are counted, what it refuses is refused here
// in its words, and what it leaves out is left out. Keeps the ids in memory, nothing else; writes nothing.
import { documentHash } from '../../core/corpus/document-hash.js';
import { isBad, parseDocument, type SourceDocument } from '../../core/corpus/document.js';
import { shardCount } from '../../core/corpus/shard-plan.js';
import { DataError } from '../../schemas/errors.js';
import { allowedShards } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { SPLITS } from '../../schemas/stages.js';
import type { Part } from '../../schemas/stored.js';
import { madeId } from '../../stages/corpus/first-record.js';
import { readRecords } from '../../stages/corpus/read-records.js';
import { badDocument, duplicateId, noDocuments, sharedId } from '../../stages/corpus/refusals.js';
import { corpusRule } from '../../stages/corpus/rule.js';
import { partFiles } from '../../stages/corpus/source-files.js';
import type { CorpusSize } from '../../stages/definition.js';
import { sourceOpener } from '../resolve/engine.js';

/**
 * The size of every part that the run can read.
 * @throws DataError of the run: of the first part, where more of them fail than the tolerance allows; of an id in two parts
 */
export async function measureCorpus(run: ResolvedRun, folder: string): Promise<CorpusSize[]> {
  const sizes: CorpusSize[] = [];
  const failures: DataError[] = [];
  const ids = new Map<string, string>();
  let shared: DataError | null = null;
  for (const part of run.parts) {
    const count = new PartCount(part, run);
    try {
      await count.read(folder);
      sizes.push(count.finish());
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      failures.push(error);
      continue;
    }
    for (const id of shared === null ? count.ids : []) {
      const other = ids.get(id);
      if (other !== undefined) shared = sharedId(id, [other, part.location]);
      else ids.set(id, part.location);
    }
  }
  const [first] = failures;
  const allowed = allowedShards(run.file.tolerance.quarantinedShards, run.parts.length);
  if (first && failures.length > allowed) throw first;
  // The run looks for these behind its corpus stage, which comes to its end first.
  if (shared !== null) throw shared;
  return sizes;
}

interface Repeated {
  readonly id: string;
  readonly hash: number;
  readonly lines: readonly [number, number];
}

class PartCount {
  readonly #part: Part;
  readonly #run: ResolvedRun;
  readonly #lines = new Map<string, number>();
  readonly #counts = {
    fit: { documents: 0, bytes: 0 },
    calib: { documents: 0, bytes: 0 },
    test: { documents: 0, bytes: 0 },
  };
  /** The repetition that the stage finds first: it goes through ids by their hashes. */
  #repeated: Repeated | null = null;

  constructor(part: Part, run: ResolvedRun) {
    this.#part = part;
    this.#run = run;
  }

  get ids(): Iterable<string> {
    return this.#lines.keys();
  }

  async read(folder: string): Promise<void> {
    const { file, limitDocuments } = this.#run;
    const rule = corpusRule(file.corpus);
    const where = { openSource: sourceOpener(file), baseFolder: folder, format: file.corpus.format };
    const files = await partFiles(this.#part, where);
    let taken = 0;
    for await (const { file: name, records } of readRecords({ part: this.#part, files, ...rule })) {
      for (const record of records) {
        const made = madeId(this.#part, record.line);
        const parsed = 'bad' in record ? record.bad : parseDocument(record.fields, rule, made);
        if (!isBad(parsed)) {
          this.#add(parsed, record.line);
          if (++taken >= (limitDocuments ?? Infinity)) return;
        } else if (rule.onBadDocument === 'fail') throw badDocument(parsed, name, record.line);
      }
    }
  }

  #add({ id, text, split }: SourceDocument, line: number): void {
    const first = this.#lines.get(id);
    if (first !== undefined) {
      const hash = documentHash('order', this.#run.file.seed, id);
      if (this.#repeated === null || hash < this.#repeated.hash) this.#repeated = { id, hash, lines: [first, line] };
      return;
    }
    this.#lines.set(id, line);
    this.#counts[split].documents++;
    this.#counts[split].bytes += Buffer.byteLength(text);
  }

  finish(): CorpusSize {
    const { corpus } = this.#run.file;
    const skips = corpus.onBadDocument === 'skip';
    if (this.#repeated && !skips) {
      const { id, lines } = this.#repeated;
      throw badDocument(duplicateId(id, lines), this.#part.location, lines[1]);
    }
    if (this.#lines.size === 0 && !skips) throw noDocuments(this.#part);
    const counts = SPLITS.map((split) => this.#counts[split]);
    return {
      shards: counts.reduce((n, { documents, bytes }) => n + shardCount(documents, bytes, corpus.shardTokens), 0),
      textBytes: counts.reduce((n, { bytes }) => n + bytes, 0),
    };
  }
}
