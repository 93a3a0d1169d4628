// One item of work per corpus shard, with the number of its first document: parts in their order, in a part the shards as
// its commit lists them (fit, calib, test). Pure: the same commits give the same numbers on every machine.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import { digestOf } from '../../core/identity/digest.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { CorpusInputs } from '../corpus/config.js';
import type { TokensInputs } from './config.js';
import { readCorpusStatistics } from '../corpus/statistics.js';
import { datasetNames } from '../dataset-names.js';
import type { WorkItem } from '../stage.js';
import { inPartOrder, unitsOf, type PinnedReader, type Step, type StepUnits } from '../step.js';
import type { Work } from '../work.js';
import { checkDuplicateIds } from './duplicate-ids.js';
import { tokensKey, tokensSettings } from './stage.js';

/** Documents are numbered by u32. */
const MAX_DOCUMENTS = 2 ** 32;

/** Everything that the step plans; null while the corpus is not complete. */
export async function planTokens({ corpus }: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const upstream = corpus && (await pinned(datasetNames(corpus.name).corpus));
  if (!upstream) return null;
  const config = tokensSettings(corpus);
  const { key, preimage } = tokensKey(corpus);
  const units = planShards(key, inPartOrder(upstream.commits, corpus.parts)).map((item) => ({ item, config }));
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

/** One document id in two parts would number two documents alike. @throws DataError naming the id and both parts */
export async function refuseDuplicateIds(
  { corpus }: Work,
  pinned: PinnedReader,
  fetch: (object: ObjectRecord) => Promise<string>,
): Promise<void> {
  const upstream = corpus && (await pinned(datasetNames(corpus.name).corpus));
  if (!upstream) return;
  const commits = inPartOrder(upstream.commits, corpus.parts);
  const locations = new Map(corpus.parts.map((part) => [part.digest, part.location]));
  const names = commits.map((commit) => locations.get((commit.inputs as CorpusInputs).part) ?? commit.shard);
  await checkDuplicateIds({ commits, names, seed: corpus.file.seed, fetch });
}

/**
 * The items of the tokens stage.
 * @param commits of the corpus stage, in the order of the parts
 * @throws InputError where the corpus is empty or too large; DataError where a commit lacks a shard's objects
 */
export function planShards(key: string, commits: readonly Commit[]): WorkItem<TokensInputs>[] {
  const items: WorkItem<TokensInputs>[] = [];
  let firstDoc = 0;
  for (const commit of commits) {
    const objects = sourceObjects(commit);
    for (const shard of readCorpusStatistics(commit).shards) {
      const { name, split, documents, textBytes } = shard;
      const source = objects.get(name);
      if (!source) throw missingObjects(commit, name);
      const inputs: TokensInputs = { source: source.map((o) => o.sha256), firstDoc, split };
      items.push({
        stage: 'tokens',
        keys: [key],
        input: digestOf(inputs),
        inputs,
        shard: name,
        split,
        size: Math.ceil(textBytes / BYTES_PER_TOKEN),
        aux: { objects: source },
      });
      firstDoc += documents;
    }
  }
  if (items.length === 0) throw emptyCorpus(commits);
  if (firstDoc > MAX_DOCUMENTS) throw tooManyDocuments(firstDoc);
  return items;
}

function sourceObjects(commit: Commit): Map<string, ObjectRecord[]> {
  const objects = new Map<string, ObjectRecord[]>();
  for (const object of commit.objects) {
    if (object.table !== 'source') continue;
    const known = objects.get(object.shard);
    if (known) known.push(object);
    else objects.set(object.shard, [object]);
  }
  return objects;
}

function missingObjects(commit: Commit, shard: string): DataError {
  return new DataError(
    `Expected objects of table "source" for shard ${shard} in the commit of part ${commit.shard}, found none; resume with --mode all to make it anew.`,
    { part: commit.shard, shard },
  );
}

function emptyCorpus(commits: readonly Commit[]): InputError {
  const skipped = commits.reduce((total, commit) => {
    const counts = Object.values(readCorpusStatistics(commit).skipped);
    return total + counts.reduce((sum, n) => sum + n, 0);
  }, 0);
  return new InputError(
    `Expected a corpus with at least one document, found none in ${commits.length} parts (${skipped} bad ones were left out); correct corpus.sources.`,
    { parts: commits.length, skipped },
  );
}

function tooManyDocuments(documents: number): InputError {
  return new InputError(
    `Expected at most ${MAX_DOCUMENTS} documents in a corpus, found ${documents}; join short ones or split the run.`,
    { documents, limit: MAX_DOCUMENTS },
  );
}
