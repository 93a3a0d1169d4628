// Trains dictionaries of the same sites inside the compute child, over one stream of super-buffers that the worker reads. Each
// dictionary keeps its own cursor; a super-buffer is loaded once for all that need it. Returns checkpoints when asked to
// stop, at the time limit and at the end, and the outputs once all dictionaries are complete.
import { computeShuffleQuality, type ShuffleQuality } from '../../core/order/shuffle-quality.js';
import {
  epochRows,
  superbufferBlocks,
  superbufferPermutation,
  type SuperbufferId,
} from '../../core/order/data-order.js';
import { computeScale, type InputScale } from '../../core/dictionaries/scale.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import { DataError } from '../../schemas/errors.js';
import { BatchCutter, type Superbuffer } from './batch-cutter.js';
import type {
  RowFile,
  ShuffleStatistics,
  TrainAsks,
  TrainDictionary,
  TrainProgress,
  TrainRequest,
  TrainResponse,
  TrainedExpert,
  WireMoments,
} from './messages.js';
import { readRowFile, type StoredRows } from './row-file.js';
import { StateFile } from './engines/state-file.js';
import { type Call, type Entry, finish } from './finish.js';
import { joinExpertsTask } from './routed/join-task.js';
import { ROUTED_TASKS } from './routed/messages.js';
import { findRoutesTask } from './routed/routes-task.js';
import { sortRowsTask } from './routed/rows-task.js';
import { Trainer, type TrainerParts } from './trainer.js';

async function train(request: TrainRequest, context: ChildContext): Promise<TrainResponse> {
  const { snapshot, dictionaries, blocks } = request;
  const first = dictionaries[0];
  if (!first) throw new DataError('Expected at least one dictionary to train, found none.');
  const call: Call = {
    request,
    context,
    order: {
      runSeed: first.config.runSeed,
      tokens: snapshot,
      blockRows: blocks.map((block) => block.rows),
    },
    inputs: request.sites.map(({ moments }) => inputOf(moments, request.expert)),
    deadline: performance.now() + request.limitMs,
  };
  const entries: Entry[] = [];
  try {
    say(context, { doing: 'compiling' });
    for (const dictionary of dictionaries) entries.push(await openEntry(call, dictionary));
    await trainAll(call, entries);
    return await finish(call, entries);
  } finally {
    for (const { cutter } of entries) await cutter.trainer.release();
  }
}

/**
 * Scale, mean and variance of a site. A frozen expert is scaled and weighed as all rows are, so that experts together have one scale and
 * one loss, and begins at the mean of its own rows.
 */
function inputOf(moments: WireMoments, expert: TrainedExpert | null): InputScale {
  const all = computeScale(moments);
  return expert ? { ...all, mean: Float64Array.from(expert.mean, (value) => value * all.scale) } : all;
}

async function openEntry({ request, order, inputs }: Call, dictionary: TrainDictionary): Promise<Entry> {
  const { config, checkpoint } = dictionary;
  const widths = request.sites.map(({ width }) => width);
  const { calibRows, expert } = request;
  const firstFeature = expert?.firstFeature ?? 0;
  const trainer = await openTrainer({ config, widths, inputs, measured: calibRows > 0, firstFeature }, checkpoint);
  if (trainer.plan.steps === 0) {
    const text = `Expected saes.tokens of at least one batch of ${config.sae.batchRows} rows, found ${config.sae.tokens}. Raise saes.tokens.`;
    throw new DataError(text, { tokens: config.sae.tokens, batchRows: config.sae.batchRows });
  }
  return {
    dictionary,
    cutter: new BatchCutter(trainer, order),
    startStep: trainer.step,
    startRows: trainer.log.length,
    shuffle: checkpoint?.state.shuffle ?? null,
  };
}

async function openTrainer(
  parts: Omit<TrainerParts, 'resumed'>,
  checkpoint: TrainDictionary['checkpoint'],
): Promise<Trainer> {
  if (checkpoint === null) return Trainer.create({ ...parts, resumed: null });
  const file = await StateFile.open(checkpoint.path);
  try {
    const { step, log } = checkpoint.state;
    return await Trainer.create({ ...parts, resumed: { read: (...rows) => file.read(...rows), step, log } });
  } finally {
    await file.close();
  }
}

