// What a run is likely to cost before anything was read (or, exactly, after reading the corpus): shards, bytes, time.
// Times come from operation counts and a nominal speed; they are for planning, never for reports.
import os from 'node:os';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { isBad, parseDocument } from '../../core/corpus/document.js';
import { BYTES_PER_TOKEN, shardCount } from '../../core/corpus/shard-plan.js';
import { SPLITS, type Split, type RunStage } from '../../schemas/stages.js';
import type { Part } from '../../schemas/stored.js';
import { partFiles } from '../../stages/corpus/parts.js';
import { readRecords } from '../../stages/corpus/read-records.js';
import { sourceOpener } from '../resolve/resolve-run.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';

export interface StageEstimate {
  readonly items: number | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
}

/** Text bytes per stored byte of compressed sources, as English text compresses. */
const COMPRESSION = 3.2;
/** Nominal speeds of one core. */
const SPEED = { textBytes: 20e6, tokens: 150_000, flops: 3e10, postings: 2e6 };
/** Bytes per row of tables whose rows vary. */
const ROW_BYTES = { token: 9, activationKeys: 8, posting: 4, top: 10 };
/** Forward and backward of a dictionary against its encoder product, where the backward touches what fired. */
const TRAINING_FACTOR = 3;

interface CorpusSize {
  readonly shards: number;
  readonly textBytes: number;
}

/** Items, bytes and seconds of every stage. `exact` reads the whole corpus. */
export async function estimateStages(
  run: ResolvedRun,
  options: { readonly exact: boolean; readonly folder: string },
): Promise<Readonly<Record<RunStage, StageEstimate>>> {
  const sizes: CorpusSize[] = [];
  for (const part of run.parts)
    sizes.push(options.exact ? await measurePart(part, run, options.folder) : guessPart(part, run));
  return estimateFor(run, {
    shards: sizes.reduce((n, size) => n + size.shards, 0),
    textBytes: sizes.reduce((n, size) => n + size.textBytes, 0),
  });
}

function estimateFor(run: ResolvedRun, { shards, textBytes }: CorpusSize): Readonly<Record<RunStage, StageEstimate>> {
  const tokens = textBytes / BYTES_PER_TOKEN;
  const cores = os.availableParallelism();
  const { layers, width } = run.model;
  const siteWidths = run.sites.reduce((n, site) => n + site.width, 0);
  const valueBytes = { float16: 2, float32: 4 }[run.file.activations.dtype];
  const each = run.dictionaries.map(({ site, sae }) => {
    const d = run.sites.find((s) => s.name === site)?.width ?? width;
    return {
      ...{ rows: sae.tokens, product: 2 * d * sae.features },
      weights: 2 * d * sae.features * 4,
      firings: tokens * ARCHITECTURES[sae.architecture].expectedFirings(sae, sae.features),
      features: sae.features,
    };
  });
  type Each = (typeof each)[number];
  const sum = (of: (entry: Each) => number): number => each.reduce((n, e) => n + of(e), 0);
  return {
    corpus: {
      items: run.parts.length,
      bytes: Math.round(textBytes / COMPRESSION),
      seconds: textBytes / SPEED.textBytes,
    },
    tokens: {
      items: shards,
      bytes: Math.round(textBytes / COMPRESSION + tokens * ROW_BYTES.token),
      seconds: tokens / SPEED.tokens / cores,
    },
    activations: {
      items: shards,
      bytes: Math.round(tokens * (siteWidths * valueBytes + run.sites.length * ROW_BYTES.activationKeys)),
      seconds: (tokens * 24 * layers * width * width) / SPEED.flops / cores,
    },
    train: {
      items: 1,
      bytes: sum((e) => e.weights),
      seconds: sum((e) => e.rows * e.product * TRAINING_FACTOR) / SPEED.flops / cores,
    },
    encode: {
      items: shards,
      bytes: Math.round(sum((e) => e.firings) * ROW_BYTES.posting * 2),
      seconds: sum((e) => tokens * e.product * 1.3) / SPEED.flops / cores,
    },
    index: {
      items: null,
      bytes: Math.round(
        sum((e) => e.firings * ROW_BYTES.posting + e.features * run.file.index.topExamples * ROW_BYTES.top),
      ),
      seconds: sum((e) => e.firings) / SPEED.postings / cores,
    },
  };
}

/** Shards that one worker slot holds on its disk at once: one computes, one is read or uploaded. */
const SHARDS_IN_HAND = 2;
/** Weights with the optimiser's two moments, and the checkpoint before the one that is written. */
const CHECKPOINT_COPIES = 6;

/** Bytes that one worker slot needs on its own disk: the model, the shards in hand, the largest training's state. */
export function workerBytes(run: ResolvedRun): number {
  const { model, file } = run;
  const files = [model.onnx, model.tokenizer, ...model.external, ...(model.editValues ?? [])];
  const valueBytes = file.activations.dtype === 'float16' ? 2 : 4;
  const rowBytes = run.sites.reduce((n, site) => n + site.width * valueBytes + ROW_BYTES.activationKeys, 0);
  const weights = run.dictionaries.map(({ site, sae }) => {
    const width = run.sites.find((s) => s.name === site)?.width ?? model.width;
    return 2 * width * sae.features * 4;
  });
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
  const rule = {
    idField: corpus.id,
    textField: corpus.text,
    split: corpus.split,
    splitSeed: corpus.splitSeed,
  };
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
      const parsed = 'bad' in record ? record.bad : parseDocument(record.fields, rule);
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
