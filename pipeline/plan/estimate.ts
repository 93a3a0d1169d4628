// What a run is likely to cost before anything was read (or, exactly, after reading the corpus): shards, bytes, time.
// Times come from operation counts and a nominal speed; they are for planning, never for reports.
import { isBad, parseDocument } from '../../core/corpus/document.js';
import { shardCount } from '../../core/corpus/shard-plan.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { Part } from '../../schemas/stored.js';
import { corpusRule } from '../../stages/corpus/rule.js';
import { madeId } from '../../stages/corpus/first-record.js';
import { partFiles } from '../../stages/corpus/source-files.js';
import { readRecords } from '../../stages/corpus/read-records.js';
import type { CorpusSize, StageEstimate } from '../../stages/definition.js';
import { COMPRESSION, ROW_BYTES } from '../../stages/nominal-speed.js';
import { STAGE_TABLE } from '../../stages/table.js';
import { workOfDictionary } from '../../stages/train/dictionary.js';
import { workOfRun } from '../../stages/work.js';
import { sourceOpener } from '../resolve/engine.js';
import { stepsOfRun } from './steps.js';

/** Items, bytes and seconds of every step, by its id. `exact` reads the whole corpus. */
export async function estimateSteps(
  run: ResolvedRun,
  options: { readonly exact: boolean; readonly folder: string },
): Promise<ReadonlyMap<string, StageEstimate>> {
  const sizes: CorpusSize[] = [];
  for (const part of run.parts)
    sizes.push(options.exact ? await measurePart(part, run, options.folder) : guessPart(part, run));
  const size = {
    shards: sizes.reduce((n, { shards }) => n + shards, 0),
    textBytes: sizes.reduce((n, { textBytes }) => n + textBytes, 0),
  };
  const work = workOfRun(run);
  return new Map(stepsOfRun(run).map((step) => [step.id, STAGE_TABLE[step.stage].estimate(work, step, size)]));
}

/** Shards that one worker slot holds on its disk at once: one computes, one is read or uploaded. */
const SHARDS_IN_HAND = 2;
/** Weights with the optimiser's two moments, and the checkpoint before the one that is written. */
const CHECKPOINT_COPIES = 6;

/** Bytes that one worker slot needs on its own disk: the model, the shards in hand, the largest training's state. */
export function workerBytes(run: ResolvedRun): number {
  const { model, file } = run;
  const own = 'trained' in model ? [] : [model.onnx, ...model.external];
  const files = [model.tokenizer, ...own, ...(model.editValues ?? [])];
  const valueBytes = file.activations.dtype === 'float16' ? 2 : 4;
  const rowBytes = run.sites.reduce((n, site) => n + site.width * valueBytes + ROW_BYTES.activationKeys, 0);
  const weights = run.dictionaries.map((dictionary) => workOfDictionary(run, dictionary).weightBytes);
  return (
    files.reduce((n, { bytes }) => n + bytes, 0) +
    SHARDS_IN_HAND * file.corpus.shardTokens * rowBytes +
    CHECKPOINT_COPIES * Math.max(0, ...weights)
  );
}

function guessPart(part: Part, run: ResolvedRun): CorpusSize {
  const textBytes = part.bytes * (part.compression === 'none' && part.format !== 'parquet' ? 1 : COMPRESSION);
  const rule = run.file.corpus.split;
  const shares: Record<Split, number> = 'field' in rule ? { fit: 0.9, calib: 0.05, test: 0.05 } : rule;
  const shards = SPLITS.reduce(
    (n, split) => n + (shares[split] === 0 ? 0 : shardCount(1, textBytes * shares[split], run.file.corpus.shardTokens)),
    0,
  );
  return { shards, textBytes };
}

async function measurePart(part: Part, run: ResolvedRun, folder: string): Promise<CorpusSize> {
  const { corpus } = run.file;
  const rule = corpusRule(corpus);
  const counts = {
    fit: { documents: 0, bytes: 0 },
    calib: { documents: 0, bytes: 0 },
    test: { documents: 0, bytes: 0 },
  };
  const files = await partFiles(part, {
    openSource: sourceOpener(run.file),
    baseFolder: folder,
    format: corpus.format,
  });
  for await (const { records } of readRecords({ part, files, ...rule })) {
    for (const record of records) {
      const parsed = 'bad' in record ? record.bad : parseDocument(record.fields, rule, madeId(part, record.line));
      if (isBad(parsed)) continue;
      counts[parsed.split].documents++;
      counts[parsed.split].bytes += Buffer.byteLength(parsed.text);
    }
  }
  return {
    shards: SPLITS.reduce(
      (n, split) => n + shardCount(counts[split].documents, counts[split].bytes, corpus.shardTokens),
      0,
    ),
    textBytes: SPLITS.reduce((n, split) => n + counts[split].bytes, 0),
  };
}