/** Goes through super-buffers in order of the stream until all are complete or it is time to stop. */
async function trainAll(call: Call, entries: readonly Entry[]): Promise<void> {
  const held: { buffer: Superbuffer | null } = { buffer: null };
  const wanted = async (): Promise<boolean> => {
    say(call.context, progressOf(entries));
    return !call.context.stop.aborted && ask(call.context, 'proceed', null);
  };
  // The time limit is looked at after a chunk only, so that every link makes progress.
  const proceed = async (): Promise<boolean> => performance.now() < call.deadline && wanted();
  if (!(await wanted())) return;
  for (;;) {
    // A record exists once per step, so measuring alone is not kept: a chunk must follow it in the same link.
    if (!(await measureDue(call, entries, wanted))) return;
    const waiting = entries.filter(({ cutter }) => !cutter.trainer.complete);
    const id = earliest(waiting.map(({ cutter }) => cutter.needs));
    if (id === null) return;
    const buffer = await needed(call, entries, { held, id });
    for (const { cutter } of waiting.filter((entry) => same(entry.cutter.needs, id))) {
      if (!(await cutter.consume(buffer, proceed))) return;
    }
  }
}

/** The super-buffer `id`; the one held before is let go first, so that one is in memory at a time. */
async function needed(
  call: Call,
  entries: readonly Entry[],
  want: { readonly held: { buffer: Superbuffer | null }; readonly id: SuperbufferId },
): Promise<Superbuffer> {
  const { held, id } = want;
  if (held.buffer && same(held.buffer.id, id)) return held.buffer;
  held.buffer = null;
  const buffer = await loadSuperbuffer(call, id);
  held.buffer = buffer;
  noteShuffle(call, entries, buffer);
  return buffer;
}

/** Measures the calib split for every dictionary that is due. */
async function measureDue(call: Call, entries: readonly Entry[], wanted: () => Promise<boolean>): Promise<boolean> {
  const due = entries.filter(({ cutter }) => cutter.trainer.calibDue);
  if (due.length === 0) return true;
  const file = await ask(call.context, 'calib', null);
  const calib = await readRows(call, file);
  for (const { cutter } of due) {
    await cutter.trainer.measureCalib(calib);
    if (!(await wanted())) return false;
  }
  return true;
}

async function loadSuperbuffer(call: Call, id: SuperbufferId): Promise<Superbuffer> {
  say(call.context, { doing: 'reading' });
  const stored = await readRows(call, await ask(call.context, 'superbuffer', id));
  return { id, stored, permutation: superbufferPermutation(call.order, id) };
}

async function readRows({ request }: Call, file: RowFile): Promise<StoredRows> {
  const dtype = request.dictionaries[0]?.config.dtype ?? 'float16';
  return readRowFile(
    file,
    request.sites.map(({ width }) => width),
    dtype,
  );
}

/** Looks at the mixing of the very first super-buffer, whose rows every dictionary sees first. */
function noteShuffle(
  { order, request }: Call,
  entries: readonly Entry[],
  { id, stored, permutation }: Superbuffer,
): void {
  if (id.epoch !== 0 || id.index !== 0) return;
  const shuffled = Uint32Array.from(permutation, (row) => stored.doc[row] as number);
  const blocks = superbufferBlocks(order, id).map(
    (block) => request.blocks[block] as { rows: number; shardRows: number },
  );
  for (const entry of entries) {
    const { batchRows } = entry.cutter.trainer;
    entry.shuffle ??= shuffleStatistics(
      computeShuffleQuality({
        shuffled,
        stored: stored.doc,
        blocks,
        batchRows,
        totalRows: epochRows(order),
      }),
    );
  }
}

function shuffleStatistics({ batches, partners, ideal }: ShuffleQuality): ShuffleStatistics {
  return batches === 0 ? { batches, partners: null, ideal: null } : { batches, partners, ideal };
}

function progressOf(entries: readonly Entry[]): TrainProgress {
  const trainers = entries.map(({ cutter }) => cutter.trainer);
  return {
    step: Math.min(...trainers.map((trainer) => trainer.step)),
    rows: trainers.reduce((sum, trainer) => sum + trainer.step * trainer.batchRows, 0),
    doing: null,
  };
}

function say(context: ChildContext, progress: TrainProgress): void {
  context.progress(progress);
}

function ask<Name extends keyof TrainAsks>(
  context: ChildContext,
  name: Name,
  request: TrainAsks[Name]['request'],
): Promise<TrainAsks[Name]['answer']> {
  return context.ask<TrainAsks[Name]['answer']>(name, request);
}

function earliest(ids: readonly SuperbufferId[]): SuperbufferId | null {
  return ids.reduce<SuperbufferId | null>(
    (best, id) =>
      best === null || id.epoch < best.epoch || (id.epoch === best.epoch && id.index < best.index) ? id : best,
    null,
  );
}

function same(a: SuperbufferId, b: SuperbufferId): boolean {
  return a.epoch === b.epoch && a.index === b.index;
}

export const trainTasks = {
  train,
  [ROUTED_TASKS.routes]: findRoutesTask,
  [ROUTED_TASKS.rows]: sortRowsTask,
  [ROUTED_TASKS.join]: joinExpertsTask,
} satisfies Record<string, ChildTask<never, unknown>>;
