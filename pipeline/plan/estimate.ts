// What a run is likely to cost before anything was read (or, exactly, after reading the corpus): shards, bytes, time.
// Times come from operation counts and a nominal speed; they are for planning, never for reports.
import { shardCount } from '../../core/corpus/shard-plan.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { Part } from '../../schemas/stored.js';
import type { CorpusSize, StageEstimate } from '../../stages/definition.js';
import { COMPRESSION, ROW_BYTES } from '../../stages/nominal-speed.js';
import { STAGE_TABLE } from '../../stages/table.js';
import { workOfDictionary } from '../../stages/train/dictionary.js';
import { workOfRun } from '../../stages/work.js';
import { measureCorpus } from './measure-corpus.js';
import { stepsOfRun } from './steps.js';

/** Items, bytes and seconds of every step, by its id. `exact` reads the whole corpus. */
export async function estimateSteps(
  run: ResolvedRun,
  options: { readonly exact: boolean; readonly folder: string },
): Promise<ReadonlyMap<string, StageEstimate>> {
  const sizes = options.exact
    ? await measureCorpus(run, options.folder)
    : run.parts.map((part) => guessPart(part, run));
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
