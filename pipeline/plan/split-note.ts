// Splits that no document will fall into, told before a run starts: a corpus of one text has no test split, and no number of it is
// measured on data that nothing was fitted to. Counts where that is cheap (names of texts, small files); else says nothing.
import { isBad, parseDocument } from '../../core/corpus/document.js';
import { splitByHash } from '../../core/corpus/split-rule.js';
import { DataError } from '../../schemas/errors.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import type { Part } from '../../schemas/stored.js';
import { madeId } from '../../stages/corpus/first-record.js';
import { readRecords } from '../../stages/corpus/read-records.js';
import { corpusRule } from '../../stages/corpus/rule.js';
import { partFiles } from '../../stages/corpus/source-files.js';
import { sourceOpener } from '../resolve/engine.js';

/** Corpora up to this size are read for it. */
const READ_BYTES = 4 * 2 ** 20;

/**
 * A sentence about splits without a document; null where each has one, where it would take long to know, or where the corpus cannot be
 * read to its end: that is the run's to tell, with what it finished before.
 */
export async function emptySplitsNote(run: ResolvedRun, folder: string): Promise<string | null> {
  try {
    return await noteOf(run, folder);
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}

async function noteOf(run: ResolvedRun, folder: string): Promise<string | null> {
  const rule = run.file.corpus.split;
  const wanted = 'field' in rule ? [...SPLITS] : SPLITS.filter((split) => rule[split] > 0);
  const missing = new Set<Split>(wanted);
  let documents = 0;
  for await (const split of splitsOf(run, folder)) {
    if (split === null) return null;
    missing.delete(split);
    documents++;
    if (missing.size === 0) return null;
  }
  const names = [...missing].join(' and ');
  const test = missing.has('test')
    ? ' No metric of this run will be measured on documents that nothing was fitted to.'
    : '';
  const limit = run.limitDocuments;
  const more =
    limit !== null && documents >= limit
      ? `Raise --limit ${limit}, or give other shares`
      : 'Give more documents (a .txt file is one), or other shares';
  return `corpus: ${documents} ${documents === 1 ? 'document leaves' : 'documents leave'} the ${missing.size === 1 ? 'split' : 'splits'} ${names} empty.${test} ${more} in corpus.split.`;
}

/** The split of every document; null where a part is too large to be read for it. */
async function* splitsOf(run: ResolvedRun, folder: string): AsyncGenerator<Split | null, void, undefined> {
  const { corpus } = run.file;
  const small = run.parts.reduce((sum, { bytes }) => sum + bytes, 0) <= READ_BYTES;
  for (const part of run.parts) {
    const files = await partFiles(part, {
      openSource: sourceOpener(run.file),
      baseFolder: folder,
      format: corpus.format,
    });
    if (part.format === 'txt' && !('field' in corpus.split)) {
      for (const { id } of files) yield splitByHash(corpus.split, corpus.splitSeed, id);
    } else if (small) yield* splitsOfPart(part, files, run);
    else yield null;
  }
}

async function* splitsOfPart(
  part: Part,
  files: Awaited<ReturnType<typeof partFiles>>,
  run: ResolvedRun,
): AsyncGenerator<Split, void, undefined> {
  const rule = corpusRule(run.file.corpus);
  const limit = run.limitDocuments ?? Infinity;
  let taken = 0;
  for await (const { records } of readRecords({ part, files, ...rule })) {
    for (const record of records) {
      const parsed = 'bad' in record ? record.bad : parseDocument(record.fields, rule, madeId(part, record.line));
      if (isBad(parsed)) continue;
      yield parsed.split;
      if (++taken >= limit) return;
    }
  }
}
