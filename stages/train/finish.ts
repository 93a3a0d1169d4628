// The end of a call to train: a checkpoint of each dictionary that went on, and once all are complete their outputs and what their
// commits say of them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { epochRows, type DataOrder } from '../../core/order/data-order.js';
import { siteScales, targetVariance, type InputScale } from '../../core/dictionaries/scale.js';
import type { DictionarySites } from '../../core/dictionaries/sites.js';
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import type { BatchCutter } from './batch-cutter.js';
import { writeStateFile } from './engines/state-file.js';
import type { ShuffleStatistics, TrainDictionary, TrainedDictionary, TrainRequest, TrainResponse } from './messages.js';
import { writeOutputs } from './train-files.js';

/** A dictionary with what it began this call from. */
export interface Entry {
  readonly dictionary: TrainDictionary;
  readonly cutter: BatchCutter;
  readonly startStep: number;
  readonly startRows: number;
  shuffle: ShuffleStatistics | null;
}

export interface Call {
  readonly request: TrainRequest;
  readonly context: ChildContext;
  readonly order: DataOrder;
  /** Scale, mean and variance of every site. */
  readonly inputs: readonly InputScale[];
  readonly deadline: number;
}

/** Checkpoints and, where all are complete, outputs. */
export async function finish(call: Call, entries: readonly Entry[]): Promise<TrainResponse> {
  const allComplete = entries.every(({ cutter: { trainer } }) => trainer.complete && !trainer.calibDue);
  const dictionaries: TrainedDictionary[] = [];
  for (const entry of entries) dictionaries.push(await close(call, entry, allComplete));
  const { engine } = (entries[0] as Entry).dictionary.config;
  return { dictionaries, engine: { ...engine, ort: ORT_VERSION, cpu: await cpuClass() } };
}

async function close(call: Call, entry: Entry, allComplete: boolean): Promise<TrainedDictionary> {
  const { dictionary, cutter, shuffle } = entry;
  const { trainer } = cutter;
  const { key } = dictionary;
  const folder = path.join(call.request.spool, key);
  await mkdir(folder, { recursive: true });
  const changed = trainer.step !== entry.startStep || trainer.log.length !== entry.startRows;
  const file = changed ? await writeStateFile(path.join(folder, 'state.safetensors'), trainer.engine) : null;
  const checkpoint = file && {
    file,
    state: { step: trainer.step, cursor: cutter.cursor, log: trainer.log, shuffle },
  };
  const output = allComplete
    ? {
        files: await writeOutputs({
          folder,
          key,
          shard: call.request.shard,
          model: call.request.model,
          config: dictionary.config,
          shape: trainer.shape,
          engine: trainer.engine,
          scales: siteScales(trainer.shape.sites, call.inputs),
          log: trainer.log,
        }),
        statistics: { ...statisticsOf(call, entry), ...(await trainer.engine.reach()) },
      }
    : null;
  return { key, step: trainer.step, complete: trainer.complete, checkpoint, output };
}

/** What the commit says of the training: a function of configuration and data alone. */
function statisticsOf({ order, inputs, request }: Call, { cutter, shuffle }: Entry): Record<string, unknown> {
  const { trainer } = cutter;
  const last = (split: 'fit' | 'calib'): unknown => {
    const row = trainer.log.findLast((r) => r.split === split);
    return row ? { loss: row.loss, fvu: row.fvu, l0: row.l0, deadFraction: row.deadFraction } : null;
  };
  return {
    steps: trainer.step,
    tokens: trainer.step * trainer.batchRows,
    fitRows: epochRows(order),
    calibRows: request.calibRows,
    epochs: (trainer.step * trainer.batchRows) / epochRows(order),
    ...scaleStatistics(trainer.shape.sites, inputs),
    variance: targetVariance(trainer.shape.sites, inputs),
    sameDocument: shuffle,
    fit: last('fit'),
    calib: last('calib'),
    ...(trainer.engine.recall && { candidates: { proposed: 'int8', ...trainer.engine.recall } }),
  };
}

/** Scales of training: one number for an autoencoder; else lists, of the sites read and of those written. */
function scaleStatistics(sites: DictionarySites, inputs: readonly InputScale[]): Record<string, unknown> {
  const { reads, writes } = siteScales(sites, inputs);
  return sites.widths.length === 1 ? { inputScale: reads[0] } : { inputScale: reads, outputScale: writes };
}
